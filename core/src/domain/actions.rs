//! What may be done next, and what stands in its way by which clause. Asked from here by every screen, worked out by
//! none.

use super::judge::{
    absent_blocks, arrive_blocks, complete_blocks, delay_blocks, depart_blocks, enter_blocks, out_of_order,
};
use super::judge_measurement::freeze_blocks;
use super::judge_repair::{demonstrate_blocks, line_blocks};
use super::judge_signature::sign_blocks;
use super::kind::{Outcome, VisitKind};
use super::lane::Lane;
use super::measuring::assess;
use super::repair::is_paid;
use super::role;
use super::rules::{Gate, Source};
use super::scene::Scene;
use super::signature::Purpose;
use super::units::DeciCelsius;
use super::view::{Action, ItemState, NextAction};
use crate::error::Refusal;

struct List<'a> {
    scene: &'a Scene<'a>,
    actions: Vec<NextAction>,
}

impl List<'_> {
    fn push(&mut self, action: Action, subject: Option<String>, wanted: bool, blocks: Vec<Refusal>) {
        let (zh, en) = label(action);
        self.actions.push(NextAction { action, subject, zh: zh.into(), en: en.into(), wanted, blocks });
    }

    fn want(&mut self, action: Action, wanted: bool) {
        self.push(action, None, wanted, Vec::new());
    }

    fn sign(&mut self, action: Action, purpose: &Purpose, subject: Option<String>) {
        let scene = self.scene;
        let blocks = sign_blocks(&scene.lane, &scene.evidence(), scene.rules, purpose, false);
        self.push(action, subject, true, blocks);
    }

    fn complete(&mut self, action: Action, outcome: Outcome, wanted: bool) {
        let scene = self.scene;
        // Who closes as absent says the next time with it.
        let blocks = complete_blocks(&scene.lane, &scene.evidence(), scene.rules, outcome, outcome == Outcome::Absent);
        self.push(action, None, wanted, blocks);
    }

    /// Whether ticks are open that block `gate`, or any if none is named.
    fn has_open_ticks(&self, gate: Option<Gate>) -> bool {
        let evidence = self.scene.evidence();
        let kind = evidence.kind();
        self.scene.rules.items.iter().any(|item| {
            item.is_tickable()
                && gate.is_none_or(|gate| item.blocks(gate, kind))
                && evidence.standing(item).state == ItemState::Unrated
        })
    }
}

/// All acts of the stage the lane is in; what is wanted first, each in the order of the visit.
pub(super) fn next_actions(scene: &Scene<'_>) -> Vec<NextAction> {
    let lane = &scene.lane;
    let mut list = List { scene, actions: Vec::new() };
    let moved = scene.visit.is_moved(lane.number);
    if lane.completed.is_some() || scene.plan.is_none() || (moved && lane.departed.is_none()) {
        return Vec::new();
    }
    if lane.is_indoors() {
        indoors(&mut list);
    } else if lane.arrived.is_some() {
        at_the_door(&mut list);
    } else {
        on_the_way(&mut list);
    }
    list.actions.sort_by_key(|action| !action.wanted);
    list.actions
}

fn on_the_way(list: &mut List<'_>) {
    let scene = list.scene;
    let lane: &Lane = &scene.lane;
    let evidence = scene.evidence();
    let appointment = scene.rules.items.iter().find(|item| item.source == Source::Appointment);
    let agreed = appointment.is_none_or(|item| evidence.standing(item).passes);
    if lane.departed.is_none() {
        if !lane.acknowledged {
            list.want(Action::Acknowledge, true);
        }
        list.want(Action::Notify, !agreed);
        list.want(Action::AnswerItems, list.has_open_ticks(Some(Gate::Depart)));
        let mut blocks = depart_blocks(lane, &evidence, scene.rules);
        blocks.extend(scene.worker_gaps());
        list.push(Action::Depart, None, true, blocks);
    } else {
        list.push(Action::Arrive, None, true, arrive_blocks(lane));
    }
    if delay_blocks(lane, &evidence, &scene.context.now.interval()).is_empty() {
        list.want(Action::Delay, false);
    }
    list.complete(Action::CompleteNotDone, Outcome::NotDone, false);
}

