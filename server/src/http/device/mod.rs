//! What phones ask.

pub mod blobs;
pub mod enrol;
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

/// The office's time.
#[derive(Debug, Serialize)]
pub struct TimeReply {
    /// Now.
    pub now_ms: Millis,
}

/// `GET /v1/time`.
pub async fn time(State(state): State<AppState>) -> Json<TimeReply> {
    Json(TimeReply { now_ms: state.now() })
}

/// `GET /v1/keys.json`: the supplier's public keys, signed by its root.
pub async fn keys(State(state): State<AppState>) -> Result<Response, Problem> {
    let bytes = tokio::task::spawn_blocking(move || crate::keys::file(&state))
        .await
        .map_err(|error| Problem::internal(&error))??;
    Ok(([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], bytes).into_response())
}
