//! Whole visits, each step asked for as a phone asks, with the refusals that guard the way.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::command::{DraftLine, QuoteDraft};
use nuanfang_core::domain::inspection::{Finding, FindingResult, FixtureOwner, Hazard};
use nuanfang_core::domain::kind::{AnswerState, Channel, DelayReason, Mask, Outcome};
use nuanfang_core::domain::office_event::{
    Appointment, Assigned, CallbackMade, Cancelled, InvoiceRecorded, LateDecided, LateDecision, OtherSource,
    Rescheduled,
};
use nuanfang_core::domain::plan::PlanVersion;
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::domain::units::Fen;
use nuanfang_core::domain::view::{Action, EvidenceClass, ItemState, QuoteState, TaskKind};
use nuanfang_core::domain::worker_event::{
    Absent, Arrived, CallAttempt, ChargeTold, ChargedLine, Completed, Delayed, Demonstrated, Departed, Entered,
    Explained, InstructionOpened, Notified, Opened, Photographed, PriceListShown, ProblemDescribed, RiskTold, WorkDone,
    WorkStarted,
};
use nuanfang_core::domain::{
    Command, Event, RuleBook, Rules, Visit, VisitKind, VisitState, Window, fold, overview, role, view,
};
use nuanfang_core::id::{DeviceId, HouseholdId, VisitId, WorkerId};
use nuanfang_core::time::{DeadlineVerdict, Estimate, Millis, TimeQuality};

use crate::phone::{MINUTE, MORNING, Office, PEN, Phone, answer, entered, nowhere, plan, uuid};

pub fn line(name: &str, price: i64) -> DraftLine {
    DraftLine {
        line: name.into(),
        code: format!("C-{name}"),
        name: format!("更换温控阀 {name}"),
        unit: "个".into(),
        quantity_milli: 1500,
        material: Fen(price),
        labour: Fen(100),
        tax_rate_bp: 900,
        free: price == 0,
        own_material: false,
        warranty_days: 365,
    }
}

pub fn draft(lines: Vec<DraftLine>, change: Option<&str>) -> Command {
    Command::ShowQuote(QuoteDraft {
        lines,
        price_list: Sha::of(b"prices"),
        price_list_version: "示例 2026-1".into(),
        expected_minutes: 90,
        change: change.map(str::to_owned),
    })
}

pub fn tell(lines: &[&str]) -> Command {
    let lines = lines.iter().map(|line| ChargedLine { line: (*line).into(), name: "换阀".into(), amount: Fen(1) });
    Command::TellCharge(ChargeTold { lines: lines.collect() })
}

pub fn show_list() -> Command {
    Command::ShowPriceList(PriceListShown { price_list: Sha::of(b"prices"), version: "示例 2026-1".into() })
}

pub fn start(lines: &[&str]) -> Command {
    Command::StartWork(WorkStarted { lines: lines.iter().map(|l| (*l).to_owned()).collect(), emergency: None })
}

pub fn done(lines: &[&str]) -> Command {
    let lines = lines.iter().map(|l| (*l).to_owned()).collect();
    Command::FinishWork(WorkDone { lines, emergency: false, result: "已更换，运行正常".into() })
}

pub fn demonstrate(works: bool) -> Command {
    Command::Demonstrate(Demonstrated { works, note: None })
}

fn prepare(phone: &mut Phone) {
    phone.act(Command::DescribeProblem(ProblemDescribed { text: "客厅散热器不热".into() }), &[]);
    phone.act(Command::ProtectFloor, &[role::PHOTO_FLOOR]);
}

fn item(phone: &Phone, id: &str) -> (ItemState, EvidenceClass) {
    let view = phone.view();
    let item = view.checklist.iter().find(|item| item.id == id).expect("an item of Annex F");
    (item.state, item.class)
}

