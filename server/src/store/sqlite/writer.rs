//! The one writer: a thread that owns the writing connection. Jobs queue up while a commit runs and share the next
//! one; each can be undone by itself, and is answered after the commit.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nuanfang_core::drill::{self, Mutant, Side};
use nuanfang_core::id::VisitId;
use rusqlite::Connection;
use tokio::sync::{broadcast, oneshot};

use super::load::Load;
use crate::keys::Keys;
use crate::office::accept::{Exchange, Receipt, accept, alone};
use crate::office::folded::Folded;
use crate::office::project::record::Foreseen;
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

/// What a committed group touched. A hint: losing one costs a look, not data.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    /// The last envelope in the log.
    pub g: u64,
    /// Visits that changed.
    pub visits: Vec<VisitId>,
    /// Scopes of the feed that have something new.
    pub scopes: Vec<String>,
}

/// What a job writes with.
pub struct Writing<'a> {
    /// The group's transaction.
    pub tx: &'a Connection,
    /// Visits as they are folded so far.
    pub folded: &'a mut Folded,
    /// The files.
    pub blobs: &'a Blobs,
    /// The supplier's keys.
    pub keys: &'a Keys,
    /// Visits whose row is to be written before the commit.
    pub dirty: &'a mut Vec<VisitId>,
    /// Receipts that were worked out before the writer's turn.
    pub foreseen: &'a Foreseen,
    /// What is told to listeners once it is committed.
    pub touched: &'a mut Committed,
}

