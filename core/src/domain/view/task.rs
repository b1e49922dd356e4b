//! What the office has to do because of a visit.

use serde::{Deserialize, Serialize};

use crate::domain::window::Window;
use crate::id::OpId;

/// What the office has to do because of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// 回访 after a refusal to sign.
    CallBack,
    /// 工单 for a hazard in a shared fixture.
    WorkOrder,
    /// The next appointment agreed at the door.
    NextVisit,
    /// 48 小时连续监测.
    Monitoring,
    /// 重新测温.
    Remeasurement,
}

/// One such task. Its identity is operation and subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// What.
    pub kind: TaskKind,
    /// The operation that gave rise to it.
    pub op: OpId,
    /// The lane.
    pub lane: u64,
    /// The room, item or purpose.
    pub subject: String,
    /// The clause.
    pub clause: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
    /// When, where agreed.
    pub window: Option<Window>,
    /// The office has done it.
    pub done: bool,
}
