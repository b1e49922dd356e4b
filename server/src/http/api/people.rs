//! The office's own people: sessions, users, and what they did.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::views::Named;
use crate::office::registers::user::OfficeUser;
use crate::office::role::Role;

/// Who is logged in, and to whose office.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionView {
    /// The user.
    pub user: UserView,
    /// 供热企业.
    pub supplier: SupplierView,
    /// The office's time: the played day's, where one is played.
    pub now_ms: i64,
    /// Its day in Beijing.
    pub day: String,
    /// Until when the session lasts without use.
    pub expires_ms: i64,
    /// The server's version.
    pub version: String,
}

/// 供热企业.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SupplierView {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// SHA-256 of its root certificate: what phones pin and `verify` shows.
    pub fingerprint: String,
}

/// An office user.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UserView {
    /// Its id.
    pub id: Uuid,
    /// Login name.
    pub login: String,
    /// Name.
    pub name: String,
    /// What the user is.
    pub role: Role,
    /// As shown: 调度.
    pub role_zh: String,
    /// May not log in any more.
    pub disabled: bool,
}

impl From<&OfficeUser> for UserView {
    fn from(user: &OfficeUser) -> Self {
        Self {
            id: user.id,
            login: user.login.clone(),
            name: user.name.clone(),
            role: user.role,
            role_zh: user.role.zh().to_owned(),
            disabled: user.disabled,
        }
    }
}

/// What was done in the office: which, when, by whom.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only by this user or worker.
    pub actor: Option<Uuid>,
    /// Only of this kind: `pii.unmasked`, `office.assigned`.
    pub kind: Option<String>,
    /// Only about this visit.
    pub visit: Option<Uuid>,
    /// From this instant.
    pub from_ms: Option<i64>,
    /// Until this instant.
    pub until_ms: Option<i64>,
    /// From 0.
    pub page: Option<u64>,
    /// Rows a page, at most 200; 50 when absent.
    pub size: Option<u64>,
}

/// One act. It lies in the hash-chained log; nobody can take it back.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditRow {
    /// Its id.
    pub op: Uuid,
    /// Position in its writer's log.
    pub seq: u64,
    /// When, server time.
    pub at_ms: i64,
    /// By whom.
    pub actor: Named,
    /// `office.assigned`.
    pub kind: String,
    /// As shown.
    pub zh: String,
    /// As shown in English.
    pub en: String,
    /// About which visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visit: Option<Uuid>,
    /// What it says, without personal values.
    pub details: Vec<super::visit_view::DetailView>,
    /// What a phone brought is kept apart: it may not be its worker's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<super::quarantine::KeptName>,
    /// Its hash in the chain.
    pub sha: String,
}
