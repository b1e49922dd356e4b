//! A phone of one worker: the real store, courier and log, over a network that does what it likes, and a look at the
//! disk after everything that happened.

mod disk;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::clock::{Clock, SoftwareClock};
use nuanfang_core::device::courier::{Courier, Pass, Run, Stop};
use nuanfang_core::device::store::Store;
use nuanfang_core::device::store::enrolment::{self, Enrolment};
use nuanfang_core::device::sync::{BATCH_BYTES, Speaker};
use nuanfang_core::device::trouble::Trouble;
use nuanfang_core::device::{blob, draft, joining, mirror, rescue};
use nuanfang_core::drill::{self, Ended, Side};
use nuanfang_core::id::{DeviceId, OpId, VisitId, WorkerId};
use nuanfang_core::record::SoftwareKey;
use nuanfang_core::wire::auth::Invitation;
use nuanfang_core::wire::feed_entity::{VISIT, VisitEntity};
use nuanfang_server::enrolment as codes;

use crate::act::{self, Actor};
use crate::dice::Dice;
use crate::far::Far;
use crate::ground::{Ground, Kept, copy_files};
use crate::office::w;
use crate::plan::{Fault, Faults};
use crate::release::Release;
use crate::wire::{Near, Wire, lock};

/// A row of the log as it was last seen.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The operation.
    pub op: OpId,
    /// Whose log.
    pub device: DeviceId,
    /// Where in it.
    pub seq: u64,
}

/// An older state of a phone's folder: what the system's backup holds.
pub struct Older {
    kept: Kept,
    dir: PathBuf,
    drafts: BTreeMap<(VisitId, String), String>,
    loose: BTreeSet<(VisitId, Sha)>,
}

/// A phone.
pub struct Phone {
    /// Its number.
    pub n: usize,
    /// Whose.
    pub worker: WorkerId,
    /// In which handset: two workers may share one.
    pub handset: usize,
    /// The app's release, the same in all folders of a handset.
    pub release: Release,
    /// It is in nobody's hands any more.
    pub gone: bool,
    /// Its process ended: that of all folders of its handset.
    pub ended: bool,
    /// The log as last seen.
    pub rows: BTreeMap<i64, Row>,
    /// An older state.
    pub older: Option<Older>,
    kept: Kept,
    dir: PathBuf,
    store: Option<Arc<Store>>,
    clock: Arc<SoftwareClock>,
    key: Arc<SoftwareKey>,
    /// What the keystore makes when it has lost the key.
    spare: Option<Arc<SoftwareKey>>,
    pass: Mutex<Option<Pass>>,
    load: AtomicUsize,
    speaker: Speaker,
    drafts: BTreeMap<(VisitId, String), String>,
    loose: BTreeSet<(VisitId, Sha)>,
    mirrored: BTreeSet<String>,
    copies: usize,
}

/// How a run of the exchange ended.
pub enum Ran {
    /// To its end.
    Done(Run),
    /// It was stopped.
    Stopped(Stop),
    /// The phone's process ended.
    Ended,
}

/// What travels with a run.
pub struct Weather {
    /// What may go wrong.
    pub faults: Faults,
    /// Calls in a thousand to which something happens.
    pub rate: u32,
    /// The office gives a code to who needs one.
    pub codes: bool,
}

impl Phone {
    /// A phone out of its box.
    pub fn new(ground: &Ground, far: &Far, n: usize, worker: WorkerId, handset: usize, release: Release) -> Self {
        let dir = far.dir.join(format!("phone{n}"));
        std::fs::create_dir_all(&dir).expect("a folder");
        let (keys, spares) = ground.phone_keys.split_at(ground.phone_keys.len() / 2);
        let mut phone = Self {
            n,
            worker,
            handset,
            release,
            gone: false,
            ended: false,
            rows: BTreeMap::new(),
            older: None,
            kept: ground.phone(),
            dir,
            store: None,
            clock: Arc::clone(&far.clocks[handset]),
            key: Arc::clone(&keys[n % keys.len()]),
            spare: Some(Arc::clone(&spares[n % spares.len()])),
            pass: Mutex::new(None),
            load: AtomicUsize::new(BATCH_BYTES),
            speaker: Speaker { app: "0.1.0".into(), tz: "Asia/Shanghai".into(), keep_days: [0, 0, 1, 30][n % 4] },
            drafts: BTreeMap::new(),
            loose: BTreeSet::new(),
            mirrored: BTreeSet::new(),
            copies: 0,
        };
        phone.open();
        phone
    }

