//! The vocabulary of the log: one event = one envelope, its kind the event's name.
//! Parsing is total: what is not known or can't be read is still an event, and folds.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::inspection::Finding;
use super::office_event::{
    Assigned, CallbackMade, Cancelled, DeviceEnrolled, DeviceRevoked, EnrolmentIssued, Filed, FormCompleted,
    HouseholdErased, Imported, InvoiceRecorded, LaneChosen, LateDecided, PasswordReset, Rejudged, Rescheduled,
    Restored, SettingsChanged, UserAdded, UserDisabled, VisitPlan,
};
use super::quote::QuoteShown;
use super::signature::{SignatureRefused, Signed};
use super::worker_event::{
    Absent, Arrived, Bare, ChargeTold, Completed, Delayed, Demonstrated, Departed, Disputed, Entered, Explained,
    InstructionOpened, ItemsAnswered, MeasurementFrozen, MeasurementStarted, Notified, Opened, Photographed,
    PriceListShown, ProblemDescribed, ReadingTaken, RiskTold, RoomEntered, Unmasked, WorkDone, WorkStarted,
};
use crate::canon::envelope::BlobRef;
use crate::canon::hash::Sha;
use crate::drill;
use crate::id::{DeviceId, OpId, WorkerId};
use crate::time::{Estimate, Stamp};

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident($payload:ty) = $kind:literal,)*) => {
        /// What happened. The body in the log is the payload's fields beside the nonce `n`.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Event {
            $($(#[$doc])* $variant($payload),)*
            /// A kind this build does not know.
            Unknown {
                /// The kind.
                kind: String,
            },
            /// A known kind whose body can't be read.
            Unreadable {
                /// The kind.
                kind: String,
                /// What is wrong with it.
                why: String,
            },
        }

        /// Every kind this build knows.
        pub const KINDS: &[&str] = &[$($kind),*];

        impl Event {
            /// Reads an event from its kind and the body as it lies in the log. Never fails.
            pub fn parse(kind: &str, body: &str) -> Self {
                match kind {
                    _ if drill::lacks(kind) => Self::Unknown { kind: kind.to_owned() },
                    $($kind => read(kind, body, Self::$variant),)*
                    _ => Self::Unknown { kind: kind.to_owned() },
                }
            }

            /// The event's name in the log.
            pub fn kind(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $kind,)*
                    Self::Unknown { kind } | Self::Unreadable { kind, .. } => kind,
                }
            }

            /// The body to append, as JSON text: the payload's fields and `nonce` as `n`.
            pub fn to_body(&self, nonce: &str) -> String {
                match self {
                    $(Self::$variant(payload) => write(payload, nonce),)*
                    Self::Unknown { .. } | Self::Unreadable { .. } => write(&Bare {}, nonce),
                }
            }
        }
    };
}

