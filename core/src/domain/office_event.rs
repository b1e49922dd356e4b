//! What the office's events carry. The office is one more writer of the same log; no secrets stand in it.

use serde::{Deserialize, Serialize};

use super::kind::{Channel, ItemAnswer, VisitKind};
use super::units::DeciCelsius;
use super::window::Window;
use crate::canon::hash::Sha;
use crate::id::{DeviceId, HouseholdId, OpId, VisitId, WorkerId};
use crate::time::Millis;

/// That the resident was reached and the window agreed (F1-1), when the office did it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Appointment {
    /// How.
    pub channel: Channel,
    /// When.
    pub agreed_at: Millis,
}

/// `office.visit_scheduled`: the office's plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VisitPlan {
    /// What for.
    pub kind: VisitKind,
    /// Whose.
    pub household: HouseholdId,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// 范围: what is to be done, in words.
    pub scope: String,
    /// Who goes; none = not yet assigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<WorkerId>,
    /// The price list in force, by content address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_list: Option<Sha>,
    /// The measurement protocol asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Temperature agreed with the household; none = the company's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<DeciCelsius>,
    /// 漏水等紧急诉求: goes without an appointment (N4).
    pub emergency: bool,
    /// The appointment, if the office made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment: Option<Appointment>,
    /// For the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The visit at whose door this one was agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<VisitId>,
}

/// `office.assigned`: a new lane begins.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Assigned {
    /// Who goes.
    pub assignee: WorkerId,
    /// Why, when it is a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `office.rescheduled`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rescheduled {
    /// When now.
    pub window: Window,
    /// The appointment, if it was made with the resident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment: Option<Appointment>,
    /// Why.
    pub reason: String,
    /// The price list from now on, where another is in force when it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_list: Option<Sha>,
}

/// `office.cancelled`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cancelled {
    /// Why.
    pub reason: String,
}

/// `office.lane_chosen`: which lane is the visit's result.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LaneChosen {
    /// The plan version that assigned it.
    pub lane: u64,
    /// Why.
    pub reason: String,
}

/// What becomes of a late lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateDecision {
    /// It is the visit's result.
    Primary,
    /// It stands beside the result.
    Supplement,
    /// It does not count; it stays on record.
    Rejected,
}

/// `office.rejudged`: what was held or quarantined is judged by the state as it is now. It may come out as it was.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rejudged {
    /// The operation.
    pub op: OpId,
    /// Why now: what has changed since.
    pub reason: String,
}

/// `office.filed`: what is held or quarantined was looked at, and nothing is to be done about it. It stays kept, apart from what
/// is still to be looked at, until it is judged anew.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Filed {
    /// The operation.
    pub op: OpId,
    /// Why nothing is to be done.
    pub reason: String,
}

/// `office.late_decided`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LateDecided {
    /// The plan version that assigned the lane.
    pub lane: u64,
    /// The decision.
    pub decision: LateDecision,
    /// Why.
    pub reason: String,
    /// How many records of the lane it was decided on. With more than these the lane waits for a decision again, unless it
    /// was made the result: what follows belongs to that. None: it holds whatever comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
}

/// Which ledger an import is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Register {
    /// G.1 热用户信息台账 with 补充信息.
    Households,
    /// 收费标准.
    Prices,
    /// 服务人员.
    Workers,
    /// 测温设备.
    Instruments,
}

/// `office.imported`: one event names the blob of normalised rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Imported {
    /// Which ledger.
    pub register: Register,
    /// The normalised rows.
    pub rows: Sha,
    /// Rows that were new.
    pub added: u64,
    /// Rows that changed something.
    pub changed: u64,
    /// Rows as they were.
    pub unchanged: u64,
    /// Rows refused, named in the report.
    pub refused: u64,
}

/// `office.user_added`. The password hash lives in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserAdded {
    /// The user, who stands in `worker` of the office's envelopes.
    pub user: WorkerId,
    /// Login name.
    pub login: String,
    /// Name.
    pub name: String,
    /// One of the server's roles.
    pub role: String,
}

/// `office.user_disabled`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserDisabled {
    /// Who.
    pub user: WorkerId,
    /// Why.
    pub reason: String,
}

