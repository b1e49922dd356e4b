//! The keys of the golden records' supplier (示例), for what only their holder could have signed.

use std::sync::LazyLock;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::record::base64url::encode;
use nuanfang_core::record::{Certificate, Jws, Keys, SoftwareKey, sign_low_s};
use serde_json::{Value, json};

use crate::samples::golden;

pub(super) struct House {
    pub(super) root: SoftwareKey,
    pub(super) server: SoftwareKey,
    pub(super) phone: SoftwareKey,
    pub(super) certificate: Jws,
    pub(super) server_certificate: Jws,
    pub(super) kid: Sha,
    pub(super) server_kid: Sha,
    pub(super) keys: Keys,
}

pub(super) static HOUSE: LazyLock<House> = LazyLock::new(|| {
    let key = |n: u8| SoftwareKey::from_secret(&[n; 32]).expect("a secret");
    let file: Value = serde_json::from_slice(&golden("record.json")).expect("golden JSON");
    let certificate = |name: &str| -> Jws { serde_json::from_value(file[name].clone()).expect("a certificate") };
    let (certificate, server_certificate) = (certificate("certificate"), certificate("receipt_certificate"));
    let kid = |jws: &Jws| Certificate::open(jws).expect("it holds").kid;
    House {
        root: key(1),
        server: key(2),
        phone: key(3),
        kid: kid(&certificate),
        server_kid: kid(&server_certificate),
        certificate,
        server_certificate,
        keys: Keys::parse(&golden("keys.json")).expect("golden keys"),
    }
});

/// A JWS over whatever bytes, which its key signed all the same.
pub(super) fn signed(payload: &[u8], typ: &str, key: &SoftwareKey, kid: Sha) -> Value {
    let payload = encode(payload);
    let protected = encode(format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"{typ}"}}"#).as_bytes());
    let signature = sign_low_s(key, format!("{protected}.{payload}").as_bytes()).expect("it signs");
    json!({"payload": payload, "signatures": [{"protected": protected, "signature": encode(&signature)}]})
}
