//! Going through the indexes of a record, and what is told of it.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;

use crate::disk::{Event, Record};
use crate::image::{Crash, Image};
use crate::replay::Replay;

/// What a workload or a check ends with when it can't go on.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Which indexes are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Every one, each kind of crash.
    Full,
    /// Every one: what was not synced is lost wherever that is another disk than at the index before, and one of the
    /// other kinds in turn.
    Each,
    /// Every one around a sync or a change of names, every n-th else; one kind of crash each, in turn.
    Every(usize),
}

/// One crash after which something did not hold.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// The index in the record.
    pub index: usize,
    /// The kind of crash.
    pub crash: &'static str,
    /// The seed of its dice.
    pub seed: u64,
    /// What did not hold.
    pub what: String,
}

/// What a sweep found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Found {
    /// What was swept.
    pub workload: String,
    /// The seed everything else follows from.
    pub seed: u64,
    /// Events in the record.
    pub events: usize,
    /// Syncs among them.
    pub syncs: usize,
    /// Promises among them.
    pub promises: usize,
    /// Indexes tried.
    pub indexes: usize,
    /// Crashes tried, by kind.
    pub crashes: BTreeMap<&'static str, usize>,
    /// Disks on which the real code was started again.
    pub reopened: usize,
    /// Single statements that were checked.
    pub checks: u64,
    /// How many crashes broke a promise; the first ones are told in full.
    pub failed: usize,
    /// The first of them.
    pub failures: Vec<Failure>,
}

const TOLD: usize = 20;

/// What must hold of a disk found after a crash.
pub trait Judge {
    /// The code under test had promised this before the crash.
    fn promised(&mut self, promise: usize);

    /// Checks a disk. `deep`: start the real code on it again and go on. Returns how many statements were checked.
    ///
    /// # Errors
    /// What does not hold.
    fn judge(&mut self, image: &Image<'_>, deep: bool) -> Fallible<u64>;
}

/// Crashes a recorded workload at its indexes. Every `deep`-th crash, the real code is started on what is found.
pub fn sweep(replay: Replay<'_>, record: &Record, judge: &mut dyn Judge, plan: Plan<'_>) -> Found {
    let mut replay = replay;
    let count = |wanted: fn(&Event) -> bool| record.events.iter().filter(|event| wanted(event)).count();
    let mut found = Found {
        workload: plan.workload.to_owned(),
        seed: plan.seed,
        events: record.events.len(),
        syncs: count(|event| matches!(event, Event::Sync { .. } | Event::SyncFolder { .. })),
        promises: count(|event| matches!(event, Event::Promise(_))),
        ..Found::default()
    };
    let mut tried = 0;
    loop {
        let index = replay.at();
        let kinds = kinds(plan.depth, record, index);
        found.indexes += usize::from(!kinds.is_empty());
        for crash in kinds {
            *found.crashes.entry(crash.name()).or_default() += 1;
            let seed = plan.seed ^ ((index as u64) << 3) ^ crash as u64;
            let mut dice = StdRng::seed_from_u64(seed);
            let deep = tried % plan.deep == 0;
            tried += 1;
            found.reopened += usize::from(deep);
            match judge.judge(&replay.crash(crash, &mut dice), deep) {
                Ok(checks) => found.checks += checks,
                Err(error) => {
                    found.failed += 1;
                    if found.failures.len() < TOLD {
                        let what = error.to_string();
                        found.failures.push(Failure { index, crash: crash.name(), seed, what });
                    }
                }
            }
        }
        match replay.step() {
            Some(Event::Promise(promise)) => judge.promised(*promise),
            Some(_) => {}
            None => return found,
        }
    }
}

/// How to sweep.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// What it is called.
    pub workload: &'a str,
    /// Which indexes.
    pub depth: Depth,
    /// The seed.
    pub seed: u64,
    /// Every so many crashes the real code is started on what is found.
    pub deep: usize,
}

fn kinds(depth: Depth, record: &Record, index: usize) -> Vec<Crash> {
    let before = index.checked_sub(1).and_then(|at| record.events.get(at));
    let near = |event: Option<&Event>| event.is_some_and(|event| !matches!(event, Event::Write { .. }));
    let in_turn = |kinds: &[Crash]| kinds[index % kinds.len()];
    match depth {
        Depth::Full => Crash::ALL.to_vec(),
        Depth::Each => {
            let others = in_turn(&[Crash::Killed, Crash::Torn512, Crash::Reordered, Crash::Torn4096]);
            let moved = matches!(before, Some(Event::Sync { .. } | Event::SyncFolder { .. } | Event::Promise(_)));
            if moved || index == 0 { vec![Crash::Lost, others] } else { vec![others] }
        }
        Depth::Every(n) if index.is_multiple_of(n) || near(before) || near(record.events.get(index)) => {
            vec![in_turn(&Crash::ALL)]
        }
        Depth::Every(_) => Vec::new(),
    }
}
