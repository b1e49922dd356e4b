//! A phone that had to be enrolled anew after a fork: what it did before is proved and goes on.

mod common;

use axum::http::StatusCode;
use common::paper::sign;
use common::second::{Second, lose};
use common::{House, Phone};
use nuanfang_core::canon::envelope::BlobRef;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::worker_event::Bare;
use nuanfang_core::id::{DeviceId, HouseholdId, VisitId, WorkerId};
use nuanfang_core::record::{Answer, Evidence, Keys, verify_record};
use nuanfang_core::wire::Op;
use nuanfang_server::keys;
use nuanfang_server::office::project::record;
use nuanfang_server::office::rebuild;
use nuanfang_server::store::{Reading, StoreError};
use uuid::Uuid;

const VISIT: VisitId = VisitId(Uuid::from_u128(0xa11));
const HOME: HouseholdId = HouseholdId(Uuid::from_u128(0xb22));
const WORKER: WorkerId = WorkerId(Uuid::from_u128(1));

/// Enrols the phone anew, which logs once more what it has not sent.
async fn anew(house: &House, phone: &Phone, was: &[DeviceId]) -> Phone {
    let mut anew = Phone::enrol_anew(house, WORKER, was).await;
    for op in &phone.queue {
        let op = Op { seq: anew.queue.len() as u64 + 1, ..op.clone() };
        anew.head_sha = op.envelope(anew.device, anew.head_sha).sha();
        anew.queue.push(op);
    }
    anew
}

/// What `verify` says of a record; none if it was not counter-signed.
fn answer(house: &House, sha: Sha) -> Option<Answer> {
    let file = house.state.store.read_now(|db| record::container(db, &house.state.keys, &sha)).expect("read");
    let published = Keys::parse(&keys::file(&house.state).expect("keys")).expect("keys");
    let nothing = Evidence { strokes: None, image: None, photos: None };
    file.map(|file| verify_record(&file, Some(&published), &nothing).answer)
}

#[tokio::test]
async fn a_record_signed_before_a_fork_and_sent_after_it_is_proved() {
    let house = House::open().await;
    house.schedule(VISIT, HOME, Some(WORKER)).await;
    let mut phone = Phone::enrol(&house, WORKER).await;
    let sent = sign(&house, &mut phone, VISIT, HOME, "示例甲");
    phone.sync(&house).await;
    let plain = answer(&house, sent).expect("counter-signed");
    let waiting = sign(&house, &mut phone, VISIT, HOME, "示例乙");
    let mut was = vec![phone.device];
    for _ in 0..2 {
        phone = anew(&house, &phone, &was).await;
        was.push(phone.device);
    }
    phone.sync(&house).await;
    assert_eq!(answer(&house, waiting), Some(plain));
    // Nobody else's: a colleague's phone, or one that says nothing of what it was.
    let forged = sign(&house, &mut phone, VISIT, HOME, "示例丙");
    let other = anew(&house, &phone, &[]).await;
    let mut strangers = other;
    strangers.sync(&house).await;
    assert_eq!(answer(&house, forged), None);
    let dump = || house.state.store.read_now::<_, StoreError>(rebuild::dump).expect("a dump");
    let before = dump();
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("made anew");
    assert_eq!(dump(), before);
}

#[tokio::test]
async fn a_phone_enrolled_anew_may_send_a_file_that_it_named_as_it_was_called_before() {
    let house = House::open().await;
    house.schedule(VISIT, HOME, Some(WORKER)).await;
    let mut phone = Phone::enrol(&house, WORKER).await;
    let bytes = "示例照片".as_bytes().to_vec();
    let named = BlobRef { sha: Sha::of(&bytes), len: bytes.len() as u64, role: "photo.other".into() };
    phone.log_raw(Some(VISIT), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, vec![named]);
    phone.sync(&house).await;
    // Nobody else's: one that says nothing of what it was, or a colleague's that says it was this one.
    let colleague = Phone::enrol_anew(&house, WorkerId(Uuid::from_u128(2)), &[phone.device]).await;
    for stranger in [Phone::enrol(&house, WORKER).await, colleague] {
        assert_eq!(stranger.upload(&house, &bytes).await, StatusCode::NOT_FOUND);
    }
    let anew = Phone::enrol_anew(&house, WORKER, &[phone.device]).await;
    assert_eq!(anew.upload(&house, &bytes).await, StatusCode::NO_CONTENT);
    assert_eq!(house.state.store.read_now(|store| store.needed(phone.device)).unwrap(), []);
}

