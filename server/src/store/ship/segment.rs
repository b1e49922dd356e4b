//! Segments: envelopes in the order of receipt, heads and bodies apart, each segment naming the hash of the one
//! before it.

use std::fs;
use std::path::Path;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::wire::auth::b64;
use rand::RngCore;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::durable;
use crate::store::StoreError;
use crate::store::sqlite::Sqlite;

/// One envelope's head, as it lies in a segment: everything but its body, and what its receipt added.
#[derive(Debug, Serialize, Deserialize)]
pub struct HeadLine {
    /// Position in the order of receipt.
    pub g: u64,
    /// Whose log.
    pub device: Uuid,
    /// The office's own log.
    pub office: bool,
    /// Position there.
    pub seq: u64,
    /// The operation.
    pub op: Uuid,
    /// The event's name.
    pub kind: String,
    /// The visit.
    pub visit: Option<Uuid>,
    /// Who acted.
    pub worker: Uuid,
    /// The plan version he saw.
    pub basis: u64,
    /// The rules he had.
    pub rules: Sha,
    /// The device's clocks.
    pub t: [i64; 2],
    /// The run of its monotonic clock.
    pub boot: Uuid,
    /// SHA-256 of the body.
    pub body_sha: Sha,
    /// The files, as JSON.
    pub blobs: Option<String>,
    /// The envelope's hash.
    pub sha: Sha,
    /// Receipt, estimate, its bounds.
    pub times: [i64; 4],
    /// How well the time is known.
    pub quality: u8,
    /// Ends what came together.
    pub last: bool,
}

/// The last line of a segment.
#[derive(Debug, Serialize, Deserialize)]
pub struct Trailer {
    /// The segment's number, from 1.
    pub segment: u64,
    /// The last envelope in it.
    pub through: u64,
    /// SHA-256 of the segment before it, trailer included; zeros for the first.
    pub prev: Sha,
    /// SHA-256 of the lines above.
    pub lines: Sha,
}

/// A segment that is in the backup.
#[derive(Debug, Clone, Copy)]
pub struct Shipped {
    /// Its number.
    pub segment: u64,
    /// The last envelope in it.
    pub through: u64,
    heads: Sha,
    bodies: Sha,
}

/// The last segment that is in the backup.
pub fn last(db: &Connection) -> Result<Option<Shipped>, StoreError> {
    let mut query =
        db.prepare_cached("SELECT segment, through, heads, bodies FROM segment ORDER BY segment DESC LIMIT 1")?;
    Ok(query
        .query_row([], |row| {
            Ok(Shipped {
                segment: row.get::<_, i64>(0)? as u64,
                through: row.get::<_, i64>(1)? as u64,
                heads: Sha(row.get(2)?),
                bodies: Sha(row.get(3)?),
            })
        })
        .optional()?)
}

/// Ships up to `limit` envelopes as one more segment. Returns whether there were any.
pub fn ship(store: &Sqlite, to: &Path, limit: usize) -> Result<bool, StoreError> {
    let before = store.read_now(last)?;
    let (number, after) = before.map_or((1, 0), |before| (before.segment + 1, before.through));
    let rows = store.read_now(|db| lines(db, after, limit))?;
    let Some(through) = rows.last().map(|row| row.head.g) else { return Ok(false) };
    let mut heads = String::new();
    let mut bodies = String::new();
    for row in &rows {
        heads.push_str(&serde_json::to_string(&row.head).map_err(damaged)?);
        heads.push('\n');
        bodies.push_str(&seal(store, row)?);
        bodies.push('\n');
    }
    let heads = close(heads, number, through, before.map_or(Sha::ZERO, |before| before.heads))?;
    let bodies = close(bodies, number, through, before.map_or(Sha::ZERO, |before| before.bodies))?;
    let name = format!("{number:06}.seg");
    let shipped = Shipped {
        segment: number,
        through,
        heads: put(&to.join("heads").join(&name), &heads)?,
        bodies: put(&to.join("bodies").join(&name), &bodies)?,
    };
    store.write_blocking::<_, StoreError, _>(0, move |writing| {
        writing
            .tx
            .prepare_cached("INSERT INTO segment (segment, through, heads, bodies) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![
                shipped.segment as i64,
                shipped.through as i64,
                shipped.heads.0.as_slice(),
                shipped.bodies.0.as_slice()
            ])?;
        Ok(())
    })?;
    Ok(true)
}

