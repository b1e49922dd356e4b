//! Files on their way in: which a device may send, what of them is here, and what follows once one is whole.

use std::io::Cursor;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::role;
use nuanfang_core::id::{DeviceId, VisitId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::jpeg;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::log::Logged;
use super::project;
use crate::store::StoreError;
use crate::store::blobs::Blobs;
use crate::store::sqlite::writing::Writing;

/// Files asked for in one reply.
const ASKED: i64 = 64;
/// How a PNG begins, and how its last chunk ends it.
const PNG_BEGINS: &[u8] = b"\x89PNG\r\n\x1a\n";
const PNG_ENDS: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

/// How a file stands for a device that named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It is whole, with this many bytes.
    Whole(u64),
    /// It is missing, and has this many bytes.
    Missing(u64),
}

/// How `sha` stands for `device`; `None` if no accepted operation names it that came from that device, or from one which its phone
/// was before: it may have lost the operation since, and have the file.
pub fn wanted(db: &Connection, device: DeviceId, sha: &Sha) -> Result<Option<Wanted>, StoreError> {
    if let Some(wanted) = wanted_of(db, device, sha)? {
        return Ok(Some(wanted));
    }
    for before in project::device::before(db, device)? {
        if let Some(wanted) = wanted_of(db, before, sha)? {
            return Ok(Some(wanted));
        }
    }
    Ok(None)
}

fn wanted_of(db: &Connection, device: DeviceId, sha: &Sha) -> Result<Option<Wanted>, StoreError> {
    let (device, sha) = (device.0.as_bytes(), sha.0.as_slice());
    let mut missing = db.prepare_cached(
        "SELECT n.len FROM blob_need n JOIN writer w ON w.dev = n.dev WHERE w.device = ?1 AND n.sha = ?2",
    )?;
    if let Some(len) = missing.query_row(params![device, sha], |row| row.get::<_, i64>(0)).optional()? {
        return Ok(Some(Wanted::Missing(len as u64)));
    }
    // What was erased is asked of nobody, though somebody else's operation may ask for the same bytes.
    let mut whole = db.prepare_cached(
        "SELECT b.len FROM blob_ref r JOIN envelope e ON e.g = r.g JOIN writer w ON w.dev = e.dev
         JOIN blob b ON b.sha = r.sha WHERE r.sha = ?2 AND w.device = ?1
         AND (b.whole_ms IS NOT NULL OR NOT EXISTS (SELECT 1 FROM body WHERE body.g = r.g)) LIMIT 1",
    )?;
    let len: Option<i64> = whole.query_row(params![device, sha], |row| row.get(0)).optional()?;
    Ok(len.map(|len| Wanted::Whole(len as u64)))
}

/// What a device is asked to send: signatures first, small before large.
pub fn needed(db: &Connection, device: DeviceId) -> Result<Vec<Sha>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT n.sha FROM blob_need n JOIN writer w ON w.dev = n.dev WHERE w.device = ?1
         ORDER BY n.role NOT LIKE 'signature.%', n.len, n.sha LIMIT ?2",
    )?;
    let shas = query.query_map(params![device.0.as_bytes(), ASKED], |row| Ok(Sha(row.get(0)?)))?;
    Ok(shas.collect::<Result<_, _>>()?)
}

/// Notes the files of an act of the office: they are whole already, and owed to the backup.
pub fn placed(tx: &Connection, logged: &Logged) -> Result<(), StoreError> {
    for blob in &logged.fact.blobs {
        let sha = blob.sha.0.as_slice();
        tx.prepare_cached(
            "INSERT INTO blob (sha, len, whole_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (sha) DO UPDATE SET whole_ms = coalesce(whole_ms, excluded.whole_ms)",
        )?
        .execute(params![sha, blob.len as i64, logged.recv.0])?;
        tx.prepare_cached(
            "INSERT OR IGNORE INTO blob_owed (dev, seq, sha) SELECT ?1, ?3, sha FROM blob WHERE sha = ?2 AND shipped = 0",
        )?
        .execute(params![logged.dev, sha, logged.fact.seq as i64])?;
    }
    Ok(())
}

