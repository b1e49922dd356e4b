//! What is not in the backup yet, read from the store.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::id::{BootId, DeviceId, OpId, VisitId, WorkerId};
use nuanfang_core::time::Stamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::line::{FileLine, HeadLine};
use crate::store::StoreError;

/// The kind whose envelopes belong to a household without belonging to a visit.
const UNMASKED: &str = "pii.unmasked";

/// Bytes of bodies in one segment at most, beyond the first.
const BYTES: usize = 8 * 1024 * 1024;
/// About what naming a file takes in a head.
const FILE_BYTES: usize = 120;

/// An envelope to be shipped.
pub struct Envelope {
    /// Its head.
    pub head: HeadLine,
    /// Its body; none once erased.
    pub body: Option<String>,
    /// Whose data key seals it.
    pub owner: Uuid,
}

/// A segment that is in the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its number.
    pub segment: u64,
    /// The last envelope up to it.
    pub through: u64,
    /// SHA-256 of its heads.
    pub heads: Sha,
    /// SHA-256 of its bodies.
    pub bodies: Sha,
}

/// The last segment that is in the backup.
pub fn last(db: &Connection) -> Result<Option<Shipped>, StoreError> {
    let mut query =
        db.prepare_cached("SELECT segment, through, heads, bodies FROM segment ORDER BY segment DESC LIMIT 1")?;
    Ok(query.query_row([], shipped).optional()?)
}

/// Whether anything was ever shipped.
pub fn any(db: &Connection) -> Result<bool, StoreError> {
    let mut query =
        db.prepare_cached("SELECT EXISTS (SELECT 1 FROM segment) OR EXISTS (SELECT 1 FROM writer WHERE safe > 0)")?;
    Ok(query.query_row([], |row| row.get(0))?)
}

/// All of them, in order.
pub fn all(db: &Connection) -> Result<Vec<Shipped>, StoreError> {
    let mut query = db.prepare_cached("SELECT segment, through, heads, bodies FROM segment ORDER BY segment")?;
    Ok(query.query_map([], shipped)?.collect::<Result<_, _>>()?)
}

fn shipped(row: &Row<'_>) -> rusqlite::Result<Shipped> {
    Ok(Shipped {
        segment: row.get::<_, i64>(0)? as u64,
        through: row.get::<_, i64>(1)? as u64,
        heads: Sha(row.get(2)?),
        bodies: Sha(row.get(3)?),
    })
}

/// Files that are whole and not in the backup, up to `limit`: first those that acts of the office wait for, behind which all
/// that came later waits, too.
pub fn files(db: &Connection, limit: usize) -> Result<Vec<FileLine>, StoreError> {
    const AWAITED: &str = "SELECT b.sha, b.len, b.whole_ms, b.flag
         FROM writer w CROSS JOIN blob_owed o ON o.dev = w.dev CROSS JOIN blob b ON b.sha = o.sha
         WHERE w.office = 1 AND b.whole_ms IS NOT NULL AND b.shipped = 0 AND b.flag IS NOT 'erased'
         ORDER BY o.seq LIMIT ?1";
    const ANY: &str = "SELECT sha, len, whole_ms, flag FROM blob
         WHERE whole_ms IS NOT NULL AND shipped = 0 AND flag IS NOT 'erased' LIMIT ?1";
    let mut found: Vec<FileLine> = Vec::new();
    for sql in [AWAITED, ANY] {
        let mut query = db.prepare_cached(sql)?;
        let rows = query.query_map([limit as i64], |row| {
            let (file, len) = (Sha(row.get(0)?), row.get::<_, i64>(1)? as u64);
            Ok(FileLine { file, len, whole_ms: row.get(2)?, flag: row.get(3)? })
        })?;
        for row in rows {
            let row = row?;
            if found.len() < limit && found.iter().all(|known| known.file != row.file) {
                found.push(row);
            }
        }
    }
    Ok(found)
}

