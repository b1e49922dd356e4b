//! A visit in full, as the office reads it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::board::BoardState;
use super::views::{HouseholdLine, Named, PunctualView, RefusalView, TimeView, VisitCard, VisitKindName, WindowView};

/// A visit: the office's plan, and a lane for everybody who had it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VisitView {
    /// Its card.
    pub card: VisitCard,
    /// The plan as it stands.
    pub plan: PlanView,
    /// Where.
    pub household: HouseholdLine,
    /// One for each assignment, oldest first.
    pub lanes: Vec<LaneView>,
    /// Every event, in the order the server received them.
    pub timeline: Vec<EventView>,
    /// Photos.
    pub photos: Vec<PhotoView>,
    /// Signatures and refusals to sign.
    pub signatures: Vec<SignatureView>,
    /// Documents that can be had.
    pub documents: Vec<DocumentView>,
    /// What the office still has to do about it.
    pub tasks: Vec<super::tasks::TaskView>,
}

/// The plan.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanView {
    /// Rises with every change by the office.
    pub version: u64,
    /// What for.
    pub kind: VisitKindName,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowView>,
    /// What is to be done.
    pub scope: String,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Named>,
    /// 紧急.
    pub emergency: bool,
    /// Measurement protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Price list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_list: Option<String>,
    /// Agreed temperature, tenths of a degree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreed_deci_celsius: Option<i32>,
    /// For the worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The visit at whose door it was agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follows: Option<Uuid>,
    /// Why it was cancelled, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<String>,
}

/// One worker's part.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LaneView {
    /// The plan version that assigned it.
    pub lane: u64,
    /// Whose.
    pub worker: Named,
    /// Where it stands.
    pub state: BoardState,
    /// It is the visit's result.
    pub chosen: bool,
    /// It holds what came after the visit was somebody else's.
    pub late: bool,
    /// How many records there are of it.
    pub records: u64,
    /// What was decided about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<LateDecisionView>,
    /// Annex F, by the three classes of evidence, which never mix.
    pub checklist: ChecklistView,
    /// Rooms measured, each with its own verdict.
    pub rooms: Vec<RoomView>,
    /// The measurement's circumstances, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measurement: Option<MeasurementView>,
    /// Every revision of the quote, oldest first.
    pub quotes: Vec<QuoteView>,
    /// Inspection findings.
    pub findings: Vec<FindingView>,
    /// Rules broken, with the clause; evidence all the same.
    pub violations: Vec<RefusalView>,
    /// How it ended: `done`, `absent`, `refused_entry`, `not_done`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The next appointment agreed at the door.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_window: Option<WindowView>,
    /// Arrived in the window?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub punctual: Option<PunctualView>,
    /// 已交回 (F.13): when the server had all of it, files included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handed_in_ms: Option<i64>,
}

/// What the dispatcher decided about a late lane.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LateDecisionView {
    /// The decision.
    pub decision: LateChoice,
    /// Why.
    pub reason: String,
}

/// What becomes of a late lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LateChoice {
    /// It is the visit's result.
    Primary,
    /// It stands beside the result.
    Supplement,
    /// It does not count; it stays on record.
    Rejected,
}

/// Annex F of one lane.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct ChecklistView {
    /// 自证: the worker's own ticks.
    pub own: Vec<ChecklistItemView>,
    /// 系统证: what the system itself recorded.
    pub system: Vec<ChecklistItemView>,
    /// 他证: somebody else's word.
    pub other: Vec<ChecklistItemView>,
}

/// One item.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChecklistItemView {
    /// `F10-2`.
    pub item: String,
    /// `F.10`.
    pub clause: String,
    /// As printed.
    pub label: String,
    /// In English.
    pub label_en: String,
    /// `before`, `arrival`, `before_work`, `during`, `end`.
    pub phase: String,
    /// `satisfied`, `unsatisfied`, `not_applicable`, `open`.
    pub state: ItemStateName,
    /// Why it does not apply, or what was said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ground: Option<String>,
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemStateName {
    /// 满足.
    Satisfied,
    /// 不满足.
    Unsatisfied,
    /// 不适用.
    NotApplicable,
    /// 未评.
    Open,
}

/// A room and its verdict; there is no house average.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RoomView {
    /// As printed: 卧室1.
    pub label: String,
    /// 房间朝向.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orientation: Option<String>,
    /// Raw readings in tenths of a degree, in order.
    pub readings_deci_celsius: Vec<i32>,
    /// Mean plus correction, tenths of a degree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_deci_celsius: Option<i32>,
    /// The readings were stable by the protocol.
    pub stable: bool,
    /// `qualified`, `below`, `not_judged`, `incomplete`.
    pub verdict: String,
    /// As shown: 达标, 不达标 …
    pub verdict_zh: String,
}

/// A measurement's circumstances.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MeasurementView {
    /// `745-M2`.
    pub protocol: String,
    /// 测温设备编号.
    pub instrument: String,
    /// Certificate number.
    pub certificate: String,
    /// Until when its verification holds, local date.
    pub valid_until: String,
    /// Agreed temperature, tenths of a degree.
    pub agreed_deci_celsius: i32,
    /// Outdoors, tenths of a degree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outdoor_deci_celsius: Option<i32>,
    /// 天气情况.
    pub weather: String,
    /// Touches 12:00–15:00.
    pub at_noon: bool,
    /// Counts towards disputes and refunds.
    pub valid: bool,
    /// SHA-256 of the frozen summary.
    pub sha: String,
}

