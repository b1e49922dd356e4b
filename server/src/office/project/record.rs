//! Signed records as they arrive: checked against the device's certificate and the log, counter-signed by the server.
//! What is wrong with one is noted; its envelope is stored all the same.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::record::{Certificate, DeviceStatus, Jws, PublicKey, RecordContainer, check_arrival, countersign};
use nuanfang_core::wire::auth::unb64;
use rusqlite::{Connection, OptionalExtension, params};

use super::device::{self, Enrolment, Status};
use crate::keys::Keys;
use crate::office::log::{self, Logged};
use crate::store::StoreError;
use crate::store::sqlite::writer::Writing;

/// Notes and counter-signs the record that an envelope carries, if it carries one.
pub fn received(writing: &mut Writing<'_>, logged: &Logged) -> Result<(), StoreError> {
    let Some((sha, jws)) = carried(&logged.fact.event) else { return Ok(()) };
    let (receipt, fault) = match receipt(writing.tx, writing.keys, logged, sha, jws) {
        Ok(receipt) => (Some(receipt), None),
        Err(Unreceived::Fault(fault)) => (None, Some(fault)),
        Err(Unreceived::Store(error)) => return Err(error),
    };
    writing
        .tx
        .prepare_cached("INSERT INTO record (g, sha, visit, kind, receipt, fault) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            logged.g as i64,
            sha.0.as_slice(),
            logged.visit.as_ref().map(|visit| visit.0.as_bytes()),
            logged.fact.event.kind(),
            receipt,
            fault
        ])?;
    Ok(())
}

/// The file of a record: what a document is made from and `verify` reads. `None` when there is no such record, or it
/// was not counter-signed; of an erased one [`super::erasure::trace`] has what stays.
pub fn container(db: &Connection, keys: &Keys, sha: &Sha) -> Result<Option<Vec<u8>>, StoreError> {
    let mut query =
        db.prepare_cached("SELECT g, receipt FROM record WHERE sha = ?1 AND receipt IS NOT NULL ORDER BY g LIMIT 1")?;
    let found: Option<(i64, String)> =
        query.query_row([sha.0.as_slice()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((g, receipt)) = found else { return Ok(None) };
    let Some(logged) = log::at(db, g as u64)? else { return Ok(None) };
    let Some((_, jws)) = carried(&logged.fact.event) else { return Ok(None) };
    let Some(enrolled) = device::find(db, logged.fact.device)? else { return Ok(None) };
    let jws: Jws = serde_json::from_str(jws).map_err(damaged)?;
    let receipt: Jws = serde_json::from_str(&receipt).map_err(damaged)?;
    let certificate = certificate(keys, &logged, &enrolled)?;
    let container = RecordContainer::signed(jws, certificate).received(receipt, keys.server_certificate.clone());
    Ok(Some(container.to_bytes()))
}

/// The record's sha and JWS text in an event that carries one.
pub fn carried(event: &Event) -> Option<(&Sha, &str)> {
    match event {
        Event::Signed(signed) | Event::NoticeReceived(signed) => Some((&signed.record_sha, &signed.jws)),
        Event::SignatureRefused(refused) => Some((&refused.record_sha, &refused.jws)),
        _ => None,
    }
}

enum Unreceived {
    Fault(String),
    Store(StoreError),
}

impl From<StoreError> for Unreceived {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn receipt(db: &Connection, keys: &Keys, logged: &Logged, sha: &Sha, jws: &str) -> Result<String, Unreceived> {
    let fault = |what: &str| Unreceived::Fault(what.to_owned());
    let jws: Jws = serde_json::from_str(jws).map_err(|_| fault("jws.unreadable"))?;
    let enrolled = device::find(db, logged.fact.device)?.ok_or_else(|| fault("device.unknown"))?;
    let certificate = certificate(keys, logged, &enrolled)?;
    let opened =
        check_arrival(&jws, &certificate).map_err(|why| Unreceived::Fault(format!("record.refused: {}", why.en())))?;
    if opened.payload_sha != *sha {
        return Err(fault("record.other_sha"));
    }
    let place = opened.statement.log;
    if place.device != logged.fact.device || place.seq != logged.fact.seq || place.prev != prev(db, logged)? {
        return Err(fault("record.other_place"));
    }
    let status = match enrolled.status {
        Status::Active => DeviceStatus::Active,
        Status::Dismissed => DeviceStatus::Dismissed,
        Status::Stolen => DeviceStatus::Stolen,
    };
    let kid = Certificate::open(&keys.server_certificate).map_err(|_| fault("server.certificate"))?.kid;
    let receipt = countersign(&jws, logged.recv, status, logged.fact.estimate, &keys.server, kid)
        .map_err(|_| fault("server.key"))?;
    serde_json::to_string(&receipt).map_err(|_| fault("receipt.unwritable"))
}

fn certificate(keys: &Keys, logged: &Logged, enrolled: &Enrolment) -> Result<Jws, StoreError> {
    let key = unb64(&enrolled.public_key)
        .and_then(|der| PublicKey::from_spki_der(&der).ok())
        .ok_or_else(|| StoreError::Damaged("a device's key".into()))?;
    keys.certify(logged.fact.device, enrolled.worker, &key, enrolled.enrolled)
}

/// The hash of the envelope before this one in its log.
fn prev(db: &Connection, logged: &Logged) -> Result<Sha, StoreError> {
    if logged.fact.seq <= 1 {
        return Ok(Sha::ZERO);
    }
    let mut query = db.prepare_cached("SELECT sha FROM envelope WHERE dev = ?1 AND seq = ?2")?;
    Ok(query.query_row(params![logged.dev, logged.fact.seq as i64 - 1], |row| log::sha(row, 0))?)
}

fn damaged(error: serde_json::Error) -> StoreError {
    StoreError::Damaged(format!("a signed record: {error}"))
}
