//! A backup in an S3-compatible store: the same commands, against a small one that runs in this process and speaks the
//! part of the protocol that is used, conditional writes among it.

mod common;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use common::second::blocking;
use common::{House, Phone};
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::worker_event::Departed;
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use uuid::Uuid;

const PREFIX: &str = "company/backup/";
const PAGE: usize = 2;

#[derive(Clone, Default)]
struct Bucket {
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
    strangers: Arc<Mutex<u32>>,
    stalls: Arc<AtomicBool>,
    /// Bodies are given to nobody for now.
    keeps: Arc<AtomicBool>,
}

impl Bucket {
    /// Listens, and returns the address.
    async fn open(&self) -> String {
        let app = Router::new()
            .route("/store", get(list).post(delete))
            .route("/store/{*key}", put(store).get(fetch))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    fn names(&self) -> Vec<String> {
        self.objects.lock().expect("no panic").keys().cloned().collect()
    }

    /// Whether the request is signed by the one who may.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let who = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let known = who.is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 Credential=someone/"));
        *self.strangers.lock().expect("no panic") += u32::from(!known);
        known
    }
}

async fn store(State(bucket): State<Bucket>, Path(key): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    if !bucket.knows(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut objects = bucket.objects.lock().expect("no panic");
    if headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == "*") && objects.contains_key(&key) {
        return StatusCode::PRECONDITION_FAILED.into_response();
    }
    objects.insert(key, body);
    ([(header::ETAG, "\"e\"")], ()).into_response()
}

