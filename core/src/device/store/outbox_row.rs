//! The log's rows. Their format is frozen.

use std::ops::RangeInclusive;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::enrolment::{id_at, sha_at, signed, u64_at};
use super::mirror_row::planned;
use crate::canon::envelope::BlobRef;
use crate::canon::hash::Sha;
use crate::device::status::Words;
use crate::device::trouble::Trouble;
use crate::id::{BootId, DeviceId, OpId, VisitId, WorkerId};
use crate::time::{Millis, Stamp};
use crate::wire::{Op, Outcome, OutcomeKind};

/// One operation as it lies in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Local order over all devices this folder has been.
    pub n: u64,
    /// Whose log.
    pub device: DeviceId,
    /// Position in it.
    pub seq: u64,
    /// The operation's id.
    pub op: OpId,
    /// The event's name.
    pub kind: String,
    /// The visit it is about.
    pub visit: Option<VisitId>,
    /// Who acted.
    pub worker: WorkerId,
    /// The plan version he saw.
    pub basis: u64,
    /// The rules he had.
    pub rules: Sha,
    /// The clocks.
    pub t: Stamp,
    /// The body, byte for byte.
    pub body: String,
    /// Its files.
    pub blobs: Vec<BlobRef>,
    /// The hash before it.
    pub prev: Sha,
    /// Its own hash.
    pub sha: Sha,
}

impl OutboxRow {
    /// Whether its hash is still that of what it says.
    pub fn is_as_logged(&self) -> bool {
        self.to_wire().is_ok_and(|op| op.envelope(self.device, self.prev).sha() == self.sha)
    }

    /// The operation as it travels.
    pub fn to_wire(&self) -> Result<Op, Trouble> {
        let body = serde_json::value::RawValue::from_string(self.body.clone()).map_err(|error| {
            Trouble::Damaged(Words::new(format!("记录 {}: {error}", self.seq), format!("record {}: {error}", self.seq)))
        })?;
        Ok(Op {
            seq: self.seq,
            op: self.op,
            kind: self.kind.clone(),
            visit: self.visit,
            worker: self.worker,
            basis: self.basis,
            rules: self.rules,
            t: self.t,
            body,
            blobs: self.blobs.clone(),
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    let blobs: String = row.get("blobs")?;
    let blobs = serde_json::from_str(&blobs)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))?;
    Ok(OutboxRow {
        n: u64_at(row, "n")?,
        device: DeviceId(id_at(row, "device")?),
        seq: u64_at(row, "seq")?,
        op: OpId(id_at(row, "op")?),
        kind: row.get("kind")?,
        visit: row.get::<_, Option<[u8; 16]>>("visit")?.map(|id| VisitId(uuid::Uuid::from_bytes(id))),
        worker: WorkerId(id_at(row, "worker")?),
        basis: u64_at(row, "basis")?,
        rules: sha_at(row, "rules")?,
        t: Stamp { wall_ms: row.get("wall_ms")?, mono_ms: u64_at(row, "mono_ms")?, boot: BootId(id_at(row, "boot")?) },
        body: row.get("body")?,
        blobs,
        prev: sha_at(row, "prev")?,
        sha: sha_at(row, "sha")?,
    })
}

/// Appends a row, and returns its `n`, which the store gives it.
pub fn insert(transaction: &Transaction<'_>, row: &OutboxRow) -> Result<u64, Trouble> {
    let n = transaction
        .prepare_cached(
            "INSERT INTO outbox (device, seq, op, kind, visit, worker, basis, rules, wall_ms, mono_ms, boot, body,
                 blobs, prev, sha)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .insert(params![
            row.device.0.as_bytes(),
            signed(row.seq),
            row.op.0.as_bytes(),
            row.kind,
            row.visit.map(|visit| *visit.0.as_bytes()),
            row.worker.0.as_bytes(),
            signed(row.basis),
            row.rules.0,
            row.t.wall_ms,
            signed(row.t.mono_ms),
            row.t.boot.0.as_bytes(),
            row.body,
            blobs_text(&row.blobs)?,
            row.prev.0,
            row.sha.0,
        ])?;
    Ok(u64::try_from(n).unwrap_or(0))
}

fn blobs_text(blobs: &[BlobRef]) -> Result<String, Trouble> {
    serde_json::to_string(blobs).map_err(Trouble::damaged)
}

/// The rows that are not as they were logged, by their local order.
pub fn altered(connection: &Connection) -> Result<Vec<u64>, Trouble> {
    let mut statement = connection.prepare("SELECT * FROM outbox ORDER BY n")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if !read(row).is_ok_and(|row| row.is_as_logged()) {
            found.push(u64_at(row, "n")?);
        }
    }
    Ok(found)
}

