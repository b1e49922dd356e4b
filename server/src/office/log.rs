//! The log: envelopes in the order of receipt, heads apart from bodies. Appending projects in the same transaction.

use std::collections::HashMap;

use nuanfang_core::canon::envelope::{BODY_LIMIT, BlobRef, Envelope};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::{Event, Fact};
use nuanfang_core::id::{BootId, DeviceId, OpId, VisitId, WorkerId};
use nuanfang_core::time::{Estimate, Millis, Stamp, TimeQuality};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{project, uploads};
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// Where one log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHead {
    /// The log's number in this store.
    pub dev: i64,
    /// It is the office's own.
    pub office: bool,
    /// Everything up to here is on disk.
    pub acked: u64,
    /// The hash of the envelope there.
    pub ack_sha: Sha,
    /// Everything up to here survives the loss of this folder.
    pub safe: u64,
}

/// An envelope about to be stored, with what its receipt added.
#[derive(Debug, Clone)]
pub struct Arriving {
    /// The head.
    pub envelope: Envelope,
    /// Its hash.
    pub sha: Sha,
    /// The body, read.
    pub event: Event,
    /// When it came.
    pub recv: Millis,
    /// When it happened, as far as is known.
    pub estimate: Estimate,
    /// It ends what came together.
    pub last: bool,
}

/// An envelope to be appended, with its body.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The head, and what is known of it.
    pub arriving: Arriving,
    /// The body, as it is hashed.
    pub body: String,
}

/// An envelope in the log.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Its position in the order of receipt.
    pub g: u64,
    /// Its log's number in this store.
    pub dev: i64,
    /// The log is the office's own.
    pub office: bool,
    /// Its hash.
    pub sha: Sha,
    /// When it came.
    pub recv: Millis,
    /// The visit it is about.
    pub visit: Option<VisitId>,
    /// What it says.
    pub fact: Fact,
    /// Bytes of its body.
    pub bytes: usize,
    /// The body is gone: the person was erased.
    pub erased: bool,
    /// It ends what came together: rows that wait are written after it.
    pub last: bool,
}

impl Logged {
    /// The best estimate of when it happened.
    pub fn at(&self) -> Estimate {
        self.fact.estimate.unwrap_or(Estimate::exact(self.recv))
    }
}

/// Where the log of `device` stands, if it has one.
pub fn find_writer(db: &Connection, device: DeviceId) -> Result<Option<LogHead>, StoreError> {
    let mut query = db.prepare_cached("SELECT dev, office, acked, ack_sha, safe FROM writer WHERE device = ?1")?;
    Ok(query
        .query_row([device.0.as_bytes()], |row| {
            Ok(LogHead {
                dev: row.get(0)?,
                office: row.get(1)?,
                acked: row.get::<_, i64>(2)? as u64,
                ack_sha: sha(row, 3)?,
                safe: row.get::<_, i64>(4)? as u64,
            })
        })
        .optional()?)
}

/// Where the log of `device` stands; it begins here when there is none yet.
pub fn writer(tx: &Connection, device: DeviceId, office: bool) -> Result<LogHead, StoreError> {
    if let Some(found) = find_writer(tx, device)? {
        return Ok(found);
    }
    tx.execute(
        "INSERT INTO writer (device, office, ack_sha) VALUES (?1, ?2, ?3)",
        params![device.0.as_bytes(), office, Sha::ZERO.0.as_slice()],
    )?;
    Ok(LogHead { dev: tx.last_insert_rowid(), office, acked: 0, ack_sha: Sha::ZERO, safe: 0 })
}

