//! The log: what the worker did, chained, each operation whole before the screen hears that it is saved. Rows die only
//! when they are safe and old enough (I3).

use rusqlite::{Connection, Transaction};
use uuid::Uuid;

use super::status::Words;
use super::store::enrolment::{self, Enrolment};
use super::store::outbox_row::{self, OutboxRow};
use super::store::{blob_row, lost_row, mirror_row};
use super::trouble::Trouble;
use crate::canon::envelope::{BODY_LIMIT, BlobRef, nonce};
use crate::canon::hash::Sha;
use crate::domain::event::{Event, Fact};
use crate::error::Refusal;
use crate::id::{DeviceId, OpId, VisitId};
use crate::time::{Millis, Stamp};
use crate::wire::Op;

/// What is to be logged.
#[derive(Debug, Clone)]
pub struct NewOp {
    /// What happened.
    pub event: Event,
    /// The visit it is about.
    pub visit: Option<VisitId>,
    /// The plan version the worker saw.
    pub basis: u64,
    /// The rules it was checked with.
    pub rules: Sha,
    /// The clocks when it was done.
    pub t: Stamp,
    /// Its files, all of them kept here already.
    pub blobs: Vec<Sha>,
}

/// Where the next operation will stand: its position and the hash before it. Holds only within the transaction.
pub fn next_position(connection: &Connection) -> Result<(u64, Sha), Trouble> {
    let (seq, sha) = enrolment::head(connection, &enrolment::get(connection)?)?;
    Ok((seq + 1, sha))
}

/// Appends an operation to the log, chained to the one before it.
///
/// # Errors
/// `outbox.too_large` when the body exceeds 256 KiB, `outbox.no_such_file` when a file is not kept here: refused
/// before it is evidence.
pub fn append(transaction: &Transaction<'_>, new: NewOp) -> Result<OutboxRow, Trouble> {
    let enrolment = enrolment::get(transaction)?;
    let (seq, prev) = enrolment::head(transaction, &enrolment)?;
    let body = new.event.to_body(&nonce());
    if body.len() > BODY_LIMIT {
        return Err(Refusal::new(
            "outbox.too_large",
            "",
            "这条记录过长（超过 256 KB），没有保存。请删减文字，照片请用拍照添加。",
            "This record is too long (over 256 KB) and was not kept. Shorten the text; add pictures as photos.",
        )
        .into());
    }
    let mut row = OutboxRow {
        n: 0,
        device: enrolment.device,
        seq: seq + 1,
        op: OpId(Uuid::now_v7()),
        kind: new.event.kind().to_owned(),
        visit: new.visit,
        worker: enrolment.worker,
        basis: new.basis,
        rules: new.rules,
        t: new.t,
        body,
        blobs: blob_refs(transaction, &new.blobs)?,
        prev,
        sha: Sha::ZERO,
    };
    row.sha = sha_after(&row)?;
    row.n = outbox_row::insert(transaction, &row)?;
    for blob in &row.blobs {
        blob_row::mark_logged(transaction, blob.sha)?;
    }
    Ok(row)
}

fn blob_refs(connection: &Connection, shas: &[Sha]) -> Result<Vec<BlobRef>, Trouble> {
    shas.iter()
        .map(|sha| match blob_row::find(connection, *sha)? {
            Some(row) => Ok(BlobRef { sha: row.sha, len: row.len, role: row.role }),
            None => Err(Refusal::new(
                "outbox.no_such_file",
                "",
                "照片不在本机，没有保存这一步。请重新拍摄。",
                "The photo is not on this phone; the step was not kept. Take the photo again.",
            )
            .into()),
        })
        .collect()
}

fn sha_after(row: &OutboxRow) -> Result<Sha, Trouble> {
    Ok(row.to_wire()?.envelope(row.device, row.prev).sha())
}

/// The facts of a visit that were made on this phone, in the order they were made.
pub fn facts(connection: &Connection, visit: VisitId) -> Result<Vec<Fact>, Trouble> {
    Ok(outbox_row::of_visit(connection, visit)?.into_iter().map(fact).collect())
}

/// A row of the log as folding sees it. The phone has no server's estimate.
pub fn fact(row: OutboxRow) -> Fact {
    Fact {
        op: row.op,
        device: row.device,
        seq: row.seq,
        worker: row.worker,
        basis: row.basis,
        rules: row.rules,
        stamp: row.t,
        estimate: None,
        event: Event::parse(&row.kind, &row.body),
        blobs: row.blobs,
    }
}

