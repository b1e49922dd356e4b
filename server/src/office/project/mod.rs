//! Projections: every table but the log, made from one envelope at a time in the order of receipt. A pure function
//! of the log, the files and the state made so far, so that `rebuild` gives the same bytes.

pub mod device;
pub mod erasure;
pub mod record;
pub mod rules;
pub mod setting;
pub mod visit;

use nuanfang_core::domain::Event;
use nuanfang_core::id::{OpId, VisitId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::OutcomeKind;
use rusqlite::params;

use super::judge::{Judgement, judge, judge_anew, outcome_name};
use super::log::{self, Logged};
use super::registers;
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// Makes what follows from one envelope.
pub fn project(writing: &mut Writing<'_>, logged: &Logged) -> Result<Judgement, StoreError> {
    writing.touched.g = logged.g;
    name_files(writing, logged)?;
    if logged.erased {
        return erased(writing, logged);
    }
    registers::project(writing, logged)?;
    if logged.office {
        office(writing, logged)?;
        return Ok(Judgement::APPLIED);
    }
    let judgement = judge(writing.tx, logged)?;
    note(writing, logged, judgement, false)?;
    if judgement.counts() {
        visit::lane_event(writing, logged)?;
    }
    record::received(writing, logged)?;
    if matches!(logged.fact.event, Event::Opened(_)) && judgement.counts() {
        release(writing, logged.visit, logged.recv)?;
    }
    Ok(judgement)
}

/// The code of an envelope that is kept apart because its projection failed.
pub const FAULT: &str = "fault";

/// Keeps an envelope apart whose projection failed. Its files are asked for and its record is proved all the same, if it is
/// not that which failed: evidence is never refused.
pub fn quarantine(writing: &mut Writing<'_>, logged: &Logged, why: &'static str) -> Result<Judgement, StoreError> {
    writing.touched.g = logged.g;
    name_files(writing, logged)?;
    let judgement = Judgement::quarantined(why);
    note(writing, logged, judgement, false)?;
    match writing.savepoint(|writing| record::received(writing, logged)) {
        Err(error) if error.is_passing() => Err(error),
        _ => Ok(judgement),
    }
}

/// Notes which files an envelope names.
fn name_files(writing: &Writing<'_>, logged: &Logged) -> Result<(), StoreError> {
    for blob in &logged.fact.blobs {
        writing
            .tx
            .prepare_cached("INSERT OR IGNORE INTO blob_ref (sha, g, role) VALUES (?1, ?2, ?3)")?
            .execute(params![blob.sha.0.as_slice(), logged.g as i64, blob.role])?;
    }
    Ok(())
}

/// An envelope that says nothing any more. One that came after the erasure is kept apart, so that the office sees that a
/// phone still held something.
fn erased(writing: &mut Writing<'_>, logged: &Logged) -> Result<Judgement, StoreError> {
    if logged.office {
        return Ok(Judgement::APPLIED);
    }
    erasure::begun(writing.tx, logged)?;
    if !erasure::came_after(writing.tx, logged)? {
        return Ok(Judgement::APPLIED);
    }
    let judgement = Judgement::quarantined("erased");
    note(writing, logged, judgement, false)?;
    Ok(judgement)
}

fn office(writing: &mut Writing<'_>, logged: &Logged) -> Result<(), StoreError> {
    match &logged.fact.event {
        Event::DeviceEnrolled(enrolled) => device::enrolled(writing, logged, enrolled)?,
        Event::DeviceRevoked(revoked) => device::revoked(writing, logged, revoked)?,
        Event::SettingsChanged(changed) => setting::changed(writing, logged, changed)?,
        Event::Rejudged(rejudged) => rejudge(writing, rejudged.op, logged.recv)?,
        Event::Filed(filed) => file(writing, filed.op, logged.recv)?,
        Event::HouseholdErased(event) => erasure::erased(writing, logged, event)?,
        _ => {}
    }
    if let Some(visit) = logged.visit {
        let was_known = visit::office_event(writing, visit, logged)?;
        if !was_known {
            release(writing, Some(visit), logged.recv)?;
        }
    }
    Ok(())
}

/// Judges anew what waited for a visit to be known; `at` is when it came to be known.
fn release(writing: &mut Writing<'_>, visit: Option<VisitId>, at: Millis) -> Result<(), StoreError> {
    let Some(visit) = visit else { return Ok(()) };
    let held: Vec<i64> = writing
        .tx
        .prepare_cached("SELECT g FROM outcome WHERE visit = ?1 AND o = 'held' AND why = 'visit_unknown' ORDER BY g")?
        .query_map([visit.0.as_bytes()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    all_again(writing, &held, at)
}

/// Judges anew what is kept of an operation that the office names; `at` is when it did.
fn rejudge(writing: &mut Writing<'_>, op: OpId, at: Millis) -> Result<(), StoreError> {
    let kept: Vec<i64> = writing
        .tx
        .prepare_cached(
            "SELECT o.g FROM outcome o JOIN envelope e ON e.g = o.g
             WHERE e.op = ?1 AND o.o IN ('held', 'quarantined') ORDER BY o.g",
        )?
        .query_map([op.0.as_bytes()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    all_again(writing, &kept, at)
}

/// What is kept of an operation was looked at, `at`; judged anew it is to be looked at once more.
fn file(writing: &mut Writing<'_>, op: OpId, at: Millis) -> Result<(), StoreError> {
    writing
        .tx
        .prepare_cached(
            "UPDATE outcome SET filed_ms = ?2
             WHERE g IN (SELECT g FROM envelope WHERE op = ?1) AND o IN ('held', 'quarantined')",
        )?
        .execute(params![op.0.as_bytes(), at.0])?;
    Ok(())
}

/// Judges envelopes anew: together, and only where a fault keeps that from being made one by one, each of which folds its visit
/// from the beginning.
fn all_again(writing: &mut Writing<'_>, all: &[i64], at: Millis) -> Result<(), StoreError> {
    match visit::apart(writing, at, |writing| all.iter().try_for_each(|g| anew(writing, *g, at))) {
        Err(error) if !error.is_passing() => all.iter().try_for_each(|g| again(writing, *g, at)),
        done => done,
    }
}

/// Judges one envelope anew. Where a fault keeps what follows from it from being made, its visit's row included, it stays
/// where it is and is nobody else's trouble.
fn again(writing: &mut Writing<'_>, g: i64, at: Millis) -> Result<(), StoreError> {
    match visit::apart(writing, at, |writing| anew(writing, g, at)) {
        Err(error) if !error.is_passing() => {
            tracing::error!(%error, g, "an operation stays apart");
            Ok(())
        }
        done => done,
    }
}

/// Judges one envelope by the state as it is now, and has its phone told again.
fn anew(writing: &mut Writing<'_>, g: i64, at: Millis) -> Result<(), StoreError> {
    // What was erased says nothing that could be judged.
    let Some(logged) = log::at(writing.tx, g as u64)?.filter(|logged| !logged.erased) else { return Ok(()) };
    let mut judgement = judge_anew(writing.tx, &logged, writing.touched.g)?;
    if judgement == Judgement::APPLIED {
        judgement.why = Some("released");
    }
    writing.tx.prepare_cached("DELETE FROM outcome WHERE g = ?1")?.execute([g])?;
    note(writing, &logged, judgement, true)?;
    if !record::is_noted(writing.tx, logged.g)? {
        record::received(writing, &logged)?;
    }
    if judgement.counts() {
        visit::lane_event(writing, &logged)?;
        if matches!(logged.fact.event, Event::Opened(_)) {
            release(writing, logged.visit, at)?;
        }
    }
    Ok(())
}

/// Writes an outcome down, unless it is simply applied. `anew`: the phone, which was told another, is told once more;
/// where that was in the order of receipt stands beside it.
fn note(writing: &mut Writing<'_>, logged: &Logged, judgement: Judgement, anew: bool) -> Result<(), StoreError> {
    if judgement.outcome == OutcomeKind::Applied && judgement.why.is_none() {
        return Ok(());
    }
    writing
        .tx
        .prepare_cached("INSERT INTO outcome (g, dev, seq, o, why, visit, anew) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            logged.g as i64,
            logged.dev,
            logged.fact.seq as i64,
            outcome_name(judgement.outcome),
            judgement.why,
            logged.visit.as_ref().map(|visit| visit.0.as_bytes()),
            if anew { writing.touched.g as i64 } else { 0 },
        ])?;
    Ok(())
}
