//! `keys.json`: the supplier's public keys with their rotation and revocation dates and the published log heads, signed
//! by the root. With it a record is checked anywhere, for ever, without the server.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::base64url;
use super::body::Supplier;
use super::certificate::{Certificate, Certified, Holder};
use super::head::DayHead;
use super::jws::{Jws, JwsFault, SignError, Statement};
use super::key::{DeviceKey, Jwk, PublicKey};
use crate::canon::hash::Sha;
use crate::canon::json;
use crate::time::Millis;

/// What the supplier publishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysStatement {
    /// 1.
    pub schema: u32,
    /// Whose keys.
    pub supplier: Supplier,
    /// When this list was made. It knows nothing of later revocations.
    pub issued_ms: Millis,
    /// Every key that ever signed, the roots included.
    pub keys: Vec<KeyEntry>,
    /// [`DayHead`] statements by the server.
    pub day_heads: Vec<Jws>,
}

impl Statement for KeysStatement {
    const TYP: &'static str = "vnd.nuanfang.keys";
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Vouches for all others.
    Root,
    /// Counter-signs.
    Server,
    /// Seals documents (PAdES, X.509).
    Seal,
    /// Signs records.
    Device,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// Its name: RFC 7638 thumbprint of a root, SHA-256 of the certificate's payload for server and device, SHA-256 of
    /// the DER for the seal.
    pub kid: Sha,
    /// What it is for.
    pub kind: KeyKind,
    /// The key; `null` for a seal whose key is not P-256.
    pub key: Option<Jwk>,
    /// The root's statement, for server and device.
    pub certificate: Option<Jws>,
    /// The X.509 certificate (DER, base64url), for root and seal.
    pub x509: Option<String>,
    /// Holds from here (inclusive).
    pub valid_from_ms: Millis,
    /// Holds until here (inclusive).
    pub valid_until_ms: Millis,
    /// When another key took its place; what it signed before stays good.
    pub rotated_ms: Option<Millis>,
    /// From when on it is not believed any more.
    pub revoked: Option<Revocation>,
}

/// That a key is not believed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// From when on.
    pub at_ms: Millis,
    /// Why.
    pub reason: RevocationReason,
}

/// Why a key is not believed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// The enrolment ended; the device may hand in what was signed before.
    Dismissed,
    /// Somebody else may hold the key: only what was received before counts.
    Stolen,
}

impl KeyEntry {
    /// A root key with its X.509 certificate.
    pub fn root(key: &PublicKey, x509_der: &[u8], valid_from_ms: Millis, valid_until_ms: Millis) -> Self {
        let x509 = Some(base64url::encode(x509_der));
        let (kid, key) = (key.thumbprint(), Some(key.jwk()));
        let kind = KeyKind::Root;
        Self { kid, kind, key, certificate: None, x509, valid_from_ms, valid_until_ms, rotated_ms: None, revoked: None }
    }

    /// The seal's X.509 certificate.
    pub fn seal(x509_der: &[u8], valid_from_ms: Millis, valid_until_ms: Millis) -> Self {
        let (kid, x509) = (Sha::of(x509_der), Some(base64url::encode(x509_der)));
        let kind = KeyKind::Seal;
        Self {
            kid,
            kind,
            key: None,
            certificate: None,
            x509,
            valid_from_ms,
            valid_until_ms,
            rotated_ms: None,
            revoked: None,
        }
    }

    /// A server's or device's key from its certificate.
    ///
    /// # Errors
    /// If the certificate does not hold in itself.
    pub fn certified(certificate: &Jws) -> Result<Self, JwsFault> {
        Ok(Self::stated(certificate, Certificate::open(certificate)?))
    }

    fn stated(certificate: &Jws, certified: Certified) -> Self {
        let says = certified.certificate;
        Self {
            kid: certified.kid,
            kind: match says.holder {
                Holder::Device { .. } => KeyKind::Device,
                Holder::Server { .. } => KeyKind::Server,
            },
            key: Some(says.key),
            certificate: Some(certificate.clone()),
            x509: None,
            valid_from_ms: says.valid_from_ms,
            valid_until_ms: says.valid_until_ms,
            rotated_ms: None,
            revoked: None,
        }
    }
}

/// Why a `keys.json` is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysFault {
    /// The file is not canonical JSON of a JWS.
    #[error("公钥文件格式不对：{}，位置 \"{}\"", .0.reason.zh(), .0.pointer)]
    File(json::Fault),
    /// Its signature or one of its statements does not hold.
    #[error("公钥文件的签名无效：{}", .0.zh())]
    Signature(JwsFault),
    /// An entry contradicts its certificate or the list.
    #[error("公钥文件第 {index} 个密钥有误：{why}")]
    Entry {
        /// Which, from 0.
        index: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// A published log head does not hold.
    #[error("公钥文件第 {index} 个日志头有误")]
    DayHead {
        /// Which, from 0.
        index: usize,
    },
}

/// A `keys.json` that holds in itself: signed by a root it lists, each certificate by a root it lists.
#[derive(Debug, Clone)]
pub struct Keys {
    statement: KeysStatement,
    root: Sha,
    by_kid: HashMap<Sha, usize>,
    heads: Vec<DayHead>,
}

impl Keys {
    /// Signs the list with the current root key, and gives the bytes of `keys.json`.
    ///
    /// # Errors
    /// If the key does not sign.
    pub fn sign(statement: &KeysStatement, root: &dyn DeviceKey) -> Result<Vec<u8>, SignError> {
        let key = PublicKey::from_sec1(&root.public_key()?).map_err(|_| SignError::Incomplete("根密钥不是 P-256"))?;
        let jws = Jws::sign(statement, root, key.thumbprint())?;
        json::strict(&jws).map_err(SignError::Content)
    }

