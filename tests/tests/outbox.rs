//! What an older release left goes on under this one: a phone that was put away with signed work unsent, and the data
//! folder of the office it belongs to. Both are opened, brought up to date and brought together; every operation is the
//! one that was logged, to the byte, and nothing of it is held.
//!
//! `GOLDEN=write` adds what this release leaves; what older ones left is never written again.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use nuanfang_core::domain::kind::{Outcome, VisitKind};
use nuanfang_core::domain::room::{Orientation, RoomKind};
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::domain::worker_event::Photographed;
use nuanfang_core::domain::{Command, Window, role};
use nuanfang_core::id::VisitId;
use nuanfang_core::time::Millis;
use nuanfang_demo::clock::DayClock;
use nuanfang_demo::day;
use nuanfang_demo::folder::Folder;
use nuanfang_demo::ledger::Ledger;
use nuanfang_demo::office::{Office, Plan};
use nuanfang_demo::phone::{Departure, Phone, Shot, Warmth};
use nuanfang_demo::picture::Subject;
use nuanfang_demo::stage::{PASSWORD, Stage};
use nuanfang_server::office::log;
use nuanfang_server::store::StoreError;
use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// Every release that may still be on somebody's phone, oldest first.
const RELEASES: [&str; 1] = ["0.1.0"];

const ANYWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);
const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

/// What is known of a phone that was put away.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PutAway {
    /// When the office closed its door, UTC milliseconds.
    office: i64,
    /// When the phone was put away.
    phone: i64,
    /// The visit that is done on it.
    visit: VisitId,
    /// The hashes of its log's envelopes, first to last.
    log: Vec<String>,
}

fn golden(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/outbox-{release}.zip"))
}

/// An office, and a phone that did a measurement and took a picture with no network.
fn put_away(place: &Path) -> PutAway {
    let date = NaiveDate::from_ymd_opt(2026, 11, 26).expect("a date");
    let ledger = Ledger::of(3, date);
    let (folder, _) = Folder::open(&place.join("data")).expect("a new folder");
    folder.begin().expect("begun");
    let files = ledger.save(&folder.ledger()).expect("the workbooks");
    let clock = Arc::new(DayClock::open(folder.data()).expect("a clock"));
    let opening = day::opening(date);
    clock.stand(opening);
    let stage = Stage::start(&folder, ANYWHERE.into(), Arc::clone(&clock)).expect("a server");
    stage.furnish(&ledger, &files, |_| ()).expect("the ledger");
    let office = Office::log_in(stage.url(), "zhuguan", PASSWORD).expect("the supervisor");
    let window = Window { from: Millis(opening.0 + HOUR), until: Millis(opening.0 + 2 * HOUR) };
    let plan = Plan {
        kind: VisitKind::Measurement,
        account: ledger.households[0].text_of("account_number"),
        scope: "日常测温",
        window: Some(window),
        badge: Some("SL-001"),
        follows: None,
    };
    let visit = office.schedule(&plan).expect("planned");
    let phone = Phone::open(&place.join("phone"), opening, 0).expect("a phone");
    let code = office.enrolment("SL-001").expect("a code");
    phone.enrol(code["text"].as_str().expect("text"), "示例手机 SL-001").expect("enrolled");
    let closed = stage.state().now().0;
    stage.stop();

    phone.wait_until(Millis(window.from.0 - 20 * MINUTE));
    phone.set_out(visit, Departure::default()).expect("on the way");
    phone.wait_until(window.from);
    phone.arrive(visit).expect("at the door");
    phone.enter(visit).expect("inside");
    let room = |key, kind, label, shows| Warmth { key, kind, label, orientation: Orientation::South, shows };
    let rooms = [
        room("bedroom1", RoomKind::Bedroom, "卧室1", Some(186)),
        room("living", RoomKind::Living, "起居室", Some(193)),
    ];
    phone.measure(visit, &rooms, "晴", -32).expect("measured");
    phone.sign(visit, Purpose::Measurement).expect("signed");
    let photographed = Command::Photograph(Photographed { role: role::PHOTO_OTHER.into(), subject: None, place: None });
    let shot = Shot { role: role::PHOTO_OTHER, subject: Subject::Radiator };
    phone.act_with(visit, &photographed, &[shot]).expect("a picture");
    phone.complete(visit, Outcome::Done, None, None).expect("done");
    let put = PutAway { office: closed, phone: phone.now().0, visit, log: Vec::new() };
    drop(phone);
    PutAway { log: logged(&place.join("phone")), ..put }
}

