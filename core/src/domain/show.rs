//! Showing: a visit as a screen reads it. Everything here is derived; nothing is decided that judging does not decide.

use super::actions::next_actions;
use super::context::Context;
use super::event::Fact;
use super::kind::{Outcome, VisitKind};
pub use super::labels::event_label;
use super::lane::{Lane, Moment};
use super::measurement::{MeasurementPurpose, Reading, RoomVerdict};
use super::measuring::{assess, qualified, verdict};
use super::office_event::LateDecision;
use super::quote::QuoteLine;
use super::repair::{Repair, Verdict};
use super::scene::Scene;
use super::signature::Purpose;
use super::tasks;
use super::units::DeciCelsius;
use super::view::{
    FrozenState, InspectionItemView, LaneView, MeasurementView, MomentView, PhotoView, Punctuality, QuoteState,
    QuoteView, RiskView, RoomView, SignatureView, TimelineEntry, VisitOverview, VisitState, VisitView, WorkState,
    WorkView,
};
use super::visit::Visit;
use crate::error::Refusal;
use crate::time::{Estimate, Millis};

/// The visit in one lane. Where several logs wrote in it, the context's device says which; else the furthest.
pub fn view(visit: &Visit, lane: u64, context: &Context) -> VisitView {
    let scene = Scene::new(visit, lane, context);
    let lane: &Lane = &scene.lane;
    let evidence = scene.evidence();
    let plan = scene.plan.map(|version| &version.plan);
    let known = lane.count > 0;
    VisitView {
        visit: visit.id(),
        kind: evidence.kind(),
        household: plan.map(|plan| plan.household).or_else(|| lane.opened.as_ref().map(|opened| opened.household)),
        emergency: lane.is_emergency(scene.plan),
        scope: plan.map_or_else(String::new, |plan| plan.scope.clone()),
        note: plan.and_then(|plan| plan.note.clone()),
        window: lane.agreed_window(scene.plan).or_else(|| plan.and_then(|plan| plan.window)),
        price_list: plan.and_then(|plan| plan.price_list),
        protocol: plan.and_then(|plan| plan.protocol.clone()),
        agreed: scene.agreed(),
        plan_version: visit.plan().version(),
        lane: lane.number,
        worker: if known { Some(lane.worker) } else { visit.plan().assignee_of(lane.number) },
        device: known.then_some(lane.device),
        state: state(visit, lane),
        outcome: lane.outcome(),
        reassigned: visit.is_moved(lane.number),
        late: visit.is_late(lane),
        late_decision: visit.late_decision(lane.number),
        cancelled: visit.plan().current().and_then(|version| version.cancelled.clone()),
        handed_in: visit.handed_in(lane),
        departed: lane.departed.as_ref().map(|(moment, _)| moment_view(moment)),
        arrived: lane.arrived.as_ref().map(|(moment, _)| moment_view(moment)),
        entered: lane.entry.as_ref().filter(|(entry, _)| entry.permitted).map(|(_, moment)| moment_view(moment)),
        completed: lane.completed.as_ref().map(|(_, moment)| moment_view(moment)),
        punctuality: punctuality(lane),
        next_actions: next_actions(&scene),
        checklist: scene.rules.items.iter().map(|item| evidence.item(item)).collect(),
        rooms: rooms(&scene),
        measuring: lane.measuring.run.as_ref().is_some_and(|run| run.open),
        measurements: measurements(lane),
        quotes: quotes(visit, lane),
        work: work(&lane.repair),
        risks: risks(&lane.repair),
        problem: lane.problem.clone(),
        inspection: inspection(&scene),
        disputes: lane.disputes.iter().map(|(disputed, _)| disputed.clone()).collect(),
        signatures: signatures(lane),
        photos: photos(lane),
        tasks: tasks::of_lane(visit, lane),
        warnings: warnings(&scene),
        violations: lane.violations.clone(),
        timeline: timeline(visit, lane),
    }
}

