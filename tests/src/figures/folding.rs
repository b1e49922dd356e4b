//! The rules themselves: one act checked and folded as a phone does it, and a whole visit of forty events folded anew
//! as a server does it. The probe only reads the same bodies from JSON, which comes before any folding.

use std::hint::black_box;
use std::sync::Arc;

use nuanfang_core::canon::envelope::{BlobRef, nonce};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::command::{DraftLine, QuoteDraft};
use nuanfang_core::domain::kind::{AnswerState, Channel, ItemAnswer, Mask, Outcome};
use nuanfang_core::domain::office_event::Appointment;
use nuanfang_core::domain::plan::PlanVersion;
use nuanfang_core::domain::signature::{Purpose, Signed, Signer, SignerRole};
use nuanfang_core::domain::worker::Qualification;
use nuanfang_core::domain::worker_event::{
    Arrived, ChargeTold, ChargedLine, Completed, Demonstrated, Departed, Entered, Explained, InstructionOpened,
    ItemsAnswered, Photographed, PriceListShown, ProblemDescribed, RiskTold, WorkDone, WorkStarted,
};
use nuanfang_core::domain::{
    Command, Context, Event, Fact, Fen, Now, Place, RuleBook, Rules, Visit, VisitKind, VisitPlan, Window, check, fold,
    role,
};
use nuanfang_core::id::{BootId, DeviceId, HouseholdId, OpId, VisitId, WorkerId};
use nuanfang_core::time::{Millis, Stamp};
use uuid::Uuid;

use super::{Bench, Figure, Run, Size, Tried, Value, timed};

const PROBE: &str = "serde_json reading the same bodies";

/// What is measured here.
pub const FIGURES: [Figure; 2] = [
    Figure {
        id: "check-fold",
        name: "one act checked and folded, mean over a paid repair of 40 acts",
        unit: "µs",
        probe: PROBE,
        value: Value::Measured,
        goal: None,
    },
    Figure {
        id: "fold-40",
        name: "a visit of 40 events folded anew",
        unit: "µs",
        probe: PROBE,
        value: Value::Measured,
        goal: None,
    },
];

/// 2026-11-23 09:00 in Beijing.
const MORNING: i64 = 1_795_395_600_000;
const MINUTE: i64 = 60_000;
const WORKER: WorkerId = WorkerId(Uuid::from_u128(10));

/// An act with the world around it, and the fact that it became.
struct Step {
    command: Command,
    context: Context,
    fact: Fact,
    body: String,
}

/// The bench.
pub struct Folding {
    steps: Vec<Step>,
    rounds: usize,
}

impl Folding {
    /// Plays the visit once.
    pub fn prepare(size: Size) -> Tried<Self> {
        let steps = play()?;
        if steps.len() != 40 {
            return Err(format!("the visit has {} events", steps.len()).into());
        }
        Ok(Self { steps, rounds: size.of(2_000, 3) })
    }
}

impl Bench for Folding {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let (checked, ()) = timed(|| {
            for _ in 0..self.rounds {
                let mut visit = planned();
                for Step { command, context, fact, .. } in &self.steps {
                    let events = check(&visit, 1, command, context)?;
                    if events.len() != 1 {
                        return Err("an act became several events".into());
                    }
                    fold(&mut visit, fact);
                }
                black_box(visit);
            }
            Ok(())
        })?;
        let (folded, ()) = timed(|| {
            for _ in 0..self.rounds {
                let mut visit = planned();
                for step in &self.steps {
                    fold(&mut visit, &step.fact);
                }
                black_box(visit);
            }
            Ok(())
        })?;
        let (read, ()) = timed(|| {
            for _ in 0..self.rounds {
                for step in &self.steps {
                    black_box(Event::parse(step.fact.event.kind(), &step.body));
                }
            }
            Ok(())
        })?;
        let micros = |seconds: f64| seconds * 1e6 / self.rounds as f64;
        let events = self.steps.len() as f64;
        Ok(vec![
            Run { measured: micros(checked) / events, probe: micros(read) / events },
            Run { measured: micros(folded), probe: micros(read) },
        ])
    }
}

