//! What was kept apart is judged anew: when the office says so, and when a newer build understands what an older one held.

use std::collections::{HashMap, HashSet};

use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::Rejudged;
use nuanfang_core::drill::{self, Mutant};
use nuanfang_core::id::{BootId, OpId, WorkerId};
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::log::{self, Logged};
use super::{Office, OfficeAct, project, registers};
use crate::store::StoreError;
use crate::store::sqlite::Sqlite;

/// At the start: has everything judged anew that an older build did not understand and this one does. Returns how many
/// operations.
pub fn understood(store: &Sqlite, office: &Office) -> Result<usize, StoreError> {
    if drill::is(Mutant::DeployKeepsHeld) {
        return Ok(0);
    }
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
    let places: Vec<(i64, String)> = db
        .prepare(
            "SELECT g, why FROM outcome WHERE why IN ('kind_unknown', 'rules_unknown', 'body_unreadable') ORDER BY g",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    // What is logged again after a fork is there twice, and judged at once.
    let (mut ops, mut named) = (Vec::new(), HashSet::new());
    for (g, why) in places {
        let Some(logged) = log::at(db, g.unsigned_abs())? else { continue };
        let understood = match &logged.fact.event {
            Event::Unknown { .. } => false,
            // Of a kind that is known now it is said what is wrong with it.
            Event::Unreadable { .. } => why == "kind_unknown",
            _ => project::rules::knows(&logged.fact.rules),
        };
        if understood && named.insert(logged.fact.op) {
            ops.push(logged.fact.op);
        }
    }
    Ok(ops)
}

/// Where in the order of receipt a newer build last had an operation judged anew, for each that an older one did not
/// understand. One that it named twice at its start, since it is logged twice after a fork, was judged where it was named first.
pub fn understood_at(db: &Connection) -> Result<HashMap<OpId, u64>, StoreError> {
    let mut found: HashMap<OpId, (u64, BootId)> = HashMap::new();
    for Logged { g, fact, .. } in log::of_office(db, "office.rejudged")? {
        let Event::Rejudged(rejudged) = fact.event else { continue };
        let boot = fact.stamp.boot;
        if fact.worker == WorkerId(registers::SYSTEM) && found.get(&rejudged.op).is_none_or(|(_, at)| *at != boot) {
            found.insert(rejudged.op, (g, boot));
        }
    }
    Ok(found.into_iter().map(|(op, (g, _))| (op, g)).collect())
}

/// Why something of the operation is kept apart; `None` if nothing of it is.
pub fn kept(db: &Connection, op: Uuid) -> Result<Option<String>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT coalesce(o.why, '') FROM envelope e JOIN outcome o ON o.g = e.g
         WHERE e.op = ?1 AND o.o IN ('held', 'quarantined') ORDER BY o.g DESC LIMIT 1",
    )?;
    Ok(query.query_row([op.as_bytes()], |row| row.get(0)).optional()?)
}

/// Why those of the operations are kept apart of which something is.
pub fn whys(db: &Connection, ops: impl IntoIterator<Item = Uuid>) -> Result<Vec<String>, StoreError> {
    ops.into_iter().filter_map(|op| kept(db, op).transpose()).collect()
}
