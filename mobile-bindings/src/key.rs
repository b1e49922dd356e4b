//! The platform's keystore and clock, called back from Rust.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nuanfang_core::device::clock::Clock;
use nuanfang_core::id::BootId;
use nuanfang_core::record::{DeviceKey, KeyError};
use nuanfang_core::time::Stamp;

/// Why the keystore did not sign.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum KeystoreFailure {
    /// It wants the worker to unlock the phone or the app first.
    #[error("locked")]
    Locked,
    /// It has lost the key: the device must be enrolled anew.
    #[error("gone")]
    Gone,
    /// It failed in its own way.
    #[error("{why}")]
    Unavailable {
        /// The platform's words.
        why: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for KeystoreFailure {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable { why: error.reason }
    }
}

/// A P-256 key that never leaves the platform's keystore (StrongBox, Secure Enclave).
#[uniffi::export(with_foreign)]
pub trait Keystore: Send + Sync {
    /// The public key as an uncompressed SEC 1 point: 65 bytes. Once the key is gone, that of a new one, made in its place: the
    /// phone is enrolled anew with it.
    fn public_key(&self) -> Result<Vec<u8>, KeystoreFailure>;

    /// ECDSA over SHA-256 of `message`: 64 bytes, r then s.
    fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, KeystoreFailure>;
}

impl From<KeystoreFailure> for KeyError {
    fn from(failure: KeystoreFailure) -> Self {
        match failure {
            KeystoreFailure::Locked => Self::Locked,
            KeystoreFailure::Gone => Self::Gone,
            KeystoreFailure::Unavailable { why } => Self::Unavailable { why },
        }
    }
}

/// The keystore as the core asks for it; the public key is read once, and anew when the key is gone.
pub(crate) struct KeystoreKey {
    keystore: Arc<dyn Keystore>,
    public_key: Mutex<Option<[u8; 65]>>,
}

impl KeystoreKey {
    pub(crate) fn new(keystore: Arc<dyn Keystore>) -> Self {
        Self { keystore, public_key: Mutex::new(None) }
    }

    fn known(&self) -> MutexGuard<'_, Option<[u8; 65]>> {
        self.public_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeviceKey for KeystoreKey {
    fn public_key(&self) -> Result<[u8; 65], KeyError> {
        if let Some(known) = *self.known() {
            return Ok(known);
        }
        let told = self.keystore.public_key().and_then(fixed)?;
        Ok(*self.known().insert(told))
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        let signed = self.keystore.sign(message.to_vec()).and_then(fixed).map_err(KeyError::from);
        if signed == Err(KeyError::Gone) {
            *self.known() = None;
        }
        signed
    }
}

fn fixed<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N], KeystoreFailure> {
    let found = bytes.len();
    bytes
        .try_into()
        .map_err(|_| KeystoreFailure::Unavailable { why: format!("the keystore gave {found} bytes, not {N}") })
}

/// The platform's clocks. The monotonic one must run through sleep: `SystemClock.elapsedRealtime` on Android,
/// `mach_continuous_time` on iOS.
#[uniffi::export(with_foreign)]
pub trait PlatformClock: Send + Sync {
    /// Wall clock, UTC milliseconds.
    fn wall_ms(&self) -> i64;

    /// Milliseconds since boot, sleep included.
    fn mono_ms(&self) -> u64;

    /// Changes with every boot.
    fn boot(&self) -> BootId;
}

pub(crate) struct ForeignClock(pub(crate) Arc<dyn PlatformClock>);

impl Clock for ForeignClock {
    fn stamp(&self) -> Stamp {
        // A clock that goes below zero, or beyond what a log can hold, stands.
        let mono_ms = self.0.mono_ms().min(i64::MAX as u64);
        Stamp { wall_ms: self.0.wall_ms(), mono_ms, boot: self.0.boot() }
    }
}