/// Stores one envelope as it came and returns it as logged; without a body where the person is erased. The log's head
/// is moved by [`advance`].
pub fn store(tx: &Connection, writer: &LogHead, arriving: Arriving, body: Option<&str>) -> Result<Logged, StoreError> {
    let Arriving { envelope, sha, event, recv, estimate, last } = arriving;
    let blobs = if envelope.blobs.is_empty() {
        None
    } else {
        Some(serde_json::to_string(&envelope.blobs).map_err(|error| StoreError::Damaged(error.to_string()))?)
    };
    tx.prepare_cached(
        "INSERT INTO envelope (dev, seq, op, kind, visit, worker, basis, rules, t_wall, t_mono, boot, body_sha,
         blobs, sha, recv_ms, est_ms, lo_ms, hi_ms, quality, last)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
    )?
    .execute(params![
        writer.dev,
        envelope.seq as i64,
        envelope.op.0.as_bytes(),
        envelope.kind,
        envelope.visit.as_ref().map(|visit| visit.0.as_bytes()),
        envelope.worker.0.as_bytes(),
        envelope.basis as i64,
        envelope.rules.0.as_slice(),
        envelope.t.wall_ms,
        envelope.t.mono_ms as i64,
        envelope.t.boot.0.as_bytes(),
        envelope.body_sha.0.as_slice(),
        blobs,
        sha.0.as_slice(),
        recv.0,
        estimate.est.0,
        estimate.lo.0,
        estimate.hi.0,
        quality_to(estimate.quality),
        last,
    ])?;
    let g = tx.last_insert_rowid();
    if let Some(body) = body {
        tx.prepare_cached("INSERT INTO body (g, body) VALUES (?1, ?2)")?.execute(params![g, body])?;
    }
    Ok(Logged {
        g: g as u64,
        dev: writer.dev,
        office: writer.office,
        sha,
        recv,
        visit: envelope.visit,
        fact: Fact {
            op: envelope.op,
            device: envelope.device,
            seq: envelope.seq,
            worker: envelope.worker,
            basis: envelope.basis,
            rules: envelope.rules,
            stamp: envelope.t,
            estimate: Some(estimate),
            event,
            blobs: envelope.blobs,
        },
        bytes: body.map_or(0, str::len),
        erased: body.is_none(),
        last,
    })
}

/// Moves a log's head.
pub fn advance(tx: &Connection, dev: i64, acked: u64, ack_sha: &Sha) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE writer SET acked = ?2, ack_sha = ?3 WHERE dev = ?1")?.execute(params![
        dev,
        acked as i64,
        ack_sha.0.as_slice()
    ])?;
    Ok(())
}

