//! The far side of the network: the server's process, what it keeps, its backup, and the time.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use nuanfang_core::device::clock::SoftwareClock;
use nuanfang_core::device::courier::{Answer, Call};
use nuanfang_core::device::http::ANSWER_LIMIT;
use nuanfang_core::device::packing;
use nuanfang_core::drill::{self, Ended, Side};
use nuanfang_core::id::{DeviceId, OpId, VisitId};
use nuanfang_core::time::Millis;
use nuanfang_server::clock::Clock;
use nuanfang_server::office::rebuild;
use nuanfang_server::office::rescue::{self, Refused};
use nuanfang_server::office::restore::{Damaged, fill_store};
use nuanfang_server::store::StoreError;
use nuanfang_server::store::ship::place::Place;
use nuanfang_server::store::ship::{self, reader, vault_copy};
use nuanfang_server::store::sqlite::Sqlite;
use nuanfang_server::store::vault::Vault;
use nuanfang_server::{AppState, http};
use std::collections::HashMap;
use tower::ServiceExt;

use crate::course::{Course, Heard};
use crate::ground::{BEGIN, Ground, Kept, Time, open_server};
use crate::ledger::{Known, Ledger, Recorded};
use crate::plan::Fault;
use crate::release::Release;
use crate::tally::{Failure, Tally};

/// What the server knew when its log was shipped: what a restore of it brings back.
#[derive(Clone)]
pub struct Saved {
    /// The last envelope.
    through: i64,
    /// What was known up to there.
    pub known: Known,
}

/// What came of a request at the server.
pub enum Handled {
    /// An answer left.
    Answer(Answer),
    /// The process ended over it.
    Ended,
    /// There is no process.
    Down,
}

/// The far side.
pub struct Far {
    /// The server's process.
    pub server: Option<(AppState, Router)>,
    /// Its database, as committed.
    pub kept: Kept,
    /// Its folder.
    pub dir: PathBuf,
    /// Its secrets.
    pub vault: Arc<Vault>,
    /// What is in the backup.
    pub saved: Option<Saved>,
    /// What is on a disk that was once a copy of it, and lies in a drawer since.
    pub drawer: Option<Saved>,
    /// The server was once restored from such a disk: a file that was safe in the newer one may be nowhere.
    pub older: bool,
    /// What may be there beyond that: the process ended over shipping it.
    maybe: Vec<Saved>,
    /// What it should know.
    pub known: Known,
    /// What was ever made.
    pub ledger: Ledger,
    /// All visits that ever were, restores notwithstanding.
    pub visits: Vec<VisitId>,
    /// The furthest each log was ever acknowledged.
    pub acked: HashMap<DeviceId, u64>,
    /// Which release the server is.
    pub release: Release,
    /// The newest release that the server ever was.
    newest: Release,
    /// Rows that an older release wrote were made anew.
    pub made_anew: bool,
    /// Which epoch it is; 1 before the first restore.
    pub epoch: u64,
    /// The server's clock.
    pub time: Arc<Time>,
    /// How it went.
    pub course: Course,
    /// What the request at work tells of it.
    pub heard: Option<Heard>,
    /// The handsets' clocks.
    pub clocks: Vec<Arc<SoftwareClock>>,
    /// Requests that may arrive again.
    pub ghosts: Vec<(Millis, Call)>,
    /// Answers that were once given.
    pub replies: Vec<Vec<u8>>,
    /// Counts.
    pub tally: Tally,
    /// The first promise that did not hold.
    pub failure: Option<Failure>,
    /// The story, if it is told.
    pub story: Option<Vec<String>>,
    keys: Arc<nuanfang_server::keys::Keys>,
    runtime: Arc<tokio::runtime::Runtime>,
    backup: Arc<Place>,
}

