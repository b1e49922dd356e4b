//! What a record may not hold, and how the place is named.

use nuanfang_core::canon::json::{Reason, canonical, check, parse_canonical, parse_strict, strict};
use serde_json::{Value, json};

fn fault(text: &str) -> (String, Reason) {
    let fault = parse_strict(text.as_bytes()).expect_err(text);
    (fault.pointer, fault.reason)
}

#[test]
fn a_fault_is_named_by_its_json_pointer() {
    for (text, pointer, reason) in [
        (r#"{"rooms":[{"t":180},{"t":18.5}]}"#, "/rooms/1/t", Reason::Float),
        (r#"{"a":1e3}"#, "/a", Reason::Float),
        (r#"{"a":1.0}"#, "/a", Reason::Float),
        (r#"[-0]"#, "/0", Reason::Float),
        (r#"{"a":[0,-0.0]}"#, "/a/1", Reason::Float),
        (r#"{"a":18446744073709551616}"#, "/a", Reason::Float),
        (r#"{"a":9007199254740992}"#, "/a", Reason::Range),
        (r#"{"a":-9007199254740992}"#, "/a", Reason::Range),
        (r#"{"a":18446744073709551615}"#, "/a", Reason::Range),
        (r#"{"a":{"b":1,"c":2,"b":1}}"#, "/a/b", Reason::Duplicate),
        (r#"{"b":1,"\u0062":1}"#, "/b", Reason::Duplicate),
        (r#"{"x":["\ud83d"]}"#, "/x/0", Reason::Surrogate),
        (r#"{"x":"\ude00\ud83d"}"#, "/x", Reason::Surrogate),
        (r#"{"x":"\ud83dA"}"#, "/x", Reason::Surrogate),
        ("{\"名\":\"A\u{30a}\"}", "/名", Reason::NotNfc),
        ("{\"A\u{30a}\":1}", "/A\u{30a}", Reason::NotNfc),
        (r#"{"a/b":{"c~d":0.5}}"#, "/a~1b/c~0d", Reason::Float),
        ("", "", Reason::Syntax),
        ("[1,]", "/1", Reason::Syntax),
        ("{} {}", "", Reason::Syntax),
        ("{\"a\":\"\t\"}", "/a", Reason::Syntax),
        ("{\"a\":01}", "/a", Reason::Syntax),
        ("\u{feff}{}", "", Reason::Syntax),
    ] {
        assert_eq!(fault(text), (pointer.to_owned(), reason), "{text}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    assert_eq!(parse_strict(b"{\"a\":\"\xff\"}").unwrap_err().reason, Reason::Syntax);
    assert_eq!(parse_strict(b"\"\xed\xa0\x80\"").unwrap_err().reason, Reason::Syntax);
}

#[test]
fn nesting_has_an_end() {
    let deep = "[".repeat(100_000);
    assert_eq!(parse_strict(deep.as_bytes()).unwrap_err().reason, Reason::Syntax);
}

#[test]
fn the_ends_of_the_range_are_inside() {
    let text = "[-9007199254740991,0,9007199254740991]";
    assert_eq!(canonical(&parse_strict(text.as_bytes()).unwrap()).unwrap(), text.as_bytes());
}

#[test]
fn what_is_built_is_held_to_the_same_rules() {
    assert_eq!(check(&json!({"a": [1.5]})).unwrap_err().pointer, "/a/0");
    assert_eq!(check(&json!({"a": 1_i64 << 53})).unwrap_err().reason, Reason::Range);
    assert_eq!(check(&json!({"a": u64::MAX})).unwrap_err().reason, Reason::Range);
    assert_eq!(strict(&json!({"e\u{301}": 1})).unwrap_err().reason, Reason::NotNfc);
    assert_eq!(strict(&f64::NAN.max(0.5)).unwrap_err().reason, Reason::Float);
    assert_eq!(strict(&json!({"𠮷": 1, "䶮": 2, "": 3})).unwrap(), "{\"\":3,\"䶮\":2,\"𠮷\":1}".as_bytes());
}

#[test]
fn canonical_bytes_have_one_spelling() {
    let good = br#"{"a":1,"b":[true,null,"\u0000\"\\/"]}"#;
    assert!(parse_canonical(good).is_ok());
    for other in [
        r#"{"a":1, "b":[true,null,"\u0000\"\\/"]}"#,
        r#"{"b":[true,null,"\u0000\"\\/"],"a":1}"#,
        r#"{"a":1,"b":[true,null,"\u0000\"\\\/"]}"#,
        r#"{"\u0061":1,"b":[true,null,"\u0000\"\\/"]}"#,
        "{\"a\":1,\"b\":[true,null,\"\\u0000\\\"\\\\/\"]}\n",
    ] {
        let value: Value = parse_strict(other.as_bytes()).unwrap();
        assert_eq!(canonical(&value).unwrap(), good, "{other}");
        assert_eq!(parse_canonical(other.as_bytes()).unwrap_err().reason, Reason::NotCanonical, "{other}");
    }
}
