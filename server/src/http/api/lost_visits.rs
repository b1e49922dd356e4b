//! Visits that the office does not know and phones sent work about: their plans were lost with an older disk. Planned again
//! under the same id, what waits counts.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use nuanfang_core::domain::VisitKind;
use nuanfang_core::id::VisitId;
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::permit::{May, PlanVisits};
use super::views::{HouseholdLine, Named, VisitKindName};
use super::{At, cards};
use crate::http::Problem;
use crate::office::project::erasure;
use crate::office::registers::names;
use crate::office::role::Role;
use crate::office::{dispatch, log};
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
    may: May<PlanVisits>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
) -> Result<Json<LostVisitView>, Problem> {
    let (visit, role) = (VisitId(id), may.user.role);
    let found = state.read(move |db| find(db, visit, role)).await?;
    found.map(Json).ok_or_else(not_lost)
}

/// That nothing waits for a visit of that id.
pub(super) fn not_lost() -> Problem {
    Problem::not_found("visit.not_lost", "没有等待补录该入户的记录，可能已被补录；请刷新后再试")
}

fn find(db: &Connection, visit: VisitId, role: Role) -> Result<Option<LostVisitView>, StoreError> {
    if !dispatch::is_lost(db, visit)? {
        return Ok(None);
    }
    let mut query = db.prepare_cached(
        "SELECT e.worker, e.est_ms, e.kind, b.body FROM outcome o JOIN envelope e ON e.g = o.g LEFT JOIN body b ON b.g = o.g
         WHERE o.visit = ?1 AND o.o = 'held' AND o.why = 'visit_unknown' ORDER BY e.est_ms, o.g",
    )?;
    let mut rows = query.query([visit.0.as_bytes()])?;
    let (mut workers, mut household, mut kinds) = (Vec::new(), None, BTreeSet::new());
    let (mut from_ms, mut until_ms, mut operations) = (i64::MAX, i64::MIN, 0);
    while let Some(row) = rows.next()? {
        let worker = Uuid::from_bytes(row.get(0)?);
        if !workers.contains(&worker) {
            workers.push(worker);
        }
        let at: i64 = row.get(1)?;
        (from_ms, until_ms, operations) = (from_ms.min(at), until_ms.max(at), operations + 1);
        let (kind, body): (String, Option<String>) = (row.get(2)?, row.get(3)?);
        kinds.extend(meant_by(&kind));
        if let Some(body) = body.filter(|_| household.is_none()) {
            household = erasure::home(&log::read_event(&kind, &body));
        }
    }
    let household = match household {
        Some(household) => line(db, household.0, role)?,
        None => None,
    };
    let names = names(db)?;
    let named = |id: Uuid| Named { id, name: names.get(&id).cloned().unwrap_or_else(|| id.to_string()) };
    let workers = workers.into_iter().map(named).collect();
    // Items are inspected on inspections alone; rooms are measured whatever else is done.
    let mut told = [VisitKind::Inspection, VisitKind::Repair, VisitKind::Measurement].into_iter();
    let kind = told.find(|kind| kinds.contains(kind)).map(VisitKindName::from);
    Ok(Some(LostVisitView { visit: visit.0, household, kind, workers, from_ms, until_ms, operations }))
}

/// What a visit may be for at which an operation of that kind is done.
fn meant_by(kind: &str) -> Option<VisitKind> {
    match kind {
        "visit.measurement_started" => Some(VisitKind::Measurement),
        "visit.finding_recorded" => Some(VisitKind::Inspection),
        "visit.quote_shown" | "visit.work_started" => Some(VisitKind::Repair),
        _ => None,
    }
}

/// The dwelling, if it is in the ledger.
fn line(db: &Connection, household: Uuid, role: Role) -> Result<Option<HouseholdLine>, StoreError> {
    let mut query = db.prepare_cached("SELECT community, address, resident FROM household WHERE id = ?1")?;
    let found = query.query_row([household.as_bytes()], |row| {
        Ok(cards::household_line(household, row.get(0)?, row.get(1)?, row.get(2)?, role))
    });
    Ok(found.optional()?)
}
