//! The office's clock. A played day shifts it by a stored offset, so that the day is "today" whenever it is looked
//! at; security timeouts never ask it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use nuanfang_core::time::Millis;

/// Tells the time by which visits are planned and judged.
pub trait Clock: Send + Sync + 'static {
    /// Now, UTC.
    fn now(&self) -> Millis;
}

/// The machine's own clock, UTC milliseconds. For codes and certificates, never shifted.
pub fn real_now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A clock that stands until somebody moves it on: for checks and drills.
#[derive(Debug)]
pub struct HandClock(AtomicI64);

impl HandClock {
    /// Shows `now`.
    pub fn at(now: Millis) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Lets `ms` milliseconds pass.
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

/// The machine's clock moved by an offset that is kept in the data folder.
#[derive(Debug)]
pub struct ShiftedClock {
    offset_ms: AtomicI64,
    file: PathBuf,
}

impl ShiftedClock {
    /// The clock of the data folder `dir`; unshifted when nothing is stored there.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let file = dir.join("clock-offset-ms");
        let offset = match fs::read_to_string(&file) {
            Ok(text) => text.trim().parse().map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{} does not hold a number", file.display()))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(Self { offset_ms: AtomicI64::new(offset), file })
    }

    /// Its distance from the machine's clock, in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }

    /// Moves it and keeps the offset.
    pub fn shift_to(&self, offset_ms: i64) -> io::Result<()> {
        crate::whole::write(&self.file, offset_ms.to_string().as_bytes())?;
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
        Ok(())
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Millis {
        Millis(real_now().0.saturating_add(self.offset_ms()))
    }
}
