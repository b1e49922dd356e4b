//! The night the server is lost (B16): a hundred thousand operations, a backup that is up to a minute old, the product's
//! own restore, and every phone that comes back. What is counted is the exchanges that the phone needed that needed
//! most, until all it ever did is on the new server; an operation that is not there ends the bench. The probe is what a
//! phone asks when nothing was lost.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nuanfang_core::device::outbox::{self, NewOp};
use nuanfang_core::device::store::Store;
use nuanfang_core::device::trouble::Trouble;
use nuanfang_core::domain::worker_event::{Opened, ProblemDescribed};
use nuanfang_core::domain::{Event, Rules, VisitKind};
use nuanfang_core::id::{BootId, HouseholdId, VisitId};
use nuanfang_core::time::Stamp;
use nuanfang_demo::dice::Dice;
use nuanfang_server::clock::real_now;
use nuanfang_server::office::restore::{Damaged, restore};
use nuanfang_server::store::ship::place::Place;
use tempfile::TempDir;
use uuid::Uuid;

use super::prose::prose;
use super::town::copy;
use super::{Bench, Figure, Run, Size, Tried, Value, scratch};
use crate::drill::{House, Worker};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "B16",
    name: "server lost with 100,000 operations (1,000,000 with --large) and a backup up to 60 s old, restored: exchanges until a phone has nothing \
           more to bring, the most of all phones",
    unit: "exchanges",
    probe: "the same phones once more, with nothing lost",
    value: Value::Measured,
    goal: Some(2.0),
}];

/// Operations about one visit.
const A_VISIT: u32 = 10;
/// Operations at most that a phone sent since the backup was made: one a second for a minute.
const SINCE: u32 = 60;

/// The bench: phones, and a backup of a server that is no more.
pub struct Recovery {
    folder: TempDir,
    key: [u8; 32],
    known: BTreeSet<Uuid>,
    phones: u32,
}

impl Recovery {
    /// Does the work, ships it, does what the backup does not see, and loses the server.
    pub fn prepare(size: Size) -> Tried<Self> {
        let (phones, each) = size.up_to((50, 20_000), (50, 2_000), (3, 80));
        let folder = scratch()?;
        let (backup, first) = (folder.path().join("backup"), folder.path().join("first"));
        let house = House::open(&first, SocketAddr::from(([127, 0, 0, 1], 0)));
        let mut dice = Dice::new(5);
        let mut workers = Vec::new();
        for phone in 0..phones {
            let dir = dir(folder.path(), phone);
            drop(Worker::enrolled(&house, u128::from(phone) + 1, &dir));
            let since = dice.below(SINCE.min(each) as usize) as u32 + 1;
            work(&dir, phone, 0..each - since, &mut dice)?;
            workers.push((dir, since));
        }
        for (dir, _) in &workers {
            send(dir)?;
        }
        house.ship(&backup);
        for (phone, (dir, since)) in (0..).zip(&workers) {
            work(dir, phone, each - since..each, &mut dice)?;
            send(dir)?;
        }
        let (key, known) = (house.key(), house.ops());
        if known.len() != (phones * each) as usize {
            return Err(format!("{} operations were made, the server has {}", phones * each, known.len()).into());
        }
        house.stop();
        std::fs::remove_dir_all(&first)?;
        Ok(Self { folder, key, known, phones })
    }
}

fn dir(folder: &Path, phone: u32) -> PathBuf {
    folder.join("phones").join(phone.to_string())
}

/// Logs so many operations, as the app does it, in one transaction.
fn work(dir: &Path, phone: u32, which: std::ops::Range<u32>, dice: &mut Dice) -> Tried<()> {
    let boot = BootId(Uuid::from_u128(u128::from(phone) + 1));
    Store::open(dir, None)?.write::<_, Trouble>(|transaction| {
        for number in which {
            let visit = Uuid::from_u128((u128::from(phone) << 32) + u128::from(number / A_VISIT) + 1);
            let event = if number % A_VISIT == 0 {
                let household = HouseholdId(visit);
                Event::Opened(Opened {
                    kind: VisitKind::Repair,
                    household,
                    reason: "示例：漏水".into(),
                    emergency: true,
                })
            } else {
                Event::ProblemDescribed(ProblemDescribed { text: prose(dice, 300) })
            };
            let t = Stamp { wall_ms: real_now().0, mono_ms: 60_000 + 1_000 * u64::from(number), boot };
            let (visit, rules) = (Some(VisitId(visit)), Rules::builtin().sha());
            outbox::append(transaction, NewOp { event, visit, basis: 0, rules, t, blobs: Vec::new() })?;
        }
        Ok(())
    })?;
    Ok(())
}

/// Sends all of it.
fn send(dir: &Path) -> Tried<()> {
    let status = Worker::open(dir, None).app.sync_once()?;
    if status.ops_waiting > 0 { Err(format!("{} operations still wait", status.ops_waiting).into()) } else { Ok(()) }
}

impl Bench for Recovery {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let run = scratch()?;
        copy(&self.folder.path().join("backup"), &run.path().join("backup"))?;
        copy(&self.folder.path().join("phones"), &run.path().join("phones"))?;
        let second = run.path().join("second");
        restore(&Place::open(&run.path().join("backup"))?, &self.key, &second, Damaged::Refused)?;
        let house = House::open(&second, SocketAddr::from(([127, 0, 0, 1], 0)));
        if house.ops().len() == self.known.len() {
            return Err("the backup had all of it: nothing was lost with the server".into());
        }
        let addr = house.running().addr;
        // All of them at once, as after a night.
        let needed = std::thread::scope(|scope| {
            let phones: Vec<_> = (0..self.phones)
                .map(|phone| dir(run.path(), phone))
                .map(|dir| scope.spawn(move || come_back(&dir, addr)))
                .collect();
            phones
                .into_iter()
                .map(|phone| phone.join().map_err(|_| "a phone panicked")?)
                .collect::<Tried<Vec<(usize, usize)>>>()
        })?;
        let lost = self.known.difference(&house.ops()).count();
        house.stop();
        if lost > 0 {
            return Err(format!("{lost} operations are lost").into());
        }
        let most = |each: fn(&(usize, usize)) -> usize| needed.iter().map(each).max().unwrap_or(0) as f64;
        Ok(vec![Run { measured: most(|(first, _)| *first), probe: most(|(_, again)| *again) }])
    }
}

/// The exchanges until nothing waits, and those of another time after that.
fn come_back(dir: &Path, addr: SocketAddr) -> Tried<(usize, usize)> {
    let worker = Worker::open(dir, Some(addr));
    worker.app.sync_once()?;
    let first = worker.exchanges();
    let status = worker.app.sync_once()?;
    if status.acked != status.head {
        return Err(format!("{} of {} came back", status.acked, status.head).into());
    }
    Ok((first, worker.exchanges() - first))
}
