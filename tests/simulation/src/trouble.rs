//! What goes wrong beside the network: processes, disks, folders, clocks, keys, releases, people.

use std::sync::Arc;

use nuanfang_core::domain::office_event::RevokeReason;
use nuanfang_core::drill;
use nuanfang_core::id::OpId;
use nuanfang_core::time::Millis;

use crate::dice::Dice;
use crate::far::Far;
use crate::ground::{self, HOUSEHOLDS};
use crate::plan::Fault;
use crate::release::Release;
use crate::wire::{deliver, lock};
use crate::world::{DAY_MS, World, YEAR_MS};

/// How much later a request may arrive once more: a phone gives a call up after two minutes, and the server takes a
/// request's arrival for a bound of the phone's clock.
const GHOST_MS: i64 = 120_000;
/// Of a thousand losses of the server that a run of some hours would meet, those it meets.
const LOSSES: u32 = 10;
/// Steps in a thousand after which a phone's rescue file is handed in.
const RESCUED: u32 = 20;
/// Steps in a thousand after which the server's clock is set.
const SET: u32 = 20;
/// Steps in a thousand after which somebody is to be erased.
const ERASED: u32 = 15;
/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;
/// Of a thousand losses of the server, those where the backup is lost too and an older copy of it is all there is.
const OLDER: u32 = 250;

impl World {
    /// Something goes wrong, for the phone `n` where it is a phone's.
    pub fn trouble(&mut self, dice: &mut Dice, n: usize) {
        const OF: [Fault; 14] = [
            Fault::Ghost,
            Fault::ServerEnds,
            Fault::DiskFull,
            Fault::Restore,
            Fault::SetBack,
            Fault::Clone,
            Fault::ClockJump,
            Fault::Reboot,
            Fault::Dismissed,
            Fault::Stolen,
            Fault::Deploy,
            Fault::Downgrade,
            Fault::AppUpgrade,
            Fault::KeyLost,
        ];
        let Some(fault) = dice.pick(&OF).copied().filter(|fault| self.faults().has(*fault)) else { return };
        // People leave and phones are stolen more seldom than processes end.
        if matches!(fault, Fault::Dismissed | Fault::Stolen) && !dice.chance(200) {
            return;
        }
        if fault == Fault::Restore && self.pace.is_some() && !dice.chance(LOSSES) {
            return;
        }
        lock(&self.far).tally.step("trouble");
        match fault {
            Fault::Ghost => self.ghost(dice),
            Fault::ServerEnds => {
                let ends_in = dice.below(8) as u32;
                drill::orders(|orders| orders.server_ends_in = Some(ends_in));
            }
            Fault::DiskFull => {
                lock(&self.far).tally.fault(fault);
                let refuses_in = dice.below(4) as u32;
                drill::orders(|orders| orders.disk_refuses_in = Some(refuses_in));
            }
            Fault::Restore => self.restore(dice),
            Fault::SetBack => self.set_back(n),
            Fault::Clone => self.copy(dice, n),
            Fault::ClockJump | Fault::Reboot => self.clock(dice, n, fault),
            Fault::Dismissed => self.leave(n),
            Fault::Stolen => self.steal(n),
            Fault::Deploy => self.server_becomes(Release::This, fault),
            Fault::Downgrade => self.server_becomes(Release::Before, fault),
            Fault::AppUpgrade => self.upgrade(n),
            Fault::KeyLost => self.lose_key(n),
            _ => {}
        }
    }

    /// Some phone writes its rescue file, and the company takes it in.
    pub fn rescue(&mut self, dice: &mut Dice) {
        if !self.faults().has(Fault::Rescued) || !dice.chance(RESCUED) {
            return;
        }
        let phone = &self.phones[dice.below(self.phones.len())];
        if !phone.gone && phone.enrolment().is_some() {
            let mut far = lock(&self.far);
            far.tally.step("rescue");
            phone.rescue(&mut far);
        }
    }

    /// Somebody sets the server's clock, or sets it right.
    pub fn server_clock(&mut self, dice: &mut Dice) {
        if !self.faults().has(Fault::ServerClock) || !dice.chance(SET) {
            return;
        }
        let ahead = match dice.below(6) {
            0 | 1 => 0,
            2 | 3 => dice.between(-HOUR_MS, HOUR_MS),
            4 => dice.between(-DAY_MS, DAY_MS),
            _ => dice.between(-20 * DAY_MS, 20 * DAY_MS),
        };
        let mut far = lock(&self.far);
        far.tally.fault(Fault::ServerClock);
        far.set_clock(ahead);
    }

    /// The office is to erase the people of a dwelling.
    pub fn erase(&mut self, dice: &mut Dice) {
        if !self.faults().has(Fault::Erased) || !dice.chance(ERASED) {
            return;
        }
        let household = ground::household(dice.below(HOUSEHOLDS));
        let mut far = lock(&self.far);
        let may = far.known.erased.len() < HOUSEHOLDS / 2 && !far.known.erased.contains(&household);
        // The command is this release's.
        if !may || far.release == Release::Before {
            return;
        }
        far.tally.step("erase");
        if far.erase(household) {
            far.tally.fault(Fault::Erased);
        }
    }

    fn ghost(&mut self, dice: &mut Dice) {
        let mut far = lock(&self.far);
        let now = far.now();
        far.ghosts.retain(|(at, _)| now.0 - at.0 < GHOST_MS);
        if let Some((_, call)) = dice.pick(&far.ghosts).cloned() {
            far.tally.fault(Fault::Ghost);
            far.tell(|_| "a request arrives once more".into());
            deliver(&mut far, &call, None);
        }
    }

