//! One exchange, without any input or output: what to ask, and what an answer means. Pure decisions over the store, so
//! that every path can be played without a network.
//!
//! An answer counts as a receipt only if it echoes the request and proves the hash of our own log at the position it
//! acknowledges; a captive portal's page, a truncated body and yesterday's answer do neither.

use std::collections::{BTreeSet, HashSet};

use rand::Rng;
use rusqlite::Transaction;
use uuid::Uuid;

use super::clock::Anchor;
use super::mirror::{self, ScopeResult};
use super::store::enrolment::{self, Enrolment};
use super::store::{Store, blob_row, damage_row, mirror_row, outbox_row};
use super::trouble::Trouble;
use super::{blob, outbox};
use crate::canon::hash::Sha;
use crate::drill::{self, Mutant};
use crate::time::{Millis, Stamp};
use crate::wire::feed::{COMPANY, worker_scope};
use crate::wire::{BlobNeed, Caps, Clocks, Heard, ScopeCursor, SyncReply, SyncRequest, VERSION, dictionary};

/// Operations an exchange carries at most.
pub const BATCH_OPS: usize = 500;
/// Bytes of JSON the operations of an exchange take at most: the request stays well under its limit.
pub const BATCH_BYTES: usize = 3 * 1024 * 1024;
/// Bytes that an exchange may carry on the slowest link.
const LEAST_BYTES: usize = 16 * 1024;

/// What the phone says of itself with each exchange.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// The app's version.
    pub app: String,
    /// The zone's name.
    pub tz: String,
    /// How many days safe evidence is kept.
    pub keep_days: u32,
}

/// Why an answer is no receipt. Nothing in the store was changed by it, except that a fork is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAReceipt {
    /// Not our server's JSON: a portal's page, a truncated body, somebody else.
    Unreadable,
    /// It answers another request.
    OtherRequest,
    /// It acknowledges what it can't prove to hold.
    Unproven,
    /// It comes from a server that is older than one we have spoken to.
    OlderEpoch,
    /// The log forked; the phone must be enrolled anew. Nothing is lost.
    Forked,
}

/// What an answer changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// All up to here is on the server's disk.
    pub acked: u64,
    /// All up to here survives the server's loss.
    pub safe: u64,
    /// The log's last position here.
    pub head: u64,
    /// Something more waits on either side: ask again at once.
    pub more: bool,
    /// Files to send now, signatures first.
    pub need: Vec<BlobNeed>,
    /// Entities that changed.
    pub changed: usize,
    /// Scopes whose feed did not fit, with the reason; they are asked for anew.
    pub violations: Vec<(String, &'static str)>,
    /// When to ask again without any other reason, seconds.
    pub poll_after_s: u32,
}

/// What to ask now, with operations of `load` bytes at most, or one.
///
/// # Errors
/// [`Trouble::NotEnrolled`], or what the database says.
pub fn next_request(store: &Store, speaker: &Speaker, now: Stamp, load: usize) -> Result<SyncRequest, Trouble> {
    store.read(|connection| {
        let enrolment = enrolment::get(connection)?;
        // Below what was pruned nothing can be sent: a release took a restored server's 0 for a receipt.
        let base = enrolment.acked.max(enrolment.floor);
        let base_sha = enrolment::sha_of(connection, &enrolment, base)?.ok_or_else(|| outbox::missing(base))?;
        let count = drill::limit(drill::Limit::BatchOps, BATCH_OPS);
        let (ops, head_sha) = outbox::batch(connection, &enrolment, base, count, load)?;
        let mut heard: Vec<Heard> = enrolment::anchors(connection)?.iter().map(Anchor::heard).collect();
        heard.retain(|heard| heard.boot == now.boot || ops.iter().any(|op| op.t.boot == heard.boot));
        let mut owes = blob_row::owes(connection)?;
        owes.ops = outbox_row::count_after(connection, enrolment.device, base)?;
        owes.oldest_ms = ops.first().map(|op| op.t.age_ms(&now));
        let known = mirror_row::scopes(connection)?;
        let scopes = [COMPANY.to_owned(), worker_scope(enrolment.worker.0)]
            .into_iter()
            .map(|id| match known.iter().find(|scope| scope.id == id) {
                Some(scope) => ScopeCursor { id, pos: scope.pos, hash: format!("{:032x}", scope.hash) },
                None => ScopeCursor { id, pos: 0, hash: format!("{:032x}", 0) },
            })
            .collect();
        Ok(SyncRequest {
            v: VERSION,
            req: Uuid::now_v7(),
            device: enrolment.device,
            epoch: enrolment.epoch,
            scopes,
            caps: Caps {
                app: speaker.app.clone(),
                kinds: vec!["visit.*".to_owned(), "pii.*".to_owned()],
                enc: std::iter::once("zstd".to_owned()).chain(dictionary::names()).collect(),
            },
            t: Clocks { stamp: now, tz: speaker.tz.clone(), heard },
            owes,
            base,
            base_sha,
            judged: enrolment.judged,
            head_sha,
            ops,
        })
    })
}

