//! `make bench`: measures the figures, prints them as a table, writes `target/bench.json`.
//!
//! `nuanfang-bench [--repeats N] [--quick | --large] [--json FILE] [FIGURE …]`: all figures, or those named (`board` names
//! `board-paint` and `board-stands`); `--quick` shows in a minute that they can be measured, its numbers mean nothing;
//! `--large` is for what is to hold at ten times the size too, and takes long.
//!
//! `nuanfang-bench serve …` is the server of a figure that needs one in a process of its own: the shipped program's
//! command line, linked here once.

mod machine;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use nuanfang_tests::figures::{BENCHES, Bench, Figure, Run, Size, Tried, target};

use report::Measured;

/// Measure the figures of this build on this machine.
#[derive(Debug, Parser)]
#[command(name = "nuanfang-bench")]
struct Asked {
    /// Which figures, by their ids or what these begin with; all when none is named
    figures: Vec<String>,
    /// How often each is measured, turn about with all others; the median counts
    #[arg(long, default_value_t = 5)]
    repeats: usize,
    /// Small sizes, once: shows that every figure can be measured
    #[arg(long)]
    quick: bool,
    /// Ten times the size, for the figures that are to hold there too
    #[arg(long, conflicts_with = "quick")]
    large: bool,
    /// Where the report goes; target/bench.json when not said
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == "serve") {
        return nuanfang_server::cli::run();
    }
    let asked = Asked::parse();
    match measure(&asked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nuanfang-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A bench and what it measured so far, one row a repeat.
type Measuring = (Box<dyn Bench>, Vec<Vec<Run>>);

fn measure(asked: &Asked) -> Tried<()> {
    let chosen = choose(&asked.figures)?;
    if cfg!(debug_assertions) && !asked.quick {
        eprintln!("This is an unoptimised build: its numbers mean nothing. `make bench` builds the right one.");
    }
    let (size, repeats) = match (asked.quick, asked.large) {
        (true, _) => (Size::Small, 1),
        (false, large) => (if large { Size::Large } else { Size::Full }, asked.repeats.max(1)),
    };
    let mut benches: Vec<Measuring> = Vec::new();
    for (figures, prepare) in BENCHES {
        if figures.iter().any(|figure| chosen.contains(&figure.id)) {
            eprintln!("preparing {}", names(figures));
            let bench = prepare(size)?;
            match bench.missing() {
                Some(why) => eprintln!("{} left out: {why}", names(figures)),
                None => benches.push((bench, Vec::new())),
            }
        }
    }
    for repeat in 1..=repeats {
        for (bench, runs) in &mut benches {
            eprintln!("measuring {} ({repeat} of {repeats})", names(bench.figures()));
            runs.push(bench.run()?);
        }
    }
    let measured: Vec<Measured> = benches
        .iter()
        .flat_map(|(bench, runs)| {
            bench
                .figures()
                .iter()
                .enumerate()
                .map(|(place, figure)| Measured { figure: *figure, runs: runs.iter().map(|run| run[place]).collect() })
        })
        .filter(|measured| chosen.contains(&measured.figure.id))
        .collect();
    println!("{}\n", machine::describe()?);
    report::print(&measured);
    // Numbers that mean nothing must not stand where measured ones are looked for.
    if asked.quick {
        return Ok(());
    }
    report::write(&measured, &asked.json.clone().unwrap_or_else(|| target().join("bench.json")))
}

/// The ids that `names` mean: a figure's own, or what several begin with. All without any name.
fn choose(names: &[String]) -> Tried<Vec<&'static str>> {
    let known: Vec<&str> = BENCHES.iter().flat_map(|(figures, _)| figures.iter().map(|figure| figure.id)).collect();
    if names.is_empty() {
        return Ok(known);
    }
    let mut chosen = Vec::new();
    for name in names {
        let begins = |id: &&str| id.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('-'));
        let meant: Vec<&str> = match known.iter().find(|id| *id == name) {
            Some(id) => vec![*id],
            None => known.iter().copied().filter(begins).collect(),
        };
        if meant.is_empty() {
            return Err(format!("no figure {name}; there are {}", known.join(", ")).into());
        }
        chosen.extend(meant);
    }
    Ok(chosen)
}

fn names(figures: &[Figure]) -> String {
    figures.iter().map(|figure| figure.id).collect::<Vec<_>>().join(", ")
}
