//! One worker's part of a visit: what his events amount to, in the order of his log. Built by folding only.

use serde::{Deserialize, Serialize};

use super::event::{Event, Fact};
use super::inspection::{Finding, FindingResult, FixtureOwner};
use super::kind::{AnswerState, ItemAnswer, Outcome};
use super::measuring::Measuring;
use super::plan::PlanVersion;
use super::repair::{Repair, Verdict};
use super::role;
use super::room::Room;
use super::rules::{Item, Rules};
use super::signature::{Purpose, SignatureRefused, Signed, Signer};
use super::view::Violation;
use super::window::Window;
use super::worker_event::{Absent, Completed, Delayed, Disputed, Entered, InstructionOpened, Opened};
use crate::canon::hash::Sha;
use crate::canon::json;
use crate::id::{DeviceId, OpId, WorkerId};
use crate::time::{DeadlineVerdict, Estimate, Millis, Stamp};

/// When something happened in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The operation.
    pub op: OpId,
    /// Its place in the log: the only order.
    pub seq: u64,
    /// What the device claimed.
    pub stamp: Stamp,
    /// What the server thinks.
    pub estimate: Option<Estimate>,
}

impl Moment {
    /// Of a fact.
    pub fn of(fact: &Fact) -> Self {
        Self { op: fact.op, seq: fact.seq, stamp: fact.stamp, estimate: fact.estimate }
    }

    /// The device's wall clock.
    pub fn claimed(&self) -> Millis {
        Millis(self.stamp.wall_ms)
    }

    /// The interval in which it lies, by the best that is known.
    pub fn interval(&self) -> Estimate {
        self.estimate.unwrap_or_else(|| Estimate::exact(self.claimed()))
    }
}

/// A room, and whether the worker was let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomAccess {
    /// The room.
    pub room: Room,
    /// Let in.
    pub permitted: bool,
}

/// A signature, or its refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What for.
    pub purpose: Purpose,
    /// Who signed; none = refused.
    pub signer: Option<Signer>,
    /// Why refused.
    pub refused: Option<String>,
    /// Who saw the refusal.
    pub witness: Option<String>,
    /// What it covers.
    pub covers: Option<Sha>,
    /// The signed record.
    pub record_sha: Sha,
    /// When.
    pub moment: Moment,
}

/// A photo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Photo {
    /// Its content address.
    pub sha: Sha,
    /// Its role.
    pub role: String,
    /// What it shows.
    pub subject: Option<String>,
    /// The operation it came with.
    pub op: OpId,
}

/// The lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The plan version that assigned it; 0 = born on the phone, or never assigned.
    pub number: u64,
    /// Whose.
    pub worker: WorkerId,
    /// From which log.
    pub device: DeviceId,
    /// The highest plan version the worker has named.
    pub basis: u64,
    /// How many facts it has.
    pub count: u64,
    /// Its last event.
    pub last: Moment,
    /// Bundle in force at departure.
    pub rules: Option<Sha>,
    /// Born here.
    pub opened: Option<Opened>,
    /// The time agreed by the worker, and the plan version he knew then.
    pub agreed: Option<(Window, u64)>,
    /// An agreed time had passed before he came, when another was agreed (N5).
    pub lapsed: bool,
    /// Told that the time can't be kept, with when.
    pub delays: Vec<(Delayed, Moment)>,
    /// 已接.
    pub acknowledged: bool,
    /// 已出发, and whether the tools were checked.
    pub departed: Option<(Moment, bool)>,
    /// 已到达, with the window it is judged against.
    pub arrived: Option<(Moment, Option<Window>)>,
    /// 到访不遇.
    pub absent: Option<(Absent, Moment)>,
    /// At the open door: the last one.
    pub entry: Option<(Entered, Moment)>,
    /// Rooms, in the order first named.
    pub rooms: Vec<RoomAccess>,
    /// The worker's own ticks.
    pub answers: Vec<ItemAnswer>,
    /// 测温.
    pub measuring: Measuring,
    /// 热用户反映问题情况.
    pub problem: Option<String>,
    /// 维修作业指导.
    pub instruction: Option<InstructionOpened>,
    /// 维修.
    pub repair: Repair,
    /// 巡检, the last of each item.
    pub findings: Vec<(Finding, OpId)>,
    /// 异议.
    pub disputes: Vec<(Disputed, OpId)>,
    /// Photos.
    pub photos: Vec<Photo>,
    /// Signatures and refusals.
    pub marks: Vec<Mark>,
    /// 结束.
    pub completed: Option<(Completed, Moment)>,
    /// Rules that were broken.
    pub violations: Vec<Violation>,
}

impl Lane {
    /// An empty lane.
    pub fn new(number: u64, fact: &Fact) -> Self {
        Self::empty(number, fact.worker, fact.device, Moment::of(fact))
    }

