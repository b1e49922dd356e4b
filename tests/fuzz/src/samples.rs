//! Where a try begins: the golden vectors of the formats, and examples (示例) where a format has none.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::LazyLock;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use nuanfang_core::domain::Rules;
use serde_json::{Value, json};

use crate::shape::Sample;

/// The golden vectors' files of the core.
pub fn golden(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../core/tests/golden").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const VISITS: [&str; 7] = [
    "absent",
    "inspection_hazards",
    "late_after_reassignment",
    "measurement_refused",
    "measurement_signed",
    "repair_changed_quote",
    "repair_forged",
];

const SHA: &str = "6c621d1a05138a7888d37d9269a9da8e2e11e4aced2f6cfd24b05ab1b9e61bb0";
const ID: &str = "0192f0c1-0000-7000-8000-0000000000d1";

fn golden_json(name: &str) -> Value {
    serde_json::from_slice(&golden(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn sample(value: &Value) -> Sample {
    Sample::of(value.to_string().into_bytes())
}

/// The facts of a visit's days, as they lie in the golden vectors.
pub fn days() -> &'static [Sample] {
    static DAYS: LazyLock<Vec<Sample>> = LazyLock::new(|| {
        let facts = |name: &&str| sample(&golden_json(&format!("visits/{name}.json"))["facts"]);
        VISITS.iter().map(facts).chain([sample(&others())]).collect()
    });
    &DAYS
}

/// Bundles of rules: the build's own, and each that went out before it.
pub fn bundles() -> &'static [Sample] {
    static BUNDLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../core/rules/released");
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut released: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        released.sort();
        let released = released.into_iter().map(|path| Sample::of(std::fs::read(path).expect("a bundle")));
        std::iter::once(Sample::of(Rules::builtin().bytes().to_vec())).chain(released).collect()
    });
    &BUNDLES
}

/// Pictures: a photo as a camera gives it, the same in grey, and what is written on a pad.
pub fn pictures() -> &'static [Sample] {
    static PICTURES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
        let scene = RgbImage::from_fn(24, 16, |x, y| Rgb([(x * 10) as u8, (y * 15) as u8, (x * y) as u8]));
        let pad = GrayImage::from_fn(24, 16, |x, y| Luma([if x == y { 0 } else { 255 }]));
        let encoded = |picture: DynamicImage, format| {
            let mut bytes = Vec::new();
            picture.write_to(&mut Cursor::new(&mut bytes), format).expect("a picture");
            bytes
        };
        let mut photo = encoded(scene.clone().into(), ImageFormat::Jpeg);
        photo.splice(2..2, CAMERA.iter().copied());
        let grey = encoded(pad.clone().into(), ImageFormat::Jpeg);
        let written = encoded(pad.into(), ImageFormat::Png);
        [photo, grey, written, encoded(scene.into(), ImageFormat::Png)].map(Sample::of).into()
    });
    &PICTURES
}

/// What a camera writes into a photo (EXIF 2.3): turned by a quarter, taken at a time, at a place.
const CAMERA: &[u8] = b"\xFF\xE1\x00\xAEExif\0\0MM\0\x2A\0\0\0\x08\
    \0\x03\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\x87\x69\0\x04\0\0\0\x01\0\0\0\x32\x88\x25\0\x04\0\0\0\x01\0\0\0\x44\0\0\0\0\
    \0\x01\x90\x03\0\x02\0\0\0\x14\0\0\0\x7A\0\0\0\0\
    \0\x04\0\x01\0\x02\0\0\0\x02N\0\0\0\0\x02\0\x05\0\0\0\x03\0\0\0\x8E\
    \0\x03\0\x02\0\0\0\x02E\0\0\0\0\x04\0\x05\0\0\0\x03\0\0\0\x8E\0\0\0\0\
    2026:11:23 14:05:00\0\
    \0\0\0\x27\0\0\0\x01\0\0\0\x36\0\0\0\x01\0\0\0\x05\0\0\0\x01";