    fn restore(&mut self, dice: &mut Dice) {
        let mut far = lock(&self.far);
        if far.saved.is_none() {
            return;
        }
        far.tally.fault(Fault::Restore);
        let older = far.drawer.is_some() && dice.chance(OLDER);
        if older {
            far.restore_older();
        } else {
            far.restore();
        }
        if far.failure.is_some() {
            return;
        }
        let held: std::collections::HashSet<OpId> = self
            .phones
            .iter()
            .filter(|phone| !phone.gone)
            .flat_map(|phone| phone.rows.values().map(|row| row.op))
            .collect();
        let lost: Vec<usize> = far
            .ledger
            .order
            .iter()
            .filter(|op| !far.known.got.contains_key(op) && !held.contains(op) && !far.ledger.made[op].destroyed)
            .map(|op| far.ledger.n(op))
            .collect();
        if older {
            // What phones had removed since, because it was safe in the backup that is lost.
            let gone: Vec<OpId> = lost.iter().map(|n| far.ledger.order[n - 1]).collect();
            return self.destroyed(&mut far, &gone);
        }
        far.hold("I12", lost.is_empty(), || format!("after a restore nobody has ops {lost:?}"));
    }

    fn set_back(&mut self, n: usize) {
        if self.phones[n].gone || self.phones[n].older.is_none() {
            return;
        }
        let mut far = lock(&self.far);
        far.tally.fault(Fault::SetBack);
        let gone = self.phones[n].set_back(&mut far);
        self.destroyed(&mut far, &gone);
    }

    fn destroyed(&self, far: &mut Far, ops: &[OpId]) {
        for op in ops {
            let elsewhere = self.phones.iter().any(|phone| !phone.gone && phone.rows.values().any(|row| row.op == *op));
            if !elsewhere && let Some(made) = far.ledger.made.get_mut(op) {
                made.destroyed = true;
            }
        }
    }

    fn copy(&mut self, dice: &mut Dice, n: usize) {
        if self.phones[n].gone || self.phones.len() >= 60 {
            return;
        }
        let mut far = lock(&self.far);
        far.tally.fault(Fault::Clone);
        let handset = far.handset(dice);
        let clone = self.phones[n].cloned(&mut far, self.phones.len(), handset);
        drop(far);
        self.phones.push(clone);
    }

    fn clock(&mut self, dice: &mut Dice, n: usize, fault: Fault) {
        let handset = self.phones[n].handset;
        let mut far = lock(&self.far);
        far.tally.fault(fault);
        let clock = Arc::clone(&far.clocks[handset]);
        if fault == Fault::ClockJump {
            let jump = dice.between(-10 * YEAR_MS, 10 * YEAR_MS);
            clock.set_wall(Millis(far.now().0 + jump));
            far.tell(|_| format!("handset {handset}: its clock is {} days off", jump / DAY_MS));
            return;
        }
        clock.reboot();
        far.tell(|_| format!("handset {handset} restarts"));
        drop(far);
        for n in self.folders(handset) {
            self.phones[n].restart();
        }
    }

    fn leave(&mut self, n: usize) {
        let Some(known) = self.phones[n].enrolment() else { return };
        if self.phones[n].gone || self.phones.iter().filter(|phone| !phone.gone).count() < 2 {
            return;
        }
        let mut far = lock(&self.far);
        if far.revoke(known.device, RevokeReason::Dismissed) {
            far.tally.fault(Fault::Dismissed);
            far.tell(|_| format!("phone {n} is dismissed"));
        }
    }

    /// A handset is stolen, with all folders in it: the office says of each that it is gone, or nothing of it is.
    fn steal(&mut self, n: usize) {
        let handset = self.phones[n].handset;
        let folders = self.folders(handset);
        if self.phones[n].gone || folders.len() == self.phones.iter().filter(|phone| !phone.gone).count() {
            return;
        }
        let mut far = lock(&self.far);
        for n in folders {
            let known = self.phones[n].enrolment();
            if known.is_some_and(|known| !far.revoke(known.device, RevokeReason::Stolen)) {
                continue;
            }
            far.tally.fault(Fault::Stolen);
            far.tell(|_| format!("phone {n} is stolen"));
            self.phones[n].gone = true;
            let ops: Vec<OpId> = self.phones[n].rows.values().map(|row| row.op).collect();
            self.destroyed(&mut far, &ops);
        }
    }

    fn server_becomes(&mut self, release: Release, fault: Fault) {
        let mut far = lock(&self.far);
        if far.release != release {
            far.tally.fault(fault);
            far.becomes(release);
        }
    }

    /// The app of a handset is upgraded: of all folders in it.
    fn upgrade(&mut self, n: usize) {
        if self.phones[n].gone || self.phones[n].release == Release::This {
            return;
        }
        let handset = self.phones[n].handset;
        let mut far = lock(&self.far);
        far.tally.fault(Fault::AppUpgrade);
        far.tell(|_| format!("the app of handset {handset} is upgraded"));
        for n in self.folders(handset) {
            self.phones[n].upgrade(&mut far);
        }
    }

    /// A folder's key is gone from the keystore; once in a run.
    pub fn lose_key(&mut self, n: usize) {
        if !self.phones[n].gone && self.phones[n].enrolment().is_some() && self.phones[n].lose_key() {
            let mut far = lock(&self.far);
            far.tally.fault(Fault::KeyLost);
            far.tell(|_| format!("phone {n}: its keystore has lost the key"));
        }
    }
}
