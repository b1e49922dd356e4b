//! The only SQL on the phone. One database a folder, one writer, WAL with full synchronisation: what was answered
//! with success is on the disk.

pub mod blob_row;
pub mod damage_row;
pub mod draft_row;
pub mod enrolment;
pub mod lost_row;
#[cfg(feature = "mutants")]
mod memory;
pub mod migrate;
pub mod mirror_row;
pub mod outbox_row;
pub mod salvage;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::trouble::Trouble;
use crate::drill;

/// The database's file name in its folder.
pub const FILE: &str = "phone.db";

/// Pages of the write-ahead log, 32 MB, at which a commit folds it back itself: on a phone that tries no exchange, or in the
/// midst of a very long one.
const LOG_BOUND: u32 = 4000;

/// The phone's database: one connection that writes, one that reads, so that a screen never waits for a feed, and one
/// that folds the write-ahead log back, so that neither waits for that unless it has grown very long.
pub struct Store {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    folding: Mutex<Connection>,
    files: Mutex<()>,
    looked: Mutex<Looked>,
    /// How many times it was made anew.
    mended: AtomicU64,
    dir: PathBuf,
    /// SQLCipher's raw key; none for a store that is not encrypted.
    key: Option<zeroize::Zeroizing<[u8; 32]>>,
}

/// The last look for damage.
#[derive(Default)]
struct Looked {
    at: Option<Instant>,
    /// How many times in a row it was found and could not be mended: each try reads all and writes it once more.
    failed: usize,
}

/// How long after one look for damage the next is taken at the earliest: after none, one or two that mended nothing, and more.
const LOOK_EVERY: [Duration; 4] =
    [Duration::from_secs(60), Duration::from_secs(60), Duration::from_secs(600), Duration::from_secs(3600)];

impl Looked {
    /// Whether it is too early for another look, `since` the last.
    fn is_early(&self, since: Duration) -> bool {
        since < LOOK_EVERY[self.failed.min(LOOK_EVERY.len() - 1)]
    }
}

/// KiB of pages that the writing connection keeps at most.
const CACHE_KIB: i64 = 8 * 1024;

impl Store {
    /// Opens the store in `dir`, makes it when there is none, and brings an older one up to date on a copy.
    ///
    /// `key` is SQLCipher's raw key; a build without SQLCipher refuses one.
    ///
    /// # Errors
    /// [`Trouble::WrongKey`], [`Trouble::NewerDatabase`], or what the disk says. The file is then as it was.
    pub fn open(dir: &Path, key: Option<&[u8; 32]>) -> Result<Self, Trouble> {
        if key.is_some() && !cfg!(feature = "sqlcipher") {
            return Err(Trouble::KeyUnsupported);
        }
        super::blob::make_dir(&dir.join(super::blob::FOLDER))?;
        let path = dir.join(FILE);
        migrate::bring_up(&path, migrate::STEPS, |path| connect(path, key))?;
        let mut store = Self::over(for_writing(&path, key)?, for_reading(&path, key)?, reconnect(&path, key)?, dir);
        store.key = key.copied().map(zeroize::Zeroizing::new);
        Ok(store)
    }

    fn over(writer: Connection, reader: Connection, folding: Connection, dir: &Path) -> Self {
        Self {
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            folding: Mutex::new(folding),
            files: Mutex::new(()),
            looked: Mutex::default(),
            mended: AtomicU64::new(0),
            dir: dir.to_owned(),
            key: None,
        }
    }

    /// The folder it lies in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Held while files come and go, so that none is swept away between its rename and its row.
    pub fn files(&self) -> MutexGuard<'_, ()> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one consistent state.
    pub fn read<T, E: From<Trouble>>(&self, reading: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let mut reader = lock(&self.reader);
        let done = match reader.transaction() {
            Ok(transaction) => reading(&transaction),
            Err(error) => Err(Trouble::from(error).into()),
        };
        if done.is_err() {
            self.renew(&mut reader, for_reading);
        }
        done
    }

