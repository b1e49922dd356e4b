//! The database's file and the files beside it: kills between two steps, keys, versions.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use nuanfang_core::device::store::{FILE, Store, blob_row, migrate};
use nuanfang_core::device::trouble::Trouble;
use nuanfang_core::device::{blob, draft, outbox};
use nuanfang_core::error::Refusal;

use crate::fake_server::FakeServer;
use crate::phone::{Phone, VISIT};

const CHILD_DIR: &str = "NUANFANG_TEST_CHILD_DIR";

/// Not a test of its own: the process that [`a_killed_process_finds_everything_again`] kills.
#[test]
fn child_that_works_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let phone = Phone::open(std::path::Path::new(&dir));
    for index in 0u64.. {
        let photo = vec![index as u8 + 1; if index % 2 == 0 { 40_000 } else { 900 } + index as usize];
        let kept = blob::keep(&phone.store, &photo, "photo.after", Some(VISIT), "{}".to_owned()).unwrap();
        phone.say_with(&index.to_string(), vec![kept.sha]);
        draft::save(&phone.store, VISIT, "form", &format!("改动 {index}"), phone.now()).unwrap();
        println!("saved {index}");
    }
}

#[test]
fn a_killed_process_finds_everything_again() {
    let server = FakeServer::new();
    for round in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        drop(Phone::enrolled(dir.path(), &server));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["store_file::child_that_works_until_it_is_killed", "--exact", "--nocapture"])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = None;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            said = line.unwrap().strip_prefix("saved ").map(|index| index.parse::<usize>().unwrap()).or(said);
            if said == Some(5 + round * 4) {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let said = said.unwrap();
        let phone = Phone::open(dir.path());
        blob::sweep(&phone.store).unwrap();
        let texts = phone.texts();
        assert!(texts.len() > said, "what was told saved is there: {said}, {texts:?}");
        assert_eq!(texts, (0..texts.len()).map(|index| index.to_string()).collect::<Vec<_>>());
        let form = draft::load(&phone.store, VISIT, "form").unwrap().unwrap();
        assert!(form == format!("改动 {}", texts.len() - 1) || form == format!("改动 {}", texts.len() - 2), "{form}");
        let device = phone.enrolment().device;
        assert!(phone.store.read(|connection| outbox::chain_holds(connection, device)).unwrap());
        phone.sync(&server).unwrap();
        assert_eq!(server.kinds(device).len(), texts.len());
        server.with(|state| assert!(state.blobs.values().all(|blob| blob.bytes.len() as u64 == blob.len)));
    }
}

#[test]
fn a_store_that_is_dropped_without_a_word_opens_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::new();
    let phone = Phone::enrolled(dir.path(), &server);
    phone.say("一");
    let undone: Result<(), Trouble> = phone.store.write(|transaction| {
        outbox::append(transaction, phone.op("不算", Vec::new()))?;
        Err(Refusal::new("test.no", "", "不", "no").into())
    });
    assert!(undone.is_err());
    std::mem::forget(phone);
    let again = Phone::open(dir.path());
    assert_eq!(again.texts(), ["一"]);
    again.say("二");
    assert_eq!(again.texts(), ["一", "二"]);
}

#[test]
fn files_left_by_a_kill_are_swept_and_known_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let phone = Phone::open(dir.path());
    let kept = blob::keep(&phone.store, &[7; 20_000], "photo.after", Some(VISIT), "{}".to_owned()).unwrap();
    let folder = dir.path().join("blobs");
    std::fs::write(folder.join("0123.tmp"), b"half").unwrap();
    std::fs::write(folder.join("4567"), b"renamed, no row").unwrap();
    blob::sweep(&phone.store).unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    assert_eq!(blob::load(&phone.store, &kept).unwrap(), [7; 20_000]);
}

