//! Building and signing: what goes through, what is refused before it is evidence, and what a reader is told.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::canon::json;
use nuanfang_core::domain::place::Place;
use nuanfang_core::record::*;
use nuanfang_core::time::Millis;
use p256::ecdsa::signature::Verifier as _;
use proptest::prelude::*;
use serde_json::json;

use crate::fixture::*;

#[test]
fn a_record_is_valid_with_keys_and_says_who_signed_what_when_and_with_what() {
    let house = House::new();
    let photos = photos();
    let evidence = Evidence { strokes: Some(STROKES), image: Some(IMAGE), photos: Some(&photos) };
    let verdict = verify_record(&house.file(), Some(&house.keys()), &evidence);
    assert_eq!((verdict.answer, verdict.exit_code), (Answer::Valid, 0), "{}", verdict.text_zh());
    assert!(verdict.checks.iter().all(|check| check.state == CheckState::Passed));
    let text = verdict.text_zh();
    for said in [
        "结论：有效",
        "签字人：王䶮（业主）",
        "入户测温确认 · 入户测温单",
        "时间：2026-11-23 10:15:30（北京时间，误差 ±1 秒）",
        "企业收到：2026-11-23 12:15:30（北京时间），当时设备在用",
        "示例甲（工作标识牌 BJ-0007）",
        "设备：0192f0c1-0000-7000-8000-0000000000d1",
        "示例供热有限公司",
        &Sha::of(&house.root_der()).to_string(),
    ] {
        assert!(text.contains(said), "{said} is missing in:\n{text}");
    }
    assert!(verdict.text_en().contains("2026-11-23 10:15:30 (Beijing, ±1 s)"), "{}", verdict.text_en());
    let told = serde_json::to_value(&verdict).unwrap();
    assert_eq!(told["answer"], "valid");
    assert_eq!(told["record"]["signer_role"], "业主");
    assert_eq!(told["checks"][0]["part"], "container");
}

#[test]
fn without_keys_it_is_intact_and_the_signer_unknown() {
    let verdict = verify_record(&House::new().file(), None, &Evidence::default());
    assert_eq!((verdict.answer, verdict.exit_code), (Answer::SignerUnknown, 2));
}

#[test]
fn what_lies_not_beside_it_is_reported_as_not_checked() {
    let house = House::new();
    let verdict = house.verify(&house.file());
    assert_eq!(verdict.answer, Answer::Valid);
    let open: Vec<Part> =
        verdict.checks.iter().filter(|check| check.state == CheckState::NotChecked).map(|check| check.part).collect();
    assert_eq!(open, [Part::Strokes, Part::Image, Part::Photo, Part::Photo]);
}

#[test]
fn a_refusal_is_a_record_of_its_own() {
    let house = House::new();
    let verdict = house.verify(&house.container(&refusal()).to_bytes());
    assert_eq!(verdict.answer, Answer::Valid, "{}", verdict.text_zh());
    assert!(verdict.text_zh().contains("拒签人：王䶮（业主），原因：对测温结果有异议"));
    let evidence = Evidence { image: Some(IMAGE), ..Evidence::default() };
    let verdict = verify_record(&house.container(&refusal()).to_bytes(), Some(&house.keys()), &evidence);
    assert!(verdict.is_faulty(Part::Image), "a refusal has no signature to show");
}

#[test]
fn a_record_that_is_not_whole_is_not_signed() {
    let house = House::new();
    type Spoil = fn(&mut SignedRecordBody);
    let cases: [(&str, Spoil); 12] = [
        ("schema", |body| body.schema = 2),
        ("seq", |body| body.log.seq = 0),
        ("first has no prev", |body| body.log.seq = 1),
        ("others have one", |body| body.log.prev = Sha::ZERO),
        ("supplier", |body| body.supplier.name = " ".into()),
        ("badge", |body| body.worker.badge = String::new()),
        ("statement", |body| body.statement.text = String::new()),
        ("standard", |body| body.standard_version = String::new()),
        ("nonce", |body| body.nonce = "00112233445566778899AABBCCDDEEFF".into()),
        ("handwriting", |body| body.signature = None),
        ("signer", |body| body.signer.name = String::new()),
        ("reason", |body| body.outcome = Outcome::Refused { reason: "x".into() }),
    ];
    for (name, spoil) in cases {
        let mut body = body();
        spoil(&mut body);
        let refused = sign_record(&body, &house.phone, &house.certificate);
        assert!(matches!(refused, Err(SignError::Incomplete(_))), "{name}: {refused:?}");
    }
    let empty = SignedRecordBody { outcome: Outcome::Refused { reason: "  ".into() }, ..refusal() };
    assert!(sign_record(&empty, &house.phone, &house.certificate).is_err());
}

