//! Phones and a real server over a network that lies and breaks: nothing but the server's own receipt counts, nothing
//! that was logged is lost or comes twice, and whoever is not the phone he says is refused clearly.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::status::{RecordState, SyncState};
use nuanfang_core::record::sign_low_s;
use nuanfang_core::wire::auth::{ChallengeReply, TokenReply, b64, challenge_bytes};
use nuanfang_core::wire::{REQUEST_LIMIT, SyncReply};
use nuanfang_demo::office::Office;
use nuanfang_server::http::device::sync::WIRE_LIMIT;
use nuanfang_tests::jotter::Jotter;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

use crate::company::{Company, PASSWORD, copy};
use crate::killed::{database, everything_is_there, log_of};
use crate::network::{Network, Trick};
use crate::nuanfang::Server;

fn acked(phone: &Jotter) -> u64 {
    phone.app.status().expect("a status").acked
}

#[test]
fn a_network_that_lies_and_breaks_loses_and_doubles_nothing() {
    let company = Company::new();
    let server = Server::start(&company.data());
    let network = Network::to(server.address());
    let phone = Jotter::open(&company.beside("phone"));
    phone.enrol(&company.invite(1, &network.url));
    phone.note(1);
    phone.send_all();
    let tricks = [
        (Trick::Portal, "sync.not_our_answer"),
        (Trick::Redirect, "sync.not_our_answer"),
        (Trick::OldAnswer, "sync.not_our_answer"),
        (Trick::HalfRequest, "sync.no_network"),
        (Trick::NoAnswer, "sync.no_network"),
        (Trick::HalfAnswer, "sync.no_network"),
        // What arrived is not what was sent: the server asks for it again.
        (Trick::FlippedRequest, "sync."),
    ];
    for (n, (trick, code)) in (2..).zip(tricks) {
        phone.note(n * 2 + 1);
        let before = acked(&phone);
        network.play("POST /v1/sync", trick);
        let refusal = phone.sync().expect_err("no receipt");
        assert!(refusal.code.starts_with(code) && refusal.zh.contains("记录都在本机"), "{trick:?}: {refusal:?}");
        assert_eq!(acked(&phone), before, "{trick:?} is no receipt");
        let newest = phone.app.records(None, 1).expect("a record").remove(0);
        assert_eq!(newest.state, RecordState::Saved);
        assert!(network.met() > 0, "{trick:?} was met");
        network.play("", Trick::None);
        phone.send_all();
    }
    // The same under a file that is being sent.
    for (n, (trick, _)) in (20..).zip(tricks) {
        phone.note(n * 3);
        network.play("PATCH /v1/blobs", trick);
        if let Ok(status) = phone.sync() {
            assert_eq!(status.files_waiting, 1, "{trick:?} makes no file whole");
        }
        assert!(network.met() > 0, "{trick:?} was met");
        network.play("", Trick::None);
        // A file is one writer's, and the server may not have noticed yet that the other end of the broken one is gone.
        let sent = (0..100).any(|_| phone.sync().expect("it goes through").files_waiting == 0);
        assert!(sent, "{trick:?}: the file stays behind");
    }
    server.stop();
    everything_is_there(&company.data(), &[&phone]);
}

/// A caller with the phone's own key, who sends what he likes.
struct Caller {
    http: Client,
    url: String,
    token: String,
}

impl Caller {
    fn of(phone: &Jotter) -> Self {
        let known = phone.app.enrolment().expect("read").expect("enrolled");
        let http = Client::builder().no_proxy().build().expect("a client");
        let post = |path: &str, body: Value| http.post(format!("{}{path}", known.url)).json(&body).send();
        let reply = post("/v1/challenge", json!({ "device": known.device })).expect("an answer");
        let nonce = reply.json::<ChallengeReply>().expect("a nonce").nonce;
        let signature = sign_low_s(&*phone.key, &challenge_bytes(known.device, &nonce)).expect("signed");
        let body = json!({ "device": known.device, "nonce": nonce, "signature": b64(&signature) });
        let reply = post("/v1/token", body).expect("an answer");
        let token = reply.json::<TokenReply>().expect("a token").token;
        Self { http, url: known.url, token }
    }

    fn send(&self, body: Vec<u8>, coding: Option<&str>) -> Response {
        let mut request = self.http.post(format!("{}/v1/sync", self.url)).bearer_auth(&self.token).body(body);
        if let Some(coding) = coding {
            request = request.header("content-encoding", coding);
        }
        request.send().expect("an answer")
    }

    /// Status and code of a refusal.
    fn refused(&self, body: Vec<u8>, coding: Option<&str>) -> (u16, String) {
        let answer = self.send(body, coding);
        let status = answer.status().as_u16();
        let problem: Value = answer.json().expect("problem JSON");
        (status, problem["code"].as_str().expect("a code").to_owned())
    }
}

