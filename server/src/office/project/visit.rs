//! Visits: the board's row, who held them when, and what their worker's phone mirrors.

use nuanfang_core::domain::Event;
use nuanfang_core::domain::show::overview;
use nuanfang_core::domain::view::VisitState;
use nuanfang_core::drill::{self, Mutant};
use nuanfang_core::id::{DeviceId, HouseholdId, OpId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::feed::worker_scope;
use nuanfang_core::wire::feed_entity::{HOUSEHOLD, PlanEvent, VISIT, VisitEntity};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::erasure::OPENED;
use crate::office::log::{self, Logged};
use crate::office::{feed, registers};
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// A visit that is over leaves its worker's phone at his next assignment after this long.
const KEEP_MS: i64 = 7 * 86_400_000;

/// What the row says of who has the visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    assignee: Option<WorkerId>,
    household: HouseholdId,
    open: bool,
}

/// An office event about a visit. Returns whether the visit was known before.
pub fn office_event(writing: &mut Writing<'_>, visit: VisitId, logged: &Logged) -> Result<bool, StoreError> {
    let before = held(writing.tx, visit)?;
    writing.folded.take(writing.tx, visit, logged, writing.touched.g)?;
    follow(writing, visit, logged, before)?;
    Ok(before.is_some())
}

/// A worker's event in his lane. The row is written once for all events that come together.
pub fn lane_event(writing: &mut Writing<'_>, logged: &Logged) -> Result<(), StoreError> {
    let Some(visit) = logged.visit else { return Ok(()) };
    writing.folded.take(writing.tx, visit, logged, writing.touched.g)?;
    if matches!(logged.fact.event, Event::Opened(_) | Event::Completed(_)) {
        let before = held(writing.tx, visit)?;
        return follow(writing, visit, logged, before);
    }
    if !writing.dirty.contains(&visit) {
        writing.dirty.push(visit);
    }
    Ok(())
}

/// Writes the rows of all visits that changed since; `at` is when that came.
pub fn settle(writing: &mut Writing<'_>, at: Millis) -> Result<(), StoreError> {
    for visit in std::mem::take(writing.dirty) {
        write_row(writing, visit, at)?;
    }
    Ok(())
}

