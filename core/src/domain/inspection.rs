//! 入户巡检 (5.4, DB11/T 2407): findings, and the written notice for a hazard in the resident's own fixture.

use serde::{Deserialize, Serialize};

/// Result of one inspection item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingResult {
    /// 正常
    Normal,
    /// 异常
    Abnormal,
    /// 无法检查; the note says why.
    CannotCheck,
    /// 无此项
    NoSuchItem,
}

/// Whose fixture it is: decides who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixtureOwner {
    /// 自用: a written notice with receipt.
    Own,
    /// 共用: a work order for the company.
    Shared,
}

/// 隐患: what is said of an 异常.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hazard {
    /// What is wrong.
    pub description: String,
    /// Whose fixture.
    pub owner: FixtureOwner,
    /// One of the levels of the rules.
    pub level: String,
    /// 整改建议.
    pub advice: String,
    /// To be done by, local date `2026-11-30`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
}

/// Body of `visit.finding_recorded`. The last one for an item holds. Photos have the role `photo.hazard`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// The inspection item's id in the rules.
    pub item: String,
    /// The result.
    pub result: FindingResult,
    /// What is wrong; only with 异常.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hazard: Option<Hazard>,
    /// Anything worth saying; the reason with 无法检查.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
