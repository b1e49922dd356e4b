//! JWS in its general JSON form (RFC 7515 §7.2.1), held to one spelling: `ES256` alone, a protected header of exactly
//! `alg`, `kid`, `typ` in canonical bytes, nothing unprotected, no `crit`, canonical payload, low s. The list of
//! signatures holds one today; a later version of the format may put an SM2/SM3 signature beside it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::base64url;
use super::key::{self, DeviceKey, KeyError, PublicKey, sign_low_s};
use crate::canon::hash::Sha;
use crate::canon::json::{self, Fault};

/// The one algorithm of this version.
pub const ES256: &str = "ES256";

/// A signed statement: payload and signatures, both base64url.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jws {
    payload: String,
    signatures: Vec<JwsSignature>,
}

/// One signature with its protected header.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JwsSignature {
    protected: String,
    signature: String,
}

/// The protected header, with no room for anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: Sha,
    typ: String,
}

/// Something that is signed as canonical JSON. `TYP` goes into the protected header, so that a signature over one kind
/// of statement can never be shown as one over another.
pub trait Statement: Serialize + DeserializeOwned {
    /// The `typ` of its header.
    const TYP: &'static str;
}

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The statement does not keep the strict profile; the phone shows it as a fault of input.
    #[error("记录内容不能签名：{}（{}）", .0.reason.zh(), .0.pointer)]
    Content(Fault),
    /// The statement contradicts itself or lacks a part.
    #[error("记录内容不能签名：{0}")]
    Incomplete(&'static str),
    /// The key did not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Why a JWS is not what it claims to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwsFault {
    /// Not exactly one signature.
    Count,
    /// A part is not base64url in its one spelling.
    Spelling(&'static str),
    /// The protected header is not canonical, or holds other members than `alg`, `kid`, `typ`.
    Header,
    /// Another algorithm than [`ES256`].
    Algorithm,
    /// Signed as another kind of statement.
    Typ,
    /// The payload is not canonical JSON of the strict profile.
    Payload(Fault),
    /// The payload lacks a member or holds one that the format does not know.
    Schema(String),
    /// The signature's s is in the upper half.
    HighS,
    /// The signature is not by this key over these bytes.
    Signature,
}

impl JwsFault {
    /// In Chinese.
    pub fn zh(&self) -> String {
        match self {
            Self::Count => "签名个数不是一个".into(),
            Self::Spelling(part) => format!("{part} 不是规范的 base64url"),
            Self::Header => "签名保护头不规范或含未知成员".into(),
            Self::Algorithm => "签名算法不是 ES256".into(),
            Self::Typ => "签名的用途不符".into(),
            Self::Payload(fault) => format!("载荷字节不规范：{}，位置 \"{}\"", fault.reason.zh(), fault.pointer),
            Self::Schema(why) => format!("载荷字段不符合格式：{why}"),
            Self::HighS => "签名值不规范（s 在上半区）".into(),
            Self::Signature => "签名与内容不符".into(),
        }
    }

    /// In English.
    pub fn en(&self) -> String {
        match self {
            Self::Count => "there is not exactly one signature".into(),
            Self::Spelling(part) => format!("{part} is not canonical base64url"),
            Self::Header => "the protected header is not canonical or holds unknown members".into(),
            Self::Algorithm => "the algorithm is not ES256".into(),
            Self::Typ => "signed as another kind of statement".into(),
            Self::Payload(fault) => format!("payload bytes are not canonical: {fault}"),
            Self::Schema(why) => format!("the payload does not fit its format: {why}"),
            Self::HighS => "the signature is not in its one form (high s)".into(),
            Self::Signature => "the signature does not fit the content".into(),
        }
    }
}

impl std::fmt::Display for JwsFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.en())
    }
}

impl std::error::Error for JwsFault {}

