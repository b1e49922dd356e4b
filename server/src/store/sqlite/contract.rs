//! The embedded store keeps the contract: which room answers which promise.

use std::panic::{AssertUnwindSafe, catch_unwind};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Visit;
use nuanfang_core::id::{DeviceId, VisitId};
use nuanfang_core::record::LogPosition;
use nuanfang_core::time::Millis;
use nuanfang_core::wire::{Outcome, ScopeCursor, ScopeReply};
use rusqlite::{Connection, params};

use super::Sqlite;
use crate::office::accept::{self, Exchange, Receipt, Sent};
use crate::office::judge::outcome_from;
use crate::office::log::{self, DayEnd, Entry, LogHead, Logged};
use crate::office::project::device::{self, Enrolled, Enrolment};
use crate::office::project::record;
use crate::office::uploads::{self, Wanted};
use crate::office::{feed, folded, rebuild};
use crate::store::blobs::{Finish, Part};
use crate::store::{Reading, Receiving, Store, StoreError, blocking};

/// Earlier operations whose new outcomes are told in one reply, or as many more as one act had judged anew.
const TOLD: usize = 1000;

impl Store for Sqlite {
    type Reading = Connection;
    type Incoming = Part;

    fn office(&self) -> DeviceId {
        self.keys.office
    }

    fn read_now<T, E: From<StoreError>>(&self, f: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        self.read_now(f)
    }

    async fn accept(&self, mut exchange: Exchange) -> Result<Receipt, StoreError> {
        if exchange.is_empty() {
            // Nothing new: two point reads, and the writer is left alone.
            return self.read_now(|db| accept::compare(db, exchange.device, exchange.base, exchange.base_sha));
        }
        // Checking and making signatures takes long: not on the one writer's time.
        for (place, arrival) in self.read_now(|db| accept::foresee(db, &exchange))? {
            let Sent { envelope, sha, event, .. } = &exchange.arriving[place];
            if let Some((record, jws)) = event.as_ref().and_then(record::carried) {
                let place = LogPosition { device: envelope.device, seq: envelope.seq, prev: envelope.prev };
                // What fails here, or panics, does so again on the writer, which keeps the operation apart.
                let tried =
                    catch_unwind(AssertUnwindSafe(|| record::receipt(&self.keys, &place, &arrival, record, jws)));
                if let Ok(Ok(outcome)) = tried {
                    exchange.foreseen.insert(*sha, (arrival, outcome));
                }
                tokio::task::yield_now().await;
            }
        }
        self.writer.accept(exchange)?.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn append<E, F>(&self, bytes: usize, compose: F) -> Result<Vec<u64>, E>
    where
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Connection, &LogHead) -> Result<Vec<Entry>, E> + Send + 'static,
    {
        let office = self.keys.office;
        self.write(bytes, move |writing| log::append(writing, office, compose)).await
    }

    fn append_blocking<E, F>(&self, bytes: usize, compose: F) -> Result<Vec<u64>, E>
    where
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Connection, &LogHead) -> Result<Vec<Entry>, E> + Send + 'static,
    {
        let office = self.keys.office;
        self.write_blocking(bytes, move |writing| log::append(writing, office, compose))
    }

    fn offset(&self, sha: &Sha) -> u64 {
        self.blobs.offset(sha)
    }

    async fn incoming(&self, sha: Sha, len: u64, at: Millis) -> Result<Receiving<Part>, StoreError> {
        if self.blobs.has(&sha) {
            // The server ended, or its disk failed, between the file and its row.
            let store = self.clone();
            let flaw = blocking::<_, StoreError, _>(move || {
                store.blobs.settle(&sha)?;
                store.flaw(&sha)
            })
            .await?;
            self.write(0, move |writing| uploads::whole(writing, &sha, len, flaw, at)).await?;
            return Ok(Receiving::Whole);
        }
        let Some(lease) = self.blobs.lease(sha) else { return Ok(Receiving::Busy) };
        let blobs = self.blobs.clone();
        blocking(move || Ok(Receiving::From(blobs.part(lease, len)?))).await
    }

    async fn finish(&self, part: Part, at: Millis) -> Result<Finish, StoreError> {
        let (sha, len) = part.promised();
        let store = self.clone();
        let whole = blocking::<_, StoreError, _>(move || match store.blobs.finish(part)? {
            Finish::Whole => Ok(Some(store.flaw(&sha)?)),
            Finish::Mismatch => Ok(None),
        });
        let Some(flaw) = whole.await? else {
            tracing::warn!(%sha, "a file came with other bytes than its name promises");
            return Ok(Finish::Mismatch);
        };
        self.write(0, move |writing| uploads::whole(writing, &sha, len, flaw, at)).await?;
        Ok(Finish::Whole)
    }

    fn file(&self, sha: &Sha) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.blobs.read(sha)?)
    }

    fn rebuild(&self) -> Result<u64, StoreError> {
        self.write_blocking(0, rebuild::rebuild)
    }
}

