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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn what_went_out_is_filed_under_its_name_and_so_is_what_goes_out_next() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/released");
        let next = Rules::builtin();
        if std::env::var_os("UPDATE_RULES").is_some() {
            std::fs::write(folder.join(format!("{}.json", next.sha())), next.bytes()).expect("filed");
        }
        let files = std::fs::read_dir(&folder).expect("the folder");
        let named = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
        let filed: BTreeSet<String> = named.collect();
        let known: BTreeSet<String> = all().iter().map(|bundle| format!("{}.json", bundle.sha())).collect();
        assert_eq!(known, filed, "each file stands in BUNDLES, in the bytes of its name");
        assert!(
            all().iter().any(|bundle| bundle.sha() == next.sha()),
            "the rules were changed: file them with UPDATE_RULES=1, add the file to BUNDLES, and leave those before it"
        );
    }
}
