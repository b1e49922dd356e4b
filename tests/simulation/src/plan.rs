//! What one run is: a seed, how long, how many phones, which faults. The same plan gives the same run.

use std::collections::BTreeSet;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fault {
    /// A request never arrives.
    LostRequest,
    /// An answer never arrives; what it answers was done.
    LostReply,
    /// A request arrives twice.
    Duplicate,
    /// A request arrives once more, much later, after others.
    Ghost,
    /// The answer to another request arrives.
    OtherReply,
    /// An answer ends in its middle.
    Truncated,
    /// A portal's page with status 200.
    Portal,
    /// A gateway's 502.
    BadGateway,
    /// An upload is cut at a byte.
    CutUpload,
    /// A byte of an upload changes on its way.
    FlippedByte,
    /// A phone's process ends between two effects.
    PhoneEnds,
    /// The server's process ends between two effects.
    ServerEnds,
    /// The server's disk refuses a commit.
    DiskFull,
    /// The server is restored from its backup.
    Restore,
    /// A phone's folder is put back to an older state.
    SetBack,
    /// A phone's folder is copied to a second phone; both go on.
    Clone,
    /// A phone's wall clock jumps, by up to ten years.
    ClockJump,
    /// A phone restarts.
    Reboot,
    /// A visit is given to another worker.
    Reassign,
    /// A visit is taken back.
    Cancel,
    /// A worker leaves: his phone may upload and reads nothing.
    Dismissed,
    /// A phone is stolen: it is refused.
    Stolen,
    /// The server is upgraded to a release that knows more.
    Deploy,
    /// The server is put back to the release before.
    Downgrade,
    /// An app is upgraded, in the middle of everything.
    AppUpgrade,
    /// A phone's keystore has lost its key, and makes another.
    KeyLost,
    /// A phone's rescue file is handed in, and the phone goes on.
    Rescued,
    /// The server's clock is set, by minutes or days, to and fro.
    ServerClock,
    /// A dwelling's people are erased, by the office's command.
    Erased,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 29] = [
        Self::LostRequest,
        Self::LostReply,
        Self::Duplicate,
        Self::Ghost,
        Self::OtherReply,
        Self::Truncated,
        Self::Portal,
        Self::BadGateway,
        Self::CutUpload,
        Self::FlippedByte,
        Self::PhoneEnds,
        Self::ServerEnds,
        Self::DiskFull,
        Self::Restore,
        Self::SetBack,
        Self::Clone,
        Self::ClockJump,
        Self::Reboot,
        Self::Reassign,
        Self::Cancel,
        Self::Dismissed,
        Self::Stolen,
        Self::Deploy,
        Self::Downgrade,
        Self::AppUpgrade,
        Self::KeyLost,
        Self::Rescued,
        Self::ServerClock,
        Self::Erased,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::LostRequest => "lost_request",
            Self::LostReply => "lost_reply",
            Self::Duplicate => "duplicate",
            Self::Ghost => "ghost",
            Self::OtherReply => "other_reply",
            Self::Truncated => "truncated",
            Self::Portal => "portal",
            Self::BadGateway => "bad_gateway",
            Self::CutUpload => "cut_upload",
            Self::FlippedByte => "flipped_byte",
            Self::PhoneEnds => "phone_ends",
            Self::ServerEnds => "server_ends",
            Self::DiskFull => "disk_full",
            Self::Restore => "restore",
            Self::SetBack => "set_back",
            Self::Clone => "clone",
            Self::ClockJump => "clock_jump",
            Self::Reboot => "reboot",
            Self::Reassign => "reassign",
            Self::Cancel => "cancel",
            Self::Dismissed => "dismissed",
            Self::Stolen => "stolen",
            Self::Deploy => "deploy",
            Self::Downgrade => "downgrade",
            Self::AppUpgrade => "app_upgrade",
            Self::KeyLost => "key_lost",
            Self::Rescued => "rescued",
            Self::ServerClock => "server_clock",
            Self::Erased => "erased",
        }
    }
}

/// Which faults a run may meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults(pub u32);

impl Faults {
    /// All kinds.
    pub const ALL: Self = Self((1 << Fault::ALL.len()) - 1);

    /// The first `n` kinds: those there were when a seed failed, which plays otherwise with more.
    pub fn first(n: u32) -> Self {
        Self((1 << n) - 1)
    }

    /// Whether a kind is among them.
    pub fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u8) != 0
    }

    /// Without one kind.
    pub fn without(self, fault: Fault) -> Self {
        Self(self.0 & !(1 << fault as u8))
    }
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where all choices come from.
    pub seed: u64,
    /// How many steps before everything is let come to rest.
    pub steps: u32,
    /// How many enrolments at first.
    pub phones: u32,
    /// What may go wrong.
    pub faults: Faults,
    /// Steps that are left out.
    pub skip: BTreeSet<u32>,
    /// Whether the run tells its story.
    pub tell: bool,
    /// Office hours it takes, spread over its steps: a day of a whole company, in which nobody loses the server more than
    /// a few times. `None`: time jumps as it likes.
    pub hours: Option<u32>,
}

impl Plan {
    /// The run of a seed, with everything that may go wrong. `phones` 0 lets the seed choose, between 2 and 50.
    pub fn of(seed: u64, steps: u32, phones: u32) -> Self {
        let mut dice = super::Dice::new(seed, u64::MAX);
        // Most are small: what goes wrong among three goes wrong among fifty.
        let chosen = match dice.below(20) {
            0 => dice.between(12, 50),
            1..=5 => dice.between(6, 12),
            _ => dice.between(2, 5),
        };
        let phones = if phones == 0 { chosen as u32 } else { phones };
        Self { seed, steps, phones, faults: Faults::ALL, skip: BTreeSet::new(), tell: false, hours: None }
    }
}
