//! The rows of drafts: what was typed and not yet made an event.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::mirror_row::planned;
use super::outbox_row::settled;
use crate::device::trouble::Trouble;
use crate::id::VisitId;
use crate::time::Millis;

/// Keeps a draft, in place of the one before it.
pub fn put(transaction: &Transaction<'_>, visit: VisitId, form: &str, body: &str, at_ms: i64) -> Result<(), Trouble> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO draft (visit, form, body, updated_ms) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![visit.0.as_bytes(), form, body, at_ms])?;
    Ok(())
}

/// The draft of one form.
pub fn find(connection: &Connection, visit: VisitId, form: &str) -> Result<Option<String>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT body FROM draft WHERE visit = ?1 AND form = ?2")?;
    Ok(statement.query_row(params![visit.0.as_bytes(), form], |row| row.get(0)).optional()?)
}

/// The forms of a visit that have drafts.
pub fn forms(connection: &Connection, visit: VisitId) -> Result<Vec<String>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT form FROM draft WHERE visit = ?1 ORDER BY form")?;
    let found = statement.query_map([visit.0.as_bytes()], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// Forgets one draft.
pub fn delete(transaction: &Transaction<'_>, visit: VisitId, form: &str) -> Result<(), Trouble> {
    transaction
        .prepare_cached("DELETE FROM draft WHERE visit = ?1 AND form = ?2")?
        .execute(params![visit.0.as_bytes(), form])?;
    Ok(())
}

/// Forgets all drafts of a visit.
pub fn delete_of(writing: &Connection, visit: VisitId) -> Result<(), Trouble> {
    writing.prepare_cached("DELETE FROM draft WHERE visit = ?1")?.execute([visit.0.as_bytes()])?;
    Ok(())
}

/// Forgets all drafts.
pub fn clear(writing: &Connection) -> Result<(), Trouble> {
    writing.execute("DELETE FROM draft", [])?;
    Ok(())
}

/// Forgets those of all visits but such as left and are not over.
pub fn clear_undeparted(writing: &Connection) -> Result<(), Trouble> {
    writing.execute("DELETE FROM draft WHERE visit NOT IN (SELECT visit FROM departed_visit)", [])?;
    Ok(())
}

/// Forgets drafts of visits that are neither planned nor expected here, and of which nothing is on its way or waits to be
/// judged; of those never logged and never told only drafts from before `before`: a visit may be opened at a door yet. What a
/// clock says that runs ahead of `now` counts as now.
pub fn prune(transaction: &Transaction<'_>, now: Millis, before: Millis) -> Result<(), Trouble> {
    transaction.prepare_cached("UPDATE draft SET updated_ms = ?1 WHERE updated_ms > ?1")?.execute([now.0])?;
    let (planned, settled) = (planned("draft.visit"), settled("draft.visit"));
    transaction
        .prepare_cached(&format!(
            "DELETE FROM draft WHERE NOT {planned} AND {settled}
             AND NOT EXISTS (SELECT 1 FROM departed_visit WHERE departed_visit.visit = draft.visit)
             AND (updated_ms < ?1 OR EXISTS (SELECT 1 FROM outbox WHERE outbox.visit = draft.visit)
                 OR EXISTS (SELECT 1 FROM taken_visit WHERE taken_visit.visit = draft.visit))"
        ))?
        .execute([before.0])?;
    Ok(())
}
