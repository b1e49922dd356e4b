//! `nuanfang-dictionary ID FILE`: trains a dictionary for the exchange, as `core/src/wire/dictionary` keeps them. The same
//! book and the same version of zstd give the same bytes.
//!
//! It learns from whole visits as phones send them, and from plans and dwellings as the server does; what is random in
//! them is drawn anew each time.

use std::error::Error;
use std::process::ExitCode;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::kind::Channel;
use nuanfang_core::domain::office_event::Appointment;
use nuanfang_core::domain::{Event, VisitKind, VisitPlan, Window};
use nuanfang_core::id::{BootId, DeviceId, HouseholdId, OpId, VisitId, WorkerId};
use nuanfang_core::time::{Millis, Stamp};
use nuanfang_core::wire::feed_entity::{PlanEvent, VisitEntity};
use nuanfang_core::wire::{Caps, Clocks, FeedEntry, FeedKind, Op, Owes, ScopeCursor, SyncRequest, VERSION};
use nuanfang_demo::dice::Dice;
use nuanfang_tests::paperwork::{TRAINED, Writer, sha, uuid};
use serde_json::value::RawValue;
use uuid::Uuid;

/// Bytes of a dictionary: twice as many make an exchange shorter by one in a hundred.
const SIZE: usize = 32 * 1024;
/// How many phones it learns from.
const PHONES: u64 = 400;
/// 2026-11-18, milliseconds since 1970.
const START: i64 = 1_795_000_000_000;
/// How much of a request stands before its operations.
const OPENING: usize = 700;

/// What a phone says of itself with everything it logs.
struct Phone {
    writer: Writer,
    device: DeviceId,
    worker: WorkerId,
    boot: BootId,
    rules: Sha,
    seq: u64,
    mono_ms: u64,
}

impl Phone {
    fn new(seed: u64) -> Self {
        let mut writer = Writer::new(&TRAINED, seed, START + seed as i64 * 714_285_714);
        let dice = writer.dice();
        Self {
            device: DeviceId(uuid(dice)),
            worker: WorkerId(uuid(dice)),
            boot: BootId(uuid(dice)),
            rules: sha(dice),
            seq: dice.below(3_000) as u64,
            mono_ms: dice.below(100_000_000) as u64,
            writer,
        }
    }

    /// One of two phones has a long visit, the other an ordinary one.
    fn visit(&mut self, long: bool) -> Vec<Event> {
        if !long {
            return self.writer.ordinary_visit();
        }
        let bytes = 700 + self.writer.dice().below(2_500);
        self.writer.long_visit(bytes).into()
    }

    fn log(&mut self, visit: VisitId, event: &Event) -> Result<Op, serde_json::Error> {
        self.writer.pass(30_000);
        let now = self.writer.now();
        let dice = self.writer.dice();
        self.seq += 1;
        self.mono_ms += 30_000 + dice.below(3_000) as u64;
        let body = event.to_body(&uuid(dice).simple().to_string());
        Ok(Op {
            seq: self.seq,
            op: OpId(uuid_at(dice, now)),
            kind: event.kind().to_owned(),
            visit: Some(visit),
            worker: self.worker,
            basis: dice.between(1, 9) as u64,
            rules: self.rules,
            t: Stamp { wall_ms: now, mono_ms: self.mono_ms, boot: self.boot },
            body: RawValue::from_string(body)?,
            blobs: Vec::new(),
        })
    }

