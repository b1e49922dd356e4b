//! What was kept apart is judged anew: when the office says so, and when a newer build understands what an older one held.

use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::Rejudged;
use nuanfang_core::id::{OpId, WorkerId};
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::{Office, OfficeAct, log, project, registers};
use crate::store::StoreError;
use crate::store::sqlite::Sqlite;

/// At the start: has everything judged anew that an older build did not understand and this one does. Returns how many
/// operations.
pub fn understood(store: &Sqlite, office: &Office) -> Result<usize, StoreError> {
    let ops = store.read_now(held)?;
    let acts: Vec<OfficeAct> = ops.into_iter().map(|op| act(op, "升级后重新判定".into())).collect();
    let count = acts.len();
    if count > 0 {
        office.append_blocking::<StoreError, _>(WorkerId(registers::SYSTEM), acts, |_| Ok(()))?;
    }
    Ok(count)
}

/// The act that has an operation judged anew.
pub fn act(op: OpId, reason: String) -> OfficeAct {
    OfficeAct::of(Event::Rejudged(Rejudged { op, reason }))
}

/// What is kept apart because it was not understood, and would be now.
fn held(db: &Connection) -> Result<Vec<OpId>, StoreError> {
    let places: Vec<i64> = db
        .prepare("SELECT g FROM outcome WHERE why IN ('kind_unknown', 'rules_unknown', 'body_unreadable') ORDER BY g")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut ops = Vec::new();
    for g in places {
        let Some(logged) = log::at(db, g.unsigned_abs())? else { continue };
        let read = !matches!(logged.fact.event, Event::Unknown { .. } | Event::Unreadable { .. });
        if read && project::rules::knows(&logged.fact.rules) {
            ops.push(logged.fact.op);
        }
    }
    Ok(ops)
}

/// Why something of the operation is kept apart; `None` if nothing of it is.
pub fn kept(db: &Connection, op: Uuid) -> Result<Option<String>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT coalesce(o.why, '') FROM envelope e JOIN outcome o ON o.g = e.g
         WHERE e.op = ?1 AND o.o IN ('held', 'quarantined') ORDER BY o.g DESC LIMIT 1",
    )?;
    Ok(query.query_row([op.as_bytes()], |row| row.get(0)).optional()?)
}
