//! What a run did: counted, told, and what it found.

use std::collections::BTreeMap;

use crate::plan::Fault;

/// A promise that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which (docs/nothing-lost.md).
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

/// Counts.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Everything that happened: acts, requests, answers, faults of processes and clocks.
    pub steps: u64,
    /// Steps by what they were.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Looks at a promise.
    pub checks: u64,
    /// Operations made.
    pub ops: u64,
    /// Operations by what became of them.
    pub outcomes: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// One step.
    pub fn step(&mut self, kind: &'static str) {
        self.steps += 1;
        *self.by_kind.entry(kind).or_default() += 1;
    }

    /// One fault.
    pub fn fault(&mut self, fault: Fault) {
        *self.faults.entry(fault.name()).or_default() += 1;
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.checks += other.checks;
        self.ops += other.ops;
        let add = |into: &mut BTreeMap<&'static str, u64>, from: &BTreeMap<&'static str, u64>| {
            for (name, n) in from {
                *into.entry(name).or_default() += n;
            }
        };
        add(&mut self.by_kind, &other.by_kind);
        add(&mut self.faults, &other.faults);
        add(&mut self.outcomes, &other.outcomes);
    }
}
