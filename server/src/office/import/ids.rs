//! Ids of imported rows: the same row has the same id again after a restore that lost it, since phones know it by that.

use std::collections::HashSet;

use uuid::Uuid;

use super::Present;
use crate::office::ledger::Register;
use crate::store::StoreError;
use crate::store::vault::Vault;

/// The secret under which ids are made of numbers, so that nobody can tell a number from an id.
const SECRET: &str = "register.namespace";

/// The secret, made where there is none: at the first start, so that no backup is older than it.
pub fn namespace(vault: &Vault) -> Result<Uuid, StoreError> {
    let secret = vault.secret_or(SECRET, Uuid::new_v4().as_bytes())?;
    Uuid::from_slice(&secret).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// Makes ids for new rows.
pub struct Ids {
    namespace: Uuid,
    erased: HashSet<Uuid>,
}

impl Ids {
    /// With the secret of `vault`; `erased` are the ids that nobody gets again.
    pub fn new(vault: &Vault, erased: HashSet<Uuid>) -> Result<Self, StoreError> {
        Ok(Self { namespace: namespace(vault)?, erased })
    }

    /// The id of a new row: that of its number, unless somebody else has it or it was erased.
    pub fn fresh(&self, register: Register, number: Option<&str>, present: &Present) -> Uuid {
        let own = |number| Uuid::new_v5(&self.namespace, format!("{}/{number}", register.name()).as_bytes());
        let free = |id: &Uuid| !present.shas.contains_key(id) && !self.erased.contains(id);
        number.map(own).filter(free).unwrap_or_else(Uuid::new_v4)
    }
}
