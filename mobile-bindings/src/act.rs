//! What a worker does: commands and what they carry, mirrored field by field.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::command::{Command, DraftLine, Freeze, QuoteDraft};
use nuanfang_core::domain::inspection::{Finding, FindingResult, FixtureOwner, Hazard};
use nuanfang_core::domain::kind::{AnswerState, Channel, DelayReason, ItemAnswer, Mask, Outcome, VisitKind};
use nuanfang_core::domain::measurement::MeasurementPurpose;
use nuanfang_core::domain::place::{Datum, Place, PlaceFix};
use nuanfang_core::domain::room::{Orientation, Room, RoomKind};
use nuanfang_core::domain::signature::{Purpose, SignatureRefused, Signed, Signer, SignerRole};
use nuanfang_core::domain::units::{DeciCelsius, Fen};
use nuanfang_core::domain::window::Window;
use nuanfang_core::domain::worker_event::{
    Absent, Arrived, CallAttempt, ChargeTold, ChargedLine, Completed, Delayed, Demonstrated, Departed, Disputed,
    Entered, Explained, InstructionOpened, ItemsAnswered, MeasurementStarted, Notified, Opened, Part, Photographed,
    PriceListShown, ProblemDescribed, ReadingTaken, Remedy, RiskTold, RoomEntered, WorkDone, WorkStarted,
};
use nuanfang_core::id::{HouseholdId, InstrumentId};
use nuanfang_core::time::Millis;

/// 入户服务's kind. Annex F's columns: R repair, I inspection, T measurement, S suspension and restoration.
#[uniffi::remote(Enum)]
pub enum VisitKind {
    /// 入户测温 (5.6).
    Measurement,
    /// 维修 (5.5).
    Repair,
    /// 入户巡检 (5.4).
    Inspection,
    /// 暂停供暖 (5.7).
    Suspension,
    /// 恢复供暖 (5.7).
    Restoration,
}

/// How somebody was reached.
#[uniffi::remote(Enum)]
pub enum Channel {
    /// 电话.
    Phone,
    /// 短信.
    Sms,
    /// 微信 or another messenger.
    Messenger,
    /// 当面, at the door too.
    InPerson,
    /// Through the neighbourhood or the property company.
    Community,
}

/// Why a worker can't keep the time (F.1).
#[uniffi::remote(Enum)]
pub enum DelayReason {
    /// 特殊原因.
    Special,
    /// 紧急情况.
    Urgent,
}

/// F.6 必要时戴口罩.
#[uniffi::remote(Enum)]
pub enum Mask {
    /// 已戴.
    Worn,
    /// 无需.
    NotNeeded,
}

/// What a worker or a call-back says about one item of Annex F. 未评 is the absence of an answer.
#[uniffi::remote(Enum)]
pub enum AnswerState {
    /// 满足.
    Satisfied,
    /// 不满足.
    Unsatisfied,
    /// 不适用; needs a ground.
    NotApplicable,
}

/// One item answered.
#[uniffi::remote(Record)]
pub struct ItemAnswer {
    /// The item's id in the rules: `F4-1`.
    pub item: String,
    /// The answer.
    pub state: AnswerState,
    /// Why it does not apply; without it 不适用 is void.
    pub ground: Option<String>,
    /// Anything worth saying.
    pub note: Option<String>,
}

/// How a visit ended.
#[uniffi::remote(Enum)]
pub enum Outcome {
    /// Done what it was for.
    Done,
    /// 到访不遇 (F.2).
    Absent,
    /// The resident did not let the worker in (F.3).
    RefusedEntry,
    /// Begun, or not, and not done; the reason stands beside it.
    NotDone,
}

/// 约定入户时间, a closed interval.
#[uniffi::remote(Record)]
pub struct Window {
    /// The earliest arrival that keeps it.
    pub from: Millis,
    /// The latest arrival that keeps it.
    pub until: Millis,
}

/// What the numbers mean.
#[uniffi::remote(Enum)]
pub enum Datum {
    /// WGS-84.
    Wgs84,
    /// CGCS2000, of 天地图.
    Cgcs2000,
    /// GCJ-02, of Amap and Tencent.
    Gcj02,
    /// BD-09, of Baidu's maps.
    Bd09,
}