impl Far {
    /// The far side of a new run.
    pub fn new(ground: &Ground, tell: bool, release: Release) -> Self {
        let (dir, vault, kept) = ground.run();
        let backup = Arc::new(Place::make(&dir.join("backup")).expect("a place"));
        let mut far = Self {
            server: None,
            kept,
            vault,
            saved: None,
            drawer: None,
            older: false,
            maybe: Vec::new(),
            known: Known::default(),
            ledger: Ledger::default(),
            visits: Vec::new(),
            acked: HashMap::new(),
            release,
            newest: release,
            made_anew: false,
            epoch: 1,
            time: Arc::new(Time(AtomicI64::new(BEGIN.0 + 60_000))),
            course: Course::default(),
            heard: None,
            clocks: Vec::new(),
            ghosts: Vec::new(),
            replies: Vec::new(),
            tally: Tally::default(),
            failure: None,
            story: tell.then(Vec::new),
            keys: Arc::clone(&ground.keys),
            runtime: Arc::clone(&ground.runtime),
            backup,
            dir,
        };
        far.open();
        far.known.g = far.kept.db.query_row("SELECT max(g) FROM envelope", [], |row| row.get(0)).expect("a log");
        far
    }

    /// True time.
    pub fn now(&self) -> Millis {
        Millis(self.shown().0 - self.course.ahead())
    }

    /// What the server's clock shows.
    pub fn shown(&self) -> Millis {
        Millis(self.time.0.load(Ordering::Relaxed))
    }

    /// Somebody sets the server's clock, `ahead` of the true time.
    pub fn set_clock(&mut self, ahead: i64) {
        let now = self.now();
        self.course.set(now, ahead);
        self.time.0.store(now.0 + ahead, Ordering::Relaxed);
        self.tell(|_| format!("the server's clock is set, {} s off", ahead / 1000));
    }

    /// Lets time pass, everywhere.
    pub fn pass(&mut self, ms: u64) {
        self.time.0.fetch_add(ms as i64, Ordering::Relaxed);
        for clock in &self.clocks {
            clock.advance_ms(ms);
        }
    }

    /// Tells a line of the story.
    pub fn tell(&mut self, line: impl FnOnce(&Self) -> String) {
        let Some(mut story) = self.story.take() else { return };
        let at = self.now().0 - BEGIN.0;
        story.push(format!("{:>12.1}s  {}", at as f64 / 1000.0, line(self)));
        self.story = Some(story);
    }

    /// Notes a promise that did not hold; the first one counts.
    pub fn fail(&mut self, invariant: &'static str, what: impl Into<String>) {
        if self.failure.is_none() {
            let what = what.into();
            self.tell(|_| format!("!! {invariant}: {what}"));
            self.failure = Some(Failure { invariant, what });
        }
    }

    /// One look at a promise.
    pub fn hold(&mut self, invariant: &'static str, holds: bool, what: impl FnOnce() -> String) {
        self.tally.checks += 1;
        if !holds {
            self.fail(invariant, what());
        }
    }

    /// Starts the server's process.
    pub fn open(&mut self) {
        drill::orders(|orders| {
            orders.server_ends_in = None;
            orders.disk_refuses_in = None;
            orders.forget_positions();
        });
        let (vault, keys, time) = (Arc::clone(&self.vault), Arc::clone(&self.keys), Arc::clone(&self.time));
        let (dir, name) = (self.dir.join("server"), self.kept.name.clone());
        match self.release.at_work(|| open_server(&dir, &name, vault, keys, time)) {
            Ok(state) => {
                let router = http::phone().with_state(state.clone());
                self.server = Some((state, router));
                if self.release == Release::This {
                    let ops = self.known.not_understood(&self.ledger);
                    self.known.take(self.release, &self.ledger, Recorded::Understood(ops));
                }
            }
            Err(error) => self.fail("I14", format!("the server does not start: {error}")),
        }
    }

    /// Starts it as another release. After an older one wrote rows of what it has no word for, all of them are made anew from
    /// the log, by the command that the company has for it.
    pub fn becomes(&mut self, release: Release) {
        self.end();
        let rebuilt = self.is_put_back();
        self.release = release;
        if release == Release::This {
            self.newest = release;
        }
        self.tell(|_| format!("the server becomes {}", release.name()));
        self.open();
        if let (true, Some((state, _))) = (rebuilt, self.server.clone()) {
            self.made_anew = true;
            let done = release.at_work(|| state.store.write_blocking::<_, StoreError, _>(0, rebuild::rebuild));
            self.hold("I9", done.is_ok(), || format!("what follows from the log can't be made anew: {:?}", done.err()));
        }
    }

