//! What devices sent and the office has to look at: held because it is not understood yet, or quarantined. All of it is
//! kept and acknowledged; the office can have it judged anew once what stood against it has changed, or file what nothing is to
//! be done about.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::Filed;
use nuanfang_core::id::{OpId, WorkerId};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::details::label;
use super::devices::{DeviceState, DeviceView, read_devices};
use super::permit::{Dispatch, May, ReadDevices};
use super::views::{Named, Page};
use super::{Asked, Body, page, text};
use crate::http::Problem;
use crate::office::lost::WAITS;
use crate::office::registers::names;
use crate::office::{OfficeAct, rejudge};
use crate::state::AppState;
use crate::store::StoreError;

/// How many may be judged anew or filed at a time.
const AT_ONCE: usize = 500;

/// That somebody has to look at an outcome `o`. Of what came about somebody who was erased nothing is there to look at.
const KEPT: &str = "o.o IN ('held', 'quarantined') AND o.why IS NOT 'erased'";

/// Which page of what is kept apart.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KeptQuery {
    /// From 0.
    pub page: Option<u64>,
    /// Rows a page, at most 200; 50 when absent.
    pub size: Option<u64>,
    /// What was filed, in place of what is still to be looked at.
    #[serde(default)]
    pub filed: bool,
}

/// Where it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeptName {
    /// 暂存: not understood yet.
    Held,
    /// 隔离: a person has to look.
    Quarantined,
}

/// One operation that is kept apart.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeptView {
    /// The operation.
    pub op: Uuid,
    /// `visit.completed`.
    pub kind: String,
    /// As shown.
    pub zh: String,
    /// As shown in English.
    pub en: String,
    /// Who acted.
    pub worker: Named,
    /// Whose log it came in.
    pub device: Uuid,
    /// What that phone calls itself; none if it was never enrolled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
    /// About which visit; it may be one that the office does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visit: Option<Uuid>,
    /// The office knows the visit.
    pub visit_known: bool,
    /// It waits for a visit whose plan was lost: planned again, it counts.
    pub lost: bool,
    /// When it was done, best estimate.
    pub at_ms: i64,
    /// When it came.
    pub recv_ms: i64,
    /// Where it is kept.
    pub kept: KeptName,
    /// Why, a stable code: `never_assigned`.
    pub why: String,
    /// When it was filed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filed_ms: Option<i64>,
}

/// Operations that are kept apart, and what is to become of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeptRequest {
    /// Which, in the order in which they are judged, 500 at most.
    #[schema(min_items = 1, max_items = 500)]
    pub ops: Vec<Uuid>,
    /// Judged anew, what has changed since; filed, why nothing is to be done.
    pub reason: String,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejudgedView {
    /// How many of them are still kept apart.
    pub kept: usize,
    /// Why the first of those is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What somebody in the office should look at now.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlarmsView {
    /// Phones that may hold evidence and have not come for too long (F.13).
    pub silent_devices: u64,
    /// Phones whose log forked and that were not enrolled anew.
    pub forked_devices: u64,
    /// Operations held or quarantined, and not filed.
    pub kept: u64,
    /// The backup stands still: what the office does is lost with this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<HaltView>,
}

/// That the backup stands still.
#[derive(Debug, Serialize, ToSchema)]
pub struct HaltView {
    /// Since when.
    pub since_ms: i64,
    /// Why, in Chinese.
    pub why: String,
}

/// What somebody should look at now, counted.
#[utoipa::path(get, path = "/api/alarms", tag = "quarantine", operation_id = "alarms",
    responses((status = 200, description = "Counts", body = AlarmsView)))]
pub async fn alarms(_may: May<ReadDevices>, State(state): State<AppState>) -> Result<Json<AlarmsView>, Problem> {
    let (seen, now) = (state.seen.clone(), state.now());
    let backup = state.halted.get().map(|halt| HaltView { since_ms: halt.since.0, why: halt.why });
    let read = move |db: &Connection| {
        let devices = read_devices(db, &seen, now)?;
        let count = |of: fn(&DeviceView) -> bool| devices.iter().filter(|device| of(device)).count() as u64;
        Ok::<_, StoreError>(AlarmsView {
            silent_devices: count(|device| device.silent),
            forked_devices: count(|device| device.forked && device.state == DeviceState::Active),
            kept: kept(db, false)?,
            backup,
        })
    };
    Ok(Json(state.read(read).await?))
}

/// A page of what is held or quarantined, newest first: what is still to be looked at, or what was filed.
#[utoipa::path(get, path = "/api/quarantine", tag = "quarantine", operation_id = "quarantine", params(KeptQuery),
    responses((status = 200, description = "A page of what is kept apart, newest first", body = Page<KeptView>)))]
pub async fn quarantine(
    _may: May<ReadDevices>,
    State(state): State<AppState>,
    Asked(query): Asked<KeptQuery>,
) -> Result<Json<Page<KeptView>>, Problem> {
    Ok(Json(state.read(move |db| read(db, query)).await?))
}

