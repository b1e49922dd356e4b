//! What a company downloads (B19): the shipped binary, everything in it. The probe is what it carries for others: its fonts
//! and the console's page, as they lie in the checkout.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Bench, Figure, Run, Tried, Value, root, target};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "B19-binary",
    name: "the shipped binary with fonts and console, as the last `make release` built it",
    unit: "MB",
    probe: "its fonts and the console's files",
    value: Value::Measured,
    goal: Some(64.0),
}];

/// The bench.
pub struct Binary {
    file: PathBuf,
}

impl Binary {
    /// Where the binary lies, if there is one.
    pub fn prepare() -> Self {
        Self { file: target().join("release").join("nuanfang") }
    }
}

impl Bench for Binary {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn missing(&self) -> Option<&'static str> {
        (!self.file.is_file()).then_some("there is no shipped binary: make release")
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let carried = bytes(&root().join("server/documents/fonts"))? + bytes(&root().join("server/console/dist"))?;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        Ok(vec![Run { measured: megabytes(fs::metadata(&self.file)?.len()), probe: megabytes(carried) }])
    }
}

/// Of all files in a folder and below it.
fn bytes(folder: &Path) -> Tried<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        sum += if about.is_dir() { bytes(&entry.path())? } else { about.len() };
    }
    Ok(sum)
}
