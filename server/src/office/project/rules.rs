//! Rules bundles the server can judge by. The built-in one is in force.

use std::sync::Arc;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::rules::{RuleBook, Rules};

/// The bundle in force.
pub fn in_force() -> Arc<Rules> {
    Rules::builtin()
}

/// All bundles at hand.
pub fn book() -> RuleBook {
    RuleBook::default()
}

/// Whether the server can judge by the bundle `sha`.
pub fn knows(sha: &Sha) -> bool {
    book().knows(sha)
}
