//! What the office has to do because of a lane: derived, never entered by hand.

use super::inspection::FixtureOwner;
use super::lane::Lane;
use super::signature::Purpose;
use super::view::{Task, TaskKind};
use super::visit::Visit;
use super::worker_event::Remedy;

/// The tasks of one lane, in the order they arose.
pub fn of_lane(visit: &Visit, lane: &Lane) -> Vec<Task> {
    let mut tasks = Vec::new();
    for mark in &lane.marks {
        let signed_later = lane
            .marks
            .iter()
            .any(|later| later.purpose == mark.purpose && later.signer.is_some() && later.moment.seq > mark.moment.seq);
        if let (Some(reason), false) = (&mark.refused, signed_later) {
            let (name_zh, name_en) = purpose_name(&mark.purpose);
            tasks.push(Task {
                kind: TaskKind::CallBack,
                op: mark.moment.op,
                lane: lane.number,
                subject: name_en.to_owned(),
                clause: super::judge_signature::clause(&mark.purpose).to_owned(),
                zh: format!("热用户拒签{name_zh}（{reason}），请回访"),
                en: format!("the resident refused to sign the {name_en}: call back"),
                window: None,
                done: visit.office().has_called_back(mark.record_sha),
            });
        }
    }
    for (finding, op) in lane.hazards(FixtureOwner::Shared) {
        let description = finding.hazard.as_ref().map_or("", |hazard| hazard.description.as_str());
        tasks.push(Task {
            kind: TaskKind::WorkOrder,
            op: *op,
            lane: lane.number,
            subject: finding.item.clone(),
            clause: "5.4".into(),
            zh: format!("共用设施隐患，请安排处理：{description}"),
            en: format!("hazard in a shared fixture ({}): have it repaired", finding.item),
            window: None,
            done: false,
        });
    }
    for (disputed, op) in &lane.disputes {
        let (kind, zh, en, window) = match &disputed.remedy {
            Remedy::Monitor48h { .. } => (
                TaskKind::Monitoring,
                "热用户对室温有异议，请安排连续 48 小时监测",
                "temperature disputed: monitor for 48 hours",
                None,
            ),
            Remedy::Remeasure { window } => (
                TaskKind::Remeasurement,
                "热用户对室温有异议，请安排重新测温",
                "temperature disputed: measure again",
                Some(*window),
            ),
        };
        tasks.push(Task {
            kind,
            op: *op,
            lane: lane.number,
            subject: disputed.room.clone(),
            clause: "5.6.7".into(),
            zh: zh.into(),
            en: en.into(),
            window,
            done: false,
        });
    }
    tasks.extend(next_visit(lane));
    tasks
}

/// The appointment agreed at the door, or when the visit ended undone.
fn next_visit(lane: &Lane) -> Option<Task> {
    let (completed, moment) = lane.completed.as_ref()?;
    let absent = lane.absent.as_ref().filter(|_| completed.outcome == super::kind::Outcome::Absent);
    let (window, op) = match (completed.next_window, absent) {
        (Some(window), _) => (window, moment.op),
        (None, Some((absent, at))) => (absent.next_window?, at.op),
        (None, None) => return None,
    };
    Some(Task {
        kind: TaskKind::NextVisit,
        op,
        lane: lane.number,
        subject: String::new(),
        clause: "F.2".into(),
        zh: "已预约下次入户时间，请安排".into(),
        en: "the next time is agreed: schedule it".into(),
        window: Some(window),
        done: false,
    })
}

/// What is signed, in a word.
pub(super) fn purpose_name(purpose: &Purpose) -> (&'static str, &'static str) {
    match purpose {
        Purpose::Measurement => ("入户测温记录", "measurement"),
        Purpose::Quote { .. } => ("报价", "quote"),
        Purpose::Consent { .. } => ("损坏风险认可", "consent"),
        Purpose::Acceptance => ("验收", "acceptance"),
        Purpose::Notice => ("隐患告知", "notice"),
    }
}
