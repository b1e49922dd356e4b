//! What was done and what the server should know of it: the reference that everything is held against. It knows the
//! promises, not the code.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::id::{BootId, DeviceId, HouseholdId, OpId, VisitId, WorkerId};
use nuanfang_core::time::Millis;

use crate::release::Release;
use crate::world::DAY_MS;

/// An operation as it was made on a phone.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its number in the story.
    pub n: usize,
    /// Who acted.
    pub worker: WorkerId,
    /// About which visit.
    pub visit: Option<VisitId>,
    /// The event's name.
    pub kind: String,
    /// SHA-256 of its body.
    pub body: Sha,
    /// What the phone's wall clock claimed.
    pub wall_ms: i64,
    /// When it truly happened.
    pub true_ms: i64,
    /// In which run of its phone's clock.
    pub boot: BootId,
    /// Its files.
    pub files: Vec<Sha>,
    /// What it says.
    pub says: Says,
    /// The dwelling that it names.
    pub home: Option<HouseholdId>,
    /// The release that understands it, where any does.
    pub needs: Release,
    /// A phone that alone held it is gone: no promise covers what was neither sent nor safe.
    pub destroyed: bool,
}

/// What an operation says, as far as its judgement depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// Something about a visit.
    Visit,
    /// A visit is born.
    Opened,
    /// Something about no visit.
    Unmasked,
    /// Something the server has no word for.
    Unknown,
    /// Something that can't be read.
    Unreadable,
    /// Something only the office may say.
    Office,
    /// Something by rules that no release has.
    StrangeRules,
}

impl Says {
    /// What an operation of that kind and body says.
    pub fn of(kind: &str, body: &str, rules: Sha) -> Self {
        match Release::This.at_work(|| Event::parse(kind, body)) {
            event if event.is_office() => Self::Office,
            Event::Unknown { .. } => Self::Unknown,
            Event::Unreadable { .. } => Self::Unreadable,
            Event::Unmasked(_) => Self::Unmasked,
            _ if ![Release::Before.rules(), Release::This.rules()].contains(&rules) => Self::StrangeRules,
            Event::Opened(_) => Self::Opened,
            _ => Self::Visit,
        }
    }

    /// The release that an operation needs that says this: one with a word for its kind, and with its rules where they count.
    pub fn needs(self, kind: &str, rules: Sha) -> Release {
        let by_rules = matches!(self, Self::Visit | Self::Opened) && rules == Release::This.rules();
        if by_rules || !Release::Before.knows(kind) { Release::This } else { Release::Before }
    }
}

/// What should become of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Part of the visit's lane.
    Applied,
    /// From a worker who held the visit before.
    Late,
    /// Not understood yet.
    Held,
    /// Held because the visit is not known: judged anew once it is.
    HeldForVisit,
    /// Held because the server is an older release: judged anew once it is a newer one.
    HeldForRelease,
    /// Kept apart.
    Quarantined,
    /// Of somebody who was erased since: its head says that it was there.
    Erased,
    /// The same, where a backup may still hold it: nobody knew whose it is when that was written.
    Forgotten,
    /// Of somebody who was erased before it came: its head, kept apart.
    TooLate,
}

impl Want {
    /// Its name in the counts; in the store too, but of what was erased.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Late => "late",
            Self::Held | Self::HeldForVisit | Self::HeldForRelease => "held",
            Self::Quarantined => "quarantined",
            Self::Erased | Self::Forgotten => "erased",
            Self::TooLate => "too_late",
        }
    }

    /// Whether a server's outcome is this one.
    pub fn is(self, outcome: &str) -> bool {
        match self {
            Self::Erased => outcome == "applied",
            Self::TooLate => outcome == "quarantined",
            Self::Forgotten => matches!(outcome, "applied" | "held" | "quarantined"),
            _ => outcome == self.name(),
        }
    }

    /// Whether its body is here; `None` where that can't be said.
    pub fn has_body(self) -> Option<bool> {
        match self {
            Self::Erased | Self::TooLate => Some(false),
            Self::Forgotten => None,
            _ => Some(true),
        }
    }
}