struct Row {
    head: HeadLine,
    body: Option<String>,
    owner: Uuid,
}

fn lines(db: &Connection, after: u64, limit: usize) -> Result<Vec<Row>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT e.g, w.device, w.office, e.seq, e.op, e.kind, e.visit, e.worker, e.basis, e.rules, e.t_wall, e.t_mono,
         e.boot, e.body_sha, e.blobs, e.sha, e.recv_ms, e.est_ms, e.lo_ms, e.hi_ms, e.quality, e.last, b.body,
         v.household
         FROM envelope e JOIN writer w ON w.dev = e.dev LEFT JOIN body b ON b.g = e.g
         LEFT JOIN visit v ON v.id = e.visit WHERE e.g > ?1 ORDER BY e.g LIMIT ?2",
    )?;
    let rows = query.query_map(params![after as i64, limit as i64], |row| {
        let id = |column: usize| -> rusqlite::Result<Uuid> { Ok(Uuid::from_bytes(row.get(column)?)) };
        let maybe = |column: usize| -> rusqlite::Result<Option<Uuid>> {
            Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(Uuid::from_bytes))
        };
        let visit = maybe(6)?;
        Ok(Row {
            owner: maybe(23)?.or(visit).unwrap_or(Uuid::nil()),
            body: row.get(22)?,
            head: HeadLine {
                g: row.get::<_, i64>(0)? as u64,
                device: id(1)?,
                office: row.get(2)?,
                seq: row.get::<_, i64>(3)? as u64,
                op: id(4)?,
                kind: row.get(5)?,
                visit,
                worker: id(7)?,
                basis: row.get::<_, i64>(8)? as u64,
                rules: Sha(row.get(9)?),
                t: [row.get(10)?, row.get(11)?],
                boot: id(12)?,
                body_sha: Sha(row.get(13)?),
                blobs: row.get(14)?,
                sha: Sha(row.get(15)?),
                times: [row.get(16)?, row.get(17)?, row.get(18)?, row.get(19)?],
                quality: row.get(20)?,
                last: row.get(21)?,
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A body's line: position, key's owner, nonce, sealed bytes. The envelope's hash is bound to it.
fn seal(store: &Sqlite, row: &Row) -> Result<String, StoreError> {
    let sealed = match (&row.body, store.vault.data_key(row.owner)?) {
        (Some(body), Some(key)) => {
            let mut nonce = [0; 12];
            rand::rngs::OsRng.fill_bytes(&mut nonce);
            let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(&key));
            let payload = Payload { msg: body.as_bytes(), aad: &row.head.sha.0 };
            let sealed = cipher.encrypt(Nonce::from_slice(&nonce), payload).map_err(damaged)?;
            Some((b64(&nonce), b64(&sealed)))
        }
        // Erased: the head stands without it.
        _ => None,
    };
    serde_json::to_string(&(row.head.g, row.owner, sealed)).map_err(damaged)
}

fn close(mut lines: String, segment: u64, through: u64, prev: Sha) -> Result<Vec<u8>, StoreError> {
    let trailer = Trailer { segment, through, prev, lines: Sha::of(lines.as_bytes()) };
    lines.push_str(&serde_json::to_string(&trailer).map_err(damaged)?);
    lines.push('\n');
    Ok(lines.into_bytes())
}

/// Writes a segment and reads it back; its hash is what was read.
fn put(path: &Path, bytes: &[u8]) -> Result<Sha, StoreError> {
    durable(path, bytes)?;
    let read = fs::read(path)?;
    if read != bytes {
        return Err(StoreError::Damaged(format!("{} reads back otherwise", path.display())));
    }
    Ok(Sha::of(&read))
}

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("a segment of the backup: {error}"))
}
