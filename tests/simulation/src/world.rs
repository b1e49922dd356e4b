//! A run: step by step through what its seed chose, then everything comes to rest and is looked at as a whole.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use nuanfang_core::device::clock::{Clock, SoftwareClock};
use nuanfang_core::domain::office_event::RevokeReason;
use nuanfang_core::drill;
use nuanfang_core::id::{OpId, WorkerId};
use nuanfang_core::time::Millis;

use crate::dice::Dice;
use crate::far::Far;
use crate::ground::{self, Ground};
use crate::memory;
use crate::phone::{Phone, Weather};
use crate::plan::{Fault, Faults, Plan};
use crate::tally::{Failure, Tally};
use crate::wire::{deliver, lock};

const DAY_MS: i64 = 86_400_000;
const YEAR_MS: i64 = 365 * DAY_MS;
/// How much later a request may arrive once more: a phone gives a call up after two minutes, and the server takes a
/// request's arrival for a bound of the phone's clock.
const GHOST_MS: i64 = 120_000;
/// Steps between two looks at the whole.
const LOOK_EVERY: u32 = 64;
/// Looks at the whole in a run of a crowd, where one takes long.
const LOOKS: u32 = 50;
/// Of a thousand losses of the server that a run of some hours would meet, those it meets.
const LOSSES: u32 = 10;

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    /// Counts.
    pub tally: Tally,
    /// The first promise that did not hold.
    pub failure: Option<Failure>,
    /// The step it was found at; the plan's last where it was found at rest.
    pub at: u32,
    /// The story, if it was told.
    pub story: Vec<String>,
    /// KiB of the process in memory, at each look at the whole.
    pub memory: Vec<u64>,
}

/// Everything there is.
pub struct World {
    /// The far side.
    pub far: Arc<Mutex<Far>>,
    /// The phones.
    pub phones: Vec<Phone>,
    weather: Weather,
    workers: Vec<WorkerId>,
    ends: u32,
    /// Milliseconds that a step takes on average, where time does not jump.
    pace: Option<i64>,
}

/// Runs a plan.
pub fn run(ground: &Ground, plan: &Plan) -> Report {
    let mut world = World::new(ground, plan);
    let (mut at, mut memory) = (0, Vec::new());
    let look_every = if plan.hours.is_some() { LOOK_EVERY.max(plan.steps / LOOKS) } else { LOOK_EVERY };
    let far = Arc::clone(&world.far);
    let done = catch_unwind(AssertUnwindSafe(|| {
        for step in 0..plan.steps {
            at = step;
            if !plan.skip.contains(&step) {
                world.step(&mut Dice::new(plan.seed, u64::from(step)));
            }
            if step % look_every == look_every - 1 {
                lock(&world.far).look();
                memory.extend(memory::resident());
            }
            if lock(&world.far).failure.is_some() {
                return;
            }
        }
        at = plan.steps;
        world.rest();
    }));
    drill::orders(|orders| *orders = drill::Orders::default());
    let mut far = lock(&far);
    if let Err(panic) = done {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        far.fail("panic", text.unwrap_or_else(|| "something ended where nothing may".into()));
    }
    let (tally, failure, story) = (far.tally.clone(), far.failure.clone(), far.story.take().unwrap_or_default());
    Report { tally, failure, at, story, memory }
}

impl World {
    fn new(ground: &Ground, plan: &Plan) -> Self {
        let mut dice = Dice::new(plan.seed, u64::MAX - 1);
        let mut far = Far::new(ground, plan.tell);
        let mut faults = plan.faults;
        for fault in Fault::ALL {
            // No run meets everything: what is rare beside everything else is common in some run.
            if !dice.chance(650) {
                faults = faults.without(fault);
            }
        }
        drill::orders(|orders| {
            orders.batch_ops = Some([1, 2, 3, 5, 500][dice.below(5)]);
            orders.feed_changes = Some([2, 5, 20, 500][dice.below(4)]);
            orders.piece = Some([700, 4_000, 1 << 20][dice.below(3)]);
        });
        let rate = [0, 60, 200, 400][dice.below(4)];
        let ends = [0, 20, 80][dice.below(3)];
        let workers: Vec<WorkerId> = (0..ground.workers.min(plan.phones as usize + 1)).map(ground::worker).collect();
        let mut phones = Vec::new();
        for n in 0..plan.phones as usize {
            // Two workers may share a handset.
            let handset = if n > 0 && dice.chance(200) { far.clocks.len() - 1 } else { far.handset(&mut dice) };
            phones.push(Phone::new(ground, &far, n, workers[n % workers.len()], handset));
        }
        let pace = plan.hours.map(|hours| i64::from(hours) * 3_600_000 / i64::from(plan.steps.max(1)));
        Self { far: Arc::new(Mutex::new(far)), phones, weather: Weather { faults, rate }, workers, ends, pace }
    }

