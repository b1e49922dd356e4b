//! Who sits at the office's desks: passwords, sessions, lock-outs. Nothing here is in the log; all of it is over when
//! the server stops. Time-outs use the machine's monotonic clock, never the office's.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nuanfang_core::canon::hash::Sha;
use rand::RngCore;
use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::vault::Vault;

/// A session ends after this long without a request.
pub const IDLE: Duration = Duration::from_secs(8 * 3600);
/// A session ends after this long in any case.
pub const WHOLE: Duration = Duration::from_secs(16 * 3600);
/// Failed tries before a login is locked.
const TRIES: u32 = 5;
/// The first lock; each further failure doubles it.
const FIRST_LOCK: Duration = Duration::from_secs(60);
/// The longest lock.
const LONGEST_LOCK: Duration = Duration::from_secs(15 * 60);
/// Failures are forgotten after this long.
const FORGET: Duration = Duration::from_secs(3600);
/// Sessions one user may have; the oldest ends for a new one.
const SESSIONS: usize = 20;
/// Logins of nobody whose failures are remembered; the oldest goes for a new one.
const REMEMBERED: usize = 10_000;

/// A password's length in characters.
pub const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// Passwords that everybody tries first.
const COMMON: [&str; 12] = [
    "12345678",
    "123456789",
    "1234567890",
    "88888888",
    "11111111",
    "00000000",
    "password",
    "password1",
    "qwertyui",
    "nuanfang",
    "admin123",
    "abc12345",
];

#[derive(Debug, Clone, Copy)]
struct Session {
    user: Uuid,
    begun: Instant,
    used: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

/// Who tries to log in. Users are counted apart from logins that are nobody's: of these anybody can make up as many as he
/// likes, and they must not push a user's failures out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// A user.
    User(Uuid),
    /// A login that no user has. It locks as a user's does, or the lock would tell which there are.
    Nobody(String),
}

/// The desks.
#[derive(Debug)]
pub struct Desk {
    sessions: Mutex<HashMap<Sha, Session>>,
    failures: Mutex<HashMap<Who, Failures>>,
    hashing: tokio::sync::Semaphore,
}

/// What a password without an owner is held against: made once in a process, so that a login that does not exist costs
/// as much as one that does.
static DECOY: LazyLock<String> = LazyLock::new(|| hash("nobody has this password").unwrap_or_default());

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeakPassword {
    /// Too short or too long.
    Length,
    /// Everybody tries it first, or it is the login name.
    Common,
}

impl Desk {
    /// Empty desks. Hashes run on as many cores as there are, no more: logging in must not stop the sync.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        LazyLock::force(&DECOY);
        Self { sessions: Mutex::default(), failures: Mutex::default(), hashing: tokio::sync::Semaphore::new(cores) }
    }

    /// Begins a session; the token is shown once and kept as its hash.
    pub fn begin(&self, user: Uuid) -> String {
        let mut bytes = [0; 32];
        rand::rngs::OsRng.fill_bytes(&mut bytes);
        let token = URL_SAFE_NO_PAD.encode(bytes);
        let now = Instant::now();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.lives(now));
        let mut own: Vec<(Sha, Instant)> =
            sessions.iter().filter(|(_, session)| session.user == user).map(|(sha, s)| (*sha, s.used)).collect();
        own.sort_by_key(|(_, used)| *used);
        for (sha, _) in own.iter().take((own.len() + 1).saturating_sub(SESSIONS)) {
            sessions.remove(sha);
        }
        sessions.insert(Sha::of(token.as_bytes()), Session { user, begun: now, used: now });
        token
    }

    /// Whose session it is; using it keeps it alive.
    pub fn user(&self, token: &str) -> Option<Uuid> {
        let now = Instant::now();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get_mut(&Sha::of(token.as_bytes())).filter(|session| session.lives(now))?;
        session.used = now;
        Some(session.user)
    }

    /// Ends a session.
    pub fn end(&self, token: &str) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&Sha::of(token.as_bytes()));
    }

    /// Ends all sessions of a user but, perhaps, one.
    pub fn end_all(&self, user: Uuid, but: Option<&str>) {
        let kept = but.map(|token| Sha::of(token.as_bytes()));
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|sha, session| session.user != user || Some(*sha) == kept);
    }

    /// Counts a try of `who` as failed until [`Self::passed`] says otherwise: those made at the same time count too.
    ///
    /// # Errors
    /// How long `who` is still locked.
    pub fn tries(&self, who: &Who) -> Result<(), Duration> {
        let now = Instant::now();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|_, known| now.duration_since(known.last) < FORGET);
        if let Some(known) = failures.get_mut(who) {
            if let Some(left) = known.lock_left(now) {
                return Err(left);
            }
            known.count = known.count.saturating_add(1);
            known.last = now;
            return Ok(());
        }
        if matches!(who, Who::Nobody(_)) {
            let nobodies = || failures.iter().filter(|(who, _)| matches!(who, Who::Nobody(_)));
            if nobodies().count() >= REMEMBERED
                && let Some(oldest) = nobodies().min_by_key(|(_, known)| known.last).map(|(who, _)| who.clone())
            {
                failures.remove(&oldest);
            }
        }
        failures.insert(who.clone(), Failures { count: 1, last: now });
        Ok(())
    }

    /// The password was right.
    pub fn passed(&self, who: &Who) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(who);
    }

    /// Whether `password` is the one whose hash is kept. Takes as long when there is none.
    pub async fn verify(&self, kept: Option<String>, password: String) -> bool {
        let Ok(_permit) = self.hashing.acquire().await else { return false };
        let (exists, kept) = (kept.is_some(), kept.unwrap_or_else(|| DECOY.clone()));
        let checked = tokio::task::spawn_blocking(move || matches(&kept, &password)).await;
        exists && checked.unwrap_or(false)
    }

    /// Hashes a new password.
    pub async fn hash(&self, password: String) -> Result<String, StoreError> {
        let closed = |_| StoreError::Closed;
        let _permit = self.hashing.acquire().await.map_err(|_| StoreError::Closed)?;
        tokio::task::spawn_blocking(move || hash(&password)).await.map_err(closed)?
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    fn lives(&self, now: Instant) -> bool {
        now.duration_since(self.used) < IDLE && now.duration_since(self.begun) < WHOLE
    }
}

