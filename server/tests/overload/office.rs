//! The office asks for more than there is: phones go on beside it, and what it is turned away from is not begun.

use std::num::NonZero;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Method, Request, StatusCode, header};
use nuanfang_core::id::{HouseholdId, VisitId};
use nuanfang_server::http::gate::{Limits, TurnedAway};
use nuanfang_server::office::role::Role;
use nuanfang_server::store::StoreError;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt;
use uuid::Uuid;

use super::common::desk::{Desk, PASSWORD};
use super::common::{House, Phone};
use super::{BUSY, Open, VISIT, ask, wait, worker};

const OTHER: VisitId = VisitId(Uuid::from_u128(0xa12));

fn cancel(desk: &Desk, visit: VisitId) -> Builder {
    Request::post(format!("/api/visits/{visit}/cancel"))
        .header(header::COOKIE, &desk.cookie)
        .header("x-nuanfang", "1")
        .header(header::CONTENT_TYPE, "application/json")
}

async fn state_of(house: &House, desk: &Desk, visit: VisitId) -> Value {
    desk.get(house, &format!("/api/visits/{visit}")).await["card"]["state"].clone()
}

#[tokio::test]
async fn whatever_the_office_reads_phones_go_on() {
    let house = House::open().await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    let desk = Desk::open(&house, Role::Dispatcher).await;
    let cores = std::thread::available_parallelism().map_or(2, NonZero::get).clamp(2, 16);
    let (begin, mut begun) = mpsc::unbounded_channel();
    let (mut reads, mut held) = (Vec::new(), Vec::new());
    for _ in 0..2 * cores {
        let (hold, end) = channel::<()>();
        let (state, begin) = (house.state.clone(), begin.clone());
        let read = move |_: &_| {
            begin.send(()).expect("it is waited for");
            // Whoever gives up here kept a phone waiting.
            Ok::<_, StoreError>(end.recv_timeout(Duration::from_secs(30)) == Err(RecvTimeoutError::Disconnected))
        };
        reads.push(tokio::spawn(async move { state.read(read).await.expect("read") }));
        held.push(hold);
    }
    for _ in 0..cores {
        begun.recv().await.expect("it is read");
    }
    let (app, board) = (house.app.clone(), desk.request(Method::GET, "/api/board", ""));
    let board = tokio::spawn(async move { app.oneshot(board).await.expect("the router answers").status() });
    phone.log_raw(None, 1, "visit.problem_described", r#"{"n":"00","text":"冷"}"#, Vec::new());
    assert_eq!(phone.sync(&house).await.acked_through, 1);
    drop(held);
    for read in reads {
        assert!(read.await.expect("no panic"), "a phone waited for it");
    }
    assert_eq!(board.await.expect("no panic"), StatusCode::OK);
}

#[tokio::test]
async fn the_office_beyond_its_room_is_turned_away_and_nothing_is_half_done() {
    let house = House::open_with(Limits { office: 1, ..Limits::default() }).await;
    let desk = Desk::open(&house, Role::Dispatcher).await;
    let phone = Phone::enrol(&house, worker(1)).await;
    for visit in [VISIT, OTHER] {
        house.schedule(visit, HouseholdId(Uuid::from_u128(0xb22)), Some(worker(1))).await;
    }
    let body = json!({ "plan_version": 1, "reason": "用户来电取消" });
    let text = body.to_string();
    let open = Open::begin(&house, cancel(&desk, VISIT), &text.as_bytes()[..5]).await;

    let path = format!("/api/visits/{OTHER}/cancel");
    let (status, headers, said) = desk.send(&house, Method::POST, &path, &body).await;
    let said: Value = serde_json::from_slice(&said).expect("JSON");
    assert_eq!((status, &said["code"]), (BUSY, &"office.busy".into()));
    wait(&headers);
    assert_eq!(house.state.gate.turned_away.get_or_create(&TurnedAway { code: "office.busy" }).get(), 1);
    assert_eq!(ask(&house, &phone).await.0, StatusCode::OK);
    let (status, ..) = super::common::desk::log_in(&house, &desk.login, PASSWORD).await;
    assert_eq!(status, StatusCode::OK, "who logs in has room beside them");

    assert_eq!(open.end(&text.as_bytes()[5..]).await, StatusCode::OK);
    assert_eq!(state_of(&house, &desk, VISIT).await, "cancelled");
    assert_eq!(state_of(&house, &desk, OTHER).await, "assigned");
    assert_eq!(desk.post(&house, &path, body).await.0, StatusCode::OK);
    assert_eq!(state_of(&house, &desk, OTHER).await, "cancelled");
}

#[tokio::test]
async fn a_live_board_keeps_no_room() {
    let house = House::open_with(Limits { office: 1, ..Limits::default() }).await;
    let desk = Desk::open(&house, Role::Dispatcher).await;
    let stream = house.app.clone().oneshot(desk.request(Method::GET, "/api/board/events", "")).await;
    let stream = stream.expect("the router answers");
    assert_eq!(stream.status(), StatusCode::OK);
    desk.get(&house, "/api/board").await;
    drop(stream);
}

#[tokio::test]
async fn a_login_that_falls_silent_keeps_nobody_out() {
    let house = House::open_with(Limits { office: 1, stranger: Duration::from_secs(600), ..Limits::default() }).await;
    let desk = Desk::open(&house, Role::Dispatcher).await;
    let login = json!({ "login": desk.login, "password": PASSWORD }).to_string();
    let session = || {
        let request = Request::post("/api/session").header("x-nuanfang", "1");
        request.header(header::CONTENT_TYPE, "application/json")
    };
    let open = Open::begin(&house, session(), &login.as_bytes()[..5]).await;
    let (status, ..) = house.send(session().body(Body::from(login.clone())).expect("a request")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(open.end(&login.as_bytes()[5..]).await, StatusCode::OK);
}
