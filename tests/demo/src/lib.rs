//! The demo's day: a supplier that does not exist, its ledger, and a working day played through real phones and a real
//! server. Everything in it is marked 示例.
//!
//! - [`stage`]: the server over a data folder ([`folder`]), with the generated [`ledger`] brought in.
//! - [`day`]: the eight parts, through [`phone`] and [`office`], by one [`clock`].
//! - [`outcome`] and [`documents`]: whether it ended as it must, read back from the server.

pub mod cli;
pub mod clock;
pub mod day;
pub mod dice;
pub mod documents;
pub mod folder;
pub mod glyph;
pub mod homes;
pub mod ledger;
pub mod office;
pub mod outcome;
pub mod pen;
pub mod phone;
pub mod picture;
pub mod stage;
mod summary;

/// What came of a step; an error says which and why, to the person at the terminal.
pub type Done<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Who is told, line by line, how far a long step has come.
pub type Say = fn(&str);

/// Says a line to whoever started it, at once.
pub fn say(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    // Who has stopped listening does not stop the day.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
