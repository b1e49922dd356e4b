//! What goes wrong on the phone itself: a platform that throws, files that don't go, a damaged database. The app goes on
//! as far as it can, and promises no more than is true.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nuanfang_core::device::app::{Config, Connect, FieldApp};
use nuanfang_core::device::clock::{Clock, SoftwareClock};
use nuanfang_core::device::courier::{Answer, Call, Transport, Unreachable};
use nuanfang_core::device::outbox;
use nuanfang_core::device::status::SyncState;
use nuanfang_core::device::store::FILE;
use nuanfang_core::device::trouble::Trouble;
use nuanfang_core::domain::worker_event::Opened;
use nuanfang_core::domain::{Command, VisitKind, role};
use nuanfang_core::error::Refusal;
use nuanfang_core::record::SoftwareKey;
use nuanfang_core::time::Stamp;

use crate::fake_server::FakeServer;
use crate::field::{self, Field, HOUSEHOLD, MORNING, jpeg};
use crate::phone::Phone;

/// Bytes of a page of the phone's database.
const PAGE: usize = 8192;

/// A platform that throws once it is told to, and works again: its clocks, or its way to the server.
struct Faltering {
    clock: SoftwareClock,
    server: FakeServer,
    clock_throws: AtomicBool,
    way_throws: AtomicBool,
    /// How often a way was made.
    ways: AtomicU32,
}

/// The same platform as a way to the server.
struct Way(Arc<Faltering>);

impl Clock for Faltering {
    fn stamp(&self) -> Stamp {
        assert!(!self.clock_throws.swap(false, Ordering::Relaxed), "示例：平台出错");
        self.clock.stamp()
    }
}

impl Transport for Way {
    fn call(&self, call: &Call) -> Result<Answer, Unreachable> {
        assert!(!self.0.way_throws.swap(false, Ordering::Relaxed), "示例：平台出错");
        self.0.server.call(call)
    }
}

fn open(dir: &Path, platform: &Arc<Faltering>) -> Result<FieldApp, Refusal> {
    let own = Arc::clone(platform);
    let connect: Connect = Arc::new(move |_, _| {
        own.ways.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Way(Arc::clone(&own))))
    });
    let key = Arc::new(SoftwareKey::from_secret(&[9; 32]).unwrap());
    FieldApp::open_over(Config::new(dir), key, platform.clone(), connect)
}

fn platform() -> Arc<Faltering> {
    Arc::new(Faltering {
        clock: SoftwareClock::at(MORNING),
        server: FakeServer::new(),
        clock_throws: AtomicBool::new(false),
        way_throws: AtomicBool::new(false),
        ways: AtomicU32::new(0),
    })
}

/// Enrolled, with one operation to send.
fn one_op(dir: &Path, platform: &Arc<Faltering>) -> FieldApp {
    let app = open(dir, platform).unwrap();
    app.enrol(&field::invitation(), "测试机").unwrap();
    let reason = "邻居家漏水".to_owned();
    app.open_visit(&Opened { kind: VisitKind::Repair, household: HOUSEHOLD, reason, emergency: true }).unwrap();
    app
}

#[test]
fn a_platform_that_throws_in_a_run_stops_that_run_alone() {
    for part in 0..2 {
        let dir = tempfile::tempdir().unwrap();
        let platform = platform();
        let app = one_op(dir.path(), &platform);
        [&platform.clock_throws, &platform.way_throws][part].store(true, Ordering::Relaxed);
        let refusal = app.sync_once().unwrap_err();
        assert_eq!(refusal.code, "sync.broke_off");
        assert!(refusal.zh.contains("平台出错") && refusal.zh.contains("记录都在本机"), "{}", refusal.zh);
        let status = app.status().unwrap();
        assert_eq!((status.state, status.ops_waiting), (SyncState::Retrying, 1));
        let status = app.sync_once().unwrap();
        assert_eq!((status.state, status.ops_waiting), (SyncState::Idle, 0));
    }
}

/// A link that is dead at first: whoever calls hangs until somebody is in a hurry.
struct DeadAtFirst {
    server: FakeServer,
    asked: Mutex<Sender<String>>,
    dead: Mutex<Option<Receiver<Infallible>>>,
    hurry: Mutex<Option<Sender<Infallible>>>,
}

impl Transport for DeadAtFirst {
    fn call(&self, call: &Call) -> Result<Answer, Unreachable> {
        self.asked.lock().unwrap().send(call.path.clone()).unwrap();
        match self.dead.lock().unwrap().take() {
            Some(hurried) => {
                let _ = hurried.recv();
                Err(Unreachable::Slow)
            }
            None => self.server.call(call),
        }
    }

    fn hurry(&self) {
        drop(self.hurry.lock().unwrap().take());
    }
}

