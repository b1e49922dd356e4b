//! What the writer's jobs write with: the group's transaction, and how a part of it is undone.

use std::any::Any;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nuanfang_core::id::VisitId;
use rusqlite::Connection;

use crate::keys::Keys;
use crate::office::folded::Folded;
use crate::office::project::record::Foreseen;
use crate::store::StoreError;
use crate::store::blobs::Blobs;

/// What a committed group touched. A hint: losing one costs a look, not data.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    /// The last envelope in the log.
    pub g: u64,
    /// Visits that changed.
    pub visits: HashSet<VisitId>,
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
    /// Runs `f` in a savepoint: what it did is undone if it fails or panics. Refused where the transaction is gone.
    pub fn savepoint<T, E: From<StoreError>>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        self.begin()?;
        let dirty = self.dirty.clone();
        match self.caught(f) {
            Ok(value) => {
                self.whole()?;
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
        self.begin()?;
        let dirty = self.dirty.clone();
        let done = self.caught(f);
        self.undo(dirty)?;
        done
    }

    /// Runs `f` first in the group's transaction, which begins anew if it fails or panics: nothing is kept for undoing it.
    pub(super) fn opening<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
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

    fn begin(&self) -> Result<(), StoreError> {
        // Without the group's transaction it would begin one of its own, and commit it whatever becomes of the group.
        self.whole()?;
        self.run("SAVEPOINT step")
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
        self.whole()
    }

    /// A full disk rolls back the whole transaction, not a statement.
    fn whole(&self) -> Result<(), StoreError> {
        if self.tx.is_autocommit() { Err(StoreError::Full) } else { Ok(()) }
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.tx.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no words".into())
}
