//! What is kept apart is seen by the office and judged anew: at its word, and by a build that understands more. And a
//! phone that may hold evidence and does not come is alarmed about.

mod common;

use axum::http::{Method, StatusCode};
use common::desk::Desk;
use common::paper::sign;
use common::{House, Phone};
use nuanfang_core::canon::envelope::BlobRef;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::kind::{Outcome, VisitKind};
use nuanfang_core::domain::office_event::{
    Assigned, Cancelled, FormCompleted, FormField, Rescheduled, RevokeReason, SettingsChanged, VisitPlan,
};
use nuanfang_core::domain::role;
use nuanfang_core::domain::worker_event::{Arrived, Completed, Departed};
use nuanfang_core::domain::{Event, Place, Window};
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::{OutcomeKind, Owes};
use nuanfang_server::office::accept::{self, Exchange};
use nuanfang_server::office::project::{self, setting};
use nuanfang_server::office::role::Role;
use nuanfang_server::office::uploads::Wanted;
use nuanfang_server::office::{OfficeAct, rebuild, registers};
use nuanfang_server::store::sqlite::writing::Writing;
use nuanfang_server::store::{Reading, StoreError};
use serde_json::{Value, json};
use uuid::Uuid;

const VISIT: VisitId = VisitId(Uuid::from_u128(0xa11));
const FIRST: WorkerId = WorkerId(Uuid::from_u128(1));
const SECOND: WorkerId = WorkerId(Uuid::from_u128(2));
const HOUR: i64 = 3_600_000;

/// A visit of the first worker's, and the second worker's phone that logged a photo there.
async fn stray(house: &House) -> (Phone, Uuid) {
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(FIRST)).await;
    let mut phone = Phone::enrol(house, SECOND).await;
    let op = phone.log_raw(Some(VISIT), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, Vec::new());
    let reply = phone.sync(house).await;
    assert_eq!(reply.outcomes[0].o, OutcomeKind::Quarantined);
    (phone, op.0)
}

async fn rejudge(house: &House, desk: &Desk, op: Uuid) -> (StatusCode, Value) {
    let asked = json!({"ops": [op], "reason": "已改派给他"});
    let (status, _, body) = desk.send(house, Method::POST, "/api/quarantine/rejudge", &asked).await;
    (status, serde_json::from_slice(&body).expect("JSON"))
}

fn dump(house: &House) -> String {
    house.state.store.read_now::<_, StoreError>(rebuild::dump).expect("a dump")
}

/// From here on no visit's row can say `state`, as if a projection had a fault.
async fn break_rows(house: &House, state: &str) {
    let sql = format!(
        "CREATE TRIGGER broken BEFORE UPDATE ON visit WHEN NEW.state = '{state}'
         BEGIN SELECT RAISE(ABORT, 'a projection with a fault'); END"
    );
    let done = house.state.store.write::<_, StoreError, _>(0, move |writing| Ok(writing.tx.execute_batch(&sql)?));
    done.await.expect("a trigger");
}

