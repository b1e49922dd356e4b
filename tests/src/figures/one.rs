//! One phone on its own, one operation an exchange (B2): how long a worker waits for 已发送. The probe is the least
//! that durability costs: four kilobytes appended to a file and synced.

use std::fs::File;
use std::io::Write;

use nuanfang_core::domain::{VisitKind, Window};
use nuanfang_core::id::{HouseholdId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_demo::dice::Dice;
use nuanfang_server::enrolment;
use tempfile::TempDir;
use uuid::Uuid;

use super::line::Line;
use super::load::{Phone, Sender};
use super::town::{Town, copy, plan};
use super::{Bench, Figure, Run, Size, Tried, Value, scratch, timed};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "B2-one",
    name: "one phone × 1 operation of 3 KB, median of an exchange",
    unit: "ms",
    probe: "4 KB appended to a file and synced, median",
    value: Value::OfProbe,
    goal: Some(1.6),
}];

/// The bench: one phone that has not yet sent what it holds.
pub struct One {
    folder: TempDir,
    phone: Phone,
}

impl One {
    /// Fills its outbox.
    pub fn prepare(size: Size) -> Tried<Self> {
        let folder = scratch()?;
        let town = Town::open(&folder.path().join("before"))?;
        town.import_ledger(&folder.path().join("ledger"), 12)?;
        let home = *town.ids("SELECT id FROM household ORDER BY address")?.first().ok_or("no household")?;
        let worker = WorkerId(Uuid::new_v4());
        let at = town.state().now().0;
        let window = Window { from: Millis(at), until: Millis(at + 3_600_000) };
        let plans = (0..size.of(40, 1)).map(|_| plan(VisitKind::Repair, home, Some(worker), window)).collect();
        let planned = town.schedule(plans)?;
        let mut line = Line::open(town.addr())?;
        let mut phone = Phone::enrol(&mut line, enrolment::issue(&town.state().vault, worker)?)?;
        let mut dice = Dice::new(3);
        for visit in planned {
            phone.work(visit, HouseholdId(home), false, 1, &mut dice)?;
        }
        drop(line);
        town.close();
        Ok(Self { folder, phone })
    }
}

impl Bench for One {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let run = scratch()?;
        let data = run.path().join("data");
        copy(&self.folder.path().join("before"), &data)?;
        let town = Town::open(&data)?;
        let mut file = File::create(run.path().join("bare"))?;
        let exchanges = Sender::open(&self.phone, town.addr())?.send_all()?;
        let syncs = (0..exchanges.len())
            .map(|_| {
                let (seconds, ()) = timed(|| Ok(file.write_all(&[7; 4096]).and_then(|()| file.sync_data())?))?;
                Ok(seconds)
            })
            .collect::<Tried<Vec<f64>>>()?;
        town.close();
        Ok(vec![Run { measured: median(exchanges) * 1e3, probe: median(syncs) * 1e3 }])
    }
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_unstable_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
