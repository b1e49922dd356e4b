use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::exif;
use nuanfang_core::record::{Jwk, PublicKey, SoftwareKey, Strokes, base64url};
use nuanfang_core::wire::auth::{Invitation, unb64};

/// The small ones: an invitation as a camera read it, a camera's claims in a photo, keys in their forms, hashes and
/// base64url. What has one spelling is read from that one alone.
pub fn bits(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    let text = std::str::from_utf8(bytes);
    match (choice % 6, text) {
        (0, Ok(text)) => {
            for text in [text, &format!("nuanfang://enrol/1?{text}")] {
                if let Some(invitation) = Invitation::parse(text) {
                    assert_eq!(Invitation::parse(&invitation.to_text()), Some(invitation));
                }
            }
        }
        (1, _) => {
            for block in [
                bytes,
                &[b"Exif\0\0II*\0\x08\0\0\0".as_slice(), bytes].concat(),
                &[b"MM\0*\0\0\0\x08".as_slice(), bytes].concat(),
            ] {
                let claims = exif::read(block);
                assert!(claims.lat_e7.is_none_or(|value| value.abs() <= 900_000_000));
                assert!(claims.lon_e7.is_none_or(|value| value.abs() <= 1_800_000_000));
            }
        }
        (2, _) => {
            if let Ok(key) = PublicKey::from_sec1(bytes) {
                assert_eq!(key.to_sec1(), bytes);
            }
            if let Ok(key) = PublicKey::from_spki_der(bytes) {
                assert_eq!(PublicKey::from_spki_der(&key.to_spki_der()), Ok(key));
                assert_eq!(key.jwk().key(), Ok(key));
            }
            let _ = SoftwareKey::from_pkcs8_der(bytes);
        }
        (3, _) => {
            if let Ok(jwk) = serde_json::from_slice::<Jwk>(bytes) {
                if let Ok(key) = jwk.key() {
                    assert_eq!(key.jwk(), jwk);
                }
                let _ = jwk.thumbprint();
            }
            if let Ok(strokes) = serde_json::from_slice::<Strokes>(bytes) {
                let spelt = strokes.to_bytes().expect("small integers");
                assert_eq!(serde_json::from_slice::<Strokes>(&spelt).expect("what was written can be read"), strokes);
            }
        }
        (4, Ok(text)) => {
            if let Some(bytes) = base64url::decode(text) {
                assert_eq!(base64url::encode(&bytes), text);
            }
            let _ = unb64(text);
        }
        (5, Ok(text)) => {
            if let Ok(sha) = text.parse::<Sha>() {
                assert_eq!(sha.to_string(), text);
            }
        }
        _ => {}
    }
}
