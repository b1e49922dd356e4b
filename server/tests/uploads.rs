//! What is sent as a file, and what becomes of it: bytes that are not what their name promises are refused, a bad
//! picture is kept and flagged, and nobody is asked for anything for ever.

mod common;
#[path = "uploads/drawn.rs"]
mod drawn;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use common::{House, Phone};
use image::{DynamicImage, ImageFormat};
use nuanfang_core::canon::envelope::BlobRef;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::role;
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use nuanfang_core::wire::FILE_LIMIT;
use nuanfang_server::store::StoreError;
use nuanfang_server::{Config, serve};
use uuid::Uuid;

const VISIT: VisitId = VisitId(Uuid::from_u128(0xa11));
const WORKER: WorkerId = WorkerId(Uuid::from_u128(1));

async fn house() -> (House, Phone) {
    let house = House::open().await;
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(WORKER)).await;
    let phone = Phone::enrol(&house, WORKER).await;
    (house, phone)
}

impl Phone {
    /// Logs a photo of these bytes.
    async fn photographed(&mut self, house: &House, bytes: &[u8]) -> Sha {
        let blob = BlobRef { sha: Sha::of(bytes), len: bytes.len() as u64, role: role::PHOTO_OTHER.into() };
        let sha = blob.sha;
        self.log_raw(Some(VISIT), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, vec![blob]);
        let reply = self.sync(house).await;
        assert!(reply.need.iter().any(|need| need.sha == sha), "{:?}", reply.need);
        sha
    }

    async fn patch(&self, house: &House, sha: &Sha, from: u64, bytes: &[u8]) -> (StatusCode, HeaderMap, Bytes) {
        let request = Request::patch(format!("/v1/blobs/{sha}"))
            .header("authorization", format!("Bearer {}", self.token))
            .header("upload-offset", from)
            .body(Body::from(bytes.to_vec()))
            .expect("a request");
        house.send(request).await
    }
}

impl Phone {
    /// Where the server says that a file stands: its bytes here, and whether it is whole.
    async fn stands(&self, house: &House, sha: &Sha) -> (String, String) {
        let request =
            Request::head(format!("/v1/blobs/{sha}")).header("authorization", format!("Bearer {}", self.token));
        let (status, headers, _) = house.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(status, StatusCode::OK);
        told(&headers)
    }
}

fn told(headers: &HeaderMap) -> (String, String) {
    let text = |name: &str| headers[name].to_str().expect("text").to_owned();
    (text("upload-offset"), text("upload-complete"))
}

fn flag(state: &nuanfang_server::AppState, sha: Sha) -> (bool, Option<String>) {
    state
        .store
        .read_now::<_, StoreError>(|db| {
            let sql = "SELECT whole_ms IS NOT NULL, flag FROM blob WHERE sha = ?1";
            Ok(db.query_row(sql, [sha.0.as_slice()], |row| Ok((row.get(0)?, row.get(1)?)))?)
        })
        .expect("the file's row")
}

fn jpeg() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::new_rgb8(64, 48).write_to(&mut bytes, ImageFormat::Jpeg).expect("a picture");
    bytes.into_inner()
}

/// The frame header of a JPEG rewritten to claim 60 million pixels.
fn flood() -> Vec<u8> {
    let mut bytes = jpeg();
    let at = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("a frame header");
    bytes[at + 5..at + 9].copy_from_slice(&[0x17, 0x70, 0x27, 0x10]);
    bytes
}

fn png() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::new_rgb8(8, 8).write_to(&mut bytes, ImageFormat::Png).expect("a picture");
    bytes.into_inner()
}

