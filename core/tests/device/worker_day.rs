//! A worker's day through the app's own surface: measuring, repairing, being refused, being moved away, being killed.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::photo;
use nuanfang_core::device::signing::RefuseRequest;
use nuanfang_core::device::status::{RecordState, SyncState};
use nuanfang_core::domain::command::Freeze;
use nuanfang_core::domain::kind::{AnswerState, Channel, ItemAnswer, Outcome};
use nuanfang_core::domain::measurement::MeasurementPurpose;
use nuanfang_core::domain::room::{Room, RoomKind};
use nuanfang_core::domain::signature::{Purpose, Signer, SignerRole};
use nuanfang_core::domain::view::{FrozenState, ItemState, VisitView};
use nuanfang_core::domain::worker_event::{
    Absent, Arrived, CallAttempt, Completed, Demonstrated, Departed, Explained, ItemsAnswered, MeasurementStarted,
    Opened, Photographed, ReadingTaken, RiskTold, RoomEntered, WorkDone, WorkStarted,
};
use nuanfang_core::domain::{Command, DeciCelsius, VisitKind, VisitState, Window, role};
use nuanfang_core::id::VisitId;
use nuanfang_core::record::{self, Certificate, Jws, SoftwareKey, Witness, check_arrival};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::OutcomeKind;
use uuid::Uuid;

use crate::fake_server::{COMPANY_SCOPE, FakeServer, Lie};
use crate::field::{self, Field, HOUSEHOLD, MINUTE, MORNING, jpeg, not_done, nowhere, problem};

fn measure(field: &Field) {
    for (key, kind, permitted) in [
        ("bedroom1", RoomKind::Bedroom, true),
        ("living", RoomKind::Living, true),
        ("bedroom2", RoomKind::Bedroom, false),
    ] {
        let label = match kind {
            RoomKind::Bedroom => "卧室",
            _ => "起居室",
        };
        let room = Room { key: key.to_owned(), kind, label: label.to_owned(), orientation: None };
        field.act(&Command::EnterRoom(RoomEntered { room, permitted }));
    }
    field.act(&Command::StartMeasurement(field::routine()));
    for (room, values) in [("bedroom1", [186, 186, 187, 187]), ("living", [171, 172, 172, 172])] {
        for (index, value) in values.into_iter().enumerate() {
            field.act(&Command::TakeReading(ReadingTaken { room: room.to_owned(), value: DeciCelsius(value) }));
            field.clock.advance_ms(if index == 0 { 10 * MINUTE } else { MINUTE });
        }
    }
    field.act(&Command::FreezeMeasurement(Freeze::default()));
}

#[test]
fn a_measurement_is_signed_offline_and_the_record_holds() {
    let field = Field::with_visit(VisitKind::Measurement);
    field.go_in();
    measure(&field);
    let preview = field.app.prepare_record(field.visit, &Purpose::Measurement).unwrap();
    let texts: Vec<&str> = preview.form.texts().collect();
    for shown in ["入户测温记录表", "示例小区", "T-01", "热用户未同意进入", "示例供热", "张师傅"]
    {
        assert!(texts.iter().any(|text| text.contains(shown)), "{shown} in {texts:?}");
    }
    assert!(preview.statement.text.contains("入户测温记录") && preview.statement.version == 202_601);
    let done = field.sign(Purpose::Measurement).unwrap();
    assert_eq!(done.view.measurements[0].state, FrozenState::Signed);
    field.complete(Outcome::Done);

    let records = field.app.visit_records(field.visit).unwrap();
    assert!(records.iter().all(|record| record.state == RecordState::Saved && !record.next.zh.is_empty()));
    let signed = records.iter().find(|record| record.signed).unwrap();
    assert_eq!((signed.files, signed.files_whole), (2, 0));

    field.server.with(|state| state.safe_lag = 2);
    let status = field.app.sync_once().unwrap();
    assert_eq!((status.state, status.ops_waiting, status.files_waiting), (SyncState::Idle, 0, 0));
    let states: Vec<RecordState> =
        field.app.visit_records(field.visit).unwrap().iter().map(|record| record.state).collect();
    assert!(states.ends_with(&[RecordState::Safe, RecordState::Sent, RecordState::Sent]), "{states:?}");
    assert!(field.visit().handed_in);

    let (envelope, body) = field.sent("visit.signed");
    let jws: Jws = serde_json::from_str(body["jws"].as_str().unwrap()).unwrap();
    let opened = check_arrival(&jws, &Certificate::open(&field.certificate()).unwrap()).unwrap();
    let record = opened.statement;
    assert_eq!(record.log.seq, envelope.seq);
    assert_eq!((record.log.device, record.log.prev), (envelope.device, envelope.prev));
    assert_eq!(opened.payload_sha.to_string(), body["record_sha"].as_str().unwrap());
    assert_eq!(record.form, preview.form, "what was signed is what was read");
    assert_eq!(record.statement, preview.statement);
    assert_eq!((record.template.id.as_str(), record.protocol.as_deref()), ("c1@1", Some("745-M2")));
    assert_eq!((record.household, record.worker.badge.as_str()), (HOUSEHOLD, "示例-007"));
    assert_eq!(record.instruments[0].number, "T-01");
    assert_eq!(record.values["rooms"][1]["verdict"], "below");
    assert_eq!(record.time.claimed, envelope.t);
    assert!(record.time.estimate.is_some(), "the exchange of the morning anchors this boot");
    let hand = record.signature.unwrap();
    let blobs: Vec<Sha> = envelope.blobs.iter().map(|blob| blob.sha).collect();
    assert_eq!(blobs, [hand.strokes, hand.image]);
    field.server.with(|state| {
        let strokes = &state.blobs[&hand.strokes].bytes;
        assert_eq!(strokes, &field::strokes().to_bytes().unwrap());
        assert!(state.blobs[&hand.image].bytes.starts_with(b"\x89PNG"));
    });
}