/// Forgets a row that can't be read.
pub(super) fn forget(connection: &Connection, n: u64) -> Result<(), Trouble> {
    connection.execute("DELETE FROM outbox WHERE n = ?1", [signed(n)])?;
    Ok(())
}

/// Gives a row its place in another log: what was done stays, the chain around it is new.
pub fn relog(transaction: &Transaction<'_>, row: &OutboxRow) -> Result<(), Trouble> {
    transaction
        .prepare_cached("UPDATE outbox SET device = ?2, seq = ?3, prev = ?4, sha = ?5, safe_ms = NULL WHERE n = ?1")?
        .execute(params![signed(row.n), row.device.0.as_bytes(), signed(row.seq), row.prev.0, row.sha.0])?;
    Ok(())
}

/// Position and hash of the last row of a device.
pub fn last(connection: &Connection, device: DeviceId) -> Result<Option<(u64, Sha)>, Trouble> {
    let mut statement =
        connection.prepare_cached("SELECT seq, sha FROM outbox WHERE device = ?1 ORDER BY seq DESC LIMIT 1")?;
    Ok(statement.query_row([device.0.as_bytes()], |row| Ok((u64_at(row, "seq")?, sha_at(row, "sha")?))).optional()?)
}

/// The hash at a position: also where that row is lost, and the one behind it is here.
pub fn sha(connection: &Connection, device: DeviceId, seq: u64) -> Result<Option<Sha>, Trouble> {
    let at = |sql, seq| {
        let mut statement = connection.prepare_cached(sql)?;
        statement.query_row(params![device.0.as_bytes(), signed(seq)], |row| row.get(0).map(Sha)).optional()
    };
    match at("SELECT sha FROM outbox WHERE device = ?1 AND seq = ?2", seq)? {
        None => Ok(at("SELECT prev FROM outbox WHERE device = ?1 AND seq = ?2", seq.saturating_add(1))?),
        found => Ok(found),
    }
}

/// Rows of a device after `seq`, in order, until `keep` says no.
pub fn after(
    connection: &Connection,
    device: DeviceId,
    seq: u64,
    keep: impl FnMut(&OutboxRow) -> bool,
) -> Result<Vec<OutboxRow>, Trouble> {
    let (found, cut) = readable(connection, device, seq, keep)?;
    cut.map_or(Ok(found), Err)
}

/// The same; and why no further, where one that is not the first can't be read: those before it are whole.
///
/// # Errors
/// Why the first can't be read.
pub fn readable(
    connection: &Connection,
    device: DeviceId,
    seq: u64,
    mut keep: impl FnMut(&OutboxRow) -> bool,
) -> Result<(Vec<OutboxRow>, Option<Trouble>), Trouble> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM outbox WHERE device = ?1 AND seq > ?2 ORDER BY seq")?;
    let mut rows = statement.query(params![device.0.as_bytes(), signed(seq)])?;
    let mut found = Vec::new();
    loop {
        match rows.next().and_then(|row| row.map(read).transpose()) {
            Ok(Some(row)) if keep(&row) => found.push(row),
            Ok(_) => return Ok((found, None)),
            Err(error) if found.is_empty() => return Err(error.into()),
            Err(error) => return Ok((found, Some(error.into()))),
        }
    }
}

