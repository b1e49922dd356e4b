//! What dispatchers do, and what the ledger makes of it.

use nuanfang_core::domain::Event;
use nuanfang_core::domain::kind::VisitKind;
use nuanfang_core::domain::office_event::{
    Assigned, Cancelled, DeviceRevoked, ErasureGround, LaneChosen, LateDecided, LateDecision, Rescheduled,
    RevokeReason, VisitPlan,
};
use nuanfang_core::domain::window::Window;
use nuanfang_core::id::{DeviceId, HouseholdId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_server::office::project::device;
use nuanfang_server::office::{OfficeAct, dispatch, erase};
use nuanfang_server::store::StoreError;
use uuid::Uuid;

use crate::dice::Dice;
use crate::far::Far;
use crate::ground::{self, HOUSEHOLDS};
use crate::ledger::{Planned, Recorded};
use crate::plan::{Fault, Faults};

/// How often a command is run again whose process ends.
const TRIES: u32 = 5;
const DISPATCHER: WorkerId = WorkerId(Uuid::from_u128(0xD15));

impl Far {
    /// Puts acts of the office on record. False when the server did not take them.
    pub fn act(&mut self, act: OfficeAct) -> bool {
        let Some((state, _)) = self.server.clone() else { return false };
        let g = self.head();
        let done = self.guarded(|_| state.office.append_blocking::<StoreError, _>(DISPATCHER, vec![act], |_| Ok(())));
        drop(state);
        // A process that ended may have done it before.
        let head = self.head();
        match done {
            Some(Ok(_)) => self.hold("I2", head > g, || "an act was answered and is not on disk".into()),
            Some(Err(error)) if error.is_passing() => {}
            Some(Err(error)) => self.fail("I14", format!("the office can't act: {error}")),
            None => {}
        }
        let took = head > g;
        self.known.g = head;
        took
    }

    fn recorded(&mut self, recorded: Recorded) {
        self.known.take(self.release, &self.ledger, recorded);
    }

    /// The last envelope on disk.
    pub fn head(&self) -> i64 {
        let mut query = self.kept.db.prepare_cached("SELECT max(g) FROM envelope").expect("sql");
        query.query_row([], |row| row.get(0)).expect("a log")
    }

    /// One thing a dispatcher does.
    pub fn dispatch(&mut self, dice: &mut Dice, faults: Faults, workers: &[WorkerId]) {
        let known: Vec<VisitId> = self.known.visits.keys().copied().collect();
        // Nobody plans anew what a phone opened and the office sees waiting for a newer release.
        let waiting = self.known.not_understood(&self.ledger);
        let opened: Vec<_> = waiting.iter().filter_map(|op| self.ledger.made[op].visit).collect();
        let lost = |visit: &&VisitId| {
            !self.known.visits.contains_key(visit) && !opened.contains(visit) && !self.known.gone.contains(visit)
        };
        let lost: Vec<VisitId> = self.visits.iter().filter(lost).copied().collect();
        let open = dice.pick(&known).copied().and_then(|visit| {
            let (state, _) = self.server.as_ref()?;
            let read = || state.store.read_now(|db| dispatch::planned(db, visit));
            let planned = self.release.at_work(read).ok().flatten()?;
            (planned.open || planned.cancelled).then_some(visit)
        });
        let choice = dice.below(20);
        match (choice, open) {
            (0, _) if !lost.is_empty() => {
                let visit = lost[dice.below(lost.len())];
                self.schedule(dice, visit, workers);
            }
            (1..=7, Some(visit)) if faults.has(Fault::Reassign) => self.assign(dice, visit, workers),
            (8..=9, Some(visit)) => self.reschedule(dice, visit),
            (10..=11, Some(visit)) if faults.has(Fault::Cancel) => self.cancel(visit),
            (12..=13, Some(visit)) => self.decide(dice, visit),
            _ => {
                let visit = VisitId(dice.uuid());
                self.visits.push(visit);
                self.schedule(dice, visit, workers);
            }
        }
    }

    fn schedule(&mut self, dice: &mut Dice, visit: VisitId, workers: &[WorkerId]) {
        let assignee = if dice.chance(850) { dice.pick(workers).copied() } else { None };
        let Some(household) = self.in_ledger(dice.below(HOUSEHOLDS)) else { return };
        let plan = VisitPlan {
            kind: *dice.pick(&[VisitKind::Repair, VisitKind::Measurement, VisitKind::Inspection]).expect("one"),
            household,
            window: None,
            scope: "暖气不热".into(),
            assignee,
            price_list: None,
            protocol: None,
            agreed: None,
            emergency: dice.chance(100),
            appointment: None,
            note: None,
            follows: None,
        };
        if self.act(OfficeAct::about(visit, 0, Event::VisitScheduled(plan))) {
            self.recorded(Recorded::Scheduled(visit, household, assignee));
            self.tell(|far| format!("the office plans visit {} for {}", far.v(visit), w(assignee)));
        }
    }

    /// The dwelling of that number, or the next one of which there is still something in the ledger.
    fn in_ledger(&self, n: usize) -> Option<HouseholdId> {
        let all = (n..n + HOUSEHOLDS).map(|n| ground::household(n % HOUSEHOLDS));
        all.into_iter().find(|household| !self.known.erased.contains(household))
    }

    fn assign(&mut self, dice: &mut Dice, visit: VisitId, workers: &[WorkerId]) {
        let planned = &self.known.visits[&visit];
        let Some(worker) = dice.pick(workers).copied() else { return };
        if planned.assignee == Some(worker) && !planned.cancelled {
            return;
        }
        let event = Event::Assigned(Assigned { assignee: worker, reason: Some("路途较近".into()) });
        if self.act(OfficeAct::about(visit, planned.version, event)) {
            self.recorded(Recorded::Assigned(visit, worker));
            self.tally.fault(Fault::Reassign);
            self.tell(|far| format!("the office gives visit {} to {}", far.v(visit), w(Some(worker))));
        }
    }

    fn reschedule(&mut self, dice: &mut Dice, visit: VisitId) {
        let (planned, now) = (&self.known.visits[&visit], self.now());
        if planned.cancelled {
            return;
        }
        let from = Millis(now.0 + dice.between(1, 72) * 3_600_000);
        let window = Window { from, until: Millis(from.0 + 7_200_000) };
        let event =
            Event::Rescheduled(Rescheduled {
                window, appointment: None, reason: "住户改期".into(), price_list: None
            });
        if self.act(OfficeAct::about(visit, planned.version, event)) {
            self.recorded(Recorded::Moved(visit));
            self.tell(|far| format!("the office moves visit {}", far.v(visit)));
        }
    }

    fn cancel(&mut self, visit: VisitId) {
        let planned = &self.known.visits[&visit];
        if planned.cancelled {
            return;
        }
        let event = Event::Cancelled(Cancelled { reason: "住户取消".into() });
        if self.act(OfficeAct::about(visit, planned.version, event)) {
            self.recorded(Recorded::Cancelled(visit));
            self.tally.fault(Fault::Cancel);
            self.tell(|far| format!("the office takes visit {} back", far.v(visit)));
        }
    }

    fn decide(&mut self, dice: &mut Dice, visit: VisitId) {
        let version = self.known.visits[&visit].version;
        let lane = dice.between(0, version as i64) as u64;
        let event = if dice.chance(500) {
            let decision = *dice.pick(&[LateDecision::Primary, LateDecision::Supplement]).expect("one");
            Event::LateDecided(LateDecided { lane, decision, reason: "以实际上门为准".into(), records: None })
        } else {
            Event::LaneChosen(LaneChosen { lane, reason: "以实际上门为准".into() })
        };
        if self.act(OfficeAct::about(visit, version, event)) {
            self.recorded(Recorded::Decided(visit));
            self.tell(|far| format!("the office decides about lane {lane} of visit {}", far.v(visit)));
        }
    }

    /// The people of a dwelling are erased by the office's command, with the server stopped, once their visits are taken back;
    /// not while something else stands against it. It is run again until it is in the backup too.
    pub fn erase(&mut self, household: HouseholdId) -> bool {
        self.end();
        self.open();
        let at_home = |planned: &Planned| planned.home == Some(household) && !planned.cancelled;
        let visits: Vec<_> =
            self.known.visits.iter().filter(|(_, planned)| at_home(planned)).map(|(visit, _)| *visit).collect();
        for visit in visits {
            let (state, _) = self.server.as_ref().expect("it is open");
            let planned = state.store.read_now(|db| dispatch::planned(db, visit)).expect("a plan");
            if planned.is_some_and(|planned| planned.open) {
                self.cancel(visit);
            }
        }
        let Some((state, _)) = self.server.clone() else { return false };
        let holds =
            state.store.read_now(|db| erase::holds(db, household.0, state.now())).expect("what stands against it");
        if !holds.is_empty() {
            return false;
        }
        let (g, ground) = (self.head(), ErasureGround::Request);
        let done = self.guarded(|_| erase::erase(&state, household.0, ground, "住户要求删除"));
        drop(state);
        self.known.g = self.head();
        let took = self.known.g > g;
        match done {
            Some(Ok(_)) => self.hold("I2", took, || "an erasure was answered and is not on disk".into()),
            Some(Err(error)) if error.is_passing() => {}
            Some(Err(error)) => self.fail("I14", format!("nobody can be erased: {error}")),
            None => {}
        }
        if took {
            let visits = self.known.visits_of(&self.ledger, household);
            self.tell(|far| {
                let visits: Vec<String> = visits.iter().map(|visit| far.v(*visit)).collect();
                format!("dwelling {household} is erased, with its visits {visits:?}")
            });
            self.recorded(Recorded::Erased(household, visits));
        }
        self.end();
        for _ in 0..TRIES {
            if self.server.is_none() {
                self.open();
            }
            if self.ship() {
                break;
            }
        }
        self.look_at_erased();
        took
    }

    /// A device leaves, one way or the other. Whether it is on record. One that a restored office does not know is in nobody's
    /// list to be revoked.
    pub fn revoke(&mut self, device: DeviceId, reason: RevokeReason) -> bool {
        if device::find(&self.kept.db, device).expect("the devices").is_none() {
            return false;
        }
        let now = self.shown();
        let done = self.act(OfficeAct::of(Event::DeviceRevoked(DeviceRevoked { device, reason })));
        if done && reason == RevokeReason::Dismissed {
            self.known.dismissed.entry(device).or_insert(now);
        }
        done
    }

    /// A visit's number in the story.
    pub fn v(&self, visit: VisitId) -> String {
        self.visits.iter().position(|known| *known == visit).map_or("?".into(), |at| format!("v{}", at + 1))
    }
}

/// A worker's name in the story.
pub fn w(worker: Option<WorkerId>) -> String {
    worker.map_or("nobody".into(), |worker| format!("w{}", worker.0.as_u128() - 0xA0_0000))
}
