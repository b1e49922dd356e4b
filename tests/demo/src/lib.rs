//! The demo's day: a supplier that does not exist, its ledger, and a working day played through real phones and a real
//! server. Everything in it is marked 示例.

pub mod dice;
pub mod glyph;
pub mod ledger;
pub mod pen;
pub mod picture;
