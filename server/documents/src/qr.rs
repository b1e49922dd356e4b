//! The QR code on the page: the record's hash and the device's signature, in the alphanumeric set, so that a phone can
//! tell without the file which record a sheet of paper belongs to.

use fast_qr::convert::Builder;
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::{ECL, QRBuilder};
use nuanfang_core::canon::hash::Sha;

use crate::error::DocumentError;

/// What stands before the code's body when there is no public address.
pub const PREFIX: &str = "NF1:";

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Base32 of RFC 4648 without padding.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut block = [0_u8; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(block);
        for index in 0..(chunk.len() * 8).div_ceil(5) {
            text.push(ALPHABET[((bits >> (35 - 5 * index)) & 31) as usize] as char);
        }
    }
    text
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut bits, mut count) = (0_u32, 0);
    for c in text.bytes() {
        let digit = ALPHABET.iter().position(|letter| *letter == c)? as u32;
        bits = (bits << 5) | digit;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0 && base32(&bytes) == text).then_some(bytes)
}

/// The text of the code: `NF1:` or `public_url` in capitals, then base32 of the record's SHA-256 (32 bytes) and the
/// device's signature (64 bytes, r‖s).
pub fn payload(public_url: &str, record: Sha, signature: &[u8; 64]) -> String {
    let mut bytes = record.0.to_vec();
    bytes.extend_from_slice(signature);
    let head = if public_url.is_empty() { PREFIX.to_owned() } else { public_url.to_uppercase() };
    head + &base32(&bytes)
}

/// Reads a scanned code back: the record's hash and the device's signature. The body is what follows the last `:` or
/// `/`, so that it does not matter which address was printed. `None` if it is no code of ours.
pub fn read(text: &str) -> Option<(Sha, [u8; 64])> {
    let body = text.rsplit([':', '/']).next()?;
    let bytes = from_base32(body)?;
    let (sha, signature) = bytes.split_at_checked(32)?;
    Some((Sha(sha.try_into().ok()?), signature.try_into().ok()?))
}

/// The code as SVG with its quiet zone, level M.
///
/// # Errors
/// If the text is longer than a QR code holds.
pub(crate) fn svg(text: &str) -> Result<String, DocumentError> {
    let code = QRBuilder::new(text).ecl(ECL::M).build().map_err(|_| DocumentError::Qr)?;
    Ok(SvgBuilder::default().margin(4).to_str(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_rfc_4648_and_has_one_spelling() {
        for (plain, text) in
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(base32(plain.as_bytes()), text);
            assert_eq!(from_base32(text).as_deref(), Some(plain.as_bytes()));
        }
        for other in ["MZ", "mzxq", "MZXR", "M", "MZXW6YTBO1"] {
            assert_eq!(from_base32(other), None, "{other}");
        }
    }

    #[test]
    fn a_scanned_code_gives_hash_and_signature_back() {
        let (sha, signature) = (Sha::of(b"record"), [7; 64]);
        for url in ["", "https://nuanfang.example/p/r/"] {
            let text = payload(url, sha, &signature);
            assert!(
                text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b":/.".contains(&b)),
                "{text}"
            );
            assert_eq!(read(&text), Some((sha, signature)));
        }
        assert_eq!(read("https://example.com/"), None);
    }
}