fn at_the_door(list: &mut List<'_>) {
    let scene = list.scene;
    let lane: &Lane = &scene.lane;
    list.push(Action::Enter, None, lane.absent.is_none() && lane.entry.is_none(), enter_blocks(lane));
    let refused = lane.entry.is_some();
    if refused {
        list.complete(Action::CompleteRefusedEntry, Outcome::RefusedEntry, true);
    } else {
        if lane.absent.is_none() {
            let blocks = absent_blocks(lane, &scene.context.now.interval());
            list.push(Action::ReportAbsent, None, false, blocks);
        } else {
            if !lane.has_photo(role::PHOTO_LEAVE_NOTE) {
                list.push(Action::Photograph, Some(role::PHOTO_LEAVE_NOTE.into()), true, Vec::new());
            }
            list.complete(Action::CompleteAbsent, Outcome::Absent, true);
        }
    }
    list.want(Action::AnswerItems, false);
    list.want(Action::Photograph, false);
    list.complete(Action::CompleteNotDone, Outcome::NotDone, false);
}

fn indoors(list: &mut List<'_>) {
    let kind = list.scene.evidence().kind();
    let measures = kind == Some(VisitKind::Measurement);
    let repairs = matches!(kind, Some(VisitKind::Repair | VisitKind::Suspension | VisitKind::Restoration));
    if repairs {
        repair(list, kind == Some(VisitKind::Repair));
    }
    if kind == Some(VisitKind::Inspection) {
        inspection(list);
    }
    measurement(list, measures);
    list.want(Action::AnswerItems, false);
    list.want(Action::Photograph, false);
    list.complete(Action::CompleteDone, Outcome::Done, true);
    list.complete(Action::CompleteNotDone, Outcome::NotDone, false);
}

fn measurement(list: &mut List<'_>, wanted: bool) {
    let scene = list.scene;
    let lane: &Lane = &scene.lane;
    let has_room = lane.rooms.iter().any(|access| access.permitted);
    list.want(Action::EnterRoom, wanted && !has_room);
    let Some(run) = &lane.measuring.run else {
        list.want(Action::StartMeasurement, wanted);
        return;
    };
    let protocol = scene.rules.protocol(&run.started.protocol);
    let mut all_complete = !run.readings.is_empty();
    for access in lane.rooms.iter().filter(|access| access.permitted) {
        let readings = run.of_room(&access.room.key);
        let value = protocol.and_then(|protocol| assess(&readings, protocol, DeciCelsius(0)).value);
        all_complete &= value.is_some();
        list.push(Action::TakeReading, Some(access.room.key.clone()), run.open && value.is_none(), Vec::new());
    }
    if run.open {
        list.push(Action::FreezeMeasurement, None, all_complete, freeze_blocks(lane));
    }
    if lane.measuring.current().is_some_and(|frozen| frozen.verdict.is_none()) {
        list.sign(Action::SignMeasurement, &Purpose::Measurement, None);
    }
    if lane.measuring.current().is_some() {
        list.want(Action::Dispute, false);
    }
    if !run.open {
        list.want(Action::StartMeasurement, false);
    }
}

fn repair(list: &mut List<'_>, full: bool) {
    let scene = list.scene;
    let lane: &Lane = &scene.lane;
    let repair = &lane.repair;
    let evidence = scene.evidence();
    let accepted = repair.accepted.is_some();
    if lane.problem.is_none() {
        list.want(Action::DescribeProblem, full);
    }
    if !lane.has_photo(role::PHOTO_FLOOR) {
        list.want(Action::ProtectFloor, full);
    }
    if lane.instruction.is_none() {
        list.want(Action::OpenInstruction, full);
    }
    if lane.is_emergency(scene.plan) && repair.work_on(None).is_none() && !accepted {
        let blocks = repair.unconsented(None).map(|_| sign_first()).into_iter().collect();
        list.push(Action::StartWork, None, repair.quotes.is_empty(), blocks);
    }
    let latest = repair.quotes.last().filter(|shown| shown.verdict.is_none());
    let owes_telling = latest.is_some_and(|shown| repair.untold(&shown.quote).next().is_some());
    let owes_list = latest.is_some_and(|shown| !repair.list_shown(&shown.quote));
    if !accepted {
        list.want(Action::TellCharge, owes_telling);
        list.want(Action::ShowPriceList, owes_list);
        list.want(Action::ShowQuote, full && repair.quotes.is_empty() && !repair.has_work());
        list.want(Action::TellRisk, false);
    }
    if let Some(shown) = latest.filter(|shown| shown.quote.lines.iter().any(is_paid)) {
        let revision = shown.quote.revision;
        list.sign(Action::SignQuote, &Purpose::Quote { revision }, Some(revision.to_string()));
    }
    for risk in repair.risks.iter().filter(|risk| risk.verdict.is_none()) {
        let object = risk.risk.object.clone();
        list.sign(Action::SignConsent, &Purpose::Consent { object: object.clone() }, Some(object));
    }
    let lines = repair.standing().map_or(&[][..], |shown| &shown.quote.lines);
    for line in lines {
        match repair.work_on(Some(&line.line)) {
            None if !accepted => {
                let mut blocks = evidence.gate(scene.rules, Gate::Work, &[]);
                blocks.extend(line_blocks(repair, &line.line));
                list.push(Action::StartWork, Some(line.line.clone()), true, blocks);
            }
            Some(work) if work.done.is_none() => {
                list.push(Action::FinishWork, Some(line.line.clone()), true, Vec::new());
            }
            _ => {}
        }
    }
    if repair.work_on(None).is_some_and(|work| work.done.is_none()) {
        list.want(Action::FinishWork, true);
    }
    if repair.has_work() && !accepted {
        let shown = repair.is_demonstrated();
        list.push(Action::Demonstrate, None, !shown && !repair.is_underway(), demonstrate_blocks(repair));
        list.want(Action::Explain, repair.explained.is_none() && !repair.is_underway());
        list.sign(Action::SignAcceptance, &Purpose::Acceptance, None);
    }
}

