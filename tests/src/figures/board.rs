//! The dispatcher opens the board of a day with two thousand visits, in a real Chromium, nothing in its cache: when
//! something is seen, and when every column stands. The probe is the smallest page the same server gives.

use std::process::Command;

use nuanfang_core::domain::{VisitKind, Window};
use nuanfang_core::id::WorkerId;
use nuanfang_core::time::Millis;
use serde::Deserialize;
use tempfile::TempDir;

use super::town::{LOGIN, PASSWORD, Town, plan};
use super::{Bench, Figure, Run, Size, Tried, Value, root, scratch};

const PROBE: &str = "first contentful paint of the server's smallest page, one line of text";

/// What is measured here.
pub const FIGURES: [Figure; 2] = [
    Figure {
        id: "board-paint",
        name: "the board with 2,000 visits: first contentful paint, cold cache",
        unit: "ms",
        probe: PROBE,
        value: Value::Measured,
        goal: None,
    },
    Figure {
        id: "board-stands",
        name: "the board with 2,000 visits: all counted and every column laid out, cold cache",
        unit: "ms",
        probe: PROBE,
        value: Value::Measured,
        goal: None,
    },
];

const MINUTE: i64 = 60_000;

/// The bench.
pub struct Board {
    town: Town,
    visits: usize,
    _folder: TempDir,
}

impl Board {
    /// Plans the day.
    pub fn prepare(size: Size) -> Tried<Self> {
        let visits = size.of(2_000, 40);
        let folder = scratch()?;
        let town = Town::open(&folder.path().join("data"))?;
        town.import_ledger(&folder.path().join("ledger"), size.of(1_200, 40))?;
        let homes = town.ids("SELECT id FROM household ORDER BY address")?;
        let workers = town.ids("SELECT id FROM worker ORDER BY badge_number")?;
        let now = town.state().now();
        let morning = now.0 - now.local().time().signed_duration_since(chrono::NaiveTime::MIN).num_milliseconds();
        let kinds = [VisitKind::Repair, VisitKind::Measurement, VisitKind::Inspection];
        let plans = (0..visits).map(|number| {
            let from = Millis(morning + 8 * 60 * MINUTE + (number % 120) as i64 * 5 * MINUTE);
            let window = Window { from, until: Millis(from.0 + 60 * MINUTE) };
            // One in three still waits for somebody to go.
            let assignee = (number % 3 > 0).then(|| WorkerId(workers[number % workers.len()]));
            plan(kinds[number % kinds.len()], homes[number % homes.len()], assignee, window)
        });
        town.schedule(plans.collect())?;
        town.add_dispatcher()?;
        Ok(Self { town, visits, _folder: folder })
    }
}

/// What the browser saw, in milliseconds from the beginning of a navigation.
#[derive(Debug, Deserialize)]
struct Seen {
    paint: f64,
    stands: f64,
    probe: f64,
}

impl Bench for Board {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let town = &self.town;
        let url = format!("http://{}", town.addr());
        let script = root().join("server/console/e2e/paint.mjs");
        let visits = self.visits.to_string();
        let done = Command::new("node").arg(script).args([url.as_str(), LOGIN, PASSWORD, &visits]).output()?;
        if !done.status.success() {
            return Err(format!("the browser: {}", String::from_utf8_lossy(&done.stderr)).into());
        }
        let seen: Seen = serde_json::from_slice(&done.stdout)?;
        Ok(vec![Run { measured: seen.paint, probe: seen.probe }, Run { measured: seen.stands, probe: seen.probe }])
    }
}
