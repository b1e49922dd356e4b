//! The background thread of the exchange: waits for its time or a poke, runs, and waits again. A screen never waits
//! for it, and no run ends it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::courier::{Run, Stop, Unreachable};
use super::obstacle::{self, Obstacle};
use super::sync;
use super::trouble::Trouble;

/// The longest wait while nothing answers, in milliseconds.
const OFFLINE_MS: u64 = 60_000;

/// What one run is: done by the app, told to the runner.
pub type OneRun = dyn Fn() -> Result<Run, Stop> + Send + Sync;

#[derive(Default)]
struct Mind {
    backoff: Backoff,
    obstacle: Option<Obstacle>,
    running: bool,
    poked: bool,
    /// The last run did not bring all records there.
    records_wait: bool,
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
    /// The last one stopped before all records were there.
    pub records_wait: bool,
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
            records_wait: mind.records_wait,
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

    /// Something was saved: sent soon, unless records did not get through the last time and their turn is still to come.
    pub fn nudge(&self) {
        let mut mind = self.lock();
        if !mind.records_wait {
            mind.poked = true;
            self.wake.notify_all();
        }
    }

    /// Does one run here and now, and remembers how it went. One that panics has failed like any other.
    pub fn once(&self, run: &OneRun) -> Result<Run, Stop> {
        self.lock().running = true;
        let done =
            catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|thrown| Err(Trouble::BrokeOff(said(&*thrown)).into()));
        let mut mind = self.lock();
        mind.running = false;
        mind.records_wait = done.is_err();
        let (stop, poll_ms) = match &done {
            Ok(run) => {
                if run.files_wait.is_none() || run.files_sent > 0 {
                    mind.backoff.reset();
                }
                mind.obstacle = obstacle::of_unreadable(&run.unreadable);
                (run.files_wait.as_ref(), u64::from(run.applied.poll_after_s.clamp(5, 3600)) * 1000)
            }
            Err(stop) => (Some(stop), u64::MAX),
        };
        let wait = match stop {
            None => poll_ms,
            Some(stop) => {
                mind.obstacle = Some(obstacle::of(stop));
                let asked = if let Stop::Busy { retry_after_s } = stop { *retry_after_s } else { None };
                // Nobody tells when the network is back, and to ask it costs little.
                let longest = if is_offline(stop) { OFFLINE_MS } else { u64::MAX };
                mind.backoff.failed(sync::jitter(), asked).min(poll_ms).min(longest)
            }
        };
        mind.next = Some(Instant::now() + Duration::from_millis(wait));
        done
    }

    /// Starts the thread; a second start changes nothing.
    ///
    /// # Errors
    /// If the system gives no thread; it is as if nothing had been started.
    pub fn start(self: &Arc<Self>, run: Arc<OneRun>) -> std::io::Result<()> {
        self.start_as(Builder::new().name("nuanfang-sync".to_owned()), run)
    }

    fn start_as(self: &Arc<Self>, thread: Builder, run: Arc<OneRun>) -> std::io::Result<()> {
        let mut mind = self.lock();
        if mind.started {
            return Ok(());
        }
        let (generation, runner) = (mind.generation + 1, Arc::clone(self));
        // It asks for the mind first, and gets it with its own generation in it.
        thread.spawn(move || runner.work(generation, &*run))?;
        mind.started = true;
        mind.poked = true;
        mind.generation = generation;
        Ok(())
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

/// Whether nothing answered at all.
fn is_offline(stop: &Stop) -> bool {
    matches!(stop, Stop::Unreachable(Unreachable::NoAnswer(_)))
}

/// What a panic said.
fn said(thrown: &(dyn Any + Send)) -> String {
    let fixed = thrown.downcast_ref::<&str>().map(|text| (*text).to_owned());
    fixed.or_else(|| thrown.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    use super::*;
    use crate::device::sync::Applied;

    #[test]
    fn what_a_run_threw_is_told_until_one_comes_through() {
        let runner = Runner::default();
        let done = runner.once(&|| -> Result<Run, Stop> { panic!("示例：时钟没有应答") });
        assert!(matches!(&done, Err(Stop::Trouble(Trouble::BrokeOff(why))) if why.contains("时钟")), "{done:?}");
        let state = runner.state();
        assert!(!state.running);
        let obstacle = state.obstacle.expect("an obstacle");
        assert_eq!((obstacle.code.as_str(), obstacle.needs_person), ("sync.broke_off", false));
        assert!(obstacle.why.zh.contains("时钟没有应答"), "{obstacle:?}");
        runner.once(&|| Ok(Run::default())).expect("a run");
        assert_eq!(runner.state().obstacle, None);
    }

    #[test]
    fn the_thread_outlives_a_run_that_panics() {
        let runner = Arc::new(Runner::default());
        let (told, heard) = mpsc::channel();
        let tries = AtomicU32::new(0);
        let run: Arc<OneRun> = Arc::new(move || {
            let tried = tries.fetch_add(1, Ordering::Relaxed);
            let _ = told.send(tried);
            assert!(tried > 0, "示例：平台出错");
            Ok(Run::default())
        });
        runner.start(run).expect("a thread");
        assert_eq!(heard.recv(), Ok(0));
        runner.poke();
        assert_eq!(heard.recv(), Ok(1));
        runner.stop();
    }

    #[test]
    fn a_record_does_not_wait_for_photos_that_do() {
        let runner = Arc::new(Runner::default());
        let (told, heard) = mpsc::channel();
        let run: Arc<OneRun> = Arc::new(move || {
            let _ = told.send(());
            let busy = Stop::Busy { retry_after_s: Some(3_600) };
            let applied = Applied { poll_after_s: 3_600, ..Applied::default() };
            Ok(Run { files_wait: Some(busy), applied, ..Run::default() })
        });
        runner.once(&*run).expect("a run");
        assert_eq!(runner.state().obstacle.expect("an obstacle").code, "sync.busy");
        runner.start(run).expect("a thread");
        for _ in 0..3 {
            heard.recv().expect("a run");
            runner.nudge();
        }
        runner.stop();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_start_that_got_no_thread_may_be_made_again() {
        let runner = Arc::new(Runner::default());
        let (told, heard) = mpsc::channel();
        let run: Arc<OneRun> = Arc::new(move || {
            let _ = told.send(());
            Ok(Run::default())
        });
        // More than any machine can address.
        let too_large = Builder::new().stack_size(1 << 60);
        assert!(runner.start_as(too_large, Arc::clone(&run)).is_err());
        runner.start(run).expect("a thread");
        heard.recv().expect("a run");
        runner.stop();
    }
}
