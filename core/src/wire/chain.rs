//! The chain of an exchange: heads and hashes derived on both ends from what was sent (FORMATS §2).

use super::Op;
use crate::canon::envelope::Envelope;
use crate::canon::hash::Sha;
use crate::id::DeviceId;

impl Op {
    /// The envelope of this operation after `prev` in the log of `device`.
    pub fn envelope(&self, device: DeviceId, prev: Sha) -> Envelope {
        Envelope {
            device,
            seq: self.seq,
            prev,
            op: self.op,
            kind: self.kind.clone(),
            visit: self.visit,
            worker: self.worker,
            basis: self.basis,
            rules: self.rules,
            t: self.t,
            body_sha: Sha::of(self.body.get().as_bytes()),
            blobs: self.blobs.clone(),
        }
    }
}
