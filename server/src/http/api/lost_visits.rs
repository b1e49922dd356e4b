//! Visits that the office does not know and phones sent work about: their plans were lost with an older disk. Planned again
//! under the same id, what waits counts.

use axum::Json;
use axum::extract::State;
use nuanfang_core::domain::office_event::VisitPlan;
use nuanfang_core::id::{VisitId, WorkerId};
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::permit::{Dispatch, May};
use super::views::{HouseholdLine, Named, VisitKindName};
use super::{At, cards};
use crate::http::Problem;
use crate::office::lost::{self, Lost};
use crate::office::registers::{household, names};
use crate::office::role::Role;
use crate::state::AppState;
use crate::store::StoreError;

/// What is known of such a visit, from what waits for it alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct LostVisitView {
    /// The visit, as phones know it.
    pub visit: Uuid,
    /// Whose dwelling it was in, where something that waits says so: a signed record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub household: Option<HouseholdLine>,
    /// What it was for, as far as what was done there shows: a room measured, an item inspected, a repair quoted or begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<VisitKindName>,
    /// Who was there, who came first first.
    pub workers: Vec<Named>,
    /// When the first of it was done, best estimate.
    pub from_ms: i64,
    /// When the last of it was done, best estimate.
    pub until_ms: i64,
    /// How many operations wait.
    pub operations: u64,
}

/// What waits for a visit that the office does not know.
#[utoipa::path(get, path = "/api/lost-visits/{id}", tag = "quarantine", operation_id = "lost_visit",
    params(("id" = Uuid, Path, description = "The visit, as phones know it")),
    responses((status = 200, description = "What waits for it", body = LostVisitView),
        (status = 404, description = "Nothing waits for it", body = Problem, content_type = "application/problem+json")))]
pub async fn lost_visit(
    may: May<Dispatch>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
) -> Result<Json<LostVisitView>, Problem> {
    let (visit, role) = (VisitId(id), may.user.role);
    let read = move |db: &Connection| match lost::find(db, visit)? {
        Some(lost) => Ok(view(db, visit, lost, role)?),
        None => Err(not_lost()),
    };
    Ok(Json(state.read(read).await?))
}

/// Planned again, a visit is given to who was there and in the dwelling where something was signed: what waits would not count
/// otherwise, or would say of somebody what was another's.
///
/// # Errors
/// `visit.not_lost`, `visit.lost_assignee`, `visit.lost_household`.
pub(super) fn again(db: &Connection, visit: VisitId, plan: &VisitPlan) -> Result<(), Problem> {
    let lost = lost::find(db, visit)?.ok_or_else(not_lost)?;
    if !plan.assignee.is_some_and(|assignee| lost.workers.contains(&assignee)) {
        return Err(Problem::unprocessable("visit.lost_assignee", "补录的入户须派给当时到场的服务人员"));
    }
    match lost.household {
        // One that an older ledger does not know can't be planned for.
        Some(home) if home != plan.household && household::find(db, home)?.is_some() => {
            Err(Problem::unprocessable("visit.lost_household", "现场签署的记录属于另一热用户"))
        }
        _ => Ok(()),
    }
}

/// That nothing waits for a visit of that id.
fn not_lost() -> Problem {
    Problem::not_found("visit.not_lost", "没有等待补录该入户的记录，可能已被补录；请刷新后再试")
}

fn view(db: &Connection, visit: VisitId, lost: Lost, role: Role) -> Result<LostVisitView, StoreError> {
    let household = match lost.household {
        Some(household) => line(db, household.0, role)?,
        None => None,
    };
    let names = names(db)?;
    let named = |WorkerId(id)| Named { id, name: names.get(&id).cloned().unwrap_or_else(|| id.to_string()) };
    Ok(LostVisitView {
        visit: visit.0,
        household,
        kind: lost.kind.map(VisitKindName::from),
        workers: lost.workers.into_iter().map(named).collect(),
        from_ms: lost.from.0,
        until_ms: lost.until.0,
        operations: lost.operations,
    })
}

/// The dwelling, if it is in the ledger.
fn line(db: &Connection, household: Uuid, role: Role) -> Result<Option<HouseholdLine>, StoreError> {
    let mut query = db.prepare_cached("SELECT community, address, resident FROM household WHERE id = ?1")?;
    let found = query.query_row([household.as_bytes()], |row| {
        Ok(cards::household_line(household, row.get(0)?, row.get(1)?, row.get(2)?, role))
    });
    Ok(found.optional()?)
}