/// Appends to the office's log what `compose` makes of the present state and the log's head, and projects it. Returns
/// the position of each entry.
///
/// # Errors
/// What `compose` refuses, unchanged; [`StoreError::Damaged`] if what it made does not follow on the head.
pub fn append<E, F>(writing: &mut Writing<'_>, office: DeviceId, compose: F) -> Result<Vec<u64>, E>
where
    E: From<StoreError>,
    F: FnOnce(&Connection, &LogHead) -> Result<Vec<Entry>, E>,
{
    let mut head = writer(writing.tx, office, true)?;
    let entries = compose(writing.tx, &head)?;
    Ok(entries.into_iter().map(|entry| append_one(writing, &mut head, entry)).collect::<Result<_, _>>()?)
}

fn append_one(writing: &mut Writing<'_>, head: &mut LogHead, entry: Entry) -> Result<u64, StoreError> {
    let Entry { arriving, body } = entry;
    let envelope = &arriving.envelope;
    if envelope.seq != head.acked + 1 || envelope.prev != head.ack_sha {
        return Err(StoreError::Damaged(format!("entry {} does not follow on the office's log", envelope.seq)));
    }
    let logged = store(writing.tx, head, arriving, Some(&body))?;
    uploads::placed(writing.tx, &logged)?;
    (head.acked, head.ack_sha) = (logged.fact.seq, logged.sha);
    advance(writing.tx, head.dev, head.acked, &head.ack_sha)?;
    project::project(writing, &logged)?;
    project::visit::settle(writing, logged.recv)?;
    Ok(logged.g)
}

const SELECT: &str = "SELECT e.g, e.dev, w.device, e.seq, e.op, e.kind, e.visit, e.worker, e.basis, e.rules, e.t_wall,
    e.t_mono, e.boot, e.blobs, e.sha, e.recv_ms, e.est_ms, e.lo_ms, e.hi_ms, e.quality, b.body, w.office, e.last
    FROM envelope e JOIN writer w ON w.dev = e.dev LEFT JOIN body b ON b.g = e.g";

/// The envelope at `g`.
pub fn at(db: &Connection, g: u64) -> Result<Option<Logged>, StoreError> {
    let mut query = db.prepare_cached(&format!("{SELECT} WHERE e.g = ?1"))?;
    Ok(query.query_row([g as i64], read).optional()?)
}

/// Up to `limit` envelopes after `g`, in order.
pub fn after(db: &Connection, g: u64, limit: usize) -> Result<Vec<Logged>, StoreError> {
    let mut query = db.prepare_cached(&format!("{SELECT} WHERE e.g > ?1 ORDER BY e.g LIMIT ?2"))?;
    let rows = query.query_map(params![g as i64, limit as i64], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Everything about one visit, in the order of receipt, whatever became of it.
pub fn of_visit(db: &Connection, visit: VisitId) -> Result<Vec<Logged>, StoreError> {
    let mut query = db.prepare_cached(&format!("{SELECT} WHERE e.visit = ?1 ORDER BY e.g"))?;
    let rows = query.query_map([visit.0.as_bytes()], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The office's own acts of one kind, in the order of receipt.
pub fn of_office(db: &Connection, kind: &str) -> Result<Vec<Logged>, StoreError> {
    // The bounds are those of the index of acts.
    let mut query = db.prepare_cached(&format!(
        "{SELECT} WHERE e.kind = ?1 AND e.kind >= 'office.' AND e.kind < 'pii/' AND w.office = 1 ORDER BY e.g"
    ))?;
    let rows = query.query_map([kind], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What counts of one visit up to `g`: everything applied or late.
pub fn counting_of_visit(db: &Connection, visit: VisitId, g: u64) -> Result<Vec<Logged>, StoreError> {
    let mut query = db.prepare_cached(&format!(
        "{SELECT} LEFT JOIN outcome o ON o.g = e.g
         WHERE e.visit = ?1 AND e.g <= ?2 AND (o.o IS NULL OR o.o IN ('applied', 'late')) ORDER BY e.g"
    ))?;
    let rows = query.query_map(params![visit.0.as_bytes(), g as i64], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads a body. One that is longer than an operation may be is kept, but not read.
pub fn read_event(kind: &str, body: &str) -> Event {
    if body.len() > BODY_LIMIT {
        return Event::Unreadable { kind: kind.to_owned(), why: "longer than an operation may be".into() };
    }
    Event::parse(kind, body)
}

/// The body at `g` as it was appended; `None` once erased.
pub fn body(db: &Connection, g: u64) -> Result<Option<String>, StoreError> {
    let mut query = db.prepare_cached("SELECT body FROM body WHERE g = ?1")?;
    Ok(query.query_row([g as i64], |row| row.get(0)).optional()?)
}

/// The end of a log's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayEnd {
    /// Its last position.
    pub seq: u64,
    /// The hash there.
    pub sha: Sha,
    /// When that came.
    pub at: Millis,
}

/// The last envelope of each local day in the log of `device`.
pub fn day_ends(db: &Connection, device: DeviceId) -> Result<Vec<DayEnd>, StoreError> {
    // Eight hours east of Greenwich, without daylight saving.
    let mut query = db.prepare_cached(
        "SELECT max(e.seq), e.sha, e.recv_ms FROM envelope e JOIN writer w ON w.dev = e.dev
         WHERE w.device = ?1 GROUP BY (e.recv_ms + 28800000) / 86400000 ORDER BY 1",
    )?;
    let rows = query.query_map([device.0.as_bytes()], |row| {
        Ok(DayEnd { seq: row.get::<_, i64>(0)? as u64, sha: sha(row, 1)?, at: Millis(row.get(2)?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Computes every chain anew from heads and bodies. Returns how many envelopes stand, or names the first that does
/// not.
pub fn verify_chains(db: &Connection) -> Result<u64, StoreError> {
    let mut query = db.prepare(
        "SELECT e.g, e.dev, w.device, e.seq, e.op, e.kind, e.visit, e.worker, e.basis, e.rules, e.t_wall, e.t_mono,
         e.boot, e.blobs, e.sha, e.body_sha, b.body
         FROM envelope e JOIN writer w ON w.dev = e.dev LEFT JOIN body b ON b.g = e.g ORDER BY e.g",
    )?;
    let mut rows = query.query([])?;
    let mut heads: HashMap<i64, (u64, Sha)> = HashMap::new();
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let (g, dev): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (seq, prev) = heads.get(&dev).copied().unwrap_or((0, Sha::ZERO));
        let envelope = Envelope {
            device: DeviceId(uuid(row, 2)?),
            seq: row.get::<_, i64>(3)? as u64,
            prev,
            op: OpId(uuid(row, 4)?),
            kind: row.get(5)?,
            visit: visit(row, 6)?,
            worker: WorkerId(uuid(row, 7)?),
            basis: row.get::<_, i64>(8)? as u64,
            rules: sha(row, 9)?,
            t: Stamp { wall_ms: row.get(10)?, mono_ms: row.get::<_, i64>(11)? as u64, boot: BootId(uuid(row, 12)?) },
            blobs: blobs(row, 13)?,
            body_sha: sha(row, 15)?,
        };
        let body: Option<String> = row.get(16)?;
        let body_stands = body.is_none_or(|body| Sha::of(body.as_bytes()) == envelope.body_sha);
        let stored = sha(row, 14)?;
        if envelope.seq != seq + 1 || envelope.sha() != stored || !body_stands {
            return Err(StoreError::Damaged(format!("日志第 {g} 条与链条不符")));
        }
        heads.insert(dev, (envelope.seq, stored));
        count += 1;
    }
    Ok(count)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Logged> {
    let kind: String = row.get(5)?;
    let body = row.get_ref(20)?.as_str_or_null()?;
    let estimate = Estimate {
        est: Millis(row.get(16)?),
        lo: Millis(row.get(17)?),
        hi: Millis(row.get(18)?),
        quality: quality_from(row.get(19)?),
    };
    Ok(Logged {
        g: row.get::<_, i64>(0)? as u64,
        dev: row.get(1)?,
        office: row.get(21)?,
        sha: sha(row, 14)?,
        recv: Millis(row.get(15)?),
        visit: visit(row, 6)?,
        bytes: body.map_or(0, str::len),
        erased: body.is_none(),
        last: row.get(22)?,
        fact: Fact {
            op: OpId(uuid(row, 4)?),
            device: DeviceId(uuid(row, 2)?),
            seq: row.get::<_, i64>(3)? as u64,
            worker: WorkerId(uuid(row, 7)?),
            basis: row.get::<_, i64>(8)? as u64,
            rules: sha(row, 9)?,
            stamp: Stamp {
                wall_ms: row.get(10)?,
                mono_ms: row.get::<_, i64>(11)? as u64,
                boot: BootId(uuid(row, 12)?),
            },
            estimate: Some(estimate),
            event: read_event(&kind, body.unwrap_or("null")),
            blobs: blobs(row, 13)?,
        },
    })
}

fn blobs(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<BlobRef>> {
    match row.get_ref(column)?.as_str_or_null()? {
        None => Ok(Vec::new()),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
        }),
    }
}

/// A uuid column.
pub(crate) fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(row.get(column)?))
}

/// A visit column that may be empty.
pub(crate) fn visit(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<VisitId>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(|bytes| VisitId(Uuid::from_bytes(bytes))))
}

/// A hash column.
pub(crate) fn sha(row: &Row<'_>, column: usize) -> rusqlite::Result<Sha> {
    Ok(Sha(row.get(column)?))
}

/// How a quality is written down.
pub(crate) fn quality_to(quality: TimeQuality) -> u8 {
    match quality {
        TimeQuality::Anchored => 0,
        TimeQuality::Bracketed => 1,
        TimeQuality::Claimed => 2,
    }
}

/// Reads a quality as it is written down.
pub(crate) fn quality_from(code: u8) -> TimeQuality {
    match code {
        0 => TimeQuality::Anchored,
        1 => TimeQuality::Bracketed,
        _ => TimeQuality::Claimed,
    }
}
