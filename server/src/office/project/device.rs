//! Devices: who enrolled which phone, and which of them may still do what.

use nuanfang_core::domain::office_event::{DeviceEnrolled, DeviceRevoked, RevokeReason};
use nuanfang_core::id::{DeviceId, WorkerId};
use nuanfang_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::office::log::{self, Logged};
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// What a device may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// In service.
    Active,
    /// May upload what it holds, reads nothing.
    Dismissed,
    /// Refused; what it still sends by a rescue file is quarantined.
    Stolen,
}

/// An enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Whose.
    pub worker: WorkerId,
    /// SPKI DER, base64url.
    pub public_key: String,
    /// What it may do.
    pub status: Status,
    /// Since when.
    pub enrolled: Millis,
}

/// An enrolment with its device and end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// Which.
    pub device: DeviceId,
    /// What is known of it.
    pub enrolment: Enrolment,
    /// Since when it is revoked.
    pub revoked: Option<Millis>,
}

/// All enrolments there ever were, oldest first.
pub fn all(db: &Connection) -> Result<Vec<Enrolled>, StoreError> {
    let mut query =
        db.prepare_cached("SELECT worker, public_key, status, enrolled_ms, id, revoked_ms FROM device ORDER BY g")?;
    let rows = query.query_map([], |row| {
        Ok(Enrolled {
            device: DeviceId(log::uuid(row, 4)?),
            enrolment: enrolment(row)?,
            revoked: row.get::<_, Option<i64>>(5)?.map(Millis),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The enrolment of `device`.
pub fn find(db: &Connection, device: DeviceId) -> Result<Option<Enrolment>, StoreError> {
    let mut query = db.prepare_cached("SELECT worker, public_key, status, enrolled_ms FROM device WHERE id = ?1")?;
    Ok(query.query_row([device.0.as_bytes()], enrolment).optional()?)
}

/// When the worker of `device` was first enrolled, on whatever phone.
pub fn first_enrolled(db: &Connection, device: DeviceId) -> Result<Option<Millis>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT min(enrolled_ms) FROM device WHERE worker = (SELECT worker FROM device WHERE id = ?1)",
    )?;
    Ok(query.query_row([device.0.as_bytes()], |row| row.get::<_, Option<i64>>(0))?.map(Millis))
}

fn enrolment(row: &Row<'_>) -> rusqlite::Result<Enrolment> {
    Ok(Enrolment {
        worker: WorkerId(log::uuid(row, 0)?),
        public_key: row.get(1)?,
        status: match row.get_ref(2)?.as_str()? {
            "active" => Status::Active,
            "dismissed" => Status::Dismissed,
            _ => Status::Stolen,
        },
        enrolled: Millis(row.get(3)?),
    })
}

/// The log that `device` goes on with, where it does: the first device of its phone's folder, and how often that was enrolled
/// anew since.
pub fn continued(db: &Connection, device: DeviceId) -> Result<Option<(DeviceId, u64)>, StoreError> {
    let mut query = db.prepare_cached("SELECT root, generation FROM device WHERE id = ?1 AND root IS NOT NULL")?;
    let found =
        query.query_row([device.0.as_bytes()], |row| Ok((DeviceId(log::uuid(row, 0)?), row.get::<_, i64>(1)? as u64)));
    Ok(found.optional()?)
}

/// `active`, `dismissed` (may upload, reads nothing), `stolen` (refused). It goes on with an older device's log only where
/// that is the same worker's.
pub fn enrolled(writing: &mut Writing<'_>, logged: &Logged, enrolled: &DeviceEnrolled) -> Result<(), StoreError> {
    writing
        .tx
        .prepare_cached(
            "INSERT OR IGNORE INTO device (id, worker, public_key, name, status, enrolled_ms, g, root, generation)
             SELECT ?1, ?2, ?3, ?4, 'active', ?5, ?6, before.root,
                    CASE WHEN before.root IS NULL THEN 0
                    ELSE (SELECT max(generation) + 1 FROM device WHERE before.root IN (id, root)) END
             FROM (SELECT 1)
             LEFT JOIN (SELECT coalesce(root, id) AS root FROM device WHERE id = ?7 AND worker = ?2 AND id <> ?1) AS before",
        )?
        .execute(params![
            enrolled.device.0.as_bytes(),
            enrolled.worker.0.as_bytes(),
            enrolled.public_key,
            enrolled.name,
            enrolled.since.unwrap_or(logged.recv).0,
            logged.g as i64,
            enrolled.continues.as_ref().map(|device| device.0.as_bytes()),
        ])?;
    Ok(())
}

/// A device leaves, one way or the other. Stolen is for ever.
pub fn revoked(writing: &mut Writing<'_>, logged: &Logged, revoked: &DeviceRevoked) -> Result<(), StoreError> {
    let status = match revoked.reason {
        RevokeReason::Dismissed => "dismissed",
        RevokeReason::Stolen => "stolen",
    };
    writing
        .tx
        .prepare_cached(
            "UPDATE device SET status = ?2, revoked_ms = CASE ?2 WHEN 'stolen' THEN ?3 ELSE coalesce(revoked_ms, ?3) END
             WHERE id = ?1 AND status <> 'stolen'",
        )?
        .execute(params![revoked.device.0.as_bytes(), status, logged.recv.0])?;
    Ok(())
}
