//! The rows of files: where which bytes lie. A file whose row is gone is erased, wherever it lay.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use uuid::Uuid;

use super::enrolment::{sha_at, signed, u64_at};
use super::mirror_row::planned;
use super::outbox_row::settled;
use crate::canon::hash::Sha;
use crate::device::trouble::Trouble;
use crate::id::{DeviceId, VisitId};
use crate::wire::Owes;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRow {
    /// SHA-256 of its bytes.
    pub sha: Sha,
    /// Their number.
    pub len: u64,
    /// What it is: `photo.before`, `signature.image` …
    pub role: String,
    /// The visit it was taken in.
    pub visit: Option<VisitId>,
    /// What is known of its taking, as JSON.
    pub facts: String,
    /// An operation names it.
    pub logged: bool,
    /// The server holds all of it.
    pub whole: bool,
    /// The encrypted file beside the database that holds its bytes; without one they are in the row.
    pub beside: Option<Beside>,
}

/// An encrypted file beside the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// Its name, random.
    pub file: String,
    /// The key of this file alone.
    pub key: [u8; 32],
    /// The nonce's fixed part.
    pub nonce: [u8; 7],
}

/// Everything of a row but the bytes.
const COLUMNS: &str = "sha, len, role, visit, facts, logged, whole, file, key, nonce";

fn read(row: &Row<'_>) -> rusqlite::Result<BlobRow> {
    let beside = match row.get("file")? {
        Some(file) => Some(Beside { file, key: row.get("key")?, nonce: row.get("nonce")? }),
        None => None,
    };
    Ok(BlobRow {
        sha: sha_at(row, "sha")?,
        len: u64_at(row, "len")?,
        role: row.get("role")?,
        visit: row.get::<_, Option<[u8; 16]>>("visit")?.map(|id| VisitId(Uuid::from_bytes(id))),
        facts: row.get("facts")?,
        logged: row.get("logged")?,
        whole: row.get("whole")?,
        beside,
    })
}

/// The file of these bytes.
pub fn find(connection: &Connection, sha: Sha) -> Result<Option<BlobRow>, Trouble> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM blob WHERE sha = ?1"))?;
    Ok(statement.query_row([sha.0], read).optional()?)
}

/// The bytes that lie in a file's row.
pub fn bytes(connection: &Connection, sha: Sha) -> Result<Option<Vec<u8>>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT bytes FROM blob WHERE sha = ?1")?;
    Ok(statement.query_row([sha.0], |row| row.get(0)).optional()?.flatten())
}

/// Adds a file that is not here yet, with its `bytes` unless they lie beside the database.
pub fn insert(transaction: &Transaction<'_>, blob: &BlobRow, bytes: &[u8]) -> Result<(), Trouble> {
    let beside = blob.beside.as_ref();
    transaction
        .prepare_cached(
            "INSERT INTO blob (sha, len, role, visit, facts, logged, whole, file, key, nonce, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            blob.sha.0,
            signed(blob.len),
            blob.role,
            blob.visit.map(|visit| *visit.0.as_bytes()),
            blob.facts,
            blob.logged,
            blob.whole,
            beside.map(|beside| &beside.file),
            beside.map(|beside| beside.key),
            beside.map(|beside| beside.nonce),
            beside.is_none().then_some(bytes),
        ])?;
    Ok(())
}

/// An operation now names the file.
pub fn mark_logged(transaction: &Transaction<'_>, sha: Sha) -> Result<(), Trouble> {
    transaction.prepare_cached("UPDATE blob SET logged = 1 WHERE sha = ?1")?.execute([sha.0])?;
    Ok(())
}

/// The server has, or no longer has, all of the file.
pub fn mark_whole(transaction: &Transaction<'_>, sha: Sha, whole: bool) -> Result<(), Trouble> {
    transaction.prepare_cached("UPDATE blob SET whole = ?2 WHERE sha = ?1")?.execute(params![sha.0, whole])?;
    Ok(())
}

/// Every file of the log of `device` may have to be offered again: the server was restored.
pub fn forget_whole(transaction: &Transaction<'_>, device: DeviceId) -> Result<(), Trouble> {
    transaction.execute("UPDATE blob SET whole = 0", [])?;
    rest_is_whole(transaction, device)
}

/// The files that operations name, in hexadecimal. Asked for once, not for each file: a season has thousands of either.
const NAMED: &str = "SELECT json_extract(part.value, '$.sha') FROM outbox, json_each(outbox.blobs) AS part";

/// Files that only what was safe under a device this folder was before a fork names are in the backup, and the server hears of
/// them from nobody any more. One that nothing names, since its operation was lost here, the server may still ask for.
pub fn rest_is_whole(transaction: &Transaction<'_>, device: DeviceId) -> Result<(), Trouble> {
    transaction.execute(
        &format!(
            "UPDATE blob SET whole = 1 WHERE logged = 1 AND whole = 0
             AND lower(hex(sha)) NOT IN ({NAMED} WHERE outbox.device = ?1) AND lower(hex(sha)) IN ({NAMED})"
        ),
        [device.0.as_bytes()],
    )?;
    Ok(())
}

