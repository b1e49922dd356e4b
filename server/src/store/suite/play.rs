//! Any interleaving of two phones and the office, held after every step to I4 and I5 and at its end to I1.

use std::collections::BTreeMap;

use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::kind::VisitKind;
use nuanfang_core::domain::worker_event::Opened;
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use nuanfang_core::wire::Op;

use super::Fixture;
use super::house::{House, acknowledged, completed, departed, visit, worker};
use super::mirror::Mirror;
use super::phone::Phone;

/// Visits of the office.
pub const VISITS: u8 = 4;
/// Phones, each of its own worker; one worker more has none.
pub const PHONES: u8 = 2;

/// One thing that happens. Numbers beyond what there is are taken round.
#[derive(Debug, Clone)]
pub enum Step {
    /// The office plans a visit, for a worker or nobody; one that is planned it gives to that worker.
    Plan(u8, Option<u8>),
    /// The office cancels a visit.
    Cancel(u8),
    /// A phone logs work on a visit as it last saw it, whosever that is now.
    Work(u8, u8, u8),
    /// A phone opens a visit of its own.
    Open(u8),
    /// A phone sends its first so many operations; the receipt is lost.
    Lose(u8, u8),
    /// A phone sends all and takes the receipt.
    Sync(u8),
    /// A phone takes its feed.
    Pull(u8),
    /// Everything but the log is made anew.
    Rebuild,
    /// The process ends and begins again.
    Restart,
}

struct Field<F: Fixture> {
    house: House<F>,
    phones: Vec<Phone>,
    mirrors: Vec<Mirror>,
    /// Wherever a phone ever stood.
    stood: Vec<Mirror>,
    /// Who has each visit that the office knows of; none has a cancelled one.
    held: BTreeMap<VisitId, Option<WorkerId>>,
    opened: u8,
}

/// Plays `steps`; panics where a promise is broken.
pub fn play<F: Fixture>(steps: &[Step]) {
    super::run(async {
        let house = House::<F>::open();
        let mut phones = Vec::new();
        for n in 0..PHONES {
            phones.push(Phone::enrol(&house, worker(n)).await);
        }
        let mirrors: Vec<_> = (0..PHONES).map(|n| Mirror::of(worker(n))).collect();
        let mut field = Field { house, phones, stood: mirrors.clone(), mirrors, held: BTreeMap::new(), opened: 0 };
        for step in steps {
            field = field.step(step).await;
            field.each_visit_is_where_it_belongs();
        }
        for n in 0..PHONES {
            field = field.step(&Step::Sync(n)).await;
            field = field.step(&Step::Pull(n)).await;
        }
        field.each_visit_is_where_it_belongs();
        field.every_replay_ends_at_the_snapshot();
        for phone in &field.phones {
            field.house.holds(phone.device, &phone.log);
        }
        field.house.rebuilt_is_the_same().await;
    });
}

impl<F: Fixture> Field<F> {
    async fn step(mut self, step: &Step) -> Self {
        match *step {
            Step::Plan(about, to) => {
                let (about, to) = (visit(about % VISITS), to.map(|to| worker(to % (PHONES + 1))));
                match (self.held.contains_key(&about), to) {
                    (false, _) => drop(self.house.schedule(about, to).await),
                    (true, Some(to)) => drop(self.house.assign(about, to).await),
                    (true, None) => return self,
                }
                self.held.insert(about, to);
            }
            Step::Cancel(about) => {
                let about = visit(about % VISITS);
                if self.held.contains_key(&about) {
                    self.house.cancel(about).await;
                    self.held.insert(about, None);
                }
            }
            Step::Work(phone, about, what) => {
                let about = visit(about % VISITS);
                let basis = self.house.version(about).saturating_sub(u64::from(what / 3 % 2));
                let event = [acknowledged(), departed(), completed()][usize::from(what % 3)].clone();
                self.phone(phone).log(about, basis, &event);
            }
            Step::Open(phone) => {
                self.opened = self.opened.saturating_add(1);
                let about = visit(100 + self.opened % 100);
                let household = HouseholdId(about.0);
                let opened = Opened { kind: VisitKind::Repair, household, reason: "漏水".into(), emergency: true };
                self.phone(phone).log(about, 0, &Event::Opened(opened));
            }
            Step::Lose(phone, n) => {
                let phone = self.phones[usize::from(phone % PHONES)].clone();
                let sent = phone.prefix(usize::from(n));
                let arrived = sent.ops.clone();
                phone.send(&self.house, sent).await;
                self.arrived(&arrived);
            }
            Step::Sync(phone) => {
                let n = usize::from(phone % PHONES);
                let arrived = self.phones[n].queue.clone();
                self.phones[n].sync(&self.house).await;
                self.arrived(&arrived);
            }
            Step::Pull(phone) => {
                let n = usize::from(phone % PHONES);
                let reply = self.house.pull(&self.mirrors[n].cursor);
                self.mirrors[n].apply(&reply);
                self.stood.push(self.mirrors[n].clone());
            }
            Step::Rebuild => self.house.rebuilt_is_the_same().await,
            Step::Restart => self.house = self.house.reopened(),
        }
        self.house.clock.advance(1_000);
        self
    }

    fn phone(&mut self, n: u8) -> &mut Phone {
        &mut self.phones[usize::from(n % PHONES)]
    }

    /// A visit that a phone opened is its worker's once it has come.
    fn arrived(&mut self, ops: &[Op]) {
        for op in ops.iter().filter(|op| op.kind == "visit.opened") {
            if let Some(about) = op.visit {
                self.held.entry(about).or_insert(Some(op.worker));
            }
        }
    }

    fn each_visit_is_where_it_belongs(&self) {
        let scopes: Vec<_> = (0..=PHONES).map(|n| (worker(n), self.house.visits(worker(n)))).collect();
        for (about, held) in &self.held {
            let found = scopes.iter().filter(|(_, visits)| visits.contains(&about.to_string())).map(|(who, _)| *who);
            assert_eq!(found.collect::<Vec<_>>(), held.iter().copied().collect::<Vec<_>>(), "{about}");
        }
        let known: usize = scopes.iter().map(|(_, visits)| visits.len()).sum();
        assert_eq!(known, self.held.values().flatten().count(), "and no other visit is anywhere");
    }

    fn every_replay_ends_at_the_snapshot(&self) {
        for stood in &self.stood {
            let mut snapshot = stood.clone();
            snapshot.cursor.pos = 0;
            snapshot.entities.clear();
            let whole = self.house.pull(&snapshot.cursor);
            snapshot.apply(&whole);
            let mut replayed = stood.clone();
            replayed.apply(&self.house.pull(&stood.cursor));
            assert_eq!(replayed, snapshot);
        }
    }
}