/// The visit in a word: the board's row. Its state is that of the lane which is the result.
pub fn overview(visit: &Visit) -> VisitOverview {
    let current = visit.current_lane();
    let result = visit.result_lane();
    let plan = visit.plan().current();
    let mut lanes: Vec<LaneView> = visit
        .lanes()
        .iter()
        .map(|lane| LaneView {
            lane: lane.number,
            worker: Some(lane.worker),
            device: Some(lane.device),
            state: state(visit, lane),
            outcome: lane.outcome(),
            current: lane.number == current,
            late: visit.is_late(lane),
            decision: visit.late_decision(lane.number),
            chosen: lane.number == result && visit.lane(result).is_some_and(|chosen| chosen.device == lane.device),
            violations: lane.violations.len() as u64,
        })
        .collect();
    let mut assigned: Vec<u64> = visit.plan().versions.iter().map(|version| version.lane).filter(|n| *n > 0).collect();
    assigned.dedup();
    for number in assigned {
        if !lanes.iter().any(|lane| lane.lane == number) {
            lanes.push(LaneView {
                lane: number,
                worker: visit.plan().assignee_of(number),
                device: None,
                state: VisitState::Assigned,
                outcome: None,
                current: number == current,
                late: false,
                decision: None,
                chosen: number == result,
                violations: 0,
            });
        }
    }
    lanes.sort_by_key(|lane| (lane.lane, lane.device));
    let undecided = lanes.iter().any(|lane| lane.late && lane.decision.is_none());
    let chosen = visit.lane(result);
    VisitOverview {
        visit: visit.id(),
        kind: plan.map(|version| version.plan.kind),
        household: plan.map(|version| version.plan.household),
        emergency: plan.is_some_and(|version| version.plan.emergency),
        window: chosen
            .and_then(|lane| lane.agreed_window(plan))
            .or_else(|| plan.and_then(|version| version.plan.window)),
        assignee: plan.and_then(|version| version.plan.assignee),
        plan_version: visit.plan().version(),
        state: match chosen {
            Some(lane) if !taken_back(visit, lane) => state(visit, lane),
            Some(_) => VisitState::Cancelled,
            None => idle_state(visit, result),
        },
        lane: result,
        late_undecided: undecided,
        handed_in: chosen.and_then(|lane| visit.handed_in(lane)),
        violations: visit.lanes().iter().map(|lane| lane.violations.len() as u64).sum(),
        lanes,
        tasks: visit.lanes().iter().flat_map(|lane| tasks::of_lane(visit, lane)).collect(),
    }
}

/// The office took the visit back and has not said that what was done all the same is its result (I8).
fn taken_back(visit: &Visit, lane: &Lane) -> bool {
    let cancelled = visit.plan().current().is_some_and(|version| version.cancelled.is_some());
    let decided =
        visit.office().chosen == Some(lane.number) || visit.late_decision(lane.number) == Some(LateDecision::Primary);
    cancelled && !decided
}

fn idle_state(visit: &Visit, lane: u64) -> VisitState {
    let plan = visit.plan().current();
    if plan.is_some_and(|version| version.cancelled.is_some()) {
        VisitState::Cancelled
    } else if visit.plan().assignee_of(lane).is_some() {
        VisitState::Assigned
    } else {
        VisitState::Planned
    }
}

fn state(visit: &Visit, lane: &Lane) -> VisitState {
    match lane.outcome() {
        Some(Outcome::Done) => return VisitState::Done,
        Some(Outcome::Absent) => return VisitState::Absent,
        Some(Outcome::RefusedEntry) => return VisitState::RefusedEntry,
        Some(Outcome::NotDone) => return VisitState::NotDone,
        None => {}
    }
    let cancelled = visit.plan().current().is_some_and(|version| version.cancelled.is_some());
    if cancelled {
        VisitState::Cancelled
    } else if lane.is_indoors() {
        VisitState::Indoors
    } else if lane.arrived.is_some() {
        VisitState::Arrived
    } else if lane.departed.is_some() {
        VisitState::Departed
    } else if lane.acknowledged {
        VisitState::Acknowledged
    } else {
        idle_state(visit, lane.number)
    }
}

fn moment_view(moment: &Moment) -> MomentView {
    MomentView { op: moment.op, claimed: moment.claimed(), estimate: moment.estimate }
}

fn punctuality(lane: &Lane) -> Option<Punctuality> {
    let (moment, window) = lane.arrived.as_ref()?;
    let window = (*window)?;
    Some(Punctuality {
        window,
        claimed: Estimate::exact(moment.claimed()).against(window.until),
        estimated: moment.estimate.map(|estimate| estimate.against(window.until)),
        early: moment.interval().hi < window.from,
    })
}

