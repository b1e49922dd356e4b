//! Anything as the body of an exchange, between exchanges that are as they should be.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Request, StatusCode};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::wire::dictionary::{DICTIONARIES, Dictionary};
use nuanfang_core::wire::{REQUEST_LIMIT, SyncReply};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{acknowledged, code, departed, household, packed_with, visit, worker};
use crate::common::{House, Phone, few};

/// What a body is made from.
#[derive(Debug, Clone)]
enum Stuff {
    /// The phone's request as it is.
    Plain,
    Packed,
    /// Packed with a dictionary that there is.
    Known,
    /// Packed with one that there is not, or under an id of zstd's own.
    Unknown(u32),
    /// So many kibibytes of nothing, packed.
    Bomb(u16, bool),
    /// A frame's magic number, and anything.
    Frame(Vec<u8>),
    Bytes(Vec<u8>),
}

/// What becomes of it on its way.
#[derive(Debug, Clone)]
enum Change {
    Flip(u16, u8),
    Insert(u16, u8),
    Remove(u16),
    Cut(u16),
    Append(Vec<u8>),
    Twice,
}

#[derive(Debug, Clone)]
struct Sent {
    stuff: Stuff,
    changes: Vec<Change>,
    coding: Option<Vec<u8>>,
    broken: bool,
}

