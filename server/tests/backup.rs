//! The log off the machine and back: what is shipped, what `backup verify` sees of it, and what comes back after the
//! first place is lost.

mod common;

use axum::http::StatusCode;
use common::desk::{Desk, PASSWORD, household, log_in, workbook, worker};
use common::second::{Second, blocking, dump, files, lose, nuanfang};
use common::{House, Phone};
use nuanfang_core::canon::envelope::{BlobRef, nonce};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::office_event::RevokeReason;
use nuanfang_core::domain::role;
use nuanfang_core::domain::worker_event::{Bare, Departed};
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use nuanfang_core::record::{Certificate, Holder, SoftwareKey};
use nuanfang_core::time::Millis;
use nuanfang_server::clock::{Clock, real_now};
use nuanfang_server::enrolment;
use nuanfang_server::office::ledger::Register;
use nuanfang_server::office::restore::{Damaged, Unrestored};
use nuanfang_server::office::role::Role;
use nuanfang_server::office::{log, rebuild};
use nuanfang_server::store::StoreError;
use nuanfang_server::store::ship::place::Place;
use nuanfang_server::store::ship::{self, Shipping, vault_copy};
use uuid::Uuid;

fn worker_id(n: u128) -> WorkerId {
    WorkerId(Uuid::from_u128(n))
}

fn visit(n: u128) -> VisitId {
    VisitId(Uuid::from_u128(0xa11_0000 + n))
}

fn home(n: u128) -> HouseholdId {
    HouseholdId(Uuid::from_u128(0xb22_0000 + n))
}

fn departed() -> Event {
    Event::Departed(Departed { tools_checked: true, parts: Vec::new() })
}

/// An event with a photo.
fn photographed(phone: &mut Phone, visit: VisitId, photo: &[u8]) {
    let blob = BlobRef { sha: Sha::of(photo), len: photo.len() as u64, role: role::PHOTOS[0].into() };
    let event = Event::Acknowledged(Bare {});
    phone.log_raw(Some(visit), 1, event.kind(), &event.to_body(&nonce()), vec![blob]);
}