/// Somebody sets the phone three years ahead after the morning's exchange.
fn set_ahead(field: &Field) {
    field.clock.set_wall(Millis(MORNING.0 + 3 * 365 * 86_400_000));
}

#[test]
fn a_phone_three_years_ahead_was_on_time_and_its_papers_carry_the_right_day() {
    let field = Field::with_visit(VisitKind::Measurement);
    set_ahead(&field);
    field.go_in();
    measure(&field);
    let preview = field.app.prepare_record(field.visit, &Purpose::Measurement).unwrap();
    assert!(preview.form.cell("at").unwrap().text.starts_with("2026年11月23日9时"), "{:?}", preview.form.cell("at"));
    let arrived = field.visit().view.arrived.unwrap();
    assert!(arrived.claimed.0 > MORNING.0 + 1000 * 86_400_000, "what the phone claimed stays on record");

    let field = Field::with_visit(VisitKind::Inspection);
    set_ahead(&field);
    field.act(&Command::Acknowledge);
    let sober = ItemAnswer { item: "F7-1".into(), state: AnswerState::Satisfied, ground: None, note: None };
    field.act(&Command::AnswerItems(ItemsAnswered { answers: vec![sober] }));
    field.act(&Command::Depart(Departed { tools_checked: true, parts: vec![] }));
    field.clock.advance_ms(10 * MINUTE);
    field.act(&Command::Arrive(Arrived { place: nowhere() }));
    // Switched off and on: what was done before keeps its time.
    field.clock.reboot();
    field.server.with(|state| state.now = MORNING.plus_minutes(12));
    field.app.sync_once().unwrap();
    let tomorrow = Window { from: MORNING.plus_minutes(1440), until: MORNING.plus_minutes(1500) };
    let absent = Absent {
        calls: vec![CallAttempt { at: MORNING, channel: Channel::Phone }],
        note_has_phone: true,
        next_window: Some(tomorrow),
        place: nowhere(),
    };
    field.act_with(&Command::ReportAbsent(absent), role::PHOTO_LEAVE_NOTE);
    let close = Completed { outcome: Outcome::Absent, reason: None, next_window: Some(tomorrow) };
    field.act(&Command::Complete(close));
    assert_eq!(field.visit().view.state, VisitState::Absent);
}

#[test]
fn a_repair_whose_quote_changes_is_signed_twice_and_accepted() {
    let field = Field::with_visit(VisitKind::Repair);
    field.go_in();
    field.act(&problem("客厅散热器漏水，邻居\u{E863}先生反映"));
    assert_eq!(field.visit().view.problem.as_deref(), Some("客厅散热器漏水，邻居䶮先生反映"));
    field.act_with(&Command::ProtectFloor, role::PHOTO_FLOOR);
    field.quote(10_000, None);
    assert_eq!(field.sign(Purpose::Quote { revision: 1 }).unwrap_err().code, "item.f10-1");
    assert_eq!(field.blob_count(), (1, 1), "a signature that was not taken leaves nothing behind");
    field.tell_and_show();
    field.sign(Purpose::Quote { revision: 1 }).unwrap();
    let risk = RiskTold { object: "旧接头".into(), text: "可能断裂".into(), lines: vec!["L1".into()] };
    field.act_with(&Command::TellRisk(risk), role::PHOTO_BEFORE);
    field.sign(Purpose::Consent { object: "旧接头".into() }).unwrap();
    let start = Command::StartWork(WorkStarted { lines: vec!["L1".into()], emergency: None });
    field.act(&start);
    field.quote(20_000, Some("阀门改为 DN25"));
    field.tell_and_show();
    let stale = field.app.prepare_record(field.visit, &Purpose::Quote { revision: 1 }).unwrap();
    assert!(
        field.sign_shown(Purpose::Quote { revision: 2 }, stale.shown_sha).is_err_and(|it| it.code == "signature.stale")
    );
    field.sign(Purpose::Quote { revision: 2 }).unwrap();
    field.act(&start);
    let done = WorkDone { lines: vec!["L1".into()], emergency: false, result: "已更换".into() };
    field.act(&Command::FinishWork(done));
    field.act(&Command::Demonstrate(Demonstrated { works: true, note: None }));
    field.act(&Command::Explain(Explained { text: "顺时针关闭".into() }));
    let after = Photographed { role: role::PHOTO_AFTER.into(), subject: None, place: None };
    field.act_with(&Command::Photograph(after), role::PHOTO_AFTER);
    let preview = field.app.prepare_record(field.visit, &Purpose::Acceptance).unwrap();
    assert!(preview.form.texts().any(|text| text.contains("䶮")));
    field.sign(Purpose::Acceptance).unwrap();
    field.complete(Outcome::Done);
    let view = field.visit().view;
    assert_eq!((view.state, view.violations.len()), (VisitState::Done, 0));

    field.app.sync_once().unwrap();
    let templates: Vec<String> = field.records().iter().map(|record| record.template.id.clone()).collect();
    assert_eq!(templates, ["quote@1", "consent@1", "quote_change@1", "acceptance@1"]);
    let acceptance = field.records().pop().unwrap();
    let roles: Vec<&str> = acceptance.photos.iter().map(|photo| photo.role.as_str()).collect();
    assert_eq!(roles, [role::PHOTO_FLOOR, role::PHOTO_BEFORE, role::PHOTO_AFTER]);
    assert_eq!(acceptance.quote.as_ref().map(|quote| quote.revision), Some(2));
    let ready = photo::prepare(&jpeg(role::PHOTO_AFTER)).unwrap().jpeg;
    assert_eq!(acceptance.photos[2].sha, Sha::of(&ready), "the final stripped JPEG is what is signed");
    field.server.with(|state| assert_eq!(state.blobs[&Sha::of(&ready)].bytes, ready));
}

