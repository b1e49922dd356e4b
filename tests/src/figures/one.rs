//! One phone on its own, one operation an exchange (B2): how long a worker waits for 已发送. The probe is the least
//! that durability costs: four kilobytes appended to a file and synced.

use std::fs::File;
use std::io::Write;

use nuanfang_demo::dice::Dice;
use tempfile::TempDir;

use super::load::{Phone, Sender};
use super::town::{Town, copied};
use super::{Bench, Figure, Run, Size, Tried, Value, median, scratch, timed};

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
        let (town, mut phone, home, planned) = Phone::alone(folder.path(), size.of(40, 1))?;
        let mut dice = Dice::new(3);
        for visit in planned {
            phone.work(visit, home, false, 1, &mut dice)?;
        }
        town.close();
        Ok(Self { folder, phone })
    }
}

impl Bench for One {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let (run, data) = copied(&self.folder.path().join("before"))?;
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
        Ok(vec![Run { measured: median(&exchanges) * 1e3, probe: median(&syncs) * 1e3 }])
    }
}
