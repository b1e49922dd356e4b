//! What the phone knows and shows beside its visits, mirrored field by field.

use std::collections::BTreeMap;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::desk_view::{EnrolmentView, FieldVisit, PhotoRef, VisitSummary};
use nuanfang_core::device::rescue::RescueView;
use nuanfang_core::device::signing::RecordPreview;
use nuanfang_core::device::status::{RecordState, RecordStatus, SyncState, SyncStatus, Words};
use nuanfang_core::domain::kind::VisitKind;
use nuanfang_core::domain::view::{VisitState, VisitView};
use nuanfang_core::domain::window::Window;
use nuanfang_core::forms::{Align, Cell, CellKind, Choice, FormTable, PrintedForm, Row};
use nuanfang_core::id::{DeviceId, HouseholdId, InstrumentId, OpId, VisitId, WorkerId};
use nuanfang_core::record::{StatementShown, Witness};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::OutcomeKind;
use nuanfang_core::wire::feed_entity::{
    CompanyEntity, HouseholdEntity, HouseholdPoint, InstrumentEntity, PriceItem, PriceListEntity, WorkerEntity,
};
use serde_json::Value;

/// Further fields of the ledger by their names in code, as JSON.
type LedgerFields = BTreeMap<String, Value>;

uniffi::custom_type!(LedgerFields, String, {
    remote,
    lower: |fields| Value::Object(fields.into_iter().collect()).to_string(),
    try_lift: |text| Ok(serde_json::from_str(&text)?),
});

