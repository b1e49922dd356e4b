//! 入户服务: the office's plan and one lane for each assignment and writer, folded from facts.
//!
//! What a visit is depends on the set of its facts alone: each log's facts in the order of that log, the office's plan
//! first. The order in which facts of different logs arrive changes nothing, and so it is the same on every machine. An
//! operation that one log holds twice, as after a fork, counts where it stands first.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::checklist::Evidence;
use super::event::{Event, Fact};
use super::judge::{Case, judge};
use super::lane::{Lane, Moment};
use super::office_event::{CallbackMade, FormCompleted, InvoiceRecorded, LateDecided, LateDecision, OtherSource};
use super::plan::{Plan, PlanVersion};
use super::rules::{RuleBook, Rules};
use super::view::Violation;
use crate::canon::hash::Sha;
use crate::error::Refusal;
use crate::id::{DeviceId, OpId, VisitId};
use crate::time::Millis;

/// What the office has said about a visit beside its plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficeWord {
    /// The lane chosen as the result.
    pub chosen: Option<u64>,
    /// Decisions about late lanes, the last one for a lane holds.
    pub late: Vec<LateDecided>,
    /// 回访 and spot checks.
    pub callbacks: Vec<CallbackMade>,
    /// The office's part of forms.
    pub forms: Vec<FormCompleted>,
    /// Invoices issued.
    pub invoices: Vec<InvoiceRecorded>,
}

/// One visit.
#[derive(Debug, Clone, PartialEq)]
pub struct Visit {
    id: VisitId,
    book: RuleBook,
    logs: BTreeMap<DeviceId, Log>,
    mirrored: Vec<PlanVersion>,
    handed: BTreeMap<DeviceId, (u64, Millis)>,
    plan: Plan,
    lanes: Vec<Lane>,
    office: OfficeWord,
}

/// The facts of one log about a visit, in its order.
#[derive(Debug, Clone, Default, PartialEq)]
struct Log {
    facts: Vec<Fact>,
    ops: HashSet<OpId>,
}

impl Log {
    /// It is the office's if its first fact about the visit is.
    fn is_office(&self) -> bool {
        self.facts.first().is_some_and(|fact| fact.event.is_office())
    }

    fn opened(&self) -> Option<&Fact> {
        self.facts.iter().find(|fact| matches!(fact.event, Event::Opened(_)))
    }
}

/// Takes a fact in. Total: never fails, never loses; what broke a rule stands in the lane's violations.
///
/// `office.*` events count as the office's when they come from a log whose first fact about the visit is the office's;
/// from a worker's log they have no effect and are a violation. That a phone never opens a log with one is for the
/// server's accepting to hold.
pub fn fold(visit: &mut Visit, fact: &Fact) {
    visit.fold(fact);
}

impl Visit {
    /// A visit of which nothing is known yet, judged by the bundles of `book`.
    pub fn new(id: VisitId, book: RuleBook) -> Self {
        Self {
            id,
            book,
            logs: BTreeMap::new(),
            mirrored: Vec::new(),
            handed: BTreeMap::new(),
            plan: Plan::default(),
            lanes: Vec::new(),
            office: OfficeWord::default(),
        }
    }

    /// Its id.
    pub fn id(&self) -> VisitId {
        self.id
    }

    /// The office's plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// All lanes, by number, then by log.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// What the office has said.
    pub fn office(&self) -> &OfficeWord {
        &self.office
    }

    /// The bundle a fact or a lane is judged by.
    pub fn rules(&self, lane: Option<&Lane>) -> Option<&Rules> {
        lane?.rules.filter(|sha| self.book.knows(sha)).map(|sha| self.book.get(&sha).as_ref())
    }

    /// The facts of one log, in its order. Bodies of signed records are not kept.
    pub fn facts(&self, device: DeviceId) -> &[Fact] {
        self.logs.get(&device).map_or(&[], |log| log.facts.as_slice())
    }