    /// Starts its process, as the app does.
    fn open(&mut self) {
        drill::orders(|orders| orders.phone_ends_in = None);
        let store = self.release.at_work(|| {
            let store = Store::open_in_memory(&self.dir, &self.kept.name).expect("a phone's store opens");
            blob::sweep(&store).expect("a phone's files are swept");
            store
        });
        self.store = Some(Arc::new(store));
        *lock(&self.pass) = None;
    }

    /// Its app is upgraded: the new one starts over the folder as the old one left it.
    pub fn upgrade(&mut self, far: &mut Far) {
        self.release = Release::This;
        self.restart();
        self.observe(far, false);
        let store = self.store.as_ref().expect("open");
        let read = store.read(|connection| mirror::entities::<VisitEntity>(connection, VISIT)).expect("a mirror").len();
        let there = self.mirrored.len();
        far.hold("I3", read == there, || format!("phone {}: upgraded, it reads {read} of {there} visits", self.n));
    }

    /// Its keystore loses the key, and has another when it is asked again.
    pub fn lose_key(&mut self) -> bool {
        let Some(spare) = self.spare.take() else { return false };
        self.key = spare;
        *lock(&self.pass) = None;
        true
    }

    /// It writes its rescue file, which is handed in.
    pub fn rescue(&self, far: &mut Far) {
        let path = self.dir.join("rescue.nuanfang");
        let store = self.store.as_ref().expect("open");
        let (app, now) = (&self.speaker.app, self.clock.stamp());
        let written = self.release.at_work(|| rescue::export(store, &*self.key, app, now, &path, None));
        far.tell(|_| format!("phone {}: its rescue file is handed in", self.n));
        match written {
            Ok(view) => {
                let lost = (view.ops_lost, view.files_lost);
                far.hold("I1", lost == (0, 0), || format!("phone {}: its rescue file lacks {lost:?}", self.n));
                let known = self.enrolment().expect("enrolled");
                let held = self.rows.values().filter(|row| row.device == known.device);
                far.rescued(&path, &held.map(|row| row.op).collect::<Vec<_>>());
            }
            Err(trouble) => far.fail("I14", format!("phone {}: no rescue file: {trouble}", self.n)),
        }
        std::fs::remove_file(&path).expect("it is thrown away");
    }

    /// Its process ends and starts again.
    pub fn restart(&mut self) {
        self.store = None;
        self.open();
    }

    /// Does something that the end of the process may cut short. `None` when it did.
    fn guarded<T>(&mut self, far: &Arc<Mutex<Far>>, ends_in: Option<u32>, work: impl FnOnce(&Self) -> T) -> Option<T> {
        drill::orders(|orders| orders.phone_ends_in = ends_in);
        let done = catch_unwind(AssertUnwindSafe(|| self.release.at_work(|| work(self))));
        drill::orders(|orders| orders.phone_ends_in = None);
        match done {
            Ok(done) => Some(done),
            Err(panic) => match panic.downcast::<Ended>() {
                Ok(ended) if ended.0 == Side::Phone => {
                    let mut far = lock(far);
                    far.tally.fault(Fault::PhoneEnds);
                    far.tell(|_| format!("phone {}: its process ends", self.n));
                    drop(far);
                    self.restart();
                    self.ended = true;
                    None
                }
                Ok(ended) => resume_unwind(ended),
                Err(panic) => resume_unwind(panic),
            },
        }
    }