/// The next operations to send after `base`: at most `count`, at most `bytes` of JSON, at least one if there is any; none from
/// the first on that can't be read, or is lost.
///
/// # Errors
/// `device.damaged` if that is the very next.
pub fn batch(
    connection: &Connection,
    enrolment: &Enrolment,
    base: u64,
    count: usize,
    bytes: usize,
) -> Result<(Vec<Op>, Sha), Trouble> {
    let (mut taken, mut size) = (0usize, 0usize);
    let (rows, _) = outbox_row::readable(connection, enrolment.device, base, |row| {
        // Head fields take some 500 bytes, each file 150.
        size += row.body.len() + 600 + row.kind.len() + row.blobs.len() * 160;
        taken += 1;
        taken == 1 || (taken <= count && size <= bytes)
    })?;
    let mut ops = Vec::with_capacity(rows.len());
    let mut head = None;
    if rows.first().is_some_and(|row| row.seq != base + 1) {
        // Until the server has said that it has none of those that are lost, nothing takes their place.
        return Ok((Vec::new(), enrolment::sha_of(connection, enrolment, base)?.ok_or_else(|| missing(base))?));
    }
    for (row, expected) in rows.iter().zip(base + 1..) {
        let read = match row.seq == expected {
            // The server would take it for damaged on its way, and ask for it again and again.
            true if !row.is_as_logged() => Err(altered(row.seq)),
            true => row.to_wire(),
            false => Err(missing(expected)),
        };
        match read {
            Ok(op) => ops.push(op),
            // What came before it is whole, and goes out.
            Err(_) if !ops.is_empty() => break,
            Err(trouble) => return Err(trouble),
        }
        head = Some(row.sha);
    }
    let base_sha = enrolment::sha_of(connection, enrolment, base)?;
    match head.or(base_sha) {
        Some(head) => Ok((ops, head)),
        None => Err(missing(base)),
    }
}

/// Whether the next operations to send are lost, and there are others behind them, or were none but them.
pub fn has_gap(connection: &Connection) -> Result<bool, Trouble> {
    let enrolment = enrolment::get(connection)?;
    let base = enrolment.acked.max(enrolment.floor);
    Ok(match outbox_row::next_place(connection, enrolment.device, base)? {
        Some(next) => next != base + 1,
        None => enrolment::head(connection, &enrolment)?.0 > base,
    })
}

/// What lies behind operations that are lost takes their place, so that the log goes on: the server, asked just now, has none of
/// them. What was done stays, the chain around it is new.
pub fn close_gap(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    let enrolment = enrolment::get(transaction)?;
    let seq = enrolment.acked.max(enrolment.floor);
    let sha = enrolment::sha_of(transaction, &enrolment, seq)?.ok_or_else(|| missing(seq))?;
    follow_on(transaction, &enrolment, (seq, sha))?;
    blob_row::unlog_unnamed(transaction, None)
}

/// The server has operations up to `seq` that are lost here, and says what the hash of the last is: what lies behind them
/// follows on that. Their files stay, for the server to ask for.
pub fn follow_server(
    transaction: &Transaction<'_>,
    enrolment: &Enrolment,
    (seq, sha): (u64, Sha),
) -> Result<(), Trouble> {
    lost_row::put(transaction, enrolment.device, seq, Some(sha))?;
    follow_on(transaction, enrolment, (seq, sha))
}

/// What lies behind a position, at which no row is lost any more but those the server has, is chained to it.
fn follow_on(
    transaction: &Transaction<'_>,
    enrolment: &Enrolment,
    (mut seq, mut prev): (u64, Sha),
) -> Result<(), Trouble> {
    lost_row::forget_after(transaction, enrolment.device, seq)?;
    // From the first on: each moves to where none is any more.
    for mut row in outbox_row::after(transaction, enrolment.device, seq, |_| true)? {
        seq += 1;
        (row.seq, row.prev) = (seq, prev);
        row.sha = sha_after(&row)?;
        prev = row.sha;
        outbox_row::relog(transaction, &row)?;
    }
    Ok(())
}

/// After the last rows were lost: the log goes on behind the last position that it had, which the server may have heard of.
pub fn go_on_after(transaction: &Transaction<'_>, seq: u64) -> Result<(), Trouble> {
    let Some(enrolment) = enrolment::find(transaction)? else { return Ok(()) };
    if seq > enrolment::head(transaction, &enrolment)?.0 {
        lost_row::put(transaction, enrolment.device, seq, None)?;
    }
    Ok(())
}

