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
///
/// # Errors
/// What the disk says: there may be no room for a second copy. The database is as it was, and the mark stands.
pub fn complete(dir: &Path) -> Result<(), StoreError> {
    if !dir.join(DUE).exists() {
        return Ok(());
    }
    let done = write_anew(dir);
    if done.is_err() {
        // What came of it takes the room that the log needs.
        let _ = remove(&dir.join(NEW));
    }
    done?;
    remove(&dir.join(DUE))?;
    Ok(sync_dir(dir)?)
}

fn write_anew(dir: &Path) -> Result<(), StoreError> {
    let (file, new) = (dir.join("nuanfang.db"), dir.join(NEW));
    remove(&new)?;
    let db = Connection::open(&file)?;
    let busy: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy != 0 {
        // Somebody reads beside it: what is in the log alone would go with it.
        return Err(StoreError::Locked(dir.to_owned()));
    }
    // Nobody else may read it while it grows.
    File::create(&new)?;
    owner_only(&new)?;
    // On the disk, beside the old one: in memory there may be no room for all of it.
    db.execute("VACUUM INTO ?1", [new.to_string_lossy()])?;
    db.close().map_err(|(_, error)| error)?;
    File::open(&new)?.sync_all()?;
    for log in ["nuanfang.db-wal", "nuanfang.db-shm"] {
        remove(&dir.join(log))?;
    }
    fs::rename(&new, &file)?;
    Ok(sync_dir(dir)?)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_rows() -> Result<tempfile::TempDir, StoreError> {
        let dir = tempfile::tempdir()?;
        let db = Connection::open(dir.path().join("nuanfang.db"))?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA user_version = 7; CREATE TABLE t (x);
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
             INSERT INTO t SELECT randomblob(1000) FROM n; DELETE FROM t WHERE rowid > 10;",
        )?;
        due(dir.path())?;
        Ok(dir)
    }

    fn stands(dir: &Path) -> Result<(i64, i64), StoreError> {
        let db = Connection::open(dir.join("nuanfang.db"))?;
        Ok(db.query_row("SELECT (SELECT count(*) FROM t), user_version FROM pragma_user_version", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?)
    }

    #[test]
    fn what_is_due_is_done_once_and_what_an_ended_one_left_is_no_hindrance() -> Result<(), StoreError> {
        let dir = with_rows()?;
        let before = fs::metadata(dir.path().join("nuanfang.db"))?.len();
        fs::write(dir.path().join(NEW), b"half of it")?;
        complete(dir.path())?;
        assert!(fs::metadata(dir.path().join("nuanfang.db"))?.len() < before / 2);
        assert_eq!(stands(dir.path())?, (10, 7));
        assert!(!dir.path().join(DUE).exists() && !dir.path().join(NEW).exists());
        // Killed after the rename: it is done once more.
        due(dir.path())?;
        complete(dir.path())?;
        assert_eq!(stands(dir.path())?, (10, 7));
        Ok(())
    }

    #[test]
    fn while_somebody_reads_it_stays_due() -> Result<(), StoreError> {
        let dir = with_rows()?;
        let reader = Connection::open(dir.path().join("nuanfang.db"))?;
        reader.execute_batch("BEGIN; SELECT count(*) FROM t;")?;
        let writer = Connection::open(dir.path().join("nuanfang.db"))?;
        writer.execute_batch("INSERT INTO t VALUES (1)")?;
        assert!(matches!(complete(dir.path()), Err(StoreError::Locked(_))));
        assert!(dir.path().join(DUE).exists() && !dir.path().join(NEW).exists());
        drop((reader, writer));
        complete(dir.path())?;
        assert_eq!(stands(dir.path())?.0, 11);
        Ok(())
    }
}
