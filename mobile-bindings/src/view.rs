//! What a screen reads of a visit, mirrored field by field.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::inspection::{Finding, FindingResult};
use nuanfang_core::domain::kind::{Outcome, VisitKind};
use nuanfang_core::domain::measurement::{MeasurementPurpose, MeasurementSummary, Reading, RoomResult, RoomVerdict};
use nuanfang_core::domain::office_event::LateDecision;
use nuanfang_core::domain::quote::{QuoteLine, QuoteShown};
use nuanfang_core::domain::room::{Orientation, Room, RoomKind};
use nuanfang_core::domain::signature::{Purpose, Signer};
use nuanfang_core::domain::units::{DeciCelsius, Fen};
use nuanfang_core::domain::view::*;
use nuanfang_core::domain::window::Window;
use nuanfang_core::domain::worker_event::{Disputed, RiskTold};
use nuanfang_core::error::Refusal;
use nuanfang_core::id::{DeviceId, HouseholdId, InstrumentId, OpId, VisitId, WorkerId};
use nuanfang_core::time::{DeadlineVerdict, Estimate, Millis, TimeQuality};

/// Why an act may not be done here and now. Never raised by folding, only by checking.
#[uniffi::remote(Record)]
pub struct Refusal {
    /// Stable, for programs: `quote.not_signed`.
    pub code: String,
    /// Where it stands, as printed beside it: `F.10`, `5.6.6`, `DB11/T 745`; empty for a rule of ours alone.
    pub clause: String,
    /// For the worker: what is missing and what to do.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

/// How an instant of a device is known.
#[uniffi::remote(Enum)]
pub enum TimeQuality {
    /// Tied to a server time of the same boot: est = anchor + elapsed, ± half the round trip.
    Anchored,
    /// Between its neighbours in the device's log and its receipt.
    Bracketed,
    /// Only the device's own claim.
    Claimed,
}

/// The server's estimate of when something happened: `lo ≤ est ≤ hi`.
#[uniffi::remote(Record)]
pub struct Estimate {
    /// Best estimate.
    pub est: Millis,
    /// Not before.
    pub lo: Millis,
    /// Not after.
    pub hi: Millis,
    /// How it is known.
    pub quality: TimeQuality,
}

/// Whether a deadline was kept, as far as the clocks can tell.
#[uniffi::remote(Enum)]
pub enum DeadlineVerdict {
    /// The whole interval lies at or before the deadline.
    Met,
    /// The whole interval lies beyond it.
    Missed,
    /// The deadline lies inside the interval.
    Uncertain,
}

/// A room's temperature against the agreed one.
#[uniffi::remote(Enum)]
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
#[uniffi::remote(Record)]
pub struct Reading {
    /// As the instrument showed it, without correction.
    pub value: DeciCelsius,
    /// The device's wall clock when it was taken.
    pub at: Millis,
}

/// A room in a frozen measurement.
#[uniffi::remote(Record)]
pub struct RoomResult {
    /// The room's name within the visit.
    pub room: String,
    /// What it is.
    pub kind: RoomKind,
    /// As printed.
    pub label: String,
    /// 房间朝向.
    pub orientation: Option<Orientation>,
    /// All raw readings, in order.
    pub readings: Vec<Reading>,
    /// Change over the last stretch of the protocol was within its limit.
    pub stable: bool,
    /// Mean of the counting readings plus correction, rounded half-up to a tenth.
    pub value: Option<DeciCelsius>,
    /// Against the agreed temperature.
    pub verdict: RoomVerdict,
}

/// A measurement as the resident reads and signs it (5.6.6). Never changed; a correction is a new one that names it.
#[uniffi::remote(Record)]
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
    pub reason: Option<String>,
    /// Counts towards disputes and refunds; false for QUICK and for an expired instrument.
    pub valid: bool,
    /// The rooms, in the order they were entered.
    pub rooms: Vec<RoomResult>,
    /// 备注.
    pub note: Option<String>,
    /// The frozen summary this one corrects.
    pub supersedes: Option<Sha>,
}

