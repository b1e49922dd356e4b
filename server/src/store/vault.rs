//! The vault: secrets, apart from the log. Password hashes, private keys, enrolment codes, data keys.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::wire::auth::{b64, unb64};
use rand::RngCore;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::StoreError;
use super::migrate::{Step, migrate};

const STEPS: &[Step] = &[
    (1, include_str!("../../migrations/vault/0001_vault.sql")),
    (2, include_str!("../../migrations/vault/0002_redeemed.sql")),
];

/// The open vault. One connection: it is asked rarely.
#[derive(Debug)]
pub struct Vault {
    db: Mutex<Connection>,
}

/// Everything in a vault, as its copy in a backup holds it (docs/formats/backup.md). Bytes are base64url.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    secrets: BTreeMap<String, String>,
    passwords: BTreeMap<Uuid, String>,
    enrolments: Vec<(Sha, Uuid, i64)>,
    /// Codes that were traded: hash of the code and of the key, worker, device, end.
    #[serde(default)]
    redeemed: Vec<(Sha, Sha, Uuid, Uuid, i64)>,
    data_keys: BTreeMap<Uuid, String>,
}

/// What is known of a data key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataKey {
    /// It is here.
    Here([u8; 32]),
    /// It was destroyed: the person is erased.
    Destroyed,
    /// It never was here.
    Unknown,
}

impl Contents {
    /// The data key of `owner`.
    pub fn data_key(&self, owner: Uuid) -> DataKey {
        match self.data_keys.get(&owner).map(|key| unb64(key)) {
            None => DataKey::Unknown,
            Some(key) => key.and_then(|key| key.try_into().ok()).map_or(DataKey::Destroyed, DataKey::Here),
        }
    }
}

