//! What phones ask.

pub mod blobs;
mod description;
pub mod enrol;
mod packing;
pub mod sync;
pub mod token;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use nuanfang_core::time::Millis;
use serde::Serialize;
use utoipa::ToSchema;

pub use self::description::openapi;
use crate::http::Problem;
use crate::state::AppState;
use crate::store::{Store, blocking};

/// The office's time.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimeReply {
    /// Now.
    pub now_ms: Millis,
}

/// The office's time.
#[utoipa::path(get, path = "/v1/time", tag = "phones", operation_id = "time",
    responses((status = 200, body = TimeReply, description = "Now")))]
pub async fn time<S: Store>(State(state): State<AppState<S>>) -> Json<TimeReply> {
    Json(TimeReply { now_ms: state.now() })
}

/// The supplier's public keys, signed by its root.
#[utoipa::path(get, path = "/v1/keys.json", tag = "phones", operation_id = "keys",
    responses((status = 200, description = "The supplier's public keys, signed by its root")))]
pub async fn keys<S: Store>(State(state): State<AppState<S>>) -> Result<Response, Problem> {
    let bytes = blocking(move || crate::keys::file(&state)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], bytes).into_response())
}
