//! The bytes everything stands on: RFC 8785's own vectors, the strict profile, and golden vectors of its own.
//! `GOLDEN=write` makes the files of `tests/golden` anew; a change in one is a change of format.

mod canonical;
mod envelope;
mod properties;
mod strict;

use std::path::PathBuf;

use serde_json::Value;

/// A golden file's text.
fn golden_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Holds `value` to the golden file.
fn golden(name: &str, value: &Value) {
    let path = golden_path(name);
    let text = format!("{}\n", serde_json::to_string_pretty(value).unwrap());
    if std::env::var("GOLDEN").as_deref() == Ok("write") {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "{name} has changed");
}

/// The golden file's content.
fn read(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(golden_path(name)).unwrap()).unwrap()
}
