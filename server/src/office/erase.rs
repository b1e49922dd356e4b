//! Erasure of a dwelling's people (PIPL art. 47): whether it may be done, and that it is done everywhere — keys, bodies,
//! files, rows, phones' mirrors, the backup. What stays is that something was there.
//!
//! The order is such that an end at any moment leaves either nothing done or something that the next start completes:
//! the event with the bodies, then the papers, then the files, then the keys, by which it is known to be complete, then
//! the backup.
//!
//! It reaches what was known then. What comes later from a phone that knew the household is stored without its body
//! ([`super::accept`]); what an older build took in whole goes when the same household is erased again.

mod hold;
mod trace;

use std::fs;
use std::io;
use std::path::Path;

use nuanfang_core::canon::envelope::BlobRef;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::{ErasureGround, HouseholdErased, Register, Replaced};
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::import::{self, Row, reports};
use super::project::erasure;
use super::{OfficeAct, log, registers};
use crate::state::AppState;
use crate::store::StoreError;
use crate::store::blobs::sync_dir;
use crate::store::ship::unmasked;
use crate::store::sqlite::writing::Writing;
use crate::store::sqlite::{Sqlite, compact};

pub use hold::{find, holds};

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Visits.
    pub visits: u64,
    /// Bodies.
    pub bodies: u64,
    /// Signed records of which a trace stays.
    pub records: u64,
    /// Files of imported rows that were written anew.
    pub replaced: u64,
    /// What keeps papers, files or keys from being removed yet; the next start goes on with it.
    pub unfinished: Option<String>,
}

/// Erases `household` from the data folder. Whether it may be done is for [`holds`] to say. Blocks.
///
/// # Errors
/// What the store says; then nothing was done.
pub fn erase(state: &AppState, household: Uuid, ground: ErasureGround, reason: &str) -> Result<Erased, StoreError> {
    let visits = state.store.read_now(|db| visits(db, household))?;
    let bodies = state.store.read_now(|db| bodies(db, household, &visits))?;
    let traces = trace::traces(state, &visits, ground)?;
    let mut blobs = Vec::new();
    let mut keep = |bytes: &[u8], role: &str| -> Result<Sha, StoreError> {
        let sha = state.blobs.put(bytes)?;
        blobs.push(BlobRef { sha, len: bytes.len() as u64, role: role.to_owned() });
        Ok(sha)
    };
    let records = traces.len() as u64;
    let traces = match traces.is_empty() {
        true => None,
        false => Some(keep(&trace::pack(&traces)?, erasure::TRACES)?),
    };
    let mut replaced = Vec::new();
    for (was, bytes) in without(state, household)? {
        replaced.push(Replaced { was, by: keep(&bytes, import::ROLE)? });
    }
    let mut erased = Erased {
        visits: visits.len() as u64,
        bodies: bodies.len() as u64,
        records,
        replaced: replaced.len() as u64,
        unfinished: None,
    };
    let event = HouseholdErased {
        household: HouseholdId(household),
        ground,
        reason: reason.to_owned(),
        visits: visits.clone(),
        bodies: bodies.len() as u64,
        traces,
        replaced: replaced.clone(),
    };
    let act = OfficeAct { event: Event::HouseholdErased(event), visit: None, basis: 0, blobs };
    let (office, at) = (state.office.clone(), state.now());
    compact::due(state.store.dir())?;
    state.store.write_blocking::<_, StoreError, _>(0, move |writing| {
        writing.tx.execute_batch("PRAGMA secure_delete = ON")?;
        office.append_in(writing, WorkerId(registers::SYSTEM), act)?;
        destroy(writing, &bodies, &visits, &replaced, at)
    })?;
    erased.unfinished = finish(&state.store).err().map(|error| error.to_string());
    Ok(erased)
}

/// Whether anything is there that erasing `household` would destroy.
pub fn is_left(db: &Connection, household: Uuid) -> Result<bool, StoreError> {
    let visits = visits(db, household)?;
    Ok(!visits.is_empty() || !bodies(db, household, &visits)?.is_empty())
}

