//! A page of the phone's database that has gone bad: what can still be read goes on, is sent, and is told from what is lost.

use std::path::Path;
use std::sync::Arc;

use nuanfang_core::device::app::{Config, Connect, FieldApp};
use nuanfang_core::device::clock::SoftwareClock;
use nuanfang_core::device::status::SyncState;
use nuanfang_core::device::store::FILE;
use nuanfang_core::domain::worker_event::Opened;
use nuanfang_core::domain::{Command, VisitKind, role};
use nuanfang_core::id::VisitId;
use nuanfang_core::record::SoftwareKey;
use nuanfang_core::time::Millis;
use nuanfang_core::wire::Op;
use rusqlite::Connection;
use uuid::Uuid;

use crate::fake_server::{FakeServer, Lie};
use crate::field::{self, HOUSEHOLD, MORNING, jpeg};

const PAGE: usize = 8192;

/// The key of the database, where there is one.
const KEY: Option<[u8; 32]> = if cfg!(feature = "sqlcipher") { Some([5; 32]) } else { None };

struct Worker {
    app: FieldApp,
}

fn open(dir: &Path, server: &FakeServer) -> FieldApp {
    let own = server.clone();
    let connect: Connect = Arc::new(move |_, _| Ok(Arc::new(own.clone())));
    let key = Arc::new(SoftwareKey::from_secret(&[9; 32]).unwrap());
    let config = Config { key: KEY, ..Config::new(dir) };
    FieldApp::open_over(config, key, Arc::new(SoftwareClock::at(MORNING)), connect).unwrap()
}

impl Worker {
    fn enrolled(dir: &Path, server: &FakeServer) -> Self {
        let app = open(dir, server);
        app.enrol(&field::invitation(), "测试机").unwrap();
        Self { app }
    }

    /// Logs something, at such length that its record has pages of its own.
    fn says(&self, what: &str) {
        self.says_with(what, None);
    }

    /// The same, with a photo.
    fn says_with(&self, what: &str, photo: Option<&str>) {
        let visit = VisitId(Uuid::now_v7());
        let reason = format!("{what}：{}", "邻居家漏水。".repeat(1_500));
        let opened = Opened { kind: VisitKind::Repair, household: HOUSEHOLD, reason, emergency: true };
        let photos = photo.map(|photo| self.app.capture_photo(visit, role::PHOTO_AFTER, &jpeg(photo)).unwrap().sha);
        self.app.act(visit, &Command::Open(opened), photos.as_slice()).unwrap();
    }

    /// One of whose two records a page went bad with, so that the database was made anew and the damaged file lies beside it.
    fn beside_a_damaged_file(dir: &Path, server: &FakeServer) -> Self {
        let worker = Self::enrolled(dir, server);
        worker.says("一");
        worker.says("二");
        let worker = worker.with_a_bad_page(dir, server, 1);
        worker.app.sync_once().unwrap();
        assert!(dir.join("phone.damaged").exists());
        worker
    }

    /// The app is ended, a page of its database goes bad that holds one record and no other, and the app is opened again.
    fn with_a_bad_page(self, dir: &Path, server: &FakeServer, seq: i64) -> Self {
        self.app.suspend().unwrap();
        drop(self);
        spoil(dir, seq);
        Self { app: open(dir, server) }
    }
}

/// A connection that goes past the app.
fn raw(dir: &Path) -> Connection {
    raw_at(&dir.join(FILE))
}

fn raw_at(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    if let Some(key) = KEY {
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        connection.execute_batch(&format!("PRAGMA key = \"x'{hex}'\"; PRAGMA page_size = {PAGE}")).unwrap();
    }
    connection
}

fn spoil(dir: &Path, seq: i64) {
    let file = dir.join(FILE);
    let whole = std::fs::read(&file).unwrap();
    let last: i64 = raw(dir).query_row("SELECT max(seq) FROM outbox", [], |row| row.get(0)).unwrap();
    // As bytes: what only reads as no text is still read.
    let sql = "SELECT CAST(body AS BLOB), sha FROM outbox WHERE seq = ?1";
    let stands = |seq: i64| raw(dir).query_row(sql, [seq], |row| row.get::<_, Vec<u8>>(0)).is_ok();
    let spoiled = (1..whole.len() / PAGE).find(|page| {
        let mut bytes = whole.clone();
        bytes[page * PAGE..][..PAGE].fill(0xFF);
        std::fs::write(&file, &bytes).unwrap();
        !stands(seq) && (1..=last).all(|other| other == seq || stands(other))
    });
    assert!(spoiled.is_some(), "a page of that record alone");
}

