//! The rules of order and of evidence, as both `check` and `fold` apply them: what an event would break, given what
//! the lane is before it. `check` refuses with the first of these, `fold` writes all of them down.

use super::checklist::{Evidence, item_refusal};
use super::event::Event;
use super::kind::{Outcome, VisitKind};
use super::lane::{Lane, counts};
use super::role;
use super::rules::{Gate, Rules, Source};
use super::window::Window;
use super::worker_event::{Absent, Completed, Delayed, Departed, Entered, ItemsAnswered, RoomEntered};
use super::{judge_measurement, judge_repair, judge_signature};
use crate::canon::envelope::BlobRef;
use crate::error::Refusal;
use crate::time::{DeadlineVerdict, Estimate};

/// One event under judgement.
pub(super) struct Case<'a> {
    /// The lane before it.
    pub lane: &'a Lane,
    /// What else is known.
    pub evidence: Evidence<'a>,
    /// The bundle it is judged by.
    pub rules: &'a Rules,
    /// Its files.
    pub blobs: &'a [BlobRef],
    /// When.
    pub when: Estimate,
}

/// Everything that the event breaks.
pub(super) fn judge(case: &Case<'_>, event: &Event) -> Vec<Refusal> {
    let mut faults = Vec::new();
    let lane = case.lane;
    if lane.completed.is_some() && !matches!(event, Event::Unmasked(_)) {
        faults.push(Refusal::new(
            "visit.closed",
            "",
            "本次服务已结束，不能再添加记录；需要更正请联系调度安排新的服务",
            "the visit is closed; ask the dispatcher for a new one",
        ));
    }
    match event {
        Event::Opened(_) => {
            if lane.opened.is_some() || lane.departed.is_some() {
                faults.push(Refusal::new("visit.opened_twice", "", "本次服务已经建立", "the visit is already open"));
            }
        }
        Event::Notified(notified) => {
            faults.extend(window_faults(notified.window));
            if lane.entry.is_some() {
                faults.push(out_of_order("F.1", "入户后不能再约定本次入户时间", "already at the open door"));
            }
        }
        Event::Delayed(delayed) => delay(case, delayed, &mut faults),
        Event::Acknowledged(_) | Event::Unmasked(_) => {}
        Event::Departed(departed) => depart(case, departed, &mut faults),
        Event::Arrived(_) => faults.extend(arrive_blocks(lane)),
        Event::Absent(absent) => report_absent(case, absent, &mut faults),
        Event::Entered(entered) => enter(case, entered, &mut faults),
        Event::ItemsAnswered(answered) => answers(case, answered, &mut faults),
        Event::Photographed(photographed) => {
            if !role::PHOTOS.contains(&photographed.role.as_str())
                || !case.blobs.iter().any(|blob| blob.role == photographed.role)
            {
                faults.push(missing_photo("", "照片", "the photo"));
            }
        }
        Event::RoomEntered(entered) => {
            indoors(case, &mut faults);
            room(entered, &mut faults);
        }
        Event::MeasurementStarted(started) => judge_measurement::start(case, started, &mut faults),
        Event::ReadingTaken(reading) => judge_measurement::reading(case, reading, &mut faults),
        Event::MeasurementFrozen(frozen) => judge_measurement::freeze(case, frozen, &mut faults),
        Event::Disputed(disputed) => judge_measurement::dispute(case, disputed, &mut faults),
        Event::FindingRecorded(finding) => judge_signature::finding(case, finding, &mut faults),
        Event::Signed(signed) => judge_signature::signed(case, signed, false, &mut faults),
        Event::NoticeReceived(signed) => judge_signature::signed(case, signed, true, &mut faults),
        Event::SignatureRefused(refused) => judge_signature::refused(case, refused, &mut faults),
        Event::Completed(completed) => complete(case, completed, &mut faults),
        Event::Unknown { kind } => faults.push(Refusal::new(
            "event.unknown",
            "",
            format!("未知记录类型 {kind}，已原样保存"),
            format!("unknown kind {kind}; kept as it is"),
        )),
        Event::Unreadable { kind, why } => faults.push(Refusal::new(
            "event.unreadable",
            "",
            format!("记录 {kind} 无法读取（{why}），已原样保存"),
            format!("{kind} can't be read ({why}); kept as it is"),
        )),
        event if event.is_office() => faults.push(Refusal::new(
            "event.not_the_workers",
            "",
            "调度记录不能由现场设备产生，已保存但不生效",
            "an office event from a worker's log; kept without effect",
        )),
        event => judge_repair::judge(case, event, &mut faults),
    }
    faults
}

