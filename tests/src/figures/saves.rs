//! What a worker waits for at a door (B8): a form filled in, the paper made of it signed, strokes and picture of the
//! signature as files of their own, all of it durable in the phone's encrypted store. The probe is the least that
//! durability costs there: four kilobytes appended to a file and synced, one beside each save.

use nuanfang_core::domain::{VisitKind, Window};
use nuanfang_core::id::WorkerId;
use nuanfang_core::time::Millis;
use nuanfang_server::enrolment;
use serde::Deserialize;
use tempfile::TempDir;

use super::cipher::phone;
use super::town::{Town, plan};
use super::{Bench, Figure, Run, Size, Tried, Value, scratch};

const PROBE: &str = "4 KB appended to a file and synced, 99 of 100";

/// What is measured here.
pub const FIGURES: [Figure; 2] = [
    Figure {
        id: "B8-save",
        name: "a form and the signature under it saved in the phone's encrypted store, 99 of 100",
        unit: "ms",
        probe: PROBE,
        value: Value::OfProbe,
        goal: Some(3.0),
    },
    Figure { id: "B8-form", name: "the form alone", unit: "ms", probe: PROBE, value: Value::OfProbe, goal: None },
];

/// Signatures a visit of the phone's takes.
const A_VISIT: usize = 10;

/// The bench: a worker with visits to make.
pub struct Saves {
    town: Town,
    _folder: TempDir,
    worker: WorkerId,
    count: usize,
}

/// What the phone says.
#[derive(Deserialize)]
struct Saved {
    save: f64,
    form: f64,
    append: f64,
}

impl Saves {
    /// Plans the visits.
    pub fn prepare(size: Size) -> Tried<Self> {
        let folder = scratch()?;
        let town = Town::open(&folder.path().join("data"))?;
        town.import_ledger(&folder.path().join("ledger"), 12)?;
        let worker = *town.ids("SELECT id FROM worker ORDER BY badge_number")?.first().ok_or("no worker")?;
        let home = *town.ids("SELECT id FROM household ORDER BY address")?.first().ok_or("no household")?;
        let (worker, count) = (WorkerId(worker), size.of(1_000_usize, 12));
        let at = |visit: usize| Millis(town.state().now().0 + 3_600_000 * visit as i64);
        let plans = (0..count.div_ceil(A_VISIT))
            .map(|visit| plan(VisitKind::Repair, home, Some(worker), Window { from: at(visit), until: at(visit + 1) }));
        town.schedule(plans.collect())?;
        Ok(Self { _folder: folder, town, worker, count })
    }
}

impl Bench for Saves {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let town = &self.town;
        let run = scratch()?;
        let code = enrolment::issue(&town.state().vault, self.worker)?;
        let url = format!("http://{}", town.addr());
        let told: Saved = phone("save", &run.path().join("phone"), &url, &code, &[self.count.to_string()])?;
        let Saved { save, form, append: probe } = told;
        Ok(vec![Run { measured: save, probe }, Run { measured: form, probe }])
    }
}
