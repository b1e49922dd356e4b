//! What devices send is accepted: any prefix of a log that follows on what is here is stored, acknowledged and
//! judged. Nothing that an enrolled device logged is refused (I1, I6, I7).

use nuanfang_core::canon::envelope::Envelope;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::drill::{self, Mutant};
use nuanfang_core::id::DeviceId;
use nuanfang_core::time::{Millis, Stamp};
use nuanfang_core::wire::{FILE_LIMIT, Op, SyncRequest};
use rusqlite::{Connection, OptionalExtension, params};

use super::erase;
use super::estimate::estimate;
use super::log::{self, Arriving, LogHead};
use super::project::record::{Arrival, Foreseen, carried};
use super::project::{self, device, erasure};
use super::seen::Anchor;
use crate::store::StoreError;
use crate::store::sqlite::{self, writing::Writing};

/// A device's half of an exchange, its chain computed and its bodies read.
#[derive(Debug)]
pub struct Exchange {
    /// Whose log.
    pub device: DeviceId,
    /// The epoch it believes in; none where its operations did not come over the network.
    pub epoch: Option<u64>,
    /// What the device believes acknowledged.
    pub base: u64,
    /// The hash there.
    pub base_sha: Sha,
    /// What it sends, in order, without gaps.
    pub arriving: Vec<Sent>,
    /// Its clock's anchors.
    pub anchors: Vec<Anchor>,
    /// When it came.
    pub recv: Millis,
    /// Receipts of the signed records among it, worked out beforehand by [`foresee`].
    pub foreseen: Foreseen,
}

/// An operation as a device sent it.
#[derive(Debug)]
pub struct Sent {
    /// The head.
    pub envelope: Envelope,
    /// Its hash.
    pub sha: Sha,
    /// The body, as it is hashed.
    pub body: String,
    /// The body, read; none once it was projected.
    pub event: Option<Event>,
}

impl Sent {
    /// The body, read, for projecting it. Where that is undone and done again, it is read again.
    fn take_event(&mut self) -> Event {
        self.event.take().unwrap_or_else(|| log::read_event(&self.envelope.kind, &self.body))
    }
}

/// What became of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Everything up to here is on disk.
    pub acked: u64,
    /// The hash there.
    pub ack_sha: Sha,
    /// The same position held other bytes: the device's log was copied or set back.
    pub fork: bool,
}

/// Why a request is refused: the caller's fault, stored nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchained {
    /// The last hash is not what the operations give: they were altered on the way.
    Head,
}

impl Exchange {
    /// Computes the chain of a request. Operations after a gap are left for the next exchange.
    ///
    /// # Errors
    /// If what arrived is not what was sent.
    pub fn read(request: SyncRequest, anchors: Vec<Anchor>, recv: Millis) -> Result<Self, Unchained> {
        let SyncRequest { device, epoch, base, base_sha, head_sha, ops, .. } = request;
        let sent = ops.len();
        let exchange = Self { epoch: Some(epoch), ..Self::of(device, (base, base_sha), ops, anchors, recv) };
        let end = exchange.arriving.last().map_or(base_sha, |sent| sent.sha);
        if exchange.arriving.len() == sent && end != head_sha {
            return Err(Unchained::Head);
        }
        Ok(exchange)
    }

    /// The chain of operations that follow on `base`, position and hash. Those after a gap are left out.
    pub fn of(device: DeviceId, base: (u64, Sha), ops: Vec<Op>, anchors: Vec<Anchor>, recv: Millis) -> Self {
        let mut arriving = Vec::with_capacity(ops.len());
        let (mut seq, mut prev) = base;
        for op in ops {
            if Some(op.seq) != seq.checked_add(1) {
                break;
            }
            let envelope = op.envelope(device, prev);
            let Op { body, .. } = op;
            let sha = envelope.sha();
            let event = log::read_event(&envelope.kind, body.get());
            (seq, prev) = (envelope.seq, sha);
            let body = String::from(Box::<str>::from(body));
            arriving.push(Sent { envelope, sha, body, event: Some(event) });
        }
        let (base, base_sha) = base;
        Self { device, epoch: None, base, base_sha, arriving, anchors, recv, foreseen: Foreseen::new() }
    }

    /// About how many bytes it writes.
    pub fn bytes(&self) -> usize {
        self.arriving.iter().map(|sent| sent.body.len() + 512).sum()
    }

    /// Whether it brings something that is not yet here, or needs the writer to look.
    pub fn is_empty(&self) -> bool {
        self.arriving.is_empty()
    }
}

/// How a log stands to what a device believes of it; writes nothing.
pub fn compare(db: &Connection, device: DeviceId, base: u64, base_sha: Sha) -> Result<Receipt, StoreError> {
    let head = log::find_writer(db, device)?;
    let (acked, ack_sha) = head.map_or((0, Sha::ZERO), |head| (head.acked, head.ack_sha));
    let fork = match head {
        Some(_) if drill::is(Mutant::ForkAccepted) => false,
        Some(head) => sha_at(db, &head, base)?.is_some_and(|sha| sha != base_sha),
        None => base == 0 && base_sha != Sha::ZERO,
    };
    Ok(Receipt { acked, ack_sha, fork })
}

