//! `POST /v1/challenge` and `/v1/token`: a device signs a nonce and gets a token for a quarter of an hour.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use nuanfang_core::record::PublicKey;
use nuanfang_core::wire::auth::{ChallengeReply, ChallengeRequest, TokenReply, TokenRequest, challenge_bytes, unb64};

use crate::auth::TOKEN_LIFE;
use crate::http::Problem;
use crate::office::project::device;
use crate::state::AppState;

/// A nonce. Given to anybody who asks, so that asking tells nothing about who is enrolled.
pub async fn challenge(
    State(state): State<AppState>,
    request: Result<Json<ChallengeRequest>, JsonRejection>,
) -> Result<Json<ChallengeReply>, Problem> {
    let Json(request) = request?;
    Ok(Json(ChallengeReply { nonce: state.tokens.challenge(request.device) }))
}

/// A token for the right signature.
pub async fn token(
    State(state): State<AppState>,
    request: Result<Json<TokenRequest>, JsonRejection>,
) -> Result<Json<TokenReply>, Problem> {
    let Json(request) = request?;
    let refused = || Problem::new(StatusCode::UNAUTHORIZED, "token.refused", "设备验证未通过，请重试");
    if !state.tokens.redeem(request.device, &request.nonce) {
        return Err(refused());
    }
    let enrolled = state.store.read_now(|db| device::find(db, request.device))?.ok_or_else(refused)?;
    let key = unb64(&enrolled.public_key).and_then(|der| PublicKey::from_spki_der(&der).ok()).ok_or_else(refused)?;
    let signature: [u8; 64] = unb64(&request.signature).and_then(|bytes| bytes.try_into().ok()).ok_or_else(refused)?;
    if !key.verify(&challenge_bytes(request.device, &request.nonce), &signature) {
        return Err(refused());
    }
    if enrolled.status == device::Status::Stolen {
        return Err(Problem::forbidden("device_revoked", "本设备已挂失，不能再使用"));
    }
    let token = state.tokens.issue(request.device);
    Ok(Json(TokenReply { token, expires_s: u32::try_from(TOKEN_LIFE.as_secs()).unwrap_or(u32::MAX) }))
}