/// One line of a quote, a frozen copy of the price list's item with its quantity.
#[uniffi::remote(Record)]
pub struct QuoteLine {
    /// Its name within the visit, kept through all revisions: `L1`.
    pub line: String,
    /// The price list's code.
    pub code: String,
    /// 维修项目.
    pub name: String,
    /// 单位: 个, 处, 次, 组, 米.
    pub unit: String,
    /// 数量, in thousandths of the unit.
    pub quantity_milli: i64,
    /// Material for one unit.
    pub material: Fen,
    /// Labour for one unit; may be 0 where only material is charged.
    pub labour: Fen,
    /// What the resident pays for this line, tax inside. 0 = 无偿.
    pub amount: Fen,
    /// Tax rate in hundredths of a percent: 900 = 9 %.
    pub tax_rate_bp: u32,
    /// The tax inside `amount`.
    pub tax: Fen,
    /// 无偿: shared fixture, warranty or the company's own rule; `amount` is 0.
    pub free: bool,
    /// The resident brings the material himself.
    pub own_material: bool,
    /// 保修, days; 0 = none promised.
    pub warranty_days: u32,
}

/// A quote as shown: what the signature covers.
#[uniffi::remote(Record)]
pub struct QuoteShown {
    /// 1 for the first, rising with every change.
    pub revision: u32,
    /// The frozen lines.
    pub lines: Vec<QuoteLine>,
    /// The price list's content address.
    pub price_list: Sha,
    /// Its version as printed.
    pub price_list_version: String,
    /// Sum of the lines' amounts.
    pub total: Fen,
    /// Sum of the lines' tax, inside `total`.
    pub tax: Fen,
    /// 预计维修时间, minutes of work, as told before it begins (5.5.3).
    pub expected_minutes: Option<u32>,
    /// Why it differs from the revision before.
    pub change: Option<String>,
}

/// What becomes of a late lane.
#[uniffi::remote(Enum)]
pub enum LateDecision {
    /// It is the visit's result.
    Primary,
    /// It stands beside the result.
    Supplement,
    /// It does not count; it stays on record.
    Rejected,
}

/// How far a lane, or the visit with it, has come.
#[uniffi::remote(Enum)]
pub enum VisitState {
    /// 待派: planned, nobody assigned.
    Planned,
    /// 已派.
    Assigned,
    /// 已接.
    Acknowledged,
    /// 已出发.
    Departed,
    /// 已到达.
    Arrived,
    /// 已入户.
    Indoors,
    /// 已完成.
    Done,
    /// 到访不遇.
    Absent,
    /// 拒绝入户.
    RefusedEntry,
    /// 未完成.
    NotDone,
    /// 已取消.
    Cancelled,
}

/// Which kind of evidence.
#[uniffi::remote(Enum)]
pub enum EvidenceClass {
    /// 自证: the worker's own word.
    Own,
    /// 系统证: the system's record.
    System,
    /// 他证: somebody else's word.
    Other,
}

/// 满足 / 不满足 / 不适用 / 未评.
#[uniffi::remote(Enum)]
pub enum ItemState {
    /// 满足.
    Satisfied,
    /// 不满足.
    Unsatisfied,
    /// 不适用, on a ground.
    NotApplicable,
    /// 未评: nothing counts as nothing.
    Unrated,
}

/// One item of Annex F in this visit. The three kinds of evidence are never mixed.
#[uniffi::remote(Record)]
pub struct ChecklistItem {
    /// `F1-1`.
    pub id: String,
    /// `F.1`.
    pub clause: String,
    /// Chinese label.
    pub zh: String,
    /// English label.
    pub en: String,
    /// `before`, `arrival`, `before_work`, `during`, `end`.
    pub phase: String,
    /// The kind of evidence that settles it.
    pub class: EvidenceClass,
    /// The state by that kind.
    pub state: ItemState,
    /// Why it does not apply, or what is missing.
    pub ground: Option<String>,
    /// The worker's own word.
    pub own: ItemState,
    /// The system's record.
    pub system: ItemState,
    /// Somebody else's word: resident, call-back, leader.
    pub other: ItemState,
    /// The worker may answer it by hand.
    pub tickable: bool,
    /// 宜: advised, never blocks.
    pub advisory: bool,
}