/// The hashes of a phone's log as they lie in its database.
fn logged(phone: &Path) -> Vec<String> {
    let db = rusqlite::Connection::open(phone.join(nuanfang_core::device::store::FILE)).expect("the phone's database");
    let mut query = db.prepare("SELECT lower(hex(sha)) FROM outbox ORDER BY seq").expect("the outbox");
    let rows = query.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("hashes")
}

fn pack(place: &Path, put: &PutAway, into: &Path) {
    std::fs::create_dir_all(into.parent().expect("a folder")).expect("made");
    let mut zip = ZipWriter::new(File::create(into).expect("a file"));
    let plain = SimpleFileOptions::default();
    zip.start_file("put-away.json", plain).expect("an entry");
    zip.write_all(&serde_json::to_vec_pretty(put).expect("JSON")).expect("written");
    let mut folders = vec![place.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        for path in paths {
            let name = path.strip_prefix(place).expect("inside").to_str().expect("text").to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !name.contains("/ledger/") && !name.ends_with("lock") {
                zip.start_file(name, plain).expect("an entry");
                zip.write_all(&std::fs::read(&path).expect("read")).expect("written");
            }
        }
    }
    zip.finish().expect("closed");
}

#[test]
fn what_every_release_left_arrives_under_this_one() {
    if std::env::var("GOLDEN").as_deref() == Ok("write") {
        let release = RELEASES[RELEASES.len() - 1];
        assert!(!golden(release).exists(), "what a release left is never written again");
        let place = tempfile::tempdir().expect("a folder");
        let put = put_away(place.path());
        pack(place.path(), &put, &golden(release));
    }
    for release in RELEASES {
        arrives(release);
    }
}

fn arrives(release: &str) {
    let place = tempfile::tempdir().expect("a folder");
    let mut zip = ZipArchive::new(File::open(golden(release)).expect("what it left")).expect("an archive");
    zip.extract(place.path()).expect("unpacked");
    let mut told = String::new();
    zip.by_name("put-away.json").expect("an entry").read_to_string(&mut told).expect("text");
    let put: PutAway = serde_json::from_str(&told).expect("JSON");
    assert_eq!(logged(&place.path().join("phone")), put.log, "{release}");

    let (folder, _) = Folder::open(&place.path().join("data")).expect("the folder");
    let clock = Arc::new(DayClock::open(folder.data()).expect("a clock"));
    clock.stand(Millis(put.phone + HOUR));
    let stage = Stage::start(&folder, ANYWHERE.into(), clock).expect("the office opens under this release");
    moved(&place.path().join("phone"), stage.url());
    let phone = Phone::open(&place.path().join("phone"), Millis(put.phone + HOUR), 0).expect("the phone opens");
    let status = phone.sync().expect("an exchange");
    assert_eq!((status.ops_waiting, status.files_waiting), (0, 0), "{release}: {status:?}");

    let device = phone.app.enrolment().expect("read").expect("enrolled").device;
    let store = &stage.state().store;
    let arrived: Vec<String> = store
        .read_now::<_, StoreError>(|db| {
            let mut query = db.prepare(
                "SELECT lower(hex(e.sha)) FROM envelope e JOIN writer w ON w.dev = e.dev WHERE w.device = ?1 ORDER BY e.seq",
            )?;
            let rows = query.query_map([device.0.as_bytes()], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .expect("the log");
    assert_eq!(arrived, put.log, "{release}: byte for byte what was logged");
    store.read_now(log::verify_chains).expect("every chain stands");
    let apart: i64 = store
        .read_now::<_, StoreError>(|db| Ok(db.query_row("SELECT count(*) FROM outcome", [], |row| row.get(0))?))
        .expect("counted");
    assert_eq!(apart, 0, "{release}: all of it counts");

    let office = Office::log_in(stage.url(), "zhuguan", PASSWORD).expect("the supervisor");
    let seen = office.visit(put.visit).expect("the visit");
    assert_eq!(seen["card"]["state"], "done", "{release}: {seen}");
    assert!(seen["photos"].as_array().is_some_and(|all| !all.is_empty() && all.iter().all(|one| one["whole"] == true)));
    let paper = seen["documents"][0]["id"].as_str().expect("a paper");
    let verdict = office.get(&format!("/api/documents/{paper}/verify")).expect("verified");
    assert_eq!(verdict["verdict"], "valid", "{release}: {verdict}");
    stage.stop();
}

/// The office has another address now.
fn moved(phone: &Path, url: &str) {
    let db = rusqlite::Connection::open(phone.join(nuanfang_core::device::store::FILE)).expect("the phone's database");
    db.execute("UPDATE enrolment SET url = ?1", [url]).expect("told");
}
