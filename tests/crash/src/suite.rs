//! The sweeps in their two sizes: a short one for every day, the full one for a night.

use serde::Serialize;
use tempfile::TempDir;

use crate::chaos::{self, Outcome};
use crate::control::{self, Synchronous};
use crate::faults::{self, PhoneTrial, SalvageTrial, ServerTrial};
use crate::migration::{self, MigrationJudge};
use crate::phone::{self, PhoneJudge};
use crate::replay::Replay;
use crate::salvage::{self, SalvageJudge, Schema};
use crate::server::{self, ServerJudge};
use crate::sweep::{Depth, Fallible, Found, Plan, sweep};

/// How long a sweep takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Seconds: some indexes, and all around syncs.
    Short,
    /// A night: every index, each kind of crash.
    Full,
}

impl Form {
    fn depth(self, full: Depth, every: usize) -> Depth {
        match self {
            Self::Short => Depth::Every(every),
            Self::Full => full,
        }
    }
}

/// Crashes the phone.
///
/// # Errors
/// If the workload itself fails.
pub fn phone(form: Form, seed: u64) -> Fallible<Found> {
    let dir = TempDir::new()?;
    let (acts, deep) = if form == Form::Full { (200, 50) } else { (60, 25) };
    let (record, truth) = phone::play(dir.path(), acts, seed)?;
    let plan = Plan { workload: "phone", depth: form.depth(Depth::Full, 7), seed, deep };
    Ok(sweep(Replay::new(&record), &record, &mut PhoneJudge::new(&truth)?, plan))
}

/// Crashes the phone while its database is brought up to a newer schema.
///
/// # Errors
/// If the workload itself fails.
pub fn migration(form: Form, seed: u64) -> Fallible<Found> {
    let dir = TempDir::new()?;
    let (record, rows) = migration::play(dir.path())?;
    let plan = Plan { workload: "migration", depth: form.depth(Depth::Full, 3), seed, deep: 3 };
    Ok(sweep(Replay::new(&record), &record, &mut MigrationJudge::new(&rows)?, plan))
}

/// Crashes the phone while its database is made anew out of a damaged one: this release's, then the first's.
///
/// # Errors
/// If the workload itself fails.
pub fn salvage(form: Form, seed: u64) -> Fallible<[Found; 2]> {
    let run = |workload, schema| -> Fallible<Found> {
        let dir = TempDir::new()?;
        let (record, truth) = salvage::play(dir.path(), schema)?;
        let plan = Plan { workload, depth: form.depth(Depth::Full, 5), seed, deep: 1 };
        Ok(sweep(Replay::new(&record), &record, &mut SalvageJudge::new(&truth)?, plan))
    };
    Ok([run("salvage", Schema::Current)?, run("salvage of the first release", Schema::First)?])
}

/// Crashes the server.
///
/// # Errors
/// If the workload itself fails.
pub fn server(form: Form, seed: u64) -> Fallible<Found> {
    let dir = TempDir::new()?;
    let full = server::Size { phones: 8, rounds: 25, ops: 10 };
    let (size, deep) =
        if form == Form::Full { (full, 500) } else { (server::Size { phones: 4, rounds: 8, ops: 5 }, 60) };
    let (record, truth) = server::play(dir.path(), size, seed)?;
    let plan = Plan { workload: "server", depth: form.depth(Depth::Each, 11), seed, deep };
    Ok(sweep(Replay::new(&record), &record, &mut ServerJudge::new(&truth)?, plan))
}

/// The phone, at work and while its database is made anew, and the server on disks that forget to sync, all of it or a part
/// alone: each must lose something, or the sweeps above are blind.
///
/// # Errors
/// If the workloads themselves fail.
pub fn deaf(seed: u64) -> Fallible<Vec<Found>> {
    let (dir, office) = (TempDir::new()?, TempDir::new()?);
    let plan = |workload| Plan { workload, depth: Depth::Every(60), seed, deep: usize::MAX };
    let mut found = Vec::new();
    let (record, truth) = phone::play(dir.path(), 25, seed)?;
    for (workload, part) in [("phone without syncs", ""), ("phone without syncs of files", "blobs")] {
        let mut judge = PhoneJudge::new(&truth)?;
        found.push(sweep(Replay::deaf_to(&record, part), &record, &mut judge, plan(workload)));
    }
    let dir = TempDir::new()?;
    let (record, truth) = salvage::play(dir.path(), Schema::Current)?;
    let mut judge = SalvageJudge::new(&truth)?;
    found.push(sweep(Replay::deaf_to(&record, ""), &record, &mut judge, plan("salvage without syncs")));
    let (record, truth) = server::play(office.path(), server::Size { phones: 2, rounds: 3, ops: 10 }, seed)?;
    for (workload, part) in [
        ("server without syncs", ""),
        ("server without syncs of files", "data/blobs"),
        ("server without syncs of its backup", "backup"),
        ("server without syncs of its vault", "vault"),
    ] {
        let mut judge = ServerJudge::new(&truth)?;
        found.push(sweep(Replay::deaf_to(&record, part), &record, &mut judge, plan(workload)));
    }
    Ok(found)
}

/// SQLite told to sync never, at checkpoints, at every commit; in this order.
///
/// # Errors
/// If the workload itself fails.
pub fn controls(seed: u64) -> Fallible<[control::Found; 3]> {
    let dir = TempDir::new()?;
    let run = |synchronous, name: &str| control::run(&dir.path().join(name), synchronous, seed);
    Ok([run(Synchronous::Off, "off")?, run(Synchronous::Normal, "normal")?, run(Synchronous::Full, "full")?])
}

/// Phone and server on failing disks.
///
/// # Errors
/// If a workload fails on a disk that works.
pub fn faults(form: Form) -> Fallible<[faults::Found; 3]> {
    let step = |every| if form == Form::Full { 1 } else { every };
    Ok([
        faults::sweep(&mut PhoneTrial::new()?, step(17))?,
        faults::sweep(&mut SalvageTrial::new()?, step(7))?,
        faults::sweep(&mut ServerTrial::new()?, step(41))?,
    ])
}

/// Runs of the network that lies, from `seed` on.
///
/// # Errors
/// If a run can't be set up.
pub fn chaos(form: Form, seed: u64) -> Fallible<Outcome> {
    let (runs, size) = match form {
        Form::Short => (6, chaos::Size { phones: 3, turns: 12, photos: 3, side: 160 }),
        Form::Full => (1_000, chaos::Size { phones: 4, turns: 16, photos: 3, side: 640 }),
    };
    let mut outcome = Outcome { first_seed: seed, ..Outcome::default() };
    for run in 0..runs {
        // Now and then files of several pieces.
        let large = form == Form::Full && run % 10 == 0;
        let size = if large { chaos::Size { photos: 1, side: 1_400, ..size } } else { size };
        outcome.add(chaos::run(size, seed + run)?);
    }
    Ok(outcome)
}

/// Everything, as `--json` writes it.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Every index, each kind of crash.
    pub full: bool,
    /// Crashes.
    pub crashes: Vec<Found>,
    /// The same without syncs: each must have failed.
    pub without_syncs: Vec<Found>,
    /// SQLite at three levels of `synchronous`.
    pub controls: Vec<(String, control::Found)>,
    /// Failing disks.
    pub faults: Vec<faults::Found>,
    /// The lying network.
    pub chaos: Option<Outcome>,
    /// Bytes of a file sent again after a cut: median and largest.
    pub sent_again: Option<(u64, u64)>,
    /// Whether everything holds.
    pub holds: bool,
}