#[tokio::test]
async fn what_was_signed_behind_a_record_that_its_phone_lost_is_proved_where_it_moved_to() {
    let house = House::open().await;
    house.schedule(VISIT, HOME, Some(WORKER)).await;
    let mut phone = Phone::enrol(&house, WORKER).await;
    let sent = sign(&house, &mut phone, VISIT, HOME, "示例甲");
    phone.sync(&house).await;
    let plain = answer(&house, sent).expect("counter-signed");
    phone.log(Some(VISIT), 1, &Event::Acknowledged(Bare {}));
    let behind = sign(&house, &mut phone, VISIT, HOME, "示例乙");
    phone.queue.remove(0);
    moved_up(&mut phone);
    phone.sync(&house).await;
    assert_eq!(answer(&house, behind), Some(plain));
    // One that lies behind what it says it lies before did not move.
    let forged = sign(&house, &mut phone, VISIT, HOME, "示例丙");
    phone.log(Some(VISIT), 1, &Event::Acknowledged(Bare {}));
    phone.queue.rotate_right(1);
    moved_up(&mut phone);
    phone.sync(&house).await;
    assert_eq!(answer(&house, forged), None);
    let dump = || house.state.store.read_now::<_, StoreError>(rebuild::dump).expect("a dump");
    let before = dump();
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("made anew");
    assert_eq!(dump(), before);
}

/// What waits follows on what was sent, in its order.
fn moved_up(phone: &mut Phone) {
    phone.head_sha = phone.base_sha;
    for (op, seq) in phone.queue.iter_mut().zip(phone.base + 1..) {
        op.seq = seq;
        phone.head_sha = op.envelope(phone.device, phone.head_sha).sha();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_signed_before_a_restore_lost_it_is_proved_when_all_is_logged_again() {
    let house = House::open().await;
    house.schedule(VISIT, HOME, Some(WORKER)).await;
    let second = Second::new();
    second.ship(&house).await;
    let key = second.key(&house);
    // All of what follows is lost with the machine, the enrolments with it.
    let mut first = Phone::enrol(&house, WORKER).await;
    let before = sign(&house, &mut first, VISIT, HOME, "示例甲");
    first.sync(&house).await;
    let plain = answer(&house, before).expect("counter-signed");
    let mut phone = Phone::enrol_anew(&house, WORKER, &[first.device]).await;
    let after = sign(&house, &mut phone, VISIT, HOME, "示例乙");
    phone.sync(&house).await;
    let ops = [first.logged.clone(), phone.logged.clone()].concat();
    let (was, certificates) = ([first.device, phone.device], [first.certificate.clone(), phone.certificate.clone()]);
    lose(house).await;
    let (house, _) = second.reopened(key).await;
    // Enrolled anew once more, it logs all again.
    let mut anew = Phone::enrol_with(&house, WORKER, &was, &certificates).await;
    logs(&mut anew, &ops);
    anew.sync(&house).await;
    assert_eq!([before, after].map(|sha| answer(&house, sha)), [Some(plain), Some(plain)]);

    // The same where it comes back as what it was, by its certificate.
    let (house, _) = second.reopened(key).await;
    logs(&mut phone, &ops);
    phone.comes_back_with(&house, &was[..1], &certificates[..1]).await;
    phone.sync(&house).await;
    phone.sync(&house).await;
    assert_eq!([before, after].map(|sha| answer(&house, sha)), [Some(plain), Some(plain)]);
    let dump = || house.state.store.read_now::<_, StoreError>(rebuild::dump).expect("a dump");
    let made = dump();
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("made anew");
    assert_eq!(dump(), made);
}

/// The phone's log is these operations, none of them sent.
fn logs(phone: &mut Phone, ops: &[Op]) {
    (phone.base, phone.base_sha, phone.head_sha) = (0, Sha::ZERO, Sha::ZERO);
    phone.queue = ops.iter().zip(1..).map(|(op, seq)| Op { seq, ..op.clone() }).collect();
    for op in &phone.queue {
        phone.head_sha = op.envelope(phone.device, phone.head_sha).sha();
    }
    phone.logged = phone.queue.clone();
}
