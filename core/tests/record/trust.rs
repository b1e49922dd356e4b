//! Time and trust: validity, revocation, erasure.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::record::*;
use nuanfang_core::time::{Estimate, Millis, TimeQuality};

use crate::fixture::*;
use crate::tamper::damaged;

const HOUR: i64 = 3_600_000;

fn around(at: Millis, ms: i64) -> Option<Estimate> {
    Some(Estimate { est: at, lo: Millis(at.0 - ms), hi: Millis(at.0 + ms), quality: TimeQuality::Bracketed })
}

/// The record received so, against keys in which the phone's key was revoked so.
fn checked(
    received: Millis,
    status: DeviceStatus,
    estimate: Option<Estimate>,
    revoked: Option<(i64, RevocationReason)>,
) -> Verdict {
    let house = House::new();
    let record = house.sign(&body()).jws;
    let receipt = house.receipt_as(&record, received, status, estimate);
    let file = RecordContainer::signed(record, house.certificate.clone())
        .received(receipt, house.server_certificate.clone())
        .to_bytes();
    let revoked = revoked.map(|(at, reason)| Revocation { at_ms: Millis(at), reason });
    let keys = house.keys_with(|list| list.keys[2].revoked = revoked);
    verify_record(&file, Some(&keys), &Evidence::default())
}

fn holds(verdict: &Verdict) {
    assert_eq!(verdict.answer, Answer::Valid, "{}", verdict.text_zh());
}

fn fails(verdict: &Verdict, part: Part) {
    assert_eq!(verdict.answer, Answer::Invalid, "{}", verdict.text_zh());
    let faults: Vec<Part> = verdict.faults().map(|check| check.part).collect();
    assert_eq!(faults, [part], "{}", verdict.text_zh());
}

#[test]
fn a_key_revoked_later_still_vouches_for_what_was_received_before() {
    use RevocationReason::{Dismissed, Stolen};
    for reason in [Dismissed, Stolen] {
        holds(&checked(RECEIVED, DeviceStatus::Active, Some(estimate()), Some((RECEIVED.0 + 1, reason))));
        holds(&checked(RECEIVED, DeviceStatus::Active, None, Some((RECEIVED.0, reason))));
    }
}

#[test]
fn what_a_stolen_phone_sends_after_it_was_reported_is_not_believed() {
    let stolen = Some((SIGNED.0 + HOUR, RevocationReason::Stolen));
    fails(&checked(RECEIVED, DeviceStatus::Stolen, Some(estimate()), stolen), Part::Revocation);
    fails(&checked(RECEIVED, DeviceStatus::Active, Some(estimate()), stolen), Part::Revocation);
    fails(&checked(RECEIVED, DeviceStatus::Stolen, None, None), Part::Revocation);
}

#[test]
fn a_dismissed_worker_may_hand_in_what_was_signed_before() {
    let dismissed = Some((SIGNED.0 + HOUR, RevocationReason::Dismissed));
    holds(&checked(RECEIVED, DeviceStatus::Dismissed, Some(estimate()), dismissed));
    // The clocks cannot tell: it holds, and the reader is told.
    let unsure = checked(RECEIVED, DeviceStatus::Dismissed, around(SIGNED, 2 * HOUR), dismissed);
    holds(&unsure);
    assert!(unsure.text_zh().contains("无法断定签字在停用之前"));
    holds(&checked(RECEIVED, DeviceStatus::Dismissed, None, dismissed));
    // Signed after: it does not.
    let before = Some((SIGNED.0 - HOUR, RevocationReason::Dismissed));
    fails(&checked(RECEIVED, DeviceStatus::Dismissed, Some(estimate()), before), Part::Revocation);
    // A receipt that says the device was in service after it was dismissed is no receipt of ours.
    fails(&checked(RECEIVED, DeviceStatus::Active, around(SIGNED, 2 * HOUR), dismissed), Part::Revocation);
}

#[test]
fn a_receipt_out_of_the_server_keys_time_is_not_believed() {
    for received in [Millis(FROM.0 - HOUR), Millis(UNTIL.0 + HOUR)] {
        fails(&checked(received, DeviceStatus::Active, Some(estimate()), None), Part::ServerKey);
    }
}

/// A record signed at `SIGNED` and received two hours later, the phone's certificate holding from and until.
fn with_certificate(from: i64, until: i64, estimate: Option<Estimate>) -> Verdict {
    let mut house = House::new();
    let holder = Holder::Device { device: body().log.device, worker: body().worker.id };
    let key = house.phone.public();
    let (from, until) = (Millis(from), Millis(until));
    let certificate = Certificate::new(supplier().id, &house.root.public(), holder, &key, from, until);
    house.certificate = certificate.sign(&house.root).unwrap();
    let record = house.sign(&body()).jws;
    let receipt = house.receipt_as(&record, RECEIVED, DeviceStatus::Active, estimate);
    let file =
        RecordContainer::signed(record, house.certificate.clone()).received(receipt, house.server_certificate.clone());
    house.verify(&file.to_bytes())
}

