//! The office's clock. A played day shifts it by a stored offset, so that the day is "today" whenever it is looked
//! at; security timeouts never ask it (FORMATS §6).

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
        fs::write(&self.file, offset_ms.to_string())?;
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
        Ok(())
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Millis {
        Millis(real_now().0.saturating_add(self.offset_ms()))
    }
}
