//! What becomes of an envelope: applied, late, held or quarantined. Every one of them is stored and acknowledged;
//! judging never refuses (I6, I7).

use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::RevokeReason;
use nuanfang_core::id::{DeviceId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::OutcomeKind;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::log::{self, Logged};
use super::project::setting;
use crate::store::StoreError;

/// An outcome with its stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// What became of it.
    pub outcome: OutcomeKind,
    /// Why, where it is not simply applied.
    pub why: Option<&'static str>,
}

impl Judgement {
    /// Part of the visit's lane as it came.
    pub const APPLIED: Self = Self { outcome: OutcomeKind::Applied, why: None };

    fn new(outcome: OutcomeKind, why: &'static str) -> Self {
        Self { outcome, why: Some(why) }
    }

    /// Not understood yet.
    pub fn held(why: &'static str) -> Self {
        Self::new(OutcomeKind::Held, why)
    }

    /// Kept apart for a person to look at.
    pub fn quarantined(why: &'static str) -> Self {
        Self::new(OutcomeKind::Quarantined, why)
    }

    /// Whether the event is folded into its visit.
    pub fn counts(&self) -> bool {
        matches!(self.outcome, OutcomeKind::Applied | OutcomeKind::Late)
    }
}

/// How an outcome is written down.
pub fn outcome_name(outcome: OutcomeKind) -> &'static str {
    match outcome {
        OutcomeKind::Applied => "applied",
        OutcomeKind::Late => "late",
        OutcomeKind::Held => "held",
        OutcomeKind::Quarantined => "quarantined",
    }
}

/// Reads an outcome as it is written down.
pub fn outcome_from(name: &str) -> OutcomeKind {
    match name {
        "late" => OutcomeKind::Late,
        "held" => OutcomeKind::Held,
        "quarantined" => OutcomeKind::Quarantined,
        _ => OutcomeKind::Applied,
    }
}

/// Judges a device's envelope, as it comes, by the state as it is then, which holds everything before it.
pub fn judge(tx: &Connection, logged: &Logged) -> Result<Judgement, StoreError> {
    if let Some(counted) = counted(tx, logged, logged.g)? {
        return Ok(counted);
    }
    let device = device(tx, logged)?;
    if let Some(since) = device.as_ref().and_then(|device| device.dismissed)
        && is_overdue(tx, logged, since)?
    {
        return Ok(Judgement::quarantined(OVERDUE));
    }
    by_itself(tx, logged, device)
}

/// Why what a dismissed phone brings too late is kept apart.
pub const OVERDUE: &str = "hand_in_overdue";

/// Whether the time to hand in is over for a phone that is dismissed `since`. After a restore it begins anew: what was handed
/// in in time and lost with the server is offered again.
fn is_overdue(tx: &Connection, logged: &Logged, since: Millis) -> Result<bool, StoreError> {
    let Some(term) = setting::hand_in_ms(tx)? else { return Ok(false) };
    let over = |since: Millis| logged.recv.0.saturating_sub(since.0) > term;
    let in_time = |restored: &Logged| restored.g < logged.g && !over(restored.recv);
    Ok(over(since) && !log::of_office(tx, "office.restored")?.iter().any(in_time))
}

/// The same with one that is here, by the state as it is now. Whether its phone's time to hand in was over is not asked again:
/// that is what the office lets in with its word, in the log at `at`.
pub fn judge_anew(tx: &Connection, logged: &Logged, at: u64) -> Result<Judgement, StoreError> {
    match counted(tx, logged, at)? {
        Some(counted) => Ok(counted),
        None => by_itself(tx, logged, device(tx, logged)?),
    }
}

fn by_itself(tx: &Connection, logged: &Logged, device: Option<Enrolled>) -> Result<Judgement, StoreError> {
    let fact = &logged.fact;
    let Some(device) = device else { return Ok(Judgement::quarantined("device_unknown")) };
    if device.stolen.is_some_and(|since| logged.g > since) {
        return Ok(Judgement::quarantined("device_revoked"));
    }
    if device.worker != fact.worker {
        return Ok(Judgement::quarantined("worker_mismatch"));
    }
    if fact.event.is_office() {
        return Ok(Judgement::quarantined("office_only"));
    }
    match &fact.event {
        Event::Unknown { .. } => return Ok(Judgement::held("kind_unknown")),
        Event::Unreadable { .. } => return Ok(Judgement::quarantined("body_unreadable")),
        Event::Unmasked(_) => return Ok(Judgement::APPLIED),
        _ => {}
    }
    if !super::project::rules::knows(&fact.rules) {
        return Ok(Judgement::held("rules_unknown"));
    }
    let Some(visit) = logged.visit else { return Ok(Judgement::quarantined("visit_missing")) };
    if let Some(held) = holding(tx, visit, fact.worker, fact.basis)? {
        return Ok(held);
    }
    match (&fact.event, known(tx, visit)?) {
        (Event::Opened(_), false) => Ok(Judgement::APPLIED),
        (_, false) => Ok(Judgement::held("visit_unknown")),
        (_, true) => Ok(Judgement::quarantined("never_assigned")),
    }
}

