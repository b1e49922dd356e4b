//! What a phone may hold that says nothing: its worker goes by what it was told last, whatever the office has decided since.

use nuanfang_core::domain::show::overview;
use nuanfang_core::id::{VisitId, WorkerId};
use nuanfang_core::time::Millis;
use rusqlite::{Connection, params};

use super::{folded, log};
use crate::store::StoreError;

/// What a worker had and has no more: since when he had it, and when that ended, latest end first.
pub const ENDED: &str = "SELECT a.visit, given.recv_ms, ended.recv_ms FROM assignment a
    JOIN envelope given ON given.g = a.from_g JOIN envelope ended ON ended.g = a.to_g
    WHERE a.worker = ?1 AND a.to_g IS NOT NULL ORDER BY a.to_g DESC";

/// What he has, and has time for now: some of it was put off.
pub const PUT_OFF: &str =
    "SELECT id FROM visit WHERE assignee = ?1 AND open = 1 AND from_ms > ?2 AND last_ms > ?3 ORDER BY from_ms";

/// Whether a phone of `worker` that was last heard at `heard` may be at work on what has been taken from him or put off since:
/// he had it then, it was not over, and the time he knew of has come by `now`.
///
/// # Errors
/// What the store says.
pub fn may_hold(db: &Connection, worker: WorkerId, heard: Millis, now: Millis) -> Result<bool, StoreError> {
    let mut query = db.prepare_cached(ENDED)?;
    let mut rows = query.query([worker.0.as_bytes()])?;
    while let Some(row) = rows.next()? {
        let (given, ended): (i64, i64) = (row.get(1)?, row.get(2)?);
        if ended <= heard.0 {
            break;
        }
        if given <= heard.0 && begun(db, VisitId(log::uuid(row, 0)?), worker, heard, now)? {
            return Ok(true);
        }
    }
    let mut query = db.prepare_cached(PUT_OFF)?;
    let mut rows = query.query(params![worker.0.as_bytes(), now.0, heard.0])?;
    while let Some(row) = rows.next()? {
        if begun(db, VisitId(log::uuid(row, 0)?), worker, heard, now)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the visit, as it stood at `heard`, was the worker's and not over, and has begun by `now`.
fn begun(db: &Connection, id: VisitId, worker: WorkerId, heard: Millis, now: Millis) -> Result<bool, StoreError> {
    let visit = folded::visit_at(db, id, heard)?;
    let Some(plan) = visit.plan().current() else { return Ok(false) };
    let over = visit.lane(plan.lane).is_some_and(|lane| lane.completed.is_some());
    let his = plan.plan.assignee == Some(worker) && plan.cancelled.is_none() && !over;
    Ok(his && overview(&visit).window.is_some_and(|window| window.from <= now))
}
