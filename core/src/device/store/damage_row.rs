//! What was lost when the database was made anew out of a damaged one, and the damaged files beside it.

use rusqlite::{Connection, Transaction, params};

use super::enrolment::{signed, u64_at};
use super::salvage::Aside;
use crate::device::trouble::Trouble;
use crate::time::Millis;

/// For how long, by the server's time, it is told that records were lost.
const TOLD_MS: i64 = 3 * 24 * 3_600_000;

/// Notes a damaged file and what was lost with it.
pub fn put(transaction: &Transaction<'_>, aside: &Aside) -> Result<(), Trouble> {
    transaction
        .prepare_cached("INSERT INTO damage (file, records) VALUES (?1, ?2)")?
        .execute(params![aside.file, signed(aside.records)])?;
    Ok(())
}

/// The damaged files that are to stay.
pub fn files(connection: &Connection) -> Result<Vec<String>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT file FROM damage WHERE file IS NOT NULL")?;
    let found = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// How many records were lost, as long as it is to be told.
pub fn lost(connection: &Connection) -> Result<u64, Trouble> {
    let mut statement = connection.prepare_cached(
        "SELECT coalesce(sum(records), 0) AS lost FROM damage
         WHERE since_ms IS NULL OR since_ms > coalesce((SELECT synced_ms FROM enrolment), 0) - ?1",
    )?;
    Ok(statement.query_row([TOLD_MS], |row| u64_at(row, "lost"))?)
}

/// How many records were lost, as long as it is noted at all.
pub fn ever_lost(connection: &Connection) -> Result<u64, Trouble> {
    let mut statement = connection.prepare_cached("SELECT coalesce(sum(records), 0) AS lost FROM damage")?;
    Ok(statement.query_row([], |row| u64_at(row, "lost"))?)
}

/// The server was heard at its time `now`: what was noted before `before` is over.
pub fn age(transaction: &Transaction<'_>, now: Millis, before: Millis) -> Result<(), Trouble> {
    transaction.prepare_cached("UPDATE damage SET since_ms = ?1 WHERE since_ms IS NULL")?.execute([now.0])?;
    transaction.prepare_cached("DELETE FROM damage WHERE since_ms < ?1")?.execute([before.0])?;
    Ok(())
}

/// Nothing of anybody is to stay here that is not in the log.
pub fn let_go(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    transaction.execute("UPDATE damage SET file = NULL", [])?;
    Ok(())
}
