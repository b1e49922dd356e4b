//! More comes than the server can take: whoever is turned away is told when to come again and has lost nothing, one
//! device's haste is no other's wait, photos keep no signature waiting; and what goes on is told to whoever watches.

mod common;
#[path = "overload/office.rs"]
mod office;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use common::{House, Phone};
use nuanfang_core::canon::envelope::BlobRef;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::role;
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::Owes;
use nuanfang_server::clock::HandClock;
use nuanfang_server::http::gate::Limits;
use nuanfang_server::{Config, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tower::ServiceExt;
use uuid::Uuid;

const VISIT: VisitId = VisitId(Uuid::from_u128(0xa11));
const BUSY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

fn worker(number: u128) -> WorkerId {
    WorkerId(Uuid::from_u128(number))
}

/// A request whose body has begun to be read and does not end before it is told to.
struct Open {
    more: Sender<Result<Bytes, std::io::Error>>,
    answer: JoinHandle<StatusCode>,
}

impl Open {
    async fn begin(house: &House, request: axum::http::request::Builder, first: &[u8]) -> Self {
        let (more, body) = mpsc::channel(1);
        let request = request.body(Body::from_stream(ReceiverStream::new(body))).expect("a request");
        let app = house.app.clone();
        let answer = tokio::spawn(async move { app.oneshot(request).await.expect("the router answers").status() });
        more.send(Ok(Bytes::copy_from_slice(first))).await.expect("it is read");
        // There is room for one: this one fits once the first is taken out.
        more.send(Ok(Bytes::new())).await.expect("it is read");
        Self { more, answer }
    }

    async fn end(self, last: &[u8]) -> StatusCode {
        self.more.send(Ok(Bytes::copy_from_slice(last))).await.expect("it is read");
        drop(self.more);
        self.answer.await.expect("no panic")
    }
}

fn sync(phone: &Phone) -> axum::http::request::Builder {
    Request::post("/v1/sync").header("authorization", format!("Bearer {}", phone.token))
}

async fn ask(house: &House, phone: &Phone) -> (StatusCode, HeaderMap, serde_json::Value) {
    let body = serde_json::to_vec(&phone.request()).expect("JSON");
    let (status, headers, body) = house.send(sync(phone).body(Body::from(body)).expect("a request")).await;
    (status, headers, serde_json::from_slice(&body).expect("JSON"))
}

fn wait(headers: &HeaderMap) -> u32 {
    let wait = headers["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=8).contains(&wait), "{wait}");
    wait
}

#[tokio::test]
async fn a_device_that_comes_too_often_waits_and_nobody_else_does() {
    let limits = Limits {
        device_per_second: NonZeroU32::MIN,
        device_burst: NonZeroU32::new(4).expect("four"),
        ..Limits::default()
    };
    let house = House::open_with(limits).await;
    let (hasty, mut other) = (Phone::enrol(&house, worker(1)).await, Phone::enrol(&house, worker(2)).await);
    let mut waits = Vec::new();
    for _ in 0..64 {
        let (status, headers, said) = ask(&house, &hasty).await;
        if status == BUSY {
            assert_eq!(said["code"], "device.too_fast");
            waits.push(wait(&headers));
        } else {
            assert_eq!(status, StatusCode::OK);
        }
    }
    assert!(waits.len() >= 32, "{} turned away", waits.len());
    assert!(waits.iter().any(|wait| *wait != waits[0]), "all of them come back at once: {waits:?}");
    other.sync(&house).await;
}

#[tokio::test]
async fn who_brought_a_days_files_brings_the_rest_later_and_his_signatures_at_once() {
    let house =
        House::open_with(Limits { device_kib_per_day: NonZeroU32::new(8).expect("eight"), ..Limits::default() }).await;
    let mut phones = Vec::new();
    for (number, pictures) in [(1, [[1; 5_000], [2; 5_000]]), (2, [[3; 5_000], [4; 5_000]])] {
        let visit = VisitId(Uuid::from_u128(number));
        house.schedule(visit, HouseholdId(Uuid::from_u128(0xb22)), Some(worker(number))).await;
        let mut phone = Phone::enrol(&house, worker(number)).await;
        let blob = |bytes: &[u8; 5_000]| BlobRef { sha: Sha::of(bytes), len: 5_000, role: role::PHOTO_OTHER.into() };
        let blobs = pictures.iter().map(blob).collect();
        phone.log_raw(Some(visit), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, blobs);
        phone.sync(&house).await;
        phones.push((phone, pictures));
    }
    for (phone, [first, second]) in &phones {
        for _ in 0..20 {
            // To ask how far a file has come brings nothing.
            let stands = Request::head(format!("/v1/blobs/{}", Sha::of(first)));
            let stands = stands.header("authorization", format!("Bearer {}", phone.token)).body(Body::empty());
            assert_eq!(house.send(stands.expect("a request")).await.0, StatusCode::OK);
        }
        let patch = |bytes: &[u8; 5_000]| {
            let request = Request::patch(format!("/v1/blobs/{}", Sha::of(bytes)))
                .header("authorization", format!("Bearer {}", phone.token))
                .header("upload-offset", "0");
            request.body(Body::from(bytes.to_vec())).expect("a request")
        };
        assert_eq!(house.send(patch(first)).await.0, StatusCode::NO_CONTENT);
        let (status, headers, said) = house.send(patch(second)).await;
        let said: serde_json::Value = serde_json::from_slice(&said).expect("JSON");
        assert_eq!((status, &said["code"]), (BUSY, &"device.too_much".into()));
        wait(&headers);
        assert_eq!(ask(&house, phone).await.0, StatusCode::OK, "a photo keeps no signature waiting");
    }
}

#[tokio::test]
async fn who_brought_a_days_operations_brings_the_rest_later() {
    let limits = Limits { device_kib_per_day: NonZeroU32::new(64).expect("sixty-four"), ..Limits::default() };
    let house = House::open_with(limits).await;
    let (mut much, mut other) = (Phone::enrol(&house, worker(1)).await, Phone::enrol(&house, worker(2)).await);
    let body = format!(r#"{{"n":"00","text":"{}"}}"#, "冷".repeat(14_000));
    much.log_raw(None, 1, "visit.problem_described", &body, Vec::new());
    let brought = zstd::encode_all(&serde_json::to_vec(&much.request()).expect("JSON")[..], 3).expect("packed");
    assert!(brought.len() < 4_096, "what counts is what it unpacks to");
    let bring = || sync(&much).header("content-encoding", "zstd").body(Body::from(brought.clone())).expect("a request");
    assert_eq!(house.send(bring()).await.0, StatusCode::OK);
    let (status, headers, said) = house.send(bring()).await;
    let said: serde_json::Value = serde_json::from_slice(&said).expect("JSON");
    assert_eq!((status, &said["code"]), (BUSY, &"device.too_much".into()));
    wait(&headers);
    other.sync(&house).await;
}

#[tokio::test]
async fn what_finds_no_room_is_turned_away_and_taken_when_it_comes_again() {
    let house = House::open_with(Limits { exchange_bytes: 1024, ..Limits::default() }).await;
    let (slow, mut phone) = (Phone::enrol(&house, worker(1)).await, Phone::enrol(&house, worker(2)).await);
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(worker(2))).await;
    phone.log_raw(Some(VISIT), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, Vec::new());
    let body = serde_json::to_vec(&slow.request()).expect("JSON");
    let open = Open::begin(&house, sync(&slow), &body[..10]).await;
    let (status, headers, said) = ask(&house, &phone).await;
    assert_eq!((status, &said["code"]), (BUSY, &"server.busy".into()));
    wait(&headers);
    assert_eq!(open.end(&body[10..]).await, StatusCode::OK);
    let reply = phone.sync(&house).await;
    assert_eq!(reply.acked_through, 1);
}

#[tokio::test]
async fn no_exchange_takes_all_the_room_however_long_it_may_become() {
    let house = House::open_with(Limits { exchange_bytes: 64 * 1024, ..Limits::default() }).await;
    let mut open = Vec::new();
    for number in 1..=4 {
        // A body that comes in pieces does not say how long it is.
        let phone = Phone::enrol(&house, worker(number)).await;
        let body = serde_json::to_vec(&phone.request()).expect("JSON");
        let begun = Open::begin(&house, sync(&phone), &body[..10]).await;
        open.push((begun, body));
    }
    let late = Phone::enrol(&house, worker(5)).await;
    let (status, headers, _) = ask(&house, &late).await;
    assert_eq!(status, BUSY);
    wait(&headers);
    for (begun, body) in open {
        assert_eq!(begun.end(&body[10..]).await, StatusCode::OK);
    }
    assert_eq!(ask(&house, &late).await.0, StatusCode::OK);
}

#[tokio::test]
async fn one_phone_keeps_no_other_from_its_turn_however_much_it_has_under_way() {
    let house = House::open_with(Limits { exchange_bytes: 64 * 1024, ..Limits::default() }).await;
    let (greedy, other) = (Phone::enrol(&house, worker(1)).await, Phone::enrol(&house, worker(2)).await);
    let body = serde_json::to_vec(&greedy.request()).expect("JSON");
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(Open::begin(&house, sync(&greedy), &body[..10]).await);
    }
    let (status, headers, said) = ask(&house, &greedy).await;
    assert_eq!((status, &said["code"]), (BUSY, &serde_json::json!("device.too_fast")), "he has half of the room");
    wait(&headers);
    assert_eq!(ask(&house, &other).await.0, StatusCode::OK);
    for begun in open {
        assert_eq!(begun.end(&body[10..]).await, StatusCode::OK);
    }
    assert_eq!(ask(&house, &greedy).await.0, StatusCode::OK);
}

#[tokio::test]
async fn photos_have_room_of_their_own() {
    let house = House::open_with(Limits { pieces: 1, ..Limits::default() }).await;
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    let (first, second) = ([1; 100], [2; 100]);
    let blob = |bytes: &[u8]| BlobRef { sha: Sha::of(bytes), len: bytes.len() as u64, role: role::PHOTO_OTHER.into() };
    let blobs = vec![blob(&first), blob(&second)];
    phone.log_raw(Some(VISIT), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, blobs);
    phone.sync(&house).await;
    let patch = |bytes: &[u8]| {
        Request::patch(format!("/v1/blobs/{}", Sha::of(bytes)))
            .header("authorization", format!("Bearer {}", phone.token))
            .header("upload-offset", "0")
    };
    let open = Open::begin(&house, patch(&first), &first[..10]).await;
    let (status, headers, _) = house.send(patch(&second).body(Body::from(second.to_vec())).expect("a request")).await;
    assert_eq!(status, BUSY);
    wait(&headers);
    assert_eq!(ask(&house, &phone).await.0, StatusCode::OK, "a photo keeps no signature waiting");
    assert_eq!(open.end(&first[10..]).await, StatusCode::NO_CONTENT);
    let (status, ..) = house.send(patch(&second).body(Body::from(second.to_vec())).expect("a request")).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
}

/// A phone that lost its network in the middle of a request never says so: its room is free again after a while, and so is the
/// file it was sending.
#[tokio::test]
async fn a_request_that_falls_silent_keeps_no_room_for_ever() {
    let limits = Limits { pieces: 1, silent: Duration::from_millis(100), ..Limits::default() };
    let house = House::open_with(limits).await;
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    let bytes = [1; 100];
    let blob = BlobRef { sha: Sha::of(&bytes), len: 100, role: role::PHOTO_OTHER.into() };
    phone.log_raw(Some(VISIT), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, vec![blob]);
    phone.sync(&house).await;
    let patch = |from: usize| {
        Request::patch(format!("/v1/blobs/{}", Sha::of(&bytes)))
            .header("authorization", format!("Bearer {}", phone.token))
            .header("upload-offset", from.to_string())
    };
    let open = Open::begin(&house, patch(0), &bytes[..10]).await;
    assert_eq!(open.answer.await.expect("no panic"), StatusCode::BAD_REQUEST);
    let rest = patch(10).body(Body::from(bytes[10..].to_vec())).expect("a request");
    assert_eq!(house.send(rest).await.0, StatusCode::NO_CONTENT, "what came is kept");
}

#[tokio::test]
async fn a_request_that_never_ends_keeps_no_room_for_ever() {
    let limits = Limits { exchange_bytes: 1024, whole_call: Duration::from_secs(3), ..Limits::default() };
    let house = House::open_with(limits).await;
    let phone = Phone::enrol(&house, worker(1)).await;
    let Open { more, answer } = Open::begin(&house, sync(&phone), b"{").await;
    // There is always more of it, and nothing in it.
    while more.send(Ok(Bytes::new())).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(answer.await.expect("no panic"), BUSY);
    assert_eq!(ask(&house, &phone).await.0, StatusCode::OK);
}

fn challenge() -> axum::http::request::Builder {
    Request::post("/v1/challenge").header("content-type", "application/json")
}

#[tokio::test]
async fn strangers_beyond_their_room_are_turned_away() {
    let house = House::open_with(Limits { strangers: 0, ..Limits::default() }).await;
    let body = serde_json::json!({ "device": Uuid::from_u128(1) }).to_string();
    let (status, headers, _) = house.send(challenge().body(Body::from(body)).expect("a request")).await;
    assert_eq!(status, BUSY);
    wait(&headers);
}

#[tokio::test]
async fn a_stranger_who_falls_silent_keeps_nobody_waiting() {
    let limits = Limits { strangers: 1, stranger: Duration::from_secs(600), ..Limits::default() };
    let house = House::open_with(limits).await;
    let phone = Phone::enrol(&house, worker(1)).await;
    let body = serde_json::json!({ "device": phone.device }).to_string();
    let open = Open::begin(&house, challenge(), &body.as_bytes()[..5]).await;
    let (status, ..) = house.send(challenge().body(Body::from(body.clone())).expect("a request")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(ask(&house, &phone).await.0, StatusCode::OK);
    assert_eq!(open.end(&body.as_bytes()[5..]).await, StatusCode::OK);
    let long = challenge().body(Body::from(vec![b' '; 1024 * 1024])).expect("a request");
    assert_eq!(house.send(long).await.0, StatusCode::BAD_REQUEST);
}

/// A connection to a server from an address of this machine.
async fn connect(to: SocketAddr, from: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((from, 0).into()).expect("all of 127.0.0.0/8 is this machine");
    socket.connect(to).await.expect("it listens")
}

/// What comes of a request on it; nothing when the server ended it.
async fn asked(connection: &mut TcpStream) -> String {
    let _ = connection.write_all(b"GET /v1/time HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let mut answer = vec![0; 4096];
    let read = connection.read(&mut answer).await.unwrap_or(0);
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn whoever_opens_many_connections_keeps_nobody_else_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = Limits { connections: 3, connections_of_one: 2, ..Limits::default() };
    let running = Server::start(Config { limits, ..Config::local(dir.path().join("data")) }).await.expect("it starts");
    let (mut first, mut second) =
        (connect(running.addr, [127, 0, 0, 1]).await, connect(running.addr, [127, 0, 0, 1]).await);
    for own in [&mut first, &mut second] {
        assert!(asked(own).await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(asked(&mut connect(running.addr, [127, 0, 0, 1]).await).await, "", "one more than an address may have");
    let mut other = connect(running.addr, [127, 0, 0, 2]).await;
    assert!(asked(&mut other).await.starts_with("HTTP/1.1 200"));
    assert_eq!(asked(&mut connect(running.addr, [127, 0, 0, 3]).await).await, "", "one more than there may be");
    assert_eq!(running.state.gate.connections.count(), (3, 2));
    drop(first);
    while running.state.gate.connections.count().0 > 2 {
        tokio::task::yield_now().await;
    }
    assert!(asked(&mut connect(running.addr, [127, 0, 0, 3]).await).await.starts_with("HTTP/1.1 200"));
    running.shutdown().await;
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_ended() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = Limits { unsaid: Duration::from_millis(100), ..Limits::default() };
    let running = Server::start(Config { limits, ..Config::local(dir.path().join("data")) }).await.expect("it starts");
    for half in [&b""[..], b"GET /v1/ti"] {
        let mut connection = connect(running.addr, [127, 0, 0, 1]).await;
        connection.write_all(half).await.expect("it is open");
        assert_eq!(connection.read(&mut [0; 64]).await.unwrap_or(0), 0);
    }
    running.shutdown().await;
}

/// Who asks and does not read keeps a connection for a while, and nothing else: all who come meanwhile find room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_read_his_answers_is_ended_and_keeps_nobody_waiting() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = Limits {
        exchange_bytes: 1024,
        whole_call: Duration::from_secs(3),
        device_per_second: NonZeroU32::MAX,
        device_burst: NonZeroU32::MAX,
        ..Limits::default()
    };
    let running = Server::start(Config { limits, ..Config::local(dir.path().join("data")) }).await.expect("it starts");
    let house = House::around(dir, running.state.clone());
    for sips in [false, true] {
        let (greedy, other) = (Phone::enrol(&house, worker(1)).await, Phone::enrol(&house, worker(2)).await);
        let body = serde_json::to_vec(&greedy.request()).expect("JSON");
        let (token, length) = (&greedy.token, body.len());
        let head = format!(
            "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n"
        );
        let request = [head.as_bytes(), &body].concat();
        let (mut answers, mut questions) = connect(running.addr, [127, 0, 0, 1]).await.into_split();
        let asking = tokio::spawn(async move { while questions.write_all(&request).await.is_ok() {} });
        let mut last = StatusCode::OK;
        while !asking.is_finished() {
            if sips {
                // The end of the connection is the asking one's to find.
                let _ = answers.read(&mut [0]).await;
            }
            last = ask(&house, &other).await.0;
        }
        assert_eq!(last, StatusCode::OK, "what he does not read keeps no room");
        asking.await.expect("no panic");
    }
    while running.state.gate.connections.count().0 > 0 {
        tokio::task::yield_now().await;
    }
    running.shutdown().await;
}

#[tokio::test]
async fn the_measures_are_told_at_an_address_of_their_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = Config { metrics: Some(([127, 0, 0, 1], 0).into()), ..Config::local(dir.path().join("data")) };
    let running = Server::start(config).await.expect("it starts");
    let told = running.metrics.expect("an address");
    let (url, own) = (format!("http://{told}/metrics"), format!("{}/metrics", running.url()));
    reqwest::get(format!("{}/v1/time", running.url())).await.expect("an answer");
    let answer = reqwest::get(url).await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = answer.text().await.expect("text");
    for name in [
        "nuanfang_writer_waiting 0",
        "nuanfang_writer_group_count",
        "nuanfang_writer_commit_seconds_bucket",
        r#"nuanfang_request_seconds_count{route="/v1/time",status="200"} 1"#,
        "nuanfang_wal_bytes ",
        "nuanfang_connections ",
        "nuanfang_connections_turned_away 0",
        "nuanfang_quarantined 0",
        "# TYPE nuanfang_device_unsent_age_seconds gauge",
        "# EOF",
    ] {
        assert!(text.contains(name), "{name} is missing in\n{text}");
    }
    let elsewhere = reqwest::get(own).await.expect("an answer").text().await.expect("text");
    assert!(!elsewhere.contains("nuanfang_"), "the open address tells no measures");
    running.shutdown().await;
}

/// What a phone holds is older than the office's knowledge of it.
#[tokio::test]
async fn the_measures_tell_how_long_a_phone_has_held_what_it_has_not_sent() {
    let dir = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(HandClock::at(Millis(1_790_000_000_000)));
    let mut config = Config { metrics: Some(([127, 0, 0, 1], 0).into()), ..Config::local(dir.path().join("data")) };
    config.clock = Some(clock.clone());
    let running = Server::start(config).await.expect("it starts");
    let url = format!("http://{}/metrics", running.metrics.expect("an address"));
    let house = House::around(dir, running.state.clone());
    let said = [
        Owes { ops: 2, oldest_ms: Some(3_600_000), ..Owes::default() },
        Owes { ops: 2, ..Owes::default() },
        Owes { blobs: 1, bytes: 9, ..Owes::default() },
        Owes::default(),
    ];
    let mut phones = Vec::new();
    for owes in said {
        let phone = Phone::enrol(&house, worker(1)).await;
        let mut request = phone.request();
        request.owes = owes;
        phone.try_sync(&house, &request).await;
        phones.push((phone, request));
    }
    let told = async || {
        let text = reqwest::get(&url).await.expect("an answer").text().await.expect("text");
        let age = |phone: &Phone| {
            let line = format!("nuanfang_device_unsent_age_seconds{{device=\"{}\"}} ", phone.device);
            text.lines().find_map(|told| told.strip_prefix(&line)).map(str::to_owned)
        };
        phones.iter().map(|(phone, _)| age(phone)).collect::<Vec<_>>()
    };
    clock.advance(60_000);
    let seconds = |told: [Option<u64>; 4]| told.map(|told| told.map(|told| told.to_string()));
    assert_eq!(told().await, seconds([Some(3_660), Some(60), Some(60), None]));
    // What waited longest is here now; a file that has waited longer is not.
    for ((phone, request), blobs) in phones[..2].iter().zip([0, 1]) {
        let mut request = request.clone();
        request.owes = Owes { ops: 1, blobs, bytes: 0, oldest_ms: Some(20_000) };
        phone.try_sync(&house, &request).await;
    }
    clock.advance(5_000);
    assert_eq!(told().await, seconds([Some(25), Some(65), Some(65), None]));
    running.shutdown().await;
}
