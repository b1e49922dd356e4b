//! The short form: seeds that ever failed, some that never did, some that nobody ever played, and every promise broken on purpose found broken.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use nuanfang_core::drill::{self, Mutant};
use nuanfang_simulation::{Faults, Ground, Plan, memory, run, shrink};

/// Steps of a seed that is played each time.
const STEPS: u32 = 120;
/// How many are, beside those that ever failed.
const SOME: u64 = 60;
/// Where they begin: beyond those that a run by hand begins with.
const FROM: u64 = 1_000_000;
/// How many are that no run before began with.
const FRESH: u64 = 12;
/// Seeds in which a broken promise must be found.
const SEEDS: u64 = 300;

/// A broken promise is broken in the whole process: one at a time.
static TURN: Mutex<()> = Mutex::new(());

fn must_hold(ground: &Ground, plan: &Plan) {
    let report = run(ground, plan);
    if let Some(failure) = &report.failure {
        let (small, told) = shrink::shrink(ground, plan, &report, 200);
        panic!(
            "seed {} ({} steps, {} phones): {} {}\n{} steps are enough:\n{}",
            plan.seed,
            plan.steps,
            plan.phones,
            failure.invariant,
            failure.what,
            small.steps,
            told.story.join("\n")
        );
    }
}

#[test]
fn seeds_that_ever_failed_hold() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let ground = Ground::prepare(0);
    let seeds = include_str!("../seeds.txt").lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    for line in seeds {
        let mut words = line.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).expect("seed steps phones kinds");
        let (seed, steps, phones, kinds) = (number(), number(), number(), number());
        let faults = Faults::first(kinds as u32);
        must_hold(&ground, &Plan { faults, ..Plan::of(seed, steps as u32, phones as u32) });
    }
}

#[test]
fn some_seeds_hold() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let ground = Ground::prepare(0);
    for seed in FROM..FROM + SOME {
        must_hold(&ground, &Plan::of(seed, STEPS, 0));
    }
}

#[test]
fn fresh_seeds_hold() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let ground = Ground::prepare(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock of this century");
    let from = now.as_millis() as u64;
    // Past the harness, which keeps what a test that holds prints: a run that is ended from outside names its seeds too.
    writeln!(std::io::stderr(), "fresh seeds {from} to {}, {STEPS} steps each", from + FRESH - 1).expect("a terminal");
    for seed in from..from + FRESH {
        must_hold(&ground, &Plan::of(seed, STEPS, 0));
    }
}

#[test]
fn no_day_of_a_company_is_without_a_bad_network_clocks_that_jump_and_phones_that_restart() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let ground = Ground::prepare(2);
    for seed in 1..=20 {
        let day = Plan { hours: Some(24), ..Plan::of(seed, 0, 2) };
        let chances = run(&ground, &day).chances;
        let all = ["clock_jump", "reboot"].iter().all(|kind| chances.kinds.contains(kind));
        assert!(chances.network > 0 && all, "seed {seed}: {chances:?}");
    }
}

#[test]
fn a_seed_plays_the_same_twice() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let ground = Ground::prepare(0);
    for seed in [3, 7, 11] {
        let plan = Plan { tell: true, ..Plan::of(seed, 100, 4) };
        let (first, second) = (run(&ground, &plan), run(&ground, &plan));
        assert_eq!(first.story, second.story, "seed {seed}");
        assert_eq!(first.tally.steps, second.tally.steps);
    }
}

#[test]
fn memory_counts_once_everything_is_made_and_if_it_keeps_growing() {
    let made: Vec<u64> = (0..40).map(|look| 100 * u64::min(look, 10)).collect();
    let leaking: Vec<u64> = (0..40).map(|look| 100 * look).collect();
    assert_eq!(memory::growth(&made), Some(1.0));
    assert!(memory::growth(&leaking).is_some_and(|growth| growth > memory::MOST));
    assert_eq!(memory::growth(&made[..3]), None);
}

#[test]
fn every_promise_broken_on_purpose_is_found_broken() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let ground = Ground::prepare(0);
    let mut alive = Vec::new();
    for mutant in Mutant::ALL {
        drill::give(Some(mutant));
        let found = (1..=SEEDS).find(|seed| run(&ground, &Plan::of(*seed, 300, 5)).failure.is_some());
        drill::give(None);
        match found {
            // It was the broken promise that was found, and nothing else in that seed.
            Some(seed) => must_hold(&ground, &Plan::of(seed, 300, 5)),
            None => alive.push(mutant.name()),
        }
    }
    assert!(alive.is_empty(), "the checker does not see: {alive:?}");
}
