//! The office's plan of a visit: versioned, changed by office events only. Each version is kept whole,
//! because a worker is judged against the one he saw.

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::office_event::{Appointment, VisitPlan};
use super::window::Window;
use super::worker_event::Opened;
use crate::id::{OpId, WorkerId};

/// The plan as one version says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanVersion {
    /// 1 for the first plan event, or what follows on the version that it names as known; 0 for a visit born on a phone.
    pub version: u64,
    /// What is planned, with the assignee, window and appointment of this version.
    pub plan: VisitPlan,
    /// The lane in force: the version of the last assignment; 0 = none.
    pub lane: u64,
    /// The version that set its window; 0 = none did.
    pub timed: u64,
    /// Taken back, and why.
    pub cancelled: Option<String>,
    /// The event that made it; none = told by the feed.
    pub op: Option<OpId>,
}

/// All versions, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The versions.
    pub versions: Vec<PlanVersion>,
}

impl Plan {
    /// The version in force.
    pub fn current(&self) -> Option<&PlanVersion> {
        self.versions.last()
    }

    /// The version of the plan: the number of its events, where no plan was lost in between.
    pub fn version(&self) -> u64 {
        self.current().map_or(0, |version| version.version)
    }

    /// The plan as somebody saw it who names `basis`.
    pub fn at(&self, basis: u64) -> Option<&PlanVersion> {
        self.versions.iter().rev().find(|version| version.version <= basis).or(self.versions.first())
    }

    /// The lane of `worker` at `basis`: that of the last assignment to him he can have seen. None = never his. Who names a version
    /// from before the first, which was lost, saw none that is known, and is taken to have seen that.
    pub fn lane_of(&self, worker: WorkerId, basis: u64) -> Option<u64> {
        let basis = basis.max(self.versions.first().map_or(0, |first| first.version));
        let his = |version: &&PlanVersion| version.plan.assignee == Some(worker) && version.version <= basis;
        self.versions.iter().rev().find(his).map(|version| version.lane)
    }

    /// Who was given the lane.
    pub fn assignee_of(&self, lane: u64) -> Option<WorkerId> {
        self.versions.iter().find(|version| version.lane == lane)?.plan.assignee
    }

    /// A visit born on a phone has a plan of its own until the office gives it one.
    pub(super) fn born(&mut self, opened: &Opened, worker: WorkerId, op: OpId) {
        if self.versions.is_empty() {
            let plan = VisitPlan {
                kind: opened.kind,
                household: opened.household,
                window: None,
                scope: opened.reason.clone(),
                assignee: Some(worker),
                price_list: None,
                protocol: None,
                agreed: None,
                emergency: opened.emergency,
                appointment: None,
                note: None,
                follows: None,
            };
            self.versions.push(PlanVersion { version: 0, plan, lane: 0, timed: 0, cancelled: None, op: Some(op) });
        }
    }

    /// A version told by the feed, with its number and lane.
    pub(super) fn mirror(&mut self, told: &PlanVersion) {
        let at = self.versions.partition_point(|version| version.version < told.version);
        match self.versions.get_mut(at) {
            Some(known) if known.version == told.version => *known = told.clone(),
            _ => self.versions.insert(at, told.clone()),
        }
    }

    /// Applies a plan event of the office, made by who knew of the version `basis`; anything else, and a change of a plan that is
    /// not there, changes nothing. Whether it did.
    pub(super) fn apply(&mut self, op: OpId, basis: u64, event: &Event) -> bool {
        let version = self.version().max(basis) + 1;
        let mut next = match (event, self.current()) {
            (Event::VisitScheduled(plan), _) => {
                let lane = if plan.assignee.is_some() { version } else { 0 };
                PlanVersion {
                    version,
                    plan: plan.clone(),
                    lane,
                    timed: timed(plan, version),
                    cancelled: None,
                    op: Some(op),
                }
            }
            (Event::Assigned(_) | Event::Rescheduled(_) | Event::Cancelled(_), Some(current)) => {
                PlanVersion { version, op: Some(op), ..current.clone() }
            }
            _ => return false,
        };
        match event {
            Event::Assigned(assigned) => {
                next.plan.assignee = Some(assigned.assignee);
                next.lane = version;
                next.cancelled = None;
            }
            Event::Rescheduled(rescheduled) => {
                next.plan.window = Some(rescheduled.window);
                next.timed = version;
                next.plan.appointment = rescheduled.appointment.clone();
                next.plan.price_list = rescheduled.price_list.or(next.plan.price_list);
            }
            Event::Cancelled(cancelled) => next.cancelled = Some(cancelled.reason.clone()),
            _ => {}
        }
        self.versions.push(next);
        true
    }
}

/// Which version the window of a plan is from that comes with `version`.
fn timed(plan: &VisitPlan, version: u64) -> u64 {
    if plan.window.is_some() { version } else { 0 }
}

impl PlanVersion {
    /// A version as the feed tells it, which is not taken back.
    pub fn told(plan: VisitPlan, version: u64, lane: u64) -> Self {
        Self { version, lane, timed: timed(&plan, version), plan, cancelled: None, op: None }
    }

    /// The window the resident agreed to, if the office made the appointment.
    pub fn appointment(&self) -> Option<(Window, &Appointment)> {
        self.plan.window.zip(self.plan.appointment.as_ref())
    }
}