/// A table's first page goes bad.
fn spoil_root(dir: &Path, table: &str) {
    let sql = "SELECT rootpage FROM sqlite_master WHERE name = ?1";
    let root: u32 = raw(dir).query_row(sql, [table], |row| row.get(0)).unwrap();
    let mut bytes = std::fs::read(dir.join(FILE)).unwrap();
    bytes[(root as usize - 1) * PAGE..][..PAGE].fill(0xFF);
    std::fs::write(dir.join(FILE), &bytes).unwrap();
}

/// What the records say that the server has, by what [`Worker::says`] was told, device by device.
fn sent(server: &FakeServer) -> Vec<Vec<String>> {
    let what = |op: &Op| {
        let body: serde_json::Value = serde_json::from_str(op.body.get()).unwrap();
        body["reason"].as_str().unwrap().split('：').next().unwrap().to_owned()
    };
    server.with(|state| {
        let mut devices: Vec<_> = state.logs.iter().collect();
        devices.sort_by_key(|(device, _)| **device);
        devices.iter().map(|(_, log)| log.ops.iter().map(|(op, _)| what(op)).collect()).collect()
    })
}

#[test]
fn a_record_that_can_not_be_read_stops_none_behind_it_and_no_photo_and_its_worker_is_told() {
    for lie in [None, Some(Lie::LoseReply), Some(Lie::Portal)] {
        let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
        let worker = Worker::enrolled(dir.path(), &server);
        worker.says("一");
        worker.app.sync_once().unwrap();
        worker.says("二");
        worker.says("三");
        worker.says_with("四", Some("照片"));
        let worker = worker.with_a_bad_page(dir.path(), &server, 3);
        if let Some(lie) = lie {
            server.lie(lie);
            worker.app.sync_once().unwrap_err();
        }
        let status = worker.app.sync_once().unwrap();
        assert_eq!(sent(&server), [["一", "二", "四"]]);
        assert_eq!((status.ops_waiting, status.files_waiting, status.stopped), (0, 0, false));
        server.with(|state| assert!(state.blobs.values().all(|blob| blob.bytes.len() as u64 == blob.len)));
        assert_eq!(status.state, SyncState::Stuck);
        assert!(status.words.zh.contains("1 条") && status.words.zh.contains("不要卸载"), "{}", status.words.zh);
        assert!(status.words.zh.contains("补做") && status.words.en.is_ascii(), "{:?}", status.words);
        let records = worker.app.records(None, 10).unwrap();
        assert_eq!(records.len(), 3);
        assert!(records.iter().all(|record| record.why.is_none()), "nothing stands in the way of those that are here");
        worker.says("五");
        worker.app.sync_once().unwrap();
        assert_eq!(sent(&server), [["一", "二", "四", "五"]], "one log, and no new code");
        assert!(!worker.app.enrolment().unwrap().unwrap().needs_enrolment);
        let day = 24 * 3_600_000;
        server.with(|state| state.now = Millis(state.now.0 + 4 * day));
        assert_eq!(worker.app.sync_once().unwrap().state, SyncState::Idle, "it is not told for ever");
    }
}

#[test]
fn in_a_cellar_a_worker_goes_on_when_his_last_record_can_not_be_read() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    server.with(|state| state.away = true);
    worker.says("一");
    worker.says("二");
    let worker = worker.with_a_bad_page(dir.path(), &server, 2);
    worker.says("三");
    assert_eq!(worker.app.records(None, 10).unwrap().len(), 2);
    worker.app.sync_once().unwrap_err();
    server.with(|state| state.away = false);
    worker.app.sync_once().unwrap();
    assert_eq!(sent(&server), [["一", "三"]]);
}

#[test]
fn a_record_that_the_server_has_after_all_is_not_logged_over() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    for text in ["一", "二", "三"] {
        worker.says(text);
    }
    server.lie(Lie::LoseReply);
    worker.app.sync_once().unwrap_err();
    worker.says("四");
    let worker = worker.with_a_bad_page(dir.path(), &server, 2);
    worker.app.sync_once().unwrap();
    assert_eq!(sent(&server), [["一", "二", "三", "四"]]);
    assert!(!worker.app.enrolment().unwrap().unwrap().needs_enrolment);
}

