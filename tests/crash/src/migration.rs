//! The phone's database on its way to a newer schema: whatever happens, one whole database is there, old or new, with
//! every row.

use std::path::Path;

use nuanfang_core::device::store::migrate::bring_up;
use nuanfang_core::device::trouble::Trouble;
use rusqlite::Connection;

use crate::disk::{Disk, Record};
use crate::image::Image;
use crate::scratch::{Scratch, open_whole};
use crate::sweep::{Fallible, Judge};

const ROWS: i64 = 40;
const STEPS: [&str; 3] = [
    "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL);",
    "ALTER TABLE note ADD COLUMN told INTEGER NOT NULL DEFAULT 0; UPDATE note SET told = id * 2;",
    "CREATE INDEX note_told ON note (told);",
];

/// As the phone opens its own.
fn connect(path: &Path) -> Result<Connection, Trouble> {
    let connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    Ok(connection)
}

/// Brings a database with rows, some of them in its write-ahead log, from the first step to the last.
///
/// # Errors
/// If the migration fails.
pub fn play(dir: &Path) -> Fallible<Record> {
    let file = dir.canonicalize()?.join("phone.db");
    bring_up(&file, &STEPS[..1], connect)?;
    let db = connect(&file)?;
    for id in 1..=ROWS {
        db.execute("INSERT INTO note (id, text) VALUES (?1, ?2)", (id, "示例 ".repeat(200)))?;
    }
    // A kill: the log stays beside the file.
    let wal = std::fs::read(dir.join("phone.db-wal"))?;
    drop(db);
    std::fs::write(dir.join("phone.db-wal"), wal)?;
    let disk = Disk::record(dir)?;
    bring_up(&file, &STEPS, connect)?;
    disk.promised(0);
    drop(connect(&file)?);
    Ok(disk.finish())
}

/// Holds the migration to its promise.
pub struct MigrationJudge {
    done: bool,
    scratch: Scratch,
}

impl MigrationJudge {
    /// Nothing is done yet.
    ///
    /// # Errors
    /// If there is no room for a scratch disk.
    pub fn new() -> Fallible<Self> {
        Ok(Self { done: false, scratch: Scratch::new()? })
    }
}

fn look(db: &Connection) -> Fallible<usize> {
    let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let version = version as usize;
    let rows: i64 = db.query_row("SELECT count(*) FROM note", [], |row| row.get(0))?;
    if rows != ROWS {
        return Err(format!("{rows} of {ROWS} rows at version {version}").into());
    }
    if version > 1 {
        let told: i64 = db.query_row("SELECT count(*) FROM note WHERE told = id * 2", [], |row| row.get(0))?;
        if told != ROWS {
            return Err(format!("{told} of {ROWS} rows are migrated").into());
        }
    }
    Ok(version)
}

impl Judge for MigrationJudge {
    fn promised(&mut self, _: usize) {
        self.done = true;
    }

    fn judge(&mut self, image: &Image<'_>, deep: bool) -> Fallible<u64> {
        let place = self.scratch.place("disk");
        image.lay_out(&place, |_| true)?;
        let file = place.join("phone.db");
        if !deep {
            let version = look(&open_whole(&file)?)?;
            if version != 1 && version != STEPS.len() || self.done && version == 1 {
                return Err(format!("version {version}, done: {}", self.done).into());
            }
            return Ok(3);
        }
        bring_up(&file, &STEPS, connect)?;
        match look(&open_whole(&file)?)? {
            version if version == STEPS.len() => Ok(2),
            version => Err(format!("brought up to {version} only").into()),
        }
    }
}
