//! The gate on dispatch: who may be sent, and when. Asked on the writer's thread, in the transaction of the act, so
//! that two dispatchers can't both be first (6.1.2).

use nuanfang_core::domain::{Rules, VisitKind, Window};
use nuanfang_core::error::Refusal;
use nuanfang_core::id::{VisitId, WorkerId};
use nuanfang_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, params};

use super::registers::worker::{self, RegisteredWorker};
use crate::store::StoreError;

/// A visit about to be given to somebody.
#[derive(Debug, Clone, Copy)]
pub struct Errand {
    /// Which; none = not yet planned.
    pub visit: Option<VisitId>,
    /// What for.
    pub kind: VisitKind,
    /// When.
    pub window: Option<Window>,
}

/// Everything that stands against sending `worker`; empty = may go.
pub fn gate(
    db: &Connection,
    rules: &Rules,
    worker: WorkerId,
    errand: &Errand,
    now: Millis,
) -> Result<Vec<Refusal>, StoreError> {
    let Some(registered) = worker::find(db, worker)? else {
        let unknown = Refusal::new("worker.unknown", "", "没有这名服务人员", "no such worker");
        return Ok(vec![unknown]);
    };
    let mut refusals = standing(&registered, rules, errand, now);
    refusals.extend(clashes(db, worker, errand)?);
    Ok(refusals)
}

/// What stands against a worker by the register alone.
pub fn standing(worker: &RegisteredWorker, rules: &Rules, errand: &Errand, now: Millis) -> Vec<Refusal> {
    // The badge must hold on the day of the visit, and today.
    let day = errand.window.map_or(now, |window| window.from.max(now));
    let mut refusals = worker.qualification().gaps(rules, day);
    let skill = skill(errand.kind);
    if !worker.skills.iter().any(|own| own == skill) {
        refusals.push(Refusal::new(
            "worker.skill_missing",
            "",
            format!("{}不是{skill}，不能派此类服务", worker.name),
            format!("{} lacks the skill {skill}", worker.name),
        ));
    }
    refusals
}

/// The skill that a kind of visit asks for.
pub fn skill(kind: VisitKind) -> &'static str {
    match kind {
        VisitKind::Measurement => "测温员",
        VisitKind::Inspection => "巡检员",
        VisitKind::Repair | VisitKind::Suspension | VisitKind::Restoration => "维修员",
    }
}

fn clashes(db: &Connection, worker: WorkerId, errand: &Errand) -> Result<Vec<Refusal>, StoreError> {
    let Some(window) = errand.window else { return Ok(Vec::new()) };
    let mut query = db.prepare_cached(
        "SELECT v.from_ms, v.until_ms, h.community, h.address FROM visit v
         LEFT JOIN household h ON h.id = v.household
         WHERE v.assignee = ?1 AND v.open = 1 AND v.state <> 'cancelled' AND v.from_ms < ?2 AND v.until_ms > ?3
         AND v.id IS NOT ?4 ORDER BY v.from_ms",
    )?;
    let own = errand.visit.map(|visit| visit.0.into_bytes());
    let rows = query.query_map(params![worker.0.as_bytes(), window.until.0, window.from.0, own], |row| {
        let (from, until): (i64, i64) = (row.get(0)?, row.get(1)?);
        let place: (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
        Ok((Millis(from), Millis(until), place))
    })?;
    let mut refusals = Vec::new();
    for row in rows {
        let (from, until, (community, address)) = row?;
        let when = format!("{}–{}", from.local().format("%m-%d %H:%M"), until.local().format("%H:%M"));
        let place = format!("{} {}", community.unwrap_or_default(), address.unwrap_or_default());
        refusals.push(Refusal::new(
            "dispatch.double_booked",
            "",
            format!("该时段已派往 {}（{when}）", place.trim()),
            format!("already sent to {} ({when})", place.trim()),
        ));
    }
    Ok(refusals)
}

/// A visit as far as an act on its plan needs it.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    /// What for.
    pub kind: VisitKind,
    /// When.
    pub window: Option<Window>,
    /// Who has it.
    pub assignee: Option<WorkerId>,
    /// The plan's version.
    pub version: u64,
    /// It can still be changed.
    pub open: bool,
    /// It was taken back.
    pub cancelled: bool,
}

/// The plan of a visit as it is projected.
pub fn planned(db: &Connection, visit: VisitId) -> Result<Option<Planned>, StoreError> {
    let mut query =
        db.prepare_cached("SELECT kind, from_ms, until_ms, assignee, plan, open, state FROM visit WHERE id = ?1")?;
    let found = query
        .query_row([visit.0.as_bytes()], |row| {
            let kind: String = row.get(0)?;
            let window: (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
            let assignee: Option<[u8; 16]> = row.get(3)?;
            let version: i64 = row.get(4)?;
            let (open, state): (bool, String) = (row.get(5)?, row.get(6)?);
            Ok((kind, window, assignee, version, open, state))
        })
        .optional()?;
    let Some((kind, window, assignee, version, open, state)) = found else { return Ok(None) };
    Ok(Some(Planned {
        kind: kind_from(&kind)?,
        window: match window {
            (Some(from), Some(until)) => Some(Window { from: Millis(from), until: Millis(until) }),
            _ => None,
        },
        assignee: assignee.map(|bytes| WorkerId(uuid::Uuid::from_bytes(bytes))),
        version: version.unsigned_abs(),
        open,
        cancelled: state == "cancelled",
    }))
}

/// A visit's kind as it is written down.
pub fn kind_from(name: &str) -> Result<VisitKind, StoreError> {
    serde_json::from_value(serde_json::Value::from(name))
        .map_err(|_| StoreError::Damaged(format!("a visit of the kind {name}")))
}
