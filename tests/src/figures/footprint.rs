//! What the server takes of a machine's memory (B19): a process of its own under the load of B1, read from outside at
//! its highest. The probe is the same process before the first phone comes.

use super::ingest::{Ingest, PLAIN};
use super::served::Served;
use super::town::copied;
use super::{Bench, Figure, Run, Size, Tried, Value};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "B19-rss",
    name: "memory of the server's process at its highest, under the load of B1",
    unit: "MB",
    probe: "the same process before the first phone comes",
    value: Value::Measured,
    goal: Some(100.0),
}];

/// The bench: B1's phones.
pub struct Footprint {
    ingest: Ingest,
}

impl Footprint {
    /// Fills the outboxes.
    pub fn prepare(size: Size) -> Tried<Self> {
        Ok(Self { ingest: Ingest::prepare(size, &PLAIN)? })
    }
}

impl Bench for Footprint {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let (_run, data) = copied(&self.ingest.before())?;
        // A first start makes the first user, whose password's hash takes more memory than all phones.
        Served::start(&data)?.stop()?;
        let served = Served::start(&data)?;
        let probe = served.memory()?.now;
        self.ingest.send_to(served.addr())?;
        let measured = served.memory()?.most;
        served.stop()?;
        Ok(vec![Run { measured, probe }])
    }
}
