use std::sync::LazyLock;

use nuanfang_core::record::{
    Certificate, DayHead, Erasure, Evidence, Jws, Keys, KeysStatement, LogHead, Receipt, Statement, verify_record,
};
use serde_json::Value;

use super::house::{HOUSE, signed};
use crate::samples::{self, golden};
use crate::shape::{Sample, Script, change, shape};

/// Published keys and certificates: any file is refused or holds in itself, also when the supplier's root signed
/// something that is none, and a record's verdict by whatever keys is a verdict.
pub fn keys(input: &[u8]) {
    let mut script = Script::new(input);
    match script.byte().unwrap_or(0) % 4 {
        0 => published(&shape(script.rest(), &FILES)),
        1 => {
            let payload = change(script, &LISTS);
            let jws = signed(&payload, KeysStatement::TYP, &HOUSE.root, HOUSE.root.public().thumbprint());
            published(jws.to_string().as_bytes());
        }
        2 => {
            let payload = change(script, &CERTIFICATES);
            let jws = signed(&payload, Certificate::TYP, &HOUSE.root, HOUSE.root.public().thumbprint());
            certificate(&jws);
        }
        _ => {
            if let Ok(jws) = serde_json::from_slice(&shape(script.rest(), &STATEMENTS)) {
                certificate(&jws);
            }
        }
    }
}

fn published(bytes: &[u8]) {
    let keys = match Keys::parse(bytes) {
        Ok(keys) => keys,
        Err(fault) => return assert!(!fault.to_string().is_empty()),
    };
    let _ = keys.fingerprint();
    assert!(keys.find(&HOUSE.root.public().thumbprint()).is_some(), "the root is among its own keys");
    for record in samples::records() {
        let verdict = verify_record(record.bytes(), Some(&keys), &Evidence::default());
        assert!(!verdict.text_zh().is_empty() && !verdict.text_en().is_empty());
    }
}

fn certificate(jws: &Value) {
    let Ok(jws) = serde_json::from_value::<Jws>(jws.clone()) else { return };
    let _ = (jws.sha(), jws.payload_sha());
    if let Ok(certified) = Certificate::open(&jws) {
        assert_eq!(certified.kid, jws.payload_sha().expect("it was opened"));
        assert_eq!(certified.key.jwk(), certified.certificate.key);
    }
    let _ = jws.open::<LogHead>();
    let _ = jws.open::<DayHead>();
    let _ = jws.open::<Erasure>();
    let _ = jws.open::<Receipt>();
    let _ = jws.open::<KeysStatement>();
}

static FILES: LazyLock<Vec<Sample>> = LazyLock::new(|| vec![Sample::of(golden("keys.json"))]);

static LISTS: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let file: Value = serde_json::from_slice(&golden("keys.json")).expect("golden JSON");
    vec![payload(&file)]
});

static CERTIFICATES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let file: Value = serde_json::from_slice(&golden("record.json")).expect("golden JSON");
    vec![payload(&file["certificate"]), payload(&file["receipt_certificate"])]
});

static STATEMENTS: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let file: Value = serde_json::from_slice(&golden("record.json")).expect("golden JSON");
    let statement = |name: &str| Sample::of(file[name].to_string().into_bytes());
    ["record", "receipt", "certificate", "receipt_certificate"].map(statement).into()
});

fn payload(jws: &Value) -> Sample {
    let text = jws["payload"].as_str().expect("a payload");
    Sample::of(nuanfang_core::record::base64url::decode(text).expect("base64url"))
}
