//! Keys: ECDSA P-256, held by a phone's keystore through [`DeviceKey`] or, for the server and for desktops, in memory.
//! Signatures are 64 bytes r‖s with s in the lower half of the order, so that one signature has one spelling.

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::elliptic_curve::rand_core::OsRng;
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::base64url;
use crate::canon::hash::Sha;
use crate::canon::json;

/// Why a key did not sign. The record is not lost: the draft stays and can be signed again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The keystore wants the worker to unlock the phone or the app first.
    #[error("签名密钥已锁定：请解锁手机后再签，已填内容都在")]
    Locked,
    /// The keystore has lost the key (phone reset, biometrics changed): the device must be enrolled anew.
    #[error("签名密钥已失效：请联系调度重新登记本机，已填内容都在")]
    Gone,
    /// The keystore failed in its own way, told in its own words.
    #[error("签名密钥暂不可用（{why}）：请稍后再试，已填内容都在")]
    Unavailable {
        /// The platform's words.
        why: String,
    },
    /// What came back is no signature by this key.
    #[error("签名密钥给出的签名无法核对：请联系调度，已填内容都在")]
    Wrong,
}

/// A private key that signs and never leaves its place: Secure Enclave, StrongBox, or memory.
pub trait DeviceKey: Send + Sync {
    /// The public key as an uncompressed SEC 1 point: 0x04, x, y. Of a keystore that lost its key, that of the one it made
    /// in its place.
    ///
    /// # Errors
    /// As the keystore answers.
    fn public_key(&self) -> Result<[u8; 65], KeyError>;

    /// ECDSA over SHA-256 of `message`, as r‖s of 32 bytes each. Whether s is high or low does not matter here:
    /// what is stored goes through [`sign_low_s`].
    ///
    /// # Errors
    /// As the keystore answers.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError>;
}

/// Signs `message`, brings s into the lower half and checks the result against the key itself.
///
/// # Errors
/// What the keystore answers, or [`KeyError::Wrong`] if its signature does not verify.
pub fn sign_low_s(key: &dyn DeviceKey, message: &[u8]) -> Result<[u8; 64], KeyError> {
    let raw = key.sign(message)?;
    let signature = Signature::from_slice(&raw).map_err(|_| KeyError::Wrong)?;
    let low: [u8; 64] = signature.normalize_s().unwrap_or(signature).to_bytes().into();
    let public = PublicKey::from_sec1(&key.public_key()?).map_err(|_| KeyError::Wrong)?;
    if public.verify(message, &low) { Ok(low) } else { Err(KeyError::Wrong) }
}

/// A text or bytes that hold no usable P-256 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 public key")]
pub struct NotAKey;

/// A public P-256 key: a point on the curve, not the point at infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From an uncompressed SEC 1 point (65 bytes).
    ///
    /// # Errors
    /// If it is of another form or not on the curve.
    pub fn from_sec1(point: &[u8]) -> Result<Self, NotAKey> {
        if point.len() != 65 {
            return Err(NotAKey);
        }
        VerifyingKey::from_sec1_bytes(point).map(Self).map_err(|_| NotAKey)
    }

    /// From a DER SubjectPublicKeyInfo, as platform keystores export it.
    ///
    /// # Errors
    /// If it is another kind of key.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, NotAKey> {
        VerifyingKey::from_public_key_der(der).map(Self).map_err(|_| NotAKey)
    }

    /// As an uncompressed SEC 1 point.
    pub fn to_sec1(&self) -> [u8; 65] {
        let mut out = [0; 65];
        out.copy_from_slice(self.0.to_encoded_point(false).as_bytes());
        out
    }

    /// As a DER SubjectPublicKeyInfo.
    pub fn to_spki_der(&self) -> Vec<u8> {
        self.0.to_public_key_der().map(|der| der.as_bytes().to_vec()).unwrap_or_default()
    }

    /// As a JWK.
    pub fn jwk(&self) -> Jwk {
        let point = self.to_sec1();
        Jwk {
            crv: "P-256".into(),
            kty: "EC".into(),
            x: base64url::encode(&point[1..33]),
            y: base64url::encode(&point[33..]),
        }
    }

    /// RFC 7638: SHA-256 of the JWK's canonical bytes. The `kid` of a root key, and the supplier's fingerprint.
    pub fn thumbprint(&self) -> Sha {
        self.jwk().thumbprint()
    }

    /// Whether `signature` (r‖s) is this key's over SHA-256 of `message`. A high s is refused.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let low = Signature::from_slice(signature).is_ok_and(|signature| signature.normalize_s().is_none());
        // Whoever takes in records does little else: this implementation is several times as fast as that of `p256`.
        low && UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.to_sec1()).verify(message, signature).is_ok()
    }
}

/// Whether `signature` (r‖s) has its s in the upper half of the order, where ours never is.
pub fn is_high_s(signature: &[u8; 64]) -> bool {
    Signature::from_slice(signature).is_ok_and(|signature| signature.normalize_s().is_some())
}

/// A public key in JSON (RFC 7517), with just the members of its RFC 7638 thumbprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwk {
    /// `P-256`.
    pub crv: String,
    /// `EC`.
    pub kty: String,
    /// 32 bytes, base64url without padding.
    pub x: String,
    /// 32 bytes, base64url without padding.
    pub y: String,
}

impl Jwk {
    /// The key itself.
    ///
    /// # Errors
    /// If it is another curve, misspelt, or off the curve.
    pub fn key(&self) -> Result<PublicKey, NotAKey> {
        if self.crv != "P-256" || self.kty != "EC" {
            return Err(NotAKey);
        }
        let mut point = vec![4];
        for half in [&self.x, &self.y] {
            let bytes = base64url::decode(half).filter(|bytes| bytes.len() == 32).ok_or(NotAKey)?;
            point.extend_from_slice(&bytes);
        }
        PublicKey::from_sec1(&point)
    }

    /// See [`PublicKey::thumbprint`].
    pub fn thumbprint(&self) -> Sha {
        Sha::of(&json::canonical(self).unwrap_or_default())
    }
}

/// A key in memory: the server's, a desktop's, a test's. Signs deterministically (RFC 6979).
pub struct SoftwareKey(SigningKey);

impl SoftwareKey {
    /// A fresh key from the system's randomness.
    pub fn generate() -> Self {
        Self(SigningKey::random(&mut OsRng))
    }

    /// The key with this secret scalar (32 bytes big-endian).
    ///
    /// # Errors
    /// If it is zero or not below the order.
    pub fn from_secret(secret: &[u8; 32]) -> Result<Self, NotAKey> {
        SigningKey::from_slice(secret).map(Self).map_err(|_| NotAKey)
    }

    /// From an unencrypted PKCS#8 DER, as the server's vault keeps it.
    ///
    /// # Errors
    /// If it is another kind of key.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, NotAKey> {
        SigningKey::from_pkcs8_der(der).map(Self).map_err(|_| NotAKey)
    }

    /// As an unencrypted PKCS#8 DER. The caller keeps it secret.
    pub fn to_pkcs8_der(&self) -> Vec<u8> {
        self.0.to_pkcs8_der().map(|der| der.as_bytes().to_vec()).unwrap_or_default()
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }
}

impl std::fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SoftwareKey({})", self.public().thumbprint().short())
    }
}

impl DeviceKey for SoftwareKey {
    fn public_key(&self) -> Result<[u8; 65], KeyError> {
        Ok(self.public().to_sec1())
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        let signature: Signature = self.0.sign(message);
        Ok(signature.to_bytes().into())
    }
}