#[test]
fn a_paid_repair_with_a_changed_line() {
    let mut phone = Phone::of(VisitKind::Repair);
    assert_eq!(phone.refused(Command::Depart(Departed { tools_checked: true, parts: vec![] }), &[]), "item.f7-1");
    phone.act(Command::Acknowledge, &[]);
    phone.tick("F7-1");
    assert_eq!(phone.refused(Command::Depart(Departed { tools_checked: false, parts: vec![] }), &[]), "item.f1-2");
    phone.go_in();
    assert_eq!(phone.refused(start(&["L1"]), &[]), "item.f5-2");
    phone.act(Command::DescribeProblem(ProblemDescribed { text: "漏水".into() }), &[]);
    assert_eq!(phone.refused(Command::ProtectFloor, &[]), "photo.missing");
    phone.act(Command::ProtectFloor, &[role::PHOTO_FLOOR]);
    assert_eq!(phone.refused(start(&["L1"]), &[]), "quote.line_missing");
    let instruction = InstructionOpened { instruction: "示例-阀门".into(), version: "3".into() };
    phone.act(Command::OpenInstruction(instruction), &[]);

    phone.act(draft(vec![line("L1", 10_000), line("L2", 0)], None), &[]);
    let view = phone.view();
    let quote = &view.quotes[0].quote;
    // (10000 + 100) × 1.5, and the tax inside it at 9 %.
    assert_eq!((quote.lines[0].amount, quote.lines[0].tax), (Fen(15_150), Fen(1251)));
    assert_eq!((quote.lines[1].amount, quote.total), (Fen(0), Fen(15_150)));
    let first = Purpose::Quote { revision: 1 };
    assert_eq!(phone.refused(Command::Sign(phone.signature(first.clone())), PEN), "item.f10-1");
    let blocked = phone.action(Action::SignQuote).expect("signing is wanted");
    assert_eq!(blocked.blocks.iter().map(|b| b.clause.as_str()).collect::<Vec<_>>(), ["F.10", "F.10"]);
    phone.act(show_list(), &[]);
    phone.act(tell(&["L1"]), &[]);
    assert_eq!(phone.refused(Command::Sign(phone.signature(first.clone())), PEN), "item.f10-2", "told after the list");
    phone.act(show_list(), &[]);
    assert_eq!(phone.refused(Command::Sign(phone.signature(first.clone())), &[]), "signature.missing");
    phone.sign(first);
    assert_eq!(phone.view().quotes[0].state, QuoteState::Confirmed);

    let risk = RiskTold { object: "旧接头".into(), text: "可能断裂".into(), lines: vec!["L1".into()] };
    assert_eq!(phone.refused(Command::TellRisk(risk.clone()), &[]), "photo.missing");
    phone.act(Command::TellRisk(risk), &[role::PHOTO_BEFORE]);
    assert_eq!(phone.refused(start(&["L1"]), &[]), "risk.no_consent");
    assert_eq!(item(&phone, "F9-2").0, ItemState::Unrated);
    phone.sign(Purpose::Consent { object: "旧接头".into() });
    phone.act(start(&["L1", "L2"]), &[]);
    phone.act(done(&["L2"]), &[]);

    // The valve turns out to be another one: the line changes, work on it stops, and a new quote is signed.
    phone.act(draft(vec![line("L1", 20_000), line("L2", 0)], Some("阀门改为 DN25")), &[]);
    assert_eq!(phone.refused(done(&["L1"]), &[]), "work.not_started");
    assert_eq!(phone.refused(start(&["L1"]), &[]), "quote.not_signed");
    phone.sign(Purpose::Quote { revision: 2 });
    let states: Vec<QuoteState> = phone.view().quotes.iter().map(|quote| quote.state).collect();
    assert_eq!(states, [QuoteState::Changed, QuoteState::Confirmed]);
    phone.act(start(&["L1"]), &[]);
    assert_eq!(phone.refused(demonstrate(true), &[]), "demonstration.work_open");
    phone.act(done(&["L1"]), &[]);
    let cheaper = draft(vec![line("L1", 1), line("L2", 0)], Some("降价"));
    assert_eq!(phone.refused(cheaper, &[]), "quote.done_line_changed");

    let accept = |phone: &Phone| Command::Sign(phone.signature(Purpose::Acceptance));
    assert_eq!(phone.refused(accept(&phone), PEN), "item.f12-1");
    phone.act(demonstrate(false), &[]);
    assert_eq!(phone.refused(accept(&phone), PEN), "item.f12-1");
    phone.act(demonstrate(true), &[]);
    assert_eq!(phone.refuse_complete(Outcome::Done), "item.f12-3");
    phone.act(Command::Explain(Explained { text: "顺时针关闭".into() }), &[]);
    phone.sign(Purpose::Acceptance);
    assert_eq!(phone.refused(start(&["L1"]), &[]), "work.after_acceptance");
    phone.act(
        Command::Photograph(Photographed { role: role::PHOTO_AFTER.into(), subject: None, place: None }),
        &[role::PHOTO_AFTER],
    );
    for id in ["F4-1", "F4-2", "F4-3", "F4-4", "F5-3", "F8-1", "F11-1", "F11-2"] {
        phone.tick(id);
    }
    phone.complete(Outcome::Done);

    let view = phone.view();
    assert_eq!((view.state, view.violations.as_slice()), (VisitState::Done, &[][..]));
    assert_eq!(view.quotes[1].state, QuoteState::Accepted);
    assert!(view.next_actions.is_empty());
    for item in &view.checklist {
        let expected = match item.id.as_str() {
            // Not for the worker to say, advisory and left blank, or for the server to say.
            "F3-1" | "F5-1" | "F7-2" | "F7-3" | "F7-4" | "F7-5" | "F6-3" | "F13-1" | "F3-4" => ItemState::Unrated,
            "F1-4" | "F2-1" | "F2-2" | "F2-3" | "F2-4" => ItemState::NotApplicable,
            _ => ItemState::Satisfied,
        };
        assert_eq!(item.state, expected, "{} {}", item.id, item.zh);
    }

    // Handed in only when the server has all of it.
    phone.visit.hand_in(phone.device, phone.seq - 1, Millis(MORNING));
    assert_eq!(item(&phone, "F13-1").0, ItemState::Unrated);
    phone.visit.hand_in(phone.device, phone.seq, Millis(MORNING + 1));
    assert_eq!(item(&phone, "F13-1"), (ItemState::Satisfied, EvidenceClass::System));
    assert_eq!(phone.view().handed_in, Some(Millis(MORNING + 1)));
    assert_eq!(phone.refused(demonstrate(true), &[]), "visit.closed");
}

#[test]
fn a_free_repair_still_has_its_acceptance_signed() {
    let mut phone = Phone::of(VisitKind::Repair);
    phone.go_in();
    prepare(&mut phone);
    phone.act(draft(vec![line("L1", 0)], None), &[]);
    assert_eq!(item(&phone, "F10-3").0, ItemState::NotApplicable);
    phone.act(start(&["L1"]), &[]);
    phone.act(done(&["L1"]), &[]);
    phone.act(demonstrate(true), &[]);
    assert_eq!(phone.refuse_complete(Outcome::Done), "item.f12-3");
    let refusal = |phone: &Phone, witness| Command::RefuseToSign(phone.refusal(Purpose::Acceptance, witness));
    assert_eq!(phone.refused(refusal(&phone, None), &[]), "refusal.no_evidence");
    phone.act(refusal(&phone, None), &[role::PHOTO_RESULT]);
    assert_eq!(item(&phone, "F12-3").0, ItemState::Unsatisfied, "a refusal is no acceptance");
    phone.complete(Outcome::Done);
    let view = phone.view();
    assert_eq!(view.tasks.iter().map(|task| task.kind).collect::<Vec<_>>(), [TaskKind::CallBack]);
    assert!(view.violations.is_empty(), "{:?}", view.violations);
}

