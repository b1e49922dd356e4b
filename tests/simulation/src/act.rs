//! What a worker does on a phone, network or not.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::blob;
use nuanfang_core::device::clock::{Clock, SoftwareClock};
use nuanfang_core::device::outbox::{self, NewOp};
use nuanfang_core::device::store::Store;
use nuanfang_core::device::store::outbox_row::OutboxRow;
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::kind::{Outcome, VisitKind};
use nuanfang_core::domain::office_event::Cancelled;
use nuanfang_core::domain::worker_event::{
    Bare, Completed, Departed, Opened, Photographed, ProblemDescribed, Unmasked,
};
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};

use crate::dice::Dice;
use crate::far::Far;
use crate::ground::{self, HOUSEHOLDS};
use crate::ledger::{Made, Says};
use crate::office::w;
use crate::release::Release;

/// Different pictures a run takes: the same one is taken again now and then.
const PICTURES: usize = 40;

/// Who acts, by which app.
#[derive(Debug, Clone, Copy)]
pub struct Actor {
    /// The worker.
    pub worker: WorkerId,
    /// His app's release.
    pub release: Release,
}

/// Makes one operation, with a photo sometimes. Nothing where nobody is enrolled or the disk says no.
pub fn make(store: &Store, clock: &SoftwareClock, actor: Actor, far: &mut Far, dice: &mut Dice) {
    let Actor { worker, release } = actor;
    let mut visit = choose_visit(far, worker, dice);
    let mut blobs = Vec::new();
    // A newer app goes by the rules that the company's feed brought, and the office may not have come to the newer ones.
    let mut rules = if dice.chance(400) { Release::Before.rules() } else { release.rules() };
    let event = match dice.below(100) {
        0..=39 => Event::ProblemDescribed(ProblemDescribed { text: "漏水".repeat(1 + dice.below(20)) }),
        40..=49 => Event::Acknowledged(Bare {}),
        50..=57 => Event::Departed(Departed { tools_checked: true, parts: Vec::new() }),
        58..=63 => Event::Completed(Completed { outcome: Outcome::Done, reason: None, next_window: None }),
        64..=69 => {
            let opened = VisitId(dice.uuid());
            far.visits.push(opened);
            visit = Some(opened);
            Event::Opened(Opened {
                kind: VisitKind::Repair,
                household: ground::household(dice.below(HOUSEHOLDS)),
                reason: "路过报修".into(),
                emergency: dice.chance(300),
            })
        }
        70..=87 => {
            let (bytes, role) = picture(dice);
            match blob::keep(store, &bytes, role, visit, "{}".into()) {
                Ok(row) => blobs.push(row.sha),
                Err(error) => return far.fail("I3", format!("a photo is not kept: {error}")),
            }
            Event::Photographed(Photographed { role: role.into(), subject: None, place: None })
        }
        88..=90 => Event::Unknown { kind: "visit.teleported".into() },
        91..=93 => Event::Unreadable { kind: "visit.completed".into(), why: String::new() },
        94 => Event::Cancelled(Cancelled { reason: "工人越权".into() }),
        95..=97 => {
            rules = Sha::of(b"rules of a newer release");
            Event::ProblemDescribed(ProblemDescribed { text: "新版规则".into() })
        }
        _ => {
            visit = None;
            let household = ground::household(dice.below(HOUSEHOLDS));
            Event::Unmasked(Unmasked { household, field: "业主姓名".into(), reason: "核对住户".into() })
        }
    };
    let event = if release.knows(event.kind()) { event } else { Event::Acknowledged(Bare {}) };
    let version = visit.and_then(|visit| far.known.visits.get(&visit)).map_or(0, |planned| planned.version);
    let basis = dice.between(0, version as i64) as u64;
    let new = NewOp { event, visit, basis, rules, t: clock.stamp(), blobs };
    match store.write(|transaction| outbox::append(transaction, new)) {
        Ok(row) => note(far, &row),
        Err(error) => far.fail("I3", format!("an operation is not kept: {error}")),
    }
}

/// Takes an operation that is on a phone's disk into the ledger.
pub fn note(far: &mut Far, row: &OutboxRow) {
    let says = Says::of(&row.kind, &row.body, row.rules);
    let made = Made {
        n: 0,
        worker: row.worker,
        visit: row.visit,
        kind: row.kind.clone(),
        body: Sha::of(row.body.as_bytes()),
        wall_ms: row.t.wall_ms,
        true_ms: far.now().0,
        boot: row.t.boot,
        files: row.blobs.iter().map(|blob| blob.sha).collect(),
        says,
        needs: says.needs(&row.kind, row.rules),
        home: home(&Release::This.at_work(|| Event::parse(&row.kind, &row.body))),
        destroyed: false,
    };
    let n = far.ledger.add(row.op, made);
    far.tally.ops += 1;
    far.tell(|far| {
        let visit = row.visit.map_or("no visit".into(), |visit| far.v(visit));
        let files = if row.blobs.is_empty() { "" } else { " with a file" };
        format!("{} logs op {n} as {}: {}{files} about {visit}", w(Some(row.worker)), row.seq, row.kind)
    });
}

/// The dwelling that an event names itself.
fn home(event: &Event) -> Option<HouseholdId> {
    match event {
        Event::Opened(opened) => Some(opened.household),
        Event::Unmasked(unmasked) => Some(unmasked.household),
        _ => None,
    }
}

fn choose_visit(far: &Far, worker: WorkerId, dice: &mut Dice) -> Option<VisitId> {
    let own: Vec<VisitId> = far
        .known
        .visits
        .iter()
        .filter(|(_, planned)| planned.assignee == Some(worker) || planned.ever.contains(&worker))
        .map(|(visit, _)| *visit)
        .collect();
    match dice.below(10) {
        0 => dice.pick(&far.visits).copied(),
        _ => dice.pick(&own).or(far.visits.first()).copied(),
    }
}

fn picture(dice: &mut Dice) -> (Vec<u8>, &'static str) {
    let mut content = Dice::new(7, dice.below(PICTURES) as u64);
    let len = if content.chance(150) { content.between(5_000, 40_000) } else { content.between(1, 3_000) };
    let role = *content.pick(&["photo.after", "photo.before", "signature.strokes"]).expect("one");
    (content.bytes(len as usize), role)
}
