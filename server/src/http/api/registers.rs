//! The smaller registers: workers with their phones, instruments, price lists.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::convert::{Builder, Shape};
use fast_qr::{ECL, QRBuilder};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::office_event::{DeviceRevoked, EnrolmentIssued, RevokeReason};
use nuanfang_core::domain::worker::local_date;
use nuanfang_core::domain::{Event, Rules};
use nuanfang_core::id::{DeviceId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::feed_entity::{PriceItem, PriceListEntity};
use rusqlite::{Connection, Params};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::permit::{ManageDevices, May, ReadDevices, ReadInstruments, ReadPrices, ReadWorkers};
use super::requests::{RevokeReasonName, RevokeRequest};
use super::views::{Named, RefusalView};
use super::{Asked, At, Body, no_visit};
use crate::http::Problem;
use crate::office::OfficeAct;
use crate::office::dispatch::{self, Errand};
use crate::office::project::{device, setting};
use crate::office::registers::{instrument, price, worker};
use crate::office::seen::Seen;
use crate::state::AppState;
use crate::store::{StoreError, blocking};

/// Which workers, and for when.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WorkerQuery {
    /// For this visit: `gate` then holds what stands against sending each of them.
    pub for_visit: Option<Uuid>,
}

/// A worker.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkerView {
    /// Its id.
    pub id: Uuid,
    /// 工牌编号.
    pub badge_number: String,
    /// 姓名.
    pub name: String,
    /// 部门.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// 维修员, 测温员, 巡检员.
    pub skills: Vec<String>,
    /// 季前培训学时, tenths of an hour.
    pub preseason_deci_hours: i64,
    /// 理论考试合格.
    pub theory_passed: bool,
    /// 实操考核合格.
    pub practical_passed: bool,
    /// 工牌有效期至, local date.
    pub badge_valid_until: String,
    /// What stands against sending this worker (6.1.2, badge; with `for_visit` also the visit's own): empty = may go.
    pub gate: Vec<RefusalView>,
    /// Visits that are not over.
    pub open_visits: u64,
    /// Phones enrolled and not revoked.
    pub devices: u64,
}

/// A one-time enrolment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EnrolmentView {
    /// The code; shown once.
    pub code: String,
    /// What the QR holds.
    pub text: String,
    /// The QR as SVG.
    pub qr_svg: String,
    /// Until when it can be used.
    pub expires_ms: i64,
}

/// What a phone has not sent yet, as it said itself when it last spoke.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub struct OwesView {
    /// Operations.
    pub ops: u64,
    /// Photos and signatures.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Where an enrolment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// In use.
    Active,
    /// The phone was enrolled anew and goes on under another id; nothing more is expected of this one.
    Replaced,
    /// 离职停用: may upload, reads nothing.
    Dismissed,
    /// 遗失: refused.
    Stolen,
}

/// A phone: one enrolment of one worker.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeviceView {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub worker: Named,
    /// What it calls itself.
    pub name: String,
    /// Where it stands.
    pub state: DeviceState,
    /// Since when.
    pub enrolled_ms: i64,
    /// When it last spoke, server time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_ms: Option<i64>,
    /// What it still owes.
    pub owes: OwesView,
    /// Files its operations named that are not whole here.
    pub files_missing: u64,
    /// Its wall clock minus the server's, milliseconds, when it last spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_error_ms: Option<i64>,
    /// Its time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    /// The app's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// It may hold evidence – it said so, or a visit of its worker should have begun – and has not come for longer than the
    /// company lets pass (setting `phone.silence_hours`; F.13).
    pub silent: bool,
    /// Its log is not the one received: it was copied or set back, and must be enrolled anew. What it holds is kept.
    pub forked: bool,
    /// The rules its last operation was recorded by are those in force; none before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules_current: Option<bool>,
    /// Operations acknowledged.
    pub acked_through: u64,
    /// Operations that survive the loss of this server.
    pub safe_through: u64,
}

/// An instrument.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InstrumentView {
    /// Its id.
    pub id: Uuid,
    /// 设备编号.
    pub code: String,
    /// 设备型号.
    pub model: String,
    /// 证书编号.
    pub certificate_number: String,
    /// 检定或校准日期, local date.
    pub verified_on: String,
    /// 有效期至, local date.
    pub valid_until: String,
    /// The verification holds today.
    pub valid: bool,
    /// 修正值, tenths of a degree.
    pub correction_deci_celsius: i64,
}

