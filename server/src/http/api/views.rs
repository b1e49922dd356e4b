//! What several resources show.

use nuanfang_core::domain::{VisitKind, Window};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::board::BoardState;

/// Something with an id and a name: a worker, a user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct Named {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

/// What a visit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VisitKindName {
    /// 入户测温.
    Measurement,
    /// 维修.
    Repair,
    /// 入户巡检.
    Inspection,
    /// 暂停供暖.
    Suspension,
    /// 恢复供暖.
    Restoration,
}

impl From<VisitKind> for VisitKindName {
    fn from(kind: VisitKind) -> Self {
        match kind {
            VisitKind::Measurement => Self::Measurement,
            VisitKind::Repair => Self::Repair,
            VisitKind::Inspection => Self::Inspection,
            VisitKind::Suspension => Self::Suspension,
            VisitKind::Restoration => Self::Restoration,
        }
    }
}

impl From<VisitKindName> for VisitKind {
    fn from(kind: VisitKindName) -> Self {
        match kind {
            VisitKindName::Measurement => Self::Measurement,
            VisitKindName::Repair => Self::Repair,
            VisitKindName::Inspection => Self::Inspection,
            VisitKindName::Suspension => Self::Suspension,
            VisitKindName::Restoration => Self::Restoration,
        }
    }
}

/// A stretch of time, UTC milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowView {
    /// The earliest arrival that keeps it.
    pub from_ms: i64,
    /// The latest arrival that keeps it.
    pub until_ms: i64,
}

impl From<Window> for WindowView {
    fn from(window: Window) -> Self {
        Self { from_ms: window.from.0, until_ms: window.until.0 }
    }
}

/// A dwelling as a line on a card: never more than class P and a masked name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HouseholdLine {
    /// Its id.
    pub id: Uuid,
    /// Community, building, unit, room.
    pub address: String,
    /// 小区名称.
    pub community: String,
    /// The resident's name, masked; absent for roles that see no resident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident: Option<String>,
}

/// A visit as a card.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VisitCard {
    /// Its id.
    pub id: Uuid,
    /// What for.
    pub kind: VisitKindName,
    /// Where it stands.
    pub state: BoardState,
    /// Where.
    pub household: HouseholdLine,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowView>,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Named>,
    /// What is to be done.
    pub scope: String,
    /// 紧急.
    pub emergency: bool,
    /// The plan's version: sent back with every change, so that two dispatchers do not overwrite each other.
    pub plan_version: u64,
    /// Late lanes that wait for a decision.
    pub late_lanes: u64,
    /// Rules broken, as folded.
    pub violations: u64,
    /// Photos and signatures announced and not yet here.
    pub files_missing: u64,
    /// When it last changed, server time.
    pub changed_ms: i64,
}

/// A deadline's verdict (FORMATS §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PunctualView {
    /// In time for certain.
    Met,
    /// Too late for certain.
    Missed,
    /// The clocks can't tell.
    Uncertain,
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T: ToSchema> {
    /// Rows that fit the filters, on all pages.
    pub total: u64,
    /// This page, from 0.
    pub page: u64,
    /// Rows on a full page.
    pub size: u64,
    /// The rows.
    pub rows: Vec<T>,
}

/// Why something may not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusalView {
    /// Stable, for programs.
    pub code: String,
    /// The clause it stands on; empty for a rule of ours alone.
    pub clause: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

impl From<nuanfang_core::error::Refusal> for RefusalView {
    fn from(refusal: nuanfang_core::error::Refusal) -> Self {
        Self { code: refusal.code, clause: refusal.clause, zh: refusal.zh, en: refusal.en }
    }
}

/// A time as it is known: what the device claimed, and the server's estimate with its bounds.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct TimeView {
    /// As the device's own clock claimed it.
    pub claimed_ms: i64,
    /// Best estimate.
    pub est_ms: i64,
    /// Not before.
    pub lo_ms: i64,
    /// Not after.
    pub hi_ms: i64,
    /// How it is known.
    pub quality: TimeQualityName,
    /// When the server received it.
    pub received_ms: i64,
}

/// How an instant is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeQualityName {
    /// Tied to a server time of the same boot.
    Anchored,
    /// Between its neighbours and its receipt.
    Bracketed,
    /// Only the device's claim.
    Claimed,
}