/// One position as a platform gave it.
#[uniffi::remote(Record)]
pub struct PlaceFix {
    /// Latitude in 10⁻⁷ degrees.
    pub lat_e7: i32,
    /// Longitude in 10⁻⁷ degrees.
    pub lon_e7: i32,
    /// The datum of both.
    pub datum: Datum,
    /// Radius of the platform's confidence, metres.
    pub accuracy_m: u32,
    /// Who said so: `gps`, `network`, `fused`.
    pub provider: String,
    /// The platform says that an app made it up.
    pub mock: bool,
    /// When the fix was made.
    pub at: Millis,
}

/// A position, or why there is none.
#[uniffi::remote(Enum)]
pub enum Place {
    /// A position.
    Fix(PlaceFix),
    /// There is none.
    None {
        /// Why: `denied`, `no_signal`, `switched_off` …
        reason: String,
    },
}

/// What a room is to the judgement of its temperature.
#[uniffi::remote(Enum)]
pub enum RoomKind {
    /// 卧室, judged.
    Bedroom,
    /// 起居室 (D.1 calls it 客厅), judged.
    Living,
    /// 其他, recorded and not judged.
    Other,
}

/// 房间朝向.
#[uniffi::remote(Enum)]
pub enum Orientation {
    /// 东
    East,
    /// 南
    South,
    /// 西
    West,
    /// 北
    North,
    /// 东南
    Southeast,
    /// 西南
    Southwest,
    /// 东北
    Northeast,
    /// 西北
    Northwest,
}

/// One room. Named by `key` in everything that happens in it; told again, the last telling holds.
#[uniffi::remote(Record)]
pub struct Room {
    /// Its name within the visit: `bedroom1`, `living`, `other1`.
    pub key: String,
    /// What it is.
    pub kind: RoomKind,
    /// As printed: 卧室1, 起居室, 厨房.
    pub label: String,
    /// 房间朝向.
    pub orientation: Option<Orientation>,
}

/// Who holds the pen.
#[uniffi::remote(Enum)]
pub enum SignerRole {
    /// 业主
    Owner,
    /// 承租人
    Tenant,
    /// 家属
    Family,
    /// 其他
    Other,
}

/// The person who signs.
#[uniffi::remote(Record)]
pub struct Signer {
    /// Name as given at the door.
    pub name: String,
    /// What he is to the household.
    pub role: SignerRole,
}

/// What is signed.
#[uniffi::remote(Enum)]
pub enum Purpose {
    /// The frozen measurement (5.6.6, C.1).
    Measurement,
    /// A revision of the quote (F.10).
    Quote {
        /// Which.
        revision: u32,
    },
    /// Work that may damage something (F.9).
    Consent {
        /// The object, as told in `visit.risk_told`.
        object: String,
    },
    /// 验收 (F.12).
    Acceptance,
    /// Receipt of a written notice of hazards (5.4).
    Notice,
}

/// Body of `visit.signed` and `visit.notice_received`.
#[uniffi::remote(Record)]
pub struct Signed {
    /// What is signed.
    pub purpose: Purpose,
    /// Who signs.
    pub signer: Signer,
    /// Content address of what was frozen and shown: the measurement's or the quote's. Absent where nothing is
    /// frozen before the signature.
    pub covers: Option<Sha>,
    /// SHA-256 of the signed record's canonical bytes.
    pub record_sha: Sha,
    /// The record's JWS container, as JSON text. Opaque here.
    pub jws: String,
}

/// Body of `visit.refused_to_sign`: reason and evidence in place of the signature. The evidence is a witness, or a
/// photo with the role `photo.result`.
#[uniffi::remote(Record)]
pub struct SignatureRefused {
    /// What is not signed.
    pub purpose: Purpose,
    /// 拒签原因.
    pub reason: String,
    /// A second person who saw it.
    pub witness: Option<String>,
    /// As in `covers`.
    pub covers: Option<Sha>,
    /// SHA-256 of the record's canonical bytes.
    pub record_sha: Sha,
    /// The record's JWS container, as JSON text. Opaque here.
    pub jws: String,
}

