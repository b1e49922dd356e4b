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
    #[cfg(feature = "mutants")]
    if crate::drill::is_older() {
        return &[];
    }
    READ.get_or_init(|| {
        let read = |text: &&str| Arc::new(Rules::parse(text.as_bytes()).expect("what is filed is tested"));
        let filed = BUNDLES.iter().map(read);
        #[cfg(feature = "mutants")]
        let filed = filed.chain([before()]);
        filed.collect()
    })
}

/// The bundle of a drill's release before this one: other bytes, the same rules.
#[cfg(feature = "mutants")]
pub(super) fn before() -> Arc<Rules> {
    static READ: OnceLock<Arc<Rules>> = OnceLock::new();
    let read = || {
        let text = BUNDLES[0].replacen("\"standard\":\"", "\"standard\":\"before ", 1);
        Arc::new(Rules::parse(text.as_bytes()).expect("what is filed is tested"))
    };
    Arc::clone(READ.get_or_init(read))
}