#[test]
fn a_file_is_noise_on_the_disk_and_a_changed_byte_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let phone = Phone::open(dir.path());
    for length in [16_385usize, 65_535, 65_536, 65_537, 200_000] {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let kept = blob::keep(&phone.store, &bytes, "photo.after", None, "{}".to_owned()).unwrap();
        for offset in [0, 1, length / 2, length.saturating_sub(1), length, length + 10] {
            let rest = blob::load_from(&phone.store, &kept, offset as u64).unwrap();
            assert_eq!(rest, bytes[offset.min(length)..], "{length} from {offset}");
        }
        let path = dir.path().join("blobs").join(&kept.beside.as_ref().unwrap().file);
        let mut sealed = std::fs::read(&path).unwrap();
        assert!(!sealed.windows(200).any(|part| part == &bytes[100..300]));
        let at = sealed.len() / 2;
        sealed[at] ^= 1;
        std::fs::write(&path, &sealed).unwrap();
        assert!(matches!(blob::load(&phone.store, &kept), Err(Trouble::Damaged(_))));
        std::fs::write(&path, &sealed[..sealed.len() - 1]).unwrap();
        assert!(blob::load(&phone.store, &kept).is_err());
    }
}

#[test]
fn a_small_file_lies_in_its_row_and_a_changed_byte_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let phone = Phone::open(dir.path());
    let raw = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    for length in [1usize, 900, 16_384] {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let kept = blob::keep(&phone.store, &bytes, "photo.after", None, "{}".to_owned()).unwrap();
        assert_eq!(kept.beside, None);
        for offset in [0, 1, length / 2, length - 1, length, length + 10] {
            let rest = blob::load_from(&phone.store, &kept, offset as u64).unwrap();
            assert_eq!(rest, bytes[offset.min(length)..], "{length} from {offset}");
        }
        let again = || blob::keep(&phone.store, &bytes, "photo.other", None, "{}".to_owned());
        assert_eq!(again().unwrap(), kept, "the same bytes twice are one file");
        raw.execute("UPDATE blob SET bytes = zeroblob(?2) WHERE sha = ?1", (kept.sha.0, length as i64 + 1)).unwrap();
        assert!(matches!(blob::load(&phone.store, &kept), Err(Trouble::Damaged(_))));
        assert!(matches!(blob::load_from(&phone.store, &kept, 1), Err(Trouble::Damaged(_))));
        assert!(matches!(again(), Err(Trouble::Damaged(_))), "what can't be read does not stand for what can");
        raw.execute("DELETE FROM blob WHERE sha = ?1", [kept.sha.0]).unwrap();
        assert!(matches!(blob::load(&phone.store, &kept), Err(Trouble::Damaged(_))), "it is gone");
    }
    assert_eq!(std::fs::read_dir(dir.path().join(blob::FOLDER)).unwrap().count(), 0);
}

