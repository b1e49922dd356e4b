//! Phones as the office sees them: what each can't do, which rules it goes by, and for how long one that left hands in.

mod common;

use axum::http::StatusCode;
use common::desk::Desk;
use common::second::Second;
use common::{House, Phone};
use nuanfang_core::domain::event::KINDS;
use nuanfang_core::domain::office_event::{RevokeReason, SettingsChanged};
use nuanfang_core::domain::worker_event::Unmasked;
use nuanfang_core::domain::{Event, Rules};
use nuanfang_core::id::{HouseholdId, OpId, VisitId, WorkerId};
use nuanfang_core::record::SoftwareKey;
use nuanfang_core::wire::auth::b64;
use nuanfang_core::wire::{OutcomeKind, Owes};
use nuanfang_server::enrolment;
use nuanfang_server::office::project::setting;
use nuanfang_server::office::role::Role;
use nuanfang_server::office::{OfficeAct, log, rebuild, seen};
use nuanfang_server::store::StoreError;
use serde_json::{Value, json};
use uuid::Uuid;

const VISIT: VisitId = VisitId(Uuid::from_u128(0xa11));
const WORKER: WorkerId = WorkerId(Uuid::from_u128(1));
const DAY: i64 = 24 * 3_600_000;

fn photographed(phone: &mut Phone) -> OpId {
    phone.log_raw(Some(VISIT), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, Vec::new())
}

/// What became of the one operation that `phone` brings.
async fn brought(house: &House, phone: &mut Phone) -> Option<(OutcomeKind, Option<String>)> {
    phone.come_back(house).await;
    let end = phone.base + 1;
    photographed(phone);
    let reply = phone.sync(house).await;
    assert_eq!(reply.acked_through, end, "evidence is never refused");
    reply.outcomes.into_iter().find(|told| told.seq == end).map(|told| (told.o, told.why))
}

async fn set(house: &House, days: &str) {
    let changes = vec![setting::to(setting::HAND_IN_DAYS, days)];
    house.act(OfficeAct::of(Event::SettingsChanged(SettingsChanged { changes }))).await;
}

async fn judge(house: &House, desk: &Desk, ops: &[OpId]) -> (StatusCode, Value) {
    desk.post(house, "/api/quarantine/rejudge", json!({"ops": ops, "reason": "本人当面交回"})).await
}

#[tokio::test]
async fn a_code_that_was_given_before_a_phone_was_revoked_lets_nobody_in() {
    for reason in ["dismissed", "stolen"] {
        let house = House::open().await;
        let desk = Desk::open(&house, Role::Admin).await;
        let phone = Phone::enrol(&house, WORKER).await;
        let vault = house.state.vault.clone();
        let code = tokio::task::spawn_blocking(move || enrolment::issue(&vault, WORKER)).await.expect("no panic");
        let path = format!("/api/devices/{}/revoke", phone.device.0);
        let (status, said) = desk.post(&house, &path, json!({ "reason": reason })).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        let key = SoftwareKey::generate();
        let body = json!({
            "code": code.expect("a code"), "public_key": b64(&key.public().to_spki_der()), "name": "测试手机", "app": "0.1.0",
        });
        let (status, said) = house.post_json("/v1/enrol", body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{}", String::from_utf8_lossy(&said));
        // One that is given afterwards does.
        Phone::enrol(&house, WORKER).await;
    }
}

#[tokio::test]
async fn a_code_is_good_for_its_day() {
    let house = House::open().await;
    let vault = house.state.vault.clone();
    let (key, vaults) = (nuanfang_core::canon::hash::Sha::of(b"a key"), vault.clone());
    let code = tokio::task::spawn_blocking(move || enrolment::issue(&vaults, WORKER)).await.expect("no panic");
    let redeemed = tokio::task::spawn_blocking(move || {
        vault.with(|db| Ok(db.execute("UPDATE enrolment SET expires_ms = 0", [])?))?;
        enrolment::redeem(&vault, &code?, key)
    });
    assert_eq!(redeemed.await.expect("no panic").expect("a vault"), None);
}

async fn dump(house: &House) -> String {
    house.state.store.read_long::<_, StoreError, _>(rebuild::dump).await.expect("a dump")
}

#[tokio::test]
async fn what_a_dismissed_phone_brings_in_time_counts_and_later_waits_for_the_offices_word() {
    let overdue = Some((OutcomeKind::Quarantined, Some("hand_in_overdue".to_owned())));
    let house = House::open().await;
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(WORKER)).await;
    let mut phone = Phone::enrol(&house, WORKER).await;
    house.revoke(phone.device, RevokeReason::Dismissed).await;
    house.clock.advance(30 * DAY);
    // Said once more, the days count from the first time.
    house.revoke(phone.device, RevokeReason::Dismissed).await;
    assert_eq!(brought(&house, &mut phone).await, None, "on the last day it is simply applied");
    house.clock.advance(1);
    let op = phone.logged.len();
    assert_eq!(brought(&house, &mut phone).await, overdue);
    set(&house, "60").await;
    assert_eq!(brought(&house, &mut phone).await, None);
    set(&house, "1").await;
    assert_eq!(brought(&house, &mut phone).await, overdue);

    let desk = Desk::open(&house, Role::Dispatcher).await;
    let kept = async || desk.get(&house, "/api/quarantine").await["total"].as_u64().expect("a count");
    assert_eq!(kept().await, 2);
    let (status, said) = judge(&house, &desk, &[phone.logged[op].op]).await;
    assert_eq!((status, said), (StatusCode::OK, json!({"kept": 0})));
    assert_eq!(kept().await, 1);
    let told: Vec<_> = house.outcomes().into_iter().map(|(_, o, why)| (o, why.unwrap_or_default())).collect();
    assert_eq!(
        told,
        [("applied", "released"), ("quarantined", "hand_in_overdue")].map(|(o, why)| (o.into(), why.into()))
    );

    let before = dump(&house).await;
    house.clock.advance(400 * DAY);
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("made anew");
    assert_eq!(dump(&house).await, before, "what was judged does not depend on when it is looked at");
}

