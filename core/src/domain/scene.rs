//! The scene of an act: a lane with all that is known around it, the same for checking and for showing.

use std::borrow::Cow;

use uuid::Uuid;

use super::checklist::Evidence;
use super::context::Context;
use super::lane::{Lane, Moment};
use super::plan::PlanVersion;
use super::rules::Rules;
use super::units::DeciCelsius;
use super::visit::Visit;
use crate::error::Refusal;
use crate::id::{DeviceId, OpId, WorkerId};

/// A lane with all that is known around it.
pub(super) struct Scene<'a> {
    pub visit: &'a Visit,
    pub lane: Cow<'a, Lane>,
    pub plan: Option<&'a PlanVersion>,
    pub rules: &'a Rules,
    pub context: &'a Context,
}

impl<'a> Scene<'a> {
    pub fn new(visit: &'a Visit, number: u64, context: &'a Context) -> Self {
        let known = context.device.map_or_else(|| visit.lane(number), |device| visit.lane_of(number, device));
        let current = visit.plan().current();
        let lane = known.map_or_else(
            || {
                let worker = context.worker.or_else(|| visit.plan().assignee_of(number));
                let moment = Moment { op: OpId(Uuid::nil()), seq: 0, stamp: context.now.stamp, estimate: None };
                let device = context.device.unwrap_or(DeviceId(Uuid::nil()));
                let worker = worker.unwrap_or(WorkerId(Uuid::nil()));
                Cow::Owned(Lane::empty(number, worker, device, moment))
            },
            Cow::Borrowed,
        );
        // What has been moved away is seen by the plan it was done by.
        let plan = known.filter(|lane| visit.is_moved(lane.number)).map_or(current, |lane| visit.plan().at(lane.basis));
        let rules = visit.rules(known).unwrap_or(&context.rules);
        Self { visit, lane, plan, rules, context }
    }

    pub fn evidence(&self) -> Evidence<'_> {
        let badge = self.context.qualification.as_ref().map(|qualification| {
            let gaps = qualification.gaps(self.rules, self.context.now.best());
            !gaps.iter().any(|gap| gap.code == "worker.badge_invalid")
        });
        Evidence {
            lane: Some(&self.lane),
            plan: self.plan,
            handed_in: self.visit.handed_in(&self.lane).is_some(),
            badge_valid: badge,
            callbacks: &self.visit.office().callbacks,
        }
    }

    /// Temperature the rooms are judged against.
    pub fn agreed(&self) -> DeciCelsius {
        let planned = self.plan.and_then(|plan| plan.plan.agreed);
        planned.or(self.context.agreed).unwrap_or(self.rules.limits.agreed_default)
    }

    /// What forbids to send this worker (N14).
    pub fn worker_gaps(&self) -> Vec<Refusal> {
        match &self.context.qualification {
            Some(qualification) => qualification.gaps(self.rules, self.context.now.best()),
            None => vec![Refusal::new(
                "worker.unknown",
                "6.1.2",
                "本机没有您的资质信息，请联网同步后再出发",
                "your qualification is not known here; synchronise first",
            )],
        }
    }
}
