//! A phone that was enrolled anew after a fork is another device with the same folder: to a visit, one worker's one log.

use std::borrow::Cow;
use std::collections::HashMap;

use nuanfang_core::domain::Fact;
use nuanfang_core::id::DeviceId;
use rusqlite::Connection;

use super::log::Logged;
use super::project::device;
use crate::store::StoreError;

/// Operations that one device may log before those of the next would lie among them; no log is that long.
const SPAN: u64 = 1 << 40;

/// The devices at hand, with the log that each goes on with. Neither ever changes once the device has logged something.
#[derive(Debug, Default)]
pub struct Lineage {
    devices: HashMap<DeviceId, Option<(DeviceId, u64)>>,
}

impl Lineage {
    /// What is logged as a fact of the folder's one log: under the folder's first device, behind all that was logged before
    /// it was enrolled anew.
    pub fn place<'a>(&mut self, db: &Connection, logged: &'a Logged) -> Result<Cow<'a, Fact>, StoreError> {
        if logged.office {
            return Ok(Cow::Borrowed(&logged.fact));
        }
        let device = logged.fact.device;
        let continued = match self.devices.get(&device) {
            Some(known) => *known,
            None => *self.devices.entry(device).or_insert(device::continued(db, device)?),
        };
        Ok(match continued {
            None => Cow::Borrowed(&logged.fact),
            Some((root, generation)) => Cow::Owned(Fact {
                device: root,
                seq: generation.saturating_mul(SPAN).saturating_add(logged.fact.seq),
                ..logged.fact.clone()
            }),
        })
    }

    /// Forgets everything: what was rolled back must not stay.
    pub fn clear(&mut self) {
        self.devices.clear();
    }
}