struct Enrolled {
    worker: WorkerId,
    /// From where in the log on it is in wrong hands: what came before stays what it was, whatever the office's clock said.
    stolen: Option<u64>,
    /// Since when its worker is dismissed.
    dismissed: Option<Millis>,
}

fn device(tx: &Connection, logged: &Logged) -> Result<Option<Enrolled>, StoreError> {
    let mut query = tx.prepare_cached("SELECT worker, status, revoked_ms, g FROM device WHERE id = ?1")?;
    let found = query
        .query_row([logged.fact.device.0.as_bytes()], |row| {
            let since = row.get::<_, Option<i64>>(2)?.map(Millis);
            let status: String = row.get(1)?;
            Ok((WorkerId(Uuid::from_bytes(row.get(0)?)), status, since, row.get::<_, i64>(3)?.unsigned_abs()))
        })
        .optional()?;
    let Some((worker, status, since, enrolled)) = found else { return Ok(None) };
    let stolen = if status == "stolen" { stolen_at(tx, logged.fact.device, enrolled)? } else { None };
    Ok(Some(Enrolled { worker, stolen, dismissed: since.filter(|_| status == "dismissed") }))
}

/// Where in the log the office says that a device, enrolled at `enrolled`, is stolen.
fn stolen_at(tx: &Connection, device: DeviceId, enrolled: u64) -> Result<Option<u64>, StoreError> {
    let says = |logged: &Logged| match &logged.fact.event {
        Event::DeviceRevoked(revoked) => revoked.device == device && revoked.reason == RevokeReason::Stolen,
        _ => false,
    };
    let revoked = log::of_office(tx, "office.device_revoked")?;
    Ok(revoked.iter().find(|logged| logged.g > enrolled && says(logged)).map(|logged| logged.g))
}

/// As many copies of an operation are looked at: a phone is not enrolled anew so often, and each is a look for everybody to wait for.
const COPIES: u32 = 64;

/// The same operation, logged under another device too, after a fork or in a rescue file: it counts once, as it did then. Where
/// none of those that stand in the log before `before` counts, this one is judged by itself.
fn counted(tx: &Connection, logged: &Logged, before: u64) -> Result<Option<Judgement>, StoreError> {
    // Nearly always there is none, which the index alone says.
    let mut copies = tx.prepare_cached("SELECT g FROM envelope WHERE op = ?1 AND g < ?2 AND g <> ?3 ORDER BY g")?;
    let mut copies = copies.query(params![logged.fact.op.0.as_bytes(), before as i64, logged.g as i64])?;
    let mut seen = 0;
    while let Some(copy) = copies.next()? {
        let copy: i64 = copy.get(0)?;
        seen += 1;
        if seen > COPIES {
            return Ok(Some(Judgement::quarantined("op_reused")));
        }
        let mut query = tx.prepare_cached(
            "SELECT o.kind = e.kind AND o.worker = e.worker AND o.visit IS e.visit AND o.body_sha = e.body_sha, was.o
             FROM envelope e JOIN envelope o ON o.g = ?2 LEFT JOIN outcome was ON was.g = o.g WHERE e.g = ?1",
        )?;
        let (same, was): (bool, Option<String>) =
            query.query_row([logged.g as i64, copy], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if !same && copy < logged.g as i64 {
            return Ok(Some(Judgement::quarantined("op_reused")));
        }
        let was = was.map_or(OutcomeKind::Applied, |was| outcome_from(&was));
        let was = Judgement { outcome: was, why: Some("duplicate") };
        if same && was.counts() {
            return Ok(Some(was));
        }
    }
    Ok(None)
}

fn known(tx: &Connection, visit: VisitId) -> Result<bool, StoreError> {
    Ok(tx.prepare_cached("SELECT 1 FROM visit WHERE id = ?1")?.exists([visit.0.as_bytes()])?)
}

/// Whether the worker holds the visit or held it; `None` if he never did.
fn holding(tx: &Connection, visit: VisitId, worker: WorkerId, basis: u64) -> Result<Option<Judgement>, StoreError> {
    let mut query = tx.prepare_cached(
        "SELECT to_g IS NULL, (SELECT min(plan) FROM assignment b WHERE b.visit = a.visit AND b.plan > a.plan)
         FROM assignment a WHERE visit = ?1 AND worker = ?2 ORDER BY plan DESC LIMIT 1",
    )?;
    let held: Option<(bool, Option<i64>)> = query
        .query_row(params![visit.0.as_bytes(), worker.0.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(held.map(|held| match held {
        (true, _) => Judgement::APPLIED,
        // He had seen that it was taken from him, and went on.
        (false, Some(next)) if basis >= next as u64 => Judgement::new(OutcomeKind::Late, "reassigned_known"),
        (false, Some(_)) => Judgement::new(OutcomeKind::Late, "reassigned"),
        (false, None) => Judgement::new(OutcomeKind::Late, "cancelled"),
    }))
}
