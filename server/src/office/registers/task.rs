//! What the office has to do because of a visit: told anew whenever the visit is folded, closed by what the office
//! does about it.

use nuanfang_core::domain::VisitOverview;
use nuanfang_core::domain::view::{Task, TaskKind};
use nuanfang_core::id::VisitId;
use nuanfang_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// The kind of a task that a late lane gives rise to.
pub const LATE: &str = "late_decision";

/// How a task's kind is written down.
pub fn kind_name(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::CallBack => "call_back",
        TaskKind::WorkOrder => "work_order",
        TaskKind::NextVisit => "next_visit",
        TaskKind::Monitoring => "monitoring",
        TaskKind::Remeasurement => "remeasurement",
    }
}

/// Writes a visit's tasks as they are now; `at` is when what changed them came. One that the office has done stays
/// done; one that nothing gives rise to any more is done too. A decision about late work is open again once there is more of
/// it.
pub fn tell(writing: &Writing<'_>, overview: &VisitOverview, at: Millis) -> Result<(), StoreError> {
    let visit = overview.visit;
    let mut put = writing.tx.prepare_cached(
        "INSERT INTO task (visit, kind, op, subject, lane, zh, en, opened_ms, done_ms, from_ms, until_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (visit, kind, op, subject) DO UPDATE SET zh = excluded.zh, en = excluded.en,
         from_ms = excluded.from_ms, until_ms = excluded.until_ms,
         done_ms = coalesce(done_ms, excluded.done_ms)",
    )?;
    for task in &overview.tasks {
        put.execute(params![
            visit.0.as_bytes(),
            kind_name(task.kind),
            task.op.0.as_bytes(),
            task.subject,
            task.lane as i64,
            task.zh,
            task.en,
            at.0,
            task.done.then_some(at.0),
            task.window.map(|window| window.from.0),
            task.window.map(|window| window.until.0),
        ])?;
    }
    for lane in overview.lanes.iter().filter(|lane| lane.late) {
        let subject = lane.lane.to_string();
        if lane.decision.is_none() {
            writing
                .tx
                .prepare_cached(
                    "UPDATE task SET opened_ms = ?5, done_ms = NULL
                     WHERE visit = ?1 AND kind = ?2 AND op = ?3 AND subject = ?4 AND done_ms IS NOT NULL",
                )?
                .execute(params![visit.0.as_bytes(), LATE, visit.0.as_bytes(), subject, at.0])?;
        }
        put.execute(params![
            visit.0.as_bytes(),
            LATE,
            visit.0.as_bytes(),
            subject,
            lane.lane as i64,
            "已改派的服务有迟到记录，请决定如何处理",
            "late work on a visit that was moved: decide about it",
            at.0,
            lane.decision.map(|_| at.0),
            None::<i64>,
            None::<i64>,
        ])?;
    }
    close(writing, overview, at)
}

/// Closes what the visit does not ask for any more: the resident signed after all, a finding was corrected.
fn close(writing: &Writing<'_>, overview: &VisitOverview, at: Millis) -> Result<(), StoreError> {
    let visit = overview.visit;
    let open: Vec<(String, [u8; 16], String)> = writing
        .tx
        .prepare_cached("SELECT kind, op, subject FROM task WHERE visit = ?1 AND done_ms IS NULL")?
        .query_map([visit.0.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (kind, op, subject) in open {
        let asked_for = if kind == LATE {
            overview.lanes.iter().any(|lane| lane.late && lane.lane.to_string() == subject)
        } else {
            let same = |task: &Task| (kind_name(task.kind), task.op.0.into_bytes()) == (kind.as_str(), op);
            overview.tasks.iter().any(|task| same(task) && task.subject == subject)
        };
        if !asked_for {
            writing
                .tx
                .prepare_cached(
                    "UPDATE task SET done_ms = ?5 WHERE visit = ?1 AND kind = ?2 AND op = ?3 AND subject = ?4",
                )?
                .execute(params![visit.0.as_bytes(), kind, op, subject, at.0])?;
        }
    }
    Ok(())
}

/// The id of the visit that the appointment agreed at the door of `visit` asks for: computed from the event that carries
/// the appointment, so that two dispatchers who plan it plan one visit.
pub fn agreed_at_the_door(db: &Connection, visit: VisitId) -> Result<Option<VisitId>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT op FROM task WHERE visit = ?1 AND kind = 'next_visit' ORDER BY opened_ms DESC LIMIT 1",
    )?;
    let op: Option<[u8; 16]> = query.query_row([visit.0.as_bytes()], |row| row.get(0)).optional()?;
    Ok(op.map(|op| VisitId(Uuid::new_v5(&Uuid::from_bytes(op), b"next_visit"))))
}

/// A visit that follows `visit` has been planned: what only asked for one is done.
pub fn followed(writing: &Writing<'_>, visit: VisitId, at: Millis) -> Result<(), StoreError> {
    writing
        .tx
        .prepare_cached(
            "UPDATE task SET done_ms = ?2 WHERE visit = ?1 AND done_ms IS NULL
             AND kind IN ('work_order', 'next_visit', 'monitoring', 'remeasurement')",
        )?
        .execute(params![visit.0.as_bytes(), at.0])?;
    Ok(())
}
