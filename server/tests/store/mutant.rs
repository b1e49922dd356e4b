//! Stores that break one promise each: the checks that miss one are blind.

use std::collections::BTreeSet;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::catch_unwind;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::id::{DeviceId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::feed::worker_scope;
use nuanfang_core::wire::feed_entity;
use nuanfang_server::office::accept::{Exchange, Receipt, Sent};
use nuanfang_server::office::feed;
use nuanfang_server::office::log::{Entry, LogHead};
use nuanfang_server::store::blobs::{Finish, Part};
use nuanfang_server::store::sqlite::Sqlite;
use nuanfang_server::store::suite::{Fixture, checks};
use nuanfang_server::store::{Reading, Receiving, Store, StoreError};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::fixture::Embedded;

/// What a store does otherwise than it should.
trait Fault: Send + Sync + 'static {
    fn accept(store: &Sqlite, exchange: Exchange) -> impl Future<Output = Result<Receipt, StoreError>> + Send {
        store.accept(exchange)
    }

    /// Beside what the office did.
    fn acted(_: &Sqlite, _: &[u64]) -> impl Future<Output = ()> + Send {
        async {}
    }

    fn finish(store: &Sqlite, part: Part, at: Millis) -> impl Future<Output = Result<Finish, StoreError>> + Send {
        store.finish(part, at)
    }
}

/// Answers for what it never writes.
struct AcksWithoutStoring;

impl Fault for AcksWithoutStoring {
    async fn accept(store: &Sqlite, exchange: Exchange) -> Result<Receipt, StoreError> {
        let Some(last) = exchange.arriving.last() else { return store.accept(exchange).await };
        Ok(Receipt { acked: last.envelope.seq, ack_sha: last.sha, fork: false })
    }
}

/// Takes what comes again for something new.
struct DoublesWhatComesAgain;

impl Fault for DoublesWhatComesAgain {
    async fn accept(store: &Sqlite, mut exchange: Exchange) -> Result<Receipt, StoreError> {
        let head = store.read_now(|store| store.log_head(exchange.device))?;
        let Some(head) =
            head.filter(|head| exchange.arriving.last().is_some_and(|last| last.envelope.seq <= head.acked))
        else {
            return store.accept(exchange).await;
        };
        (exchange.base, exchange.base_sha) = (head.acked, head.ack_sha);
        let (mut seq, mut prev) = (head.acked, head.ack_sha);
        for Sent { envelope, sha, .. } in &mut exchange.arriving {
            (envelope.seq, envelope.prev) = (seq + 1, prev);
            *sha = envelope.sha();
            (seq, prev) = (envelope.seq, *sha);
        }
        store.accept(exchange).await
    }
}

/// Stops at an operation that it does not know.
struct StopsAtPoison;

impl Fault for StopsAtPoison {
    async fn accept(store: &Sqlite, mut exchange: Exchange) -> Result<Receipt, StoreError> {
        let good = exchange.arriving.iter().position(|sent| matches!(sent.event, Some(Event::Unknown { .. })));
        exchange.arriving.truncate(good.unwrap_or(usize::MAX));
        store.accept(exchange).await
    }
}

/// Refuses evidence of who does not hold the visit.
struct RefusesLateEvidence;

impl Fault for RefusesLateEvidence {
    async fn accept(store: &Sqlite, exchange: Exchange) -> Result<Receipt, StoreError> {
        for Sent { envelope, .. } in &exchange.arriving {
            let Some(visit) = envelope.visit else { continue };
            let known = store.read_now(|store| store.visit(visit))?;
            let holder = known.and_then(|visit| visit.plan().current().and_then(|plan| plan.plan.assignee));
            if holder.is_some_and(|holder| holder != envelope.worker) {
                return Err(StoreError::Damaged("not yours".into()));
            }
        }
        store.accept(exchange).await
    }
}

/// Gives a visit to its new worker, and leaves it with the old one.
struct KeepsTheOldScope;

impl Fault for KeepsTheOldScope {
    async fn acted(store: &Sqlite, acts: &[u64]) {
        for g in acts.iter().copied() {
            store.write::<_, StoreError, _>(0, move |writing| leave(writing, g)).await.expect("written");
        }
    }
}

fn leave(writing: &mut nuanfang_server::store::sqlite::writing::Writing<'_>, g: u64) -> Result<(), StoreError> {
    let sql =
        "SELECT a.worker, x.id, x.body FROM assignment a JOIN visit v ON v.id = a.visit AND v.assignee <> a.worker
               JOIN scope_entity x ON x.e = 'visit' AND x.id = ?2 WHERE a.to_g = ?1";
    let acted = writing.tx.log_after(g - 1, 1)?;
    let Some(visit) = acted.first().and_then(|logged| logged.visit) else { return Ok(()) };
    let found: Option<([u8; 16], String, String)> = writing
        .tx
        .query_row(sql, params![g as i64, visit.to_string()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((worker, id, body)) = found else { return Ok(()) };
    let scope = worker_scope(WorkerId(Uuid::from_bytes(worker)).0);
    let body = RawValue::from_string(body).expect("JSON");
    feed::put(writing, &scope, feed_entity::VISIT, &id, &body)
}

/// Calls a file whole whatever its bytes are.
struct TakesAnyBytes;

impl Fault for TakesAnyBytes {
    async fn finish(store: &Sqlite, part: Part, at: Millis) -> Result<Finish, StoreError> {
        store.finish(part, at).await.map(|_| Finish::Whole)
    }
}

struct Faulty<F> {
    store: Sqlite,
    fault: PhantomData<F>,
}

impl<F> Clone for Faulty<F> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), fault: PhantomData }
    }
}

