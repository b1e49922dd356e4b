//! `HEAD` and `PATCH /v1/blobs/{sha}`: files by content, resumable at the last durable byte (SYNC §2.3). A device may
//! send, and hear of, only what an accepted operation of its own names.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use nuanfang_core::canon::hash::Sha;
use tokio_stream::StreamExt;

use crate::http::Problem;
use crate::http::permission::Device;
use crate::office::uploads::{self, Wanted};
use crate::state::AppState;
use crate::store::StoreError;
use crate::store::blobs::{Finish, Lease, Part, SYNC_EVERY};

const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const COMPLETE: HeaderName = HeaderName::from_static("upload-complete");

/// Where an upload stands.
pub async fn head(State(state): State<AppState>, device: Device, Path(sha): Path<String>) -> Result<Response, Problem> {
    let sha = name(&sha)?;
    match look(&state, device, &sha)? {
        Wanted::Whole(len) => Ok(stands(StatusCode::OK, len, len)),
        Wanted::Missing(len) => Ok(stands(StatusCode::OK, state.blobs.offset(&sha), len)),
    }
}

/// Takes a piece, or all, from the durable offset on.
pub async fn patch(
    State(state): State<AppState>,
    device: Device,
    Path(sha): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let sha = name(&sha)?;
    let len = match look(&state, device, &sha)? {
        Wanted::Whole(len) => return Ok(stands(StatusCode::NO_CONTENT, len, len)),
        Wanted::Missing(len) => len,
    };
    if state.blobs.has(&sha) {
        return complete(&state, sha, len).await;
    }
    let offset: u64 = headers
        .get(&OFFSET)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .ok_or_else(|| Problem::bad_request("blob.offset_missing", "缺少 Upload-Offset"))?;
    let lease = state.blobs.lease(sha).ok_or_else(|| Problem::busy("blob.busy", "同一文件正在上传，请稍后重试"))?;
    let blobs = state.blobs.clone();
    let (lease, part) = blocking(move || {
        let part = blobs.part(&lease, len)?;
        Ok((lease, part))
    })
    .await?;
    if part.at() != offset {
        let mut response = Problem::conflict("blob.offset", "续传位置不符，请从给出的位置继续").into_response();
        let at = state.blobs.offset(&sha);
        response.headers_mut().extend(stands(StatusCode::CONFLICT, at, len).headers().clone());
        return Ok(response);
    }
    let part = receive(part, body).await?;
    if part.missing() > 0 {
        return Ok(stands(StatusCode::NO_CONTENT, part.at(), len));
    }
    finish(&state, lease, part, sha, len).await
}

/// Appends what comes, a mebibyte at a time; what came before a cut is durable.
async fn receive(mut part: Part, body: Body) -> Result<Part, Problem> {
    let mut stream = body.into_data_stream();
    let mut piece: Vec<u8> = Vec::new();
    loop {
        let next = stream.next().await;
        let (cut, ended) = match next {
            Some(Ok(bytes)) => {
                if piece.len() as u64 + bytes.len() as u64 > part.missing() {
                    return Err(Problem::bad_request("blob.too_long", "文件内容超过声明的长度"));
                }
                piece.extend_from_slice(&bytes);
                (false, false)
            }
            Some(Err(_)) => (true, true),
            None => (false, true),
        };
        if ended || piece.len() as u64 >= SYNC_EVERY {
            let bytes = std::mem::take(&mut piece);
            part = blocking(move || {
                part.append(&bytes)?;
                if ended {
                    part.sync()?;
                }
                Ok(part)
            })
            .await?;
        }
        if cut {
            return Err(Problem::bad_request("blob.truncated", "上传中断，请续传"));
        }
        if ended {
            return Ok(part);
        }
    }
}

async fn finish(state: &AppState, lease: Lease, part: Part, sha: Sha, len: u64) -> Result<Response, Problem> {
    let blobs = state.blobs.clone();
    let finish = blocking(move || blobs.finish(part)).await?;
    let response = match finish {
        Finish::Whole => complete(state, sha, len).await,
        Finish::Mismatch => {
            tracing::warn!(%sha, "a file came with other bytes than its name promises");
            Err(Problem::unprocessable("blob.hash", "文件内容与其校验值不符，请重新上传"))
        }
    };
    drop(lease);
    response
}

/// Looks the picture over and notes that the file is whole.
async fn complete(state: &AppState, sha: Sha, len: u64) -> Result<Response, Problem> {
    let (store, at) = (state.store.clone(), state.now());
    let flaw = tokio::task::spawn_blocking(move || {
        let roles = store.read_now(|db| uploads::roles(db, &sha))?;
        Ok::<_, StoreError>(uploads::flaw(&store.blobs, &sha, &roles))
    })
    .await
    .map_err(|error| Problem::internal(&error))??;
    state.store.write::<_, StoreError, _>(0, move |writing| uploads::whole(writing, &sha, len, flaw, at)).await?;
    Ok(stands(StatusCode::NO_CONTENT, len, len))
}

fn look(state: &AppState, device: Device, sha: &Sha) -> Result<Wanted, Problem> {
    state
        .store
        .read_now(|db| uploads::wanted(db, device.id, sha))?
        .ok_or_else(|| Problem::not_found("blob.unknown", "没有操作引用此文件"))
}

fn name(sha: &str) -> Result<Sha, Problem> {
    sha.parse().map_err(|_| Problem::not_found("blob.unknown", "没有操作引用此文件"))
}

fn stands(status: StatusCode, offset: u64, len: u64) -> Response {
    let complete = if offset == len { "?1" } else { "?0" };
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(OFFSET, HeaderValue::from(offset));
    headers.insert(LENGTH, HeaderValue::from(len));
    headers.insert(COMPLETE, HeaderValue::from_static(complete));
    headers.insert(axum::http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn blocking<T: Send + 'static>(f: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(f).await.map_err(|error| Problem::internal(&error))?;
    done.map_err(|error| Problem::from(StoreError::from(error)))
}