/// `office.password_reset`: somebody else set this user's password. It stands in the vault alone, as its hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PasswordReset {
    /// Whose.
    pub user: WorkerId,
}

/// `office.enrolment_issued`: who has the code may enrol a phone as this worker's. The code stands nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EnrolmentIssued {
    /// For whose phone.
    pub worker: WorkerId,
}

/// `office.device_enrolled`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeviceEnrolled {
    /// The enrolment.
    pub device: DeviceId,
    /// Whose.
    pub worker: WorkerId,
    /// Public key, SPKI DER in base64url.
    pub public_key: String,
    /// What the phone calls itself.
    pub name: String,
    /// Since when its certificate holds, where this puts back an enrolment that the office lost with its data;
    /// otherwise since now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Millis>,
    /// The devices that the same phone says it was before, the first one first: this one goes on with their log (after a
    /// fork).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub continues: Vec<DeviceId>,
}

/// Why a device leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReason {
    /// May upload for some days, reads nothing.
    Dismissed,
    /// Refused at once; what it still sends is quarantined.
    Stolen,
}

/// `office.device_revoked`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeviceRevoked {
    /// Which.
    pub device: DeviceId,
    /// How.
    pub reason: RevokeReason,
}

/// One setting with its new value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its value, as text.
    pub value: String,
}

/// `office.settings_changed`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SettingsChanged {
    /// What changed.
    pub changes: Vec<Setting>,
}

/// Who speaks in an office record about a visit: other evidence than the worker's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OtherSource {
    /// 回访: the resident, asked.
    CallBack,
    /// 抽查: the team leader.
    SpotCheck,
}

/// `office.callback_made`: 回访, or a leader's spot check. F3-1, F5-1 and F7-2…5 count from here only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CallbackMade {
    /// Who speaks.
    pub source: OtherSource,
    /// What he says of the items.
    #[serde(default)]
    pub answers: Vec<ItemAnswer>,
    /// 是否满意; none = 未评价.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub satisfied: Option<bool>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The refusals to sign that the office knew of, by their records: one that comes later asks for another call. None = it
    /// was not said; all that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusals: Option<Vec<Sha>>,
}

/// One field of a form that the office fills in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FormField {
    /// As printed: 主管领导.
    pub label: String,
    /// What is filled in.
    pub text: String,
}

/// `office.form_completed`: the office's own part of a form; the resident's part never changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FormCompleted {
    /// The signed record the form shows.
    pub record_sha: Sha,
    /// The fields.
    pub fields: Vec<FormField>,
}

/// `office.invoice_recorded`: the tax platform has issued the invoice for an accepted quote (5.5.2, 5.3.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InvoiceRecorded {
    /// The lane whose quote it is for.
    pub lane: u64,
    /// The revision.
    pub revision: u32,
    /// 发票号码.
    pub number: String,
    /// Local date, `2026-11-23`.
    pub issued_on: String,
}

/// `office.restored`: the office's data was lost and brought back from the backup. What came after `through` and
/// before the loss is offered again by the phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Restored {
    /// The epoch that begins: by it phones know.
    pub epoch: u64,
    /// The last envelope that the backup held, in the order of receipt.
    pub through: u64,
}

/// Why somebody is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasureGround {
    /// The person asked for it.
    Request,
    /// There is no more reason to keep it.
    Retention,
}

/// A file that another takes the place of: rows of an import without those of who was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Replaced {
    /// The file that is gone.
    pub was: Sha,
    /// What is read in its place.
    pub by: Sha,
}

/// `office.household_erased`: what is known of a dwelling's people is destroyed (PIPL art. 47). Heads, counts and chains
/// stay; nothing of it says whom it was about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HouseholdErased {
    /// Which dwelling.
    pub household: HouseholdId,
    /// Why.
    pub ground: ErasureGround,
    /// Why, in words that name nobody.
    pub reason: String,
    /// The visits whose bodies and files are destroyed.
    pub visits: Vec<VisitId>,
    /// How many bodies.
    pub bodies: u64,
    /// The file with what stays of its signed records, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traces: Option<Sha>,
    /// Files of imported rows that held its row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Replaced>,
}
