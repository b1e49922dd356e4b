//! What is sealed in a backup: bodies and files, each under the data key of its owner (AES-256-GCM), bound to the hash
//! it belongs to. Who destroys the key has erased them.

use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::aead::stream::{EncryptorBE32, NewStream, StreamBE32, StreamPrimitive};
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::wire::auth::{b64, unb64};
use rand::RngCore;
use uuid::Uuid;

use crate::store::StoreError;

/// What a sealed file begins with, and with it the format's version.
pub const FILE_TAG: &[u8] = b"nuanfang/blob/1\n";
/// Bytes of a file in one sealed chunk.
const CHUNK: usize = 64 * 1024;
const NONCE: usize = 12;
const STREAM_NONCE: usize = 7;
const MAC: usize = 16;

/// Seals a body under `key`, bound to the hash of its envelope.
pub fn body(key: &[u8; 32], envelope: &Sha, body: &str) -> Result<String, StoreError> {
    let mut nonce = [0; NONCE];
    rand::rngs::OsRng.fill_bytes(&mut nonce);
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
    let payload = Payload { msg: body.as_bytes(), aad: &envelope.0 };
    let sealed = cipher.encrypt(Nonce::from_slice(&nonce), payload).map_err(|_| unsealable())?;
    Ok(b64(&[nonce.as_slice(), &sealed].concat()))
}

/// Opens a body; `None` if it is not what was sealed.
pub fn open_body(key: &[u8; 32], envelope: &Sha, sealed: &str) -> Option<String> {
    let bytes = unb64(sealed)?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
    let opened = cipher.decrypt(Nonce::from_slice(nonce), Payload { msg: sealed, aad: &envelope.0 }).ok()?;
    String::from_utf8(opened).ok()
}

/// Seals a file under the key of `owner`, bound to its own hash.
pub fn file(key: &[u8; 32], owner: Uuid, sha: &Sha, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut nonce = [0; STREAM_NONCE];
    rand::rngs::OsRng.fill_bytes(&mut nonce);
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
    let mut stream = EncryptorBE32::from_aead(cipher, GenericArray::from_slice(&nonce));
    let mut out = Vec::with_capacity(sealed_len(bytes.len() as u64) as usize);
    out.extend_from_slice(FILE_TAG);
    out.extend_from_slice(owner.as_bytes());
    out.extend_from_slice(&nonce);
    let whole = bytes.len().saturating_sub(1) / CHUNK * CHUNK;
    for chunk in bytes[..whole].chunks(CHUNK) {
        let payload = Payload { msg: chunk, aad: &sha.0 };
        out.extend_from_slice(&stream.encrypt_next(payload).map_err(|_| unsealable())?);
    }
    let last = Payload { msg: &bytes[whole..], aad: &sha.0 };
    out.extend_from_slice(&stream.encrypt_last(last).map_err(|_| unsealable())?);
    Ok(out)
}

/// The length of a sealed file with `len` bytes inside.
pub fn sealed_len(len: u64) -> u64 {
    let chunks = len.div_ceil(CHUNK as u64).max(1);
    (FILE_TAG.len() + 16 + STREAM_NONCE) as u64 + len + chunks * MAC as u64
}

/// Whose key seals a file; `None` if it is no sealed file.
pub fn file_owner(bytes: &[u8]) -> Option<Uuid> {
    let owner = bytes.strip_prefix(FILE_TAG)?.get(..16)?;
    Uuid::from_slice(owner).ok()
}

/// Opens a file; `None` if it is not what its name promises.
pub fn open_file(key: &[u8; 32], sha: &Sha, bytes: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = bytes.strip_prefix(FILE_TAG)?.get(16..)?.split_at_checked(STREAM_NONCE)?;
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
    let stream = StreamBE32::from_aead(cipher, GenericArray::from_slice(nonce));
    let count = sealed.len().div_ceil(CHUNK + MAC);
    let mut out = Vec::with_capacity(sealed.len());
    for (at, chunk) in sealed.chunks(CHUNK + MAC).enumerate() {
        let payload = Payload { msg: chunk, aad: &sha.0 };
        out.extend_from_slice(&stream.decrypt(u32::try_from(at).ok()?, at + 1 == count, payload).ok()?);
    }
    (count > 0 && Sha::of(&out) == *sha).then_some(out)
}

fn unsealable() -> StoreError {
    StoreError::Damaged("内容无法加密".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_length_comes_back_and_a_changed_or_cut_one_does_not() {
        let (key, owner) = ([7; 32], Uuid::from_u128(5));
        for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK] {
            let bytes = vec![0x5a; len];
            let sha = Sha::of(&bytes);
            let sealed = file(&key, owner, &sha, &bytes).expect("sealed");
            assert_eq!(sealed.len() as u64, sealed_len(len as u64), "{len}");
            assert_eq!(file_owner(&sealed), Some(owner));
            assert_eq!(open_file(&key, &sha, &sealed).as_deref(), Some(bytes.as_slice()), "{len}");
            assert!(open_file(&[8; 32], &sha, &sealed).is_none());
            assert!(open_file(&key, &sha, &sealed[..sealed.len() - 1]).is_none());
            let mut changed = sealed.clone();
            *changed.last_mut().expect("a byte") ^= 1;
            assert!(open_file(&key, &sha, &changed).is_none());
        }
        let long = vec![1; 3 * CHUNK];
        let sealed = file(&key, owner, &Sha::of(&long), &long).expect("sealed");
        let head = FILE_TAG.len() + 16 + STREAM_NONCE;
        assert!(
            open_file(&key, &Sha::of(&long), &sealed[..head + 2 * (CHUNK + MAC)]).is_none(),
            "a whole chunk cut off"
        );
    }

    #[test]
    fn a_body_opens_only_at_its_own_envelope() {
        let (key, envelope) = ([7; 32], Sha::of(b"envelope"));
        let sealed = body(&key, &envelope, "{\"n\":\"0\"}").expect("sealed");
        assert_eq!(open_body(&key, &envelope, &sealed).as_deref(), Some("{\"n\":\"0\"}"));
        assert!(open_body(&key, &Sha::of(b"other"), &sealed).is_none());
        assert!(open_body(&[8; 32], &envelope, &sealed).is_none());
        assert!(open_body(&key, &envelope, "").is_none());
    }
}