/// The phone's next exchange as it would stand with nothing to send, and the receipt before it.
fn request(phone: &Jotter) -> (Value, SyncReply) {
    let heard = phone.heard();
    let last = heard.iter().rev().find(|(path, _)| path == "/v1/sync").expect("an exchange");
    let reply: SyncReply = serde_json::from_slice(&last.1.body).expect("a reply");
    let device = phone.app.enrolment().expect("read").expect("enrolled").device;
    let stamp = json!({ "wall_ms": 5, "mono_ms": 5, "boot": uuid::Uuid::from_u128(5), "tz": "Asia/Shanghai" });
    let request = json!({
        "v": 1, "req": uuid::Uuid::now_v7(), "device": device, "epoch": reply.epoch, "scopes": [],
        "caps": { "app": "0" }, "t": stamp, "base": reply.acked_through, "base_sha": reply.ack_sha,
        "head_sha": reply.ack_sha, "ops": [],
    });
    (request, reply)
}

#[test]
fn what_is_no_exchange_is_refused_and_the_phone_goes_on() {
    let company = Company::new();
    let server = Server::start(&company.data());
    let [phone, other] = [1, 2].map(|nth| {
        let phone = Jotter::open(&company.beside(&format!("phone-{nth}")));
        phone.enrol(&company.invite(nth, &server.url));
        phone.note(1);
        phone.send_all();
        phone
    });
    let caller = Caller::of(&phone);
    let (good, _) = request(&phone);
    let bytes = serde_json::to_vec(&good).expect("JSON");
    let packed = zstd::encode_all(&bytes[..], 3).expect("packed");
    let bomb = zstd::encode_all(&vec![b' '; REQUEST_LIMIT + 1][..], 3).expect("packed");
    let (others, _) = request(&other);
    let mut newer = good.clone();
    newer["v"] = json!(99);
    let table = [
        (bytes[..bytes.len() / 2].to_vec(), None, 400, "sync.unreadable"),
        (b"<html>\xff</html>".to_vec(), None, 400, "sync.unreadable"),
        (packed[..packed.len() - 3].to_vec(), Some("zstd"), 400, "sync.zstd"),
        (bytes.clone(), Some("zstd"), 400, "sync.zstd"),
        (bomb, Some("zstd"), 413, "sync.too_large"),
        (vec![b' '; REQUEST_LIMIT + 1], None, 413, "sync.too_large"),
        (vec![b' '; WIRE_LIMIT + 1], None, 413, "request.too_large"),
        (bytes.clone(), Some("br"), 415, "sync.encoding"),
        (serde_json::to_vec(&newer).expect("JSON"), None, 400, "sync.version"),
        (serde_json::to_vec(&others).expect("JSON"), None, 403, "sync.wrong_device"),
    ];
    for (n, (body, coding, status, code)) in table.into_iter().enumerate() {
        assert_eq!(caller.refused(body, coding), (status, code.to_owned()), "row {n}");
    }
    assert_eq!(caller.send(packed, Some("zstd")).status(), 200);
    for phone in [&phone, &other] {
        phone.note(2);
        phone.send_all();
    }
    server.stop();
    everything_is_there(&company.data(), &[&phone, &other]);
}

#[test]
fn a_copied_phone_enrols_anew_and_everything_both_did_is_there() {
    let company = Company::new();
    let server = Server::start(&company.data());
    let phone = Jotter::open(&company.beside("phone"));
    phone.enrol(&company.invite(1, &server.url));
    phone.note(1);
    phone.send_all();
    phone.app.suspend().expect("settled");
    copy(phone.dir(), &company.beside("copy"));
    let twin = Jotter::open(&company.beside("copy"));
    phone.note(2);
    phone.send_all();
    twin.note(4);
    let refusal = twin.sync().expect_err("the same position, other bytes");
    assert_eq!(refusal.code, "sync.forked");
    assert_eq!(twin.app.status().expect("a status").state, SyncState::Stuck);
    twin.note(5);
    twin.enrol(&company.invite(1, &server.url));
    twin.send_all();
    phone.note(7);
    phone.send_all();
    server.stop();
    let db = database(&company.data());
    let bodies = |phone: &Jotter| -> Vec<String> {
        let device = phone.app.enrolment().expect("read").expect("enrolled").device;
        log_of(&db, device).into_iter().map(|(.., body)| body).collect()
    };
    let notes = |bodies: &[String]| -> Vec<u32> {
        (1..10).filter(|n| bodies.iter().any(|body| body.contains(&format!("示例第 {n} 条")))).collect()
    };
    assert_eq!(notes(&bodies(&phone)), [1, 2, 7]);
    // Without a backup nothing of the twin's was safe: it logs all of it again, and what was there counts once.
    assert_eq!(notes(&bodies(&twin)), [1, 4, 5]);
    let twice: i64 =
        db.query_row("SELECT count(*) FROM outcome WHERE why = 'duplicate'", [], |row| row.get(0)).expect("a number");
    let all: i64 =
        db.query_row("SELECT count(*) - count(DISTINCT op) FROM envelope", [], |row| row.get(0)).expect("a number");
    assert_eq!((twice, all), (2, 2), "the visit's opening and the first note");
}

