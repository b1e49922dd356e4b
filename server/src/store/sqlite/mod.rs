//! The embedded store: SQLite in WAL mode, one writer thread with group commit, a pool of readers.

pub mod compact;
pub mod load;
#[cfg(feature = "mutants")]
mod memory;
pub mod readers;
pub mod writer;
pub mod writing;

mod contract;
mod group;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nuanfang_core::time::Millis;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use self::load::Load;
use self::readers::Readers;
use self::writer::Writer;
use self::writing::{Committed, Writing};
use super::blobs::{Blobs, make_dir};
use super::migrate::{Step, Version, migrate, version};
use super::vault::Vault;
use super::{StoreError, blocking};
use crate::keys::Keys;

const STEPS: &[Step] = &[
    (1, include_str!("../../../migrations/sqlite/0001_log.sql")),
    (2, include_str!("../../../migrations/sqlite/0002_projections.sql")),
    (10, include_str!("../../../migrations/sqlite/0010_office.sql")),
    (21, include_str!("../../../migrations/sqlite/0021_owing.sql")),
    (22, include_str!("../../../migrations/sqlite/0022_anew.sql")),
    (23, include_str!("../../../migrations/sqlite/0023_erasure.sql")),
    (24, include_str!("../../../migrations/sqlite/0024_continues.sql")),
    (25, include_str!("../../../migrations/sqlite/0025_waiting.sql")),
    (26, include_str!("../../../migrations/sqlite/0026_today.sql")),
    (27, include_str!("../../../migrations/sqlite/0027_lacks.sql")),
    (28, include_str!("../../../migrations/sqlite/0028_ended.sql")),
    (29, include_str!("../../../migrations/sqlite/0029_oldest.sql")),
    (30, include_str!("../../../migrations/sqlite/0030_filed.sql")),
];

/// Held by whoever has the data folder open.
pub const LOCK: &str = "lock";

/// The open data folder. Cheap to clone; the last clone closes it.
#[derive(Clone)]
pub struct Sqlite {
    /// The files.
    pub blobs: Blobs,
    /// The secrets.
    pub vault: Arc<Vault>,
    /// The supplier's keys.
    pub keys: Arc<Keys>,
    writer: Writer,
    readers: Arc<Readers>,
    dir: PathBuf,
    _lock: Arc<File>,
}

