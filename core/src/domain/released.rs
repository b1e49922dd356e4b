//! Every bundle of rules that went out with a release. A worker is judged by the one that was in force when he set out, on
//! his phone and for ever after (DB11/T 598 changes, visits don't): none is ever taken away.

use std::sync::{Arc, OnceLock};

use super::rules::Rules;

/// Their canonical bytes, the oldest first, each in a file of its name.
const BUNDLES: &[&str] =
    &[include_str!("../../rules/released/d2f507d918be84534618091f7878f0e0d46c94b1450ab9ff139c76e9dbaab545.json")];

/// All of them, the oldest first.
pub(super) fn all() -> &'static [Arc<Rules>] {
    static READ: OnceLock<Vec<Arc<Rules>>> = OnceLock::new();
    READ.get_or_init(|| {
        let read = |text: &&str| Arc::new(Rules::parse(text.as_bytes()).expect("what is filed is tested"));
        BUNDLES.iter().map(read).collect()
    })
}
