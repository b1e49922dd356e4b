//! The kinds of keys that seal: P-256, which the supplier's own authority uses, and RSA with PKCS#1 v1.5, which
//! companies' certificates often have. Both with SHA-256.

use der::Any;
use der::asn1::{BitString, ObjectIdentifier};
use p256::ecdsa;
use p256::ecdsa::signature::{self, Signer, Verifier};
use p256::pkcs8::DecodePrivateKey;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey, pkcs1v15};
use sha2::Sha256;
use x509_cert::Certificate;
use x509_cert::spki::{AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, SignatureBitStringEncoding};

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA_256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// The sizes of RSA keys that seal, in bytes of the modulus.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=512;

/// A key that seals.
pub(crate) enum SealKey {
    /// P-256.
    P256(ecdsa::SigningKey),
    /// RSA.
    Rsa(Box<pkcs1v15::SigningKey<Sha256>>),
}

/// Its public half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// P-256.
    P256(ecdsa::VerifyingKey),
    /// RSA.
    Rsa(RsaPublicKey),
}

/// A signature's bytes as CMS holds them: DER for ECDSA, the number itself for RSA.
pub(crate) struct SealSignature(pub Vec<u8>);

impl SignatureBitStringEncoding for SealSignature {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}

impl SealKey {
    /// A key from PKCS#8 PEM.
    pub fn from_pem(pem: &str) -> Option<Self> {
        if let Ok(key) = ecdsa::SigningKey::from_pkcs8_pem(pem) {
            return Some(Self::P256(key));
        }
        let key = RsaPrivateKey::from_pkcs8_pem(pem).ok()?;
        RSA_BYTES.contains(&key.size()).then(|| Self::Rsa(Box::new(pkcs1v15::SigningKey::new(key))))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        match self {
            Self::P256(key) => PublicKey::P256(*key.verifying_key()),
            Self::Rsa(key) => PublicKey::Rsa(key.as_ref().as_ref().to_public_key()),
        }
    }

    /// Signs; s is low, so that one message has one signature.
    ///
    /// # Errors
    /// If the key does not sign.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        match self {
            Self::P256(key) => {
                let signature: ecdsa::Signature = key.try_sign(message)?;
                Ok(signature.normalize_s().unwrap_or(signature).to_der().as_bytes().to_vec())
            }
            Self::Rsa(key) => {
                let signature: pkcs1v15::Signature = key.try_sign(message)?;
                Ok(Box::<[u8]>::from(signature).into_vec())
            }
        }
    }
}

impl PublicKey {
    /// The key of a certificate; `None` for a kind that does not seal.
    pub fn of(certificate: &Certificate) -> Option<Self> {
        let info = &certificate.tbs_certificate.subject_public_key_info;
        let bits = info.subject_public_key.as_bytes()?;
        if info.algorithm.oid == RSA_ENCRYPTION {
            let key = RsaPublicKey::from_pkcs1_der(bits).ok()?;
            return RSA_BYTES.contains(&key.size()).then_some(Self::Rsa(key));
        }
        ecdsa::VerifyingKey::from_sec1_bytes(bits).ok().map(Self::P256)
    }

    /// The algorithm it signs with.
    ///
    /// # Errors
    /// Never, for these kinds.
    pub fn signature_algorithm(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        match self {
            Self::P256(key) => key.signature_algorithm_identifier(),
            Self::Rsa(_) => Ok(AlgorithmIdentifierOwned { oid: SHA_256_WITH_RSA, parameters: Some(Any::null()) }),
        }
    }

    /// Whether the signature is this key's, in its one form: s low.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let low = match self {
            Self::P256(_) => {
                ecdsa::Signature::from_der(signature).is_ok_and(|signature| signature.normalize_s().is_none())
            }
            Self::Rsa(_) => true,
        };
        low && self.verify_any(message, signature)
    }

    /// Whether the signature is this key's. Certificates of others need not have s low.
    pub fn verify_any(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(key) => {
                ecdsa::Signature::from_der(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            Self::Rsa(key) => {
                let key = pkcs1v15::VerifyingKey::<Sha256>::new(key.clone());
                pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
        }
    }
}
