//! Before a phone's request is worked on: how much may be under way at once, and how often one device may come.
//! Whoever is turned away gets 503 with a jittered `Retry-After` and has lost nothing: the phone keeps it and comes
//! again. Photos have room of their own, so that they never keep a signature waiting.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use nuanfang_core::id::DeviceId;
use nuanfang_core::wire::{CALL_TIMEOUT_S, REQUEST_LIMIT};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Problem;
use super::permission::bearer;
use crate::state::AppState;
use crate::store::Store;

/// Bytes that one unit of the exchanges' room stands for.
const UNIT: usize = 1024;
/// A packed body grows to about this many times its size while it is read.
const UNPACKED: usize = 8;
/// One exchange takes no more than this part of the exchanges' room, however long it is: a phone that comes with a week's
/// work finds room beside others.
const PART: usize = 4;

/// How much may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of exchanges under way, as they are in memory. Whoever finds room waits for all that came before him: more
    /// room serves nobody sooner, it only lets everybody wait longer.
    pub exchange_bytes: usize,
    /// Pieces of files under way; each holds up to a mebibyte.
    pub pieces: usize,
    /// Requests under way from whoever has not shown a token yet: each costs a signature's check.
    pub strangers: usize,
    /// Requests a second that one device may go on making.
    pub device_per_second: NonZeroU32,
    /// Requests that one device may make at once after a rest.
    pub device_burst: NonZeroU32,
    /// How long a request may be under way, from its head to its answer. A phone that lost its network in the middle of one
    /// never says so, and keeps its room until then.
    pub whole_call: Duration,
    /// How long anybody's body may be silent before its request is ended.
    pub silent: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            exchange_bytes: 8 * 1024 * 1024,
            pieces: 64,
            strangers: 64,
            device_per_second: NonZeroU32::MIN.saturating_add(99),
            device_burst: NonZeroU32::MIN.saturating_add(499),
            // The phone gave up before.
            whole_call: Duration::from_secs(CALL_TIMEOUT_S + CALL_TIMEOUT_S / 4),
            silent: Duration::from_secs(30),
        }
    }
}

/// What a phone's request is counted under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answered {
    /// The route.
    pub route: String,
    /// The status it was answered with.
    pub status: u16,
}

/// Why a phone's request was turned away.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TurnedAway {
    /// The problem's code.
    pub code: &'static str,
}

/// The gate that phones come through.
#[derive(Debug)]
pub struct Gate {
    exchanges: Arc<Semaphore>,
    most: usize,
    pieces: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    devices: DefaultKeyedRateLimiter<DeviceId>,
    whole_call: Duration,
    /// How long a body may be silent.
    pub silent: Duration,
    /// Seconds from a request's head to its answer.
    pub answered: Family<Answered, Histogram, fn() -> Histogram>,
    /// Requests turned away.
    pub turned_away: Family<TurnedAway, Counter>,
}

impl Gate {
    /// A gate with `limits`.
    pub fn new(limits: Limits) -> Self {
        let units = (limits.exchange_bytes / UNIT).min(Semaphore::MAX_PERMITS);
        let quota = Quota::per_second(limits.device_per_second).allow_burst(limits.device_burst);
        Self {
            exchanges: Arc::new(Semaphore::new(units)),
            most: units,
            pieces: Arc::new(Semaphore::new(limits.pieces)),
            strangers: Arc::new(Semaphore::new(limits.strangers)),
            devices: RateLimiter::keyed(quota),
            whole_call: limits.whole_call,
            silent: limits.silent,
            answered: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 14))),
            turned_away: Family::default(),
        }
    }

    /// Forgets the devices that have not come for a while.
    pub fn forget_resting(&self) {
        self.devices.retain_recent();
        self.devices.shrink_to_fit();
    }

    fn admit(&self, route: &str, headers: &HeaderMap, device: Option<DeviceId>) -> Result<OwnedSemaphorePermit, Busy> {
        if let Some(device) = device
            && self.devices.check_key(&device).is_err()
        {
            return Err(Busy {
                code: "device.too_fast", title: "本设备请求过于频繁，请稍后重试，记录不会丢失"
            });
        }
        let (room, units, busy) = match (route, device) {
            (_, None) => (&self.strangers, 1, Busy::SERVER),
            ("/v1/sync", _) => (&self.exchanges, self.units(headers), Busy::SERVER),
            ("/v1/blobs/{sha}", _) => {
                (&self.pieces, 1, Busy { code: "blob.busy", title: "正在上传的文件过多，请稍后重试" })
            }
            _ => (&self.exchanges, 1, Busy::SERVER),
        };
        Arc::clone(room).try_acquire_many_owned(units).map_err(|_| busy)
    }

    /// The room an exchange takes, by what it says of its length: what it can grow to if it does not say.
    fn units(&self, headers: &HeaderMap) -> u32 {
        let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let bytes = said.map_or(REQUEST_LIMIT, |bytes| bytes.saturating_mul(UNPACKED).min(REQUEST_LIMIT));
        u32::try_from((bytes / UNIT + 1).min((self.most / PART).max(1))).unwrap_or(u32::MAX)
    }
}

struct Busy {
    code: &'static str,
    title: &'static str,
}

impl Busy {
    const SERVER: Self = Self { code: "server.busy", title: "服务器繁忙，请稍后重试" };
    const SLOW: Self =
        Self { code: "request.slow", title: "本次传输过慢，已中断，请稍后重试，记录不会丢失" };
}

/// Lets a phone's request in, or turns it away; and measures how long it takes.
pub async fn pass<S: Store>(
    State(state): State<AppState<S>>,
    route: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let device = bearer(request.headers()).and_then(|token| state.tokens.device(token));
    let done = match state.gate.admit(route.as_str(), request.headers(), device) {
        // What came of a file is kept; an exchange that was handed to the writer is taken in all the same.
        Ok(_permit) => tokio::time::timeout(state.gate.whole_call, next.run(request)).await.map_err(|_| Busy::SLOW),
        Err(busy) => Err(busy),
    };
    let response = done.unwrap_or_else(|busy| {
        state.gate.turned_away.get_or_create(&TurnedAway { code: busy.code }).inc();
        Problem::busy(busy.code, busy.title).into_response()
    });
    let answered = Answered { route: route.as_str().to_owned(), status: response.status().as_u16() };
    state.gate.answered.get_or_create(&answered).observe(begun.elapsed().as_secs_f64());
    response
}
