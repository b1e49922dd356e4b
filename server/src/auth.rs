//! Devices show that they still are who enrolled: a nonce signed by the device key buys a short-lived token. Tokens
//! and nonces live in memory only, hashed, by the machine's monotonic clock; a restart costs one more challenge.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::DeviceId;
use nuanfang_core::wire::auth::b64;
use rand::RngCore;

/// How long a token is good for.
pub const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);
/// How long a challenge may be answered.
const NONCE_LIFE: Duration = Duration::from_secs(120);
/// Challenges that may be open at once; more than that is an attack, and the oldest go.
const NONCES: usize = 16 * 1024;

#[derive(Debug, Default)]
struct Issued {
    tokens: HashMap<Sha, (DeviceId, Instant)>,
    nonces: HashMap<Sha, (DeviceId, Instant)>,
}

/// The tokens and challenges in use.
#[derive(Debug, Default)]
pub struct Tokens {
    issued: Mutex<Issued>,
}

impl Tokens {
    /// A nonce for `device` to sign.
    pub fn challenge(&self, device: DeviceId) -> String {
        let nonce = random();
        let now = Instant::now();
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.nonces.len() >= NONCES {
            issued.nonces.retain(|_, (_, until)| *until > now);
        }
        if issued.nonces.len() >= NONCES {
            issued.nonces.clear();
        }
        issued.nonces.insert(Sha::of(nonce.as_bytes()), (device, now + NONCE_LIFE));
        nonce
    }

    /// Takes a nonce back: whether it was issued to `device` and is still good. Once only.
    pub fn redeem(&self, device: DeviceId, nonce: &str) -> bool {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let found = issued.nonces.remove(&Sha::of(nonce.as_bytes()));
        found.is_some_and(|(owner, until)| owner == device && until > Instant::now())
    }

    /// A new token for `device`.
    pub fn issue(&self, device: DeviceId) -> String {
        let token = random();
        let now = Instant::now();
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.tokens.len() % 1024 == 1023 {
            issued.tokens.retain(|_, (_, until)| *until > now);
        }
        issued.tokens.insert(Sha::of(token.as_bytes()), (device, now + TOKEN_LIFE));
        token
    }

    /// Whose token it is, while it is good.
    pub fn device(&self, token: &str) -> Option<DeviceId> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let (device, until) = issued.tokens.get(&Sha::of(token.as_bytes()))?;
        (*until > Instant::now()).then_some(*device)
    }

    /// Ends all tokens of `device` at once.
    pub fn revoke(&self, device: DeviceId) {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.tokens.retain(|_, (owner, _)| *owner != device);
    }
}

/// 256 random bits, base64url.
pub fn random() -> String {
    let mut bytes = [0; 32];
    rand::rngs::OsRng.fill_bytes(&mut bytes);
    b64(&bytes)
}