impl Sqlite {
    /// What is wrong with a file that is whole.
    fn flaw(&self, sha: &Sha) -> Result<Option<&'static str>, StoreError> {
        let roles = self.read_now(|db| uploads::roles(db, sha))?;
        Ok(uploads::flaw(&self.blobs, sha, &roles))
    }
}

impl Reading for Connection {
    fn epoch(&self) -> Result<u64, StoreError> {
        super::epoch(self)
    }

    fn device(&self, device: DeviceId) -> Result<Option<Enrolment>, StoreError> {
        device::find(self, device)
    }

    fn devices(&self) -> Result<Vec<Enrolled>, StoreError> {
        device::all(self)
    }

    fn log_head(&self, device: DeviceId) -> Result<Option<LogHead>, StoreError> {
        log::find_writer(self, device)
    }

    fn compare(&self, device: DeviceId, base: u64, base_sha: Sha) -> Result<Receipt, StoreError> {
        accept::compare(self, device, base, base_sha)
    }

    fn outcomes(
        &self,
        device: DeviceId,
        base: u64,
        acked: u64,
        judged: u64,
    ) -> Result<(Vec<Outcome>, u64), StoreError> {
        let mut query = self.prepare_cached(
            "SELECT o.seq, o.o, o.why, o.anew, o.seq > ?2 AND o.seq <= ?3 AS own FROM outcome o
             JOIN writer w ON w.dev = o.dev WHERE w.device = ?1 AND (own OR o.anew > ?4) ORDER BY own DESC, o.anew",
        )?;
        let mut rows = query.query(params![device.0.as_bytes(), base as i64, acked as i64, judged as i64])?;
        let (mut told, mut newest, mut earlier, mut last) = (Vec::new(), 0, 0, judged);
        while let Some(row) = rows.next()? {
            let (anew, own) = (row.get::<_, i64>(3)? as u64, row.get::<_, bool>(4)?);
            if !own {
                if earlier >= TOLD && anew > last {
                    // What does not fit is told with the next answer.
                    newest = last;
                    break;
                }
                (earlier, last) = (earlier + 1, anew);
            }
            newest = newest.max(anew);
            // All of the exchange's own is told: the phone takes silence about one of them for *applied*.
            let o = outcome_from(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
            told.push(Outcome { seq: row.get::<_, i64>(0)? as u64, o, why: row.get(2)? });
        }
        told.sort_by_key(|outcome| outcome.seq);
        Ok((told, newest))
    }

    fn pull(&self, cursor: &ScopeCursor) -> Result<ScopeReply, StoreError> {
        feed::pull(self, cursor)
    }

    fn wanted(&self, device: DeviceId, sha: &Sha) -> Result<Option<Wanted>, StoreError> {
        uploads::wanted(self, device, sha)
    }

    fn needed(&self, device: DeviceId) -> Result<Vec<Sha>, StoreError> {
        uploads::needed(self, device)
    }

    fn log_after(&self, g: u64, limit: usize) -> Result<Vec<Logged>, StoreError> {
        log::after(self, g, limit)
    }

    fn body(&self, g: u64) -> Result<Option<String>, StoreError> {
        log::body(self, g)
    }

    fn day_ends(&self, device: DeviceId) -> Result<Vec<DayEnd>, StoreError> {
        log::day_ends(self, device)
    }

    fn visit(&self, visit: VisitId) -> Result<Option<Visit>, StoreError> {
        folded::visit(self, visit)
    }

    fn verify_chains(&self) -> Result<u64, StoreError> {
        log::verify_chains(self)
    }

    fn dump(&self) -> Result<String, StoreError> {
        rebuild::dump(self)
    }
}