    /// Whether it is an older release than it was: what it has no word for is not in the rows that it writes, so that what
    /// was done by such a word is open again.
    pub fn is_put_back(&self) -> bool {
        self.release != self.newest
    }

    /// Ends it, between two effects.
    pub fn end(&mut self) {
        self.server = None;
        drill::orders(|orders| {
            orders.server_ends_in = None;
            orders.disk_refuses_in = None;
        });
    }

    /// Runs what may end the server's process. `None` when it did.
    pub fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let release = self.release;
        match catch_unwind(AssertUnwindSafe(|| release.at_work(|| work(self)))) {
            Ok(done) => Some(done),
            Err(panic) => match panic.downcast::<Ended>() {
                Ok(ended) if ended.0 == Side::Server => {
                    self.tally.fault(Fault::ServerEnds);
                    self.tell(|_| "the server's process ends".into());
                    self.end();
                    None
                }
                Ok(ended) => resume_unwind(ended),
                Err(panic) => resume_unwind(panic),
            },
        }
    }

    /// A request arrives. `cut`: its body ends after so many bytes, in an error.
    pub fn handle(&mut self, call: &Call, cut: Option<usize>) -> Handled {
        let Some((_, router)) = &self.server else { return Handled::Down };
        let mut request = axum::http::Request::builder().method(call.method).uri(&call.path);
        if let Some(token) = &call.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if call.json {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let packed = if call.pack && cut.is_none() { packing::pack(&call.body, call.dictionary) } else { None };
        if packed.is_some() {
            request = request.header("content-encoding", "zstd");
        }
        if call.pack {
            request = request.header("accept-encoding", "zstd");
        }
        let body = match cut {
            None => Body::from(packed.unwrap_or_else(|| call.body.clone())),
            Some(at) => {
                let cut = Err(std::io::Error::other("cut"));
                let pieces = [Ok(Bytes::copy_from_slice(&call.body[..at.min(call.body.len())])), cut];
                Body::from_stream(tokio_stream::iter(pieces))
            }
        };
        let request = request.body(body).expect("a request");
        let (router, runtime) = (router.clone(), Arc::clone(&self.runtime));
        let handled = self.guarded(|_| {
            runtime.block_on(async move {
                let response = router.oneshot(request).await.expect("the router answers");
                let (parts, body) = response.into_parts();
                let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
                let body = to_bytes(body, usize::MAX).await.expect("a body");
                let packed = text("content-encoding") == Some("zstd");
                Answer {
                    status: parts.status.as_u16(),
                    retry_after_s: text("retry-after").and_then(|value| value.parse().ok()),
                    upload_offset: text("upload-offset").and_then(|value| value.parse().ok()),
                    upload_complete: text("upload-complete") == Some("?1"),
                    body: if packed {
                        packing::unpack(&body[..], ANSWER_LIMIT).expect("what the server packed")
                    } else {
                        body.to_vec()
                    },
                }
            })
        });
        handled.map_or(Handled::Ended, Handled::Answer)
    }

    /// A rescue file is handed in that holds these operations. Where the process ends over it, it is handed in another time.
    pub fn rescued(&mut self, file: &Path, ops: &[OpId]) {
        let Some((state, _)) = self.server.clone() else { return };
        self.tally.fault(Fault::Rescued);
        let file = std::fs::File::open(file).expect("a rescue file");
        let done = self.guarded(|_| rescue::rescue(&state, file));
        self.take_in();
        match done {
            Some(Ok(_)) => {
                let missing = ops.iter().filter(|op| !self.known.got.contains_key(op)).count();
                self.hold("I1", missing == 0, || {
                    format!("a rescue file was taken in without {missing} of its operations")
                });
            }
            // Its disk refused a commit.
            Some(Err(Refused::Store(_))) | None => {}
            Some(Err(refused)) => self.fail("I7", format!("a rescue file is refused: {refused}")),
        }
    }

    /// Ships what is new to the backup. Whether all of it is there.
    pub fn ship(&mut self) -> bool {
        let Some((state, _)) = self.server.clone() else { return false };
        let saved = Saved { through: self.head(), known: self.known.clone() };
        let before = self.safe_sum();
        let to = Arc::clone(&self.backup);
        let done = self.guarded(move |_| {
            let seen = state.seen.take_changed();
            let _ = state.store.write_blocking::<_, StoreError, _>(0, move |writing| {
                nuanfang_server::office::seen::save(writing.tx, &seen)
            });
            ship::prepare(&state.store, &to)?;
            while ship::ship(&state.store, &to)? {}
            Ok::<_, StoreError>(())
        });
        let whole = matches!(done, Some(Ok(())));
        self.tell(|_| format!("the log is shipped to the backup{}", if whole { "" } else { ", not to its end" }));
        if whole || self.safe_sum() > before {
            if whole && self.drawer.is_none() {
                copy(&self.dir.join("backup"), &self.dir.join("drawer"));
                self.drawer = Some(saved.clone());
            }
            self.saved = Some(saved);
            self.maybe.clear();
        } else {
            self.maybe.push(saved);
        }
        whole
    }

    fn safe_sum(&self) -> i64 {
        let mut query = self.kept.db.prepare_cached("SELECT coalesce(sum(safe), 0) FROM writer").expect("sql");
        query.query_row([], |row| row.get(0)).expect("a sum")
    }

    /// Loses the server's folder and makes it again from the backup, by the code that a company runs on the worst day; not
    /// by an older release than any that wrote it.
    pub fn restore(&mut self) {
        self.release = self.newest;
        self.newest.at_work(|| self.made_again());
        if self.failure.is_none() {
            self.open();
        }
    }

    /// The same from the disk in the drawer, since the backup is lost too.
    pub fn restore_older(&mut self) {
        let Some(older) = self.drawer.take() else { return };
        self.tell(|_| "the backup is lost, an older disk is there".into());
        let (backup, drawer) = (self.dir.join("backup"), self.dir.join("drawer"));
        std::fs::remove_dir_all(&backup).expect("the backup is lost");
        std::fs::rename(&drawer, &backup).expect("an older disk");
        (self.saved, self.older) = (Some(older), true);
        self.maybe.clear();
        // Of a restore since, that disk knows nothing: the time alone tells the two apart.
        self.pass(1000);
        self.restore();
    }

    fn made_again(&mut self) {
        let key = vault_copy::known_key(&self.vault).expect("a vault").expect("a recovery key");
        self.end();
        let dir = self.dir.join("server");
        std::fs::remove_dir_all(&dir).expect("the folder is lost");
        std::fs::create_dir_all(&dir).expect("a folder");
        let secrets = match reader::vault(&self.backup, &key) {
            Ok(Some(secrets)) => secrets,
            Ok(None) => return self.fail("I12", "the backup holds no vault"),
            Err(error) => return self.fail("I12", format!("the backup's vault: {error}")),
        };
        self.vault = Arc::new(Vault::open(&dir).expect("a vault"));
        self.vault.fill(&secrets).expect("filled");
        self.kept = Kept::new();
        let store = Sqlite::open_in_memory(&dir, &self.kept.name, Arc::clone(&self.vault), Arc::clone(&self.keys));
        let store = store.expect("an empty store");
        let restored = match fill_store(
            &self.backup,
            &secrets,
            &store,
            Arc::clone(&self.time) as Arc<dyn Clock>,
            Damaged::Refused,
        ) {
            Ok(restored) => restored,
            Err(error) => return self.fail("I12", format!("the backup can't be restored: {error}")),
        };
        drop(store);
        let mut found: Vec<Saved> = self.saved.take().into_iter().chain(self.maybe.drain(..)).collect();
        found.retain(|saved| saved.through.unsigned_abs() == restored.envelopes);
        let Some(saved) = found.pop() else {
            return self.fail("I12", format!("envelope {} was the head at no ship", restored.envelopes));
        };
        (self.known, self.epoch) = (saved.known.again(self.release, &self.ledger), restored.epoch);
        self.known.restored = self.known.restored.max(Some(self.shown()));
        self.saved = Some(saved);
        self.look_at_log();
        self.tell(|far| {
            format!("the server is restored from its backup by {}, epoch {}", far.release.name(), far.epoch)
        });
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.server = None;
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
