//! One-time codes: an enrolment begins with one, bound to a worker, good for a day, kept only as its hash.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::{DeviceId, WorkerId};
use rand::Rng;
use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use crate::clock::real_now;
use crate::store::StoreError;
use crate::store::vault::Vault;

/// How long a code is good for, by the machine's own clock.
const LIFE_MS: i64 = 24 * 3600 * 1000;

/// Letters and digits that no eye confuses: 26 of them carry 128 bits.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const LETTERS: usize = 26;

/// A new code for `worker`. Codes that have expired go.
pub fn issue(vault: &Vault, worker: WorkerId) -> Result<String, StoreError> {
    let mut rng = rand::rngs::OsRng;
    let code: String = (0..LETTERS).map(|_| char::from(ALPHABET[rng.gen_range(0..ALPHABET.len())])).collect();
    let now = real_now().0;
    vault.with(|db| {
        db.execute("DELETE FROM enrolment WHERE expires_ms < ?1", [now])?;
        db.execute(
            "INSERT INTO enrolment (code_hash, worker, expires_ms) VALUES (?1, ?2, ?3)",
            params![Sha::of(code.as_bytes()).0.as_slice(), worker.0.as_bytes(), now + LIFE_MS],
        )?;
        Ok(())
    })?;
    Ok(code)
}

/// Takes back the codes that `worker` has been given and has not used.
pub fn withdraw(vault: &Vault, worker: WorkerId) -> Result<(), StoreError> {
    vault.with(|db| {
        db.execute("DELETE FROM enrolment WHERE worker = ?1", [worker.0.as_bytes()])?;
        Ok(())
    })
}

/// What a code was traded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redeemed {
    /// Whose code it was.
    pub worker: WorkerId,
    /// The device that enrols with it.
    pub device: DeviceId,
}

/// Trades a code, if it is good, for an enrolment of the device whose public key has the hash `key`. Once only; the same
/// device that asks again, because it never heard the answer, gets the same. Typed codes may hold spaces, hyphens and
/// small letters.
pub fn redeem(vault: &Vault, code: &str, key: Sha) -> Result<Option<Redeemed>, StoreError> {
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let hash = Sha::of(code.as_bytes());
    let now = real_now().0;
    vault.with(|db| {
        let tx = db.transaction()?;
        let fresh: Option<([u8; 16], i64)> = tx
            .prepare("DELETE FROM enrolment WHERE code_hash = ?1 RETURNING worker, expires_ms")?
            .query_row([hash.0.as_slice()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        tx.execute("DELETE FROM redeemed WHERE expires_ms < ?1", [now])?;
        if let Some((worker, expires)) = fresh.filter(|(_, expires)| *expires >= now) {
            tx.execute(
                "INSERT INTO redeemed (code_hash, key_sha, worker, device, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![hash.0.as_slice(), key.0.as_slice(), worker, Uuid::now_v7().as_bytes(), expires],
            )?;
        }
        let traded = tx
            .prepare("SELECT worker, device FROM redeemed WHERE code_hash = ?1 AND key_sha = ?2")?
            .query_row(params![hash.0.as_slice(), key.0.as_slice()], |row| {
                let (worker, device) = (Uuid::from_bytes(row.get(0)?), Uuid::from_bytes(row.get(1)?));
                Ok(Redeemed { worker: WorkerId(worker), device: DeviceId(device) })
            })
            .optional()?;
        tx.commit()?;
        Ok(traded)
    })
}