#[test]
fn where_the_last_that_the_server_has_is_lost_what_comes_after_goes_with_a_new_code() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    worker.says("一");
    worker.says("二");
    worker.app.sync_once().unwrap();
    let worker = worker.with_a_bad_page(dir.path(), &server, 2);
    worker.says("三");
    assert_eq!(worker.app.sync_once().unwrap_err().code, "sync.forked");
    worker.app.enrol(&field::invitation(), "测试机").unwrap();
    worker.app.sync_once().unwrap();
    assert_eq!(sent(&server), [vec!["一", "二"], vec!["三"]]);
}

#[test]
fn a_new_enrolment_leaves_the_one_record_behind_and_no_other() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    for text in ["一", "二", "三"] {
        worker.says(text);
    }
    server.lie(Lie::Twist(|reply| reply.fork = true));
    worker.app.sync_once().unwrap_err();
    server.with(|state| state.logs.values_mut().for_each(|log| log.ops.clear()));
    let worker = worker.with_a_bad_page(dir.path(), &server, 2);
    worker.app.enrol(&field::invitation(), "测试机").unwrap();
    worker.app.sync_once().unwrap();
    assert_eq!(sent(&server), [vec![], vec!["一", "三"]]);
}

/// The database as the last release left it.
fn one_release_back(dir: &Path) {
    let old = raw(dir);
    old.execute_batch(
        "DROP TABLE damage; DROP TABLE lost_place; PRAGMA user_version = 12; PRAGMA journal_mode = DELETE",
    )
    .unwrap();
}

#[test]
fn an_update_that_meets_damage_opens_what_can_be_read_and_puts_the_file_aside() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    worker.says("一");
    worker.app.sync_once().unwrap();
    worker.says("二");
    worker.says_with("三", Some("照片"));
    worker.app.suspend().unwrap();
    drop(worker);
    one_release_back(dir.path());
    spoil(dir.path(), 2);
    let damaged = std::fs::read(dir.path().join(FILE)).unwrap();
    let worker = Worker { app: open(dir.path(), &server) };
    let view = worker.app.export_rescue(&dir.path().join("rescue.nuanfang")).unwrap();
    assert_eq!((view.ops, view.files, view.files_lost), (2, 1, 0));
    assert!(worker.app.status().unwrap().words.zh.contains("1 条"), "{:?}", worker.app.status().unwrap().words);
    let aside = std::fs::read(dir.path().join("phone.damaged")).unwrap();
    assert!(aside[PAGE..] == damaged[PAGE..], "all but the file's own mark of how it is written");
    worker.app.sync_once().unwrap();
    assert_eq!(sent(&server), [["一", "三"]]);
    let days = 31 * 24 * 3_600_000;
    server.with(|state| state.now = Millis(state.now.0 + days));
    worker.app.sync_once().unwrap();
    worker.app.sync_once().unwrap();
    assert!(!dir.path().join("phone.damaged").exists(), "it is not kept for ever");
}

#[test]
fn a_damaged_file_goes_in_its_time_though_the_app_ends_before_it_is_swept_away() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::beside_a_damaged_file(dir.path(), &server);
    drop(worker);
    // Its time is over, and the app ended there.
    raw(dir.path()).execute("DELETE FROM damage", []).unwrap();
    let worker = Worker { app: open(dir.path(), &server) };
    worker.app.sync_once().unwrap();
    assert!(!dir.path().join("phone.damaged").exists());
}

#[test]
fn an_earlier_damaged_file_stays_though_its_note_is_on_a_page_that_goes_bad_later() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::beside_a_damaged_file(dir.path(), &server);
    worker.app.suspend().unwrap();
    drop(worker);
    spoil_root(dir.path(), "damage");
    let worker = Worker { app: open(dir.path(), &server) };
    worker.app.status().unwrap();
    worker.app.sync_once().unwrap();
    assert!(["phone.damaged", "phone.damaged-2"].iter().all(|name| dir.path().join(name).exists()));
}