    /// The worker does something.
    pub fn act(&mut self, far: &Arc<Mutex<Far>>, dice: &mut Dice, ends_in: Option<u32>) {
        if self.enrolment().is_none() {
            return;
        }
        self.guarded(far, ends_in, |phone| {
            let Some(store) = &phone.store else { return };
            act::make(store, &phone.clock, phone.actor(), &mut lock(far), dice);
        });
        self.observe(&mut lock(far), false);
    }

    /// The worker types.
    pub fn draft(&mut self, far: &Arc<Mutex<Far>>, dice: &mut Dice, ends_in: Option<u32>) {
        let visits: Vec<VisitId> = self.mirrored.iter().filter_map(|id| id.parse().ok()).collect();
        let Some(visit) = dice.pick(&visits).copied() else { return };
        let text = format!("写到一半 {}", dice.below(1000));
        let photo = format!("{visit} {text}");
        let saved = self.guarded(far, ends_in, |phone| {
            let store = phone.store.as_ref().expect("open");
            draft::save(store, visit, "problem", &text, phone.clock.stamp()).expect("a draft is kept");
            blob::keep(store, photo.as_bytes(), "photo.other", Some(visit), "{}".into()).expect("a photo is kept");
        });
        if saved.is_some() {
            self.loose.insert((visit, Sha::of(photo.as_bytes())));
        }
        let place = (visit, "problem".to_owned());
        match saved {
            Some(()) => drop(self.drafts.insert(place, text)),
            None => {
                let found = self.drafts_on_disk().remove(&place);
                if let Some(text) = found {
                    self.drafts.insert(place, text);
                }
            }
        }
        self.observe(&mut lock(far), false);
    }

    /// The phone synchronises; it enrols first where it must and the office gives it a code.
    pub fn sync(&mut self, far: &Arc<Mutex<Far>>, dice: &mut Dice, weather: &Weather, ends_in: Option<u32>) -> Ran {
        let store = Arc::clone(self.store.as_ref().expect("open"));
        let near = Near {
            dice: dice.clone(),
            faults: weather.faults,
            rate: weather.rate,
            store,
            clock: Arc::clone(&self.clock),
            actor: self.actor(),
        };
        lock(far).tell(|_| format!("phone {} of {} synchronises", self.n, w(Some(self.worker))));
        let wire = Wire { far: Arc::clone(far), near: Mutex::new(near) };
        let stands = self.stands(&lock(far));
        let code = if weather.codes && !stands {
            let mut far = lock(far);
            far.tell(|_| format!("the office gives {} a code for phone {}", w(Some(self.worker)), self.n));
            Some(codes::issue(&far.vault, self.worker).expect("a code"))
        } else {
            None
        };
        let before = self.receipt();
        let done = self.guarded(far, ends_in, |phone| phone.run(&wire, code));
        // The wire holds the store: it goes with the process.
        drop(wire);
        let after = self.receipt();
        let ran = match done {
            Some(Ok(run)) => Ran::Done(run),
            Some(Err(stop)) => {
                lock(far).tell(|_| format!("    stopped: {stop}"));
                Ran::Stopped(stop)
            }
            None => Ran::Ended,
        };
        let mut far = lock(far);
        if let Ran::Stopped(Stop::Trouble(trouble)) = &ran {
            far.fail("I14", format!("phone {}: {trouble}", self.n));
        }
        // A restored server may know less than it acknowledged, once; where this phone has pruned what it lacks, it is told so.
        let restored = before.2 != after.2;
        let forked = self.enrolment().is_some_and(|known| known.forked && known.acked == known.floor);
        far.hold("I15", after.0 >= before.0 || before.1 != after.1 || restored || forked, || {
            format!("an answer took back a receipt: {} after {}", after.0, before.0)
        });
        self.observe(&mut far, true);
        ran
    }