/// Completes erasures that are on record: papers, files, keys. Files that nobody came to note go too: nothing says whose
/// they are. Done at every start, so that none stays half done; nobody may be about to note one.
pub fn finish(store: &Sqlite) -> Result<(), StoreError> {
    if !store.read_now(erasure::any)? {
        return Ok(());
    }
    let mut keys = Vec::new();
    for owner in store.read_now(erasure::owners)? {
        if !store.vault.is_destroyed(owner)? {
            keys.push(owner);
        }
    }
    let mut files: Vec<Sha> = store.read_now::<_, StoreError>(|db| {
        let mut query = db.prepare("SELECT sha FROM blob WHERE flag = 'erased'")?;
        let rows = query.query_map([], |row| Ok(Sha(row.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    })?;
    if !keys.is_empty() || files.iter().any(|sha| store.blobs.has(sha)) {
        forget_papers(store.dir())?;
    }
    files.extend(unnoted(store)?);
    for sha in files {
        store.blobs.remove(&sha)?;
    }
    store.blobs.drop_unnamed()?;
    for owner in keys {
        store.vault.destroy_data_key(owner)?;
    }
    Ok(())
}

/// Whole files without a row: an end came between the two, or the act was refused.
fn unnoted(store: &Sqlite) -> Result<Vec<Sha>, StoreError> {
    let whole = store.blobs.whole()?;
    store.read_now::<_, StoreError>(|db| {
        let mut query = db.prepare("SELECT 1 FROM blob WHERE sha = ?1")?;
        let mut unnoted = Vec::new();
        for sha in whole {
            if !query.exists([sha.0.as_slice()])? {
                unnoted.push(sha);
            }
        }
        Ok(unnoted)
    })
}

/// Documents are printed again when they are asked for; reports of imports quote rows, and are gone.
///
/// # Errors
/// What the disk says.
pub fn forget_papers(data: &Path) -> Result<(), StoreError> {
    for folder in ["documents", reports::FOLDER] {
        match fs::remove_dir_all(data.join(folder)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(sync_dir(data)?)
}

/// The household's visits, those too that only what is kept apart tells of: a beginning, a signed record.
fn visits(db: &Connection, household: Uuid) -> Result<Vec<VisitId>, StoreError> {
    let mut query = db.prepare("SELECT id FROM visit WHERE household = ?1")?;
    let rows = query.query_map([household.as_bytes()], |row| log::uuid(row, 0).map(VisitId))?;
    let mut visits: Vec<VisitId> = rows.collect::<Result<_, _>>()?;
    let mut query = db.prepare(
        "SELECT e.visit, e.kind, b.body FROM outcome o JOIN envelope e ON e.g = o.g JOIN body b ON b.g = o.g
         WHERE o.o IN ('held', 'quarantined') AND e.visit NOT IN (SELECT id FROM visit)",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (kind, body): (String, String) = (row.get(1)?, row.get(2)?);
        if erasure::home(&log::read_event(&kind, &body)) == Some(HouseholdId(household)) {
            visits.push(VisitId(log::uuid(row, 0)?));
        }
    }
    visits.sort_unstable();
    visits.dedup();
    Ok(visits)
}

/// The envelopes whose bodies are about the household: all of its visits', and who read its masked fields and why.
fn bodies(db: &Connection, household: Uuid, visits: &[VisitId]) -> Result<Vec<u64>, StoreError> {
    let mut found = Vec::new();
    let mut query =
        db.prepare("SELECT b.g FROM envelope e JOIN body b ON b.g = e.g WHERE e.visit = ?1 ORDER BY b.g")?;
    for visit in visits {
        let rows = query.query_map([visit.0.as_bytes()], |row| row.get::<_, i64>(0))?;
        for g in rows {
            found.push(g?.unsigned_abs());
        }
    }
    // The bounds are those of the index of acts.
    let mut query = db.prepare(
        "SELECT e.g, e.kind, b.body FROM envelope e JOIN body b ON b.g = e.g
         WHERE e.kind = 'pii.unmasked' AND e.kind >= 'office.' AND e.kind < 'pii/'",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (g, kind, body): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if unmasked(&kind, Some(&body)) == Some(household) {
            found.push(g.unsigned_abs());
        }
    }
    Ok(found)
}

/// Files of imported households that hold a row of `household`, each with what takes its place.
fn without(state: &AppState, household: Uuid) -> Result<Vec<(Sha, Vec<u8>)>, StoreError> {
    let files = state.store.read_now::<_, StoreError>(|db| {
        let mut files = Vec::new();
        for logged in log::of_office(db, "office.imported")? {
            if let Event::Imported(imported) = logged.fact.event
                && imported.register == Register::Households
            {
                files.push(erasure::standing(db, imported.rows)?);
            }
        }
        files.sort_unstable();
        files.dedup();
        Ok(files)
    })?;
    let mut found = Vec::new();
    for sha in files {
        let missing = || StoreError::Damaged(format!("导入内容 {sha} 缺失"));
        let bytes = state.blobs.read(&sha)?.ok_or_else(missing)?;
        let rows: Vec<Row> = import::unpack(&bytes)?.collect::<io::Result<_>>()?;
        let others: Vec<Row> = rows.into_iter().filter(|row| row.id != household).collect();
        let packed = import::pack(&others)?;
        if Sha::of(&packed) != sha {
            found.push((sha, packed));
        }
    }
    Ok(found)
}

/// Destroys what there is of a visit that turns out to have been at a dwelling that was erased: nobody knew whose it was.
pub fn forget(writing: &mut Writing<'_>, visit: VisitId, at: Millis) -> Result<(), StoreError> {
    let bodies: Vec<u64> = writing
        .tx
        .prepare_cached("SELECT b.g FROM envelope e JOIN body b ON b.g = e.g WHERE e.visit = ?1 ORDER BY b.g")?
        .query_map([visit.0.as_bytes()], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))?
        .collect::<Result<_, _>>()?;
    if bodies.is_empty() {
        return Ok(());
    }
    writing.tx.execute_batch("PRAGMA secure_delete = ON")?;
    destroy(writing, &bodies, &[visit], &[], at)?;
    Ok(writing.tx.execute_batch("PRAGMA secure_delete = FAST")?)
}

/// Destroys what the event names: bodies, and files that nobody else's envelopes name.
fn destroy(
    writing: &mut Writing<'_>,
    bodies: &[u64],
    visits: &[VisitId],
    replaced: &[Replaced],
    at: Millis,
) -> Result<(), StoreError> {
    let tx = writing.tx;
    for g in bodies {
        tx.prepare_cached("DELETE FROM body WHERE g = ?1")?.execute([*g as i64])?;
        tx.prepare_cached("DELETE FROM outcome WHERE g = ?1")?.execute([*g as i64])?;
    }
    let mut files = Vec::new();
    for visit in visits {
        let mut query = tx.prepare_cached(
            "SELECT DISTINCT r.sha FROM envelope e JOIN blob_ref r ON r.g = e.g WHERE e.visit = ?1 ORDER BY r.sha",
        )?;
        let rows = query.query_map([visit.0.as_bytes()], |row| Ok(Sha(row.get(0)?)))?;
        files.extend(rows.collect::<Result<Vec<_>, _>>()?);
    }
    for sha in files {
        let mut named = tx.prepare_cached("SELECT 1 FROM blob_ref r JOIN body b ON b.g = r.g WHERE r.sha = ?1")?;
        if named.exists([sha.0.as_slice()])? {
            // Its copy in the backup is sealed under a key that goes: it is shipped once more, under another.
            tx.prepare_cached("UPDATE blob SET shipped = 0 WHERE sha = ?1")?.execute([sha.0.as_slice()])?;
        } else {
            drop_file(tx, &sha, at)?;
        }
    }
    for file in replaced {
        drop_file(tx, &file.was, at)?;
    }
    Ok(())
}

fn drop_file(tx: &Connection, sha: &Sha, at: Millis) -> Result<(), StoreError> {
    let sha = sha.0.as_slice();
    // One that is whole may lie in the backup though nobody noted it: whoever shipped it was cut off.
    tx.prepare_cached(
        "UPDATE blob SET flag = 'erased', shipped = shipped OR whole_ms IS NOT NULL, whole_ms = coalesce(whole_ms, ?2)
         WHERE sha = ?1",
    )?
    .execute(params![sha, at.0])?;
    tx.prepare_cached("DELETE FROM blob_need WHERE sha = ?1")?.execute([sha])?;
    tx.prepare_cached("DELETE FROM blob_owed WHERE sha = ?1")?.execute([sha])?;
    Ok(())
}
