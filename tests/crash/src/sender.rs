//! A phone as the server sees one: a key, a log, exchanges. Keeps everything it ever sent, so that the server can be
//! held to it.

use std::sync::Arc;

use nuanfang_core::canon::envelope::{BlobRef, nonce};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::courier::Call;
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::kind::Channel;
use nuanfang_core::domain::rules::Rules;
use nuanfang_core::domain::worker_event::{Notified, Photographed, ProblemDescribed};
use nuanfang_core::domain::{Window, role};
use nuanfang_core::id::{BootId, DeviceId, OpId, VisitId, WorkerId};
use nuanfang_core::record::{SoftwareKey, sign_low_s};
use nuanfang_core::time::Stamp;
use nuanfang_core::wire::auth::{
    ChallengeReply, ChallengeRequest, EnrolReply, EnrolRequest, TokenReply, TokenRequest, b64, challenge_bytes,
};
use nuanfang_core::wire::{Caps, Clocks, Op, Owes, SyncReply, SyncRequest, VERSION};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::house::{House, MORNING};
use crate::sweep::Fallible;

/// What the server said instead of doing it.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// Its problem JSON.
    pub body: Vec<u8>,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

impl std::error::Error for Refused {}

/// A phone.
#[derive(Clone)]
pub struct Sender {
    /// Its enrolment.
    pub device: DeviceId,
    /// Whose.
    pub worker: WorkerId,
    /// Everything it logged, with the hash of each envelope.
    pub log: Vec<(Op, Sha)>,
    /// All up to here is acknowledged.
    pub acked: usize,
    /// All up to here is called safe.
    pub safe: u64,
    /// Files it named, with their bytes.
    pub files: Vec<(Sha, Vec<u8>)>,
    key: Arc<SoftwareKey>,
    token: String,
    boot: BootId,
    mono_ms: u64,
}

impl Sender {
    /// Enrols a phone of `worker` with a one-time code.
    ///
    /// # Errors
    /// What the server says.
    pub async fn enrol(house: &House, worker: WorkerId, code: String) -> Fallible<Self> {
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
        let reply: EnrolReply = ask(house, "/v1/enrol", &request).await?;
        Ok(Self {
            device: reply.device,
            worker,
            log: Vec::new(),
            acked: 0,
            safe: 0,
            files: Vec::new(),
            key: Arc::new(key),
            token: String::new(),
            boot: BootId(Uuid::new_v4()),
            mono_ms: 1_000,
        })
    }

    /// Logs in: a token lives only as long as the server's process.
    ///
    /// # Errors
    /// What the server says.
    pub async fn log_in(&mut self, house: &House) -> Fallible<()> {
        let device = self.device;
        let challenge: ChallengeReply = ask(house, "/v1/challenge", &ChallengeRequest { device }).await?;
        let signature = sign_low_s(&*self.key, &challenge_bytes(device, &challenge.nonce))?;
        let request = TokenRequest {
            device,
            nonce: challenge.nonce,
            signature: b64(&signature),
            certificate: None,
            continues: Vec::new(),
            certificates: Vec::new(),
        };
        let reply: TokenReply = ask(house, "/v1/token", &request).await?;
        self.token = reply.token;
        Ok(())
    }

    /// Logs what was done about a visit, seeded: mostly words, some times, now and then a photo.
    pub fn act(&mut self, visit: VisitId, dice: &mut StdRng) {
        let mut blobs = Vec::new();
        let event = match dice.gen_range(0..20) {
            0 => {
                let mut bytes = vec![0; dice.gen_range(2_000..40_000)];
                dice.fill(bytes.as_mut_slice());
                let sha = Sha::of(&bytes);
                blobs.push(BlobRef { sha, len: bytes.len() as u64, role: role::PHOTO_OTHER.into() });
                self.files.push((sha, bytes));
                Event::Photographed(Photographed { role: role::PHOTO_OTHER.into(), subject: None, place: None })
            }
            1..6 => {
                let from = MORNING.plus_minutes(dice.gen_range(0..600));
                let window = Window { from, until: from.plus_minutes(60) };
                Event::Notified(Notified { channel: Channel::Phone, window })
            }
            _ => Event::ProblemDescribed(ProblemDescribed {
                text: "示例：客厅散热器不热。".repeat(dice.gen_range(1..40)),
            }),
        };
        self.mono_ms += 1_000;
        let op = Op {
            seq: self.log.len() as u64 + 1,
            op: OpId(Uuid::now_v7()),
            kind: event.kind().into(),
            visit: Some(visit),
            worker: self.worker,
            basis: 1,
            rules: Rules::builtin().sha(),
            t: Stamp { wall_ms: 5, mono_ms: self.mono_ms, boot: self.boot },
            body: RawValue::from_string(event.to_body(&nonce())).unwrap_or_default(),
            blobs,
        };
        let sha = op.envelope(self.device, self.sha_at(self.log.len())).sha();
        self.log.push((op, sha));
    }

