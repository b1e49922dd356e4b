//! Sixty-four workers come home at once: each phone's log as it would be sent, made beforehand so that only sending it
//! is measured. What changes from exchange to exchange (cursors, request ids) is written as it goes.

use std::net::SocketAddr;
use std::path::Path;

use nuanfang_core::canon::envelope::{BlobRef, nonce};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::kind::{AnswerState, ItemAnswer, Mask, Outcome};
use nuanfang_core::domain::place::Place;
use nuanfang_core::domain::signature::{Purpose, Signed, Signer, SignerRole};
use nuanfang_core::domain::worker_event::{
    Arrived, Completed, Departed, Entered, Explained, InstructionOpened, ItemsAnswered, Part, Photographed,
    ProblemDescribed,
};
use nuanfang_core::domain::{Event, Rules, role};
use nuanfang_core::id::{BootId, DeviceId, HouseholdId, OpId, SupplierId, VisitId, WorkerId};
use nuanfang_core::record::{Jws, LogPosition, SoftwareKey, sign_low_s, sign_record};
use nuanfang_core::time::{Millis, Stamp};
use nuanfang_core::wire::auth::{
    ChallengeReply, ChallengeRequest, EnrolReply, EnrolRequest, TokenReply, TokenRequest, b64, challenge_bytes,
};
use nuanfang_core::wire::{Caps, Clocks, Op, Outcome as Told, Owes, ScopeCursor, SyncRequest, VERSION};
use nuanfang_demo::dice::Dice;
use nuanfang_server::enrolment;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::line::{Line, Refused};
use super::prose::prose;
use super::record::{self, Cited};
use super::town::Town;
use super::{Tried, timed};

/// Operations an exchange brings: one visit's.
pub const OPS: usize = 10;
/// Bytes of a body.
const BODY: usize = 3_000;
/// The level phones pack with.
const ZSTD_LEVEL: i32 = 3;

/// One exchange's operations, packed.
struct Batch {
    base: u64,
    base_sha: Sha,
    end: u64,
    head_sha: Sha,
    mono_ms: u64,
    ops: Vec<u8>,
}

/// A phone with a full outbox.
pub struct Phone {
    device: DeviceId,
    worker: WorkerId,
    key: SoftwareKey,
    certificate: Jws,
    supplier: SupplierId,
    epoch: u64,
    boot: BootId,
    seq: u64,
    head: Sha,
    mono_ms: u64,
    batches: Vec<Batch>,
}

impl Phone {
    /// Trades `code` for an enrolment.
    pub fn enrol(line: &mut Line, code: String) -> Tried<Self> {
        let key = SoftwareKey::generate();
        let public_key = b64(&key.public().to_spki_der());
        let request = EnrolRequest {
            code,
            public_key,
            name: "示例手机".into(),
            app: "0.1.0".into(),
            continues: Vec::new(),
            certificates: Vec::new(),
        };
        let reply: EnrolReply = line.ask("/v1/enrol", &request)?;
        Ok(Self {
            device: reply.device,
            worker: reply.worker,
            key,
            certificate: serde_json::from_str(&reply.certificate)?,
            supplier: SupplierId(reply.supplier.parse()?),
            epoch: reply.epoch,
            boot: BootId(Uuid::new_v4()),
            seq: 0,
            head: Sha::ZERO,
            mono_ms: 60_000,
            batches: Vec::new(),
        })
    }

    /// The phone of one worker with `visits` at one dwelling of a small town, whose data lie in `folder` under `before`.
    pub fn alone(folder: &Path, visits: usize) -> Tried<(Town, Self, HouseholdId, Vec<VisitId>)> {
        let worker = WorkerId(Uuid::new_v4());
        let (town, home, planned) = Town::with_visits(folder, worker, visits)?;
        let phone = Self::enrol(&mut Line::open(town.addr())?, enrolment::issue(&town.state().vault, worker)?)?;
        Ok((town, phone, home, planned))
    }

