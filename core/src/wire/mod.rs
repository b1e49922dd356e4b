//! What travels between a phone and the server in one sync exchange (`POST /v1/sync`), shared by both ends.
//!
//! Facts go up as a per-device log, office state comes down as a dense feed a scope. A reply counts only if it echoes
//! `req` and proves the log's head (`ack_sha`): a captive portal's page is not a receipt.

pub mod auth;
pub mod chain;
pub mod dictionary;
pub mod feed;
pub mod feed_entity;
pub mod jpeg;
pub mod rescue;
pub mod upload;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

pub use self::feed::{FeedEntry, FeedKind, ScopeCursor, ScopeReply, scope_mix};
use crate::canon::envelope::BlobRef;
use crate::canon::hash::Sha;
use crate::id::{BootId, DeviceId, OpId, VisitId, WorkerId};
use crate::time::{Millis, Stamp};

/// The exchange's version.
pub const VERSION: u32 = 1;

/// After how many seconds a device gives a call up, from its first attempt to connect to the answer's last byte.
pub const CALL_TIMEOUT_S: u64 = 120;

/// The largest request body after decompression, in bytes.
pub const REQUEST_LIMIT: usize = 4 * 1024 * 1024;

/// The longest file that the server asks for, in bytes. An operation may name a longer one, which nobody will ever send.
pub const FILE_LIMIT: u64 = 64 * 1024 * 1024;

/// One operation as it travels. Its `prev`, `sha` and `body_sha` are derived, not sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Op {
    /// Position in the device's log.
    pub seq: u64,
    /// Its own id.
    pub op: OpId,
    /// The event's name.
    pub kind: String,
    /// The visit it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<VisitId>,
    /// Who acted.
    pub worker: WorkerId,
    /// The plan version the actor saw; 0 for none.
    #[serde(default)]
    pub basis: u64,
    /// The rules bundle it was checked with.
    pub rules: Sha,
    /// The device's clocks.
    pub t: Stamp,
    /// The body, byte for byte as it was appended.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub body: Box<RawValue>,
    /// The files that belong to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<BlobRef>,
}

/// What the phone is able to read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Caps {
    /// The app's version.
    pub app: String,
    /// Event kinds by prefix: `visit.*`.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Content codings and [dictionaries](dictionary): `zstd`, `zstd-dict:<id>`.
    #[serde(default)]
    pub enc: Vec<String>,
}

/// The device's clocks at sending.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Clocks {
    /// Its clocks.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// Its zone's name, shown to the office when it is not Shanghai.
    pub tz: String,
    /// The last answer it heard in this run of its monotonic clock, and in each run that the operations come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<Heard>,
}

/// An answer of the server as a device heard it. With the exchanges' receipts, which bound a device's clock from above,
/// it bounds it from below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Heard {
    /// The run of the monotonic clock.
    pub boot: BootId,
    /// The monotonic clock when the answer was here, milliseconds.
    pub mono_ms: u64,
    /// The server's time that it told.
    pub server_ms: Millis,
}

/// What the device still holds beyond the server's knowledge, so that the office sees what a silent phone owes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Owes {
    /// Operations not yet acknowledged, this exchange's included.
    pub ops: u64,
    /// Files not yet whole on the server.
    pub blobs: u64,
    /// Bytes of those files.
    pub bytes: u64,
    /// How long ago the first of those operations was appended, milliseconds by the device's own clocks at sending. None
    /// where there is none, and from a release that does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_ms: Option<u64>,
}

/// A phone's half of the exchange.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncRequest {
    /// [`VERSION`].
    pub v: u32,
    /// Echoed by the reply.
    pub req: Uuid,
    /// Whose log; must be the device of the token.
    pub device: DeviceId,
    /// The server's epoch as the phone last saw it; 0 at first.
    pub epoch: u64,
    /// Where the phone stands in each scope.
    pub scopes: Vec<ScopeCursor>,
    /// What it can read.
    pub caps: Caps,
    /// Its clocks now.
    pub t: Clocks,
    /// What it still owes.
    #[serde(default)]
    pub owes: Owes,
    /// The last position the phone believes acknowledged.
    pub base: u64,
    /// The hash of the envelope at `base`; [`Sha::ZERO`] for 0.
    pub base_sha: Sha,
    /// [`SyncReply::judged`] as last heard; 0 when nothing was ever judged anew.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub judged: u64,
    /// The hash of the last envelope in `ops`; `base_sha` when there is none.
    pub head_sha: Sha,
    /// Operations from `base + 1` on, without gaps.
    pub ops: Vec<Op>,
}

/// What became of an operation. Every one of them is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum OutcomeKind {
    /// It is part of the visit's lane as it came.
    Applied,
    /// It came from a worker who held the visit before; the dispatcher decides.
    Late,
    /// Not understood yet (unknown kind, rules or visit); judged anew when it can be.
    Held,
    /// Kept apart for a person to look at.
    Quarantined,
}

/// An outcome other than applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outcome {
    /// Which operation.
    pub seq: u64,
    /// What became of it.
    pub o: OutcomeKind,
    /// A stable code: `kind_unknown`, `reassigned`, `visit_unknown`, `rules_unknown`, `body_unreadable` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A file the server lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobNeed {
    /// Which.
    pub sha: Sha,
    /// How many of its bytes are durable there: the upload goes on from here.
    pub off: u64,
}

/// The server's half of the exchange.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncReply {
    /// The request's `req`.
    pub req: Uuid,
    /// The server's epoch; a higher one than the phone's means it was restored.
    pub epoch: u64,
    /// The log forked: the same position held other bytes. The phone enrols anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fork: bool,
    /// The device may only hand in what it holds; it keeps nothing of a resident but its log and the files its acts name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dismissed: bool,
    /// All operations up to here are on the server's disk.
    pub acked_through: u64,
    /// The hash of the envelope at `acked_through`; [`Sha::ZERO`] for 0.
    pub ack_sha: Sha,
    /// All operations up to here, their files included, survive the loss of the server.
    pub safe_through: u64,
    /// Outcomes of this exchange's operations and changes of earlier ones, other than applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Outcome>,
    /// Up to where in the order of receipt judgements made anew are among `outcomes`; absent when there is none. Sent back
    /// with the next request, so that none is told twice to who has heard it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub judged: u64,
    /// What changed in each scope the phone may read; one in which nothing did is not named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<ScopeReply>,
    /// Files to send, signatures and small ones first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub need: Vec<BlobNeed>,
    /// The server's time when it answered: the phone's anchor.
    pub now_ms: Millis,
    /// When to ask again without any other reason.
    pub poll_after_s: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