#[test]
fn content_out_of_profile_is_refused_with_its_place() {
    let house = House::new();
    let refused = |body: &SignedRecordBody| match sign_record(body, &house.phone, &house.certificate) {
        Err(SignError::Content(fault)) => (fault.pointer, fault.reason),
        other => panic!("{other:?}"),
    };
    let float = SignedRecordBody { values: json!({"rooms": [{"t": 17.6}]}), ..body() };
    assert_eq!(refused(&float), ("/values/rooms/0/t".into(), json::Reason::Float));
    let mut decomposed = body();
    decomposed.signer.name = "Rene\u{301}".into();
    assert_eq!(refused(&decomposed), ("/signer/name".into(), json::Reason::NotNfc));
    let error = sign_record(&float, &house.phone, &house.certificate).unwrap_err();
    assert_eq!(error.to_string(), "记录内容不能签名：含小数或指数形式的数（只允许整数）（/values/rooms/0/t）");
}

#[test]
fn the_certificate_must_be_for_this_key_device_worker_and_supplier() {
    let house = House::new();
    assert!(sign_record(&body(), &house.other_phone, &house.certificate).is_err());
    assert!(sign_record(&body(), &house.other_phone, &house.other_certificate).is_err());
    assert!(sign_record(&body(), &house.server, &house.server_certificate).is_err());
    let mut foreign = body();
    foreign.supplier.id = nuanfang_core::id::SupplierId(id(0x52));
    assert!(sign_record(&foreign, &house.phone, &house.certificate).is_err());
}

#[test]
fn the_server_takes_in_what_the_phone_signed_and_nothing_else() {
    let house = House::new();
    let signed = house.sign(&body());
    let again: Jws = serde_json::from_str(&signed.jws_text).unwrap();
    assert_eq!(again, signed.jws);
    let arrived = check_arrival(&again, &Certificate::open(&house.certificate).unwrap()).unwrap();
    assert_eq!((arrived.payload_sha, &arrived.statement), (signed.record_sha, &body()));
    assert_eq!(
        check_arrival(&again, &Certificate::open(&house.other_certificate).unwrap()).unwrap_err(),
        JwsFault::Signature
    );
    let half = SignedRecordBody { signature: None, ..body() };
    let half = Jws::sign(&half, &house.phone, Certificate::open(&house.certificate).unwrap().kid).unwrap();
    assert!(matches!(check_arrival(&half, &Certificate::open(&house.certificate).unwrap()), Err(JwsFault::Schema(_))));
}

/// A keystore that answers with a high s, as half of all platform signatures have.
struct HighS(SoftwareKey);

impl DeviceKey for HighS {
    fn public_key(&self) -> Result<[u8; 65], KeyError> {
        self.0.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        Ok(crate::forgery::high(&sign_low_s(&self.0, message)?))
    }
}

/// A keystore that signs with another key than it shows.
struct Mixed(SoftwareKey, SoftwareKey);

impl DeviceKey for Mixed {
    fn public_key(&self) -> Result<[u8; 65], KeyError> {
        self.0.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        self.1.sign(message)
    }
}

/// A keystore that wants the worker first.
struct Locked(SoftwareKey);

impl DeviceKey for Locked {
    fn public_key(&self) -> Result<[u8; 65], KeyError> {
        self.0.public_key()
    }

    fn sign(&self, _: &[u8]) -> Result<[u8; 64], KeyError> {
        Err(KeyError::Locked)
    }
}