#[test]
fn what_is_accepted_is_the_quote_that_stands() {
    let field = Field::with_visit(VisitKind::Repair);
    field.go_in();
    field.act(&problem("漏水"));
    field.act_with(&Command::ProtectFloor, role::PHOTO_FLOOR);
    field.quote(10_000, None);
    field.tell_and_show();
    field.sign(Purpose::Quote { revision: 1 }).unwrap();
    // It falls under the warranty after all: nothing to pay, so nothing to sign.
    field.quote_free("质保期内，免费维修");
    field.act(&Command::StartWork(WorkStarted { lines: vec!["L1".into()], emergency: None }));
    let done = WorkDone { lines: vec!["L1".into()], emergency: false, result: "已更换".into() };
    field.act(&Command::FinishWork(done));
    field.act(&Command::Demonstrate(Demonstrated { works: true, note: None }));
    field.act(&Command::Explain(Explained { text: "顺时针关闭".into() }));
    field.sign(Purpose::Acceptance).unwrap();
    field.app.sync_once().unwrap();
    let acceptance = field.records().pop().unwrap();
    assert_eq!(acceptance.quote.as_ref().map(|quote| quote.revision), Some(2));
    assert_eq!(acceptance.values["quote"]["total"], 0);
    assert!(acceptance.form.texts().all(|text| !text.contains("151.50")), "{:?}", acceptance.form);
}

#[test]
fn a_correction_names_the_last_record_that_was_signed() {
    let field = Field::with_visit(VisitKind::Measurement);
    field.go_in();
    measure(&field);
    field.sign(Purpose::Measurement).unwrap();
    measure(&field);
    measure(&field);
    field.sign(Purpose::Measurement).unwrap();
    field.app.sync_once().unwrap();
    let records = field.records();
    let (_, first) = field.sent("visit.signed");
    assert_eq!(records[0].supersedes, None);
    assert_eq!(records[1].supersedes.map(|sha| sha.to_string()).as_deref(), first["record_sha"].as_str());
}

#[test]
fn a_quick_check_says_on_its_paper_that_it_is_one() {
    let field = Field::with_visit(VisitKind::Measurement);
    field.go_in();
    let room = Room { key: "living".into(), kind: RoomKind::Living, label: "起居室".into(), orientation: None };
    field.act(&Command::EnterRoom(RoomEntered { room, permitted: true }));
    let quick = MeasurementStarted { protocol: "QUICK".into(), purpose: MeasurementPurpose::Quick, ..field::routine() };
    field.act(&Command::StartMeasurement(quick));
    field.act(&Command::TakeReading(ReadingTaken { room: "living".into(), value: DeciCelsius(186) }));
    field.act(&Command::FreezeMeasurement(Freeze::default()));
    let shown = field.app.prepare_record(field.visit, &Purpose::Measurement).unwrap();
    assert!(shown.form.texts().any(|text| text.contains("快速测温")), "{:?}", shown.form);
}

#[test]
fn a_leak_stays_one_and_its_time_what_it_was_when_the_visit_is_taken_away() {
    let field = Field::new(&FakeServer::new());
    field.tell_registers();
    field.tell_emergency();
    field.app.sync_once().unwrap();
    for command in &field::way_in()[..3] {
        field.act(command);
    }
    let before = field.visit().view;
    field.app.sync_once().unwrap();
    take_away(&field);
    let after = field.visit().view;
    assert_eq!((after.emergency, after.window), (true, before.window));
    assert!(after.window.is_some());
    for command in &field::way_in()[3..] {
        field.act(command);
    }
    field.act(&Command::StartWork(WorkStarted { lines: vec![], emergency: Some("关阀止水".into()) }));
    let state = |view: &VisitView, id: &str| view.checklist.iter().find(|item| item.id == id).map(|item| item.state);
    assert_eq!(state(&field.visit().view, "F1-3"), Some(ItemState::Satisfied), "there is a time that he kept");
    assert!(field.visit().view.violations.is_empty());
}

