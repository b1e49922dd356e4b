//! The route table: what the server answers, and who may ask. `/v1` devices · `/api` office · the rest is the
//! console.

pub mod api;
pub mod connections;
pub mod console;
pub mod device;
pub mod gate;
pub mod permission;
mod problem;
mod share;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, head, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_http::trace::TraceLayer;

pub use problem::Problem;

use crate::state::AppState;
use crate::store::Store;
use crate::store::sqlite::Sqlite;

/// The largest body of a request that has no limit of its own, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// Everything the server answers.
pub fn router(state: AppState) -> Router {
    Router::new()
        // A phone.
        .merge(phone().route_layer(from_fn_with_state(state.clone(), gate::pass::<Sqlite>)))
        // The office.
        .merge(api::router().route_layer(from_fn_with_state(state.clone(), gate::pass_office::<Sqlite>)))
        // Everything else is a page of the console, or nothing.
        .fallback_service(console::router())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(RequestBodyTimeoutLayer::new(state.gate.silent))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TraceLayer::new_for_http())
        .with_state(state)
}

/// What a phone asks.
pub fn phone<S: Store>() -> Router<AppState<S>> {
    Router::new()
        .route("/v1/enrol", post(device::enrol::enrol::<S>))
        .route("/v1/challenge", post(device::token::challenge::<S>))
        .route("/v1/token", post(device::token::token::<S>))
        .route("/v1/sync", post(device::sync::sync::<S>).layer(DefaultBodyLimit::max(device::sync::WIRE_LIMIT)))
        .route("/v1/blobs/{sha}", head(device::blobs::head::<S>).patch(device::blobs::patch::<S>))
        .route("/v1/time", get(device::time::<S>))
        .route("/v1/keys.json", get(device::keys::<S>))
}

async fn not_found() -> Problem {
    Problem::not_found("route.not_found", "没有这个地址")
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    axum::response::IntoResponse::into_response(Problem::internal(&"a handler panicked"))
}
