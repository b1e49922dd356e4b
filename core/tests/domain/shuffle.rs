//! The same facts in any interleaving that keeps each writer's order make the same visit.

use nuanfang_core::domain::event::KINDS;
use nuanfang_core::domain::office_event::{Assigned, Cancelled, LaneChosen, LateDecided, LateDecision, Rescheduled};
use nuanfang_core::domain::plan::PlanVersion;
use nuanfang_core::domain::worker_event::Opened;
use nuanfang_core::domain::{Event, Fact, RuleBook, Visit, VisitKind, Window, fold};
use nuanfang_core::id::{DeviceId, OpId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use proptest::prelude::*;

use crate::order::{Step, command, steps};
use crate::phone::{MORNING, Office, Phone, other_rules, plan, uuid};

const FIRST: u128 = 10;
const SECOND: u128 = 11;

fn empty() -> Visit {
    let mut book = RuleBook::default();
    book.add(other_rules());
    Visit::new(VisitId(uuid(4)), book)
}

fn office(choices: &[u8]) -> Vec<Fact> {
    let mut office = Office::new();
    let mut facts = vec![office.says(0, Event::VisitScheduled(plan(VisitKind::Repair, WorkerId(uuid(FIRST)))))];
    for (at, choice) in choices.iter().enumerate() {
        let assign = |worker| Event::Assigned(Assigned { assignee: WorkerId(uuid(worker)), reason: None });
        let window = Window { from: Millis(MORNING), until: Millis(MORNING + 1) };
        let event = match choice % 8 {
            0 => assign(SECOND),
            1 => assign(FIRST),
            2 => {
                Event::Rescheduled(Rescheduled { window, appointment: None, reason: "改期".into(), price_list: None })
            }
            3 => Event::Cancelled(Cancelled { reason: "撤单".into() }),
            4 => Event::LaneChosen(LaneChosen { lane: 1, reason: "先到".into() }),
            5 => Event::LateDecided(LateDecided {
                lane: 1,
                decision: LateDecision::Rejected,
                reason: "重复".into(),
                records: None,
            }),
            6 => Event::parse("office.invented", "{}"),
            _ => Event::VisitScheduled(plan(VisitKind::Inspection, WorkerId(uuid(SECOND)))),
        };
        facts.push(office.says(at as u64, event));
    }
    facts
}

fn worker(worker: u128, device: u128, steps: &[Step], basis: &[u8], opened: bool) -> Vec<Fact> {
    let mut phone = Phone::blank(WorkerId(uuid(worker)), DeviceId(uuid(device)));
    phone.visit.mirror([PlanVersion::told(plan(VisitKind::Repair, WorkerId(uuid(worker))), 1, 1)]);
    phone.lane = 1;
    if opened {
        let household = plan(VisitKind::Repair, WorkerId(uuid(worker))).household;
        let opened = Opened { kind: VisitKind::Repair, household, reason: "上门".into(), emergency: true };
        phone.forge(Event::Opened(opened), &[]);
    }
    for step in steps {
        let (command, roles) = command(&phone, step);
        if phone.try_act(command, roles).is_err() {
            phone.forge(Event::parse("visit.acknowledged", "{}"), &[]);
        }
    }
    let mut facts = phone.facts;
    let mut highest = 0;
    for (fact, basis) in facts.iter_mut().zip(basis.iter().cycle()) {
        highest = highest.max(u64::from(*basis));
        fact.basis = highest;
        if highest > 3 {
            fact.rules = other_rules().sha();
        }
    }
    facts
}

/// Draws from the logs in turn, as `order` says.
fn interleave(logs: &[Vec<Fact>], order: &[usize]) -> Vec<Fact> {
    let mut at = vec![0; logs.len()];
    let mut all = Vec::new();
    let total: usize = logs.iter().map(Vec::len).sum();
    let mut turn = order.iter().cycle();
    while all.len() < total {
        let from = turn.next().copied().unwrap_or(0) % logs.len();
        let ready = (0..logs.len()).map(|step| (from + step) % logs.len()).find(|log| at[*log] < logs[*log].len());
        let Some(log) = ready else { break };
        all.push(logs[log][at[log]].clone());
        at[log] += 1;
    }
    all
}

fn folded(facts: &[Fact]) -> Visit {
    let mut visit = empty();
    for fact in facts {
        fold(&mut visit, fact);
    }
    visit
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_makes_the_same_visit(
        choices in prop::collection::vec(any::<u8>(), 0..6),
        first in steps(20),
        second in steps(20),
        third in steps(10),
        basis in prop::collection::vec(0..7u8, 1..30),
        opened in any::<bool>(),
        order in prop::collection::vec(0..5usize, 1..40),
        other_order in prop::collection::vec(0..5usize, 1..40),
    ) {
        let mut second_office = office(&choices);
        for fact in &mut second_office {
            fact.device = DeviceId(uuid(0));
            fact.op = OpId(uuid(fact.op.0.as_u128() + 500));
        }
        let logs = [
            office(&choices),
            worker(FIRST, 20, &first, &basis, opened),
            worker(SECOND, 21, &second, &basis, false),
            // The first worker's second phone.
            worker(FIRST, 22, &third, &basis, false),
            if opened { second_office } else { Vec::new() },
        ];
        let one = folded(&interleave(&logs, &order));
        let other = folded(&interleave(&logs, &other_order));
        prop_assert_eq!(&one, &other);
        // One log after another, and everything twice.
        let all: Vec<Fact> = logs.concat();
        prop_assert_eq!(&folded(&all), &one);
        let twice: Vec<Fact> = all.iter().chain(&all).cloned().collect();
        prop_assert_eq!(&folded(&twice), &one);
        // Even the order within a log is mended.
        let backwards: Vec<Fact> = all.iter().rev().cloned().collect();
        prop_assert_eq!(&folded(&backwards), &one);
        let facts: u64 = one.lanes().iter().map(|lane| lane.count).sum();
        prop_assert_eq!(facts as usize, logs[1].len() + logs[2].len() + logs[3].len());
    }

    /// Any bytes under any kind fold.
    #[test]
    fn nonsense_folds(
        bodies in prop::collection::vec((0..KINDS.len(), "\\PC{0,40}", any::<u64>(), 0..4u128, any::<i64>()), 0..30),
    ) {
        let mut visit = empty();
        let template = office(&[]).remove(0);
        for (index, (kind, body, seq, device, wall_ms)) in bodies.into_iter().enumerate() {
            let event = Event::parse(KINDS[kind], &body);
            let mut fact = Fact {
                op: OpId(uuid(index as u128)),
                device: DeviceId(uuid(device)),
                seq,
                basis: seq,
                event,
                ..template.clone()
            };
            fact.stamp.wall_ms = wall_ms;
            fold(&mut visit, &fact);
        }
        let board = nuanfang_core::domain::overview(&visit);
        prop_assert_eq!(board.visit, visit.id());
    }
}