events! {
    /// A visit born on the phone.
    Opened(Opened) = "visit.opened",
    /// The resident was reached and a time agreed (F.1).
    Notified(Notified) = "visit.notified",
    /// Told in advance that the time can't be kept (F.1).
    Delayed(Delayed) = "visit.delayed",
    /// The worker has seen his assignment.
    Acknowledged(Bare) = "visit.acknowledged",
    /// On the way.
    Departed(Departed) = "visit.departed",
    /// At the door.
    Arrived(Arrived) = "visit.arrived",
    /// 到访不遇 (F.2).
    Absent(Absent) = "visit.absent",
    /// Let in, or not (F.3).
    Entered(Entered) = "visit.entered",
    /// Own ticks.
    ItemsAnswered(ItemsAnswered) = "visit.items_answered",
    /// Let into a room, or not (F.3).
    RoomEntered(RoomEntered) = "visit.room_entered",
    /// A measurement begins (5.6).
    MeasurementStarted(MeasurementStarted) = "visit.measurement_started",
    /// One raw reading.
    ReadingTaken(ReadingTaken) = "visit.reading_taken",
    /// What the resident will sign, frozen (5.6.6).
    MeasurementFrozen(MeasurementFrozen) = "visit.measurement_frozen",
    /// The problem in the resident's words (F.5).
    ProblemDescribed(ProblemDescribed) = "visit.problem_described",
    /// Floor and wall protected (F.6); blob `photo.floor`.
    FloorProtected(Bare) = "visit.floor_protected",
    /// The work instruction was opened (F.8).
    InstructionOpened(InstructionOpened) = "visit.instruction_opened",
    /// Told that it costs money (F.10).
    ChargeTold(ChargeTold) = "visit.charge_told",
    /// The price list was shown (F.10).
    PriceListShown(PriceListShown) = "visit.price_list_shown",
    /// A revision of the quote was shown (F.10).
    QuoteShown(QuoteShown) = "visit.quote_shown",
    /// Told what may be damaged (F.9).
    RiskTold(RiskTold) = "visit.risk_told",
    /// Work begins on lines of the quote.
    WorkStarted(WorkStarted) = "visit.work_started",
    /// Work on lines of the quote is done.
    WorkDone(WorkDone) = "visit.work_done",
    /// Shown that it works (F.12).
    Demonstrated(Demonstrated) = "visit.demonstrated",
    /// Told how to use it (F.12).
    Explained(Explained) = "visit.explained",
    /// One inspection item (5.4).
    FindingRecorded(Finding) = "visit.finding_recorded",
    /// The resident disputes a room's temperature (5.6.7).
    Disputed(Disputed) = "visit.disputed",
    /// A photo of its own.
    Photographed(Photographed) = "visit.photographed",
    /// The resident signed.
    Signed(Signed) = "visit.signed",
    /// The resident refused to sign.
    SignatureRefused(SignatureRefused) = "visit.refused_to_sign",
    /// The resident signed that he received a notice of hazards (5.4).
    NoticeReceived(Signed) = "visit.notice_received",
    /// The visit is over.
    Completed(Completed) = "visit.completed",
    /// Somebody read what is masked.
    Unmasked(Unmasked) = "pii.unmasked",
    /// The office plans a visit.
    VisitScheduled(VisitPlan) = "office.visit_scheduled",
    /// The office gives it to a worker.
    Assigned(Assigned) = "office.assigned",
    /// The office moves it in time.
    Rescheduled(Rescheduled) = "office.rescheduled",
    /// The office takes it back.
    Cancelled(Cancelled) = "office.cancelled",
    /// The office says which lane is the result.
    LaneChosen(LaneChosen) = "office.lane_chosen",
    /// The office decides about a late lane.
    LateDecided(LateDecided) = "office.late_decided",
    /// The office has an operation judged anew that was kept apart.
    Rejudged(Rejudged) = "office.rejudged",
    /// The office has looked at an operation that is kept apart, and leaves it there.
    Filed(Filed) = "office.filed",
    /// A ledger was imported.
    Imported(Imported) = "office.imported",
    /// An office user.
    UserAdded(UserAdded) = "office.user_added",
    /// An office user leaves.
    UserDisabled(UserDisabled) = "office.user_disabled",
    /// Somebody else set an office user's password.
    PasswordReset(PasswordReset) = "office.password_reset",
    /// A code to enrol a worker's phone was given out.
    EnrolmentIssued(EnrolmentIssued) = "office.enrolment_issued",
    /// A phone is enrolled for a worker.
    DeviceEnrolled(DeviceEnrolled) = "office.device_enrolled",
    /// A phone leaves.
    DeviceRevoked(DeviceRevoked) = "office.device_revoked",
    /// Settings changed.
    SettingsChanged(SettingsChanged) = "office.settings_changed",
    /// 回访 or spot check.
    CallbackMade(CallbackMade) = "office.callback_made",
    /// The office's part of a form.
    FormCompleted(FormCompleted) = "office.form_completed",
    /// An invoice was issued.
    InvoiceRecorded(InvoiceRecorded) = "office.invoice_recorded",
    /// The office's data was brought back from the backup.
    Restored(Restored) = "office.restored",
    /// What is known of a dwelling's people is destroyed.
    HouseholdErased(HouseholdErased) = "office.household_erased",
}