#[test]
fn a_dismissed_worker_hands_in_and_a_stolen_phone_does_not_get_in() {
    let company = Company::new();
    let server = Server::start(&company.data());
    let admin = Office::log_in(&server.url, "admin", PASSWORD).expect("logged in");
    let phones = [1, 2].map(|nth| {
        let phone = Jotter::open(&company.beside(&format!("phone-{nth}")));
        phone.enrol(&company.invite(nth, &server.url));
        phone.note(1);
        phone.send_all();
        phone.note(2);
        phone
    });
    let revoke = |phone: &Jotter, reason: &str| {
        let device = phone.app.enrolment().expect("read").expect("enrolled").device;
        admin.post(&format!("/api/devices/{device}/revoke"), &json!({ "reason": reason })).expect("revoked");
    };
    let [dismissed, stolen] = &phones;
    revoke(dismissed, "dismissed");
    revoke(stolen, "stolen");
    dismissed.heard();
    dismissed.send_all();
    let (_, reply) = request(dismissed);
    assert!(reply.scopes.iter().all(|scope| scope.feed.is_empty()), "he hands in, and reads nothing any more");
    let refusal = stolen.sync().expect_err("stolen");
    assert_eq!(refusal.code, "device_revoked");
    assert!(refusal.zh.contains("已被公司停用") && refusal.zh.contains("记录都在本机"), "{refusal:?}");
    let status = stolen.app.status().expect("a status");
    assert_eq!((status.state, status.ops_waiting), (SyncState::Stuck, 1));
    server.stop();
    everything_is_there(&company.data(), &[dismissed]);
    let db = database(&company.data());
    let device = stolen.app.enrolment().expect("read").expect("enrolled").device;
    assert_eq!(log_of(&db, device).len() + 1, stolen.log().len());
}

#[test]
fn operations_that_do_not_follow_or_say_what_nobody_knows_are_stored_or_wait() {
    let company = Company::new();
    let server = Server::start(&company.data());
    let phone = Jotter::open(&company.beside("phone"));
    phone.enrol(&company.invite(1, &server.url));
    phone.note(1);
    phone.send_all();
    let caller = Caller::of(&phone);
    let (empty, receipt) = request(&phone);
    let worker = phone.app.enrolment().expect("read").expect("enrolled").worker;
    let visit = phone.visit();
    let op = |seq: u64, kind: &str, rules: Sha| {
        json!({
            "seq": seq, "op": uuid::Uuid::now_v7(), "kind": kind, "visit": visit, "worker": worker, "basis": 0,
            "rules": rules, "t": { "wall_ms": 5, "mono_ms": 5, "boot": uuid::Uuid::from_u128(5) }, "body": { "n": "00" },
        })
    };
    let known = nuanfang_core::domain::Rules::builtin().sha();
    let head = receipt.acked_through;
    let with = |ops: Vec<Value>| {
        let mut request = empty.clone();
        let device = phone.app.enrolment().expect("read").expect("enrolled").device;
        let sha = ops.iter().fold(receipt.ack_sha, |prev, op| {
            let op: nuanfang_core::wire::Op = serde_json::from_str(&op.to_string()).expect("an operation");
            op.envelope(device, prev).sha()
        });
        (request["ops"], request["head_sha"]) = (json!(ops), json!(sha));
        request.to_string().into_bytes()
    };
    let reply = |body: Vec<u8>| -> SyncReply { caller.send(body, None).json().expect("a reply") };
    let gap = reply(with(vec![op(head + 2, "visit.acknowledged", known)]));
    assert_eq!((gap.acked_through, gap.fork), (head, false), "a gap waits for what is missing");
    let strange = vec![
        op(head + 1, "visit.teleported", known),
        op(head + 2, "visit.acknowledged", Sha::of(b"rules of next year")),
        op(head + 3, "visit.acknowledged", known),
    ];
    let stored = reply(with(strange));
    assert_eq!((stored.acked_through, stored.fork), (head + 3, false));
    let said: Vec<_> = stored.outcomes.iter().map(|o| (o.seq - head, o.why.clone().unwrap_or_default())).collect();
    assert_eq!(said, [(1, "kind_unknown".to_owned()), (2, "rules_unknown".to_owned())]);
    let other = reply(with(vec![op(head + 1, "visit.acknowledged", known)]));
    assert!(other.fork, "the same position with other bytes");
    // The phone, which knows nothing of all this, notices that somebody has written in its name.
    phone.note(2);
    assert_eq!(phone.sync().expect_err("forked").code, "sync.forked");
    phone.enrol(&company.invite(1, &server.url));
    phone.send_all();
    server.stop();
}
