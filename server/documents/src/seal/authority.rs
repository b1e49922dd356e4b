//! The supplier's own authority, made at first start: a root and a sealing certificate, both P-256. The root's key is
//! also the root of the signed records (`keys.json`); the sealing key does nothing but seal.

use std::time::{Duration, SystemTime};

use der::asn1::{Any, ObjectIdentifier, SetOfVec};
use der::{DecodePem, Encode, EncodePem, Tag};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::record::SoftwareKey;
use nuanfang_core::time::Millis;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use serde::{Deserialize, Serialize};
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::builder::{Builder, CertificateBuilder, Profile};
use x509_cert::ext::pkix::ExtendedKeyUsage;
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::{Time, Validity};

use super::Seal;
use crate::error::DocumentError;

const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const ORGANISATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const DOCUMENT_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.36");
/// NSS, and with it poppler, trusts no document seal without it.
const EMAIL_PROTECTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4");

const ROOT_YEARS: u64 = 30;
const SEAL_YEARS: u64 = 10;

/// The supplier's keys and certificates, as PEM. Secrets: they belong in the vault.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupplierKeys {
    /// The root's key, PKCS#8.
    pub root_key_pem: String,
    /// The root's certificate.
    pub root_certificate_pem: String,
    /// The sealing key, PKCS#8.
    pub seal_key_pem: String,
    /// The sealing certificate, by the root.
    pub seal_certificate_pem: String,
}

impl std::fmt::Debug for SupplierKeys {
    /// The certificates; never the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SupplierKeys").field("root", &self.root_certificate_pem).finish_non_exhaustive()
    }
}

fn unusable(why: impl std::fmt::Display) -> DocumentError {
    DocumentError::Key(why.to_string())
}

impl SupplierKeys {
    /// Makes a root and a sealing certificate for `supplier`, valid from `from` for 30 and 10 years.
    ///
    /// # Errors
    /// If the instant is outside the calendar of certificates.
    pub fn create(supplier: &str, from: Millis) -> Result<Self, DocumentError> {
        let (root_key, seal_key) = (new_key()?, new_key()?);
        let root_name = name(supplier, "Nuanfang Root")?;
        let root = certify(Profile::Root, root_name.clone(), &root_key, &root_key, (from, ROOT_YEARS))?;
        let leaf = Profile::Leaf { issuer: root_name, enable_key_agreement: false, enable_key_encipherment: false };
        let seal = certify(leaf, name(supplier, "电子印章")?, &seal_key, &root_key, (from, SEAL_YEARS))?;
        let pem = |key: &SigningKey| key.to_pkcs8_pem(LineEnding::LF).map(|pem| pem.to_string()).map_err(unusable);
        Ok(Self {
            root_key_pem: pem(&root_key)?,
            root_certificate_pem: root.to_pem(LineEnding::LF).map_err(unusable)?,
            seal_key_pem: pem(&seal_key)?,
            seal_certificate_pem: seal.to_pem(LineEnding::LF).map_err(unusable)?,
        })
    }

    /// The root's key, which also signs `keys.json` and the devices' certificates.
    ///
    /// # Errors
    /// If the PEM is damaged.
    pub fn root_key(&self) -> Result<SoftwareKey, DocumentError> {
        let key = SigningKey::from_pkcs8_pem(&self.root_key_pem).map_err(unusable)?;
        let der = key.to_pkcs8_der().map_err(unusable)?;
        SoftwareKey::from_pkcs8_der(der.as_bytes()).map_err(|_| unusable("根密钥不是 P-256"))
    }

    /// The root's certificate, DER.
    ///
    /// # Errors
    /// If the PEM is damaged.
    pub fn root_certificate_der(&self) -> Result<Vec<u8>, DocumentError> {
        Certificate::from_pem(&self.root_certificate_pem).and_then(|root| root.to_der()).map_err(unusable)
    }