#[test]
fn a_visit_opened_at_a_door_and_taken_away_before_he_sets_out_is_nobodys_errand() {
    let mut field = Field::new(&FakeServer::new());
    field.tell_registers();
    field.app.sync_once().unwrap();
    let opened = Opened { kind: VisitKind::Repair, household: HOUSEHOLD, reason: "示例".into(), emergency: false };
    field.visit = field.app.open_visit(&opened).unwrap().view.visit;
    field.server.with(|state| state.safe_lag = 1_000);
    field.app.sync_once().unwrap();
    field.tell_own_opening();
    field.app.sync_once().unwrap();
    take_away(&field);
    let gone = field.visit().view;
    assert!(gone.reassigned && gone.next_actions.is_empty(), "{:?}", gone.next_actions);
}

#[test]
fn a_refusal_to_sign_is_a_record_of_its_own() {
    let field = Field::with_visit(VisitKind::Measurement);
    field.go_in();
    measure(&field);
    let preview = field.app.prepare_record(field.visit, &Purpose::Measurement).unwrap();
    let mut request = RefuseRequest {
        purpose: Purpose::Measurement,
        signer: Signer { name: String::new(), role: SignerRole::Owner },
        reason: String::new(),
        witness: None,
        shown_sha: preview.shown_sha,
        photos: Vec::new(),
        place: nowhere(),
    };
    assert_eq!(field.app.refuse(field.visit, &request).unwrap_err().code, "input.empty");
    request.reason = "认为温度偏低".into();
    assert_eq!(field.app.refuse(field.visit, &request).unwrap_err().code, "refusal.no_evidence");
    let photo = field.app.capture_photo(field.visit, role::PHOTO_RESULT, &jpeg(role::PHOTO_RESULT)).unwrap();
    request.photos = vec![photo.sha];
    request.witness = Some(Witness { name: "李女士".into(), role: "邻居".into() });
    let refused = field.app.refuse(field.visit, &request).unwrap();
    assert_eq!(refused, field.visit());
    assert_eq!(refused.view.measurements[0].state, FrozenState::Refused);
    assert!(refused.loose_photos.is_empty());
    field.complete(Outcome::Done);
    field.app.sync_once().unwrap();
    let record = field.records().pop().unwrap();
    assert_eq!(record.template.id, "refusal_note@1");
    assert_eq!(record.outcome, record::Outcome::Refused { reason: "认为温度偏低".into() });
    assert_eq!((record.statement.id.as_str(), record.signature), ("refusal", None));
    assert_eq!(record.photos[0].sha, photo.sha);
    assert!(record.form.texts().any(|text| text.contains("李女士")));
    assert!(record.form.texts().any(|text| text.contains("T-01")), "the paper that was refused is part of it");
}

#[test]
fn a_visit_moved_away_while_offline_is_finished_and_goes_out_as_late() {
    let field = Field::with_visit(VisitKind::Repair);
    field.go_in();
    field.act(&problem("不热"));
    field.app.save_draft(field.visit, "repair", "{}").unwrap();
    field.server.with(|state| state.safe_lag = 1000);
    field.server.revoke(&field.server.worker_scope(), "visit", &field.visit.to_string(), 9, "reassigned");
    field.server.revoke(&field.server.worker_scope(), "household", &HOUSEHOLD.to_string(), 9, "reassigned");
    field.app.sync_once().unwrap();
    let gone = field.visit();
    let words = gone.departed.clone().unwrap();
    assert_eq!(words.zh, "已改派，您的记录会作为迟到资料送出");
    assert_eq!((gone.household.clone(), gone.drafts.len()), (None, 0), "nothing of the resident stays");
    assert!(gone.view.reassigned && gone.view.late, "{:?}", gone.view.state);
    let listed = field.app.visits().unwrap();
    assert_eq!((listed.len(), listed[0].address.as_str()), (1, ""));
    assert_eq!(listed[0].departed.as_ref(), Some(&words));
    // What he still has to say is taken: never refused, never lost.
    field.act(&problem("补充：已关阀"));
    field.server.with(|state| {
        let seq = state.logs.values().next().unwrap().ops.len() as u64;
        state.outcomes =
            vec![nuanfang_core::wire::Outcome { seq, o: OutcomeKind::Late, why: Some("reassigned".into()) }];
    });
    field.app.sync_once().unwrap();
    let late = field.app.records(None, 10).unwrap();
    assert!(late.iter().any(|record| record.outcome == Some(OutcomeKind::Late) && record.why.is_some()), "{late:?}");
    field.server.with(|state| state.safe_lag = 0);
    field.app.sync_once().unwrap();
    assert_eq!(field.app.visits().unwrap().len(), 1, "he is still there");
    field.act(&not_done());
    field.app.sync_once().unwrap();
    assert!(field.app.visits().unwrap().is_empty(), "safe: the phone has done its part");
}

/// Twenty degrees are agreed with the household.
fn agree_on_twenty(field: &Field) {
    let warm = serde_json::json!({
        "id": HOUSEHOLD, "address": "示例小区1号楼2单元301", "community": "示例小区", "building": "1号楼",
        "unit": "2单元", "floor": "3", "room": "301", "owner_name": "王示例", "owner_phone_masked": "138****0001",
        "fields": {}, "agreed_deci_celsius": 200,
    });
    field.server.put(&field.server.worker_scope(), "household", &HOUSEHOLD.to_string(), 2, &warm.to_string());
    field.app.sync_once().unwrap();
}

