//! A phone with signed work unsent, a page of whose database has gone bad, while the database is made anew out of the rest:
//! whatever happens, the next start has each record that could still be read, and the damaged file for whoever gets more out of it.

use std::path::Path;

use nuanfang_core::device::store::{FILE, Store};
use rusqlite::Connection;

use crate::disk::{Disk, Record};
use crate::image::Image;
use crate::migration::{BLOBS, Rows, first_release, rows_of};
use crate::scratch::{Scratch, open_whole};
use crate::sweep::{Fallible, Judge};

/// Whose database it is that the damage is met in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// This release's, at work.
    Current,
    /// The first release's, while it is brought up to this release's.
    First,
}

/// What must not be lost.
pub struct Truth {
    /// The rows that can still be read.
    rows: Rows,
    /// The damaged file, but for its first page, which says how its journal is kept.
    beyond_first_page: Vec<u8>,
}

/// Lays the damaged database out in `dir`.
///
/// # Errors
/// If the phone does not open what it is made of.
pub fn prepare(dir: &Path, schema: Schema) -> Fallible<Truth> {
    let file = dir.join(FILE);
    first_release(&file)?;
    if schema == Schema::Current {
        Store::open(dir, None)?.settle()?;
    }
    let page_size = usize::try_from(open_whole(&file)?.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))?)?;
    let whole = std::fs::read(&file)?;
    let all = readable(&file)?.len();
    let mut least: Option<(Rows, Vec<u8>)> = None;
    for page in 1..whole.len() / page_size {
        let mut bytes = whole.clone();
        bytes[page * page_size..][..page_size].fill(0xFF);
        std::fs::write(&file, &bytes)?;
        // A page of anything but the log, or of so much of it that nothing is left, is another matter.
        let Ok(rows) = readable(&file) else { continue };
        if rows.len() < all && least.as_ref().is_none_or(|(most, _)| rows.len() > most.len()) {
            least = Some((rows, bytes));
        }
    }
    let (rows, bytes) = least.ok_or("no page holds part of the log")?;
    std::fs::write(&file, &bytes)?;
    Ok(Truth { rows, beyond_first_page: bytes[page_size..].to_vec() })
}

/// What can be read of a damaged database, records one by one.
fn readable(file: &Path) -> Fallible<Rows> {
    let db = Connection::open(file)?;
    db.query_row("SELECT device FROM enrolment", [], |row| row.get::<_, Vec<u8>>(0))?;
    let last: i64 = db.query_row("SELECT max(n) FROM outbox", [], |row| row.get(0))?;
    let mut rows = Rows::new();
    for n in 1..=last {
        rows.extend(rows_of(&db, &format!("SELECT * FROM outbox WHERE n = {n}")).unwrap_or_default());
    }
    rows.extend(rows_of(&db, BLOBS)?);
    Ok(rows)
}

/// Opens the damaged database of [`prepare`], and has it made anew where opening it did not.
///
/// # Errors
/// If that does not mend it.
pub fn play(dir: &Path, schema: Schema) -> Fallible<(Record, Truth)> {
    let truth = prepare(dir, schema)?;
    let disk = Disk::record(dir)?;
    let store = Store::open(disk.root(), None)?;
    let mended = store.mend_now()?;
    if mended != (schema == Schema::Current) {
        return Err(format!("{schema:?}: made anew at work: {mended}").into());
    }
    disk.promised(0);
    drop(store);
    Ok((disk.finish(), truth))
}

impl Truth {
    /// Starts the phone on what lies in `dir`, and holds it to what must be there. Where it `is_done`, nothing is left to mend.
    /// Returns how many statements were checked.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self, dir: &Path, is_done: bool) -> Fallible<u64> {
        let file = dir.join(FILE);
        if is_done {
            open_whole(&file)?;
        }
        let store = Store::open(dir, None)?;
        let mended = store.mend_now()?;
        drop(store);
        if is_done && mended {
            return Err("what was made anew is damaged".into());
        }
        open_whole(&file)?;
        let found = readable(&file)?;
        if let Some(row) = self.rows.iter().find(|row| !found.contains(row)) {
            return Err(format!("row {:?} is not as it was", row.first()).into());
        }
        if found.len() > self.rows.len() {
            return Err(format!("{} rows, {} could be read", found.len(), self.rows.len()).into());
        }
        let db = Connection::open(&file)?;
        let mut noted = db.prepare("SELECT file FROM damage")?;
        let noted: Vec<String> = noted.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let [aside] = noted.as_slice() else { return Err(format!("damaged files noted: {noted:?}").into()) };
        if !std::fs::read(dir.join(aside))?.ends_with(&self.beyond_first_page) {
            return Err("the damaged file is not as it was".into());
        }
        Ok(found.len() as u64 + 4)
    }
}

/// Holds what was made anew to its promise.
pub struct SalvageJudge<'a> {
    truth: &'a Truth,
    is_done: bool,
    scratch: Scratch,
}

impl<'a> SalvageJudge<'a> {
    /// Nothing is done yet.
    ///
    /// # Errors
    /// If there is no room for a scratch disk.
    pub fn new(truth: &'a Truth) -> Fallible<Self> {
        Ok(Self { truth, is_done: false, scratch: Scratch::new()? })
    }
}

impl Judge for SalvageJudge<'_> {
    fn promised(&mut self, _: usize) {
        self.is_done = true;
    }

    fn judge(&mut self, image: &Image<'_>, _: bool) -> Fallible<u64> {
        let place = self.scratch.place("disk");
        image.lay_out(&place, |_| true)?;
        self.truth.check(&place, self.is_done)
    }
}
