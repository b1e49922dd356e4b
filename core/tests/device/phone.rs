//! A phone for the tests: store, key, clock and the way to the fake server.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::clock::{Clock, SoftwareClock};
use nuanfang_core::device::courier::{Courier, Pass, Run, Stop, Transport};
use nuanfang_core::device::joining;
use nuanfang_core::device::outbox::{self, NewOp};
use nuanfang_core::device::store::Store;
use nuanfang_core::device::store::enrolment::{self, Enrolment};
use nuanfang_core::device::store::outbox_row::OutboxRow;
use nuanfang_core::device::sync::{BATCH_BYTES, Speaker};
use nuanfang_core::device::trouble::Trouble;
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::worker_event::ProblemDescribed;
use nuanfang_core::id::VisitId;
use nuanfang_core::record::SoftwareKey;
use nuanfang_core::time::Millis;
use nuanfang_core::wire::auth::Invitation;
use uuid::Uuid;

use crate::fake_server::{CODE, FakeServer};

pub const VISIT: VisitId = VisitId(Uuid::from_u128(0x77));

pub struct Phone {
    pub store: Store,
    pub key: SoftwareKey,
    pub clock: SoftwareClock,
    pub speaker: Speaker,
    pub pass: Mutex<Option<Pass>>,
    pub load: AtomicUsize,
}

impl Phone {
    pub fn open(dir: &Path) -> Self {
        Self::over(Store::open(dir, None).unwrap())
    }

    pub fn over(store: Store) -> Self {
        Self {
            store,
            key: SoftwareKey::from_secret(&[9; 32]).unwrap(),
            clock: SoftwareClock::at(Millis(1_795_000_000_000)),
            speaker: Speaker { app: "test".to_owned(), tz: "Europe/Madrid".to_owned(), keep_days: 30 },
            pass: Mutex::new(None),
            load: AtomicUsize::new(BATCH_BYTES),
        }
    }

    pub fn enrolled(dir: &Path, server: &FakeServer) -> Self {
        let phone = Self::open(dir);
        phone.enrol(server).unwrap();
        phone
    }

    pub fn enrol(&self, transport: &dyn Transport) -> Result<Enrolment, Stop> {
        let invitation =
            Invitation { url: "http://127.0.0.1:1".to_owned(), code: CODE.to_owned(), pin: None, supplier: None };
        joining::enrol(&self.store, &self.key, transport, &invitation, "测试机", "test")
    }

    pub fn say(&self, text: &str) -> OutboxRow {
        self.say_with(text, Vec::new())
    }

    pub fn say_with(&self, text: &str, blobs: Vec<Sha>) -> OutboxRow {
        self.store.write(|transaction| outbox::append(transaction, self.op(text, blobs))).unwrap()
    }

    pub fn op(&self, text: &str, blobs: Vec<Sha>) -> NewOp {
        NewOp {
            event: Event::ProblemDescribed(ProblemDescribed { text: text.to_owned() }),
            visit: Some(VISIT),
            basis: 1,
            rules: Sha::of(b"rules"),
            t: self.clock.stamp(),
            blobs,
        }
    }

    pub fn sync(&self, transport: &dyn Transport) -> Result<Run, Stop> {
        let (store, key, clock, speaker) = (&self.store, &self.key, &self.clock, &self.speaker);
        Courier { store, key, clock, speaker, transport, pass: &self.pass, load: &self.load }.run()
    }

    pub fn enrolment(&self) -> Enrolment {
        self.store.read(enrolment::get).unwrap()
    }

    pub fn texts(&self) -> Vec<String> {
        let facts = self.store.read::<_, Trouble>(|connection| outbox::facts(connection, VISIT)).unwrap();
        facts
            .into_iter()
            .map(|fact| match fact.event {
                Event::ProblemDescribed(problem) => problem.text,
                other => panic!("{other:?}"),
            })
            .collect()
    }
}