impl Vault {
    /// Opens `vault.db` in the data folder `dir`, readable by its owner alone.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let file = dir.join("vault.db");
        let mut db = Connection::open(&file)?;
        owner_only(&file)?;
        // A rollback journal that comes back after a power cut undoes its commit; EXTRA syncs the folder it goes from.
        db.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA; PRAGMA secure_delete = ON;")?;
        migrate(&mut db, &file, STEPS)?;
        Ok(Self { db: Mutex::new(db) })
    }

    /// Reads or writes it. Blocks: use from blocking code, keep it short.
    pub fn with<T>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // A panic in `f` leaves no half-done transaction behind: rusqlite rolls back on drop.
        f(&mut self.db.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Another one after whatever was written to it, by this process or another.
    pub fn version(&self) -> Result<(i64, u64), StoreError> {
        self.with(|db| Ok((db.query_row("PRAGMA data_version", [], |row| row.get(0))?, db.total_changes())))
    }

    /// A named secret.
    pub fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|db| {
            Ok(db.query_row("SELECT value FROM secret WHERE name = ?1", [name], |row| row.get(0)).optional()?)
        })
    }

    /// A named secret: the one that is there, or else `value` from now on.
    pub fn secret_or(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.with(|db| {
            db.execute("INSERT OR IGNORE INTO secret (name, value) VALUES (?1, ?2)", params![name, value])?;
            Ok(db.query_row("SELECT value FROM secret WHERE name = ?1", [name], |row| row.get(0))?)
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

    /// Destroys the data key of `owner`, for ever: no other takes its place.
    pub fn destroy_data_key(&self, owner: Uuid) -> Result<(), StoreError> {
        self.with(|db| {
            db.execute("INSERT OR REPLACE INTO data_key (owner, key) VALUES (?1, x'')", params![owner.as_bytes()])?;
            Ok(())
        })
    }

    /// Whether the data key of `owner` was destroyed.
    pub fn is_destroyed(&self, owner: Uuid) -> Result<bool, StoreError> {
        self.with(|db| {
            let mut query = db.prepare_cached("SELECT 1 FROM data_key WHERE owner = ?1 AND key = x''")?;
            Ok(query.exists(params![owner.as_bytes()])?)
        })
    }

    /// Everything in it, in one consistent state.
    pub fn contents(&self) -> Result<Contents, StoreError> {
        self.with(|db| {
            let db = db.transaction()?;
            let mut query = db.prepare("SELECT name, value FROM secret")?;
            let secrets = query.query_map([], |row| Ok((row.get(0)?, b64(row.get_ref(1)?.as_bytes()?))))?;
            let secrets = secrets.collect::<Result<_, _>>()?;
            let mut query = db.prepare("SELECT user, hash FROM password")?;
            let passwords = query.query_map([], |row| Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?)))?;
            let passwords = passwords.collect::<Result<_, _>>()?;
            let mut query = db.prepare("SELECT code_hash, worker, expires_ms FROM enrolment ORDER BY code_hash")?;
            let enrolments =
                query.query_map([], |row| Ok((Sha(row.get(0)?), Uuid::from_bytes(row.get(1)?), row.get(2)?)))?;
            let enrolments = enrolments.collect::<Result<_, _>>()?;
            let mut query =
                db.prepare("SELECT code_hash, key_sha, worker, device, expires_ms FROM redeemed ORDER BY code_hash")?;
            let redeemed = query.query_map([], |row| {
                let id = |at| row.get(at).map(Uuid::from_bytes);
                Ok((Sha(row.get(0)?), Sha(row.get(1)?), id(2)?, id(3)?, row.get(4)?))
            })?;
            let redeemed = redeemed.collect::<Result<_, _>>()?;
            let mut query = db.prepare("SELECT owner, key FROM data_key")?;
            let data_keys =
                query.query_map([], |row| Ok((Uuid::from_bytes(row.get(0)?), b64(row.get_ref(1)?.as_bytes()?))))?;
            let data_keys = data_keys.collect::<Result<_, _>>()?;
            Ok(Contents { secrets, passwords, enrolments, redeemed, data_keys })
        })
    }

    /// Puts `contents` into a vault that is empty. All or nothing.
    pub fn fill(&self, contents: &Contents) -> Result<(), StoreError> {
        let bytes = |text: &String| unb64(text).ok_or_else(|| StoreError::Damaged("密钥库副本".into()));
        self.with(|db| {
            let tx = db.transaction()?;
            for (name, value) in &contents.secrets {
                tx.execute("INSERT INTO secret (name, value) VALUES (?1, ?2)", params![name, bytes(value)?])?;
            }
            for (user, hash) in &contents.passwords {
                tx.execute("INSERT INTO password (user, hash) VALUES (?1, ?2)", params![user.as_bytes(), hash])?;
            }
            for (code, worker, expires_ms) in &contents.enrolments {
                tx.execute(
                    "INSERT INTO enrolment (code_hash, worker, expires_ms) VALUES (?1, ?2, ?3)",
                    params![code.0, worker.as_bytes(), expires_ms],
                )?;
            }
            for (code, key, worker, device, expires_ms) in &contents.redeemed {
                tx.execute(
                    "INSERT INTO redeemed (code_hash, key_sha, worker, device, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![code.0, key.0, worker.as_bytes(), device.as_bytes(), expires_ms],
                )?;
            }
            for (owner, key) in &contents.data_keys {
                tx.execute(
                    "INSERT INTO data_key (owner, key) VALUES (?1, ?2)",
                    params![owner.as_bytes(), bytes(key)?],
                )?;
            }
            Ok(tx.commit()?)
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_version_changes_with_whatever_is_written_and_with_nothing_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(dir.path()).expect("a vault");
        let elsewhere = Vault::open(dir.path()).expect("the same in another process");
        let mut seen = vec![vault.version().expect("a version")];
        vault.set_secret("a", b"1").expect("written");
        seen.push(vault.version().expect("a version"));
        elsewhere.set_secret("a", b"2").expect("written");
        seen.push(vault.version().expect("a version"));
        elsewhere.data_key(Uuid::nil()).expect("made");
        seen.push(vault.version().expect("a version"));
        vault.destroy_data_key(Uuid::nil()).expect("destroyed");
        seen.push(vault.version().expect("a version"));
        assert!(seen.iter().enumerate().all(|(at, version)| !seen[..at].contains(version)), "{seen:?}");
        vault.contents().expect("read");
        assert_eq!(vault.secret_or("a", b"3").expect("read"), b"2");
        assert_eq!(vault.version().expect("a version"), seen[4]);
    }
}
