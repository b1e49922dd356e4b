//! What phones may send, and what they get: whatever an enrolled device logged is stored, acknowledged and judged;
//! whatever is no exchange is a clear refusal of the caller; never a 500.

mod common;
#[path = "sync/drawn.rs"]
mod drawn;

use axum::http::{Request, StatusCode};
use common::{House, Phone};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::VisitKind;
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::kind::Outcome;
use nuanfang_core::domain::office_event::RevokeReason;
use nuanfang_core::domain::worker_event::{Bare, Completed, Departed, Opened};
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use nuanfang_core::record::SoftwareKey;
use nuanfang_core::time::TimeQuality;
use nuanfang_core::wire::auth::{TokenReply, b64};
use nuanfang_core::wire::dictionary::{self, DICTIONARIES, Dictionary};
use nuanfang_core::wire::feed_entity::VisitEntity;
use nuanfang_core::wire::{FeedKind, OutcomeKind, REQUEST_LIMIT, SyncReply};
use nuanfang_server::enrolment;
use nuanfang_server::office::{log, rebuild};
use nuanfang_server::store::StoreError;
use nuanfang_server::store::sqlite::writing::Writing;
use serde_json::json;
use uuid::Uuid;
use zstd::zstd_safe::{CParameter, get_dict_id_from_frame};

fn worker(n: u128) -> WorkerId {
    WorkerId(Uuid::from_u128(n))
}

fn visit(n: u128) -> VisitId {
    VisitId(Uuid::from_u128(0xa11_0000 + n))
}

fn household(n: u128) -> HouseholdId {
    HouseholdId(Uuid::from_u128(0xb22_0000 + n))
}

fn acknowledged() -> Event {
    Event::Acknowledged(Bare {})
}

fn departed() -> Event {
    Event::Departed(Departed { tools_checked: true, parts: Vec::new() })
}

fn completed() -> Event {
    Event::Completed(Completed { outcome: Outcome::Done, reason: None, next_window: None })
}

