//! More than the server can take (B18). First sixty-four phones come as fast as they are answered, which is its peak.
//! Then ten times as many come, each half as often as one of those came: what is taken of it, how long that takes, what
//! the server's process grows to, and how soon it has come to its end once it is told to. Whoever is turned away comes
//! again in his turn, sooner than he is told to. The bench itself sees that what was acknowledged is in the log, all of
//! it and nothing else.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;

use super::ingest::Load;
use super::load::{OPS, Phone, Sender};
use super::served::Served;
use super::town::copied;
use super::{Bench, Figure, Run, Size, Tried, Value, p99, scratch};

/// What is measured here.
pub const FIGURES: [Figure; 5] = [
    Figure {
        id: "B18",
        name: "operations taken while 5 × as many come as can be taken",
        unit: "operations/s",
        probe: "64 phones × 10 operations of 3 KB, each as fast as it is answered",
        value: Value::OfProbe,
        goal: Some(0.9),
    },
    Figure {
        id: "B18-offered",
        name: "exchanges that came, turned away or not",
        unit: "exchanges/s",
        probe: "those of the 64 phones",
        value: Value::OfProbe,
        goal: None,
    },
    Figure {
        id: "B18-p99",
        name: "how long 99 of 100 of the exchanges taken took at most",
        unit: "ms",
        probe: "those of the 64 phones",
        value: Value::OfProbe,
        goal: Some(3.0),
    },
    Figure {
        id: "B18-rss",
        name: "memory of the server's process at its highest",
        unit: "MB",
        probe: "the same process before the first phone comes",
        value: Value::Measured,
        goal: Some(256.0),
    },
    Figure {
        id: "B18-drain",
        name: "from the last request on: until all are answered and the server, told to stop, has ended",
        unit: "s",
        probe: "a server that nobody spoke to, told to stop",
        value: Value::Measured,
        goal: Some(10.0),
    },
];

/// How many times what can be taken comes.
const TIMES: usize = 5;
/// Phones that share what one comes with otherwise: who waits for his answer does not come, and others must.
const SHARED: usize = 2;

/// The bench: phones that nobody has heard of yet.
pub struct Overload {
    folder: TempDir,
    phones: Vec<Phone>,
    peak: usize,
    lasts: Duration,
}

impl Overload {
    /// Fills the outboxes.
    pub fn prepare(size: Size) -> Tried<Self> {
        let peak = size.of(64, 2);
        let load = Load {
            phones: peak * (1 + TIMES * SHARED),
            visits: size.of(24, 4),
            households: size.of(1_200, 12),
            signed: false,
            exchange: OPS,
        };
        let folder = scratch()?;
        let phones = load.fill(folder.path())?;
        Ok(Self { folder, phones, peak, lasts: Duration::from_millis(size.of(8_000, 300)) })
    }
}

impl Bench for Overload {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let (_run, data) = copied(&self.folder.path().join("before"))?;
        let quiet = Served::start(&data)?.stop()?;
        let before = logged(&data)?;

        let served = Served::start(&data)?;
        let empty = served.memory()?.now;
        let (few, many) = self.phones.split_at(self.peak);
        let peak = Storm::of(few, None).rage(served.addr())?;
        let turn = Duration::from_secs_f64((SHARED * self.peak) as f64 / peak.answered());
        let storm = Storm::of(many, Some((turn, self.lasts))).rage(served.addr())?;
        let most = served.memory()?.most;
        served.stop()?;
        let drained = storm.ended.elapsed().as_secs_f64();

        let (taken, found) = (peak.taken.len() + storm.taken.len(), logged(&data)? - before);
        if found != (taken * OPS) as u64 {
            return Err(format!("{} operations acknowledged, {found} in the log", taken * OPS).into());
        }
        Ok(vec![
            Run { measured: storm.goodput(), probe: peak.goodput() },
            Run { measured: storm.answered(), probe: peak.answered() },
            Run { measured: p99(&storm.taken) * 1e3, probe: p99(&peak.taken) * 1e3 },
            Run { measured: most, probe: empty },
            Run { measured: drained, probe: quiet },
        ])
    }
}

