//! A phone's rescue file goes through the same door as an exchange: once or twice, late, cut, from a copied phone, from
//! a stolen one. Nothing that a phone recorded is refused; what nobody vouches for is kept apart.

mod common;

use axum::http::StatusCode;
use common::second::{Second, blocking, lose, nuanfang};
use common::{House, Phone};
use nuanfang_core::canon::envelope::{BlobRef, nonce};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::office_event::RevokeReason;
use nuanfang_core::domain::role;
use nuanfang_core::domain::worker_event::{Bare, Departed, ProblemDescribed};
use nuanfang_core::id::{DeviceId, HouseholdId, VisitId, WorkerId};
use nuanfang_core::record::{Certificate, Jws, LogHead};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::rescue::{Frame, RescueHead, Sealer};
use nuanfang_core::wire::{Op, Owes};
use nuanfang_server::office::log;
use nuanfang_server::office::rescue::{Refused, Rescued, Why, rescue};
use nuanfang_server::store::StoreError;
use uuid::Uuid;

const PHOTOS: [&[u8]; 2] = [b"before", b"after"];

fn worker(n: u128) -> WorkerId {
    WorkerId(Uuid::from_u128(n))
}

fn visit() -> VisitId {
    VisitId(Uuid::from_u128(0xa11_0001))
}

fn departed() -> Event {
    Event::Departed(Departed { tools_checked: true, parts: Vec::new() })
}

fn photographed(phone: &mut Phone, photo: &[u8]) {
    let blob = BlobRef { sha: Sha::of(photo), len: photo.len() as u64, role: role::PHOTOS[0].into() };
    let event = Event::Acknowledged(Bare {});
    phone.log_raw(Some(visit()), 1, event.kind(), &event.to_body(&nonce()), vec![blob]);
}