fn read<T: DeserializeOwned>(kind: &str, body: &str, event: impl FnOnce(T) -> Event) -> Event {
    match serde_json::from_str(body) {
        Ok(payload) => event(payload),
        Err(error) => Event::Unreadable { kind: kind.to_owned(), why: error.to_string() },
    }
}

fn write<T: Serialize>(payload: &T, nonce: &str) -> String {
    #[derive(Serialize)]
    struct Body<'a, T> {
        n: &'a str,
        #[serde(flatten)]
        payload: &'a T,
    }
    serde_json::to_string(&Body { n: nonce, payload }).expect("a payload is a struct of plain fields")
}

impl Event {
    /// Whether it belongs to the office's part of a visit: its plan, not a lane.
    pub fn is_office(&self) -> bool {
        self.kind().starts_with("office.")
    }
}

/// One operation of a log, as folding sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The operation's id; the same one folded twice counts once.
    pub op: OpId,
    /// Whose log.
    pub device: DeviceId,
    /// Its position there: the only order among the facts of one device.
    pub seq: u64,
    /// Who acted.
    pub worker: WorkerId,
    /// The plan version he saw; 0 = none.
    pub basis: u64,
    /// The rules he had.
    pub rules: Sha,
    /// The device's clocks.
    pub stamp: Stamp,
    /// The server's estimate of when, once it has one.
    pub estimate: Option<Estimate>,
    /// What happened.
    pub event: Event,
    /// Its files.
    pub blobs: Vec<BlobRef>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Fen;

    #[test]
    fn a_body_reads_back_as_the_event_it_was_written_from() {
        let event = Event::QuoteShown(QuoteShown {
            revision: 2,
            lines: Vec::new(),
            price_list: Sha::of(b"list"),
            price_list_version: "2026-1".into(),
            total: Fen(0),
            tax: Fen(0),
            expected_minutes: Some(90),
            change: Some("阀门改为球阀".into()),
        });
        let body = event.to_body("00ff");
        assert!(body.contains(r#""n":"00ff""#), "{body}");
        assert_eq!(Event::parse(event.kind(), &body), event);
        for kind in ["visit.acknowledged", "visit.floor_protected"] {
            let bare = Event::parse(kind, r#"{"n":"00ff"}"#);
            assert_eq!(bare.kind(), kind);
            assert_eq!(bare.to_body("00ff"), r#"{"n":"00ff"}"#);
        }
    }

    #[test]
    fn of_a_password_and_of_a_code_only_stands_whose_they_are() {
        let whose = WorkerId(uuid::Uuid::from_u128(7));
        let reset = Event::PasswordReset(PasswordReset { user: whose });
        let issued = Event::EnrolmentIssued(EnrolmentIssued { worker: whose });
        for (event, kind, key) in
            [(reset, "office.password_reset", "user"), (issued, "office.enrolment_issued", "worker")]
        {
            let body = event.to_body("00ff");
            assert_eq!(body, format!(r#"{{"n":"00ff","{key}":"{whose}"}}"#));
            assert_eq!((event.kind(), event.is_office()), (kind, true));
            assert_eq!(Event::parse(kind, &body), event);
        }
    }

    #[test]
    fn nothing_fails_to_parse() {
        assert_eq!(Event::parse("visit.teleported", "{}"), Event::Unknown { kind: "visit.teleported".into() });
        for kind in KINDS {
            for body in ["", "null", "[]", "{\"n\":1e400}", "\u{0}", "{\"revision\":1.5}", "\"text\""] {
                assert_eq!(Event::parse(kind, body).kind(), *kind);
            }
            assert!(matches!(Event::parse(kind, "7"), Event::Unreadable { .. }), "{kind}");
        }
    }
}