/// The visit is taken away, and everything of the dwelling with it.
fn take_away(field: &Field) {
    let scope = field.server.worker_scope();
    field.server.revoke(&scope, "visit", &field.visit.to_string(), 9, "reassigned");
    field.server.revoke(&scope, "household", &HOUSEHOLD.to_string(), 9, "reassigned");
    field.app.sync_once().unwrap();
}

#[test]
fn who_is_in_the_home_goes_on_when_the_visit_is_taken_away_though_all_he_did_is_safe() {
    let field = Field::with_visit(VisitKind::Repair);
    agree_on_twenty(&field);
    field.go_in();
    field.act(&problem("不热"));
    let status = field.app.sync_once().unwrap();
    assert_eq!(status.safe, status.head);
    take_away(&field);
    let gone = field.visit();
    assert_eq!(gone.departed.as_ref().map(|words| words.zh.as_str()), Some("已改派，您的记录会作为迟到资料送出"));
    assert_eq!(
        (gone.household, gone.view.agreed),
        (None, DeciCelsius(200)),
        "what is measured is judged as it was agreed"
    );
    field.quote(10_000, None);
    field.tell_and_show();
    field.sign(Purpose::Quote { revision: 1 }).unwrap();
    let photo = field.app.capture_photo(field.visit, role::PHOTO_AFTER, &jpeg("loose")).unwrap();
    field.app.save_draft(field.visit, "repair", "{}").unwrap();
    field.app.sync_once().unwrap();
    assert_eq!(field.records()[0].household, HOUSEHOLD, "it is signed about whose home it is");
    let there = field.visit();
    assert_eq!((there.drafts.len(), there.loose_photos.as_slice()), (1, std::slice::from_ref(&photo)));
    field.act(&not_done());
    field.app.sync_once().unwrap();
    assert!(field.app.visits().unwrap().is_empty());
    assert_eq!(field.app.draft(field.visit, "repair").unwrap(), None);
    assert!(field.app.photo(photo.sha).is_err(), "what became of nothing goes with the visit");
}

#[test]
fn whose_home_it_is_stays_known_however_often_and_in_whatever_order_the_visit_is_taken_away() {
    let field = Field::with_visit(VisitKind::Repair);
    agree_on_twenty(&field);
    field.go_in();
    field.app.sync_once().unwrap();
    let scope = field.server.worker_scope();
    field.server.revoke(&scope, "household", &HOUSEHOLD.to_string(), 9, "reassigned");
    field.server.revoke(&scope, "visit", &field.visit.to_string(), 8, "reassigned");
    take_away(&field);
    take_away(&field);
    assert_eq!(field.visit().view.agreed, DeciCelsius(200));
    field.quote(10_000, None);
    field.tell_and_show();
    field.sign(Purpose::Quote { revision: 1 }).unwrap();
    field.app.sync_once().unwrap();
    assert_eq!(field.records()[0].household, HOUSEHOLD);
}

#[test]
fn what_is_begun_on_the_way_stays_when_a_scope_is_told_anew_without_its_visit_before_anything_is_safe() {
    let field = Field::with_visit(VisitKind::Repair);
    field.server.with(|state| state.safe_lag = 1_000);
    field.go_in();
    field.server.tell_anew_without_visits(&field.server.worker_scope());
    field.app.sync_once().unwrap();
    let photo = field.app.capture_photo(field.visit, role::PHOTO_AFTER, &jpeg("begun")).unwrap();
    field.app.save_draft(field.visit, "repair", "{}").unwrap();
    field.app.sync_once().unwrap();
    assert_eq!(field.app.draft(field.visit, "repair").unwrap().as_deref(), Some("{}"));
    let after = Photographed { role: role::PHOTO_AFTER.into(), subject: None, place: None };
    field.app.act(field.visit, &Command::Photograph(after), &[photo.sha]).unwrap();
}

#[test]
fn a_visit_that_another_opened_at_a_door_is_served_like_any_other() {
    let field = Field::new(&FakeServer::new());
    field.tell_registers();
    field.tell_opened_elsewhere();
    field.app.sync_once().unwrap();
    agree_on_twenty(&field);
    let there = field.visit();
    assert_eq!((there.view.kind, there.view.household), (Some(VisitKind::Repair), Some(HOUSEHOLD)));
    assert!(there.view.emergency && there.household.is_some());
    field.go_in();
    field.app.sync_once().unwrap();
    take_away(&field);
    assert_eq!(field.visit().view.agreed, DeciCelsius(200));
    field.quote(10_000, None);
    field.tell_and_show();
    field.sign(Purpose::Quote { revision: 1 }).unwrap();
    field.app.sync_once().unwrap();
    assert_eq!(field.records()[0].household, HOUSEHOLD);
}

#[test]
fn who_is_in_the_home_goes_on_when_a_restored_server_does_not_know_the_visit() {
    let field = Field::with_visit(VisitKind::Repair);
    field.go_in();
    field.app.sync_once().unwrap();
    let scope = field.server.worker_scope();
    field.server.restore_without_visits(&scope);
    field.app.sync_once().unwrap();
    field.app.sync_once().unwrap();
    assert!(field.visit().departed.is_some());
    field.act(&problem("补充：已关阀"));
    field.act(&not_done());
    field.app.sync_once().unwrap();
    assert!(field.app.visits().unwrap().is_empty());
}