    /// An empty lane, before its first fact.
    pub(super) fn empty(number: u64, worker: WorkerId, device: DeviceId, last: Moment) -> Self {
        Self {
            number,
            worker,
            device,
            basis: 0,
            count: 0,
            last,
            rules: None,
            opened: None,
            agreed: None,
            lapsed: false,
            delays: Vec::new(),
            acknowledged: false,
            departed: None,
            arrived: None,
            absent: None,
            entry: None,
            rooms: Vec::new(),
            answers: Vec::new(),
            measuring: Measuring::default(),
            problem: None,
            instruction: None,
            repair: Repair::default(),
            findings: Vec::new(),
            disputes: Vec::new(),
            photos: Vec::new(),
            marks: Vec::new(),
            completed: None,
            violations: Vec::new(),
        }
    }

    /// The time that the worker agreed; it goes before the plan's, unless the office has set another since.
    pub fn agreed_window(&self, plan: Option<&PlanVersion>) -> Option<Window> {
        let (window, basis) = self.agreed?;
        plan.is_none_or(|plan| plan.timed <= basis).then_some(window)
    }

    /// The agreed time: the worker's own agreement, else the office's.
    pub fn window(&self, plan: Option<&PlanVersion>) -> Option<Window> {
        self.agreed_window(plan).or_else(|| Some(plan?.appointment()?.0))
    }

    /// 漏水等紧急诉求.
    pub fn is_emergency(&self, plan: Option<&PlanVersion>) -> bool {
        plan.is_some_and(|plan| plan.plan.emergency) || self.opened.as_ref().is_some_and(|opened| opened.emergency)
    }

    /// Let in.
    pub fn is_indoors(&self) -> bool {
        self.entry.as_ref().is_some_and(|(entry, _)| entry.permitted)
    }

    /// The worker's word on an item.
    pub fn answer(&self, item: &str) -> Option<&ItemAnswer> {
        self.answers.iter().find(|answer| answer.item == item)
    }

    /// A room by its key.
    pub fn room(&self, key: &str) -> Option<&RoomAccess> {
        self.rooms.iter().find(|access| access.room.key == key)
    }

    /// Whether there is a photo of that role.
    pub fn has_photo(&self, role: &str) -> bool {
        self.photos.iter().any(|photo| photo.role == role)
    }

    /// The last word, signed or refused, on a purpose.
    pub fn mark(&self, purpose: &Purpose) -> Option<&Mark> {
        self.marks.iter().rev().find(|mark| mark.purpose == *purpose)
    }

    /// Hazards in the resident's own fixtures: what a notice tells.
    pub fn own_hazards(&self) -> impl Iterator<Item = &Finding> {
        self.hazards(FixtureOwner::Own).map(|(finding, _)| finding)
    }

    /// Hazards by whose fixture it is.
    pub(super) fn hazards(&self, owner: FixtureOwner) -> impl Iterator<Item = &(Finding, OpId)> {
        self.findings.iter().filter(move |(finding, _)| {
            finding.result == FindingResult::Abnormal
                && finding.hazard.as_ref().is_some_and(|hazard| hazard.owner == owner)
        })
    }

    /// The content address of what a signature for `purpose` would cover now; none = there is nothing to sign.
    pub fn covers(&self, purpose: &Purpose) -> Option<Sha> {
        match purpose {
            Purpose::Measurement => self.measuring.current().map(|frozen| frozen.sha),
            Purpose::Quote { revision } => self.repair.quote(*revision).map(|quote| quote.sha),
            Purpose::Consent { object } => self.repair.risk(object).map(|risk| risk.sha),
            Purpose::Acceptance => self.repair.result_sha(),
            Purpose::Notice => {
                let hazards: Vec<&Finding> = self.own_hazards().collect();
                if hazards.is_empty() { None } else { json::canonical(&hazards).ok().map(|bytes| Sha::of(&bytes)) }
            }
        }
    }

    /// Whether what a mark covers still stands as it was covered.
    pub fn holds(&self, mark: &Mark) -> bool {
        match &mark.purpose {
            Purpose::Quote { revision } => {
                self.repair.quote(*revision).is_some_and(|quote| Some(quote.sha) == mark.covers)
            }
            purpose => mark.covers.is_some() && self.covers(purpose) == mark.covers,
        }
    }

    /// The last word on a purpose, if what it covers still stands.
    pub fn standing_mark(&self, purpose: &Purpose) -> Option<&Mark> {
        self.mark(purpose).filter(|mark| self.holds(mark))
    }

    /// How it ended.
    pub fn outcome(&self) -> Option<Outcome> {
        self.completed.as_ref().map(|(completed, _)| completed.outcome)
    }

