//! The day's one clock. While the day is played it stands until somebody moves it on; then it runs from the day's end,
//! by an offset that lies in the data folder, so that the played day is *today* whenever it is looked at.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use nuanfang_core::time::Millis;
use nuanfang_server::clock::{Clock, ShiftedClock, real_now};

/// It runs.
const RUNS: i64 = i64::MIN;

/// The office's clock of a played day.
pub struct DayClock {
    stands_at: AtomicI64,
    shifted: ShiftedClock,
}

impl DayClock {
    /// The clock of the data folder, running.
    ///
    /// # Errors
    /// When the offset in it can't be read.
    pub fn open(data: &Path) -> io::Result<Self> {
        Ok(Self { stands_at: AtomicI64::new(RUNS), shifted: ShiftedClock::open(data)? })
    }

    /// Stops it at `then`.
    pub fn stand(&self, then: Millis) {
        self.stands_at.store(then.0, Ordering::Relaxed);
    }

    /// Moves a standing clock on; never back.
    pub fn advance_to(&self, then: Millis) {
        self.stands_at.fetch_max(then.0, Ordering::Relaxed);
    }

    /// Lets it run from `then`, now and whenever the folder is opened again.
    ///
    /// # Errors
    /// When the offset can't be written.
    pub fn run_from(&self, then: Millis) -> io::Result<()> {
        self.shifted.shift_to(then.0 - real_now().0)?;
        self.stands_at.store(RUNS, Ordering::Relaxed);
        Ok(())
    }
}

impl Clock for DayClock {
    fn now(&self) -> Millis {
        match self.stands_at.load(Ordering::Relaxed) {
            RUNS => self.shifted.now(),
            stands_at => Millis(stands_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_moves_on_and_runs_from_where_it_was_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = DayClock::open(folder.path()).expect("a clock");
        clock.stand(Millis(1_000));
        clock.advance_to(Millis(5_000));
        clock.advance_to(Millis(2_000));
        assert_eq!(clock.now(), Millis(5_000));
        clock.run_from(Millis(9_000)).expect("kept");
        assert!((9_000..600_000).contains(&clock.now().0));
        let again = DayClock::open(folder.path()).expect("a clock");
        assert!((9_000..600_000).contains(&again.now().0), "the offset is in the folder");
    }
}