#[test]
fn of_a_visit_that_was_taken_away_nothing_stays_once_its_worker_does_no_more() {
    let field = Field::with_visit(VisitKind::Repair);
    field.go_in();
    field.app.sync_once().unwrap();
    take_away(&field);
    assert_eq!(field.app.visits().unwrap().len(), 1);
    field.server.with(|state| state.now = state.now.plus_minutes(25 * 60));
    field.app.sync_once().unwrap();
    assert!(field.app.visits().unwrap().is_empty(), "nobody is on the way for a day");
    let photo = field.app.capture_photo(field.visit, role::PHOTO_AFTER, &jpeg("loose")).unwrap();
    // By a screen that is still open.
    let refusal = field.app.save_draft(field.visit, "repair", "{}").unwrap_err();
    assert_eq!(refusal.code, "device.no_such_visit");
    field.app.sync_once().unwrap();
    assert_eq!(field.app.draft(field.visit, "repair").unwrap(), None);
    assert!(field.app.photo(photo.sha).is_err());
}

#[test]
fn what_is_typed_is_kept_for_a_visit_that_is_here_or_may_be_opened_and_not_for_one_that_was_taken_away() {
    let field = Field::with_visit(VisitKind::Repair);
    let type_in =
        |visit| field.app.save_draft(visit, "problem", "王女士家").map_err(|refusal| refusal.code.to_string());
    let typed = |visit| field.app.draft(visit, "problem").unwrap().is_some();
    let refused = Err("device.no_such_visit".to_owned());
    let at_a_door = VisitId(Uuid::from_u128(0x99));
    let scope = field.server.worker_scope();
    assert_eq!((type_in(field.visit), type_in(at_a_door)), (Ok(()), Ok(())));
    field.server.revoke(&scope, "visit", &field.visit.to_string(), 9, "reassigned");
    field.app.sync_once().unwrap();
    assert_eq!((type_in(field.visit), type_in(at_a_door)), (refused.clone(), Ok(())));
    assert_eq!((typed(field.visit), typed(at_a_door)), (false, true));
    field.tell_visit(VisitKind::Repair, &[]);
    field.app.sync_once().unwrap();
    assert_eq!(type_in(field.visit), Ok(()), "it came back");
    field.server.tell_anew_without_visits(&scope);
    field.app.sync_once().unwrap();
    assert_eq!((type_in(field.visit), typed(field.visit)), (refused.clone(), false), "it was not told again");
    for days in [29, 2] {
        assert_eq!(type_in(field.visit), refused);
        field.server.with(|state| state.now = state.now.plus_minutes(days * 24 * 60));
        field.app.sync_once().unwrap();
    }
    assert_eq!(type_in(field.visit), Ok(()), "a month later it is like any other that nobody knows of");
}

#[test]
fn a_phone_killed_in_the_middle_of_a_form_has_everything_and_sends_it() {
    let field = Field::with_visit(VisitKind::Repair);
    field.go_in();
    field.act_with(&Command::ProtectFloor, role::PHOTO_FLOOR);
    let loose = field.app.capture_photo(field.visit, role::PHOTO_BEFORE, &jpeg("loose")).unwrap();
    field.app.save_draft(field.visit, "problem", "客厅散热器漏").unwrap();
    let field = field.killed();
    let visit = field.visit();
    assert_eq!(visit.loose_photos.as_slice(), std::slice::from_ref(&loose));
    assert_eq!(visit.drafts, ["problem"]);
    assert_eq!(field.app.draft(field.visit, "problem").unwrap().as_deref(), Some("客厅散热器漏"));
    assert_eq!(visit.view.state, VisitState::Indoors);
    assert!(field.app.photo(loose.sha).unwrap().starts_with(&[0xFF, 0xD8]));
    field.act(&problem("客厅散热器漏水"));
    field.app.discard_draft(field.visit, "problem").unwrap();
    let before = RiskTold { object: "接头".into(), text: "可能断裂".into(), lines: vec![] };
    field.app.act(field.visit, &Command::TellRisk(before), &[loose.sha]).unwrap();
    assert_eq!(field.app.discard_photo(loose.sha).unwrap_err().code, "photo.in_evidence");
    let again = field.app.capture_photo(field.visit, role::PHOTO_AFTER, &jpeg("loose")).unwrap_err();
    assert_eq!(again.code, "photo.again", "one picture is not evidence of two things");
    let status = field.app.sync_once().unwrap();
    assert_eq!((status.ops_waiting, status.files_waiting), (0, 0));
    field.server.with(|state| assert!(state.blobs.values().all(|blob| blob.bytes.len() as u64 == blob.len)));
}