/// An act without its payload.
#[uniffi::remote(Enum)]
pub enum Action {
    /// `Acknowledge`
    Acknowledge,
    /// `Notify`
    Notify,
    /// `Delay`
    Delay,
    /// `AnswerItems`
    AnswerItems,
    /// `Depart`
    Depart,
    /// `Arrive`
    Arrive,
    /// `ReportAbsent`
    ReportAbsent,
    /// `Enter`
    Enter,
    /// `EnterRoom`
    EnterRoom,
    /// `StartMeasurement`
    StartMeasurement,
    /// `TakeReading`
    TakeReading,
    /// `FreezeMeasurement`
    FreezeMeasurement,
    /// `DescribeProblem`
    DescribeProblem,
    /// `ProtectFloor`
    ProtectFloor,
    /// `OpenInstruction`
    OpenInstruction,
    /// `TellCharge`
    TellCharge,
    /// `ShowPriceList`
    ShowPriceList,
    /// `ShowQuote`
    ShowQuote,
    /// `TellRisk`
    TellRisk,
    /// `StartWork`
    StartWork,
    /// `FinishWork`
    FinishWork,
    /// `Demonstrate`
    Demonstrate,
    /// `Explain`
    Explain,
    /// `RecordFinding`
    RecordFinding,
    /// `Dispute`
    Dispute,
    /// `Photograph`
    Photograph,
    /// `Sign`: of the measurement.
    SignMeasurement,
    /// `Sign`: of the latest quote.
    SignQuote,
    /// `Sign`: consent to a risk.
    SignConsent,
    /// `Sign`: 验收.
    SignAcceptance,
    /// `Sign`: receipt of a notice.
    SignNotice,
    /// `Complete` with the outcome done.
    CompleteDone,
    /// `Complete` with the outcome absent.
    CompleteAbsent,
    /// `Complete` with the outcome refused entry.
    CompleteRefusedEntry,
    /// `Complete` with the outcome not done.
    CompleteNotDone,
}

/// An act that is open now, or is wanted and blocked.
#[uniffi::remote(Record)]
pub struct NextAction {
    /// Which.
    pub action: Action,
    /// On what: a quote line, a room, an object, a revision, an inspection item.
    pub subject: Option<String>,
    /// Chinese label.
    pub zh: String,
    /// English label.
    pub en: String,
    /// The way on; false: possible, not needed now.
    pub wanted: bool,
    /// What blocks it, with the clause; empty = may be done now.
    pub blocks: Vec<Refusal>,
}

/// When something happened: as claimed and as estimated.
#[uniffi::remote(Record)]
pub struct MomentView {
    /// The operation.
    pub op: OpId,
    /// The device's wall clock.
    pub claimed: Millis,
    /// The server's estimate.
    pub estimate: Option<Estimate>,
}

/// Whether the agreed time was kept (F1-3): by the claim, and by the estimate.
#[uniffi::remote(Record)]
pub struct Punctuality {
    /// The time it is judged against.
    pub window: Window,
    /// By the device's own clock, as it judged at the time.
    pub claimed: DeadlineVerdict,
    /// By the server's estimate.
    pub estimated: Option<DeadlineVerdict>,
    /// Came before the window opened, by the best time known.
    pub early: bool,
}

/// A room in the running or latest measurement.
#[uniffi::remote(Record)]
pub struct RoomView {
    /// The room.
    pub room: Room,
    /// Let in.
    pub permitted: bool,
    /// Raw readings of the current run.
    pub readings: Vec<Reading>,
    /// Within the protocol's limit over its stretch.
    pub stable: bool,
    /// The protocol is fulfilled; `value` counts.
    pub complete: bool,
    /// Seconds until the next reading can count; 0 = now.
    pub wait_seconds: u32,
    /// Mean plus correction, once complete.
    pub value: Option<DeciCelsius>,
    /// Against the agreed temperature, once complete.
    pub verdict: RoomVerdict,
}

/// How a frozen thing stands.
#[uniffi::remote(Enum)]
pub enum FrozenState {
    /// Frozen, waits for the signature.
    Frozen,
    /// Signed, and stands.
    Signed,
    /// 拒签, with its evidence.
    Refused,
    /// Edited after it was frozen: kept, and no longer holds.
    Void,
    /// A later one corrects it.
    Superseded,
}