fn rooms(scene: &Scene<'_>) -> Vec<RoomView> {
    let lane: &Lane = &scene.lane;
    let run = lane.measuring.run.as_ref();
    let protocol = run.and_then(|run| scene.rules.protocol(&run.started.protocol));
    let instrument = run.and_then(|run| {
        scene.context.instruments.iter().find(|known| known.id == run.started.instrument).map(|known| known.correction)
    });
    let frozen = lane.measuring.frozen.last().map(|frozen| frozen.summary.correction);
    let correction = instrument.or(frozen).unwrap_or(DeciCelsius(0));
    lane.rooms
        .iter()
        .map(|access| {
            let readings = run.map(|run| run.of_room(&access.room.key)).unwrap_or_default();
            let assessed = protocol.map(|protocol| assess(&readings, protocol, correction));
            let value = assessed.and_then(|assessed| assessed.value);
            let since_last = readings.last().map_or(0, |(_, stamp)| {
                let now = scene.context.now.stamp;
                if stamp.boot == now.boot { now.mono_ms.saturating_sub(stamp.mono_ms) } else { 0 }
            });
            let wait_ms = assessed.map_or(0, |assessed| assessed.wait_ms.saturating_sub(since_last));
            RoomView {
                room: access.room.clone(),
                permitted: access.permitted,
                readings: readings
                    .iter()
                    .map(|(value, stamp)| Reading { value: *value, at: Millis(stamp.wall_ms) })
                    .collect(),
                stable: assessed.is_some_and(|assessed| assessed.stable),
                complete: value.is_some(),
                wait_seconds: u32::try_from(wait_ms.div_ceil(1000)).unwrap_or(u32::MAX),
                value,
                verdict: verdict(access.room.kind, value, scene.agreed()),
            }
        })
        .collect()
}

fn measurements(lane: &Lane) -> Vec<MeasurementView> {
    let last = lane.measuring.frozen.len().saturating_sub(1);
    lane.measuring
        .frozen
        .iter()
        .enumerate()
        .map(|(at, frozen)| MeasurementView {
            sha: frozen.sha,
            summary: frozen.summary.clone(),
            state: if at < last {
                FrozenState::Superseded
            } else if frozen.void {
                FrozenState::Void
            } else {
                match frozen.verdict {
                    Some(Verdict::Signed) => FrozenState::Signed,
                    Some(Verdict::Refused) => FrozenState::Refused,
                    None => FrozenState::Frozen,
                }
            },
            qualified: qualified(&frozen.summary.rooms),
        })
        .collect()
}

fn quotes(visit: &Visit, lane: &Lane) -> Vec<QuoteView> {
    let repair = &lane.repair;
    let accepted = matches!(repair.accepted, Some((Verdict::Signed, _)));
    let standing = repair.standing().map(|shown| shown.seq);
    let view = |shown: &super::repair::QuoteRevision| {
        let stands = standing == Some(shown.seq);
        let state = match shown.verdict {
            Some((Verdict::Refused, _)) => QuoteState::Refused,
            _ if !stands => QuoteState::Changed,
            _ if accepted && visit.office().is_invoiced(lane.number, shown.quote.revision) => QuoteState::Invoiced,
            _ if accepted => QuoteState::Accepted,
            _ if repair.has_work() && repair.is_as_quoted() => QuoteState::WorkDone,
            Some((Verdict::Signed, _)) => QuoteState::Confirmed,
            None => QuoteState::Shown,
        };
        QuoteView { quote: shown.quote.clone(), sha: shown.sha, state }
    };
    repair.quotes.iter().map(view).collect()
}

fn work(repair: &Repair) -> Vec<WorkView> {
    let state = |line: Option<&str>| match repair.work_on(line) {
        None => WorkState::Open,
        Some(work) if work.done.is_none() => WorkState::Started,
        Some(_) => WorkState::Done,
    };
    let emergency =
        repair.emergency.as_ref().map(|what| WorkView { line: String::new(), name: what.clone(), state: state(None) });
    let quoted = repair.standing().into_iter().flat_map(|shown| &shown.quote.lines);
    let line = |line: &QuoteLine| WorkView {
        line: line.line.clone(),
        name: line.name.clone(),
        state: state(Some(&line.line)),
    };
    emergency.into_iter().chain(quoted.map(line)).collect()
}

fn risks(repair: &Repair) -> Vec<RiskView> {
    let view = |risk: &super::repair::Risk| RiskView {
        risk: risk.risk.clone(),
        consented: matches!(risk.verdict, Some((Verdict::Signed, _))),
        refused: matches!(risk.verdict, Some((Verdict::Refused, _))),
    };
    repair.risks.iter().map(view).collect()
}

fn inspection(scene: &Scene<'_>) -> Vec<InspectionItemView> {
    if scene.evidence().kind() != Some(VisitKind::Inspection) {
        return Vec::new();
    }
    let items = &scene.rules.inspection.items;
    let view = |item: &super::rules::InspectionItem| {
        let finding = scene.lane.findings.iter().find(|(finding, _)| finding.item == item.id).map(|(f, _)| f.clone());
        InspectionItemView {
            item: item.id.clone(),
            group: item.group.clone(),
            zh: item.zh.clone(),
            required: item.required,
            result: finding.as_ref().map(|finding| finding.result),
            finding,
        }
    };
    items.iter().map(view).collect()
}

