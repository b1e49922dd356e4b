//! What a screen reads of a visit. Plain records, no generics: mirrored over the language border.

mod action;
mod evidence;
mod result;
mod task;

use serde::{Deserialize, Serialize};

pub use self::action::{Action, NextAction};
pub use self::evidence::{ChecklistItem, EvidenceClass, ItemState, Violation};
pub use self::result::{
    FrozenState, InspectionItemView, MeasurementView, MomentView, PhotoView, Punctuality, QuoteState, QuoteView,
    RiskView, RoomView, SignatureView, WorkState, WorkView,
};
pub use self::task::{Task, TaskKind};
use super::kind::{Outcome, VisitKind};
use super::office_event::LateDecision;
use super::units::DeciCelsius;
use super::window::Window;
use super::worker_event::Disputed;
use crate::canon::hash::Sha;
use crate::error::Refusal;
use crate::id::{DeviceId, HouseholdId, OpId, VisitId, WorkerId};
use crate::time::{Estimate, Millis};

/// How far a lane, or the visit with it, has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisitState {
    /// 待派: planned, nobody assigned.
    Planned,
    /// 已派.
    Assigned,
    /// 已接.
    Acknowledged,
    /// 已出发.
    Departed,
    /// 已到达.
    Arrived,
    /// 已入户.
    Indoors,
    /// 已完成.
    Done,
    /// 到访不遇.
    Absent,
    /// 拒绝入户.
    RefusedEntry,
    /// 未完成.
    NotDone,
    /// 已取消.
    Cancelled,
}

/// One event in the order of its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// The operation.
    pub op: OpId,
    /// Whose log.
    pub device: DeviceId,
    /// Where in it.
    pub seq: u64,
    /// Who.
    pub worker: WorkerId,
    /// The event's name.
    pub kind: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
    /// The device's wall clock.
    pub claimed: Millis,
    /// The server's estimate.
    pub estimate: Option<Estimate>,
    /// The plan version the actor saw.
    pub basis: u64,
}

/// A visit in one lane, as a screen shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitView {
    /// The visit.
    pub visit: VisitId,
    /// What for; none = nothing is known but foreign facts.
    pub kind: Option<VisitKind>,
    /// Whose.
    pub household: Option<HouseholdId>,
    /// 漏水等紧急诉求.
    pub emergency: bool,
    /// Scope.
    pub scope: String,
    /// Note for the worker.
    pub note: Option<String>,
    /// The agreed time now.
    pub window: Option<Window>,
    /// The price list of the plan.
    pub price_list: Option<Sha>,
    /// The protocol asked for.
    pub protocol: Option<String>,
    /// Rooms are judged against this.
    pub agreed: DeciCelsius,
    /// The plan's version: the `basis` of what is done now.
    pub plan_version: u64,
    /// The lane shown.
    pub lane: u64,
    /// Whose lane.
    pub worker: Option<WorkerId>,
    /// The log it comes from.
    pub device: Option<DeviceId>,
    /// How far it has come.
    pub state: VisitState,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The office has moved the visit to somebody else, or taken it back.
    pub reassigned: bool,
    /// Facts came in this lane after it had been moved away: 迟到.
    pub late: bool,
    /// What the office decided about it.
    pub late_decision: Option<LateDecision>,
    /// Taken back, and why.
    pub cancelled: Option<String>,
    /// 已交回 (F.13): when the server had all of it.
    pub handed_in: Option<Millis>,
    /// 出发.
    pub departed: Option<MomentView>,
    /// 到达.
    pub arrived: Option<MomentView>,
    /// 入户.
    pub entered: Option<MomentView>,
    /// 结束.
    pub completed: Option<MomentView>,
    /// Was the agreed time kept.
    pub punctuality: Option<Punctuality>,
    /// What may be done now, and what is wanted but blocked; wanted ones first, in the order of the visit.
    pub next_actions: Vec<NextAction>,
    /// All items of Annex F.
    pub checklist: Vec<ChecklistItem>,
    /// Rooms.
    pub rooms: Vec<RoomView>,
    /// A measurement runs: readings may be taken.
    pub measuring: bool,
    /// Frozen measurements, oldest first.
    pub measurements: Vec<MeasurementView>,
    /// Revisions of the quote, oldest first.
    pub quotes: Vec<QuoteView>,
    /// Work.
    pub work: Vec<WorkView>,
    /// Risks.
    pub risks: Vec<RiskView>,
    /// The problem in the resident's words.
    pub problem: Option<String>,
    /// Inspection items; empty for other kinds.
    pub inspection: Vec<InspectionItemView>,
    /// Disputes.
    pub disputes: Vec<Disputed>,
    /// Signatures and refusals, oldest first.
    pub signatures: Vec<SignatureView>,
    /// Photos, oldest first.
    pub photos: Vec<PhotoView>,
    /// What the office has to do because of this lane.
    pub tasks: Vec<Task>,
    /// Worth a warning, no obstacle: window open, noon, expired instrument.
    pub warnings: Vec<Refusal>,
    /// Rules that were broken.
    pub violations: Vec<Violation>,
    /// All events of the lane and the plan.
    pub timeline: Vec<TimelineEntry>,
}

/// One lane in a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneView {
    /// Its number: the plan version that assigned it; 0 = born on a phone.
    pub lane: u64,
    /// Whose.
    pub worker: Option<WorkerId>,
    /// The log it comes from; none = nothing has come yet.
    pub device: Option<DeviceId>,
    /// How far.
    pub state: VisitState,
    /// Its outcome.
    pub outcome: Option<Outcome>,
    /// It is the plan's current one.
    pub current: bool,
    /// Facts came in it after it had been moved away.
    pub late: bool,
    /// What the office decided.
    pub decision: Option<LateDecision>,
    /// It is the visit's result.
    pub chosen: bool,
    /// How many rules were broken.
    pub violations: u64,
}

/// A visit in a word: the board's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitOverview {
    /// The visit.
    pub visit: VisitId,
    /// What for.
    pub kind: Option<VisitKind>,
    /// Whose.
    pub household: Option<HouseholdId>,
    /// 漏水等紧急诉求.
    pub emergency: bool,
    /// When.
    pub window: Option<Window>,
    /// Who goes.
    pub assignee: Option<WorkerId>,
    /// The plan's version.
    pub plan_version: u64,
    /// State of the lane that is the visit's result.
    pub state: VisitState,
    /// That lane.
    pub lane: u64,
    /// A late lane waits for the office's decision.
    pub late_undecided: bool,
    /// 已交回.
    pub handed_in: Option<Millis>,
    /// Rules broken, over all lanes.
    pub violations: u64,
    /// All lanes.
    pub lanes: Vec<LaneView>,
    /// Tasks for the office, over all lanes.
    pub tasks: Vec<Task>,
}
