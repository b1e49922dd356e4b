//! Devices: who enrolled which phone, and which of them may still do what.

use std::collections::HashMap;

use nuanfang_core::domain::office_event::{DeviceEnrolled, DeviceRevoked, RevokeReason};
use nuanfang_core::id::{DeviceId, WorkerId};
use nuanfang_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

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

/// When the worker of `device` was first enrolled, on whatever phone. None where nothing says so: a restore lost the enrolment
/// of a device that this phone was.
pub fn first_enrolled(db: &Connection, device: DeviceId) -> Result<Option<Millis>, StoreError> {
    for was in before(db, device)? {
        if find(db, was)?.is_none() {
            return Ok(None);
        }
    }
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

/// Where the operations of a device stand in the log of its phone's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The folder's first device, if that is another.
    pub root: Option<DeviceId>,
    /// What came after this position was written when the folder had more than one device.
    pub alone_through: Option<u64>,
}

/// Where the operations of `device` stand.
pub fn placed(db: &Connection, device: DeviceId) -> Result<Placed, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT root, (SELECT min(later.g) FROM device later WHERE later.root = device.id) FROM device WHERE id = ?1",
    )?;
    let found = query.query_row([device.0.as_bytes()], |row| {
        Ok(Placed {
            root: row.get::<_, Option<[u8; 16]>>(0)?.map(|id| DeviceId(Uuid::from_bytes(id))),
            alone_through: row.get::<_, Option<i64>>(1)?.map(|g| g as u64),
        })
    });
    Ok(found.optional()?.unwrap_or(Placed { root: None, alone_through: None }))
}

/// The devices that the phone of `device` was before, the first one first.
pub fn before(db: &Connection, device: DeviceId) -> Result<Vec<DeviceId>, StoreError> {
    let mut query = db.prepare_cached("SELECT continues FROM device WHERE id = ?1 AND root IS NOT NULL")?;
    let found: Option<String> = query.query_row([device.0.as_bytes()], |row| row.get(0)).optional()?;
    Ok(found.map(|text| past(&text)).transpose()?.unwrap_or_default())
}

/// The devices whose phone was enrolled anew since, under another name, and when.
#[derive(Debug, Default)]
pub struct Replaced(HashMap<DeviceId, Millis>);

impl Replaced {
    /// Whether nothing more is to be expected of `device`, which came `last`: a copy of the phone that goes on comes after it
    /// was enrolled anew.
    pub fn has(&self, device: DeviceId, last: Millis) -> bool {
        self.0.get(&device).is_some_and(|at| last <= *at)
    }
}

/// All of them.
pub fn replaced(db: &Connection) -> Result<Replaced, StoreError> {
    let mut replaced = HashMap::new();
    let mut query = db.prepare_cached("SELECT continues, enrolled_ms FROM device WHERE root IS NOT NULL ORDER BY g")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let at = Millis(row.get(1)?);
        let before = past(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?;
        replaced.extend(before.into_iter().map(|device| (device, at)));
    }
    Ok(Replaced(replaced))
}

fn past(continues: &str) -> Result<Vec<DeviceId>, StoreError> {
    serde_json::from_str(continues).map_err(|error| StoreError::Damaged(format!("a device's past: {error}")))
}

/// The first device of the folder that says it was `continues`. None where one of them is somebody else's.
fn root(db: &Connection, worker: WorkerId, continues: &[DeviceId]) -> Result<Option<DeviceId>, StoreError> {
    // What a restored server does not know of is what the phone says.
    let mut root = continues.first().copied();
    for device in continues {
        let mut query = db.prepare_cached("SELECT worker, coalesce(root, id) FROM device WHERE id = ?1")?;
        let found = query
            .query_row([device.0.as_bytes()], |row| Ok((WorkerId(log::uuid(row, 0)?), DeviceId(log::uuid(row, 1)?))));
        match found.optional()? {
            Some((his, first)) if his == worker => root = Some(first),
            Some(_) => return Ok(None),
            None => {}
        }
    }
    Ok(root)
}

/// `active`, `dismissed` (may upload, reads nothing), `stolen` (refused). It goes on with older devices' log only where they
/// are the same worker's.
pub fn enrolled(writing: &mut Writing<'_>, logged: &Logged, enrolled: &DeviceEnrolled) -> Result<(), StoreError> {
    let root = root(writing.tx, enrolled.worker, &enrolled.continues)?.filter(|root| *root != enrolled.device);
    let continues =
        serde_json::to_string(&enrolled.continues).map_err(|error| StoreError::Damaged(error.to_string()))?;
    writing
        .tx
        .prepare_cached(
            "INSERT OR IGNORE INTO device (id, worker, public_key, name, status, enrolled_ms, g, continues, root)
             VALUES (?1, ?2, ?3, ?4, 'active', ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            enrolled.device.0.as_bytes(),
            enrolled.worker.0.as_bytes(),
            enrolled.public_key,
            enrolled.name,
            enrolled.since.unwrap_or(logged.recv).0,
            logged.g as i64,
            root.map(|_| continues),
            root.as_ref().map(|device| device.0.as_bytes()),
        ])?;
    writing.folded.enrolled();
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
