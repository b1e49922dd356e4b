//! Whether the eight parts of the day ended as they must. Everything is read back from the server: visits as folded
//! from the log, phones, papers. What the player printed or believes counts for nothing.

mod parts;
mod seen;

use crate::Done;
use crate::day::Played;
use crate::documents::Documents;
use crate::office::Office;

/// How one part ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// 1 to 8.
    pub part: usize,
    /// What it was about, in Chinese and English.
    pub about: (&'static str, &'static str),
    /// How it ended, as the data has it.
    pub ended: String,
    /// What is otherwise than it must be; nothing if all holds.
    pub faults: Vec<String>,
}

impl Outcome {
    /// Everything is as it must be.
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Reads the day back as `office`, who has to be a supervisor, and judges it.
///
/// # Errors
/// When something can't be read at all.
pub fn judge(office: &Office, played: &Played, documents: &Documents) -> Done<Vec<Outcome>> {
    parts::judge(office, played, documents)
}

/// The outcomes as a table.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut lines = Vec::new();
    for outcome in outcomes {
        let mark = if outcome.holds() { "✓" } else { "✗" };
        let (zh, en) = outcome.about;
        lines.push(format!("{mark} {}  {} {}  {}", outcome.part, padded(zh, 22), padded(en, 26), outcome.ended));
        lines.extend(outcome.faults.iter().map(|fault| format!("       ✗ {fault}")));
    }
    lines.join("\n")
}

/// Text filled up to so many columns of a terminal, where a Chinese character takes two.
fn padded(text: &str, columns: usize) -> String {
    let wide: usize = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    format!("{text}{}", " ".repeat(columns.saturating_sub(wide)))
}
