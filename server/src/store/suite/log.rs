//! The log: stored once, in order, for ever (I1, I2, I9, I10, I12).

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::kind::Outcome;
use nuanfang_core::domain::lane::Lane;
use nuanfang_core::domain::show::overview;
use nuanfang_core::id::{BootId, DeviceId};
use nuanfang_core::wire::{Op, OutcomeKind};
use uuid::Uuid;

use super::Fixture;
use super::house::{House, absent, acknowledged, completed, departed, visit, worker};
use super::phone::Phone;
use crate::clock::Clock;
use crate::store::blobs::Finish;
use crate::store::{Incoming, Reading, Store};

/// I1: what comes again is compared, not stored again; spacing and order of a body's keys are kept.
pub async fn i1_an_operation_is_stored_once_and_byte_for_byte<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    phone.log(visit(1), 1, &acknowledged());
    let spaced = "{ \"tools_checked\":true , \"n\": \"0\",\"parts\" :[ ]}";
    phone.log_raw(Some(visit(1)), 1, "visit.departed", spaced, Vec::new());
    let (first, whole) = (phone.prefix(1), phone.request());
    phone.sync(&house).await;
    house.holds(phone.device, &phone.log);
    let (log, all) = (house.logged().len(), house.dump());
    for again in [whole, first] {
        let receipt = phone.send(&house, again).await;
        assert_eq!((receipt.acked, receipt.ack_sha, receipt.fork), (2, phone.head_sha, false));
    }
    house.holds(phone.device, &phone.log);
    assert_eq!((house.logged().len(), house.dump()), (log, all), "a repetition changes nothing");
}

/// I1: a copied phone is told so, wherever its log parts from what is here.
pub async fn i1_other_bytes_at_the_same_position_are_a_fork_and_change_nothing<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    phone.log(visit(1), 1, &acknowledged());
    let mut copy = phone.clone();
    phone.log(visit(1), 1, &departed());
    phone.sync(&house).await;
    let before = (house.logged().len(), house.dump());
    copy.log(visit(1), 1, &completed());
    let receipt = copy.send(&house, copy.request()).await;
    assert!(receipt.fork, "the second operation is another one");
    assert_eq!((receipt.acked, receipt.ack_sha), (2, phone.head_sha));
    (copy.base, copy.base_sha, copy.queue) = (2, copy.head_sha, Vec::new());
    assert!(copy.send(&house, copy.request()).await.fork, "so is one that it believes acknowledged");
    assert_eq!((house.logged().len(), house.dump()), before);
    phone.log(visit(1), 1, &completed());
    phone.sync(&house).await;
    house.holds(phone.device, &phone.log);
}

/// I1: a prefix counts; what is beyond a gap comes again.
pub async fn i1_what_follows_a_gap_waits<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    for event in [acknowledged(), departed(), completed()] {
        phone.log(visit(1), 1, &event);
    }
    let mut gap = phone.request();
    let lost = gap.ops.remove(1);
    let receipt = phone.send(&house, gap).await;
    assert_eq!((receipt.acked, receipt.fork), (1, false));
    house.holds(phone.device, &phone.log[..1]);
    let mut late = phone.request();
    (late.base, late.ops) = (2, late.ops.split_off(2));
    late.base_sha = lost.envelope(phone.device, receipt.ack_sha).sha();
    let receipt = phone.send(&house, late).await;
    assert_eq!((receipt.acked, receipt.fork), (1, false), "nothing is stored beyond what is missing");
    phone.sync(&house).await;
    house.holds(phone.device, &phone.log);
}

/// I1: after a fork the same operation comes under a new device: kept, told as a duplicate, and nothing is done twice.
/// Another operation under a known id is somebody's mistake for a person to look at.
pub async fn i1_an_operation_logged_again_under_a_new_device_is_kept_as_its_duplicate<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    let op = phone.log(visit(1), 1, &completed());
    phone.sync(&house).await;
    let seen = || overview(&house.read(|store| store.visit(visit(1))).expect("the visit"));
    let told = || serde_json::to_string(&house.scope(worker(1))).expect("JSON");
    let before = (seen().state, seen().plan_version, told());
    let mut anew = Phone::enrol(&house, worker(1)).await;
    anew.append(op.clone());
    anew.append(Op { seq: 2, basis: 0, kind: acknowledged().kind().into(), ..op });
    anew.sync(&house).await;
    house.holds(anew.device, &anew.log);
    let outcomes = anew.outcomes(&house).into_iter().map(|outcome| (outcome.seq, outcome.o, outcome.why));
    let duplicate = (1, OutcomeKind::Applied, Some("duplicate".into()));
    let reused = (2, OutcomeKind::Quarantined, Some("op_reused".into()));
    assert_eq!(outcomes.collect::<Vec<_>>(), [duplicate, reused]);
    assert_eq!((seen().state, seen().plan_version, told()), before);
    house.rebuilt_is_the_same().await;
}

