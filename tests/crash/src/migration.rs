//! A phone as the first release left it, with signed work unsent, while its database is brought up to this release's
//! schema: whatever happens, one whole database is there, old or new, with every row as it was.

use std::fs::File;
use std::io::Cursor;
use std::path::Path;

use nuanfang_core::device::store::migrate::STEPS;
use nuanfang_core::device::store::{FILE, Store};
use rusqlite::Connection;
use rusqlite::types::Value;
use zip::ZipArchive;

use crate::disk::{Disk, Record};
use crate::image::Image;
use crate::scratch::{Scratch, open_whole};
use crate::sweep::{Fallible, Judge};

const RELEASE: &[u8] = include_bytes!("../../golden/outbox-0.1.0.zip");

/// What no step may change: the log, drafts, and of files all that the first release wrote.
const KEPT: [&str; 3] = ["SELECT * FROM outbox ORDER BY n", "SELECT * FROM draft ORDER BY visit, form", BLOBS];

/// Of files all that the first release wrote.
pub(crate) const BLOBS: &str =
    "SELECT sha, file, key, nonce, len, role, visit, facts, logged, whole FROM blob ORDER BY sha";

/// Rows of any table.
pub type Rows = Vec<Vec<Value>>;

/// The rows that a query finds, with all of their values.
///
/// # Errors
/// If not all can be read.
pub(crate) fn rows_of(db: &Connection, sql: &str) -> Fallible<Rows> {
    let mut query = db.prepare(sql)?;
    let columns = query.column_count();
    let rows = query.query_map([], |row| (0..columns).map(|column| row.get(column)).collect())?;
    Ok(rows.collect::<Result<Rows, _>>()?)
}

fn kept(db: &Connection) -> Fallible<Rows> {
    let tables = KEPT.iter().map(|sql| rows_of(db, sql)).collect::<Result<Vec<_>, _>>()?;
    Ok(tables.concat())
}

/// Puts the database of the first release's phone at `file`.
pub(crate) fn first_release(file: &Path) -> Fallible<()> {
    std::io::copy(&mut ZipArchive::new(Cursor::new(RELEASE))?.by_name("phone/phone.db")?, &mut File::create(file)?)?;
    Ok(())
}

/// Opens the store of the first release, with drafts that are in its write-ahead log alone. Returns also what was in it.
///
/// # Errors
/// If the phone does not open it.
pub fn play(dir: &Path) -> Fallible<(Record, Rows)> {
    let file = dir.join(FILE);
    first_release(&file)?;
    // As a kill leaves it: the log stays beside the file.
    let db = open_whole(&file)?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         INSERT INTO draft SELECT DISTINCT visit, 'visit', '{\"note\":\"示例\"}', 0 FROM outbox WHERE visit IS NOT NULL;",
    )?;
    let rows = kept(&db)?;
    drop(db);
    let disk = Disk::record(dir)?;
    let store = Store::open(disk.root(), None)?;
    disk.promised(0);
    drop(store);
    Ok((disk.finish(), rows))
}

/// Holds the migration to its promise.
pub struct MigrationJudge<'a> {
    rows: &'a Rows,
    done: bool,
    scratch: Scratch,
}

impl<'a> MigrationJudge<'a> {
    /// Nothing is done yet; these rows are there.
    ///
    /// # Errors
    /// If there is no room for a scratch disk.
    pub fn new(rows: &'a Rows) -> Fallible<Self> {
        Ok(Self { rows, done: false, scratch: Scratch::new()? })
    }
}

impl Judge for MigrationJudge<'_> {
    fn promised(&mut self, _: usize) {
        self.done = true;
    }

    fn judge(&mut self, image: &Image<'_>, deep: bool) -> Fallible<u64> {
        let place = self.scratch.place("disk");
        image.lay_out(&place, |_| true)?;
        if deep {
            Store::open(&place, None)?;
        }
        let db = open_whole(&place.join(FILE))?;
        let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version != STEPS.len() as u32 && (version != 1 || self.done || deep) {
            return Err(format!("version {version}, done: {}", self.done).into());
        }
        let found = kept(&db)?;
        if let Some(row) = self.rows.iter().find(|row| !found.contains(row)) {
            return Err(format!("at version {version} row {:?} is not as it was", row.first()).into());
        }
        if found.len() > self.rows.len() {
            return Err(format!("{} rows at version {version}, there were {}", found.len(), self.rows.len()).into());
        }
        Ok(found.len() as u64 + 2)
    }
}
