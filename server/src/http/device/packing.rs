//! What an exchange's body is before it is JSON: identity or zstd, with a dictionary or without.

use std::cell::RefCell;
use std::io::{Error, Read};
use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use nuanfang_core::wire::REQUEST_LIMIT;
use nuanfang_core::wire::dictionary::{DICTIONARIES, Dictionary};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::stream::read::Decoder;
use zstd::zstd_safe::{
    CCtx, CParameter, DCtx, ErrorCode, ResetDirective, compress_bound, get_dict_id_from_frame, get_error_name,
};

use crate::http::Problem;

/// A body that unpacks to more than this many times its size is a bomb, once it is longer than [`RATIO_FROM`].
const RATIO: usize = 200;
const RATIO_FROM: usize = 256 * 1024;
/// The largest window zstd may ask for, as a power of two: the limit of a request.
const WINDOW_LOG: u32 = 23;
/// Replies longer than this are packed.
const PACK_FROM: usize = 1024;
const LEVEL: i32 = 1;

/// Made once: it takes longer than an exchange.
struct Prepared {
    id: u32,
    encoder: EncoderDictionary<'static>,
    decoder: DecoderDictionary<'static>,
}

static PREPARED: LazyLock<Vec<Prepared>> = LazyLock::new(|| {
    let prepare = |dictionary: &Dictionary| {
        let encoder = EncoderDictionary::try_copy(dictionary.bytes, LEVEL).ok()?;
        Some(Prepared { id: dictionary.id, encoder, decoder: DecoderDictionary::try_copy(dictionary.bytes).ok()? })
    };
    DICTIONARIES.iter().filter_map(prepare).collect()
});

fn prepared(id: u32) -> Option<&'static Prepared> {
    PREPARED.iter().find(|prepared| prepared.id == id)
}

thread_local! {
    /// Making them costs as much as a short exchange.
    static CONTEXTS: RefCell<(DCtx<'static>, CCtx<'static>)> = RefCell::new((DCtx::create(), CCtx::create()));
}

/// A request's body as it was before it was packed; a frame names the dictionary that it needs.
pub fn unpack(headers: &HeaderMap, body: Bytes) -> Result<Bytes, Problem> {
    match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity" | b"") if body.len() > REQUEST_LIMIT => Err(too_large()),
        None | Some(b"identity" | b"") => Ok(body),
        Some(b"zstd") => CONTEXTS.with_borrow_mut(|(context, _)| {
            context.reset(ResetDirective::SessionAndParameters).map_err(|_| broken())?;
            if let Some(id) = get_dict_id_from_frame(&body) {
                let prepared = prepared(id.get()).ok_or_else(unknown_dictionary)?;
                context.ref_ddict(prepared.decoder.as_ddict()).map_err(|_| broken())?;
            }
            read(Decoder::with_context(&body[..], context), body.len())
        }),
        Some(_) => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "sync.encoding",
            "不支持的压缩方式，请使用 zstd 或不压缩",
        )),
    }
}

/// What a body of `packed` bytes unpacks to, if it is no bomb.
fn read(mut decoder: Decoder<'_, &[u8]>, packed: usize) -> Result<Bytes, Problem> {
    decoder.window_log_max(WINDOW_LOG).map_err(|_| broken())?;
    let limit = REQUEST_LIMIT.min(packed.saturating_mul(RATIO).max(RATIO_FROM));
    let mut out = Vec::with_capacity((packed * 6).min(limit));
    decoder.take(limit as u64 + 1).read_to_end(&mut out).map_err(|_| broken())?;
    if out.len() > limit { Err(too_large()) } else { Ok(out.into()) }
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "sync.too_large", "同步请求超过 4 MiB，请分批上传")
}

fn broken() -> Problem {
    Problem::bad_request("sync.zstd", "压缩数据损坏或不完整，请重试")
}

fn unknown_dictionary() -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "sync.dictionary", "本服务器没有这份压缩字典，请不用字典重新发送")
}

/// `json` as it goes to who accepts what `headers` say and has `dictionary`: packed, or `None` where it goes as it is.
pub fn pack(headers: &HeaderMap, json: &[u8], dictionary: Option<&Dictionary>) -> Result<Option<Vec<u8>>, Error> {
    if json.len() <= PACK_FROM || !accepts_zstd(headers) {
        return Ok(None);
    }
    CONTEXTS
        .with_borrow_mut(|(_, context)| {
            context.reset(ResetDirective::SessionAndParameters)?;
            match dictionary.and_then(|dictionary| prepared(dictionary.id)) {
                Some(prepared) => context.ref_cdict(prepared.encoder.as_cdict())?,
                None => context.set_parameter(CParameter::CompressionLevel(LEVEL))?,
            };
            let mut packed = Vec::with_capacity(compress_bound(json.len()));
            context.compress2(&mut packed, json)?;
            Ok(Some(packed))
        })
        .map_err(|code: ErrorCode| Error::other(get_error_name(code)))
}

fn accepts_zstd(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.split(',').any(|coding| coding.split(';').next().is_some_and(|c| c.trim() == "zstd")))
}