/// Events that no golden day has.
fn others() -> Value {
    let fact = |(at, (kind, body)): (usize, (&str, Value))| {
        json!({
            "op": format!("0192f0c1-0000-7000-8000-00000000e{at:03}"), "device": ID, "seq": at + 1, "worker": ID,
            "basis": 1, "stamp": {"wall_ms": 1_795_392_001_000_i64, "mono_ms": 5_001_000 + at, "boot": ID},
            "kind": kind, "body": body,
        })
    };
    let window = json!({"from": 1_795_392_000_000_i64, "until": 1_795_399_200_000_i64});
    let place = json!({"none": {"reason": "no_signal"}});
    let events = [
        (
            "visit.opened",
            json!({"n": "00", "kind": "repair", "household": ID, "reason": "漏水（示例）", "emergency": true}),
        ),
        (
            "visit.delayed",
            json!({"n": "00", "reason": "urgent", "note": "示例", "apologised": true, "understood": true,
                "channel": "phone", "new_window": window}),
        ),
        (
            "visit.disputed",
            json!({"n": "00", "room": "R1", "text": "示例",
                "remedy": {"monitor_48h": {"device": "示例", "start": 0, "end": 172_800_000}}}),
        ),
        ("visit.photographed", json!({"n": "00", "role": "photo.before", "subject": "L1", "place": place})),
        ("visit.completed", json!({"n": "00", "outcome": "not_done", "reason": "示例", "next_window": window})),
        ("pii.unmasked", json!({"n": "00", "household": ID, "field": "owner_phone", "reason": "示例"})),
        ("office.rescheduled", json!({"n": "00", "window": window, "reason": "示例"})),
        ("office.cancelled", json!({"n": "00", "reason": "示例"})),
        ("office.lane_chosen", json!({"n": "00", "lane": 1, "reason": "示例"})),
        ("office.rejudged", json!({"n": "00", "op": ID, "reason": "示例"})),
        ("office.filed", json!({"n": "00", "op": ID, "reason": "示例"})),
        (
            "office.imported",
            json!({"n": "00", "register": "households", "rows": SHA, "added": 1, "changed": 0, "unchanged": 0,
                "refused": 0}),
        ),
        ("office.user_added", json!({"n": "00", "user": ID, "login": "shili", "name": "示例", "role": "admin"})),
        ("office.password_reset", json!({"n": "00", "user": ID})),
        ("office.enrolment_issued", json!({"n": "00", "worker": ID})),
        ("office.device_enrolled", json!({"n": "00", "device": ID, "worker": ID, "public_key": "", "name": "示例"})),
        ("office.device_revoked", json!({"n": "00", "device": ID, "reason": "stolen"})),
        ("office.settings_changed", json!({"n": "00", "changes": [{"key": "phone.silence_hours", "value": "24"}]})),
        (
            "office.form_completed",
            json!({"n": "00", "record_sha": SHA, "fields": [{"label": "主管领导", "text": "示例"}]}),
        ),
        (
            "office.invoice_recorded",
            json!({"n": "00", "lane": 1, "revision": 1, "number": "示例-1", "issued_on": "2026-11-23"}),
        ),
        ("office.restored", json!({"n": "00", "epoch": 2, "through": 7})),
        (
            "office.household_erased",
            json!({"n": "00", "household": ID, "ground": "request", "reason": "示例", "visits": [ID], "bodies": 3,
                "traces": SHA, "replaced": [{"was": SHA, "by": SHA}]}),
        ),
    ];
    Value::Array(events.into_iter().enumerate().map(fact).collect())
}

/// Requests of an exchange: none of its operations, a few, and a golden visit's.
pub fn requests() -> &'static [Sample] {
    static REQUESTS: LazyLock<Vec<Sample>> = LazyLock::new(|| {
        let empty = json!([]);
        let days = VISITS.iter().map(|name| ops(&golden_json(&format!("visits/{name}.json"))["facts"]));
        [empty].into_iter().chain(days).map(|ops| sample(&request(&ops))).collect()
    });
    &REQUESTS
}

fn ops(facts: &Value) -> Value {
    let mut ops = facts.clone();
    for (at, op) in ops.as_array_mut().into_iter().flatten().enumerate() {
        let Some(op) = op.as_object_mut() else { continue };
        op.remove("device");
        op.remove("estimate");
        let stamp = op.remove("stamp").unwrap_or_default();
        op.extend([
            ("seq".to_owned(), json!(at + 1)),
            ("t".to_owned(), stamp),
            ("rules".to_owned(), json!(SHA)),
            ("visit".to_owned(), json!(ID)),
        ]);
    }
    ops
}