    /// All facts: the office's logs first, each in its order.
    pub fn all_facts(&self) -> impl Iterator<Item = &Fact> {
        let (office, others): (Vec<_>, Vec<_>) = self.logs.values().partition(|log| log.is_office());
        office.into_iter().chain(others).flat_map(|log| &log.facts)
    }

    /// Whose work is the lane: where several logs wrote in it, the one that got furthest.
    pub fn lane(&self, number: u64) -> Option<&Lane> {
        let in_lane = self.lanes.iter().filter(|lane| lane.number == number);
        in_lane.max_by_key(|lane| (lane.completed.is_some(), lane.count, lane.device))
    }

    /// The lane as one log wrote it.
    pub fn lane_of(&self, number: u64, device: DeviceId) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.number == number && lane.device == device)
    }

    /// The number of the lane in force by the plan; 0 = nobody is assigned, or the visit was born on a phone.
    pub fn current_lane(&self) -> u64 {
        self.plan.current().map_or(0, |version| version.lane)
    }

    /// The number of the lane that is the visit's result: the office's choice, else the current one.
    pub fn result_lane(&self) -> u64 {
        self.office.chosen.unwrap_or_else(|| self.current_lane())
    }

    /// Whether the visit was moved away from the lane, or taken back, and the lane holds work all the same: 迟到.
    pub fn is_late(&self, lane: &Lane) -> bool {
        self.is_moved(lane.number) && (lane.departed.is_some() || lane.arrived.is_some() || lane.completed.is_some())
    }

    /// Whether the plan has another lane in force, or none.
    pub fn is_moved(&self, lane: u64) -> bool {
        self.plan.current().is_some_and(|version| version.lane != lane || version.cancelled.is_some())
    }

    /// What the office decided about a late lane as it stands now.
    pub fn late_decision(&self, lane: u64) -> Option<LateDecision> {
        let decided = self.office.late.iter().rev().find(|decided| decided.lane == lane)?;
        let holds = decided.decision == LateDecision::Primary
            || decided.records.is_none_or(|known| self.records_in(lane) <= known);
        holds.then_some(decided.decision)
    }

    /// How many records there are of a lane, in all logs that wrote in it.
    pub fn records_in(&self, lane: u64) -> u64 {
        self.lanes.iter().filter(|own| own.number == lane).map(|own| own.count).sum()
    }

    /// The records of refusals to sign, in all lanes.
    pub fn refusals(&self) -> impl Iterator<Item = Sha> {
        let marks = self.lanes.iter().flat_map(|lane| &lane.marks);
        marks.filter(|mark| mark.refused.is_some()).map(|mark| mark.record_sha)
    }

    /// When the server had all of the lane (F.13): acknowledged to its end, all files whole.
    pub fn handed_in(&self, lane: &Lane) -> Option<Millis> {
        let (seq, at) = self.handed.get(&lane.device)?;
        let (_, completed) = lane.completed.as_ref()?;
        (completed.seq <= *seq).then_some(*at)
    }

    /// The server has everything of a log up to `seq`, files too. Repeated and out of order, the furthest holds.
    pub fn hand_in(&mut self, device: DeviceId, seq: u64, at: Millis) {
        let known = self.handed.entry(device).or_insert((seq, at));
        if seq > known.0 {
            *known = (seq, at);
        }
    }

    /// Versions of the plan that are told, where the office's own facts are not at hand (the phone). The last word on a version
    /// holds.
    pub fn mirror(&mut self, told: impl IntoIterator<Item = PlanVersion>) {
        self.mirrored.extend(told);
        self.rebuild();
    }

    fn fold(&mut self, fact: &Fact) {
        // A phone's own opening counts where no log before this one has any.
        let earlier = || self.logs.range(..=fact.device).any(|(_, log)| log.opened().is_some());
        let born = matches!(fact.event, Event::Opened(_)) && !earlier();
        let log = self.logs.entry(fact.device).or_default();
        let fresh = log.facts.is_empty();
        let was_office = log.is_office();
        let facts = &mut log.facts;
        let appended = match facts.last() {
            Some(last) if last.seq >= fact.seq => {
                match facts.binary_search_by_key(&fact.seq, |known| known.seq) {
                    Ok(at) => match facts[at].op.cmp(&fact.op) {
                        // The same again, perhaps with a better estimate of its time.
                        std::cmp::Ordering::Equal if facts[at].estimate == fact.estimate => return,
                        std::cmp::Ordering::Less => return,
                        _ => facts[at] = lighten(fact),
                    },
                    Err(at) => facts.insert(at, lighten(fact)),
                }
                log.ops = log.facts.iter().map(|fact| fact.op).collect();
                false
            }
            _ => {
                facts.push(lighten(fact));
                if !log.ops.insert(fact.op) {
                    return;
                }
                true
            }
        };
        let office = if fresh { fact.event.is_office() } else { was_office };
        let plan_changes = match &fact.event {
            Event::VisitScheduled(_) | Event::Assigned(_) | Event::Rescheduled(_) | Event::Cancelled(_) => office,
            _ => false,
        };
        let one_office = self.logs.values().filter(|log| log.is_office()).count() <= 1;
        if !appended || born || (office && !one_office) || (plan_changes && !self.lanes.is_empty()) {
            self.rebuild();
        } else if office && fact.event.is_office() {
            hear(&mut self.plan, &mut self.office, fact);
        } else {
            take(&self.book, &self.plan, &mut self.lanes, fact);
        }
    }

    /// Folds everything anew: the plan from phones' own openings, the feed and the office; then each log.
    fn rebuild(&mut self) {
        self.plan = Plan::default();
        self.lanes.clear();
        self.office = OfficeWord::default();
        for fact in self.logs.values().filter_map(Log::opened) {
            if let Event::Opened(opened) = &fact.event {
                self.plan.born(opened, fact.worker, fact.op);
            }
        }
        for told in &self.mirrored {
            self.plan.mirror(told);
        }
        for fact in office_order(&self.logs) {
            hear(&mut self.plan, &mut self.office, fact);
        }
        for log in self.logs.values() {
            let (office, mut known) = (log.is_office(), HashSet::new());
            let once = log.facts.iter().filter(|fact| known.insert(fact.op));
            for fact in once.filter(|fact| !(office && fact.event.is_office())) {
                take(&self.book, &self.plan, &mut self.lanes, fact);
            }
        }
    }
}

