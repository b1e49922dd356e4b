//! The dictionaries that exchanges may be packed with: what bodies of ours have in common, known to both ends beforehand.
//! The bytes of a dictionary never change; a better one gets an id of its own and stands beside it.

/// Opens a dictionary's name in [`super::Caps::enc`] and [`super::auth::TokenReply::enc`].
const NAME: &str = "zstd-dict:";

/// A dictionary of zstd's own format (RFC 8878, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dictionary {
    /// What a frame packed with it names in its header. Ids below 32,768 and from 2³¹ on are not ours to give.
    pub id: u32,
    /// Its bytes.
    pub bytes: &'static [u8],
}

/// Every dictionary there ever was, the best first.
pub const DICTIONARIES: [Dictionary; 1] =
    [Dictionary { id: 32_769, bytes: include_bytes!("dictionary/32769.zstd-dict") }];

impl Dictionary {
    /// The dictionary that frames with this id are packed with.
    pub fn of_id(id: u32) -> Option<&'static Self> {
        DICTIONARIES.iter().find(|dictionary| dictionary.id == id)
    }

    /// The best of those that are among `names`.
    pub fn among<S: AsRef<str>>(names: &[S]) -> Option<&'static Self> {
        DICTIONARIES.iter().find(|dictionary| {
            let id = |name: &S| name.as_ref().strip_prefix(NAME)?.parse().ok();
            names.iter().any(|name| id(name) == Some(dictionary.id))
        })
    }
}

/// Their names: `zstd-dict:32769`.
pub fn names() -> impl Iterator<Item = String> {
    DICTIONARIES.iter().map(|dictionary| format!("{NAME}{}", dictionary.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::hash::Sha;

    #[test]
    fn a_dictionary_is_found_by_any_name_that_is_known_and_by_no_other() {
        let own: Vec<String> = names().collect();
        assert_eq!(Dictionary::among(&own), Some(&DICTIONARIES[0]));
        assert_eq!(Dictionary::among(&["zstd", "zstd-dict:99999", "zstd-dict:32769"]), Dictionary::of_id(32_769));
        for names in [&[][..], &["zstd"], &["zstd-dict:"], &["zstd-dict:32768"], &["zstd-dict:-1"], &["32769"]] {
            assert_eq!(Dictionary::among(names), None, "{names:?}");
        }
    }

    #[test]
    fn what_a_dictionary_holds_never_changes() {
        let held: Vec<_> =
            DICTIONARIES.iter().map(|dictionary| (dictionary.id, Sha::of(dictionary.bytes).to_string())).collect();
        assert_eq!(held, [(32_769, "6fea5cac0e94f9be33a4d0313fa867027c5a03ad8001dc12ee96ea8ea7365c2d".to_owned())]);
        for dictionary in DICTIONARIES {
            assert_eq!(dictionary.bytes[..4], [0x37, 0xa4, 0x30, 0xec], "zstd's magic number");
            assert_eq!(dictionary.bytes[4..8], dictionary.id.to_le_bytes());
        }
    }
}
