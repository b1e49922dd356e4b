//! A company's whole ledger at once: a hundred thousand dwellings from a real .xlsx, through the same import as
//! `nuanfang import`: unpacked, read cell by cell, checked, matched, logged, projected, on disk. The probe reads the
//! same cells from the same file and writes each row as one line of text with bare SQLite.

use std::io::Cursor;
use std::net::SocketAddr;
use std::path::Path;

use calamine::{Data, DataRef, Reader, Xlsx};
use nuanfang_server::office::ledger::Register;
use nuanfang_server::{Config, serve};
use rusqlite::Connection;
use tempfile::TempDir;

use super::town::{save_ledger, take_in};
use super::{Bench, Figure, Run, Size, Tried, Value, scratch, timed};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "import",
    name: "import of 100,000 households of 50 + 9 columns from .xlsx",
    unit: "s",
    probe: "calamine reading the same cells, bare SQLite writing each row as one line of text",
    value: Value::OfProbe,
    goal: None,
}];

/// The bench.
pub struct Import {
    workbook: Vec<u8>,
    households: usize,
}

impl Import {
    /// Writes the workbook.
    pub fn prepare(size: Size) -> Tried<Self> {
        let households = size.of(100_000, 120);
        let folder = scratch()?;
        let files = save_ledger(folder.path(), households)?;
        Ok(Self { workbook: std::fs::read(files.households)?, households })
    }
}

impl Bench for Import {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let folder = scratch()?;
        let measured = self.import(&folder)?;
        let (probe, rows) = timed(|| copy_rows(&self.workbook, &folder.path().join("rows.db")))?;
        // The ledger and its supplement, each under one line of headings.
        if rows != 2 * (self.households + 1) {
            return Err(format!("the probe read {rows} rows").into());
        }
        Ok(vec![Run { measured, probe }])
    }
}

impl Import {
    fn import(&self, folder: &TempDir) -> Tried<f64> {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let state = serve::open(Config::local(folder.path().join("data")), nowhere)?;
        let (seconds, added) = timed(|| take_in(&state, Register::Households, &self.workbook))?;
        state.store.close();
        if added != self.households as u64 {
            return Err(format!("{added} households of {} came in", self.households).into());
        }
        Ok(seconds)
    }
}

fn copy_rows(workbook: &[u8], file: &Path) -> Tried<usize> {
    let mut db = Connection::open(file)?;
    db.execute_batch(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE row (id INTEGER PRIMARY KEY, cells TEXT NOT NULL);",
    )?;
    let transaction = db.transaction()?;
    let mut count = 0;
    {
        let mut insert = transaction.prepare("INSERT INTO row (cells) VALUES (?1)")?;
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(workbook))?;
        for sheet in book.sheet_names() {
            let mut cells = book.worksheet_cells_reader(&sheet)?;
            let (mut at, mut line) = (None, String::new());
            while let Some(cell) = cells.next_cell()? {
                let (row, _) = cell.get_position();
                if at.is_some_and(|at| at != row) {
                    insert.execute([&line])?;
                    count += 1;
                    line.clear();
                }
                at = Some(row);
                line.push('\t');
                match cell.get_value() {
                    DataRef::SharedString(text) => line.push_str(text),
                    DataRef::String(text) => line.push_str(text),
                    value => line.push_str(&Data::from(value.clone()).to_string()),
                }
            }
            if at.is_some() {
                insert.execute([&line])?;
                count += 1;
            }
        }
    }
    transaction.commit()?;
    Ok(count)
}