/// A file is whole and durable: nobody is asked for it any more, and whoever looks at its visits is told.
pub fn whole(writing: &mut Writing<'_>, sha: &Sha, len: u64, flag: Option<&str>, at: Millis) -> Result<(), StoreError> {
    let tx = writing.tx;
    tx.prepare_cached("UPDATE blob SET whole_ms = ?2, len = ?3, flag = ?4 WHERE sha = ?1 AND whole_ms IS NULL")?
        .execute(params![sha.0.as_slice(), at.0, len as i64, flag])?;
    tx.prepare_cached("DELETE FROM blob_need WHERE sha = ?1")?.execute([sha.0.as_slice()])?;
    tell(writing, sha)
}

/// A whole file went bad: it is not whole any more, and every phone that named it is asked for it again. Who still owes it to
/// the backup keeps it; others may.
pub fn spoiled(writing: &mut Writing<'_>, sha: &Sha) -> Result<(), StoreError> {
    let tx = writing.tx;
    tx.prepare_cached("UPDATE blob SET whole_ms = NULL, flag = NULL WHERE sha = ?1")?.execute([sha.0.as_slice()])?;
    tx.prepare_cached(
        "INSERT OR IGNORE INTO blob_need (dev, sha, len, role)
           SELECT e.dev, b.sha, b.len, r.role FROM blob_ref r JOIN envelope e ON e.g = r.g JOIN blob b ON b.sha = r.sha
           WHERE r.sha = ?1",
    )?
    .execute([sha.0.as_slice()])?;
    tell(writing, sha)
}

/// Whoever looks at the visits that a file belongs to is told.
fn tell(writing: &mut Writing<'_>, sha: &Sha) -> Result<(), StoreError> {
    let mut query = writing.tx.prepare_cached(
        "SELECT DISTINCT e.visit FROM blob_ref r JOIN envelope e ON e.g = r.g
         WHERE r.sha = ?1 AND e.visit IS NOT NULL",
    )?;
    let visits = query.query_map([sha.0.as_slice()], |row| Ok(VisitId(Uuid::from_bytes(row.get(0)?))))?;
    for visit in visits {
        writing.touched.visits.insert(visit?);
    }
    Ok(())
}

/// Notes the files that are here although their row does not say so: the server ended between the two. They are whole
/// since their last byte came.
pub fn reconcile(writing: &mut Writing<'_>, at: Millis) -> Result<(), StoreError> {
    let missing: Vec<[u8; 32]> = writing
        .tx
        .prepare("SELECT DISTINCT sha FROM blob_need")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for sha in missing.into_iter().map(Sha) {
        if writing.blobs.settle(&sha)? {
            let meta = std::fs::metadata(writing.blobs.path(&sha))?;
            let flag = flaw(writing.blobs, &sha, &roles(writing.tx, &sha)?);
            let since = meta.modified().ok().and_then(|came| came.elapsed().ok()).map_or(0, |age| age.as_secs());
            whole(writing, &sha, meta.len(), flag, Millis(at.0 - 1_000 * since as i64))?;
        }
    }
    Ok(())
}

/// What is wrong with a picture, as far as can be told without decoding it: what comes from outside must not choose how
/// much memory that takes. It is kept all the same: its bytes are what was signed.
pub fn flaw(blobs: &Blobs, sha: &Sha, roles: &[String]) -> Option<&'static str> {
    let photo = roles.iter().any(|name| role::PHOTOS.contains(&name.as_str()));
    let signature = roles.iter().any(|name| name == role::SIGNATURE_IMAGE);
    if !photo && !signature {
        return None;
    }
    let bytes = blobs.read(sha).ok().flatten()?;
    let size = match photo {
        true if !jpeg::is(&bytes) => return Some("not_a_picture"),
        true => jpeg::dimensions(&bytes).ok(),
        false if !bytes.starts_with(PNG_BEGINS) => return Some("not_a_picture"),
        false => png_dimensions(&bytes),
    };
    match size {
        Some((width, height)) if u64::from(width) * u64::from(height) > jpeg::PIXEL_LIMIT => Some("too_many_pixels"),
        Some(_) => None,
        None => Some("damaged"),
    }
}

fn png_dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    let reader = image::ImageReader::with_format(Cursor::new(bytes), image::ImageFormat::Png);
    reader.into_dimensions().ok().filter(|_| bytes.ends_with(PNG_ENDS))
}

/// What a file is to the operations that name it.
pub fn roles(db: &Connection, sha: &Sha) -> Result<Vec<String>, StoreError> {
    let mut query = db.prepare_cached("SELECT DISTINCT role FROM blob_ref WHERE sha = ?1")?;
    let rows = query.query_map([sha.0.as_slice()], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