#[tokio::test]
async fn who_read_a_masked_field_is_told_though_it_came_too_late_to_count() {
    let house = House::open().await;
    let mut phone = Phone::enrol(&house, WORKER).await;
    house.revoke(phone.device, RevokeReason::Dismissed).await;
    house.clock.advance(31 * DAY);
    phone.come_back(&house).await;
    let household = HouseholdId(Uuid::from_u128(0xb22));
    phone.log(None, 0, &Event::Unmasked(Unmasked { household, field: "业主电话".into(), reason: "要求改约".into() }));
    phone.log_raw(None, 0, "office.cancelled", r#"{"n":"0","reason":"x"}"#, Vec::new());
    phone.sync(&house).await;
    let auditor = Desk::open(&house, Role::Auditor).await;
    let trail = auditor.get(&house, "/api/audit").await;
    let brought: Vec<_> = trail["rows"].as_array().expect("rows").iter().filter(|row| !row["kept"].is_null()).collect();
    assert_eq!(brought.len(), 1, "what a phone calls an act of the office is none: {trail}");
    assert_eq!((&brought[0]["kind"], &brought[0]["kept"]), (&json!("pii.unmasked"), &json!("quarantined")));
}

#[tokio::test]
async fn what_came_before_the_term_was_on_record_counts_as_it_did() {
    let house = House::open().await;
    let term = async |house: &House| {
        house.state.read::<_, StoreError, _>(|db| setting::get(db, setting::HAND_IN_DAYS)).await.expect("read")
    };
    assert_eq!(term(&house).await.as_deref(), Some("30"), "on record from a server's first start on");
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(WORKER)).await;
    let mut phone = Phone::enrol(&house, WORKER).await;
    house.revoke(phone.device, RevokeReason::Dismissed).await;
    house.clock.advance(31 * DAY);
    // As in a log that says nothing of a term.
    set(&house, "").await;
    assert_eq!(brought(&house, &mut phone).await, None);
    set(&house, "40").await;
    let before = dump(&house).await;
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("made anew");
    assert_eq!(dump(&house).await, before);
    let house = house.reopen().await;
    assert_eq!(term(&house).await.as_deref(), Some("40"), "what the company set stays");
}

#[tokio::test]
async fn after_a_restore_a_dismissed_phone_has_its_whole_time_again() {
    let (house, second) = (House::open().await, Second::new());
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(WORKER)).await;
    let mut phone = Phone::enrol(&house, WORKER).await;
    house.revoke(phone.device, RevokeReason::Dismissed).await;
    second.ship(&house).await;
    photographed(&mut phone);
    house.clock.advance(30 * DAY);
    phone.come_back(&house).await;
    let reply = phone.clone().sync(&house).await;
    assert_eq!((reply.acked_through, reply.outcomes.len()), (1, 0), "in time, and lost with the server");
    let (house, _) = second.reopened(second.key(&house)).await;
    let restored =
        house.state.read::<_, StoreError, _>(|db| log::of_office(db, "office.restored")).await.expect("read");
    house.clock.advance(restored[0].recv.0 + 30 * DAY - house.state.now().0);
    phone.come_back(&house).await;
    phone.sync(&house).await;
    let reply = phone.sync(&house).await;
    assert_eq!((reply.acked_through, reply.outcomes.len()), (1, 0), "what was lost counts again");
    house.clock.advance(1);
    let told = brought(&house, &mut phone).await;
    assert_eq!(told, Some((OutcomeKind::Quarantined, Some("hand_in_overdue".into()))));
}

