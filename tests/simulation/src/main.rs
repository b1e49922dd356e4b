//! `nuanfang-simulate`: as many seeds as asked for, and what they found.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use nuanfang_core::drill::{self, Mutant};
use nuanfang_simulation::{Chances, Ground, Plan, Tally, memory, run, shrink};
use serde_json::json;

/// Play seeds. Exit status: 0 every promise held (or, with --mutant, it was found broken); 1 otherwise.
#[derive(Debug, Parser)]
#[command(name = "nuanfang-simulate")]
struct Simulate {
    /// How many seeds
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Steps of each before it comes to rest
    #[arg(long, default_value_t = 300)]
    steps: u32,
    /// Enrolments at first; 0 lets the seed choose, 2 to 50
    #[arg(long, default_value_t = 0)]
    phones: u32,
    /// Spread the steps over so many hours of the office's time
    #[arg(long)]
    hours: Option<u32>,
    /// Stop after so many minutes, whatever is left
    #[arg(long)]
    minutes: Option<u64>,
    /// Break a promise on purpose; "all" plays every one until it is found
    #[arg(long)]
    mutant: Option<String>,
    /// Go on after a failure
    #[arg(long)]
    keep_going: bool,
    /// Tell the story of each seed
    #[arg(long)]
    story: bool,
    /// Write the counts to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let asked = Simulate::parse();
    let ground = Ground::prepare(asked.phones);
    let good = match asked.mutant.as_deref() {
        None => play(&ground, &asked),
        Some(name) => {
            let chosen = Mutant::ALL.into_iter().filter(|mutant| name == "all" || mutant.name() == name);
            let alive: Vec<_> = chosen.filter(|mutant| !find(&ground, &asked, *mutant)).collect();
            alive.is_empty()
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays until the broken promise is seen.
fn find(ground: &Ground, asked: &Simulate, mutant: Mutant) -> bool {
    drill::give(Some(mutant));
    let found = (asked.from..asked.from + asked.seeds).find_map(|seed| {
        let report =
            run(ground, &Plan { tell: asked.story, hours: asked.hours, ..Plan::of(seed, asked.steps, asked.phones) });
        report.failure.map(|failure| (seed, failure, report.story))
    });
    drill::give(None);
    match found {
        Some((seed, failure, story)) => {
            story.iter().for_each(|line| println!("{line}"));
            let n = seed - asked.from + 1;
            println!("{:<20} dead at seed {n:>3}: {} {}", mutant.name(), failure.invariant, failure.what);
            true
        }
        None => {
            println!("{:<20} LIVES after {} seeds", mutant.name(), asked.seeds);
            false
        }
    }
}

fn play(ground: &Ground, asked: &Simulate) -> bool {
    let (began, limit) = (Instant::now(), asked.minutes.map(|minutes| Duration::from_secs(minutes * 60)));
    let (mut total, mut failures, mut seeds) = (Tally::default(), Vec::new(), 0);
    let (mut held, mut drawn) = (Vec::new(), Vec::new());
    for seed in asked.from..asked.from + asked.seeds {
        if limit.is_some_and(|limit| began.elapsed() > limit) {
            break;
        }
        let plan = Plan { tell: asked.story, hours: asked.hours, ..Plan::of(seed, asked.steps, asked.phones) };
        let report = run(ground, &plan);
        seeds += 1;
        total.add(&report.tally);
        if asked.story {
            report.story.iter().for_each(|line| println!("{line}"));
        }
        // Of many seeds every chance is drawn; one day has its own.
        if asked.hours.is_some() {
            let Chances { network, ends, kinds } = &report.chances;
            println!(
                "seed {seed}: of a thousand calls the network does something to {network}, in {ends} of a thousand acts and \
                 exchanges a phone's process may end; kinds: {}",
                kinds.join(", ")
            );
            drawn.push(json!({ "seed": seed, "network": network, "ends": ends, "kinds": kinds }));
        }
        // A run of steps that jump through months holds as much as they chose.
        if let Some(growth) = asked.hours.and_then(|_| memory::growth(&report.memory)) {
            println!("seed {seed}: memory of the last quarter {growth:.2} × that of the second");
            if growth > memory::MOST {
                let what = format!("memory grew {growth:.2} ×, at most {} × may be", memory::MOST);
                failures.push(json!({ "seed": seed, "invariant": "memory", "what": what }));
            }
            held.push(json!({ "seed": seed, "growth": growth, "kib": report.memory }));
        }
        if let Some(failure) = &report.failure {
            println!("seed {seed}: {} {} (step {})", failure.invariant, failure.what, report.at);
            failures.push(json!({ "seed": seed, "invariant": failure.invariant, "what": failure.what }));
            if !asked.keep_going {
                let (small, told) = shrink::shrink(ground, &plan, &report, 400);
                println!("\nsmallest run found: {} steps, {} left out", small.steps, small.skip.len());
                told.story.iter().for_each(|line| println!("{line}"));
                break;
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let rate = total.steps as f64 / seconds;
    println!(
        "{seeds} seeds, {} steps, {} checks, {} operations, {} failures",
        total.steps,
        total.checks,
        total.ops,
        failures.len()
    );
    println!("{rate:.0} steps/s on one core, {seconds:.1} s");
    print_counts("steps", &total.by_kind);
    print_counts("faults", &total.faults);
    print_counts("outcomes", &total.outcomes);
    if let Some(file) = &asked.json {
        let report = json!({ "seeds": seeds, "from": asked.from, "phones": asked.phones, "hours": asked.hours, "steps": total.steps, "steps_by_kind": total.by_kind,
            "faults": total.faults, "checks": total.checks, "operations": total.ops, "outcomes": total.outcomes,
            "chances": drawn, "memory": held, "failures": failures, "seconds": seconds, "steps_per_second": rate });
        if let Err(error) = std::fs::write(file, format!("{report:#}\n")) {
            eprintln!("{}: {error}", file.display());
            return false;
        }
    }
    failures.is_empty()
}

fn print_counts(what: &str, counts: &BTreeMap<&'static str, u64>) {
    let line: Vec<String> = counts.iter().map(|(name, n)| format!("{name} {n}")).collect();
    println!("{what}: {}", line.join(", "));
}