/// Judge operations anew by the state as it is now, all of them or, where one is no longer kept apart, none. They may come out
/// as they were.
#[utoipa::path(post, path = "/api/quarantine/rejudge", tag = "quarantine", operation_id = "rejudge",
    request_body = KeptRequest,
    responses((status = 200, description = "Judged", body = RejudgedView),
        (status = 404, description = "One of them is not kept apart", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "None, or too many", body = Problem, content_type = "application/problem+json")))]
pub async fn rejudge(
    may: May<Dispatch>,
    State(state): State<AppState>,
    Body(request): Body<KeptRequest>,
) -> Result<Json<RejudgedView>, Problem> {
    let ops = request.ops.clone();
    act_on(&may, &state, request, rejudge::act).await?;
    let whys = state.read(move |db| rejudge::whys(db, ops)).await?;
    Ok(Json(RejudgedView { kept: whys.len(), why: whys.into_iter().next() }))
}

/// File operations that nothing is to be done about, all of them or, where one is no longer kept apart, none. They stay kept;
/// judged anew they are to be looked at once more.
#[utoipa::path(post, path = "/api/quarantine/file", tag = "quarantine", operation_id = "fileKept",
    request_body = KeptRequest,
    responses((status = 204, description = "Filed"),
        (status = 404, description = "One of them is not kept apart", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "None, or too many", body = Problem, content_type = "application/problem+json")))]
pub async fn file_kept(
    may: May<Dispatch>,
    State(state): State<AppState>,
    Body(request): Body<KeptRequest>,
) -> Result<StatusCode, Problem> {
    act_on(&may, &state, request, |op, reason| OfficeAct::of(Event::Filed(Filed { op, reason }))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An act for each of the operations, if all of them are kept apart.
async fn act_on(
    may: &May<Dispatch>,
    state: &AppState,
    request: KeptRequest,
    act: impl Fn(OpId, String) -> OfficeAct,
) -> Result<(), Problem> {
    let (reason, ops) = (text("reason", &request.reason, 200)?, request.ops);
    if ops.is_empty() || ops.len() > AT_ONCE {
        return Err(Problem::unprocessable("quarantine.ops", format!("一次可处理 1 至 {AT_ONCE} 条记录")));
    }
    let acts = ops.iter().map(|op| act(OpId(*op), reason.clone())).collect();
    let check = move |db: &Connection| match rejudge::whys(db, ops.iter().copied())?.len() == ops.len() {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "quarantine.not_kept",
            "有记录不在暂存或隔离中，可能已被重新判定；请刷新后再试",
        )),
    };
    state.office.append(WorkerId(may.user.id), acts, check).await?;
    Ok(())
}

/// The rows that were filed, or are still to be looked at.
fn which(filed: bool) -> String {
    let is = if filed { "NOT NULL" } else { "NULL" };
    format!("{KEPT} AND o.filed_ms IS {is}")
}

/// How many operations are kept apart, filed or still to be looked at.
fn kept(db: &Connection, filed: bool) -> Result<u64, StoreError> {
    let mut query = db.prepare_cached(&format!("SELECT count(*) FROM outcome o WHERE {}", which(filed)))?;
    Ok(query.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

fn read(db: &Connection, query: KeptQuery) -> Result<Page<KeptView>, StoreError> {
    let (page, size) = page(query.page, query.size);
    let (total, names, which) = (kept(db, query.filed)?, names(db)?, which(query.filed));
    let mut query = db.prepare_cached(&format!(
        "SELECT e.op, e.kind, e.worker, w.device, d.name, e.visit, v.id IS NOT NULL, e.est_ms, e.recv_ms, o.o = 'held',
         coalesce(o.why, ''), ({WAITS}), o.filed_ms
         FROM outcome o JOIN envelope e ON e.g = o.g JOIN writer w ON w.dev = e.dev
         LEFT JOIN device d ON d.id = w.device LEFT JOIN visit v ON v.id = e.visit
         WHERE {which} ORDER BY o.g DESC LIMIT ?1 OFFSET ?2",
    ))?;
    let rows = query.query_map([size as i64, (page * size) as i64], |row| {
        let kind: String = row.get(1)?;
        let worker = Uuid::from_bytes(row.get(2)?);
        let (zh, en) = label(&kind);
        Ok(KeptView {
            op: Uuid::from_bytes(row.get(0)?),
            kind,
            zh,
            en,
            worker: Named { id: worker, name: names.get(&worker).cloned().unwrap_or_else(|| worker.to_string()) },
            device: Uuid::from_bytes(row.get(3)?),
            device_name: row.get(4)?,
            visit: row.get::<_, Option<[u8; 16]>>(5)?.map(Uuid::from_bytes),
            visit_known: row.get(6)?,
            lost: row.get(11)?,
            at_ms: row.get(7)?,
            recv_ms: row.get(8)?,
            kept: if row.get(9)? { KeptName::Held } else { KeptName::Quarantined },
            why: row.get(10)?,
            filed_ms: row.get(12)?,
        })
    })?;
    Ok(Page { total, page, size, rows: rows.collect::<Result<_, _>>()? })
}