/// A phone with three operations and two photos, of which the server has the first operation.
async fn day() -> (House, Phone) {
    let house = House::open().await;
    house.schedule(visit(), HouseholdId(Uuid::from_u128(0xb22)), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    phone.log(Some(visit()), 1, &departed());
    phone.sync(&house).await;
    photographed(&mut phone, PHOTOS[0]);
    photographed(&mut phone, PHOTOS[1]);
    (house, phone)
}

/// What goes into a file, before it is sealed.
#[derive(Clone)]
struct File {
    head: RescueHead,
    ops: Vec<Op>,
    photos: Vec<Vec<u8>>,
}

impl File {
    fn of(phone: &Phone) -> Self {
        let certificate: Jws = serde_json::from_str(&phone.certificate).expect("a certificate");
        let kid = Certificate::open(&certificate).expect("it holds").kid;
        let (seq, claimed_ms) = (phone.logged.len() as u64, Millis(5));
        let says = LogHead { schema: 1, device: phone.device, seq, head: phone.head_sha, claimed_ms };
        let signed = Jws::sign(&says, &*phone.key, kid).expect("signed");
        Self {
            head: RescueHead {
                schema: 1,
                device: phone.device,
                worker: phone.worker,
                app: "0.1.0".into(),
                base: 0,
                base_sha: Sha::ZERO,
                ops: seq,
                files: PHOTOS.len() as u64,
                certificate: phone.certificate.clone(),
                head: Some(serde_json::to_string(&signed).expect("JSON")),
                continues: Vec::new(),
                certificates: Vec::new(),
                epoch: None,
            },
            ops: phone.logged.clone(),
            photos: PHOTOS.iter().map(|photo| photo.to_vec()).collect(),
        }
    }

    fn sealed(&self, house: &House) -> Vec<u8> {
        sealed(std::slice::from_ref(self), house)
    }

    /// What lies up to `place`, and what from there on, without the operation there.
    fn without(self, phone: &Phone, place: usize) -> [Self; 2] {
        let mut ends = vec![(0, Sha::ZERO)];
        for op in &self.ops {
            let (_, prev) = *ends.last().expect("an end");
            ends.push((op.seq, op.envelope(phone.device, prev).sha()));
        }
        let kid = Certificate::open(&serde_json::from_str(&phone.certificate).expect("JSON")).expect("it holds").kid;
        let part = |from: usize, to: usize| {
            let (seq, head) = ends[to];
            let says = LogHead { schema: 1, device: phone.device, seq, head, claimed_ms: Millis(5) };
            let signed = Jws::sign(&says, &*phone.key, kid).expect("signed");
            let ops = self.ops[from..to].to_vec();
            let named = |sha: Sha| ops.iter().any(|op| op.blobs.iter().any(|blob| blob.sha == sha));
            let photos: Vec<_> = self.photos.iter().filter(|photo| named(Sha::of(photo))).cloned().collect();
            let head = RescueHead {
                base: ends[from].0,
                base_sha: ends[from].1,
                ops: ops.len() as u64,
                files: photos.len() as u64,
                head: Some(serde_json::to_string(&signed).expect("JSON")),
                ..self.head.clone()
            };
            Self { head, ops, photos }
        };
        [part(0, place), part(place + 1, self.ops.len())]
    }
}

fn sealed(parts: &[File], house: &House) -> Vec<u8> {
    let root = house.state.keys.root.public();
    let mut sealer = Sealer::begin(&root.to_sec1(), &root.thumbprint(), Vec::new()).expect("begun");
    for part in parts {
        sealer.add(&Frame::Head(Box::new(part.head.clone()))).expect("added");
        for op in &part.ops {
            sealer.add(&Frame::Op(Box::new(op.clone()))).expect("added");
        }
        for photo in &part.photos {
            sealer.add(&Frame::File(Sha::of(photo), photo.clone())).expect("added");
        }
    }
    sealer.finish().expect("finished")
}

async fn hand_in(house: &House, bytes: Vec<u8>) -> Result<Rescued, Refused> {
    let state = house.state.clone();
    blocking(move || rescue(&state, bytes.as_slice())).await
}

async fn acked(house: &House, device: DeviceId) -> u64 {
    house.state.read::<_, StoreError, _>(log::verify_chains).await.expect("the chains stand");
    let head = house.state.read::<_, StoreError, _>(move |db| log::find_writer(db, device)).await.expect("a log");
    head.map_or(0, |head| head.acked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_phone_could_not_send_is_in_and_twice_changes_nothing() {
    let (house, mut phone) = day().await;
    let bytes = File::of(&phone).sealed(&house);
    let taken = hand_in(&house, bytes.clone()).await.expect("taken");
    assert_eq!((taken.ops, taken.new_ops, taken.files, taken.new_files), (3, 2, 2, 2));
    assert_eq!((taken.apart, taken.files_cut), (None, 0));
    let again = hand_in(&house, bytes).await.expect("taken");
    assert_eq!((again.new_ops, again.new_files, again.apart), (0, 0, None));
    assert_eq!(acked(&house, phone.device).await, 3);
    assert_eq!(house.outcomes(), [], "it counts as if the phone had sent it");
    // The phone lives after all: it is told that all of it is here.
    let reply = phone.sync(&house).await;
    assert_eq!((reply.acked_through, reply.need.len(), reply.fork), (3, 0, false));
}

/// The phone says what it holds, and sends nothing of it. It never comes again.
async fn says(house: &House, phone: &Phone) -> Owes {
    let mut request = phone.request();
    request.ops.clear();
    request.head_sha = request.base_sha;
    request.owes = Owes { ops: 2, blobs: 2, bytes: 11, oldest_ms: Some(5_000) };
    phone.try_sync(house, &request).await;
    request.owes
}

/// What it is taken to hold, and whether it is waited for.
fn owes(house: &House, phone: &Phone) -> (Owes, bool) {
    let seen = house.state.seen.get(phone.device).expect("it came");
    (seen.owes, seen.owing_since.is_some())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rescue_file_brought_its_phone_owes_no_more() {
    let (house, phone) = day().await;
    let said = says(&house, &phone).await;
    assert_eq!(owes(&house, &phone), (said, true));
    let mut one = File::of(&phone);
    one.photos.truncate(1);
    hand_in(&house, one.sealed(&house)).await.expect("taken");
    assert_eq!(owes(&house, &phone), (Owes { blobs: 1, bytes: PHOTOS[1].len() as u64, ..Owes::default() }, true));
    hand_in(&house, File::of(&phone).sealed(&house)).await.expect("taken");
    assert_eq!(owes(&house, &phone), (Owes::default(), false));
    let house = house.reopen().await;
    assert_eq!(owes(&house, &phone), (Owes::default(), false), "it is written down");

    let (house, phone) = day().await;
    let said = says(&house, &phone).await;
    let mut unsigned = File::of(&phone);
    unsigned.head.head = None;
    hand_in(&house, unsigned.sealed(&house)).await.expect("taken");
    assert_eq!(owes(&house, &phone), (said, true), "what nobody vouches for proves nothing of the phone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_copy_gives_the_records_and_says_what_is_missing_or_is_refused_whole() {
    let (house, phone) = day().await;
    let mut file = File::of(&phone);
    file.photos[1] = vec![b'x'; 200_000];
    let photo = BlobRef { sha: Sha::of(&file.photos[1]), len: 200_000, role: role::PHOTOS[0].into() };
    let mut phone = phone.clone();
    let event = Event::Acknowledged(Bare {});
    phone.log_raw(Some(visit()), 1, event.kind(), &event.to_body(&nonce()), vec![photo]);
    let photos = file.photos;
    let file = File { photos, ..File::of(&phone) };
    let bytes = file.sealed(&house);
    for cut in [0, 100, 300] {
        let refused = hand_in(&house, bytes[..cut].to_vec()).await.expect_err("cut within the records");
        assert!(matches!(refused, Refused::Unread(_)), "{refused}");
    }
    assert_eq!(acked(&house, phone.device).await, 1, "nothing was taken");
    let taken = hand_in(&house, bytes[..bytes.len() - 1].to_vec()).await.expect("the records are whole");
    assert_eq!((taken.new_ops, taken.new_files, taken.files_cut), (3, 1, 1));
    let taken = hand_in(&house, bytes).await.expect("the whole file");
    assert_eq!((taken.new_ops, taken.new_files, taken.files_cut), (0, 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_behind_a_record_that_its_phone_can_not_read_is_kept_with_its_files() {
    let (house, phone) = day().await;
    let parts = File::of(&phone).without(&phone, 1);
    let bytes = sealed(&parts, &house);
    let taken = hand_in(&house, bytes.clone()).await.expect("taken");
    let apart = taken.apart.expect("apart");
    assert_eq!((taken.ops, taken.new_ops, apart.why), (2, 1, Why::Gap));
    assert_eq!((taken.files, taken.new_files, taken.files_cut, taken.ops_cut), (1, 1, 0, 0));
    assert_eq!((acked(&house, phone.device).await, acked(&house, apart.device).await), (1, 1));
    let again = hand_in(&house, bytes.clone()).await.expect("taken");
    assert_eq!((again.new_ops, again.new_files), (0, 0), "twice changes nothing");

    // A copy that ends within them gives what lies before, and says so.
    let (house, mut phone) = day().await;
    let event = Event::ProblemDescribed(ProblemDescribed { text: "漏水".repeat(20_000) });
    phone.log(Some(visit()), 1, &event);
    let parts = File::of(&phone).without(&phone, 1);
    let mut bytes = sealed(&parts, &house);
    bytes.truncate(bytes.len() - 10);
    let taken = hand_in(&house, bytes).await.expect("taken");
    assert_eq!((taken.ops, taken.new_ops, taken.ops_cut), (1, 0, 2));

    // Another's word for them counts as little, and what lies before is in.
    let mut forged = parts;
    forged[1].ops[0].basis = 9;
    let taken = hand_in(&house, sealed(&forged, &house)).await.expect("taken");
    assert_eq!((taken.ops, taken.ops_cut, taken.apart), (1, 2, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_file_is_refused_and_an_unsigned_one_is_kept_apart() {
    let (house, phone) = day().await;
    let stranger = House::open().await;
    let foreign = Phone::enrol(&stranger, worker(1)).await;
    let altered = |change: &dyn Fn(&mut File)| {
        let mut file = File::of(&phone);
        change(&mut file);
        file.sealed(&house)
    };
    let forged: [(&str, Vec<u8>); 6] = [
        (
            "an operation more",
            altered(&|file| {
                let mut more = file.ops[2].clone();
                more.seq = 4;
                file.ops.push(more);
                file.head.ops = 4;
            }),
        ),
        (
            "an operation less",
            altered(&|file| {
                file.ops.pop();
                file.head.ops = 2;
            }),
        ),
        ("an operation changed", altered(&|file| file.ops[1].basis = 9)),
        ("another worker", altered(&|file| file.head.worker = worker(2))),
        ("another device", altered(&|file| file.head.device = foreign.device)),
        ("another company's phone", altered(&|file| file.head.certificate.clone_from(&foreign.certificate))),
    ];
    for (name, bytes) in forged {
        let refused = hand_in(&house, bytes).await.expect_err(name);
        assert!(matches!(refused, Refused::Forged), "{name}: {refused}");
    }
    let elsewhere = File::of(&phone).sealed(&stranger);
    assert!(matches!(hand_in(&house, elsewhere).await, Err(Refused::Unread(_))), "sealed to another company");
    assert_eq!(acked(&house, phone.device).await, 1);

    let unsigned = altered(&|file| file.head.head = None);
    let taken = hand_in(&house, unsigned.clone()).await.expect("taken");
    let apart = taken.apart.expect("apart");
    assert_eq!((taken.new_ops, apart.why), (2, Why::Unsigned));
    assert_eq!((acked(&house, phone.device).await, acked(&house, apart.device).await), (1, 2));
    assert!(house.outcomes().iter().all(|(_, o, why)| o == "quarantined" && why.as_deref() == Some("device_unknown")));
    assert_eq!(hand_in(&house, unsigned).await.expect("taken").new_ops, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_phones_file_a_copied_phones_and_one_that_begins_too_late_lose_nothing() {
    let (house, phone) = day().await;
    // A copy of the phone has gone on and was sent first.
    let mut copy = phone.clone();
    copy.queue.truncate(0);
    copy.logged.truncate(1);
    copy.head_sha = copy.base_sha;
    copy.log(Some(visit()), 1, &departed());
    copy.sync(&house).await;
    let bytes = File::of(&phone).sealed(&house);
    let taken = hand_in(&house, bytes.clone()).await.expect("taken");
    let apart = taken.apart.expect("apart");
    assert_eq!((taken.new_ops, taken.new_files, apart.why), (2, 2, Why::Fork));
    assert_eq!((acked(&house, phone.device).await, acked(&house, apart.device).await), (2, 2));
    assert_eq!(hand_in(&house, bytes).await.expect("taken").new_ops, 0, "twice changes nothing");

    // One whose log begins, as the phone keeps it, after the end of the log here.
    let (house, phone) = day().await;
    let mut late = File::of(&phone);
    let first = late.ops.remove(0);
    let second = late.ops.remove(0);
    let after_first = first.envelope(phone.device, Sha::ZERO).sha();
    (late.head.base, late.head.ops) = (2, 1);
    late.head.base_sha = second.envelope(phone.device, after_first).sha();
    let taken = hand_in(&house, late.sealed(&house)).await.expect("taken");
    assert_eq!((taken.new_ops, taken.apart.expect("apart").why), (1, Why::Gap));

    let (house, phone) = day().await;
    house.revoke(phone.device, RevokeReason::Stolen).await;
    let taken = hand_in(&house, File::of(&phone).sealed(&house)).await.expect("taken");
    assert_eq!((taken.new_ops, taken.apart), (2, None));
    let why = |(seq, o, why): (u64, String, Option<String>)| (seq, o, why.unwrap_or_default());
    let outcomes: Vec<_> = house.outcomes().into_iter().map(why).collect();
    assert_eq!(outcomes, [2, 3].map(|seq| (seq, "quarantined".into(), "device_revoked".into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_brings_a_stolen_phones_file_is_told_by_the_log_and_not_by_a_clock_that_was_set_back() {
    let (house, phone) = day().await;
    house.revoke(phone.device, RevokeReason::Stolen).await;
    house.clock.advance(-3_600_000);
    hand_in(&house, File::of(&phone).sealed(&house)).await.expect("taken");
    let outcomes: Vec<_> = house.outcomes().into_iter().map(|(_, o, why)| (o, why.unwrap_or_default())).collect();
    assert_eq!(outcomes, vec![("quarantined".to_owned(), "device_revoked".to_owned()); 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_takes_a_file_of_a_phone_that_the_restored_office_does_not_know() {
    let house = House::open().await;
    house.schedule(visit(), HouseholdId(Uuid::from_u128(0xb22)), Some(worker(1))).await;
    let second = Second::new();
    second.ship(&house).await;
    let key = second.key(&house);
    let mut phone = Phone::enrol(&house, worker(1)).await;
    phone.log(Some(visit()), 1, &departed());
    photographed(&mut phone, PHOTOS[0]);
    let bytes = File::of(&phone).sealed(&house);
    lose(house).await;
    let (house, _) = second.reopened(key).await;
    let file = house.dir.path().join("rescue.nuanfang");
    let cut = house.dir.path().join("cut.nuanfang");
    std::fs::write(&file, &bytes).expect("written");
    std::fs::write(&cut, &bytes[..200]).expect("written");
    let House { dir, state, app, .. } = house;
    let path = |path: &std::path::Path| path.display().to_string();
    let (data, file, cut) = (path(&dir.path().join("data")), path(&file), path(&cut));
    let runs = blocking(move || {
        state.store.close();
        drop((state, app));
        [&cut, &file, &file].map(|file| nuanfang(&["rescue", file, "--data", &data]))
    })
    .await;
    assert_eq!((runs[0].0, runs[0].1.contains("没有收取任何内容")), (1, true), "{}", runs[0].1);
    assert_eq!((runs[1].0, runs[1].1.contains("新收 2 条")), (0, true), "{}", runs[1].1);
    assert_eq!((runs[2].0, runs[2].1.contains("新收 0 条")), (0, true), "{}", runs[2].1);
    let house = House::open_in(dir).await;
    assert_eq!(acked(&house, phone.device).await, 2);
    phone.come_back(&house).await;
    let reply = phone.sync(&house).await;
    assert_eq!((reply.acked_through, reply.need.len()), (2, 0));
    assert_eq!(phone.upload(&house, PHOTOS[0]).await, StatusCode::NO_CONTENT, "it is here");
}

/// The log of a phone anew, of these operations.
fn logged_anew(phone: &Phone, ops: &[Op]) -> Phone {
    let mut anew = phone.clone();
    (anew.base, anew.base_sha, anew.head_sha) = (0, Sha::ZERO, Sha::ZERO);
    anew.queue = ops.iter().zip(1..).map(|(op, seq)| Op { seq, ..op.clone() }).collect();
    for op in &anew.queue {
        anew.head_sha = op.envelope(anew.device, anew.head_sha).sha();
    }
    anew.logged = anew.queue.clone();
    anew
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_phone_was_before_a_restore_is_not_taken_for_safe_because_its_rescue_file_came_first() {
    let house = House::open().await;
    house.schedule(visit(), HouseholdId(Uuid::from_u128(0xb22)), Some(worker(1))).await;
    let second = Second::new();
    second.ship(&house).await;
    let key = second.key(&house);
    let mut before = Phone::enrol(&house, worker(1)).await;
    before.log(Some(visit()), 1, &departed());
    before.sync(&house).await;
    let mut phone = Phone::enrol_anew(&house, worker(1), &[before.device]).await;
    photographed(&mut phone, PHOTOS[0]);
    let mut file = File::of(&phone);
    (file.head.continues, file.head.epoch) = (vec![before.device], Some(phone.epoch));
    lose(house).await;
    let (house, _) = second.reopened(key).await;
    let taken = hand_in(&house, file.sealed(&house)).await.expect("taken");
    assert_eq!((taken.new_ops, taken.apart.map(|apart| apart.why)), (1, Some(Why::Unheard)));
    assert_eq!(acked(&house, phone.device).await, 0, "the phone is not told that it has nothing to bring");
    // It comes by itself, and brings all in the order it was made.
    let mut phone = logged_anew(&phone, &[before.logged, phone.logged.clone()].concat());
    phone.come_back(&house).await;
    assert_eq!(phone.sync(&house).await.acked_through, 0, "it hears of the restore first");
    assert_eq!(phone.sync(&house).await.acked_through, 2);
    let device = phone.device;
    let counted = house.state.read::<_, StoreError, _>(move |db| {
        let sql = "SELECT count(*) FROM envelope e JOIN writer w ON w.dev = e.dev
                   WHERE w.device = ?1 AND NOT EXISTS (SELECT 1 FROM outcome o WHERE o.g = e.g)";
        Ok(db.query_row(sql, [device.0.as_bytes()], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(counted.await.expect("counted"), 2, "both count");
    let again = hand_in(&house, file.sealed(&house)).await.expect("taken");
    assert_eq!((again.new_ops, acked(&house, phone.device).await), (0, 2));
    // A phone that has heard of it is taken in as ever.
    photographed(&mut phone, PHOTOS[1]);
    let mut file = File::of(&phone);
    (file.head.continues, file.head.epoch) = (vec![before.device], Some(phone.epoch));
    let taken = hand_in(&house, file.sealed(&house)).await.expect("taken");
    assert_eq!((taken.new_ops, taken.apart), (1, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_says_what_a_dismissed_phones_file_brings_too_late() {
    let (house, phone) = day().await;
    house.revoke(phone.device, RevokeReason::Dismissed).await;
    let bytes = File::of(&phone).sealed(&house);
    let taken = hand_in(&house, bytes.clone()).await.expect("taken");
    assert_eq!((taken.new_ops, taken.waiting, taken.overdue), (2, 0, 0), "in time");

    // The office's clock of this house stands at a September long ago, the command's does not.
    let (house, phone) = day().await;
    house.revoke(phone.device, RevokeReason::Dismissed).await;
    let file = house.dir.path().join("rescue.nuanfang");
    std::fs::write(&file, File::of(&phone).sealed(&house)).expect("written");
    let House { dir, state, app, .. } = house;
    let (data, file) = (dir.path().join("data").display().to_string(), file.display().to_string());
    let run = blocking(move || {
        state.store.close();
        drop((state, app));
        nuanfang(&["rescue", &file, "--data", &data])
    });
    let (status, said) = run.await;
    assert_eq!(status, 0, "{said}");
    for words in ["新收 2 条", "其中 2 条已收下", "2 条因离职停用手机的交回期限已过"] {
        assert!(said.contains(words), "{said}");
    }
}