/// How each signed record of an exchange would arrive if nothing else came in between, by its place in what arrives.
pub fn foresee(db: &Connection, exchange: &Exchange) -> Result<Vec<(usize, Arrival)>, StoreError> {
    let Exchange { device, arriving, anchors, recv, .. } = exchange;
    let records = |sent: &Sent| sent.event.as_ref().and_then(carried).is_some();
    if !arriving.iter().any(records) {
        return Ok(Vec::new());
    }
    let enrolled = device::find(db, *device)?;
    let (acked, floor) = match log::find_writer(db, *device)? {
        Some(head) => (head.acked, floor(db, &head, *device)?),
        None => (0, device::first_enrolled(db, *device)?.unwrap_or(Millis(0))),
    };
    let old = arriving.iter().take_while(|sent| sent.envelope.seq <= acked).count();
    let stamps: Vec<Stamp> = arriving[old..].iter().map(|sent| sent.envelope.t).collect();
    let estimates = estimate(&stamps, anchors, floor, *recv);
    let fresh = arriving.iter().enumerate().skip(old).zip(estimates);
    Ok(fresh
        .filter(|((_, sent), _)| records(sent))
        .map(|((place, _), estimate)| (place, Arrival { enrolled: enrolled.clone(), recv: *recv, estimate }))
        .collect())
}

/// Takes in an exchange that is undone alone: at once, and only where a fault keeps it from that operation by operation.
/// What becomes of it does not depend on what else is taken in.
pub fn alone(writing: &mut Writing<'_>, exchange: &mut Exchange) -> Result<Receipt, StoreError> {
    match writing.savepoint(|writing| accept(writing, exchange, true)) {
        Err(error) if !error.is_passing() => writing.savepoint(|writing| accept(writing, exchange, false)),
        done => done,
    }
}

/// Stores, judges and projects an exchange. `together`: a fault in what follows from one operation is the exchange's;
/// otherwise it puts that operation into quarantine and stops nobody else.
pub fn accept(writing: &mut Writing<'_>, exchange: &mut Exchange, together: bool) -> Result<Receipt, StoreError> {
    let Exchange { device, epoch, base, base_sha, arriving, anchors, recv, .. } = exchange;
    let mut head = log::writer(writing.tx, *device, false)?;
    let mut receipt = Receipt { acked: head.acked, ack_sha: head.ack_sha, fork: false };
    match sha_at(writing.tx, &head, *base)? {
        // The device is ahead of us: we were restored. It is told where we are and offers the rest again.
        None => return Ok(receipt),
        Some(sha) if sha != *base_sha && !drill::is(Mutant::ForkAccepted) => {
            return Ok(Receipt { fork: true, ..receipt });
        }
        Some(_) => {}
    }
    let mut fresh = Vec::with_capacity(arriving.len());
    for sent in arriving {
        if sent.envelope.seq > head.acked || drill::is(Mutant::NoUnique) {
            fresh.push(sent);
        } else if drill::is(Mutant::ForkAccepted) {
            continue;
        } else if sha_at(writing.tx, &head, sent.envelope.seq)? != Some(sent.sha) {
            return Ok(Receipt { fork: true, ..receipt });
        }
    }
    if fresh.is_empty() {
        return Ok(receipt);
    }
    // It does not know yet that we were restored: what was safe before may have to come first, in the order it was made.
    if let Some(known) = *epoch
        && known < sqlite::epoch(writing.tx)?
        && !drill::is(Mutant::TakesUnheard)
    {
        return Ok(receipt);
    }
    if drill::is(Mutant::OrderByClock) {
        fresh.sort_by_key(|sent| sent.envelope.t.wall_ms);
    }
    let stamps: Vec<Stamp> = fresh.iter().map(|sent| sent.envelope.t).collect();
    let estimates = estimate(&stamps, anchors, floor(writing.tx, &head, *device)?, *recv);
    let end = fresh.last().map(|sent| sent.envelope.seq);
    let mut about = None;
    let mut gone = false;
    for (sent, estimate) in fresh.into_iter().zip(estimates) {
        let event = sent.take_event();
        let Sent { envelope, sha, body, .. } = sent;
        let unreadable = matches!(event, Event::Unreadable { .. });
        let (last, recv) = (Some(envelope.seq) == end, *recv);
        let arriving = Arriving { envelope: envelope.clone(), sha: *sha, event, recv, estimate, last };
        // What comes together is mostly about one visit, and no device's operation erases anybody.
        if about != Some(envelope.visit) {
            gone = erasure::is_erased(writing.tx, envelope.visit)?;
            about = Some(envelope.visit);
        }
        let by = (envelope.device, envelope.worker);
        let named = erasure::names_erased(writing.tx, envelope.visit, &arriving.event, by)?;
        if named {
            // The visit is erased from here on, and what came of it while nobody knew whose it is.
            about = None;
            if let Some(visit) = erasure::visit_of_its_own(envelope.visit, &envelope.kind) {
                erase::forget(writing, visit, recv)?;
            }
        }
        // What comes about somebody who was erased is stored as what was there is now: without its body.
        let body = (!gone && !named).then_some(body.as_str());
        if together {
            one(writing, &head, arriving, body)?;
        } else {
            apart(writing, &head, arriving, body)?;
        }
        if unreadable && drill::is(Mutant::StopAtPoison) {
            break;
        }
        head.acked += 1;
        head.ack_sha = *sha;
    }
    project::visit::settle(writing, *recv)?;
    log::advance(writing.tx, head.dev, head.acked, &head.ack_sha)?;
    receipt.acked = head.acked;
    receipt.ack_sha = head.ack_sha;
    Ok(receipt)
}

