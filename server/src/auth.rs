//! Devices show that they still are who enrolled: a nonce signed by the device key buys a short-lived token. Tokens
//! and nonces live in memory only, hashed, by the machine's monotonic clock; a restart costs one more challenge.

use std::collections::{HashMap, VecDeque};
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
/// Tokens that a device may hold at once; a phone needs one, and the next before that one is over.
const TOKENS: usize = 4;

#[derive(Debug, Default)]
struct Issued {
    tokens: HashMap<Sha, (DeviceId, Instant)>,
    /// Those of each device, the oldest first.
    held: HashMap<DeviceId, VecDeque<Sha>>,
    nonces: HashMap<Sha, (DeviceId, Instant)>,
    /// In the order they were given, those that were taken back among them.
    given: VecDeque<Sha>,
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
        while issued.given.len() >= NONCES
            && let Some(oldest) = issued.given.pop_front()
        {
            issued.nonces.remove(&oldest);
        }
        let sha = Sha::of(nonce.as_bytes());
        issued.nonces.insert(sha, (device, now + NONCE_LIFE));
        issued.given.push_back(sha);
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
        let Issued { tokens, held, .. } = &mut *issued;
        if tokens.len() % 1024 == 1023 {
            tokens.retain(|_, (_, until)| *until > now);
            held.retain(|_, held| {
                held.retain(|sha| tokens.contains_key(sha));
                !held.is_empty()
            });
        }
        let held = held.entry(device).or_default();
        if held.len() >= TOKENS
            && let Some(oldest) = held.pop_front()
        {
            tokens.remove(&oldest);
        }
        let sha = Sha::of(token.as_bytes());
        tokens.insert(sha, (device, now + TOKEN_LIFE));
        held.push_back(sha);
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
        for token in issued.held.remove(&device).unwrap_or_default() {
            issued.tokens.remove(&token);
        }
    }
}

/// 256 random bits, base64url.
pub fn random() -> String {
    let mut bytes = [0; 32];
    rand::rngs::OsRng.fill_bytes(&mut bytes);
    b64(&bytes)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn device(n: u128) -> DeviceId {
        DeviceId(Uuid::from_u128(n))
    }

    #[test]
    fn a_device_that_asks_for_tokens_without_end_holds_the_newest_few_and_takes_nobody_elses() {
        let tokens = Tokens::default();
        let other = tokens.issue(device(2));
        let own: Vec<String> = (0..3000).map(|_| tokens.issue(device(1))).collect();
        let good = own.iter().filter(|token| tokens.device(token) == Some(device(1))).count();
        assert_eq!((good, tokens.device(&own[2999]), tokens.device(&other)), (4, Some(device(1)), Some(device(2))));
        tokens.revoke(device(1));
        assert_eq!((tokens.device(&own[2999]), tokens.device(&other)), (None, Some(device(2))));
    }

    #[test]
    fn of_too_many_challenges_the_oldest_go() {
        let tokens = Tokens::default();
        let first = tokens.challenge(device(1));
        let second = tokens.challenge(device(1));
        for n in 0..NONCES as u128 - 1 {
            tokens.challenge(device(n));
        }
        assert!(!tokens.redeem(device(1), &first) && tokens.redeem(device(1), &second));
        assert!(!tokens.redeem(device(1), &second), "once only");
    }
}
