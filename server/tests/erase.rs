//! Somebody is erased: nowhere is a byte of him left that anybody could read, and everything else stands.

mod common;

use std::path::Path;

use axum::http::StatusCode;
use common::desk::{Desk, household, workbook};
use common::paper::sign;
use common::second::{Second, blocking, files, lose, nuanfang};
use common::{House, Phone};
use nuanfang_core::canon::envelope::{BlobRef, nonce};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::kind::{Outcome, VisitKind};
use nuanfang_core::domain::office_event::{ErasureGround, RevokeReason};
use nuanfang_core::domain::role;
use nuanfang_core::domain::worker_event::{Completed, Opened, ProblemDescribed, Unmasked};
use nuanfang_core::id::{HouseholdId, OpId, VisitId, WorkerId};
use nuanfang_core::wire::{FeedKind, OutcomeKind};
use nuanfang_server::office::ledger::Register;
use nuanfang_server::office::role::Role;
use nuanfang_server::office::{erase, log, rebuild, rejudge};
use nuanfang_server::store::StoreError;
use nuanfang_server::store::ship::{self, place::Place};
use nuanfang_server::store::sqlite::writing::Writing;
use uuid::Uuid;

/// Who is erased; the name stands in the ledger, in a record, in a worker's words and in a photo.
const NAME: &str = "欧阳示例甲";
/// Who is not.
const OTHER: &str = "司马示例乙";

fn visit(n: u128) -> VisitId {
    VisitId(Uuid::from_u128(0xa11_0000 + n))
}

fn worker() -> WorkerId {
    WorkerId(Uuid::from_u128(1))
}

fn completed() -> Event {
    Event::Completed(Completed { outcome: Outcome::Done, reason: None, next_window: None })
}

/// Two households, a visit to each, done by one phone.
struct Day {
    house: House,
    phone: Phone,
    record: Sha,
}

fn photo(whose: &str) -> Vec<u8> {
    format!("a picture of {whose}").into_bytes()
}

async fn home(house: &House, account: &'static str) -> HouseholdId {
    let found = house.state.read::<_, StoreError, _>(move |db| {
        Ok(db.query_row("SELECT id FROM household WHERE account = ?1", [account], |row| row.get(0))?)
    });
    HouseholdId(Uuid::from_bytes(found.await.expect("a household")))
}

fn describe(phone: &mut Phone, visit: VisitId, whose: &str, photos: &[&[u8]]) {
    let event = Event::ProblemDescribed(ProblemDescribed { text: format!("{whose}家暖气不热") });
    let blob = |bytes: &&[u8]| BlobRef { sha: Sha::of(bytes), len: bytes.len() as u64, role: role::PHOTOS[0].into() };
    let blobs = photos.iter().map(blob).collect();
    phone.log_raw(Some(visit), 1, event.kind(), &event.to_body(&nonce()), blobs);
}

async fn day() -> Day {
    let house = House::open().await;
    let admin = Desk::open(&house, Role::Admin).await;
    let rows = [(NAME, "A-1", "101"), (OTHER, "A-2", "102")].map(|(name, account, room)| {
        let mut row = household(account, "示例花园", room);
        row["业主姓名"] = name.into();
        row
    });
    let report = admin.import(&house, "households", workbook(Register::Households, &rows)).await;
    assert_eq!(report["added"], 2, "{report}");
    let (first, second) = (home(&house, "A-1").await, home(&house, "A-2").await);
    house.schedule(visit(1), first, Some(worker())).await;
    house.schedule(visit(2), second, Some(worker())).await;
    let mut phone = Phone::enrol(&house, worker()).await;
    phone.sync(&house).await;
    describe(&mut phone, visit(1), NAME, &[&photo(NAME), b"the boiler room"]);
    let unmasked = Unmasked { household: first, field: "业主电话".into(), reason: format!("{NAME}要求改约") };
    phone.log(None, 0, &Event::Unmasked(unmasked));
    let record = sign(&house, &mut phone, visit(1), first, NAME);
    phone.log(Some(visit(1)), 1, &completed());
    describe(&mut phone, visit(2), OTHER, &[&photo(OTHER), b"the boiler room"]);
    let reply = phone.sync(&house).await;
    assert_eq!((reply.outcomes.len(), reply.need.len()), (0, 3), "{:?}", reply.outcomes);
    for bytes in [photo(NAME), photo(OTHER), b"the boiler room".to_vec()] {
        assert_eq!(phone.upload(&house, &bytes).await, StatusCode::NO_CONTENT);
    }
    Day { house, phone, record }
}