impl Failures {
    fn lock_left(&self, now: Instant) -> Option<Duration> {
        let over = self.count.checked_sub(TRIES)?;
        let lock = FIRST_LOCK.saturating_mul(1 << over.min(10)).min(LONGEST_LOCK);
        lock.checked_sub(now.duration_since(self.last)).filter(|left| !left.is_zero())
    }
}

/// Whether a new password may be taken.
pub fn weigh(login: &str, password: &str) -> Result<(), WeakPassword> {
    if !PASSWORD_LENGTH.contains(&password.chars().count()) {
        return Err(WeakPassword::Length);
    }
    let low = password.to_lowercase();
    if low == login || COMMON.contains(&low.as_str()) { Err(WeakPassword::Common) } else { Ok(()) }
}

fn argon2() -> Result<Argon2<'static>, StoreError> {
    // OWASP's second profile: 46 MiB, one pass, one lane.
    let params = Params::new(46 * 1024, 1, 1, None).map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password. Blocks for some tens of milliseconds.
pub fn hash(password: &str) -> Result<String, StoreError> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = argon2()?.hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|error| StoreError::Damaged(error.to_string()))?.to_string())
}

fn matches(kept: &str, password: &str) -> bool {
    PasswordHash::new(kept)
        .is_ok_and(|kept| argon2().is_ok_and(|argon2| argon2.verify_password(password.as_bytes(), &kept).is_ok()))
}

/// The kept hash of a user's password.
pub fn kept(vault: &Vault, user: Uuid) -> Result<Option<String>, StoreError> {
    vault.with(|db| {
        let mut query = db.prepare("SELECT hash FROM password WHERE user = ?1")?;
        Ok(query.query_row([user.as_bytes()], |row| row.get(0)).optional()?)
    })
}

/// Keeps the hash of a user's password in place of an older one.
pub fn keep(vault: &Vault, user: Uuid, hash: &str) -> Result<(), StoreError> {
    vault.with(|db| {
        db.execute("INSERT OR REPLACE INTO password (user, hash) VALUES (?1, ?2)", params![user.as_bytes(), hash])?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_known_by_its_token_until_it_ends() {
        let desk = Desk::new();
        let (user, other) = (Uuid::new_v4(), Uuid::new_v4());
        let tokens: Vec<String> = (0..SESSIONS + 1).map(|_| desk.begin(user)).collect();
        let others = desk.begin(other);
        assert_eq!(desk.user(&tokens[0]), None, "the oldest ended for the newest");
        assert_eq!(desk.user(&tokens[1]), Some(user));
        desk.end_all(user, Some(&tokens[2]));
        assert_eq!((desk.user(&tokens[1]), desk.user(&tokens[2])), (None, Some(user)));
        desk.end(&tokens[2]);
        assert_eq!((desk.user(&tokens[2]), desk.user(&others)), (None, Some(other)));
        assert_eq!(desk.user("no such token"), None);
    }

    #[test]
    fn five_failures_lock_a_login_and_a_right_password_frees_it() {
        let desk = Desk::new();
        for who in [Who::User(Uuid::from_u128(1)), Who::Nobody("wang".into())] {
            for _ in 0..TRIES {
                assert_eq!(desk.tries(&who), Ok(()));
            }
            assert!(desk.tries(&who).is_err_and(|left| left <= FIRST_LOCK));
            assert_eq!(desk.tries(&Who::User(Uuid::from_u128(2))), Ok(()));
            desk.passed(&who);
            assert_eq!(desk.tries(&who), Ok(()));
        }
    }

    #[test]
    fn logins_of_nobody_push_out_only_their_own_kind_and_never_become_more() {
        let desk = Desk::new();
        let (user, first) = (Who::User(Uuid::from_u128(1)), Who::Nobody("n".into()));
        for _ in 0..TRIES {
            desk.tries(&user).expect("not yet");
            desk.tries(&first).expect("not yet");
        }
        for n in 0..REMEMBERED {
            desk.tries(&Who::Nobody(format!("n{n}"))).expect("new");
        }
        assert!(desk.tries(&user).is_err(), "a user stays locked");
        assert_eq!(desk.tries(&first), Ok(()), "the oldest of the others went");
        let failures = desk.failures.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(failures.len(), REMEMBERED + 1);
    }

    #[test]
    fn a_password_is_known_by_its_hash_alone() {
        let kept = hash("正确的密码 42").expect("a hash");
        assert!(kept.starts_with("$argon2id$") && !kept.contains("42"));
        assert!(matches(&kept, "正确的密码 42") && !matches(&kept, "wrong"));
        assert!(!matches("", "wrong"));
        assert_eq!(weigh("wang", "short"), Err(WeakPassword::Length));
        assert_eq!(weigh("wang1234", "WANG1234"), Err(WeakPassword::Common));
        assert_eq!(weigh("wang", "12345678"), Err(WeakPassword::Common));
        assert_eq!(weigh("wang", "夜里暖气不热怎么办"), Ok(()));
    }
}