#[test]
fn a_leak_is_stopped_before_anything_is_quoted() {
    let mut phone = Phone::blank(WorkerId(uuid(10)), DeviceId(uuid(20)));
    let opened = Opened {
        kind: VisitKind::Repair,
        household: HouseholdId(uuid(5)),
        reason: "邻居家漏水".into(),
        emergency: true,
    };
    phone.act(Command::Open(opened), &[]);
    phone.depart();
    phone.arrive();
    phone.act(Command::Enter(entered()), &[]);
    let emergency = |what: &str| Command::StartWork(WorkStarted { lines: vec![], emergency: Some(what.to_owned()) });
    phone.act(emergency("关阀止水"), &[]);
    let stop = WorkDone { lines: vec![], emergency: true, result: "已止水".into() };
    phone.act(Command::FinishWork(stop), &[]);
    phone.act(demonstrate(true), &[]);
    phone.sign(Purpose::Acceptance);
    phone.complete(Outcome::Done);
    assert!(phone.codes().is_empty(), "{:?}", phone.codes());
    assert_eq!(item(&phone, "F1-1").0, ItemState::NotApplicable);

    let mut calm = Phone::of(VisitKind::Repair);
    calm.go_in();
    assert_eq!(calm.refused(emergency("顺手修一下"), &[]), "work.not_emergency");
}

#[test]
fn nobody_at_home() {
    let mut phone = Phone::of(VisitKind::Inspection);
    phone.depart();
    phone.wait(30 * MINUTE);
    phone.arrive();
    let absent = |calls: usize| {
        Command::ReportAbsent(Absent {
            calls: (0..calls).map(|_| CallAttempt { at: Millis(MORNING), channel: Channel::Phone }).collect(),
            note_has_phone: true,
            next_window: None,
            place: nowhere(),
        })
    };
    assert_eq!(phone.refused(absent(1), &[role::PHOTO_LEAVE_NOTE]), "absent.too_early");
    phone.wait(35 * MINUTE);
    assert_eq!(phone.refused(absent(0), &[]), "absent.no_call");
    phone.act(absent(1), &[]);
    assert_eq!(phone.refuse_complete(Outcome::Absent), "item.f2-2");
    phone.act(
        Command::Photograph(Photographed { role: role::PHOTO_LEAVE_NOTE.into(), subject: None, place: None }),
        &[role::PHOTO_LEAVE_NOTE],
    );
    assert_eq!(phone.refuse_complete(Outcome::Absent), "item.f2-4");
    let close = phone.action(Action::CompleteAbsent).expect("it is offered");
    assert!(close.blocks.is_empty(), "who closes says the next time with it: {:?}", close.blocks);
    let next = Window { from: Millis(MORNING + 1440 * MINUTE), until: Millis(MORNING + 1500 * MINUTE) };
    let close = Completed { outcome: Outcome::Absent, reason: None, next_window: Some(next) };
    phone.act(Command::Complete(close), &[]);
    let view = phone.view();
    assert_eq!((view.state, view.violations.len()), (VisitState::Absent, 0));
    assert_eq!(view.tasks[0].kind, TaskKind::NextVisit);
    assert_eq!(view.tasks[0].window, Some(next));
    for id in ["F2-1", "F2-2", "F2-3", "F2-4"] {
        assert_eq!(item(&phone, id).0, ItemState::Satisfied, "{id}");
    }
}

#[test]
fn who_comes_late_has_found_nobody_absent() {
    let mut phone = Phone::of(VisitKind::Inspection);
    phone.depart();
    phone.wait(125 * MINUTE);
    phone.arrive();
    let absent = Absent {
        calls: vec![CallAttempt { at: Millis(MORNING), channel: Channel::Phone }],
        note_has_phone: true,
        next_window: None,
        place: nowhere(),
    };
    assert_eq!(phone.refused(Command::ReportAbsent(absent.clone()), &[role::PHOTO_LEAVE_NOTE]), "absent.not_on_time");
    assert_eq!(item(&phone, "F1-3").0, ItemState::Unsatisfied);
    assert_eq!(item(&phone, "F1-4").0, ItemState::Unsatisfied, "late, and nothing was said before");
    phone.forge(Event::Absent(absent), &[role::PHOTO_LEAVE_NOTE]);
    assert_eq!(phone.codes(), ["absent.not_on_time"]);
}

#[test]
fn lateness_is_judged_by_claim_and_by_estimate() {
    let mut phone = Phone::of(VisitKind::Inspection);
    // The phone's clock is three years ahead; the server has told it so.
    phone.stamp.wall_ms += 3 * 365 * 1440 * MINUTE;
    phone.offset_ms = Some(-3 * 365 * 1440 * MINUTE);
    phone.qualification.as_mut().expect("it has one").badge_valid_until = "2026-12-31".into();
    phone.depart();
    phone.wait(65 * MINUTE);
    phone.arrive();
    let arrived = phone.facts.last().expect("arrival").clone();
    assert_eq!(phone.view().punctuality.expect("arrived").claimed, DeadlineVerdict::Missed);
    let est = Millis(MORNING + 6 * MINUTE);
    let judged = |lo: i64, hi: i64| {
        let mut visit = phone.visit.clone();
        let quality = TimeQuality::Bracketed;
        let estimate = Estimate { est, lo: Millis(est.0 + lo), hi: Millis(est.0 + hi), quality };
        fold(&mut visit, &nuanfang_core::domain::Fact { estimate: Some(estimate), ..arrived.clone() });
        let view = view(&visit, 1, &phone.context(&[]));
        let item = view.checklist.iter().find(|item| item.id == "F1-3").expect("an item").state;
        (view.punctuality.expect("arrived").estimated, item)
    };
    assert_eq!(judged(-1, 1), (Some(DeadlineVerdict::Met), ItemState::Satisfied));
    assert_eq!(judged(-1, 120 * MINUTE), (Some(DeadlineVerdict::Uncertain), ItemState::Unrated));
    assert_eq!(judged(100 * MINUTE, 120 * MINUTE), (Some(DeadlineVerdict::Missed), ItemState::Unsatisfied));
}

