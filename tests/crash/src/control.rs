//! The control: SQLite told to sync at every commit, at checkpoints only, or never. A sweep that can't tell the three
//! apart is blind.

use std::path::Path;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rusqlite::Connection;
use serde::Serialize;

use crate::disk::{Disk, Event, Record};
use crate::image::Crash;
use crate::replay::Replay;
use crate::sweep::Fallible;

/// `PRAGMA synchronous`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// Never: the operating system writes when it likes.
    Off,
    /// Before and after a checkpoint.
    Normal,
    /// At every commit: what phone and server use.
    Full,
}

/// What a crash at each index of the control workload found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Crashes tried.
    pub crashes: usize,
    /// Those after which a committed row was gone.
    pub lost: usize,
    /// Those after which the database was damaged.
    pub damaged: usize,
}

const COMMITS: usize = 40;

fn record(dir: &Path, synchronous: Synchronous) -> Fallible<Record> {
    let disk = Disk::record(dir)?;
    let db = Connection::open(disk.root().join("control.db"))?;
    let level = match synchronous {
        Synchronous::Off => "OFF",
        Synchronous::Normal => "NORMAL",
        Synchronous::Full => "FULL",
    };
    db.execute_batch(&format!(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = {level};
         CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL);"
    ))?;
    for n in 1..=COMMITS {
        db.execute("INSERT INTO note (id, text) VALUES (?1, ?2)", (n as i64, "暖".repeat(500)))?;
        disk.promised(n);
        if n % 10 == 0 {
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
    }
    drop(db);
    Ok(disk.finish())
}

/// Records the workload in `dir` and crashes it at every index, several ways each, seeded by `seed`.
///
/// # Errors
/// If the workload itself fails.
pub fn run(dir: &Path, synchronous: Synchronous, seed: u64) -> Fallible<Found> {
    let (work, scratch) = (dir.join("work"), dir.join("scratch"));
    std::fs::create_dir_all(&work)?;
    std::fs::create_dir_all(&scratch)?;
    let record = record(&work, synchronous)?;
    let quiet = Disk::quiet(&scratch)?;
    let mut found = Found::default();
    let mut replay = Replay::new(&record);
    let mut dice = StdRng::seed_from_u64(seed);
    let mut promised = 0;
    while let Some(event) = replay.step() {
        if let Event::Promise(n) = event {
            promised = *n;
        }
        for crash in Crash::ALL {
            found.crashes += 1;
            let place = quiet.root().join("disk");
            replay.crash(crash, &mut dice).lay_out(&place, |_| true)?;
            match rows(&place.join("control.db")) {
                Ok(rows) => found.lost += usize::from(rows < promised),
                Err(_) => found.damaged += 1,
            }
        }
    }
    Ok(found)
}

fn rows(file: &Path) -> Fallible<usize> {
    let db = Connection::open(file)?;
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(verdict.into());
    }
    let there: bool = db.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_master)", [], |row| row.get(0))?;
    if !there {
        return Ok(0);
    }
    let (count, last): (i64, i64) =
        db.query_row("SELECT count(*), coalesce(max(id), 0) FROM note", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if count != last { Err("a hole".into()) } else { Ok(usize::try_from(count)?) }
}
