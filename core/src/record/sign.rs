//! Signing a record on the phone, and taking it in on the server.

use super::body::SignedRecordBody;
use super::certificate::{Certificate, Certified, Holder};
use super::jws::{Jws, JwsFault, Opened, SignError};
use super::key::DeviceKey;
use crate::canon::hash::Sha;
use crate::canon::json;

/// A record, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRecord {
    /// Its JWS.
    pub jws: Jws,
    /// The JWS as the event's body carries it: canonical JSON text.
    pub jws_text: String,
    /// SHA-256 of the payload: the record's own hash.
    pub record_sha: Sha,
}

/// Signs `body` with the device key that `certificate` is for.
///
/// # Errors
/// If the record is not whole or not in the strict profile, if the certificate is for another key, device, worker or
/// supplier, or the key does not sign. Nothing is lost: the draft stays as it was.
pub fn sign_record(body: &SignedRecordBody, key: &dyn DeviceKey, certificate: &Jws) -> Result<SignedRecord, SignError> {
    sign_certified(body, key, &open_certificate(certificate)?)
}

/// A device's own certificate, opened to sign with.
///
/// # Errors
/// If it is none, in words for the worker.
pub fn open_certificate(certificate: &Jws) -> Result<Certified, SignError> {
    Certificate::open(certificate).map_err(|_| SignError::Incomplete("设备证书无效，请重新登记本机"))
}

/// [`sign_record`] with a certificate that was opened before: checking it takes longer than signing.
///
/// # Errors
/// As [`sign_record`].
pub fn sign_certified(
    body: &SignedRecordBody,
    key: &dyn DeviceKey,
    certified: &Certified,
) -> Result<SignedRecord, SignError> {
    if let Some(why) = body.incomplete() {
        return Err(SignError::Incomplete(why));
    }
    if certified.key.to_sec1() != key.public_key()? {
        return Err(SignError::Incomplete("设备证书与本机密钥不符，请重新登记本机"));
    }
    if let Some((zh, _)) = misfit(body, &certified.certificate) {
        return Err(SignError::Incomplete(zh));
    }
    let jws = Jws::sign(body, key, certified.kid)?;
    let record_sha = jws.payload_sha().map_err(|_| SignError::Incomplete("记录无法编码"))?;
    let text = json::strict(&jws).map_err(SignError::Content)?;
    let jws_text = String::from_utf8(text).map_err(|_| SignError::Incomplete("记录无法编码"))?;
    Ok(SignedRecord { jws, jws_text, record_sha })
}

/// Takes in a record as a device hands it over, before it is counter-signed: form, completeness, signature, and that
/// it is from the device and worker of `signer`. Whether that certificate is in force is the server's to know.
///
/// # Errors
/// The first fault; the envelope that carried it is stored all the same.
pub fn check_arrival(record: &Jws, signer: &Certified) -> Result<Opened<SignedRecordBody>, JwsFault> {
    let schema = |why: &str| JwsFault::Schema(why.into());
    let opened = record.open::<SignedRecordBody>()?;
    if opened.kid != signer.kid {
        return Err(JwsFault::Signature);
    }
    opened.verify(&signer.key)?;
    if let Some(why) = opened.statement.incomplete() {
        return Err(schema(why));
    }
    if let Some((_, en)) = misfit(&opened.statement, &signer.certificate) {
        return Err(schema(en));
    }
    Ok(opened)
}

/// What in the record is not what its certificate is for, in Chinese and English.
pub(super) fn misfit(body: &SignedRecordBody, certificate: &Certificate) -> Option<(&'static str, &'static str)> {
    match certificate.holder {
        Holder::Server { .. } => Some(("不是设备证书", "not a device's certificate")),
        Holder::Device { device, .. } if device != body.log.device => {
            Some(("证书属于另一台设备", "the certificate is another device's"))
        }
        Holder::Device { worker, .. } if worker != body.worker.id => {
            Some(("证书属于另一名服务人员", "the certificate is another worker's"))
        }
        Holder::Device { .. } if certificate.supplier != body.supplier.id => {
            Some(("证书属于另一家供热企业", "the certificate is another supplier's"))
        }
        Holder::Device { .. } => None,
    }
}