/// Makes what follows from one envelope, in a savepoint, where the rows that wait for it can be written too: they are
/// written later, and what keeps them from it is this envelope's fault. `at` is when it came.
pub fn apart(
    writing: &mut Writing<'_>,
    at: Millis,
    make: impl FnOnce(&mut Writing<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    writing.savepoint(|writing| {
        make(writing)?;
        writing.trial(|writing| settle(writing, at))
    })
}

/// Puts a household anew to every worker with an open visit there: its ledger row has changed.
pub fn refresh_household(writing: &mut Writing<'_>, household: HouseholdId) -> Result<(), StoreError> {
    let workers: Vec<[u8; 16]> = writing
        .tx
        .prepare_cached(
            "SELECT DISTINCT assignee FROM visit WHERE household = ?1 AND open = 1 AND assignee IS NOT NULL
             ORDER BY assignee",
        )?
        .query_map([household.0.as_bytes()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for worker in workers {
        put_household(writing, WorkerId(Uuid::from_bytes(worker)), household)?;
    }
    Ok(())
}

/// Everything that follows from a change of plan, or from the end of the work.
fn follow(writing: &mut Writing<'_>, visit: VisitId, logged: &Logged, before: Option<Held>) -> Result<(), StoreError> {
    // The end of the work changes nothing of who had it.
    if !matches!(logged.fact.event, Event::Completed(_)) {
        assignments(writing, visit, logged)?;
    }
    write_row(writing, visit, logged.recv)?;
    writing.dirty.retain(|waiting| *waiting != visit);
    let Some(now) = held(writing.tx, visit)? else { return Ok(()) };
    let id = visit.to_string();
    if let Some(old) = before
        && let Some(worker) = old.assignee
        && now.assignee != Some(worker)
        && !drill::is(Mutant::NoRevoke)
    {
        feed::revoke(writing, &worker_scope(worker.0), VISIT, &id, "reassigned")?;
        drop_household(writing, worker, old.household, "reassigned")?;
    }
    let Some(worker) = now.assignee else { return Ok(()) };
    let cancelled = writing
        .folded
        .get(writing.tx, visit, writing.touched.g)?
        .plan()
        .current()
        .is_some_and(|plan| plan.cancelled.is_some());
    if cancelled {
        feed::revoke(writing, &worker_scope(worker.0), VISIT, &id, "cancelled")?;
        return drop_household(writing, worker, now.household, "cancelled");
    }
    if before.is_none_or(|old| old.assignee != Some(worker)) {
        prune(writing, worker, logged.recv)?;
    }
    let entity = entity(writing, visit, now)?;
    feed::put(writing, &worker_scope(worker.0), VISIT, &id, &entity)?;
    if let Some(old) = before.filter(|old| old.household != now.household) {
        drop_household(writing, worker, old.household, "closed")?;
    }
    if now.open {
        put_household(writing, worker, now.household)
    } else {
        drop_household(writing, worker, now.household, "closed")
    }
}

/// Brings the history of who held the visit to the plan's present state.
fn assignments(writing: &mut Writing<'_>, visit: VisitId, logged: &Logged) -> Result<(), StoreError> {
    let current = writing.folded.get(writing.tx, visit, writing.touched.g)?.plan().current();
    let Some((lane, assignee, cancelled)) =
        current.map(|plan| (plan.lane, plan.plan.assignee, plan.cancelled.is_some()))
    else {
        return Ok(());
    };
    let tx = writing.tx;
    tx.prepare_cached("UPDATE assignment SET to_g = ?3 WHERE visit = ?1 AND to_g IS NULL AND (plan <> ?2 OR ?4)")?
        .execute(params![visit.0.as_bytes(), lane as i64, logged.g as i64, cancelled])?;
    if let Some(worker) = assignee.filter(|_| !cancelled) {
        let reason = match &logged.fact.event {
            Event::Assigned(assigned) => assigned.reason.as_deref(),
            _ => None,
        };
        tx.prepare_cached(
            "INSERT OR IGNORE INTO assignment (visit, plan, worker, from_g, by, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            visit.0.as_bytes(),
            lane as i64,
            worker.0.as_bytes(),
            logged.g as i64,
            logged.fact.worker.0.as_bytes(),
            reason
        ])?;
    }
    Ok(())
}

fn write_row(writing: &mut Writing<'_>, visit: VisitId, at: Millis) -> Result<(), StoreError> {
    let tx = writing.tx;
    let folded = writing.folded.get(tx, visit, writing.touched.g)?;
    let Some(plan) = folded.plan().current() else { return Ok(()) };
    let seen = overview(folded);
    let over = |lane| folded.lane(lane).is_some_and(|lane| lane.completed.is_some());
    let done = over(folded.current_lane()) || over(folded.result_lane());
    let open = plan.cancelled.is_none() && !done;
    let waiting = seen.tasks.iter().filter(|task| !task.done).count();
    let json = |error: serde_json::Error| StoreError::Damaged(error.to_string());
    tx.prepare_cached(
        "INSERT INTO visit (id, household, kind, plan, lane, from_ms, until_ms, assignee, state, open, late, tasks,
         violations, emergency, scope, follows, created_g, last_g, last_ms, overview)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
         (SELECT min(g) FROM envelope WHERE visit = ?1), g, recv_ms, ?17
         FROM envelope WHERE visit = ?1 AND g <= ?18 ORDER BY g DESC LIMIT 1
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, plan = excluded.plan, lane = excluded.lane,
         until_ms = excluded.until_ms, state = excluded.state, tasks = excluded.tasks,
         violations = excluded.violations, emergency = excluded.emergency, scope = excluded.scope,
         follows = excluded.follows, last_g = excluded.last_g, last_ms = excluded.last_ms, overview = excluded.overview",
    )?
    .execute(params![
        visit.0.as_bytes(),
        plan.plan.household.0.as_bytes(),
        name(&plan.plan.kind)?,
        plan.version as i64,
        seen.lane as i64,
        seen.window.map(|window| window.from.0),
        seen.window.map(|window| window.until.0),
        plan.plan.assignee.as_ref().map(|worker| worker.0.as_bytes()),
        name(&seen.state)?,
        open,
        seen.late_undecided,
        waiting as i64,
        seen.violations as i64,
        plan.plan.emergency,
        plan.plan.scope,
        plan.plan.follows.as_ref().map(|visit| visit.0.as_bytes()),
        serde_json::to_string(&seen).map_err(json)?,
        writing.touched.g as i64,
    ])?;
    // What indexes stand on seldom changes; naming it above would write them anew with every row.
    tx.prepare_cached(
        "UPDATE visit SET household = ?2, from_ms = ?3, assignee = ?4, open = ?5, late = ?6
         WHERE id = ?1 AND (household, from_ms, assignee, open, late) IS NOT (?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        visit.0.as_bytes(),
        plan.plan.household.0.as_bytes(),
        seen.window.map(|window| window.from.0),
        plan.plan.assignee.as_ref().map(|worker| worker.0.as_bytes()),
        open,
        seen.late_undecided,
    ])?;
    registers::task::tell(writing, &seen, at)?;
    writing.touched.visits.insert(visit);
    Ok(())
}

/// The word that stands for a unit variant in JSON.
fn name<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        _ => Err(StoreError::Damaged("a name that is no word".into())),
    }
}