/// What a measurement is for.
#[uniffi::remote(Enum)]
pub enum MeasurementPurpose {
    /// 日常测温 (5.6.4).
    Routine,
    /// For a dispute (5.6.7): an expired instrument blocks it.
    Dispute,
    /// 快速测温, printed so, never counted towards disputes and refunds.
    Quick,
}

/// Result of one inspection item.
#[uniffi::remote(Enum)]
pub enum FindingResult {
    /// 正常
    Normal,
    /// 异常
    Abnormal,
    /// 无法检查; the note says why.
    CannotCheck,
    /// 无此项
    NoSuchItem,
}

/// Whose fixture it is: decides who has to act.
#[uniffi::remote(Enum)]
pub enum FixtureOwner {
    /// 自用: a written notice with receipt.
    Own,
    /// 共用: a work order for the company.
    Shared,
}

/// 隐患: what is said of an 异常.
#[uniffi::remote(Record)]
pub struct Hazard {
    /// What is wrong.
    pub description: String,
    /// Whose fixture.
    pub owner: FixtureOwner,
    /// One of the levels of the rules.
    pub level: String,
    /// 整改建议.
    pub advice: String,
    /// To be done by, local date `2026-11-30`.
    pub deadline: Option<String>,
}

/// Body of `visit.finding_recorded`. The last one for an item holds. Photos have the role `photo.hazard`.
#[uniffi::remote(Record)]
pub struct Finding {
    /// The inspection item's id in the rules.
    pub item: String,
    /// The result.
    pub result: FindingResult,
    /// What is wrong; only with 异常.
    pub hazard: Option<Hazard>,
    /// Anything worth saying; the reason with 无法检查.
    pub note: Option<String>,
}

/// `visit.opened`: a visit born on the phone (walk-in, emergency).
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
pub struct Notified {
    /// How.
    pub channel: Channel,
    /// 约定入户时间.
    pub window: Window,
}

/// `visit.delayed`: told in advance that the time can't be kept (F.1).
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
pub struct Part {
    /// Name.
    pub name: String,
    /// How many.
    pub count: u32,
}

/// `visit.departed`.
#[uniffi::remote(Record)]
pub struct Departed {
    /// 已检查并携带必要的工具和备件 (F1-2).
    pub tools_checked: bool,
    /// Spare parts taken along.
    pub parts: Vec<Part>,
}

/// `visit.arrived`: at the door.
#[uniffi::remote(Record)]
pub struct Arrived {
    /// Where.
    pub place: Place,
}

/// One attempt to reach the resident from the door.
#[uniffi::remote(Record)]
pub struct CallAttempt {
    /// When, as the device claims it.
    pub at: Millis,
    /// How.
    pub channel: Channel,
}

/// `visit.absent`: 到访不遇 (F.2). The note's photo is the blob `photo.leave_note`.
#[uniffi::remote(Record)]
pub struct Absent {
    /// Attempts, at least one.
    pub calls: Vec<CallAttempt>,
    /// 留言条写好联系电话 (F2-3).
    pub note_has_phone: bool,
    /// 预约下次入户时间 (F2-4).
    pub next_window: Option<Window>,
    /// Where the note was put up.
    pub place: Place,
}

/// `visit.entered`: at the open door (F.3, F.6). `permitted: false` is on record too and opens nothing.
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
pub struct ItemsAnswered {
    /// The answers.
    pub answers: Vec<ItemAnswer>,
}

/// `visit.room_entered`, or not permitted (F3-4).
#[uniffi::remote(Record)]
pub struct RoomEntered {
    /// Which room.
    pub room: Room,
    /// 经同意; false: 热用户未同意.
    pub permitted: bool,
}

/// `visit.measurement_started`.
#[uniffi::remote(Record)]
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
    pub outdoor: Option<DeciCelsius>,
    /// A window or door is open.
    pub window_open: bool,
    /// Another heater runs.
    pub extra_heater: bool,
    /// Radiators are covered.
    pub radiators_covered: bool,
    /// Why all the same: between 12:00 and 15:00, with an expired instrument.
    pub reason: Option<String>,
    /// 备注.
    pub note: Option<String>,
}