    /// Does `writing` whole, or not at all; what it did is on the disk when this returns.
    pub fn write<T, E: From<Trouble>>(&self, writing: impl FnOnce(&Transaction<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut writer = lock(&self.writer);
        let done = written(&mut writer, writing);
        if done.is_err() {
            self.renew(&mut writer, for_writing);
        }
        done
    }

    /// Makes the database anew out of what can still be read of it, where something can't: what a step then meets is whole. The
    /// damaged file is put aside. Says whether that was done since it had been `mended` so many times, be it by another thread.
    /// It is tried once in a while alone: a screen asks every second.
    ///
    /// # Errors
    /// [`Trouble::Damaged`] where too little can be read, or what the disk says; the database is then as it was.
    pub fn mend(&self, mended: u64) -> Result<bool, Trouble> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if self.mended() != mended {
            return Ok(true);
        }
        if looked.at.is_some_and(|at| looked.is_early(at.elapsed())) {
            return Ok(false);
        }
        self.look(&mut looked)
    }

    /// The same, however short ago it was tried: for what is done once and can't wait.
    ///
    /// # Errors
    /// As [`Store::mend`].
    pub fn mend_now(&self) -> Result<bool, Trouble> {
        self.look(&mut self.looked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many times it was made anew since it was opened.
    pub fn mended(&self) -> u64 {
        self.mended.load(Ordering::SeqCst)
    }

    fn look(&self, looked: &mut Looked) -> Result<bool, Trouble> {
        looked.at = Some(Instant::now());
        // Nobody sweeps the damaged file away before it is noted.
        let _files = self.files();
        // As all who need more than one of them.
        let (mut folding, mut writer) = (lock(&self.folding), lock(&self.writer));
        let mut reader = lock(&self.reader);
        let (path, key) = (self.dir.join(FILE), self.key.as_deref());
        let open = |path: &Path| connect(path, key);
        if !path.try_exists()? || !salvage::is_damaged(&path, open)? {
            looked.failed = 0;
            return Ok(false);
        }
        // Unless it comes to its end.
        looked.failed += 1;
        let (fresh, lost) = salvage::salvage(&path, open)?;
        for connection in [&mut *folding, &mut *writer, &mut *reader] {
            *connection = Connection::open_in_memory()?;
        }
        let swapped = salvage::swap(&path, &fresh, lost, open);
        if !path.try_exists()? {
            // To open it would begin an empty one; the next start finds the other.
            return swapped.map(|()| false);
        }
        (*writer, *reader, *folding) = (for_writing(&path, key)?, for_reading(&path, key)?, reconnect(&path, key)?);
        swapped?;
        looked.failed = 0;
        self.mended.fetch_add(1, Ordering::SeqCst);
        Ok(true)
    }

    /// Puts another connection in the place of one that met a page it can't decrypt: SQLCipher reads nothing and writes nothing
    /// over such a one any more, whatever else is whole. Where that can't be done, the next failure tries again.
    fn renew(
        &self,
        connection: &mut Connection,
        open: impl FnOnce(&Path, Option<&[u8; 32]>) -> Result<Connection, Trouble>,
    ) {
        let Some(key) = self.key.as_deref() else { return };
        // Any page but those that are at hand.
        let stands = connection
            .execute_batch("PRAGMA shrink_memory")
            .and_then(|()| connection.query_row("SELECT count(*) FROM enrolment", [], |_| Ok(())));
        if stands.is_err()
            && let Ok(fresh) = open(&self.dir.join(FILE), Some(key))
        {
            *connection = fresh;
        }
    }

    /// Folds the write-ahead log back into the database, as far as nobody still reads from it. It makes nothing more
    /// durable than it was; it keeps the log short, and what was erased goes from the database's file too; the log's
    /// own copy is written over later, or cut by [`Store::settle`]. Saves and screens don't wait.
    ///
    /// # Errors
    /// What the disk says; the log then stays as it was.
    pub fn fold(&self) -> Result<(), Trouble> {
        checkpoint(&lock(&self.folding), "PASSIVE")
    }

    /// Folds the log back, all of it unless a reader holds it for long, and lets go of the database file's locks before the system suspends the app (iOS ends an
    /// app that keeps them).
    ///
    /// # Errors
    /// As [`Store::fold`].
    pub fn settle(&self) -> Result<(), Trouble> {
        // One that is under way would turn this one away.
        let _folding = lock(&self.folding);
        checkpoint(&lock(&self.writer), "TRUNCATE")
    }
}

fn written<T, E: From<Trouble>>(
    writer: &mut Connection,
    writing: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Trouble::from)?;
    let done = writing(&transaction)?;
    drill::effect(drill::Side::Phone);
    transaction.commit().map_err(Trouble::from)?;
    drill::effect(drill::Side::Phone);
    Ok(done)
}

fn for_writing(path: &Path, key: Option<&[u8; 32]>) -> Result<Connection, Trouble> {
    let writer = reconnect(path, key)?;
    writer.pragma_update(None, "wal_autocheckpoint", LOG_BOUND)?;
    // A first morning is one transaction: pages that don't fit are encrypted and written more than once.
    writer.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(writer)
}

fn for_reading(path: &Path, key: Option<&[u8; 32]>) -> Result<Connection, Trouble> {
    let reader = reconnect(path, key)?;
    reader.pragma_update(None, "query_only", true)?;
    Ok(reader)
}

fn checkpoint(connection: &Connection, mode: &str) -> Result<(), Trouble> {
    Ok(connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))?)
}