impl Sqlite {
    /// Opens the data folder, makes it if it is not there, and keeps every other process out of it.
    ///
    /// The supplier's keys are made for `supplier_name`, from `now` on, when there are none.
    pub fn open(dir: &Path, supplier_name: &str, now: Millis) -> Result<Self, StoreError> {
        make_dir(dir)?;
        let lock = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::Locked(dir.to_owned()),
            TryLockError::Error(error) => error.into(),
        })?;
        let file = dir.join("nuanfang.db");
        if let Err(error) = compact::complete(dir) {
            tracing::warn!(%error, "the database still holds the space of what was erased; the next start tries again");
        }
        let mut db = Connection::open(&file)?;
        db.execute_batch(
            "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
             PRAGMA mmap_size = 0; PRAGMA cache_size = -32768; PRAGMA secure_delete = FAST;",
        )?;
        let mode: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        let synchronous: i64 = db.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
        if (mode.as_str(), synchronous) != ("wal", 2) {
            return Err(StoreError::Damaged(format!("the database is not durable: {mode}, synchronous {synchronous}")));
        }
        keep_plans(&db)?;
        migrate(&mut db, &file, STEPS)?;
        super::vault::owner_only(&file)?;
        db.busy_timeout(Duration::ZERO)?;
        db.set_prepared_statement_cache_capacity(256);
        let vault = Arc::new(Vault::open(dir)?);
        let blobs = Blobs::open(dir)?;
        let readers = Readers::open(&file)?;
        let keys = match Keys::find(&vault)? {
            Some(keys) => keys,
            // Other keys would begin another office's log in the midst of this one.
            None if has_log(&db)? => return Err(StoreError::Keyless(dir.to_owned())),
            None => Keys::create(&vault, supplier_name, now)?,
        };
        let keys = Arc::new(keys);
        let writer = Writer::start(db, file, blobs.clone(), Arc::clone(&keys))?;
        Ok(Self { blobs, vault, keys, writer, readers: Arc::new(readers), dir: dir.to_owned(), _lock: Arc::new(lock) })
    }

    /// The data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How busy the writer is.
    pub fn load(&self) -> &Load {
        self.writer.load()
    }

    /// Bytes in the write-ahead log.
    pub fn log_bytes(&self) -> u64 {
        std::fs::metadata(self.dir.join("nuanfang.db-wal")).map_or(0, |meta| meta.len())
    }

    /// Reads in one consistent view, off the async threads. Ended after two seconds, so that nobody pins the log. All such
    /// reads together leave a connection to [`Self::read_now`]: what the office reads keeps no phone waiting.
    pub async fn read<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.read_within(readers::SHORT, f).await
    }

    /// The same with a minute's time: reports and exports.
    pub async fn read_long<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.read_within(readers::LONG, f).await
    }

    async fn read_within<T, E, F>(&self, limit: Duration, f: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let readers = Arc::clone(&self.readers);
        let patient = Arc::clone(&readers.patient).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        blocking(move || {
            // Kept until it has read, also where nobody waits for it any more.
            let _patient = patient;
            readers.read(limit, f)
        })
        .await
    }

    /// The same for as long as it takes: for a command that nobody beside it waits for.
    pub fn read_all<T, E: From<StoreError>>(&self, f: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        self.readers.read(readers::WHOLE, f)
    }

    /// The same, at once on this thread: for a few point reads, and from blocking code.
    pub fn read_now<T, E: From<StoreError>>(&self, f: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        self.readers.read(readers::LONG, f)
    }

    /// Writes on the writer's thread, in a savepoint of the group's transaction; returns once it is committed and
    /// on disk. An error or a panic of `f` rolls back what `f` did and nothing else. `bytes` is about how much it
    /// writes.
    pub async fn write<T, E, F>(&self, bytes: usize, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.writer.write(bytes, f)?.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// [`Sqlite::write`] from blocking code. Waits for room in the queue.
    pub fn write_blocking<T, E, F>(&self, bytes: usize, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.writer.write_waiting(bytes, f)?.blocking_recv().unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// What each committed group touched, as it is committed.
    pub fn committed(&self) -> tokio::sync::broadcast::Receiver<Committed> {
        self.writer.committed()
    }

    /// Ends the writer: everything queued is written, the log is folded into the database. Later writes are refused.
    pub fn close(&self) {
        self.writer.close();
    }
}

/// Plans do not depend on what is bound to them. Else every statement that is kept would be planned anew at its next
/// use, because its bindings were cleared in between.
fn keep_plans(db: &Connection) -> Result<(), StoreError> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn has_log(db: &Connection) -> Result<bool, StoreError> {
    Ok(db.prepare("SELECT 1 FROM envelope LIMIT 1")?.exists([])?)
}

/// A database without a row, as a store has it: to look at how statements are read.
#[cfg(test)]
pub(crate) fn bare() -> Connection {
    let mut db = Connection::open_in_memory().expect("a database");
    migrate(&mut db, Path::new("memory"), STEPS).expect("a schema");
    keep_plans(&db).expect("a setting");
    db
}

/// A connection that reads beside a running server, for commands that need no more.
pub fn beside(dir: &Path) -> Result<Connection, StoreError> {
    let file = dir.join("nuanfang.db");
    if !file.is_file() {
        return Err(StoreError::Absent(dir.to_owned()));
    }
    let db = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.execute_batch("PRAGMA query_only = 1")?;
    match version(&db, &file, STEPS)? {
        Version::Current => Ok(db),
        Version::Older(_) => Err(StoreError::Older(file)),
    }
}

/// The store's epoch: a higher one tells phones that it was restored, and what they hold is offered again.
pub fn epoch(db: &Connection) -> Result<u64, StoreError> {
    let mut query = db.prepare_cached("SELECT v FROM meta WHERE k = 'epoch'")?;
    let text: String = query.query_row([], |row| row.get(0))?;
    text.parse().map_err(|_| StoreError::Damaged("meta.epoch".into()))
}
