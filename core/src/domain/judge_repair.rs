//! The rules of repair: what must come before work, before its end and before its acceptance (F.8–F.12, 5.5.3).

use super::checklist::Evidence;
use super::event::Event;
use super::judge::{Case, indoors, out_of_order, photo, said};
use super::lane::Lane;
use super::quote::QuoteShown;
use super::repair::{LineStanding, QuoteRevision, Repair, Verdict, adds_up};
use super::role;
use super::rules::{Gate, Rules};
use super::worker_event::{RiskTold, WorkDone, WorkStarted};
use crate::error::Refusal;

pub(super) fn judge(case: &Case<'_>, event: &Event, faults: &mut Vec<Refusal>) {
    indoors(case, faults);
    match event {
        Event::ProblemDescribed(problem) => {
            said(&problem.text, "热用户反映的问题情况", "the problem", "F.5", faults);
        }
        Event::FloorProtected(_) => {
            photo(case, role::PHOTO_FLOOR, "F.6", ("地面和墙面防护照片", "the photo of the protection"), faults);
        }
        Event::InstructionOpened(opened) => {
            said(&opened.instruction, "维修作业指导", "the instruction", "F.8", faults);
            said(&opened.version, "作业指导版本", "its version", "F.8", faults);
        }
        Event::ChargeTold(told)
            if told.lines.is_empty() || told.lines.iter().any(|line| line.line.trim().is_empty()) =>
        {
            faults.push(Refusal::new("field.empty", "F.10", "请选择收费项目", "no line was named"));
        }
        Event::PriceListShown(shown) => {
            said(&shown.version, "收费标准版本", "the list's version", "F.10", faults);
            let planned = case.evidence.plan.and_then(|plan| plan.plan.price_list);
            if planned.is_some_and(|planned| planned != shown.price_list) {
                faults.push(not_in_force());
            }
        }
        Event::QuoteShown(quote) => show(case, quote, faults),
        Event::RiskTold(risk) => tell_risk(case, risk, faults),
        Event::WorkStarted(started) => start(case, started, faults),
        Event::WorkDone(done) => finish(case, done, faults),
        Event::Demonstrated(_) => faults.extend(demonstrate_blocks(&case.lane.repair)),
        Event::Explained(explained) => said(&explained.text, "使用事项", "what was explained", "F.12", faults),
        _ => {}
    }
}

fn not_in_force() -> Refusal {
    Refusal::new(
        "price_list.not_in_force",
        "F.10",
        "该收费标准不是本次服务执行的版本，请更新后重新出示",
        "this is not the price list in force for the visit",
    )
}

fn show(case: &Case<'_>, quote: &QuoteShown, faults: &mut Vec<Refusal>) {
    let repair = &case.lane.repair;
    if quote.lines.is_empty()
        || quote.lines.iter().any(|line| line.line.trim().is_empty() || line.name.trim().is_empty())
    {
        faults.push(Refusal::new("quote.empty", "F.10", "报价没有项目", "the quote has no lines"));
    }
    let mut names: Vec<&str> = quote.lines.iter().map(|line| line.line.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        faults.push(Refusal::new("quote.line_twice", "F.10", "报价中有重复的项目编号", "a line stands twice"));
    }
    let expected = repair.quotes.last().map_or(1, |last| last.quote.revision.saturating_add(1));
    if quote.revision != expected {
        faults.push(Refusal::new(
            "quote.revision",
            "F.10",
            "报价版本号不连续",
            format!("revision {expected} comes next"),
        ));
    }
    if expected > 1 && quote.change.as_ref().is_none_or(|change| change.trim().is_empty()) {
        faults.push(Refusal::new("quote.no_change_reason", "F.10", "请写明变更原因", "say why the quote changes"));
    }
    if !adds_up(quote) {
        faults.push(Refusal::new(
            "quote.sum_wrong",
            "F.10",
            "报价金额与明细不符",
            "the sums are not those of the lines",
        ));
    }
    let planned = case.evidence.plan.and_then(|plan| plan.plan.price_list);
    if planned.is_some_and(|planned| planned != quote.price_list) {
        faults.push(not_in_force());
    }
    let held = |quote: &QuoteShown, name: &str| quote.lines.iter().find(|line| line.line == name).cloned();
    for (name, at) in repair.work.iter().filter_map(|work| Some((work.line.as_deref()?, work.done?))) {
        // As it was done: the revision that stood then may have been refused since, for another line's price.
        let stood = |shown: &&QuoteRevision| {
            shown.seq < at && !matches!(shown.verdict, Some((Verdict::Refused, refused)) if refused < at)
        };
        let before = repair.quotes.iter().rev().filter(stood).find_map(|shown| held(&shown.quote, name));
        let after = held(quote, name);
        if after.is_none() || after != before {
            faults.push(Refusal::new(
                "quote.done_line_changed",
                "F.10",
                format!("项目 {name} 已完工，不能再更改报价；请另列新项目"),
                format!("line {name} is done; its quote can't change"),
            ));
        }
    }
    if matches!(repair.accepted, Some((Verdict::Signed, _))) {
        faults.push(after_acceptance());
    }
}

