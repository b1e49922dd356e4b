//! The supplier's keys, made at the first start and kept in the vault: the root, which is trusted; the server's key,
//! which counter-signs; and what they certify.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::{DeviceId, SupplierId, WorkerId};
use nuanfang_core::record::{
    Certificate, Certified, DayHead, Holder, Jws, KeyEntry, Keys as PublishedKeys, KeysStatement, PublicKey,
    Revocation, RevocationReason, SoftwareKey, Supplier,
};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::auth::unb64;
use nuanfang_documents::{Seal, SupplierKeys, certificate_validity};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::office::project::device::{Enrolled, Status};
use crate::state::AppState;
use crate::store::vault::Vault;
use crate::store::{Reading, Store, StoreError};

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

/// Certificates at hand at most; beyond it all are let go.
const AT_HAND: usize = 4096;

/// An enrolment's certificate.
#[derive(Debug)]
pub struct Issued {
    /// As it travels.
    pub jws: Jws,
    /// What it says.
    pub certified: Certified,
}

/// What an enrolment's certificate is made from; the key as a SEC 1 point.
type Enrolment = (DeviceId, WorkerId, [u8; 65], Millis);

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
    /// What that certificate's key is called in what it signs.
    pub server_kid: Sha,
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
    issued: Mutex<HashMap<Enrolment, Arc<Issued>>>,
}

impl Keys {
    /// The keys of the vault, if there are any.
    pub fn find(vault: &Vault) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = vault.secret(SECRET)? else { return Ok(None) };
        Self::from_stored(serde_json::from_slice(&bytes).map_err(damaged)?).map(Some)
    }

    /// New keys for `supplier_name`, kept in the vault.
    pub fn create(vault: &Vault, supplier_name: &str, now: Millis) -> Result<Self, StoreError> {
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
    ) -> Result<Arc<Issued>, StoreError> {
        let enrolment = (device, worker, key.to_sec1(), from);
        if let Some(known) = self.issued.lock().unwrap_or_else(PoisonError::into_inner).get(&enrolment) {
            return Ok(Arc::clone(known));
        }
        let holder = Holder::Device { device, worker };
        let until = Millis(from.0.saturating_add(YEARS_MS));
        let certificate = Certificate::new(self.supplier.id, &self.root.public(), holder, key, from, until);
        let jws = certificate.sign(&self.root).map_err(damaged)?;
        let certified = Certificate::open(&jws).map_err(|why| damaged(why.en()))?;
        let issued = Arc::new(Issued { jws, certified });
        let mut at_hand = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if at_hand.len() >= AT_HAND {
            at_hand.clear();
        }
        at_hand.insert(enrolment, Arc::clone(&issued));
        Ok(issued)
    }

    /// SHA-256 of the root's certificate: what a phone and a reader of documents trust.
    pub fn fingerprint(&self) -> Sha {
        Sha::of(&self.root_der)
    }

    fn from_stored(stored: Stored) -> Result<Self, StoreError> {
        let keys = &stored.supplier_keys;
        let server_kid = Certificate::open(&stored.server_certificate).map_err(|why| damaged(why.en()))?.kid;
        Ok(Self {
            supplier: Supplier { id: SupplierId(stored.supplier_id), name: stored.supplier_name },
            office: stored.office,
            root: keys.root_key().map_err(damaged)?,
            server: SoftwareKey::from_pkcs8_der(&stored.server_pkcs8).map_err(|_| damaged("the server's key"))?,
            server_certificate: stored.server_certificate,
            server_kid,
            seal: keys.seal().map_err(damaged)?,
            root_der: keys.root_certificate_der().map_err(damaged)?,
            seal_der: keys.seal_certificate_der().map_err(damaged)?,
            from: stored.from,
            published: Mutex::new(None),
            issued: Mutex::default(),
        })
    }
}

/// `keys.json`: every key that ever signed, with its revocation, and the log's head of each day, signed by the root.
/// Blocks.
pub fn file<S: Store>(state: &AppState<S>) -> Result<Vec<u8>, StoreError> {
    let keys = &state.keys;
    let today = state.now().local().date_naive();
    let devices = state.store.read_now(|store| store.devices())?;
    let basis = (today, devices.clone());
    // Held until it is made: whoever asks meanwhile waits for it, and does not read the whole log beside.
    let mut published = keys.published.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, bytes)) = published.as_ref().filter(|(made_from, _)| *made_from == basis) {
        return Ok(bytes.clone());
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
        let mut entry = KeyEntry::certified(&certificate.jws).map_err(|why| damaged(why.en()))?;
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
    *published = Some((basis, bytes.clone()));
    Ok(bytes)
}

/// The head of the office's log at the end of each day that is over, signed by the server.
fn day_heads<S: Store>(state: &AppState<S>) -> Result<Vec<Jws>, StoreError> {
    let keys = &state.keys;
    let today = state.now().local().date_naive();
    let ends = state.store.read_now(|store| store.day_ends(keys.office))?;
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
            Jws::sign(&head, &keys.server, keys.server_kid).map_err(damaged)
        })
        .collect()
}

fn damaged(what: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("keys in the vault: {what}"))
}