    /// Reads a `keys.json` and checks it whole. It is believed because whoever hands it over is believed: compare
    /// [`Keys::fingerprint`] with the supplier's.
    ///
    /// # Errors
    /// The first fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeysFault> {
        let value = json::parse_canonical(bytes).map_err(KeysFault::File)?;
        let jws: Jws =
            serde_json::from_value(value).map_err(|why| KeysFault::Signature(JwsFault::Schema(why.to_string())))?;
        let opened = jws.open::<KeysStatement>().map_err(KeysFault::Signature)?;
        if opened.statement.schema != 1 {
            return Err(KeysFault::Signature(JwsFault::Schema("schema is not 1".into())));
        }
        let roots = opened.statement.keys.iter().filter(|entry| entry.kind == KeyKind::Root && entry.revoked.is_none());
        let mut signers = roots.filter(|root| root.kid == opened.kid).filter_map(|root| root.key.as_ref()?.key().ok());
        let root = signers.next().ok_or(KeysFault::Signature(JwsFault::Signature))?;
        opened.verify(&root).map_err(KeysFault::Signature)?;
        let mut by_kid = HashMap::new();
        for (index, entry) in opened.statement.keys.iter().enumerate() {
            let fault = |why| KeysFault::Entry { index, why };
            check_entry(entry, &opened.statement).map_err(fault)?;
            if by_kid.insert(entry.kid, index).is_some() {
                return Err(fault("kid 重复"));
            }
        }
        let mut keys = Self { root: opened.kid, statement: opened.statement, by_kid, heads: Vec::new() };
        for (index, jws) in keys.statement.day_heads.iter().enumerate() {
            let head = keys.day_head(jws).ok_or(KeysFault::DayHead { index })?;
            keys.heads.push(head);
        }
        Ok(keys)
    }

    fn day_head(&self, jws: &Jws) -> Option<DayHead> {
        let opened = jws.open::<DayHead>().ok()?;
        let key = self.find(&opened.kid).filter(|entry| entry.kind == KeyKind::Server)?.key.as_ref()?.key().ok()?;
        opened.verify(&key).ok()?;
        (opened.statement.schema == 1).then_some(opened.statement)
    }

    /// Whose keys.
    pub fn supplier(&self) -> &Supplier {
        &self.statement.supplier
    }

    /// When the list was made.
    pub fn issued_ms(&self) -> Millis {
        self.statement.issued_ms
    }

    /// All keys.
    pub fn entries(&self) -> &[KeyEntry] {
        &self.statement.keys
    }

    /// The published log heads, checked.
    pub fn day_heads(&self) -> &[DayHead] {
        &self.heads
    }

    /// The key of this name.
    pub fn find(&self, kid: &Sha) -> Option<&KeyEntry> {
        self.by_kid.get(kid).map(|index| &self.statement.keys[*index])
    }

    /// The supplier's fingerprint: SHA-256 of the current root's X.509 certificate (DER), as in an enrolment's QR code.
    pub fn fingerprint(&self) -> Option<Sha> {
        let der = self.find(&self.root)?.x509.as_deref().and_then(base64url::decode)?;
        Some(Sha::of(&der))
    }
}

/// Holds an entry to its certificate; says in Chinese what does not fit.
fn check_entry(entry: &KeyEntry, list: &KeysStatement) -> Result<(), &'static str> {
    if entry.valid_from_ms > entry.valid_until_ms {
        return Err("有效期颠倒");
    }
    let der = match &entry.x509 {
        Some(text) => Some(base64url::decode(text).ok_or("X.509 证书不是规范的 base64url")?),
        None => None,
    };
    match (entry.kind, &entry.certificate, der) {
        (KeyKind::Root, None, Some(der)) => {
            let key = entry.key.as_ref().and_then(|jwk| jwk.key().ok()).ok_or("缺根公钥")?;
            if key.thumbprint() != entry.kid {
                return Err("kid 与公钥不符");
            }
            let held = der.windows(65).any(|window| window == key.to_sec1());
            if held { Ok(()) } else { Err("X.509 证书与根公钥不符") }
        }
        (KeyKind::Seal, None, Some(der)) => {
            if Sha::of(&der) != entry.kid {
                return Err("kid 与印章证书不符");
            }
            match entry.key.as_ref().map(Jwk::key) {
                None => Ok(()),
                Some(Ok(key)) if der.windows(65).any(|window| window == key.to_sec1()) => Ok(()),
                Some(_) => Err("公钥与印章证书不符"),
            }
        }
        (KeyKind::Server | KeyKind::Device, Some(jws), None) => {
            let certified = Certificate::open(jws).map_err(|_| "证书无效")?;
            let says = &certified.certificate;
            let by = |root: &KeyEntry| root.kind == KeyKind::Root && root.key.as_ref() == Some(&says.issuer);
            if !list.keys.iter().any(by) || says.supplier != list.supplier.id {
                return Err("证书不是本企业根密钥签发");
            }
            let stated = KeyEntry::stated(jws, certified);
            let (rotated_ms, revoked) = (entry.rotated_ms, entry.revoked);
            if (KeyEntry { rotated_ms, revoked, ..stated }) == *entry { Ok(()) } else { Err("与证书不符") }
        }
        _ => Err("密钥种类与证书不符"),
    }
}