#[test]
fn a_tap_during_a_call_that_hangs_leads_to_another_try() {
    let dir = tempfile::tempdir().unwrap();
    let platform = platform();
    drop(one_op(dir.path(), &platform));
    let (asked, calls) = mpsc::channel();
    let (hurry, dead) = mpsc::channel();
    let way = Arc::new(DeadAtFirst {
        server: platform.server.clone(),
        asked: Mutex::new(asked),
        dead: Mutex::new(Some(dead)),
        hurry: Mutex::new(Some(hurry)),
    });
    let connect: Connect = Arc::new(move |_, _| Ok(way.clone()));
    let key = Arc::new(SoftwareKey::from_secret(&[9; 32]).unwrap());
    let app = FieldApp::open_over(Config::new(dir.path()), key, platform.clone(), connect).unwrap();
    app.start_sync().unwrap();
    let next = || calls.recv_timeout(Duration::from_secs(60)).expect("a call");
    assert_eq!(next(), "/v1/challenge");
    app.sync_now();
    assert_eq!([next(), next(), next()], ["/v1/challenge", "/v1/token", "/v1/sync"]);
    app.stop_sync();
}

#[test]
fn the_way_that_a_run_broke_off_on_is_not_gone_again() {
    let dir = tempfile::tempdir().unwrap();
    let platform = platform();
    let app = one_op(dir.path(), &platform);
    let ways = || platform.ways.load(Ordering::Relaxed);
    for _ in 0..2 {
        app.sync_once().unwrap();
        assert_eq!(ways(), 2, "one to enrol, one for all that is well");
    }
    platform.way_throws.store(true, Ordering::Relaxed);
    assert!(app.sync_once().is_err());
    app.sync_once().unwrap();
    assert_eq!(ways(), 3);
}

#[test]
fn a_panic_in_the_midst_of_a_write_leaves_nothing_of_it_and_the_next_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let phone = Phone::enrolled(dir.path(), &FakeServer::new());
    phone.say("一");
    let broke_off = catch_unwind(AssertUnwindSafe(|| {
        phone.store.write::<(), Trouble>(|transaction| {
            outbox::append(transaction, phone.op("不算", Vec::new()))?;
            panic!("示例：平台出错")
        })
    }));
    assert!(broke_off.is_err());
    phone.say("二");
    assert_eq!(phone.texts(), ["一", "二"]);
}

#[test]
fn what_can_not_be_swept_away_stands_in_nobodys_way() {
    let field = Field::with_visit(VisitKind::Repair);
    field.act(&Command::Acknowledge);
    let loose = field.app.capture_photo(field.visit, role::PHOTO_AFTER, &jpeg("loose")).unwrap();
    let folder = field.dir.path().join("blobs");
    // What is a folder does not go as a file does.
    for name in ["0123", "4567.tmp", "89ab"] {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("cdef"), b"renamed, no row").unwrap();
    let field = field.killed();
    assert_eq!(field.blob_count(), (1, 4), "all that does go went");
    let status = field.app.sync_once().unwrap();
    assert_eq!((status.state, status.ops_waiting), (SyncState::Idle, 0));
    field.app.discard_photo(loose.sha).unwrap();
    assert_eq!(field.blob_count(), (0, 3));
}

#[test]
fn a_photo_that_the_disk_does_not_give_is_not_told_as_a_step_that_was_not_saved() {
    let field = Field::with_visit(VisitKind::Repair);
    let photo = field.app.capture_photo(field.visit, role::PHOTO_AFTER, &jpeg("读不出")).unwrap();
    field.lose_file(photo.sha);
    let gone = field.app.photo(photo.sha).unwrap_err();
    assert_eq!(gone.code, "device.damaged");
    assert!(gone.en.is_ascii(), "no Chinese in the English: {}", gone.en);
    // Something of its name is there, and can't be read as a file.
    std::fs::create_dir(field.file_of(photo.sha)).unwrap();
    let unread = field.app.photo(photo.sha).unwrap_err();
    assert_eq!(unread.code, "device.unread");
    assert!(unread.zh.contains("没有改动") && unread.zh.contains("再试一次"), "{}", unread.zh);
}

#[test]
fn a_damaged_database_is_told_as_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let platform = platform();
    let app = one_op(dir.path(), &platform);
    app.suspend().unwrap();
    drop(app);
    let path = dir.path().join(FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[PAGE..].fill(0xFF);
    std::fs::write(&path, &bytes).unwrap();
    // Where the first page holds all names of the tables, it opens.
    let told = match open(dir.path(), &platform) {
        Err(refusal) => vec![refusal],
        Ok(app) => vec![app.enrolment().unwrap_err(), app.sync_once().unwrap_err()],
    };
    for refusal in told {
        assert_eq!(refusal.code, "device.damaged");
        assert!(refusal.zh.contains("不要卸载"), "{}", refusal.zh);
        assert!(!refusal.zh.contains("再做一次") && !refusal.zh.contains("记录都在本机"), "{}", refusal.zh);
    }
}
