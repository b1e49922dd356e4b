//! A run that fails, made small: fewer kinds of faults, fewer phones, fewer steps, as long as the same promise breaks.

use crate::ground::Ground;
use crate::plan::{Fault, Plan};
use crate::world::{Report, run};

/// The smallest run found that breaks the same promise, and what it told. `tries` bounds how often it is run.
pub fn shrink(ground: &Ground, plan: &Plan, report: &Report, tries: u32) -> (Plan, Report) {
    let Some(failure) = &report.failure else { return (plan.clone(), run(ground, plan)) };
    let mut search = Search { ground, invariant: failure.invariant, best: plan.clone(), tries };
    search.shorten(report.at);
    search.fewer_faults();
    search.fewer_steps();
    search.fewer_faults();
    let told = Plan { tell: true, ..search.best.clone() };
    let report = run(ground, &told);
    (search.best, report)
}

struct Search<'a> {
    ground: &'a Ground,
    invariant: &'static str,
    best: Plan,
    tries: u32,
}

impl Search<'_> {
    /// Keeps `plan` if it fails as the first one did.
    fn try_one(&mut self, plan: Plan) -> bool {
        if self.tries == 0 {
            return false;
        }
        self.tries -= 1;
        let fails = run(self.ground, &plan).failure.is_some_and(|failure| failure.invariant == self.invariant);
        if fails {
            self.best = plan;
        }
        fails
    }

    fn shorten(&mut self, at: u32) {
        let mut to = at.saturating_add(1).min(self.best.steps);
        while to > 4 && self.try_one(Plan { steps: to, ..self.best.clone() }) {
            to = to * 3 / 4;
        }
    }

    fn fewer_faults(&mut self) {
        for fault in Fault::ALL {
            if self.best.faults.has(fault) {
                self.try_one(Plan { faults: self.best.faults.without(fault), ..self.best.clone() });
            }
        }
    }

    fn fewer_steps(&mut self) {
        let mut piece = (self.best.steps / 2).max(1);
        loop {
            let mut from = 0;
            while from < self.best.steps && self.tries > 0 {
                let mut plan = self.best.clone();
                let before = plan.skip.len();
                plan.skip.extend(from..(from + piece).min(plan.steps));
                if plan.skip.len() > before {
                    self.try_one(plan);
                }
                from += piece;
            }
            if piece == 1 || self.tries == 0 {
                return;
            }
            piece /= 2;
        }
    }
}
