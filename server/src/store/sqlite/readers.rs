//! The pool of readers: a connection a core and one more, each reading in one transaction, none for longer than it may.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rusqlite::{Connection, InterruptHandle, OpenFlags};
use tokio::sync::Semaphore;

use crate::store::StoreError;

/// How long a request's read may take.
pub const SHORT: Duration = Duration::from_secs(2);
/// How long a report's read may take.
pub const LONG: Duration = Duration::from_secs(60);

/// How long a command's read of everything may take.
pub const WHOLE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

const WATCH_EVERY: Duration = Duration::from_millis(250);

struct Slot {
    db: Connection,
    watched: Arc<Watched>,
}

struct Watched {
    interrupt: InterruptHandle,
    until: Mutex<Option<Instant>>,
}

/// The pool.
pub struct Readers {
    idle: Mutex<Vec<Slot>>,
    freed: Condvar,
    /// For reads that may take their time: all connections but one, which is left to those that phones wait for.
    pub patient: Arc<Semaphore>,
}

impl Readers {
    /// Opens one connection a core, at least two, and one more.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let n = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, 16);
        let mut idle = Vec::with_capacity(n + 1);
        let mut watched = Vec::with_capacity(n + 1);
        for _ in 0..=n {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let db = Connection::open_with_flags(file, flags)?;
            db.execute_batch(
                "PRAGMA query_only = 1; PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0;
                 PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;",
            )?;
            super::keep_plans(&db)?;
            db.set_prepared_statement_cache_capacity(128);
            let watch = Arc::new(Watched { interrupt: db.get_interrupt_handle(), until: Mutex::new(None) });
            watched.push(Arc::downgrade(&watch));
            idle.push(Slot { db, watched: watch });
        }
        std::thread::Builder::new().name("readers-watch".into()).spawn(move || watch(&watched))?;
        Ok(Self { idle: Mutex::new(idle), freed: Condvar::new(), patient: Arc::new(Semaphore::new(n)) })
    }

    /// One connection and nobody who watches it, for drills.
    #[cfg(feature = "mutants")]
    pub(super) fn one(db: Connection) -> Self {
        let watched = Arc::new(Watched { interrupt: db.get_interrupt_handle(), until: Mutex::new(None) });
        let idle = Mutex::new(vec![Slot { db, watched }]);
        Self { idle, freed: Condvar::new(), patient: Arc::new(Semaphore::new(1)) }
    }

    /// Reads in one transaction, for at most `limit`. Waits for a free connection.
    pub fn read<T, E: From<StoreError>>(
        &self,
        limit: Duration,
        f: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let slot = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                if let Some(slot) = idle.pop() {
                    break slot;
                }
                idle = self.freed.wait(idle).unwrap_or_else(PoisonError::into_inner);
            }
        };
        // Goes back to the pool even when `f` panics.
        let reading = Reading { slot: Some(slot), pool: self };
        let Some(slot) = &reading.slot else { return Err(StoreError::Closed.into()) };
        *slot.watched.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + limit);
        // Planned once: most reads are a few points, and the words around them would cost as much.
        slot.db.prepare_cached("BEGIN").and_then(|mut begin| begin.execute([])).map_err(StoreError::from)?;
        f(&slot.db)
    }
}

struct Reading<'a> {
    slot: Option<Slot>,
    pool: &'a Readers,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            *slot.watched.until.lock().unwrap_or_else(PoisonError::into_inner) = None;
            // An interrupted read may have ended its transaction itself.
            if !slot.db.is_autocommit() {
                let ended = slot.db.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([]));
                if let Err(error) = ended {
                    tracing::error!(%error, "a reader's view could not be ended");
                }
            }
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
            self.pool.freed.notify_one();
        }
    }
}

fn watch(watched: &[Weak<Watched>]) {
    loop {
        std::thread::sleep(WATCH_EVERY);
        let mut alive = false;
        for watch in watched.iter().filter_map(Weak::upgrade) {
            alive = true;
            let until = *watch.until.lock().unwrap_or_else(PoisonError::into_inner);
            if until.is_some_and(|until| until < Instant::now()) {
                watch.interrupt.interrupt();
            }
        }
        if !alive {
            return;
        }
    }
}
