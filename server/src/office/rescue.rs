//! A phone's rescue file is handed in: what is in it goes through the same door as an exchange, so that twice changes
//! nothing. What the phone's own key does not vouch for, or what does not fit its log, is kept all the same, apart.

use std::io::Read;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::{DeviceId, WorkerId};
use nuanfang_core::record::{Certificate, Jws, LogHead};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::Op;
use nuanfang_core::wire::rescue::{Frame, Opener, RescueHead, Unread};
use p256::SecretKey;
use p256::pkcs8::DecodePrivateKey;
use rusqlite::Connection;
use uuid::Uuid;

use super::accept::{self, Exchange};
use super::judge::OVERDUE;
use super::project::device;
use super::{log, readmission, rejudge, seen, uploads};
use crate::keys::Keys;
use crate::state::AppState;
use crate::store::{StoreError, sqlite};

/// Operations taken in at a time.
const BATCH: usize = 500;
/// Whose logs hold what could not be put into its own: UUIDv5 of the rescue file's head under this name.
const APART: Uuid = Uuid::from_u128(0x6e75_616e_6661_6e67_7265_7363_7565_0001);

/// What was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescued {
    /// Whose log.
    pub device: DeviceId,
    /// Whose phone.
    pub worker: WorkerId,
    /// Operations in the file.
    pub ops: u64,
    /// Those that were not here before.
    pub new_ops: u64,
    /// Where what did not fit the device's own log is kept.
    pub apart: Option<Apart>,
    /// What is in the device's own log and does not count yet: held, or quarantined.
    pub waiting: u64,
    /// Those of it that came after a dismissed phone's time to hand in.
    pub overdue: u64,
    /// Files in the file.
    pub files: u64,
    /// Those that were not here before.
    pub new_files: u64,
    /// The copy ended before this many of its files.
    pub files_cut: u64,
    /// It ended within these operations, which lie behind some that the phone could not read itself: nothing vouches for a part
    /// of them.
    pub ops_cut: u64,
}

/// A log of its own for what is kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apart {
    /// Its name.
    pub device: DeviceId,
    /// Why.
    pub why: Why,
}

/// Why operations are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The phone's key did not sign for them.
    Unsigned,
    /// The log here holds other operations at the same positions: the phone was copied or set back.
    Fork,
    /// The log here ends before they begin.
    Gap,
    /// The phone has not heard of a restore that may have lost what came before them, under a device that it was before: from
    /// what is here of this one it would take all that for safe.
    Unheard,
}

