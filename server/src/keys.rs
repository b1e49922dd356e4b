//! The supplier's keys, made at the first start and kept in the vault: the root, which is trusted; the server's key,
//! which counter-signs; and what they certify (FORMATS §4).

use std::sync::{Mutex, PoisonError};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::{DeviceId, SupplierId, WorkerId};
use nuanfang_core::record::{
    Certificate, DayHead, Holder, Jws, KeyEntry, Keys as PublishedKeys, KeysStatement, PublicKey, Revocation,
    RevocationReason, SoftwareKey, Supplier,
};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::auth::unb64;
use nuanfang_documents::{Seal, SupplierKeys, certificate_validity};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::office::log;
use crate::office::project::device::{self, Enrolled, Status};
use crate::state::AppState;
use crate::store::StoreError;
use crate::store::vault::Vault;

/// How long a certificate of ours holds: ten years. A device leaves by revocation, not by age.
const YEARS_MS: i64 = 10 * 365 * 86_400_000;

const SECRET: &str = "keys";

#[derive(Serialize, Deserialize)]
struct Stored {
    supplier_id: Uuid,
    supplier_name: String,
    office: DeviceId,
    supplier_keys: SupplierKeys,
    server_pkcs8: Vec<u8>,
    server_certificate: Jws,
    from: Millis,
}

/// What `keys.json` is made from: the day, and the devices with their revocations.
type Basis = (chrono::NaiveDate, Vec<Enrolled>);

/// The keys in use.
pub struct Keys {
    /// Who the supplier is.
    pub supplier: Supplier,
    /// The office as a writer of the log.
    pub office: DeviceId,
    /// The root: certifies and signs `keys.json`.
    pub root: SoftwareKey,
    /// The server's key: counter-signs.
    pub server: SoftwareKey,
    /// The server's certificate under the root.
    pub server_certificate: Jws,
    /// The seal of documents.
    pub seal: Seal,
    /// The root's certificate, DER.
    pub root_der: Vec<u8>,
    /// The seal's certificate, DER.
    pub seal_der: Vec<u8>,
    /// Since when they hold.
    pub from: Millis,
    /// `keys.json` as it was last made, and what it was made from.
    published: Mutex<Option<(Basis, Vec<u8>)>>,
}

impl Keys {
    /// The keys of the vault; made, for `supplier_name`, when there are none.
    pub fn open(vault: &Vault, supplier_name: &str, now: Millis) -> Result<Self, StoreError> {
        if let Some(bytes) = vault.secret(SECRET)? {
            return Self::from_stored(serde_json::from_slice(&bytes).map_err(damaged)?);
        }
        // A played day may lie a little before the machine's own time.
        let from = Millis(now.0.min(crate::clock::real_now().0) - 86_400_000);
        let supplier_keys = SupplierKeys::create(supplier_name, from).map_err(damaged)?;
        let (root, server) = (supplier_keys.root_key().map_err(damaged)?, SoftwareKey::generate());
        let (supplier_id, office) = (Uuid::new_v4(), DeviceId(Uuid::new_v4()));
        let certificate = Certificate::new(
            SupplierId(supplier_id),
            &root.public(),
            Holder::Server { device: office },
            &server.public(),
            from,
            Millis(from.0 + YEARS_MS),
        );
        let stored = Stored {
            supplier_id,
            supplier_name: supplier_name.to_owned(),
            office,
            supplier_keys,
            server_pkcs8: server.to_pkcs8_der(),
            server_certificate: certificate.sign(&root).map_err(damaged)?,
            from,
        };
        vault.set_secret(SECRET, &serde_json::to_vec(&stored).map_err(damaged)?)?;
        Self::from_stored(stored)
    }

    /// The certificate of an enrolment, from `from` on. The same enrolment always gets the same bytes.
    pub fn certify(
        &self,
        device: DeviceId,
        worker: WorkerId,
        key: &PublicKey,
        from: Millis,
    ) -> Result<Jws, StoreError> {
        let holder = Holder::Device { device, worker };
        let until = Millis(from.0.saturating_add(YEARS_MS));
        let certificate = Certificate::new(self.supplier.id, &self.root.public(), holder, key, from, until);
        certificate.sign(&self.root).map_err(damaged)
    }

