//! Log heads: a device's word for how long its log is and what it holds, and the server's published word for each log
//! at the end of a day. Each signed record is such a word too, by its `log` member.

use serde::{Deserialize, Serialize};

use super::jws::Statement;
use crate::canon::hash::Sha;
use crate::id::DeviceId;
use crate::time::Millis;

/// A device's own signature over its log's head: in every rescue file, and on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// 1.
    pub schema: u32,
    /// Whose log.
    pub device: DeviceId,
    /// The last position.
    pub seq: u64,
    /// The hash of the envelope there; [`Sha::ZERO`] for an empty log.
    pub head: Sha,
    /// When, by the device's wall clock.
    pub claimed_ms: Millis,
}

impl Statement for LogHead {
    const TYP: &'static str = "vnd.nuanfang.log-head";
}

/// The server's word for a log at the end of a day, published in `keys.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayHead {
    /// 1.
    pub schema: u32,
    /// The day in Beijing: `2026-11-23`.
    pub day: String,
    /// Whose log.
    pub device: DeviceId,
    /// The last position the server held.
    pub seq: u64,
    /// The hash of the envelope there.
    pub head: Sha,
    /// When it was signed.
    pub signed_ms: Millis,
}

impl Statement for DayHead {
    const TYP: &'static str = "vnd.nuanfang.day-head";
}
