//! Properties of canonical bytes over random values and random damage.

use nuanfang_core::canon::json::{canonical, parse_canonical, parse_strict, strict};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,12}", "[\\u4e00-\\u9fff䶮𠮷㛃]{0,6}", "[\\x00-\\x7f]{0,8}"]
        .prop_map(|text: String| text.nfc().collect())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-((1_i64 << 53) - 1)..=(1_i64 << 53) - 1).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((text(), inner), 0..6).prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The value as JSON text with the members of every object turned by `turn`, and with white space.
fn spelt(value: &Value, turn: usize, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            if !members.is_empty() {
                let by = turn % members.len();
                members.rotate_left(by);
                if turn % 2 == 1 {
                    members.reverse();
                }
            }
            out.push('{');
            for (index, (key, member)) in members.into_iter().enumerate() {
                out.push_str(if index > 0 { " ,\n" } else { " " });
                out.push_str(&serde_json::to_string(key).unwrap());
                out.push_str("\t: ");
                spelt(member, turn / 2 + index, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                spelt(item, turn / 2 + index, out);
            }
            out.push_str(" ]");
        }
        leaf => out.push_str(&leaf.to_string()),
    }
}

proptest! {
    #[test]
    fn writing_twice_is_writing_once(value in value()) {
        let once = strict(&value).unwrap();
        let again = parse_canonical(&once).unwrap();
        prop_assert_eq!(&again, &value);
        prop_assert_eq!(canonical(&again).unwrap(), once);
    }

    #[test]
    fn the_order_of_members_and_white_space_do_not_matter(value in value(), turn in 0_usize..1000) {
        let mut text = String::new();
        spelt(&value, turn, &mut text);
        let read = parse_strict(text.as_bytes()).unwrap();
        prop_assert_eq!(canonical(&read).unwrap(), canonical(&value).unwrap());
    }

    #[test]
    fn damage_is_refused_or_read_as_any_reader_reads_it(
        value in value(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = canonical(&value).unwrap();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        if let Ok(read) = parse_strict(&bytes) {
            let plain: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(read, plain);
        }
    }
}