#[test]
fn files_beside_a_store_of_an_older_release_are_read_and_sent_by_this_one() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = FakeServer::new();
    drop(Phone::enrolled(dir.path(), &server));
    let path = dir.path().join(FILE);
    let enrolment: Vec<rusqlite::types::Value> = {
        let now = rusqlite::Connection::open(&path).unwrap();
        now.query_row("SELECT * FROM enrolment", [], |row| (0..15).map(|column| row.get(column)).collect()).unwrap()
    };
    // A file is sealed by this release as by that one.
    let bytes: Vec<Vec<u8>> = [1, 2].map(|seed| vec![seed; 20_000]).into();
    let kept: Vec<_> = {
        let sealing = Phone::open(other.path());
        let keep = |bytes| blob::keep(&sealing.store, bytes, "signature.image", Some(VISIT), "{}".to_owned()).unwrap();
        bytes.iter().map(|bytes| keep(bytes)).collect()
    };
    for file in [FILE, "phone.db-wal", "phone.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(file));
    }
    migrate::bring_up(&path, &migrate::STEPS[..2], |path| Ok(rusqlite::Connection::open(path)?)).unwrap();
    let old = rusqlite::Connection::open(&path).unwrap();
    let places = vec!["?"; enrolment.len()].join(", ");
    old.execute(&format!("INSERT INTO enrolment VALUES ({places})"), rusqlite::params_from_iter(enrolment)).unwrap();
    for row in &kept {
        let beside = row.beside.as_ref().unwrap();
        let file = std::path::Path::new(blob::FOLDER).join(&beside.file);
        std::fs::copy(other.path().join(&file), dir.path().join(&file)).unwrap();
        old.execute(
            "INSERT INTO blob (sha, file, key, nonce, len, role, visit, facts) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rusqlite::params![
                row.sha.0,
                beside.file,
                beside.key,
                beside.nonce,
                row.len as i64,
                row.role,
                VISIT.0.as_bytes(),
                row.facts
            ],
        )
        .unwrap();
    }
    drop(old);
    let phone = Phone::open(dir.path());
    blob::sweep(&phone.store).unwrap();
    let loose = phone.store.read::<_, Trouble>(|connection| blob_row::loose(connection, VISIT)).unwrap();
    assert_eq!(loose, kept, "in the order they were taken");
    for (row, bytes) in kept.iter().zip(&bytes) {
        assert_eq!(&blob::load(&phone.store, row).unwrap(), bytes);
    }
    phone.say_with("签字", kept.iter().map(|row| row.sha).collect());
    phone.sync(&server).unwrap();
    server.with(|state| assert!(kept.iter().zip(&bytes).all(|(row, bytes)| &state.blobs[&row.sha].bytes == bytes)));
}

/// Bytes of the write-ahead log that lies beside a store.
fn log_len(dir: &std::path::Path) -> u64 {
    std::fs::metadata(dir.join("phone.db-wal")).map_or(0, |found| found.len())
}

#[test]
fn the_write_ahead_log_is_folded_back_and_nobody_need_do_it() {
    let dir = tempfile::tempdir().unwrap();
    let phone = Phone::open(dir.path());
    let save = |index: u64| {
        let text = format!("{index:04}").repeat(60_000);
        draft::save(&phone.store, VISIT, &format!("form {}", index % 4), &text, phone.now()).unwrap();
    };
    save(0);
    phone.store.fold().unwrap();
    let alone = tempfile::tempdir().unwrap();
    std::fs::copy(dir.path().join(FILE), alone.path().join(FILE)).unwrap();
    let form = draft::load(&Phone::open(alone.path()).store, VISIT, "form 0").unwrap().unwrap();
    assert!(form.starts_with("0000"), "all of it is in the database's own file");
    let after_one = log_len(dir.path());
    for index in 1..40 {
        phone.store.fold().unwrap();
        save(index);
    }
    assert!(log_len(dir.path()) < 3 * after_one, "the log begins anew where it was folded back");
    for index in 40..300 {
        save(index);
    }
    assert!((4_000..4_100).contains(&(log_len(dir.path()) / 8192)), "{}", log_len(dir.path()) / 8192);
    phone.store.settle().unwrap();
    assert_eq!(log_len(dir.path()), 0);
    assert!(draft::load(&phone.store, VISIT, "form 3").unwrap().unwrap().starts_with("0299"));
}

#[test]
fn a_newer_database_is_told_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(Phone::open(dir.path()));
    let path = dir.path().join(FILE);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    let refused = Store::open(dir.path(), None).err().map(Refusal::from).unwrap();
    assert_eq!(refused.code, "device.newer_database");
    assert!(refused.zh.contains("更新应用"));
}

#[test]
fn what_is_no_database_is_told_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE), [7; 20_000]).unwrap();
    let refused = Store::open(dir.path(), None).err().map(Refusal::from).unwrap();
    assert_eq!(refused.code, "device.wrong_key");
    assert!(!refused.zh.contains("完整"), "its first page may be damaged: {}", refused.zh);
    assert_eq!(std::fs::read(dir.path().join(FILE)).unwrap(), [7; 20_000]);
}

