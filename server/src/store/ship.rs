//! The backup: the log in append-only, hash-chained segments, heads apart from sealed bodies, and the files, in a
//! second folder. What is there is read back before it counts; *safe* moves by nothing else (SYNC I2, §5).
//!
//! ```text
//! BACKUP/supplier           which data folder this is the backup of
//! BACKUP/heads/000001.seg   one JSON line an envelope, the last line names the segment before and its hash
//! BACKUP/bodies/000001.seg  the same envelopes' bodies, each sealed under the data key of its household
//! BACKUP/blobs/ab/<sha>     files
//! BACKUP/vault.sealed       the vault, sealed under the recovery key that the first start printed
//! ```

mod segment;
mod vault_copy;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nuanfang_core::canon::hash::Sha;
use rusqlite::{Connection, params};

use super::StoreError;
use super::blobs::sync_dir;
use super::sqlite::Sqlite;

pub use vault_copy::recovery_key;

/// How often is looked for something new.
const EVERY: Duration = Duration::from_millis(500);
/// Envelopes in one segment at most.
const SEGMENT: usize = 2_000;
/// Files copied between two looks at the log.
const FILES: usize = 64;

/// The shipper at work.
pub struct Shipping {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Shipping {
    /// Begins to ship the data folder of `store` to `to`.
    pub fn start(store: Sqlite, to: PathBuf) -> Result<Self, StoreError> {
        prepare(&store, &to)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("backup".into()).spawn(move || {
            let mut failing = false;
            while !stopped.load(Ordering::Relaxed) {
                match ship(&store, &to) {
                    Ok(true) => failing = false,
                    Ok(false) => {
                        failing = false;
                        std::thread::park_timeout(EVERY);
                    }
                    Err(error) => {
                        if !failing {
                            tracing::error!(%error, "the backup has stopped; phones keep what they hold until it goes on");
                        }
                        failing = true;
                        std::thread::park_timeout(EVERY * 10);
                    }
                }
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends it after the segment under way.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// Makes the backup folder, or makes sure that it is this data folder's.
fn prepare(store: &Sqlite, to: &Path) -> Result<(), StoreError> {
    for folder in ["heads", "bodies", "blobs"] {
        fs::create_dir_all(to.join(folder))?;
    }
    let name = to.join("supplier");
    let own = store.keys.supplier.id.to_string();
    match fs::read_to_string(&name) {
        Ok(found) if found.trim() == own => {}
        Ok(_) => return Err(StoreError::Damaged(format!("{} is the backup of another supplier", to.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let empty = fs::read_dir(to.join("heads"))?.next().is_none();
            if !empty {
                return Err(StoreError::Damaged(format!("{} does not say whose backup it is", to.display())));
            }
            fs::write(&name, own)?;
            fs::File::open(&name)?.sync_all()?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(sync_dir(to)?)
}

/// Ships what is new once. Returns whether there was anything.
pub fn ship(store: &Sqlite, to: &Path) -> Result<bool, StoreError> {
    let mut moved = segment::ship(store, to, SEGMENT)?;
    moved |= files(store, to)?;
    // Bodies are worth nothing without their keys: those go first.
    vault_copy::ship(store, to)?;
    if moved || store.read_now(is_behind)? {
        store.write_blocking::<_, StoreError, _>(0, |writing| advance_safe(writing.tx))?;
    }
    Ok(moved)
}

/// Copies files that are whole and not there yet.
fn files(store: &Sqlite, to: &Path) -> Result<bool, StoreError> {
    let waiting: Vec<Sha> = store.read_now::<_, StoreError>(|db| {
        let mut query =
            db.prepare_cached("SELECT sha FROM blob WHERE whole_ms IS NOT NULL AND shipped = 0 LIMIT ?1")?;
        let rows = query.query_map([FILES as i64], |row| Ok(Sha(row.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    })?;
    for sha in &waiting {
        copy(store, to, sha)?;
    }
    if waiting.is_empty() {
        return Ok(false);
    }
    store.write_blocking::<_, StoreError, _>(0, move |writing| {
        for sha in &waiting {
            let sha = sha.0.as_slice();
            writing.tx.prepare_cached("UPDATE blob SET shipped = 1 WHERE sha = ?1")?.execute([sha])?;
            writing.tx.prepare_cached("DELETE FROM blob_owed WHERE sha = ?1")?.execute([sha])?;
        }
        Ok(())
    })?;
    Ok(true)
}

fn copy(store: &Sqlite, to: &Path, sha: &Sha) -> Result<(), StoreError> {
    let name = sha.to_string();
    let folder = to.join("blobs").join(&name[..2]);
    let target = folder.join(&name);
    let bytes = store
        .blobs
        .read(sha)?
        .filter(|bytes| Sha::of(bytes) == *sha)
        .ok_or_else(|| StoreError::Damaged(format!("file {sha} is not what its name promises")))?;
    fs::create_dir_all(&folder)?;
    durable(&target, &bytes)?;
    if Sha::of(&fs::read(&target)?) != *sha {
        return Err(StoreError::Damaged(format!("file {sha} reads back otherwise from the backup")));
    }
    Ok(())
}

/// Writes a file whole, or not at all.
fn durable(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = target.with_extension("part");
    let mut file = fs::File::create(&part)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()?;
    fs::rename(&part, target)?;
    match target.parent() {
        Some(folder) => sync_dir(folder),
        None => Ok(()),
    }
}

/// Whether something is in the backup that its log does not call safe yet: the server ended between the two.
fn is_behind(db: &Connection) -> Result<bool, StoreError> {
    let through = shipped(db)?;
    let mut query = db.prepare_cached(
        "SELECT 1 FROM writer w WHERE w.safe < w.acked
         AND EXISTS (SELECT 1 FROM envelope e WHERE e.dev = w.dev AND e.seq = w.safe + 1 AND e.g <= ?1)
         AND NOT EXISTS (SELECT 1 FROM blob_owed o WHERE o.dev = w.dev AND o.seq <= w.safe + 1)",
    )?;
    Ok(query.exists([through as i64])?)
}

/// Moves each log's safe position to where everything before it, files too, is in the backup.
fn advance_safe(tx: &Connection) -> Result<(), StoreError> {
    let shipped = shipped(tx)?;
    tx.prepare_cached(
        "UPDATE writer SET safe = max(safe, min(
           coalesce((SELECT max(e.seq) FROM envelope e WHERE e.dev = writer.dev AND e.g <= ?1), 0),
           coalesce((SELECT min(o.seq) - 1 FROM blob_owed o WHERE o.dev = writer.dev), acked)))
         WHERE safe < acked",
    )?
    .execute(params![shipped as i64])?;
    Ok(())
}

/// The last envelope that is in the backup.
fn shipped(db: &Connection) -> Result<u64, StoreError> {
    Ok(segment::last(db)?.map_or(0, |segment| segment.through))
}