/// Runs a command on the folder of a server that was stopped, and starts it again.
async fn beside(house: House, arguments: &[&str]) -> (House, i32, String) {
    let House { dir, state, app, .. } = house;
    let data = dir.path().join("data").display().to_string();
    let mut arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    arguments.extend(["--data".to_owned(), data]);
    let (code, told) = blocking(move || {
        state.store.close();
        drop((state, app));
        nuanfang(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    })
    .await;
    (House::open_in(dir).await, code, told)
}

/// Whether the name is in any file, as it stands or packed.
fn finds(folder: &Path, name: &str) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(name.len()).any(|window| window == name.as_bytes());
    let found = files(folder).into_iter().filter(|file| {
        let bytes = std::fs::read(file).expect("a file");
        holds(&bytes) || zstd::decode_all(bytes.as_slice()).is_ok_and(|unpacked| holds(&unpacked))
    });
    found.map(|file| file.display().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_household_is_nowhere_and_everything_else_stands() {
    let Day { house, mut phone, record } = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let (key, backup) = (second.key(&house), second.path().display().to_string());
    let count = house.state.read::<_, StoreError, _>(log::verify_chains).await.expect("the chains stand");
    let data = house.dir.path().join("data");
    assert!(!finds(&data, NAME).is_empty(), "the search can see");
    let auditor = Desk::open(&house, Role::Auditor).await;
    let paper = format!("/api/documents/{record}.json");
    assert!(auditor.get(&house, &paper).await["format"].as_str().is_some_and(|format| format.contains("record")));

    let (house, code, said) = beside(house, &["erase", "A-1", "--reason", "本人申请"]).await;
    assert_eq!((code, said.contains("--backup")), (2, true), "not without its backup: {said}");
    let (house, code, said) = beside(house, &["erase", "A-1", "--reason", "本人申请", "--backup", &backup]).await;
    assert_eq!(code, 0, "{said}");

    // Nowhere: not in the folder, not in what the backup gives back with the key.
    assert_eq!(finds(&data, NAME), Vec::<String>::new());
    assert!(!finds(&data, OTHER).is_empty());
    assert!(!house.state.blobs.has(&Sha::of(&photo(NAME))) && house.state.blobs.has(&Sha::of(b"the boiler room")));
    let seen = second.verify(Some(key)).await;
    assert_eq!(seen.faults, []);
    // Its visit's five bodies, one reading of a masked field; a photo and the first rows of the ledger.
    assert_eq!(seen.erased, 5 + 2, "verify says how much was erased");
    let (again, restored) = second.reopened(key).await;
    assert_eq!(restored.erased, 5);
    assert_eq!(finds(&again.dir.path().join("data"), NAME), Vec::<String>::new());
    assert!(again.state.blobs.has(&Sha::of(b"the boiler room")), "what is another's too is his");
    home(&again, "A-2").await;
    drop(again);

    // Chains and counts stand, and every other table is made again as it is.
    let stand = house.state.read::<_, StoreError, _>(log::verify_chains).await.expect("the chains stand");
    assert!(stand > count);
    let before = house.state.store.read_long::<_, StoreError, _>(rebuild::dump_without_feed).await.expect("a dump");
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("rebuilt");
    let after = house.state.store.read_long::<_, StoreError, _>(rebuild::dump_without_feed).await.expect("a dump");
    assert_eq!(before, after);

    // The record is erased: its trace says so to anybody.
    let auditor = Desk::named(&house, "auditor-2", Role::Auditor).await;
    let trace = auditor.get(&house, &paper).await;
    let file = house.dir.path().join("trace.json");
    let keys = house.dir.path().join("keys.json");
    std::fs::write(&file, nuanfang_core::canon::json::canonical(&trace).expect("canonical")).expect("written");
    let published = auditor.get(&house, "/api/keys.json").await;
    std::fs::write(&keys, nuanfang_core::canon::json::canonical(&published).expect("canonical")).expect("written");
    let (file, keys) = (file.display().to_string(), keys.display().to_string());
    let (code, said) = blocking(move || nuanfang(&["verify", &file, "--keys", &keys])).await;
    assert_eq!((code, said.contains("抹除") || said.contains("擦除")), (3, true), "{said}");
    let (status, _, body) =
        auditor.send(&house, axum::http::Method::GET, &paper.replace(".json", ".pdf"), &serde_json::Value::Null).await;
    assert_eq!(status, StatusCode::GONE, "{}", String::from_utf8_lossy(&body));

    // The phone gives up its mirror; what it still sends is on record and says nothing.
    phone.come_back(&house).await;
    describe(&mut phone, visit(1), NAME, &[&photo("somebody else")]);
    let reply = phone.sync(&house).await;
    let own = reply.scopes.iter().find(|scope| scope.id.starts_with("worker:")).expect("the worker's scope");
    let gone: Vec<&str> =
        own.feed.iter().filter(|entry| entry.k == FeedKind::Revoke).map(|entry| entry.e.as_str()).collect();
    assert!(own.reset || gone.contains(&"visit"), "{:?}", own.feed);
    let last = reply.outcomes.last().expect("an outcome");
    assert_eq!((last.o, last.why.as_deref()), (OutcomeKind::Quarantined, Some("erased")));
    assert_eq!(reply.need, [], "nobody asks for its files");
    let kept = |house: &House| {
        let sql = "SELECT e.op FROM outcome o JOIN envelope e ON e.g = o.g WHERE o.why = 'erased'";
        let found = |db: &rusqlite::Connection| db.query_row(sql, [], |row| row.get(0)).map_err(StoreError::from);
        OpId(Uuid::from_bytes(house.state.store.read_now(found).expect("the one")))
    };
    let op = kept(&house);
    let anew = vec![rejudge::act(op, "再看一次".into())];
    house.state.office.append::<StoreError, _>(WorkerId(Uuid::nil()), anew, |_| Ok(())).await.expect("judged");
    assert_eq!(kept(&house), op, "judged anew it says no more");
    house.state.store.close();
    assert_eq!(finds(&data, NAME), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_are_told_to_forget_and_a_second_run_finds_it_done() {
    let Day { house, mut phone, .. } = day().await;
    let before = phone.scopes.clone();
    let (house, code, said) = beside(house, &["erase", "A-1", "--reason", "本人申请", "--dry-run"]).await;
    assert_eq!((code, said.contains("可以抹除")), (0, true), "{said}");
    let id = home(&house, "A-1").await.to_string();
    let (house, code, said) = beside(house, &["erase", &id, "--reason", "本人申请", "--ground", "retention"]).await;
    assert_eq!(code, 0, "{said}");
    phone.come_back(&house).await;
    phone.scopes = before;
    let reply = phone.sync(&house).await;
    let own = reply.scopes.iter().find(|scope| scope.id.starts_with("worker:")).expect("the worker's scope");
    let gone: Vec<_> = own.feed.iter().filter(|entry| entry.why.as_deref() == Some("erased")).collect();
    assert_eq!(gone.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>(), [visit(1).to_string()]);
    let (house, code, said) = beside(house, &["erase", &id, "--reason", "再次"]).await;
    assert_eq!((code, said.contains("已于")), (0, true), "{said}");
    let (_, code, said) = beside(house, &["erase", "A-1", "--reason", "再次"]).await;
    assert_eq!((code, said.contains("没有交费编号")), (1, true), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_be_kept_is_kept() {
    let Day { house, mut phone, .. } = day().await;
    let erase = ["erase", "A-1", "--reason", "本人申请"];
    let (house, code, said) = beside(house, &["erase", "A-2", "--reason", "本人申请"]).await;
    assert_eq!((code, said.contains("未结束")), (1, true), "an open visit: {said}");
    let (house, code, _) = beside(house, &["hold", "A-1", "--reason", "诉讼（2026）京01民初1号"]).await;
    assert_eq!(code, 0);
    let (house, code, said) = beside(house, &erase).await;
    assert_eq!((code, said.contains("京01民初1号")), (1, true), "a legal hold: {said}");
    let (house, code, _) = beside(house, &["hold", "A-1", "--lift"]).await;
    assert_eq!(code, 0);
    let (house, code, said) = beside(house, &["setting", "retain_days.visit.signed", "3650"]).await;
    assert_eq!(code, 0, "{said}");
    let (house, code, said) = beside(house, &erase).await;
    assert_eq!((code, said.contains("visit.signed")), (1, true), "a term of retention: {said}");
    for (key, value) in [
        ("retain_days.visit.signed", "soon"),
        ("retain_days.visit.flown", "1"),
        ("phone.silence_hours", "0"),
        ("no.such", "1"),
    ] {
        let (code, _) = blocking(move || nuanfang(&["setting", key, value, "--data", "/nowhere"])).await;
        assert_eq!(code, 1, "{key} {value}");
    }
    let (house, code, _) = beside(house, &["setting", "retain_days.visit.signed", "0"]).await;
    assert_eq!(code, 0);
    let house = settings_are_told(house).await;
    phone.come_back(&house).await;
    describe(&mut phone, visit(1), NAME, &[b"still on the phone"]);
    phone.sync(&house).await;
    let (house, code, said) = beside(house, &erase).await;
    assert_eq!((code, said.contains("未传完")), (1, true), "evidence on its way: {said}");
    let data = house.dir.path().join("data");
    assert!(!finds(&data, NAME).is_empty(), "nothing was changed by any of it");
    house.revoke(phone.device, RevokeReason::Stolen).await;
    let (_house, code, said) = beside(house, &erase).await;
    assert_eq!((code, finds(&data, NAME)), (0, Vec::new()), "of a phone that is gone nothing is on its way: {said}");
}

/// Asks for settings one by one: what is set, what holds where nothing is, and that a misspelt one is none.
async fn settings_are_told(mut house: House) -> House {
    for (key, status, told) in [
        ("retain_days.visit.signed", 0, "retain_days.visit.signed\t0\n"),
        ("retain_days.visit.departed", 0, "retain_days.visit.departed\t（未设置，按 retain_days 执行）\n"),
        ("phone.silence_hours", 0, "phone.silence_hours\t24（未设置，按此执行）\n"),
        ("phone.silence_hour", 1, ""),
    ] {
        let said;
        let code;
        (house, code, said) = beside(house, &["setting", key]).await;
        assert_eq!((code, said.contains(told)), (status, true), "{key}: {said}");
    }
    house
}

/// Takes all that waits to the backup, and holds that nothing is missing there.
async fn shipped(second: &Second, house: &House, phone: &mut Phone) {
    second.ship(house).await;
    let reply = phone.sync(house).await;
    assert_eq!(
        (reply.need, reply.safe_through),
        (Vec::new(), reply.acked_through),
        "the phone may let go of all of it"
    );
    assert_eq!(second.verify(Some(second.key(house))).await.faults, []);
}

fn open_visit(phone: &mut Phone, visit: VisitId, household: HouseholdId, whose: &str) {
    let reason = format!("{whose}在楼道里拦住我");
    let opened = Opened { kind: VisitKind::Repair, household, reason, emergency: true };
    phone.log(Some(visit), 0, &Event::Opened(opened));
}

/// What was kept apart, by what it is and why.
fn apart(house: &House) -> Vec<(String, String)> {
    let found = house.state.store.read_now::<_, StoreError>(|db| {
        let mut query =
            db.prepare("SELECT e.kind, coalesce(o.why, '') FROM outcome o JOIN envelope e ON e.g = o.g ORDER BY o.g")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    });
    found.expect("outcomes")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_later_about_an_erased_household_says_nothing_and_stops_nobody() {
    let Day { house, mut phone, .. } = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let (key, backup, first) = (second.key(&house), second.path().display().to_string(), home(&house, "A-1").await);
    let (house, code, said) = beside(house, &["erase", "A-1", "--reason", "本人申请", "--backup", &backup]).await;
    assert_eq!(code, 0, "{said}");

    // A phone without a network still had the household, and went on.
    phone.come_back(&house).await;
    open_visit(&mut phone, visit(9), first, NAME);
    describe(&mut phone, visit(9), NAME, &[&photo("what came later")]);
    let unmasked = Unmasked { household: first, field: "业主电话".into(), reason: format!("{NAME}要求改约") };
    phone.log(None, 0, &Event::Unmasked(unmasked));
    let reply = phone.sync(&house).await;
    assert_eq!(reply.need, [], "nobody asks for its files");
    assert_eq!(
        phone.upload(&house, &photo("what came later")).await,
        StatusCode::NO_CONTENT,
        "a phone that sends it all the same"
    );
    describe(&mut phone, visit(9), NAME, &[]);
    // Whatever visit it says that it was about: that one is another household's.
    let bodies = |house: &House| {
        let sql = "SELECT count(*) FROM envelope e JOIN body b ON b.g = e.g WHERE e.visit = ?1";
        let found = |db: &rusqlite::Connection| Ok(db.query_row(sql, [visit(2).0.as_bytes()], |row| row.get(0))?);
        house.state.store.read_now::<i64, StoreError>(found).expect("a number")
    };
    let stood = bodies(&house);
    let unmasked = Unmasked { household: first, field: "业主电话".into(), reason: format!("{NAME}要求改约") };
    phone.log(Some(visit(2)), 1, &Event::Unmasked(unmasked));
    phone.sync(&house).await;
    assert!(stood > 0 && house.state.blobs.has(&Sha::of(&photo(OTHER))));
    assert_eq!(bodies(&house), stood, "nothing of it goes but what was said of the erased one");
    let kept = ["visit.opened", "visit.problem_described", "visit.problem_described"];
    assert_eq!(apart(&house), kept.map(|kind| (kind.to_owned(), "erased".to_owned())), "the office sees that it came");
    assert!(!house.state.blobs.has(&Sha::of(&photo("what came later"))));
    shipped(&second, &house, &mut phone).await;

    // Whoever lives there now is somebody else: with a row of his own the work counts.
    let admin = Desk::named(&house, "admin-2", Role::Admin).await;
    let report = admin
        .import(&house, "households", workbook(Register::Households, &[household("A-1", "示例花园", "101")]))
        .await;
    assert_eq!(report["added"], 1, "{report}");
    let anew = home(&house, "A-1").await;
    assert_ne!(anew, first);
    open_visit(&mut phone, visit(10), anew, OTHER);
    describe(&mut phone, visit(10), OTHER, &[&photo("who came after")]);
    assert_eq!(phone.sync(&house).await.need.len(), 1);
    assert_eq!(phone.upload(&house, &photo("who came after")).await, StatusCode::NO_CONTENT);
    shipped(&second, &house, &mut phone).await;

    // Made again from the log, and restored, it is the same.
    let before = house.state.store.read_long::<_, StoreError, _>(rebuild::dump_without_feed).await.expect("a dump");
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("rebuilt");
    let after = house.state.store.read_long::<_, StoreError, _>(rebuild::dump_without_feed).await.expect("a dump");
    assert_eq!(before, after);
    let (again, restored) = second.reopened(key).await;
    assert_eq!((apart(&again), restored.awaited), (apart(&house), 0));
    assert!(again.state.blobs.has(&Sha::of(&photo("who came after"))));
    phone.come_back(&again).await;
    describe(&mut phone, visit(9), NAME, &[]);
    phone.sync(&again).await;
    phone.sync(&again).await;
    assert_eq!(apart(&again).len(), kept.len() + 1, "what comes after the restore says no more");
    again.state.store.close();
    assert_eq!(finds(&again.dir.path().join("data"), NAME), Vec::<String>::new());

    let (house, code, said) =
        beside(house, &["erase", &first.to_string(), "--reason", "再次", "--backup", &backup]).await;
    assert_eq!((code, said.contains("已于")), (0, true), "{said}");
    house.state.store.close();
    assert_eq!(finds(&house.dir.path().join("data"), NAME), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_kept_of_an_erased_household_all_the_same_is_safe_and_goes_when_it_is_erased_again() {
    let Day { house, mut phone, .. } = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let (backup, first) = (second.path().display().to_string(), home(&house, "A-1").await);
    let id = first.to_string();
    let (house, code, said) = beside(house, &["erase", "A-1", "--reason", "本人申请", "--backup", &backup]).await;
    assert_eq!(code, 0, "{said}");

    // As an older build took in what came later.
    phone.come_back(&house).await;
    house.schedule(visit(9), first, Some(worker())).await;
    describe(&mut phone, visit(9), NAME, &[&photo("what came later")]);
    phone.sync(&house).await;
    assert_eq!(phone.upload(&house, &photo("what came later")).await, StatusCode::NO_CONTENT);
    shipped(&second, &house, &mut phone).await;
    let (again, _) = second.reopened(second.key(&house)).await;
    assert!(again.state.blobs.has(&Sha::of(&photo("what came later"))), "what is called safe comes back");
    assert!(!finds(&again.dir.path().join("data"), NAME).is_empty());
    drop(again);

    let erase = ["erase", &id, "--reason", "再次", "--backup", &backup];
    let (house, code, said) = beside(house, &erase).await;
    assert_eq!((code, said.contains("未结束")), (1, true), "an open visit: {said}");
    phone.come_back(&house).await;
    phone.log(Some(visit(9)), 1, &completed());
    phone.sync(&house).await;
    let (house, code, said) = beside(house, &erase).await;
    assert_eq!((code, said.contains("已抹除")), (0, true), "{said}");
    assert_eq!(finds(&house.dir.path().join("data"), NAME), Vec::<String>::new());
    phone.come_back(&house).await;
    shipped(&second, &house, &mut phone).await;
    let (again, _) = second.reopened(second.key(&house)).await;
    again.state.store.close();
    assert_eq!(finds(&again.dir.path().join("data"), NAME), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_that_was_kept_apart_is_erased_with_its_household() {
    let Day { house, mut phone, .. } = day().await;
    let (first, before) = (home(&house, "A-1").await, phone.head_sha);
    open_visit(&mut phone, visit(9), first, NAME);
    let opened = phone.queue.last_mut().expect("an operation");
    opened.rules = Sha::of(b"the rules of a newer build");
    phone.head_sha = opened.envelope(phone.device, before).sha();
    phone.sync(&house).await;
    assert_eq!(apart(&house), [("visit.opened".to_owned(), "rules_unknown".to_owned())]);
    let (house, code, said) = beside(house, &["erase", "A-1", "--reason", "本人申请"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(finds(&house.dir.path().join("data"), NAME), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_a_file_stands_in_the_way_of_is_said_to_be_half_done_and_keeps_no_phone_waiting() {
    let Day { house, mut phone, .. } = day().await;
    let papers = house.dir.path().join("data/documents");
    let _ = std::fs::remove_dir_all(&papers);
    std::fs::write(&papers, "no folder").expect("written");
    let (house, code, said) = beside(house, &["erase", "A-1", "--reason", "本人申请"]).await;
    assert_eq!((code, said.contains("已抹除") && said.contains("再次运行")), (3, true), "{said}");
    phone.come_back(&house).await;
    describe(&mut phone, visit(2), OTHER, &[]);
    assert_eq!(phone.sync(&house).await.acked_through, phone.base, "the server starts all the same");
    std::fs::remove_file(&papers).expect("removed");
    let house = house.reopen().await;
    assert_eq!(finds(&house.dir.path().join("data"), NAME), Vec::<String>::new(), "the next start completes it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_takes_away_what_others_sent_by_naming_an_erased_dwelling_in_another_workers_name() {
    let Day { house, mut phone, .. } = day().await;
    let first = home(&house, "A-1").await;
    describe(&mut phone, visit(8), OTHER, &[]);
    phone.sync(&house).await;
    let state = house.state.clone();
    blocking(move || erase::erase(&state, first.0, ErasureGround::Request, "本人申请")).await.expect("erased");
    let mut other = Phone::enrol(&house, WorkerId(Uuid::from_u128(0xbad))).await;
    other.worker = phone.worker;
    let opened =
        serde_json::json!({"n": "00", "kind": "repair", "household": first, "reason": NAME, "emergency": true});
    other.log_raw(Some(visit(8)), 0, "visit.opened", &opened.to_string(), Vec::new());
    let reply = other.sync(&house).await;
    assert_eq!(reply.outcomes.last().and_then(|told| told.why.as_deref()), Some("worker_mismatch"));
    let kept = "SELECT count(*) FROM envelope e JOIN body b ON b.g = e.g WHERE e.visit = ?1";
    let kept = house
        .state
        .store
        .read_now::<_, StoreError>(|db| Ok(db.query_row(kept, [visit(8).0.as_bytes()], |row| row.get::<_, i64>(0))?));
    assert_eq!(kept.expect("read"), 2, "both are kept, one of them apart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_an_erasure_is_on_its_way_to_can_be_restored_at_every_segment() {
    let Day { house, mut phone, .. } = day().await;
    let second = Second::new();
    second.ship(&house).await;
    // More files than a segment takes: those that the erasure puts in place of others come after.
    let pictures: Vec<Vec<u8>> = (0..70_u8).map(|n| vec![n; 100]).collect();
    describe(&mut phone, visit(2), OTHER, &pictures.iter().map(Vec::as_slice).collect::<Vec<_>>());
    phone.sync(&house).await;
    for picture in &pictures {
        assert_eq!(phone.upload(&house, picture).await, StatusCode::NO_CONTENT);
    }
    let (state, first) = (house.state.clone(), home(&house, "A-1").await);
    blocking(move || erase::erase(&state, first.0, ErasureGround::Request, "本人申请")).await.expect("erased");
    let mut more = true;
    while more {
        let (store, to) = (house.state.store.clone(), second.path());
        more = blocking(move || ship::ship(&store, &Place::make(&to)?)).await.expect("shipped");
        let (again, _) = second.reopened(second.key(&house)).await;
        home(&again, "A-2").await;
    }
    let (again, _) = second.reopened(second.key(&house)).await;
    let data = again.dir.path().join("data");
    again.state.store.close();
    assert_eq!(finds(&data, NAME), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_signed_at_a_visit_that_a_restore_lost_goes_with_its_household() {
    let Day { house, mut phone, .. } = day().await;
    let first = home(&house, "A-1").await;
    describe(&mut phone, visit(8), NAME, &[&photo("the hall")]);
    sign(&house, &mut phone, visit(8), first, NAME);
    let reply = phone.sync(&house).await;
    assert_eq!(reply.outcomes.last().and_then(|told| told.why.as_deref()), Some("visit_unknown"));
    let data = house.dir.path().join("data");
    let erase = ["erase", "A-1", "--reason", "本人申请"];
    let (house, code, said) = beside(house, &erase).await;
    assert_eq!((code, said.contains("未传完")), (1, true), "evidence on its way: {said}");
    phone.come_back(&house).await;
    assert_eq!(phone.upload(&house, &photo("the hall")).await, StatusCode::NO_CONTENT);
    let (house, ..) = beside(house, &["setting", "retain_days.visit.problem_described", "3650"]).await;
    let (house, code, said) = beside(house, &erase).await;
    assert_eq!((code, said.contains("visit.problem_described")), (1, true), "a term of retention: {said}");
    let (house, ..) = beside(house, &["setting", "retain_days.visit.problem_described", "0"]).await;
    let (house, code, said) = beside(house, &erase).await;
    assert_eq!(code, 0, "{said}");
    phone.come_back(&house).await;
    describe(&mut phone, visit(9), NAME, &[&photo("the stairs")]);
    assert_eq!(phone.sync(&house).await.need.len(), 1, "nobody knows yet whose it is");
    assert_eq!(phone.upload(&house, &photo("the stairs")).await, StatusCode::NO_CONTENT);
    sign(&house, &mut phone, visit(9), first, NAME);
    let reply = phone.sync(&house).await;
    assert_eq!(reply.outcomes.last().and_then(|told| told.why.as_deref()), Some("erased"));
    let before = house.state.store.read_long::<_, StoreError, _>(rebuild::dump_without_feed).await.expect("a dump");
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("rebuilt");
    let after = house.state.store.read_long::<_, StoreError, _>(rebuild::dump_without_feed).await.expect("a dump");
    assert_eq!(before, after);
    let (house, ..) = beside(house, &["erase", "A-1", "--reason", "核对", "--dry-run"]).await;
    assert!(!house.state.blobs.has(&Sha::of(&photo("the stairs"))), "its files go with the next start");
    house.state.store.close();
    assert_eq!(finds(&data, NAME), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_came_into_the_backup_before_anybody_noted_it_goes_too() {
    let Day { house, mut phone, .. } = day().await;
    let second = Second::new();
    second.ship(&house).await;
    // As a shipper that was cut off before its segment leaves it.
    let unnoted =
        |writing: &mut Writing<'_>| Ok::<_, StoreError>(writing.tx.execute("UPDATE blob SET shipped = 0", [])?);
    assert!(house.state.store.write(0, unnoted).await.expect("forgotten") > 0);
    let name_of = |file: &str| Path::new(file).file_name().expect("a name").to_owned();
    let named: Vec<_> = finds(&house.dir.path().join("data/blobs"), NAME).iter().map(|file| name_of(file)).collect();
    let there = || second.files("blobs").iter().filter(|file| named.iter().any(|name| file.ends_with(name))).count();
    assert_eq!((named.len(), there()), (2, 2), "a photo, and the rows of the ledger");
    let backup = second.path().display().to_string();
    let (house, code, said) = beside(house, &["erase", "A-1", "--reason", "本人申请", "--backup", &backup]).await;
    assert_eq!(code, 0, "{said}");
    phone.come_back(&house).await;
    shipped(&second, &house, &mut phone).await;
    assert_eq!(there(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_was_taken_out_before_its_segment_counted_is_rid_of_what_was_erased_meanwhile() {
    let Day { house, mut phone, .. } = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let other = second.dir.path().join("other");
    for folder in ["", "blobs", "heads", "bodies"] {
        std::fs::create_dir_all(other.join(folder)).expect("a folder");
    }
    let from = second.path();
    for file in files(&from).iter().filter(|file| !file.starts_with(from.join("heads"))) {
        let to = other.join(file.strip_prefix(&from).expect("inside"));
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        std::fs::copy(file, to).expect("copied");
    }
    let name_of = |file: &str| Path::new(file).file_name().expect("a name").to_owned();
    let named: Vec<_> = finds(&house.dir.path().join("data/blobs"), NAME).iter().map(|file| name_of(file)).collect();
    let there = || second.files("blobs").iter().filter(|file| named.iter().any(|name| file.ends_with(name))).count();
    assert_eq!((named.len(), there()), (2, 2), "a photo, and the rows of the ledger");
    let backup = from.display().to_string();
    let (house, code, said) = beside(house, &["erase", "A-1", "--reason", "本人申请", "--backup", &backup]).await;
    assert_eq!((code, there()), (0, 0), "{said}");
    second.swap(Some(&other), &second.dir.path().join("away"));
    assert_eq!(there(), 2);
    phone.come_back(&house).await;
    shipped(&second, &house, &mut phone).await;
    assert_eq!(there(), 0);
    let (again, _) = second.reopened(second.key(&house)).await;
    assert_eq!(finds(&again.dir.path().join("data/blobs"), NAME), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_gone_stops_nobody() {
    let Day { house, mut phone, .. } = day().await;
    house.state.vault.destroy_data_key(home(&house, "A-1").await.0).expect("gone");
    let second = Second::new();
    shipped(&second, &house, &mut phone).await;
    let (again, restored) = second.reopened(second.key(&house)).await;
    assert!(again.state.blobs.has(&Sha::of(&photo(NAME))), "a file is the company's then");
    assert_eq!(restored.erased, 0, "so is a body: nobody was erased");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_erased_and_is_named_again_is_safe_again() {
    for deleted_there in [false, true] {
        let Day { house, mut phone, .. } = day().await;
        let second = Second::new();
        second.ship(&house).await;
        let (state, first) = (house.state.clone(), home(&house, "A-1").await);
        blocking(move || erase::erase(&state, first.0, ErasureGround::Request, "本人申请")).await.expect("erased");
        if deleted_there {
            second.ship(&house).await;
        }
        describe(&mut phone, visit(2), OTHER, &[&photo(NAME)]);
        let reply = phone.sync(&house).await;
        assert_eq!(reply.need.iter().map(|need| need.sha).collect::<Vec<_>>(), [Sha::of(&photo(NAME))]);
        second.ship(&house).await;
        assert!(phone.sync(&house).await.safe_through < phone.base, "it is owed");
        let (again, restored) = second.reopened(second.key(&house)).await;
        assert_eq!(restored.awaited, 1, "lost now, its phone is asked for it");
        drop(again);
        assert_eq!(phone.upload(&house, &photo(NAME)).await, StatusCode::NO_CONTENT);
        shipped(&second, &house, &mut phone).await;
        let (again, restored) = second.reopened(second.key(&house)).await;
        assert_eq!((restored.awaited, again.state.blobs.has(&Sha::of(&photo(NAME)))), (0, true));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_erased_and_is_named_again_is_safe_once_it_comes_after_a_restore() {
    let Day { house, mut phone, .. } = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let (state, first) = (house.state.clone(), home(&house, "A-1").await);
    blocking(move || erase::erase(&state, first.0, ErasureGround::Request, "本人申请")).await.expect("erased");
    describe(&mut phone, visit(2), OTHER, &[&photo(NAME)]);
    phone.sync(&house).await;
    second.ship(&house).await;
    let key = second.key(&house);
    lose(house).await;
    let (house, restored) = second.reopened(key).await;
    assert_eq!(restored.awaited, 1);
    phone.come_back(&house).await;
    phone.sync(&house).await;
    assert_eq!(phone.upload(&house, &photo(NAME)).await, StatusCode::NO_CONTENT);
    shipped(&second, &house, &mut phone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_erased_and_is_named_again_comes_back_from_each_of_two_disks_that_take_turns() {
    for away_meanwhile in [false, true] {
        let Day { house, mut phone, .. } = day().await;
        let second = Second::new();
        let (first, other) = (second.dir.path().join("first"), second.dir.path().join("other"));
        second.ship(&house).await;
        if away_meanwhile {
            second.swap(None, &first);
            second.begin(&house).await;
        }
        let (state, household) = (house.state.clone(), home(&house, "A-1").await);
        blocking(move || erase::erase(&state, household.0, ErasureGround::Request, "本人申请")).await.expect("erased");
        second.ship(&house).await;
        describe(&mut phone, visit(2), OTHER, &[&photo(NAME)]);
        phone.sync(&house).await;
        assert_eq!(phone.upload(&house, &photo(NAME)).await, StatusCode::NO_CONTENT);
        shipped(&second, &house, &mut phone).await;
        if !away_meanwhile {
            second.swap(None, &first);
            second.begin(&house).await;
        }
        second.swap(Some(&first), &other);
        shipped(&second, &house, &mut phone).await;
        let (again, restored) = second.reopened(second.key(&house)).await;
        assert_eq!((restored.awaited, again.state.blobs.has(&Sha::of(&photo(NAME)))), (0, true));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn papers_go_whenever_the_power_was_cut() {
    let Day { house, .. } = day().await;
    let (data, first) = (house.dir.path().join("data"), home(&house, "A-1").await);
    let papers = |data: &Path| {
        for folder in ["documents", "import-reports"] {
            std::fs::create_dir_all(data.join(folder)).expect("a folder");
            std::fs::write(data.join(folder).join("0.json"), NAME).expect("written");
        }
    };
    let (house, code, said) = beside(house, &["erase", "A-1", "--reason", "本人申请"]).await;
    assert_eq!(code, 0, "{said}");
    // Cut before the end: its files are gone, its keys are not.
    papers(&data);
    let forget = "DELETE FROM data_key WHERE owner = ?1";
    house.state.vault.with(|db| Ok(db.execute(forget, [first.0.as_bytes()])?)).expect("as before");
    let house = house.reopen().await;
    assert_eq!(finds(&data, NAME), Vec::<String>::new(), "the next start completes it");
    assert!(house.state.vault.is_destroyed(first.0).expect("asked"));
    // As a cut left them behind for an older build: asked for again, they go.
    papers(&data);
    let id = first.to_string();
    let (house, code, said) = beside(house, &["erase", &id, "--reason", "再次", "--dry-run"]).await;
    assert_eq!((code, finds(&data, NAME).len()), (0, 2), "only asked: {said}");
    let (_house, code, said) = beside(house, &["erase", &id, "--reason", "再次"]).await;
    assert_eq!((code, finds(&data, NAME)), (0, Vec::new()), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_nobody_came_to_note_go_with_an_erasure() {
    let Day { house, .. } = day().await;
    let data = house.dir.path().join("data");
    // Ended before its act, and before its name.
    let strays = ["rows of an import that failed", "the first half of them"];
    let stray = |house: &House| {
        house.state.blobs.put(strays[0].as_bytes()).expect("kept");
        std::fs::write(data.join("blobs/part/0123.put"), strays[1]).expect("written");
    };
    let left = || strays.iter().map(|words| finds(&data, words).len()).sum::<usize>();
    stray(&house);
    assert_eq!(left(), 2, "the search can see");
    let (house, code, said) = beside(house, &["erase", "A-1", "--reason", "本人申请"]).await;
    assert_eq!((code, left()), (0, 0), "{said}");
    stray(&house);
    let house = house.reopen().await;
    assert_eq!(left(), 0, "the next start looks too");
    assert!(house.state.blobs.has(&Sha::of(&photo(OTHER))) && house.state.blobs.has(&Sha::of(b"the boiler room")));
}