    /// Which device it is.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// How many exchanges it has ready.
    pub fn exchanges(&self) -> usize {
        self.batches.len()
    }

    /// Forgets what was sent, so that only what is done from now on is sent next.
    pub fn forget_sent(&mut self) {
        self.batches.clear();
    }

    /// Does a visit: ten operations, so many of them an exchange. `signed`: one of them is a signed record.
    pub fn work(
        &mut self,
        visit: VisitId,
        household: HouseholdId,
        signed: bool,
        exchange: usize,
        dice: &mut Dice,
    ) -> Tried<()> {
        for (number, events) in events(dice).chunks(exchange).enumerate() {
            let (base, base_sha) = (self.seq, self.head);
            let mut ops = Vec::with_capacity(exchange * (BODY + 600));
            for (place, event) in events.iter().enumerate() {
                let op = if signed && number * exchange + place == 8 {
                    let record = self.sign(visit, household)?;
                    self.log(visit, &record, Vec::new())?
                } else {
                    self.log(visit, event, Vec::new())?
                };
                if place > 0 {
                    ops.push(b',');
                }
                serde_json::to_writer(&mut ops, &op)?;
            }
            self.pack(base, base_sha, ops)?;
        }
        Ok(())
    }

    /// Takes a picture of these bytes: one operation, one exchange.
    pub fn photograph(&mut self, visit: VisitId, picture: &[u8]) -> Tried<()> {
        let (base, base_sha) = (self.seq, self.head);
        let blob = BlobRef { sha: Sha::of(picture), len: picture.len() as u64, role: role::PHOTO_OTHER.into() };
        let event = Event::Photographed(Photographed { role: role::PHOTO_OTHER.into(), subject: None, place: None });
        let op = self.log(visit, &event, vec![blob])?;
        self.pack(base, base_sha, serde_json::to_vec(&op)?)
    }

    fn pack(&mut self, base: u64, base_sha: Sha, mut ops: Vec<u8>) -> Tried<()> {
        ops.extend_from_slice(b"]}");
        let ops = zstd::bulk::compress(&ops, ZSTD_LEVEL)?;
        let (mono_ms, end) = (self.mono_ms, self.seq);
        self.batches.push(Batch { base, base_sha, end, head_sha: self.head, mono_ms, ops });
        Ok(())
    }

    fn log(&mut self, visit: VisitId, event: &Event, blobs: Vec<BlobRef>) -> Tried<Op> {
        self.mono_ms += 30_000;
        self.seq += 1;
        let missing = BODY.saturating_sub(event.to_body(&nonce()).len());
        let filled: String = std::iter::repeat_with(nonce).take(missing / 32 + 1).collect();
        let op = Op {
            seq: self.seq,
            op: OpId(Uuid::now_v7()),
            kind: event.kind().to_owned(),
            visit: Some(visit),
            worker: self.worker,
            basis: 1,
            rules: Rules::builtin().sha(),
            t: Stamp { wall_ms: 0, mono_ms: self.mono_ms, boot: self.boot },
            body: RawValue::from_string(event.to_body(&filled))?,
            blobs,
        };
        self.head = op.envelope(self.device, self.head).sha();
        Ok(op)
    }

    fn sign(&self, visit: VisitId, household: HouseholdId) -> Tried<Event> {
        let log = LogPosition { device: self.device, seq: self.seq + 1, prev: self.head };
        let cited = Cited {
            supplier: self.supplier,
            household,
            visit,
            worker: self.worker,
            log,
            at: Millis(1_795_400_000_000),
        };
        let body = record::measurement(&cited, self.seq as usize, Sha::of(b"image"))?;
        let record = sign_record(&body, &self.key, &self.certificate)?;
        Ok(Event::Signed(Signed {
            purpose: Purpose::Measurement,
            signer: Signer { name: body.signer.name, role: SignerRole::Owner },
            covers: None,
            record_sha: record.record_sha,
            jws: record.jws_text,
        }))
    }
}