#[test]
fn a_delay_is_told_before_the_agreed_time() {
    let delayed = |understood| {
        Command::Delay(Delayed {
            reason: DelayReason::Urgent,
            note: "上一户漏水".into(),
            apologised: true,
            understood,
            channel: Channel::Phone,
            new_window: Window { from: Millis(MORNING + 120 * MINUTE), until: Millis(MORNING + 180 * MINUTE) },
        })
    };
    let mut phone = Phone::of(VisitKind::Inspection);
    phone.depart();
    phone.act(delayed(true), &[]);
    assert_eq!(phone.refused(Command::Arrive(Arrived { place: nowhere() }), &[]), "order.not_departed");
    phone.act(Command::Depart(Departed { tools_checked: true, parts: vec![] }), &[]);
    phone.wait(200 * MINUTE);
    phone.arrive();
    assert_eq!(item(&phone, "F1-3").0, ItemState::Satisfied, "against the new time");
    assert_eq!(item(&phone, "F1-4").0, ItemState::Satisfied);

    let mut late = Phone::of(VisitKind::Inspection);
    late.wait(61 * MINUTE);
    assert_eq!(late.refused(delayed(true), &[]), "delay.too_late");
}

#[test]
fn no_departure_without_appointment_or_qualification() {
    let mut unplanned = plan(VisitKind::Inspection, WorkerId(uuid(10)));
    unplanned.appointment = None;
    let mut phone = Phone::with_plan(unplanned);
    phone.tick("F7-1");
    let depart = Command::Depart(Departed { tools_checked: true, parts: vec![] });
    assert_eq!(phone.refused(depart.clone(), &[]), "item.f1-1");
    let window = Window { from: Millis(MORNING), until: Millis(MORNING - 1) };
    assert_eq!(phone.refused(Command::Notify(Notified { channel: Channel::Phone, window }), &[]), "window.disordered");
    let window = Window { from: Millis(MORNING), until: Millis(MORNING + MINUTE) };
    phone.act(Command::Notify(Notified { channel: Channel::Phone, window }), &[]);
    type Spoil = fn(&mut nuanfang_core::domain::worker::Qualification);
    let spoil: [(&str, Spoil); 4] = [
        ("worker.badge_invalid", |q| q.badge_valid_until = "2026-11-22".into()),
        ("worker.training_short", |q| q.pre_season_deci_hours = 239),
        ("worker.theory_missing", |q| q.theory_passed = false),
        ("worker.practical_missing", |q| q.practical_passed = false),
    ];
    for (code, spoil) in spoil {
        let mut qualification = crate::phone::qualified();
        spoil(&mut qualification);
        phone.qualification = Some(qualification);
        assert_eq!(phone.refused(depart.clone(), &[]), code);
        let blocks = phone.action(Action::Depart).expect("departure is wanted").blocks;
        assert_eq!(blocks.iter().map(|block| block.code.as_str()).collect::<Vec<_>>(), [code]);
    }
    phone.qualification = None;
    assert_eq!(phone.refused(depart.clone(), &[]), "worker.unknown");
    phone.qualification = Some(crate::phone::qualified());
    phone.act(depart, &[]);
    assert!(phone.action(Action::Arrive).is_some_and(|arrive| arrive.wanted && arrive.blocks.is_empty()));
}

#[test]
fn nothing_indoors_before_permission() {
    let mut phone = Phone::of(VisitKind::Repair);
    phone.depart();
    phone.wait(61 * MINUTE);
    phone.arrive();
    let described = Command::DescribeProblem(ProblemDescribed { text: "不热".into() });
    assert_eq!(phone.refused(described.clone(), &[]), "item.f3-3");
    let bare_feet = Entered { shoe_covers: false, ..entered() };
    assert_eq!(phone.refused(Command::Enter(bare_feet), &[]), "item.f6-1");
    let turned_away = Entered { knocked: true, permitted: false, shoe_covers: false, mask: Mask::NotNeeded };
    phone.act(Command::Enter(turned_away), &[]);
    assert_eq!(phone.refused(described, &[]), "item.f3-3");
    assert_eq!(phone.refuse_complete(Outcome::Done), "item.f3-3");
    phone.complete(Outcome::RefusedEntry);
    assert_eq!(phone.view().state, VisitState::RefusedEntry);
    assert!(phone.codes().is_empty());
}

#[test]
fn ticks_are_the_workers_own_and_no_more() {
    let mut phone = Phone::of(VisitKind::Measurement);
    assert_eq!(phone.refused(answer("F3-1", AnswerState::Satisfied, None), &[]), "item.not_own");
    assert_eq!(phone.refused(answer("F1-3", AnswerState::Satisfied, None), &[]), "item.derived");
    assert_eq!(phone.refused(answer("F99", AnswerState::Satisfied, None), &[]), "item.unknown");
    assert_eq!(phone.refused(answer("F4-1", AnswerState::NotApplicable, Some(" ")), &[]), "item.no_ground");
    phone.act(answer("F4-1", AnswerState::NotApplicable, Some("便装核查")), &[]);
    assert_eq!(item(&phone, "F4-1").0, ItemState::NotApplicable);
    assert_eq!(item(&phone, "F4-2").0, ItemState::Unrated, "a blank never counts");
    assert_eq!(item(&phone, "F5-2").0, ItemState::NotApplicable, "only for repairs");

    // A forged tick counts for nothing and stands as a violation.
    let forged = match answer("F7-2", AnswerState::Satisfied, None) {
        Command::AnswerItems(answers) => Event::ItemsAnswered(answers),
        _ => unreachable!("it is an answer"),
    };
    phone.forge(forged, &[]);
    assert_eq!(phone.codes(), ["item.not_own"]);
    assert_eq!(item(&phone, "F7-2"), (ItemState::Unrated, EvidenceClass::Other));

    // The resident's word, asked by the office, does.
    let mut office = Office::new();
    let made = match answer("F7-2", AnswerState::Satisfied, None) {
        Command::AnswerItems(answers) => CallbackMade {
            source: OtherSource::CallBack,
            answers: answers.answers,
            satisfied: Some(true),
            note: None,
            refusals: None,
        },
        _ => unreachable!("it is an answer"),
    };
    let fact = office.says(1, Event::CallbackMade(made));
    fold(&mut phone.visit, &fact);
    assert_eq!(item(&phone, "F7-2").0, ItemState::Satisfied);
}

