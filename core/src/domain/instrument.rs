//! 测温设备: the register, and what an expired verification means (5.6, C.1).

use serde::{Deserialize, Serialize};

use super::units::DeciCelsius;
use super::worker::local_date;
use crate::id::InstrumentId;
use crate::time::Millis;

/// One instrument of the register.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Instrument {
    /// Its id.
    pub id: InstrumentId,
    /// 测温设备编号, as on the instrument.
    pub number: String,
    /// Certificate number.
    pub certificate: String,
    /// 检定或校验时间, local date `2026-09-01`.
    pub verified_on: String,
    /// Last local date on which the verification holds.
    pub valid_until: String,
    /// Added to each mean.
    pub correction: DeciCelsius,
}

impl Instrument {
    /// Whether its verification has run out at `now`.
    pub fn is_expired(&self, now: Millis) -> bool {
        self.valid_until.as_str() < local_date(now).as_str()
    }
}
