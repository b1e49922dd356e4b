//! A worker with a phone: asks, and folds what he is allowed; or forges.

use std::sync::Arc;

use nuanfang_core::canon::envelope::BlobRef;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::check::check;
use nuanfang_core::domain::context::{Context, Now};
use nuanfang_core::domain::instrument::Instrument;
use nuanfang_core::domain::kind::{AnswerState, Channel, ItemAnswer, Mask, Outcome};
use nuanfang_core::domain::lane::Lane;
use nuanfang_core::domain::office_event::{Appointment, VisitPlan};
use nuanfang_core::domain::plan::PlanVersion;
use nuanfang_core::domain::signature::{Purpose, SignatureRefused, Signed, Signer, SignerRole};
use nuanfang_core::domain::view::{Action, NextAction, VisitView};
use nuanfang_core::domain::worker::Qualification;
use nuanfang_core::domain::worker_event::{Arrived, Completed, Departed, Entered, ItemsAnswered};
use nuanfang_core::domain::{
    Command, DeciCelsius, Event, Fact, Place, RuleBook, Rules, Visit, VisitKind, Window, fold, role, view,
};
use nuanfang_core::error::Refusal;
use nuanfang_core::id::{BootId, DeviceId, HouseholdId, InstrumentId, OpId, VisitId, WorkerId};
use nuanfang_core::time::{Estimate, Millis, Stamp};
use uuid::Uuid;

/// 2026-11-23 09:00 in Beijing.
pub const MORNING: i64 = 1_795_395_600_000;
pub const MINUTE: i64 = 60_000;

pub fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

pub const INSTRUMENT: InstrumentId = InstrumentId(Uuid::from_u128(71));
pub const EXPIRED: InstrumentId = InstrumentId(Uuid::from_u128(72));

pub fn plan(kind: VisitKind, assignee: WorkerId) -> VisitPlan {
    VisitPlan {
        kind,
        household: HouseholdId(uuid(5)),
        window: Some(Window { from: Millis(MORNING), until: Millis(MORNING + 60 * MINUTE) }),
        scope: "客厅散热器不热".into(),
        assignee: Some(assignee),
        price_list: Some(Sha::of(b"prices")),
        protocol: Some("745-M2".into()),
        agreed: None,
        emergency: false,
        appointment: Some(Appointment { channel: Channel::Phone, agreed_at: Millis(MORNING - 600 * MINUTE) }),
        note: None,
        follows: None,
    }
}

pub fn instruments() -> Vec<Instrument> {
    let one = |id, number: &str, until: &str| Instrument {
        id,
        number: number.into(),
        certificate: format!("示例-{number}"),
        verified_on: "2025-12-01".into(),
        valid_until: until.into(),
        correction: DeciCelsius(-1),
    };
    vec![one(INSTRUMENT, "T-01", "2026-11-30"), one(EXPIRED, "T-06", "2026-10-31")]
}

pub fn qualified() -> Qualification {
    Qualification {
        badge_number: "示例-007".into(),
        badge_valid_until: "2027-03-31".into(),
        pre_season_deci_hours: 240,
        theory_passed: true,
        practical_passed: true,
    }
}

pub fn blob(role: &str) -> BlobRef {
    BlobRef { sha: Sha::of(role.as_bytes()), len: 10, role: role.into() }
}

/// The office's log.
pub struct Office {
    pub device: DeviceId,
    pub seq: u64,
}

impl Office {
    pub fn new() -> Self {
        Self { device: DeviceId(uuid(1)), seq: 0 }
    }

    pub fn says(&mut self, basis: u64, event: Event) -> Fact {
        self.seq += 1;
        Fact {
            op: OpId(uuid(1_000_000 + u128::from(self.seq))),
            device: self.device,
            seq: self.seq,
            worker: WorkerId(uuid(2)),
            basis,
            rules: Rules::builtin().sha(),
            stamp: Stamp { wall_ms: MORNING - 900 * MINUTE, mono_ms: self.seq, boot: BootId(uuid(3)) },
            estimate: None,
            event,
            blobs: Vec::new(),
        }
    }
}

