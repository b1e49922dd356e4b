//! Certificates as JWS statements by the supplier's root key: which key belongs to which device and worker, or to the
//! server, and from when until when. A certificate's `kid` is the SHA-256 of its payload.

use serde::{Deserialize, Serialize};

use super::jws::{Jws, JwsFault, Opened, SignError, Statement};
use super::key::{DeviceKey, Jwk, PublicKey};
use crate::canon::hash::Sha;
use crate::id::{DeviceId, SupplierId, WorkerId};
use crate::time::Millis;

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Holder {
    /// An enrolment: this worker on this phone. Signs records and log heads.
    Device {
        /// The enrolment.
        device: DeviceId,
        /// The worker.
        worker: WorkerId,
    },
    /// The server, the office's device. Counter-signs, publishes day heads, states erasures.
    Server {
        /// The office's log.
        device: DeviceId,
    },
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// 1.
    pub schema: u32,
    /// Who vouches.
    pub supplier: SupplierId,
    /// The root key that signed it.
    pub issuer: Jwk,
    /// Whose key.
    pub holder: Holder,
    /// The key.
    pub key: Jwk,
    /// Holds from here (inclusive).
    pub valid_from_ms: Millis,
    /// Holds until here (inclusive).
    pub valid_until_ms: Millis,
}

impl Statement for Certificate {
    const TYP: &'static str = "vnd.nuanfang.certificate";
}

impl Certificate {
    /// A certificate for `key`, to be signed with [`Certificate::sign`].
    pub fn new(
        supplier: SupplierId,
        root: &PublicKey,
        holder: Holder,
        key: &PublicKey,
        valid_from_ms: Millis,
        valid_until_ms: Millis,
    ) -> Self {
        Self { schema: 1, supplier, issuer: root.jwk(), holder, key: key.jwk(), valid_from_ms, valid_until_ms }
    }

    /// Signs it with the root key.
    ///
    /// # Errors
    /// If `root` is not the issuer it names, or does not sign.
    pub fn sign(&self, root: &dyn DeviceKey) -> Result<Jws, SignError> {
        let issuer = PublicKey::from_sec1(&root.public_key()?)
            .ok()
            .filter(|key| key.jwk() == self.issuer)
            .ok_or(SignError::Incomplete("证书的签发者与根密钥不符"))?;
        Jws::sign(self, root, issuer.thumbprint())
    }

    /// Reads a certificate and checks it against the issuer it names. Whether that issuer is the supplier's root is
    /// for [`super::Keys`] to say.
    ///
    /// # Errors
    /// The first fault.
    pub fn open(jws: &Jws) -> Result<Certified, JwsFault> {
        let opened: Opened<Self> = jws.open()?;
        let schema = |why: &str| JwsFault::Schema(why.into());
        let certificate = &opened.statement;
        if certificate.schema != 1 {
            return Err(schema("schema is not 1"));
        }
        let issuer = certificate.issuer.key().map_err(|_| schema("issuer is no P-256 key"))?;
        if opened.kid != issuer.thumbprint() {
            return Err(JwsFault::Header);
        }
        opened.verify(&issuer)?;
        let key = certificate.key.key().map_err(|_| schema("key is no P-256 key"))?;
        Ok(Certified { kid: opened.payload_sha, key, certificate: opened.statement })
    }
}

/// A certificate whose signature fits the issuer it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// SHA-256 of the certificate's payload: the `kid` of what its key signs.
    pub kid: Sha,
    /// The certified key.
    pub key: PublicKey,
    /// What it says.
    pub certificate: Certificate,
}