/// The positions after `seq` that rows of a device have, whether or not they can be read.
pub fn places(connection: &Connection, device: DeviceId, seq: u64) -> Result<Vec<u64>, Trouble> {
    // Of the index alone.
    let mut statement =
        connection.prepare_cached("SELECT seq FROM outbox WHERE device = ?1 AND seq > ?2 ORDER BY seq")?;
    let found = statement.query_map(params![device.0.as_bytes(), signed(seq)], |row| u64_at(row, "seq"))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The first of them.
pub fn next_place(connection: &Connection, device: DeviceId, seq: u64) -> Result<Option<u64>, Trouble> {
    let mut statement =
        connection.prepare_cached("SELECT seq FROM outbox WHERE device = ?1 AND seq > ?2 ORDER BY seq LIMIT 1")?;
    Ok(statement.query_row(params![device.0.as_bytes(), signed(seq)], |row| u64_at(row, "seq")).optional()?)
}

/// Rows of a device after `seq` that can be read, in order. Those that can't stay where they are, and stop none behind them.
pub fn legible(connection: &Connection, device: DeviceId, seq: u64) -> Result<Vec<OutboxRow>, Trouble> {
    // Of the index alone: a page of the table that can't be read holds other rows, too.
    let mut named = connection.prepare_cached("SELECT n FROM outbox WHERE device = ?1 AND seq > ?2 ORDER BY seq")?;
    let names = named.query_map(params![device.0.as_bytes(), signed(seq)], |row| row.get::<_, i64>(0))?;
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let mut one = connection.prepare_cached("SELECT * FROM outbox WHERE n = ?1")?;
    let rows = names.into_iter().filter_map(|n| one.query_row([n], read).ok());
    Ok(rows.filter(|row| row.to_wire().is_ok()).collect())
}

/// Rows of all devices but `device` that can be read, in the order they were logged.
pub fn of_others(connection: &Connection, device: DeviceId) -> Result<Vec<OutboxRow>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT DISTINCT device FROM outbox")?;
    let devices = statement.query_map([], |row| id_at(row, "device").map(DeviceId))?.collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    for other in devices.into_iter().filter(|other| *other != device) {
        found.extend(legible(connection, other, 0)?);
    }
    found.sort_unstable_by_key(|row| row.n);
    Ok(found)
}

/// All that was done about a visit here, in the order it was done.
pub fn of_visit(connection: &Connection, visit: VisitId) -> Result<Vec<OutboxRow>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT * FROM outbox WHERE visit = ?1 ORDER BY n")?;
    let found = statement.query_map([visit.0.as_bytes()], read)?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// The newest rows, newest first, from before `before` (a row's `n`) if given.
pub fn newest(connection: &Connection, before: Option<u64>, limit: u32) -> Result<Vec<OutboxRow>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT * FROM outbox WHERE n < ?1 ORDER BY n DESC LIMIT ?2")?;
    let before = before.map_or(i64::MAX, signed);
    let found = statement.query_map(params![before, limit], read)?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// Visits that have rows which are not safe yet.
pub fn unsafe_visits(connection: &Connection) -> Result<Vec<VisitId>, Trouble> {
    let mut statement =
        connection.prepare_cached("SELECT DISTINCT visit FROM outbox WHERE safe_ms IS NULL AND visit IS NOT NULL")?;
    let found = statement.query_map([], |row| id_at(row, "visit").map(VisitId))?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// Whether the visit has rows that are not safe yet.
pub fn has_unsafe(connection: &Connection, visit: VisitId) -> Result<bool, Trouble> {
    let mut statement =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM outbox WHERE visit = ?1 AND safe_ms IS NULL)")?;
    Ok(statement.query_row([visit.0.as_bytes()], |row| row.get(0))?)
}

