//! The background thread of the exchange: waits for its time or a poke, runs, and waits again. A screen never waits
//! for it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::courier::{Run, Stop};
use super::obstacle::{self, Obstacle};
use super::sync;

/// What one run is: done by the app, told to the runner.
pub type OneRun = dyn Fn() -> Result<Run, Stop> + Send + Sync;

#[derive(Default)]
struct Mind {
    backoff: Backoff,
    obstacle: Option<Obstacle>,
    running: bool,
    poked: bool,
    /// Counts starts: a thread of an earlier start ends.
    generation: u64,
    started: bool,
    next: Option<Instant>,
}

/// The runner of one app.
#[derive(Default)]
pub struct Runner {
    mind: Mutex<Mind>,
    wake: Condvar,
}

/// How the runner stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerState {
    /// A run is under way.
    pub running: bool,
    /// Why the last one stopped or what it left behind, if it did.
    pub obstacle: Option<Obstacle>,
    /// Milliseconds until the next.
    pub next_try_in_ms: Option<u64>,
}

impl Runner {
    /// How it stands.
    pub fn state(&self) -> RunnerState {
        let mind = self.lock();
        let next = mind.next.filter(|_| mind.started).map(|next| next.saturating_duration_since(Instant::now()));
        RunnerState {
            running: mind.running,
            obstacle: mind.obstacle.clone(),
            next_try_in_ms: next.map(|left| left.as_millis() as u64),
        }
    }

    /// A tap, or a change of the network: at once, whatever the backoff says.
    pub fn poke(&self) {
        let mut mind = self.lock();
        mind.backoff.reset();
        mind.poked = true;
        self.wake.notify_all();
    }

    /// The phone is another device now: what stopped the last one stands in nobody's way, and it tries at once.
    pub fn begin_anew(&self) {
        self.lock().obstacle = None;
        self.poke();
    }

    /// Something was saved: sent soon, unless the last try failed and its turn is still to come.
    pub fn nudge(&self) {
        let mut mind = self.lock();
        if !mind.backoff.has_failed() {
            mind.poked = true;
            self.wake.notify_all();
        }
    }

    /// Does one run here and now, and remembers how it went.
    pub fn once(&self, run: &OneRun) -> Result<Run, Stop> {
        self.lock().running = true;
        let done = run();
        let mut mind = self.lock();
        mind.running = false;
        let wait = match &done {
            Ok(run) => {
                mind.backoff.reset();
                mind.obstacle = obstacle::of_unreadable(&run.unreadable);
                u64::from(run.applied.poll_after_s.clamp(5, 3600)) * 1000
            }
            Err(stop) => {
                mind.obstacle = Some(obstacle::of(stop));
                let asked = if let Stop::Busy { retry_after_s } = stop { *retry_after_s } else { None };
                mind.backoff.failed(sync::jitter(), asked)
            }
        };
        mind.next = Some(Instant::now() + Duration::from_millis(wait));
        done
    }

    /// Starts the thread; a second start changes nothing.
    pub fn start(self: &Arc<Self>, run: Arc<OneRun>) -> std::io::Result<()> {
        let mut mind = self.lock();
        if mind.started {
            return Ok(());
        }
        mind.started = true;
        mind.poked = true;
        mind.generation += 1;
        let (generation, runner) = (mind.generation, Arc::clone(self));
        drop(mind);
        let thread = std::thread::Builder::new().name("nuanfang-sync".to_owned());
        thread.spawn(move || runner.work(generation, &*run)).map(|_| ())
    }

    /// Lets the thread end after the run it may be in. Does not wait for it.
    pub fn stop(&self) {
        let mut mind = self.lock();
        mind.started = false;
        mind.generation += 1;
        self.wake.notify_all();
    }

    fn work(&self, generation: u64, run: &OneRun) {
        while self.wait(generation) {
            // How it went is remembered in the mind; the next turn goes by it.
            let _ = self.once(run);
        }
    }

    /// Waits for the next turn. False when the thread is to end.
    fn wait(&self, generation: u64) -> bool {
        let mut mind = self.lock();
        loop {
            if mind.generation != generation {
                return false;
            }
            let left = mind.next.map_or(Duration::ZERO, |next| next.saturating_duration_since(Instant::now()));
            if mind.poked || left.is_zero() {
                mind.poked = false;
                return true;
            }
            mind = self.wake.wait_timeout(mind, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Mind> {
        self.mind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