/// A frozen measurement.
#[uniffi::remote(Record)]
pub struct MeasurementView {
    /// Its content address.
    pub sha: Sha,
    /// What was shown.
    pub summary: MeasurementSummary,
    /// How it stands.
    pub state: FrozenState,
    /// Every judged room is qualified; none = no room was judged.
    pub qualified: Option<bool>,
}

/// 草稿→已出示→已确认→(变更→已确认)*→完工→已验收→已开票. A draft is not an event and not seen here.
#[uniffi::remote(Enum)]
pub enum QuoteState {
    /// 已出示.
    Shown,
    /// 已确认.
    Confirmed,
    /// 变更: a later revision stands in its place.
    Changed,
    /// 拒签.
    Refused,
    /// 完工.
    WorkDone,
    /// 已验收.
    Accepted,
    /// 已开票.
    Invoiced,
}

/// A revision of the quote.
#[uniffi::remote(Record)]
pub struct QuoteView {
    /// What was shown.
    pub quote: QuoteShown,
    /// Its content address, which the signature covers.
    pub sha: Sha,
    /// How it stands.
    pub state: QuoteState,
}

/// Work on one line.
#[uniffi::remote(Enum)]
pub enum WorkState {
    /// Quoted, not begun.
    Open,
    /// 已开工.
    Started,
    /// 已完工.
    Done,
}

/// A line of the latest quote, and its work.
#[uniffi::remote(Record)]
pub struct WorkView {
    /// The line; empty for emergency work.
    pub line: String,
    /// What it is.
    pub name: String,
    /// Its work.
    pub state: WorkState,
}

/// Something that may be damaged.
#[uniffi::remote(Record)]
pub struct RiskView {
    /// What was told.
    pub risk: RiskTold,
    /// The resident consented.
    pub consented: bool,
    /// The resident refused.
    pub refused: bool,
}

/// One inspection item.
#[uniffi::remote(Record)]
pub struct InspectionItemView {
    /// Its id in the rules.
    pub item: String,
    /// Its group.
    pub group: String,
    /// Chinese label.
    pub zh: String,
    /// Must be recorded before the visit can be done.
    pub required: bool,
    /// Result, once recorded.
    pub result: Option<FindingResult>,
    /// All that was recorded.
    pub finding: Option<Finding>,
}

/// A signature, or its refusal.
#[uniffi::remote(Record)]
pub struct SignatureView {
    /// The operation.
    pub op: OpId,
    /// What for.
    pub purpose: Purpose,
    /// Who signed; none = refused.
    pub signer: Option<Signer>,
    /// Why refused.
    pub refused: Option<String>,
    /// Who saw the refusal.
    pub witness: Option<String>,
    /// What it covers.
    pub covers: Option<Sha>,
    /// The signed record.
    pub record_sha: Sha,
    /// What it covers still stands.
    pub holds: bool,
    /// When.
    pub at: MomentView,
}

/// A photo of the visit.
#[uniffi::remote(Record)]
pub struct PhotoView {
    /// Its content address.
    pub sha: Sha,
    /// Its role.
    pub role: String,
    /// What it shows.
    pub subject: Option<String>,
    /// The operation it belongs to.
    pub op: OpId,
}

/// What the office has to do because of a visit.
#[uniffi::remote(Enum)]
pub enum TaskKind {
    /// 回访 after a refusal to sign.
    CallBack,
    /// 工单 for a hazard in a shared fixture.
    WorkOrder,
    /// The next appointment agreed at the door.
    NextVisit,
    /// 48 小时连续监测.
    Monitoring,
    /// 重新测温.
    Remeasurement,
}

/// One such task. Its identity is operation and subject.
#[uniffi::remote(Record)]
pub struct Task {
    /// What.
    pub kind: TaskKind,
    /// The operation that gave rise to it.
    pub op: OpId,
    /// The lane.
    pub lane: u64,
    /// The room, item or purpose.
    pub subject: String,
    /// The clause.
    pub clause: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
    /// When, where agreed.
    pub window: Option<Window>,
    /// The office has done it.
    pub done: bool,
}

