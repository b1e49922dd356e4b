//! Signed records as they arrive: checked against the device's certificate and the log, counter-signed by the server.
//! What is wrong with one is noted; its envelope is stored all the same.

use std::collections::HashMap;
use std::sync::Arc;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::id::DeviceId;
use nuanfang_core::record::{
    DeviceStatus, Jws, LogPosition, PublicKey, RecordContainer, SignedRecordBody, check_arrival, countersign,
};
use nuanfang_core::time::{Estimate, Millis};
use nuanfang_core::wire::auth::unb64;
use rusqlite::{Connection, OptionalExtension, params};

use super::device::{self, Enrolment, Status};
use crate::keys::{Issued, Keys};
use crate::office::log::{self, Logged};
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// What a record's receipt follows from, beside the envelope that carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// How the device stands.
    pub enrolled: Option<Enrolment>,
    /// When the record came.
    pub recv: Millis,
    /// When it was signed, as far as is known.
    pub estimate: Estimate,
}

/// Receipts, or what is wrong with the record, worked out before the writer's turn: by the hash of the envelope that
/// carries it, with what they follow from. One whose arrival turns out otherwise is worked out again.
pub type Foreseen = HashMap<Sha, (Arrival, Result<String, String>)>;

/// Notes and counter-signs the record that an envelope carries, if it carries one.
pub fn received(writing: &mut Writing<'_>, logged: &Logged) -> Result<(), StoreError> {
    let Some((sha, jws)) = carried(&logged.fact.event) else { return Ok(()) };
    let enrolled = device::find(writing.tx, logged.fact.device)?;
    let arrival = Arrival { enrolled, recv: logged.recv, estimate: logged.at() };
    let outcome = match writing.foreseen.get(&logged.sha) {
        Some((foreseen, Ok(receipt))) if *foreseen == arrival => Ok(receipt.clone()),
        _ => {
            let place = match signed_elsewhere(writing.tx, logged.fact.device, logged.fact.seq, jws)? {
                Some(place) => place,
                None => {
                    let prev = prev(writing.tx, logged)?;
                    LogPosition { device: logged.fact.device, seq: logged.fact.seq, prev }
                }
            };
            let arrival = match place.device == logged.fact.device {
                true => arrival,
                false => Arrival { enrolled: device::find(writing.tx, place.device)?, ..arrival },
            };
            receipt(writing.keys, &place, &arrival, sha, jws)?
        }
    };
    writing
        .tx
        .prepare_cached("INSERT INTO record (g, sha, visit, kind, receipt, fault) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            logged.g as i64,
            sha.0.as_slice(),
            logged.visit.as_ref().map(|visit| visit.0.as_bytes()),
            logged.fact.event.kind(),
            outcome.as_ref().ok(),
            outcome.as_ref().err(),
        ])?;
    Ok(())
}

/// Whether the record that the envelope at `g` carries is noted.
pub fn is_noted(db: &Connection, g: u64) -> Result<bool, StoreError> {
    Ok(db.prepare_cached("SELECT 1 FROM record WHERE g = ?1")?.exists([g as i64])?)
}

/// Where a record was logged first that comes in another place, and stays what it was: from a phone enrolled anew, signed under
/// one of the devices that it was before, or under this one before all was logged again for a restored server; or from one that
/// lost records before it, in the place of which it moved: then nothing of this log lay there yet. The place is the record's own
/// word: of a phone enrolled anew other operations may lie there, which is why it was.
fn signed_elsewhere(db: &Connection, device: DeviceId, seq: u64, jws: &str) -> Result<Option<LogPosition>, StoreError> {
    let before = device::before(db, device)?;
    let opened = serde_json::from_str::<Jws>(jws).ok().and_then(|jws| jws.open::<SignedRecordBody>().ok());
    Ok(opened.map(|opened| opened.statement.log).filter(|place| match place.device == device {
        true => !before.is_empty() || place.seq > seq,
        false => before.contains(&place.device),
    }))
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
    let signer = signed_elsewhere(db, logged.fact.device, logged.fact.seq, jws)?
        .map_or(logged.fact.device, |place| place.device);
    let Some(enrolled) = device::find(db, signer)? else { return Ok(None) };
    let jws: Jws = serde_json::from_str(jws).map_err(damaged)?;
    let receipt: Jws = serde_json::from_str(&receipt).map_err(damaged)?;
    let certificate = certificate(keys, signer, &enrolled)?;
    let container =
        RecordContainer::signed(jws, certificate.jws.clone()).received(receipt, keys.server_certificate.clone());
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

/// Checks a record at its place in the log and counter-signs it; the receipt's text, or what is wrong with the record.
/// The same arrival always gets the same bytes.
pub fn receipt(
    keys: &Keys,
    place: &LogPosition,
    arrival: &Arrival,
    sha: &Sha,
    jws: &str,
) -> Result<Result<String, String>, StoreError> {
    let fault = |what: &str| Ok(Err(what.to_owned()));
    let Ok(jws) = serde_json::from_str::<Jws>(jws) else { return fault("jws.unreadable") };
    let Some(enrolled) = &arrival.enrolled else { return fault("device.unknown") };
    let certificate = certificate(keys, place.device, enrolled)?;
    let opened = match check_arrival(&jws, &certificate.certified) {
        Ok(opened) => opened,
        Err(why) => return Ok(Err(format!("record.refused: {}", why.en()))),
    };
    if opened.payload_sha != *sha {
        return fault("record.other_sha");
    }
    if opened.statement.log != *place {
        return fault("record.other_place");
    }
    let status = match enrolled.status {
        Status::Active => DeviceStatus::Active,
        Status::Dismissed => DeviceStatus::Dismissed,
        Status::Stolen => DeviceStatus::Stolen,
    };
    let Ok(receipt) = countersign(&jws, arrival.recv, status, Some(arrival.estimate), &keys.server, keys.server_kid)
    else {
        return fault("server.key");
    };
    Ok(serde_json::to_string(&receipt).map_err(|_| "receipt.unwritable".to_owned()))
}

fn certificate(keys: &Keys, device: DeviceId, enrolled: &Enrolment) -> Result<Arc<Issued>, StoreError> {
    let key = unb64(&enrolled.public_key)
        .and_then(|der| PublicKey::from_spki_der(&der).ok())
        .ok_or_else(|| StoreError::Damaged("a device's key".into()))?;
    keys.certify(device, enrolled.worker, &key, enrolled.enrolled)
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