/// A phone with its worker, on one visit.
pub struct Phone {
    pub visit: Visit,
    pub lane: u64,
    pub device: DeviceId,
    pub worker: WorkerId,
    pub seq: u64,
    pub basis: u64,
    pub stamp: Stamp,
    /// The phone's estimate of now, as an offset to its wall clock, if it has one.
    pub offset_ms: Option<i64>,
    pub instruments: Vec<Instrument>,
    pub qualification: Option<Qualification>,
    pub facts: Vec<Fact>,
}

impl Phone {
    pub fn with_plan(plan: VisitPlan) -> Self {
        let worker = plan.assignee.unwrap_or(WorkerId(uuid(10)));
        let mut phone = Self::blank(worker, DeviceId(uuid(20)));
        phone.lane = 1;
        phone.basis = 1;
        phone.visit.mirror([PlanVersion::told(plan, 1, 1)]);
        phone
    }

    pub fn blank(worker: WorkerId, device: DeviceId) -> Self {
        Self {
            visit: Visit::new(VisitId(uuid(4)), RuleBook::default()),
            lane: 0,
            device,
            worker,
            seq: 0,
            basis: 0,
            stamp: Stamp { wall_ms: MORNING - 60 * MINUTE, mono_ms: 5_000_000, boot: BootId(uuid(30)) },
            offset_ms: None,
            instruments: instruments(),
            qualification: Some(qualified()),
            facts: Vec::new(),
        }
    }

    pub fn of(kind: VisitKind) -> Self {
        Self::with_plan(plan(kind, WorkerId(uuid(10))))
    }

    pub fn wait(&mut self, ms: i64) {
        self.stamp.wall_ms += ms;
        self.stamp.mono_ms += u64::try_from(ms).expect("time goes on");
    }

    pub fn context(&self, roles: &[&str]) -> Context {
        let estimate = self.offset_ms.map(|offset| Estimate::exact(Millis(self.stamp.wall_ms + offset)));
        Context {
            now: Now { stamp: self.stamp, estimate },
            worker: Some(self.worker),
            device: Some(self.device),
            rules: Rules::builtin(),
            qualification: self.qualification.clone(),
            instruments: self.instruments.clone(),
            agreed: None,
            blobs: roles.iter().map(|role| blob(role)).collect(),
        }
    }

    pub fn ask(&self, command: &Command, roles: &[&str]) -> Result<Vec<Event>, Refusal> {
        check(&self.visit, self.lane, command, &self.context(roles))
    }

    /// Asks and, if allowed, folds. The code of the refusal otherwise.
    pub fn try_act(&mut self, command: Command, roles: &[&str]) -> Result<(), String> {
        let events = self.ask(&command, roles).map_err(|refusal| refusal.code)?;
        for event in events {
            self.forge(event, roles);
        }
        Ok(())
    }

    #[track_caller]
    pub fn act(&mut self, command: Command, roles: &[&str]) {
        if let Err(code) = self.try_act(command.clone(), roles) {
            panic!("{command:?} was refused: {code}");
        }
    }

    #[track_caller]
    pub fn refused(&self, command: Command, roles: &[&str]) -> String {
        match self.ask(&command, roles) {
            Ok(_) => panic!("{command:?} was allowed"),
            Err(refusal) => {
                assert!(!refusal.zh.is_empty() && !refusal.en.is_empty(), "{refusal:?}");
                refusal.code
            }
        }
    }

    /// Appends without asking, as a broken or malicious phone would.
    pub fn forge(&mut self, event: Event, roles: &[&str]) {
        self.seq += 1;
        self.wait(1000);
        let fact = Fact {
            op: OpId(uuid(self.device.0.as_u128() * 100_000 + u128::from(self.seq))),
            device: self.device,
            seq: self.seq,
            worker: self.worker,
            basis: self.basis,
            rules: Rules::builtin().sha(),
            stamp: self.stamp,
            estimate: None,
            event,
            blobs: roles.iter().map(|role| blob(role)).collect(),
        };
        fold(&mut self.visit, &fact);
        self.facts.push(fact);
    }

