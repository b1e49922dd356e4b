//! `POST /v1/sync`: facts go up, office state comes down, in one exchange. Whatever the caller's body is, the answer
//! is a reply or a clear refusal of the caller; never a lost operation, never a 500.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::drill::{self, Mutant};
use nuanfang_core::wire::dictionary::Dictionary;
use nuanfang_core::wire::feed::{COMPANY, worker_scope};
use nuanfang_core::wire::{BlobNeed, REQUEST_LIMIT, ScopeCursor, ScopeReply, SyncReply, SyncRequest, VERSION};
use rand::Rng;

use super::packing;
use crate::http::Problem;
use crate::http::permission::Device;
use crate::office::accept::{Exchange, Receipt};
use crate::state::AppState;
use crate::store::{Reading, Store, StoreError};

/// The largest body on the wire: zstd may make small things larger, never by much.
pub const WIRE_LIMIT: usize = REQUEST_LIMIT + 64 * 1024;

/// One exchange. Facts go up, office state comes down; what is stored is acknowledged. The body may be packed with zstd.
#[utoipa::path(post, path = "/v1/sync", tag = "phones", operation_id = "sync", security(("token" = [])),
    request_body = SyncRequest,
    responses((status = 200, body = SyncReply, description = "A receipt: what is on disk, what is safe, what is new")))]
pub async fn sync<S: Store>(
    State(state): State<AppState<S>>,
    device: Device,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = packing::unpack(&headers, body?)?;
    let _grown = state.gate.unpacked(device.id, &headers, body.len())?;
    let unreadable = |why: String| Problem::bad_request("sync.unreadable", "同步请求无法识别").detail(why);
    // Once for all of it: the bodies would each be checked again, and Chinese text takes long that way.
    let text = simdutf8::basic::from_utf8(&body).map_err(|error| unreadable(error.to_string()))?;
    let mut request: SyncRequest = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    drop(body);
    if request.v != VERSION {
        return Err(Problem::bad_request("sync.version", "同步协议版本不受支持，请升级应用"));
    }
    if request.device != device.id {
        return Err(Problem::forbidden("sync.wrong_device", "凭证属于另一台设备"));
    }
    let dictionary = Dictionary::among(&request.caps.enc);
    let recv = state.now();
    let anchors = state.seen.note(&request, recv);
    let asked = Asked {
        req: request.req,
        epoch: request.epoch,
        base: request.base,
        judged: request.judged,
        base_sha: request.base_sha,
        scopes: std::mem::take(&mut request.scopes),
        device,
    };
    let exchange = Exchange::read(request, anchors, recv)
        .map_err(|_| Problem::bad_request("sync.head_mismatch", "上传内容在途中被改动，请重试"))?;
    let received = if exchange.is_empty() { None } else { Some(state.store.accept(exchange).await?) };
    let reply = state.store.read_now(|store| {
        // Most exchanges bring nothing: one view of the store answers them whole.
        let receipt = received.map_or_else(|| store.compare(device.id, asked.base, asked.base_sha), Ok)?;
        reply(&state, store, &asked, receipt)
    })?;
    if received.is_some() && !reply.fork {
        state.seen.received(device.id, reply.acked_through.saturating_sub(asked.base));
    }
    if reply.fork {
        state.seen.note_fork(device.id, recv);
    }
    if drill::is(Mutant::RefuseLate)
        && reply.outcomes.iter().any(|outcome| outcome.o == nuanfang_core::wire::OutcomeKind::Late)
    {
        return Err(Problem::forbidden("sync.reassigned", "服务已改派"));
    }
    answer(&headers, &reply, dictionary)
}

struct Asked {
    req: uuid::Uuid,
    epoch: u64,
    base: u64,
    judged: u64,
    base_sha: Sha,
    scopes: Vec<ScopeCursor>,
    device: Device,
}

fn reply<S: Store>(
    state: &AppState<S>,
    store: &S::Reading,
    asked: &Asked,
    receipt: Receipt,
) -> Result<SyncReply, StoreError> {
    let epoch = store.epoch()?;
    let device = asked.device;
    // A restored server may judge otherwise what it had: then all of it is told, not only what is new.
    let (told, heard) = if asked.epoch == epoch { (asked.base, asked.judged) } else { (0, 0) };
    let (outcomes, judged) = store.outcomes(device.id, told, receipt.acked, heard)?;
    let scopes = if device.active { scopes(store, asked, epoch)? } else { emptied(asked) };
    let need = store.needed(device.id)?;
    Ok(SyncReply {
        req: asked.req,
        epoch,
        fork: receipt.fork,
        dismissed: !device.active,
        acked_through: receipt.acked,
        ack_sha: receipt.ack_sha,
        safe_through: match store.log_head(device.id)? {
            Some(head) if drill::is(Mutant::SafeAtAck) => head.acked,
            head => head.map_or(0, |head| head.safe),
        },
        outcomes,
        judged,
        scopes,
        need: need.into_iter().map(|sha| BlobNeed { sha, off: state.store.offset(&sha) }).collect(),
        now_ms: state.now(),
        poll_after_s: rand::thread_rng().gen_range(240..=360),
    })
}

/// What may be read: the company's scope and the worker's own, whatever else was asked for.
fn scopes<R: Reading + ?Sized>(store: &R, asked: &Asked, epoch: u64) -> Result<Vec<ScopeReply>, StoreError> {
    let own = worker_scope(asked.device.worker.0);
    let same_epoch = asked.epoch == epoch;
    [COMPANY, &own]
        .into_iter()
        .map(|name| {
            let known = asked.scopes.iter().find(|cursor| cursor.id == name).filter(|_| same_epoch);
            let anew = ScopeCursor { id: name.to_owned(), pos: 0, hash: String::new() };
            let mut scope = store.pull(known.unwrap_or(&anew))?;
            // After a restore the phone's mirror stands for nothing, and an empty scope is news too.
            scope.reset |= !same_epoch;
            Ok(scope)
        })
        // Most of hundreds of phones' questions find nothing.
        .filter(|scope| scope.as_ref().map_or(true, |scope| scope.reset || scope.more || !scope.feed.is_empty()))
        .collect()
}

/// A device that may only upload keeps nothing of what it once could read (I13).
fn emptied(asked: &Asked) -> Vec<ScopeReply> {
    let empty = |id: &String| {
        let (id, hash) = (id.clone(), format!("{:032x}", 0));
        ScopeReply { id, reset: true, feed: Vec::new(), pos: 0, hash, more: false }
    };
    asked.scopes.iter().filter(|cursor| cursor.pos != 0).map(|cursor| empty(&cursor.id)).collect()
}

fn answer(headers: &HeaderMap, reply: &SyncReply, dictionary: Option<&Dictionary>) -> Result<Response, Problem> {
    let json = serde_json::to_vec(reply).map_err(|error| Problem::internal(&error))?;
    let packed = packing::pack(headers, &json, dictionary).map_err(|error| Problem::internal(&error))?;
    let is_packed = packed.is_some();
    let mut response = (StatusCode::OK, packed.unwrap_or(json)).into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if is_packed {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("zstd"));
    }
    Ok(response)
}
