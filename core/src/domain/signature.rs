//! 签字 and 拒签: who signs what, and what stands for a signature that is refused.

use serde::{Deserialize, Serialize};

use crate::canon::hash::Sha;

/// Who holds the pen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignerRole {
    /// 业主
    Owner,
    /// 承租人
    Tenant,
    /// 家属
    Family,
    /// 其他
    Other,
}

impl SignerRole {
    /// As printed.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Owner => "业主",
            Self::Tenant => "承租人",
            Self::Family => "家属",
            Self::Other => "其他",
        }
    }
}

/// The person who signs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signer {
    /// Name as given at the door.
    pub name: String,
    /// What he is to the household.
    pub role: SignerRole,
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The frozen measurement (5.6.6, C.1).
    Measurement,
    /// A revision of the quote (F.10).
    Quote {
        /// Which.
        revision: u32,
    },
    /// Work that may damage something (F.9).
    Consent {
        /// The object, as told in `visit.risk_told`.
        object: String,
    },
    /// 验收 (F.12).
    Acceptance,
    /// Receipt of a written notice of hazards (5.4).
    Notice,
}

/// Body of `visit.signed` and `visit.notice_received`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signed {
    /// What is signed.
    pub purpose: Purpose,
    /// Who signs.
    pub signer: Signer,
    /// Content address of what was frozen and shown: the measurement's or the quote's. Absent where nothing is
    /// frozen before the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<Sha>,
    /// SHA-256 of the signed record's canonical bytes.
    pub record_sha: Sha,
    /// The record's JWS container, as JSON text (FORMATS §4). Opaque here.
    pub jws: String,
}

/// Body of `visit.refused_to_sign`: reason and evidence in place of the signature. The evidence is a witness, or a
/// photo with the role `photo.result`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SignatureRefused {
    /// What is not signed.
    pub purpose: Purpose,
    /// 拒签原因.
    pub reason: String,
    /// A second person who saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
    /// As in [`Signed::covers`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<Sha>,
    /// SHA-256 of the record's canonical bytes.
    pub record_sha: Sha,
    /// The record's JWS container, as JSON text. Opaque here.
    pub jws: String,
}
