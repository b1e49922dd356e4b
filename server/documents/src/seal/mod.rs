//! The supplier's seal over a whole document: PAdES baseline B-B, an incremental update that leaves the drawn page's
//! bytes as they are (ETSI EN 319 142-1). It is invisible on the page; every PDF reader shows it in its own way.

mod authority;
pub(crate) mod cms;
pub(crate) mod key;
pub(crate) mod layout;

use der::{Decode, DecodePem, Encode};
use nuanfang_core::time::Millis;
use x509_cert::Certificate;

pub use authority::{SupplierKeys, certificate_validity};

use self::key::{PublicKey, SealKey};
use crate::error::DocumentError;

/// A key that seals, with its certificate and the chain above it.
pub struct Seal {
    key: SealKey,
    /// The key's own certificate, then its issuers.
    chain: Vec<Certificate>,
}

impl std::fmt::Debug for Seal {
    /// The certificate's subject; never the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let subject = self.chain.first().map(|leaf| leaf.tbs_certificate.subject.to_string());
        f.debug_struct("Seal").field("subject", &subject).finish_non_exhaustive()
    }
}

impl Seal {
    /// A seal from PEM: a PKCS#8 key, P-256 or RSA of 2048 to 4096 bits, and its certificate followed by its issuers. Either text may hold the
    /// other's blocks too, as `openssl pkcs12 -in seal.p12 -nodes -out seal.pem` writes them.
    ///
    /// # Errors
    /// If the key is of another kind, or the certificate that fits it is missing.
    pub fn from_pem(key_pem: &str, certificates_pem: &str) -> Result<Self, DocumentError> {
        let unusable = |why: &str| DocumentError::Key(why.into());
        let block =
            pem_blocks(key_pem, "PRIVATE KEY").next().ok_or_else(|| unusable("没有 PKCS#8 私钥（PRIVATE KEY）"))?;
        let key = SealKey::from_pem(block).ok_or_else(|| unusable("私钥不是 P-256，也不是 2048 至 4096 位的 RSA"))?;
        let mut chain = Vec::new();
        for block in pem_blocks(certificates_pem, "CERTIFICATE") {
            chain.push(Certificate::from_pem(block).map_err(|why| unusable(&format!("证书无法读取：{why}")))?);
        }
        let public = key.public();
        let own = |certificate: &Certificate| PublicKey::of(certificate).is_some_and(|held| held == public);
        let leaf = chain.iter().position(own).ok_or_else(|| unusable("没有与私钥相配的证书"))?;
        chain[..=leaf].rotate_right(1);
        Ok(Self { key, chain })
    }

    /// The sealing certificate, DER: what `keys.json` lists.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn certificate_der(&self) -> Result<Vec<u8>, DocumentError> {
        self.chain[0].to_der().map_err(|why| DocumentError::Key(why.to_string()))
    }

    /// Seals `pdf` as of `at`. The same document, key and time give the same bytes.
    ///
    /// # Errors
    /// If the file is not one of ours, or the signature is larger than its room.
    pub fn apply(&self, pdf: &[u8], at: Millis) -> Result<Vec<u8>, DocumentError> {
        let mut prepared = layout::prepare(pdf, at)?;
        let signature = cms::sign(&self.key, &self.chain, &prepared.digest())?;
        prepared.fill(&signature)?;
        Ok(prepared.bytes)
    }
}

fn pem_blocks<'a>(text: &'a str, label: &'a str) -> impl Iterator<Item = &'a str> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(&begin)?;
        let stop = start + rest[start..].find(&end)? + end.len();
        let block = &rest[start..stop];
        rest = &rest[stop..];
        Some(block)
    })
}

/// Reads a certificate.
pub(crate) fn certificate(der: &[u8]) -> Option<Certificate> {
    Certificate::from_der(der).ok()
}
