//! Forgeries by somebody who knows the formats well, some of them with a key of his own.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::canon::json::canonical;
use nuanfang_core::record::*;
use p256::ecdsa::Signature;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::*;

/// The same signature with n − s for s.
pub fn high(signature: &[u8; 64]) -> [u8; 64] {
    let signature = Signature::from_slice(signature).unwrap();
    let (r, s) = (signature.r(), signature.s());
    Signature::from_scalars(*r, -*s).unwrap().to_bytes().into()
}

fn container() -> Value {
    serde_json::from_slice(&House::new().file()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    canonical(value).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn part(value: &Value) -> Vec<u8> {
    base64url::decode(text(value)).unwrap()
}

/// Signs with the phone's own key whatever header and payload a forger likes.
fn signed(key: &SoftwareKey, header: &str, payload: &[u8]) -> Value {
    let (protected, payload) = (base64url::encode(header.as_bytes()), base64url::encode(payload));
    let signature = sign_low_s(key, format!("{protected}.{payload}").as_bytes()).unwrap();
    json!({"payload": payload, "signatures": [{"protected": protected, "signature": base64url::encode(&signature)}]})
}

/// The container with this record, and a fresh receipt for it: a server that looked at nothing.
fn with_record(record: Value) -> Vec<u8> {
    let house = House::new();
    let jws: Jws = serde_json::from_value(record).unwrap();
    let receipt = house.receipt(&jws);
    RecordContainer::signed(jws, house.certificate.clone())
        .received(receipt, house.server_certificate.clone())
        .to_bytes()
}

fn found(file: &[u8], part: Part) {
    let verdict = House::new().verify(file);
    assert_eq!(verdict.answer, Answer::Invalid, "{}", verdict.text_zh());
    assert!(verdict.is_faulty(part), "{part:?} is not named in\n{}", verdict.text_zh());
    let verdict = verify_record(file, None, &Evidence::default());
    assert_ne!(verdict.answer, Answer::Valid);
}

#[test]
fn the_header_has_one_form() {
    let file = container();
    let payload = part(&file["record"]["payload"]);
    let header = String::from_utf8(part(&file["record"]["signatures"][0]["protected"])).unwrap();
    let phone = key(3);
    assert_eq!(House::new().verify(&with_record(signed(&phone, &header, &payload))).answer, Answer::Valid);
    for (from, to) in [
        ("ES256", "none"),
        ("ES256", "HS256"),
        ("ES256", "ES384"),
        ("ES256", "SM2"),
        ("{\"alg\"", "{ \"alg\""),
        ("vnd.nuanfang.record", "vnd.nuanfang.receipt"),
        ("vnd.nuanfang.record", "JWT"),
        ("{\"alg\":\"ES256\"", "{\"alg\":\"ES256\",\"alg\":\"ES256\""),
        ("{\"alg\":\"ES256\"", "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1"),
        ("{\"alg\":\"ES256\"", "{\"alg\":\"ES256\",\"b64\":false"),
        ("{\"alg\":\"ES256\"", "{\"alg\":\"ES256\",\"jwk\":{}"),
        (",\"typ\":\"vnd.nuanfang.record\"", ""),
    ] {
        let forged = header.replacen(from, to, 1);
        assert_ne!(forged, header, "{from}");
        found(&with_record(signed(&phone, &forged, &payload)), Part::Signature);
    }
    let kid = text(&serde_json::from_str::<Value>(&header).unwrap()["kid"]).to_owned();
    found(&with_record(signed(&phone, &header.replace(&kid, &kid.to_uppercase()), &payload)), Part::Signature);
    let other = Certificate::open(&House::new().other_certificate).unwrap().kid.to_string();
    found(&with_record(signed(&phone, &header.replace(&kid, &other), &payload)), Part::Signature);
}

#[test]
fn the_payload_has_one_form_even_if_the_phone_signs_another() {
    let file = container();
    let payload = String::from_utf8(part(&file["record"]["payload"])).unwrap();
    let header = String::from_utf8(part(&file["record"]["signatures"][0]["protected"])).unwrap();
    for (from, to) in [
        ("{\"app_build\"", "{ \"app_build\""),
        ("\"seq\":42", "\"seq\":42.0"),
        ("\"seq\":42", "\"seq\":4.2e1"),
        ("\"seq\":42", "\"seq\":9007199254740992"),
        ("\"seq\":42", "\"seq\":42,\"seq\":43"),
        ("\"agreed\":180", "\"agreed\":18.5"),
        ("王䶮", "\\ud83d"),
        ("示例甲", "e\u{301}"),
        ("\"badge\"", "\"badge_number\""),
        ("\"badge\":", "\"added\":1,\"badge\":"),
        ("\"protocol\":\"745-M2\",", ""),
        ("\"quote\":{", "\"quote\":null,\"quotf\":{"),
        ("\"mock\":false", "\"mock\":0"),
        ("\"schema\":1,\"signature\"", "\"schema\":2,\"signature\""),
        ("\"keep_strokes\":true", "\"keep_strokes\":\"true\""),
    ] {
        let forged = payload.replacen(from, to, 1);
        assert_ne!(forged, payload, "{from}");
        found(&with_record(signed(&key(3), &header, forged.as_bytes())), Part::Payload);
    }
}

#[test]
fn a_jws_has_one_signature_and_nothing_beside_it() {
    let good = container();
    let spoil = |change: &dyn Fn(&mut Value)| {
        let mut file = good.clone();
        change(&mut file);
        bytes(&file)
    };
    found(&spoil(&|file| file["record"]["signatures"] = json!([])), Part::Signature);
    found(
        &spoil(&|file| {
            let one = file["record"]["signatures"][0].clone();
            file["record"]["signatures"].as_array_mut().unwrap().push(one);
        }),
        Part::Signature,
    );
    found(&spoil(&|file| file["record"]["signatures"][0]["header"] = json!({"kid": "x"})), Part::Container);
    found(&spoil(&|file| file["record"]["header"] = json!({})), Part::Container);
    found(&spoil(&|file| file["more"] = json!(1)), Part::Container);
    found(&spoil(&|file| file["timestamp"] = json!("AAAA")), Part::Container);
    found(&spoil(&|file| file["format"] = json!("nuanfang/record/2")), Part::Container);
    found(&spoil(&|file| file["receipt"] = json!(null)), Part::Container);
}

#[test]
fn base64url_has_one_spelling() {
    let good = container();
    for (pointer, part) in [
        ("/record/payload", Part::Payload),
        ("/record/signatures/0/protected", Part::Signature),
        ("/record/signatures/0/signature", Part::Signature),
        ("/receipt/signatures/0/signature", Part::Countersignature),
        ("/certificate/signatures/0/signature", Part::Certificate),
        ("/receipt_certificate/signatures/0/signature", Part::ServerKey),
    ] {
        let old = text(good.pointer(pointer).unwrap()).to_owned();
        let mut loose = old.clone();
        // The last character with its unused low bits set, where it has any.
        if !old.len().is_multiple_of(4) {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let last = loose.pop().unwrap();
            let index = alphabet.iter().position(|byte| char::from(*byte) == last).unwrap();
            loose.push(char::from(alphabet[index | 1]));
        } else {
            loose.push('=');
        }
        for spelling in [format!("{old}="), format!("{old}=="), loose, format!("{old}\n"), old.replacen('A', "%41", 1)]
        {
            let mut file = good.clone();
            *file.pointer_mut(pointer).unwrap() = json!(spelling);
            if spelling != old {
                found(&bytes(&file), part);
            }
        }
    }
}

#[test]
fn a_signature_has_one_form() {
    let good = container();
    for (pointer, part_named) in [
        ("/record/signatures/0/signature", Part::Signature),
        ("/receipt/signatures/0/signature", Part::Countersignature),
        ("/certificate/signatures/0/signature", Part::Certificate),
    ] {
        let mut file = good.clone();
        let place = file.pointer_mut(pointer).unwrap();
        let low: [u8; 64] = part(place).try_into().unwrap();
        *place = json!(base64url::encode(&high(&low)));
        found(&bytes(&file), part_named);
        *file.pointer_mut(pointer).unwrap() = json!(base64url::encode(&[0; 64]));
        found(&bytes(&file), part_named);
    }
}

#[test]
fn a_key_of_ones_own_is_found() {
    // A whole supplier of the forger's making: everything fits, nothing is the supplier's.
    let house = House::new();
    let forger = key(66);
    let certify = |holder, key: &SoftwareKey| {
        Certificate::new(supplier().id, &forger.public(), holder, &key.public(), FROM, UNTIL).sign(&forger).unwrap()
    };
    let body = body();
    let certificate = certify(Holder::Device { device: body.log.device, worker: body.worker.id }, &house.phone);
    let server = certify(Holder::Server { device: body.log.device }, &house.server);
    let record = sign_record(&body, &house.phone, &certificate).unwrap().jws;
    let kid = Certificate::open(&server).unwrap().kid;
    let receipt = countersign(&record, RECEIVED, DeviceStatus::Active, None, &house.server, kid).unwrap();
    let file = RecordContainer::signed(record, certificate).received(receipt, server).to_bytes();
    let verdict = verify_record(&file, None, &Evidence::default());
    assert_eq!(verdict.answer, Answer::SignerUnknown);
    found(&file, Part::SignerKey);
    found(&file, Part::ServerKey);
    assert_eq!(house.verify(&file).exit_code, 1);
}

#[test]
fn a_device_cannot_be_the_server_nor_another_device() {
    let house = House::new();
    let record = house.sign(&body()).jws;
    let kid = |jws: &Jws| Certificate::open(jws).unwrap().kid;
    let receipt =
        countersign(&record, RECEIVED, DeviceStatus::Active, None, &house.other_phone, kid(&house.other_certificate));
    let file = RecordContainer::signed(record, house.certificate.clone())
        .received(receipt.unwrap(), house.other_certificate.clone());
    found(&file.to_bytes(), Part::ServerKey);
    // Another phone of the same supplier signs in this one's name.
    let record = Jws::sign(&body(), &house.other_phone, kid(&house.other_certificate)).unwrap();
    let receipt = house.receipt(&record);
    let file = RecordContainer::signed(record, house.other_certificate.clone())
        .received(receipt, house.server_certificate.clone());
    found(&file.to_bytes(), Part::Certificate);
}

#[test]
fn parts_of_two_records_do_not_mix() {
    let house = House::new();
    let one = house.container(&body());
    let other = house.container(&refusal());
    let mixed = RecordContainer { receipt: other.receipt.clone(), ..one.clone() };
    found(&mixed.to_bytes(), Part::Countersignature);
    let mixed = RecordContainer { record: other.record.clone(), ..one.clone() };
    found(&mixed.to_bytes(), Part::Countersignature);
    let mixed = RecordContainer { certificate: house.other_certificate.clone(), ..one.clone() };
    found(&mixed.to_bytes(), Part::Signature);
    let mixed = RecordContainer { record: one.receipt.clone().unwrap(), ..one.clone() };
    found(&mixed.to_bytes(), Part::Signature);
    let mixed = RecordContainer { receipt: Some(one.record.clone()), ..one };
    found(&mixed.to_bytes(), Part::Countersignature);
}

#[test]
fn a_receipt_taken_away_is_missed() {
    let house = House::new();
    let file = RecordContainer::signed(house.sign(&body()).jws, house.certificate.clone()).to_bytes();
    found(&file, Part::Countersignature);
    assert_eq!(verify_record(&file, None, &Evidence::default()).answer, Answer::SignerUnknown);
}

#[test]
fn attachments_are_held_to_their_places() {
    let house = House::new();
    let (file, keys, all) = (house.file(), house.keys(), photos());
    let verify = |evidence: Evidence<'_>| verify_record(&file, Some(&keys), &evidence);
    let whole = Evidence { strokes: Some(STROKES), image: Some(IMAGE), photos: Some(&all) };
    assert_eq!(verify(whole).answer, Answer::Valid);
    let swapped = verify(Evidence { strokes: Some(IMAGE), image: Some(STROKES), ..whole });
    assert!(swapped.is_faulty(Part::Strokes) && swapped.is_faulty(Part::Image));
    for at in 0..STROKES.len() {
        let mut bytes = STROKES.to_vec();
        bytes[at] ^= 1;
        assert!(verify(Evidence { strokes: Some(&bytes), ..whole }).is_faulty(Part::Strokes), "byte {at}");
    }
    for at in 0..IMAGE.len() {
        let mut bytes = IMAGE.to_vec();
        bytes[at] ^= 1;
        assert!(verify(Evidence { image: Some(&bytes), ..whole }).is_faulty(Part::Image), "byte {at}");
    }
    let without = verify(Evidence { photos: Some(&all[1..]), ..whole });
    assert_eq!(without.answer, Answer::Invalid);
    let fault = without.faults().next().unwrap();
    assert!(fault.zh.contains("第 1 张（photo.result）缺失或被改动"), "{}", fault.zh);
    let mut changed = all.clone();
    changed[1] = PhotoFile { name: format!("{}.jpg", Sha::of(OTHER_PHOTO)), sha: Sha::of(b"retouched") };
    let verdict = verify(Evidence { photos: Some(&changed), ..whole });
    let fault = verdict.faults().next().unwrap();
    assert!(fault.zh.contains("第 2 张（photo.other）被改动"), "{}", fault.zh);
}

proptest! {
    #[test]
    fn base64url_text_is_read_only_if_it_is_the_one_spelling(text in "[A-Za-z0-9_=+/ \n-]{0,24}") {
        if let Some(bytes) = base64url::decode(&text) {
            prop_assert_eq!(base64url::encode(&bytes), text);
        }
    }
}