#[test]
fn an_inspection_with_hazards_in_own_and_shared_fixtures() {
    let mut phone = Phone::of(VisitKind::Inspection);
    phone.go_in();
    let finding =
        |item: &str, result, hazard| Command::RecordFinding(Finding { item: item.into(), result, hazard, note: None });
    let hazard = |owner| {
        Some(Hazard {
            description: "渗漏".into(),
            owner,
            level: "一般".into(),
            advice: "更换".into(),
            deadline: Some("2026-12-01".into()),
        })
    };
    assert_eq!(phone.refused(finding("own.sofa", FindingResult::Normal, None), &[]), "inspection.unknown_item");
    assert_eq!(phone.refused(finding("own.vent", FindingResult::CannotCheck, None), &[]), "field.empty");
    let own = finding("own.radiator", FindingResult::Abnormal, hazard(FixtureOwner::Own));
    assert_eq!(phone.refused(own.clone(), &[]), "photo.missing");
    phone.act(own, &[role::PHOTO_HAZARD]);
    phone.act(finding("shared.riser", FindingResult::Abnormal, hazard(FixtureOwner::Shared)), &[role::PHOTO_HAZARD]);
    assert_eq!(phone.refuse_complete(Outcome::Done), "inspection.items_missing");
    let items: Vec<String> = Rules::builtin().inspection.items.iter().map(|item| item.id.clone()).collect();
    for id in items.iter().filter(|id| !["own.radiator", "shared.riser"].contains(&id.as_str())) {
        phone.act(finding(id, FindingResult::Normal, None), &[]);
    }
    assert_eq!(phone.refuse_complete(Outcome::Done), "notice.not_received");
    assert!(phone.action(Action::SignNotice).is_some_and(|sign| sign.wanted));
    phone.sign(Purpose::Notice);
    assert_eq!(phone.facts.last().expect("a fact").event.kind(), "visit.notice_received");
    // Another hazard, found after the receipt, needs a receipt of its own.
    phone.act(finding("own.vent", FindingResult::Abnormal, hazard(FixtureOwner::Own)), &[role::PHOTO_HAZARD]);
    assert_eq!(phone.refuse_complete(Outcome::Done), "notice.not_received");
    phone.act(Command::RefuseToSign(phone.refusal(Purpose::Notice, Some("物业 李"))), &[]);
    phone.complete(Outcome::Done);
    let kinds: Vec<TaskKind> = phone.view().tasks.iter().map(|task| task.kind).collect();
    assert_eq!(kinds, [TaskKind::CallBack, TaskKind::WorkOrder]);
    assert!(phone.codes().is_empty(), "{:?}", phone.codes());
}

#[test]
fn of_two_agreed_times_the_one_agreed_with_knowledge_of_the_other_holds() {
    let mut office = Office::new();
    let mut visit = Visit::new(VisitId(uuid(4)), RuleBook::default());
    let mut phone = Phone::of(VisitKind::Inspection);
    let hours = |from: i64| Window {
        from: Millis(MORNING + from * 60 * MINUTE),
        until: Millis(MORNING + (from + 2) * 60 * MINUTE),
    };
    let notify = |window| Command::Notify(Notified { channel: Channel::Phone, window });
    fold(&mut visit, &office.says(0, Event::VisitScheduled(plan(VisitKind::Inspection, phone.worker))));
    phone.act(notify(hours(5)), &[]);
    fold(&mut visit, phone.facts.last().expect("a fact"));
    assert_eq!(overview(&visit).window, Some(hours(5)));

    let appointment = Some(Appointment { channel: Channel::Phone, agreed_at: Millis(MORNING) });
    let later = Rescheduled { window: hours(24), appointment, reason: "热用户改约".into(), price_list: None };
    fold(&mut visit, &office.says(1, Event::Rescheduled(later)));
    assert_eq!(overview(&visit).window, Some(hours(24)), "the office knew what the worker had agreed");
    assert_eq!(view(&visit, 1, &phone.context(&[])).window, Some(hours(24)));

    phone.basis = 2;
    phone.act(notify(hours(26)), &[]);
    fold(&mut visit, phone.facts.last().expect("a fact"));
    assert_eq!(overview(&visit).window, Some(hours(26)), "and now the worker knew the office's");
}