fn after_acceptance() -> Refusal {
    Refusal::new(
        "work.after_acceptance",
        "F.12",
        "热用户已签字验收，不能再施工或更改报价；请另行安排服务",
        "the resident has accepted; more work is another visit",
    )
}

fn tell_risk(case: &Case<'_>, risk: &RiskTold, faults: &mut Vec<Refusal>) {
    said(&risk.object, "可能损坏的物件", "the object", "F.9", faults);
    said(&risk.text, "风险说明", "what may happen", "F.9", faults);
    photo(case, role::PHOTO_BEFORE, "F.9", ("物件操作前照片", "the photo of the object before"), faults);
    if risk.lines.is_empty() && case.lane.repair.has_work() {
        faults.push(Refusal::new(
            "risk.told_late",
            "F.9",
            "已有项目开工，损坏风险应在操作前告知；请选择尚未开工的项目",
            "work has begun; name the lines, not yet begun, that the risk is of",
        ));
    }
    for line in &risk.lines {
        if case.lane.repair.work_on(Some(line)).is_some() {
            faults.push(Refusal::new(
                "risk.told_late",
                "F.9",
                format!("项目 {line} 已开工，损坏风险应在操作前告知；请变更报价另列项目"),
                format!("work on {line} has begun; the risk must be told before"),
            ));
        }
    }
}

fn start(case: &Case<'_>, started: &WorkStarted, faults: &mut Vec<Refusal>) {
    let repair = &case.lane.repair;
    if started.lines.is_empty() && started.emergency.is_none() {
        faults.push(Refusal::new("work.nothing", "F.10", "请选择开工项目", "no line was named"));
    }
    if matches!(repair.accepted, Some((Verdict::Signed, _))) {
        faults.push(after_acceptance());
    }
    if !started.lines.is_empty() {
        faults.extend(case.evidence.gate(case.rules, Gate::Work, &[]));
    }
    for line in &started.lines {
        faults.extend(line_blocks(repair, line));
    }
    if let Some(what) = &started.emergency {
        said(what, "应急处置内容", "what is being done", "5.8.3", faults);
        if !case.lane.is_emergency(case.evidence.plan) {
            faults.push(Refusal::new(
                "work.not_emergency",
                "F.10",
                "本次不是紧急诉求，须先报价再开工",
                "this is no emergency: quote before work",
            ));
        }
        if repair.work_on(None).is_some() {
            faults.push(out_of_order("F.10", "应急处置已开工", "emergency work has begun"));
        }
        faults.extend(risk_block(repair, None));
    }
}

fn risk_block(repair: &Repair, line: Option<&str>) -> Option<Refusal> {
    let risk = repair.unconsented(line)?;
    Some(Refusal::new(
        "risk.no_consent",
        "F.9",
        format!("操作可能损坏“{}”，须先由热用户签字认可", risk.risk.object),
        format!("work may damage {}: the resident must consent first", risk.risk.object),
    ))
}

/// What blocks beginning work on a line (F.9, F.10).
pub(super) fn line_blocks(repair: &Repair, line: &str) -> Vec<Refusal> {
    let mut blocks = Vec::new();
    if repair.work_on(Some(line)).is_some() {
        blocks.push(out_of_order("F.10", "该项目已开工", "work on the line has begun"));
    }
    match repair.line_standing(line) {
        LineStanding::Ready => {}
        LineStanding::Missing => blocks.push(Refusal::new(
            "quote.line_missing",
            "F.10",
            format!("项目 {line} 不在有效报价中，请先出示报价"),
            format!("line {line} is in no quote that stands"),
        )),
        LineStanding::Unsigned => blocks.push(Refusal::new(
            "quote.not_signed",
            "F.10",
            format!("项目 {line} 为收费项目，须先由热用户签字确认报价"),
            format!("line {line} is paid: the resident must sign the quote first"),
        )),
    }
    blocks.extend(risk_block(repair, Some(line)));
    blocks
}

