//! The rows of files: which encrypted file holds which bytes. A row whose key is gone is a file erased.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use uuid::Uuid;

use super::enrolment::{sha_at, signed, u64_at};
use crate::canon::hash::Sha;
use crate::device::trouble::Trouble;
use crate::id::VisitId;
use crate::wire::Owes;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRow {
    /// SHA-256 of its plaintext.
    pub sha: Sha,
    /// Its name on disk, random.
    pub file: String,
    /// The key of this file alone.
    pub key: [u8; 32],
    /// The nonce's fixed part.
    pub nonce: [u8; 7],
    /// Length of the plaintext in bytes.
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
}

fn read(row: &Row<'_>) -> rusqlite::Result<BlobRow> {
    Ok(BlobRow {
        sha: sha_at(row, "sha")?,
        file: row.get("file")?,
        key: row.get("key")?,
        nonce: row.get("nonce")?,
        len: u64_at(row, "len")?,
        role: row.get("role")?,
        visit: row.get::<_, Option<[u8; 16]>>("visit")?.map(|id| VisitId(Uuid::from_bytes(id))),
        facts: row.get("facts")?,
        logged: row.get("logged")?,
        whole: row.get("whole")?,
    })
}

/// The file of these bytes.
pub fn find(connection: &Connection, sha: Sha) -> Result<Option<BlobRow>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT * FROM blob WHERE sha = ?1")?;
    Ok(statement.query_row([sha.0], read).optional()?)
}

/// Adds a file; the same bytes again keep the first file, and the answer is `false`.
pub fn insert(transaction: &Transaction<'_>, blob: &BlobRow) -> Result<bool, Trouble> {
    let added = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO blob (sha, file, key, nonce, len, role, visit, facts, logged, whole)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            blob.sha.0,
            blob.file,
            blob.key,
            blob.nonce,
            signed(blob.len),
            blob.role,
            blob.visit.map(|visit| *visit.0.as_bytes()),
            blob.facts,
            blob.logged,
            blob.whole,
        ])?;
    Ok(added == 1)
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

/// Every file may have to be offered again: the server was restored, or is another one.
pub fn forget_whole(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    transaction.execute("UPDATE blob SET whole = 0", [])?;
    Ok(())
}

/// Files an operation names and the server has not called whole, signatures and small ones first.
pub fn owed(connection: &Connection, limit: u32) -> Result<Vec<BlobRow>, Trouble> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM blob WHERE logged = 1 AND whole = 0 ORDER BY role LIKE 'signature.%' DESC, len LIMIT ?1",
    )?;
    let found = statement.query_map([limit], read)?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// How many of them, and their bytes; `ops` is 0.
pub fn owes(connection: &Connection) -> Result<Owes, Trouble> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) AS blobs, coalesce(sum(len), 0) AS bytes FROM blob WHERE logged = 1 AND whole = 0",
    )?;
    Ok(statement
        .query_row([], |row| Ok(Owes { ops: 0, blobs: u64_at(row, "blobs")?, bytes: u64_at(row, "bytes")? }))?)
}

/// The files of a visit, in the order they were taken.
pub fn of_visit(connection: &Connection, visit: VisitId) -> Result<Vec<BlobRow>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT * FROM blob WHERE visit = ?1 ORDER BY rowid")?;
    let found = statement.query_map([visit.0.as_bytes()], read)?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// Forgets a file no operation names. Its key goes with the row: the bytes on disk are noise from here on.
pub fn delete_unlogged(transaction: &Transaction<'_>, sha: Sha) -> Result<bool, Trouble> {
    Ok(transaction.prepare_cached("DELETE FROM blob WHERE sha = ?1 AND logged = 0")?.execute([sha.0])? == 1)
}

/// The same for all files of a visit that no operation names.
pub fn delete_unlogged_of(writing: &Connection, visit: VisitId) -> Result<(), Trouble> {
    writing.prepare_cached("DELETE FROM blob WHERE visit = ?1 AND logged = 0")?.execute([visit.0.as_bytes()])?;
    Ok(())
}

/// Forgets the files that no row of the log names any more (the rows were safe and are pruned).
pub fn prune(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    transaction.execute(
        "DELETE FROM blob WHERE logged = 1 AND whole = 1 AND NOT EXISTS (
             SELECT 1 FROM outbox, json_each(outbox.blobs) AS part
             WHERE json_extract(part.value, '$.sha') = lower(hex(blob.sha)))",
        [],
    )?;
    Ok(())
}

/// The names of all files that have a row.
pub fn files(connection: &Connection) -> Result<std::collections::HashSet<String>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT file FROM blob")?;
    let found = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}
