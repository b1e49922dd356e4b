//! The description of the API is checked in: the console's client is generated from it.

use super::openapi;

#[test]
fn the_description_is_the_one_that_is_checked_in() {
    let made = openapi().to_pretty_json().expect("a description");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/console/openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(file, format!("{made}\n")).expect("console/openapi.json is written");
    }
    let known = std::fs::read_to_string(file).expect("console/openapi.json");
    assert!(known.trim_end() == made, "the API has changed: run the test with UPDATE_OPENAPI=1 and look at the diff");
}
