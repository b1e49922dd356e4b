//! What a screen reads of evidence: Annex F's items, and rules that were broken.

use serde::{Deserialize, Serialize};

use crate::domain::kind::AnswerState;
use crate::id::OpId;

/// Which kind of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceClass {
    /// 自证: the worker's own word.
    Own,
    /// 系统证: the system's record.
    System,
    /// 他证: somebody else's word.
    Other,
}

/// 满足 / 不满足 / 不适用 / 未评.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// 满足.
    Satisfied,
    /// 不满足.
    Unsatisfied,
    /// 不适用, on a ground.
    NotApplicable,
    /// 未评: nothing counts as nothing.
    Unrated,
}

impl From<AnswerState> for ItemState {
    fn from(answer: AnswerState) -> Self {
        match answer {
            AnswerState::Satisfied => Self::Satisfied,
            AnswerState::Unsatisfied => Self::Unsatisfied,
            AnswerState::NotApplicable => Self::NotApplicable,
        }
    }
}

/// One item of Annex F in this visit. The three kinds of evidence are never mixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistItem {
    /// `F1-1`.
    pub id: String,
    /// `F.1`.
    pub clause: String,
    /// Chinese label.
    pub zh: String,
    /// English label.
    pub en: String,
    /// `before`, `arrival`, `before_work`, `during`, `end`.
    pub phase: String,
    /// The kind of evidence that settles it.
    pub class: EvidenceClass,
    /// The state by that kind.
    pub state: ItemState,
    /// Why it does not apply, or what is missing.
    pub ground: Option<String>,
    /// The worker's own word.
    pub own: ItemState,
    /// The system's record.
    pub system: ItemState,
    /// Somebody else's word: resident, call-back, leader.
    pub other: ItemState,
    /// The worker may answer it by hand.
    pub tickable: bool,
    /// 宜: advised, never blocks.
    pub advisory: bool,
}

/// A rule that a fact broke. The fact stands; so does this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The operation.
    pub op: OpId,
    /// Stable code, as in [`crate::error::Refusal`].
    pub code: String,
    /// The clause.
    pub clause: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}
