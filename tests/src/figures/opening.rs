//! A phone's morning after weeks without a network (B8): ten thousand operations wait in its encrypted store, the app opens,
//! and its first exchange is ready to leave. The probe opens the same file with bare SQLCipher and reads the rows of that
//! exchange.

use std::path::PathBuf;

use nuanfang_demo::dice::Dice;
use serde::Deserialize;
use tempfile::TempDir;

use super::cipher::ask;
use super::prose::prose;
use super::{Bench, Figure, Run, Size, Tried, Value, scratch};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "B8-outbox",
    name: "a phone with 10,000 queued operations of 3 KB: from opening its encrypted store to its first exchange leaving",
    unit: "ms",
    probe: "bare SQLCipher opening the same file and reading the exchange's rows",
    value: Value::Measured,
    goal: Some(150.0),
}];

/// The bench.
pub struct Opening {
    folder: TempDir,
}

/// What the phone says it queued.
#[derive(Deserialize)]
struct Filled {
    queued: usize,
}

/// What the phone says it measured.
#[derive(Deserialize)]
struct Opened {
    left: f64,
    read: f64,
}

impl Opening {
    /// Fills an outbox.
    pub fn prepare(size: Size) -> Tried<Self> {
        let opening = Self { folder: scratch()? };
        let (count, mut dice) = (size.of(10_000, 60), Dice::new(2));
        let texts: Vec<String> = (0..count).map(|_| prose(&mut dice, 2_900)).collect();
        let Filled { queued } = ask("fill", [opening.phone()], &texts.join("\n"))?;
        if queued == count { Ok(opening) } else { Err(format!("{queued} of {count} operations are queued").into()) }
    }

    fn phone(&self) -> PathBuf {
        self.folder.path().join("phone")
    }
}

impl Bench for Opening {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let Opened { left, read } = ask("open", [self.phone()], "")?;
        Ok(vec![Run { measured: left, probe: read }])
    }
}
