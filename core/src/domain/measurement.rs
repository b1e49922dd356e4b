//! 入户测温 (5.6, DB11/T 745; DOMAIN §8): readings in tenths, a verdict for each room, never a house average.

use serde::{Deserialize, Serialize};

use super::room::{Orientation, RoomKind};
use super::units::DeciCelsius;
use crate::canon::hash::Sha;
use crate::id::InstrumentId;
use crate::time::Millis;

/// What a measurement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeasurementPurpose {
    /// 日常测温 (5.6.4).
    Routine,
    /// For a dispute (5.6.7): an expired instrument blocks it.
    Dispute,
    /// 快速测温, printed so, never counted towards disputes and refunds.
    Quick,
}

/// A room's temperature against the agreed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomVerdict {
    /// 达标: at or above the agreed temperature.
    Qualified,
    /// 不达标.
    Below,
    /// 其他 rooms: recorded, not judged.
    NotJudged,
    /// Readings do not fulfil the protocol: recorded, no value.
    Incomplete,
}

/// One raw reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reading {
    /// As the instrument showed it, without correction.
    pub value: DeciCelsius,
    /// The device's wall clock when it was taken.
    pub at: Millis,
}

/// A room in a frozen measurement.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RoomResult {
    /// The room's name within the visit.
    pub room: String,
    /// What it is.
    pub kind: RoomKind,
    /// As printed.
    pub label: String,
    /// 房间朝向.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<Orientation>,
    /// All raw readings, in order.
    pub readings: Vec<Reading>,
    /// Change over the last stretch of the protocol was within its limit.
    pub stable: bool,
    /// Mean of the counting readings plus correction, rounded half-up to a tenth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<DeciCelsius>,
    /// Against the agreed temperature.
    pub verdict: RoomVerdict,
}

/// A measurement as the resident reads and signs it (5.6.6). Never changed; a correction is a new one that names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MeasurementSummary {
    /// `745-M1`, `745-M2`, `QUICK`.
    pub protocol: String,
    /// What for.
    pub purpose: MeasurementPurpose,
    /// The instrument.
    pub instrument: InstrumentId,
    /// 测温设备编号.
    pub instrument_number: String,
    /// Certificate number.
    pub certificate: String,
    /// 检定或校验时间, local date `2026-09-01`.
    pub verified_on: String,
    /// Last local date on which the verification holds.
    pub valid_until: String,
    /// Added to each mean.
    pub correction: DeciCelsius,
    /// Agreed temperature the rooms are judged against.
    pub agreed: DeciCelsius,
    /// 天气情况.
    pub weather: String,
    /// Outdoors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outdoor: Option<DeciCelsius>,
    /// A window or door was open.
    pub window_open: bool,
    /// Another heater ran.
    pub extra_heater: bool,
    /// Radiators were covered.
    pub radiators_covered: bool,
    /// Time of the first reading, as the device claims it.
    pub started_at: Millis,
    /// Time of the last reading, as the device claims it.
    pub ended_at: Millis,
    /// It touches 12:00–15:00, which 5.6.3 asks to avoid.
    pub at_noon: bool,
    /// Why all the same: at noon, with an expired instrument, with a window open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Counts towards disputes and refunds; false for QUICK and for an expired instrument.
    pub valid: bool,
    /// The rooms, in the order they were entered.
    pub rooms: Vec<RoomResult>,
    /// 备注.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The frozen summary this one corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<Sha>,
}