/// Whether the worker departed to the visit and has not ended it since.
pub fn is_under_way(connection: &Connection, visit: VisitId) -> Result<bool, Trouble> {
    let mut statement = connection.prepare_cached(
        "SELECT coalesce((SELECT max(n) FROM outbox WHERE visit = ?1 AND kind = 'visit.departed'), 0)
            > coalesce((SELECT max(n) FROM outbox WHERE visit = ?1 AND kind = 'visit.completed'), 0)",
    )?;
    Ok(statement.query_row([visit.0.as_bytes()], |row| row.get(0))?)
}

/// Whether anything of the visit became safe since `since`, by the server's time.
pub fn came_since(connection: &Connection, visit: VisitId, since: Millis) -> Result<bool, Trouble> {
    let mut statement =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM outbox WHERE visit = ?1 AND safe_ms >= ?2)")?;
    Ok(statement.query_row(params![visit.0.as_bytes(), since.0], |row| row.get(0))?)
}

/// The condition that everything logged about the visit in `column` is safe and nothing of it waits to be judged anew.
pub(super) fn settled(column: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM outbox LEFT JOIN outcome ON outcome.op = outbox.op
             WHERE outbox.visit = {column} AND (outbox.safe_ms IS NULL OR outcome.o IN ('held', 'quarantined')))"
    )
}

/// Whether everything logged about a visit is safe and nothing of it waits to be judged anew.
pub fn is_settled(connection: &Connection, visit: VisitId) -> Result<bool, Trouble> {
    let mut statement = connection.prepare_cached(&format!("SELECT {}", settled("?1")))?;
    Ok(statement.query_row([visit.0.as_bytes()], |row| row.get(0))?)
}

/// Marks rows of a device safe up to `seq`, at the server's time `at`. Touches none that was.
pub fn mark_safe(transaction: &Transaction<'_>, device: DeviceId, seq: u64, at: Millis) -> Result<(), Trouble> {
    transaction
        .prepare_cached("UPDATE outbox SET safe_ms = ?3 WHERE device = ?1 AND seq <= ?2 AND safe_ms IS NULL")?
        .execute(params![device.0.as_bytes(), signed(seq), at.0])?;
    Ok(())
}

/// Rows of a device beyond `seq` are not safe any more: a restored server may have fallen back.
pub fn mark_unsafe(transaction: &Transaction<'_>, device: DeviceId, seq: u64) -> Result<(), Trouble> {
    transaction
        .prepare_cached("UPDATE outbox SET safe_ms = NULL WHERE device = ?1 AND seq > ?2 AND safe_ms IS NOT NULL")?
        .execute(params![device.0.as_bytes(), signed(seq)])?;
    Ok(())
}

/// Deletes rows that have been safe since before `before` (the server's time), from the oldest on, up to the first
/// that must stay: one whose visit is still in the phone's scope. Returns the last one deleted of `device`, and whether any
/// row went.
pub fn prune(
    transaction: &Transaction<'_>,
    device: DeviceId,
    before: Millis,
) -> Result<(Option<(u64, Sha)>, bool), Trouble> {
    let old: bool = transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM outbox WHERE safe_ms < ?1)")?
        .query_row([before.0], |row| row.get(0))?;
    if !old {
        return Ok((None, false));
    }
    let planned = planned("outbox.visit");
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT outbox.seq, outbox.sha FROM outbox
         WHERE device = ?1 AND seq < coalesce((
             SELECT min(seq) FROM outbox
             WHERE device = ?1 AND (safe_ms IS NULL OR safe_ms >= ?2 OR {planned})), 9223372036854775807)
         ORDER BY seq DESC LIMIT 1"
    ))?;
    let last = statement
        .query_row(params![device.0.as_bytes(), before.0], |row| Ok((u64_at(row, "seq")?, sha_at(row, "sha")?)))
        .optional()?;
    let mut went = 0;
    if let Some((seq, _)) = last {
        went = transaction
            .prepare_cached("DELETE FROM outbox WHERE device = ?1 AND seq <= ?2")?
            .execute(params![device.0.as_bytes(), signed(seq)])?;
    }
    // Rows of a device this folder was before a fork are all safe there; nobody asks for their order.
    went += transaction
        .prepare_cached(&format!("DELETE FROM outbox WHERE device <> ?1 AND safe_ms < ?2 AND NOT {planned}"))?
        .execute(params![device.0.as_bytes(), before.0])?;
    Ok((last, went > 0))
}

