//! What a worker's events carry. Times are in the envelope; files are its blobs, by role.

use serde::{Deserialize, Serialize};

use super::kind::{Channel, DelayReason, ItemAnswer, Mask, Outcome, VisitKind};
use super::measurement::{MeasurementPurpose, MeasurementSummary};
use super::place::Place;
use super::room::Room;
use super::units::{DeciCelsius, Fen};
use super::window::Window;
use crate::canon::hash::Sha;
use crate::id::{HouseholdId, InstrumentId};
use crate::time::Millis;

/// `visit.opened`: a visit born on the phone (walk-in, emergency).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Opened {
    /// What for.
    pub kind: VisitKind,
    /// Whose.
    pub household: HouseholdId,
    /// Why it was not planned.
    pub reason: String,
    /// 漏水等紧急诉求: no appointment needed (N4).
    pub emergency: bool,
}

/// `visit.notified`: the resident was reached and a time agreed (F.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Notified {
    /// How.
    pub channel: Channel,
    /// 约定入户时间.
    pub window: Window,
}

/// `visit.delayed`: told in advance that the time can't be kept (F.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Delayed {
    /// Which of the two grounds.
    pub reason: DelayReason,
    /// In words.
    pub note: String,
    /// 已致歉说明.
    pub apologised: bool,
    /// 热用户谅解.
    pub understood: bool,
    /// How the resident was reached.
    pub channel: Channel,
    /// 下次时间.
    pub new_window: Window,
}

/// A spare part taken along.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Part {
    /// Name.
    pub name: String,
    /// How many.
    pub count: u32,
}

/// `visit.departed`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Departed {
    /// 已检查并携带必要的工具和备件 (F1-2).
    pub tools_checked: bool,
    /// Spare parts taken along.
    #[serde(default)]
    pub parts: Vec<Part>,
}

/// `visit.arrived`: at the door.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Arrived {
    /// Where.
    pub place: Place,
}

/// One attempt to reach the resident from the door.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CallAttempt {
    /// When, as the device claims it.
    pub at: Millis,
    /// How.
    pub channel: Channel,
}

/// `visit.absent`: 到访不遇 (F.2). The note's photo is the blob `photo.leave_note`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Absent {
    /// Attempts, at least one.
    pub calls: Vec<CallAttempt>,
    /// 留言条写好联系电话 (F2-3).
    pub note_has_phone: bool,
    /// 预约下次入户时间 (F2-4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_window: Option<Window>,
    /// Where the note was put up.
    pub place: Place,
}

/// `visit.entered`: at the open door (F.3, F.6). `permitted: false` is on record too and opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entered {
    /// 按门铃或敲门.
    pub knocked: bool,
    /// 得到热用户允许.
    pub permitted: bool,
    /// 穿戴鞋套.
    pub shoe_covers: bool,
    /// 口罩.
    pub mask: Mask,
}

/// `visit.items_answered`: own ticks, the last one for an item holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ItemsAnswered {
    /// The answers.
    pub answers: Vec<ItemAnswer>,
}

/// `visit.room_entered`, or not permitted (F3-4).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RoomEntered {
    /// Which room.
    pub room: Room,
    /// 经同意; false: 热用户未同意.
    pub permitted: bool,
}

/// `visit.measurement_started`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MeasurementStarted {
    /// The protocol's id in the rules: `745-M2`.
    pub protocol: String,
    /// With which instrument of the register.
    pub instrument: InstrumentId,
    /// What for.
    pub purpose: MeasurementPurpose,
    /// 天气情况.
    pub weather: String,
    /// Outdoors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outdoor: Option<DeciCelsius>,
    /// A window or door is open.
    pub window_open: bool,
    /// Another heater runs.
    pub extra_heater: bool,
    /// Radiators are covered.
    #[serde(default)]
    pub radiators_covered: bool,
    /// Why all the same: between 12:00 and 15:00, with an expired instrument.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// 备注.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `visit.reading_taken`: one raw reading; its time is the envelope's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReadingTaken {
    /// The room's key.
    pub room: String,
    /// As the instrument shows it, without correction.
    pub value: DeciCelsius,
}

/// `visit.measurement_frozen`: from here on the summary does not change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MeasurementFrozen {
    /// What the resident reads.
    pub summary: MeasurementSummary,
    /// SHA-256 of the summary's canonical bytes.
    pub sha: Sha,
}

/// `visit.problem_described`: 热用户反映问题情况 (F5-2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProblemDescribed {
    /// In the resident's words.
    pub text: String,
}

/// `visit.instruction_opened`: 维修作业指导 (F8-1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstructionOpened {
    /// Which.
    pub instruction: String,
    /// Its version.
    pub version: String,
}

/// A charge told beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChargedLine {
    /// The quote line it will be.
    pub line: String,
    /// What for.
    pub name: String,
    /// About how much.
    pub amount: Fen,
}

/// `visit.charge_told`: 事先告知需要收费 (F10-1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChargeTold {
    /// For which lines.
    pub lines: Vec<ChargedLine>,
}

/// `visit.price_list_shown`: 出示统一的收费标准 (F10-2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PriceListShown {
    /// Content address of the list.
    pub price_list: Sha,
    /// Its version as on screen.
    pub version: String,
}

/// `visit.risk_told`: work may damage something (F9-2). Its photo is the blob `photo.before`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RiskTold {
    /// The object's name within the visit.
    pub object: String,
    /// What may happen.
    pub text: String,
    /// Lines whose work endangers it; none named = all.
    #[serde(default)]
    pub lines: Vec<String>,
}

/// `visit.work_started`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkStarted {
    /// On which lines of the quote.
    pub lines: Vec<String>,
    /// Stopping a leak before anything is quoted: what is being done. Free of charge; only in an emergency visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<String>,
}

/// `visit.work_done`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkDone {
    /// On which lines of the quote.
    pub lines: Vec<String>,
    /// The emergency work is done.
    #[serde(default)]
    pub emergency: bool,
    /// 维修结果 (5.5.3).
    pub result: String,
}

/// `visit.demonstrated`: 当面演示证实恢复正常 (F12-1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Demonstrated {
    /// 设施正常运行.
    pub works: bool,
    /// Anything worth saying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `visit.explained`: 说明使用事项 (F12-2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Explained {
    /// What was told.
    pub text: String,
}

/// What is done about a disputed temperature (5.6.7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// 48 小时连续监测.
    #[serde(rename = "monitor_48h")]
    Monitor48h {
        /// The monitoring device's number.
        device: String,
        /// From when.
        start: Millis,
        /// Until when, at least 48 hours later.
        end: Millis,
    },
    /// 重新测温.
    Remeasure {
        /// When.
        window: Window,
    },
}

/// `visit.disputed`: the resident does not agree with a room's temperature (5.6.7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Disputed {
    /// The room's key.
    pub room: String,
    /// What the resident says.
    pub text: String,
    /// What he chose of the two.
    pub remedy: Remedy,
}

/// `visit.photographed`: a photo that belongs to no other event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Photographed {
    /// One of `domain::role`, the same as the blob's.
    pub role: String,
    /// The line, room, item or object it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Where it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// `visit.completed`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Completed {
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Next appointment, where one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_window: Option<Window>,
}

/// `pii.unmasked`: somebody read what is masked, and why (PIPL).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unmasked {
    /// Whose.
    pub household: HouseholdId,
    /// Which field, by its label in G.1.
    pub field: String,
    /// What for.
    pub reason: String,
}

/// An event that says no more than that it happened: `visit.acknowledged`, `visit.floor_protected`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bare {}