    /// SHA-256 of the root's certificate: what a phone and a reader of documents trust.
    pub fn fingerprint(&self) -> Sha {
        Sha::of(&self.root_der)
    }

    fn from_stored(stored: Stored) -> Result<Self, StoreError> {
        let keys = &stored.supplier_keys;
        Ok(Self {
            supplier: Supplier { id: SupplierId(stored.supplier_id), name: stored.supplier_name },
            office: stored.office,
            root: keys.root_key().map_err(damaged)?,
            server: SoftwareKey::from_pkcs8_der(&stored.server_pkcs8).map_err(|_| damaged("the server's key"))?,
            server_certificate: stored.server_certificate,
            seal: keys.seal().map_err(damaged)?,
            root_der: keys.root_certificate_der().map_err(damaged)?,
            seal_der: keys.seal_certificate_der().map_err(damaged)?,
            from: stored.from,
            published: Mutex::new(None),
        })
    }
}

/// `keys.json`: every key that ever signed, with its revocation, and the log's head of each day, signed by the root.
/// Blocks.
pub fn file(state: &AppState) -> Result<Vec<u8>, StoreError> {
    let keys = &state.keys;
    let today = state.now().local().date_naive();
    let devices = state.store.read_now(device::all)?;
    let basis = (today, devices.clone());
    let known = keys.published.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((_, bytes)) = known.filter(|(made_from, _)| *made_from == basis) {
        return Ok(bytes);
    }
    let (root_from, root_until) = certificate_validity(&keys.root_der).map_err(damaged)?;
    let (seal_from, seal_until) = certificate_validity(&keys.seal_der).map_err(damaged)?;
    let mut entries = vec![
        KeyEntry::root(&keys.root.public(), &keys.root_der, root_from, root_until),
        KeyEntry::seal(&keys.seal_der, seal_from, seal_until),
        KeyEntry::certified(&keys.server_certificate).map_err(|why| damaged(why.en()))?,
    ];
    for enrolled in devices {
        let Some(key) = unb64(&enrolled.enrolment.public_key).and_then(|der| PublicKey::from_spki_der(&der).ok())
        else {
            continue;
        };
        let certificate =
            keys.certify(enrolled.device, enrolled.enrolment.worker, &key, enrolled.enrolment.enrolled)?;
        let mut entry = KeyEntry::certified(&certificate).map_err(|why| damaged(why.en()))?;
        entry.revoked = enrolled.revoked.map(|at_ms| Revocation {
            at_ms,
            reason: match enrolled.enrolment.status {
                Status::Stolen => RevocationReason::Stolen,
                Status::Active | Status::Dismissed => RevocationReason::Dismissed,
            },
        });
        entries.push(entry);
    }
    let statement = KeysStatement {
        schema: 1,
        supplier: keys.supplier.clone(),
        issued_ms: state.now(),
        keys: entries,
        day_heads: day_heads(state)?,
    };
    let bytes = PublishedKeys::sign(&statement, &keys.root).map_err(damaged)?;
    *keys.published.lock().unwrap_or_else(PoisonError::into_inner) = Some((basis, bytes.clone()));
    Ok(bytes)
}

/// The head of the office's log at the end of each day that is over, signed by the server.
fn day_heads(state: &AppState) -> Result<Vec<Jws>, StoreError> {
    let keys = &state.keys;
    let kid = Certificate::open(&keys.server_certificate).map_err(|why| damaged(why.en()))?.kid;
    let today = state.now().local().date_naive();
    let ends = state.store.read_now(|db| log::day_ends(db, keys.office))?;
    ends.into_iter()
        .filter(|end| end.at.local().date_naive() < today)
        .map(|end| {
            let head = DayHead {
                schema: 1,
                day: end.at.local().format("%Y-%m-%d").to_string(),
                device: keys.office,
                seq: end.seq,
                head: end.sha,
                signed_ms: end.at,
            };
            Jws::sign(&head, &keys.server, kid).map_err(damaged)
        })
        .collect()
}

fn damaged(what: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("keys in the vault: {what}"))
}
