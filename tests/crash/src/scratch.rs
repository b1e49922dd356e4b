//! A place for disks that are looked at once: in memory where there is such a place, and never waited for.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tempfile::TempDir;

use crate::disk::Disk;
use crate::sweep::Fallible;

/// The place.
#[derive(Debug)]
pub struct Scratch {
    disk: Disk,
    _dir: TempDir,
}

impl Scratch {
    /// A new, empty one.
    ///
    /// # Errors
    /// If there is no room for it.
    pub fn new() -> Fallible<Self> {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
        Ok(Self { disk: Disk::quiet(dir.path())?, _dir: dir })
    }

    /// A folder in it.
    pub fn place(&self, name: &str) -> PathBuf {
        self.disk.root().join(name)
    }
}

/// Opens a database as any program would, checks that it is whole, and leaves its file as it is.
///
/// # Errors
/// What SQLite says, what `PRAGMA integrity_check` says.
pub fn open_whole(file: &Path) -> Fallible<Connection> {
    let db = Connection::open(file)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(db) } else { Err(format!("integrity_check: {verdict}").into()) }
}

/// Whether a table is there: before its first step a database has none.
///
/// # Errors
/// What SQLite says.
pub fn has_table(db: &Connection, name: &str) -> Fallible<bool> {
    let mut query =
        db.prepare_cached("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)")?;
    Ok(query.query_row([name], |row| row.get(0))?)
}