/// A visit as the office has it.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    /// Plan events so far.
    pub version: u64,
    /// Who has it.
    pub assignee: Option<WorkerId>,
    /// It was taken back.
    pub cancelled: bool,
    /// Who ever had it.
    pub ever: BTreeSet<WorkerId>,
    /// Whose dwelling it is at.
    pub home: Option<HouseholdId>,
    /// A dispatcher has said which lane is its result, or what becomes of a late one.
    pub decided: bool,
}

/// What the server put on record, as far as judgements depend on it.
#[derive(Debug, Clone)]
pub enum Recorded {
    /// An operation came, for the first time.
    Came(OpId),
    /// One came for the first time, when its phone's time to hand in was over.
    Overdue(OpId),
    /// One came for the first time, in a rescue file that nobody vouches for.
    Apart(OpId),
    /// It came once more, under another device.
    CameAgain(OpId),
    /// The office planned a visit.
    Scheduled(VisitId, HouseholdId, Option<WorkerId>),
    /// The office gave it to a worker.
    Assigned(VisitId, WorkerId),
    /// The office moved it in time.
    Moved(VisitId),
    /// The office took it back.
    Cancelled(VisitId),
    /// The office decided about its lanes.
    Decided(VisitId),
    /// A newer release had them judged anew.
    Understood(Vec<OpId>),
    /// A dwelling's people were erased, and with them these visits.
    Erased(HouseholdId, BTreeSet<VisitId>),
}

/// What the server should know. Copied with each backup, put back with each restore.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// All that it was made from.
    record: Vec<Recorded>,
    /// Visits.
    pub visits: BTreeMap<VisitId, Planned>,
    /// Operations, with what should have become of them.
    pub got: HashMap<OpId, Want>,
    /// When each device that was dismissed was.
    pub dismissed: BTreeMap<DeviceId, Millis>,
    /// When the server was restored, as late as its clock ever said.
    pub restored: Option<Millis>,
    /// How far each log is here, and its hashes.
    pub logs: BTreeMap<DeviceId, Vec<Sha>>,
    /// Operations that do not count and came once more, to a release that does not understand them: once one does, they are
    /// judged anew.
    copies: BTreeSet<OpId>,
    /// Operations that came when their phone's time to hand in was over.
    overdue: BTreeSet<OpId>,
    /// Operations that came in a rescue file that nobody vouches for.
    apart: BTreeSet<OpId>,
    /// Whose people are erased.
    pub erased: BTreeSet<HouseholdId>,
    /// Their visits.
    pub gone: BTreeSet<VisitId>,
    /// Files that are whole.
    pub files: BTreeSet<Sha>,
    /// The last envelope looked at.
    pub g: i64,
}

impl Known {
    /// Whether what `device` brings at `recv` comes after its time to hand in: 30 days, unless the company says otherwise, and
    /// anew from a restore on.
    pub fn is_overdue(&self, device: DeviceId, recv: Millis) -> bool {
        let over = |since: &Millis| recv.0 - since.0 > 30 * DAY_MS;
        self.dismissed.get(&device).is_some_and(over) && self.restored.as_ref().is_none_or(over)
    }