/// A state's name, as it stands in `visit.state`.
pub fn state_name(state: VisitState) -> String {
    name(&state).unwrap_or_default()
}

fn held(db: &Connection, visit: VisitId) -> Result<Option<Held>, StoreError> {
    let mut query = db.prepare_cached("SELECT assignee, household, open FROM visit WHERE id = ?1")?;
    Ok(query
        .query_row([visit.0.as_bytes()], |row| {
            Ok(Held {
                assignee: row.get::<_, Option<[u8; 16]>>(0)?.map(|bytes| WorkerId(Uuid::from_bytes(bytes))),
                household: HouseholdId(log::uuid(row, 1)?),
                open: row.get(2)?,
            })
        })
        .optional()?)
}

fn entity(writing: &mut Writing<'_>, visit: VisitId, now: Held) -> Result<VisitEntity, StoreError> {
    let folded = writing.folded.get(writing.tx, visit, writing.touched.g)?;
    let (version, lane) = (folded.plan().version(), folded.current_lane());
    let mut made: Vec<_> = folded.plan().versions.iter().filter_map(|version| version.op).collect();
    // Bodies as they came; those of the workers, which are most of it, are not read.
    let mut query = writing.tx.prepare_cached(
        "SELECT e.kind, e.op, w.device, e.seq, e.worker, e.recv_ms, b.body
         FROM envelope e JOIN writer w ON w.dev = e.dev JOIN body b ON b.g = e.g LEFT JOIN outcome o ON o.g = e.g
         WHERE e.visit = ?1 AND (w.office OR e.kind = ?2) AND (o.o IS NULL OR o.o IN ('applied', 'late')) ORDER BY e.g",
    )?;
    let mut rows = query.query(params![visit.0.as_bytes(), OPENED])?;
    let mut plan = Vec::new();
    while let Some(row) = rows.next()? {
        let op = OpId(log::uuid(row, 1)?);
        // After a fork the same beginning stands in two logs.
        if let Some(at) = made.iter().position(|known| *known == op) {
            made.swap_remove(at);
            plan.push(PlanEvent {
                kind: row.get(0)?,
                op,
                device: DeviceId(log::uuid(row, 2)?),
                seq: row.get::<_, i64>(3)? as u64,
                worker: WorkerId(log::uuid(row, 4)?),
                at: Millis(row.get(5)?),
                body: RawValue::from_string(row.get(6)?).map_err(|error| StoreError::Damaged(error.to_string()))?,
            });
        }
    }
    Ok(VisitEntity { id: visit, version, lane, household: now.household, open: now.open, plan })
}

fn put_household(writing: &mut Writing<'_>, worker: WorkerId, household: HouseholdId) -> Result<(), StoreError> {
    match registers::household_entity(writing.tx, household)? {
        Some(entity) => feed::put(writing, &worker_scope(worker.0), HOUSEHOLD, &household.to_string(), &entity),
        None => Ok(()),
    }
}

/// Takes a household from a worker who has no open visit there any more.
fn drop_household(
    writing: &mut Writing<'_>,
    worker: WorkerId,
    household: HouseholdId,
    why: &str,
) -> Result<(), StoreError> {
    let still = writing
        .tx
        .prepare_cached("SELECT 1 FROM visit WHERE assignee = ?1 AND household = ?2 AND open = 1")?
        .exists(params![worker.0.as_bytes(), household.0.as_bytes()])?;
    if still {
        return Ok(());
    }
    feed::revoke(writing, &worker_scope(worker.0), HOUSEHOLD, &household.to_string(), why)
}

/// Takes visits that are long over from a worker's phone.
fn prune(writing: &mut Writing<'_>, worker: WorkerId, now: Millis) -> Result<(), StoreError> {
    let scope = worker_scope(worker.0);
    // From what is mirrored, which is little however long he has worked here.
    let over: Vec<String> = writing
        .tx
        .prepare_cached(
            "SELECT x.id FROM scope s CROSS JOIN scope_entity x ON x.scope = s.id
             CROSS JOIN visit v ON v.id = unhex(x.id, '-')
             WHERE s.name = ?1 AND x.e = ?2 AND v.assignee = ?3 AND v.open = 0 AND v.last_ms < ?4 ORDER BY x.id",
        )?
        .query_map(params![scope, VISIT, worker.0.as_bytes(), now.0 - KEEP_MS], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for visit in over {
        feed::revoke(writing, &scope, VISIT, &visit, "closed")?;
    }
    Ok(())
}