    fn sha_at(&self, seq: usize) -> Sha {
        seq.checked_sub(1).and_then(|last| self.log.get(last)).map_or(Sha::ZERO, |(_, sha)| *sha)
    }

    fn request(&self, from: usize, upto: usize) -> SyncRequest {
        SyncRequest {
            v: VERSION,
            req: Uuid::now_v7(),
            device: self.device,
            epoch: 1,
            scopes: Vec::new(),
            caps: Caps { app: "0.1.0".into(), ..Caps::default() },
            t: Clocks {
                stamp: Stamp { wall_ms: 5, mono_ms: self.mono_ms + 500, boot: self.boot },
                tz: "Asia/Shanghai".into(),
                heard: Vec::new(),
            },
            owes: Owes::default(),
            base: from as u64,
            base_sha: self.sha_at(from),
            judged: 0,
            head_sha: self.sha_at(upto),
            ops: self.log[from..upto].iter().map(|(op, _)| op.clone()).collect(),
        }
    }

    /// Sends the log from `from` up to `upto` and takes the receipt.
    ///
    /// # Errors
    /// What the server says, and a receipt that proves nothing.
    pub async fn exchange(&mut self, house: &House, from: usize, upto: usize) -> Fallible<SyncReply> {
        let request = self.request(from, upto);
        let call = Call {
            method: "POST",
            path: "/v1/sync".into(),
            token: Some(self.token.clone()),
            body: serde_json::to_vec(&request)?,
            json: true,
            ..Call::default()
        };
        let answer = house.answer(&call).await?;
        if answer.status != 200 {
            return Err(Refused { status: answer.status, body: answer.body }.into());
        }
        let reply: SyncReply = serde_json::from_slice(&answer.body)?;
        let acked = usize::try_from(reply.acked_through)?;
        if reply.req != request.req || reply.fork || acked > self.log.len() || reply.ack_sha != self.sha_at(acked) {
            return Err(format!("no receipt: fork {}, acked {acked} of {}", reply.fork, self.log.len()).into());
        }
        self.acked = acked;
        self.safe = reply.safe_through;
        Ok(reply)
    }

    /// Sends one file from the offset the server named, `piece` bytes a call. Returns whether the server called it
    /// whole.
    ///
    /// # Errors
    /// What the server says.
    pub async fn send_file(&self, house: &House, sha: Sha, mut offset: u64, piece: usize) -> Fallible<bool> {
        let Some((_, bytes)) = self.files.iter().find(|(known, _)| *known == sha) else { return Ok(false) };
        loop {
            let rest = &bytes[usize::try_from(offset)?.min(bytes.len())..];
            let call = Call {
                method: "PATCH",
                path: format!("/v1/blobs/{sha}"),
                token: Some(self.token.clone()),
                headers: vec![("Upload-Offset", offset.to_string()), ("Upload-Length", bytes.len().to_string())],
                body: rest[..rest.len().min(piece)].to_vec(),
                ..Call::default()
            };
            let answer = house.answer(&call).await?;
            match (answer.status, answer.upload_complete, answer.upload_offset) {
                (204, true, _) => return Ok(true),
                (204, false, Some(at)) if at > offset => offset = at,
                (status, ..) => return Err(Refused { status, body: answer.body }.into()),
            }
        }
    }
}

async fn ask<Q: serde::Serialize, A: serde::de::DeserializeOwned>(house: &House, path: &str, ask: &Q) -> Fallible<A> {
    let body = serde_json::to_vec(ask)?;
    let call = Call { method: "POST", path: path.to_owned(), body, json: true, ..Call::default() };
    let answer = house.answer(&call).await?;
    if answer.status != 200 {
        return Err(format!("{path} {}: {}", answer.status, String::from_utf8_lossy(&answer.body)).into());
    }
    Ok(serde_json::from_slice(&answer.body)?)
}
