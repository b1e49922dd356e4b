//! Who asks: extractors that a handler names to be reached only by those who may. A device shows its token; an
//! office user's session is in [`super::api`].

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use nuanfang_core::id::{DeviceId, WorkerId};

use super::Problem;
use crate::office::project::device::Status;
use crate::state::AppState;
use crate::store::{Reading, Store};

/// An enrolled device with a good token. Stolen ones never get here; dismissed ones may upload and read nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// Which.
    pub id: DeviceId,
    /// Whose.
    pub worker: WorkerId,
    /// May read its feeds.
    pub active: bool,
}

impl<S: Store> FromRequestParts<AppState<S>> for Device {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState<S>) -> Result<Self, Problem> {
        let missing =
            || Problem::new(axum::http::StatusCode::UNAUTHORIZED, "token.required", "设备凭证缺失或已过期，请重新获取");
        let id = bearer(&parts.headers).and_then(|token| state.tokens.device(token)).ok_or_else(missing)?;
        let enrolled = state.store.read_now(|store| store.device(id))?.ok_or_else(missing)?;
        if enrolled.status == Status::Stolen {
            return Err(Problem::forbidden("device_revoked", "本设备已挂失，不能再使用"));
        }
        Ok(Self { id, worker: enrolled.worker, active: enrolled.status == Status::Active })
    }
}

/// The token a request shows.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    Some(value.strip_prefix("Bearer ")?.trim())
}
