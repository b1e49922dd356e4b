//! Who asks: extractors that a handler names to be reached only by those who may. A device shows its token; an
//! office user's session is in [`super::api`].

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use nuanfang_core::id::{DeviceId, WorkerId};

use super::Problem;
use crate::office::project::device::{self, Status};
use crate::state::AppState;

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

impl FromRequestParts<AppState> for Device {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let missing =
            || Problem::new(axum::http::StatusCode::UNAUTHORIZED, "token.required", "设备凭证缺失或已过期，请重新获取");
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or_else(missing)?;
        let id = state.tokens.device(token.trim()).ok_or_else(missing)?;
        let enrolled = state.store.read_now(|db| device::find(db, id))?.ok_or_else(missing)?;
        if enrolled.status == Status::Stolen {
            return Err(Problem::forbidden("device_revoked", "本设备已挂失，不能再使用"));
        }
        Ok(Self { id, worker: enrolled.worker, active: enrolled.status == Status::Active })
    }
}