    /// The sealing certificate, DER.
    ///
    /// # Errors
    /// If the PEM is damaged.
    pub fn seal_certificate_der(&self) -> Result<Vec<u8>, DocumentError> {
        Certificate::from_pem(&self.seal_certificate_pem).and_then(|seal| seal.to_der()).map_err(unusable)
    }

    /// SHA-256 of the root's certificate: the supplier's fingerprint.
    ///
    /// # Errors
    /// If the PEM is damaged.
    pub fn fingerprint(&self) -> Result<Sha, DocumentError> {
        Ok(Sha::of(&self.root_certificate_der()?))
    }

    /// The seal, ready to be used.
    ///
    /// # Errors
    /// If a PEM is damaged.
    pub fn seal(&self) -> Result<Seal, DocumentError> {
        Seal::from_pem(&self.seal_key_pem, &format!("{}{}", self.seal_certificate_pem, self.root_certificate_pem))
    }
}

/// From when until when a certificate holds.
///
/// # Errors
/// If `der` is no certificate.
pub fn certificate_validity(der: &[u8]) -> Result<(Millis, Millis), DocumentError> {
    let certificate = super::certificate(der).ok_or_else(|| unusable("不是 X.509 证书"))?;
    let validity = &certificate.tbs_certificate.validity;
    let millis = |time: &Time| {
        let since = time.to_unix_duration();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    };
    Ok((millis(&validity.not_before), millis(&validity.not_after)))
}

/// A key from the operating system's random numbers.
fn new_key() -> Result<SigningKey, DocumentError> {
    SigningKey::from_pkcs8_der(&SoftwareKey::generate().to_pkcs8_der()).map_err(unusable)
}

fn name(organisation: &str, common: &str) -> Result<RdnSequence, DocumentError> {
    // X.520 allows 64 characters.
    let short = |text: &str| text.chars().take(64).collect::<String>();
    let text = |oid, text: &str| {
        let value = Any::new(Tag::Utf8String, short(text).into_bytes()).map_err(unusable)?;
        relative(oid, value)
    };
    let country = Any::new(Tag::PrintableString, *b"CN").map_err(unusable)?;
    Ok(RdnSequence(vec![
        relative(COUNTRY, country)?,
        text(ORGANISATION, organisation)?,
        text(COMMON_NAME, &format!("{organisation} {common}"))?,
    ]))
}

fn relative(oid: ObjectIdentifier, value: Any) -> Result<RelativeDistinguishedName, DocumentError> {
    let attribute = AttributeTypeAndValue { oid, value };
    SetOfVec::try_from(vec![attribute]).map(RelativeDistinguishedName).map_err(unusable)
}

fn certify(
    profile: Profile,
    subject: RdnSequence,
    key: &SigningKey,
    issuer: &SigningKey,
    (from, years): (Millis, u64),
) -> Result<Certificate, DocumentError> {
    let start = u64::try_from(from.0).map_err(|_| unusable("起始时间早于 1970 年"))? / 1000;
    let time = |seconds: u64| Time::try_from(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).map_err(unusable);
    let end = start.checked_add(years * 365 * 86_400).ok_or_else(|| unusable("起始时间过晚"))?;
    let validity = Validity { not_before: time(start)?, not_after: time(end)? };
    // Positive and never two the same: 128 random bits below a leading 1.
    let mut serial = vec![1];
    serial.extend_from_slice(uuid::Uuid::new_v4().as_bytes());
    let serial = SerialNumber::new(&serial).map_err(unusable)?;
    let public = SubjectPublicKeyInfoOwned::from_key(*key.verifying_key()).map_err(unusable)?;
    let leaf = matches!(profile, Profile::Leaf { .. });
    let mut builder = CertificateBuilder::new(profile, serial, validity, subject, public, issuer).map_err(unusable)?;
    if leaf {
        builder.add_extension(&ExtendedKeyUsage(vec![EMAIL_PROTECTION, DOCUMENT_SIGNING])).map_err(unusable)?;
    }
    builder.build::<DerSignature>().map_err(unusable)
}