#[test]
fn moved_away_while_offline_the_work_is_late_and_nothing_is_lost() {
    let first = WorkerId(uuid(10));
    let second = WorkerId(uuid(11));
    let mut office = Office::new();
    let scheduled = office.says(0, Event::VisitScheduled(plan(VisitKind::Inspection, first)));
    let moved = office.says(1, Event::Assigned(Assigned { assignee: second, reason: Some("请假".into()) }));

    let mut phone = Phone::of(VisitKind::Inspection);
    phone.go_in();
    phone.complete(Outcome::NotDone);

    let mut visit = Visit::new(VisitId(uuid(4)), RuleBook::default());
    for fact in [&scheduled, &moved].into_iter().chain(&phone.facts) {
        fold(&mut visit, fact);
    }
    let board = overview(&visit);
    assert_eq!((board.state, board.lane, board.late_undecided), (VisitState::Assigned, 2, true));
    assert_eq!(board.lanes.len(), 2);
    let late = view(&visit, 1, &phone.context(&[]));
    assert!(late.late && late.reassigned && late.violations.is_empty());

    let decided =
        LateDecided { lane: 1, decision: LateDecision::Primary, reason: "以先到为准".into(), records: None };
    fold(&mut visit, &office.says(2, Event::LateDecided(decided)));
    let board = overview(&visit);
    assert_eq!((board.state, board.lane, board.late_undecided), (VisitState::NotDone, 1, false));

    // A lane whose work was put aside waits again once there is more of it than was decided on.
    let known = visit.records_in(1);
    let aside = |records| LateDecided { lane: 1, decision: LateDecision::Rejected, reason: "重复".into(), records };
    fold(&mut visit, &office.says(2, Event::LateDecided(aside(Some(known - 1)))));
    assert!(overview(&visit).late_undecided);
    fold(&mut visit, &office.says(2, Event::LateDecided(aside(Some(known)))));
    assert!(!overview(&visit).late_undecided);

    // The one who hears of it in time does not set out.
    let mut told = Phone::of(VisitKind::Inspection);
    told.tick("F7-1");
    told.visit.mirror([PlanVersion::told(plan(VisitKind::Inspection, second), 2, 2)]);
    let depart = Command::Depart(Departed { tools_checked: true, parts: vec![] });
    assert_eq!(told.refused(depart.clone(), &[]), "visit.reassigned");
    // Who is on the way may finish.
    let mut on_the_way = Phone::of(VisitKind::Inspection);
    on_the_way.depart();
    on_the_way.visit.mirror([PlanVersion::told(plan(VisitKind::Inspection, second), 2, 2)]);
    on_the_way.wait(61 * MINUTE);
    on_the_way.arrive();
    assert!(on_the_way.view().warnings.iter().any(|warning| warning.code == "visit.reassigned"));

    fold(&mut visit, &office.says(2, Event::Cancelled(Cancelled { reason: "热用户撤单".into() })));
    assert_eq!(view(&visit, 2, &told.context(&[])).state, VisitState::Cancelled);
}

#[test]
fn a_phone_cannot_speak_for_the_office() {
    let mut phone = Phone::of(VisitKind::Inspection);
    phone.act(Command::Acknowledge, &[]);
    let before = phone.visit.plan().clone();
    phone.forge(Event::Assigned(Assigned { assignee: WorkerId(uuid(99)), reason: None }), &[]);
    phone.forge(Event::parse("visit.teleported", "{}"), &[]);
    phone.forge(Event::parse("visit.arrived", "{\"place\":3}"), &[]);
    assert_eq!(phone.visit.plan(), &before);
    assert_eq!(phone.codes(), ["event.not_the_workers", "event.unknown", "event.unreadable"]);
}

#[test]
fn a_stranger_is_kept_and_marked() {
    let mut phone = Phone::of(VisitKind::Inspection);
    phone.worker = WorkerId(uuid(99));
    phone.lane = 0;
    assert_eq!(phone.refused(Command::Acknowledge, &[]), "visit.reassigned");
    phone.forge(Event::Acknowledged(Default::default()), &[]);
    assert_eq!(phone.codes(), ["lane.not_assigned"]);
}

#[test]
fn texts_are_kept_in_one_spelling() {
    let mut phone = Phone::of(VisitKind::Repair);
    phone.go_in();
    phone.act(Command::DescribeProblem(ProblemDescribed { text: "cafe\u{301}".into() }), &[]);
    assert_eq!(phone.view().problem.as_deref(), Some("caf\u{e9}"));
}

#[test]
fn a_refused_consent_is_no_consent() {
    let mut phone = Phone::of(VisitKind::Repair);
    phone.go_in();
    prepare(&mut phone);
    phone.act(draft(vec![line("L1", 0), line("L2", 0)], None), &[]);
    let risk = RiskTold { object: "旧接头".into(), text: "可能断裂".into(), lines: vec!["L1".into()] };
    phone.act(Command::TellRisk(risk), &[role::PHOTO_BEFORE]);
    let consent = Purpose::Consent { object: "旧接头".into() };
    phone.act(Command::RefuseToSign(phone.refusal(consent, Some("邻居 赵"))), &[]);
    assert_eq!(phone.refused(start(&["L1"]), &[]), "risk.no_consent");
    assert!(phone.view().risks[0].refused);
    phone.act(start(&["L2"]), &[]);
    // Without the line the rest can be finished.
    phone.act(draft(vec![line("L2", 0)], Some("不做 L1")), &[]);
    phone.act(done(&["L2"]), &[]);
    phone.act(demonstrate(true), &[]);
    phone.sign(Purpose::Acceptance);
    phone.complete(Outcome::Done);
    assert!(phone.codes().is_empty(), "{:?}", phone.codes());
}

#[test]
fn a_signature_counts_only_for_what_it_covers() {
    let mut phone = Phone::of(VisitKind::Repair);
    phone.go_in();
    prepare(&mut phone);
    phone.act(tell(&["L1"]), &[]);
    phone.act(show_list(), &[]);
    phone.act(draft(vec![line("L1", 500)], None), &[]);
    let mut other = phone.signature(Purpose::Quote { revision: 1 });
    other.covers = Some(Sha::of(b"another quote"));
    phone.forge(Event::Signed(other), PEN);
    assert_eq!(phone.codes(), ["signature.stale"]);
    assert_eq!(phone.refused(start(&["L1"]), &[]), "quote.not_signed");
    let view = phone.view();
    assert_eq!((view.quotes[0].state, view.signatures[0].holds), (QuoteState::Shown, false));
    phone.sign(Purpose::Quote { revision: 1 });
    phone.act(start(&["L1"]), &[]);
}