#[cfg(feature = "mutants")]
mod broken {
    //! What [`Mutant::CursorFirst`] does in two transactions that are one elsewhere.

    use super::{Store, SyncReply, Trouble, mirror, mirror_row};
    use crate::device::store::mirror_row::ScopeRow;
    use crate::wire::ScopeReply;

    pub(super) fn cursor(writing: &rusqlite::Connection, reply: &ScopeReply) -> Result<(), Trouble> {
        let hash = u128::from_str_radix(&reply.hash, 16).unwrap_or(0);
        mirror_row::put_scope(writing, &ScopeRow { id: reply.id.clone(), pos: reply.pos, hash, resetting: false })
    }

    pub(super) fn feed(store: &Store, reply: &SyncReply, stood: &[ScopeRow]) -> Result<(), Trouble> {
        store.write(|transaction| {
            for scope in &reply.scopes {
                let before = stood.iter().find(|row| row.id == scope.id).cloned();
                mirror_row::put_scope(transaction, &before.unwrap_or_else(|| ScopeRow::new(&scope.id)))?;
                mirror::apply(transaction, scope, false)?;
            }
            Ok(())
        })
    }
}

/// What a body that came back with status 200 is: our server's reply, or nothing.
pub fn read_reply(body: &[u8]) -> Result<SyncReply, NotAReceipt> {
    // Once for all of it: each mirrored body would be checked again.
    let text = simdutf8::basic::from_utf8(body).map_err(|_| NotAReceipt::Unreadable)?;
    serde_json::from_str(text).map_err(|_| NotAReceipt::Unreadable)
}