/// A visit in ten events, with as much text as makes a body of three kilobytes.
fn events(dice: &mut Dice) -> [Event; OPS] {
    let mut answers = |items: [&str; 8]| {
        let answers = items.into_iter().map(|item| ItemAnswer {
            item: item.into(),
            state: AnswerState::Satisfied,
            ground: None,
            note: Some(prose(dice, 290)),
        });
        Event::ItemsAnswered(ItemsAnswered { answers: answers.collect() })
    };
    let before = answers(["F7-1", "F8-1", "F4-1", "F4-2", "F4-3", "F5-3", "F11-1", "F11-2"]);
    let indoors = answers(["F4-1", "F4-2", "F4-3", "F5-3", "F8-1", "F11-1", "F11-2", "F7-1"]);
    let after = answers(["F11-1", "F11-2", "F4-1", "F4-2", "F4-3", "F5-3", "F8-1", "F7-1"]);
    let mut text = || prose(dice, 2_850);
    [
        before,
        Event::Departed(Departed { tools_checked: true, parts: vec![Part { name: text(), count: 1 }] }),
        Event::Arrived(Arrived { place: Place::None { reason: "no_signal".into() } }),
        Event::Entered(Entered { knocked: true, permitted: true, shoe_covers: true, mask: Mask::NotNeeded }),
        Event::ProblemDescribed(ProblemDescribed { text: text() }),
        Event::InstructionOpened(InstructionOpened { instruction: text(), version: "3".into() }),
        indoors,
        Event::Explained(Explained { text: text() }),
        after,
        Event::Completed(Completed { outcome: Outcome::NotDone, reason: Some(text()), next_window: None }),
    ]
}

/// A phone on the line, ready to send.
pub struct Sender<'a> {
    phone: &'a Phone,
    line: Line,
    headers: String,
    token: String,
    scopes: Vec<ScopeCursor>,
    packer: zstd::bulk::Compressor<'static>,
}

/// What of an answer a phone needs to go on.
#[derive(Deserialize)]
struct Receipt {
    acked_through: u64,
    ack_sha: Sha,
    #[serde(default)]
    outcomes: Vec<Told>,
    #[serde(default)]
    scopes: Vec<ScopeCursor>,
}

impl<'a> Sender<'a> {
    /// Shows who it is, and reads its feeds to their end.
    pub fn open(phone: &'a Phone, addr: SocketAddr) -> Tried<Self> {
        let mut line = Line::open(addr)?;
        let device = phone.device;
        let challenge: ChallengeReply = line.ask("/v1/challenge", &ChallengeRequest { device })?;
        let signature = b64(&sign_low_s(&phone.key, &challenge_bytes(device, &challenge.nonce))?);
        let request = TokenRequest {
            device,
            nonce: challenge.nonce,
            signature,
            certificate: None,
            continues: Vec::new(),
            certificates: Vec::new(),
        };
        let TokenReply { token, .. } = line.ask("/v1/token", &request)?;
        let headers = format!("authorization: Bearer {token}\r\naccept-encoding: zstd\r\n");
        let packer = zstd::bulk::Compressor::new(1)?;
        let mut sender = Self { phone, line, headers, token, scopes: Vec::new(), packer };
        sender.ask_for_news()?;
        Ok(sender)
    }

    /// An exchange that brings nothing and, once the feeds are read, finds nothing. Bytes of the request and of the answer.
    pub fn ask_for_news(&mut self) -> Tried<(usize, usize)> {
        let question = self.question()?;
        let answer = self.ask(&question)?;
        let receipt: Receipt = serde_json::from_slice(&answer)?;
        self.stand(receipt.scopes);
        Ok((question.len(), answer.len()))
    }

