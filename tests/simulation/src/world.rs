//! A run: step by step through what its seed chose, then everything comes to rest and is looked at as a whole.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use nuanfang_core::device::clock::{Clock, SoftwareClock};
use nuanfang_core::drill;
use nuanfang_core::id::WorkerId;
use nuanfang_core::time::Millis;

use crate::dice::Dice;
use crate::far::Far;
use crate::ground::{self, Ground};
use crate::memory;
use crate::phone::{Phone, Ran, Weather};
use crate::plan::{Fault, Faults, Plan};
use crate::release::Release;
use crate::tally::{Failure, Tally};
use crate::wire::lock;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// Milliseconds of a year.
pub const YEAR_MS: i64 = 365 * DAY_MS;
/// Steps between two looks at the whole.
const LOOK_EVERY: u32 = 64;
/// Looks at the whole in a run of a crowd, where one takes long.
const LOOKS: u32 = 50;

/// Where the choices about rescue files come from, beside those of the steps: seeds from before there were any go their own way.
const RESCUES: u64 = 1 << 40;
/// Where those about the server's clock come from.
const COURSE: u64 = 1 << 41;
/// Where those about erasures come from.
const ERASURES: u64 = 1 << 42;

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
    /// How likely what may go wrong was.
    pub chances: Chances,
}

/// What the seed drew for the whole of a run, each in a thousand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chances {
    /// Calls to which the network does something.
    pub network: u32,
    /// Acts and exchanges in which a phone's process may end.
    pub ends: u32,
    /// The kinds that may happen.
    pub kinds: Vec<&'static str>,
}

/// Everything there is.
pub struct World {
    /// The far side.
    pub far: Arc<Mutex<Far>>,
    /// The phones.
    pub phones: Vec<Phone>,
    pub weather: Weather,
    workers: Vec<WorkerId>,
    ends: u32,
    /// Milliseconds that a step takes on average, where time does not jump.
    pub pace: Option<i64>,
}

/// Runs a plan.
pub fn run(ground: &Ground, plan: &Plan) -> Report {
    let mut world = World::new(ground, plan);
    let (mut at, mut memory) = (0, Vec::new());
    let look_every = if plan.hours.is_some() { LOOK_EVERY.max(plan.steps / LOOKS) } else { LOOK_EVERY };
    let (far, chances) = (Arc::clone(&world.far), world.chances());
    let done = catch_unwind(AssertUnwindSafe(|| {
        for step in 0..plan.steps {
            at = step;
            if !plan.skip.contains(&step) {
                world.server_clock(&mut Dice::new(plan.seed, COURSE + 1 + u64::from(step)));
                world.step(&mut Dice::new(plan.seed, u64::from(step)));
                world.rescue(&mut Dice::new(plan.seed, RESCUES + 1 + u64::from(step)));
                world.erase(&mut Dice::new(plan.seed, ERASURES + 1 + u64::from(step)));
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
    Report { tally, failure, at, story, memory, chances }
}

impl World {
    fn new(ground: &Ground, plan: &Plan) -> Self {
        let mut dice = Dice::new(plan.seed, u64::MAX - 1);
        let mut faults = plan.faults;
        for fault in Fault::ALL {
            // No run meets everything: what is rare beside everything else is common in some run.
            let meets = match fault {
                Fault::Rescued => Dice::new(plan.seed, RESCUES).chance(400),
                Fault::ServerClock => Dice::new(plan.seed, COURSE).chance(300),
                Fault::Erased => Dice::new(plan.seed, ERASURES).chance(300),
                _ => dice.chance(650),
            };
            // A day of a company is one seed, and no day is without these.
            let meets = meets || (plan.hours.is_some() && matches!(fault, Fault::ClockJump | Fault::Reboot));
            if !meets {
                faults = faults.without(fault);
            }
        }
        let older = faults.has(Fault::Deploy) && dice.chance(500);
        let mut far = Far::new(ground, plan.tell, if older { Release::Before } else { Release::This });
        drill::orders(|orders| {
            orders.batch_ops = Some([1, 2, 3, 5, 500][dice.below(5)]);
            orders.feed_changes = Some([2, 5, 20, 500][dice.below(4)]);
            orders.piece = Some([700, 4_000, 1 << 20][dice.below(3)]);
        });
        // A company's day has one draw for all its phones: a calm network would show nothing of them.
        let rates: &[u32] = if plan.hours.is_some() { &[60, 200, 400] } else { &[0, 60, 200, 400] };
        let rate = rates[dice.below(rates.len())];
        let ends = [0, 20, 80][dice.below(3)];
        let workers: Vec<WorkerId> = (0..ground.workers.min(plan.phones as usize + 1)).map(ground::worker).collect();
        let mut phones = Vec::new();
        let mut app = Release::This;
        for n in 0..plan.phones as usize {
            // Several workers may share a handset, and its app.
            if n == 0 || !dice.chance(300) {
                far.handset(&mut dice);
                let older = faults.has(Fault::AppUpgrade) && dice.chance(400);
                app = if older { Release::Before } else { Release::This };
            }
            phones.push(Phone::new(ground, &far, n, workers[n % workers.len()], far.clocks.len() - 1, app));
        }
        let pace = plan.hours.map(|hours| i64::from(hours) * 3_600_000 / i64::from(plan.steps.max(1)));
        Self {
            far: Arc::new(Mutex::new(far)),
            phones,
            weather: Weather { faults, rate, codes: true },
            workers,
            ends,
            pace,
        }
    }

    fn chances(&self) -> Chances {
        let kinds = Fault::ALL.into_iter().filter(|fault| self.faults().has(*fault)).map(Fault::name).collect();
        Chances { network: self.weather.rate, ends: self.ends, kinds }
    }

    /// What may go wrong.
    pub fn faults(&self) -> Faults {
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
                drop(self.exchange(dice, n, &weather, ends_in));
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
            self.ended(n);
        }
    }

    /// The folders of a handset that are in somebody's hands.
    pub fn folders(&self, handset: usize) -> Vec<usize> {
        let here = |n: &usize| self.phones[*n].handset == handset && !self.phones[*n].gone;
        (0..self.phones.len()).filter(here).collect()
    }

    /// A handset sends what waits in all its folders, `n`'s first: what stops one stops no other, only the end of the process
    /// that they share. Returns how the run of each that was reached ended.
    pub fn exchange(
        &mut self,
        dice: &mut Dice,
        n: usize,
        weather: &Weather,
        ends_in: Option<u32>,
    ) -> Vec<(usize, Ran)> {
        let mut folders = self.folders(self.phones[n].handset);
        folders.retain(|folder| weather.codes || self.phones[*folder].enrolment().is_some());
        folders.sort_by_key(|folder| *folder != n);
        if self.phones[n].gone {
            return Vec::new();
        }
        let ending = dice.below(folders.len());
        let mut done = Vec::new();
        for (at, folder) in folders.into_iter().enumerate() {
            lock(&self.far).tally.step("sync");
            let mut own = Dice::new(dice.draw(), at as u64);
            let ran = self.phones[folder].sync(&self.far, &mut own, weather, ends_in.filter(|_| at == ending));
            done.push((folder, ran));
            if self.ended(folder) {
                break;
            }
        }
        done
    }

    /// Where a folder's process ended, that of the handset's other folders did: it is one.
    fn ended(&mut self, n: usize) -> bool {
        let ended = std::mem::take(&mut self.phones[n].ended);
        if ended {
            for folder in self.folders(self.phones[n].handset).into_iter().filter(|folder| *folder != n) {
                self.phones[folder].restart();
            }
        }
        ended
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