    fn faults(&self) -> Faults {
        self.weather.faults
    }

    fn step(&mut self, dice: &mut Dice) {
        self.pass(dice);
        let mut far = lock(&self.far);
        if far.server.is_none() && dice.chance(400) {
            far.tell(|_| "the server starts".into());
            far.open();
        }
        drop(far);
        let ends_in = if self.faults().has(Fault::PhoneEnds) && dice.chance(self.ends) {
            Some(dice.below(9) as u32)
        } else {
            None
        };
        let n = dice.below(self.phones.len());
        match dice.below(100) {
            0..=31 => self.phone("act", n, |phone, far| phone.act(far, dice, ends_in)),
            32..=66 => {
                let weather = Weather { ..self.weather };
                self.phone("sync", n, |phone, far| drop(phone.sync(far, dice, &weather, ends_in)));
            }
            67..=80 => {
                let (faults, workers) = (self.faults(), self.workers.clone());
                let mut far = lock(&self.far);
                far.tally.step("office");
                far.dispatch(dice, faults, &workers);
            }
            81..=85 => {
                let mut far = lock(&self.far);
                far.tally.step("ship");
                far.ship();
            }
            86..=89 => self.phone("draft", n, |phone, far| phone.draft(far, dice, ends_in)),
            90..=91 => self.phone("older", n, |phone, far| phone.keep_older(&lock(far))),
            _ => self.trouble(dice, n),
        }
    }

    fn phone(&mut self, kind: &'static str, n: usize, work: impl FnOnce(&mut Phone, &Arc<Mutex<Far>>)) {
        if !self.phones[n].gone {
            lock(&self.far).tally.step(kind);
            work(&mut self.phones[n], &self.far);
        }
    }

    fn pass(&mut self, dice: &mut Dice) {
        if let Some(pace) = self.pace {
            let ms = dice.between(0, 2 * pace);
            return lock(&self.far).pass(ms as u64);
        }
        let ms = match dice.below(100) {
            0..=84 => dice.between(1, 20_000),
            85..=95 => dice.between(60_000, 7_200_000),
            96..=98 => dice.between(DAY_MS / 4, 2 * DAY_MS),
            _ => dice.between(8 * DAY_MS, 45 * DAY_MS),
        };
        lock(&self.far).pass(ms as u64);
    }

    fn trouble(&mut self, dice: &mut Dice, n: usize) {
        const OF: [Fault; 10] = [
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
            Fault::Restore => self.restore(),
            Fault::SetBack => self.set_back(n),
            Fault::Clone => self.copy(dice, n),
            Fault::ClockJump | Fault::Reboot => self.clock(dice, n, fault),
            Fault::Dismissed | Fault::Stolen => self.leave(n, fault),
            _ => {}
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

    fn restore(&mut self) {
        let mut far = lock(&self.far);
        if far.saved.is_none() {
            return;
        }
        far.tally.fault(Fault::Restore);
        far.restore();
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
        for phone in self.phones.iter_mut().filter(|phone| phone.handset == handset && !phone.gone) {
            phone.restart();
        }
    }

    fn leave(&mut self, n: usize, fault: Fault) {
        let Some(known) = self.phones[n].enrolment() else { return };
        if self.phones[n].gone || self.phones.iter().filter(|phone| !phone.gone).count() < 2 {
            return;
        }
        let mut far = lock(&self.far);
        let reason = if fault == Fault::Stolen { RevokeReason::Stolen } else { RevokeReason::Dismissed };
        if !far.revoke(known.device, reason) {
            return;
        }
        far.tally.fault(fault);
        far.tell(|_| format!("phone {n} is {}", fault.name()));
        if fault == Fault::Stolen {
            self.phones[n].gone = true;
            let ops: Vec<OpId> = self.phones[n].rows.values().map(|row| row.op).collect();
            self.destroyed(&mut far, &ops);
        }
    }
}

impl Far {
    /// A handset more: its clocks, somewhat off.
    pub fn handset(&mut self, dice: &mut Dice) -> usize {
        let clock = SoftwareClock::at(self.now());
        let off = dice.between(-300_000, 300_000);
        clock.set_wall(Millis(clock.stamp().wall_ms + off));
        self.clocks.push(Arc::new(clock));
        self.clocks.len() - 1
    }
}
