//! Numbered schema steps. `user_version` says how far a file is; a file from a newer version is refused untouched.

use std::path::Path;

use rusqlite::Connection;

use super::StoreError;

/// One step: its number and its SQL.
pub(super) type Step = (u32, &'static str);

/// Brings `db` to the newest of `steps`, each in a transaction of its own.
pub(super) fn migrate(db: &mut Connection, file: &Path, steps: &[Step]) -> Result<(), StoreError> {
    let known = steps.iter().map(|step| step.0).max().unwrap_or(0);
    let found: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(StoreError::Newer { file: file.to_owned(), found, known });
    }
    for (number, sql) in steps.iter().filter(|step| step.0 > found) {
        let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        tx.execute_batch(sql)?;
        tx.pragma_update(None, "user_version", number)?;
        tx.commit()?;
    }
    Ok(())
}