/// Something said in both languages.
#[uniffi::remote(Record)]
pub struct Words {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// How far a record has come.
#[uniffi::remote(Enum)]
pub enum RecordState {
    /// 已保存: on this phone's disk.
    Saved,
    /// 已发送: on the server's disk.
    Sent,
    /// 已备份: it survives the loss of the server.
    Safe,
}

/// One record.
#[uniffi::remote(Record)]
pub struct RecordStatus {
    /// The operation.
    pub op: OpId,
    /// Its local order; the next page asks from here.
    pub n: u64,
    /// Its position in the log.
    pub seq: u64,
    /// The visit it is about.
    pub visit: Option<VisitId>,
    /// The event's name in the log.
    pub kind: String,
    /// What it is called.
    pub label: Words,
    /// It carries a signed record.
    pub signed: bool,
    /// When, as the phone's clock had it.
    pub claimed: Millis,
    /// How far it has come.
    pub state: RecordState,
    /// Its files.
    pub files: u32,
    /// Those the server has whole.
    pub files_whole: u32,
    /// What the server said of it, other than applied.
    pub outcome: Option<OutcomeKind>,
    /// Why it is not further, if something stands in its way.
    pub why: Option<Words>,
    /// What happens next.
    pub next: Words,
}

/// How the exchange stands.
#[uniffi::remote(Enum)]
pub enum SyncState {
    /// Nobody is enrolled here.
    NotEnrolled,
    /// Nothing waits.
    Idle,
    /// Something waits for its turn.
    Waiting,
    /// An exchange is under way.
    Syncing,
    /// The last try did not come through; it is tried again.
    Retrying,
    /// A person has to act: enrol anew, ask the company.
    Stuck,
}

/// The exchange in a glance.
#[uniffi::remote(Record)]
pub struct SyncStatus {
    /// How it stands.
    pub state: SyncState,
    /// The same in words, with the reason.
    pub words: Words,
    /// The last try got through to nobody, or was turned away: what is recorded stays here. Not so where files alone wait.
    pub stopped: bool,
    /// The server's time of the last receipt.
    pub last_synced: Option<Millis>,
    /// Milliseconds until the next try, if one is set.
    pub next_try_in_ms: Option<u64>,
    /// Operations not yet acknowledged.
    pub ops_waiting: u64,
    /// Files not yet whole on the server.
    pub files_waiting: u64,
    /// Their bytes.
    pub bytes_waiting: u64,
    /// All up to here is on the server's disk.
    pub acked: u64,
    /// All up to here survives the server's loss.
    pub safe: u64,
    /// The log's last position.
    pub head: u64,
}

/// What went into a rescue file.
#[uniffi::remote(Record)]
pub struct RescueView {
    /// Operations.
    pub ops: u64,
    /// Operations from the first on that this phone can no longer read; they are not in it.
    pub ops_lost: u64,
    /// Files.
    pub files: u64,
    /// Files that this phone can no longer read; they are not in it.
    pub files_lost: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// The device's key signed for it; otherwise the company keeps it apart for a person to look at.
    pub signed: bool,
}

/// Who is enrolled here.
#[uniffi::remote(Record)]
pub struct EnrolmentView {
    /// The device.
    pub device: DeviceId,
    /// The worker.
    pub worker: WorkerId,
    /// His name; empty until the first exchange.
    pub worker_name: String,
    /// 工作标识牌编号; empty until the first exchange.
    pub badge_number: String,
    /// The supplier's id.
    pub supplier: String,
    /// Its name; empty until the first exchange.
    pub supplier_name: String,
    /// The server.
    pub url: String,
    /// The log forked, the platform lost the key, or the company revoked this phone: a new code is needed before anything
    /// more is sent or signed.
    pub needs_enrolment: bool,
}

/// One visit in the list.
#[uniffi::remote(Record)]
pub struct VisitSummary {
    /// Which.
    pub visit: VisitId,
    /// What for.
    pub kind: Option<VisitKind>,
    /// Whose; none once the visit has left this phone.
    pub household: Option<HouseholdId>,
    /// Where; empty once the visit has left this phone.
    pub address: String,
    /// When.
    pub window: Option<Window>,
    /// How far.
    pub state: VisitState,
    /// 漏水等紧急诉求.
    pub emergency: bool,
    /// What is to be done.
    pub scope: String,
    /// It has left this phone's scope, and the word for it.
    pub departed: Option<Words>,
    /// It was planned by a newer release than this app can read, and what to do.
    pub unreadable: Option<Words>,
    /// Records of it that the server has not acknowledged.
    pub records_waiting: u32,
    /// 已交回 (F.13).
    pub handed_in: bool,
}

/// A photo on this phone.
#[uniffi::remote(Record)]
pub struct PhotoRef {
    /// Its content address.
    pub sha: Sha,
    /// Bytes.
    pub len: u64,
    /// What it is for.
    pub role: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// A visit in full.
#[uniffi::remote(Record)]
pub struct FieldVisit {
    /// What the rules say of it.
    pub view: VisitView,
    /// The dwelling, while the visit is open here.
    pub household: Option<HouseholdEntity>,
    /// It has left this phone's scope, and the word for it.
    pub departed: Option<Words>,
    /// Photos taken and not yet part of an act.
    pub loose_photos: Vec<PhotoRef>,
    /// Forms with a draft.
    pub drafts: Vec<String>,
    /// 已交回 (F.13): the server has every record and every file of it.
    pub handed_in: bool,
}

/// What is put before the resident.
#[uniffi::remote(Record)]
pub struct RecordPreview {
    /// The form, to be drawn cell by cell.
    pub form: PrintedForm,
    /// The sentence above the pad.
    pub statement: StatementShown,
    /// The content address of what is shown; signing names it.
    pub shown_sha: Sha,
}

/// The sentence the signer agreed to, in full.
#[uniffi::remote(Record)]
pub struct StatementShown {
    /// Its id: `measurement.confirm`.
    pub id: String,
    /// Its edition.
    pub version: u32,
    /// BCP 47: `zh-CN`.
    pub language: String,
    /// Word for word.
    pub text: String,
}

/// Somebody else's word.
#[uniffi::remote(Record)]
pub struct Witness {
    /// Name.
    pub name: String,
    /// What he is: `邻居`, `物业`, a colleague …
    pub role: String,
}

/// A form filled in: everything its page shows of the visit, labels included. The page around it (supplier, QR code,
/// signature's picture, times, hashes) comes from the record that holds the form.
#[uniffi::remote(Record)]
pub struct PrintedForm {
    /// Which form: `c1`, `quote`, `quote_change`, `acceptance`, `hazard_notice`, `refusal_note`, `consent`.
    pub template: String,
    /// The edition of that form's layout and labels.
    pub version: u32,
    /// Where the form is prescribed, as printed above the title: `表C.1`; empty for a form of the supplier's own.
    pub source: String,
    /// The title as printed.
    pub title: String,
    /// The tables from top to bottom.
    pub tables: Vec<FormTable>,
    /// The lines below the tables, as printed.
    pub notes: Vec<String>,
}

/// One table of a form.
#[uniffi::remote(Record)]
pub struct FormTable {
    /// The line above it; empty when there is none.
    pub caption: String,
    /// Whether it begins a page of its own (a continuation page).
    pub new_page: bool,
    /// The widths of the columns, relative to each other.
    pub columns: Vec<u32>,
    /// How many of the first rows are repeated at the top when the table runs over a page.
    pub head_rows: u32,
    /// The rows from top to bottom.
    pub rows: Vec<Row>,
}

/// One row. A cell that reaches down from a row above takes its columns away from this one.
#[uniffi::remote(Record)]
pub struct Row {
    /// The least height in millimetres; 0 lets the text decide.
    pub height_mm: u32,
    /// The cells from left to right.
    pub cells: Vec<Cell>,
}

/// One cell: a label as printed, and what stands in it.
#[uniffi::remote(Record)]
pub struct Cell {
    /// For programs, unique in its form: `station`, `rooms.0.reading`; empty for a bare heading.
    pub name: String,
    /// The printed label, which stands before the text in the same cell; may be empty.
    pub label: String,
    /// What was filled in; empty when nothing was.
    pub text: String,
    /// What sort of cell.
    pub kind: CellKind,
    /// How many columns it takes, at least 1.
    pub col_span: u32,
    /// How many rows it takes, at least 1.
    pub row_span: u32,
    /// The boxes, for `Choices`; else empty.
    pub choices: Vec<Choice>,
    /// Where the text stands.
    pub align: Align,
}

/// What sort of cell it is, which decides how it is drawn and read aloud.
#[uniffi::remote(Enum)]
pub enum CellKind {
    /// A heading of the table; only the label.
    Heading,
    /// A label, if any, and what was filled in.
    Value,
    /// A label, if any, and boxes □ √.
    Choices,
    /// A longer text to be read before signing.
    Statement,
    /// Where the resident signs: the signature's picture is drawn here. A text stands for it when there is none
    /// (拒签).
    Signature,
    /// Filled in later by the office, never part of what the resident signed; empty in the record.
    Office,
}

/// One box and its label.
#[uniffi::remote(Record)]
pub struct Choice {
    /// As printed behind the box.
    pub label: String,
    /// Whether a √ stands in it.
    pub checked: bool,
}

/// Where the text of a cell stands.
#[uniffi::remote(Enum)]
pub enum Align {
    /// At the left.
    Left,
    /// In the middle.
    Center,
    /// At the right: money and counts.
    Right,
}

/// The supplier, as a worker shows it at a door.
#[uniffi::remote(Record)]
pub struct CompanyEntity {
    /// Supplier id, as it stands in signed records.
    pub supplier: String,
    /// Name.
    pub name: String,
    /// Service telephone; may be empty.
    pub phone: String,
    /// SHA-256 of the root certificate (DER).
    pub fingerprint: Sha,
}

/// One line of a price list.
#[uniffi::remote(Record)]
pub struct PriceItem {
    /// 项目编码.
    pub code: String,
    /// 维修项目.
    pub name: String,
    /// 单位.
    pub unit: String,
    /// 材料费, fen a unit.
    pub material_fen: i64,
    /// 人工费, fen a unit.
    pub labour_fen: i64,
    /// 有偿; false = 无偿.
    pub charged: bool,
    /// Tax rate in hundredths of a per cent.
    pub tax_basis_points: u32,
    /// 保修天数.
    pub warranty_days: Option<u32>,
    /// 备注.
    pub note: Option<String>,
}

/// 统一的收费标准 (F.10).
#[uniffi::remote(Record)]
pub struct PriceListEntity {
    /// Its content address: what quotes and records name.
    pub sha: Sha,
    /// As shown on screen.
    pub version: String,
    /// `YYYY-MM-DD`.
    pub issued_on: String,
    /// `YYYY-MM-DD`.
    pub effective_from: String,
    /// Its lines, in order.
    pub items: Vec<PriceItem>,
}

/// 测温设备.
#[uniffi::remote(Record)]
pub struct InstrumentEntity {
    /// Its id.
    pub id: InstrumentId,
    /// 设备编号.
    pub number: String,
    /// 设备型号.
    pub model: String,
    /// 证书编号.
    pub certificate: String,
    /// 检定或校准日期, `YYYY-MM-DD`.
    pub verified_on: String,
    /// 有效期至, `YYYY-MM-DD`.
    pub valid_until: String,
    /// 修正值, tenths of a degree, added to a raw reading.
    pub correction_deci_celsius: i32,
}

/// The worker's own badge and training (6.1.2, 6.1.3).
#[uniffi::remote(Record)]
pub struct WorkerEntity {
    /// Who.
    pub id: WorkerId,
    /// Name.
    pub name: String,
    /// 工牌编号.
    pub badge_number: String,
    /// 工牌有效期至, `YYYY-MM-DD`.
    pub badge_valid_until: String,
    /// 单位.
    pub employer: Option<String>,
    /// 部门.
    pub department: Option<String>,
    /// 维修员, 测温员, 巡检员.
    pub skills: Vec<String>,
    /// 季前培训学时, tenths.
    pub preseason_deci_hours: u32,
    /// 理论考试合格.
    pub theory_passed: bool,
    /// 实操考核合格.
    pub practical_passed: bool,
}

/// A dwelling: fields of class P and W only.
#[uniffi::remote(Record)]
pub struct HouseholdEntity {
    /// Which.
    pub id: HouseholdId,
    /// 小区、楼栋、单元、房间号 in one line.
    pub address: String,
    /// 小区名称.
    pub community: String,
    /// 楼栋名称.
    pub building: String,
    /// 单元名称.
    pub unit: Option<String>,
    /// 楼层.
    pub floor: Option<String>,
    /// 房间号.
    pub room: String,
    /// 业主姓名.
    pub owner_name: Option<String>,
    /// 业主电话, masked: 138****0001.
    pub owner_phone_masked: Option<String>,
    /// 承租人姓名或承租单位名称.
    pub tenant_name: Option<String>,
    /// 承租人电话, masked.
    pub tenant_phone_masked: Option<String>,
    /// 约定室温, tenths of a degree.
    pub agreed_deci_celsius: Option<i32>,
    /// Where it is, × 10⁷, with its datum.
    pub point: Option<HouseholdPoint>,
    /// The ledger's other fields of class P and W, by their label in G.1 or 补充信息, as text to show.
    pub fields: LedgerFields,
}

/// Where a dwelling is.
#[uniffi::remote(Record)]
pub struct HouseholdPoint {
    /// Longitude × 10⁷.
    pub longitude_e7: i64,
    /// Latitude × 10⁷.
    pub latitude_e7: i64,
    /// `WGS-84`, `CGCS2000`, `GCJ-02`, `BD-09`.
    pub datum: String,
}

/// What became of an operation. Every one of them is stored.
#[uniffi::remote(Enum)]
pub enum OutcomeKind {
    /// It is part of the visit's lane as it came.
    Applied,
    /// It came from a worker who held the visit before; the dispatcher decides.
    Late,
    /// Not understood yet (unknown kind, rules or visit); judged anew when it can be.
    Held,
    /// Kept apart for a person to look at.
    Quarantined,
}
