//! A record that a resident has signed.

use std::path::Path;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::signature::{Purpose, Signed};
use nuanfang_core::id::{HouseholdId, VisitId};
use nuanfang_core::record::{SignedRecordBody, sign_record};

use super::{House, Phone};

/// The record of the golden vectors, as if this phone's worker had made it at this visit, signed by `name`.
pub fn sign(house: &House, phone: &mut Phone, visit: VisitId, household: HouseholdId, name: &str) -> Sha {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/golden/record.steps.json");
    let steps: serde_json::Value = serde_json::from_slice(&std::fs::read(golden).expect("vectors")).expect("JSON");
    let mut body: SignedRecordBody = serde_json::from_value(steps["signed"]["body"].clone()).expect("a record");
    body.supplier.id = house.state.keys.supplier.id;
    (body.visit, body.household) = (visit, household);
    (body.log.device, body.log.prev) = (phone.device, phone.head_sha);
    body.log.seq = phone.base + phone.queue.len() as u64 + 1;
    body.worker.id = phone.worker;
    body.signer.name = name.into();
    let certificate = serde_json::from_str(&phone.certificate).expect("a certificate");
    let record = sign_record(&body, &*phone.key, &certificate).expect("signed");
    let signed = Signed {
        purpose: Purpose::Measurement,
        signer: body.signer,
        covers: body.covers,
        record_sha: record.record_sha,
        jws: record.jws_text,
    };
    phone.log(Some(visit), 1, &Event::Signed(signed));
    record.record_sha
}
