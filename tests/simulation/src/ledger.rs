//! What was done and what the server should know of it: the reference that everything is held against. It knows the
//! promises, not the code.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::id::{DeviceId, OpId, VisitId, WorkerId};
use nuanfang_core::time::Millis;

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
    /// When it truly happened; `None` where a process ended over it.
    pub true_ms: i64,
    /// Its files.
    pub files: Vec<Sha>,
    /// What it says.
    pub says: Says,
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
    /// Something by rules the server does not have.
    StrangeRules,
}

impl Says {
    /// What an operation of that kind and body says.
    pub fn of(kind: &str, body: &str, rules: Sha) -> Self {
        let event = Event::parse(kind, body);
        match event {
            event if event.is_office() => Self::Office,
            Event::Unknown { .. } => Self::Unknown,
            Event::Unreadable { .. } => Self::Unreadable,
            Event::Unmasked(_) => Self::Unmasked,
            _ if rules != nuanfang_core::domain::Rules::builtin().sha() => Self::StrangeRules,
            Event::Opened(_) => Self::Opened,
            _ => Self::Visit,
        }
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
    /// Kept apart.
    Quarantined,
}

impl Want {
    /// Its name in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Late => "late",
            Self::Held | Self::HeldForVisit => "held",
            Self::Quarantined => "quarantined",
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
    /// A dispatcher has said which lane is its result, or what becomes of a late one.
    pub decided: bool,
}

/// What the server should know. Copied with each backup, put back with each restore.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Visits.
    pub visits: BTreeMap<VisitId, Planned>,
    /// Operations, with what should have become of them.
    pub got: HashMap<OpId, Want>,
    /// When each device that was dismissed was.
    pub dismissed: BTreeMap<DeviceId, Millis>,
    /// How far each log is here, and its hashes.
    pub logs: BTreeMap<DeviceId, Vec<Sha>>,
    /// Files that are whole.
    pub files: BTreeSet<Sha>,
    /// The last envelope looked at.
    pub g: i64,
}

impl Known {
    /// Whether what `device` brings at `recv` comes after its time to hand in: 30 days, unless the company says otherwise.
    pub fn is_overdue(&self, device: DeviceId, recv: Millis) -> bool {
        self.dismissed.get(&device).is_some_and(|since| recv.0 - since.0 > 30 * 86_400_000)
    }

    /// What should become of an operation that arrives now for the first time, in time.
    pub fn judge(&self, made: &Made) -> Want {
        match made.says {
            Says::Office | Says::Unreadable => return Want::Quarantined,
            Says::Unknown | Says::StrangeRules => return Want::Held,
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
    pub fn release(&mut self, ledger: &Ledger, visit: VisitId) {
        for op in &ledger.order {
            let made = &ledger.made[op];
            if made.visit == Some(visit) && self.got.get(op) == Some(&Want::HeldForVisit) {
                let want = self.judge(made);
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