/// The office's facts in the one order that all machines agree on: by the plan version each was based on (never less
/// than the one before it in its log), then by log, then by place.
fn office_order(logs: &BTreeMap<DeviceId, Log>) -> Vec<&Fact> {
    let mut ordered = Vec::new();
    for log in logs.values().filter(|log| log.is_office()) {
        let mut basis = 0;
        for fact in log.facts.iter().filter(|fact| fact.event.is_office()) {
            basis = basis.max(fact.basis);
            ordered.push((basis, fact));
        }
    }
    ordered.sort_by_key(|(basis, fact)| (*basis, fact.device, fact.seq));
    ordered.into_iter().map(|(_, fact)| fact).collect()
}

fn hear(plan: &mut Plan, office: &mut OfficeWord, fact: &Fact) {
    if plan.apply(fact.op, fact.basis, &fact.event) {
        return;
    }
    match &fact.event {
        Event::LaneChosen(chosen) => office.chosen = Some(chosen.lane),
        Event::LateDecided(decided) => {
            office.late.push(decided.clone());
            if decided.decision == LateDecision::Primary {
                office.chosen = Some(decided.lane);
            } else if office.chosen == Some(decided.lane) {
                office.chosen = None;
            }
        }
        Event::CallbackMade(made) => office.callbacks.push(made.clone()),
        Event::FormCompleted(form) => office.forms.push(form.clone()),
        Event::InvoiceRecorded(invoice) => office.invoices.push(invoice.clone()),
        _ => {}
    }
}

