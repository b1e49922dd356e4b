//! What a screen may offer: acts, and what blocks them.

use serde::{Deserialize, Serialize};

use crate::error::Refusal;

/// An act without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// [`super::command::Command::Acknowledge`]
    Acknowledge,
    /// [`super::command::Command::Notify`]
    Notify,
    /// [`super::command::Command::Delay`]
    Delay,
    /// [`super::command::Command::AnswerItems`]
    AnswerItems,
    /// [`super::command::Command::Depart`]
    Depart,
    /// [`super::command::Command::Arrive`]
    Arrive,
    /// [`super::command::Command::ReportAbsent`]
    ReportAbsent,
    /// [`super::command::Command::Enter`]
    Enter,
    /// [`super::command::Command::EnterRoom`]
    EnterRoom,
    /// [`super::command::Command::StartMeasurement`]
    StartMeasurement,
    /// [`super::command::Command::TakeReading`]
    TakeReading,
    /// [`super::command::Command::FreezeMeasurement`]
    FreezeMeasurement,
    /// [`super::command::Command::DescribeProblem`]
    DescribeProblem,
    /// [`super::command::Command::ProtectFloor`]
    ProtectFloor,
    /// [`super::command::Command::OpenInstruction`]
    OpenInstruction,
    /// [`super::command::Command::TellCharge`]
    TellCharge,
    /// [`super::command::Command::ShowPriceList`]
    ShowPriceList,
    /// [`super::command::Command::ShowQuote`]
    ShowQuote,
    /// [`super::command::Command::TellRisk`]
    TellRisk,
    /// [`super::command::Command::StartWork`]
    StartWork,
    /// [`super::command::Command::FinishWork`]
    FinishWork,
    /// [`super::command::Command::Demonstrate`]
    Demonstrate,
    /// [`super::command::Command::Explain`]
    Explain,
    /// [`super::command::Command::RecordFinding`]
    RecordFinding,
    /// [`super::command::Command::Dispute`]
    Dispute,
    /// [`super::command::Command::Photograph`]
    Photograph,
    /// [`super::command::Command::Sign`]: of the measurement.
    SignMeasurement,
    /// [`super::command::Command::Sign`]: of the latest quote.
    SignQuote,
    /// [`super::command::Command::Sign`]: consent to a risk.
    SignConsent,
    /// [`super::command::Command::Sign`]: 验收.
    SignAcceptance,
    /// [`super::command::Command::Sign`]: receipt of a notice.
    SignNotice,
    /// [`super::command::Command::Complete`] with the outcome done.
    CompleteDone,
    /// [`super::command::Command::Complete`] with the outcome absent.
    CompleteAbsent,
    /// [`super::command::Command::Complete`] with the outcome refused entry.
    CompleteRefusedEntry,
    /// [`super::command::Command::Complete`] with the outcome not done.
    CompleteNotDone,
}

/// An act that is open now, or is wanted and blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextAction {
    /// Which.
    pub action: Action,
    /// On what: a quote line, a room, an object, a revision, an inspection item.
    pub subject: Option<String>,
    /// Chinese label.
    pub zh: String,
    /// English label.
    pub en: String,
    /// The way on; false: possible, not needed now.
    pub wanted: bool,
    /// What blocks it, with the clause; empty = may be done now.
    pub blocks: Vec<Refusal>,
}