fn stuff() -> impl Strategy<Value = Stuff> {
    let bytes = || vec(any::<u8>(), 0..200);
    prop_oneof![
        2 => Just(Stuff::Plain),
        3 => Just(Stuff::Packed),
        3 => Just(Stuff::Known),
        2 => prop_oneof![any::<u32>(), 0..70_000_u32].prop_map(Stuff::Unknown),
        1 => (0..9_000_u16, any::<bool>()).prop_map(|(kib, known)| Stuff::Bomb(kib, known)),
        2 => bytes().prop_map(Stuff::Frame),
        1 => bytes().prop_map(Stuff::Bytes),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    // What a frame says of itself stands in its first bytes.
    let at = || prop_oneof![0..20_u16, any::<u16>()];
    prop_oneof![
        4 => (at(), 1..=u8::MAX).prop_map(|(at, with)| Change::Flip(at, with)),
        1 => (at(), any::<u8>()).prop_map(|(at, with)| Change::Insert(at, with)),
        1 => at().prop_map(Change::Remove),
        2 => at().prop_map(Change::Cut),
        1 => vec(any::<u8>(), 1..40).prop_map(Change::Append),
        1 => Just(Change::Twice),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    let text = |text: &'static str| Just(Some(text.as_bytes().to_vec()));
    let coding = prop_oneof![
        8 => text("zstd"),
        2 => Just(None),
        1 => prop_oneof![text("identity"), text(""), text("gzip"), text("br"), text("ZSTD"), text("zstd, zstd")],
        1 => vec(any::<u8>(), 0..12).prop_map(Some),
    ];
    (stuff(), vec(change(), 0..4), coding, proptest::bool::weighted(0.1))
        .prop_map(|(stuff, changes, coding, broken)| Sent { stuff, changes, coding, broken })
}

proptest! {
    #![proptest_config(few(16))]

    #[test]
    fn whatever_comes_as_an_exchange_is_one_or_is_refused_clearly_and_the_next_is_taken(bodies in vec(sent(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(play(bodies));
    }
}

/// The codes that a body may be refused with.
const REFUSALS: [&str; 10] = [
    "request.too_large",
    "request.truncated",
    "sync.dictionary",
    "sync.encoding",
    "sync.head_mismatch",
    "sync.too_large",
    "sync.unreadable",
    "sync.version",
    "sync.wrong_device",
    "sync.zstd",
];

async fn play(bodies: Vec<Sent>) {
    let house = House::open().await;
    house.schedule(visit(1), household(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    phone.log(Some(visit(1)), 1, &acknowledged());
    phone.log(Some(visit(1)), 1, &departed());
    let mut heads = vec![Sha::ZERO];
    for op in &phone.logged {
        heads.push(op.envelope(phone.device, heads[heads.len() - 1]).sha());
    }
    for sent in bodies {
        let request = serde_json::to_vec(&phone.request()).expect("JSON");
        let (status, answer) = post(&house, &phone, &sent, body(&sent, &request)).await;
        let untouched = sent.changes.is_empty() && !sent.broken;
        match (&sent.stuff, sent.coding.as_deref()) {
            (Stuff::Plain, None | Some(b"" | b"identity")) | (Stuff::Packed | Stuff::Known, Some(b"zstd"))
                if untouched =>
            {
                assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer));
            }
            (Stuff::Unknown(id), Some(b"zstd")) if untouched && *id != 0 && Dictionary::of_id(*id).is_none() => {
                assert_eq!((status, code(&answer).as_str()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, "sync.dictionary"));
            }
            _ => {}
        }
        if status == StatusCode::OK {
            // What was changed may still be an exchange; its operations are the first of those that were logged.
            let reply: SyncReply = serde_json::from_slice(&answer).expect("a reply");
            assert_eq!(Some(&reply.ack_sha), heads.get(reply.acked_through as usize));
        } else {
            assert!(status.is_client_error(), "{status}");
            assert!(REFUSALS.contains(&code(&answer).as_str()), "{status} {}", code(&answer));
        }
    }
    let reply = phone.sync(&house).await;
    assert_eq!((reply.acked_through, reply.ack_sha), (2, phone.head_sha));
}

async fn post(house: &House, phone: &Phone, sent: &Sent, body: Vec<u8>) -> (StatusCode, Bytes) {
    let mut request = Request::post("/v1/sync").header("authorization", format!("Bearer {}", phone.token));
    if let Some(coding) = sent.coding.as_ref().and_then(|coding| HeaderValue::from_bytes(coding).ok()) {
        request = request.header("content-encoding", coding);
    }
    let body = if sent.broken {
        Body::from_stream(tokio_stream::iter([Ok(Bytes::from(body)), Err(io::Error::other("cut"))]))
    } else {
        Body::from(body)
    };
    let (status, _, answer) = house.send(request.body(body).expect("a request")).await;
    (status, answer)
}

fn body(sent: &Sent, request: &[u8]) -> Vec<u8> {
    let known = DICTIONARIES[0].bytes;
    let mut body = match &sent.stuff {
        Stuff::Plain => request.to_vec(),
        Stuff::Packed => zstd::bulk::compress(request, 3).expect("packed"),
        Stuff::Known => packed_with(known, request),
        Stuff::Unknown(id) => {
            let mut other = known.to_vec();
            other[4..8].copy_from_slice(&id.to_le_bytes());
            packed_with(&other, request)
        }
        Stuff::Bomb(kib, with) => {
            let nothing = vec![b' '; usize::from(*kib) * 1024];
            if *with { packed_with(known, &nothing) } else { zstd::bulk::compress(&nothing, 3).expect("packed") }
        }
        Stuff::Frame(bytes) => [&[0x28, 0xb5, 0x2f, 0xfd][..], bytes].concat(),
        Stuff::Bytes(bytes) => bytes.clone(),
    };
    for change in &sent.changes {
        let place = |at: &u16| usize::from(*at) % body.len().max(1);
        match change {
            Change::Flip(at, with) if !body.is_empty() => {
                let at = place(at);
                body[at] ^= with;
            }
            Change::Insert(at, with) => body.insert(place(at), *with),
            Change::Remove(at) if !body.is_empty() => {
                body.remove(place(at));
            }
            Change::Cut(at) => body.truncate(place(at)),
            Change::Append(bytes) => body.extend_from_slice(bytes),
            Change::Twice if body.len() <= REQUEST_LIMIT => body.extend_from_within(..),
            _ => {}
        }
    }
    body
}
