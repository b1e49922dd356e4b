//! The phone on a failing disk, while a database of which a page has gone bad is made anew.

use nuanfang_core::device::store::Store;
use nuanfang_core::error::Refusal;
use tempfile::TempDir;

use super::phone::said_well;
use super::{Ran, Trial, power_cut};
use crate::disk::{Disk, Fault};
use crate::replay::Replay;
use crate::salvage::{Schema, prepare};
use crate::scratch::Scratch;
use crate::sweep::Fallible;

/// An app that meets the damage at its start, and is started again once the disk works.
pub struct SalvageTrial {
    scratch: Scratch,
}

impl SalvageTrial {
    /// With nothing done.
    ///
    /// # Errors
    /// If there is no room for it.
    pub fn new() -> Fallible<Self> {
        Ok(Self { scratch: Scratch::new()? })
    }
}

impl Trial for SalvageTrial {
    const NAME: &'static str = "salvage";

    fn run(&mut self, from: Option<(usize, Fault)>) -> Fallible<Ran> {
        let dir = TempDir::new_in(self.scratch.place(""))?;
        let truth = prepare(dir.path(), Schema::Current)?;
        let disk = Disk::record(dir.path())?;
        if let Some((change, fault)) = from {
            disk.fail_from(change, fault);
        }
        let mut refused = Vec::new();
        let started = Store::open(disk.root(), None).and_then(|store| store.mend_now());
        let is_done = started.is_ok();
        if let Err(trouble) = started {
            let refusal = Refusal::from(trouble);
            said_well(&refusal)?;
            refused.push(refusal.code.to_string());
        }
        let (changes, syncs) = (disk.changes(), disk.syncs_since(0));
        disk.heal();
        let record = disk.finish();
        let place = self.scratch.place("cut");
        power_cut(&mut Replay::new(&record)).lay_out(&place, |_| true)?;
        truth.check(&place, is_done).map_err(|error| format!("after a power cut: {error}"))?;
        truth.check(dir.path(), is_done)?;
        Ok(Ran { changes, syncs, refused })
    }
}
