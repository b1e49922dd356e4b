//! What a visit is for, and the choices a worker makes in it. In JSON always snake_case.

use serde::{Deserialize, Serialize};

/// 入户服务's kind. Annex F's columns: R repair, I inspection, T measurement, S suspension and restoration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisitKind {
    /// 入户测温 (5.6).
    Measurement,
    /// 维修 (5.5).
    Repair,
    /// 入户巡检 (5.4).
    Inspection,
    /// 暂停供暖 (5.7).
    Suspension,
    /// 恢复供暖 (5.7).
    Restoration,
}

/// How somebody was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// 电话.
    Phone,
    /// 短信.
    Sms,
    /// 微信 or another messenger.
    Messenger,
    /// 当面, at the door too.
    InPerson,
    /// Through the neighbourhood or the property company.
    Community,
}

/// Why a worker can't keep the time (F.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelayReason {
    /// 特殊原因.
    Special,
    /// 紧急情况.
    Urgent,
}

/// F.6 必要时戴口罩.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mask {
    /// 已戴.
    Worn,
    /// 无需.
    NotNeeded,
}

/// What a worker or a call-back says about one item of Annex F. 未评 is the absence of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerState {
    /// 满足.
    Satisfied,
    /// 不满足.
    Unsatisfied,
    /// 不适用; needs a ground.
    NotApplicable,
}

/// One item answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ItemAnswer {
    /// The item's id in the rules: `F4-1`.
    pub item: String,
    /// The answer.
    pub state: AnswerState,
    /// Why it does not apply; without it 不适用 is void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground: Option<String>,
    /// Anything worth saying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done what it was for.
    Done,
    /// 到访不遇 (F.2).
    Absent,
    /// The resident did not let the worker in (F.3).
    RefusedEntry,
    /// Begun, or not, and not done; the reason stands beside it.
    NotDone,
}
