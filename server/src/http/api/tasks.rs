//! What the office has to do: opened by what happened at a door, closed by what the office did about it.

use axum::Json;
use axum::extract::State;
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, params_from_iter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::permit::{May, ReadTasks};
use super::views::HouseholdLine;
use super::{Asked, cards};
use crate::http::Problem;
use crate::office::role::Role;
use crate::state::AppState;
use crate::store::StoreError;

/// Why there is something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskKindName {
    /// 回访 after a refusal to sign (closed by a call-back).
    CallBack,
    /// 工单 for a hazard in a shared fixture (closed by a visit that follows).
    WorkOrder,
    /// The next appointment agreed at the door (closed by a visit that follows).
    NextVisit,
    /// 48 小时连续监测 of a disputed room (5.6.7; closed by a visit that follows).
    Monitoring,
    /// 重新测温 of a disputed room (closed by a visit that follows).
    Remeasurement,
    /// Late work waits for a decision (closed by it).
    LateDecision,
}

/// Which tasks.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TaskQuery {
    /// `true`: closed ones; otherwise open ones.
    pub closed: Option<bool>,
    /// Only of this kind.
    pub kind: Option<TaskKindName>,
}

/// One task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskView {
    /// Why.
    pub kind: TaskKindName,
    /// What is to be done, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
    /// The visit it comes from.
    pub visit: Uuid,
    /// Where.
    pub household: HouseholdLine,
    /// The lane it comes from.
    pub lane: u64,
    /// The room, item or purpose it is about.
    pub subject: String,
    /// Since when, server time.
    pub opened_ms: i64,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_ms: Option<i64>,
}

/// What the office has to do, oldest first.
#[utoipa::path(get, path = "/api/tasks", tag = "tasks", operation_id = "tasks", params(TaskQuery),
    responses((status = 200, description = "Tasks, oldest first; closed ones newest first, at most 500",
        body = Vec<TaskView>)))]
pub async fn tasks(
    may: May<ReadTasks>,
    State(state): State<AppState>,
    Asked(query): Asked<TaskQuery>,
) -> Result<Json<Vec<TaskView>>, Problem> {
    let role = may.user.role;
    Ok(Json(state.read(move |db| read(db, None, Some(&query), role)).await?))
}

/// The tasks of one visit, closed ones too.
pub(super) fn of_visit(db: &Connection, visit: Uuid, role: Role) -> Result<Vec<TaskView>, StoreError> {
    read(db, Some(visit), None, role)
}

fn read(
    db: &Connection,
    visit: Option<Uuid>,
    query: Option<&TaskQuery>,
    role: Role,
) -> Result<Vec<TaskView>, StoreError> {
    let closed = query.is_some_and(|query| query.closed == Some(true));
    let mut conditions = vec!["1"];
    let mut values: Vec<SqlValue> = Vec::new();
    if let Some(visit) = visit {
        conditions.push("t.visit = ?1");
        values.push(SqlValue::Blob(visit.as_bytes().to_vec()));
    } else {
        conditions.push(if closed { "t.done_ms IS NOT NULL" } else { "t.done_ms IS NULL" });
        if let Some(kind) = query.and_then(|query| query.kind) {
            conditions.push("t.kind = ?1");
            values.push(SqlValue::Text(name(kind)));
        }
    }
    let order = if closed { "t.done_ms DESC" } else { "t.opened_ms" };
    let mut statement = db.prepare_cached(&format!(
        "SELECT t.kind, t.visit, t.lane, t.subject, t.zh, t.en, t.opened_ms, t.done_ms, v.household, h.community,
         h.address, h.resident FROM task t JOIN visit v ON v.id = t.visit
         LEFT JOIN household h ON h.id = v.household WHERE {} ORDER BY {order}, t.visit LIMIT 500",
        conditions.join(" AND ")
    ))?;
    let mut rows = statement.query(params_from_iter(&values))?;
    let mut tasks = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get(0)?;
        // A kind that a newer version wrote is for that version to show.
        let Ok(kind) = serde_json::from_value(serde_json::Value::from(kind)) else { continue };
        tasks.push(TaskView {
            kind,
            zh: row.get(4)?,
            en: row.get(5)?,
            visit: Uuid::from_bytes(row.get(1)?),
            household: cards::household_line(
                Uuid::from_bytes(row.get(8)?),
                row.get::<_, Option<String>>(9)?.unwrap_or_default(),
                row.get::<_, Option<String>>(10)?.unwrap_or_default(),
                row.get(11)?,
                role,
            ),
            lane: row.get::<_, i64>(2)?.unsigned_abs(),
            subject: row.get(3)?,
            opened_ms: row.get(6)?,
            closed_ms: row.get(7)?,
        });
    }
    Ok(tasks)
}

fn name(kind: TaskKindName) -> String {
    serde_json::to_value(kind).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