    /// Takes a fact in. Total: what makes no sense changes nothing here (and is a violation beside it).
    pub(super) fn apply(&mut self, fact: &Fact, plan: Option<&PlanVersion>, rules: &Rules) {
        let moment = Moment::of(fact);
        self.last = moment;
        self.count += 1;
        self.basis = self.basis.max(fact.basis);
        let subject = match &fact.event {
            Event::Photographed(photographed) => photographed.subject.clone(),
            Event::RiskTold(risk) => Some(risk.object.clone()),
            Event::FindingRecorded(finding) => Some(finding.item.clone()),
            _ => None,
        };
        for blob in fact.blobs.iter().filter(|blob| role::PHOTOS.contains(&blob.role.as_str())) {
            self.photos.push(Photo { sha: blob.sha, role: blob.role.clone(), subject: subject.clone(), op: fact.op });
        }
        match &fact.event {
            Event::Opened(opened) => self.opened = Some(opened.clone()),
            Event::Notified(notified) => {
                let missed = |window: Window| moment.interval().against(window.until) == DeadlineVerdict::Missed;
                self.lapsed |= self.arrived.is_none() && self.window(plan).is_some_and(missed);
                self.agreed = Some((notified.window, fact.basis));
            }
            Event::Delayed(delayed) => {
                self.agreed = Some((delayed.new_window, fact.basis));
                self.delays.push((delayed.clone(), moment));
                if self.entry.is_none() {
                    self.departed = None;
                    self.arrived = None;
                }
            }
            Event::Acknowledged(_) => self.acknowledged = true,
            Event::Departed(departed) => {
                self.departed = Some((moment, departed.tools_checked));
                self.rules.get_or_insert(fact.rules);
            }
            Event::Arrived(_) => self.arrived = Some((moment, self.window(plan))),
            Event::Absent(absent) => self.absent = Some((absent.clone(), moment)),
            // A door once opened stays open: a later word that it was not is a violation, no way back.
            Event::Entered(entered) if entered.permitted || !self.is_indoors() => {
                self.entry = Some((entered.clone(), moment));
            }
            Event::ItemsAnswered(answered) => {
                for answer in &answered.answers {
                    if counts(rules.item(&answer.item), answer) {
                        match self.answers.iter_mut().find(|known| known.item == answer.item) {
                            Some(known) => *known = answer.clone(),
                            None => self.answers.push(answer.clone()),
                        }
                    }
                }
            }
            Event::RoomEntered(entered) => {
                let access = RoomAccess { room: entered.room.clone(), permitted: entered.permitted };
                match self.rooms.iter_mut().find(|known| known.room.key == entered.room.key) {
                    Some(known) => {
                        if known.room != access.room {
                            self.measuring.edit();
                        }
                        *known = access;
                    }
                    None => self.rooms.push(access),
                }
            }
            Event::MeasurementStarted(started) => self.measuring.start(started.clone(), moment),
            Event::ReadingTaken(reading) => self.measuring.read(reading, moment),
            Event::MeasurementFrozen(frozen) => self.measuring.freeze(frozen.clone()),
            Event::ProblemDescribed(problem) => self.problem = Some(problem.text.clone()),
            Event::InstructionOpened(opened) => self.instruction = Some(opened.clone()),
            Event::FindingRecorded(finding) => match self.findings.iter_mut().find(|(f, _)| f.item == finding.item) {
                Some(known) => *known = (finding.clone(), fact.op),
                None => self.findings.push((finding.clone(), fact.op)),
            },
            Event::Disputed(disputed) => self.disputes.push((disputed.clone(), fact.op)),
            Event::Signed(signed) | Event::NoticeReceived(signed) => self.sign(signed, moment),
            Event::SignatureRefused(refused) => self.refuse(refused, moment),
            Event::Completed(completed) if self.completed.is_none() => {
                self.completed = Some((completed.clone(), moment));
            }
            event => self.repair.apply(event, fact.seq),
        }
    }

    fn sign(&mut self, signed: &Signed, moment: Moment) {
        self.settle(&signed.purpose, signed.covers, Verdict::Signed, moment);
        self.marks.push(Mark {
            purpose: signed.purpose.clone(),
            signer: Some(signed.signer.clone()),
            refused: None,
            witness: None,
            covers: signed.covers,
            record_sha: signed.record_sha,
            moment,
        });
    }

    fn refuse(&mut self, refused: &SignatureRefused, moment: Moment) {
        self.settle(&refused.purpose, refused.covers, Verdict::Refused, moment);
        self.marks.push(Mark {
            purpose: refused.purpose.clone(),
            signer: None,
            refused: Some(refused.reason.clone()),
            witness: refused.witness.clone(),
            covers: refused.covers,
            record_sha: refused.record_sha,
            moment,
        });
    }

    /// A word on something frozen counts only for what it covers.
    fn settle(&mut self, purpose: &Purpose, covers: Option<Sha>, verdict: Verdict, moment: Moment) {
        if covers.is_none() || self.covers(purpose) != covers {
            return;
        }
        match purpose {
            Purpose::Measurement => self.measuring.settle(verdict),
            Purpose::Quote { revision } => self.repair.settle_quote(*revision, verdict, moment.seq),
            Purpose::Consent { object } => self.repair.settle_risk(object, verdict, moment.seq),
            Purpose::Acceptance => self.repair.settle_acceptance(verdict, moment.seq),
            Purpose::Notice => {}
        }
    }
}

/// A worker's tick counts only on an item that is his to tick, and 不适用 only with a ground.
pub(super) fn counts(item: Option<&Item>, answer: &ItemAnswer) -> bool {
    item.is_some_and(Item::is_tickable)
        && (answer.state != AnswerState::NotApplicable
            || answer.ground.as_ref().is_some_and(|ground| !ground.trim().is_empty()))
}
