use nuanfang_core::device::sync::read_reply;
use nuanfang_core::wire::SyncReply;
use nuanfang_core::wire::feed_entity::{CompanyEntity, HouseholdEntity, VisitEntity};
use serde_json::Value;

use crate::samples;
use crate::shape::shape;

/// A reply as a phone reads it: any bytes are a reply or none, and a reply written anew is the same.
pub fn reply(input: &[u8]) {
    let bytes = shape(input, samples::replies());
    let Ok(reply) = read_reply(&bytes) else { return };
    let spelt = serde_json::to_vec(&reply).expect("what was read can be written");
    let again: SyncReply = read_reply(&spelt).expect("what was written can be read");
    let value = |reply: &SyncReply| serde_json::to_vec(reply).expect("what was read can be written");
    assert_eq!(value(&again), spelt);
    for entry in reply.scopes.iter().flat_map(|scope| &scope.feed) {
        let Some(body) = &entry.body else { continue };
        let body = body.get();
        // What a screen makes of it; a body that this build can't read is passed over there.
        let _ = serde_json::from_str::<VisitEntity>(body);
        let _ = serde_json::from_str::<HouseholdEntity>(body);
        let _ = serde_json::from_str::<CompanyEntity>(body);
        let _ = serde_json::from_str::<Value>(body);
    }
}