/// A price list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PriceListView {
    /// Its content address.
    pub sha: String,
    /// Its version as printed.
    pub version: String,
    /// 发布日期, local date.
    pub issued_on: String,
    /// 生效日期, local date.
    pub effective_from: String,
    /// The one in force today.
    pub in_force: bool,
    /// Its items.
    pub items: Vec<PriceItemView>,
}

/// An item of a price list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PriceItemView {
    /// 项目编码.
    pub code: String,
    /// 维修项目.
    pub name: String,
    /// 单位.
    pub unit: String,
    /// 材料费, fen.
    pub material_fen: i64,
    /// 人工费, fen.
    pub labour_fen: i64,
    /// 无偿.
    pub free: bool,
    /// Hundredths of a percent.
    pub tax_basis_points: i64,
    /// 保修天数.
    pub warranty_days: i64,
}

/// Of each worker, his visits that are not over.
pub(super) const OPEN_VISITS: &str =
    "SELECT assignee, count(*) FROM visit WHERE open = 1 AND assignee IS NOT NULL GROUP BY assignee";

/// Those of them whose time has begun.
pub(super) const BEGUN_VISITS: &str = "SELECT assignee, count(*) FROM visit
    WHERE open = 1 AND assignee IS NOT NULL AND from_ms <= ?1 GROUP BY assignee";

/// All workers, each with what stands against sending him.
#[utoipa::path(get, path = "/api/workers", tag = "registers", operation_id = "workers", params(WorkerQuery),
    responses((status = 200, description = "All workers, by badge number", body = Vec<WorkerView>)))]
pub async fn workers(
    _may: May<ReadWorkers>,
    State(state): State<AppState>,
    Asked(query): Asked<WorkerQuery>,
) -> Result<Json<Vec<WorkerView>>, Problem> {
    let now = state.now();
    let views = state
        .read(move |db| {
            let errand = match query.for_visit {
                Some(visit) => {
                    let planned = dispatch::planned(db, VisitId(visit))?.ok_or_else(no_visit)?;
                    Some(Errand { visit: Some(VisitId(visit)), kind: planned.kind, window: planned.window })
                }
                None => None,
            };
            let phones =
                counted(db, "SELECT worker, count(*) FROM device WHERE status = 'active' GROUP BY worker", [])?;
            let visits = counted(db, OPEN_VISITS, [])?;
            let rules = Rules::builtin();
            let mut views = Vec::new();
            for found in worker::all(db)? {
                let gate = match &errand {
                    Some(errand) => dispatch::gate(db, &rules, WorkerId(found.id), errand, now)?,
                    None => found.qualification().gaps(&rules, now),
                };
                views.push(WorkerView {
                    id: found.id,
                    gate: gate.into_iter().map(RefusalView::from).collect(),
                    open_visits: visits.get(&found.id).copied().unwrap_or(0),
                    devices: phones.get(&found.id).copied().unwrap_or(0),
                    badge_number: found.badge_number,
                    name: found.name,
                    department: found.department,
                    skills: found.skills,
                    preseason_deci_hours: found.preseason_deci_hours.into(),
                    theory_passed: found.theory_passed,
                    practical_passed: found.practical_passed,
                    badge_valid_until: found.badge_valid_until,
                });
            }
            Ok::<_, Problem>(views)
        })
        .await?;
    Ok(Json(views))
}