    /// What asks whether there is anything new, a request of its own each time; too short to be packed.
    pub fn question(&self) -> Tried<Vec<u8>> {
        let nothing =
            Batch { base: 0, base_sha: Sha::ZERO, end: 0, head_sha: Sha::ZERO, mono_ms: 1_000, ops: Vec::new() };
        Ok(serde_json::to_vec(&self.request(&nothing))?)
    }

    /// Sends what [`Self::question`] made; the answer as it came.
    pub fn ask(&mut self, question: &[u8]) -> Tried<Vec<u8>> {
        self.line.post("/v1/sync", &self.headers, &[question])
    }

    /// Sends a file, whole.
    pub fn send_file(&mut self, sha: &Sha, bytes: &[u8]) -> Tried<()> {
        let headers = format!("authorization: Bearer {}\r\nupload-offset: 0\r\n", self.token);
        self.line.patch(&format!("/v1/blobs/{sha}"), &headers, bytes)
    }

    /// Sends everything, exchange after exchange; each must be acknowledged and applied. How long each took, in seconds.
    pub fn send_all(&mut self) -> Tried<Vec<f64>> {
        let phone = self.phone;
        phone.batches.iter().map(|batch| Ok(timed(|| self.send(batch))?.0)).collect()
    }

    /// Sends the `number`-th exchange, which must be acknowledged and applied. `false`: the server had no room for it and
    /// took nothing of it.
    pub fn offer(&mut self, number: usize) -> Tried<bool> {
        let phone = self.phone;
        match self.send(&phone.batches[number]) {
            Ok(()) => Ok(true),
            Err(error) if error.downcast_ref::<Refused>().is_some_and(|refused| refused.status == 503) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn send(&mut self, batch: &Batch) -> Tried<()> {
        let receipt = self.exchange(batch)?;
        if receipt.acked_through != batch.end || receipt.ack_sha != batch.head_sha {
            return Err(format!("only {} of {} acknowledged", receipt.acked_through, batch.end).into());
        }
        match receipt.outcomes.first() {
            Some(told) => Err(format!("not applied: {told:?}").into()),
            None => Ok(()),
        }
    }

    fn exchange(&mut self, batch: &Batch) -> Tried<Receipt> {
        // The operations come last: what goes before them is packed on its own, as a frame before theirs.
        let mut opening = serde_json::to_vec(&self.request(batch))?;
        opening.truncate(opening.len() - b"]}".len());
        let opening = self.packer.compress(&opening)?;
        let headers = format!("{}content-encoding: zstd\r\n", self.headers);
        let answer = self.line.post("/v1/sync", &headers, &[&opening, &batch.ops])?;
        let mut receipt: Receipt = serde_json::from_slice(&answer)?;
        self.stand(std::mem::take(&mut receipt.scopes));
        Ok(receipt)
    }

    /// The request that brings `batch`, without its operations.
    fn request(&self, batch: &Batch) -> SyncRequest {
        let phone = self.phone;
        SyncRequest {
            v: VERSION,
            req: Uuid::now_v7(),
            device: phone.device,
            epoch: phone.epoch,
            scopes: self.scopes.clone(),
            caps: Caps { app: "0.1.0".into(), kinds: vec!["visit.*".into()], enc: vec!["zstd".into()] },
            t: Clocks {
                stamp: Stamp { wall_ms: 0, mono_ms: batch.mono_ms, boot: phone.boot },
                tz: "Asia/Shanghai".into(),
                heard: Vec::new(),
            },
            owes: Owes::default(),
            base: batch.base,
            base_sha: batch.base_sha,
            judged: 0,
            head_sha: batch.head_sha,
            ops: Vec::new(),
        }
    }

    /// Moves the cursors to where the answer brought them.
    fn stand(&mut self, news: Vec<ScopeCursor>) {
        self.scopes.retain(|old| news.iter().all(|new| new.id != old.id));
        self.scopes.extend(news);
    }
}
