//! `HEAD` and `PATCH /v1/blobs/{sha}`: files by content, resumable at the last durable byte. A device may
//! send, and hear of, only what an accepted operation of its own names.

use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::wire::upload;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;

use crate::http::Problem;
use crate::http::gate::said;
use crate::http::permission::Device;
use crate::office::uploads::Wanted;
use crate::state::AppState;
use crate::store::blobs::Finish;
use crate::store::{Incoming, Reading, Receiving, Store, StoreError, blocking};

const OFFSET: HeaderName = HeaderName::from_static(upload::OFFSET);
const LENGTH: HeaderName = HeaderName::from_static(upload::LENGTH);
const COMPLETE: HeaderName = HeaderName::from_static(upload::COMPLETE);

/// Where an upload stands.
#[utoipa::path(head, path = "/v1/blobs/{sha}", tag = "phones", operation_id = "upload_stands", security(("token" = [])),
    params(("sha" = Sha, Path, description = "The file's SHA-256")),
    responses((status = 200, description = "Where it stands", headers(
        ("upload-offset" = u64, description = "Bytes that are durable"),
        ("upload-length" = u64, description = "Bytes there will be"),
        ("upload-complete" = String, description = "`?1` once the file is whole"),
    ))))]
pub async fn head<S: Store>(
    State(state): State<AppState<S>>,
    device: Device,
    sha: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let sha = name(sha)?;
    match look(&state, device, &sha)? {
        Wanted::Whole(len) => Ok(whole(StatusCode::OK, len)),
        Wanted::Missing(len) => Ok(stands(StatusCode::OK, state.store.offset(&sha), len, false)),
    }
}

/// Takes a piece, or all, from the durable offset on.
#[utoipa::path(patch, path = "/v1/blobs/{sha}", tag = "phones", operation_id = "upload", security(("token" = [])),
    params(
        ("sha" = Sha, Path, description = "The file's SHA-256"),
        ("upload-offset" = u64, Header, description = "Where the piece begins: the last durable byte"),
    ),
    request_body(content = Vec<u8>, content_type = "application/partial-upload"),
    responses((status = 204, description = "Taken", headers(
        ("upload-offset" = u64, description = "Bytes that are durable"),
        ("upload-length" = u64, description = "Bytes there will be"),
        ("upload-complete" = String, description = "`?1` once the file is whole"),
    ))))]
pub async fn patch<S: Store>(
    State(state): State<AppState<S>>,
    device: Device,
    sha: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let sha = name(sha)?;
    let len = match look(&state, device, &sha)? {
        Wanted::Whole(len) => return Ok(whole(StatusCode::NO_CONTENT, len)),
        Wanted::Missing(len) => len,
    };
    let offset = headers
        .get(&OFFSET)
        .and_then(|value| upload::count(value.as_bytes()))
        .ok_or_else(|| Problem::bad_request("blob.offset_missing", "缺少 Upload-Offset"))?;
    let elsewhere = |at| {
        let mut response = Problem::conflict("blob.offset", "续传位置不符，请从给出的位置继续").into_response();
        response.headers_mut().extend(stands(StatusCode::CONFLICT, at, len, false).headers().clone());
        response
    };
    // Before what is here is read and hashed: a wrong guess costs nothing.
    let at = state.store.offset(&sha);
    if at < len && at != offset {
        return Ok(elsewhere(at));
    }
    let incoming = match state.store.incoming(sha, len, state.now()).await? {
        Receiving::Whole => return Ok(whole(StatusCode::NO_CONTENT, len)),
        Receiving::Busy => return Err(Problem::new(StatusCode::LOCKED, "blob.leased", "同一文件正在上传，请稍后重试")),
        Receiving::From(incoming) => incoming,
    };
    if incoming.at() != offset {
        return Ok(elsewhere(incoming.at()));
    }
    let missing = usize::try_from(incoming.missing()).unwrap_or(usize::MAX);
    state.gate.piece(device.id, said(&headers).map_or(missing, |bytes| bytes.min(missing)))?;
    let incoming = receive(incoming, body).await?;
    if incoming.missing() > 0 {
        return Ok(stands(StatusCode::NO_CONTENT, incoming.at(), len, false));
    }
    match state.store.finish(incoming, state.now()).await? {
        Finish::Whole => Ok(whole(StatusCode::NO_CONTENT, len)),
        Finish::Mismatch => Err(Problem::unprocessable("blob.hash", "文件内容与其校验值不符，请重新上传")),
    }
}

/// Pieces that wait to be written while the next one comes.
const QUEUED: usize = 4;

/// Writes what comes as it comes; what came before a cut is durable.
async fn receive<I: Incoming>(incoming: I, body: Body) -> Result<I, Problem> {
    let (pieces, mut coming) = mpsc::channel::<Bytes>(QUEUED);
    let missing = incoming.missing();
    let writing = tokio::task::spawn_blocking(move || {
        let mut incoming = incoming;
        while let Some(piece) = coming.blocking_recv() {
            incoming.append(&piece)?;
        }
        // Nobody may be there any more to ask for it. A file that has all its bytes is made durable by its end.
        if incoming.missing() > 0 {
            incoming.sync()?;
        }
        Ok::<_, StoreError>(incoming)
    });
    let reading = async move {
        let mut stream = body.into_data_stream();
        let mut came = 0;
        while let Some(next) = stream.next().await {
            let bytes = next.map_err(|_| Problem::bad_request("blob.truncated", "上传中断，请续传"))?;
            came += bytes.len() as u64;
            if came > missing {
                return Err(Problem::bad_request("blob.too_long", "文件内容超过声明的长度"));
            }
            // Who writes has failed, and says why.
            if pieces.send(bytes).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let (written, read) = tokio::join!(writing, reading);
    let mut incoming = written.map_err(|error| Problem::internal(&error))??;
    if let Err(broken) = read {
        blocking(move || incoming.sync().map_err(StoreError::from)).await?;
        return Err(broken);
    }
    Ok(incoming)
}

fn look<S: Store>(state: &AppState<S>, device: Device, sha: &Sha) -> Result<Wanted, Problem> {
    state.store.read_now(|store| store.wanted(device.id, sha))?.ok_or_else(unknown)
}

fn name(sha: Result<Path<String>, PathRejection>) -> Result<Sha, Problem> {
    sha.ok().and_then(|Path(sha)| sha.parse().ok()).ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::not_found("blob.unknown", "没有操作引用此文件")
}

fn whole(status: StatusCode, len: u64) -> Response {
    stands(status, len, len, true)
}

/// What has all its bytes is not whole before they are looked at: a connection may break after the last of them.
fn stands(status: StatusCode, offset: u64, len: u64, whole: bool) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(OFFSET, HeaderValue::from(offset));
    headers.insert(LENGTH, HeaderValue::from(len));
    headers.insert(COMPLETE, HeaderValue::from_static(upload::flag(whole)));
    headers.insert(axum::http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