fn sign_first() -> Refusal {
    out_of_order("F.9", "操作可能损坏物件，须先由热用户签字认可", "the resident must consent to the risk first")
}

fn inspection(list: &mut List<'_>) {
    let scene = list.scene;
    let lane: &Lane = &scene.lane;
    for item in &scene.rules.inspection.items {
        if !lane.findings.iter().any(|(finding, _)| finding.item == item.id) {
            list.push(Action::RecordFinding, Some(item.id.clone()), item.required, Vec::new());
        }
    }
    if lane.own_hazards().next().is_some() && lane.standing_mark(&Purpose::Notice).is_none() {
        list.sign(Action::SignNotice, &Purpose::Notice, None);
    }
}

/// What an act is called on a button.
fn label(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Acknowledge => ("接单", "Acknowledge"),
        Action::Notify => ("联系热用户并约定时间", "Contact and agree a time"),
        Action::Delay => ("不能按时，致歉并改约", "Tell a delay"),
        Action::AnswerItems => ("自查", "Self-check"),
        Action::Depart => ("出发", "Depart"),
        Action::Arrive => ("到达", "Arrive"),
        Action::ReportAbsent => ("热用户不在家", "Nobody there"),
        Action::Enter => ("敲门入户", "Enter"),
        Action::EnterRoom => ("进入房间", "Enter a room"),
        Action::StartMeasurement => ("开始测温", "Start measuring"),
        Action::TakeReading => ("读数", "Take a reading"),
        Action::FreezeMeasurement => ("锁定测温结果", "Freeze the measurement"),
        Action::DescribeProblem => ("记录热用户反映的问题", "Write down the problem"),
        Action::ProtectFloor => ("做好地面和墙面防护", "Protect floor and wall"),
        Action::OpenInstruction => ("查看维修作业指导", "Open the work instruction"),
        Action::TellCharge => ("告知需要收费", "Tell the charge"),
        Action::ShowPriceList => ("出示收费标准", "Show the price list"),
        Action::ShowQuote => ("出示报价", "Show a quote"),
        Action::TellRisk => ("告知损坏风险", "Tell a risk"),
        Action::StartWork => ("开工", "Start work"),
        Action::FinishWork => ("完工", "Finish work"),
        Action::Demonstrate => ("当面演示", "Demonstrate"),
        Action::Explain => ("说明使用事项", "Explain the use"),
        Action::RecordFinding => ("记录巡检项", "Record an item"),
        Action::Dispute => ("登记热用户异议", "Record a dispute"),
        Action::Photograph => ("拍照", "Take a photo"),
        Action::SignMeasurement => ("热用户签字确认测温", "Sign the measurement"),
        Action::SignQuote => ("热用户签字确认报价", "Sign the quote"),
        Action::SignConsent => ("热用户签字认可风险", "Sign consent"),
        Action::SignAcceptance => ("热用户签字验收", "Sign acceptance"),
        Action::SignNotice => ("热用户签收隐患告知", "Sign for the notice"),
        Action::CompleteDone => ("结束服务", "Complete"),
        Action::CompleteAbsent => ("按到访不遇结束", "Close as absent"),
        Action::CompleteRefusedEntry => ("按拒绝入户结束", "Close as entry refused"),
        Action::CompleteNotDone => ("未完成结束", "Close as not done"),
    }
}