impl<F: Fault> Store for Faulty<F> {
    type Reading = Connection;
    type Incoming = Part;

    fn office(&self) -> DeviceId {
        self.store.office()
    }

    fn read_now<T, E: From<StoreError>>(&self, f: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        self.store.read_now(f)
    }

    async fn accept(&self, exchange: Exchange) -> Result<Receipt, StoreError> {
        F::accept(&self.store, exchange).await
    }

    async fn append<E, C>(&self, bytes: usize, compose: C) -> Result<Vec<u64>, E>
    where
        E: From<StoreError> + Send + 'static,
        C: FnOnce(&Connection, &LogHead) -> Result<Vec<Entry>, E> + Send + 'static,
    {
        let acts = self.store.append(bytes, compose).await?;
        F::acted(&self.store, &acts).await;
        Ok(acts)
    }

    fn append_blocking<E, C>(&self, bytes: usize, compose: C) -> Result<Vec<u64>, E>
    where
        E: From<StoreError> + Send + 'static,
        C: FnOnce(&Connection, &LogHead) -> Result<Vec<Entry>, E> + Send + 'static,
    {
        self.store.append_blocking(bytes, compose)
    }

    fn offset(&self, sha: &Sha) -> u64 {
        self.store.offset(sha)
    }

    async fn incoming(&self, sha: Sha, len: u64, at: Millis) -> Result<Receiving<Part>, StoreError> {
        self.store.incoming(sha, len, at).await
    }

    async fn finish(&self, part: Part, at: Millis) -> Result<Finish, StoreError> {
        F::finish(&self.store, part, at).await
    }

    fn file(&self, sha: &Sha) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.file(sha)
    }

    fn rebuild(&self) -> Result<u64, StoreError> {
        self.store.rebuild()
    }
}

struct FaultyFixture<F>(Embedded, PhantomData<F>);

impl<F: Fault> Fixture for FaultyFixture<F> {
    type Store = Faulty<F>;

    fn empty() -> Self {
        Self(Embedded::empty(), PhantomData)
    }

    fn open(&self, now: Millis) -> Result<Faulty<F>, StoreError> {
        Ok(Faulty { store: self.0.open(now)?, fault: PhantomData })
    }

    fn close(&self, store: Faulty<F>) {
        self.0.close(store.store);
    }

    fn crash(self, store: Faulty<F>) -> Self {
        Self(self.0.crash(store.store), PhantomData)
    }
}

/// The checks that a store with this fault fails.
fn failed<F: Fault>() -> BTreeSet<&'static str> {
    let checks = checks::<FaultyFixture<F>>().into_iter();
    checks.filter(|check| catch_unwind(check.run).is_err()).map(|check| check.name).collect()
}

#[test]
fn a_store_that_answers_and_does_not_store_fails() {
    let failed = failed::<AcksWithoutStoring>();
    assert!(failed.contains("i1_an_operation_is_stored_once_and_byte_for_byte"), "{failed:?}");
    assert!(failed.contains("i2_what_was_acknowledged_outlives_the_process"), "{failed:?}");
}

#[test]
fn a_store_that_doubles_what_comes_again_fails() {
    let failed = failed::<DoublesWhatComesAgain>();
    assert!(failed.contains("i1_an_operation_is_stored_once_and_byte_for_byte"), "{failed:?}");
}

#[test]
fn a_store_that_stops_at_poison_fails() {
    assert!(failed::<StopsAtPoison>().contains("i6_no_operation_stops_a_later_one"));
}

#[test]
fn a_store_that_refuses_late_evidence_fails() {
    let failed = failed::<RefusesLateEvidence>();
    assert!(failed.contains("i7_evidence_is_judged_by_who_ever_held_the_visit_and_never_refused"), "{failed:?}");
}

#[test]
fn a_store_that_leaves_the_old_scope_at_reassignment_fails() {
    let failed = failed::<KeepsTheOldScope>();
    assert!(failed.contains("i5_a_visit_is_in_one_workers_scope_and_moves_in_one_step"), "{failed:?}");
    assert!(failed.contains("i13_what_left_a_scope_is_told_only_as_gone"), "{failed:?}");
}

#[test]
fn a_store_that_takes_any_bytes_for_a_file_fails() {
    assert!(failed::<TakesAnyBytes>().contains("i11_a_file_is_whole_only_with_the_bytes_of_its_name"));
}
