use nuanfang_core::canon::envelope::{Envelope, TAG};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::canon::json::canonical;
use nuanfang_core::wire::SyncRequest;
use serde_json::Value;

use crate::samples;
use crate::shape::shape;

/// A phone's half of an exchange: any bytes are read or refused; what was read has one chain, which its own spelling
/// gives again, and hashed bytes that lead back to the fields they were made from.
pub fn request(input: &[u8]) {
    let bytes = shape(input, samples::requests());
    let Ok(request) = serde_json::from_slice::<SyncRequest>(&bytes) else { return };
    let spelt = serde_json::to_vec(&request).expect("what was read can be written");
    let again: SyncRequest = serde_json::from_slice(&spelt).expect("what was written can be read");
    assert_eq!(request.ops.len(), again.ops.len());
    assert_eq!((request.t.stamp, &request.t.heard, request.owes), (again.t.stamp, &again.t.heard, again.owes));
    let mut prev = request.base_sha;
    for (op, second) in request.ops.iter().zip(&again.ops) {
        let envelope = op.envelope(request.device, prev);
        assert_eq!(envelope, second.envelope(again.device, prev), "the chain holds when an operation is written anew");
        leads_back(&envelope);
        prev = envelope.sha();
        stable(op.body.get());
    }
}

/// A body's canonical bytes are those of its canonical bytes.
fn stable(body: &str) {
    let Ok(value) = serde_json::from_str::<Value>(body) else { return };
    let once = canonical(&value).expect("a value has a canonical spelling");
    let Ok(read) = serde_json::from_slice::<Value>(&once) else { return };
    assert_eq!(canonical(&read).expect("a value has a canonical spelling"), once);
}

/// Reads the hashed bytes back by docs/formats/envelope.md: two envelopes never share them.
fn leads_back(envelope: &Envelope) {
    let bytes = envelope.bytes();
    assert_eq!(Sha::of(&bytes), envelope.sha());
    let mut rest = bytes.strip_prefix(TAG).expect("the tag opens the bytes");
    let mut field = || {
        let (len, after) = rest.split_at(4);
        let len = u32::from_be_bytes(len.try_into().expect("four bytes")) as usize;
        let (field, after) = after.split_at(len);
        rest = after;
        field
    };
    let eight = |field: &[u8]| u64::from_be_bytes(field.try_into().expect("eight bytes"));
    assert_eq!(field(), envelope.device.0.as_bytes());
    assert_eq!(eight(field()), envelope.seq);
    assert_eq!(field(), envelope.prev.0);
    assert_eq!(field(), envelope.op.0.as_bytes());
    assert_eq!(field(), envelope.kind.as_bytes());
    assert_eq!(field(), envelope.visit.as_ref().map_or(&[][..], |visit| visit.0.as_bytes()));
    assert_eq!(field(), envelope.worker.0.as_bytes());
    assert_eq!(eight(field()), envelope.basis);
    assert_eq!(field(), envelope.rules.0);
    assert_eq!(eight(field()).cast_signed(), envelope.t.wall_ms);
    assert_eq!(eight(field()), envelope.t.mono_ms);
    assert_eq!(field(), envelope.t.boot.0.as_bytes());
    assert_eq!(field(), envelope.body_sha.0);
    assert_eq!(field(), u32::try_from(envelope.blobs.len()).expect("few files").to_be_bytes());
    for blob in &envelope.blobs {
        assert_eq!(field(), blob.sha.0);
        assert_eq!(eight(field()), blob.len);
        assert_eq!(field(), blob.role.as_bytes());
    }
    assert!(rest.is_empty(), "nothing follows");
}