    pub fn lane(&self) -> &Lane {
        self.visit.lane_of(self.lane, self.device).expect("the lane has begun")
    }

    pub fn view(&self) -> VisitView {
        view(&self.visit, self.lane, &self.context(&[]))
    }

    pub fn codes(&self) -> Vec<String> {
        self.lane().violations.iter().map(|violation| violation.code.clone()).collect()
    }

    pub fn action(&self, action: Action) -> Option<NextAction> {
        self.view().next_actions.into_iter().find(|next| next.action == action)
    }

    pub fn tick(&mut self, item: &str) {
        self.act(answer(item, AnswerState::Satisfied, None), &[]);
    }

    pub fn depart(&mut self) {
        self.tick("F7-1");
        self.act(Command::Depart(Departed { tools_checked: true, parts: Vec::new() }), &[]);
    }

    pub fn arrive(&mut self) {
        self.act(Command::Arrive(Arrived { place: nowhere() }), &[]);
    }

    /// From the morning to the open door, on time.
    pub fn go_in(&mut self) {
        self.depart();
        self.wait(61 * MINUTE);
        self.arrive();
        self.act(Command::Enter(entered()), &[]);
    }

    pub fn signature(&self, purpose: Purpose) -> Signed {
        let covers = self.visit.lane_of(self.lane, self.device).and_then(|lane| lane.covers(&purpose));
        Signed {
            purpose,
            signer: Signer { name: "王䶮".into(), role: SignerRole::Owner },
            covers,
            record_sha: Sha::of(b"record"),
            jws: "{}".into(),
        }
    }

    pub fn refusal(&self, purpose: Purpose, witness: Option<&str>) -> SignatureRefused {
        let covers = self.visit.lane_of(self.lane, self.device).and_then(|lane| lane.covers(&purpose));
        SignatureRefused {
            purpose,
            reason: "不认可读数".into(),
            witness: witness.map(str::to_owned),
            covers,
            record_sha: Sha::of(b"record"),
            jws: "{}".into(),
        }
    }

    #[track_caller]
    pub fn sign(&mut self, purpose: Purpose) {
        self.act(Command::Sign(self.signature(purpose)), PEN);
    }

    #[track_caller]
    pub fn complete(&mut self, outcome: Outcome) {
        let reason = (outcome != Outcome::Done).then(|| "见备注".to_owned());
        self.act(Command::Complete(Completed { outcome, reason, next_window: None }), &[]);
    }

    pub fn refuse_complete(&self, outcome: Outcome) -> String {
        let reason = (outcome != Outcome::Done).then(|| "见备注".to_owned());
        self.refused(Command::Complete(Completed { outcome, reason, next_window: None }), &[])
    }
}

pub const PEN: &[&str] = &[role::SIGNATURE_STROKES, role::SIGNATURE_IMAGE];

pub fn nowhere() -> Place {
    Place::None { reason: "no_signal".into() }
}

pub fn entered() -> Entered {
    Entered { knocked: true, permitted: true, shoe_covers: true, mask: Mask::NotNeeded }
}

pub fn answer(item: &str, state: AnswerState, ground: Option<&str>) -> Command {
    let ground = ground.map(str::to_owned);
    Command::AnswerItems(ItemsAnswered { answers: vec![ItemAnswer { item: item.into(), state, ground, note: None }] })
}

pub fn other_rules() -> Arc<Rules> {
    let text = String::from_utf8(Rules::builtin().bytes().to_vec()).expect("JSON is text");
    Arc::new(Rules::parse(text.replace("\"2026-1\"", "\"2026-2\"").as_bytes()).expect("still rules"))
}