/// A JWS taken apart, its signature not yet checked.
#[derive(Debug, Clone)]
pub struct Opened<T> {
    /// Which key claims to have signed.
    pub kid: Sha,
    /// What it says.
    pub statement: T,
    /// SHA-256 of the payload's bytes.
    pub payload_sha: Sha,
    input: Vec<u8>,
    signature: [u8; 64],
}

impl<T> Opened<T> {
    /// Checks the signature.
    ///
    /// # Errors
    /// [`JwsFault::HighS`] or [`JwsFault::Signature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), JwsFault> {
        if key.verify(&self.input, &self.signature) {
            Ok(())
        } else if key::is_high_s(&self.signature) {
            Err(JwsFault::HighS)
        } else {
            Err(JwsFault::Signature)
        }
    }
}

impl Jws {
    /// Signs `statement` with `key`, whose name in `keys.json` is `kid`.
    ///
    /// # Errors
    /// If the statement does not keep the strict profile, or the key does not sign.
    pub fn sign<T: Statement>(statement: &T, key: &dyn DeviceKey, kid: Sha) -> Result<Self, SignError> {
        let payload = base64url::encode(&json::strict(statement).map_err(SignError::Content)?);
        let header = Header { alg: ES256.into(), kid, typ: T::TYP.into() };
        let protected = base64url::encode(&json::strict(&header).map_err(SignError::Content)?);
        let signature = sign_low_s(key, format!("{protected}.{payload}").as_bytes())?;
        let signature = base64url::encode(&signature);
        Ok(Self { payload, signatures: vec![JwsSignature { protected, signature }] })
    }

    /// Takes it apart, holding every part to its one spelling. The signature is checked by [`Opened::verify`].
    ///
    /// # Errors
    /// The first fault.
    pub fn open<T: Statement>(&self) -> Result<Opened<T>, JwsFault> {
        let [JwsSignature { protected, signature }] = self.signatures.as_slice() else {
            return Err(JwsFault::Count);
        };
        let header = base64url::decode(protected).ok_or(JwsFault::Spelling("protected"))?;
        let header = json::parse_canonical(&header).map_err(|_| JwsFault::Header)?;
        let header: Header = serde_json::from_value(header).map_err(|_| JwsFault::Header)?;
        if header.alg != ES256 {
            return Err(JwsFault::Algorithm);
        }
        if header.typ != T::TYP {
            return Err(JwsFault::Typ);
        }
        let payload = base64url::decode(&self.payload).ok_or(JwsFault::Spelling("payload"))?;
        let value = json::parse_canonical(&payload).map_err(JwsFault::Payload)?;
        let statement: T = serde_json::from_value(value).map_err(|why| JwsFault::Schema(why.to_string()))?;
        // What was read, written again, must be what was signed: nothing is silently left out or filled in.
        let again = json::strict(&statement).map_err(JwsFault::Payload)?;
        if again != payload {
            return Err(JwsFault::Schema("members are missing, unknown or spelt otherwise".into()));
        }
        let bytes = base64url::decode(signature).ok_or(JwsFault::Spelling("signature"))?;
        let signature = bytes.try_into().map_err(|_| JwsFault::Spelling("signature"))?;
        Ok(Opened {
            kid: header.kid,
            statement,
            payload_sha: Sha::of(&payload),
            input: format!("{protected}.{}", self.payload).into_bytes(),
            signature,
        })
    }

    /// SHA-256 of its canonical JSON: what a counter-signature names.
    pub fn sha(&self) -> Sha {
        Sha::of(&json::canonical(self).unwrap_or_default())
    }

    /// SHA-256 of the payload's bytes: the record's own hash, which `supersedes` names.
    ///
    /// # Errors
    /// If the payload is not base64url.
    pub fn payload_sha(&self) -> Result<Sha, JwsFault> {
        base64url::decode(&self.payload).map(|bytes| Sha::of(&bytes)).ok_or(JwsFault::Spelling("payload"))
    }
}
