//! How fast the simulator looks for what breaks a promise (B13): the seeds it begins with, on one core, phones, office and
//! network in a process of its own. The probe says how fast the core is: bare SQLite in memory, a row a transaction.

use std::fs;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use serde::Deserialize;
use tempfile::TempDir;

use super::{Bench, Figure, Run, Size, Tried, Value, beside, scratch, timed};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "B13",
    name: "the simulator on one core, everything that goes wrong and every look at a promise included",
    unit: "steps/s",
    probe: "bare SQLite in memory writing a row of 100 bytes a transaction",
    value: Value::Measured,
    goal: Some(15_000.0),
}];

/// The program.
const PROGRAM: &str = "nuanfang-simulate";

/// The bench.
pub struct Pace {
    folder: TempDir,
    seeds: u32,
    steps: u32,
    rows: u32,
}

/// What the simulator writes of its seeds.
#[derive(Deserialize)]
struct Played {
    steps_per_second: f64,
}

impl Pace {
    /// As many seeds as a few seconds take.
    pub fn prepare(size: Size) -> Tried<Self> {
        Ok(Self { folder: scratch()?, seeds: size.of(24, 1), steps: size.of(300, 40), rows: size.of(100_000, 100) })
    }
}

impl Bench for Pace {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let program = beside(PROGRAM)?.ok_or(
            "the simulator is not built: cargo build --locked -p nuanfang-simulation (--release for make bench)",
        )?;
        let report = self.folder.path().join("played.json");
        let done = Command::new(program)
            .args(["--seeds", &self.seeds.to_string(), "--steps", &self.steps.to_string(), "--json"])
            .arg(&report)
            .stdin(Stdio::null())
            .output()?;
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).trim().to_owned().into());
        }
        let Played { steps_per_second } = serde_json::from_slice(&fs::read(report)?)?;
        let db = Connection::open_in_memory()?;
        db.execute_batch("CREATE TABLE row (id INTEGER PRIMARY KEY, bytes BLOB)")?;
        let mut insert = db.prepare("INSERT INTO row (bytes) VALUES (?1)")?;
        let (seconds, ()) = timed(|| {
            for _ in 0..self.rows {
                insert.execute([[7_u8; 100].as_slice()])?;
            }
            Ok(())
        })?;
        Ok(vec![Run { measured: steps_per_second, probe: f64::from(self.rows) / seconds }])
    }
}