    /// Takes in what the server puts on record, judged by its release.
    pub fn take(&mut self, release: Release, ledger: &Ledger, recorded: Recorded) {
        let vouched = !matches!(recorded, Recorded::Apart(_));
        match &recorded {
            Recorded::Came(op) | Recorded::Overdue(op) | Recorded::Apart(op) if self.is_gone(ledger, *op, vouched) => {
                self.too_late(ledger, *op, vouched);
            }
            Recorded::CameAgain(op) if self.is_gone(ledger, *op, vouched) => self.named(ledger, *op),
            Recorded::Came(op) => self.judged(release, ledger, *op),
            Recorded::Overdue(op) => {
                self.got.insert(*op, Want::Quarantined);
                self.overdue.insert(*op);
            }
            Recorded::Apart(op) => {
                self.got.insert(*op, Want::Quarantined);
                self.apart.insert(*op);
            }
            Recorded::CameAgain(op) => {
                let counts = matches!(self.got.get(op), Some(Want::Applied | Want::Late));
                match self.judge(release, &ledger.made[op]) {
                    _ if counts => {}
                    Want::HeldForRelease => drop(self.copies.insert(*op)),
                    // Its phone was let in again; the first one stays what it was.
                    want if self.overdue.contains(op) || self.apart.contains(op) => {
                        self.born(release, ledger, *op, want);
                    }
                    _ => {}
                }
            }
            Recorded::Scheduled(visit, home, assignee) => {
                let planned = self.change(*visit);
                (planned.assignee, planned.cancelled, planned.home) = (*assignee, false, Some(*home));
                planned.ever.extend(assignee);
                self.release(release, ledger, *visit);
            }
            Recorded::Assigned(visit, worker) => {
                let planned = self.change(*visit);
                (planned.assignee, planned.cancelled) = (Some(*worker), false);
                planned.ever.insert(*worker);
            }
            Recorded::Moved(visit) => drop(self.change(*visit)),
            Recorded::Cancelled(visit) => self.change(*visit).cancelled = true,
            Recorded::Decided(visit) => self.visits.entry(*visit).or_default().decided = true,
            Recorded::Erased(home, visits) => {
                self.erased.insert(*home);
                for visit in visits {
                    self.visits.remove(visit);
                    self.gone.insert(*visit);
                }
                let about = |op: &&OpId| {
                    let made = &ledger.made[*op];
                    made.visit.is_some_and(|visit| visits.contains(&visit))
                        || (made.says == Says::Unmasked && made.home == Some(*home))
                };
                for op in ledger.order.iter().filter(about) {
                    self.forget(*op, Want::Erased);
                }
            }
            Recorded::Understood(ops) => {
                self.copies.clear();
                for op in ops {
                    match self.judge(release, &ledger.made[op]) {
                        // What came of it later counts; nobody vouches for the first one now either.
                        want if self.apart.contains(op) => self.born(release, ledger, *op, want),
                        _ => self.judged(release, ledger, *op),
                    }
                }
            }
        }
        self.record.push(recorded);
    }

    /// Whether an operation that comes now is of somebody who was erased: its visit is, or it names the dwelling of a visit that
    /// nobody knows of, and its log is one that somebody vouches for.
    pub fn is_gone(&self, ledger: &Ledger, op: OpId, vouched: bool) -> bool {
        let made = &ledger.made[&op];
        made.visit.is_some_and(|visit| self.gone.contains(&visit)) || (vouched && self.names_erased(made))
    }

    fn names_erased(&self, made: &Made) -> bool {
        let unknown = made.visit.is_none_or(|visit| !self.visits.contains_key(&visit));
        unknown && made.home.is_some_and(|home| self.erased.contains(&home))
    }

    /// It came too late: its head stays. What names the dwelling of its visit itself takes with it what came of that before.
    fn too_late(&mut self, ledger: &Ledger, op: OpId, vouched: bool) {
        if vouched {
            self.named(ledger, op);
        }
        // Who read a masked field is a fact about no visit, which is no news once the field is gone.
        let want = if ledger.made[&op].says == Says::Unmasked { Want::Erased } else { Want::TooLate };
        self.got.insert(op, want);
    }

    fn named(&mut self, ledger: &Ledger, op: OpId) {
        let made = &ledger.made[&op];
        let (Some(visit), true) = (made.visit, self.names_erased(made)) else { return };
        if self.gone.insert(visit) {
            for op in ledger.order.iter().filter(|op| ledger.made[op].visit == Some(visit)) {
                self.forget(*op, Want::Forgotten);
            }
        }
    }

    fn forget(&mut self, op: OpId, want: Want) {
        if let Some(known) = self.got.get_mut(&op) {
            *known = want;
        }
        self.copies.remove(&op);
    }

    /// The visits of a dwelling, those too that only what is kept apart tells of.
    pub fn visits_of(&self, ledger: &Ledger, home: HouseholdId) -> BTreeSet<VisitId> {
        let planned = self.visits.iter().filter(|(_, planned)| planned.home == Some(home)).map(|(visit, _)| *visit);
        let told = ledger.order.iter().filter_map(|op| {
            let made = &ledger.made[op];
            let apart = !matches!(self.got.get(op)?, Want::Applied | Want::Late | Want::Erased | Want::TooLate);
            made.visit.filter(|visit| apart && made.home == Some(home) && !self.visits.contains_key(visit))
        });
        planned.chain(told).collect()
    }

    fn change(&mut self, visit: VisitId) -> &mut Planned {
        let planned = self.visits.entry(visit).or_default();
        planned.version += 1;
        planned
    }

