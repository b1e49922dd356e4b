//! A refusal is data: a stable code, the clause it stands on, and words for the person who reads it.

use serde::{Deserialize, Serialize};

/// Why an act may not be done here and now (DESIGN §2.3). Never raised by folding, only by checking.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable, for programs: `quote.not_signed`.
    pub code: String,
    /// Where it stands, as printed beside it: `F.10`, `5.6.6`, `DB11/T 745`; empty for a rule of ours alone.
    pub clause: String,
    /// For the worker: what is missing and what to do.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

impl Refusal {
    /// A refusal from its four parts.
    pub fn new(
        code: impl Into<String>,
        clause: impl Into<String>,
        zh: impl Into<String>,
        en: impl Into<String>,
    ) -> Self {
        Self { code: code.into(), clause: clause.into(), zh: zh.into(), en: en.into() }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.clause.is_empty() { write!(f, "{}", self.zh) } else { write!(f, "{}（{}）", self.zh, self.clause) }
    }
}

impl std::error::Error for Refusal {}
