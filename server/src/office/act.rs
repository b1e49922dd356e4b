//! The office acts: its events go into the office's own log, which is one more device's. The office
//! checks before it acts; the check and the act are one transaction, so two dispatchers can't both be first.

use std::sync::Arc;

use nuanfang_core::canon::envelope::{BlobRef, Envelope, nonce};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::rules::Rules;
use nuanfang_core::id::{BootId, DeviceId, OpId, VisitId, WorkerId};
use nuanfang_core::time::{Estimate, Stamp};
use uuid::Uuid;

use super::log::{self, Arriving, Entry, LogHead};
use crate::clock::Clock;
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::writing::Writing;
use crate::store::{Store, StoreError};

/// One act of the office.
#[derive(Debug, Clone)]
pub struct OfficeAct {
    /// What happens.
    pub event: Event,
    /// To which visit.
    pub visit: Option<VisitId>,
    /// The plan version the actor saw; 0 for none.
    pub basis: u64,
    /// The files it names; they must be whole in [`crate::store::blobs::Blobs`] already.
    pub blobs: Vec<BlobRef>,
}

impl OfficeAct {
    /// An act about no visit.
    pub fn of(event: Event) -> Self {
        Self { event, visit: None, basis: 0, blobs: Vec::new() }
    }

    /// An act about a visit, seen at plan version `basis`.
    pub fn about(visit: VisitId, basis: u64, event: Event) -> Self {
        Self { event, visit: Some(visit), basis, blobs: Vec::new() }
    }
}

/// The office as a writer of the log.
#[derive(Clone)]
pub struct Office<S = Sqlite> {
    store: S,
    clock: Arc<dyn Clock>,
    device: DeviceId,
    rules: Sha,
    boot: BootId,
    started: std::time::Instant,
}

impl<S: Store> Office<S> {
    /// The office of `store`, judging by the rules of this build.
    pub fn new(store: S, clock: Arc<dyn Clock>) -> Self {
        let (boot, started) = (BootId(Uuid::new_v4()), std::time::Instant::now());
        let (device, rules) = (store.office(), Rules::builtin().sha());
        Self { store, clock, device, rules, boot, started }
    }

    /// Whose log the office's is.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// Does `acts` for `actor`, all or none, and returns the position of each in the log once they are on disk.
    /// `check` looks at the present state first, in the same transaction; what it refuses comes back unchanged.
    pub async fn append<E, C>(&self, actor: WorkerId, acts: Vec<OfficeAct>, check: C) -> Result<Vec<u64>, E>
    where
        E: From<StoreError> + Send + 'static,
        C: FnOnce(&S::Reading) -> Result<(), E> + Send + 'static,
    {
        let bytes = acts.len() * 1024;
        self.store.append(bytes, self.composed(actor, acts, check)).await
    }

    /// The same from blocking code: imports, the command line, the start.
    pub fn append_blocking<E, C>(&self, actor: WorkerId, acts: Vec<OfficeAct>, check: C) -> Result<Vec<u64>, E>
    where
        E: From<StoreError> + Send + 'static,
        C: FnOnce(&S::Reading) -> Result<(), E> + Send + 'static,
    {
        let bytes = acts.len() * 1024;
        self.store.append_blocking(bytes, self.composed(actor, acts, check))
    }

    fn composed<E, C>(
        &self,
        actor: WorkerId,
        acts: Vec<OfficeAct>,
        check: C,
    ) -> impl FnOnce(&S::Reading, &LogHead) -> Result<Vec<Entry>, E> + Send + use<S, E, C>
    where
        C: FnOnce(&S::Reading) -> Result<(), E> + Send + 'static,
    {
        let office = self.clone();
        move |reading, head| {
            check(reading)?;
            let mut entries: Vec<Entry> = Vec::with_capacity(acts.len());
            for act in acts {
                let (seq, prev) = match entries.last() {
                    Some(before) => (before.arriving.envelope.seq, before.arriving.sha),
                    None => (head.acked, head.ack_sha),
                };
                entries.push(office.entry(seq + 1, prev, actor, act));
            }
            Ok(entries)
        }
    }

    fn entry(&self, seq: u64, prev: Sha, actor: WorkerId, act: OfficeAct) -> Entry {
        let now = self.clock.now();
        let body = act.event.to_body(&nonce());
        let mono_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let envelope = Envelope {
            device: self.device,
            seq,
            prev,
            op: OpId(Uuid::now_v7()),
            kind: act.event.kind().to_owned(),
            visit: act.visit,
            worker: actor,
            basis: act.basis,
            rules: self.rules,
            t: Stamp { wall_ms: now.0, mono_ms, boot: self.boot },
            body_sha: Sha::of(body.as_bytes()),
            blobs: act.blobs,
        };
        let sha = envelope.sha();
        let (recv, estimate) = (now, Estimate::exact(now));
        Entry { arriving: Arriving { envelope, sha, event: act.event, recv, estimate, last: true }, body }
    }
}

impl Office {
    /// Does one act within a transaction of the embedded store that does more than append.
    pub(crate) fn append_in(
        &self,
        writing: &mut Writing<'_>,
        actor: WorkerId,
        act: OfficeAct,
    ) -> Result<(), StoreError> {
        log::append(writing, self.device, |_, head| {
            Ok::<_, StoreError>(vec![self.entry(head.acked + 1, head.ack_sha, actor, act)])
        })
        .map(drop)
    }
}
