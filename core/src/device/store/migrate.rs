//! Brings a database up to date on a copy: copy, migrate, check, swap. Until the swap the old file is untouched, so a
//! kill at any moment leaves one whole database, old or new.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::salvage;
use crate::device::trouble::Trouble;

/// The steps, in order; a database's `user_version` is how many it has seen.
pub const STEPS: &[&str] = &[
    include_str!("../../../migrations/0001_phone.sql"),
    include_str!("../../../migrations/0002_judged.sql"),
    include_str!("../../../migrations/0003_placed.sql"),
    include_str!("../../../migrations/0004_continues.sql"),
    include_str!("../../../migrations/0005_under_way.sql"),
    include_str!("../../../migrations/0006_revoked.sql"),
    include_str!("../../../migrations/0007_departed_plan.sql"),
    include_str!("../../../migrations/0008_dismissed.sql"),
    include_str!("../../../migrations/0009_mirror_key.sql"),
    include_str!("../../../migrations/0010_taken_visit.sql"),
    include_str!("../../../migrations/0011_unsafe_rows.sql"),
    include_str!("../../../migrations/0012_certificates.sql"),
    include_str!("../../../migrations/0013_damage.sql"),
    include_str!("../../../migrations/0014_lost_place.sql"),
];

/// Makes sure `path` is a database that has seen all of `steps`. One in which a step meets damage is made anew out of what can
/// still be read of it, and is then put aside.
///
/// # Errors
/// [`Trouble::NewerDatabase`] when it has seen more; whatever a step or the check says. The file is then as it was.
pub fn bring_up(
    path: &Path,
    steps: &[&str],
    connect: impl Fn(&Path) -> Result<Connection, Trouble>,
) -> Result<(), Trouble> {
    salvage::tidy(path)?;
    let done = bring_up_cleanly(path, steps, &connect);
    match done {
        Err(Trouble::Damaged(why)) => {
            let mended = salvage::salvage(path, &connect).and_then(|(fresh, lost)| {
                bring_up_cleanly(&fresh, steps, &connect)?;
                salvage::swap(path, &fresh, lost, &connect)
            });
            mended.map_err(|trouble| if trouble.is_disk_full() { trouble } else { Trouble::Damaged(why) })
        }
        done => done,
    }
}

fn bring_up_cleanly(
    path: &Path,
    steps: &[&str],
    connect: impl Fn(&Path) -> Result<Connection, Trouble>,
) -> Result<(), Trouble> {
    let copy = beside(path, "migrating");
    let done = bring_up_on(&copy, path, steps, connect);
    if done.is_err() {
        // Half of it would take room that saving needs; the next start looks for it, too.
        let _ = remove(&copy);
    }
    done
}

fn bring_up_on(
    copy: &Path,
    path: &Path,
    steps: &[&str],
    connect: impl Fn(&Path) -> Result<Connection, Trouble>,
) -> Result<(), Trouble> {
    remove(copy)?;
    // A file that can't be looked at is there: a new one in its place would be the loss of it.
    if path.try_exists()? {
        let old = connect(path)?;
        let version = version_of(&old)?;
        let known = steps.len() as u32;
        if version > known {
            return Err(Trouble::NewerDatabase { found: version, known });
        }
        if version == known {
            return Ok(());
        }
        if version > 0 {
            // All of the old file in one place, so that nothing of it lies in a WAL beside the new one.
            old.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
            old.close().map_err(|(_, error)| error)?;
            std::fs::copy(path, copy)?;
        }
    }
    let new = connect(copy)?;
    let from = version_of(&new)? as usize;
    for (index, step) in steps.iter().enumerate().skip(from) {
        let version = index + 1;
        new.execute_batch(&format!("BEGIN IMMEDIATE;\n{step}\nPRAGMA user_version = {version};\nCOMMIT;"))?;
    }
    let verdict: String = new.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Trouble::damaged(verdict));
    }
    new.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    new.close().map_err(|(_, error)| error)?;
    std::fs::File::open(copy)?.sync_all()?;
    // Left by an app that was killed before its first step; a WAL of nothing must not meet the new file.
    for suffix in ["-wal", "-shm"] {
        remove_one(&with_suffix(path, suffix))?;
    }
    std::fs::rename(copy, path)?;
    crate::device::blob::sync_dir(folder_of(path))?;
    Ok(())
}