fn counted(db: &Connection, sql: &str, params: impl Params) -> Result<HashMap<Uuid, u64>, StoreError> {
    let mut query = db.prepare_cached(sql)?;
    let rows =
        query.query_map(params, |row| Ok((Uuid::from_bytes(row.get(0)?), row.get::<_, i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A one-time code to enrol a worker's phone, and its QR. Shown once; who asked for it stays on record.
#[utoipa::path(post, path = "/api/workers/{id}/enrolment", tag = "registers", operation_id = "enrolment",
    params(("id" = Uuid, Path, description = "The worker")),
    responses((status = 201, description = "A one-time code; shown once", body = EnrolmentView)))]
pub async fn enrolment(
    may: May<ManageDevices>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
) -> Result<(StatusCode, HeaderMap, Json<EnrolmentView>), Problem> {
    let worker = WorkerId(id);
    let missing = || Problem::not_found("worker.unknown", "没有这名服务人员");
    let check = move |db: &Connection| worker::find(db, worker)?.map(|_| ()).ok_or_else(missing);
    let act = OfficeAct::of(Event::EnrolmentIssued(EnrolmentIssued { worker }));
    // The record first: no code is given out by nobody.
    state.office.append(WorkerId(may.user.id), vec![act], check).await?;
    let vault = state.vault.clone();
    let code = blocking(move || crate::enrolment::issue(&vault, worker)).await?;
    let expires_ms = crate::clock::real_now().0 + 24 * 3_600_000;
    let text = state.invitation(code.clone()).to_text();
    let qr_svg = QRBuilder::new(text.clone())
        .ecl(ECL::M)
        .build()
        .map(|qr| SvgBuilder::default().shape(Shape::Square).to_str(&qr))
        .map_err(|error| Problem::internal(&format!("{error:?}")))?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok((StatusCode::CREATED, headers, Json(EnrolmentView { code, text, qr_svg, expires_ms })))
}

/// All phones, with what they still owe.
#[utoipa::path(get, path = "/api/devices", tag = "registers", operation_id = "devices",
    responses((status = 200, description = "All phones, newest first", body = Vec<DeviceView>)))]
pub async fn devices(_may: May<ReadDevices>, State(state): State<AppState>) -> Result<Json<Vec<DeviceView>>, Problem> {
    let (seen, now) = (state.seen.clone(), state.now());
    Ok(Json(state.read(move |db| read_devices(db, &seen, now)).await?))
}

pub(super) fn read_devices(db: &Connection, seen: &Seen, now: Millis) -> Result<Vec<DeviceView>, StoreError> {
    let missing =
        counted(db, "SELECT w.device, count(*) FROM blob_need n JOIN writer w ON w.dev = n.dev GROUP BY w.device", [])?;
    let begun = counted(db, BEGUN_VISITS, [now.0])?;
    let patience = setting::silence_ms(db)?;
    let replaced = device::replaced(db)?;
    let in_force: Option<Sha> = setting::get(db, setting::RULES_IN_FORCE)?.and_then(|sha| sha.parse().ok());
    let mut query = db.prepare_cached(
        "SELECT d.id, d.worker, p.name, d.name, d.status, d.enrolled_ms, coalesce(w.acked, 0), coalesce(w.safe, 0),
         (SELECT e.rules FROM envelope e WHERE e.dev = w.dev AND e.seq = w.acked)
         FROM device d LEFT JOIN writer w ON w.device = d.id LEFT JOIN worker p ON p.id = d.worker ORDER BY d.g DESC",
    )?;
    let mut rows = query.query([])?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        let id = Uuid::from_bytes(row.get(0)?);
        let worker = Uuid::from_bytes(row.get(1)?);
        let name: Option<String> = row.get(2)?;
        let status: String = row.get(4)?;
        let said = seen.get(DeviceId(id));
        let missing = missing.get(&id).copied().unwrap_or(0);
        let since = said.as_ref().map_or(row.get(5)?, |said| said.seen.0);
        let owing = said.as_ref().is_some_and(|said| said.owing_since.is_some());
        let replaced = replaced.has(DeviceId(id), Millis(since));
        let holds = owing || missing > 0 || (status == "active" && begun.contains_key(&worker));
        views.push(DeviceView {
            id,
            worker: Named { id: worker, name: name.unwrap_or_else(|| worker.to_string()) },
            name: row.get(3)?,
            state: match status.as_str() {
                "active" if replaced => DeviceState::Replaced,
                "active" => DeviceState::Active,
                "dismissed" => DeviceState::Dismissed,
                _ => DeviceState::Stolen,
            },
            enrolled_ms: row.get(5)?,
            seen_ms: said.as_ref().map(|said| said.seen.0),
            owes: said.as_ref().map_or_else(OwesView::default, |said| OwesView {
                ops: said.owes.ops,
                files: said.owes.blobs,
                bytes: said.owes.bytes,
            }),
            files_missing: missing,
            silent: status != "stolen" && !replaced && holds && now.0.saturating_sub(since) > patience,
            forked: !replaced && said.as_ref().is_some_and(|said| said.forked.is_some()),
            rules_current: row.get::<_, Option<[u8; 32]>>(8)?.map(|rules| Some(Sha(rules)) == in_force),
            clock_error_ms: said.as_ref().map(|said| said.clock_error_ms),
            tz: said.as_ref().map(|said| said.tz.clone()),
            app: said.map(|said| said.app),
            acked_through: row.get::<_, i64>(6)?.unsigned_abs(),
            safe_through: row.get::<_, i64>(7)?.unsigned_abs(),
        });
    }
    Ok(views)
}