#[test]
fn a_refused_change_leaves_the_quote_before_it_in_force() {
    let mut phone = Phone::of(VisitKind::Repair);
    phone.go_in();
    prepare(&mut phone);
    phone.act(tell(&["L1"]), &[]);
    phone.act(show_list(), &[]);
    phone.act(draft(vec![line("L1", 500)], None), &[]);
    phone.sign(Purpose::Quote { revision: 1 });
    assert_eq!(phone.refused(draft(vec![line("L1", 900)], None), &[]), "quote.no_change_reason");
    let Command::ShowQuote(timeless) = draft(vec![line("L1", 900)], Some("加价")) else { unreachable!() };
    let timeless = QuoteDraft { expected_minutes: 0, ..timeless };
    assert_eq!(phone.refused(Command::ShowQuote(timeless), &[]), "quote.time_missing");
    phone.act(draft(vec![line("L1", 900)], Some("加价")), &[]);
    phone.act(Command::RefuseToSign(phone.refusal(Purpose::Quote { revision: 2 }, Some("邻居 赵"))), &[]);
    let states: Vec<QuoteState> = phone.view().quotes.iter().map(|quote| quote.state).collect();
    assert_eq!(states, [QuoteState::Confirmed, QuoteState::Refused]);
    phone.act(start(&["L1"]), &[]);
    phone.act(done(&["L1"]), &[]);
    assert_eq!(phone.refused(draft(vec![line("L1", 900)], Some("再加一项")), &[]), "quote.done_line_changed");
    phone.act(draft(vec![line("L1", 500), line("L2", 0)], Some("再加一项")), &[]);
    assert!(phone.codes().is_empty(), "{:?}", phone.codes());
}

#[test]
fn a_refused_quote_leaves_a_way_on_for_what_was_done_free_of_charge() {
    let mut phone = Phone::of(VisitKind::Repair);
    phone.go_in();
    prepare(&mut phone);
    phone.act(draft(vec![line("L1", 500), line("L2", 0)], None), &[]);
    phone.act(start(&["L2"]), &[]);
    phone.act(done(&["L2"]), &[]);
    phone.act(Command::RefuseToSign(phone.refusal(Purpose::Quote { revision: 1 }, Some("邻居 赵"))), &[]);
    let dearer = draft(vec![line("L2", 900)], Some("热用户不同意收费项目"));
    assert_eq!(phone.refused(dearer, &[]), "quote.done_line_changed");
    phone.act(draft(vec![line("L2", 0)], Some("热用户不同意收费项目")), &[]);
    phone.act(demonstrate(true), &[]);
    phone.act(Command::Explain(Explained { text: "顺时针关闭".into() }), &[]);
    phone.sign(Purpose::Acceptance);
    phone.complete(Outcome::Done);
    assert!(phone.codes().is_empty(), "{:?}", phone.codes());
}

#[test]
fn a_risk_of_all_lines_is_told_before_any_is_begun() {
    let mut phone = Phone::of(VisitKind::Repair);
    phone.go_in();
    prepare(&mut phone);
    phone.act(draft(vec![line("L1", 0), line("L2", 0)], None), &[]);
    phone.act(start(&["L1"]), &[]);
    let risk = |lines: &[&str]| {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Command::TellRisk(RiskTold { object: "旧接头".into(), text: "可能断裂".into(), lines })
    };
    assert_eq!(phone.refused(risk(&[]), &[role::PHOTO_BEFORE]), "risk.told_late");
    assert_eq!(phone.refused(risk(&["L1"]), &[role::PHOTO_BEFORE]), "risk.told_late");
    phone.act(risk(&["L2"]), &[role::PHOTO_BEFORE]);
}

#[test]
fn a_time_that_had_passed_stays_missed_whatever_is_agreed_after_it() {
    let mut phone = Phone::of(VisitKind::Inspection);
    phone.depart();
    let until = plan(VisitKind::Inspection, phone.worker).window.expect("a window").until;
    phone.wait(until.0 - phone.stamp.wall_ms + 10 * MINUTE);
    let window = Window { from: until, until: Millis(until.0 + 60 * MINUTE) };
    phone.act(Command::Notify(Notified { channel: Channel::Phone, window }), &[]);
    phone.arrive();
    assert_eq!(item(&phone, "F1-3").0, ItemState::Unsatisfied);
    assert_eq!(item(&phone, "F1-4").0, ItemState::Unsatisfied);
    let absent = Absent {
        calls: vec![CallAttempt { at: Millis(MORNING), channel: Channel::Phone }],
        note_has_phone: true,
        next_window: None,
        place: nowhere(),
    };
    phone.act(Command::ReportAbsent(absent), &[role::PHOTO_LEAVE_NOTE]);
    assert_eq!(item(&phone, "F2-1").0, ItemState::Satisfied, "he was there at the time they agreed anew");
}

#[test]
fn a_delay_that_was_told_excuses_no_second_one() {
    let mut phone = Phone::of(VisitKind::Inspection);
    phone.depart();
    let later = Window { from: Millis(MORNING + 180 * MINUTE), until: Millis(MORNING + 240 * MINUTE) };
    let delayed = Delayed {
        channel: Channel::Phone,
        reason: DelayReason::Special,
        note: "上一户超时".into(),
        apologised: true,
        understood: true,
        new_window: later,
    };
    phone.act(Command::Delay(delayed), &[]);
    phone.depart();
    phone.wait(later.until.0 - phone.stamp.wall_ms + 10 * MINUTE);
    phone.arrive();
    assert_eq!(item(&phone, "F1-4").0, ItemState::Unsatisfied, "nothing was said of this one");
}

#[test]
fn each_assignment_has_its_lane_and_each_fact_goes_by_the_plan_its_worker_saw() {
    let (first, second) = (WorkerId(uuid(10)), WorkerId(uuid(11)));
    let mut office = Office::new();
    let mut visit = Visit::new(VisitId(uuid(4)), RuleBook::default());
    let assign = |assignee| Event::Assigned(Assigned { assignee, reason: None });
    fold(&mut visit, &office.says(0, Event::VisitScheduled(plan(VisitKind::Inspection, first))));
    fold(&mut visit, &office.says(1, assign(second)));
    fold(&mut visit, &office.says(2, assign(first)));
    let mut lanes = |worker: WorkerId, device: u128, basis: u64| {
        let mut phone = Phone::blank(worker, DeviceId(uuid(device)));
        phone.basis = basis;
        phone.forge(Event::Acknowledged(Default::default()), &[]);
        fold(&mut visit, &phone.facts[0]);
        let lane = visit.lanes().iter().find(|lane| lane.device == phone.device).expect("a lane");
        (lane.number, lane.violations.len())
    };
    assert_eq!(lanes(first, 20, 1), (1, 0));
    assert_eq!(lanes(first, 21, 2), (1, 0), "he may have seen the second plan, and holds his own lane");
    assert_eq!(lanes(first, 22, 3), (3, 0));
    assert_eq!(lanes(second, 23, 1), (0, 1), "not his when he saw it");
    assert_eq!(lanes(second, 24, 2), (2, 0));
    assert_eq!(lanes(second, 25, 9), (2, 0), "of a plan that is not known here, his last lane");
    assert_eq!(overview(&visit).lane, 3);
}

