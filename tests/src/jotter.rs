//! A real phone that notes things down and sends them: a visit born on it, ticks with a running number, photos. What
//! the tests of crashes and bad networks drive, in their own process and as processes that are killed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::app::{Config, Connect, FieldApp};
use nuanfang_core::device::clock::{Clock, SystemClock};
use nuanfang_core::device::courier::{Answer, Call, Transport, Unreachable};
use nuanfang_core::device::http::Http;
use nuanfang_core::device::status::SyncStatus;
use nuanfang_core::domain::kind::{AnswerState, ItemAnswer};
use nuanfang_core::domain::worker_event::{ItemsAnswered, Opened, Photographed};
use nuanfang_core::domain::{Command, VisitKind, role};
use nuanfang_core::error::Refusal;
use nuanfang_core::id::{HouseholdId, VisitId};
use nuanfang_core::record::SoftwareKey;
use nuanfang_demo::picture::{self, Subject};
use uuid::Uuid;

/// Every how many notes one comes with a photo.
pub const PHOTO_EVERY: u32 = 3;

/// The phone.
pub struct Jotter {
    /// The app.
    pub app: FieldApp,
    /// Its key.
    pub key: Arc<SoftwareKey>,
    heard: Heard,
    dir: PathBuf,
}

type Heard = Arc<Mutex<Vec<(String, Answer)>>>;

/// HTTP that remembers what was answered.
struct Listening {
    way: Http,
    heard: Heard,
}

impl Transport for Listening {
    fn call(&self, call: &Call) -> Result<Answer, Unreachable> {
        let answer = self.way.call(call)?;
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push((call.path.clone(), answer.clone()));
        Ok(answer)
    }
}

impl Jotter {
    /// Opens the phone in `dir`, with the machine's clocks.
    pub fn open(dir: &Path) -> Self {
        Self::with(Config::new(dir.join("app")), dir, Arc::new(SystemClock::new()))
    }

    /// Opens the phone in `dir` as it is set up.
    pub fn with(config: Config, dir: &Path, clock: Arc<dyn Clock>) -> Self {
        std::fs::create_dir_all(dir).expect("a folder");
        let file = dir.join("device-key");
        if !file.exists() {
            std::fs::write(&file, SoftwareKey::generate().to_pkcs8_der()).expect("the key is kept");
        }
        let der = std::fs::read(file).expect("the key");
        let key = Arc::new(SoftwareKey::from_pkcs8_der(&der).expect("a key"));
        let heard = Heard::default();
        let listener = Arc::clone(&heard);
        let connect: Connect = Arc::new(move |url, trust| {
            Ok(Arc::new(Listening { way: Http::new(url, trust)?, heard: Arc::clone(&listener) }))
        });
        let app = FieldApp::open_over(config, key.clone(), clock, connect).expect("the app opens");
        Self { app, key, heard, dir: dir.to_owned() }
    }

    /// What was answered since this was last asked, by path.
    pub fn heard(&self) -> Vec<(String, Answer)> {
        std::mem::take(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Enrols it.
    pub fn enrol(&self, invitation: &str) {
        self.app.enrol(invitation, "示例手机").expect("enrolled");
    }

    /// The visit that notes go into: born here, once.
    pub fn visit(&self) -> VisitId {
        if let Some(first) = self.app.visits().expect("the visits").first() {
            return first.visit;
        }
        let household = HouseholdId(Uuid::from_u128(598));
        let opened = Opened { kind: VisitKind::Repair, household, reason: "示例：漏水".into(), emergency: true };
        self.app.open_visit(&opened).expect("opened").view.visit
    }

    /// Saves note number `n`; it is on the disk when this returns.
    pub fn note(&self, n: u32) {
        let visit = self.visit();
        if n.is_multiple_of(PHOTO_EVERY) {
            let photo = self.photo(n);
            let photographed = Photographed { role: role::PHOTO_OTHER.into(), subject: None, place: None };
            self.app.act(visit, &Command::Photograph(photographed), &[photo]).expect("saved");
        }
        let answer = ItemAnswer {
            item: "F7-1".into(),
            state: AnswerState::Satisfied,
            ground: None,
            note: Some(format!("示例第 {n} 条")),
        };
        let answered = Command::AnswerItems(ItemsAnswered { answers: vec![answer] });
        self.app.act(visit, &answered, &[]).expect("saved");
    }

    /// Takes a picture that nobody else takes.
    pub fn photo(&self, n: u32) -> Sha {
        let own = Sha::of(self.dir.as_os_str().as_encoded_bytes()).0;
        let seed = u64::from_be_bytes([own[0], own[1], own[2], own[3], 0, 0, 0, 0]) + u64::from(n);
        // Its size is its own: there are fewer colours than pictures in a long run.
        let bytes = picture::photo(Subject::Valve, 640 + n % 64, 480 + n / 64, seed);
        self.app.capture_photo(self.visit(), role::PHOTO_OTHER, &bytes).expect("a photo").sha
    }

    /// One run of the exchange.
    ///
    /// # Errors
    /// Why it stopped.
    pub fn sync(&self) -> Result<SyncStatus, Refusal> {
        self.app.sync_once()
    }

    /// One run that must leave nothing behind.
    pub fn send_all(&self) -> SyncStatus {
        let status = self.sync().expect("it goes through");
        assert_eq!((status.ops_waiting, status.files_waiting), (0, 0), "{status:?}");
        status
    }

    /// Position and id of everything in its log, oldest first.
    pub fn log(&self) -> Vec<(u64, Uuid)> {
        let mut all: Vec<(u64, u64, Uuid)> = Vec::new();
        loop {
            let page = self.app.records(all.last().map(|(n, ..)| *n), 500).expect("the records");
            if page.is_empty() {
                break;
            }
            all.extend(page.into_iter().map(|record| (record.n, record.seq, record.op.0)));
        }
        all.reverse();
        all.into_iter().map(|(_, seq, op)| (seq, op)).collect()
    }
}
