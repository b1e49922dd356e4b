use std::collections::BTreeSet;
use std::sync::Arc;

use nuanfang_core::canon::envelope::BlobRef;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::event::KINDS;
use nuanfang_core::domain::{Context, Event, Fact, Now, RuleBook, Rules, Visit, event_label, fold, overview, view};
use nuanfang_core::id::{DeviceId, OpId, VisitId, WorkerId};
use nuanfang_core::time::{Estimate, Millis, Stamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::samples;
use crate::shape::shape;

/// A fact as the golden vectors have it, each readable by itself: one that is none does not take its whole day with it.
#[derive(Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    op: Option<OpId>,
    #[serde(default)]
    device: Option<DeviceId>,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(default)]
    worker: Option<WorkerId>,
    #[serde(default)]
    basis: u64,
    stamp: Stamp,
    #[serde(default)]
    estimate: Option<Estimate>,
    kind: String,
    body: Box<RawValue>,
    #[serde(default)]
    blobs: Vec<BlobRef>,
}

impl Sent {
    /// As the fact at that place of its day, recorded under the bundle of that name.
    pub(super) fn fact(self, at: usize, rules: Sha) -> Fact {
        let id = |told: Option<Uuid>, otherwise: u128| told.unwrap_or(Uuid::from_u128(otherwise));
        Fact {
            op: OpId(id(self.op.map(|op| op.0), 0x1_0000 + at as u128)),
            device: DeviceId(id(self.device.map(|device| device.0), 20)),
            seq: self.seq.unwrap_or(at as u64 + 1),
            worker: WorkerId(id(self.worker.map(|worker| worker.0), 10)),
            basis: self.basis,
            rules,
            stamp: self.stamp,
            estimate: self.estimate,
            event: Event::parse(&self.kind, self.body.get()),
            blobs: self.blobs,
        }
    }
}

/// Events: any body of any kind is an event; what was read, written and read again is the same; a visit folds from
/// whatever came, can be looked at, and is the same whatever order the logs came in.
pub fn events(input: &[u8]) {
    let bytes = shape(input, samples::days());
    let Ok(sent) = serde_json::from_slice::<Vec<&RawValue>>(&bytes) else {
        // Not a day: a body, then, for one of the kinds.
        if let (Some(choice), Ok(body)) = (bytes.first(), std::str::from_utf8(bytes.get(1..).unwrap_or_default())) {
            read(&Event::parse(KINDS[usize::from(*choice) % KINDS.len()], body));
        }
        return;
    };
    let rules = Rules::builtin().sha();
    let read_one = |(at, one): (usize, &&RawValue)| Some(serde_json::from_str::<Sent>(one.get()).ok()?.fact(at, rules));
    let facts: Vec<Fact> = sent.iter().take(200).enumerate().filter_map(read_one).collect();
    facts.iter().for_each(|fact| read(&fact.event));
    let mut visit = folded(&RuleBook::default(), facts.iter());
    let places: BTreeSet<_> = facts.iter().map(|fact| (fact.device, fact.seq)).collect();
    // Two operations at one position are a fork, which never comes as far as folding.
    if places.len() == facts.len() {
        let mut by_log: Vec<&Fact> = facts.iter().collect();
        by_log.sort_by_key(|fact| (fact.device, fact.seq));
        assert!(
            folded(&RuleBook::default(), by_log.iter().copied()) == visit,
            "another order of logs makes another visit"
        );
        by_log.sort_by_key(|fact| (std::cmp::Reverse(fact.device), fact.seq));
        assert!(folded(&RuleBook::default(), by_log.into_iter()) == visit, "another order of logs makes another visit");
        let before = visit.clone();
        facts.iter().for_each(|fact| fold(&mut visit, fact));
        assert!(visit == before, "what is folded twice counts once");
    }
    for fact in facts.iter().take(3) {
        visit.hand_in(fact.device, fact.seq, Millis(fact.stamp.wall_ms));
    }
    look(&visit, &facts, &Rules::builtin());
}

/// The visit of these facts, where these bundles are at hand.
pub(super) fn folded<'a>(book: &RuleBook, facts: impl Iterator<Item = &'a Fact>) -> Visit {
    let mut visit = Visit::new(VisitId(Uuid::from_u128(4)), book.clone());
    facts.for_each(|fact| fold(&mut visit, fact));
    visit
}

fn read(event: &Event) {
    let (zh, en) = event_label(event);
    assert!(!zh.is_empty() && !en.is_empty());
    if matches!(event, Event::Unknown { .. } | Event::Unreadable { .. }) {
        return;
    }
    let body = event.to_body("00112233445566778899aabbccddeeff");
    assert!(Event::parse(event.kind(), &body) == *event, "written and read again: {body}");
}

/// As a screen of the office and one of the worker look at it, where this bundle is in force.
pub(super) fn look(visit: &Visit, facts: &[Fact], rules: &Arc<Rules>) {
    let Some(last) = facts.last() else { return };
    let mut context = Context::looking(Now { stamp: last.stamp, estimate: last.estimate }, Arc::clone(rules));
    let seen = overview(visit);
    for worker in [None, Some(last.worker)] {
        context.worker = worker;
        context.device = worker.map(|_| last.device);
        for lane in &seen.lanes {
            let seen = view(visit, lane.lane, &context);
            serde_json::to_vec(&seen).expect("a view is JSON");
        }
    }
    serde_json::to_vec(&seen).expect("an overview is JSON");
}
