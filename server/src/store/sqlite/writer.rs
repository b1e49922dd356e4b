//! The one writer: a thread that owns the writing connection. Jobs queue up while a commit runs and share the next one.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{broadcast, oneshot};

use super::group::{Answer, Group, Run, Shelf, Waits, job};
use super::load::Load;
use super::writing::{Committed, Writing};
use crate::keys::Keys;
use crate::office::accept::{Exchange, Receipt};
use crate::office::folded::Folded;
use crate::store::StoreError;
use crate::store::blobs::Blobs;

/// How many jobs may wait.
const QUEUE: usize = 4096;
/// How many jobs share a commit at most.
const GROUP: usize = 512;
/// How many bytes share a commit at most, so that nobody waits long for it.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// The write-ahead log is folded back once so many of its pages wait for it: 32 MiB.
const WAL_PAGES: i64 = 4096;
/// The write-ahead log is cut to nothing after this long without work.
const IDLE: Duration = Duration::from_secs(2);

enum Job {
    Write { bytes: usize, run: Run },
    Accept(Box<Waits>),
    Stop,
}

/// The writer's handle.
#[derive(Clone)]
pub struct Writer {
    queue: SyncSender<Job>,
    committed: broadcast::Sender<Committed>,
    thread: Arc<Mutex<Option<std::thread::JoinHandle<()>>>>,
    load: Load,
    #[cfg(feature = "mutants")]
    here: Option<here::Here>,
}

impl Writer {
    /// Starts the thread with its connection.
    pub fn start(db: Connection, file: PathBuf, blobs: Blobs, keys: Arc<Keys>) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::sync_channel(QUEUE);
        let (committed, _) = broadcast::channel(1024);
        let told = committed.clone();
        let load = Load::default();
        let measured = load.clone();
        let thread = std::thread::Builder::new().name("writer".into()).spawn(move || {
            work(&db, &file, &Shelf { blobs, keys, load: measured }, &jobs, &told);
        })?;
        Ok(Self {
            queue,
            committed,
            thread: Arc::new(Mutex::new(Some(thread))),
            load,
            #[cfg(feature = "mutants")]
            here: None,
        })
    }

    /// Queues `f`, or refuses at once when the queue is full. The answer comes after the commit.
    pub fn write<T, E, F>(&self, bytes: usize, f: F) -> Result<Answer<T, E>, StoreError>
    where
        F: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (run, answered) = job(f);
        #[cfg(feature = "mutants")]
        if let Some(here) = &self.here {
            here.run(Group { runs: vec![run], ..Group::default() }, &self.committed);
            return Ok(answered);
        }
        self.send(Job::Write { bytes, run })?;
        Ok(answered)
    }

    /// Queues an exchange to be taken in, or refuses at once when the queue is full. The receipt comes after the commit.
    pub fn accept(&self, exchange: Exchange) -> Result<Answer<Receipt, StoreError>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let waits = Waits { exchange, answer };
        #[cfg(feature = "mutants")]
        if let Some(here) = &self.here {
            here.run(Group { exchanges: vec![waits], ..Group::default() }, &self.committed);
            return Ok(answered);
        }
        self.send(Job::Accept(Box::new(waits)))?;
        Ok(answered)
    }

    /// Queues `f`, waiting for room. The answer comes after the commit.
    pub fn write_waiting<T, E, F>(&self, bytes: usize, f: F) -> Result<Answer<T, E>, StoreError>
    where
        F: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (run, answered) = job(f);
        #[cfg(feature = "mutants")]
        if let Some(here) = &self.here {
            here.run(Group { runs: vec![run], ..Group::default() }, &self.committed);
            return Ok(answered);
        }
        self.load.waiting.inc();
        self.queue.send(Job::Write { bytes, run }).map_err(|_| {
            self.load.waiting.dec();
            StoreError::Closed
        })?;
        Ok(answered)
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        self.load.waiting.inc();
        self.queue.try_send(job).map_err(|error| {
            self.load.waiting.dec();
            match error {
                TrySendError::Full(_) => StoreError::Busy,
                TrySendError::Disconnected(_) => StoreError::Closed,
            }
        })
    }

    /// How busy it is.
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// Listens to what is committed.
    pub fn committed(&self) -> broadcast::Receiver<Committed> {
        self.committed.subscribe()
    }

    /// Writes what is queued and ends the thread.
    pub fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let mut job = Job::Stop;
            // The queue empties: the writer is at work.
            while let Err(TrySendError::Full(back)) = self.queue.try_send(job) {
                job = back;
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = thread.join();
        }
    }
}

