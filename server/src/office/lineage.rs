//! A phone that was enrolled anew after a fork is another device with the same folder: to a visit, one worker's one log.

use std::borrow::Cow;
use std::collections::HashMap;

use nuanfang_core::domain::Fact;
use nuanfang_core::id::DeviceId;
use rusqlite::Connection;

use super::log::Logged;
use super::project::device::{self, Placed};
use crate::store::StoreError;

/// Positions from here on are those of receipt; no log of one device is that long.
const RECEIVED: u64 = 1 << 40;

/// The devices at hand, with where they stand in the log of their folder.
#[derive(Debug, Default)]
pub struct Lineage {
    devices: HashMap<DeviceId, Placed>,
}

impl Lineage {
    /// What is logged as a fact of the folder's one log, under the folder's first device: what that wrote while it was the
    /// only one in its own order, and then all in the order of receipt, so that what a copy of the folder still brings changes
    /// nothing of what came before.
    pub fn place<'a>(&mut self, db: &Connection, logged: &'a Logged) -> Result<Cow<'a, Fact>, StoreError> {
        if logged.office {
            return Ok(Cow::Borrowed(&logged.fact));
        }
        let device = logged.fact.device;
        let placed = match self.devices.get(&device) {
            Some(known) => *known,
            None => *self.devices.entry(device).or_insert(device::placed(db, device)?),
        };
        if placed.root.is_none() && placed.alone_through.is_none_or(|through| logged.g <= through) {
            return Ok(Cow::Borrowed(&logged.fact));
        }
        Ok(Cow::Owned(Fact {
            device: placed.root.unwrap_or(device),
            seq: RECEIVED.saturating_add(logged.g),
            ..logged.fact.clone()
        }))
    }

    /// Forgets everything: what was rolled back must not stay.
    pub fn clear(&mut self) {
        self.devices.clear();
    }
}
