//! A store with an office before it, and what the checks ask of both.

use std::collections::BTreeSet;
use std::sync::Arc;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::kind::{Outcome, VisitKind};
use nuanfang_core::domain::office_event::{Assigned, Cancelled, VisitPlan};
use nuanfang_core::domain::worker_event::{Bare, Completed, Departed};
use nuanfang_core::id::{DeviceId, HouseholdId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::feed::worker_scope;
use nuanfang_core::wire::{Op, ScopeCursor, ScopeReply, feed_entity};
use uuid::Uuid;

use super::Fixture;
use crate::clock::{Clock, HandClock};
use crate::office::log::Logged;
use crate::office::{Office, OfficeAct};
use crate::store::{Reading, Store, StoreError};

pub fn worker(n: u8) -> WorkerId {
    WorkerId(Uuid::from_u128(0x3000 + u128::from(n)))
}

pub fn visit(n: u8) -> VisitId {
    VisitId(Uuid::from_u128(0x1000 + u128::from(n)))
}

pub fn acknowledged() -> Event {
    Event::Acknowledged(Bare {})
}

pub fn departed() -> Event {
    Event::Departed(Departed { tools_checked: true, parts: Vec::new() })
}

pub fn completed() -> Event {
    Event::Completed(Completed { outcome: Outcome::Done, reason: None, next_window: None })
}

pub fn absent() -> Event {
    Event::Completed(Completed { outcome: Outcome::Absent, reason: None, next_window: None })
}

pub struct House<F: Fixture> {
    pub fixture: F,
    pub store: F::Store,
    pub office: Office<F::Store>,
    pub clock: Arc<HandClock>,
}

impl<F: Fixture> House<F> {
    pub fn open() -> Self {
        Self::open_in(F::empty(), Arc::new(HandClock::at(Millis(1_790_000_000_000))))
    }

    fn open_in(fixture: F, clock: Arc<HandClock>) -> Self {
        let store = fixture.open(clock.now()).expect("the store opens");
        let office = Office::new(store.clone(), clock.clone());
        Self { fixture, store, office, clock }
    }

    /// Closed in order, and opened again.
    pub fn reopened(self) -> Self {
        let Self { fixture, store, office, clock } = self;
        drop(office);
        fixture.close(store);
        Self::open_in(fixture, clock)
    }

    /// Killed, and opened again.
    pub fn crashed(self) -> Self {
        let Self { fixture, store, office, clock } = self;
        drop(office);
        Self::open_in(fixture.crash(store), clock)
    }

    pub fn read<T>(&self, f: impl FnOnce(&<F::Store as Store>::Reading) -> Result<T, StoreError>) -> T {
        self.store.read_now(f).expect("the store reads")
    }

    pub async fn act(&self, act: OfficeAct) -> u64 {
        let done = self.office.append::<StoreError, _>(worker(0), vec![act], |_| Ok(())).await;
        done.expect("the office acts")[0]
    }

    pub async fn schedule(&self, visit: VisitId, assignee: Option<WorkerId>) -> u64 {
        let plan = VisitPlan {
            kind: VisitKind::Repair,
            household: HouseholdId(visit.0),
            window: None,
            scope: "暖气不热".into(),
            assignee,
            price_list: None,
            protocol: None,
            agreed: None,
            emergency: false,
            appointment: None,
            note: None,
            follows: None,
        };
        self.act(OfficeAct::about(visit, 0, Event::VisitScheduled(plan))).await
    }

    pub async fn assign(&self, visit: VisitId, assignee: WorkerId) -> u64 {
        let assigned = Assigned { assignee, reason: Some("路途较近".into()) };
        self.act(OfficeAct::about(visit, self.version(visit), Event::Assigned(assigned))).await
    }

    pub async fn cancel(&self, visit: VisitId) -> u64 {
        let cancelled = Cancelled { reason: "用户改期".into() };
        self.act(OfficeAct::about(visit, self.version(visit), Event::Cancelled(cancelled))).await
    }

    /// The visit's plan version; 0 when there is none.
    pub fn version(&self, visit: VisitId) -> u64 {
        self.read(|store| store.visit(visit)).map_or(0, |visit| visit.plan().version())
    }

    /// Everything that follows from the log.
    pub fn dump(&self) -> String {
        self.read(Reading::dump)
    }

    /// The whole log with its bodies, its chains checked.
    pub fn logged(&self) -> Vec<(Logged, Option<String>)> {
        self.read(|store| {
            let logged = store.log_after(0, usize::MAX >> 1)?;
            assert_eq!(store.verify_chains()?, logged.len() as u64);
            logged.into_iter().map(|logged| store.body(logged.g).map(|body| (logged, body))).collect()
        })
    }

    /// The log of `device` is `ops`: each once, byte for byte, with its author.
    pub fn holds(&self, device: DeviceId, ops: &[Op]) {
        let logged = self.logged();
        let mut own = logged.iter().filter(|(logged, _)| logged.fact.device == device);
        let mut prev = Sha::ZERO;
        for op in ops {
            let (logged, body) = own.next().unwrap_or_else(|| panic!("operation {} is not in the log", op.seq));
            prev = op.envelope(device, prev).sha();
            assert_eq!((logged.fact.seq, logged.sha), (op.seq, prev), "in its place, with its hash");
            assert_eq!(body.as_deref(), Some(op.body.get()), "the body as it was sent");
            let fact = &logged.fact;
            assert_eq!((fact.op, fact.worker, fact.basis, fact.rules), (op.op, op.worker, op.basis, op.rules));
            assert_eq!((fact.stamp, logged.visit, &fact.blobs), (op.t, op.visit, &op.blobs));
        }
        assert!(own.next().is_none(), "the log holds more than was sent");
    }

    /// A worker's scope as a new phone gets it.
    pub fn scope(&self, worker: WorkerId) -> ScopeReply {
        self.pull(&ScopeCursor { id: worker_scope(worker.0), pos: 0, hash: String::new() })
    }

    pub fn pull(&self, cursor: &ScopeCursor) -> ScopeReply {
        self.read(|store| store.pull(cursor))
    }

    /// The visits in a worker's scope.
    pub fn visits(&self, worker: WorkerId) -> BTreeSet<String> {
        let scope = self.scope(worker);
        scope.feed.into_iter().filter(|entry| entry.e == feed_entity::VISIT).map(|entry| entry.id).collect()
    }

    /// Makes all projections anew; they are what they were.
    pub async fn rebuilt_is_the_same(&self) {
        let (before, held) = (self.dump(), self.logged().len() as u64);
        let store = self.store.clone();
        let folded = tokio::task::spawn_blocking(move || store.rebuild()).await.expect("no panic");
        assert_eq!(folded.expect("rebuilt"), held);
        let after = self.dump();
        if before != after {
            let differs = before.lines().zip(after.lines()).find(|(before, after)| before != after);
            panic!("made anew, the projections differ: {differs:?}");
        }
    }
}