/// Nothing indoors before permission to enter (F.3).
pub(super) fn indoors(case: &Case<'_>, faults: &mut Vec<Refusal>) {
    if !case.lane.is_indoors() {
        faults.extend(case.evidence.gate(case.rules, Gate::Indoors, &[]));
    }
}

/// A text that must say something.
pub(super) fn said(text: &str, what_zh: &str, what_en: &str, clause: &str, faults: &mut Vec<Refusal>) {
    if text.trim().is_empty() {
        faults.push(Refusal::new(
            "field.empty",
            clause,
            format!("请填写{what_zh}"),
            format!("{what_en} must not be empty"),
        ));
    }
}

/// A photo that must come with the act.
pub(super) fn photo(case: &Case<'_>, role: &str, clause: &str, what: (&str, &str), faults: &mut Vec<Refusal>) {
    if !case.blobs.iter().any(|blob| blob.role == role) {
        faults.push(missing_photo(clause, what.0, what.1));
    }
}

fn missing_photo(clause: &str, zh: &str, en: &str) -> Refusal {
    Refusal::new("photo.missing", clause, format!("缺少{zh}，请拍照后再提交"), format!("{en} is missing"))
}

/// A step out of its order.
pub(super) fn out_of_order(clause: &str, zh: &str, en: &str) -> Refusal {
    Refusal::new("order.wrong", clause, zh, en)
}

/// An agreed time whose ends are in the wrong order.
pub(super) fn window_faults(window: Window) -> Option<Refusal> {
    (!window.is_ordered()).then(|| {
        Refusal::new(
            "window.disordered",
            "F.1",
            "约定时间的开始晚于结束，请重新选择",
            "the window ends before it begins",
        )
    })
}

fn delay(case: &Case<'_>, delayed: &Delayed, faults: &mut Vec<Refusal>) {
    faults.extend(window_faults(delayed.new_window));
    said(&delayed.note, "不能按时的原因", "the reason", "F.1", faults);
    faults.extend(delay_blocks(case.lane, &case.evidence, &case.when));
}

/// What blocks telling a delay: nothing agreed, already indoors, or the agreed time has begun.
pub(super) fn delay_blocks(lane: &Lane, evidence: &Evidence<'_>, when: &Estimate) -> Vec<Refusal> {
    let mut blocks = Vec::new();
    if lane.entry.is_some() || lane.absent.is_some() {
        blocks.push(out_of_order("F.1", "已到访，不能再登记延误", "already there"));
    }
    match lane.window(evidence.plan) {
        None => blocks.push(Refusal::new(
            "delay.no_appointment",
            "F.1",
            "尚未约定入户时间，无需登记延误",
            "no time was agreed that could be missed",
        )),
        Some(window) if when.lo >= window.from => blocks.push(Refusal::new(
            "delay.too_late",
            "F.1",
            "应在约定时间之前致歉说明；约定时间已到，本次按未按时记录",
            "a delay must be told before the agreed time begins",
        )),
        Some(_) => {}
    }
    blocks
}

fn depart(case: &Case<'_>, departed: &Departed, faults: &mut Vec<Refusal>) {
    faults.extend(depart_blocks(case.lane, &case.evidence, case.rules));
    let kind = case.evidence.kind();
    if !departed.tools_checked {
        let tools = |item: &&super::rules::Item| item.source == Source::Tools && item.blocks(Gate::Depart, kind);
        faults.extend(case.rules.items.iter().filter(tools).map(item_refusal));
    }
}

