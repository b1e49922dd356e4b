//! The reports of past imports, kept as files: they are no facts, and not in the log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::ImportReport;
use crate::store::vault::owner_only;

/// Reports that are kept; older ones go.
const KEPT: usize = 200;

/// Their folder in the data folder.
pub const FOLDER: &str = "import-reports";

fn folder(data: &Path) -> PathBuf {
    data.join(FOLDER)
}

/// Keeps a report, readable by the owner of the data folder alone.
pub fn keep(data: &Path, report: &ImportReport) -> io::Result<()> {
    let folder = folder(data);
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{}.json", report.id));
    crate::whole::write(&file, &serde_json::to_vec(report)?)?;
    owner_only(&file)?;
    for old in names(&folder)?.into_iter().skip(KEPT) {
        fs::remove_file(folder.join(format!("{old}.json")))?;
    }
    Ok(())
}

/// One report.
pub fn find(data: &Path, id: Uuid) -> io::Result<Option<ImportReport>> {
    match fs::read(folder(data).join(format!("{id}.json"))) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The newest `limit` reports, without their problems.
pub fn newest(data: &Path, limit: usize) -> io::Result<Vec<ImportReport>> {
    let folder = folder(data);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut reports = Vec::new();
    for id in names(&folder)?.into_iter().take(limit) {
        if let Some(mut report) = find(data, id)? {
            report.problems.clear();
            reports.push(report);
        }
    }
    Ok(reports)
}

/// Newest first: the ids begin with their time.
fn names(folder: &Path) -> io::Result<Vec<Uuid>> {
    let mut ids: Vec<Uuid> = fs::read_dir(folder)?
        .filter_map(|entry| Uuid::parse_str(Path::new(&entry.ok()?.file_name()).file_stem()?.to_str()?).ok())
        .collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(ids)
}