async fn fetch(State(bucket): State<Bucket>, Path(key): Path<String>, headers: HeaderMap) -> Response {
    let known = bucket.knows(&headers);
    if bucket.stalls.load(Ordering::Relaxed) {
        let headers = [
            (header::CONTENT_LENGTH, "100"),
            (header::ETAG, "\"e\""),
            (header::LAST_MODIFIED, "Wed, 25 Nov 2026 08:00:00 GMT"),
        ];
        return (headers, Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>())).into_response();
    }
    if bucket.keeps.load(Ordering::Relaxed) && key.contains("/bodies/") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let objects = bucket.objects.lock().expect("no panic");
    match objects.get(&key).filter(|_| known) {
        Some(bytes) => {
            let headers = [(header::ETAG, "\"e\""), (header::LAST_MODIFIED, "Wed, 25 Nov 2026 08:00:00 GMT")];
            (headers, bytes.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `ListObjectsV2`, a few at a time.
async fn list(State(bucket): State<Bucket>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let (prefix, after) = (query.get("prefix").cloned().unwrap_or_default(), query.get("continuation-token"));
    let objects = bucket.objects.lock().expect("no panic");
    let rest: Vec<_> =
        objects.iter().filter(|(key, _)| key.starts_with(&prefix) && after.is_none_or(|after| *key > after)).collect();
    let mut xml = String::from("<ListBucketResult>");
    for (key, bytes) in rest.iter().take(PAGE) {
        xml.push_str(&format!(
            "<Contents><Key>{key}</Key><LastModified>2026-11-25T08:00:00.000Z</LastModified><ETag>\"e\"</ETag>\
             <Size>{}</Size></Contents>",
            bytes.len()
        ));
    }
    if let Some((last, _)) = rest.get(PAGE - 1).filter(|_| rest.len() > PAGE) {
        xml.push_str(&format!("<NextContinuationToken>{last}</NextContinuationToken>"));
    }
    xml.push_str("</ListBucketResult>");
    ([(header::CONTENT_TYPE, "application/xml")], xml).into_response()
}

/// `DeleteObjects`.
async fn delete(State(bucket): State<Bucket>, body: String) -> Response {
    let mut objects = bucket.objects.lock().expect("no panic");
    for part in body.split("<Key>").skip(1) {
        objects.remove(part.split("</Key>").next().unwrap_or_default());
    }
    ([(header::CONTENT_TYPE, "application/xml")], "<DeleteResult></DeleteResult>").into_response()
}

/// The binary, which finds the store at `endpoint`.
fn program(endpoint: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_nuanfang"));
    program
        .env_remove("AWS_CA_BUNDLE")
        .env("AWS_ENDPOINT", endpoint)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "cn-north-1")
        .env("AWS_ACCESS_KEY_ID", "someone")
        .env("AWS_SECRET_ACCESS_KEY", "something");
    program
}

async fn nuanfang(endpoint: &str, arguments: &[&str], typed: &str) -> (i32, String) {
    let (endpoint, typed) = (endpoint.to_owned(), typed.to_owned());
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    blocking(move || {
        let mut child = program(&endpoint)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut stdin = child.stdin.take().expect("a way in");
        // A command that asks for nothing may have ended already.
        let _ = std::io::Write::write_all(&mut stdin, typed.as_bytes());
        drop(stdin);
        let done = child.wait_with_output().expect("it ends");
        let told = [String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)].concat();
        (done.status.code().expect("an exit status"), told)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_is_a_place_like_any_other() {
    let bucket = Bucket::default();
    let endpoint = bucket.open().await;
    let house = House::open().await;
    let visit = VisitId(Uuid::from_u128(0xa11));
    house.schedule(visit, HouseholdId(Uuid::from_u128(0xb22)), Some(WorkerId(Uuid::from_u128(1)))).await;
    let mut phone = Phone::enrol(&house, WorkerId(Uuid::from_u128(1))).await;
    phone.log(Some(visit), 1, &Event::Departed(Departed { tools_checked: true, parts: Vec::new() }));
    phone.sync(&house).await;
    let House { dir, state, app, .. } = house;
    blocking(move || {
        state.store.close();
        drop((state, app));
    })
    .await;
    let url = format!("s3://store/{PREFIX}");
    let data = dir.path().join("data").display().to_string();
    let (code, told) = nuanfang(&endpoint, &["backup", "ship", "--backup", &url, "--data", &data], "").await;
    assert_eq!(code, 0, "{told}");
    let key = told.split("备份恢复密钥：").nth(1).and_then(|rest| rest.get(..64)).expect("told once").to_owned();
    let names = bucket.names();
    assert!(names.iter().all(|name| name.starts_with(PREFIX)), "{names:?}");
    assert!(names.contains(&format!("{PREFIX}heads/000000001.seg")), "{names:?}");
    let (code, told) = nuanfang(&endpoint, &["backup", "status", "--backup", &url, "--data", &data], "").await;
    assert_eq!((code, told.contains("全部内容都已在备份中")), (0, true), "{told}");
    let (code, told) = nuanfang(&endpoint, &["backup", "verify", "--backup", &url, "--data", &data], "").await;
    assert_eq!(code, 0, "{told}");
    assert_eq!(*bucket.strangers.lock().expect("no panic"), 0, "every call was signed");

    let fresh = dir.path().join("fresh").display().to_string();
    bucket.keeps.store(true, Ordering::Relaxed);
    let (code, told) = nuanfang(&endpoint, &["backup", "verify", "--backup", &url, "--data", &data], "").await;
    assert_eq!((code, told.contains("不符")), (2, false), "what is not given says nothing of what lies there: {told}");
    let (code, told) = nuanfang(&endpoint, &["restore", "--from", &url, "--data", &fresh], &format!("{key}\n")).await;
    assert_eq!((code, told.contains("已损坏")), (2, false), "{told}");
    bucket.keeps.store(false, Ordering::Relaxed);
    let (code, told) = nuanfang(&endpoint, &["restore", "--from", &url, "--data", &fresh], &format!("{key}\n")).await;
    assert_eq!(code, 0, "{told}");
    // Both servers go on; the second to write finds that the place is the other's.
    let (code, told) = nuanfang(&endpoint, &["backup", "ship", "--backup", &url, "--data", &fresh], "").await;
    assert_eq!(code, 0, "{told}");
    let (code, _) = nuanfang(&endpoint, &["setting", "supplier.phone", "010-0000000", "--data", &data], "").await;
    assert_eq!(code, 0);
    let (code, told) = nuanfang(&endpoint, &["backup", "ship", "--backup", &url, "--data", &data], "").await;
    assert_eq!((code, told.contains("另一段历史")), (2, true), "{told}");

    let bodies = format!("{PREFIX}bodies/000000001-");
    let changed = bucket
        .objects
        .lock()
        .expect("no panic")
        .range_mut(bodies.clone()..)
        .filter(|(name, _)| name.starts_with(&bodies))
        .map(|(_, object)| *object = Bytes::from_static(b"{}\n"))
        .count();
    assert_eq!(changed, 1);
    let (code, told) = nuanfang(&endpoint, &["backup", "verify", "--backup", &url, "--data", &fresh], "").await;
    assert_eq!((code, told.contains("bodies/000000001-")), (1, true), "{told}");
    let (code, _) = nuanfang("http://127.0.0.1:1", &["backup", "verify", "--backup", &url], "").await;
    assert_eq!(code, 2, "nobody there");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_serves_beside_a_bucket_that_stalls_and_a_second_signal_ends_it() {
    let bucket = Bucket::default();
    let endpoint = bucket.open().await;
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data").display().to_string();
    bucket.stalls.store(true, Ordering::Relaxed);
    let ended = blocking(move || {
        let mut child = program(&endpoint)
            .args(["serve", "--data", &data, "--listen", "127.0.0.1:0", "--backup", &format!("s3://store/{PREFIX}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let told = std::io::BufReader::new(child.stdout.take().expect("what it says"));
        let mut lines = std::io::BufRead::lines(told).map_while(Result::ok);
        for said in ["暖访已启动", "正在停止"] {
            assert!(lines.any(|line| line.contains(said)), "{said}");
            let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("sent");
            assert!(sent.success());
        }
        child.wait().expect("it ends")
    })
    .await;
    assert_eq!(ended.code(), Some(2), "said to be ended by force");
}