/// For [`crate::drill::Mutant::ResetClearsOutbox`] alone: deletes what is not safe.
pub(in crate::device) fn clear(writing: &Connection) -> Result<(), Trouble> {
    writing.execute("DELETE FROM outbox WHERE safe_ms IS NULL", [])?;
    Ok(())
}

/// How many rows of a device lie beyond `seq`.
pub fn count_after(connection: &Connection, device: DeviceId, seq: u64) -> Result<u64, Trouble> {
    let mut statement = connection.prepare_cached("SELECT count(*) AS n FROM outbox WHERE device = ?1 AND seq > ?2")?;
    Ok(statement.query_row(params![device.0.as_bytes(), signed(seq)], |row| u64_at(row, "n"))?)
}

/// Keeps what the server said of operations of a device; `applied` takes back what it said before. So does silence about
/// the `fresh` ones: those it acknowledged with this answer, and all of them after a restore.
pub fn put_outcomes(
    transaction: &Transaction<'_>,
    device: DeviceId,
    fresh: RangeInclusive<u64>,
    outcomes: &[Outcome],
) -> Result<(), Trouble> {
    transaction
        .prepare_cached(
            "DELETE FROM outcome WHERE op IN (SELECT op FROM outbox WHERE device = ?1 AND seq BETWEEN ?2 AND ?3)",
        )?
        .execute(params![device.0.as_bytes(), signed(*fresh.start()), signed(*fresh.end())])?;
    let mut op = transaction.prepare_cached("SELECT op FROM outbox WHERE device = ?1 AND seq = ?2")?;
    let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO outcome (op, o, why) VALUES (?1, ?2, ?3)")?;
    let mut drop = transaction.prepare_cached("DELETE FROM outcome WHERE op = ?1")?;
    for outcome in outcomes {
        let found: Option<[u8; 16]> =
            op.query_row(params![device.0.as_bytes(), signed(outcome.seq)], |row| row.get(0)).optional()?;
        match (found, name_of(outcome.o)) {
            (Some(op), Some(name)) => {
                put.execute(params![op, name, outcome.why])?;
            }
            (Some(op), None) => {
                drop.execute([op])?;
            }
            (None, _) => {}
        }
    }
    Ok(())
}

fn name_of(kind: OutcomeKind) -> Option<&'static str> {
    match kind {
        OutcomeKind::Applied => None,
        OutcomeKind::Late => Some("late"),
        OutcomeKind::Held => Some("held"),
        OutcomeKind::Quarantined => Some("quarantined"),
    }
}

/// What the server said of an operation, other than applied.
pub fn outcome(connection: &Connection, op: OpId) -> Result<Option<(OutcomeKind, Option<String>)>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT o, why FROM outcome WHERE op = ?1")?;
    let found = statement.query_row([op.0.as_bytes()], |row| {
        let name: String = row.get("o")?;
        let kind = match name.as_str() {
            "late" => OutcomeKind::Late,
            "held" => OutcomeKind::Held,
            _ => OutcomeKind::Quarantined,
        };
        Ok((kind, row.get("why")?))
    });
    Ok(found.optional()?)
}

/// When the server called an operation safe, by its own time.
pub fn safe_since(connection: &Connection, n: u64) -> Result<Option<Millis>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT safe_ms FROM outbox WHERE n = ?1")?;
    Ok(statement.query_row([signed(n)], |row| row.get::<_, Option<i64>>(0))?.map(Millis))
}
