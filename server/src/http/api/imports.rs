//! Bringing registers in, and the report of what was wrong with them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use nuanfang_core::id::WorkerId;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::permit::{Import, May};
use super::{Asked, At, attachment};
use crate::http::Problem;
use crate::office::import::{self, ImportReport, Manner, report_xlsx, reports};
use crate::office::ledger::Register;
use crate::state::AppState;
use crate::store::{StoreError, blocking};

/// The type of an .xlsx.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The largest body of an import: a little more than a workbook may have, so that one that is too large gets its
/// report.
pub const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// How to import.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Only look: nothing is applied.
    #[serde(default)]
    pub dry_run: bool,
    /// Apply the good rows although others are bad. Without it one bad row stops all.
    #[serde(default)]
    pub partial: bool,
}

/// Import a register. The body is the .xlsx.
#[utoipa::path(post, path = "/api/import/{register}", tag = "import", operation_id = "import",
    params(("register" = Register, Path, description = "Which register"), ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    responses((status = 200, description = "What it did, or would do", body = ImportReport)))]
pub async fn import_register(
    may: May<Import>,
    State(state): State<AppState>,
    At(register): At<Register>,
    Asked(query): Asked<ImportQuery>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Json<ImportReport>, Problem> {
    let body = body?;
    let manner = Manner { dry_run: query.dry_run, partial: query.partial };
    let actor = WorkerId(may.user.id);
    let report = blocking(move || import::import(&state, actor, register, &body, manner)).await?;
    Ok(Json(report))
}

/// The newest reports.
#[utoipa::path(get, path = "/api/import/reports", tag = "import", operation_id = "import_reports",
    responses((status = 200, description = "The newest 50, without their problems", body = Vec<ImportReport>)))]
pub async fn import_reports(
    _may: May<Import>,
    State(state): State<AppState>,
) -> Result<Json<Vec<ImportReport>>, Problem> {
    let dir = state.store.dir().to_owned();
    Ok(Json(blocking(move || reports::newest(&dir, 50).map_err(StoreError::from)).await?))
}

/// A report as JSON, or as a workbook for the clerk who mends the file.
#[utoipa::path(get, path = "/api/import/reports/{file}", tag = "import", operation_id = "import_report",
    params(("file" = String, Path, description = "`<id>.json` or `<id>.xlsx`")),
    responses((status = 200, description = "The report", body = ImportReport)))]
pub async fn import_report(
    _may: May<Import>,
    State(state): State<AppState>,
    At(file): At<String>,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("report.not_found", "没有这份导入报告");
    let (id, kind) = file.rsplit_once('.').ok_or_else(missing)?;
    let id = Uuid::parse_str(id).map_err(|_| missing())?;
    let dir = state.store.dir().to_owned();
    let found = blocking(move || reports::find(&dir, id).map_err(StoreError::from)).await?;
    let report = found.ok_or_else(missing)?;
    match kind {
        "json" => Ok(Json(report).into_response()),
        "xlsx" => {
            let bytes = report_xlsx(&report).map_err(|error| Problem::internal(&error))?;
            let name = format!("import-{}-{id}.xlsx", report.register.name());
            Ok(([(header::CONTENT_TYPE, XLSX.to_owned()), attachment(&name)], bytes).into_response())
        }
        _ => Err(missing()),
    }
}