#[test]
fn a_certificate_holds_from_and_until() {
    let at = SIGNED.0;
    holds(&with_certificate(at - HOUR, at + HOUR, Some(estimate())));
    fails(&with_certificate(at + HOUR, at + 9 * HOUR, Some(estimate())), Part::Validity);
    fails(&with_certificate(at - 9 * HOUR, at - HOUR, Some(estimate())), Part::Validity);
    // Only a whole interval outside is a fault: a phone's clock alone is none.
    holds(&with_certificate(at - HOUR, at + HOUR, around(SIGNED, 2 * HOUR)));
    holds(&with_certificate(at - 9 * HOUR, at - HOUR, None));
    let claimed = Estimate { quality: TimeQuality::Claimed, ..estimate() };
    holds(&with_certificate(at - 9 * HOUR, at - HOUR, Some(claimed)));
    fails(&with_certificate(RECEIVED.0 + 1, RECEIVED.0 + HOUR, None), Part::Validity);
    // An estimate out of order tells nothing.
    let odd = Estimate { lo: Millis(UNTIL.0), est: SIGNED, hi: SIGNED, quality: TimeQuality::Anchored };
    holds(&with_certificate(at - HOUR, at + HOUR, Some(odd)));
}

#[test]
fn a_server_key_counter_signs_until_it_is_rotated() {
    let house = House::new();
    let file = house.file();
    let verify = |rotated: i64| {
        let keys = house.keys_with(|list| list.keys[1].rotated_ms = Some(Millis(rotated)));
        verify_record(&file, Some(&keys), &Evidence::default())
    };
    holds(&verify(RECEIVED.0));
    fails(&verify(RECEIVED.0 - 1), Part::ServerKey);
}

#[test]
fn a_list_made_before_the_device_was_enrolled_does_not_know_it() {
    let house = House::new();
    let keys = house.keys_with(|list| drop(list.keys.remove(2)));
    fails(&verify_record(&house.file(), Some(&keys), &Evidence::default()), Part::SignerKey);
}

fn erasure(record: &SignedRecord) -> Erasure {
    Erasure {
        schema: 1,
        record: body().id,
        record_sha: record.record_sha,
        record_jws: record.jws.sha(),
        erased_ms: Millis(RECEIVED.0 + HOUR),
        ground: "request".into(),
    }
}

#[test]
fn an_erased_record_is_told_apart() {
    let house = House::new();
    let record = house.sign(&body());
    let receipt = house.receipt(&record.jws);
    let server = || house.server_certificate.clone();
    let statement = Jws::sign(&erasure(&record), &house.server, house.server_kid()).unwrap();
    let left = ErasedContainer::new(statement.clone(), server(), receipt.clone(), server());
    let verdict = house.verify(&left.to_bytes());
    assert_eq!((verdict.answer, verdict.exit_code), (Answer::Erased, 3), "{}", verdict.text_zh());
    assert!(verdict.text_zh().contains("已于 2026-11-23 擦除"));
    assert!(verdict.text_zh().contains(&record.record_sha.to_string()));
    assert_eq!(verify_record(&left.to_bytes(), None, &Evidence::default()).answer, Answer::SignerUnknown);
    // A receipt of another record, a statement by a phone, any byte.
    let other = house.receipt(&house.sign(&refusal()).jws);
    let mixed = ErasedContainer::new(statement.clone(), server(), other, server());
    assert!(house.verify(&mixed.to_bytes()).is_faulty(Part::Countersignature));
    let kid = Certificate::open(&house.certificate).unwrap().kid;
    let by_phone = Jws::sign(&erasure(&record), &house.phone, kid).unwrap();
    let forged = ErasedContainer::new(by_phone, house.certificate.clone(), receipt, server());
    assert!(house.verify(&forged.to_bytes()).is_faulty(Part::Erasure));
    let keys = house.keys();
    for (index, (pointer, bytes)) in damaged(&left.to_bytes()).enumerate() {
        let verdict = verify_record(&bytes, Some(&keys), &Evidence::default());
        assert_eq!(verdict.answer, Answer::Invalid, "{pointer}, change {index}");
    }
}

#[test]
fn a_log_head_is_the_devices_word() {
    let house = House::new();
    let kid = Certificate::open(&house.certificate).unwrap().kid;
    let head = LogHead { schema: 1, device: body().log.device, seq: 43, head: Sha::of(b"head"), claimed_ms: SIGNED };
    let jws = Jws::sign(&head, &house.phone, kid).unwrap();
    let opened = jws.open::<LogHead>().unwrap();
    assert_eq!((opened.kid, opened.statement), (kid, head));
    assert!(opened.verify(&house.phone.public()).is_ok());
    assert_eq!(opened.verify(&house.other_phone.public()), Err(JwsFault::Signature));
    assert_eq!(jws.open::<DayHead>().unwrap_err(), JwsFault::Typ);
}
