//! A phone's database in memory, for drills: a process that ends leaves it as its last commit did, as long as somebody
//! outside keeps a connection to it.

use std::path::Path;

use rusqlite::Connection;

use super::{Store, keep_statements, migrate};
use crate::device::blob;
use crate::device::trouble::Trouble;
use crate::drill::{self, Mutant};

/// For [`Mutant::UpgradeClears`] alone.
const CLEARING: &str = "DELETE FROM outbox WHERE safe_ms IS NULL; DELETE FROM draft;";

impl Store {
    /// Opens the database that lies in memory under `name`, made when there is none; the files are in `dir`. The
    /// schema of this release has seen one step more than that of a drill's release before it.
    ///
    /// # Errors
    /// What SQLite or the disk says.
    pub fn open_in_memory(dir: &Path, name: &str) -> Result<Self, Trouble> {
        std::fs::create_dir_all(dir.join(blob::FOLDER))?;
        let writer = connect(name)?;
        let version: u32 = writer.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let own = if drill::is(Mutant::UpgradeClears) { CLEARING } else { "" };
        let steps = migrate::STEPS.iter().chain((!drill::is_older()).then_some(&own));
        for (index, step) in steps.enumerate().skip(version as usize) {
            writer.execute_batch(&format!("BEGIN; {step} PRAGMA user_version = {}; COMMIT;", index + 1))?;
        }
        let reader = connect(name)?;
        reader.pragma_update(None, "query_only", true)?;
        Ok(Self::over(writer, reader, connect(name)?, dir))
    }
}

fn connect(name: &str) -> Result<Connection, Trouble> {
    let connection = Connection::open(format!("file:/{name}?vfs=memdb"))?;
    connection.execute_batch("PRAGMA page_size = 1024; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON;")?;
    keep_statements(&connection)?;
    Ok(connection)
}