fn planned() -> Visit {
    let plan = VisitPlan {
        kind: VisitKind::Repair,
        household: HouseholdId(Uuid::from_u128(5)),
        window: Some(Window { from: Millis(MORNING), until: Millis(MORNING + 60 * MINUTE) }),
        scope: "示例：客厅散热器不热".into(),
        assignee: Some(WORKER),
        price_list: Some(Sha::of(b"prices")),
        protocol: None,
        agreed: None,
        emergency: false,
        appointment: Some(Appointment { channel: Channel::Phone, agreed_at: Millis(MORNING - 600 * MINUTE) }),
        note: None,
        follows: None,
    };
    let mut visit = Visit::new(VisitId(Uuid::from_u128(4)), RuleBook::default());
    visit.mirror([PlanVersion::told(plan, 1, 1)]);
    visit
}

/// A worker on his way through a visit, who is never refused.
struct Worker {
    visit: Visit,
    rules: Arc<Rules>,
    stamp: Stamp,
    steps: Vec<Step>,
}

impl Worker {
    const DEVICE: DeviceId = DeviceId(Uuid::from_u128(20));

    fn act(&mut self, command: Command, roles: &[&str]) -> Tried<()> {
        self.stamp.wall_ms += MINUTE;
        self.stamp.mono_ms += MINUTE as u64;
        let file = |role: &&str| BlobRef { sha: Sha::of(role.as_bytes()), len: 10, role: (*role).into() };
        let context = Context {
            now: Now { stamp: self.stamp, estimate: None },
            worker: Some(WORKER),
            device: Some(Self::DEVICE),
            rules: Arc::clone(&self.rules),
            qualification: Some(Qualification {
                badge_number: "示例-007".into(),
                badge_valid_until: "2027-03-31".into(),
                pre_season_deci_hours: 240,
                theory_passed: true,
                practical_passed: true,
            }),
            instruments: Vec::new(),
            agreed: None,
            blobs: roles.iter().map(file).collect(),
        };
        for event in check(&self.visit, 1, &command, &context)? {
            let body = event.to_body(&nonce());
            let fact = Fact {
                op: OpId(Uuid::now_v7()),
                device: Self::DEVICE,
                seq: self.steps.len() as u64 + 1,
                worker: WORKER,
                basis: 1,
                rules: self.rules.sha(),
                stamp: self.stamp,
                estimate: None,
                event,
                blobs: context.blobs.clone(),
            };
            fold(&mut self.visit, &fact);
            self.steps.push(Step { command: command.clone(), context: context.clone(), fact, body });
        }
        Ok(())
    }

    fn sign(&mut self, purpose: Purpose) -> Tried<()> {
        let covers = self.visit.lane_of(1, Self::DEVICE).and_then(|lane| lane.covers(&purpose));
        let signer = Signer { name: "示例·王样䶮".into(), role: SignerRole::Owner };
        let signed = Signed { purpose, signer, covers, record_sha: Sha::of(b"record"), jws: "{}".into() };
        self.act(Command::Sign(signed), &[role::SIGNATURE_STROKES, role::SIGNATURE_IMAGE])
    }

    fn tick(&mut self, item: &str, note: Option<&str>) -> Tried<()> {
        let note = note.map(str::to_owned);
        let answer = ItemAnswer { item: item.into(), state: AnswerState::Satisfied, ground: None, note };
        self.act(Command::AnswerItems(ItemsAnswered { answers: vec![answer] }), &[])
    }
}

