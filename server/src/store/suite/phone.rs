//! A phone as a store sees one: its log, and what it exchanges.

use nuanfang_core::canon::envelope::{BlobRef, nonce};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::office_event::DeviceEnrolled;
use nuanfang_core::domain::rules::Rules;
use nuanfang_core::id::{BootId, DeviceId, OpId, VisitId, WorkerId};
use nuanfang_core::time::Stamp;
use nuanfang_core::wire::{Caps, Clocks, Op, Outcome, Owes, SyncRequest};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Fixture;
use super::house::House;
use crate::clock::Clock;
use crate::office::OfficeAct;
use crate::office::accept::{Exchange, Receipt};
use crate::store::{Reading, Store};

#[derive(Clone)]
pub struct Phone {
    pub device: DeviceId,
    pub worker: WorkerId,
    pub base: u64,
    pub base_sha: Sha,
    pub head_sha: Sha,
    pub queue: Vec<Op>,
    /// Everything it ever logged.
    pub log: Vec<Op>,
    pub clock: Stamp,
}

impl Phone {
    pub async fn enrol<F: Fixture>(house: &House<F>, worker: WorkerId) -> Self {
        Self::enrol_anew(house, worker, &[]).await
    }

    /// The same phone, or another, that says it was `continues` before.
    pub async fn enrol_anew<F: Fixture>(house: &House<F>, worker: WorkerId, continues: &[DeviceId]) -> Self {
        let (device, continues) = (DeviceId(Uuid::now_v7()), continues.to_vec());
        let enrolled = DeviceEnrolled {
            device,
            worker,
            public_key: "MFk".into(),
            name: "测试手机".into(),
            since: None,
            continues,
        };
        house.act(OfficeAct::of(Event::DeviceEnrolled(enrolled))).await;
        Self {
            device,
            worker,
            base: 0,
            base_sha: Sha::ZERO,
            head_sha: Sha::ZERO,
            queue: Vec::new(),
            log: Vec::new(),
            clock: Stamp { wall_ms: 5, mono_ms: 1_000, boot: BootId(Uuid::new_v4()) },
        }
    }

    pub fn log(&mut self, visit: VisitId, basis: u64, event: &Event) -> Op {
        self.log_raw(Some(visit), basis, event.kind(), &event.to_body(&nonce()), Vec::new())
    }

    pub fn log_raw(&mut self, visit: Option<VisitId>, basis: u64, kind: &str, body: &str, blobs: Vec<BlobRef>) -> Op {
        self.clock.mono_ms = self.clock.mono_ms.saturating_add(1_000);
        self.append(Op {
            seq: self.log.len() as u64 + 1,
            op: OpId(Uuid::now_v7()),
            kind: kind.into(),
            visit,
            worker: self.worker,
            basis,
            rules: Rules::builtin().sha(),
            t: self.clock,
            body: RawValue::from_string(body.to_owned()).expect("JSON"),
            blobs,
        })
    }

    pub fn append(&mut self, op: Op) -> Op {
        self.head_sha = op.envelope(self.device, self.head_sha).sha();
        self.queue.push(op.clone());
        self.log.push(op.clone());
        op
    }

    /// What it would send: everything that is not acknowledged.
    pub fn request(&self) -> SyncRequest {
        SyncRequest {
            v: 1,
            req: Uuid::now_v7(),
            device: self.device,
            epoch: 1,
            scopes: Vec::new(),
            caps: Caps::default(),
            t: Clocks { stamp: self.clock, tz: "Asia/Shanghai".into(), heard: Vec::new() },
            owes: Owes::default(),
            base: self.base,
            base_sha: self.base_sha,
            judged: 0,
            head_sha: self.head_sha,
            ops: self.queue.clone(),
        }
    }

    /// The first `n` operations of what it would send.
    pub fn prefix(&self, n: usize) -> SyncRequest {
        let mut request = self.request();
        request.ops.truncate(n);
        request.head_sha = self.base_sha;
        for op in &request.ops {
            request.head_sha = op.envelope(self.device, request.head_sha).sha();
        }
        request
    }

    /// Sends; the receipt is lost on the way back.
    pub async fn send<F: Fixture>(&self, house: &House<F>, request: SyncRequest) -> Receipt {
        let exchange = Exchange::read(request, Vec::new(), house.clock.now()).expect("a whole chain");
        house.store.accept(exchange).await.expect("an exchange is accepted")
    }

    /// Sends all, and takes the receipt.
    pub async fn sync<F: Fixture>(&mut self, house: &House<F>) -> Receipt {
        let receipt = self.send(house, self.request()).await;
        assert!(!receipt.fork, "a log that nobody copied is no fork");
        assert_eq!((receipt.acked, receipt.ack_sha), (self.log.len() as u64, self.head_sha), "everything is taken");
        (self.base, self.base_sha) = (receipt.acked, receipt.ack_sha);
        self.queue.clear();
        receipt
    }

    /// What became of its operations, where they are not simply applied.
    pub fn outcomes<F: Fixture>(&self, house: &House<F>) -> Vec<Outcome> {
        house.read(|store| Ok(store.outcomes(self.device, 0, self.log.len() as u64, 0)?.0))
    }
}
