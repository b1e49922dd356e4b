//! The smaller registers: workers, instruments, price lists.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::convert::{Builder, Shape};
use fast_qr::{ECL, QRBuilder};
use nuanfang_core::domain::office_event::EnrolmentIssued;
use nuanfang_core::domain::worker::local_date;
use nuanfang_core::domain::{Event, Rules};
use nuanfang_core::id::{VisitId, WorkerId};
use nuanfang_core::wire::feed_entity::{PriceItem, PriceListEntity};
use rusqlite::{Connection, Params};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::permit::{ManageDevices, May, ReadInstruments, ReadPrices, ReadWorkers};
use super::views::RefusalView;
use super::{Asked, At, no_visit};
use crate::http::Problem;
use crate::office::OfficeAct;
use crate::office::dispatch::{self, Errand};
use crate::office::registers::{instrument, price, worker};
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

/// How many there are of each.
pub(super) fn counted(db: &Connection, sql: &str, params: impl Params) -> Result<HashMap<Uuid, u64>, StoreError> {
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
