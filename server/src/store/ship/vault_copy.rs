//! The vault's copy in the backup, sealed under a recovery key that is printed once and kept by a person: who has the
//! backup alone has no secret, who has both has everything.

use std::fs;
use std::path::Path;

use aes_gcm::aead::Aead;
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use nuanfang_core::canon::hash::Sha;
use rand::RngCore;

use super::durable;
use crate::store::StoreError;
use crate::store::sqlite::Sqlite;
use crate::store::vault::Vault;

const SECRET: &str = "recovery_key";

/// The recovery key as 64 hex digits; made when there is none. The second is true when it is new.
pub fn recovery_key(vault: &Vault) -> Result<(String, bool), StoreError> {
    if let Some(key) = vault.secret(SECRET)? {
        return Ok((hex::encode(key), false));
    }
    let mut key = [0; 32];
    rand::rngs::OsRng.fill_bytes(&mut key);
    vault.set_secret(SECRET, &key)?;
    Ok((hex::encode(key), true))
}

/// Copies the vault when it has changed since.
pub fn ship(store: &Sqlite, to: &Path) -> Result<(), StoreError> {
    let bytes = store.vault.with(|_| Ok(fs::read(store.vault.file())?))?;
    let known = store.dir().join("vault-shipped");
    let sha = Sha::of(&bytes).to_string();
    if fs::read_to_string(&known).is_ok_and(|shipped| shipped == sha) && to.join("vault.sealed").is_file() {
        return Ok(());
    }
    recovery_key(&store.vault)?;
    let key = store.vault.secret(SECRET)?.unwrap_or_default();
    if key.len() != 32 {
        return Err(StoreError::Damaged("the recovery key".into()));
    }
    let mut nonce = [0; 12];
    rand::rngs::OsRng.fill_bytes(&mut nonce);
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(&key));
    let sealed = cipher
        .encrypt(Nonce::from_slice(&nonce), bytes.as_slice())
        .map_err(|_| StoreError::Damaged("the vault can't be sealed".into()))?;
    durable(&to.join("vault.sealed"), &[nonce.as_slice(), &sealed].concat())?;
    fs::write(known, sha)?;
    Ok(())
}
