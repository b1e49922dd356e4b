//! Erasure (PIPL): what `office.household_erased` destroys is gone from every table; heads, counts and chains stay.

use std::collections::HashSet;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::HouseholdErased;
use nuanfang_core::id::{DeviceId, HouseholdId, VisitId, WorkerId};
use nuanfang_core::record::{Jws, SignedRecordBody};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::feed_entity::{HOUSEHOLD, VISIT};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::office::feed;
use crate::office::log::{self, Logged};
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// The role of the file in `office.household_erased` that holds what stays of signed records.
pub const TRACES: &str = "erasure.traces";

/// The kind of a visit's beginning on a phone.
pub(super) const OPENED: &str = "visit.opened";

/// The kinds of a phone's operations that say themselves whose dwelling they are about.
const NAMING: [&str; 4] = [OPENED, "visit.signed", "visit.notice_received", "visit.refused_to_sign"];

/// The word the feed tells phones.
const WHY: &str = "erased";

/// What stays of one signed record, a line of the file of [`TRACES`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Trace {
    /// The record's hash.
    pub record: Sha,
    /// Its visit.
    pub visit: VisitId,
    /// Its envelope.
    pub g: u64,
    /// The file that `verify` calls erased.
    pub file: Box<RawValue>,
}

/// Before the log is folded again: who will be erased in the course of it.
pub fn prepare(writing: &Writing<'_>) -> Result<(), StoreError> {
    for logged in log::of_office(writing.tx, "office.household_erased")? {
        if let Event::HouseholdErased(event) = &logged.fact.event {
            note(writing, event, logged.g, logged.recv)?;
        }
    }
    Ok(())
}

fn note(writing: &Writing<'_>, event: &HouseholdErased, g: u64, at: Millis) -> Result<(), StoreError> {
    let (tx, household) = (writing.tx, event.household.0.as_bytes());
    tx.prepare_cached("INSERT OR IGNORE INTO erased_household (household, g, at_ms) VALUES (?1, ?2, ?3)")?
        .execute(params![household, g as i64, at.0])?;
    for visit in &event.visits {
        // In place of one that was only known to belong to somebody erased.
        tx.prepare_cached("INSERT OR REPLACE INTO erased_visit (visit, household, g) VALUES (?1, ?2, ?3)")?
            .execute(params![visit.0.as_bytes(), household, g as i64])?;
    }
    for replaced in &event.replaced {
        tx.prepare_cached("INSERT OR IGNORE INTO blob_replaced (was, by) VALUES (?1, ?2)")?
            .execute(params![replaced.was.0.as_slice(), replaced.by.0.as_slice()])?;
    }
    let Some(traces) = &event.traces else { return Ok(()) };
    let bytes = writing.blobs.read(traces)?.ok_or_else(|| StoreError::Damaged(format!("抹除凭据 {traces} 缺失")))?;
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let trace: Trace = serde_json::from_slice(line).map_err(|error| StoreError::Damaged(error.to_string()))?;
        tx.prepare_cached("INSERT OR IGNORE INTO erased_record (sha, visit, g, file) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![trace.record.0.as_slice(), trace.visit.0.as_bytes(), trace.g as i64, trace.file.get()])?;
    }
    Ok(())
}

/// Somebody is erased: what was made of the bodies that are gone goes too, here and on phones.
pub fn erased(writing: &mut Writing<'_>, logged: &Logged, event: &HouseholdErased) -> Result<(), StoreError> {
    note(writing, event, logged.g, logged.recv)?;
    for visit in &event.visits {
        forget_visit(writing, *visit)?;
    }
    for table in ["household", "household_row"] {
        writing.tx.execute(&format!("DELETE FROM {table} WHERE id = ?1"), [event.household.0.as_bytes()])?;
    }
    revoke(writing, HOUSEHOLD, &event.household.to_string())?;
    writing.folded.clear();
    Ok(())
}

fn forget_visit(writing: &mut Writing<'_>, visit: VisitId) -> Result<(), StoreError> {
    const STEPS: [&str; 5] = [
        "DELETE FROM outcome WHERE g IN (SELECT g FROM envelope WHERE visit = ?1)",
        "DELETE FROM record WHERE visit = ?1",
        "DELETE FROM assignment WHERE visit = ?1",
        "DELETE FROM task WHERE visit = ?1",
        "DELETE FROM visit WHERE id = ?1",
    ];
    for step in STEPS {
        writing.tx.prepare_cached(step)?.execute([visit.0.as_bytes()])?;
    }
    writing.dirty.retain(|dirty| *dirty != visit);
    writing.touched.visits.insert(visit);
    revoke(writing, VISIT, &visit.to_string())
}

