//! What shares a commit: each job can be undone by itself, and is answered after the commit.

use std::sync::Arc;
use std::time::Instant;

use nuanfang_core::drill::{self, Mutant, Side};
use rusqlite::Connection;
use tokio::sync::{broadcast, oneshot};

use super::load::Load;
use super::writing::{Committed, Writing};
use crate::keys::Keys;
use crate::office::accept::{Exchange, Receipt, accept, alone};
use crate::office::folded::Folded;
use crate::office::project::record::Foreseen;
use crate::store::StoreError;
use crate::store::blobs::Blobs;

type Ack = Box<dyn FnOnce(Option<&StoreError>) + Send>;
pub(super) type Run = Box<dyn FnOnce(&mut Writing<'_>) -> Ack + Send>;

/// The answer to one job.
pub type Answer<T, E> = oneshot::Receiver<Result<T, E>>;

/// An exchange, and who waits for its receipt.
pub(super) struct Waits {
    pub(super) exchange: Exchange,
    pub(super) answer: oneshot::Sender<Result<Receipt, StoreError>>,
}

/// What shares the next commit.
#[derive(Default)]
pub(super) struct Group {
    /// The office's work.
    pub(super) runs: Vec<Run>,
    /// What devices send.
    pub(super) exchanges: Vec<Waits>,
}

impl Group {
    /// How many jobs.
    pub(super) fn size(&self) -> usize {
        self.runs.len() + self.exchanges.len()
    }

    /// Does the work, commits it, and answers whoever waits.
    pub(super) fn commit(
        self,
        db: &Connection,
        folded: &mut Folded,
        shelf: &Shelf,
        told: &broadcast::Sender<Committed>,
    ) {
        if self.size() == 0 {
            return;
        }
        let Self { runs, mut exchanges } = self;
        let foreseen: Foreseen =
            exchanges.iter_mut().flat_map(|waits| std::mem::take(&mut waits.exchange.foreseen)).collect();
        let mut touched = Committed::default();
        let mut dirty = Vec::new();
        let mut acks: Vec<Ack> = Vec::with_capacity(runs.len() + exchanges.len());
        if drill::is(Mutant::ReplyBeforeCommit) && !db.is_autocommit() {
            let _ = db.execute_batch("COMMIT");
        }
        let done = db.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::from).and_then(|()| {
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
}

/// `f` as a job, undone by itself where it fails, and who waits for it.
pub(super) fn job<T, E, F>(f: F) -> (Run, Answer<T, E>)
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

/// What the writer has beside its connection.
pub(super) struct Shelf {
    pub(super) blobs: Blobs,
    pub(super) keys: Arc<Keys>,
    pub(super) load: Load,
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
