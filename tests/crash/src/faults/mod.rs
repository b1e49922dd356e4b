//! Disks that are full, broken (once, or for longer) or read-only, from each change on: nothing is acknowledged that is not durable, the
//! person is told in Chinese what happened and that nothing is lost, nothing panics, and it goes on by itself once the
//! disk works again.

mod phone;
mod salvage;
mod server;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;

use crate::disk::Fault;
use crate::image::{Crash, Image};
use crate::replay::Replay;
use crate::sweep::Fallible;

pub use phone::PhoneTrial;
pub use salvage::SalvageTrial;
pub use server::ServerTrial;

/// What was found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Found {
    /// What ran on the disk.
    pub workload: String,
    /// Changes at which the disk began to fail.
    pub changes: usize,
    /// Runs, by the disk's error.
    pub runs: BTreeMap<&'static str, usize>,
    /// Steps that were refused, by the code the person or the phone was given.
    pub refused: BTreeMap<String, usize>,
    /// Runs in which something did not hold.
    pub failed: usize,
    /// The first of them.
    pub failures: Vec<String>,
}

const TOLD: usize = 20;

/// What one run did.
pub struct Ran {
    /// Changes it made.
    pub changes: usize,
    /// Which of them were syncs.
    pub syncs: Vec<usize>,
    /// The codes of what was refused.
    pub refused: Vec<String>,
}

/// A workload on a disk that fails.
pub trait Trial {
    /// What it is called.
    const NAME: &'static str;

    /// Runs it once on a disk that fails from `from` on; `None` on one that does not, to count its changes.
    ///
    /// # Errors
    /// What did not hold.
    fn run(&mut self, from: Option<(usize, Fault)>) -> Fallible<Ran>;
}

/// Runs a workload once for every `step`-th change and each error; with a device that fails also for every sync, since
/// nothing tells of one that failed but its answer.
///
/// # Errors
/// If it fails on a disk that works.
pub fn sweep<T: Trial>(trial: &mut T, step: usize) -> Fallible<Found> {
    let Ran { changes, syncs, refused } = trial.run(None)?;
    if !refused.is_empty() {
        return Err(format!("refused on a disk that works: {refused:?}").into());
    }
    let mut found = Found { workload: T::NAME.to_owned(), changes, ..Found::default() };
    for fault in Fault::ALL {
        let fails = fault.fails_syncs();
        for change in (0..changes).filter(|change| change % step == 0 || (fails && syncs.contains(change))) {
            *found.runs.entry(fault.name()).or_default() += 1;
            let done = catch_unwind(AssertUnwindSafe(|| trial.run(Some((change, fault)))));
            let wrong = match done {
                Ok(Ok(Ran { refused, .. })) => {
                    for code in refused {
                        *found.refused.entry(code).or_default() += 1;
                    }
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "it panicked".to_owned(),
            };
            found.failed += 1;
            if found.failures.len() < TOLD {
                found.failures.push(format!("{} from change {change} on: {wrong}", fault.name()));
            }
        }
    }
    Ok(found)
}

/// Whether a text is written for a person here.
fn is_chinese(text: &str) -> bool {
    text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter))
}

/// The disk as a power cut at the end leaves it.
fn power_cut<'a>(replay: &'a mut Replay<'_>) -> Image<'a> {
    while replay.step().is_some() {}
    replay.crash(Crash::Lost, &mut StdRng::seed_from_u64(0))
}