/// An office with users and registers, two visits and a phone that has done one of them.
async fn day() -> (House, Phone) {
    let house = House::open().await;
    let admin = Desk::open(&house, Role::Admin).await;
    let households = [household("A-1", "示例花园", "101"), household("A-2", "示例花园", "102")];
    let households = workbook(Register::Households, &households);
    let report = admin.import(&house, "households", households).await;
    assert_eq!(report["added"], 2, "{report}");
    let workers = [worker("G-1", "李师傅", "维修员、测温员"), worker("G-2", "赵师傅", "维修员、巡检员")];
    let report = admin.import(&house, "workers", workbook(Register::Workers, &workers)).await;
    assert_eq!(report["added"], 2, "{report}");
    house.schedule(visit(1), home(1), Some(worker_id(1))).await;
    house.schedule(visit(2), home(2), Some(worker_id(1))).await;
    let mut phone = Phone::enrol(&house, worker_id(1)).await;
    phone.sync(&house).await;
    phone.log(Some(visit(1)), 1, &departed());
    photographed(&mut phone, visit(1), b"a photo, before");
    phone.sync(&house).await;
    assert_eq!(phone.upload(&house, b"a photo, before").await, StatusCode::NO_CONTENT);
    (house, phone)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_imported_again_after_a_restore_from_before_is_who_he_was() {
    let house = House::open().await;
    let second = Second::new();
    second.ship(&house).await;
    let key = second.key(&house);
    let registers = async |house: &House| {
        let admin = Desk::named(house, "again", Role::Admin).await;
        let workers = workbook(Register::Workers, &[worker("G-1", "李师傅", "维修员、测温员")]);
        assert_eq!(admin.import(house, "workers", workers).await["added"], 1);
        let homes = workbook(Register::Households, &[household("A-1", "示例花园", "101")]);
        assert_eq!(admin.import(house, "households", homes).await["added"], 1);
        let worker = admin.get(house, "/api/workers").await[0]["id"].clone();
        (worker, admin.get(house, "/api/households?q=A-1").await["rows"][0]["id"].clone())
    };
    let were = registers(&house).await;
    lose(house).await;
    let (house, _) = second.reopened(key).await;
    assert_eq!(registers(&house).await, were, "his phone, and what was done there, know him by that");
    let another = registers(&House::open().await).await;
    assert!(another.0 != were.0 && another.1 != were.1, "of another company a number tells nothing");
}

async fn envelopes(house: &House, phone: &Phone) -> u64 {
    let device = phone.device;
    let head = house.state.read::<_, StoreError, _>(move |db| log::find_writer(db, device)).await.expect("a log");
    house.state.read::<_, StoreError, _>(log::verify_chains).await.expect("the chains stand");
    head.map_or(0, |head| head.acked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_up_to_the_last_segment_comes_back_and_phones_bring_the_rest() {
    let (house, mut phone) = day().await;
    let second = Second::new();
    let before = phone.sync(&house).await;
    assert_eq!((before.acked_through, before.safe_through), (2, 0), "nothing is safe before it is off the machine");
    second.ship(&house).await;
    assert_eq!(phone.sync(&house).await.safe_through, 2);
    let (was, key) = (dump(&house).await, second.key(&house));
    let fingerprint = house.state.keys.fingerprint();
    // After the last segment: more work, a photo, a phone, a visit.
    phone.log(Some(visit(2)), 1, &departed());
    photographed(&mut phone, visit(2), b"a photo, after");
    phone.sync(&house).await;
    assert_eq!(phone.upload(&house, b"a photo, after").await, StatusCode::NO_CONTENT);
    let mut late = Phone::enrol(&house, worker_id(2)).await;
    house.schedule(visit(3), home(3), Some(worker_id(2))).await;
    late.log(Some(visit(3)), 1, &departed());
    assert_eq!(late.sync(&house).await.acked_through, 1);
    lose(house).await;

    let (house, restored) = second.reopened(key).await;
    assert_eq!((restored.files, restored.awaited), (3, 0), "two registers and a photo");
    assert_eq!(dump(&house).await, was, "every projection is what it was");
    assert_eq!(house.state.keys.fingerprint(), fingerprint);
    assert_eq!(log_in(&house, "admin", PASSWORD).await.0, StatusCode::OK, "users have their passwords");
    assert!(house.state.blobs.has(&Sha::of(b"a photo, before")) && !house.state.blobs.has(&Sha::of(b"a photo, after")));

    phone.come_back(&house).await;
    let first = phone.sync(&house).await;
    assert!(first.epoch > before.epoch, "a restored server says so");
    assert_eq!((first.acked_through, first.safe_through), (2, 2));
    assert!(first.scopes.iter().all(|scope| scope.reset), "the mirror is replaced");
    let reply = phone.sync(&house).await;
    assert_eq!((reply.acked_through, reply.need.len()), (4, 1), "the second exchange has all of it");
    assert_eq!(phone.upload(&house, b"a photo, after").await, StatusCode::NO_CONTENT);
    late.come_back(&house).await;
    late.sync(&house).await;
    let reply = late.sync(&house).await;
    assert_eq!(reply.acked_through, 1, "a phone whose enrolment was lost comes back by its certificate");
    assert_eq!(reply.outcomes[0].why.as_deref(), Some("visit_unknown"), "until the visit is entered anew");
    assert_eq!((envelopes(&house, &phone).await, envelopes(&house, &late).await), (4, 1));
    // The restored server goes on with the same backup.
    second.ship(&house).await;
    assert_eq!(phone.sync(&house).await.safe_through, 4);
    assert_eq!(second.verify(Some(key)).await.faults, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_says_at_once_that_it_can_not_take_the_folders_place_or_that_another_is_at_it() {
    let (house, _) = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let (key, dir) = (second.key(&house), tempfile::tempdir().expect("a folder"));
    let [disk, link, data, beside] = ["disk", "link", "data", "data.restoring"].map(|name| dir.path().join(name));
    std::fs::create_dir(&disk).expect("a folder");
    std::os::unix::fs::symlink(&disk, &link).expect("a link");
    assert!(matches!(second.restore(key, &link).await, Err(Unrestored::Fixed(_))));
    assert!(link.is_symlink() && disk.is_dir() && !dir.path().join("link.restoring").exists());

    std::fs::create_dir(&data).expect("a folder");
    std::fs::create_dir(&beside).expect("a folder");
    let lock = std::fs::File::create(beside.join("lock")).expect("a lock");
    lock.lock().expect("held");
    assert!(matches!(second.restore(key, &data).await, Err(Unrestored::Busy(_))));
    assert!(data.is_dir() && beside.join("lock").is_file(), "both are as they were");
    drop(lock);
    second.restore(key, &data).await.expect("what an ended one left goes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_safe_file_that_went_bad_is_asked_of_its_phone_when_another_disk_is_brought_up() {
    let (house, mut phone) = day().await;
    let second = Second::new();
    second.ship(&house).await;
    assert_eq!(phone.sync(&house).await.safe_through, 2);
    let sha = Sha::of(b"a photo, before");
    std::fs::write(house.state.blobs.path(&sha), b"rotten").expect("written");
    second.swap(None, &second.dir.path().join("away"));
    second.begin(&house).await;
    let need = phone.sync(&house).await.need;
    assert_eq!(need.iter().map(|need| need.sha).collect::<Vec<_>>(), [sha], "the phone may still have it");
    assert_eq!(phone.upload(&house, b"a photo, before").await, StatusCode::NO_CONTENT);
    second.ship(&house).await;
    assert_eq!(second.verify(Some(second.key(&house))).await.faults, []);
    let (again, _) = second.reopened(second.key(&house)).await;
    assert!(again.state.blobs.has(&sha));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_brings_back_only_what_was_lost() {
    let (house, phone) = day().await;
    let (second, stranger) = (Second::new(), House::open().await);
    let foreign = Phone::enrol(&stranger, worker_id(1)).await;
    let (status, _) = foreign.ask_token_with(&house, Some(&foreign.certificate)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "another company's certificate");
    second.ship(&house).await;
    let key = second.key(&house);
    let lost = Phone::enrol(&house, worker_id(2)).await;
    house.revoke(phone.device, RevokeReason::Stolen).await;
    second.ship(&house).await;
    lose(house).await;
    let (house, _) = second.reopened(key).await;
    let mut forged = lost.clone();
    forged.key = foreign.key.clone();
    let (status, _) = forged.ask_token_with(&house, Some(&lost.certificate)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "a certificate without its key");
    let (status, _) = phone.ask_token_with(&house, Some(&phone.certificate)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "a stolen phone stays stolen");
    let (status, _) = foreign.ask_token_with(&house, Some(&foreign.certificate)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    // Anybody may name the company; its root alone vouches.
    let root = SoftwareKey::generate();
    let holder = Holder::Device { device: lost.device, worker: worker_id(2) };
    let (from, until) = (Millis(0), Millis(4_000_000_000_000));
    let supplier = house.state.keys.supplier.id;
    let made = Certificate::new(supplier, &root.public(), holder, &foreign.key.public(), from, until).sign(&root);
    let made = serde_json::to_string(&made.expect("signed")).expect("JSON");
    let (status, _) = forged.ask_token_with(&house, Some(&made)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "another root's certificate in the company's name");
    let (status, _) = lost.ask_token_with(&house, Some(&lost.certificate)).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_never_heard_that_it_was_enrolled_gets_the_same_answer_from_a_restored_server() {
    let (house, _) = day().await;
    let second = Second::new();
    let (code, key) = (enrolment::issue(&house.state.vault, worker_id(1)).expect("a code"), Sha::of(b"a phone's key"));
    let traded = enrolment::redeem(&house.state.vault, &code, key).expect("a vault");
    assert!(traded.is_some());
    second.ship(&house).await;
    let recovery = second.key(&house);
    lose(house).await;
    let (house, _) = second.reopened(recovery).await;
    assert_eq!(enrolment::redeem(&house.state.vault, &code, key).expect("a vault"), traded);
    assert_eq!(enrolment::redeem(&house.state.vault, &code, Sha::of(b"another key")).expect("a vault"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_losses_in_a_row_are_two_epochs_even_if_the_backup_heard_of_neither() {
    let (house, mut phone) = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let key = second.key(&house);
    lose(house).await;
    let mut epochs = vec![phone.epoch];
    for _ in 0..2 {
        let (house, _) = second.reopened(key).await;
        phone.come_back(&house).await;
        phone.log(Some(visit(2)), 1, &departed());
        phone.sync(&house).await;
        phone.sync(&house).await;
        epochs.push(phone.epoch);
        assert_eq!(envelopes(&house, &phone).await, phone.logged.len() as u64);
        second.ship(&house).await;
        lose(house).await;
    }
    assert!(epochs.windows(2).all(|pair| pair[0] < pair[1]), "{epochs:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_flipped_byte_in_any_file_is_named_and_nothing_is_restored_from_it() {
    let (house, mut phone) = day().await;
    let second = Second::new();
    second.ship(&house).await;
    phone.log(Some(visit(2)), 1, &departed());
    phone.sync(&house).await;
    second.ship(&house).await;
    let key = second.key(&house);
    assert_eq!(second.verify(Some(key)).await.faults, []);
    let root = second.path();
    let last_heads = second.files("heads").pop();
    let target = tempfile::tempdir().expect("a folder");
    for folder in ["heads", "bodies", "blobs"] {
        for file in second.files(folder) {
            let whole = std::fs::read(&file).expect("a file");
            let name = file.strip_prefix(&root).expect("inside").display().to_string();
            for at in [0, whole.len() / 2, whole.len() - 1] {
                let mut flipped = whole.clone();
                flipped[at] ^= 0x10;
                std::fs::write(&file, &flipped).expect("written");
                let seen = second.verify(Some(key)).await;
                let named: Vec<&str> = seen.faults.iter().map(|fault| fault.name.as_str()).collect();
                assert_eq!(named, [name.as_str()], "byte {at} of {name}");
                if folder != "blobs" {
                    assert_eq!(second.verify(None).await.faults[0].name, name, "without the key too");
                }
                match second.restore(key, &target.path().join("data")).await {
                    Err(Unrestored::Damaged(fault)) => assert_eq!(fault.name, name),
                    other => panic!("{name}: {other:?}"),
                }
                assert_eq!(files(target.path()), Vec::<std::path::PathBuf>::new(), "nothing is left of the attempt");
            }
            std::fs::write(&file, &whole).expect("written");
            std::fs::remove_file(&file).expect("removed");
            let seen = second.verify(Some(key)).await;
            let end = last_heads.as_ref() == Some(&file);
            assert_eq!(seen.faults.is_empty(), end, "a missing {name}; of a missing end only the data folder knows");
            std::fs::write(&file, &whole).expect("written");
        }
    }
    assert_eq!(second.verify(Some(key)).await.faults, []);
    let sealed = root.join("vault.sealed");
    let mut bytes = std::fs::read(&sealed).expect("the copy");
    *bytes.last_mut().expect("a byte") ^= 1;
    std::fs::write(&sealed, bytes).expect("written");
    assert!(matches!(second.restore(key, &target.path().join("data")).await, Err(Unrestored::Store(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_ends_within_an_exchange_gives_the_same_however_often_it_is_made_again() {
    let (house, mut phone) = day().await;
    house.assign(visit(2), 1, worker_id(2)).await;
    phone.log(Some(visit(2)), 1, &departed());
    phone.sync(&house).await;
    // As if more had come with it.
    let cut = |writing: &mut nuanfang_server::store::sqlite::writing::Writing<'_>| {
        let last = "UPDATE envelope SET last = 0 WHERE g = (SELECT max(g) FROM envelope)";
        Ok::<_, StoreError>(writing.tx.execute(last, [])?)
    };
    house.state.store.write(0, cut).await.expect("cut");
    let second = Second::new();
    second.ship(&house).await;
    let (house, _) = second.reopened(second.key(&house)).await;
    let before = dump(&house).await;
    assert!(before.contains("== task 1"), "what is late is to be decided");
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("rebuilt");
    assert!(dump(&house).await == before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_name_many_files_are_shipped_in_several_segments() {
    let (house, mut phone) = day().await;
    let photo = b"a photo, before";
    for _ in 0..2 {
        let blob = BlobRef { sha: Sha::of(photo), len: photo.len() as u64, role: role::PHOTOS[0].into() };
        let event = Event::Acknowledged(Bare {});
        phone.log_raw(Some(visit(1)), 1, event.kind(), &event.to_body(&nonce()), vec![blob; 34_000]);
        phone.sync(&house).await;
    }
    let second = Second::new();
    second.ship(&house).await;
    assert_eq!(second.files("heads").len(), 2);
    assert_eq!(second.verify(Some(second.key(&house))).await.faults, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ended_between_segment_and_note_takes_its_segment_over() {
    let (house, mut phone) = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let forgotten = |writing: &mut nuanfang_server::store::sqlite::writing::Writing<'_>| {
        writing.tx.execute_batch("DELETE FROM segment; UPDATE blob SET shipped = 0; UPDATE writer SET safe = 0;")?;
        Ok::<_, StoreError>(())
    };
    house.state.store.write(0, forgotten).await.expect("forgotten");
    phone.log(Some(visit(2)), 1, &departed());
    phone.sync(&house).await;
    let first = std::fs::read(&second.files("heads")[0]).expect("a segment");
    second.ship(&house).await;
    assert_eq!(std::fs::read(&second.files("heads")[0]).expect("a segment"), first, "a segment is never written over");
    assert_eq!(phone.sync(&house).await.safe_through, 3);
    let key = second.key(&house);
    assert_eq!(second.verify(Some(key)).await.faults, []);
    // Bodies without heads are no segment: their server ended before it counted. An earlier release's had no hash.
    for hash in [String::new(), format!("-{}", Sha::of(b"heads"))] {
        let next = format!("bodies/{:09}{hash}.seg", second.files("heads").len() + 1);
        std::fs::write(second.path().join(next), b"half").expect("written");
    }
    phone.log(Some(visit(2)), 1, &departed());
    phone.sync(&house).await;
    second.ship(&house).await;
    assert_eq!(second.verify(Some(key)).await.faults, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_belongs_to_one_history() {
    let (house, mut phone) = day().await;
    let (second, other) = (Second::new(), Second::new());
    second.ship(&house).await;
    let key = second.key(&house);
    // A new, empty place gets everything, once somebody says so.
    other.begin(&house).await;
    let seen = other.verify(Some(key)).await;
    assert_eq!((seen.faults, seen.files.len()), (Vec::new(), 3));
    phone.log(Some(visit(2)), 1, &departed());
    phone.sync(&house).await;
    other.ship(&house).await;
    // Back at the first place, what it lacks is made up: two disks may take turns.
    second.ship(&house).await;
    let all = house.state.read::<_, StoreError, _>(log::verify_chains).await.expect("the chains stand");
    for place in [&second, &other] {
        let seen = place.verify(Some(key)).await;
        assert_eq!((seen.faults, seen.through), (Vec::new(), all));
    }
    // Another supplier's data does not go there.
    let stranger = House::open().await;
    assert!(second.try_ship(&stranger).await.is_err());
    // A server that was believed dead comes back after another has gone on.
    let third = Second::new();
    third.begin(&house).await;
    let (successor, _) = third.reopened(key).await;
    third.ship(&successor).await;
    phone.log(Some(visit(2)), 1, &departed());
    phone.sync(&house).await;
    let refused = third.try_ship(&house).await.expect_err("two servers, one backup").to_string();
    assert!(refused.contains("另一段历史"), "{refused}");
    assert_eq!(third.verify(Some(key)).await.faults, []);
}

/// A bucket's two servers may both find a segment's place empty, put their bodies, and only then does one of them put heads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_that_race_for_a_segment_the_second_leaves_the_firsts_bodies_alone() {
    let (house, mut phone) = day().await;
    let (second, rivals) = (Second::new(), Second::new());
    second.ship(&house).await;
    let key = second.key(&house);
    copied(&second.path(), &rivals.path());
    let (rival, _) = rivals.reopened(key).await;
    // Both are at the same segment, each with a history of its own.
    rivals.ship(&rival).await;
    phone.log(Some(visit(2)), 1, &departed());
    phone.sync(&house).await;
    second.ship(&house).await;
    for bodies in rivals.files("bodies") {
        let name = bodies.strip_prefix(rivals.path()).expect("inside").to_owned();
        std::fs::copy(&bodies, second.path().join(name)).expect("the rival's bodies come late");
    }
    assert!(second.files("bodies").len() > second.files("heads").len());
    let seen = second.verify(Some(key)).await;
    let all = house.state.read::<_, StoreError, _>(log::verify_chains).await.expect("the chains stand");
    assert_eq!((seen.faults, seen.through), (Vec::new(), all));
    assert!(second.try_ship(&rival).await.expect_err("it came second").to_string().contains("另一段历史"));
    let (_, restored) = second.reopened(key).await;
    assert_eq!(restored.envelopes, all);
}

/// Two copies of one data folder, as far as each other, put together segments that differ in what seals them alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_lie_there_for_the_same_heads_stay() {
    let (house, mut phone) = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let key = second.key(&house);
    phone.log(Some(visit(2)), 1, &departed());
    phone.sync(&house).await;
    let ends: Vec<_> = ["heads", "bodies"].map(|folder| second.files(folder).len()).into();
    second.ship(&house).await;
    // The other copy is about to put the heads that this one put.
    let (heads, bodies) = (second.files("heads")[ends[0]].clone(), second.files("bodies")[ends[1]].clone());
    let (put, sealed) = (std::fs::read(&heads).expect("heads"), std::fs::read(&bodies).expect("bodies"));
    std::fs::remove_file(&heads).expect("not there yet");
    let forgotten = |writing: &mut nuanfang_server::store::sqlite::writing::Writing<'_>| {
        writing.tx.execute("DELETE FROM segment WHERE segment = (SELECT max(segment) FROM segment)", [])?;
        Ok::<_, StoreError>(())
    };
    house.state.store.write(0, forgotten).await.expect("forgotten");
    second.ship(&house).await;
    assert_eq!(std::fs::read(&heads).expect("heads"), put);
    assert_eq!(std::fs::read(&bodies).expect("bodies"), sealed, "who put them may count on them");
    // Half of them is no attempt that anybody counts on.
    std::fs::remove_file(&heads).expect("not there yet");
    std::fs::write(&bodies, &sealed[..sealed.len() / 2]).expect("cut");
    house.state.store.write(0, forgotten).await.expect("forgotten");
    second.ship(&house).await;
    let seen = second.verify(Some(key)).await;
    let all = house.state.read::<_, StoreError, _>(log::verify_chains).await.expect("the chains stand");
    assert_eq!((seen.faults, seen.through), (Vec::new(), all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_went_bad_on_the_disk_holds_up_its_own_operation_alone_and_its_phone_sends_it_again() {
    let photo = b"a photo, before";
    type Spoil = fn(&std::path::Path);
    let wrong: Spoil = |file| std::fs::write(file, b"other bytes").expect("written");
    let lost: Spoil = |file| std::fs::remove_file(file).expect("removed");
    #[cfg(target_os = "linux")]
    let sector: Spoil = |file| {
        std::fs::remove_file(file).expect("removed");
        // Its first page is nobody's: to read there is an I/O error, as at a bad sector.
        std::os::unix::fs::symlink("/proc/self/mem", file).expect("a link");
    };
    #[cfg(not(target_os = "linux"))]
    let sector = wrong;
    for (spoil, aside) in [(wrong, 1), (lost, 0), (sector, 1)] {
        let (house, mut phone) = day().await;
        let second = Second::new();
        let sha = Sha::of(photo);
        spoil(&house.state.blobs.path(&sha));
        let mut other = Phone::enrol(&house, worker_id(2)).await;
        other.log(Some(visit(2)), 1, &departed());
        other.sync(&house).await;
        second.ship(&house).await;
        assert_eq!(other.sync(&house).await.safe_through, 1, "nobody else waits for it");
        let reply = phone.sync(&house).await;
        let asked: Vec<Sha> = reply.need.iter().map(|need| need.sha).collect();
        assert_eq!((reply.safe_through, asked), (1, vec![sha]), "its phone keeps it, and is asked for it again");
        let kept = std::fs::read_dir(house.dir.path().join("data/blobs/aside")).expect("a folder").count();
        assert_eq!(kept, aside, "what was there is not deleted");
        assert_eq!(phone.upload(&house, photo).await, StatusCode::NO_CONTENT);
        second.ship(&house).await;
        assert_eq!(phone.sync(&house).await.safe_through, 2);
        let seen = second.verify(Some(second.key(&house))).await;
        assert_eq!((seen.faults, seen.files.len()), (Vec::new(), 3));
    }
    // A file of the office nobody can send again: what comes before it is shipped, and the command says why no more is.
    let (house, mut phone) = day().await;
    let second = Second::new();
    let table = house.state.read::<_, StoreError, _>(|db| {
        let sha =
            db.query_row("SELECT sha FROM blob_owed o JOIN writer w ON w.dev = o.dev WHERE w.office = 1", [], |row| {
                row.get(0)
            })?;
        Ok(Sha(sha))
    });
    let table = table.await.expect("a table of the office");
    let file = house.state.blobs.path(&table);
    let whole = std::fs::read(&file).expect("a file");
    wrong(&file);
    let refused = second.try_ship(&house).await.expect_err("not to the end").to_string();
    assert!(refused.contains(&table.to_string()), "{refused}");
    std::fs::write(&file, whole).expect("put back");
    let house = house.reopen().await;
    second.ship(&house).await;
    phone.come_back(&house).await;
    assert_eq!(phone.sync(&house).await.safe_through, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_that_went_bad_in_the_only_backup_keeps_nothing_else_from_coming_back() {
    let (house, mut phone) = day().await;
    let second = Second::new();
    second.ship(&house).await;
    assert_eq!(phone.sync(&house).await.safe_through, 2);
    let key = second.key(&house);
    let photo = second.files("blobs").into_iter().find(|file| file.ends_with(Sha::of(b"a photo, before").to_string()));
    let photo = photo.expect("the photo");
    let mut bytes = std::fs::read(&photo).expect("a file");
    *bytes.last_mut().expect("a byte") ^= 1;
    std::fs::write(&photo, bytes).expect("spoiled");
    lose(house).await;
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    assert!(matches!(second.restore(key, &data).await, Err(Unrestored::Damaged(_))));
    let restored = second.restore_with(key, &data, Damaged::LeftOut).await.expect("the rest");
    assert_eq!((restored.files, restored.awaited, restored.left_out.len()), (2, 1, 1));
    let house = House::open_in(dir).await;
    phone.come_back(&house).await;
    phone.sync(&house).await;
    let reply = phone.sync(&house).await;
    assert_eq!(
        (reply.acked_through, reply.safe_through, reply.need.len()),
        (2, 1, 1),
        "its phone keeps it, and is asked for it"
    );
    second.ship(&house).await;
    assert_eq!(phone.sync(&house).await.safe_through, 1, "what is in no backup is not called safe");
    assert_eq!(phone.upload(&house, b"a photo, before").await, StatusCode::NO_CONTENT);
    second.ship(&house).await;
    assert_eq!(phone.sync(&house).await.safe_through, 2);
    assert_eq!(second.verify(Some(key)).await.faults, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_office_did_while_the_backup_was_away_waits_for_no_photo() {
    let (house, mut phone) = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let pictures: Vec<Vec<u8>> = (0..=255_u8).map(|n| vec![n; 100]).collect();
    pictures.iter().for_each(|picture| photographed(&mut phone, visit(2), picture));
    phone.sync(&house).await;
    for picture in &pictures {
        assert_eq!(phone.upload(&house, picture).await, StatusCode::NO_CONTENT);
    }
    let admin = Desk::open(&house, Role::Supervisor).await;
    let late = workbook(Register::Households, &[household("L-1", "示例小区", "901")]);
    admin.import(&house, "households", late).await;
    let (store, to) = (house.state.store.clone(), second.path());
    assert!(blocking(move || ship::ship(&store, &Place::make(&to)?)).await.expect("shipped"));
    let (again, _) = second.reopened(second.key(&house)).await;
    let known = again
        .state
        .read::<_, StoreError, _>(|db| Ok(db.prepare("SELECT 1 FROM household WHERE account = 'L-1'")?.exists([])?));
    assert!(known.await.expect("read"), "one segment holds it, of 256 photos not all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_swapped_while_the_server_runs_is_brought_up_before_anything_on_it_is_called_safe() {
    let (house, mut phone) = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let (key, older) = (second.key(&house), second.dir.path().join("older"));
    copied(&second.path(), &older);
    phone.log(Some(visit(2)), 1, &departed());
    phone.sync(&house).await;
    second.ship(&house).await;
    second.swap(Some(&older), &second.dir.path().join("away"));
    phone.log(Some(visit(2)), 1, &departed());
    phone.sync(&house).await;
    second.go_on(&house).await.expect("shipped");
    assert_eq!(phone.sync(&house).await.safe_through, 4);
    assert_eq!(second.verify(Some(key)).await.faults, []);
    lose(house).await;
    let (house, _) = second.reopened(key).await;
    assert_eq!(envelopes(&house, &phone).await, 4, "what was called safe comes back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_mount_point_is_no_backup_until_somebody_says_so() {
    let (house, mut phone) = day().await;
    let second = Second::new();
    second.ship(&house).await;
    assert_eq!(phone.sync(&house).await.safe_through, 2);
    let key = second.key(&house);
    let (disk, away) = (second.dir.path().join("disk"), second.dir.path().join("away"));
    second.swap(None, &disk);
    phone.log(Some(visit(2)), 1, &departed());
    phone.sync(&house).await;
    for refused in [second.try_ship(&house).await, second.go_on(&house).await] {
        let refused = refused.expect_err("nothing is there").to_string();
        assert!(refused.contains("挂载") && refused.contains("nuanfang backup ship"), "{refused}");
    }
    assert_eq!(files(&second.path()), Vec::<std::path::PathBuf>::new());
    // A server starts all the same, and goes on once the disk is there.
    let (store, to, halted) = (house.state.store.clone(), second.path(), house.state.halted.clone());
    let clock = house.state.clock.clone();
    let shipping = blocking(move || Shipping::start(store, to, halted, clock)).await.expect("it starts");
    assert_eq!(phone.sync(&house).await.safe_through, 2, "nothing more is safe");
    let desk = Desk::open(&house, Role::Dispatcher).await;
    let alarms = desk.get(&house, "/api/alarms").await;
    assert!(alarms["backup"]["why"].as_str().is_some_and(|why| why.contains("挂载")), "the office is told: {alarms}");
    second.swap(Some(&disk), &away);
    for _ in 0..200 {
        if phone.sync(&house).await.safe_through == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(desk.get(&house, "/api/alarms").await["backup"], serde_json::Value::Null, "it goes on");
    blocking(move || shipping.stop()).await;
    assert_eq!(phone.sync(&house).await.safe_through, 3);
    assert_eq!(second.verify(Some(key)).await.faults, []);
    std::fs::remove_dir_all(&away).expect("removed");
    second.swap(None, &away);
    second.begin(&house).await;
    assert_eq!(second.verify(Some(key)).await.faults, [], "a new backup, because somebody said so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_comes_back_gets_the_keys_of_what_it_gets() {
    let (house, mut phone) = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let key = second.key(&house);
    let (first, other) = (second.dir.path().join("first"), second.dir.path().join("other"));
    second.swap(None, &first);
    house.schedule(visit(3), home(3), Some(worker_id(1))).await;
    phone.log(Some(visit(3)), 1, &departed());
    phone.sync(&house).await;
    second.begin(&house).await;
    second.swap(Some(&first), &other);
    second.ship(&house).await;
    assert_eq!(second.verify(Some(key)).await.faults, []);
    lose(house).await;
    let (house, _) = second.reopened(key).await;
    assert_eq!(envelopes(&house, &phone).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_believed_dead_leaves_its_successors_vault_alone() {
    let (house, _) = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let key = second.key(&house);
    let (successor, _) = second.reopened(key).await;
    enrolment::issue(&successor.state.vault, worker_id(2)).expect("a code");
    second.ship(&successor).await;
    let sealed = || std::fs::read(second.path().join("vault.sealed")).expect("a copy");
    let its = sealed();
    enrolment::issue(&house.state.vault, worker_id(1)).expect("a code");
    let refused = second.go_on(&house).await.expect_err("another server's backup").to_string();
    assert!(refused.contains("另一段历史"), "{refused}");
    assert!(sealed() == its, "its keys stay");
}

/// Backups as releases wrote them: the first, and one whose bodies are named by their heads. The last is written anew with
/// `GOLDEN=write`, which is a change of format.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_backups_are_read_for_ever() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    frozen(&golden.join("backup-1"), false).await;
    frozen(&golden.join("backup-2"), true).await;
}

async fn frozen(golden: &std::path::Path, last: bool) {
    let key_file = golden.with_extension("key");
    if last && std::env::var("GOLDEN").is_ok_and(|mode| mode == "write") {
        let (house, _) = day().await;
        let second = Second::new();
        second.ship(&house).await;
        std::fs::write(&key_file, hex::encode(second.key(&house))).expect("written");
        let _ = std::fs::remove_dir_all(golden);
        copied(&second.path(), golden);
    }
    let second = Second::new();
    copied(golden, &second.path());
    let key = vault_copy::read_key(&std::fs::read_to_string(&key_file).expect("the key")).expect("64 digits");
    assert_eq!(second.verify(Some(key)).await.faults, []);
    let (house, restored) = second.reopened(key).await;
    assert_eq!((restored.envelopes, restored.files, restored.erased), (9, 3, 0));
    assert_eq!(log_in(&house, "admin", PASSWORD).await.0, StatusCode::OK);
}

fn copied(from: &std::path::Path, to: &std::path::Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).expect("inside"));
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("made");
        std::fs::copy(&file, target).expect("copied");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_say_how_it_stands_by_their_exit_status() {
    let (house, mut phone) = day().await;
    let second = Second::new();
    second.ship(&house).await;
    let keep = tempfile::tempdir().expect("a folder");
    let path = |path: &std::path::Path| path.display().to_string();
    let key_file = keep.path().join("key");
    std::fs::write(&key_file, format!("{}\n", hex::encode(second.key(&house)))).expect("written");
    let (backup, data, key) = (path(&second.path()), path(&house.dir.path().join("data")), path(&key_file));
    let run =
        |arguments: Vec<String>| blocking(move || nuanfang(&arguments.iter().map(String::as_str).collect::<Vec<_>>()));
    let fresh = path(&keep.path().join("fresh"));
    let args = |text: &str| -> Vec<String> {
        let word = |word: &str| match word {
            "BACKUP" => backup.clone(),
            "DATA" => data.clone(),
            "KEY" => key.clone(),
            "FRESH" => fresh.clone(),
            word => word.to_owned(),
        };
        text.split(' ').map(word).collect()
    };
    // A running server is no obstacle.
    assert_eq!(run(args("backup status --backup BACKUP --data DATA")).await.0, 0);
    assert_eq!(run(args("backup verify --backup BACKUP --data DATA")).await.0, 0);
    assert_eq!(run(args("backup verify --backup BACKUP --key-file KEY")).await.0, 0);
    assert_eq!(run(args("backup verify --backup BACKUP")).await.0, 3);
    assert_eq!(run(args("backup verify --backup /nowhere")).await.0, 2);
    phone.log(Some(visit(2)), 1, &departed());
    phone.sync(&house).await;
    let (code, told) = run(args("backup status --backup BACKUP --data DATA")).await;
    assert_eq!((code, told.contains("尚未备份：1 条记录")), (1, true), "{told}");
    let (code, told) = run(args("restore --from BACKUP --data DATA --key-file KEY")).await;
    assert_eq!((code, told.contains("不是空目录")), (2, true), "{told}");
    let (code, told) = run(args("restore --from BACKUP --data FRESH --key-file KEY")).await;
    assert_eq!(code, 0, "{told}");
    let (code, told) = run(args("rebuild --data FRESH")).await;
    assert_eq!((code, told.contains("逐字节一致")), (0, true), "{told}");
    let db = rusqlite::Connection::open(std::path::Path::new(&fresh).join("nuanfang.db")).expect("the data");
    db.execute("UPDATE device SET name = '？'", []).expect("spoiled");
    drop(db);
    let (code, told) = run(args("rebuild --data FRESH")).await;
    assert_eq!((code, told.contains("不同，已采用重建的结果：device（")), (1, true), "{told}");
    let sealed = second.path().join("vault.sealed");
    let vault = std::fs::read(&sealed).expect("the copy");
    std::fs::remove_file(&sealed).expect("removed");
    for way in ["verify --key-file KEY", "verify --data DATA", "verify", "status"] {
        let (code, told) = run(args(&format!("backup {way} --backup BACKUP"))).await;
        assert_eq!((code, told.contains("vault.sealed：缺失")), (1, true), "{way}: {told}");
    }
    std::fs::write(&sealed, vault).expect("written");
    let heads = second.files("heads").remove(0);
    std::fs::write(&heads, b"{}\n").expect("written");
    let (code, told) = run(args("backup verify --backup BACKUP --data DATA")).await;
    assert_eq!((code, told.contains("heads/000000001.seg")), (1, true), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_by_a_clock_that_may_stand_ahead_or_behind_asks_whether_it_is_right() {
    const DAY: i64 = 24 * 3_600_000;
    for (days, doubt) in [(-60, Some("晚 60 天")), (-1, None), (2, Some("早于"))] {
        let house = House::open().await;
        house.clock.advance(real_now().0 - house.clock.now().0 + days * DAY);
        house.schedule(visit(1), home(1), Some(worker_id(1))).await;
        let second = Second::new();
        second.ship(&house).await;
        let (key, _) = ship::recovery_key(&house.state.vault).expect("a key");
        lose(house).await;
        let dir = tempfile::tempdir().expect("a folder");
        let path = |name: &str| dir.path().join(name).display().to_string();
        let (data, file, from) = (path("data"), path("key"), second.path().display().to_string());
        std::fs::write(&file, key).expect("written");
        let arguments = ["restore", "--from", &from, "--data", &data, "--key-file", &file].map(str::to_owned);
        let (code, told) = blocking(move || nuanfang(&arguments.each_ref().map(String::as_str))).await;
        assert_eq!(code, 0, "{told}");
        assert_eq!(told.contains("核对本机时钟"), doubt.is_some(), "{days}: {told}");
        assert!(doubt.is_none_or(|doubt| told.contains(doubt)), "{days}: {told}");
    }
}