impl Writing<'_> {
    /// Runs `f` in a savepoint: what it did is undone if it fails or panics.
    pub fn savepoint<T, E: From<StoreError>>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        self.run("SAVEPOINT step")?;
        let dirty = self.dirty.clone();
        match self.caught(f) {
            Ok(value) => {
                self.run("RELEASE step")?;
                Ok(value)
            }
            Err(error) => {
                self.undo(dirty)?;
                Err(error)
            }
        }
    }

    /// Whether `f` can be done as things stand. What it did is undone.
    pub fn trial(&mut self, f: impl FnOnce(&mut Self) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.run("SAVEPOINT step")?;
        let dirty = self.dirty.clone();
        let done = self.caught(f);
        self.undo(dirty)?;
        done
    }

    /// Runs `f` first in the group's transaction, which begins anew if it fails or panics: nothing is kept for undoing it.
    fn opening<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let done = self.caught(f);
        if done.is_err() {
            self.forget(Vec::new())?;
            self.run("ROLLBACK")?;
            self.run("BEGIN IMMEDIATE")?;
        }
        done
    }

    /// Runs `f`; a panic is an error like any other.
    fn caught<T, E: From<StoreError>>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        catch_unwind(AssertUnwindSafe(|| f(self)))
            .unwrap_or_else(|panic| Err(StoreError::Panicked(words(&*panic)).into()))
    }

    fn undo(&mut self, dirty: Vec<VisitId>) -> Result<(), StoreError> {
        self.forget(dirty)?;
        self.run("ROLLBACK TO step")?;
        self.run("RELEASE step")
    }

    /// Lets go of what was worked out in memory from what is about to be undone.
    fn forget(&mut self, dirty: Vec<VisitId>) -> Result<(), StoreError> {
        self.folded.clear();
        *self.dirty = dirty;
        // A full disk has already rolled the whole transaction back.
        if self.tx.is_autocommit() { Err(StoreError::Full) } else { Ok(()) }
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.tx.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

type Ack = Box<dyn FnOnce(Option<&StoreError>) + Send>;
type Run = Box<dyn FnOnce(&mut Writing<'_>) -> Ack + Send>;

enum Job {
    Write { bytes: usize, run: Run },
    Note(Run),
    Accept(Box<Waits>),
    Stop,
}

/// An exchange, and who waits for its receipt.
struct Waits {
    exchange: Exchange,
    answer: oneshot::Sender<Result<Receipt, StoreError>>,
}

/// What shares the next commit.
#[derive(Default)]
struct Group {
    notes: Vec<Run>,
    runs: Vec<Run>,
    exchanges: Vec<Waits>,
}

impl Group {
    fn size(&self) -> usize {
        self.notes.len() + self.runs.len() + self.exchanges.len()
    }

    /// Whether its commit must be on disk before it is told.
    fn durable(&self) -> bool {
        self.notes.len() < self.size()
    }
}

/// The answer to one job.
pub type Answer<T, E> = oneshot::Receiver<Result<T, E>>;

fn job<T, E, F>(f: F) -> (Run, Answer<T, E>)
where
    F: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let run: Run = Box::new(move |writing| ack(answer, writing.savepoint(f)));
    (run, answered)
}

fn ack<T, E>(answer: oneshot::Sender<Result<T, E>>, result: Result<T, E>) -> Ack
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    Box::new(move |failed| {
        let result = match failed {
            Some(error) if result.is_ok() => Err(error.shared().into()),
            _ => result,
        };
        // Nobody waits any more: the work is done all the same.
        let _ = answer.send(result);
    })
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

    /// Queues `f`, which notes what a start would find out again by itself: a commit of nothing else waits for no disk.
    pub fn note<T, E, F>(&self, f: F) -> Result<Answer<T, E>, StoreError>
    where
        F: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (run, answered) = job(f);
        #[cfg(feature = "mutants")]
        if let Some(here) = &self.here {
            here.run(Group { notes: vec![run], ..Group::default() }, &self.committed);
            return Ok(answered);
        }
        self.send(Job::Note(run))?;
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

    use std::panic::resume_unwind;

    use super::*;

    #[derive(Clone)]
    pub(super) struct Here(Arc<Mutex<(Connection, Folded, Shelf)>>);

    impl Here {
        pub(super) fn run(&self, waiting: Group, told: &broadcast::Sender<Committed>) {
            let mut desk = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (db, folded, shelf) = &mut *desk;
            let done = catch_unwind(AssertUnwindSafe(|| group(db, folded, shelf, waiting, told)));
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

/// What the writer has beside its connection.
struct Shelf {
    blobs: Blobs,
    keys: Arc<Keys>,
    load: Load,
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
                Job::Note(run) => {
                    shelf.load.waiting.dec();
                    waiting.notes.push(run);
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
        group(db, &mut folded, shelf, waiting, told);
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

fn group(db: &Connection, folded: &mut Folded, shelf: &Shelf, waiting: Group, told: &broadcast::Sender<Committed>) {
    if waiting.size() == 0 {
        return;
    }
    let durable = waiting.durable();
    let Group { notes, mut runs, mut exchanges } = waiting;
    runs.extend(notes);
    let foreseen: Foreseen =
        exchanges.iter_mut().flat_map(|waits| std::mem::take(&mut waits.exchange.foreseen)).collect();
    let mut touched = Committed::default();
    let mut dirty = Vec::new();
    let mut acks: Vec<Ack> = Vec::with_capacity(runs.len() + exchanges.len());
    if drill::is(Mutant::ReplyBeforeCommit) && !db.is_autocommit() {
        let _ = db.execute_batch("COMMIT");
    }
    let begin = if durable {
        "PRAGMA synchronous = FULL; BEGIN IMMEDIATE"
    } else {
        "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE"
    };
    let done = db.execute_batch(begin).map_err(StoreError::from).and_then(|()| {
        let mut writing = Writing {
            tx: db,
            folded,
            blobs: &shelf.blobs,
            keys: &shelf.keys,
            dirty: &mut dirty,
            foreseen: &foreseen,
            touched: &mut touched,
        };
        let first = runs.is_empty();
        acks.extend(runs.into_iter().map(|run| run(&mut writing)));
        acks.extend(take_in(&mut writing, exchanges, first));
        if db.is_autocommit() || drill::disk_refuses() {
            return Err(StoreError::Full);
        }
        if drill::is(Mutant::ReplyBeforeCommit) {
            return Ok(());
        }
        drill::effect(Side::Server);
        shelf.load.group.observe(acks.len() as f64);
        let begun = Instant::now();
        let committed = db.execute_batch("COMMIT").map_err(StoreError::from);
        shelf.load.commit.observe(begun.elapsed().as_secs_f64());
        committed
    });
    drill::effect(Side::Server);
    if let Err(error) = done {
        tracing::error!(%error, "a group of writes was rolled back");
        folded.clear();
        if !db.is_autocommit() {
            let _ = db.execute_batch("ROLLBACK");
        }
        // Work that never ran is answered as well: its sender was dropped, which reads as a refusal to retry.
        for ack in acks {
            ack(Some(&error));
        }
        return;
    }
    for ack in acks {
        ack(None);
    }
    if !touched.visits.is_empty() || !touched.scopes.is_empty() {
        // Nobody listens: nothing to tell.
        let _ = told.send(touched);
    }
}

/// Takes in exchanges together: a page that many of them change is kept for undoing once, or, where they come `first` in
/// the transaction, not at all. Only when one of them fails is each taken in by itself.
fn take_in(writing: &mut Writing<'_>, mut exchanges: Vec<Waits>, first: bool) -> Vec<Ack> {
    if exchanges.is_empty() {
        return Vec::new();
    }
    let all = |writing: &mut Writing<'_>| {
        let receipts = exchanges.iter_mut().map(|waits| accept(writing, &mut waits.exchange, true));
        receipts.collect::<Result<Vec<Receipt>, StoreError>>()
    };
    let together = if first { writing.opening(all) } else { writing.savepoint(all) };
    let results: Vec<Result<Receipt, StoreError>> = match together {
        Ok(receipts) => receipts.into_iter().map(Ok).collect(),
        // The transaction is gone, and the group with it.
        Err(error) if writing.tx.is_autocommit() => exchanges.iter().map(|_| Err(error.shared())).collect(),
        Err(_) => exchanges.iter_mut().map(|waits| alone(writing, &mut waits.exchange)).collect(),
    };
    exchanges.into_iter().zip(results).map(|(waits, result)| ack(waits.answer, result)).collect()
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

fn words(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no words".into())
}
