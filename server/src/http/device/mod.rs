//! What phones ask.

pub mod blobs;
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

use crate::http::Problem;
use crate::state::AppState;
use crate::store::{Store, blocking};

/// The office's time.
#[derive(Debug, Serialize)]
pub struct TimeReply {
    /// Now.
    pub now_ms: Millis,
}

/// `GET /v1/time`.
pub async fn time<S: Store>(State(state): State<AppState<S>>) -> Json<TimeReply> {
    Json(TimeReply { now_ms: state.now() })
}

/// `GET /v1/keys.json`: the supplier's public keys, signed by its root.
pub async fn keys<S: Store>(State(state): State<AppState<S>>) -> Result<Response, Problem> {
    let bytes = blocking(move || crate::keys::file(&state)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], bytes).into_response())
}
