use nuanfang_core::canon::json::{self, canonical as canon, check, parse_canonical, parse_strict};
use serde_json::Value;

use crate::samples;
use crate::shape::shape;

/// Canonical JSON: the canonical spelling of any JSON is its own canonical spelling, the strict profile takes it or
/// names a place, and what the strict profile took it takes again, spelt canonically, as the same value.
pub fn canonical(input: &[u8]) {
    let bytes = shape(input, samples::texts());
    if let Ok(value) = serde_json::from_slice::<Value>(&bytes) {
        let once = canon(&value).expect("a value has a canonical spelling");
        // Deeper than the reader goes only where a value was smuggled in as another's text.
        if let Ok(read) = serde_json::from_slice::<Value>(&once) {
            assert_eq!(canon(&read).expect("a value has a canonical spelling"), once);
        }
        if check(&value).is_ok() {
            assert_eq!(json::strict(&value).expect("it keeps the profile"), once);
        }
    }
    match parse_strict(&bytes) {
        Ok(value) => {
            check(&value).expect("what was read strictly keeps the profile");
            let once = json::strict(&value).expect("what was read strictly can be written");
            assert_eq!(parse_canonical(&once).expect("it is canonical now"), value);
            assert_eq!(parse_canonical(&bytes).is_ok(), once == bytes);
        }
        Err(fault) => {
            assert!(fault.pointer.is_empty() || fault.pointer.starts_with('/'));
            assert!(!fault.to_string().is_empty() && !fault.reason.zh().is_empty());
            assert!(parse_canonical(&bytes).is_err());
        }
    }
}
