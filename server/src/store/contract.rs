//! What a store owes its callers: the log, what follows from it, the feed and the files (docs/nothing-lost.md). Devices'
//! routes and the office's own acts reach a store through nothing but this; [`super::suite`] holds a backend to it.
//!
//! It is not all that a backend has to bring. The console's read models (`http::api`) and the checks of the office's
//! acts ask [`Store::Reading`] in its own query language, and the embedded store also feeds the backup
//! ([`super::ship`]), keeps what devices say of themselves ([`crate::office::seen`]), finds at its start what was
//! published but not noted ([`crate::office::uploads::reconcile`]) and pokes the live board
//! ([`super::sqlite::Sqlite::committed`]).

use std::future::Future;
use std::io;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Visit;
use nuanfang_core::id::{DeviceId, VisitId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::{Outcome, ScopeCursor, ScopeReply};

use super::StoreError;
use super::blobs::Finish;
use crate::office::accept::{Exchange, Receipt};
use crate::office::log::{DayEnd, Entry, LogHead, Logged};
use crate::office::project::device::{Enrolled, Enrolment};
use crate::office::uploads::Wanted;

/// A log, everything that follows from it, and the files it names. Cheap to clone; all clones are one store.
///
/// Whatever is written is written whole or not at all, in an order that is the same for everybody, and is on disk
/// when it is answered. Errors say so: nothing was written.
pub trait Store: Clone + Send + Sync + 'static {
    /// One consistent view of everything, as it is at one place in the order of writes.
    type Reading: Reading + ?Sized;
    /// A file on its way in.
    type Incoming: Incoming;

    /// Whose log the office's is. One process writes a log: a second opening with the same one is refused with
    /// [`StoreError::Locked`].
    fn office(&self) -> DeviceId;

    /// Reads in one view, at once on this thread: for a few point reads, and from blocking code.
    fn read_now<T, E: From<StoreError>>(&self, f: impl FnOnce(&Self::Reading) -> Result<T, E>) -> Result<T, E>;

    /// Takes a device's half of an exchange: stores what follows on its log, judges it and makes what follows from it.
    /// What is here already is compared, not stored again; other bytes at the same position are a fork
    /// and change nothing. No operation is refused for what it says (I6, I7).
    fn accept(&self, exchange: Exchange) -> impl Future<Output = Result<Receipt, StoreError>> + Send;

    /// Appends to the office's own log what `compose` makes of the present state and the log's head, all or none, and
    /// returns the place of each in the order of receipt. Nothing is written between what `compose` saw and what it
    /// made; its refusal comes back unchanged, its panic as [`StoreError::Panicked`]. `bytes` is about how much it
    /// makes. [`StoreError::Busy`] when too much waits already.
    fn append<E, F>(&self, bytes: usize, compose: F) -> impl Future<Output = Result<Vec<u64>, E>> + Send
    where
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Self::Reading, &LogHead) -> Result<Vec<Entry>, E> + Send + 'static;

    /// The same from blocking code, which waits its turn.
    fn append_blocking<E, F>(&self, bytes: usize, compose: F) -> Result<Vec<u64>, E>
    where
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Self::Reading, &LogHead) -> Result<Vec<Entry>, E> + Send + 'static;

    /// How many bytes of an unfinished file are here.
    fn offset(&self, sha: &Sha) -> u64;

    /// Opens a file of `len` bytes, which an operation named, to go on from where it ends. One at a time: who comes
    /// while another sends it is told so.
    fn incoming(
        &self,
        sha: Sha,
        len: u64,
        at: Millis,
    ) -> impl Future<Output = Result<Receiving<Self::Incoming>, StoreError>> + Send;

    /// Ends a file that has all its bytes. Whole only if they are those its name promises (I11), and then durable and
    /// asked of nobody any more; dropped to nothing otherwise.
    fn finish(&self, incoming: Self::Incoming, at: Millis) -> impl Future<Output = Result<Finish, StoreError>> + Send;

    /// The bytes of a whole file. Blocks.
    fn file(&self, sha: &Sha) -> Result<Option<Vec<u8>>, StoreError>;

    /// Makes everything but the log and the files anew from them, byte for byte what it was, and returns how many
    /// envelopes the log holds. Blocks.
    fn rebuild(&self) -> Result<u64, StoreError>;
}

