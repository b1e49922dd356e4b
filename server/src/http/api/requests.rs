//! What the console sends. Unknown fields are refused: a misspelt one is not silently nothing.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::views::{VisitKindName, WindowView};
use super::visit_view::{FormFieldView, ItemStateName, LateChoice};
use crate::office::role::Role;

/// Log in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// Login name.
    pub login: String,
    /// Password.
    pub password: String,
}

/// Change one's own password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordRequest {
    /// The present one.
    pub current: String,
    /// The new one, 8 to 128 characters.
    pub new: String,
}

/// How the resident was reached.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelName {
    /// 电话.
    Phone,
    /// 短信.
    Sms,
    /// 微信 or another messenger.
    Messenger,
    /// 当面.
    InPerson,
    /// Through the neighbourhood or the property company.
    Community,
}

/// That the resident was reached and agreed (F1-1).
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppointmentRequest {
    /// How.
    pub channel: ChannelName,
    /// When; now when absent.
    pub agreed_at_ms: Option<i64>,
}

/// Plan a visit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRequest {
    /// What for.
    pub kind: VisitKindName,
    /// Whose.
    pub household: Uuid,
    /// When.
    pub window: Option<WindowView>,
    /// What is to be done, in words.
    pub scope: String,
    /// Who goes; none = 待派.
    pub assignee: Option<Uuid>,
    /// 漏水等紧急诉求: goes without an appointment.
    #[serde(default)]
    pub emergency: bool,
    /// The appointment, if one was made.
    pub appointment: Option<AppointmentRequest>,
    /// The price list by its sha; the one in force when absent and the visit is a repair.
    pub price_list: Option<String>,
    /// The measurement protocol: `745-M2`.
    pub protocol: Option<String>,
    /// Agreed temperature, tenths of a degree; the household's own when absent.
    pub agreed_deci_celsius: Option<i32>,
    /// For the worker.
    pub note: Option<String>,
    /// The visit it comes from: closes that one's open tasks for a new visit.
    pub follows: Option<Uuid>,
    /// The visit itself, where its plan was lost and what phones sent about it waits: it is planned again under its id.
    pub lost: Option<Uuid>,
}

/// Give a visit to a worker, or take it from one and give it to another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignRequest {
    /// Who goes now.
    pub assignee: Uuid,
    /// Why, when it is a change.
    pub reason: Option<String>,
    /// The plan version that was on screen.
    pub plan_version: u64,
}

/// Move a visit in time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RescheduleRequest {
    /// When now.
    pub window: WindowView,
    /// The appointment, if it was made with the resident.
    pub appointment: Option<AppointmentRequest>,
    /// Why.
    pub reason: String,
    /// The plan version that was on screen.
    pub plan_version: u64,
}

/// Take a visit back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// Why.
    pub reason: String,
    /// The plan version that was on screen.
    pub plan_version: u64,
}

/// Decide about a late lane.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LateRequest {
    /// The decision.
    pub decision: LateChoice,
    /// How many records of the lane were on the screen: what is decided is about them.
    pub records: u64,
    /// Why.
    pub reason: String,
}

/// Say which lane is the visit's result.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChooseLaneRequest {
    /// Why.
    pub reason: String,
}

/// Who speaks: other evidence than the worker's own.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtherSourceName {
    /// 回访: the resident.
    CallBack,
    /// 抽查: the team leader.
    SpotCheck,
}

/// What was said of an item of Annex F.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerRequest {
    /// `F7-2`.
    pub item: String,
    /// The answer; `open` is not one.
    pub state: ItemStateName,
    /// Why it does not apply.
    pub ground: Option<String>,
    /// Anything worth saying.
    pub note: Option<String>,
}

/// A call-back or a spot check.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackRequest {
    /// Who speaks.
    pub source: OtherSourceName,
    /// What was said of the items.
    #[serde(default)]
    pub answers: Vec<AnswerRequest>,
    /// 是否满意; absent = 未评价.
    pub satisfied: Option<bool>,
    /// In words.
    pub note: Option<String>,
}

/// The office's part of a form.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteFormRequest {
    /// The fields: 主管领导 and the like.
    pub fields: Vec<FormFieldView>,
}

/// Read a masked value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnmaskRequest {
    /// The field's key: `owner_phone`.
    pub field: String,
    /// What for; goes on record with the reader's name.
    pub reason: String,
}

/// How a phone leaves.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReasonName {
    /// May upload for some days, reads nothing.
    Dismissed,
    /// Refused at once; what it still sends is quarantined.
    Stolen,
}

/// Revoke a phone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// How.
    pub reason: RevokeReasonName,
}

/// Add an office user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddUserRequest {
    /// Login name: 2 to 40 of a–z, 0–9, `.`, `-`, `_`.
    pub login: String,
    /// Name.
    pub name: String,
    /// What the user is.
    pub role: Role,
    /// First password, 8 to 128 characters.
    pub password: String,
}

/// Disable an office user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisableUserRequest {
    /// Why.
    pub reason: String,
}

/// Set another user's password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPasswordRequest {
    /// The new one, 8 to 128 characters.
    pub password: String,
}