/// What blocks departure, but for what the act itself says.
pub(super) fn depart_blocks(lane: &Lane, evidence: &Evidence<'_>, rules: &Rules) -> Vec<Refusal> {
    let mut blocks = evidence.gate(rules, Gate::Depart, &[Source::Tools]);
    if lane.departed.is_some() {
        blocks.push(out_of_order("F.1", "已经出发", "already on the way"));
    }
    blocks
}

/// What blocks arrival.
pub(super) fn arrive_blocks(lane: &Lane) -> Vec<Refusal> {
    let mut blocks = Vec::new();
    if lane.departed.is_none() {
        blocks.push(Refusal::new("order.not_departed", "F.1", "请先登记出发", "depart first"));
    }
    if lane.arrived.is_some() {
        blocks.push(out_of_order("F.1", "已经登记到达", "already arrived"));
    }
    blocks
}

fn report_absent(case: &Case<'_>, absent: &Absent, faults: &mut Vec<Refusal>) {
    faults.extend(absent_blocks(case.lane, &case.when));
    if absent.calls.is_empty() {
        faults.push(Refusal::new(
            "absent.no_call",
            "F.2",
            "请先设法联系热用户，并登记联系时间",
            "try to reach the resident first and record the attempt",
        ));
    }
    faults.extend(absent.next_window.and_then(window_faults));
}

/// What blocks reporting nobody there: it is open only to who came on time (F.2 如按时入户).
pub(super) fn absent_blocks(lane: &Lane, when: &Estimate) -> Vec<Refusal> {
    let mut blocks = Vec::new();
    let Some((moment, window)) = &lane.arrived else {
        blocks.push(Refusal::new("order.not_arrived", "F.2", "请先登记到达", "arrive first"));
        return blocks;
    };
    if lane.is_indoors() {
        blocks.push(out_of_order("F.2", "已入户，不能登记到访不遇", "already let in"));
    }
    if let Some(window) = window {
        if moment.interval().against(window.until) == DeadlineVerdict::Missed {
            blocks.push(Refusal::new(
                "absent.not_on_time",
                "F.2",
                "未按约定时间到达，不能登记到访不遇；请联系热用户重新约定",
                "not there on time: this is no absence; agree a new time",
            ));
        }
        if when.hi < window.from {
            blocks.push(Refusal::new(
                "absent.too_early",
                "F.2",
                "约定时间未到，请等到约定时间再登记到访不遇",
                "the agreed time has not begun",
            ));
        }
    }
    blocks
}

fn enter(case: &Case<'_>, entered: &Entered, faults: &mut Vec<Refusal>) {
    faults.extend(enter_blocks(case.lane));
    if entered.permitted {
        let mut missing = case.evidence.gate(case.rules, Gate::Enter, &[Source::ShoeCovers]);
        if !entered.shoe_covers {
            let kind = case.evidence.kind();
            let covers =
                |item: &&super::rules::Item| item.source == Source::ShoeCovers && item.blocks(Gate::Enter, kind);
            missing.extend(case.rules.items.iter().filter(covers).map(item_refusal));
        }
        faults.extend(missing);
    }
}

/// What blocks entering.
pub(super) fn enter_blocks(lane: &Lane) -> Vec<Refusal> {
    let mut blocks = Vec::new();
    if lane.arrived.is_none() {
        blocks.push(Refusal::new("order.not_arrived", "F.3", "请先登记到达", "arrive first"));
    }
    if lane.is_indoors() {
        blocks.push(out_of_order("F.3", "已经入户", "already let in"));
    }
    blocks
}