#[test]
fn a_kill_between_the_two_names_leaves_a_database() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    worker.says("一");
    worker.app.suspend().unwrap();
    drop(worker);
    std::fs::copy(dir.path().join(FILE), dir.path().join("phone.salvaged")).unwrap();
    std::fs::rename(dir.path().join(FILE), dir.path().join("phone.damaged")).unwrap();
    let worker = Worker { app: open(dir.path(), &server) };
    assert_eq!(worker.app.records(None, 10).unwrap().len(), 1);
    // One that was not finished, or not needed, is no database of ours.
    std::fs::write(dir.path().join("phone.salvaged"), "别的").unwrap();
    std::fs::write(dir.path().join("phone.salvaging"), "别的").unwrap();
    drop(worker);
    let worker = Worker { app: open(dir.path(), &server) };
    assert_eq!(worker.app.records(None, 10).unwrap().len(), 1);
    assert!(!dir.path().join("phone.salvaged").exists() && !dir.path().join("phone.salvaging").exists());
}

#[test]
fn where_nothing_else_is_left_a_start_finds_the_file_that_was_put_aside_last() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    worker.says("一");
    worker.app.suspend().unwrap();
    drop(worker);
    std::fs::write(dir.path().join("phone.damaged"), "更早的").unwrap();
    std::fs::rename(dir.path().join(FILE), dir.path().join("phone.damaged-2")).unwrap();
    let worker = Worker { app: open(dir.path(), &server) };
    assert_eq!(worker.app.records(None, 10).unwrap().len(), 1);
}

#[test]
fn a_phone_that_is_not_its_workers_any_more_keeps_no_damaged_file() {
    for revoked in [true, false] {
        let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
        let worker = Worker::beside_a_damaged_file(dir.path(), &server);
        let worker = Worker {
            app: {
                drop(worker);
                open(dir.path(), &server)
            },
        };
        server.with(|state| (state.revoked, state.dismissed) = (revoked, !revoked));
        let _ = worker.app.sync_once();
        assert!(!dir.path().join("phone.damaged").exists());
    }
}

#[test]
fn a_rescue_file_from_before_the_damage_is_not_written_over_by_one_that_lacks_a_record() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    for text in ["一", "二", "三"] {
        worker.says(text);
    }
    let path = dir.path().join("rescue.nuanfang");
    assert_eq!(worker.app.export_rescue(&path).unwrap().ops, 3);
    let before = std::fs::read(&path).unwrap();
    let worker = worker.with_a_bad_page(dir.path(), &server, 2);
    worker.app.sync_once().unwrap();
    assert_eq!(sent(&server), [["一", "三"]]);
    let view = worker.app.export_rescue(&path).unwrap();
    assert_eq!((view.ops, view.ops_lost), (2, 1));
    let files = std::fs::read_dir(dir.path()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()));
    assert!(files.flatten().any(|file| file == before), "the only one that has the second record");
}

#[test]
fn a_record_whose_photo_was_lost_with_its_row_is_not_told_as_sent_whole() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    worker.says_with("一", Some("照片"));
    worker.app.suspend().unwrap();
    drop(worker);
    // The page of the table of files, which holds that row alone.
    spoil_root(dir.path(), "blob");
    let worker = Worker { app: open(dir.path(), &server) };
    for _ in 0..3 {
        let _ = worker.app.sync_once();
    }
    assert!(server.with(|state| state.blobs.values().any(|blob| (blob.bytes.len() as u64) < blob.len)));
    let status = worker.app.status().unwrap();
    assert_ne!(status.state, SyncState::Idle, "{:?}", status.words);
}

#[test]
fn a_photo_of_a_record_that_is_lost_does_not_wait_for_ever() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    worker.says("一");
    worker.says_with("二", Some("照片"));
    worker.says("三");
    let worker = worker.with_a_bad_page(dir.path(), &server, 2);
    for _ in 0..3 {
        worker.app.sync_once().unwrap();
    }
    assert_eq!(sent(&server), [["一", "三"]]);
    assert_eq!(worker.app.status().unwrap().files_waiting, 0);
}

#[test]
fn a_photo_of_a_record_that_the_server_alone_has_goes_after_a_new_code() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    worker.says("一");
    worker.says_with("二", Some("照片"));
    server.with(|state| state.cut_uploads_at = Some(0));
    let _ = worker.app.sync_once();
    server.with(|state| assert!(state.blobs.values().all(|blob| blob.bytes.is_empty())));
    // It asks the device for it that named it.
    server.with(|state| state.unasked = state.blobs.keys().next().copied());
    let worker = worker.with_a_bad_page(dir.path(), &server, 2);
    worker.says("三");
    assert_eq!(worker.app.sync_once().unwrap_err().code, "sync.forked");
    worker.app.enrol(&field::invitation(), "测试机").unwrap();
    assert_eq!(worker.app.sync_once().unwrap().files_waiting, 0);
    assert_eq!(sent(&server), [vec!["一", "二"], vec!["三"]]);
    server.with(|state| assert!(state.blobs.values().all(|blob| blob.bytes.len() as u64 == blob.len)));
}