/// Why nothing was taken in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The file can't be read so far.
    #[error("{0}：没有收取任何内容")]
    Unread(#[from] Unread),
    /// It does not hold what its phone signed.
    #[error("文件内容与手机签名不符：没有收取任何内容")]
    Forged,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes in a rescue file. Blocks.
///
/// # Errors
/// As [`Refused`]; nothing was taken in then. A copy that ends within its files is no error: what came before is taken,
/// and the answer says what is missing.
pub fn rescue(state: &AppState, file: impl Read) -> Result<Rescued, Refused> {
    let mut opener = Opener::begin(file, |kid| secret(&state.keys, kid))?;
    let Frame::Head(head) = opener.read()? else { return Err(Unread::Damaged.into()) };
    if head.schema != 1 {
        return Err(Unread::NoRescue.into());
    }
    let ops = operations(&mut opener, &head)?;
    let mut rescued = take(state, &head, ops)?;
    let read = rest(state, &mut opener, &mut rescued);
    // Whatever became of the files, its operations are here and will not be new another time.
    owes_less(state, &rescued)?;
    read.map(|()| rescued)
}

fn operations<R: Read>(opener: &mut Opener<R>, head: &RescueHead) -> Result<Vec<Op>, Unread> {
    let mut ops = Vec::new();
    for _ in 0..head.ops {
        let Frame::Op(op) = opener.read()? else { return Err(Unread::Damaged) };
        ops.push(*op);
    }
    Ok(ops)
}

/// The files of what was taken, and what lies behind operations that the phone could not read, each with its own files.
fn rest<R: Read>(state: &AppState, opener: &mut Opener<R>, rescued: &mut Rescued) -> Result<(), Refused> {
    while let Some(head) = files(state, opener, rescued)? {
        let ops = match operations(opener, &head) {
            Ok(ops) => ops,
            Err(Unread::Io(error)) => return Err(StoreError::from(error).into()),
            Err(_) => {
                rescued.ops_cut = head.ops;
                return Ok(());
            }
        };
        let behind = match take(state, &head, ops) {
            Ok(behind) => behind,
            // What came before is here all the same.
            Err(Refused::Forged) => {
                rescued.ops_cut = head.ops;
                return Ok(());
            }
            Err(refused) => return Err(refused),
        };
        rescued.ops += behind.ops;
        rescued.new_ops += behind.new_ops;
        rescued.apart = rescued.apart.or(behind.apart);
        rescued.waiting += behind.waiting;
        rescued.overdue += behind.overdue;
        rescued.files += behind.files;
        rescued.files_cut = behind.files_cut;
    }
    Ok(())
}

/// Takes in files up to the next head, if there is one.
fn files<R: Read>(
    state: &AppState,
    opener: &mut Opener<R>,
    rescued: &mut Rescued,
) -> Result<Option<Box<RescueHead>>, Refused> {
    loop {
        match opener.read() {
            Ok(Frame::File(sha, bytes)) => {
                rescued.files_cut = rescued.files_cut.saturating_sub(1);
                rescued.new_files += u64::from(keep(state, sha, &bytes)?);
            }
            Ok(end @ (Frame::End | Frame::Head(_))) => {
                // The phone could not read the others itself.
                rescued.files -= rescued.files_cut;
                rescued.files_cut = 0;
                return Ok(if let Frame::Head(head) = end { Some(head) } else { None });
            }
            Ok(Frame::Op(_)) => return Ok(None),
            Err(Unread::Io(error)) => return Err(StoreError::from(error).into()),
            // What came before is whole: each chunk of it was held to its tag, each file to its hash.
            Err(_) => return Ok(None),
        }
    }
}

/// What is in its log now, and the files of that, the phone no longer holds alone: it may never come to say so itself. What
/// is kept apart proves nothing of it.
fn owes_less(state: &AppState, rescued: &Rescued) -> Result<(), StoreError> {
    if rescued.apart.is_some() {
        return Ok(());
    }
    let device = rescued.device;
    let (files, bytes) = state.store.read_now::<_, StoreError>(|db| {
        let mut query = db.prepare_cached(
            "SELECT count(*), coalesce(sum(n.len), 0) FROM blob_need n JOIN writer w ON w.dev = n.dev
             WHERE w.device = ?1",
        )?;
        Ok(query.query_row([device.0.as_bytes()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?)
    })?;
    state.seen.received(device, rescued.new_ops);
    state.seen.missing(device, files.unsigned_abs(), bytes.unsigned_abs());
    seen::keep(&state.seen, &state.store)
}

/// The secret of the key that is known as `kid`: the supplier's root.
fn secret(keys: &Keys, kid: &Sha) -> Option<[u8; 32]> {
    if keys.root.public().thumbprint() != *kid {
        return None;
    }
    Some(SecretKey::from_pkcs8_der(&keys.root.to_pkcs8_der()).ok()?.to_bytes().into())
}

fn take(state: &AppState, head: &RescueHead, ops: Vec<Op>) -> Result<Rescued, Refused> {
    let signed = vouched(&state.keys, head, &ops)?;
    let mut rescued = Rescued {
        device: head.device,
        worker: head.worker,
        ops: head.ops,
        new_ops: 0,
        apart: None,
        waiting: 0,
        overdue: 0,
        files: head.files,
        new_files: 0,
        files_cut: head.files,
        ops_cut: 0,
    };
    let (last, why) = match signed {
        Some(last) => {
            readmit(state, head)?;
            let done = if is_unheard(state, head)? { Err(Why::Unheard) } else { own_log(state, head, &ops)? };
            match done {
                Ok(new) => {
                    rescued.new_ops = new;
                    for why in state.store.read_now(|db| rejudge::whys(db, ops.iter().map(|op| op.op.0)))? {
                        rescued.waiting += 1;
                        rescued.overdue += u64::from(why == OVERDUE);
                    }
                    return Ok(rescued);
                }
                Err(why) => (last, why),
            }
        }
        None => (ops.iter().fold(head.base_sha, |prev, op| op.envelope(head.device, prev).sha()), Why::Unsigned),
    };
    let device = DeviceId(Uuid::new_v5(&APART, &last.0));
    rescued.new_ops = log_of_its_own(state, device, ops)?;
    rescued.apart = Some(Apart { device, why });
    Ok(rescued)
}

/// The hash of the log's end, if the phone's key, certified by this supplier, signed for it. `None` without a
/// signature.
fn vouched(keys: &Keys, head: &RescueHead, ops: &[Op]) -> Result<Option<Sha>, Refused> {
    let Some(text) = &head.head else { return Ok(None) };
    let certificate: Jws = serde_json::from_str(&head.certificate).map_err(|_| Refused::Forged)?;
    let certified = Certificate::open(&certificate).map_err(|_| Refused::Forged)?;
    let lost = readmission::read(keys, &head.certificate).ok_or(Refused::Forged)?;
    let jws: Jws = serde_json::from_str(text).map_err(|_| Refused::Forged)?;
    let opened = jws.open::<LogHead>().map_err(|_| Refused::Forged)?;
    opened.verify(&certified.key).map_err(|_| Refused::Forged)?;
    let mut end = (head.base, head.base_sha);
    for op in ops {
        if Some(op.seq) != end.0.checked_add(1) {
            return Err(Refused::Forged);
        }
        end = (op.seq, op.envelope(head.device, end.1).sha());
    }
    let says = opened.statement;
    let fits = opened.kid == certified.kid
        && (lost.device, lost.worker) == (head.device, head.worker)
        && (says.schema, says.device, says.seq, says.head) == (1, head.device, end.0, end.1);
    if fits { Ok(Some(end.1)) } else { Err(Refused::Forged) }
}

/// A phone whose enrolment was lost comes back by its rescue file as it would by itself.
fn readmit(state: &AppState, head: &RescueHead) -> Result<(), Refused> {
    if state.store.read_now(|db| device::find(db, head.device))?.is_some() {
        return Ok(());
    }
    if let Some(lost) = readmission::read(&state.keys, &head.certificate) {
        let worker = lost.worker;
        let mut acts = readmission::earlier(&state.keys, worker, &head.certificates, |device| {
            Ok::<_, StoreError>(state.store.read_now(|db| device::find(db, device))?.is_some())
        })?;
        acts.push(lost.into_act(head.continues.clone()));
        state.office.append_blocking::<StoreError, _>(worker, acts, |_| Ok(()))?;
    }
    Ok(())
}

/// Whether a phone that was another device before does not know that the server was restored, and nothing of it is here since.
fn is_unheard(state: &AppState, head: &RescueHead) -> Result<bool, Refused> {
    let Some(known) = head.epoch else { return Ok(false) };
    Ok(state.store.read_now::<_, StoreError>(|db| {
        Ok(known < sqlite::epoch(db)? && log::find_writer(db, head.device)?.is_none_or(|head| head.acked == 0))
    })?)
}

/// Puts operations into the device's own log, where they fit it. Returns how many were new.
fn own_log(state: &AppState, head: &RescueHead, ops: &[Op]) -> Result<Result<u64, Why>, Refused> {
    let (mut base, mut base_sha, mut new) = (head.base, head.base_sha, 0);
    let receipt = state.store.read_now(|db| accept::compare(db, head.device, base, base_sha))?;
    if receipt.fork {
        return Ok(Err(Why::Fork));
    }
    if receipt.acked < base {
        return Ok(Err(Why::Gap));
    }
    for batch in ops.chunks(BATCH) {
        let before = state.store.read_now(|db| accept::compare(db, head.device, base, base_sha))?.acked;
        let mut exchange = exchange(state, head.device, (base, base_sha), batch.to_vec());
        let receipt = state.store.write_blocking::<_, StoreError, _>(exchange.bytes(), move |writing| {
            accept::alone(writing, &mut exchange)
        })?;
        if receipt.fork {
            return Ok(Err(Why::Fork));
        }
        new += receipt.acked - before;
        for op in batch {
            (base, base_sha) = (op.seq, op.envelope(head.device, base_sha).sha());
        }
    }
    Ok(Ok(new))
}

/// Puts operations that are nowhere yet into a log of their own, whose device nobody enrolled: the door keeps them apart.
fn log_of_its_own(state: &AppState, device: DeviceId, ops: Vec<Op>) -> Result<u64, Refused> {
    let known = |db: &Connection, op: &Op| -> Result<bool, StoreError> {
        Ok(db.prepare_cached("SELECT 1 FROM envelope WHERE op = ?1")?.exists([op.op.0.as_bytes()])?)
    };
    let mut unknown = state.store.read_now::<_, StoreError>(|db| {
        let mut unknown = Vec::new();
        for op in ops {
            if !known(db, &op)? {
                unknown.push(op);
            }
        }
        Ok(unknown)
    })?;
    let receipt = state.store.read_now(|db| accept::compare(db, device, 0, Sha::ZERO))?;
    for (seq, op) in (receipt.acked + 1..).zip(&mut unknown) {
        op.seq = seq;
    }
    let new = unknown.len() as u64;
    let mut exchange = exchange(state, device, (receipt.acked, receipt.ack_sha), unknown);
    state
        .store
        .write_blocking::<_, StoreError, _>(exchange.bytes(), move |writing| accept::alone(writing, &mut exchange))?;
    Ok(new)
}

/// Operations as an exchange brings them; their times are known as far as the device's earlier exchanges tell.
fn exchange(state: &AppState, device: DeviceId, base: (u64, Sha), ops: Vec<Op>) -> Exchange {
    let recv: Millis = state.now();
    let anchors = state.seen.get(device).map(|seen| seen.anchors).unwrap_or_default();
    Exchange::of(device, base, ops, anchors, recv)
}

/// Keeps a file that is missing here. `false` if it is not wanted, or is not what its name promises.
fn keep(state: &AppState, sha: Sha, bytes: &[u8]) -> Result<bool, StoreError> {
    let missing = state.store.read_now::<_, StoreError>(|db| {
        let mut query = db.prepare_cached("SELECT 1 FROM blob WHERE sha = ?1 AND whole_ms IS NULL")?;
        Ok(query.exists([sha.0.as_slice()])?)
    })?;
    if !missing || Sha::of(bytes) != sha {
        return Ok(false);
    }
    state.blobs.put(bytes)?;
    let roles = state.store.read_now(|db| uploads::roles(db, &sha))?;
    let flaw = uploads::flaw(&state.blobs, &sha, &roles);
    let (len, at) = (bytes.len() as u64, state.now());
    state.store.write_blocking::<_, StoreError, _>(0, move |writing| uploads::whole(writing, &sha, len, flaw, at))?;
    Ok(true)
}