fn answers(case: &Case<'_>, answered: &ItemsAnswered, faults: &mut Vec<Refusal>) {
    for answer in &answered.answers {
        let item = case.rules.item(&answer.item);
        if counts(item, answer) {
            continue;
        }
        faults.push(match item {
            None => Refusal::new(
                "item.unknown",
                "",
                format!("检查项 {} 不在规则中", answer.item),
                format!("item {} is not in the rules", answer.item),
            ),
            Some(item) if item.source == Source::Other => Refusal::new(
                "item.not_own",
                item.clause.as_str(),
                format!("“{}”由热用户、回访或班组长评价，不能自证", item.zh),
                format!("{} is for others to say", item.id),
            ),
            Some(item) if !item.is_tickable() => Refusal::new(
                "item.derived",
                item.clause.as_str(),
                format!("“{}”由系统根据记录得出，不能手工勾选", item.zh),
                format!("{} is derived and never ticked", item.id),
            ),
            Some(item) => Refusal::new(
                "item.no_ground",
                item.clause.as_str(),
                format!("“{}”选择不适用时须写明理由", item.zh),
                format!("{} may be not applicable only on a ground", item.id),
            ),
        });
    }
    if answered.answers.is_empty() {
        faults.push(Refusal::new("field.empty", "", "没有可保存的检查项", "nothing was answered"));
    }
}

fn room(entered: &RoomEntered, faults: &mut Vec<Refusal>) {
    said(&entered.room.key, "房间", "the room's key", "F.3", faults);
    said(&entered.room.label, "房间名称", "the room's label", "F.3", faults);
}

fn complete(case: &Case<'_>, completed: &Completed, faults: &mut Vec<Refusal>) {
    faults.extend(completed.next_window.and_then(window_faults));
    let next_agreed = completed.next_window.is_some();
    faults.extend(complete_blocks(case.lane, &case.evidence, case.rules, completed.outcome, next_agreed));
    if completed.outcome != Outcome::Done && completed.outcome != Outcome::Absent {
        said(completed.reason.as_deref().unwrap_or_default(), "未完成的原因", "the reason", "", faults);
    }
}

/// What blocks closing with `outcome`.
pub(super) fn complete_blocks(
    lane: &Lane,
    evidence: &Evidence<'_>,
    rules: &Rules,
    outcome: Outcome,
    next_agreed: bool,
) -> Vec<Refusal> {
    let mut blocks = Vec::new();
    match outcome {
        Outcome::Absent => {
            if lane.absent.is_none() {
                blocks.push(Refusal::new(
                    "order.no_absence",
                    "F.2",
                    "请先登记热用户不在家及联系经过",
                    "report first that nobody is there",
                ));
            }
            if lane.is_indoors() {
                blocks.push(out_of_order("F.2", "已入户，不能按到访不遇结束", "already let in"));
            }
            let given: &[Source] = if next_agreed { &[Source::NextWindow] } else { &[] };
            blocks.extend(evidence.gate(rules, Gate::CloseAbsent, given));
        }
        Outcome::RefusedEntry => {
            if lane.entry.is_none() || lane.is_indoors() {
                blocks.push(Refusal::new(
                    "order.no_refused_entry",
                    "F.3",
                    "请先登记热用户未允许进门",
                    "record first that entry was not permitted",
                ));
            }
        }
        Outcome::NotDone => blocks.extend(judge_repair::unfinished_blocks(lane)),
        Outcome::Done => {
            if lane.is_indoors() {
                blocks.extend(done_blocks(lane, evidence, rules));
            } else {
                blocks.extend(evidence.gate(rules, Gate::Indoors, &[]));
            }
        }
    }
    blocks
}

fn done_blocks(lane: &Lane, evidence: &Evidence<'_>, rules: &Rules) -> Vec<Refusal> {
    let mut blocks = Vec::new();
    let kind = evidence.kind();
    if lane.repair.has_work() || matches!(kind, Some(VisitKind::Repair)) {
        blocks.extend(judge_repair::done_blocks(lane, evidence, rules));
    }
    if kind == Some(VisitKind::Measurement) || lane.measuring.run.is_some() {
        blocks.extend(judge_measurement::done_blocks(lane));
    }
    if kind == Some(VisitKind::Inspection) {
        blocks.extend(judge_signature::inspection_blocks(lane, rules));
    }
    blocks.extend(judge_signature::notice_blocks(lane));
    blocks
}
