//! How a phone becomes a device: a one-time code against a certificate, with the supplier checked before it is trusted.

use std::sync::{Arc, Mutex, PoisonError};

use super::courier::{Call, Stop, Transport, post, stop_of};
use super::outbox;
use super::status::Words;
use super::store::{Store, enrolment};
use super::trouble::Trouble;
use crate::canon::hash::Sha;
use crate::record::{
    Certificate, Certified, DeviceKey, Holder, Jws, KeyError, KeyKind, Keys, PublicKey, open_certificate,
};
use crate::wire::auth::{EnrolReply, EnrolRequest, Invitation, b64};

/// Enrols this phone with a one-time code. After a fork the log's unsafe part is logged again under the new device.
///
/// # Errors
/// What the server says of the code; `device.other_worker` when the code is another person's.
pub fn enrol(
    store: &Store,
    key: &dyn DeviceKey,
    transport: &dyn Transport,
    invitation: &Invitation,
    name: &str,
    app: &str,
) -> Result<enrolment::Enrolment, Stop> {
    let point = key.public_key().map_err(Stop::Key)?;
    let public =
        PublicKey::from_sec1(&point).map_err(|error| Stop::Key(KeyError::Unavailable { why: error.to_string() }))?;
    let known = store.read(enrolment::find)?;
    let continues =
        known.as_ref().map_or_else(Vec::new, |known| [known.continues.as_slice(), &[known.device]].concat());
    let certificates = known.as_ref().map_or_else(Vec::new, |known| {
        [known.certificates.as_slice(), std::slice::from_ref(&known.certificate)].concat()
    });
    let request = EnrolRequest {
        code: invitation.code.clone(),
        public_key: b64(&public.to_spki_der()),
        name: name.to_owned(),
        app: app.to_owned(),
        continues: continues.clone(),
        certificates: certificates.clone(),
    };
    let reply: EnrolReply = post(transport, "/v1/enrol", &request)?;
    let issuer = check_certificate(&reply, &public)?;
    if let Some(known) = known.filter(|known| leads_elsewhere(known, invitation)) {
        // What is not safe yet goes to the company it was recorded for, and to nobody who says he were it.
        let before = certified(&known.certificate)?.certificate.issuer.key();
        if !before.is_ok_and(|before| before.to_sec1() == issuer.to_sec1()) {
            return Err(Stop::Refused { code: "device.other_root".to_owned() });
        }
    }
    if let Some(fingerprint) = invitation.supplier {
        check_supplier(transport, fingerprint, &issuer)?;
    }
    let mut new = enrolment::Enrolment {
        device: reply.device,
        worker: reply.worker,
        supplier: reply.supplier,
        url: invitation.url.clone(),
        pin: invitation.pin,
        certificate: reply.certificate,
        epoch: reply.epoch,
        acked: 0,
        safe: 0,
        judged: 0,
        floor: 0,
        floor_sha: Sha::ZERO,
        forked: false,
        dismissed: false,
        synced: None,
        continues,
        certificates,
    };
    store.write::<_, Stop>(|transaction| {
        match enrolment::find(transaction)? {
            None => enrolment::put(transaction, &new)?,
            Some(old) if old.worker != new.worker => {
                return Err(Stop::Refused { code: "device.other_worker".to_owned() });
            }
            // A code is good once: what it was traded for before is what this phone was already.
            Some(old) if old.device == new.device || old.continues.contains(&new.device) => {
                return Err(Stop::Refused { code: "device.code_used".to_owned() });
            }
            Some(old) => {
                // That the server was restored meanwhile is found by the next exchange, as ever, whichever clock it went by.
                if new.epoch != old.epoch {
                    new.epoch = 0;
                }
                outbox::relog(transaction, &old, &new)?;
            }
        }
        Ok(())
    })?;
    Ok(new)
}

/// Whether an invitation names another address of the server than the enrolment, or another key of it; none, for one that the
/// public roots vouch for, is another too.
pub fn leads_elsewhere(known: &enrolment::Enrolment, invitation: &Invitation) -> bool {
    known.url != invitation.url || known.pin != invitation.pin
}

/// Whether an enrolment still holds: its log is this phone's alone, it gets work, and its certificate is for the key at hand.
pub fn stands(known: &enrolment::Enrolment, key: &dyn DeviceKey) -> bool {
    !known.forked && !known.dismissed && is_certified(known, key)
}

/// Whether the key at hand is the one that was enrolled. A keystore that lost it may have made another; one that does not
/// answer may still have it.
pub fn is_certified(known: &enrolment::Enrolment, key: &dyn DeviceKey) -> bool {
    match key.public_key() {
        Ok(own) => certified(&known.certificate).is_ok_and(|certified| certified.key.to_sec1() == own),
        Err(KeyError::Gone | KeyError::Wrong) => false,
        Err(KeyError::Locked | KeyError::Unavailable { .. }) => true,
    }
}

/// The device's certificate, checked once in a process: that takes longer than signing, and a resident waits for each.
///
/// # Errors
/// [`Trouble::Damaged`] if it is none.
pub fn certified(certificate: &str) -> Result<Arc<Certified>, Trouble> {
    static CHECKED: Mutex<Option<(String, Arc<Certified>)>> = Mutex::new(None);
    let mut checked = CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = checked.as_ref().filter(|(known, _)| known == certificate) {
        return Ok(Arc::clone(known));
    }
    let damaged = || Trouble::Damaged(Words::new("设备证书", "the device's certificate"));
    let jws: Jws = serde_json::from_str(certificate).map_err(|_| damaged())?;
    let opened = Arc::new(open_certificate(&jws).map_err(|_| damaged())?);
    *checked = Some((certificate.to_owned(), Arc::clone(&opened)));
    Ok(opened)
}

/// The certificate must be for our key, this device and this worker; returns the root key it names.
fn check_certificate(reply: &EnrolReply, own: &PublicKey) -> Result<PublicKey, Stop> {
    let bad = || Stop::Refused { code: "device.bad_certificate".to_owned() };
    let jws = serde_json::from_str(&reply.certificate).map_err(|_| bad())?;
    let certified = Certificate::open(&jws).map_err(|_| bad())?;
    let holder = Holder::Device { device: reply.device, worker: reply.worker };
    if certified.key.to_sec1() != own.to_sec1() || certified.certificate.holder != holder {
        return Err(bad());
    }
    certified.certificate.issuer.key().map_err(|_| bad())
}

/// The supplier's published keys must have the fingerprint of the QR code and the root that certified this phone.
fn check_supplier(transport: &dyn Transport, fingerprint: Sha, issuer: &PublicKey) -> Result<(), Stop> {
    let bad = || Stop::Refused { code: "device.other_supplier".to_owned() };
    let answer = transport.call(&Call { method: "GET", path: "/v1/keys.json".to_owned(), ..Call::default() })?;
    if answer.status != 200 {
        return Err(stop_of(&answer));
    }
    let keys = Keys::parse(&answer.body).map_err(|_| bad())?;
    let root = keys.find(&issuer.thumbprint()).is_some_and(|entry| entry.kind == KeyKind::Root);
    if keys.fingerprint() == Some(fingerprint) && root { Ok(()) } else { Err(bad()) }
}
