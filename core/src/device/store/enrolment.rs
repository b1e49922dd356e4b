//! Who this phone is, how far its log has come, and its anchor in the server's time.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use uuid::Uuid;

use super::{lost_row, outbox_row};
use crate::canon::hash::Sha;
use crate::device::clock::Anchor;
use crate::device::trouble::Trouble;
use crate::id::{BootId, DeviceId, WorkerId};
use crate::time::{Millis, Stamp};

/// One enrolment of one worker on this phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// The device whose log this is.
    pub device: DeviceId,
    /// The worker.
    pub worker: WorkerId,
    /// The supplier's id.
    pub supplier: String,
    /// The server.
    pub url: String,
    /// The server's pinned TLS key.
    pub pin: Option<Sha>,
    /// The device's certificate, as the server gave it.
    pub certificate: String,
    /// The server's epoch.
    pub epoch: u64,
    /// All up to here is on the server's disk.
    pub acked: u64,
    /// All up to here survives the loss of the server.
    pub safe: u64,
    /// Up to where judgements made anew were heard ([`crate::wire::SyncReply::judged`]).
    pub judged: u64,
    /// The last position pruned here; 0 for none.
    pub floor: u64,
    /// The hash of the envelope at `floor`.
    pub floor_sha: Sha,
    /// The log forked: a new enrolment is needed before anything more can be sent.
    pub forked: bool,
    /// The last receipt said that this phone may only hand in what it holds.
    pub dismissed: bool,
    /// The server's time of the last receipt.
    pub synced: Option<Millis>,
    /// The devices this phone was before, the first one first: their log goes on here.
    pub continues: Vec<DeviceId>,
    /// Their certificates, as far as they were kept: a release before this one kept none.
    pub certificates: Vec<String>,
}

/// Reads a 16-byte id.
pub(super) fn id_at(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<Uuid> {
    row.get(column).map(Uuid::from_bytes)
}

/// Reads a hash.
pub(super) fn sha_at(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<Sha> {
    row.get(column).map(Sha)
}

/// Reads an unsigned integer; SQLite's are signed, ours stay below 2^63.
pub(super) fn u64_at(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|value| u64::try_from(value).unwrap_or(0))
}

/// An unsigned integer for SQLite; a clock beyond 2^63 ms stands at the end.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn device_of(bytes: &[u8]) -> DeviceId {
    DeviceId(Uuid::from_slice(bytes).unwrap_or_default())
}

/// The enrolment, if there is one.
pub fn find(connection: &Connection) -> Result<Option<Enrolment>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT * FROM enrolment")?;
    let found = statement.query_row([], |row| {
        Ok(Enrolment {
            device: DeviceId(id_at(row, "device")?),
            worker: WorkerId(id_at(row, "worker")?),
            supplier: row.get("supplier")?,
            url: row.get("url")?,
            pin: row.get::<_, Option<[u8; 32]>>("pin")?.map(Sha),
            certificate: row.get("certificate")?,
            epoch: u64_at(row, "epoch")?,
            acked: u64_at(row, "acked")?,
            safe: u64_at(row, "safe")?,
            judged: u64_at(row, "judged")?,
            floor: u64_at(row, "floor")?,
            floor_sha: sha_at(row, "floor_sha")?,
            forked: row.get("forked")?,
            dismissed: row.get("dismissed")?,
            synced: row.get::<_, Option<i64>>("synced_ms")?.map(Millis),
            continues: row.get::<_, Vec<u8>>("continues")?.chunks_exact(16).map(device_of).collect(),
            certificates: serde_json::from_str(row.get_ref("certificates")?.as_str()?).unwrap_or_default(),
        })
    });
    Ok(found.optional()?)
}

/// The enrolment, which must be there.
pub fn get(connection: &Connection) -> Result<Enrolment, Trouble> {
    find(connection)?.ok_or(Trouble::NotEnrolled)
}

