//! What the whole costs, measured beside a probe: the least that the same work could cost on this machine at this
//! moment. A figure that depends on the machine says little; its distance from a probe in the same run says much.
//!
//! Each [`Bench`] sets its stage once, then runs its figures and their probes turn about, as often as it is asked.

mod binary;
mod board;
mod cipher;
mod cold;
mod documents;
mod folding;
mod footprint;
mod grown;
mod idle;
mod import;
mod ingest;
mod line;
mod listeners;
mod load;
mod one;
mod opening;
mod overload;
mod pace;
mod photos;
mod prose;
mod record;
mod recovery;
mod rows;
mod saves;
mod served;
mod town;
mod wire;

use std::error::Error;
use std::path::PathBuf;

/// What a figure returns, or what stopped it.
pub type Tried<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// What the figure is about.
    Full,
    /// Ten times as much, where a figure is to hold at that size too; elsewhere what it is about.
    Large,
    /// As little as shows that it can be measured; the numbers mean nothing.
    Small,
}

impl Size {
    /// `full` or `small`.
    fn of<T>(self, full: T, small: T) -> T {
        match self {
            Self::Full | Self::Large => full,
            Self::Small => small,
        }
    }

    /// `large`, or what [`Size::of`] says.
    fn up_to<T>(self, large: T, full: T, small: T) -> T {
        match self {
            Self::Large => large,
            Self::Full | Self::Small => self.of(full, small),
        }
    }
}

/// What is reported of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// The measured number itself.
    Measured,
    /// The measured number divided by the probe's.
    OfProbe,
}

/// A figure: what it measures, in which unit, against what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// Its name for the command line and for whoever compares runs.
    pub id: &'static str,
    /// What it measures.
    pub name: &'static str,
    /// The unit of what is measured and of the probe.
    pub unit: &'static str,
    /// What the probe does.
    pub probe: &'static str,
    /// What is reported.
    pub value: Value,
    /// What `value` must reach, where that is settled.
    pub goal: Option<f64>,
}

/// One measurement of a figure, and of its probe right beside it, in the figure's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// The figure.
    pub measured: f64,
    /// Its probe.
    pub probe: f64,
}

impl Run {
    /// What is reported of it.
    pub fn value(&self, value: Value) -> f64 {
        match value {
            Value::Measured => self.measured,
            Value::OfProbe => self.measured / self.probe,
        }
    }
}

/// Figures that share a stage.
pub trait Bench {
    /// Its figures, in the order of [`Bench::run`]'s answer.
    fn figures(&self) -> &'static [Figure];

    /// What they are measured on and is not there, where that is no fault: they are left out then.
    fn missing(&self) -> Option<&'static str> {
        None
    }

    /// Measures each of them once.
    ///
    /// # Errors
    /// Whatever keeps it from being measured; a wrong result is an error too, never a number.
    fn run(&mut self) -> Tried<Vec<Run>>;
}

/// Sets a bench's stage.
pub type Prepare = fn(Size) -> Tried<Box<dyn Bench>>;

/// Every bench, with its figures.
pub const BENCHES: [(&[Figure], Prepare); 21] = [
    (&ingest::PLAIN, |size| Ok(Box::new(ingest::Ingest::prepare(size, &ingest::PLAIN)?))),
    (&ingest::SIGNED, |size| Ok(Box::new(ingest::Ingest::prepare(size, &ingest::SIGNED)?))),
    (&ingest::SINGLE, |size| Ok(Box::new(ingest::Ingest::prepare(size, &ingest::SINGLE)?))),
    (&one::FIGURES, |size| Ok(Box::new(one::One::prepare(size)?))),
    (&idle::FIGURES, |size| Ok(Box::new(idle::Idle::prepare(size)?))),
    (&grown::FIGURES, |size| Ok(Box::new(grown::Grown::prepare(size)?))),
    (&listeners::FIGURES, |size| Ok(Box::new(listeners::Listeners::prepare(size)?))),
    (&wire::FIGURES, |size| Ok(Box::new(wire::Wire::prepare(size)?))),
    (&photos::FIGURES, |size| Ok(Box::new(photos::Photos::prepare(size)?))),
    (&overload::FIGURES, |size| Ok(Box::new(overload::Overload::prepare(size)?))),
    (&footprint::FIGURES, |size| Ok(Box::new(footprint::Footprint::prepare(size)?))),
    (&binary::FIGURES, |_| Ok(Box::new(binary::Binary::prepare()))),
    (&folding::FIGURES, |size| Ok(Box::new(folding::Folding::prepare(size)?))),
    (&opening::FIGURES, |size| Ok(Box::new(opening::Opening::prepare(size)?))),
    (&cold::FIGURES, |size| Ok(Box::new(cold::Cold::prepare(size)?))),
    (&saves::FIGURES, |size| Ok(Box::new(saves::Saves::prepare(size)?))),
    (&pace::FIGURES, |size| Ok(Box::new(pace::Pace::prepare(size)?))),
    (&recovery::FIGURES, |size| Ok(Box::new(recovery::Recovery::prepare(size)?))),
    (&documents::FIGURES, |size| Ok(Box::new(documents::Documents::prepare(size)?))),
    (&import::FIGURES, |size| Ok(Box::new(import::Import::prepare(size)?))),
    (&board::FIGURES, |size| Ok(Box::new(board::Board::prepare(size)?))),
];

/// The checkout.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder that builds and measurements may fill.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A program beside this one, or from the suite's own folder one further up.
fn beside(program: &str) -> Tried<Option<PathBuf>> {
    let here = std::env::current_exe()?;
    Ok(here.ancestors().skip(1).take(2).map(|folder| folder.join(program)).find(|file| file.is_file()))
}

/// A folder on the disk that the checkout lies on: a system's temporary folder may well be memory.
fn scratch() -> Tried<tempfile::TempDir> {
    let folder = target().join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(tempfile::TempDir::new_in(folder)?)
}

/// What 99 of 100 do not exceed.
pub fn p99(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The middle value; of an even number the mean of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// How long `work` takes, in seconds, and what it returns.
fn timed<T>(work: impl FnOnce() -> Tried<T>) -> Tried<(f64, T)> {
    let began = std::time::Instant::now();
    let done = work()?;
    Ok((began.elapsed().as_secs_f64(), done))
}
