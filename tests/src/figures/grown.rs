//! Years later (B5): what an exchange costs on a store with a million envelopes, beside the same exchange on one with ten
//! thousand, turn about. Both are filled through the store's own door, as if phones had sent them: stored, chained,
//! judged and folded, ten operations a visit, and every visit with its row and its place in a feed.

use nuanfang_core::canon::envelope::nonce;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::worker_event::{Opened, ProblemDescribed};
use nuanfang_core::domain::{Event, Rules, VisitKind, Window};
use nuanfang_core::id::{BootId, DeviceId, HouseholdId, OpId, VisitId, WorkerId};
use nuanfang_core::time::{Millis, Stamp};
use nuanfang_core::wire::Op;
use nuanfang_demo::dice::Dice;
use nuanfang_server::enrolment;
use nuanfang_server::office::accept::Exchange;
use serde_json::value::RawValue;
use tempfile::TempDir;
use uuid::Uuid;

use super::line::Line;
use super::load::{OPS, Phone, Sender};
use super::prose::prose;
use super::town::{Town, plan};
use super::{Bench, Figure, Run, Size, Tried, Value, median, scratch, timed};

/// What is measured here.
pub const FIGURES: [Figure; 2] = [
    Figure {
        id: "B5-idle",
        name: "an exchange that brings nothing, on a store with 1,000,000 envelopes (10,000,000 with --large), median",
        unit: "ms",
        probe: "the same on one with 10,000",
        value: Value::OfProbe,
        goal: Some(1.2),
    },
    Figure {
        id: "B5-one",
        name: "an exchange with one operation of 3 KB, on a store with 1,000,000 envelopes (10,000,000 with --large), median",
        unit: "ms",
        probe: "the same on one with 10,000",
        value: Value::OfProbe,
        goal: Some(1.2),
    },
];

/// Connections on which it is measured what an exchange costs that brings nothing.
const CONNECTIONS: usize = 20;
/// Operations an exchange brings while the store grows: as many as a phone sends at once.
const AT_ONCE: usize = 500;
/// Operations of one phone.
const A_PHONE: usize = 10_000;
/// Bytes of text in an operation.
const TEXT: usize = 250;

/// The bench: a young store and an old one.
pub struct Grown {
    young: Store,
    old: Store,
    idle: usize,
    visits: usize,
    dice: Dice,
}

/// A store behind its server, and a phone that is not among those that filled it.
struct Store {
    town: Town,
    _folder: TempDir,
    phone: Phone,
    worker: WorkerId,
    home: HouseholdId,
}

impl Grown {
    /// Lets both grow.
    pub fn prepare(size: Size) -> Tried<Self> {
        Ok(Self {
            young: Store::with(size.of(10_000, 100))?,
            old: Store::with(size.up_to(10_000_000, 1_000_000, 2_000))?,
            idle: size.of(1_000, 5 * CONNECTIONS),
            visits: size.of(20, 1),
            dice: Dice::new(7),
        })
    }
}

impl Bench for Grown {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let Self { young, old, idle, visits, dice } = self;
        let addrs = (young.get_ready(*visits, dice)?, old.get_ready(*visits, dice)?);
        let (mut probe, mut measured) = (Sender::open(&young.phone, addrs.0)?, Sender::open(&old.phone, addrs.1)?);
        let one = turn_about(*visits * OPS, |number| taken(&mut measured, number), |number| taken(&mut probe, number))?;
        let mut nothing = Run { measured: 0.0, probe: 0.0 };
        // Half of it is waking a thread, on the core of who asks or on another, which a connection keeps to: drawn anew with each.
        for _ in 0..CONNECTIONS {
            let (mut measured, mut probe) = (Sender::open(&old.phone, addrs.1)?, Sender::open(&young.phone, addrs.0)?);
            let of_one = turn_about(
                *idle / CONNECTIONS,
                |_| measured.ask_for_news().map(drop),
                |_| probe.ask_for_news().map(drop),
            )?;
            nothing.measured += of_one.measured / CONNECTIONS as f64;
            nothing.probe += of_one.probe / CONNECTIONS as f64;
        }
        Ok(vec![nothing, one])
    }
}