/// Envelopes in the log of a server that has stopped.
fn logged(data: &Path) -> Tried<u64> {
    let db = Connection::open(data.join("nuanfang.db"))?;
    Ok(db.query_row("SELECT count(*) FROM envelope", [], |row| row.get::<_, i64>(0))? as u64)
}

/// Phones that come all at the same time.
struct Storm<'a> {
    phones: &'a [Phone],
    /// Every when each comes, and how long it goes on. Otherwise each comes as soon as it is answered, until the first
    /// of them has nothing left.
    paced: Option<(Duration, Duration)>,
}

/// What became of it.
struct Passed {
    /// Seconds that each exchange that was taken took.
    taken: Vec<f64>,
    turned_away: usize,
    seconds: f64,
    /// When nobody came any more.
    ended: Instant,
}

impl Passed {
    fn goodput(&self) -> f64 {
        (self.taken.len() * OPS) as f64 / self.seconds
    }

    fn answered(&self) -> f64 {
        (self.taken.len() + self.turned_away) as f64 / self.seconds
    }
}

impl<'a> Storm<'a> {
    fn of(phones: &'a [Phone], paced: Option<(Duration, Duration)>) -> Self {
        Self { phones, paced }
    }

    /// Lets it rage until it is over and everybody is answered. It ends at the latest when the first phone has nothing
    /// left: from then on less would come.
    fn rage(&self, addr: SocketAddr) -> Tried<Passed> {
        let senders: Vec<Sender<'_>> =
            self.phones.iter().map(|phone| Sender::open(phone, addr)).collect::<Tried<_>>()?;
        let (start, over) = (Barrier::new(senders.len() + 1), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let phones: Vec<_> = senders
                .into_iter()
                .zip(self.phones)
                .enumerate()
                .map(|(place, (sender, phone))| {
                    let (start, over) = (&start, &over);
                    let late = place as f64 / self.phones.len() as f64;
                    scope.spawn(move || {
                        start.wait();
                        let done = self.come(sender, phone.exchanges(), late, over);
                        // Nobody waits for one that failed.
                        over.store(true, Ordering::Relaxed);
                        done
                    })
                })
                .collect();
            start.wait();
            let began = Instant::now();
            let mut passed = Passed { taken: Vec::new(), turned_away: 0, seconds: 0.0, ended: began };
            for phone in phones {
                let (taken, turned_away, last) = phone.join().map_err(|_| "a phone panicked")??;
                passed.taken.extend(taken);
                passed.turned_away += turned_away;
                passed.ended = passed.ended.max(last);
            }
            // Until the last answer: what was under way at the end counts, and so does its time.
            passed.seconds = began.elapsed().as_secs_f64();
            Ok(passed)
        })
    }

    /// One phone, `late` of a turn after the first. The times of what was taken, how often it was turned away, and when
    /// it last asked.
    fn come(
        &self,
        mut sender: Sender<'_>,
        exchanges: usize,
        late: f64,
        over: &AtomicBool,
    ) -> Tried<(Vec<f64>, usize, Instant)> {
        let began = Instant::now();
        let mut next = began + self.paced.map_or(Duration::ZERO, |(turn, _)| turn.mul_f64(late));
        let (mut taken, mut turned_away, mut last) = (Vec::with_capacity(exchanges), 0, began);
        while taken.len() < exchanges && !over.load(Ordering::Relaxed) {
            if let Some((turn, lasts)) = self.paced {
                if began.elapsed() >= lasts {
                    break;
                }
                // A turn that passed while it waited for its answer is missed, not made up for.
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
                next = (next + turn).max(Instant::now());
            }
            last = Instant::now();
            if sender.offer(taken.len())? {
                taken.push(last.elapsed().as_secs_f64());
            } else {
                turned_away += 1;
            }
        }
        Ok((taken, turned_away, last))
    }
}