fn finish(case: &Case<'_>, done: &WorkDone, faults: &mut Vec<Refusal>) {
    let repair = &case.lane.repair;
    if done.lines.is_empty() && !done.emergency {
        faults.push(Refusal::new("work.nothing", "F.10", "请选择完工项目", "no line was named"));
    }
    said(&done.result, "维修结果", "the result", "5.5.3", faults);
    let lines = done.lines.iter().map(|line| Some(line.as_str()));
    for line in lines.chain(done.emergency.then_some(None)) {
        match repair.work_on(line) {
            None => faults.push(Refusal::new(
                "work.not_started",
                "F.10",
                format!("项目 {} 尚未开工", line.unwrap_or("应急处置")),
                format!("work on {} has not begun", line.unwrap_or("the emergency")),
            )),
            Some(work) if work.done.is_some() => {
                faults.push(out_of_order("F.10", "该项目已完工", "the line is already done"));
            }
            Some(_) => {}
        }
    }
}

/// What blocks demonstrating: it comes after the last work (F.12).
pub(super) fn demonstrate_blocks(repair: &Repair) -> Vec<Refusal> {
    let mut blocks = Vec::new();
    if !repair.has_work() || repair.is_underway() {
        blocks.push(Refusal::new(
            "demonstration.work_open",
            "F.12",
            "全部项目完工后再当面演示",
            "demonstrate after all work is done",
        ));
    }
    blocks
}

/// What blocks signing, or refusing, acceptance.
pub(super) fn acceptance_blocks(lane: &Lane, evidence: &Evidence<'_>, rules: &Rules, refusing: bool) -> Vec<Refusal> {
    let repair = &lane.repair;
    let mut blocks = Vec::new();
    if !repair.has_work() || repair.is_underway() {
        blocks.push(Refusal::new("acceptance.work_open", "F.12", "还有项目未完工，不能验收", "some work is not done"));
    }
    if matches!(repair.accepted, Some((Verdict::Signed, _))) {
        blocks.push(Refusal::new("signature.twice", "F.12", "已签字验收", "already accepted"));
    }
    if !refusing {
        blocks.extend(evidence.gate(rules, Gate::Acceptance, &[]));
        blocks.extend(as_quoted_block(repair));
    }
    blocks
}

fn as_quoted_block(repair: &Repair) -> Option<Refusal> {
    (!repair.quotes.is_empty() && !repair.is_as_quoted()).then(|| {
        Refusal::new(
            "quote.lines_open",
            "F.10",
            "报价中还有未完工或未确认的项目；请完成，或变更报价后重新签字",
            "lines of the quote are open; finish them, or show and sign a new quote",
        )
    })
}

/// What blocks closing a repair as done.
pub(super) fn done_blocks(lane: &Lane, evidence: &Evidence<'_>, rules: &Rules) -> Vec<Refusal> {
    let repair = &lane.repair;
    let mut blocks = Vec::new();
    if !repair.has_work() {
        blocks.push(Refusal::new(
            "work.none",
            "5.5.3",
            "没有维修记录；未维修的请按未完成结束并写明原因",
            "nothing was repaired; close as not done, with the reason",
        ));
    } else if repair.is_underway() {
        blocks.push(Refusal::new("work.open", "F.10", "还有项目未完工", "some work is not done"));
    }
    blocks.extend(evidence.gate(rules, Gate::Close, &[]));
    blocks
}

/// What blocks closing as not done: work that is underway, or done and neither accepted nor refused nor shown to fail.
pub(super) fn unfinished_blocks(lane: &Lane) -> Vec<Refusal> {
    let repair = &lane.repair;
    let mut blocks = Vec::new();
    if repair.is_underway() {
        blocks.push(Refusal::new(
            "work.open",
            "F.10",
            "还有项目已开工未完工，请先登记完工情况",
            "some work is begun and not done; record how it ended",
        ));
    } else if repair.has_work() && repair.accepted.is_none() && !matches!(repair.demonstrated, Some((false, _))) {
        blocks.push(Refusal::new(
            "acceptance.missing",
            "F.12",
            "已完工的项目须由热用户签字验收，或记录拒签；确未修好的请先登记演示结果",
            "done work must be accepted or refused, or be shown not to work",
        ));
    }
    blocks
}