fn request(ops: &Value) -> Value {
    json!({
        "v": 1, "req": ID, "device": ID, "epoch": 1,
        "scopes": [{"id": "company", "pos": 3, "hash": "0000000000000000000000000000002a"}],
        "caps": {"app": "0.1.0", "kinds": ["visit.*"], "enc": ["zstd"]},
        "t": {"wall_ms": 1_795_392_001_000_i64, "mono_ms": 5_001_000, "boot": ID, "tz": "Asia/Shanghai",
            "heard": [{"boot": ID, "mono_ms": 5_000_000, "server_ms": 1_795_392_000_000_i64}]},
        "owes": {"ops": 1, "blobs": 2, "bytes": 3},
        "base": 0, "base_sha": "0".repeat(64), "head_sha": SHA, "ops": ops,
    })
}

/// Replies of an exchange.
pub fn replies() -> &'static [Sample] {
    static REPLIES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
        let quiet = json!({
            "req": ID, "epoch": 1, "acked_through": 0, "ack_sha": "0".repeat(64), "safe_through": 0,
            "now_ms": 1_795_392_000_000_i64, "poll_after_s": 300,
        });
        let plan = json!({"n": "00", "kind": "repair", "household": ID, "scope": "示例", "emergency": false});
        let visit = json!({"id": ID, "version": 1, "lane": 1, "household": ID, "open": true, "plan": [
            {"kind": "office.visit_scheduled", "op": ID, "device": ID, "seq": 1, "worker": ID,
                "at": 1_795_392_000_000_i64, "body": plan}]});
        let household = json!({"id": ID, "address": "示例小区1-1-101", "community": "示例小区", "building": "1",
            "room": "101", "owner_phone_masked": "138****0001", "agreed_deci_celsius": 180,
            "point": {"longitude_e7": 1_164_074_000, "latitude_e7": 399_042_000, "datum": "WGS-84"},
            "fields": {"面积": 80}});
        let put = |pos: u64, e: &str, body: &Value| json!({"pos": pos, "k": "put", "e": e, "id": ID, "ver": pos, "body": body});
        let busy = json!({
            "req": ID, "epoch": 2, "fork": true, "acked_through": 3, "ack_sha": SHA, "safe_through": 2,
            "outcomes": [{"seq": 2, "o": "late", "why": "reassigned"}, {"seq": 3, "o": "held", "why": "kind_unknown"}],
            "scopes": [
                {"id": "company", "reset": true, "pos": 2, "hash": "0000000000000000000000000000002a", "more": true,
                    "feed": [put(2, "company", &json!({"supplier": ID, "name": "示例供热有限公司", "phone": "", "fingerprint": SHA}))]},
                {"id": format!("worker:{ID}"), "pos": 9, "hash": "0000000000000000000000000000002b", "feed": [
                    put(7, "visit", &visit), put(8, "household", &household),
                    {"pos": 9, "k": "revoke", "e": "visit", "id": ID, "ver": 2, "why": "reassigned"}]},
            ],
            "need": [{"sha": SHA, "off": 1024}], "now_ms": 1_795_392_000_000_i64, "poll_after_s": 300,
        });
        vec![sample(&quiet), sample(&busy)]
    });
    &REPLIES
}

/// JSON of all kinds.
pub fn texts() -> &'static [Sample] {
    static TEXTS: LazyLock<Vec<Sample>> = LazyLock::new(|| {
        let names = ["rfc8785.json", "record.json", "scope.json", "strokes.json", "envelope.json"];
        names.iter().map(|name| Sample::of(golden(name))).chain([sample(&request(&json!([])))]).collect()
    });
    &TEXTS
}

/// Files of signed records.
pub fn records() -> &'static [Sample] {
    static RECORDS: LazyLock<Vec<Sample>> =
        LazyLock::new(|| ["record.json", "refusal.json"].iter().map(|name| Sample::of(golden(name))).collect());
    &RECORDS
}

/// What their payloads say.
pub fn bodies() -> &'static [Sample] {
    static BODIES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
        let steps = golden_json("record.steps.json");
        ["signed", "refused"].iter().map(|name| sample(&steps[name]["body"])).collect()
    });
    &BODIES
}