/// I1: what a phone logs after it was enrolled anew goes on with the lane it wrote before, wherever the fork lies, as if it
/// had been one device all along; another phone's work is a lane of its own.
pub async fn i1_a_phone_enrolled_anew_goes_on_with_its_lane<F: Fixture>() {
    let house = House::<F>::open();
    let lanes = |number| -> Vec<_> {
        let seen = house.read(|store| store.visit(visit(number))).expect("the visit");
        let codes = |lane: &Lane| lane.violations.iter().map(|violation| violation.code.clone()).collect::<Vec<_>>();
        seen.lanes().iter().map(|lane| (lane.count, codes(lane), seen.handed_in(lane).is_some())).collect()
    };
    let events = [acknowledged(), departed(), completed()];
    for (number, fork) in [(1, None), (2, Some(0)), (3, Some(1)), (4, Some(2))] {
        house.schedule(visit(number), Some(worker(1))).await;
        let mut phone = Phone::enrol(&house, worker(1)).await;
        let mut was = vec![phone.device];
        for (place, event) in events.iter().enumerate() {
            let last = phone.log(visit(number), 1, event);
            phone.sync(&house).await;
            if fork == Some(place) {
                // An enrolment that a restored server lost is still what the phone was.
                was.push(DeviceId(Uuid::now_v7()));
                phone = Phone::enrol_anew(&house, worker(1), &was).await;
                phone.append(Op { seq: 1, ..last });
                phone.sync(&house).await;
                was.push(phone.device);
                phone = Phone::enrol_anew(&house, worker(1), &was).await;
            }
        }
        assert_eq!(lanes(number), lanes(1), "a fork after {fork:?}");
    }
    let [(3, _, true)] = lanes(1)[..] else { panic!("one lane, handed in: {:?}", lanes(1)) };
    // Two copies of one phone, each enrolled anew, and the one that was copied: what came first stays what it was.
    house.schedule(visit(5), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    phone.log(visit(5), 1, &acknowledged());
    phone.sync(&house).await;
    let mut first = Phone::enrol_anew(&house, worker(1), &[phone.device]).await;
    let mut second = Phone::enrol_anew(&house, worker(1), &[phone.device]).await;
    let (done, absent) = (vec![departed(), completed()], vec![absent()]);
    for (copy, events) in [(&mut second, done), (&mut first, absent.clone()), (&mut phone, absent)] {
        for event in events {
            copy.log(visit(5), 1, &event);
        }
        copy.sync(&house).await;
    }
    let seen = house.read(|store| store.visit(visit(5))).expect("the visit");
    let outcome = seen.lane(1).and_then(|lane| lane.completed.as_ref()).map(|(completed, _)| completed.outcome);
    assert_eq!((outcome, lanes(5).len(), lanes(5)[0].0), (Some(Outcome::Done), 1, 5));
    // Another phone of his, and one that claims to be a colleague's.
    let colleague = Phone::enrol(&house, worker(2)).await;
    for continues in [vec![], vec![colleague.device], vec![phone.device, colleague.device]] {
        phone = Phone::enrol_anew(&house, worker(1), &continues).await;
        phone.log(visit(5), 1, &acknowledged());
        phone.sync(&house).await;
    }
    assert_eq!(lanes(5).iter().map(|lane| lane.0).collect::<Vec<_>>(), [5, 1, 1, 1]);
    house.rebuilt_is_the_same().await;
}

/// I2: what was answered is there after a crash, and after an orderly end; so are files, as far as they were durable.
pub async fn i2_what_was_acknowledged_outlives_the_process<F: Fixture>() {
    let mut house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    let (whole, part) = (vec![7; 3_000], vec![8; 3_000]);
    let blobs = [&whole, &part].map(|bytes| super::files::named(bytes, "signature.strokes")).to_vec();
    phone.log_raw(Some(visit(1)), 1, "visit.acknowledged", r#"{"n":"0"}"#, blobs);
    phone.sync(&house).await;
    assert_eq!(super::files::send(&house, &whole, &whole).await, Finish::Whole);
    let mut incoming = super::files::open(&house, &part).await;
    incoming.append(&part[..1_000]).and_then(|()| incoming.sync()).expect("durable");
    drop(incoming);
    for end in [House::crashed, House::reopened, House::crashed] {
        phone.log(visit(1), 1, &departed());
        phone.sync(&house).await;
        let act = house.schedule(visit(phone.log.len() as u8), None).await;
        let (log, all) = (house.logged().len(), house.dump());
        house = end(house);
        house.holds(phone.device, &phone.log);
        assert_eq!(house.logged().last().map(|(logged, _)| logged.g), Some(act), "the office's act too");
        assert_eq!((house.logged().len(), house.dump()), (log, all));
        let head = house.read(|store| store.log_head(phone.device)).expect("a log");
        assert_eq!((head.acked, head.ack_sha), (phone.log.len() as u64, phone.head_sha));
        assert!(head.safe <= head.acked);
        assert_eq!(house.read(Reading::epoch), 1, "nobody restored anything");
        assert_eq!(house.store.file(&Sha::of(&whole)).expect("it reads"), Some(whole.clone()));
        assert_eq!(house.store.offset(&Sha::of(&part)), 1_000);
        assert_eq!(house.read(|store| store.needed(phone.device)), [Sha::of(&part)]);
    }
}

/// I9: later acts, corrections, a rebuild and a restart leave every envelope as it came.
pub async fn i9_what_is_in_the_log_stays_as_it_came<F: Fixture>() {
    let mut house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    phone.log_raw(Some(visit(1)), 1, "visit.of_next_year", r#"{"n":"0","form":9}"#, Vec::new());
    phone.log(visit(1), 1, &departed());
    phone.sync(&house).await;
    let heads = |house: &House<F>| -> Vec<_> {
        house.logged().into_iter().map(|(l, body)| (l.g, l.fact.device, l.sha, l.recv, l.at(), body)).collect()
    };
    let before = heads(&house);
    house.assign(visit(1), worker(2)).await;
    phone.log(visit(1), 1, &departed());
    phone.sync(&house).await;
    house.cancel(visit(1)).await;
    house.rebuilt_is_the_same().await;
    house = house.reopened();
    assert_eq!(heads(&house)[..before.len()], before);
    house.holds(phone.device, &phone.log);
}

/// I10: clocks ten years off, and one that runs backwards: kept verbatim, obeyed in nothing.
pub async fn i10_device_clocks_order_nothing<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    house.schedule(visit(2), Some(worker(2))).await;
    let mut ahead = Phone::enrol(&house, worker(1)).await;
    let mut behind = Phone::enrol(&house, worker(2)).await;
    ahead.clock.wall_ms = house.clock.now().0 + 10 * 31_557_600_000;
    behind.clock.wall_ms = -house.clock.now().0;
    behind.clock.mono_ms = u64::MAX - 500;
    let mut received = Vec::new();
    for round in 0..4 {
        house.clock.advance(60_000);
        received.push(ahead.log(visit(1), 1, &acknowledged()).op);
        ahead.sync(&house).await;
        received.push(behind.log(visit(2), 1, &acknowledged()).op);
        behind.sync(&house).await;
        ahead.clock.wall_ms -= 365 * 86_400_000;
        behind.clock.mono_ms = 10_000 - round;
        behind.clock.boot = BootId(Uuid::from_u128(u128::from(round % 2)));
    }
    house.holds(ahead.device, &ahead.log);
    house.holds(behind.device, &behind.log);
    let log = house.logged();
    let order = log.iter().map(|(logged, _)| logged.fact.op).filter(|op| received.contains(op));
    assert_eq!(order.collect::<Vec<_>>(), received, "the order is that of receipt");
    assert!(log.windows(2).all(|pair| pair[0].0.g < pair[1].0.g && pair[0].0.recv <= pair[1].0.recv));
    assert!(log.iter().all(|(logged, _)| logged.at().lo <= logged.at().est && logged.at().est <= logged.at().hi));
    // It says that it was done before the visit was moved: that is judged by what is here, not by what it says.
    house.assign(visit(1), worker(2)).await;
    ahead.clock.wall_ms = 0;
    ahead.log(visit(1), 1, &departed());
    ahead.sync(&house).await;
    assert_eq!(ahead.outcomes(&house).last().map(|last| last.o), Some(OutcomeKind::Late));
}

/// I12: a store that was set back says where it stands, and takes what it lost again.
pub async fn i12_a_device_ahead_of_a_restored_store_is_told_and_offers_again<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    phone.log(visit(1), 1, &acknowledged());
    let restored = phone.send(&house, phone.request()).await;
    phone.log(visit(1), 1, &departed());
    let (base, base_sha) = (2, phone.head_sha);
    phone.log(visit(1), 1, &completed());
    let mut ahead = phone.request();
    (ahead.base, ahead.base_sha, ahead.ops) = (base, base_sha, ahead.ops.split_off(2));
    let told = phone.send(&house, ahead.clone()).await;
    assert_eq!(told, restored, "told where the log stands, and not taken for a copy");
    ahead.ops.clear();
    ahead.head_sha = base_sha;
    assert_eq!(phone.send(&house, ahead).await, restored, "the same with nothing new");
    phone.sync(&house).await;
    house.holds(phone.device, &phone.log);
}
