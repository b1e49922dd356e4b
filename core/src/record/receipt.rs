//! 回执: the server's counter-signature. It says which record arrived, when by the server's clock, how the device stood
//! then, and what the server makes of the device's clocks.

use serde::{Deserialize, Serialize};

use super::jws::{Jws, SignError, Statement};
use super::key::DeviceKey;
use crate::canon::hash::Sha;
use crate::time::{Estimate, Millis};

/// How a device stood when its record arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceStatus {
    /// In service.
    Active,
    /// 已停用: may hand in what it holds, for some days.
    Dismissed,
    /// 已挂失: what it sends goes to quarantine.
    Stolen,
}

impl DeviceStatus {
    /// As shown.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Active => "在用",
            Self::Dismissed => "已停用（仅补交）",
            Self::Stolen => "已挂失",
        }
    }
}

/// What the server states of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// 1.
    pub schema: u32,
    /// [`Jws::sha`] of the record's JWS.
    pub record_jws: Sha,
    /// When it arrived, by the server's clock.
    pub received_ms: Millis,
    /// How the device stood then.
    pub device_status: DeviceStatus,
    /// When the record was signed, as the server can tell; `null` if it has nothing to go by.
    pub estimate: Option<Estimate>,
}

impl Statement for Receipt {
    const TYP: &'static str = "vnd.nuanfang.receipt";
}

/// The counter-signature over the record's JWS, by the server's key whose certificate is `kid`.
///
/// # Errors
/// If the key does not sign.
pub fn countersign(
    record: &Jws,
    received_ms: Millis,
    device_status: DeviceStatus,
    estimate: Option<Estimate>,
    key: &dyn DeviceKey,
    kid: Sha,
) -> Result<Jws, SignError> {
    Jws::sign(&Receipt { schema: 1, record_jws: record.sha(), received_ms, device_status, estimate }, key, kid)
}
