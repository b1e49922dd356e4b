//! Figures for people and for programs.

use std::path::Path;

use nuanfang_tests::figures::{Figure, Run, Tried, Value, median};
use serde::Serialize;

/// A figure with all its runs.
pub struct Measured {
    /// Which.
    pub figure: Figure,
    /// Each repeat, in order.
    pub runs: Vec<Run>,
}

/// A figure as `target/bench.json` holds it.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    name: &'a str,
    /// The median of `runs`.
    value: f64,
    unit: &'a str,
    goal: Option<f64>,
    /// The probe's median, in the unit of what was measured.
    probe: f64,
    runs: Vec<f64>,
}

impl Measured {
    fn values(&self) -> Vec<f64> {
        self.runs.iter().map(|run| run.value(self.figure.value)).collect()
    }

    fn unit(&self) -> &'static str {
        match self.figure.value {
            Value::Measured => self.figure.unit,
            Value::OfProbe => "× probe",
        }
    }

    fn line(&self) -> Line<'_> {
        let runs = self.values();
        Line {
            id: self.figure.id,
            name: self.figure.name,
            value: median(&runs),
            unit: self.unit(),
            goal: self.figure.goal,
            probe: median(&self.runs.iter().map(|run| run.probe).collect::<Vec<_>>()),
            runs,
        }
    }
}

/// Prints a line for each figure: the value with its goal, what was measured and the probe, and how far runs lay apart.
pub fn print(measured: &[Measured]) {
    println!(
        "{:<13} {:>16} {:>6}  {:>12} {:>12} {:<13} {:>15}",
        "figure", "value", "goal", "measured", "probe", "", "runs"
    );
    for one in measured {
        let line = one.line();
        let raw: Vec<f64> = one.runs.iter().map(|run| run.measured).collect();
        let goal = line.goal.map_or("–".to_owned(), short);
        let least = line.runs.iter().copied().fold(f64::INFINITY, f64::min);
        let most = line.runs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        println!(
            "{:<13} {:>16} {goal:>6}  {:>12} {:>12} {:<13} {:>15}",
            line.id,
            format!("{} {}", short(line.value), line.unit),
            short(median(&raw)),
            short(line.probe),
            one.figure.unit,
            format!("{}–{}", short(least), short(most)),
        );
    }
    println!();
    for one in measured {
        println!("{:<13} {}; probe: {}", one.figure.id, one.figure.name, one.figure.probe);
    }
}

/// Writes them as JSON.
pub fn write(measured: &[Measured], file: &Path) -> Tried<()> {
    let lines: Vec<Line<'_>> = measured.iter().map(Measured::line).collect();
    std::fs::write(file, serde_json::to_vec_pretty(&lines)?)?;
    Ok(())
}

/// Three significant digits.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => format!("{value:.0}"),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