fn signatures(lane: &Lane) -> Vec<SignatureView> {
    let last = |mark: &super::lane::Mark| lane.mark(&mark.purpose).is_some_and(|last| last.moment == mark.moment);
    let view = |mark: &super::lane::Mark| SignatureView {
        op: mark.moment.op,
        purpose: mark.purpose.clone(),
        signer: mark.signer.clone(),
        refused: mark.refused.clone(),
        witness: mark.witness.clone(),
        covers: mark.covers,
        record_sha: mark.record_sha,
        holds: last(mark) && lane.holds(mark) && !is_changed(lane, &mark.purpose),
        at: moment_view(&mark.moment),
    };
    lane.marks.iter().map(view).collect()
}

/// A quote's signature no longer holds once a later revision stands in its place.
fn is_changed(lane: &Lane, purpose: &Purpose) -> bool {
    match purpose {
        Purpose::Quote { revision } => {
            lane.repair.standing().is_some_and(|standing| standing.quote.revision > *revision)
        }
        _ => false,
    }
}

fn photos(lane: &Lane) -> Vec<PhotoView> {
    let view = |photo: &super::lane::Photo| PhotoView {
        sha: photo.sha,
        role: photo.role.clone(),
        subject: photo.subject.clone(),
        op: photo.op,
    };
    lane.photos.iter().map(view).collect()
}

/// Worth a warning and no obstacle (5.6.3).
fn warnings(scene: &Scene<'_>) -> Vec<Refusal> {
    let lane: &Lane = &scene.lane;
    let mut warnings = Vec::new();
    let mut warn = |code: &str, clause: &str, zh: &str, en: &str| warnings.push(Refusal::new(code, clause, zh, en));
    if scene.visit.is_moved(lane.number) && lane.departed.is_some() && lane.completed.is_none() {
        warn(
            "visit.reassigned",
            "",
            "本次服务已改派或取消；您的记录仍会保存并由调度处理",
            "moved away; finish, it is kept",
        );
    }
    let Some(run) = &lane.measuring.run else { return warnings };
    if run.started.window_open {
        warn("measurement.window_open", "DB11/T 745", "门窗处于开启状态", "a window or door is open");
    }
    if run.started.extra_heater {
        warn("measurement.extra_heater", "DB11/T 745", "有其他取暖设备在运行", "another heater runs");
    }
    if run.started.radiators_covered {
        warn("measurement.radiators_covered", "DB11/T 745", "散热器被遮挡", "radiators are covered");
    }
    if run.started.purpose == MeasurementPurpose::Quick {
        warn("measurement.quick", "DB11/T 745", "快速测温不作为争议和退费依据", "a quick check does not count");
    }
    if let Some(frozen) = lane.measuring.frozen.last() {
        if frozen.summary.at_noon {
            warn("measurement.at_noon", "5.6.3", "测温处于 12:00～15:00", "measured between 12:00 and 15:00");
        }
        if !frozen.summary.valid && frozen.summary.purpose != MeasurementPurpose::Quick {
            warn("measurement.invalid", "5.6.6", "设备检定已过期，结果无效", "the instrument had expired: not valid");
        }
        if frozen.summary.rooms.iter().any(|room| room.verdict == RoomVerdict::Incomplete) {
            warn("measurement.incomplete", "DB11/T 745", "有房间读数不足，未得出结果", "a room has too few readings");
        }
    }
    warnings
}

fn timeline(visit: &Visit, lane: &Lane) -> Vec<TimelineEntry> {
    let mine = |fact: &&Fact| {
        fact.event.is_office()
            || (fact.device == lane.device && visit.plan().lane_of(fact.worker, fact.basis).unwrap_or(0) == lane.number)
    };
    let entry = |fact: &Fact| {
        let (zh, en) = event_label(&fact.event);
        TimelineEntry {
            op: fact.op,
            device: fact.device,
            seq: fact.seq,
            worker: fact.worker,
            kind: fact.event.kind().to_owned(),
            zh: zh.to_owned(),
            en: en.to_owned(),
            claimed: Millis(fact.stamp.wall_ms),
            estimate: fact.estimate,
            basis: fact.basis,
        }
    };
    visit.all_facts().filter(mine).map(entry).collect()
}
