//! Visits that the office does not know and phones sent work about: their plans were lost with an older disk. What waits for one
//! says what is known of it.

use std::collections::BTreeSet;

use nuanfang_core::domain::VisitKind;
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use rusqlite::Connection;
use uuid::Uuid;

use super::log;
use super::project::erasure;
use crate::store::StoreError;

/// That an outcome `o` waits for a visit to be known, and nothing that is kept apart would make it known.
pub const WAITS: &str = "o.o = 'held' AND o.why = 'visit_unknown'
    AND NOT EXISTS (SELECT 1 FROM visit k WHERE k.id = o.visit)
    AND NOT EXISTS (SELECT 1 FROM envelope y JOIN outcome x ON x.g = y.g WHERE y.visit = o.visit AND y.kind = 'visit.opened')";

/// What waits for such a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Whose dwelling it was in, where something that waits says so: a signed record.
    pub household: Option<HouseholdId>,
    /// What it was for, as far as what was done there shows.
    pub kind: Option<VisitKind>,
    /// Who was there, who came first first.
    pub workers: Vec<WorkerId>,
    /// When the first of it was done, best estimate.
    pub from: Millis,
    /// When the last of it was done, best estimate.
    pub until: Millis,
    /// How many operations wait.
    pub operations: u64,
    /// The latest version of its plan that anybody there had seen.
    pub basis: u64,
}

/// What waits for the visit; `None` where nothing does.
pub fn find(db: &Connection, visit: VisitId) -> Result<Option<Lost>, StoreError> {
    let mut query = db.prepare_cached(&format!(
        "SELECT e.worker, e.est_ms, e.kind, b.body, e.basis FROM outcome o JOIN envelope e ON e.g = o.g
         LEFT JOIN body b ON b.g = o.g WHERE o.visit = ?1 AND {WAITS} ORDER BY e.est_ms, o.g"
    ))?;
    let mut rows = query.query([visit.0.as_bytes()])?;
    let (mut found, mut kinds) = (None::<Lost>, BTreeSet::new());
    while let Some(row) = rows.next()? {
        let (worker, at) = (WorkerId(Uuid::from_bytes(row.get(0)?)), Millis(row.get(1)?));
        let lost = found.get_or_insert(Lost {
            household: None,
            kind: None,
            workers: Vec::new(),
            from: at,
            until: at,
            operations: 0,
            basis: 0,
        });
        if !lost.workers.contains(&worker) {
            lost.workers.push(worker);
        }
        lost.until = lost.until.max(at);
        lost.operations += 1;
        lost.basis = lost.basis.max(row.get::<_, i64>(4)?.unsigned_abs());
        let (kind, body): (String, Option<String>) = (row.get(2)?, row.get(3)?);
        kinds.extend(meant_by(&kind));
        if let Some(body) = body.filter(|_| lost.household.is_none()) {
            lost.household = erasure::home(&log::read_event(&kind, &body));
        }
    }
    // Items are inspected on inspections alone; rooms are measured whatever else is done.
    let mut told = [VisitKind::Inspection, VisitKind::Repair, VisitKind::Measurement].into_iter();
    let kind = told.find(|kind| kinds.contains(kind));
    Ok(found.map(|lost| Lost { kind, ..lost }))
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