#[test]
fn what_stands_in_the_way_is_said_with_what_happens_next() {
    let field = Field::with_visit(VisitKind::Repair);
    field.act(&Command::Acknowledge);
    for (lie, code, state) in [
        (Lie::Silence, "sync.no_network", SyncState::Retrying),
        (Lie::Portal, "sync.not_our_answer", SyncState::Retrying),
        (Lie::Status(503, ""), "sync.busy", SyncState::Retrying),
        (Lie::Status(400, r#"{"code":"sync.zstd"}"#), "sync.zstd", SyncState::Retrying),
        (Lie::Status(400, r#"{"code":"sync.version"}"#), "sync.version", SyncState::Stuck),
        (Lie::Status(403, r#"{"code":"device_revoked"}"#), "device_revoked", SyncState::Stuck),
        (Lie::Twist(|reply| reply.fork = true), "sync.forked", SyncState::Stuck),
    ] {
        field.server.lie(lie);
        let refusal = field.app.sync_once().unwrap_err();
        assert_eq!(refusal.code, code);
        let status = field.app.status().unwrap();
        assert_eq!((status.state, status.stopped), (state, true), "{code}");
        let record = field.app.records(None, 1).unwrap().remove(0);
        assert_eq!(record.state, RecordState::Saved);
        assert!(record.why.is_some_and(|why| !why.zh.is_empty()) && !record.next.zh.is_empty(), "{code}");
    }
    // Enrolled anew, what was not safe goes out under the new device.
    assert!(field.app.enrolment().unwrap().unwrap().needs_enrolment);
    field.app.enrol(&field::invitation(), "测试机").unwrap();
    field.app.sync_once().unwrap();
    assert_eq!(field.app.status().unwrap().state, SyncState::Idle);
    assert_eq!(field.visit().view.state, VisitState::Acknowledged);
}

#[test]
fn a_photo_that_can_not_be_read_is_told_at_its_record_and_new_records_go_out_at_once() {
    let field = Field::with_visit(VisitKind::Repair);
    field.go_in();
    let photo = field.app.capture_photo(field.visit, role::PHOTO_AFTER, &jpeg("坏")).unwrap();
    let taken = Photographed { role: role::PHOTO_AFTER.into(), subject: None, place: None };
    field.app.act(field.visit, &Command::Photograph(taken), &[photo.sha]).unwrap();
    field.act(&problem("漏水"));
    field.lose_file(photo.sha);
    field.server.with(|state| state.safe_lag = 100);
    let status = field.app.sync_once().unwrap();
    assert_eq!((status.state, status.ops_waiting, status.files_waiting), (SyncState::Stuck, 0, 1));
    assert!(!status.stopped, "everything else gets through");
    let short = photo.sha.short().to_string();
    assert!(status.words.zh.contains(&short) && status.words.en.contains(&short), "{:?}", status.words);
    let records = field.app.visit_records(field.visit).unwrap();
    let (told, others): (Vec<_>, Vec<_>) = records.iter().partition(|record| record.files > 0);
    assert!(told[0].why.as_ref().unwrap().zh.contains(&short), "{:?}", told[0]);
    assert!(told[0].next.zh.contains("不要卸载"), "{:?}", told[0]);
    assert!(others.iter().all(|record| record.why.is_none()), "nothing stands in the way of the others");
    field.app.start_sync().unwrap();
    for text in ["一", "二"] {
        field.act(&problem(text));
        let waits = || field.app.status().unwrap().ops_waiting > 0;
        let since = std::time::Instant::now();
        while waits() && since.elapsed().as_secs() < 180 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(!waits(), "a new record waits");
    }
}

#[test]
fn a_phone_whose_key_is_lost_or_that_was_revoked_enrols_anew_and_sends_what_it_holds() {
    let lost = Field::with_visit(VisitKind::Repair);
    lost.act(&Command::Acknowledge);
    let lost = lost.killed_with(SoftwareKey::generate());
    lost.app.sync_once().unwrap_err();
    let record = lost.app.records(None, 1).unwrap().remove(0);
    assert!(record.next.zh.contains("新的登记码"), "{record:?}");
    let file = lost.dir.path().join("rescue.nuanfang");
    assert!(!lost.app.export_rescue(&file).unwrap().signed, "another key's word would be taken for forged");
    let revoked = Field::with_visit(VisitKind::Repair);
    revoked.act(&Command::Acknowledge);
    revoked.server.lie(Lie::Status(403, r#"{"code":"device_revoked"}"#));
    assert_eq!(revoked.app.sync_once().unwrap_err().code, "device_revoked");
    for field in [lost, revoked] {
        let before = field.app.enrolment().unwrap().unwrap();
        assert!(before.needs_enrolment);
        let after = field.app.enrol(&field::invitation(), "测试机").unwrap();
        assert_ne!(after.device, before.device);
        assert!(!after.needs_enrolment);
        field.app.sync_once().unwrap();
        assert_eq!(field.server.kinds(after.device), ["visit.acknowledged"]);
    }
}

#[test]
fn one_phone_two_workers_two_folders() {
    let first = Field::with_visit(VisitKind::Repair);
    first.act(&Command::Acknowledge);
    let other = FakeServer::new();
    other.with(|state| state.worker = nuanfang_core::id::WorkerId(uuid::Uuid::from_u128(0xB2)));
    let second = Field::new(&other);
    assert_ne!(first.app.enrolment().unwrap().unwrap().worker, second.app.enrolment().unwrap().unwrap().worker);
    assert!(second.app.visits().unwrap().is_empty() && second.app.records(None, 10).unwrap().is_empty());
    assert_eq!(first.app.enrol(&field::invitation(), "again").unwrap_err().code, "device.already_enrolled");
    assert_eq!(second.app.enrol("https://example.cn", "x").unwrap_err().code, "device.bad_invitation");
}

#[test]
fn a_visit_may_be_born_at_the_door_and_text_that_no_font_has_is_named_there() {
    let field = Field::new(&FakeServer::new());
    field.tell_registers();
    field.app.sync_once().unwrap();
    let opened =
        Opened { kind: VisitKind::Repair, household: HOUSEHOLD, reason: "邻居家漏水".into(), emergency: true };
    let born = field.app.open_visit(&opened).unwrap();
    assert_eq!(born, field.app.visit(born.view.visit).unwrap());
    assert!(born.household.is_some(), "the dwelling is read with the act that names it");
    assert_eq!((born.view.plan_version, born.view.emergency), (0, true));
    let reason = "邻居家漏水\u{1F600}".to_owned();
    let refusal = field.app.open_visit(&Opened { reason, ..opened }).unwrap_err();
    assert_eq!(refusal.code, "input.glyph");
    assert!(refusal.zh.contains("U+1F600"), "{}", refusal.zh);
    assert_eq!(field.app.visits().unwrap().len(), 1);
}

#[test]
fn unmasking_leaves_its_reason_in_the_log_offline_too() {
    let field = Field::with_visit(VisitKind::Repair);
    assert_eq!(field.app.unmask(HOUSEHOLD, "业主姓名", " ").unwrap_err().code, "input.empty");
    assert_eq!(field.app.unmask(HOUSEHOLD, "业主电话", "联系入户").unwrap_err().code, "unmask.not_here");
    assert!(field.app.records(None, 10).unwrap().is_empty(), "nothing read, nothing recorded");
    assert_eq!(field.app.unmask(HOUSEHOLD, "业主姓名", "核对签字人").unwrap(), "王示例");
    field.app.sync_once().unwrap();
    let (_, body) = field.sent("pii.unmasked");
    assert_eq!((body["reason"].as_str(), body["field"].as_str()), (Some("核对签字人"), Some("业主姓名")));
}

#[test]
fn before_the_first_exchange_nothing_is_signed_and_nothing_is_lost() {
    let server = FakeServer::new();
    let field = Field::new(&server);
    assert!(field.app.visits().unwrap().is_empty());
    let missing = field.app.visit(field.visit).unwrap_err();
    assert_eq!(missing.code, "device.no_such_visit");
    let opened = Opened { kind: VisitKind::Repair, household: HOUSEHOLD, reason: "漏水".into(), emergency: true };
    let born = field.app.open_visit(&opened).unwrap().view.visit;
    let refusal = field.app.prepare_record(born, &Purpose::Acceptance).unwrap_err();
    assert_eq!(refusal.code, "signature.not_ready");
    let ticked = ItemAnswer { item: "F7-1".into(), state: AnswerState::Satisfied, ground: None, note: None };
    field.app.act(born, &Command::AnswerItems(ItemsAnswered { answers: vec![ticked] }), &[]).unwrap();
    let depart = Command::Depart(Departed { tools_checked: true, parts: vec![] });
    assert_eq!(field.app.act(born, &depart, &[]).unwrap_err().code, "worker.unknown");
    assert_eq!(field.app.records(None, 10).unwrap().len(), 2);
}

#[test]
fn a_visit_planned_by_a_newer_release_stays_in_the_list_and_says_to_update() {
    let field = Field::with_visit(VisitKind::Repair);
    let scope = field.server.worker_scope();
    for (number, body) in
        [(1_u128, r#"{"arranged":"otherwise"}"#), (2, r#"{"id":7,"plan":[{"kind":"visit.foreseen"}]}"#)]
    {
        field.server.put(&scope, "visit", &Uuid::from_u128(number).to_string(), 1, body);
    }
    field.app.sync_once().unwrap();
    let visits = field.app.visits().unwrap();
    let unread: Vec<_> = visits.iter().filter_map(|summary| summary.unreadable.as_ref()).collect();
    assert_eq!((visits.len(), unread.len()), (3, 2));
    assert!(unread[0].zh.contains("请更新应用"), "{unread:?}");
    let refusal = field.app.visit(VisitId(Uuid::from_u128(1))).unwrap_err();
    assert_eq!((refusal.code.as_str(), &refusal.zh), ("device.app_too_old", &unread[0].zh));
    field.act(&Command::Acknowledge);
}

#[test]
fn the_background_thread_sends_what_is_saved_and_comes_back_after_failures() {
    let field = Field::with_visit(VisitKind::Repair);
    field.server.lie(Lie::Silence);
    field.app.start_sync().unwrap();
    field.act(&Command::Acknowledge);
    // Taps until it is through; each one is tried at once, whatever the backoff says.
    while field.app.status().unwrap().acked < 1 {
        field.app.sync_now();
        std::thread::yield_now();
    }
    field.app.stop_sync();
    assert_eq!(field.server.kinds(field.app.enrolment().unwrap().unwrap().device), ["visit.acknowledged"]);
}

#[test]
fn the_companys_own_sentence_goes_before_the_built_in_one() {
    let field = Field::with_visit(VisitKind::Measurement);
    field.go_in();
    measure(&field);
    let own = r#"{"id":"measurement","version":"2027-2","language":"zh-CN","text":"本人确认上述示例温度。"}"#;
    field.server.put(COMPANY_SCOPE, "statement", "measurement@2027-2/zh-CN", 1, own);
    field.app.sync_once().unwrap();
    let preview = field.app.prepare_record(field.visit, &Purpose::Measurement).unwrap();
    assert_eq!((preview.statement.version, preview.statement.text.as_str()), (202_702, "本人确认上述示例温度。"));
}
