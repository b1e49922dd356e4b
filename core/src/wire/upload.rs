//! What an upload says beside its bytes: the headers of `HEAD` and `PATCH /v1/blobs/{sha}`, named after the IETF's draft of
//! resumable uploads. Each value has one spelling; both ends read and write it here.

/// In a request where its bytes begin, in an answer how many are durable at the server.
pub const OFFSET: &str = "upload-offset";
/// How many bytes the file has.
pub const LENGTH: &str = "upload-length";
/// In an answer whether the file is whole: SHA-256 of its bytes is its name.
pub const COMPLETE: &str = "upload-complete";
/// The content type of a piece.
pub const PIECE_TYPE: &str = "application/partial-upload";

/// A number of bytes, as [`u64`] is displayed. `None` for any other spelling: a sign, a space, a leading zero.
pub fn count(value: &[u8]) -> Option<u64> {
    let plain = value.iter().all(u8::is_ascii_digit) && (value == b"0" || value.first() != Some(&b'0'));
    std::str::from_utf8(value).ok().filter(|_| plain)?.parse().ok()
}

/// What [`COMPLETE`] says.
pub fn flag(complete: bool) -> &'static str {
    if complete { "?1" } else { "?0" }
}

/// What [`flag`] was given. `None` for any other spelling.
pub fn complete(value: &[u8]) -> Option<bool> {
    [true, false].into_iter().find(|complete| flag(*complete).as_bytes() == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_bytes_has_one_spelling() {
        for (text, number) in [("0", 0), ("7", 7), ("1048576", 1_048_576), ("18446744073709551615", u64::MAX)] {
            assert_eq!(count(text.as_bytes()), Some(number));
            assert_eq!(number.to_string(), text);
        }
        let others =
            ["", "+7", "-0", "-7", " 7", "7 ", "07", "00", "7.0", "7;a", "0x7", "7, 7", "七", "18446744073709551616"];
        for text in others {
            assert_eq!(count(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(count(b"\xff"), None);
    }

    #[test]
    fn whether_a_file_is_whole_has_one_spelling() {
        for whole in [true, false] {
            assert_eq!(complete(flag(whole).as_bytes()), Some(whole));
        }
        for text in ["", "1", "?", "?2", "?1 ", "?1;a", "true", "?1, ?1"] {
            assert_eq!(complete(text.as_bytes()), None, "{text:?}");
        }
    }
}
