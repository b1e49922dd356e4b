//! What a screen reads of the work itself: rooms, measurements, quotes, findings, signatures, photos.

use serde::{Deserialize, Serialize};

use crate::canon::hash::Sha;
use crate::domain::inspection::{Finding, FindingResult};
use crate::domain::measurement::{MeasurementSummary, Reading, RoomVerdict};
use crate::domain::quote::QuoteShown;
use crate::domain::room::Room;
use crate::domain::signature::{Purpose, Signer};
use crate::domain::units::DeciCelsius;
use crate::domain::window::Window;
use crate::domain::worker_event::RiskTold;
use crate::id::OpId;
use crate::time::{DeadlineVerdict, Estimate, Millis};

/// When something happened: as claimed and as estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MomentView {
    /// The operation.
    pub op: OpId,
    /// The device's wall clock.
    pub claimed: Millis,
    /// The server's estimate.
    pub estimate: Option<Estimate>,
}

/// Whether the agreed time was kept (F1-3): by the claim, and by the estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Punctuality {
    /// The time it is judged against.
    pub window: Window,
    /// By the device's own clock, as it judged at the time.
    pub claimed: DeadlineVerdict,
    /// By the server's estimate.
    pub estimated: Option<DeadlineVerdict>,
    /// Came before the window opened, by the best time known.
    pub early: bool,
}

/// A room in the running or latest measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomView {
    /// The room.
    pub room: Room,
    /// Let in.
    pub permitted: bool,
    /// Raw readings of the current run.
    pub readings: Vec<Reading>,
    /// Within the protocol's limit over its stretch.
    pub stable: bool,
    /// The protocol is fulfilled; `value` counts.
    pub complete: bool,
    /// Seconds until the next reading can count; 0 = now.
    pub wait_seconds: u32,
    /// Mean plus correction, once complete.
    pub value: Option<DeciCelsius>,
    /// Against the agreed temperature, once complete.
    pub verdict: RoomVerdict,
}

/// How a frozen thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrozenState {
    /// Frozen, waits for the signature.
    Frozen,
    /// Signed, and stands.
    Signed,
    /// 拒签, with its evidence.
    Refused,
    /// Edited after it was frozen: kept, and no longer holds.
    Void,
    /// A later one corrects it.
    Superseded,
}

/// A frozen measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasurementView {
    /// Its content address.
    pub sha: Sha,
    /// What was shown.
    pub summary: MeasurementSummary,
    /// How it stands.
    pub state: FrozenState,
    /// Every judged room is qualified; none = no room was judged.
    pub qualified: Option<bool>,
}

/// 草稿→已出示→已确认→(变更→已确认)*→完工→已验收→已开票. A draft is not an event and not seen here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuoteState {
    /// 已出示.
    Shown,
    /// 已确认.
    Confirmed,
    /// 变更: a later revision stands in its place.
    Changed,
    /// 拒签.
    Refused,
    /// 完工.
    WorkDone,
    /// 已验收.
    Accepted,
    /// 已开票.
    Invoiced,
}

/// A revision of the quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteView {
    /// What was shown.
    pub quote: QuoteShown,
    /// Its content address, which the signature covers.
    pub sha: Sha,
    /// How it stands.
    pub state: QuoteState,
}

/// Work on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkState {
    /// Quoted, not begun.
    Open,
    /// 已开工.
    Started,
    /// 已完工.
    Done,
}

/// A line of the latest quote, and its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkView {
    /// The line; empty for emergency work.
    pub line: String,
    /// What it is.
    pub name: String,
    /// Its work.
    pub state: WorkState,
}

/// Something that may be damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskView {
    /// What was told.
    pub risk: RiskTold,
    /// The resident consented.
    pub consented: bool,
    /// The resident refused.
    pub refused: bool,
}

/// One inspection item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectionItemView {
    /// Its id in the rules.
    pub item: String,
    /// Its group.
    pub group: String,
    /// Chinese label.
    pub zh: String,
    /// Must be recorded before the visit can be done.
    pub required: bool,
    /// Result, once recorded.
    pub result: Option<FindingResult>,
    /// All that was recorded.
    pub finding: Option<Finding>,
}

/// A signature, or its refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureView {
    /// The operation.
    pub op: OpId,
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
    /// What it covers still stands.
    pub holds: bool,
    /// When.
    pub at: MomentView,
}

/// A photo of the visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoView {
    /// Its content address.
    pub sha: Sha,
    /// Its role.
    pub role: String,
    /// What it shows.
    pub subject: Option<String>,
    /// The operation it belongs to.
    pub op: OpId,
}