#[cfg(feature = "mutants")]
mod here {
    //! A writer without a thread, for drills: a job is a group of its own, done where it is asked for.

    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use super::*;

    #[derive(Clone)]
    pub(super) struct Here(Arc<Mutex<(Connection, Folded, Shelf)>>);

    impl Here {
        pub(super) fn run(&self, waiting: Group, told: &broadcast::Sender<Committed>) {
            let mut desk = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (db, folded, shelf) = &mut *desk;
            let done = catch_unwind(AssertUnwindSafe(|| waiting.commit(db, folded, shelf, told)));
            if let Err(ended) = done {
                // A process that ends takes its transaction with it, whoever may still hold its connection.
                let _ = db.execute_batch("ROLLBACK");
                resume_unwind(ended);
            }
        }
    }

    impl Writer {
        /// A writer that works on the caller's thread.
        pub(in crate::store::sqlite) fn here(db: Connection, blobs: Blobs, keys: Arc<Keys>) -> Self {
            let desk =
                Here(Arc::new(Mutex::new((db, Folded::default(), Shelf { blobs, keys, load: Load::default() }))));
            Self {
                queue: mpsc::sync_channel(0).0,
                committed: broadcast::channel(1).0,
                thread: Arc::default(),
                load: Load::default(),
                here: Some(desk),
            }
        }
    }
}

fn work(db: &Connection, file: &Path, shelf: &Shelf, jobs: &Receiver<Job>, told: &broadcast::Sender<Committed>) {
    let mut folded = Folded::default();
    let wal = file.with_extension("db-wal");
    let mut stop = false;
    while !stop {
        let Some(mut job) = next(jobs, db, &wal) else { break };
        let mut waiting = Group::default();
        let mut bytes = 0;
        loop {
            match job {
                Job::Write { bytes: n, run } => {
                    shelf.load.waiting.dec();
                    bytes += n;
                    waiting.runs.push(run);
                }
                Job::Accept(waits) => {
                    shelf.load.waiting.dec();
                    bytes += waits.exchange.bytes();
                    waiting.exchanges.push(*waits);
                }
                Job::Stop => stop = true,
            }
            if stop || waiting.size() >= GROUP || bytes >= GROUP_BYTES {
                break;
            }
            let Ok(more) = jobs.try_recv() else { break };
            job = more;
        }
        waiting.commit(db, &mut folded, shelf, told);
        if waiting_pages(db).is_ok_and(|pages| pages > WAL_PAGES) {
            checkpoint(db, "PASSIVE");
        }
    }
    checkpoint(db, "TRUNCATE");
}

/// The next job; folds the write-ahead log back when none comes for a while.
fn next(jobs: &Receiver<Job>, db: &Connection, wal: &Path) -> Option<Job> {
    match jobs.recv_timeout(IDLE) {
        Ok(job) => return Some(job),
        Err(RecvTimeoutError::Disconnected) => return None,
        Err(RecvTimeoutError::Timeout) => {}
    }
    if std::fs::metadata(wal).is_ok_and(|meta| meta.len() > 0) {
        checkpoint(db, "TRUNCATE");
    }
    jobs.recv().ok()
}

/// Pages in the write-ahead log that are not yet in the database. The file's length does not say it: once folded back, it
/// is written over from its beginning and keeps its length.
fn waiting_pages(db: &Connection) -> rusqlite::Result<i64> {
    let mut query = db.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
    query.query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
}

fn checkpoint(db: &Connection, mode: &str) {
    let done = db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
    if let Err(error) = done {
        tracing::warn!(%error, "the write-ahead log could not be folded back");
    }
}
