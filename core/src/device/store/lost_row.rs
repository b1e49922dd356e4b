//! Positions at the end of a log whose records were lost: nothing is logged there before the server has said what it has.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::enrolment::{signed, u64_at};
use crate::canon::hash::Sha;
use crate::device::trouble::Trouble;
use crate::id::DeviceId;

/// Notes a position, and the hash there where it is known.
pub fn put(transaction: &Transaction<'_>, device: DeviceId, seq: u64, sha: Option<Sha>) -> Result<(), Trouble> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO lost_place (device, seq, sha) VALUES (?1, ?2, ?3)")?
        .execute(params![device.0.as_bytes(), signed(seq), sha.map(|sha| sha.0)])?;
    Ok(())
}

/// The last position that is noted, and its hash where that is known.
pub fn last(connection: &Connection, device: DeviceId) -> Result<Option<(u64, Option<Sha>)>, Trouble> {
    let mut statement =
        connection.prepare_cached("SELECT seq, sha FROM lost_place WHERE device = ?1 ORDER BY seq DESC LIMIT 1")?;
    let found = statement.query_row([device.0.as_bytes()], |row| {
        Ok((u64_at(row, "seq")?, row.get::<_, Option<[u8; 32]>>("sha")?.map(Sha)))
    });
    Ok(found.optional()?)
}

/// The hash at a position, where that is noted: none where it is noted and not known.
pub fn sha(connection: &Connection, device: DeviceId, seq: u64) -> Result<Option<Option<Sha>>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT sha FROM lost_place WHERE device = ?1 AND seq = ?2")?;
    let found = statement.query_row(params![device.0.as_bytes(), signed(seq)], |row| row.get::<_, Option<[u8; 32]>>(0));
    Ok(found.optional()?.map(|sha| sha.map(Sha)))
}

/// The server has nothing after `seq`: what was lost there stands in the way of nothing any more.
pub fn forget_after(transaction: &Transaction<'_>, device: DeviceId, seq: u64) -> Result<(), Trouble> {
    transaction
        .prepare_cached("DELETE FROM lost_place WHERE device = ?1 AND seq > ?2")?
        .execute(params![device.0.as_bytes(), signed(seq)])?;
    Ok(())
}

/// A log was begun anew, from its first position on.
pub fn forget_all(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    transaction.execute("DELETE FROM lost_place", [])?;
    Ok(())
}