fn taken(sender: &mut Sender<'_>, number: usize) -> Tried<()> {
    if sender.offer(number)? { Ok(()) } else { Err("a server with one phone had no room".into()) }
}

/// The medians of both, in milliseconds, each done right after the other.
fn turn_about(
    times: usize,
    mut measured: impl FnMut(usize) -> Tried<()>,
    mut probe: impl FnMut(usize) -> Tried<()>,
) -> Tried<Run> {
    let (mut long, mut short) = (Vec::with_capacity(times), Vec::with_capacity(times));
    for number in 0..times {
        short.push(timed(|| probe(number))?.0 * 1e3);
        long.push(timed(|| measured(number))?.0 * 1e3);
    }
    Ok(Run { measured: median(&long), probe: median(&short) })
}

impl Store {
    /// A store that so many operations of phones have come to.
    fn with(operations: usize) -> Tried<Self> {
        let folder = scratch()?;
        let worker = WorkerId(Uuid::new_v4());
        let (town, home, _) = Town::with_visits(folder.path(), worker, 0)?;
        let mut line = Line::open(town.addr())?;
        let phone = Phone::enrol(&mut line, enrolment::issue(&town.state().vault, worker)?)?;
        let mut dice = Dice::new(6);
        for begun in (0..operations).step_by(A_PHONE) {
            let worker = WorkerId(Uuid::new_v4());
            let other = Phone::enrol(&mut line, enrolment::issue(&town.state().vault, worker)?)?;
            fill(&town, other.device(), worker, A_PHONE.min(operations - begun), &mut dice)?;
        }
        Ok(Self { _folder: folder, town, phone, worker, home })
    }

    /// Gives the phone fresh work to send, one operation an exchange. Where its server listens.
    fn get_ready(&mut self, visits: usize, dice: &mut Dice) -> Tried<std::net::SocketAddr> {
        let town = &self.town;
        let now = town.state().now().0;
        let window = Window { from: Millis(now), until: Millis(now + 3_600_000) };
        let plans = (0..visits).map(|_| plan(VisitKind::Repair, self.home.0, Some(self.worker), window)).collect();
        self.phone.forget_sent();
        for visit in town.schedule(plans)? {
            self.phone.work(visit, self.home, false, 1, dice)?;
        }
        Ok(town.addr())
    }
}

/// One device's log of so many operations, from its beginning.
fn fill(town: &Town, device: DeviceId, worker: WorkerId, operations: usize, dice: &mut Dice) -> Tried<()> {
    let (boot, rules) = (BootId(Uuid::new_v4()), Rules::builtin().sha());
    let (mut base, mut visit) = ((0, Sha::ZERO), Uuid::nil());
    for begun in (0..operations).step_by(AT_ONCE) {
        let ops = (begun..operations.min(begun + AT_ONCE)).map(|number| {
            let event = if number % OPS == 0 {
                visit = Uuid::now_v7();
                let household = HouseholdId(Uuid::new_v4());
                Event::Opened(Opened {
                    kind: VisitKind::Repair,
                    household,
                    reason: "示例：漏水".into(),
                    emergency: true,
                })
            } else {
                Event::ProblemDescribed(ProblemDescribed { text: prose(dice, TEXT) })
            };
            Ok(Op {
                seq: number as u64 + 1,
                op: OpId(Uuid::now_v7()),
                kind: event.kind().to_owned(),
                visit: Some(VisitId(visit)),
                worker,
                basis: 0,
                rules,
                t: Stamp { wall_ms: 0, mono_ms: 60_000 + 1_000 * number as u64, boot },
                body: RawValue::from_string(event.to_body(&nonce()))?,
                blobs: Vec::new(),
            })
        });
        let ops = ops.collect::<Tried<Vec<Op>>>()?;
        let exchange = Exchange::of(device, base, ops, Vec::new(), town.state().now());
        let end = exchange.arriving.last().map(|sent| (sent.envelope.seq, sent.sha)).ok_or("nothing to bring")?;
        let receipt = town.accept(exchange)?;
        if (receipt.acked, receipt.ack_sha) != end {
            return Err(format!("only {} of {} acknowledged", receipt.acked, end.0).into());
        }
        base = end;
    }
    Ok(())
}
