//! `nuanfang-crash-sweep`: crashes, failing disks and a lying network, in the size of a day or of a night.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use nuanfang_crash::suite::{self, Form, Report};
use nuanfang_crash::sweep::{Fallible, Found};

/// Proves that nothing is lost. Exit code 1: something was.
#[derive(Parser)]
struct Cli {
    /// Every index and each kind of crash, every change of the disk, 1,000 runs of the network.
    #[arg(long)]
    full: bool,
    /// The seed everything follows from.
    #[arg(long, default_value_t = 598)]
    seed: u64,
    /// Writes what was done and found here.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Which parts; all of them if none is named.
    parts: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// SQLite without syncs must lose something.
    Controls,
    /// The phone, crashed.
    Phone,
    /// The server, crashed.
    Server,
    /// Phone and server on failing disks.
    Faults,
    /// Phones and server over a lying network.
    Chaos,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(report) if report.holds => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Fallible<Report> {
    let form = if cli.full { Form::Full } else { Form::Short };
    let wanted = |part| cli.parts.is_empty() || cli.parts.contains(&part);
    let mut report = Report { full: cli.full, holds: true, ..Report::default() };
    if wanted(Part::Controls) {
        let [off, normal, full] = suite::controls(cli.seed)?;
        report.holds &= full.lost + full.damaged == 0 && normal.lost > 0 && off.damaged > 0;
        for (level, found) in [("OFF", off), ("NORMAL", normal), ("FULL", full)] {
            println!(
                "synchronous={level}: {} crashes, {} lost commits, {} damaged",
                found.crashes, found.lost, found.damaged
            );
            report.controls.push((level.to_owned(), found));
        }
        for found in suite::deaf(cli.seed)? {
            report.holds &= found.failed > 0;
            println!("{}: {} of {} crashes broke a promise", found.workload, found.failed, tried(&found));
            report.without_syncs.push(found);
        }
    }
    if wanted(Part::Phone) {
        report.crashes.push(suite::phone(form, cli.seed)?);
        report.crashes.push(suite::migration(form, cli.seed)?);
        report.crashes.extend(suite::salvage(form, cli.seed)?);
    }
    if wanted(Part::Server) {
        report.crashes.push(suite::server(form, cli.seed)?);
    }
    for found in &report.crashes {
        report.holds &= found.failed == 0;
        tell(found);
    }
    if wanted(Part::Faults) {
        for found in suite::faults(form)? {
            report.holds &= found.failed == 0;
            println!(
                "{} on failing disks: {} changes, runs {:?}, refused {:?}, failed {}",
                found.workload, found.changes, found.runs, found.refused, found.failed
            );
            found.failures.iter().for_each(|failure| println!("  {failure}"));
            report.faults.push(found);
        }
    }
    if wanted(Part::Chaos) {
        let outcome = suite::chaos(form, cli.seed)?;
        let (median, most) = outcome.again();
        let after_reply = outcome.again_after_lost_reply.iter().max().copied().unwrap_or(0);
        report.holds &= outcome.failures.is_empty() && median <= 64 * 1024 && most <= 1024 * 1024 && after_reply == 0;
        println!(
            "network, seeds {} to {}: {} operations, {} files, {} requests, faults {:?}",
            outcome.first_seed,
            outcome.first_seed + outcome.runs as u64 - 1,
            outcome.operations,
            outcome.files,
            outcome.requests,
            outcome.faults
        );
        println!(
            "  wedged {}, false receipts {}, wrong operations {}, wrong files {}",
            outcome.wedged, outcome.false_receipts, outcome.wrong_operations, outcome.wrong_files
        );
        println!(
            "  sent again after {} cuts: median {median} B, most {most} B; after {} lost replies: most {after_reply} B",
            outcome.again_after_cut.len(),
            outcome.again_after_lost_reply.len()
        );
        outcome.failures.iter().for_each(|failure| println!("  {failure}"));
        report.sent_again = Some((median, most));
        report.chaos = Some(outcome);
    }
    if let Some(file) = &cli.json {
        std::fs::write(file, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(report)
}

fn tried(found: &Found) -> usize {
    found.crashes.values().sum()
}

fn tell(found: &Found) {
    println!(
        "{} crashed, seed {}: {} events, {} syncs, {} promises; {} indexes, {} crashes {:?}, started again {} times, \
         {} statements checked, failed {}",
        found.workload,
        found.seed,
        found.events,
        found.syncs,
        found.promises,
        found.indexes,
        tried(found),
        found.crashes,
        found.reopened,
        found.checks,
        found.failed
    );
    for failure in &found.failures {
        println!("  index {} {} (seed {}): {}", failure.index, failure.crash, failure.seed, failure.what);
    }
}