/// Files that are in the backup and were erased here, up to `limit`; none while an erasure lies beyond `through`.
pub fn gone(db: &Connection, through: u64, limit: usize) -> Result<Vec<Sha>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT sha FROM blob WHERE shipped = 1 AND flag = 'erased'
         AND NOT EXISTS (SELECT 1 FROM erased_household WHERE g > ?1)
         AND NOT EXISTS (SELECT 1 FROM erased_visit WHERE g > ?1) LIMIT ?2",
    )?;
    let rows = query.query_map([through as i64, limit as i64], |row| Ok(Sha(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whose a file is: the one household whose envelopes name it, or nil, the company, where there is none or more than
/// one. A household that was erased owns nothing any more: what came later all the same is its visit's.
pub fn file_owner(db: &Connection, sha: &Sha) -> Result<Uuid, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT DISTINCT v.household, e.visit FROM blob_ref r JOIN envelope e ON e.g = r.g
         LEFT JOIN visit v ON v.id = e.visit AND v.household NOT IN (SELECT household FROM erased_household)
         LEFT JOIN body b ON b.g = e.g WHERE r.sha = ?1 AND b.g IS NOT NULL",
    )?;
    let owners = query.query_map([sha.0.as_slice()], |row| Ok(maybe(row, 0)?.or(maybe(row, 1)?)))?;
    let mut owners: Vec<Option<Uuid>> = owners.collect::<Result<_, _>>()?;
    owners.dedup();
    Ok(match owners.as_slice() {
        [Some(owner)] => *owner,
        _ => Uuid::nil(),
    })
}

/// Envelopes after `after`, in order, up to `limit`. Ends before one of the office that names a file which is neither
/// in the backup nor among `files`, which come with them: whoever restores up to there could not go on without it.
/// Whose they are is as with files.
pub fn envelopes(db: &Connection, after: u64, limit: usize, files: &[FileLine]) -> Result<Vec<Envelope>, StoreError> {
    let barrier = first_without_file(db, files)?;
    let mut query = db.prepare_cached(
        "SELECT e.g, w.device, w.office, e.seq, e.op, e.kind, e.visit, e.worker, e.basis, e.rules, e.t_wall, e.t_mono,
         e.boot, e.body_sha, e.blobs, e.sha, e.recv_ms, e.est_ms, e.lo_ms, e.hi_ms, e.quality, e.last, b.body,
         v.household
         FROM envelope e JOIN writer w ON w.dev = e.dev LEFT JOIN body b ON b.g = e.g
         LEFT JOIN visit v ON v.id = e.visit AND v.household NOT IN (SELECT household FROM erased_household)
         WHERE e.g > ?1 AND e.g < ?2 ORDER BY e.g LIMIT ?3",
    )?;
    let mut rows = query.query(params![after as i64, barrier.unwrap_or(i64::MAX), limit as i64])?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let envelope = read(row)?;
        bytes += envelope.body.as_ref().map_or(0, String::len) + envelope.head.kind.len();
        bytes += envelope.head.blobs.iter().map(|blob| FILE_BYTES + blob.role.len()).sum::<usize>();
        if bytes > BYTES && !found.is_empty() {
            break;
        }
        found.push(envelope);
    }
    Ok(found)
}

/// A file that went bad and that an act of the office names: no phone has it.
pub fn spoiled(db: &Connection) -> Result<Option<Sha>, StoreError> {
    // In this order: of the office's files few are owed, of all files many may be missing.
    let mut query = db.prepare_cached(
        "SELECT o.sha FROM writer w CROSS JOIN blob_owed o ON o.dev = w.dev CROSS JOIN blob b ON b.sha = o.sha
         WHERE w.office = 1 AND b.whole_ms IS NULL ORDER BY o.seq LIMIT 1",
    )?;
    Ok(query.query_row([], |row| Ok(Sha(row.get(0)?))).optional()?)
}

fn first_without_file(db: &Connection, files: &[FileLine]) -> Result<Option<i64>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT e.g, o.sha FROM writer w JOIN blob_owed o ON o.dev = w.dev
         JOIN envelope e ON e.dev = o.dev AND e.seq = o.seq WHERE w.office = 1 ORDER BY o.seq",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let sha = Sha(row.get(1)?);
        if files.iter().all(|file| file.file != sha) {
            return Ok(Some(row.get(0)?));
        }
    }
    Ok(None)
}

fn read(row: &Row<'_>) -> Result<Envelope, StoreError> {
    let visit = maybe(row, 6)?;
    let kind: String = row.get(5)?;
    let body: Option<String> = row.get(22)?;
    let blobs: Option<String> = row.get(14)?;
    let owner = maybe(row, 23)?.or(visit).or_else(|| unmasked(&kind, body.as_deref())).unwrap_or(Uuid::nil());
    let head = HeadLine {
        g: row.get::<_, i64>(0)? as u64,
        device: DeviceId(id(row, 1)?),
        office: row.get(2)?,
        seq: row.get::<_, i64>(3)? as u64,
        op: OpId(id(row, 4)?),
        kind,
        visit: visit.map(VisitId),
        worker: WorkerId(id(row, 7)?),
        basis: row.get::<_, i64>(8)? as u64,
        rules: Sha(row.get(9)?),
        t: Stamp { wall_ms: row.get(10)?, mono_ms: row.get::<_, i64>(11)? as u64, boot: BootId(id(row, 12)?) },
        body_sha: Sha(row.get(13)?),
        blobs: match blobs {
            Some(text) => serde_json::from_str(&text).map_err(|error| StoreError::Damaged(error.to_string()))?,
            None => Vec::new(),
        },
        sha: Sha(row.get(15)?),
        times: [row.get(16)?, row.get(17)?, row.get(18)?, row.get(19)?],
        quality: row.get(20)?,
        last: row.get(21)?,
    };
    Ok(Envelope { head, body, owner })
}

/// The household whose masked field was read.
pub fn unmasked(kind: &str, body: Option<&str>) -> Option<Uuid> {
    match Event::parse(Some(kind).filter(|kind| *kind == UNMASKED)?, body?) {
        Event::Unmasked(unmasked) => Some(unmasked.household.0),
        _ => None,
    }
}

fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(row.get(column)?))
}

fn maybe(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Uuid>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(Uuid::from_bytes))
}