#[test]
fn a_photo_of_a_record_that_nobody_has_does_not_wait_for_ever_after_a_new_code() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    worker.says("一");
    worker.says_with("二", Some("照片"));
    worker.says("三");
    server.lie(Lie::Twist(|reply| reply.fork = true));
    worker.app.sync_once().unwrap_err();
    server.with(|state| {
        state.logs.values_mut().for_each(|log| log.ops.clear());
        state.blobs.clear();
    });
    let worker = worker.with_a_bad_page(dir.path(), &server, 2);
    worker.app.enrol(&field::invitation(), "测试机").unwrap();
    assert_eq!(worker.app.sync_once().unwrap().files_waiting, 0);
    assert_eq!(sent(&server), [vec![], vec!["一", "三"]]);
}

#[test]
fn a_worker_is_told_of_lost_records_though_a_photo_can_not_be_read_either() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    worker.says_with("一", Some("照片"));
    server.with(|state| (state.cut_uploads_at, state.safe_lag) = (Some(0), 100));
    let _ = worker.app.sync_once();
    worker.says("二");
    worker.says("三");
    let worker = worker.with_a_bad_page(dir.path(), &server, 2);
    raw(dir.path()).execute("DELETE FROM blob", []).unwrap();
    worker.app.sync_once().unwrap();
    assert_eq!(sent(&server), [["一", "三"]]);
    let status = worker.app.status().unwrap();
    assert!(status.words.zh.contains("1 条还没发送的记录"), "{}", status.words.zh);
    let first = worker.app.records(None, 10).unwrap().pop().unwrap();
    assert!(first.why.unwrap().zh.contains("无法读取"), "of what stands in its own way");
}

#[test]
fn a_kill_once_the_new_database_has_its_name_does_not_keep_from_its_worker_what_was_lost() {
    use nuanfang_core::device::store::salvage;
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    for text in ["一", "二", "三"] {
        worker.says(text);
    }
    worker.app.suspend().unwrap();
    drop(worker);
    spoil(dir.path(), 2);
    let path = dir.path().join(FILE);
    let connect = |path: &Path| {
        let connection = raw_at(path);
        connection.execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL").unwrap();
        Ok(connection)
    };
    let (fresh, lost) = salvage::salvage(&path, connect).unwrap();
    assert_eq!((lost.records, lost.through), (1, 3));
    salvage::swap(&path, &fresh, lost, connect).unwrap();
    let worker = Worker { app: open(dir.path(), &server) };
    assert!(worker.app.status().unwrap().words.zh.contains("1 条"), "{:?}", worker.app.status().unwrap().words);
}

#[test]
fn at_the_end_of_the_log_nothing_is_logged_over_what_the_server_has_after_all() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    worker.says("一");
    worker.app.sync_once().unwrap();
    worker.says_with("二", Some("照片"));
    server.lie(Lie::LoseReply);
    worker.app.sync_once().unwrap_err();
    let worker = worker.with_a_bad_page(dir.path(), &server, 2);
    worker.says("三");
    worker.app.sync_once().unwrap();
    assert_eq!(sent(&server), [["一", "二", "三"]]);
    server.with(|state| assert!(state.blobs.values().all(|blob| blob.bytes.len() as u64 == blob.len)));
    assert_eq!(worker.app.status().unwrap().ops_waiting, 0);
    worker.says("四");
    worker.app.sync_once().unwrap();
    assert_eq!(sent(&server), [["一", "二", "三", "四"]]);
    assert!(!worker.app.enrolment().unwrap().unwrap().needs_enrolment);
}