/// Stores one envelope and makes what follows from it.
fn one(writing: &mut Writing<'_>, head: &LogHead, arriving: Arriving, body: Option<&str>) -> Result<(), StoreError> {
    let logged = received(writing, head, arriving, body)?;
    project::project(writing, &logged)?;
    Ok(())
}

/// The same in a savepoint of its own. A fault in what follows from it puts it into quarantine.
fn apart(writing: &mut Writing<'_>, head: &LogHead, arriving: Arriving, body: Option<&str>) -> Result<(), StoreError> {
    let again = arriving.clone();
    match project::visit::apart(writing, again.recv, |writing| one(writing, head, arriving, body)) {
        Err(error) if !error.is_passing() => {
            tracing::error!(%error, op = %again.envelope.op, kind = again.envelope.kind, "an operation is kept apart");
            let logged = received(writing, head, again, body)?;
            project::quarantine(writing, &logged, project::FAULT)?;
            Ok(())
        }
        done => done,
    }
}

/// Stores one envelope.
fn received(
    writing: &Writing<'_>,
    head: &LogHead,
    arriving: Arriving,
    body: Option<&str>,
) -> Result<log::Logged, StoreError> {
    let logged = log::store(writing.tx, head, arriving, body)?;
    expect_files(writing.tx, head, &logged)?;
    Ok(logged)
}

/// Notes the files of an envelope that are not here yet, or not yet safe.
fn expect_files(tx: &Connection, head: &LogHead, logged: &log::Logged) -> Result<(), StoreError> {
    for blob in &logged.fact.blobs {
        let sha = blob.sha.0.as_slice();
        if logged.erased {
            tx.prepare_cached("INSERT OR IGNORE INTO blob (sha, len, whole_ms, flag) VALUES (?1, ?2, ?3, 'erased')")?
                .execute(params![sha, blob.len as i64, logged.recv.0])?;
            continue;
        }
        if blob.len > FILE_LIMIT {
            tx.prepare_cached("INSERT OR IGNORE INTO blob (sha, len, flag) VALUES (?1, ?2, 'too_long')")?
                .execute(params![sha, blob.len.min(i64::MAX as u64) as i64])?;
            continue;
        }
        // A file that was erased, named again by somebody who is not, is evidence once more, and no copy of it is good.
        tx.prepare_cached(
            "UPDATE blob SET flag = NULL, whole_ms = NULL, shipped = 0 WHERE sha = ?1 AND flag = 'erased'",
        )?
        .execute([sha])?;
        tx.prepare_cached("INSERT OR IGNORE INTO blob (sha, len) VALUES (?1, ?2)")?
            .execute(params![sha, blob.len as i64])?;
        tx.prepare_cached(
            "INSERT OR IGNORE INTO blob_need (dev, sha, len, role)
             SELECT ?1, sha, ?3, ?4 FROM blob WHERE sha = ?2 AND whole_ms IS NULL",
        )?
        .execute(params![head.dev, sha, blob.len as i64, blob.role])?;
        tx.prepare_cached(
            "INSERT OR IGNORE INTO blob_owed (dev, seq, sha) SELECT ?1, ?3, sha FROM blob WHERE sha = ?2 AND shipped = 0",
        )?
        .execute(params![head.dev, sha, logged.fact.seq as i64])?;
    }
    Ok(())
}

/// The hash at a position of a log; `None` beyond its end.
fn sha_at(db: &Connection, head: &LogHead, seq: u64) -> Result<Option<Sha>, StoreError> {
    if seq == 0 {
        return Ok(Some(Sha::ZERO));
    }
    if seq >= head.acked {
        return Ok((seq == head.acked).then_some(head.ack_sha));
    }
    let mut query = db.prepare_cached("SELECT sha FROM envelope WHERE dev = ?1 AND seq = ?2")?;
    Ok(query.query_row(params![head.dev, seq as i64], |row| log::sha(row, 0)).optional()?)
}

/// An instant before which the next operation of the log can't have happened.
fn floor(tx: &Connection, head: &LogHead, device: DeviceId) -> Result<Millis, StoreError> {
    if head.acked > 0 {
        let mut query = tx.prepare_cached("SELECT lo_ms FROM envelope WHERE dev = ?1 AND seq = ?2")?;
        return Ok(Millis(query.query_row(params![head.dev, head.acked as i64], |row| row.get(0))?));
    }
    // After a fork a new device logs again what was done under an older one.
    Ok(device::first_enrolled(tx, device)?.unwrap_or(Millis(0)))
}