/// All files that operations name which are here.
pub fn named(connection: &Connection) -> Result<HashSet<String>, Trouble> {
    let mut statement = connection.prepare_cached(NAMED)?;
    let found = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// Files of operations that are lost here and nowhere else belong to no act again: the worker may do it once more with them. All
/// such, or that one `only`.
pub fn unlog_unnamed(transaction: &Transaction<'_>, only: Option<Sha>) -> Result<(), Trouble> {
    transaction.execute(
        &format!(
            "UPDATE blob SET logged = 0 WHERE logged = 1 AND whole = 0 AND (?1 IS NULL OR sha = ?1)
             AND lower(hex(sha)) NOT IN ({NAMED})"
        ),
        [only.map(|sha| sha.0)],
    )?;
    Ok(())
}

/// Files an operation names and the server has not called whole, signatures and small ones first: so many of those that are
/// not among `but`.
pub fn owed(connection: &Connection, but: &BTreeSet<Sha>, limit: usize) -> Result<Vec<BlobRow>, Trouble> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM blob WHERE logged = 1 AND whole = 0 ORDER BY role LIKE 'signature.%' DESC, len"
    ))?;
    let rows = statement.query_map([], read)?;
    let others = rows.filter(|row| row.as_ref().map_or(true, |row| !but.contains(&row.sha)));
    Ok(others.take(limit).collect::<Result<_, _>>()?)
}

/// How many of them, and their bytes; nothing is said of operations.
pub fn owes(connection: &Connection) -> Result<Owes, Trouble> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) AS blobs, coalesce(sum(len), 0) AS bytes FROM blob WHERE logged = 1 AND whole = 0",
    )?;
    let files = |row: &Row<'_>| -> rusqlite::Result<Owes> {
        Ok(Owes { blobs: u64_at(row, "blobs")?, bytes: u64_at(row, "bytes")?, ..Owes::default() })
    };
    Ok(statement.query_row([], files)?)
}

/// The files of a visit that no operation names, in the order they were taken.
pub fn loose(connection: &Connection, visit: VisitId) -> Result<Vec<BlobRow>, Trouble> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM blob WHERE visit = ?1 AND logged = 0 ORDER BY rowid"))?;
    let found = statement.query_map([visit.0.as_bytes()], read)?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// Forgets a file no operation names. Its bytes go with the row, or the key to them: what lies beside is noise from here on.
pub fn delete_unlogged(transaction: &Transaction<'_>, sha: Sha) -> Result<bool, Trouble> {
    Ok(transaction.prepare_cached("DELETE FROM blob WHERE sha = ?1 AND logged = 0")?.execute([sha.0])? == 1)
}

/// The same for all files of a visit that no operation names.
pub fn delete_unlogged_of(writing: &Connection, visit: VisitId) -> Result<(), Trouble> {
    writing.prepare_cached("DELETE FROM blob WHERE visit = ?1 AND logged = 0")?.execute([visit.0.as_bytes()])?;
    Ok(())
}

/// The same for all of them.
pub fn clear_unlogged(writing: &Connection) -> Result<(), Trouble> {
    writing.execute("DELETE FROM blob WHERE logged = 0", [])?;
    Ok(())
}

/// The same for all of them but those of visits that left and are not over.
pub fn clear_unlogged_undeparted(writing: &Connection) -> Result<(), Trouble> {
    writing.execute(
        "DELETE FROM blob WHERE logged = 0 AND (visit IS NULL OR visit NOT IN (SELECT visit FROM departed_visit))",
        [],
    )?;
    Ok(())
}

/// The same for those of visits that are neither planned nor expected here, and of which nothing is on its way or waits to
/// be judged.
pub fn prune_unlogged(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    let (planned, settled) = (planned("blob.visit"), settled("blob.visit"));
    transaction.execute(
        &format!(
            "DELETE FROM blob WHERE logged = 0 AND visit IS NOT NULL AND NOT {planned} AND {settled}
             AND NOT EXISTS (SELECT 1 FROM departed_visit WHERE departed_visit.visit = blob.visit)"
        ),
        [],
    )?;
    Ok(())
}

/// Forgets the files that no row of the log names any more (the rows were safe and are pruned).
pub fn prune(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    transaction.execute(
        &format!("DELETE FROM blob WHERE logged = 1 AND whole = 1 AND lower(hex(sha)) NOT IN ({NAMED})"),
        [],
    )?;
    Ok(())
}

/// The names of all files beside the database that have a row.
pub fn files(connection: &Connection) -> Result<HashSet<String>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT file FROM blob WHERE file IS NOT NULL")?;
    let found = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}