/// How a file stands for who wants to send it.
#[derive(Debug)]
pub enum Receiving<I> {
    /// It is whole.
    Whole,
    /// Another sends it.
    Busy,
    /// It goes on from here.
    From(I),
}

/// A file on its way in, in the hands of the one who may write it. Dropped, it stays as far as it is durable.
pub trait Incoming: Send + 'static {
    /// Bytes that are here.
    fn at(&self) -> u64;

    /// Bytes that may still come.
    fn missing(&self) -> u64;

    /// Appends a piece, no longer than what is missing; durable after every [`super::blobs::SYNC_EVERY`] bytes.
    /// Blocks.
    fn append(&mut self, piece: &[u8]) -> io::Result<()>;

    /// Makes what came durable. Blocks.
    fn sync(&mut self) -> io::Result<()>;
}

/// One consistent view of a store.
pub trait Reading {
    /// The store's epoch: a higher one tells phones that it was restored, and what they hold is offered again (I12).
    fn epoch(&self) -> Result<u64, StoreError>;

    /// The enrolment of a device.
    fn device(&self, device: DeviceId) -> Result<Option<Enrolment>, StoreError>;

    /// All enrolments there ever were, oldest first.
    fn devices(&self) -> Result<Vec<Enrolled>, StoreError>;

    /// Where the log of a device, or the office's, stands: acknowledged and safe (I2).
    fn log_head(&self, device: DeviceId) -> Result<Option<LogHead>, StoreError>;

    /// How a log stands to what a device believes of it.
    fn compare(&self, device: DeviceId, base: u64, base_sha: Sha) -> Result<Receipt, StoreError>;

    /// What became of a device's operations after `base` up to `acked` that are not simply applied, and of earlier
    /// ones that were judged anew after the place `judged` in the order of receipt, the first of them where there are
    /// many; and up to where those are told, 0 when there is none.
    fn outcomes(&self, device: DeviceId, base: u64, acked: u64, judged: u64)
    -> Result<(Vec<Outcome>, u64), StoreError>;

    /// What a phone that stands at `cursor` is told; brings it to the head (I4, I13). Who may read which scope is the
    /// caller's to know.
    fn pull(&self, cursor: &ScopeCursor) -> Result<ScopeReply, StoreError>;

    /// How a file stands for a device; `None` if no accepted operation of that device names it.
    fn wanted(&self, device: DeviceId, sha: &Sha) -> Result<Option<Wanted>, StoreError>;

    /// The files a device is asked for next: signatures first, small before large.
    fn needed(&self, device: DeviceId) -> Result<Vec<Sha>, StoreError>;

    /// Up to `limit` envelopes after `g` in the order of receipt.
    fn log_after(&self, g: u64, limit: usize) -> Result<Vec<Logged>, StoreError>;

    /// The body at `g` as it came; `None` once erased.
    fn body(&self, g: u64) -> Result<Option<String>, StoreError>;

    /// The last envelope of each local day in the log of a device.
    fn day_ends(&self, device: DeviceId) -> Result<Vec<DayEnd>, StoreError>;

    /// A visit as the log tells it, with what was handed in of it (F.13).
    fn visit(&self, visit: VisitId) -> Result<Option<Visit>, StoreError>;

    /// Computes every chain anew. Returns how many envelopes stand, or names the first that does not.
    fn verify_chains(&self) -> Result<u64, StoreError>;

    /// Everything that follows from the log, as text: two stores of one backend with the same log give the same.
    fn dump(&self) -> Result<String, StoreError>;
}
