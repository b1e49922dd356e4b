//! The database written anew without the space of what was deleted, after somebody was erased. A mark beside it says that
//! it is still to be done; the next start does it then.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rusqlite::Connection;

use crate::store::StoreError;
use crate::store::blobs::sync_dir;
use crate::store::vault::owner_only;

/// The mark.
const DUE: &str = "compact.due";
/// The new file until it takes the old one's name.
const NEW: &str = "nuanfang.db.compact";

/// Says that it is to be done, durable on return: before anything is deleted.
pub fn due(dir: &Path) -> Result<(), StoreError> {
    File::create(dir.join(DUE))?.sync_all()?;
    Ok(sync_dir(dir)?)
}

/// Does what is still to be done. The folder is locked, and nobody has the database open.
pub fn complete(dir: &Path) -> Result<(), StoreError> {
    if !dir.join(DUE).exists() {
        return Ok(());
    }
    let (file, new) = (dir.join("nuanfang.db"), dir.join(NEW));
    remove(&new)?;
    let db = Connection::open(&file)?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    // On the disk, beside the old one: in memory there may be no room for all of it.
    db.execute("VACUUM INTO ?1", [new.to_string_lossy()])?;
    db.close().map_err(|(_, error)| error)?;
    owner_only(&new)?;
    File::open(&new)?.sync_all()?;
    for log in ["nuanfang.db-wal", "nuanfang.db-shm"] {
        remove(&dir.join(log))?;
    }
    fs::rename(&new, &file)?;
    sync_dir(dir)?;
    remove(&dir.join(DUE))?;
    Ok(sync_dir(dir)?)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
