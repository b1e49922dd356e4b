//! Every byte of the file and every value in it changed, one at a time: never valid, and the part is named.

use std::collections::BTreeSet;

use nuanfang_core::canon::json::canonical;
use nuanfang_core::record::*;
use serde_json::{Value, json};

use crate::fixture::*;

/// JSON pointers to every leaf: text, number, truth value, null, empty list or object.
pub fn leaves(value: &Value) -> Vec<String> {
    let below = |step: &str, value: &Value| -> Vec<String> {
        let step = step.replace('~', "~0").replace('/', "~1");
        leaves(value).into_iter().map(|rest| format!("/{step}{rest}")).collect()
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().flat_map(|(key, member)| below(key, member)).collect()
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().flat_map(|(index, item)| below(&index.to_string(), item)).collect()
        }
        _ => vec![String::new()],
    }
}

/// A value of the same kind that differs as little as it can.
pub fn altered(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let mut chars: Vec<char> = text.chars().collect();
            match chars.last_mut() {
                None => json!("x"),
                Some(last) => {
                    // Hex stays hex, so that it is the hash that differs and not its spelling.
                    *last = if last.is_ascii_digit() { char::from((*last as u8 - b'0' + 1) % 10 + b'0') } else { '0' };
                    if chars.iter().collect::<String>() == *text {
                        json!("x")
                    } else {
                        json!(chars.iter().collect::<String>())
                    }
                }
            }
        }
        Value::Number(number) => json!(number.as_i64().unwrap() + 1),
        Value::Bool(truth) => json!(!truth),
        Value::Null => json!("x"),
        Value::Array(_) | Value::Object(_) => json!(["x"]),
    }
}

/// What may be named when something in this part of the file is changed.
fn named(pointer: &str) -> &'static [Part] {
    match pointer.split('/').nth(1) {
        Some("record") => &[Part::Payload, Part::Signature],
        Some("certificate") => &[Part::Certificate],
        Some("receipt") => &[Part::Countersignature],
        Some("receipt_certificate") => &[Part::ServerKey],
        _ => &[Part::Container],
    }
}

/// The file with every byte changed, one at a time, and the pointer to where: what is base64url in it byte by byte of
/// what it stands for (no two texts stand for the same), the rest as it is.
pub fn damaged(file: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    let value: Value = serde_json::from_slice(file).unwrap();
    let ends = ["/payload", "/protected", "/signature"];
    let texts: Vec<String> =
        leaves(&value).into_iter().filter(|pointer| ends.iter().any(|end| pointer.ends_with(end))).collect();
    let text = |pointer: &String| value.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let mut frame = vec![true; file.len()];
    let (mut out, mut end) = (Vec::new(), 0);
    for pointer in texts {
        let text = text(&pointer);
        let start = end + file[end..].windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
        end = start + text.len();
        frame[start..end].fill(false);
        let bytes = base64url::decode(&text).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let mut forged = file.to_vec();
            forged[start..end].copy_from_slice(base64url::encode(&changed).as_bytes());
            out.push((pointer.clone(), forged));
        }
    }
    for index in (0..file.len()).filter(|index| frame[*index]) {
        let mut bytes = file.to_vec();
        bytes[index] ^= 1;
        out.push(("/".to_owned(), bytes));
    }
    out.into_iter()
}

#[test]
fn every_byte_of_the_file_matters_and_its_part_is_named() {
    let house = House::new();
    let keys = house.keys();
    let mut seen = BTreeSet::new();
    for (index, (pointer, bytes)) in damaged(&house.file()).enumerate() {
        let verdict = verify_record(&bytes, Some(&keys), &Evidence::default());
        assert_eq!(verdict.answer, Answer::Invalid, "{pointer}, change {index}");
        let named = pointer == "/" || named(&pointer).iter().any(|part| verdict.is_faulty(*part));
        assert!(named, "{pointer}, change {index}:\n{}", verdict.text_zh());
        seen.extend(verdict.faults().map(|check| format!("{:?}", check.part)));
    }
    for part in ["Container", "Payload", "Signature", "Certificate", "Countersignature", "ServerKey"] {
        assert!(seen.contains(part), "{part} was never named: {seen:?}");
    }
}

#[test]
fn every_value_of_the_file_matters() {
    let house = House::new();
    let keys = house.keys();
    let file: Value = serde_json::from_slice(&house.file()).unwrap();
    for pointer in leaves(&file) {
        let mut forged = file.clone();
        let place = forged.pointer_mut(&pointer).unwrap();
        *place = altered(place);
        let verdict = verify_record(&canonical(&forged).unwrap(), Some(&keys), &Evidence::default());
        assert_eq!(verdict.answer, Answer::Invalid, "{pointer}");
        assert!(named(&pointer).iter().any(|part| verdict.is_faulty(*part)), "{pointer}:\n{}", verdict.text_zh());
    }
}

#[test]
fn every_value_in_the_signed_statements_matters() {
    let house = House::new();
    let keys = house.keys();
    let file: Value = serde_json::from_slice(&house.file()).unwrap();
    for statement in ["/record", "/certificate", "/receipt", "/receipt_certificate"] {
        let place = format!("{statement}/payload");
        let payload = base64url::decode(file.pointer(&place).unwrap().as_str().unwrap()).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        let leaves = leaves(&payload);
        assert!(leaves.len() > 5);
        for pointer in leaves {
            let mut changed = payload.clone();
            let leaf = changed.pointer_mut(&pointer).unwrap();
            *leaf = altered(leaf);
            let mut forged = file.clone();
            *forged.pointer_mut(&place).unwrap() = json!(base64url::encode(&canonical(&changed).unwrap()));
            let verdict = verify_record(&canonical(&forged).unwrap(), Some(&keys), &Evidence::default());
            assert_eq!(verdict.answer, Answer::Invalid, "{statement} {pointer}");
            assert!(
                named(statement).iter().any(|part| verdict.is_faulty(*part)),
                "{statement} {pointer}:\n{}",
                verdict.text_zh()
            );
        }
    }
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let house = House::new();
    let file = house.file();
    for end in 0..file.len() {
        let verdict = verify_record(&file[..end], None, &Evidence::default());
        assert!(verdict.is_faulty(Part::Container), "cut at {end}");
    }
    assert!(verify_record(b"<html>login</html>", None, &Evidence::default()).is_faulty(Part::Container));
}