/// A revision of a quote.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QuoteView {
    /// 1 for the first.
    pub revision: u32,
    /// When it was shown, best estimate.
    pub at_ms: i64,
    /// The price list's version as shown.
    pub price_list_version: String,
    /// Its lines.
    pub lines: Vec<QuoteLineView>,
    /// Sum, fen.
    pub total_fen: i64,
    /// Tax inside it, fen.
    pub tax_fen: i64,
    /// 预计维修时间, minutes, as told to the resident; none in quotes that did not say.
    pub expected_minutes: Option<u32>,
    /// `shown`, `confirmed`, `changed`, `refused`, `work_done`, `accepted`, `invoiced`.
    pub state: String,
    /// The resident signed this revision.
    pub signed: bool,
}

/// A line of a quote.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QuoteLineView {
    /// Its name within the visit.
    pub line: String,
    /// 维修项目.
    pub name: String,
    /// 单位.
    pub unit: String,
    /// 数量, thousandths.
    pub quantity_milli: i64,
    /// What the resident pays, fen.
    pub amount_fen: i64,
    /// 无偿.
    pub free: bool,
    /// Work on it was done.
    pub done: bool,
}

/// What an inspection found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FindingView {
    /// The item's id in the rules.
    pub item: String,
    /// As printed.
    pub label: String,
    /// `normal`, `abnormal`, `cannot_check`, `no_such_item`.
    pub result: String,
    /// 隐患 in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `own` 自用 or `shared` 共用.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Level as in the rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// 整改建议.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// To be done by, local date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
}

/// An event of the visit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventView {
    /// Its id.
    pub op: Uuid,
    /// Position in its device's log.
    pub seq: u64,
    /// `visit.departed`.
    pub kind: String,
    /// As shown.
    pub zh: String,
    /// As shown in English.
    pub en: String,
    /// Who acted: a worker, or an office user.
    pub actor: Named,
    /// Done by the office.
    pub office: bool,
    /// The device.
    pub device: Uuid,
    /// The lane it belongs to; none for the office's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<u64>,
    /// The plan version the actor saw.
    pub basis: u64,
    /// When.
    pub time: TimeView,
    /// `applied`, `late`, `held`, `quarantined`.
    pub outcome: String,
    /// Why, if not applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What it says, field by field.
    pub details: Vec<DetailView>,
    /// Its files.
    pub files: Vec<FileView>,
}

/// One field of an event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DetailView {
    /// Its name: `weather`.
    pub key: String,
    /// Its value as text.
    pub value: String,
}

/// A file of an event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FileView {
    /// SHA-256, which is its name.
    pub sha: String,
    /// `photo.before`.
    pub role: String,
    /// Bytes.
    pub bytes: u64,
    /// It is whole on the server.
    pub whole: bool,
}

/// A photo.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PhotoView {
    /// `GET /api/photos/{sha}`.
    pub sha: String,
    /// `photo.before`.
    pub role: String,
    /// As shown: 维修前.
    pub zh: String,
    /// The line, room, item or object it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When.
    pub time: TimeView,
    /// Who.
    pub worker: Named,
    /// It is whole on the server.
    pub whole: bool,
    /// It is no picture that can be shown, kept all the same.
    pub flagged: bool,
}

/// A signature, or its refusal.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SignatureView {
    /// `measurement`, `quote`, `consent`, `acceptance`, `notice`.
    pub purpose: String,
    /// As shown: 测温结果确认.
    pub zh: String,
    /// The quote's revision or the object, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Signed, or refused.
    pub signed: bool,
    /// What it covers still stands as it was signed.
    pub holds: bool,
    /// Who signed, as given at the door.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// 业主, 承租人, 家属, 其他.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer_role: Option<String>,
    /// 拒签原因.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who saw the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
    /// The signed record.
    pub record_sha: String,
    /// The signature's picture, `GET /api/photos/{sha}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_sha: Option<String>,
    /// When.
    pub time: TimeView,
    /// The server's check of the record's signature: `valid` or what is wrong.
    pub verdict: String,
}

/// A document that can be had.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DocumentView {
    /// `GET /api/documents/{id}.pdf`; the sha of the record it shows.
    pub id: String,
    /// What it is.
    pub kind: DocumentKind,
    /// As shown: 入户测温记录表.
    pub title: String,
    /// When the record was made, server time.
    pub at_ms: i64,
    /// All its files are here, so that it can be made.
    pub ready: bool,
    /// Fields the office has filled in.
    pub completed: Vec<FormFieldView>,
}

/// The kinds of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// C.1 入户测温记录表.
    Measurement,
    /// 维修报价单.
    Quote,
    /// 报价变更单.
    QuoteChange,
    /// 告知同意书.
    Consent,
    /// 维修验收单.
    Acceptance,
    /// 隐患告知书.
    HazardNotice,
    /// 拒签情况说明.
    RefusalNote,
}

/// One field of a form that the office fills in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FormFieldView {
    /// As printed: 主管领导.
    pub label: String,
    /// What is filled in.
    pub text: String,
}

/// What `nuanfang verify` says of a document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VerdictView {
    /// `valid`, `invalid`, `signer_unknown`, `erased`.
    pub verdict: String,
    /// Each part that was looked at.
    pub parts: Vec<VerdictPartView>,
}

/// One part of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VerdictPartView {
    /// `passed`, `failed`, `not_checked`.
    pub state: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}
