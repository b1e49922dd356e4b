//! Before a request is worked on: how much may be under way at once, and how often one device may come. Whoever is
//! turned away gets 503 with a jittered `Retry-After` and has lost nothing: the phone keeps it and comes again. Photos
//! have room of their own, so that they never keep a signature waiting, and so has the office.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::to_bytes;
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
use super::api::permit::session_token;
use super::connections::Connections;
use super::permission::bearer;
use super::share::{Share, Shares};
use crate::state::AppState;
use crate::store::Store;

/// Bytes that one unit of the exchanges' room stands for.
const UNIT: usize = 1024;
/// A packed body grows to about this many times its size while it is read.
const UNPACKED: usize = 8;
/// The longest body of whoever shows no token, in bytes: an enrolment with its devices of before.
const STRANGER: usize = 64 * 1024;
const BLOBS: &str = "/v1/blobs/{sha}";
const SYNC: &str = "/v1/sync";
const SESSION: &str = "/api/session";
/// What [`Limits::device_kib_per_day`] counts for.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// One exchange takes no more than this part of the exchanges' room, however long it is: a phone that comes with a week's
/// work finds room beside others. Who has not logged in finds this part of the office's room, beside it.
const PART: usize = 4;

/// One device has no more than these parts of the rooms for files and for exchanges under way: it sends one after another, and
/// one that hangs ends by itself.
const PIECES_OF_ONE: usize = 4;
const EXCHANGES_OF_ONE: usize = 2;

/// How much may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections that are open; fewer where the system allows the process fewer files.
    pub connections: usize,
    /// Connections that are open from one address. A proxy's count as one by one.
    pub connections_of_one: usize,
    /// How long a connection may be open without its first request.
    pub unsaid: Duration,
    /// Bytes of exchanges under way, as they are in memory. Whoever finds room waits for all that came before him: more
    /// room serves nobody sooner, it only lets everybody wait longer.
    pub exchange_bytes: usize,
    /// Pieces of files under way.
    pub pieces: usize,
    /// Requests worked on for whoever has not shown a token yet: each costs a signature's check.
    pub strangers: usize,
    /// Requests of the office worked on, from head to head: an answer that goes on, as the live board's does, is not counted.
    pub office: usize,
    /// Requests a second that one device may go on making.
    pub device_per_second: NonZeroU32,
    /// Requests that one device may make at once after a rest.
    pub device_burst: NonZeroU32,
    /// Kibibytes that one device may bring in a day, of exchanges as they unpack and of files each (ASVS 5.2.4). Beyond them
    /// it brings what a day leaves room for, little by little: evidence comes later, it is not refused.
    pub device_kib_per_day: NonZeroU32,
    /// How long a request may be under way, from its head to its answer, and how long its answer may wait to be read. A phone
    /// that lost its network in the middle of one never says so, and keeps its room until then.
    pub whole_call: Duration,
    /// How long anybody's body may be silent before its request is ended.
    pub silent: Duration,
    /// How long the body of whoever shows no token may take.
    pub stranger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Two thousand phones, as many pages of the office, and as many again.
            connections: 8192,
            // A station's phones and desks come through one address.
            connections_of_one: 1024,
            unsaid: Duration::from_secs(30),
            exchange_bytes: 8 * 1024 * 1024,
            pieces: 64,
            strangers: 64,
            // A browser asks for a hundred photos of one page at once.
            office: 128,
            device_per_second: NonZeroU32::MIN.saturating_add(99),
            device_burst: NonZeroU32::MIN.saturating_add(499),
            // Ten thousand photos, a whole season of one worker; and one phone fills no disk overnight.
            device_kib_per_day: NonZeroU32::MIN.saturating_add(4 * 1024 * 1024 - 1),
            // The phone gave up before.
            whole_call: Duration::from_secs(CALL_TIMEOUT_S + CALL_TIMEOUT_S / 4),
            silent: Duration::from_secs(30),
            stranger: Duration::from_secs(20),
        }
    }
}

/// What a request is counted under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answered {
    /// The route.
    pub route: String,
    /// The status it was answered with.
    pub status: u16,
}

/// Why a request was turned away.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TurnedAway {
    /// The problem's code.
    pub code: &'static str,
}

/// The gate that phones and the office come through.
#[derive(Debug)]
pub struct Gate {
    exchanges: Arc<Semaphore>,
    most: usize,
    pieces: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    office: Arc<Semaphore>,
    visitors: Arc<Semaphore>,
    devices: DefaultKeyedRateLimiter<DeviceId>,
    exchanges_of_one: Shares<DeviceId>,
    pieces_of_one: Shares<DeviceId>,
    exchange_kib: DefaultKeyedRateLimiter<DeviceId>,
    piece_kib: DefaultKeyedRateLimiter<DeviceId>,
    kib_per_day: NonZeroU32,
    whole_call: Duration,
    /// How long a body may be silent.
    pub silent: Duration,
    stranger: Duration,
    /// Seconds from a request's head to its answer.
    pub answered: Family<Answered, Histogram, fn() -> Histogram>,
    /// Requests turned away.
    pub turned_away: Family<TurnedAway, Counter>,
    /// The connections they come through.
    pub connections: Connections,
}

