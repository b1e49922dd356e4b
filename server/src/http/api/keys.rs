//! What anybody may have: the supplier's public keys. And the description of this API.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::permit::{Enter, May};
use crate::http::Problem;
use crate::state::AppState;
use crate::store::blocking;

/// The supplier's public keys, signed by its root: what `nuanfang verify --keys` reads.
#[utoipa::path(get, path = "/api/keys.json", tag = "public", operation_id = "keys",
    responses((status = 200, description = "The supplier's public keys, signed by its root")))]
pub async fn keys(State(state): State<AppState>) -> Result<Response, Problem> {
    let bytes = blocking(move || crate::keys::file(&state)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

/// This description.
#[utoipa::path(get, path = "/api/openapi.json", tag = "public", operation_id = "description",
    responses((status = 200, description = "This description, OpenAPI 3.1")))]
pub async fn description(_may: May<Enter>) -> Result<Response, Problem> {
    let text = super::openapi().to_pretty_json().map_err(|error| Problem::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}