/// Does part of a transaction; what `part` then says no to is as if it had not been done, the rest of the transaction
/// goes on.
pub fn attempt<T, N>(
    transaction: &Transaction<'_>,
    part: impl FnOnce(&Connection) -> Result<Result<T, N>, Trouble>,
) -> Result<Result<T, N>, Trouble> {
    transaction.execute_batch("SAVEPOINT part")?;
    let taken = part(transaction)?;
    transaction.execute_batch(if taken.is_ok() { "RELEASE part" } else { "ROLLBACK TO part; RELEASE part" })?;
    Ok(taken)
}

/// A thread that panicked while it held the connection left a transaction that SQLite rolls back; the rest is whole.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection to a file that is there: where it is not, an empty one would take the place of one put aside.
fn reconnect(path: &Path, key: Option<&[u8; 32]>) -> Result<Connection, Trouble> {
    set_up(Connection::open_with_flags(path, OpenFlags::default().difference(OpenFlags::SQLITE_OPEN_CREATE))?, key)
}

/// The same, of a file that is made where there is none.
fn connect(path: &Path, key: Option<&[u8; 32]>) -> Result<Connection, Trouble> {
    set_up(Connection::open(path)?, key)
}

/// The durability this store promises. Refuses a key that does not fit.
fn set_up(connection: Connection, key: Option<&[u8; 32]>) -> Result<Connection, Trouble> {
    if let Some(key) = key {
        let mut statement = zeroize::Zeroizing::new(String::with_capacity(90));
        statement.push_str("PRAGMA key = \"x'");
        for byte in key {
            statement.push_str(&format!("{byte:02x}"));
        }
        statement.push_str("'\"");
        connection.execute_batch(&statement)?;
    }
    connection.execute_batch("PRAGMA page_size = 8192; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON;")?;
    // The first look at the file's pages: one that is encrypted under another key, or whose first page is damaged, is no
    // database.
    connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())).map_err(|error| match error {
        rusqlite::Error::SqliteFailure(inner, _) if inner.code == rusqlite::ErrorCode::NotADatabase => {
            Trouble::WrongKey
        }
        other => other.into(),
    })?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(Trouble::damaged(format!("journal mode {mode}")));
    }
    // Apple's fsync alone does not reach the disk; elsewhere these two change nothing.
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
         PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 10000;",
    )?;
    let synchronous: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
    if synchronous != 2 {
        return Err(Trouble::damaged(format!("synchronous {synchronous}")));
    }
    keep_statements(&connection)?;
    Ok(connection)
}

/// Statements are prepared once; and their plans do not depend on what is bound to them, else each would be planned anew
/// at its next use, because its bindings were cleared in between.
fn keep_statements(connection: &Connection) -> Result<(), Trouble> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_made_anew_begins_no_empty_database() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        assert!(for_writing(&path, None).is_err() && for_reading(&path, None).is_err());
        assert!(!path.exists());
    }

    #[test]
    fn the_more_often_damage_could_not_be_mended_the_longer_the_next_try_waits() {
        for (failed, minutes) in [(0, 1), (1, 1), (2, 10), (3, 60), (100, 60)] {
            let looked = Looked { at: None, failed };
            assert!(looked.is_early(Duration::from_secs(60 * minutes - 1)), "{failed}");
            assert!(!looked.is_early(Duration::from_secs(60 * minutes)), "{failed}");
        }
    }
}
