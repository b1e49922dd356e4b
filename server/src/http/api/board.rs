//! Today's board: every visit of a day in the column of its state.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use chrono::{NaiveDate, NaiveTime};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::worker::local_date;
use rusqlite::Connection;
use rusqlite::types::Value as SqlValue;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::permit::{May, ReadVisits};
use super::views::{Named, VisitCard, VisitKindName};
use super::{Asked, cards};
use crate::http::Problem;
use crate::office::role::Role;
use crate::state::AppState;
use crate::store::StoreError;
use crate::store::sqlite::writing::Committed;

/// The columns of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BoardState {
    /// 待派: nobody has it yet.
    Unassigned,
    /// 已派: somebody has it and is not on the way.
    Assigned,
    /// 途中: departed.
    EnRoute,
    /// 到门: at the door.
    AtDoor,
    /// 户内: let in.
    Inside,
    /// 已完成.
    Done,
    /// 到访不遇.
    Absent,
    /// 未完成: refused entry, or left undone with a reason.
    NotDone,
    /// 迟到: somebody who no longer has it did work on it; to be decided.
    Late,
    /// 拒签待回访: the resident refused to sign and has not been called back.
    CallbackDue,
    /// 已取消.
    Cancelled,
}

/// Which visits the board shows.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BoardQuery {
    /// The day in Beijing, `2026-11-23`; today when absent.
    pub day: Option<String>,
    /// Only this worker's.
    pub worker: Option<Uuid>,
    /// Only this community's (小区名称).
    pub community: Option<String>,
    /// Only of this kind.
    pub kind: Option<VisitKindName>,
}

/// One column's heading.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StateCount {
    /// Which.
    pub state: BoardState,
    /// As shown: 待派.
    pub zh: String,
    /// As shown in English.
    pub en: String,
    /// How many visits stand in it under the filters.
    pub count: u64,
}

/// The board.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BoardView {
    /// The day shown.
    pub day: String,
    /// Position of the newest change it holds; the stream goes on from here.
    pub pos: u64,
    /// Columns in order, empty ones included.
    pub counts: Vec<StateCount>,
    /// The cards, by window, then address.
    pub cards: Vec<VisitCard>,
    /// Workers with a visit on that day, to filter by.
    pub workers: Vec<Named>,
    /// Communities with a visit on that day, to filter by.
    pub communities: Vec<String>,
}

/// One message of the stream `GET /api/board/events`: the event's name is `visit` or `resync`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BoardPoke {
    /// Position; the SSE id.
    pub pos: u64,
    /// The visit that changed, if one did. After `resync` everything may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visit: Option<Uuid>,
}

impl BoardState {
    /// All columns, in the order of the board.
    const ALL: [Self; 11] = [
        Self::Unassigned,
        Self::Assigned,
        Self::EnRoute,
        Self::AtDoor,
        Self::Inside,
        Self::Done,
        Self::Absent,
        Self::NotDone,
        Self::Late,
        Self::CallbackDue,
        Self::Cancelled,
    ];

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Unassigned => ("待派", "Unassigned"),
            Self::Assigned => ("已派", "Assigned"),
            Self::EnRoute => ("途中", "On the way"),
            Self::AtDoor => ("到门", "At the door"),
            Self::Inside => ("户内", "Inside"),
            Self::Done => ("已完成", "Done"),
            Self::Absent => ("到访不遇", "Absent"),
            Self::NotDone => ("未完成", "Not done"),
            Self::Late => ("迟到", "Late"),
            Self::CallbackDue => ("拒签待回访", "Call-back due"),
            Self::Cancelled => ("已取消", "Cancelled"),
        }
    }
}

/// The visits of a day.
const DAYS: &str = "v.from_ms >= ?1 AND v.from_ms < ?2";

/// What has no time yet, and what is left of earlier days, is today's business too. Each part has an index of its own: no
/// other visit is read.
const TODAYS: &str = "v.id IN (SELECT id FROM visit WHERE from_ms >= ?1 AND from_ms < ?2
    UNION ALL SELECT id FROM visit WHERE open = 1 AND from_ms IS NULL
    UNION ALL SELECT id FROM visit WHERE open = 1 AND from_ms < ?1
    UNION ALL SELECT id FROM visit WHERE late > 0
    UNION ALL SELECT id FROM visit WHERE open = 0 AND from_ms IS NULL AND last_ms >= ?1 AND last_ms < ?2
    UNION ALL SELECT visit FROM task WHERE kind = 'call_back' AND done_ms IS NULL)";