#[tokio::test]
async fn what_was_on_the_screen_is_judged_together_or_not_at_all() {
    let house = House::open().await;
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(WORKER)).await;
    let mut phone = Phone::enrol(&house, WORKER).await;
    house.revoke(phone.device, RevokeReason::Dismissed).await;
    house.clock.advance(31 * DAY);
    for _ in 0..4 {
        brought(&house, &mut phone).await;
    }
    // Not his, whenever it comes.
    phone.log_raw(Some(VisitId(Uuid::from_u128(0xa22))), 1, "visit.acknowledged", r#"{"n":"01"}"#, Vec::new());
    phone.sync(&house).await;
    let desk = Desk::open(&house, Role::Dispatcher).await;
    let ops: Vec<OpId> = phone.logged.iter().map(|op| op.op).collect();
    let (_, said) = judge(&house, &desk, &ops[2..]).await;
    assert_eq!(said, json!({"kept": 1, "why": "visit_unknown"}));
    let told = || house.outcomes().into_iter().filter_map(|(_, _, why)| why).collect::<Vec<_>>();
    let mixed = ["hand_in_overdue", "hand_in_overdue", "released", "released", "visit_unknown"];
    assert_eq!(told(), mixed, "nothing else of the same phone");
    let (status, said) = judge(&house, &desk, &ops[1..3]).await;
    assert_eq!((status, &said["code"]), (StatusCode::NOT_FOUND, &json!("quarantine.not_kept")));
    assert_eq!(told(), mixed, "one is decided already: none is judged");
    for many in [Vec::new(), vec![ops[0]; 501]] {
        let (status, said) = judge(&house, &desk, &many).await;
        assert_eq!((status, &said["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("quarantine.ops")));
    }
}

#[tokio::test]
async fn the_office_sees_which_rules_a_phone_has_and_what_it_can_not_record() {
    let house = House::open().await;
    let since = house.state.now().0;
    house.clock.advance(DAY);
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(WORKER)).await;
    let desk = Desk::open(&house, Role::Dispatcher).await;
    let mut phone = Phone::enrol(&house, WORKER).await;
    let row = async |house: &House, desk: &Desk| desk.get(house, "/api/devices").await[0].clone();
    let silent = row(&house, &desk).await;
    assert_eq!((&silent["lacks"], &silent["rules"]), (&json!([]), &Value::Null), "it has said nothing yet");

    let say = async |phone: &Phone, kinds: &[&str]| {
        let mut request = phone.request();
        request.caps.kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        phone.try_sync(&house, &request).await;
        row(&house, &desk).await["lacks"].clone()
    };
    let unmasked = json!([{"kind": "pii.unmasked", "zh": "查看隐藏信息", "en": "Masked value read"}]);
    assert_eq!(say(&phone, &["visit.*", "pii.*"]).await, json!([]));
    assert_eq!(say(&phone, &["visit.*"]).await, unmasked);
    let older: Vec<&str> =
        KINDS.iter().copied().filter(|kind| !matches!(*kind, "visit.disputed" | "visit.signed")).collect();
    let disputed = json!({"kind": "visit.disputed", "zh": "热用户异议", "en": "Disputed"});
    let signed = json!({"kind": "visit.signed", "zh": "热用户签字", "en": "Signed"});
    assert_eq!(say(&phone, &older).await, json!([disputed, signed]));

    photographed(&mut phone);
    let mut request = phone.request();
    request.caps.kinds = vec!["visit.*".into()];
    request.owes = Owes { ops: 3, oldest_ms: Some(7_000), ..Owes::default() };
    phone.try_sync(&house, &request).await;
    let rules = json!({ "sha": Rules::builtin().sha().to_string(), "current": true, "in_force_since_ms": since });
    assert_eq!(row(&house, &desk).await["rules"], rules);

    let state = house.state.clone();
    tokio::task::spawn_blocking(move || seen::keep(&state.seen, &state.store)).await.expect("no panic").expect("kept");
    let house = house.reopen().await;
    let desk = Desk::named(&house, "second", Role::Dispatcher).await;
    assert_eq!(row(&house, &desk).await["lacks"], unmasked, "what it said outlives the server");
    let owes = house.state.seen.get(phone.device).expect("it came").owes;
    assert_eq!(owes, Owes { ops: 2, oldest_ms: Some(7_000), ..Owes::default() });
}