#[test]
fn two_office_writers_agree_on_one_plan() {
    let (first, second) = (WorkerId(uuid(10)), WorkerId(uuid(11)));
    let scheduled = Office::new().says(0, Event::VisitScheduled(plan(VisitKind::Inspection, first)));
    let mut other = Office { device: DeviceId(uuid(0)), seq: 40 };
    let moved = other.says(1, Event::Assigned(Assigned { assignee: second, reason: None }));
    for order in [[&scheduled, &moved], [&moved, &scheduled]] {
        let mut visit = Visit::new(VisitId(uuid(4)), RuleBook::default());
        order.into_iter().for_each(|fact| fold(&mut visit, fact));
        let board = overview(&visit);
        assert_eq!((board.plan_version, board.assignee, board.lane), (2, Some(second), 2));
    }
}

#[test]
fn an_accepted_quote_is_invoiced_by_the_office() {
    let mut phone = Phone::of(VisitKind::Repair);
    play_repair(&mut phone);
    let mut office = Office::new();
    let invoice =
        |revision| InvoiceRecorded { lane: 1, revision, number: "示例-0001".into(), issued_on: "2026-11-24".into() };
    fold(&mut phone.visit, &office.says(1, Event::InvoiceRecorded(invoice(1))));
    let states = |phone: &Phone| phone.view().quotes.iter().map(|quote| quote.state).collect::<Vec<_>>();
    assert_eq!(states(&phone), [QuoteState::Changed, QuoteState::Accepted]);
    fold(&mut phone.visit, &office.says(1, Event::InvoiceRecorded(invoice(2))));
    assert_eq!(states(&phone), [QuoteState::Changed, QuoteState::Invoiced]);
}

/// A paid repair whose line changes on the way: the golden one.
pub fn play_repair(phone: &mut Phone) {
    phone.act(Command::Acknowledge, &[]);
    phone.go_in();
    prepare(phone);
    phone.act(tell(&["L1"]), &[]);
    phone.act(show_list(), &[]);
    phone.act(draft(vec![line("L1", 10_000), line("L2", 0)], None), &[]);
    phone.sign(Purpose::Quote { revision: 1 });
    let risk = RiskTold { object: "旧接头".into(), text: "可能断裂".into(), lines: vec![] };
    phone.act(Command::TellRisk(risk), &[role::PHOTO_BEFORE]);
    phone.sign(Purpose::Consent { object: "旧接头".into() });
    phone.act(start(&["L1", "L2"]), &[]);
    phone.act(draft(vec![line("L1", 20_000), line("L2", 0)], Some("阀门改为 DN25")), &[]);
    phone.sign(Purpose::Quote { revision: 2 });
    phone.act(start(&["L1"]), &[]);
    phone.act(done(&["L1", "L2"]), &[]);
    phone.act(demonstrate(true), &[]);
    phone.act(Command::Explain(Explained { text: "顺时针关闭".into() }), &[]);
    phone.sign(Purpose::Acceptance);
    phone.complete(Outcome::Done);
}

/// Work before the quote was signed, as no phone of ours would do it.
pub fn play_forged(phone: &mut Phone) {
    phone.go_in();
    phone.act(draft(vec![line("L1", 10_000)], None), &[]);
    let Command::StartWork(work) = start(&["L1"]) else { unreachable!("it starts") };
    phone.forge(Event::WorkStarted(work), &[]);
    phone.forge(Event::parse("visit.teleported", "{}"), &[]);
    phone.forge(Event::Signed(phone.signature(Purpose::Acceptance)), PEN);
}

/// All items, one hazard of the resident's own.
pub fn play_inspection(phone: &mut Phone) {
    phone.go_in();
    for item in &Rules::builtin().inspection.items {
        let hazard = (item.id == "own.radiator").then(|| Hazard {
            description: "锈蚀渗漏".into(),
            owner: FixtureOwner::Own,
            level: "一般".into(),
            advice: "更换散热器".into(),
            deadline: Some("2026-12-01".into()),
        });
        let result = if hazard.is_some() { FindingResult::Abnormal } else { FindingResult::Normal };
        let roles: &[&str] = if hazard.is_some() { &[role::PHOTO_HAZARD] } else { &[] };
        phone.act(Command::RecordFinding(Finding { item: item.id.clone(), result, hazard, note: None }), roles);
    }
    phone.sign(Purpose::Notice);
    phone.complete(Outcome::Done);
}

/// On time, nobody there, a note with a telephone number, the next time agreed.
pub fn play_absent(phone: &mut Phone) {
    phone.depart();
    phone.wait(65 * MINUTE);
    phone.arrive();
    let absent = Absent {
        calls: vec![CallAttempt { at: Millis(MORNING + 5 * MINUTE), channel: Channel::Phone }],
        note_has_phone: true,
        next_window: Some(Window { from: Millis(MORNING + 1440 * MINUTE), until: Millis(MORNING + 1500 * MINUTE) }),
        place: nowhere(),
    };
    phone.act(Command::ReportAbsent(absent), &[role::PHOTO_LEAVE_NOTE]);
    phone.complete(Outcome::Absent);
}