/// What changed since a position: few where the position is near, however many visits there are.
const SINCE: &str = "SELECT v.id, v.last_g FROM visit v
    WHERE v.id IN (SELECT visit FROM envelope WHERE g > ?1) AND v.last_g > ?1 ORDER BY v.last_g";

/// Cards on one board at most.
const CARDS: u32 = 10_000;

/// A day's visits in the columns of their states.
#[utoipa::path(get, path = "/api/board", tag = "board", operation_id = "board", params(BoardQuery),
    responses((status = 200, description = "The board; carries an ETag", body = BoardView),
        (status = 304, description = "As it was")))]
pub async fn board(
    may: May<ReadVisits>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Asked(query): Asked<BoardQuery>,
) -> Result<Response, Problem> {
    let today = local_date(state.now());
    let day = query.day.clone().unwrap_or_else(|| today.clone());
    let role = may.user.role;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (tag, view) = state
        .read(move |db| {
            let pos = position(db)?;
            let owed: i64 = db.query_row("SELECT count(*) FROM blob_need", [], |row| row.get(0))?;
            let asked = format!("{pos}/{owed}/{day}/{today}/{}/{query:?}", role.name());
            let tag = format!("\"{}\"", Sha::of(asked.as_bytes()).short());
            if known.as_deref() == Some(&tag) {
                return Ok((tag, None));
            }
            let view = read(db, &query, &day, day == today, pos, role)?;
            Ok::<_, Problem>((tag, Some(view)))
        })
        .await?;
    let headers = [(header::ETAG, tag), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
    Ok(match view {
        Some(view) => (headers, Json(view)).into_response(),
        None => (StatusCode::NOT_MODIFIED, headers).into_response(),
    })
}

/// The newest position of the log.
fn position(db: &Connection) -> Result<u64, StoreError> {
    Ok(db.query_row("SELECT coalesce(max(g), 0) FROM envelope", [], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

fn read(
    db: &Connection,
    query: &BoardQuery,
    day: &str,
    is_today: bool,
    pos: u64,
    role: Role,
) -> Result<BoardView, Problem> {
    let (from, until) = bounds(day)?;
    let mut values = vec![SqlValue::Integer(from), SqlValue::Integer(until)];
    let all = cards::cards(db, if is_today { TODAYS } else { DAYS }, &values, CARDS, role)?;
    let mut workers: Vec<Named> = all.iter().filter_map(|card| card.assignee.clone()).collect();
    workers.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    workers.dedup();
    let mut communities: Vec<String> = all.iter().map(|card| card.household.community.clone()).collect();
    communities.sort();
    communities.dedup();
    values.clear();
    let cards: Vec<_> = all
        .into_iter()
        .filter(|card| query.worker.is_none_or(|worker| card.assignee.as_ref().is_some_and(|a| a.id == worker)))
        .filter(|card| query.community.as_ref().is_none_or(|community| card.household.community == *community))
        .filter(|card| query.kind.is_none_or(|kind| card.kind == kind))
        .collect();
    let count = |state| cards.iter().filter(|card| card.state == state).count() as u64;
    let counts = BoardState::ALL
        .into_iter()
        .map(|state| {
            let (zh, en) = state.words();
            StateCount { state, zh: zh.to_owned(), en: en.to_owned(), count: count(state) }
        })
        .collect();
    Ok(BoardView { day: day.to_owned(), pos, counts, cards, workers, communities })
}

/// A local day as an interval of UTC milliseconds.
fn bounds(day: &str) -> Result<(i64, i64), Problem> {
    let date = NaiveDate::parse_from_str(day, "%Y-%m-%d")
        .map_err(|_| Problem::bad_request("request.day", "日期须如 2026-11-23"))?;
    let from = date.and_time(NaiveTime::MIN).and_utc().timestamp_millis() - 8 * 3_600_000;
    Ok((from, from + 86_400_000))
}

/// Comments keep the stream alive through proxies.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// Operations after which a gap is no longer told visit by visit, but as `resync`.
const GAP: u64 = 1_000;

/// What changes, as it changes: server-sent events. After `resync` everything may have changed.
#[utoipa::path(get, path = "/api/board/events", tag = "board", operation_id = "board_events",
    params(("Last-Event-ID" = Option<u64>, Header, description = "Position of the last event seen")),
    responses((status = 200, description = "Events `visit` and `resync`; the id is the position", body = BoardPoke,
        content_type = "text/event-stream")))]
pub async fn board_events(
    _may: May<ReadVisits>,
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    // Listening begins before looking back: what is committed in between comes twice, never not at all.
    let committed = state.store.committed();
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let missed = match last {
        Some(last) => state.read(move |db| since(db, last)).await?,
        None => Vec::new(),
    };
    let (events, stream) = mpsc::channel(PENDING);
    tokio::spawn(tell(events, missed, committed));
    let sse = Sse::new(ReceiverStream::new(stream)).keep_alive(KeepAlive::new().interval(HEARTBEAT).text(""));
    Ok(([(header::CACHE_CONTROL, "no-store"), (HeaderName::from_static("x-accel-buffering"), "no")], sse))
}

/// Events that may wait for a slow reader.
const PENDING: usize = 256;

/// Tells what was missed, then what is committed, until nobody listens.
async fn tell(events: mpsc::Sender<Told>, missed: Vec<Event>, mut committed: broadcast::Receiver<Committed>) {
    let mut next = missed;
    loop {
        for event in next {
            if events.send(Ok(event)).await.is_err() {
                return;
            }
        }
        let group = tokio::select! {
            () = events.closed() => return,
            group = committed.recv() => group,
        };
        next = match group {
            Ok(group) => group.visits.iter().map(|visit| poke(group.g, Some(visit.0))).collect(),
            Err(broadcast::error::RecvError::Lagged(_)) => vec![resync(0)],
            Err(broadcast::error::RecvError::Closed) => return,
        };
    }
}

type Told = Result<Event, std::convert::Infallible>;

fn since(db: &Connection, last: u64) -> Result<Vec<Event>, StoreError> {
    let now = position(db)?;
    // A later one is of another time: the server was restored.
    if now.checked_sub(last).is_none_or(|gap| gap > GAP) {
        return Ok(vec![resync(now)]);
    }
    let mut query = db.prepare_cached(SINCE)?;
    let changed = query.query_map([last as i64], |row| {
        Ok(poke(row.get::<_, i64>(1)?.unsigned_abs(), Some(Uuid::from_bytes(row.get(0)?))))
    })?;
    Ok(changed.collect::<Result<_, _>>()?)
}

fn poke(pos: u64, visit: Option<Uuid>) -> Event {
    named("visit", BoardPoke { pos, visit })
}

fn resync(pos: u64) -> Event {
    named("resync", BoardPoke { pos, visit: None })
}

fn named(name: &str, poke: BoardPoke) -> Event {
    let data = serde_json::to_string(&poke).unwrap_or_default();
    let event = Event::default().event(name).data(data);
    if poke.pos > 0 { event.id(poke.pos.to_string()) } else { event }
}

#[cfg(test)]
mod tests {
    use rusqlite::params_from_iter;

    use super::super::devices::BEGUN_VISITS;
    use super::super::registers::OPEN_VISITS;
    use super::*;
    use crate::office::silence;

    /// How a statement is read, step by step.
    fn steps(sql: &str) -> Vec<String> {
        let db = crate::store::sqlite::bare();
        let mut query = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("it is understood");
        let bound = vec![0; query.parameter_count()];
        let rows = query.query_map(params_from_iter(bound), |row| row.get(3)).expect("a plan");
        rows.collect::<Result<_, _>>().expect("its steps")
    }

    #[test]
    fn what_is_asked_all_day_reads_no_visit_in_vain() {
        let today = steps(&cards::select(TODAYS, CARDS));
        let parts = [
            "visit_from (from_ms>? AND from_ms<?)",
            "visit_due (from_ms=?)",
            "visit_due (from_ms<?)",
            "visit_late",
            "visit_timeless (from_ms=? AND last_ms>? AND last_ms<?)",
            "task_call_back",
        ];
        for part in parts {
            assert!(today.iter().any(|step| step.ends_with(part)), "{part}: {today:?}");
        }
        let ended = steps(silence::ENDED);
        assert!(ended[0].contains("assignment_ended (worker=?") && ended.iter().all(|step| !step.contains("B-TREE")));
        let alarms = [steps(BEGUN_VISITS), ended, steps(silence::PUT_OFF)].concat();
        let all = [today, steps(&cards::select(DAYS, CARDS)), steps(SINCE), steps(OPEN_VISITS), alarms];
        for step in all.iter().flatten() {
            // Of an index that holds only what is asked for all is read.
            let whole = step.starts_with("SCAN") && !step.ends_with("visit_late") && !step.ends_with("task_call_back");
            assert!(!whole && !step.contains("visit_assignee"), "{all:?}");
        }
    }
}