fn take(book: &RuleBook, plan: &Plan, lanes: &mut Vec<Lane>, fact: &Fact) {
    let assigned = plan.lane_of(fact.worker, fact.basis);
    let number = assigned.unwrap_or(0);
    let key = (number, fact.device);
    let at = match lanes.binary_search_by_key(&key, |lane| (lane.number, lane.device)) {
        Ok(at) => at,
        Err(at) => {
            let mut lane = Lane::empty(number, fact.worker, fact.device, Moment::of(fact));
            if assigned.is_none() && !matches!(fact.event, Event::Unmasked(_)) {
                lane.violations.push(violation(fact.op, not_assigned()));
            }
            lanes.insert(at, lane);
            at
        }
    };
    let lane = &mut lanes[at];
    let seen = plan.at(fact.basis);
    let rules = book.get(&lane.rules.unwrap_or(fact.rules));
    let evidence = Evidence { lane: Some(lane), plan: seen, handed_in: false, badge_valid: None, callbacks: &[] };
    let when = Moment::of(fact).interval();
    let case = Case { lane, evidence, rules, blobs: &fact.blobs, when };
    let faults = judge(&case, &fact.event);
    lane.apply(fact, seen, rules);
    lane.violations.extend(faults.into_iter().map(|fault| violation(fact.op, fault)));
}

fn violation(op: OpId, fault: Refusal) -> Violation {
    Violation { op, code: fault.code, clause: fault.clause, zh: fault.zh, en: fault.en }
}

pub(super) fn not_assigned() -> Refusal {
    Refusal::new(
        "lane.not_assigned",
        "",
        "本次服务从未派给该服务人员；记录已保存，等待调度处理",
        "the visit was never this worker's; the record is kept for the dispatcher",
    )
}

/// A fact without the bodies of signed records, which folding never reads.
fn lighten(fact: &Fact) -> Fact {
    let event = match &fact.event {
        Event::Signed(signed) => Event::Signed(lighten_signed(signed)),
        Event::NoticeReceived(signed) => Event::NoticeReceived(lighten_signed(signed)),
        Event::SignatureRefused(refused) => Event::SignatureRefused(super::signature::SignatureRefused {
            purpose: refused.purpose.clone(),
            reason: refused.reason.clone(),
            witness: refused.witness.clone(),
            covers: refused.covers,
            record_sha: refused.record_sha,
            jws: String::new(),
        }),
        event => event.clone(),
    };
    Fact {
        op: fact.op,
        device: fact.device,
        seq: fact.seq,
        worker: fact.worker,
        basis: fact.basis,
        rules: fact.rules,
        stamp: fact.stamp,
        estimate: fact.estimate,
        event,
        blobs: fact.blobs.clone(),
    }
}

fn lighten_signed(signed: &super::signature::Signed) -> super::signature::Signed {
    super::signature::Signed {
        purpose: signed.purpose.clone(),
        signer: signed.signer.clone(),
        covers: signed.covers,
        record_sha: signed.record_sha,
        jws: String::new(),
    }
}

impl OfficeWord {
    /// Whether the quote's revision in that lane is invoiced.
    pub fn is_invoiced(&self, lane: u64, revision: u32) -> bool {
        self.invoices.iter().any(|invoice| invoice.lane == lane && invoice.revision == revision)
    }

    /// Whether the office has called back since it knew of the refusal that `record` holds.
    pub fn has_called_back(&self, record: Sha) -> bool {
        let knew = |made: &CallbackMade| made.refusals.as_ref().is_none_or(|known| known.contains(&record));
        self.callbacks.iter().any(|made| made.source == OtherSource::CallBack && knew(made))
    }
}