    fn receipt(&self) -> (u64, Option<DeviceId>, u64) {
        self.enrolment().map_or((0, None, 0), |known| (known.acked, Some(known.device), known.epoch))
    }

    fn run(&self, wire: &Wire, code: Option<String>) -> Result<Run, Stop> {
        let store = self.store.as_ref().expect("open");
        if let Some(code) = code {
            let invitation = Invitation { url: "http://127.0.0.1:1".into(), code, pin: None, supplier: None };
            joining::enrol(store, &*self.key, wire, &invitation, "示例手机", "0.1.0")?;
            *lock(&self.pass) = None;
        }
        let courier = Courier {
            store,
            key: &*self.key,
            clock: &*self.clock,
            speaker: &self.speaker,
            transport: wire,
            pass: &self.pass,
            load: &self.load,
        };
        courier.run()
    }

    fn actor(&self) -> Actor {
        Actor { worker: self.worker, release: self.release }
    }

    /// Whether it needs no code: its log is its own, its key the one that was enrolled, and the server's epoch none before the
    /// one it knows, as after a restore by a clock that stood ahead and another by one that was set back.
    pub fn stands(&self, far: &Far) -> bool {
        self.enrolment()
            .is_some_and(|known| !known.forked && known.epoch <= far.epoch && joining::is_certified(&known, &*self.key))
    }

    /// Who it is.
    pub fn enrolment(&self) -> Option<Enrolment> {
        self.store.as_ref()?.read::<_, Trouble>(enrolment::find).expect("an enrolment is read")
    }

    /// Keeps its present state as the older one.
    pub fn keep_older(&mut self, far: &Far) {
        self.copies += 1;
        let dir = far.dir.join(format!("older{}-{}", self.n, self.copies));
        copy_files(&self.dir, &dir);
        let (drafts, loose) = (self.drafts.clone(), self.loose.clone());
        self.older = Some(Older { kept: Kept::copy(&self.kept.db), dir, drafts, loose });
    }

    /// Is put back to its older state. Returns the operations that only it had.
    pub fn set_back(&mut self, far: &mut Far) -> Vec<OpId> {
        let Some(older) = self.older.take() else { return Vec::new() };
        let had: Vec<OpId> = self.rows.values().map(|row| row.op).collect();
        self.store = None;
        self.kept = older.kept;
        self.dir = older.dir;
        (self.drafts, self.loose) = (older.drafts, older.loose);
        self.rows.clear();
        self.open();
        far.tell(|_| format!("phone {}: its folder is put back to an older state", self.n));
        self.observe(far, false);
        let has: BTreeSet<OpId> = self.rows.values().map(|row| row.op).collect();
        had.into_iter().filter(|op| !has.contains(op)).collect()
    }

    /// A second phone with a copy of everything, in a handset of its own.
    pub fn cloned(&self, far: &mut Far, n: usize, handset: usize) -> Self {
        let dir = far.dir.join(format!("phone{n}"));
        copy_files(&self.dir, &dir);
        far.tell(|_| format!("phone {} is copied to phone {n}", self.n));
        let mut clone = Self {
            n,
            handset,
            rows: BTreeMap::new(),
            older: None,
            kept: Kept::copy(&self.kept.db),
            dir,
            store: None,
            clock: Arc::clone(&far.clocks[handset]),
            key: Arc::clone(&self.key),
            spare: self.spare.clone(),
            pass: Mutex::new(None),
            load: AtomicUsize::new(BATCH_BYTES),
            speaker: self.speaker.clone(),
            drafts: self.drafts.clone(),
            loose: self.loose.clone(),
            mirrored: BTreeSet::new(),
            copies: 0,
            ..*self
        };
        clone.open();
        clone.observe(far, false);
        clone
    }

    /// The database as it is on the disk.
    pub fn disk(&self) -> &rusqlite::Connection {
        &self.kept.db
    }

    /// The folder of its files.
    pub fn files(&self) -> PathBuf {
        self.dir.join(blob::FOLDER)
    }
}