/// Takes an entity from every phone that mirrors it.
fn revoke(writing: &mut Writing<'_>, entity: &str, id: &str) -> Result<(), StoreError> {
    let scopes: Vec<String> = writing
        .tx
        .prepare_cached(
            "SELECT s.name FROM scope s JOIN scope_entity x ON x.scope = s.id WHERE x.e = ?1 AND x.id = ?2
             ORDER BY s.name",
        )?
        .query_map([entity, id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for scope in scopes {
        feed::revoke(writing, &scope, entity, id, WHY)?;
    }
    Ok(())
}

/// A visit that begins without a body, or of which a record was signed that has none, belonged to somebody who was erased
/// before: it is erased from there on. Nothing says any more whose it was, so that its household is nil.
pub fn begun(tx: &Connection, logged: &Logged) -> Result<(), StoreError> {
    let Some(visit) = visit_of_its_own(logged.visit, logged.fact.event.kind()) else { return Ok(()) };
    tx.prepare_cached("INSERT OR IGNORE INTO erased_visit (visit, household, g) VALUES (?1, ?2, ?3)")?
        .execute(params![visit.0.as_bytes(), Uuid::nil().as_bytes(), logged.g as i64])?;
    Ok(())
}

/// Whether an envelope without a body came when its visit was erased already.
pub fn came_after(tx: &Connection, logged: &Logged) -> Result<bool, StoreError> {
    let Some(visit) = logged.visit else { return Ok(false) };
    let erased_at: Option<i64> = tx
        .prepare_cached("SELECT g FROM erased_visit WHERE visit = ?1")?
        .query_row([visit.0.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(erased_at.is_some_and(|g| g.unsigned_abs() <= logged.g))
}

/// Whether the visit was erased: what comes about it now is stored without its body.
pub fn is_erased(db: &Connection, visit: Option<VisitId>) -> Result<bool, StoreError> {
    let Some(visit) = visit else { return Ok(false) };
    Ok(db.prepare_cached("SELECT 1 FROM erased_visit WHERE visit = ?1")?.exists([visit.0.as_bytes()])?)
}

/// The visit whose dwelling an event of this kind names; none where the visit that its envelope claims has no part in that.
pub fn visit_of_its_own(visit: Option<VisitId>, kind: &str) -> Option<VisitId> {
    visit.filter(|_| NAMING.contains(&kind))
}

/// Whose dwelling an event names itself: where a visit begins, what was signed there, whose masked fields were read.
pub fn home(event: &Event) -> Option<HouseholdId> {
    let record = match event {
        Event::Opened(opened) => return Some(opened.household),
        Event::Unmasked(unmasked) => return Some(unmasked.household),
        Event::Signed(signed) | Event::NoticeReceived(signed) => &signed.jws,
        Event::SignatureRefused(refused) => &refused.jws,
        _ => return None,
    };
    let record: Jws = serde_json::from_str(record).ok()?;
    Some(record.open::<SignedRecordBody>().ok()?.statement.household)
}

/// Whether the event names an erased household itself and is about a visit that nobody knows of: the plan may be what a
/// restore lost. The same dwelling in the ledger once more is another household.
pub fn names_erased(
    db: &Connection,
    visit: Option<VisitId>,
    event: &Event,
    (device, worker): (DeviceId, WorkerId),
) -> Result<bool, StoreError> {
    let own = visit_of_its_own(visit, event.kind());
    if own.is_none() && !matches!(event, Event::Unmasked(_)) {
        return Ok(false);
    }
    let known =
        db.prepare_cached("SELECT 1 FROM visit WHERE id = ?1")?.exists([own.map(|visit| visit.0.into_bytes())])?;
    if known || !any(db)? {
        return Ok(false);
    }
    let Some(household) = home(event) else { return Ok(false) };
    // It takes away what others sent about the visit: the word of a phone that was not let in, or is in wrong hands, does not.
    let mut his = db.prepare_cached("SELECT 1 FROM device WHERE id = ?1 AND worker = ?2 AND status <> 'stolen'")?;
    if !his.exists(params![device.0.as_bytes(), worker.0.as_bytes()])? {
        return Ok(false);
    }
    Ok(db.prepare_cached("SELECT 1 FROM erased_household WHERE household = ?1")?.exists([household.0.as_bytes()])?)
}

/// Whether a data key is, or is to be, destroyed because somebody was erased.
pub fn is_owner(db: &Connection, owner: Uuid) -> Result<bool, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT 1 FROM erased_household WHERE household = ?1 UNION ALL SELECT 1 FROM erased_visit WHERE visit = ?1",
    )?;
    Ok(query.exists([owner.as_bytes()])?)
}

/// The households that were erased.
pub fn households(db: &Connection) -> Result<HashSet<Uuid>, StoreError> {
    let mut query = db.prepare("SELECT household FROM erased_household")?;
    let rows = query.query_map([], |row| log::uuid(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// When the household was erased, if it was.
pub fn erased_at(db: &Connection, household: Uuid) -> Result<Option<Millis>, StoreError> {
    let mut query = db.prepare_cached("SELECT at_ms FROM erased_household WHERE household = ?1")?;
    Ok(query.query_row([household.as_bytes()], |row| row.get(0)).optional()?.map(Millis))
}

/// Whether anybody was.
pub fn any(db: &Connection) -> Result<bool, StoreError> {
    Ok(db.prepare_cached("SELECT 1 FROM erased_household")?.exists([])?)
}

/// Everybody whose data keys are to be destroyed: erased households, and their visits.
pub fn owners(db: &Connection) -> Result<Vec<Uuid>, StoreError> {
    let mut query = db.prepare("SELECT household FROM erased_household UNION SELECT visit FROM erased_visit")?;
    let rows = query.query_map([], |row| log::uuid(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The file to read where `sha` is named: itself, or what took its place.
pub fn standing(db: &Connection, sha: Sha) -> Result<Sha, StoreError> {
    let mut standing = sha;
    let mut query = db.prepare_cached("SELECT by FROM blob_replaced WHERE was = ?1")?;
    while let Some(by) = query.query_row([standing.0.as_slice()], |row| Ok(Sha(row.get(0)?))).optional()? {
        standing = by;
    }
    Ok(standing)
}

/// The file of an erased record: what `verify` calls erased.
pub fn trace(db: &Connection, record: &Sha) -> Result<Option<Vec<u8>>, StoreError> {
    let mut query = db.prepare_cached("SELECT file FROM erased_record WHERE sha = ?1")?;
    Ok(query.query_row([record.0.as_slice()], |row| row.get(0)).optional()?.map(String::into_bytes))
}