impl Gate {
    /// A gate with `limits`.
    pub fn new(limits: Limits) -> Self {
        let units = (limits.exchange_bytes / UNIT).min(Semaphore::MAX_PERMITS);
        let quota = Quota::per_second(limits.device_per_second).allow_burst(limits.device_burst);
        let kib = limits.device_kib_per_day;
        let bytes = Quota::with_period(DAY / kib.get()).unwrap_or(Quota::per_second(kib)).allow_burst(kib);
        Self {
            exchanges: Arc::new(Semaphore::new(units)),
            most: units,
            pieces: Arc::new(Semaphore::new(limits.pieces)),
            strangers: Arc::new(Semaphore::new(limits.strangers)),
            office: Arc::new(Semaphore::new(limits.office)),
            visitors: Arc::new(Semaphore::new(limits.office.div_ceil(PART))),
            devices: RateLimiter::keyed(quota),
            exchanges_of_one: Shares::new(units / EXCHANGES_OF_ONE),
            pieces_of_one: Shares::new(limits.pieces.div_ceil(PIECES_OF_ONE)),
            exchange_kib: RateLimiter::keyed(bytes),
            piece_kib: RateLimiter::keyed(bytes),
            kib_per_day: kib,
            whole_call: limits.whole_call,
            silent: limits.silent,
            stranger: limits.stranger,
            answered: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 14))),
            turned_away: Family::default(),
            connections: Connections::new(limits.connections, limits.connections_of_one, limits.whole_call),
        }
    }

    /// Forgets the devices that have not come for a while.
    pub fn forget_resting(&self) {
        for limiter in [&self.devices, &self.exchange_kib, &self.piece_kib] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    fn admit(&self, route: &str, headers: &HeaderMap, who: Who) -> Result<Room, Busy> {
        let alone = |permit| Room { _permit: permit, _share: None };
        let device = match who {
            Who::Device(device) => device,
            Who::Stranger => return enter(&self.strangers, 1, Busy::SERVER).map(alone),
            Who::User => return enter(&self.office, 1, Busy::OFFICE).map(alone),
            Who::Visitor => return enter(&self.visitors, 1, Busy::OFFICE).map(alone),
        };
        if self.devices.check_key(&device).is_err() {
            return Err(Busy::HASTY);
        }
        let (room, shares, units, busy) = match route {
            BLOBS => (&self.pieces, &self.pieces_of_one, 1, Busy::PIECES),
            SYNC => (&self.exchanges, &self.exchanges_of_one, self.units(headers), Busy::SERVER),
            _ => (&self.exchanges, &self.exchanges_of_one, 1, Busy::SERVER),
        };
        let share = shares.take(device, units).ok_or(Busy::HASTY)?;
        Ok(Room { _permit: enter(room, units, busy)?, _share: Some(share) })
    }

    /// Counts an exchange that `device` brings as what it unpacked to, and takes the room it needs beyond twice what its
    /// length said; held while it is worked on.
    ///
    /// # Errors
    /// 503 where the device brought a day's operations, or has too much under way, or there is no room.
    pub fn unpacked(&self, device: DeviceId, headers: &HeaderMap, bytes: usize) -> Result<Room, Problem> {
        // What grows to twice that is no bomb, and was uploaded already.
        let grown = self.part(bytes).saturating_sub(self.units(headers).saturating_mul(2));
        let share = self.exchanges_of_one.take(device, grown).ok_or_else(|| self.turn_away(&Busy::HASTY))?;
        let permit = enter(&self.exchanges, grown, Busy::SERVER).map_err(|busy| self.turn_away(&busy))?;
        self.count(&self.exchange_kib, device, bytes)?;
        Ok(Room { _permit: permit, _share: Some(share) })
    }

    /// Counts a piece of a file that `device` brings.
    ///
    /// # Errors
    /// 503 where it brought a day's files.
    pub fn piece(&self, device: DeviceId, bytes: usize) -> Result<(), Problem> {
        self.count(&self.piece_kib, device, bytes)
    }

    fn count(
        &self,
        limiter: &DefaultKeyedRateLimiter<DeviceId>,
        device: DeviceId,
        bytes: usize,
    ) -> Result<(), Problem> {
        let kib = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).min(self.kib_per_day.get() - 1);
        match limiter.check_key_n(&device, NonZeroU32::MIN.saturating_add(kib)) {
            Ok(Ok(())) => Ok(()),
            _ => Err(self.turn_away(&Busy::MUCH)),
        }
    }

    fn turn_away(&self, busy: &Busy) -> Problem {
        self.turned_away.get_or_create(&TurnedAway { code: busy.code }).inc();
        Problem::busy(busy.code, busy.title)
    }

    /// The room an exchange takes, by what it says of its length: what it can grow to if it does not say.
    fn units(&self, headers: &HeaderMap) -> u32 {
        self.part(said(headers).map_or(REQUEST_LIMIT, |bytes| bytes.saturating_mul(UNPACKED)))
    }

    fn part(&self, bytes: usize) -> u32 {
        u32::try_from((bytes.min(REQUEST_LIMIT) / UNIT + 1).min((self.most / PART).max(1))).unwrap_or(u32::MAX)
    }
}