fn code(body: &[u8]) -> String {
    let problem: serde_json::Value = serde_json::from_slice(body).expect("problem JSON");
    problem["code"].as_str().expect("a code").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_given_a_visit_that_another_opened_at_a_door_is_told_what_it_is() {
    let house = House::open().await;
    let (mut first, mut second) = (Phone::enrol(&house, worker(1)).await, Phone::enrol(&house, worker(2)).await);
    let opened =
        Opened { kind: VisitKind::Repair, household: household(1), reason: "示例：漏水".into(), emergency: true };
    let op = first.log(Some(visit(1)), 0, &Event::Opened(opened));
    first.sync(&house).await;
    house.assign(visit(1), 0, worker(2)).await;
    let reply = second.sync(&house).await;
    let told: Vec<_> = reply.scopes.iter().flat_map(|scope| &scope.feed).filter(|entry| entry.e == "visit").collect();
    let body = told.last().and_then(|entry| entry.body.as_ref()).expect("the visit");
    let entity: VisitEntity = serde_json::from_str(body.get()).expect("a visit");
    let kinds: Vec<_> = entity.plan.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!((kinds.as_slice(), entity.plan[0].op), (&["visit.opened", "office.assigned"][..], op));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_logs_is_on_disk_when_acknowledged_and_comes_again_as_the_same() {
    let house = House::open().await;
    house.schedule(visit(1), household(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    let first = phone.sync(&house).await;
    let own = first.scopes.iter().find(|scope| scope.id.starts_with("worker:")).expect("the worker's scope");
    assert!(own.reset && own.feed.iter().any(|entry| entry.e == "visit" && entry.id == visit(1).to_string()));
    phone.log(Some(visit(1)), 1, &acknowledged());
    phone.log(Some(visit(1)), 1, &departed());
    let sent = phone.request();
    let reply = phone.sync(&house).await;
    assert_eq!(reply.acked_through, 2);
    assert!(reply.outcomes.is_empty() && !reply.fork);
    // The reply was lost: the same request once more.
    let again = phone.try_sync(&house, &sent).await;
    assert_eq!((again.acked_through, again.ack_sha), (2, reply.ack_sha));
    let facts = house.state.read::<_, StoreError, _>(|db| log::of_visit(db, visit(1))).await.expect("a log");
    assert_eq!(facts.len(), 3);
    let estimate = facts[2].at();
    assert_eq!(estimate.quality, TimeQuality::Anchored, "the wall clock was 56 years off");
    assert!((facts[2].recv.0 - estimate.est.0) < 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_does_not_follow_stops_or_forks_and_loses_nothing() {
    let house = House::open().await;
    house.schedule(visit(1), household(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    phone.log(Some(visit(1)), 1, &acknowledged());
    phone.log(Some(visit(1)), 1, &departed());
    phone.log(Some(visit(1)), 1, &completed());
    let whole = phone.request();

    let mut gap = whole.clone();
    gap.ops.remove(1);
    assert_eq!(phone.try_sync(&house, &gap).await.acked_through, 1, "the prefix counts, the rest comes again");

    let mut ahead = whole.clone();
    ahead.base = 7;
    ahead.head_sha = ahead.base_sha;
    ahead.ops.clear();
    let reply = phone.try_sync(&house, &ahead).await;
    assert_eq!((reply.acked_through, reply.fork), (1, false), "the server was set back: offer the rest again");

    let mut altered = whole.clone();
    altered.ops[1].basis = 9;
    let (status, body) = phone.post(&house, serde_json::to_vec(&altered).expect("JSON"), None).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::BAD_REQUEST, "sync.head_mismatch"));

    assert_eq!(phone.try_sync(&house, &whole).await.acked_through, 3);

    let mut other = phone.clone();
    other.queue.clear();
    other.head_sha = Sha::ZERO;
    other.log(Some(visit(1)), 1, &departed());
    let reply = other.try_sync(&house, &other.request()).await;
    assert!(reply.fork, "the same position with other bytes");
    assert_eq!(reply.acked_through, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_exchange_is_refused_clearly() {
    let house = House::open().await;
    let phone = Phone::enrol(&house, worker(1)).await;
    let other = Phone::enrol(&house, worker(2)).await;
    let good = serde_json::to_vec(&phone.request()).expect("JSON");
    let packed = zstd::bulk::compress(&good, 1).expect("packed");
    let bomb = zstd::bulk::compress(&vec![b' '; REQUEST_LIMIT + 1], 1).expect("packed");
    let mut wrong_version = phone.request();
    wrong_version.v = 99;
    let rows: Vec<(Vec<u8>, Option<&str>, StatusCode, &str)> = vec![
        (good[..good.len() / 2].to_vec(), None, StatusCode::BAD_REQUEST, "sync.unreadable"),
        (b"<html>log in to the hotel</html>".to_vec(), None, StatusCode::BAD_REQUEST, "sync.unreadable"),
        (Vec::new(), None, StatusCode::BAD_REQUEST, "sync.unreadable"),
        (vec![0xff; 100], None, StatusCode::BAD_REQUEST, "sync.unreadable"),
        (good.clone(), Some("zstd"), StatusCode::BAD_REQUEST, "sync.zstd"),
        (packed[..packed.len() - 3].to_vec(), Some("zstd"), StatusCode::BAD_REQUEST, "sync.zstd"),
        (bomb, Some("zstd"), StatusCode::PAYLOAD_TOO_LARGE, "sync.too_large"),
        (good.clone(), Some("br"), StatusCode::UNSUPPORTED_MEDIA_TYPE, "sync.encoding"),
        (vec![b' '; REQUEST_LIMIT + 1], None, StatusCode::PAYLOAD_TOO_LARGE, "sync.too_large"),
        (vec![b' '; 2 * REQUEST_LIMIT], None, StatusCode::PAYLOAD_TOO_LARGE, "request.too_large"),
        (serde_json::to_vec(&wrong_version).expect("JSON"), None, StatusCode::BAD_REQUEST, "sync.version"),
        (serde_json::to_vec(&other.request()).expect("JSON"), None, StatusCode::FORBIDDEN, "sync.wrong_device"),
    ];
    for (n, (body, coding, status, expected)) in rows.into_iter().enumerate() {
        let (got, body) = phone.post(&house, body, coding).await;
        assert_eq!((got, code(&body).as_str()), (status, expected), "row {n}");
    }
    let (status, _) = phone.post(&house, packed, Some("zstd")).await;
    assert_eq!(status, StatusCode::OK);
    let mut nobody = phone.clone();
    nobody.token = "x".into();
    let (status, body) = nobody.post(&house, good.clone(), None).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::UNAUTHORIZED, "token.required"));
    house.revoke(phone.device, RevokeReason::Stolen).await;
    let (status, body) = phone.post(&house, good, None).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::FORBIDDEN, "device_revoked"));
    let (status, body) = phone.ask_token(&house).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::FORBIDDEN, "device_revoked"));
}

/// `bytes` packed with the dictionary `dictionary`.
fn packed_with(dictionary: &[u8], bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::Compressor::with_dictionary(3, dictionary).expect("a dictionary").compress(bytes).expect("packed")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_not_heard_of_a_restore_hears_of_it_before_anything_is_taken() {
    let house = House::open().await;
    house.schedule(visit(1), household(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    let restored = |writing: &mut Writing<'_>| {
        Ok::<_, StoreError>(writing.tx.execute("UPDATE meta SET v = '7' WHERE k = 'epoch'", [])?)
    };
    house.state.store.write(0, restored).await.expect("another epoch");
    phone.log(Some(visit(1)), 1, &departed());
    let reply = phone.sync(&house).await;
    assert_eq!((reply.epoch, reply.acked_through, reply.fork), (7, 0, false));
    assert_eq!(phone.sync(&house).await.acked_through, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_may_be_packed_with_a_dictionary_that_the_server_has() {
    let house = House::open().await;
    house.schedule(visit(1), household(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    let (status, token) = phone.ask_token(&house).await;
    assert_eq!(status, StatusCode::OK);
    let told: TokenReply = serde_json::from_slice(&token).expect("a token");
    assert_eq!(told.enc, dictionary::names().collect::<Vec<_>>(), "a token comes with what the server can read");
    phone.log(Some(visit(1)), 1, &acknowledged());
    phone.log(Some(visit(1)), 1, &departed());
    let request = serde_json::to_vec(&phone.request()).expect("JSON");
    for known in DICTIONARIES {
        let packed = packed_with(known.bytes, &request);
        assert!(packed.len() < zstd::bulk::compress(&request, 3).expect("packed").len());
        let (status, body) = phone.post(&house, packed.clone(), Some("zstd")).await;
        assert_eq!(status, StatusCode::OK, "{}", code(&body));
        let reply: SyncReply = serde_json::from_slice(&body).expect("a reply");
        assert_eq!((reply.acked_through, reply.ack_sha), (2, phone.head_sha), "byte for byte as it was logged");

        let mut unknown = known.bytes.to_vec();
        unknown[4..8].copy_from_slice(&77_777_u32.to_le_bytes());
        let mut altered = packed.clone();
        let middle = altered.len() / 2;
        altered.truncate(middle);
        let blank = packed_with(known.bytes, &vec![b' '; REQUEST_LIMIT + 1]);
        let ratio = packed_with(known.bytes, &vec![b' '; 300 * 1024]);
        let long_window = {
            let mut compressor = zstd::bulk::Compressor::with_dictionary(3, known.bytes).expect("a dictionary");
            compressor.set_parameter(CParameter::WindowLog(27)).expect("a window");
            compressor.set_parameter(CParameter::ContentSizeFlag(false)).expect("no size");
            compressor.compress(&request.repeat(10_000)).expect("packed")
        };
        for (what, body, status, expected) in [
            ("unknown", packed_with(&unknown, &request), StatusCode::UNSUPPORTED_MEDIA_TYPE, "sync.dictionary"),
            ("cut", altered, StatusCode::BAD_REQUEST, "sync.zstd"),
            ("too long", blank, StatusCode::PAYLOAD_TOO_LARGE, "sync.too_large"),
            ("a bomb", ratio, StatusCode::PAYLOAD_TOO_LARGE, "sync.too_large"),
            ("a window beyond the limit", long_window, StatusCode::BAD_REQUEST, "sync.zstd"),
        ] {
            let (got, body) = phone.post(&house, body, Some("zstd")).await;
            assert_eq!((got, code(&body).as_str()), (status, expected), "{what}");
        }
    }
    // The id of a frame may be any bytes.
    for id in [[0, 0, 0, 0], [1, 0, 0, 0], [0xff; 4]] {
        let frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0x23][..], &id, &[0x02, 0x01, 0, 0]].concat();
        let (status, _) = phone.post(&house, frame, Some("zstd")).await;
        assert!(status.is_client_error(), "{id:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_packed_with_a_dictionary_only_for_who_names_it() {
    let house = House::open().await;
    for n in 1..=20 {
        house.schedule(visit(n), household(n), Some(worker(1))).await;
    }
    let phone = Phone::enrol(&house, worker(1)).await;
    for (names, expected) in [
        (vec![], None),
        (vec!["zstd"], None),
        (vec!["zstd", "zstd-dict:77777"], None),
        (vec!["zstd", "zstd-dict:32769"], Some(32_769)),
    ] {
        let mut request = phone.request();
        request.caps.enc = names.iter().map(|name| (*name).to_owned()).collect();
        for (accept, packed) in [(Some("zstd"), true), (Some("gzip"), false), (None, false)] {
            let mut asked = Request::post("/v1/sync").header("authorization", format!("Bearer {}", phone.token));
            if let Some(accept) = accept {
                asked = asked.header("accept-encoding", accept);
            }
            let body = serde_json::to_vec(&request).expect("JSON");
            let (status, headers, body) = house.send(asked.body(body.into()).expect("a request")).await;
            assert_eq!(status, StatusCode::OK);
            assert_eq!(headers.get("content-encoding").map(|coding| coding == "zstd"), packed.then_some(true));
            let id = get_dict_id_from_frame(&body).map(|id| id.get());
            assert_eq!(id, expected.filter(|_| packed), "{names:?} {accept:?}");
            let json = if packed {
                let known = id.and_then(Dictionary::of_id).map_or(&[][..], |known| known.bytes);
                let mut decompressor = zstd::bulk::Decompressor::with_dictionary(known).expect("a dictionary");
                decompressor.decompress(&body, REQUEST_LIMIT).expect("unpacked")
            } else {
                body.to_vec()
            };
            let reply: SyncReply = serde_json::from_slice(&json).expect("a reply");
            assert_eq!(reply.req, request.req);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_logged_is_refused_whatever_it_says() {
    let house = House::open().await;
    house.schedule(visit(1), household(1), Some(worker(1))).await;
    house.schedule(visit(2), household(2), Some(worker(2))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    phone.log_raw(Some(visit(1)), 1, "visit.teleported", r#"{"n":"0"}"#, Vec::new());
    phone.log_raw(Some(visit(1)), 1, "visit.departed", r#"{"n":"0","tools_checked":7}"#, Vec::new());
    phone.log(Some(visit(2)), 1, &departed());
    phone.log(Some(visit(99)), 1, &departed());
    phone.log(None, 0, &departed());
    phone.log_raw(Some(visit(1)), 1, "office.cancelled", r#"{"n":"0","reason":"x"}"#, Vec::new());
    let long = format!(r#"{{"n":"{}"}}"#, "0".repeat(300 * 1024));
    phone.log_raw(Some(visit(1)), 1, "visit.departed", &long, Vec::new());
    phone.queue[0].t.mono_ms = u64::MAX;
    phone.log(Some(visit(1)), u64::MAX, &departed());
    let own = std::mem::replace(&mut phone.worker, worker(2));
    phone.log(Some(visit(2)), 1, &departed());
    phone.worker = own;
    let mut prev = Sha::ZERO;
    for op in &mut phone.queue {
        if op.seq == 8 {
            op.rules = Sha::of(b"rules of next year");
        }
        prev = op.envelope(phone.device, prev).sha();
    }
    phone.head_sha = prev;
    let reply = phone.sync(&house).await;
    assert_eq!(reply.acked_through, 9);
    let got: Vec<_> = reply.outcomes.iter().map(|o| (o.seq, o.o, o.why.clone().unwrap_or_default())).collect();
    let expected = [
        (1, OutcomeKind::Held, "kind_unknown"),
        (2, OutcomeKind::Quarantined, "body_unreadable"),
        (3, OutcomeKind::Quarantined, "never_assigned"),
        (4, OutcomeKind::Held, "visit_unknown"),
        (5, OutcomeKind::Quarantined, "visit_missing"),
        (6, OutcomeKind::Quarantined, "office_only"),
        (7, OutcomeKind::Quarantined, "body_unreadable"),
        (8, OutcomeKind::Held, "rules_unknown"),
        (9, OutcomeKind::Quarantined, "worker_mismatch"),
    ];
    assert_eq!(got, expected.map(|(seq, o, why)| (seq, o, why.to_owned())));
    // The visit is entered anew: what waited for it is judged.
    house.schedule(visit(99), household(3), Some(worker(1))).await;
    let reply = phone.sync(&house).await;
    assert!(reply.outcomes.iter().any(|o| o.seq == 4 && o.o == OutcomeKind::Applied), "{:?}", reply.outcomes);
    rebuilt_is_the_same(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_on_a_visit_that_was_moved_meanwhile_is_late_and_both_phones_know_whose_it_is() {
    let house = House::open().await;
    house.schedule(visit(1), household(1), Some(worker(1))).await;
    let mut first = Phone::enrol(&house, worker(1)).await;
    let mut second = Phone::enrol(&house, worker(2)).await;
    first.sync(&house).await;
    second.sync(&house).await;
    house.assign(visit(1), 1, worker(2)).await;
    first.log(Some(visit(1)), 1, &departed());
    first.log(Some(visit(1)), 1, &completed());
    let reply = first.sync(&house).await;
    assert_eq!(reply.acked_through, 2);
    assert!(reply.outcomes.iter().all(|o| o.o == OutcomeKind::Late && o.why.as_deref() == Some("reassigned")));
    assert_eq!(reply.outcomes.len(), 2);
    let own = reply.scopes.iter().find(|scope| scope.id.starts_with("worker:")).expect("the worker's scope");
    let gone = own.feed.iter().find(|entry| entry.e == "visit").expect("told");
    assert_eq!((gone.k, gone.why.as_deref()), (FeedKind::Revoke, Some("reassigned")));
    let reply = second.sync(&house).await;
    let own = reply.scopes.iter().find(|scope| scope.id.starts_with("worker:")).expect("the worker's scope");
    assert!(own.feed.iter().any(|entry| entry.e == "visit" && entry.k == FeedKind::Put));
    let (state, late): (String, bool) = house
        .state
        .read::<_, StoreError, _>(|db| {
            Ok(db.query_row("SELECT state, late FROM visit", [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        })
        .await
        .expect("a row");
    assert_eq!((state.as_str(), late), ("assigned", true), "late work changes no state by itself");
    // A dismissed worker hands in, reads nothing, and keeps nothing of what he could read.
    house.revoke(first.device, RevokeReason::Dismissed).await;
    first.log(Some(visit(1)), 2, &acknowledged());
    let reply = first.sync(&house).await;
    assert_eq!(reply.acked_through, 3);
    let emptied = |scope: &nuanfang_core::wire::ScopeReply| scope.reset && scope.feed.is_empty() && scope.pos == 0;
    assert!(reply.scopes.iter().all(emptied), "{:?}", reply.scopes);
    assert_eq!(reply.outcomes[0].why.as_deref(), Some("reassigned_known"));
    rebuilt_is_the_same(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_born_on_a_phone_is_known_to_all_and_closes_with_the_work() {
    let house = House::open().await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    let opened =
        Opened { kind: VisitKind::Repair, household: household(1), reason: "邻居家漏水".into(), emergency: true };
    phone.log(Some(visit(5)), 0, &Event::Opened(opened));
    phone.log(Some(visit(5)), 0, &departed());
    let reply = phone.sync(&house).await;
    assert!(reply.outcomes.is_empty(), "{:?}", reply.outcomes);
    phone.log(Some(visit(5)), 0, &completed());
    phone.sync(&house).await;
    let (state, open): (String, bool) = house
        .state
        .read::<_, StoreError, _>(|db| {
            Ok(db.query_row("SELECT state, open FROM visit", [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        })
        .await
        .expect("a row");
    assert_eq!((state.as_str(), open), ("done", false));
    rebuilt_is_the_same(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_operation_under_a_new_device_counts_once() {
    let house = House::open().await;
    house.schedule(visit(1), household(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    phone.log(Some(visit(1)), 1, &departed());
    let logged = phone.queue[0].clone();
    phone.sync(&house).await;
    let mut again = Phone::enrol(&house, worker(1)).await;
    again.head_sha = logged.envelope(again.device, Sha::ZERO).sha();
    again.queue.push(logged);
    let reply = again.sync(&house).await;
    assert_eq!(reply.acked_through, 1);
    assert_eq!(reply.outcomes[0].why.as_deref(), Some("duplicate"));
    rebuilt_is_the_same(&house).await;
}

async fn rebuilt_is_the_same(house: &House) {
    let before = house.state.store.read_long::<_, StoreError, _>(rebuild::dump).await.expect("a dump");
    let n = house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("rebuilt");
    let after = house.state.store.read_long::<_, StoreError, _>(rebuild::dump).await.expect("a dump");
    assert!(n > 0);
    if let Some((was, is)) = before.lines().zip(after.lines()).find(|(was, is)| was != is) {
        panic!("a projection differs:\n{was:.2000}\n{is:.2000}");
    }
    assert_eq!(before.len(), after.len());
    let stand = house.state.read::<_, StoreError, _>(log::verify_chains).await.expect("the chains stand");
    assert_eq!(stand, n);
}

#[tokio::test]
async fn an_enrolment_whose_answer_was_lost_is_the_same_when_asked_again() {
    let house = House::open().await;
    let vault = house.state.vault.clone();
    let code = tokio::task::spawn_blocking(move || enrolment::issue(&vault, worker(1)))
        .await
        .expect("no panic")
        .expect("a code");
    let ask = async |key: &SoftwareKey| {
        let public_key = b64(&key.public().to_spki_der());
        let body = json!({ "code": code, "public_key": public_key, "name": "测试手机", "app": "0.1.0" });
        let (status, reply) = house.post_json("/v1/enrol", body).await;
        (status, serde_json::from_slice::<serde_json::Value>(&reply).expect("JSON"))
    };
    let (own, other) = (SoftwareKey::generate(), SoftwareKey::generate());
    let (status, first) = ask(&own).await;
    assert_eq!(status, StatusCode::OK, "{first}");
    let (status, again) = ask(&own).await;
    assert_eq!((status, &again["device"]), (StatusCode::OK, &first["device"]));
    let (status, refused) = ask(&other).await;
    assert_eq!((status, &refused["code"]), (StatusCode::FORBIDDEN, &json!("enrol.code_invalid")));
    let devices: i64 = house
        .state
        .store
        .read_now::<_, StoreError>(|db| Ok(db.query_row("SELECT count(*) FROM device", [], |row| row.get(0))?))
        .expect("counted");
    assert_eq!(devices, 1);
}