pub(super) fn version_of(connection: &Connection) -> Result<u32, Trouble> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// The folder that a file lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(super) fn beside(path: &Path, what: &str) -> PathBuf {
    path.with_extension(what)
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn remove(path: &Path) -> Result<(), Trouble> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        remove_one(&with_suffix(path, suffix))?;
    }
    Ok(())
}

pub(super) fn remove_one(path: &Path) -> Result<(), Trouble> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::store::mirror_row;
    use crate::domain::{DeciCelsius, VisitKind};

    fn plain(path: &Path) -> Result<Connection, Trouble> {
        Ok(Connection::open(path)?)
    }

    fn notes(path: &Path) -> Vec<String> {
        let connection = Connection::open(path).unwrap();
        let mut statement = connection.prepare("SELECT text FROM note ORDER BY id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    const FIRST: &str = "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT);";

    #[test]
    fn an_older_database_keeps_its_rows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("phone.db");
        bring_up(&path, &[FIRST], plain).unwrap();
        let open = Connection::open(&path).unwrap();
        open.pragma_update(None, "journal_mode", "WAL").ok();
        open.execute("INSERT INTO note (text) VALUES ('在 WAL 里')", []).unwrap();
        drop(open);
        bring_up(&path, &[FIRST, "UPDATE note SET text = text || '，已升级';"], plain).unwrap();
        assert_eq!(notes(&path), ["在 WAL 里，已升级"]);
    }

    #[test]
    fn a_step_that_fails_leaves_the_old_file_and_the_next_start_tries_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("phone.db");
        bring_up(&path, &[FIRST, "INSERT INTO note (text) VALUES ('旧');"], plain).unwrap();
        let broken = "DELETE FROM note; SELECT nonsense FROM nowhere;";
        assert!(bring_up(&path, &[FIRST, "", broken], plain).is_err());
        assert_eq!(notes(&path), ["旧"]);
        bring_up(&path, &[FIRST, "", "INSERT INTO note (text) VALUES ('新');"], plain).unwrap();
        assert_eq!(notes(&path), ["旧", "新"]);
    }

    #[test]
    fn of_a_visit_that_had_left_what_was_known_of_its_plan_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("phone.db");
        bring_up(&path, &STEPS[..6], plain).unwrap();
        let open = Connection::open(&path).unwrap();
        open.execute_batch(
            "INSERT INTO enrolment (one, device, worker, supplier, url, certificate, epoch, floor_sha)
             VALUES (1, randomblob(16), randomblob(16), '', '', '', 1, zeroblob(32));
             INSERT INTO departed_visit (visit, why, kind, basis, lane, household, agreed) VALUES
                 (x'00000000000000000000000000000001', 'reassigned', 'repair', 3, 2, randomblob(16), 200),
                 (x'00000000000000000000000000000002', 'reset', 'inspection', 1, 1, NULL, NULL),
                 (x'00000000000000000000000000000003', 'reassigned', '', 0, 0, NULL, NULL);",
        )
        .unwrap();
        drop(open);
        bring_up(&path, STEPS, plain).unwrap();
        let left = mirror_row::departed(&Connection::open(&path).unwrap()).unwrap();
        let known: Vec<_> = left.iter().map(|departed| departed.plan.versions.first()).collect();
        let [Some(full), Some(bare), None] = known.as_slice() else { panic!("{left:?}") };
        assert_eq!((full.version, full.lane, full.plan.kind), (2, 2, VisitKind::Repair));
        assert_eq!((full.plan.agreed, full.plan.household.0.is_nil()), (Some(DeciCelsius(200)), false));
        assert_eq!((bare.plan.kind, bare.plan.household.0.is_nil()), (VisitKind::Inspection, true));
    }

    #[test]
    fn a_newer_database_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("phone.db");
        bring_up(&path, &[FIRST, ""], plain).unwrap();
        let refused = bring_up(&path, &[FIRST], plain);
        assert!(matches!(refused, Err(Trouble::NewerDatabase { found: 2, known: 1 })));
    }
}
