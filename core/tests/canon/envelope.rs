//! Golden vectors of the envelope, of bodies and of scope hashes.

use nuanfang_core::canon::envelope::{BODY_LIMIT, BlobRef, Envelope, nonce};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::{BootId, DeviceId, OpId, VisitId, WorkerId};
use nuanfang_core::time::Stamp;
use nuanfang_core::wire::feed::{COMPANY, scope_mix, worker_scope};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::golden;

const DEVICE: &str = "0192f0c1-0000-7000-8000-0000000000d1";
const WORKER: &str = "0192f0c1-0000-7000-8000-0000000000a1";
const BOOT: &str = "0192f0c1-0000-7000-8000-0000000000b1";

fn id(text: &str) -> Uuid {
    text.parse().unwrap()
}

fn envelope(seq: u64, prev: Sha, kind: &str, visit: Option<&str>, body: &str, blobs: Vec<BlobRef>) -> Envelope {
    Envelope {
        device: DeviceId(id(DEVICE)),
        seq,
        prev,
        op: OpId(id(&format!("0192f0c1-0000-7000-8000-00000000e{seq:03}"))),
        kind: kind.into(),
        visit: visit.map(|visit| VisitId(id(visit))),
        worker: WorkerId(id(WORKER)),
        basis: seq - 1,
        rules: Sha::of(b"rules"),
        t: Stamp { wall_ms: 1_793_412_000_000 + seq as i64, mono_ms: 86_400_000 * seq, boot: BootId(id(BOOT)) },
        body_sha: Sha::of(body.as_bytes()),
        blobs,
    }
}

fn vector(name: &str, body: &str, envelope: &Envelope) -> Value {
    let blobs: Vec<Value> = envelope.blobs.iter().map(|blob| serde_json::to_value(blob).unwrap()).collect();
    json!({
        "name": name,
        "device": envelope.device, "seq": envelope.seq, "prev": envelope.prev, "op": envelope.op,
        "kind": envelope.kind, "visit": envelope.visit, "worker": envelope.worker, "basis": envelope.basis,
        "rules": envelope.rules, "t": envelope.t, "body": body, "blobs": blobs,
        "body_sha": envelope.body_sha, "bytes": hex::encode(envelope.bytes()), "sha": envelope.sha(),
    })
}

#[test]
fn envelopes_have_their_golden_bytes() {
    let visit = "0192f0c1-0000-7000-8000-0000000000f1";
    let bodies = [
        r#"{"n":"00112233445566778899aabbccddeeff","zone":"示例"}"#,
        r#"{"n":"ffeeddccbbaa99887766554433221100","note":"王䶮、𠮷田：到访不遇"}"#,
        r#"{ "n":"0123456789abcdef0123456789abcdef" , "kept":"byte for byte" }"#,
    ];
    let first = envelope(1, Sha::ZERO, "office.settings_changed", None, bodies[0], vec![]);
    let photo = |bytes: &[u8], role: &str| BlobRef { sha: Sha::of(bytes), len: bytes.len() as u64, role: role.into() };
    let blobs = vec![photo(b"leave note", "photo.leave_note"), photo(b"", "photo.other")];
    let second = envelope(2, first.sha(), "visit.absent", Some(visit), bodies[1], blobs);
    let mut third = envelope(3, second.sha(), "visit.departed", Some(visit), bodies[2], vec![]);
    third.t.wall_ms = -1;
    third.basis = u64::MAX;
    golden(
        "envelope.json",
        &json!([
            vector("first, without a visit", bodies[0], &first),
            vector("with files", bodies[1], &second),
            vector("a clock before 1970, body kept as sent", bodies[2], &third),
        ]),
    );
}

#[test]
fn a_field_cannot_be_taken_for_its_neighbour() {
    let one = envelope(1, Sha::ZERO, "visit.departed", None, "{}", vec![]);
    let other = |kind: &str| Envelope { kind: kind.into(), ..one.clone() };
    assert_ne!(one.sha(), other("visit.departe").sha());
    let blob = |role: &str| BlobRef { sha: Sha::of(b"x"), len: 1, role: role.into() };
    let with = |blobs: Vec<BlobRef>| Envelope { blobs, ..one.clone() }.sha();
    assert_ne!(with(vec![blob("a"), blob("b")]), with(vec![blob("b"), blob("a")]));
    assert_ne!(with(vec![]), with(vec![blob("")]));
}

#[test]
fn a_nonce_is_128_random_bits_in_hex() {
    let (one, other) = (nonce(), nonce());
    assert_ne!(one, other);
    assert!(one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
    assert_eq!(BODY_LIMIT, 262_144);
}

#[test]
fn scopes_have_their_golden_hashes() {
    let entities = [
        ("visit", "0192f0c1-0000-7000-8000-0000000000f1", 1_u64),
        ("price_list", "示例", 12),
        ("rules", "x", u64::MAX),
    ];
    let mixes: Vec<Value> = entities
        .iter()
        .map(|(entity, id, ver)| json!({"entity": entity, "id": id, "ver": ver, "mix": format!("{:032x}", scope_mix(entity, id, *ver))}))
        .collect();
    let sum = entities.iter().fold(0_u128, |sum, (entity, id, ver)| sum.wrapping_add(scope_mix(entity, id, *ver)));
    golden(
        "scope.json",
        &json!({
            "scopes": [COMPANY, worker_scope(id(WORKER))],
            "empty": format!("{:032x}", 0), "entities": mixes, "hash": format!("{sum:032x}"),
        }),
    );
}