/// `visit.reading_taken`: one raw reading; its time is the envelope's.
#[uniffi::remote(Record)]
pub struct ReadingTaken {
    /// The room's key.
    pub room: String,
    /// As the instrument shows it, without correction.
    pub value: DeciCelsius,
}

/// `visit.problem_described`: 热用户反映问题情况 (F5-2).
#[uniffi::remote(Record)]
pub struct ProblemDescribed {
    /// In the resident's words.
    pub text: String,
}

/// `visit.instruction_opened`: 维修作业指导 (F8-1).
#[uniffi::remote(Record)]
pub struct InstructionOpened {
    /// Which.
    pub instruction: String,
    /// Its version.
    pub version: String,
}

/// A charge told beforehand.
#[uniffi::remote(Record)]
pub struct ChargedLine {
    /// The quote line it will be.
    pub line: String,
    /// What for.
    pub name: String,
    /// About how much.
    pub amount: Fen,
}

/// `visit.charge_told`: 事先告知需要收费 (F10-1).
#[uniffi::remote(Record)]
pub struct ChargeTold {
    /// For which lines.
    pub lines: Vec<ChargedLine>,
}

/// `visit.price_list_shown`: 出示统一的收费标准 (F10-2).
#[uniffi::remote(Record)]
pub struct PriceListShown {
    /// Content address of the list.
    pub price_list: Sha,
    /// Its version as on screen.
    pub version: String,
}

/// `visit.risk_told`: work may damage something (F9-2). Its photo is the blob `photo.before`.
#[uniffi::remote(Record)]
pub struct RiskTold {
    /// The object's name within the visit.
    pub object: String,
    /// What may happen.
    pub text: String,
    /// Lines whose work endangers it; none named = all.
    pub lines: Vec<String>,
}

/// `visit.work_started`.
#[uniffi::remote(Record)]
pub struct WorkStarted {
    /// On which lines of the quote.
    pub lines: Vec<String>,
    /// Stopping a leak before anything is quoted: what is being done. Free of charge; only in an emergency visit.
    pub emergency: Option<String>,
}

/// `visit.work_done`.
#[uniffi::remote(Record)]
pub struct WorkDone {
    /// On which lines of the quote.
    pub lines: Vec<String>,
    /// The emergency work is done.
    pub emergency: bool,
    /// 维修结果 (5.5.3).
    pub result: String,
}

/// `visit.demonstrated`: 当面演示证实恢复正常 (F12-1).
#[uniffi::remote(Record)]
pub struct Demonstrated {
    /// 设施正常运行.
    pub works: bool,
    /// Anything worth saying.
    pub note: Option<String>,
}

/// `visit.explained`: 说明使用事项 (F12-2).
#[uniffi::remote(Record)]
pub struct Explained {
    /// What was told.
    pub text: String,
}

/// What is done about a disputed temperature (5.6.7).
#[uniffi::remote(Enum)]
pub enum Remedy {
    /// 48 小时连续监测.
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
#[uniffi::remote(Record)]
pub struct Disputed {
    /// The room's key.
    pub room: String,
    /// What the resident says.
    pub text: String,
    /// What he chose of the two.
    pub remedy: Remedy,
}

/// `visit.photographed`: a photo that belongs to no other event.
#[uniffi::remote(Record)]
pub struct Photographed {
    /// One of `domain::role`, the same as the blob's.
    pub role: String,
    /// The line, room, item or object it shows.
    pub subject: Option<String>,
    /// Where it was taken.
    pub place: Option<Place>,
}

/// `visit.completed`.
#[uniffi::remote(Record)]
pub struct Completed {
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where it was not done.
    pub reason: Option<String>,
    /// Next appointment, where one was made.
    pub next_window: Option<Window>,
}

/// One line of a quote before it is priced. See `QuoteLine` for the fields.
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
pub struct Freeze {
    /// Why all the same, where it has come to touch 12:00–15:00 since it began.
    pub reason: Option<String>,
    /// 备注; replaces that of the start.
    pub note: Option<String>,
}

/// A worker's act, asked for.
#[uniffi::remote(Enum)]
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
