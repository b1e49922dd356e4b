//! Erasure (PIPL): the record's content is gone, its hashes and the server's receipt stay, and the server states that
//! and why. `verify` then answers *erased*.

use serde::{Deserialize, Serialize};

use super::jws::Statement;
use crate::canon::hash::Sha;
use crate::id::RecordId;
use crate::time::Millis;

/// The server's statement that a record's content was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// 1.
    pub schema: u32,
    /// Which record.
    pub record: RecordId,
    /// SHA-256 of the payload that is gone.
    pub record_sha: Sha,
    /// [`super::Jws::sha`] of the record's JWS: what the receipt names.
    pub record_jws: Sha,
    /// When the key to it was destroyed.
    pub erased_ms: Millis,
    /// Why: `retention`, `request` …
    pub ground: String,
}

impl Statement for Erasure {
    const TYP: &'static str = "vnd.nuanfang.erasure";
}