fn bad_pictures() -> [(Vec<u8>, Option<&'static str>); 5] {
    let whole = jpeg();
    [
        (whole[..whole.len() / 2].to_vec(), Some("damaged")),
        (png(), Some("not_a_picture")),
        (b"PK\x03\x04 no picture at all".to_vec(), Some("not_a_picture")),
        (flood(), Some("too_many_pixels")),
        (whole, None),
    ]
}

#[tokio::test]
async fn an_address_that_is_no_files_name_is_answered_like_a_file_nobody_named() {
    let (house, phone) = house().await;
    for name in ["%ff", "00", "%E6%96%87%E4%BB%B6", &"g".repeat(64)] {
        let request = Request::patch(format!("/v1/blobs/{name}"))
            .header("authorization", format!("Bearer {}", phone.token))
            .header("upload-offset", 0);
        let (status, headers, body) = house.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(headers["content-type"], "application/problem+json");
        assert_eq!(code(&body), "blob.unknown");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_picture_is_kept_and_flagged() {
    let (house, mut phone) = house().await;
    for (bytes, expected) in bad_pictures() {
        let sha = phone.photographed(&house, &bytes).await;
        let (status, headers, _) = phone.patch(&house, &sha, 0, &bytes).await;
        assert_eq!((status, headers["upload-complete"].as_bytes()), (StatusCode::NO_CONTENT, &b"?1"[..]));
        assert_eq!(flag(&house.state, sha), (true, expected.map(str::to_owned)));
        assert_eq!(house.state.blobs.read(&sha).expect("read"), Some(bytes), "what was signed is what is kept");
    }
    assert!(phone.sync(&house).await.need.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_not_what_their_name_promises_are_asked_for_anew() {
    let (house, mut phone) = house().await;
    let good = jpeg();
    let sha = phone.photographed(&house, &good).await;
    let mut wrong = good.clone();
    wrong[100] ^= 1;
    let (status, _, body) = phone.patch(&house, &sha, 0, &wrong).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "blob.hash"));
    let need = phone.sync(&house).await.need;
    assert_eq!((need.len(), need[0].sha, need[0].off), (1, sha, 0));
    // From a place where the file here does not end; longer than it is; and then as it is, in two pieces.
    let (status, headers, body) = phone.patch(&house, &sha, 7, &good[7..]).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::CONFLICT, "blob.offset"));
    assert_eq!(headers["upload-offset"], "0");
    let (status, _, body) = phone.patch(&house, &sha, 0, &[&good[..], b"more"].concat()).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::BAD_REQUEST, "blob.too_long"));
    let (status, headers, _) = phone.patch(&house, &sha, 0, &good[..50]).await;
    assert_eq!((status, headers["upload-complete"].as_bytes()), (StatusCode::NO_CONTENT, &b"?0"[..]));
    let (status, headers, _) = phone.patch(&house, &sha, 50, &good[50..]).await;
    assert_eq!((status, headers["upload-complete"].as_bytes()), (StatusCode::NO_CONTENT, &b"?1"[..]));
    // A file that no operation of this device names is nobody's business here.
    let (status, _, body) = phone.patch(&house, &Sha::of(b"another"), 0, b"another").await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::NOT_FOUND, "blob.unknown"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_all_its_bytes_is_not_called_whole_before_they_are_looked_at() {
    let (house, mut phone) = house().await;
    let good = jpeg();
    let sha = phone.photographed(&house, &good).await;
    let len = good.len().to_string();
    let mut wrong = good.clone();
    wrong[100] ^= 1;
    // All of it comes, and then the connection breaks.
    let pieces = [Ok(Bytes::from(wrong)), Err(std::io::Error::other("cut"))];
    let request = Request::patch(format!("/v1/blobs/{sha}"))
        .header("authorization", format!("Bearer {}", phone.token))
        .header("upload-offset", "0")
        .body(Body::from_stream(tokio_stream::iter(pieces)))
        .expect("a request");
    let (status, _, body) = house.send(request).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::BAD_REQUEST, "blob.truncated"));
    assert_eq!(phone.stands(&house, &sha).await, (len.clone(), "?0".to_owned()));
    let (status, headers, _) = phone.patch(&house, &sha, 0, &good).await;
    assert_eq!((status, told(&headers)), (StatusCode::CONFLICT, (len.clone(), "?0".to_owned())));
    let (status, _, body) = phone.patch(&house, &sha, good.len() as u64, b"").await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "blob.hash"));
    let (status, headers, _) = phone.patch(&house, &sha, 0, &good).await;
    assert_eq!((status, told(&headers)), (StatusCode::NO_CONTENT, (len, "?1".to_owned())));
    // A file without bytes has all of them before it comes.
    let empty = phone.photographed(&house, b"").await;
    assert_eq!(phone.stands(&house, &empty).await, ("0".to_owned(), "?0".to_owned()));
    let (status, headers, _) = phone.patch(&house, &empty, 0, b"").await;
    assert_eq!((status, told(&headers)), (StatusCode::NO_CONTENT, ("0".to_owned(), "?1".to_owned())));
    assert_eq!(phone.stands(&house, &empty).await, ("0".to_owned(), "?1".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_came_just_before_the_server_ended_is_looked_over_when_it_starts() {
    let (house, mut phone) = house().await;
    let bytes = png();
    let sha = phone.photographed(&house, &bytes).await;
    house.state.blobs.put(&bytes).expect("the file is published, its row not yet written");
    let House { dir, state, app, clock, .. } = house;
    let data = dir.path().join("data");
    tokio::task::spawn_blocking(move || {
        state.store.close();
        drop((app, state));
        let mut config = Config::local(data);
        config.clock = Some(clock);
        let state = serve::open(config, ([127, 0, 0, 1], 1).into()).expect("it opens again");
        assert_eq!(flag(&state, sha), (true, Some("not_a_picture".to_owned())));
        state.store.close();
    })
    .await
    .expect("no panic");
}

/// Nobody has a file that long; to ask for it would let one phone fill the disk.
#[tokio::test]
async fn a_file_that_is_too_long_is_never_asked_for_and_its_operation_is_kept() {
    let (house, mut phone) = house().await;
    let (long, short) = (Sha::of(b"long"), Sha::of(b"short"));
    let blob = |sha, len| BlobRef { sha, len, role: role::PHOTO_OTHER.into() };
    let blobs = vec![blob(long, FILE_LIMIT + 1), blob(short, 5), blob(Sha::of(b"endless"), (1 << 53) - 1)];
    phone.log_raw(Some(VISIT), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, blobs);
    let reply = phone.sync(&house).await;
    assert_eq!(reply.need.iter().map(|need| need.sha).collect::<Vec<_>>(), [short]);
    let (status, _, body) = phone.patch(&house, &long, 0, b"lo").await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::NOT_FOUND, "blob.unknown"));
    assert_eq!(phone.upload(&house, b"short").await, StatusCode::NO_CONTENT);
}

fn code(body: &[u8]) -> String {
    let problem: serde_json::Value = serde_json::from_slice(body).expect("problem JSON");
    problem["code"].as_str().expect("a code").to_owned()
}