    /// What waits for a newer release.
    pub fn not_understood(&self, ledger: &Ledger) -> Vec<OpId> {
        let waits = |op: &&OpId| self.got.get(op) == Some(&Want::HeldForRelease) || self.copies.contains(op);
        ledger.order.iter().filter(waits).copied().collect()
    }

    /// The same record, taken in anew by a release: what an older one did not understand waits until it was judged anew,
    /// where it was.
    pub fn again(&self, release: Release, ledger: &Ledger) -> Self {
        let (logs, files, dismissed) = (self.logs.clone(), self.files.clone(), self.dismissed.clone());
        let mut known = Self { logs, files, dismissed, restored: self.restored, g: self.g, ..Self::default() };
        let mut last: HashMap<OpId, usize> = HashMap::new();
        for (at, recorded) in self.record.iter().enumerate() {
            if let Recorded::Understood(ops) = recorded {
                last.extend(ops.iter().map(|op| (*op, at)));
            }
        }
        for (at, recorded) in self.record.iter().enumerate() {
            let waits = |op: &OpId| last.get(op).is_some_and(|last| at < *last);
            match recorded {
                Recorded::Came(op) if waits(op) => {
                    known.got.insert(*op, Want::HeldForRelease);
                    known.record.push(recorded.clone());
                }
                Recorded::Understood(ops) => {
                    let ops = ops.iter().filter(|op| !waits(op)).copied().collect();
                    known.take(release, ledger, Recorded::Understood(ops));
                }
                _ => known.take(release, ledger, recorded.clone()),
            }
        }
        known
    }

    /// An operation is judged by the state as it is.
    fn judged(&mut self, release: Release, ledger: &Ledger, op: OpId) {
        let made = &ledger.made[&op];
        let want = self.judge(release, made);
        self.got.insert(op, want);
        self.born(release, ledger, op, want);
    }

    /// A visit is born of an operation that counts.
    fn born(&mut self, release: Release, ledger: &Ledger, op: OpId, want: Want) {
        let made = &ledger.made[&op];
        if let (Says::Opened, Want::Applied, Some(visit)) = (made.says, want, made.visit)
            && !self.visits.contains_key(&visit)
        {
            let born = Planned {
                assignee: Some(made.worker),
                ever: [made.worker].into(),
                home: made.home,
                ..Planned::default()
            };
            self.visits.insert(visit, born);
            self.release(release, ledger, visit);
        }
    }

    fn judge(&self, release: Release, made: &Made) -> Want {
        match made.says {
            Says::Office => return Want::Quarantined,
            Says::Unknown => return Want::Held,
            _ if release == Release::Before && made.needs == Release::This => return Want::HeldForRelease,
            Says::Unreadable => return Want::Quarantined,
            Says::StrangeRules => return Want::Held,
            Says::Unmasked => return Want::Applied,
            Says::Visit | Says::Opened => {}
        }
        let Some(visit) = made.visit else { return Want::Quarantined };
        match self.visits.get(&visit) {
            None if made.says == Says::Opened => Want::Applied,
            None => Want::HeldForVisit,
            Some(planned) if planned.assignee == Some(made.worker) && !planned.cancelled => Want::Applied,
            Some(planned) if planned.ever.contains(&made.worker) => Want::Late,
            Some(_) => Want::Quarantined,
        }
    }

    /// A visit is known now: what waited for it is judged anew.
    fn release(&mut self, release: Release, ledger: &Ledger, visit: VisitId) {
        for op in &ledger.order {
            let made = &ledger.made[op];
            if made.visit == Some(visit) && self.got.get(op) == Some(&Want::HeldForVisit) {
                let want = self.judge(release, made);
                self.got.insert(*op, want);
            }
        }
    }
}

/// Everything that was ever made.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By id.
    pub made: HashMap<OpId, Made>,
    /// In the order they were made.
    pub order: Vec<OpId>,
}

impl Ledger {
    /// Takes a new one in and returns its number.
    pub fn add(&mut self, op: OpId, mut made: Made) -> usize {
        made.n = self.order.len() + 1;
        let n = made.n;
        self.order.push(op);
        self.made.insert(op, made);
        n
    }

    /// Its number.
    pub fn n(&self, op: &OpId) -> usize {
        self.made.get(op).map_or(0, |made| made.n)
    }
}
