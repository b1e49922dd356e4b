//! `POST /v1/challenge` and `/v1/token`: a device signs a nonce and gets a token for a quarter of an hour.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use nuanfang_core::record::PublicKey;
use nuanfang_core::wire::auth::{ChallengeReply, ChallengeRequest, TokenReply, TokenRequest, challenge_bytes, unb64};
use nuanfang_core::wire::dictionary;

use crate::auth::TOKEN_LIFE;
use crate::http::Problem;
use crate::office::project::device::{Enrolment, Status};
use crate::office::readmission::{self, Lost};
use crate::state::AppState;
use crate::store::{Reading, Store, StoreError};

/// A nonce. Given to anybody who asks, so that asking tells nothing about who is enrolled.
#[utoipa::path(post, path = "/v1/challenge", tag = "phones", operation_id = "challenge", request_body = ChallengeRequest,
    responses((status = 200, body = ChallengeReply, description = "To be signed, once")))]
pub async fn challenge<S: Store>(
    State(state): State<AppState<S>>,
    request: Result<Json<ChallengeRequest>, JsonRejection>,
) -> Result<Json<ChallengeReply>, Problem> {
    let Json(request) = request?;
    Ok(Json(ChallengeReply { nonce: state.tokens.challenge(request.device) }))
}

/// A token for the right signature.
#[utoipa::path(post, path = "/v1/token", tag = "phones", operation_id = "token", request_body = TokenRequest,
    responses((status = 200, body = TokenReply, description = "A token")))]
pub async fn token<S: Store>(
    State(state): State<AppState<S>>,
    request: Result<Json<TokenRequest>, JsonRejection>,
) -> Result<Json<TokenReply>, Problem> {
    let Json(request) = request?;
    let refused = || Problem::new(StatusCode::UNAUTHORIZED, "token.refused", "设备验证未通过，请重试");
    if !state.tokens.redeem(request.device, &request.nonce) {
        return Err(refused());
    }
    let known = state.store.read_now(|store| store.device(request.device))?;
    let key = match &known {
        Some(enrolled) => unb64(&enrolled.public_key).and_then(|der| PublicKey::from_spki_der(&der).ok()),
        None => lost(&state, &request)?.map(|lost| lost.key),
    };
    let key = key.ok_or_else(refused)?;
    let signature: [u8; 64] = unb64(&request.signature).and_then(|bytes| bytes.try_into().ok()).ok_or_else(refused)?;
    if !key.verify(&challenge_bytes(request.device, &request.nonce), &signature) {
        return Err(refused());
    }
    let enrolled = match known {
        Some(enrolled) => enrolled,
        None => put_back(&state, &request).await?.ok_or_else(refused)?,
    };
    if enrolled.status == Status::Stolen {
        return Err(Problem::forbidden("device_revoked", "本设备已挂失，不能再使用"));
    }
    let token = state.tokens.issue(request.device);
    let expires_s = u32::try_from(TOKEN_LIFE.as_secs()).unwrap_or(u32::MAX);
    let dismissed = enrolled.status == Status::Dismissed;
    Ok(Json(TokenReply { token, expires_s, enc: dictionary::names().collect(), dismissed }))
}

/// What a certificate says of an enrolment that a restored server does not know any more; `None` where it is not ours,
/// or nothing was lost.
fn lost<S: Store>(state: &AppState<S>, request: &TokenRequest) -> Result<Option<Lost>, StoreError> {
    let restored = state.store.read_now(|store| store.epoch())? > 1;
    Ok(request
        .certificate
        .as_ref()
        .filter(|_| restored)
        .and_then(|text| readmission::read(&state.keys, text).filter(|lost| lost.device == request.device)))
}

/// Enrols such a device again, as it was.
async fn put_back<S: Store>(state: &AppState<S>, request: &TokenRequest) -> Result<Option<Enrolment>, StoreError> {
    let Some(lost) = lost(state, request)? else { return Ok(None) };
    let worker = lost.worker;
    let mut acts = readmission::earlier(&state.keys, worker, &request.certificates, |device| {
        Ok::<_, StoreError>(state.store.read_now(|store| store.device(device))?.is_some())
    })?;
    acts.push(lost.into_act(request.continues.clone()));
    state.office.append::<StoreError, _>(worker, acts, |_| Ok(())).await?;
    state.store.read_now(|store| store.device(request.device))
}