/// A rule that a fact broke. The fact stands; so does this.
#[uniffi::remote(Record)]
pub struct Violation {
    /// The operation.
    pub op: OpId,
    /// Stable code, as in `Refusal`.
    pub code: String,
    /// The clause.
    pub clause: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// One event in the order of its log.
#[uniffi::remote(Record)]
pub struct TimelineEntry {
    /// The operation.
    pub op: OpId,
    /// Whose log.
    pub device: DeviceId,
    /// Where in it.
    pub seq: u64,
    /// Who.
    pub worker: WorkerId,
    /// The event's name.
    pub kind: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
    /// The device's wall clock.
    pub claimed: Millis,
    /// The server's estimate.
    pub estimate: Option<Estimate>,
    /// The plan version the actor saw.
    pub basis: u64,
}

/// A visit in one lane, as a screen shows it.
#[uniffi::remote(Record)]
pub struct VisitView {
    /// The visit.
    pub visit: VisitId,
    /// What for; none = nothing is known but foreign facts.
    pub kind: Option<VisitKind>,
    /// Whose.
    pub household: Option<HouseholdId>,
    /// 漏水等紧急诉求.
    pub emergency: bool,
    /// Scope.
    pub scope: String,
    /// Note for the worker.
    pub note: Option<String>,
    /// The agreed time now.
    pub window: Option<Window>,
    /// The price list of the plan.
    pub price_list: Option<Sha>,
    /// The protocol asked for.
    pub protocol: Option<String>,
    /// Rooms are judged against this.
    pub agreed: DeciCelsius,
    /// The plan's version: the `basis` of what is done now.
    pub plan_version: u64,
    /// The lane shown.
    pub lane: u64,
    /// Whose lane.
    pub worker: Option<WorkerId>,
    /// The log it comes from.
    pub device: Option<DeviceId>,
    /// How far it has come.
    pub state: VisitState,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The office has moved the visit to somebody else, or taken it back.
    pub reassigned: bool,
    /// Facts came in this lane after it had been moved away: 迟到.
    pub late: bool,
    /// What the office decided about it.
    pub late_decision: Option<LateDecision>,
    /// Taken back, and why.
    pub cancelled: Option<String>,
    /// 已交回 (F.13): when the server had all of it.
    pub handed_in: Option<Millis>,
    /// 出发.
    pub departed: Option<MomentView>,
    /// 到达.
    pub arrived: Option<MomentView>,
    /// 入户.
    pub entered: Option<MomentView>,
    /// 结束.
    pub completed: Option<MomentView>,
    /// Was the agreed time kept.
    pub punctuality: Option<Punctuality>,
    /// What may be done now, and what is wanted but blocked; wanted ones first, in the order of the visit.
    pub next_actions: Vec<NextAction>,
    /// All items of Annex F.
    pub checklist: Vec<ChecklistItem>,
    /// Rooms.
    pub rooms: Vec<RoomView>,
    /// A measurement runs: readings may be taken.
    pub measuring: bool,
    /// Frozen measurements, oldest first.
    pub measurements: Vec<MeasurementView>,
    /// Revisions of the quote, oldest first.
    pub quotes: Vec<QuoteView>,
    /// Work.
    pub work: Vec<WorkView>,
    /// Risks.
    pub risks: Vec<RiskView>,
    /// The problem in the resident's words.
    pub problem: Option<String>,
    /// Inspection items; empty for other kinds.
    pub inspection: Vec<InspectionItemView>,
    /// Disputes.
    pub disputes: Vec<Disputed>,
    /// Signatures and refusals, oldest first.
    pub signatures: Vec<SignatureView>,
    /// Photos, oldest first.
    pub photos: Vec<PhotoView>,
    /// What the office has to do because of this lane.
    pub tasks: Vec<Task>,
    /// Worth a warning, no obstacle: window open, noon, expired instrument.
    pub warnings: Vec<Refusal>,
    /// Rules that were broken.
    pub violations: Vec<Violation>,
    /// All events of the lane and the plan.
    pub timeline: Vec<TimelineEntry>,
}
