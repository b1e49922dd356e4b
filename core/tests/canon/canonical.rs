//! RFC 8785: sections 3.2.2 and 3.2.3, appendix B, and the sample files of its authors.

use nuanfang_core::canon::json::{canonical, parse_strict};
use serde_json::{Number, Value};

use crate::read;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn writes_numbers_as_appendix_b_does() {
    let vectors = read("rfc8785.json");
    let numbers = vectors["numbers"].as_array().unwrap();
    assert!(numbers.len() >= 24);
    for vector in numbers {
        let bits = u64::from_str_radix(text(&vector["ieee754"]), 16).unwrap();
        let number = Value::Number(Number::from_f64(f64::from_bits(bits)).unwrap());
        assert_eq!(String::from_utf8(canonical(&number).unwrap()).unwrap(), text(&vector["json"]), "{vector}");
    }
}

#[test]
fn refuses_the_numbers_that_appendix_b_refuses() {
    for bits in read("rfc8785.json")["not_numbers"].as_array().unwrap() {
        let number = f64::from_bits(u64::from_str_radix(text(bits), 16).unwrap());
        assert!(Number::from_f64(number).is_none(), "{bits}");
    }
}

#[test]
fn writes_the_sample_documents() {
    let vectors = read("rfc8785.json");
    for vector in vectors["documents"].as_array().unwrap() {
        let value: Value = serde_json::from_str(text(&vector["input"])).unwrap();
        let bytes = canonical(&value).unwrap();
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), text(&vector["canonical"]), "{}", vector["name"]);
        if let Some(utf8) = vector.get("utf8") {
            assert_eq!(hex::encode(bytes), text(utf8), "{}", vector["name"]);
        }
    }
}

#[test]
fn refuses_lone_surrogates_and_duplicate_names_as_the_rfc_asks() {
    for vector in read("rfc8785.json")["refused"].as_array().unwrap() {
        assert!(parse_strict(text(vector).as_bytes()).is_err(), "{vector}");
    }
}