/// Takes an answer in: acknowledgement, feed and cursors in one transaction, or nothing of it.
///
/// # Errors
/// What the database says; then nothing was taken in and the same exchange can be done again.
pub fn apply_reply(
    store: &Store,
    speaker: &Speaker,
    request: &SyncRequest,
    reply: &SyncReply,
    received: Stamp,
) -> Result<Result<Applied, NotAReceipt>, Trouble> {
    #[cfg(feature = "mutants")]
    let stood = store.read(mirror_row::scopes)?;
    let outcome = store.write::<_, Trouble>(|transaction| {
        let mut enrolment = enrolment::get(transaction)?;
        let echoed = reply.req == request.req || drill::is(Mutant::NoEcho);
        if !echoed || request.device != enrolment.device {
            return Ok(Err(NotAReceipt::OtherRequest));
        }
        let (head, _) = enrolment::head(transaction, &enrolment)?;
        // Whatever such a server says of this log was true of another time.
        if reply.epoch < enrolment.epoch {
            return Ok(Err(NotAReceipt::OlderEpoch));
        }
        // A server that knows more of this log than the phone does: the phone was put back to an older state.
        if reply.fork || reply.acked_through > head {
            forked(transaction, &mut enrolment, reply)?;
            return Ok(Err(NotAReceipt::Forked));
        }
        let known = enrolment::sha_of(transaction, &enrolment, reply.acked_through)?;
        if known.is_none() && reply.acked_through > request.base && reply.epoch == enrolment.epoch {
            // It proves what this phone still knows of its log, and has of it what was lost here with a damaged page.
            outbox::follow_server(transaction, &enrolment, (reply.acked_through, reply.ack_sha))?;
        } else if known != Some(reply.ack_sha) {
            // Outside of what this request carried the server has another log than this phone's: a copy of the phone sent
            // more of it, or was the first to speak to a restored server; or what it lacks is pruned here. Asking again
            // would bring the same answer for ever.
            let carried = request.base..=request.base + request.ops.len() as u64;
            if !carried.contains(&reply.acked_through) {
                forked(transaction, &mut enrolment, reply)?;
                return Ok(Err(NotAReceipt::Forked));
            }
            return Ok(Err(NotAReceipt::Unproven));
        }
        let restored = reply.epoch != enrolment.epoch;
        let told_before = enrolment.dismissed;
        take_receipt(transaction, &mut enrolment, request, reply, restored, received)?;
        let (head, _) = enrolment::head(transaction, &enrolment)?;
        let mut applied = Applied {
            acked: enrolment.acked,
            safe: enrolment.safe,
            head,
            more: enrolment.acked < head,
            poll_after_s: reply.poll_after_s,
            ..Applied::default()
        };
        let own = worker_scope(enrolment.worker.0);
        // Who is dismissed is told nothing, and forgets below what is to be forgotten.
        let told = reply.scopes.iter().filter(|scope| !reply.dismissed && (scope.id == COMPANY || scope.id == own));
        for scope in told {
            // After a restore the old positions mean nothing: only a whole scope counts.
            if restored && !scope.reset {
                mirror_row::ask_anew(transaction, &scope.id)?;
                applied.more = true;
                continue;
            }
            #[cfg(feature = "mutants")]
            if drill::is(Mutant::CursorFirst) {
                broken::cursor(transaction, scope)?;
                continue;
            }
            match mirror::apply(transaction, scope, restored)? {
                ScopeResult::Applied { changed, more, .. } => {
                    applied.changed += changed;
                    applied.more |= more;
                }
                ScopeResult::Violated { why } => {
                    applied.violations.push((scope.id.clone(), why));
                    applied.more = true;
                }
            }
        }
        let before = Millis(reply.now_ms.0.saturating_sub(i64::from(speaker.keep_days) * 86_400_000));
        if !applied.more {
            mirror::let_go(transaction, reply.now_ms, before)?;
        }
        if reply.dismissed {
            mirror::dismiss(transaction, told_before)?;
        }
        applied.need = needs(transaction, reply)?;
        if outbox::prune(transaction, before)? && !applied.more {
            // What was begun waited for what went here, and this exchange may be the last for long.
            mirror::let_go(transaction, reply.now_ms, before)?;
        }
        damage_row::age(transaction, reply.now_ms, before)?;
        Ok(Ok(applied))
    })?;
    #[cfg(feature = "mutants")]
    if drill::is(Mutant::CursorFirst) && outcome.is_ok() {
        broken::feed(store, reply, &stood)?;
    }
    if reply.dismissed || (outcome.is_ok() && !reply.scopes.is_empty()) {
        blob::tidy(store);
    }
    Ok(outcome)
}

/// The server's log goes on otherwise than this phone's. What it does not call safe is logged again with the new
/// enrolment; one that was restored in between calls safe what may be a copy's.
fn forked(transaction: &Transaction<'_>, enrolment: &mut Enrolment, reply: &SyncReply) -> Result<(), Trouble> {
    let told_before = std::mem::replace(&mut enrolment.dismissed, reply.dismissed);
    enrolment.forked = true;
    if reply.epoch == enrolment.epoch {
        enrolment.safe = reply.safe_through.min(enrolment.safe);
    } else {
        // Nor does it hold what its receipts were for: that waits for the new enrolment, and is nowhere else.
        (enrolment.safe, enrolment.acked) = (0, enrolment.floor);
        blob_row::forget_whole(transaction, enrolment.device)?;
    }
    enrolment::put(transaction, enrolment)?;
    if reply.dismissed {
        mirror::dismiss(transaction, told_before)?;
    }
    outbox_row::mark_unsafe(transaction, enrolment.device, enrolment.safe)?;
    outbox_row::mark_safe(transaction, enrolment.device, enrolment.safe, reply.now_ms)
}

