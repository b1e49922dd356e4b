//! The inputs that are kept: for each target those that reached something the others don't, and every one that once
//! broke a promise. One archive a target, made by `scripts/fuzz.sh`.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use zip::ZipArchive;

/// The kept inputs of a target, with their names.
///
/// # Errors
/// What the archive or the disk says.
pub fn of(target: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(format!("{target}.zip"));
    let mut archive = ZipArchive::new(File::open(path)?).map_err(io::Error::other)?;
    (0..archive.len())
        .map(|at| {
            let mut file = archive.by_index(at).map_err(io::Error::other)?;
            let name = file.name().map_err(io::Error::other)?.into_owned();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok((name, bytes))
        })
        .collect()
}
