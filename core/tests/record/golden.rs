//! Golden files of the signed record, its keys and its attachments, for readers in other languages. `GOLDEN=write`
//! makes them anew; a change in one is a change of format.

use std::path::PathBuf;

use nuanfang_core::canon::json::canonical;
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::record::*;
use serde_json::{Value, json};

use crate::fixture::*;

fn golden(name: &str, bytes: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var("GOLDEN").as_deref() == Ok("write") {
        std::fs::write(&path, bytes).unwrap();
    }
    let kept = std::fs::read(&path).unwrap();
    assert_eq!(String::from_utf8_lossy(&kept), String::from_utf8_lossy(bytes), "{name} has changed");
}

fn pretty(value: &Value) -> Vec<u8> {
    format!("{}\n", serde_json::to_string_pretty(value).unwrap()).into_bytes()
}

/// The steps from a record to its file, each with the bytes it makes.
fn steps(house: &House, body: &SignedRecordBody) -> Value {
    let signed = house.sign(body);
    let receipt = house.receipt(&signed.jws);
    let certified = Certificate::open(&house.certificate).unwrap();
    json!({
        "body": body,
        "payload": String::from_utf8(canonical(body).unwrap()).unwrap(),
        "record_sha": signed.record_sha,
        "device_secret": hex::encode([3; 32]),
        "device_public_sec1": hex::encode(house.phone.public_key().unwrap()),
        "device_public_spki": hex::encode(house.phone.public().to_spki_der()),
        "device_thumbprint": house.phone.public().thumbprint(),
        "device_kid": certified.kid,
        "jws": signed.jws,
        "jws_sha": signed.jws.sha(),
        "receipt": receipt,
        "certificate": house.certificate,
        "server_certificate": house.server_certificate,
        "server_kid": house.server_kid(),
    })
}

#[test]
fn the_record_has_its_golden_bytes_and_verifies_from_them_alone() {
    let house = House::new();
    golden(
        "record.steps.json",
        &pretty(&json!({"signed": steps(&house, &body()), "refused": steps(&house, &refusal())})),
    );
    golden("record.json", &house.file());
    golden("refusal.json", &house.container(&refusal()).to_bytes());
    golden("keys.json", &Keys::sign(&house.statement(), &house.root).unwrap());
    golden("strokes.json", STROKES);

    // From here on from the files alone.
    let read =
        |name: &str| std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)).unwrap();
    let keys = Keys::parse(&read("keys.json")).unwrap();
    let strokes = read("strokes.json");
    let evidence = Evidence { strokes: Some(&strokes), ..Evidence::default() };
    let verdict = verify_record(&read("record.json"), Some(&keys), &evidence);
    assert_eq!(verdict.answer, Answer::Valid, "{}", verdict.text_zh());
    golden("record.verdict.json", &pretty(&serde_json::to_value(&verdict).unwrap()));
    golden("record.verdict.txt", format!("{}\n", verdict.text_zh()).as_bytes());
    assert_eq!(verify_record(&read("refusal.json"), Some(&keys), &Evidence::default()).answer, Answer::Valid);
}

/// What of `value` does not fit `schema`, as far as our schema's words go; `None` if it fits.
fn misfit(schema: &Value, root: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return misfit(root.pointer(name.trim_start_matches('#')).unwrap(), root, value, at);
    }
    if let Some(either) = schema["oneOf"].as_array() {
        let fits = either.iter().filter(|one| misfit(one, root, value, at).is_none()).count();
        return (fits != 1).then(|| format!("{at}: fits {fits} of the choices"));
    }
    let said = |right: bool, what: &str| (!right).then(|| format!("{at}: {what}"));
    if let Some(only) = schema.get("const") {
        return said(only == value, "is not the one value");
    }
    if let Some(names) = schema["enum"].as_array() {
        return said(names.contains(value), "is none of the values");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if let Some(wrong) = said(schema["type"] == kind, kind) {
        return Some(wrong);
    }
    match value {
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(n, item)| misfit(&schema["items"], root, item, &format!("{at}/{n}")))
        }
        Value::Object(members) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let missing = required.filter_map(Value::as_str).find(|name| !members.contains_key(*name));
            missing.map(|name| format!("{at}: {name} is missing")).or_else(|| {
                members.iter().find_map(|(name, member)| {
                    let known = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
                    if known.is_object() {
                        misfit(known, root, member, &format!("{at}/{name}"))
                    } else {
                        Some(format!("{at}: {name} is unknown"))
                    }
                })
            })
        }
        _ => None,
    }
}

#[test]
fn the_published_schema_fits_what_is_signed() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/formats/signed-record.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let fits = |value: &Value| misfit(&schema, &schema, value, "");
    for body in [body(), refusal()] {
        let value = serde_json::to_value(&body).unwrap();
        assert_eq!(fits(&value), None);
        let described: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let signed: Vec<&String> = value.as_object().unwrap().keys().collect();
        assert_eq!(described.len(), signed.len());
        let mut more = value.clone();
        more["more"] = json!(1);
        assert!(fits(&more).is_some());
        for name in signed {
            let mut less = value.clone();
            less.as_object_mut().unwrap().remove(name);
            assert!(fits(&less).is_some(), "{name}");
        }
    }
    for kind in [
        Purpose::Quote { revision: 2 },
        Purpose::Consent { object: "石膏板吊顶".into() },
        Purpose::Acceptance,
        Purpose::Notice,
    ] {
        let value = serde_json::to_value(SignedRecordBody { kind, quote: None, ..body() }).unwrap();
        assert_eq!(fits(&value), None);
    }
}