/// Revoke a phone, in one of two ways.
#[utoipa::path(post, path = "/api/devices/{id}/revoke", tag = "registers", operation_id = "revoke_device",
    params(("id" = Uuid, Path, description = "The phone")), request_body = RevokeRequest,
    responses((status = 200, description = "Revoked", body = DeviceView)))]
pub async fn revoke_device(
    may: May<ManageDevices>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
    Body(request): Body<RevokeRequest>,
) -> Result<Json<DeviceView>, Problem> {
    let device = DeviceId(id);
    let missing = || Problem::not_found("device.not_found", "没有这台设备");
    let reason = match request.reason {
        RevokeReasonName::Dismissed => RevokeReason::Dismissed,
        RevokeReasonName::Stolen => RevokeReason::Stolen,
    };
    let check = move |db: &Connection| device::find(db, device)?.map(|_| ()).ok_or_else(missing);
    let act = OfficeAct::of(Event::DeviceRevoked(DeviceRevoked { device, reason }));
    state.office.append(WorkerId(may.user.id), vec![act], check).await?;
    if reason == RevokeReason::Stolen {
        state.tokens.revoke(device);
    }
    let (seen, now) = (state.seen.clone(), state.now());
    let views = state.read(move |db| read_devices(db, &seen, now)).await?;
    views.into_iter().find(|view| view.id == id).map(Json).ok_or_else(missing)
}

/// All instruments.
#[utoipa::path(get, path = "/api/instruments", tag = "registers", operation_id = "instruments",
    responses((status = 200, description = "All instruments, by code", body = Vec<InstrumentView>)))]
pub async fn instruments(
    _may: May<ReadInstruments>,
    State(state): State<AppState>,
) -> Result<Json<Vec<InstrumentView>>, Problem> {
    let today = local_date(state.now());
    let found = state.read(instrument::all).await?;
    let view = |found: instrument::RegisteredInstrument| InstrumentView {
        id: found.id,
        valid: found.valid_until >= today,
        code: found.code,
        model: found.model,
        certificate_number: found.certificate_number,
        verified_on: found.verified_on,
        valid_until: found.valid_until,
        correction_deci_celsius: found.correction_deci_celsius.into(),
    };
    Ok(Json(found.into_iter().map(view).collect()))
}

/// All price lists, newest first.
#[utoipa::path(get, path = "/api/price-lists", tag = "registers", operation_id = "price_lists",
    responses((status = 200, description = "All price lists, newest first", body = Vec<PriceListView>)))]
pub async fn price_lists(
    _may: May<ReadPrices>,
    State(state): State<AppState>,
) -> Result<Json<Vec<PriceListView>>, Problem> {
    let today = local_date(state.now());
    let lists = state.read(price::all).await?;
    let in_force = lists.iter().find(|list| list.effective_from <= today).map(|list| list.sha);
    let item = |item: PriceItem| PriceItemView {
        code: item.code,
        name: item.name,
        unit: item.unit,
        material_fen: item.material_fen,
        labour_fen: item.labour_fen,
        free: !item.charged,
        tax_basis_points: item.tax_basis_points.into(),
        warranty_days: item.warranty_days.unwrap_or(0).into(),
    };
    let view = |list: PriceListEntity| PriceListView {
        in_force: Some(list.sha) == in_force,
        sha: list.sha.to_string(),
        version: list.version,
        issued_on: list.issued_on,
        effective_from: list.effective_from,
        items: list.items.into_iter().map(item).collect(),
    };
    Ok(Json(lists.into_iter().map(view).collect()))
}