#[cfg(not(feature = "sqlcipher"))]
#[test]
fn a_key_is_never_silently_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let refused = Store::open(dir.path(), Some(&[1; 32])).err().map(Refusal::from).unwrap();
    assert_eq!(refused.code, "device.key_unsupported");
    assert!(!dir.path().join(FILE).exists());
}

#[cfg(feature = "sqlcipher")]
#[test]
fn an_encrypted_store_opens_under_its_key_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Some(&[1; 32])).unwrap();
    draft::save(
        &store,
        VISIT,
        "form",
        "业主电话 13800000001",
        nuanfang_core::time::Stamp { wall_ms: 0, mono_ms: 0, boot: nuanfang_core::id::BootId(uuid::Uuid::nil()) },
    )
    .unwrap();
    store.settle().unwrap();
    drop(store);
    for wrong in [Some([2; 32]), None] {
        let refused = Store::open(dir.path(), wrong.as_ref()).err().map(Refusal::from).unwrap();
        assert_eq!(refused.code, "device.wrong_key");
    }
    let bytes = std::fs::read(dir.path().join(FILE)).unwrap();
    assert!(!bytes.starts_with(b"SQLite format 3"));
    assert!(!bytes.windows(11).any(|part| part == b"13800000001"));
    let again = Store::open(dir.path(), Some(&[1; 32])).unwrap();
    assert_eq!(draft::load(&again, VISIT, "form").unwrap().as_deref(), Some("业主电话 13800000001"));
}

/// Which page holds a row can't be seen in an encrypted file: one after another is spoiled until the row can't be read.
#[cfg(feature = "sqlcipher")]
#[test]
fn a_spoiled_page_of_what_is_long_safe_stops_no_receipt_no_save_and_no_rescue_file() {
    use nuanfang_core::device::rescue;
    use nuanfang_core::device::store::outbox_row;

    const PAGE: usize = 8192;
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::new();
    let open = || Store::open(dir.path(), Some(&[5; 32])).map(Phone::over);
    let phone = open().unwrap();
    phone.enrol(&server).unwrap();
    let long = "一条很长的旧记录。".repeat(600);
    for _ in 0..40 {
        phone.say(&long);
    }
    phone.sync(&server).unwrap();
    let device = phone.enrolment().device;
    assert_eq!(phone.enrolment().safe, 40);
    phone.say("未发送");
    phone.store.settle().unwrap();
    let file = dir.path().join(FILE);
    let whole = std::fs::read(&file).unwrap();
    let readable = |phone: &Phone, seq: u64| {
        phone
            .store
            .read::<_, Trouble>(|connection| outbox_row::after(connection, device, seq - 1, |row| row.seq <= seq))
    };
    drop(phone);
    // The page of the twentieth row, and of no other's beginning.
    let spoiled = (2..whole.len() / PAGE).find(|page| {
        let mut bytes = whole.clone();
        bytes[page * PAGE + 100] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        let Ok(phone) = open() else { return false };
        let stands = |seq| readable(&phone, seq).is_ok();
        let found = !stands(20) && stands(41) && stands(1);
        drop(phone);
        found
    });
    assert!(spoiled.is_some(), "a page of the twentieth row");
    let phone = open().unwrap();
    assert!(readable(&phone, 20).is_err());
    phone.say("之后");
    assert!(readable(&phone, 20).is_err());
    phone.sync(&server).unwrap();
    assert_eq!((phone.enrolment().acked, phone.enrolment().safe), (42, 42));
    phone.say("还没发");
    assert!(readable(&phone, 20).is_err());
    let view =
        rescue::export(&phone.store, &phone.key, "0.1.0", phone.now(), &dir.path().join("rescue"), None).unwrap();
    assert_eq!((view.ops, view.ops_lost), (1, 0));
    phone.say("再之后");
    phone.sync(&server).unwrap();
    assert_eq!(phone.enrolment().acked, 44);
}