fn take_receipt(
    transaction: &Transaction<'_>,
    enrolment: &mut Enrolment,
    request: &SyncRequest,
    reply: &SyncReply,
    restored: bool,
    received: Stamp,
) -> Result<(), Trouble> {
    let told = if drill::is(Mutant::PruneAtAck) { reply.acked_through } else { reply.safe_through };
    let (safe, stood) = (told.min(reply.acked_through), enrolment.safe);
    enrolment.acked = reply.acked_through;
    enrolment.safe = if restored { safe } else { safe.max(enrolment.safe.min(enrolment.acked)) };
    enrolment.judged = if restored { reply.judged } else { reply.judged.max(enrolment.judged) };
    enrolment.epoch = reply.epoch;
    enrolment.dismissed = reply.dismissed;
    enrolment.synced = Some(reply.now_ms);
    enrolment::put(transaction, enrolment)?;
    if restored {
        outbox::relog_earlier(transaction, enrolment)?;
        blob_row::forget_whole(transaction, enrolment.device)?;
    }
    // A server may have been set back by whoever knows nothing of epochs.
    if restored || enrolment.safe < stood {
        outbox_row::mark_unsafe(transaction, enrolment.device, enrolment.safe)?;
    }
    outbox_row::mark_safe(transaction, enrolment.device, enrolment.safe, reply.now_ms)?;
    let known = if restored { 0 } else { request.base };
    let fresh = known + 1..=reply.acked_through;
    outbox_row::put_outcomes(transaction, enrolment.device, fresh, &reply.outcomes)?;
    let sent = request.t.stamp;
    if sent.boot == received.boot && received.mono_ms >= sent.mono_ms {
        let rtt_ms = received.mono_ms - sent.mono_ms;
        let anchor = Anchor { boot: sent.boot, mono_ms: sent.mono_ms + rtt_ms / 2, server: reply.now_ms, rtt_ms };
        enrolment::put_anchor(transaction, &anchor)?;
    }
    Ok(())
}

/// The server's work list, in its order; what it asks for is not whole there, whatever we believed.
fn needs(transaction: &Transaction<'_>, reply: &SyncReply) -> Result<Vec<BlobNeed>, Trouble> {
    let mut found = Vec::new();
    // All that operations name: read once, and only where a row is missing.
    let mut named: Option<HashSet<String>> = None;
    for need in &reply.need {
        let is_here = blob_row::find(transaction, need.sha)?.is_some();
        if is_here {
            blob_row::mark_whole(transaction, need.sha, false)?;
        } else if named.is_none() {
            named = Some(blob_row::named(transaction)?);
        }
        // Where its row was lost, who sends it finds that out, and its worker is told.
        if is_here || named.as_ref().is_some_and(|named| named.contains(&need.sha.to_string())) {
            found.push(need.clone());
        }
    }
    Ok(found)
}

/// What the next exchange may carry when one with `load` bytes did not get through in its time: on a slow link the same
/// again never would.
pub fn lighter(load: usize) -> usize {
    (load / 4).max(LEAST_BYTES)
}

/// What it may carry after one that got through: what was slow may be fast again.
pub fn heavier(load: usize) -> usize {
    (load * 2).min(BATCH_BYTES)
}

/// The server says that it has all of a file.
pub fn file_is_whole(store: &Store, sha: Sha) -> Result<(), Trouble> {
    store.write(|transaction| blob_row::mark_whole(transaction, sha, true))
}

/// The server does not know that it wants a file: its next work list will name it, unless the operation that named it is lost.
pub fn file_is_unknown(store: &Store, sha: Sha) -> Result<(), Trouble> {
    store.write(|transaction| blob_row::unlog_unnamed(transaction, Some(sha)))
}

/// Whether there are operations that the server has not acknowledged.
pub fn has_unsent(store: &Store) -> Result<bool, Trouble> {
    store.read(|connection| {
        let enrolment = enrolment::get(connection)?;
        Ok(enrolment::head(connection, &enrolment)?.0 > enrolment.acked)
    })
}

/// Files whose fate is to be asked for, so many of them: named by an acknowledged operation, not known to be whole, and not
/// among those that were `tried`.
pub fn files_in_doubt(store: &Store, tried: &BTreeSet<Sha>, limit: usize) -> Result<Vec<Sha>, Trouble> {
    store.read(|connection| {
        let owed = blob_row::owed(connection, tried, limit)?;
        Ok(owed.into_iter().map(|row| row.sha).collect())
    })
}

/// A number for [`super::backoff::Backoff`].
pub fn jitter() -> u64 {
    rand::thread_rng().r#gen()
}
