//! The vault's copy in the backup, sealed under a recovery key that is printed once and kept by a person: who has the
//! backup alone has no secret, who has both has everything.

use std::time::{Duration, Instant};

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use rand::RngCore;

use super::place::Place;
use crate::store::StoreError;
use crate::store::sqlite::Sqlite;
use crate::store::vault::{Contents, Vault};

/// Its name in the backup.
pub const NAME: &str = "vault.sealed";
/// What it begins with, and with it the format's version.
const TAG: &[u8] = b"nuanfang/vault/1\n";
const NONCE: usize = 12;
/// How often a copy of a vault that does not change is looked at: opening it costs time, and a bucket counts its requests.
const EVERY: Duration = Duration::from_secs(60);
const SECRET: &str = "recovery_key";

/// The recovery key as 64 hex digits; made when there is none. The second is true when it is new.
pub fn recovery_key(vault: &Vault) -> Result<(String, bool), StoreError> {
    if let Some(key) = vault.secret(SECRET)? {
        return Ok((hex::encode(key), false));
    }
    let mut key = [0; 32];
    rand::rngs::OsRng.fill_bytes(&mut key);
    // The backup's thread may have made one since.
    let kept = vault.secret_or(SECRET, &key)?;
    Ok((hex::encode(&kept), kept == key))
}

/// The recovery key, if there is one.
pub fn known_key(vault: &Vault) -> Result<Option<[u8; 32]>, StoreError> {
    let damaged = || StoreError::Damaged("备份恢复密钥".into());
    vault.secret(SECRET)?.map(|key| key.try_into().map_err(|_| damaged())).transpose()
}

/// Reads a recovery key as a person types it: 64 hex digits, spaces and hyphens wherever they help.
pub fn read_key(text: &str) -> Option<[u8; 32]> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let mut key = [0; 32];
    hex::decode_to_slice(digits.to_ascii_lowercase(), &mut key).ok()?;
    Some(key)
}

/// When it was last looked whether the copy is of the vault, and of which version of it.
#[derive(Debug, Default)]
pub struct Looked(Option<((i64, u64), Instant)>);

/// Whether the copy there is of the vault as it is now. While nothing changes, that is looked at once in [`EVERY`].
pub fn is_there(store: &Sqlite, to: &Place, looked: &mut Looked) -> Result<bool, StoreError> {
    let version = store.vault.version()?;
    if looked.0.is_some_and(|(seen, at)| seen == version && at.elapsed() < EVERY) {
        return Ok(true);
    }
    let (key, contents) = now(store)?;
    let there = lies(to, &key, &contents)?;
    looked.0 = there.then(|| (version, Instant::now()));
    Ok(there)
}

/// Copies the vault where the copy there is of another one. What lies there is asked, nothing that was remembered of it:
/// disks take turns, and an older copy lacks keys or has some that were destroyed.
pub fn ship(store: &Sqlite, to: &Place) -> Result<(), StoreError> {
    let (key, contents) = now(store)?;
    if !lies(to, &key, &contents)? {
        to.put(NAME, &seal(&key, &contents)?)?;
    }
    Ok(())
}

fn lies(to: &Place, key: &[u8; 32], contents: &[u8]) -> Result<bool, StoreError> {
    let found = match to.get(NAME) {
        // What the disk can't give back is another one: it is written anew.
        Err(StoreError::Damaged(_)) => None,
        found => found?,
    };
    Ok(found.and_then(|sealed| unseal(key, &sealed)).is_some_and(|there| there == contents))
}

/// The recovery key, and what its copy of the vault has to say.
fn now(store: &Sqlite) -> Result<([u8; 32], Vec<u8>), StoreError> {
    recovery_key(&store.vault)?;
    let key = known_key(&store.vault)?.ok_or_else(|| StoreError::Damaged("备份恢复密钥".into()))?;
    let contents =
        serde_json::to_vec(&store.vault.contents()?).map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok((key, contents))
}

fn seal(key: &[u8; 32], contents: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut nonce = [0; NONCE];
    rand::rngs::OsRng.fill_bytes(&mut nonce);
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
    let sealed = cipher
        .encrypt(Nonce::from_slice(&nonce), Payload { msg: contents, aad: TAG })
        .map_err(|_| StoreError::Damaged("密钥库无法加密".into()))?;
    Ok([TAG, &nonce, &sealed].concat())
}

/// Opens a copy. `None` if the key is another one's, or the copy is damaged.
pub fn open(key: &[u8; 32], sealed: &[u8]) -> Option<Contents> {
    serde_json::from_slice(&unseal(key, sealed)?).ok()
}

fn unseal(key: &[u8; 32], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.strip_prefix(TAG)?.split_at_checked(NONCE)?;
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
    cipher.decrypt(Nonce::from_slice(nonce), Payload { msg: sealed, aad: TAG }).ok()
}
