//! The vault: secrets, apart from the log (FORMATS §1). Password hashes, private keys, enrolment codes, data keys.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rand::RngCore;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::StoreError;
use super::migrate::{Step, migrate};

const STEPS: &[Step] = &[(1, include_str!("../../migrations/vault/0001_vault.sql"))];

/// The open vault. One connection: it is asked rarely.
#[derive(Debug)]
pub struct Vault {
    db: Mutex<Connection>,
    file: PathBuf,
}

impl Vault {
    /// Opens `vault.db` in the data folder `dir`, readable by its owner alone.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let file = dir.join("vault.db");
        let mut db = Connection::open(&file)?;
        owner_only(&file)?;
        db.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;")?;
        migrate(&mut db, &file, STEPS)?;
        Ok(Self { db: Mutex::new(db), file })
    }

    /// Reads or writes it. Blocks: use from blocking code, keep it short.
    pub fn with<T>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // A panic in `f` leaves no half-done transaction behind: rusqlite rolls back on drop.
        f(&mut self.db.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A named secret.
    pub fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|db| {
            Ok(db.query_row("SELECT value FROM secret WHERE name = ?1", [name], |row| row.get(0)).optional()?)
        })
    }

    /// Keeps a named secret, in place of an older one.
    pub fn set_secret(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.with(|db| {
            db.execute("INSERT OR REPLACE INTO secret (name, value) VALUES (?1, ?2)", params![name, value])?;
            Ok(())
        })
    }

    /// The key that seals what is known of `owner` outside the store (a household; a visit or nil where none is
    /// known), made at its first use. `None` once it was destroyed: the person is erased.
    pub fn data_key(&self, owner: Uuid) -> Result<Option<[u8; 32]>, StoreError> {
        self.with(|db| {
            let found: Option<Vec<u8>> = db
                .query_row("SELECT key FROM data_key WHERE owner = ?1", params![owner.as_bytes()], |row| row.get(0))
                .optional()?;
            if let Some(key) = found {
                return Ok(key.try_into().ok());
            }
            let mut key = [0; 32];
            rand::rngs::OsRng.fill_bytes(&mut key);
            db.execute("INSERT INTO data_key (owner, key) VALUES (?1, ?2)", params![owner.as_bytes(), key.as_slice()])?;
            Ok(Some(key))
        })
    }

    /// Its file.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// Lets nobody but the owner read `file`.
pub(crate) fn owner_only(file: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}
