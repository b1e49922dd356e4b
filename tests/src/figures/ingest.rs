//! Durable ingest (B1): sixty-four phones send ten operations of three kilobytes an exchange, over HTTP, packed
//! with zstd. The server reads the token, checks the chain, stores, judges and folds each operation, writes the visit's
//! row and the feed, commits with full synchronisation and answers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::Instant;

use nuanfang_core::domain::{VisitKind, Window};
use nuanfang_core::id::{HouseholdId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_demo::dice::Dice;
use nuanfang_server::enrolment;
use tempfile::TempDir;
use uuid::Uuid;

use super::line::Line;
use super::load::{OPS, Phone, Sender};
use super::rows::Rows;
use super::town::{Town, copied, plan};
use super::{Bench, Figure, Run, Size, Tried, Value, scratch};

const PROBE: &str = "bare SQLite writing the same rows, FULL, 512 envelopes a transaction";

/// Operations as the protocol knows them: bodies that are read, judged and folded.
pub const PLAIN: [Figure; 1] = [Figure {
    id: "B1",
    name: "durable ingest, 64 phones × 10 operations of 3 KB",
    unit: "operations/s",
    probe: PROBE,
    value: Value::OfProbe,
    goal: Some(0.9),
}];

/// The worst that phones can do: each operation an exchange of its own.
pub const SINGLE: [Figure; 1] = [Figure {
    id: "B2",
    name: "the same, 64 phones × 1 operation of 3 KB",
    unit: "operations/s",
    probe: PROBE,
    value: Value::OfProbe,
    goal: Some(0.45),
}];

/// As a day really is: what a resident signs is checked and counter-signed as it comes in.
pub const SIGNED: [Figure; 1] = [Figure {
    id: "B1-signed",
    name: "the same, one operation in ten a signed record",
    unit: "operations/s",
    probe: PROBE,
    value: Value::OfProbe,
    goal: None,
}];

/// The bench: a supplier whose phones have not yet sent what they hold.
pub struct Ingest {
    figures: &'static [Figure],
    folder: TempDir,
    phones: Vec<Phone>,
    operations: usize,
}

impl Bench for Ingest {
    fn figures(&self) -> &'static [Figure] {
        self.figures
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let before = self.before();
        let (run, after) = copied(&before)?;
        let seconds = self.send(&after)?;
        let rows = Rows::between(&database(&before), &database(&after))?;
        if rows.envelopes != self.operations {
            return Err(format!("{} operations sent, {} in the log", self.operations, rows.envelopes).into());
        }
        let bare = run.path().join("bare.db");
        std::fs::copy(database(&before), &bare)?;
        let probe = rows.write(&bare)?;
        let operations = self.operations as f64;
        Ok(vec![Run { measured: operations / seconds, probe: operations / probe }])
    }
}

impl Ingest {
    /// Fills the outboxes for `figures`.
    pub fn prepare(size: Size, figures: &'static [Figure]) -> Tried<Self> {
        let (phones, visits) = size.of((64, 40), (3, 20));
        let folder = scratch()?;
        let load = Load {
            phones,
            visits,
            households: size.of(1_200, 12),
            signed: figures == SIGNED,
            exchange: if figures == SINGLE { 1 } else { OPS },
        };
        let phones = load.fill(folder.path())?;
        Ok(Self { figures, folder, phones, operations: load.phones * load.visits * OPS })
    }

    /// The data folder as it was before the phones came.
    pub fn before(&self) -> PathBuf {
        self.folder.path().join("before")
    }

    /// All phones send all they hold. From the first byte sent to the last acknowledgement, in seconds.
    pub fn send_to(&self, addr: SocketAddr) -> Tried<f64> {
        let senders: Vec<Sender<'_>> =
            self.phones.iter().map(|phone| Sender::open(phone, addr)).collect::<Tried<_>>()?;
        let start = Barrier::new(senders.len() + 1);
        std::thread::scope(|scope| {
            let threads: Vec<_> = senders
                .into_iter()
                .map(|mut sender| {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        sender.send_all()
                    })
                })
                .collect();
            start.wait();
            let began = Instant::now();
            for thread in threads {
                thread.join().map_err(|_| "a phone panicked")??;
            }
            Tried::Ok(began.elapsed().as_secs_f64())
        })
    }

    fn send(&self, data: &Path) -> Tried<f64> {
        let town = Town::open(data)?;
        let seconds = self.send_to(town.addr())?;
        town.close();
        Ok(seconds)
    }
}

/// Phones with as many visits' work, ten operations each, that nobody has seen yet.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Phones.
    pub phones: usize,
    /// Visits of each.
    pub visits: usize,
    /// Dwellings they go to.
    pub households: usize,
    /// One operation of a visit is a signed record.
    pub signed: bool,
    /// Operations an exchange.
    pub exchange: usize,
}

impl Load {
    /// Fills the outboxes of phones whose supplier's data lie in `folder` under `before`.
    pub fn fill(&self, folder: &Path) -> Tried<Vec<Phone>> {
        let Self { phones, visits, signed, exchange, .. } = *self;
        let town = Town::open(&folder.join("before"))?;
        town.import_ledger(&folder.join("ledger"), self.households)?;
        let households = town.ids("SELECT id FROM household ORDER BY address")?;
        let mut line = Line::open(town.addr())?;
        let mut dice = Dice::new(1);
        let mut ready = Vec::with_capacity(phones);
        for phone in 0..phones {
            let worker = WorkerId(Uuid::new_v4());
            let home = |visit: usize| households[(phone * visits + visit) % households.len()];
            let kind = if signed { VisitKind::Measurement } else { VisitKind::Repair };
            let at = |visit: usize| town.state().now().0 + 3_600_000 * visit as i64;
            let window = |visit| Window { from: Millis(at(visit)), until: Millis(at(visit) + 3_600_000) };
            let plans = (0..visits).map(|visit| plan(kind, home(visit), Some(worker), window(visit))).collect();
            let planned = town.schedule(plans)?;
            let mut phone = Phone::enrol(&mut line, enrolment::issue(&town.state().vault, worker)?)?;
            for (visit, id) in planned.into_iter().enumerate() {
                let home = HouseholdId(home(visit));
                phone.work(id, home, signed, exchange, &mut dice)?;
            }
            ready.push(phone);
        }
        drop(line);
        town.close();
        Ok(ready)
    }
}

fn database(data: &Path) -> PathBuf {
    data.join("nuanfang.db")
}