    fn opening(&mut self, ops: Vec<Op>) -> Result<Vec<u8>, serde_json::Error> {
        let (now, worker) = (self.writer.now(), self.worker);
        let dice = self.writer.dice();
        let mut cursor =
            |id: String| ScopeCursor { id, pos: dice.below(2_000) as u64, hash: uuid(dice).simple().to_string() };
        let scopes = vec![cursor("company".into()), cursor(format!("worker:{worker}"))];
        let request = SyncRequest {
            v: VERSION,
            req: uuid_at(dice, now),
            device: self.device,
            epoch: 1,
            scopes,
            caps: Caps {
                app: "0.1.0".into(),
                kinds: vec!["visit.*".into(), "pii.*".into()],
                enc: vec!["zstd".into(), "zstd-dict:32769".into()],
            },
            t: Clocks {
                stamp: Stamp { wall_ms: now, mono_ms: self.mono_ms, boot: self.boot },
                tz: "Asia/Shanghai".into(),
                heard: Vec::new(),
            },
            owes: Owes { ops: ops.len() as u64, ..Owes::default() },
            base: self.seq,
            base_sha: sha(dice),
            judged: 0,
            head_sha: sha(dice),
            ops,
        };
        let mut opening = serde_json::to_vec(&request)?;
        opening.truncate(OPENING);
        Ok(opening)
    }

    /// A plan, as the feed brings it down.
    fn plan(&mut self, visit: VisitId) -> Result<FeedEntry, serde_json::Error> {
        let (now, worker) = (self.writer.now(), self.worker);
        let scope = self.writer.note();
        let dice = self.writer.dice();
        let household = HouseholdId(uuid(dice));
        let event = Event::VisitScheduled(VisitPlan {
            kind: [VisitKind::Repair, VisitKind::Measurement, VisitKind::Inspection][dice.below(3)],
            household,
            window: Some(Window { from: Millis(now), until: Millis(now + 3_600_000) }),
            scope,
            assignee: Some(worker),
            price_list: Some(sha(dice)),
            protocol: dice.chance(30).then(|| "745-M2".into()),
            agreed: None,
            emergency: false,
            appointment: Some(Appointment { channel: Channel::Phone, agreed_at: Millis(now - 3_600_000) }),
            note: None,
            follows: None,
        });
        let plan = PlanEvent {
            kind: event.kind().to_owned(),
            op: OpId(uuid_at(dice, now)),
            device: DeviceId(uuid(dice)),
            seq: dice.below(10_000) as u64,
            worker: WorkerId(uuid(dice)),
            at: Millis(now),
            body: RawValue::from_string(event.to_body(&uuid(dice).simple().to_string()))?,
        };
        let entity = VisitEntity { id: visit, version: 1, lane: 1, household, open: true, plan: vec![plan] };
        Ok(FeedEntry {
            pos: dice.below(2_000) as u64,
            k: FeedKind::Put,
            e: "visit".into(),
            id: visit.to_string(),
            ver: 1,
            body: Some(serde_json::value::to_raw_value(&entity)?),
            why: None,
        })
    }
}

/// An id of version 7, made at `now`.
fn uuid_at(dice: &mut Dice, now: i64) -> Uuid {
    let (high, low) = (dice.roll(), dice.roll());
    Uuid::from_u64_pair((now.cast_unsigned() << 16) | 0x7000 | (high & 0xfff), (low >> 2) | (1 << 63))
}

fn samples() -> Result<Vec<Vec<u8>>, serde_json::Error> {
    let mut samples = Vec::new();
    for seed in 0..PHONES {
        let mut phone = Phone::new(seed);
        let visit = VisitId(uuid(phone.writer.dice()));
        samples.push(serde_json::to_vec(&phone.plan(visit)?)?);
        let mut ops = Vec::new();
        for event in phone.visit(seed % 2 == 1) {
            let op = phone.log(visit, &event)?;
            samples.push(serde_json::to_vec(&op)?);
            ops.push(op);
        }
        samples.push(phone.opening(ops)?);
    }
    Ok(samples)
}

fn train(id: u32) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut dictionary = zstd::dict::from_samples(&samples()?, SIZE)?;
    // Its id follows the magic number; zstd would have drawn one.
    dictionary.get_mut(4..8).ok_or("no dictionary")?.copy_from_slice(&id.to_le_bytes());
    Ok(dictionary)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [id, file] => {
            id.parse().map_err(Box::from).and_then(train).and_then(|dictionary| Ok(std::fs::write(file, dictionary)?))
        }
        _ => Err("nuanfang-dictionary ID FILE".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