#[test]
fn whatever_the_keystore_answers_the_record_has_one_spelling_or_is_not_signed() {
    let house = House::new();
    assert!(is_high_s(&HighS(key(3)).sign(b"x").unwrap()));
    let signed = sign_record(&body(), &HighS(key(3)), &house.certificate).unwrap();
    assert_eq!(signed, house.sign(&body()));
    let wrong = sign_record(&body(), &Mixed(key(3), key(4)), &house.certificate);
    assert_eq!(wrong.unwrap_err(), SignError::Key(KeyError::Wrong));
    let locked = sign_record(&body(), &Locked(key(3)), &house.certificate).unwrap_err();
    assert_eq!(locked, SignError::Key(KeyError::Locked));
    assert!(locked.to_string().contains("已填内容都在"));
}

#[test]
fn a_key_goes_out_and_comes_back_in_every_form() {
    let key = key(9);
    let public = key.public();
    assert_eq!(PublicKey::from_spki_der(&public.to_spki_der()).unwrap(), public);
    assert_eq!(PublicKey::from_sec1(&public.to_sec1()).unwrap(), public);
    assert_eq!(public.jwk().key().unwrap(), public);
    assert_eq!(SoftwareKey::from_pkcs8_der(&key.to_pkcs8_der()).unwrap().public(), public);
    assert_ne!(SoftwareKey::generate().public(), SoftwareKey::generate().public());
    let mut off = public.to_sec1();
    off[64] ^= 1;
    assert!(PublicKey::from_sec1(&off).is_err());
    assert!(SoftwareKey::from_secret(&[0; 32]).is_err());
    let mut jwk = public.jwk();
    jwk.x.push('=');
    assert!(jwk.key().is_err());
}

proptest! {
    /// Evidence is checked by whoever has some implementation of P-256: ours says what another one says.
    #[test]
    fn another_implementation_says_the_same_of_a_signature(
        secret in 1..u8::MAX,
        message in proptest::collection::vec(any::<u8>(), 0..100),
        flipped in proptest::option::of((0_usize..64, 0_u32..8)),
        halves in proptest::option::of(any::<[[u8; 32]; 2]>()),
        high in any::<bool>(),
    ) {
        let key = key(secret);
        let mut signature = if high { HighS(key).sign(&message).unwrap() } else { key.sign(&message).unwrap() };
        let key = self::key(secret);
        if let Some((byte, bit)) = flipped {
            signature[byte] ^= 1 << bit;
        }
        if let Some(halves) = halves {
            signature = halves.concat().try_into().unwrap();
        }
        let theirs = p256::ecdsa::VerifyingKey::from_sec1_bytes(&key.public_key().unwrap()).unwrap();
        let said = p256::ecdsa::Signature::from_slice(&signature)
            .is_ok_and(|signature| theirs.verify(&message, &signature).is_ok());
        prop_assert_eq!(key.public().verify(&message, &signature), said && !is_high_s(&signature));
    }
}

#[test]
fn a_clock_that_is_years_off_does_not_harm_the_record() {
    let house = House::new();
    let mut body = body();
    body.time.claimed.wall_ms = SIGNED.0 - 3 * 365 * 86_400_000;
    body.time.estimate = None;
    body.place = Place::None { reason: "denied".into() };
    let verdict = house.verify(&house.container(&body).to_bytes());
    assert_eq!(verdict.answer, Answer::Valid);
    let when = verdict.record.as_ref().unwrap().signed_at;
    assert_eq!((when.est_ms, when.by), (estimate().est, EstimatedBy::Server));
    assert!(verdict.text_zh().contains("手机自报时间为 2023-11-24 10:15:30"), "{}", verdict.text_zh());
    assert_eq!(when.claimed_ms, Millis(body.time.claimed.wall_ms));
}

#[test]
fn strokes_have_one_spelling() {
    let strokes: Strokes = serde_json::from_slice(STROKES).unwrap();
    assert_eq!(strokes.to_bytes().unwrap(), STROKES);
    assert!(!strokes.is_blank());
    assert!(Strokes { strokes: vec![vec![[1, 1, 0]]], ..strokes }.is_blank());
}