#[test]
fn lost_records_at_the_end_of_the_log_are_asked_for_though_nothing_is_logged_after_them() {
    for heard in [true, false] {
        let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
        let worker = Worker::enrolled(dir.path(), &server);
        worker.says("一");
        worker.app.sync_once().unwrap();
        worker.says("二");
        if heard {
            server.lie(Lie::LoseReply);
            worker.app.sync_once().unwrap_err();
        }
        let worker = worker.with_a_bad_page(dir.path(), &server, 2);
        let asked = server.with(|state| state.went_out.len());
        let status = worker.app.sync_once().unwrap();
        assert_eq!((status.ops_waiting, status.head), (0, if heard { 2 } else { 1 }));
        assert!(server.with(|state| state.went_out.len()) - asked < 5, "it is not asked again and again");
        // What the server said last is still known after another start.
        let worker = Worker {
            app: {
                drop(worker);
                open(dir.path(), &server)
            },
        };
        worker.says("三");
        worker.app.sync_once().unwrap();
        let all: &[&str] = if heard { &["一", "二", "三"] } else { &["一", "三"] };
        assert_eq!(sent(&server), [all]);
    }
}

#[test]
fn a_rescue_file_holds_what_can_be_read_of_what_is_not_safe() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    for text in ["一", "二", "三"] {
        worker.says(text);
    }
    server.lie(Lie::Twist(|reply| reply.safe_through = 0));
    worker.app.sync_once().unwrap();
    let worker = worker.with_a_bad_page(dir.path(), &server, 2);
    worker.says("四");
    let view = worker.app.export_rescue(&dir.path().join("rescue.nuanfang")).unwrap();
    assert_eq!((view.ops, view.ops_lost), (3, 1), "safe: {}", worker.app.status().unwrap().safe);
}

#[test]
fn what_is_typed_is_kept_though_it_meets_damage_and_so_it_is_for_whoever_waited_meanwhile() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    let visit = VisitId(Uuid::now_v7());
    for _ in 0..5 {
        worker.app.save_draft(visit, "form", "之前").unwrap();
        worker.app.suspend().unwrap();
    }
    drop(worker);
    spoil_root(dir.path(), "draft");
    let worker = Worker { app: open(dir.path(), &server) };
    let together = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        let save = |count: usize| {
            let (app, together) = (&worker.app, &together);
            scope.spawn(move || {
                together.wait();
                app.save_draft(visit, &format!("form {count}"), "之后").map(drop)?;
                app.draft(visit, &format!("form {count}"))
            })
        };
        let saved: Vec<_> = (0..8).map(save).collect();
        for done in saved {
            assert_eq!(done.join().unwrap().unwrap().as_deref(), Some("之后"));
        }
    });
}

#[test]
fn what_a_screen_shows_of_the_office_is_told_over_a_damaged_page() {
    let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
    let worker = Worker::enrolled(dir.path(), &server);
    worker.app.sync_once().unwrap();
    worker.app.suspend().unwrap();
    drop(worker);
    spoil_root(dir.path(), "sqlite_autoindex_mirror_1");
    let worker = Worker { app: open(dir.path(), &server) };
    worker.app.household(HOUSEHOLD).unwrap();
    assert!(dir.path().join("phone.damaged").exists());
    assert!(worker.app.company().unwrap().is_none() && worker.app.price_lists().unwrap().is_empty());
}

#[test]
fn a_new_enrolment_waits_for_no_look_and_is_not_kept_from_by_what_can_not_be_mended() {
    for stays in [true, false] {
        let (dir, server) = (tempfile::tempdir().unwrap(), FakeServer::new());
        let worker = Worker::enrolled(dir.path(), &server);
        for text in ["一", "二"] {
            worker.says(text);
        }
        let visit = VisitId(Uuid::now_v7());
        worker.app.save_draft(visit, "form", "之前").unwrap();
        server.lie(Lie::Twist(|reply| reply.fork = true));
        worker.app.sync_once().unwrap_err();
        server.with(|state| state.logs.values_mut().for_each(|log| log.ops.clear()));
        worker.app.suspend().unwrap();
        drop(worker);
        spoil_root(dir.path(), "draft");
        let worker = Worker { app: open(dir.path(), &server) };
        // Nothing can be written there.
        let in_the_way = dir.path().join("phone.salvaging");
        std::fs::create_dir(&in_the_way).unwrap();
        assert_eq!(worker.app.draft(visit, "form").unwrap_err().code, "device.damaged");
        if !stays {
            std::fs::remove_dir(&in_the_way).unwrap();
        }
        assert!(!worker.app.enrol(&field::invitation(), "测试机").unwrap().needs_enrolment);
        assert_eq!(dir.path().join("phone.damaged").exists(), !stays);
        if !stays {
            worker.app.sync_once().unwrap();
            assert_eq!(sent(&server), [vec![], vec!["一", "二"]]);
        }
    }
}
