//! What a worker asks to do. Most commands carry the payload of the event they become; where the core works something
//! out (a frozen measurement, the sums of a quote), the command carries what it is worked out from.

use serde::{Deserialize, Serialize};

use super::inspection::Finding;
use super::signature::{SignatureRefused, Signed};
use super::units::Fen;
use super::worker_event::{
    Absent, Arrived, ChargeTold, Completed, Delayed, Demonstrated, Departed, Disputed, Entered, Explained,
    InstructionOpened, ItemsAnswered, MeasurementStarted, Notified, Opened, Photographed, PriceListShown,
    ProblemDescribed, ReadingTaken, RiskTold, RoomEntered, WorkDone, WorkStarted,
};
use crate::canon::hash::Sha;

/// One line of a quote before it is priced. See [`super::quote::QuoteLine`] for the fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DraftLine {
    /// Its name within the visit, kept through all revisions: `L1`.
    pub line: String,
    /// The price list's code.
    pub code: String,
    /// 维修项目.
    pub name: String,
    /// 单位.
    pub unit: String,
    /// 数量, in thousandths of the unit; above 0.
    pub quantity_milli: i64,
    /// Material for one unit.
    pub material: Fen,
    /// Labour for one unit.
    pub labour: Fen,
    /// Tax rate in hundredths of a percent.
    pub tax_rate_bp: u32,
    /// 无偿.
    pub free: bool,
    /// The resident brings the material himself: only labour is charged.
    pub own_material: bool,
    /// 保修, days.
    pub warranty_days: u32,
}

/// A quote before it is shown (草稿). Revision, amounts, tax and total are worked out by `check`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct QuoteDraft {
    /// The lines.
    pub lines: Vec<DraftLine>,
    /// The price list's content address.
    pub price_list: Sha,
    /// Its version as printed.
    pub price_list_version: String,
    /// 预计维修时间, minutes of work (5.5.3).
    pub expected_minutes: u32,
    /// Why it differs from the revision before; needed from the second on.
    pub change: Option<String>,
}

/// What the worker adds when a measurement is frozen. The summary is worked out by `check`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Freeze {
    /// Why all the same, where it has come to touch 12:00–15:00 since it began.
    pub reason: Option<String>,
    /// 备注; replaces that of the start.
    pub note: Option<String>,
}

/// A worker's act, asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Open a visit on the phone.
    Open(Opened),
    /// Record that the resident was reached and a time agreed.
    Notify(Notified),
    /// Record that the time can't be kept.
    Delay(Delayed),
    /// Acknowledge the assignment.
    Acknowledge,
    /// Depart.
    Depart(Departed),
    /// Arrive at the door.
    Arrive(Arrived),
    /// Report that nobody is there.
    ReportAbsent(Absent),
    /// Enter, or record that entry was not permitted.
    Enter(Entered),
    /// Answer items of Annex F.
    AnswerItems(ItemsAnswered),
    /// Enter a room, or record that it was not permitted.
    EnterRoom(RoomEntered),
    /// Start a measurement.
    StartMeasurement(MeasurementStarted),
    /// Take a reading.
    TakeReading(ReadingTaken),
    /// Freeze the measurement for signing.
    FreezeMeasurement(Freeze),
    /// Write down the resident's problem.
    DescribeProblem(ProblemDescribed),
    /// Protect floor and wall.
    ProtectFloor,
    /// Open the work instruction.
    OpenInstruction(InstructionOpened),
    /// Tell that it costs money.
    TellCharge(ChargeTold),
    /// Show the price list.
    ShowPriceList(PriceListShown),
    /// Show a quote.
    ShowQuote(QuoteDraft),
    /// Tell what may be damaged.
    TellRisk(RiskTold),
    /// Start work.
    StartWork(WorkStarted),
    /// Finish work.
    FinishWork(WorkDone),
    /// Demonstrate.
    Demonstrate(Demonstrated),
    /// Explain the use.
    Explain(Explained),
    /// Record an inspection item.
    RecordFinding(Finding),
    /// Record a dispute.
    Dispute(Disputed),
    /// Take a photo of its own.
    Photograph(Photographed),
    /// Append a signature. With the purpose `notice` it becomes `visit.notice_received`.
    Sign(Signed),
    /// Append a refusal to sign.
    RefuseToSign(SignatureRefused),
    /// Complete the visit.
    Complete(Completed),
}