/// How long a request says that its body is, in bytes.
pub fn said(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn enter(room: &Arc<Semaphore>, units: u32, busy: Busy) -> Result<OwnedSemaphorePermit, Busy> {
    Arc::clone(room).try_acquire_many_owned(units).map_err(|_| busy)
}

/// What a request has taken, until dropped.
#[derive(Debug)]
pub struct Room {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share<DeviceId>>,
}

struct Busy {
    code: &'static str,
    title: &'static str,
}

impl Busy {
    const SERVER: Self = Self { code: "server.busy", title: "服务器繁忙，请稍后重试" };
    const OFFICE: Self = Self { code: "office.busy", title: "服务器正忙，请稍后重试" };
    const PIECES: Self = Self { code: "blob.busy", title: "正在上传的文件过多，请稍后重试" };
    const HASTY: Self =
        Self { code: "device.too_fast", title: "本设备请求过于频繁，请稍后重试，记录不会丢失" };
    const MUCH: Self = Self {
        code: "device.too_much", title: "本设备一天内上传过多，将逐步继续上传，记录不会丢失"
    };
    const SLOW: Self =
        Self { code: "request.slow", title: "本次传输过慢，已中断，请稍后重试，记录不会丢失" };
}

#[derive(Clone, Copy)]
enum Who {
    Device(DeviceId),
    /// Comes as a phone and shows no token.
    Stranger,
    User,
    /// Comes to the office and is not logged in.
    Visitor,
}

/// Lets a phone's request in, or turns it away; and measures how long it takes.
pub async fn pass<S: Store>(
    State(state): State<AppState<S>>,
    route: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let device = bearer(request.headers()).and_then(|token| state.tokens.device(token));
    measured(&state.gate, route.as_str(), request, device.map_or(Who::Stranger, Who::Device), next).await
}

/// The same with a request of the office.
pub async fn pass_office<S: Store>(
    State(state): State<AppState<S>>,
    route: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let user = session_token(request.headers()).and_then(|token| state.desk.user(token));
    measured(&state.gate, route.as_str(), request, user.map_or(Who::Visitor, |_| Who::User), next).await
}

async fn measured(gate: &Gate, route: &str, request: Request, who: Who, next: Next) -> Response {
    let begun = Instant::now();
    let response = match admitted(gate, route, request, who, next).await {
        Ok(response) => response,
        Err(busy) => gate.turn_away(&busy).into_response(),
    };
    let answered = Answered { route: route.to_owned(), status: response.status().as_u16() };
    gate.answered.get_or_create(&answered).observe(begun.elapsed().as_secs_f64());
    response
}

async fn admitted(gate: &Gate, route: &str, request: Request, who: Who, next: Next) -> Result<Response, Busy> {
    // Who shows no token, or is not logged in, is not read where that is asked for. Elsewhere all of him is here before he
    // takes room: nobody keeps it by falling silent.
    let whole = match who {
        Who::Device(_) | Who::User => false,
        Who::Stranger => !matches!(route, BLOBS | SYNC),
        Who::Visitor => route == SESSION,
    };
    let request = if whole {
        let (head, body) = request.into_parts();
        match tokio::time::timeout(gate.stranger, to_bytes(body, STRANGER)).await {
            Ok(Ok(body)) => Request::from_parts(head, body.into()),
            Ok(Err(_)) => return Ok(Problem::bad_request("request.unreadable", "请求不完整或过长").into_response()),
            Err(_) => return Err(Busy::SLOW),
        }
    } else {
        request
    };
    let _permit = gate.admit(route, request.headers(), who)?;
    // What came of a file is kept; what was handed to the writer is taken in all the same.
    tokio::time::timeout(gate.whole_call, next.run(request)).await.map_err(|_| Busy::SLOW)
}
