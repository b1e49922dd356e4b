//! uniffi mirrors of the phone for Kotlin and Swift: types of `nuanfang-core` repeated field by field, so that one
//! forgotten here does not compile, and one long-lived object, [`app::FieldApp`]. No rule of the domain is decided here.

mod act;
pub mod app;
pub mod key;
mod phone;
mod value;
mod view;

uniffi::setup_scaffolding!("nuanfang");