#[tokio::test]
async fn a_fault_of_ours_keeps_one_operation_apart_and_refuses_none() {
    let house = House::open().await;
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(FIRST)).await;
    let mut phone = Phone::enrol(&house, FIRST).await;
    break_rows(&house, "departed").await;
    phone.log_raw(Some(VISIT), 1, "visit.acknowledged", r#"{"n":"00"}"#, Vec::new());
    let departed =
        phone.log_raw(Some(VISIT), 1, "visit.departed", r#"{"n":"01","tools_checked":true,"parts":[]}"#, Vec::new());
    phone.log_raw(Some(VISIT), 1, "visit.photographed", r#"{"n":"02","role":"photo.other"}"#, Vec::new());
    let reply = phone.sync(&house).await;
    assert_eq!(reply.acked_through, 3);
    let told: Vec<_> = reply.outcomes.iter().map(|told| (told.seq, told.o, told.why.as_deref())).collect();
    assert_eq!(told, [(2, OutcomeKind::Quarantined, Some("fault"))]);
    let state = |house: &House| {
        house.state.store.read_now::<_, StoreError>(|db| {
            Ok(db.query_row("SELECT state FROM visit", [], |row| row.get::<_, String>(0))?)
        })
    };
    assert_eq!(state(&house).expect("a row"), "acknowledged");
    let desk = Desk::open(&house, Role::Dispatcher).await;
    let (status, said) = rejudge(&house, &desk, departed.0).await;
    assert_eq!((status, said), (StatusCode::OK, json!({"kept": 1, "why": "fault"})));
    let before = dump(&house);
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("made anew");
    assert_eq!(dump(&house), before);

    let mended = |writing: &mut Writing<'_>| Ok(writing.tx.execute_batch("DROP TRIGGER broken")?);
    house.state.store.write::<_, StoreError, _>(0, mended).await.expect("mended");
    let (status, said) = rejudge(&house, &desk, departed.0).await;
    assert_eq!((status, &said["kept"]), (StatusCode::OK, &json!(0)));
    assert_eq!(state(&house).expect("a row"), "departed");
}

/// What a fault of ours keeps apart is evidence all the same: its photos are asked for, its signature is proved.
#[tokio::test]
async fn what_a_fault_keeps_apart_keeps_its_files_and_its_signature() {
    let house = House::open().await;
    let home = HouseholdId(Uuid::from_u128(0xb22));
    house.schedule(VISIT, home, Some(FIRST)).await;
    let mut phone = Phone::enrol(&house, FIRST).await;
    phone.log_raw(Some(VISIT), 1, "visit.acknowledged", r#"{"n":"00"}"#, Vec::new());
    phone.sync(&house).await;
    break_rows(&house, "acknowledged").await;
    let photo = BlobRef { sha: Sha::of(b"a photo"), len: 7, role: role::PHOTO_OTHER.into() };
    let body = r#"{"n":"02","role":"photo.other"}"#;
    let shown = phone.log_raw(Some(VISIT), 1, "visit.photographed", body, vec![photo.clone()]);
    let record = sign(&house, &mut phone, VISIT, home, "示例甲");
    let signed = phone.queue[1].op;
    let reply = phone.sync(&house).await;
    let told: Vec<_> = reply.outcomes.iter().map(|told| (told.seq, told.why.as_deref())).collect();
    assert_eq!(told, [(2, Some("fault")), (3, Some("fault"))]);
    let proved = |house: &House| {
        let read = house.state.store.read_now(|db| project::record::container(db, &house.state.keys, &record));
        read.expect("read").is_some()
    };
    assert!(proved(&house), "the record is counter-signed");
    assert_eq!(phone.upload(&house, b"a photo").await, StatusCode::NO_CONTENT);
    let wanted = house.state.store.read_now(|store| store.wanted(phone.device, &photo.sha)).expect("read");
    assert_eq!(wanted, Some(Wanted::Whole(7)), "its phone hears that it is whole");
    let mended = |writing: &mut Writing<'_>| Ok(writing.tx.execute_batch("DROP TRIGGER broken")?);
    house.state.store.write::<_, StoreError, _>(0, mended).await.expect("mended");
    let desk = Desk::open(&house, Role::Dispatcher).await;
    for op in [shown, signed] {
        assert_eq!(rejudge(&house, &desk, op.0).await, (StatusCode::OK, json!({"kept": 0})));
    }
    assert!(proved(&house));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_phone_calls_the_offices_word_is_on_no_paper_and_in_no_trail() {
    let house = House::open().await;
    let home = HouseholdId(Uuid::from_u128(0xb22));
    house.schedule(VISIT, home, Some(FIRST)).await;
    let mut phone = Phone::enrol(&house, FIRST).await;
    let record = sign(&house, &mut phone, VISIT, home, "示例住户");
    phone.sync(&house).await;
    let auditor = Desk::open(&house, Role::Auditor).await;
    let paper = format!("/api/documents/{record}.pdf");
    let (status, _, before) = auditor.send(&house, Method::GET, &paper, &Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&before));
    let fields = vec![FormField { label: "主管领导".into(), text: "同意，示例".into() }];
    phone.log(Some(VISIT), 1, &Event::FormCompleted(FormCompleted { record_sha: record, fields }));
    let reply = phone.sync(&house).await;
    assert_eq!(reply.outcomes[0].why.as_deref(), Some("office_only"));
    let (status, _, after) = auditor.send(&house, Method::GET, &paper, &Value::Null).await;
    assert!(status == StatusCode::OK && after == before, "the paper is what it was");
    let trail = auditor.get(&house, "/api/audit?kind=office.form_completed").await;
    assert_eq!(trail["total"], 0, "{trail}");
}

/// An exchange that is taken in by itself, because it came in a rescue file or beside one that met a fault, is judged as it
/// would have been among others: a fault in a row that nobody has to write concerns nobody.
#[tokio::test]
async fn what_shares_a_commit_with_a_fault_is_judged_as_if_it_did_not() {
    let house = House::open().await;
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(FIRST)).await;
    let mut phone = Phone::enrol(&house, FIRST).await;
    break_rows(&house, "departed").await;
    phone.log(Some(VISIT), 1, &Event::Departed(Departed { tools_checked: true, parts: Vec::new() }));
    phone.log(Some(VISIT), 1, &Event::Arrived(Arrived { place: Place::None { reason: "no_signal".into() } }));
    let mut exchange = Exchange::read(phone.request(), Vec::new(), house.state.now()).expect("an exchange");
    let taken = move |writing: &mut Writing<'_>| accept::alone(writing, &mut exchange);
    assert_eq!(house.state.store.write::<_, StoreError, _>(0, taken).await.expect("a receipt").acked, 2);
    let before = dump(&house);
    assert!(before.contains("== outcome 0"), "{before}");
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("made anew");
    assert_eq!(dump(&house), before);
}

#[tokio::test]
async fn what_is_kept_apart_is_judged_anew_at_the_offices_word() {
    let house = House::open().await;
    let (mut phone, op) = stray(&house).await;
    let desk = Desk::open(&house, Role::Dispatcher).await;
    assert_eq!(desk.get(&house, "/api/alarms").await, json!({"silent_devices": 0, "forked_devices": 0, "kept": 1}));
    let kept = desk.get(&house, "/api/quarantine").await["rows"].clone();
    assert_eq!(kept.as_array().map(Vec::len), Some(1), "{kept}");
    let row = &kept[0];
    assert_eq!((&row["op"], &row["kept"], &row["why"]), (&json!(op), &json!("quarantined"), &json!("never_assigned")));
    assert_eq!((&row["visit_known"], &row["device_name"]), (&json!(true), &json!("测试手机")));
    assert_eq!((&row["zh"], &row["en"]), (&json!("拍照"), &json!("Photo")));

    // Nothing has changed: it stays, and the answer says so.
    let (status, said) = rejudge(&house, &desk, op).await;
    assert_eq!((status, said), (StatusCode::OK, json!({"kept": 1, "why": "never_assigned"})));

    house.assign(VISIT, 1, SECOND).await;
    let (status, said) = rejudge(&house, &desk, op).await;
    assert_eq!((status, said), (StatusCode::OK, json!({"kept": 0})));
    assert_eq!(desk.get(&house, "/api/quarantine").await["rows"], json!([]));
    let visit = desk.get(&house, &format!("/api/visits/{}", VISIT.0)).await;
    assert!(
        visit["events"].to_string().contains(&op.to_string()) || visit.to_string().contains("photo.other"),
        "{visit}"
    );

    // Its phone was told that it is kept apart; now it is told that it counts.
    let reply = phone.sync(&house).await;
    let told = &reply.outcomes;
    assert_eq!((told[0].seq, told[0].o, told[0].why.as_deref()), (1, OutcomeKind::Applied, Some("released")));
    // Once more if that answer was lost on its way; no more once the phone says that it has heard it.
    assert_eq!(phone.sync(&house).await.outcomes, reply.outcomes);
    let mut heard = phone.request();
    heard.judged = reply.judged;
    let quiet = phone.try_sync(&house, &heard).await;
    assert_eq!((quiet.outcomes, quiet.judged), (Vec::new(), 0));

    let (status, said) = rejudge(&house, &desk, op).await;
    assert_eq!((status, &said["code"]), (StatusCode::NOT_FOUND, &json!("quarantine.not_kept")));

    let before = dump(&house);
    let store = house.state.store.clone();
    tokio::task::spawn_blocking(move || store.write_blocking(0, rebuild::rebuild))
        .await
        .expect("no panic")
        .expect("rebuilt");
    assert_eq!(dump(&house), before, "the log makes the same of it");
}

#[tokio::test]
async fn what_nothing_is_to_be_done_about_is_filed_and_stays_kept() {
    let house = House::open().await;
    let (mut phone, op) = stray(&house).await;
    let desk = Desk::open(&house, Role::Dispatcher).await;
    let asked = json!({"ops": [op], "reason": "示例：误拍"});
    let file = || desk.send(&house, Method::POST, "/api/quarantine/file", &asked);
    let listed = async |query: &str| {
        let page = desk.get(&house, &format!("/api/quarantine{query}")).await;
        page["rows"].as_array().unwrap().iter().map(|row| row["filed_ms"].is_i64()).collect::<Vec<_>>()
    };
    assert_eq!(file().await.0, StatusCode::NO_CONTENT);
    assert_eq!((listed("").await, listed("?filed=true").await), (vec![], vec![true]));
    assert_eq!(desk.get(&house, "/api/alarms").await["kept"], 0);
    let before = dump(&house);
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.unwrap();
    assert_eq!(dump(&house), before, "the log alone says so");
    // Filed twice it is filed; judged anew it is to be looked at once more, as long as it stays kept.
    assert_eq!(file().await.0, StatusCode::NO_CONTENT);
    assert_eq!(rejudge(&house, &desk, op).await.1["kept"], 1);
    assert_eq!((listed("").await, listed("?filed=true").await), (vec![false], vec![]));
    assert_eq!(file().await.0, StatusCode::NO_CONTENT);
    house.assign(VISIT, 1, SECOND).await;
    assert_eq!(rejudge(&house, &desk, op).await.1["kept"], 0);
    assert_eq!((listed("").await, listed("?filed=true").await), (vec![], vec![]));
    assert_eq!(file().await.0, StatusCode::NOT_FOUND, "it counts by now");
    assert_eq!(phone.sync(&house).await.outcomes[0].o, OutcomeKind::Applied);
    let none = json!({"ops": [], "reason": "示例"});
    assert_eq!(
        desk.send(&house, Method::POST, "/api/quarantine/file", &none).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn what_an_older_build_held_is_judged_anew_at_the_start() {
    let house = House::open().await;
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(FIRST)).await;
    let mut phone = Phone::enrol(&house, FIRST).await;
    phone.log_raw(Some(VISIT), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, Vec::new());
    phone.log_raw(Some(VISIT), 1, "visit.teleported", r#"{"n":"00"}"#, Vec::new());
    phone.log_raw(Some(VISIT), 1, "visit.acknowledged", r#"{"n":"00"}"#, Vec::new());
    phone.log_raw(Some(VISIT), 1, "visit.problem_described", r#"{"n":"00","text":7}"#, Vec::new());
    phone.sync(&house).await;
    // As a build leaves it that does not know the first kind either, nor can read the third body.
    let older = "INSERT INTO outcome (g, dev, seq, o, why, visit)
                 SELECT g, dev, seq, iif(seq = 1, 'held', 'quarantined'), iif(seq = 1, 'kind_unknown', 'body_unreadable'), visit
                 FROM envelope WHERE kind IN ('visit.photographed', 'visit.acknowledged')";
    let held = house.state.store.write::<_, StoreError, _>(0, move |writing| Ok(writing.tx.execute(older, [])?));
    assert_eq!(held.await.expect("written"), 2);
    let house = house.reopen().await;
    let why = |(seq, o, why): (u64, String, Option<String>)| (seq, o, why.unwrap_or_default());
    let outcomes: Vec<_> = house.outcomes().into_iter().map(why).collect();
    let is = |seq, o: &str, why: &str| (seq, o.to_owned(), why.to_owned());
    assert_eq!(
        outcomes,
        [
            is(1, "applied", "released"),
            is(2, "held", "kind_unknown"),
            is(3, "applied", "released"),
            is(4, "quarantined", "body_unreadable"),
        ]
    );
}

/// It was judged when it came to be understood, by who had the visit then, and not by who had it when it came.
#[tokio::test]
async fn what_a_newer_build_judged_anew_the_log_alone_judges_as_it_did() {
    let house = House::open().await;
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(FIRST)).await;
    let mut phone = Phone::enrol(&house, FIRST).await;
    phone.log_raw(Some(VISIT), 1, "visit.teleported", r#"{"n":"00","role":"photo.other"}"#, Vec::new());
    phone.log_raw(Some(VISIT), 1, "visit.teleported", r#"{"n":"01","role":7}"#, Vec::new());
    phone.sync(&house).await;
    house.assign(VISIT, 1, SECOND).await;
    // A build that has a word for it.
    let newer = "UPDATE envelope SET kind = 'visit.photographed' WHERE kind = 'visit.teleported'";
    let named = house.state.store.write::<_, StoreError, _>(0, move |writing| Ok(writing.tx.execute(newer, [])?));
    assert_eq!(named.await.expect("written"), 2);
    let house = house.reopen().await;
    let why = |(seq, o, why): (u64, String, Option<String>)| (seq, o, why.unwrap_or_default());
    let outcomes: Vec<_> = house.outcomes().into_iter().map(why).collect();
    let is = |seq, o: &str, why: &str| (seq, o.to_owned(), why.to_owned());
    assert_eq!(outcomes, [is(1, "late", "reassigned"), is(2, "quarantined", "body_unreadable")]);
    let before = dump(&house);
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("made anew");
    assert_eq!(dump(&house), before);
}

#[tokio::test]
async fn what_a_newer_build_named_twice_at_its_start_was_judged_where_it_named_it_first() {
    let house = House::open().await;
    house.schedule(VISIT, HouseholdId(Uuid::from_u128(0xb22)), Some(FIRST)).await;
    let mut phone = Phone::enrol(&house, FIRST).await;
    let op = phone.log_raw(Some(VISIT), 1, "visit.teleported", r#"{"n":"00","role":"photo.other"}"#, Vec::new());
    phone.sync(&house).await;
    let newer = "UPDATE envelope SET kind = 'visit.photographed' WHERE kind = 'visit.teleported'";
    let named = house.state.store.write::<_, StoreError, _>(0, move |writing| Ok(writing.tx.execute(newer, [])?));
    assert_eq!(named.await.expect("written"), 1);
    let system = WorkerId(registers::SYSTEM);
    for _ in 0..2 {
        let acts = vec![nuanfang_server::office::rejudge::act(op, "升级后重新判定".into())];
        house.state.office.append::<StoreError, _>(system, acts, |_| Ok(())).await.expect("on record");
        house.clock.advance(1);
    }
    assert_eq!(house.outcomes()[0].2.as_deref(), Some("released"));
    let before = dump(&house);
    house.state.store.write::<_, StoreError, _>(0, rebuild::rebuild).await.expect("made anew");
    assert_eq!(dump(&house), before);
}

#[tokio::test]
async fn a_silent_phone_that_may_hold_evidence_is_alarmed_about() {
    let house = House::open().await;
    let desk = Desk::open(&house, Role::Dispatcher).await;
    let (owing, idle) = (Phone::enrol(&house, FIRST).await, Phone::enrol(&house, SECOND).await);
    let mut request = owing.request();
    request.owes = Owes { ops: 3, blobs: 1, bytes: 70_000, oldest_ms: None };
    owing.try_sync(&house, &request).await;
    idle.try_sync(&house, &idle.request()).await;
    let silent = async || {
        let devices = desk.get(&house, "/api/devices").await;
        let of = |phone: &Phone| {
            let own = devices.as_array().expect("a list").iter().find(|row| row["id"] == json!(phone.device.0));
            own.expect("the phone's row")["silent"].clone()
        };
        (of(&owing), of(&idle))
    };
    house.clock.advance(23 * HOUR);
    assert_eq!(silent().await, (json!(false), json!(false)));
    house.clock.advance(2 * HOUR);
    assert_eq!(silent().await, (json!(true), json!(false)));
    let changes = vec![setting::to(setting::SILENCE_HOURS, "48")];
    house.act(OfficeAct::of(Event::SettingsChanged(SettingsChanged { changes }))).await;
    assert_eq!(silent().await, (json!(false), json!(false)));
    house.clock.advance(24 * HOUR);
    assert_eq!(silent().await, (json!(true), json!(false)));
    let alarmed = async || desk.get(&house, "/api/alarms").await["silent_devices"].clone();
    assert_eq!(alarmed().await, json!(1));

    // Whoever left may still bring it, until somebody says that the phone is gone.
    house.revoke(owing.device, RevokeReason::Dismissed).await;
    assert_eq!((silent().await.0, alarmed().await), (json!(true), json!(1)));
    let admin = Desk::open(&house, Role::Admin).await;
    let path = format!("/api/devices/{}/revoke", owing.device);
    let (status, device) = admin.post(&house, &path, json!({"reason": "stolen"})).await;
    assert_eq!((status, &device["state"], &device["silent"]), (StatusCode::OK, &json!("stolen"), &json!(false)));
    assert_eq!(alarmed().await, json!(0));
}

/// A visit of the first worker's that begins in an hour.
async fn appoint(house: &House) {
    let from = house.state.now().0 + HOUR;
    let plan = VisitPlan {
        kind: VisitKind::Repair,
        household: HouseholdId(Uuid::from_u128(0xb22)),
        window: Some(window(from)),
        scope: "暖气不热".into(),
        assignee: Some(FIRST),
        price_list: None,
        protocol: None,
        agreed: None,
        emergency: false,
        appointment: None,
        note: None,
        follows: None,
    };
    house.act(OfficeAct::about(VISIT, 0, Event::VisitScheduled(plan))).await;
}

fn window(from: i64) -> Window {
    Window { from: Millis(from), until: Millis(from + HOUR) }
}

/// What the office does with a visit whose worker it can't reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    Reassigned,
    Cancelled,
    PutOff,
}

async fn decide(house: &House, meanwhile: Meanwhile) {
    let reason = "联系不上".to_owned();
    let event = match meanwhile {
        Meanwhile::Nothing => return,
        Meanwhile::Reassigned => Event::Assigned(Assigned { assignee: SECOND, reason: Some(reason) }),
        Meanwhile::Cancelled => Event::Cancelled(Cancelled { reason }),
        Meanwhile::PutOff => {
            let window = window(house.state.now().0 + 90 * HOUR);
            Event::Rescheduled(Rescheduled { window, appointment: None, reason, price_list: None })
        }
    };
    house.act(OfficeAct::about(VISIT, 1, event)).await;
}

/// Who is offline in a home does not hear that the visit is no longer his, and may hold evidence of it. Who has heard does not.
#[tokio::test]
async fn a_phone_that_was_not_told_what_became_of_its_visit_is_alarmed_about() {
    let all = [Meanwhile::Nothing, Meanwhile::Reassigned, Meanwhile::Cancelled, Meanwhile::PutOff];
    for (meanwhile, heard) in all.into_iter().flat_map(|meanwhile| [(meanwhile, false), (meanwhile, true)]) {
        let house = House::open().await;
        let desk = Desk::open(&house, Role::Dispatcher).await;
        let mut phone = Phone::enrol(&house, FIRST).await;
        appoint(&house).await;
        house.clock.advance(1);
        phone.sync(&house).await;
        house.clock.advance(2 * HOUR);
        decide(&house, meanwhile).await;
        house.clock.advance(1);
        if heard {
            phone.sync(&house).await;
        }
        let silent = async || desk.get(&house, "/api/alarms").await["silent_devices"].clone();
        assert_eq!(silent().await, json!(0), "{meanwhile:?} {heard}");
        house.clock.advance(25 * HOUR);
        let expected = u64::from(!heard || meanwhile == Meanwhile::Nothing);
        assert_eq!(silent().await, json!(expected), "{meanwhile:?} {heard}");
        phone.sync(&house).await;
        assert_eq!(silent().await, json!(0), "{meanwhile:?}: it has come");
    }
}

/// One had ended the visit, the other had never heard of it.
#[tokio::test]
async fn a_phone_that_holds_nothing_of_what_was_reassigned_is_not_alarmed_about() {
    let house = House::open().await;
    let desk = Desk::open(&house, Role::Dispatcher).await;
    let mut phone = Phone::enrol(&house, FIRST).await;
    let mut spare = Phone::enrol(&house, FIRST).await;
    spare.sync(&house).await;
    house.clock.advance(1);
    appoint(&house).await;
    house.clock.advance(2 * HOUR);
    phone.log_raw(Some(VISIT), 1, "visit.acknowledged", r#"{"n":"00"}"#, Vec::new());
    let completed = Completed { outcome: Outcome::NotDone, reason: Some("示例".into()), next_window: None };
    phone.log(Some(VISIT), 1, &Event::Completed(completed));
    phone.sync(&house).await;
    house.clock.advance(1);
    decide(&house, Meanwhile::Reassigned).await;
    house.clock.advance(25 * HOUR);
    assert_eq!(desk.get(&house, "/api/alarms").await["silent_devices"], json!(0));
}

/// More is kept apart than a page shows.
#[tokio::test]
async fn what_is_judged_anew_is_told_however_much_came_after_it() {
    let house = House::open().await;
    let (mut phone, op) = stray(&house).await;
    for _ in 0..500 {
        phone.log_raw(Some(VISIT), 1, "visit.photographed", r#"{"n":"00","role":"photo.other"}"#, Vec::new());
    }
    phone.sync(&house).await;
    let desk = Desk::open(&house, Role::Dispatcher).await;
    let page = async |n: usize| {
        let shown = desk.get(&house, &format!("/api/quarantine?page={n}&size=200")).await;
        let rows = shown["rows"].as_array().expect("rows").clone();
        (shown["total"].clone(), rows.len(), rows.iter().any(|row| row["op"] == json!(op)))
    };
    assert_eq!((page(0).await, page(1).await), ((json!(501), 200, false), (json!(501), 200, false)));
    assert_eq!(page(2).await, (json!(501), 101, true), "the oldest is on the last");
    let (status, said) = rejudge(&house, &desk, op).await;
    assert_eq!((status, said), (StatusCode::OK, json!({"kept": 1, "why": "never_assigned"})));
}

#[tokio::test]
async fn a_copied_phone_is_seen_as_such() {
    let house = House::open().await;
    let desk = Desk::open(&house, Role::Dispatcher).await;
    let (mut phone, _) = stray(&house).await;
    let mut copy = phone.clone();
    let event = |phone: &mut Phone, body| phone.log_raw(Some(VISIT), 1, "visit.photographed", body, Vec::new());
    event(&mut phone, r#"{"n":"01","role":"photo.other"}"#);
    phone.sync(&house).await;
    event(&mut copy, r#"{"n":"02","role":"photo.other"}"#);
    let mut request = copy.request();
    request.owes = Owes { ops: 1, ..Owes::default() };
    assert!(copy.try_sync(&house, &request).await.fork);
    assert_eq!(desk.get(&house, "/api/alarms").await["forked_devices"], json!(1));
    let devices = desk.get(&house, "/api/devices").await;
    assert_eq!((&devices[0]["forked"], &devices[0]["rules"]["current"]), (&json!(true), &json!(true)));

    // Somebody else's phone that calls itself this one is not: the alarm stands until this one is enrolled anew.
    house.clock.advance(25 * HOUR);
    Phone::enrol_anew(&house, FIRST, &[copy.device]).await;
    let alarms = |n: u64| json!({"silent_devices": n, "forked_devices": n, "kept": 2});
    assert_eq!(desk.get(&house, "/api/alarms").await, alarms(1));
    Phone::enrol_anew(&house, SECOND, &[copy.device]).await;
    assert_eq!(desk.get(&house, "/api/alarms").await, alarms(0));
    let devices = desk.get(&house, "/api/devices").await;
    let old = devices.as_array().expect("a list").iter().find(|row| row["id"] == json!(copy.device.0)).cloned();
    let old = old.expect("its row stays");
    assert_eq!((&old["forked"], &old["silent"], &old["state"]), (&json!(false), &json!(false), &json!("replaced")));
}