/// A paid repair with a changed line, from the assignment to the end.
fn play() -> Tried<Vec<Step>> {
    let stamp = Stamp { wall_ms: MORNING, mono_ms: 5_000_000, boot: BootId(Uuid::from_u128(30)) };
    let mut worker = Worker { visit: planned(), rules: Rules::builtin(), stamp, steps: Vec::new() };
    let list = PriceListShown { price_list: Sha::of(b"prices"), version: "示例 2026-1".into() };
    worker.act(Command::Acknowledge, &[])?;
    worker.tick("F7-1", None)?;
    worker.act(Command::Depart(Departed { tools_checked: true, parts: Vec::new() }), &[])?;
    worker.act(Command::Arrive(Arrived { place: Place::None { reason: "no_signal".into() } }), &[])?;
    let entered = Entered { knocked: true, permitted: true, shoe_covers: true, mask: Mask::NotNeeded };
    worker.act(Command::Enter(entered), &[])?;
    worker.act(Command::DescribeProblem(ProblemDescribed { text: "客厅散热器不热，阀门漏水".into() }), &[])?;
    worker.act(Command::ProtectFloor, &[role::PHOTO_FLOOR])?;
    let instruction = InstructionOpened { instruction: "示例-阀门".into(), version: "3".into() };
    worker.act(Command::OpenInstruction(instruction), &[])?;
    worker.act(quote(10_000, None), &[])?;
    let charged = ChargedLine { line: "L1".into(), name: "更换温控阀".into(), amount: Fen(15_150) };
    worker.act(Command::TellCharge(ChargeTold { lines: vec![charged] }), &[])?;
    worker.act(Command::ShowPriceList(list), &[])?;
    worker.sign(Purpose::Quote { revision: 1 })?;
    let risk = RiskTold { object: "旧接头".into(), text: "可能断裂".into(), lines: vec!["L1".into()] };
    worker.act(Command::TellRisk(risk), &[role::PHOTO_BEFORE])?;
    worker.sign(Purpose::Consent { object: "旧接头".into() })?;
    worker.act(start(&["L1", "L2"]), &[])?;
    worker.act(done("L2"), &[])?;
    worker.act(quote(20_000, Some("阀门改为 DN25")), &[])?;
    worker.sign(Purpose::Quote { revision: 2 })?;
    worker.act(start(&["L1"]), &[])?;
    worker.act(done("L1"), &[])?;
    worker.act(Command::Demonstrate(Demonstrated { works: false, note: Some("仍有渗水".into()) }), &[])?;
    worker.act(Command::Demonstrate(Demonstrated { works: true, note: None }), &[])?;
    worker.act(Command::Explain(Explained { text: "顺时针关闭".into() }), &[])?;
    worker.sign(Purpose::Acceptance)?;
    let after = Photographed { role: role::PHOTO_AFTER.into(), subject: None, place: None };
    worker.act(Command::Photograph(after), &[role::PHOTO_AFTER])?;
    for note in [None, Some("再次确认")] {
        for item in ["F4-1", "F4-2", "F4-3", "F5-3", "F8-1", "F11-1", "F11-2"] {
            worker.tick(item, note)?;
        }
    }
    worker.act(Command::Complete(Completed { outcome: Outcome::Done, reason: None, next_window: None }), &[])?;
    Ok(worker.steps)
}

fn quote(material: i64, change: Option<&str>) -> Command {
    let line = |line: &str, material: i64| DraftLine {
        line: line.into(),
        code: format!("C-{line}"),
        name: format!("更换温控阀 {line}"),
        unit: "个".into(),
        quantity_milli: 1_500,
        material: Fen(material),
        labour: Fen(100),
        tax_rate_bp: 900,
        free: material == 0,
        own_material: false,
        warranty_days: 365,
    };
    Command::ShowQuote(QuoteDraft {
        lines: vec![line("L1", material), line("L2", 0)],
        price_list: Sha::of(b"prices"),
        price_list_version: "示例 2026-1".into(),
        expected_minutes: 90,
        change: change.map(str::to_owned),
    })
}

fn start(lines: &[&str]) -> Command {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    Command::StartWork(WorkStarted { lines, emergency: None })
}

fn done(line: &str) -> Command {
    Command::FinishWork(WorkDone {
        lines: vec![line.into()], emergency: false, result: "已更换，运行正常".into()
    })
}
