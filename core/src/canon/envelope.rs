//! The envelope: what a log's chain is made of. Its hash is over fixed fields in a fixed order, each
//! length-prefixed; nothing is parsed or written anew to check it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::hash::Sha;
use crate::id::{DeviceId, OpId, VisitId, WorkerId};
use crate::time::Stamp;

/// The tag that opens the hashed bytes, and with it the format's version.
pub const TAG: &[u8] = b"nuanfang/env/1";

/// The largest body, in bytes. A larger one is refused on the phone, before it is evidence.
pub const BODY_LIMIT: usize = 256 * 1024;

/// A file that belongs to an operation: a photo, the strokes or the image of a signature.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobRef {
    /// SHA-256 of its bytes, which is its name everywhere.
    pub sha: Sha,
    /// Its length in bytes.
    pub len: u64,
    /// What it is to the operation: `photo.before`, `signature.strokes`, `signature.image` …
    pub role: String,
}

/// The head of one operation: everything but its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Whose log.
    pub device: DeviceId,
    /// Position in that log, from 1, without gaps.
    pub seq: u64,
    /// The hash of the envelope before it; [`Sha::ZERO`] for the first.
    pub prev: Sha,
    /// The operation's own id: the same operation logged again under a new device keeps it.
    pub op: OpId,
    /// The event's name: `visit.departed`.
    pub kind: String,
    /// The visit it is about, if any.
    pub visit: Option<VisitId>,
    /// Who acted.
    pub worker: WorkerId,
    /// The version of the visit's plan the actor saw; 0 when there is none.
    pub basis: u64,
    /// The rules bundle the act was checked with.
    pub rules: Sha,
    /// The device's clocks.
    pub t: Stamp,
    /// SHA-256 of the body exactly as sent.
    pub body_sha: Sha,
    /// The files that belong to it.
    pub blobs: Vec<BlobRef>,
}

impl Envelope {
    /// The bytes that are hashed: the tag, then each field as a 32-bit big-endian length and its bytes. Integers are
    /// eight bytes big-endian (two's complement), ids sixteen, hashes thirty-two; a visit that is not there has
    /// length 0. The blobs follow as their number (four bytes under its length) and for each sha, len, role.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(TAG.len() + 300 + self.blobs.len() * 80);
        out.extend_from_slice(TAG);
        let mut field = |bytes: &[u8]| {
            // A field longer than 4 GiB cannot be built: bodies and blobs enter by hash, kinds and roles are short.
            out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            out.extend_from_slice(bytes);
        };
        field(self.device.0.as_bytes());
        field(&self.seq.to_be_bytes());
        field(&self.prev.0);
        field(self.op.0.as_bytes());
        field(self.kind.as_bytes());
        field(self.visit.as_ref().map_or(&[][..], |visit| visit.0.as_bytes()));
        field(self.worker.0.as_bytes());
        field(&self.basis.to_be_bytes());
        field(&self.rules.0);
        field(&self.t.wall_ms.to_be_bytes());
        field(&self.t.mono_ms.to_be_bytes());
        field(self.t.boot.0.as_bytes());
        field(&self.body_sha.0);
        field(&(self.blobs.len() as u32).to_be_bytes());
        for blob in &self.blobs {
            field(&blob.sha.0);
            field(&blob.len.to_be_bytes());
            field(blob.role.as_bytes());
        }
        out
    }

    /// The envelope's hash: the next one's `prev`.
    pub fn sha(&self) -> Sha {
        Sha::of(&self.bytes())
    }
}

/// A fresh body nonce: 128 random bits as 32 hex digits, so that an erased body cannot be guessed from its hash.
pub fn nonce() -> String {
    Uuid::new_v4().simple().to_string()
}