/// Writes the enrolment whole: whoever has one to write was let in, or begins anew, and is not revoked.
pub fn put(transaction: &Transaction<'_>, enrolment: &Enrolment) -> Result<(), Trouble> {
    transaction.prepare_cached(
        "INSERT OR REPLACE INTO enrolment (one, device, worker, supplier, url, pin, certificate, epoch, acked, safe,
             floor, floor_sha, forked, synced_ms, judged, continues, revoked, dismissed, certificates)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 0, ?16, ?17)",
    )?
    .execute(params![
        enrolment.device.0.as_bytes(),
        enrolment.worker.0.as_bytes(),
        enrolment.supplier,
        enrolment.url,
        enrolment.pin.map(|pin| pin.0),
        enrolment.certificate,
        signed(enrolment.epoch),
        signed(enrolment.acked),
        signed(enrolment.safe),
        signed(enrolment.floor),
        enrolment.floor_sha.0,
        enrolment.forked,
        enrolment.synced.map(|at| at.0),
        signed(enrolment.judged),
        enrolment.continues.iter().flat_map(|device| device.0.into_bytes()).collect::<Vec<u8>>(),
        enrolment.dismissed,
        serde_json::to_string(&enrolment.certificates).map_err(Trouble::damaged)?,
    ])?;
    Ok(())
}

/// Keeps that the log can't go on under this enrolment, until the next [`put`]; whether it is revoked stays as it was.
pub fn mark_forked(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    transaction.execute("UPDATE enrolment SET forked = 1", [])?;
    Ok(())
}

/// Keeps that the company has revoked this phone, until the next [`put`].
pub fn mark_revoked(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    transaction.execute("UPDATE enrolment SET revoked = 1 WHERE revoked = 0", [])?;
    Ok(())
}

/// Whether the company has revoked this phone, as far as it has heard.
pub fn is_revoked(connection: &Connection) -> Result<bool, Trouble> {
    let mut statement = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM enrolment WHERE revoked = 1)")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Position and hash of the log's last envelope; position 0 and [`Sha::ZERO`] when it is empty. Where the last were lost, that
/// of the last of them, without a hash: what comes after is chained anew once the server was asked. Where what the server has is
/// lost as well, that, without a hash: such a log is to be enrolled anew.
pub fn head(connection: &Connection, enrolment: &Enrolment) -> Result<(u64, Sha), Trouble> {
    let here = outbox_row::last(connection, enrolment.device)?.unwrap_or((enrolment.floor, enrolment.floor_sha));
    let last = match lost_row::last(connection, enrolment.device)? {
        Some((seq, sha)) if seq > here.0 => (seq, sha.unwrap_or(Sha::ZERO)),
        _ => here,
    };
    Ok(if last.0 < enrolment.acked { (enrolment.acked, Sha::ZERO) } else { last })
}

/// The hash of our envelope at `seq`, as far back as the log still knows it: 0 too is below what was pruned.
pub fn sha_of(connection: &Connection, enrolment: &Enrolment, seq: u64) -> Result<Option<Sha>, Trouble> {
    match seq {
        seq if seq == enrolment.floor => Ok(Some(enrolment.floor_sha)),
        // What was logged behind it before the server was asked does not know it.
        seq => match lost_row::sha(connection, enrolment.device, seq)? {
            Some(sha) => Ok(sha),
            None => outbox_row::sha(connection, enrolment.device, seq),
        },
    }
}

/// The anchor of the run of the clock that `stamp` belongs to.
pub fn anchor(connection: &Connection, stamp: &Stamp) -> Result<Option<Anchor>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT * FROM anchor WHERE boot = ?1")?;
    Ok(statement.query_row([stamp.boot.0.as_bytes()], anchor_of).optional()?)
}

/// The last anchor of every run of the clock that the server was spoken to in.
pub fn anchors(connection: &Connection) -> Result<Vec<Anchor>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT * FROM anchor")?;
    let found = statement.query_map([], anchor_of)?.collect::<Result<_, _>>()?;
    Ok(found)
}

fn anchor_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Anchor> {
    Ok(Anchor {
        boot: BootId(id_at(row, "boot")?),
        mono_ms: u64_at(row, "mono_ms")?,
        server: Millis(row.get("server_ms")?),
        rtt_ms: u64_at(row, "rtt_ms")?,
    })
}

/// Keeps the anchor of this boot. Those of earlier ones stay: what was done then keeps its time.
pub fn put_anchor(transaction: &Transaction<'_>, anchor: &Anchor) -> Result<(), Trouble> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO anchor (boot, mono_ms, server_ms, rtt_ms) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![anchor.boot.0.as_bytes(), signed(anchor.mono_ms), anchor.server.0, signed(anchor.rtt_ms)])?;
    Ok(())
}