/// After rows were lost: where the hash of what the server has is not known any more, nothing can be chained to it, and what is
/// not safe is logged again with a new enrolment.
pub fn hold_fast(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    let Some(enrolment) = enrolment::find(transaction)? else { return Ok(()) };
    let base = enrolment.acked.max(enrolment.floor);
    match enrolment::sha_of(transaction, &enrolment, base)? {
        None => enrolment::mark_forked(transaction),
        Some(_) => Ok(()),
    }
}

/// The record at a position is not what was logged.
fn altered(seq: u64) -> Trouble {
    Trouble::Damaged(Words::new(format!("记录 {seq} 与保存时不同"), format!("record {seq} is not what was kept")))
}

/// The record at a position is not there.
pub(super) fn missing(seq: u64) -> Trouble {
    Trouble::Damaged(Words::new(format!("缺少记录 {seq}"), format!("record {seq} is missing")))
}

/// After a fork: every operation that is not safe is logged again under the new device, from position 1, with its own
/// id and its own times; what it says is untouched. The enrolment is replaced by `new`.
pub fn relog(transaction: &Transaction<'_>, old: &Enrolment, new: &Enrolment) -> Result<u64, Trouble> {
    // One that can't be read any more stays behind, and keeps nothing else.
    let unsafe_rows = outbox_row::legible(transaction, old.device, old.safe)?;
    let seq = relog_from_start(transaction, unsafe_rows, new.device)?;
    enrolment::put(transaction, new)?;
    blob_row::rest_is_whole(transaction, new.device)?;
    Ok(seq)
}

/// After the server was restored to before anything that came from this device: it may have lost, too, what came from those
/// this folder was before. What is still here of them is logged again under the present one, all in the order it was made;
/// what the server still has counts once. Where it has anything of this device it has what was safe before.
pub fn relog_earlier(transaction: &Transaction<'_>, enrolment: &Enrolment) -> Result<(), Trouble> {
    if enrolment.acked > 0 || enrolment.floor > 0 {
        return Ok(());
    }
    let mut rows = outbox_row::of_others(transaction, enrolment.device)?;
    if rows.is_empty() {
        return Ok(());
    }
    rows.extend(outbox_row::legible(transaction, enrolment.device, 0)?);
    rows.sort_unstable_by_key(|row| row.n);
    relog_from_start(transaction, rows, enrolment.device).map(drop)
}

/// Logs rows again under `device`, from position 1. Returns the last position.
fn relog_from_start(transaction: &Transaction<'_>, mut rows: Vec<OutboxRow>, device: DeviceId) -> Result<u64, Trouble> {
    lost_row::forget_all(transaction)?;
    let (mut seq, mut prev) = (0, Sha::ZERO);
    for row in &mut rows {
        seq += 1;
        row.device = device;
        row.seq = seq;
        row.prev = prev;
        row.sha = sha_after(row)?;
        prev = row.sha;
    }
    // From the last on: none moves to where another still is.
    for row in rows.iter().rev() {
        outbox_row::relog(transaction, row)?;
    }
    Ok(seq)
}

/// Deletes what has been safe since `before`, by the server's time, and is no longer part of a visit in this phone's scope;
/// then the files only such rows named. Says whether something went.
pub fn prune(transaction: &Transaction<'_>, before: Millis) -> Result<bool, Trouble> {
    // Between the pages of a scope that is told anew nobody knows what is still planned.
    if mirror_row::scopes(transaction)?.iter().any(|scope| scope.resetting) {
        return Ok(false);
    }
    let mut enrolment = enrolment::get(transaction)?;
    let (last, went) = outbox_row::prune(transaction, enrolment.device, before)?;
    if let Some((seq, sha)) = last {
        (enrolment.floor, enrolment.floor_sha) = (seq, sha);
        enrolment::put(transaction, &enrolment)?;
    }
    if went {
        blob_row::prune(transaction)?;
    }
    Ok(went)
}

/// Whether every link of a device's chain, as far back as it is kept, is what it says. For rescue and tests.
pub fn chain_holds(connection: &Connection, device: DeviceId) -> Result<bool, Trouble> {
    let rows = outbox_row::after(connection, device, 0, |_| true)?;
    let mut before: Option<&OutboxRow> = None;
    for row in &rows {
        let linked = before.is_none_or(|before| before.sha == row.prev && before.seq + 1 == row.seq);
        if !linked || sha_after(row)? != row.sha {
            return Ok(false);
        }
        before = Some(row);
    }
    Ok(true)
}
