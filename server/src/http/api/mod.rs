//! The office's API: the route table, and the description of it (OpenAPI 3.1) from which the console's client is
//! generated. A route that is not in [`routes`] does not exist; each names its permit.

mod audit;
mod board;
mod cards;
mod details;
mod devices;
mod documents;
mod households;
mod imports;
mod keys;
mod lost_visits;
mod people;
pub mod permit;
mod quarantine;
mod registers;
mod requests;
mod session;
mod tasks;
#[cfg(test)]
mod tests;
mod users;
mod views;
mod visit_read;
mod visit_view;
mod visits;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts};
use axum::http::{HeaderName, StatusCode, header};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use permit::Permit;
pub use views::RefusalView;

use super::Problem;
use super::problem::may_fail;
use crate::state::AppState;

/// The routes of the office.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(session::log_in, session::session, session::log_out))
        .routes(routes!(session::change_password))
        .routes(routes!(board::board))
        .routes(routes!(board::board_events))
        .routes(routes!(visits::schedule))
        .routes(routes!(visits::visit))
        .routes(routes!(visits::assign))
        .routes(routes!(visits::reschedule))
        .routes(routes!(visits::cancel))
        .routes(routes!(visits::decide_late))
        .routes(routes!(visits::choose_lane))
        .routes(routes!(visits::call_back))
        .routes(routes!(visits::complete_form))
        .routes(routes!(documents::documents))
        .routes(routes!(documents::document))
        .routes(routes!(documents::verify_document))
        .routes(routes!(documents::photo))
        .routes(routes!(households::households))
        .routes(routes!(households::communities))
        .routes(routes!(households::household))
        .routes(routes!(households::unmask))
        .routes(large(routes!(imports::import_register)))
        .routes(routes!(imports::import_reports))
        .routes(routes!(imports::import_report))
        .routes(routes!(registers::workers))
        .routes(routes!(registers::enrolment))
        .routes(routes!(devices::devices))
        .routes(routes!(devices::revoke_device))
        .routes(routes!(quarantine::alarms))
        .routes(routes!(quarantine::quarantine))
        .routes(routes!(quarantine::rejudge))
        .routes(routes!(quarantine::file_kept))
        .routes(routes!(lost_visits::lost_visit))
        .routes(routes!(registers::instruments))
        .routes(routes!(registers::price_lists))
        .routes(routes!(tasks::tasks))
        .routes(routes!(users::users, users::add_user))
        .routes(routes!(users::disable_user))
        .routes(routes!(users::reset_password))
        .routes(routes!(audit::audit))
        .routes(routes!(keys::keys))
        .routes(routes!(keys::description))
}

/// A route whose body may be as large as a workbook.
fn large(
    (schemas, paths, router): utoipa_axum::router::UtoipaMethodRouter<AppState>,
) -> utoipa_axum::router::UtoipaMethodRouter<AppState> {
    (schemas, paths, router.layer(DefaultBodyLimit::max(imports::BODY_LIMIT)))
}

/// The routes as a router, to be merged into the server's.
pub fn router() -> Router<AppState> {
    let (router, _) = routes().split_for_parts();
    router.route("/api/{*rest}", axum::routing::any(no_route))
}

/// The description that `nuanfang openapi` prints.
pub fn openapi() -> Description {
    let mut description = routes().split_for_parts().1;
    may_fail(&mut description);
    description
}

async fn no_route() -> Problem {
    Problem::not_found("route.not_found", "没有这个接口")
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Nuanfang office", description = "The office's API. Every request but GET carries `x-nuanfang: 1`."),
    components(schemas(Problem, board::BoardPoke))
)]
struct Api;

/// A JSON body. Unknown fields are refused by the types themselves.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
struct Body<T>(T);

/// The query.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
struct Asked<T>(T);

/// The path's parameters.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
struct At<T>(T);

/// Which page, and how many rows a page.
fn page(page: Option<u64>, size: Option<u64>) -> (u64, u64) {
    (page.unwrap_or(0).min(1_000_000), size.unwrap_or(50).clamp(1, 200))
}

/// A text that somebody typed: not empty, not too long, printable.
fn text(field: &str, typed: &str, limit: usize) -> Result<String, Problem> {
    let text = nuanfang_core::forms::normalise_text(typed.trim());
    if text.is_empty() || text.chars().count() > limit {
        return Err(Problem::unprocessable("request.text", format!("“{field}”须为 1 至 {limit} 个字")));
    }
    let missing = nuanfang_core::forms::missing_glyphs(&text);
    if missing.is_empty() {
        return Ok(text);
    }
    let named: Vec<String> = missing.iter().map(|c| format!("{c}（U+{:04X}）", u32::from(*c))).collect();
    Err(Problem::unprocessable("request.glyph", format!("表单字体缺少字形：{}", named.join("、"))))
}

/// The same where nothing need be typed.
fn text_if_any(field: &str, typed: Option<&str>, limit: usize) -> Result<Option<String>, Problem> {
    typed.filter(|typed| !typed.trim().is_empty()).map(|typed| text(field, typed, limit)).transpose()
}

/// The header that makes a browser save a file.
fn attachment(name: &str) -> (HeaderName, String) {
    (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
}

/// 404 for a visit.
fn no_visit() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "visit.not_found", "没有这次入户服务")
}
