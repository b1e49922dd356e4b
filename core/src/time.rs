//! Time as it is known: instants in UTC milliseconds, judged in Asia/Shanghai, each with how surely it is known
//! (device clocks order nothing, I10).

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};

use crate::id::BootId;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Millis(pub i64);

impl Millis {
    /// The instant in local time of Beijing (UTC+8, no daylight saving since 1991). Instants that no calendar
    /// holds (a broken clock) become the nearest end of it.
    pub fn local(self) -> DateTime<FixedOffset> {
        let offset = FixedOffset::east_opt(8 * 3600).expect("eight hours is an offset");
        let utc = DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        });
        // The ends of the calendar leave no room for the offset.
        let day = chrono::Duration::days(1);
        let inside = utc.clamp(DateTime::<Utc>::MIN_UTC + day, DateTime::<Utc>::MAX_UTC - day);
        inside.with_timezone(&offset)
    }

    /// This instant moved by `minutes`, saturating.
    pub fn plus_minutes(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes.saturating_mul(60_000)))
    }
}

/// What a device's clocks said when an operation was appended. Stored verbatim, never used for order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stamp {
    /// Wall clock, UTC milliseconds, as the device claims it.
    pub wall_ms: i64,
    /// Monotonic clock that runs through sleep, milliseconds since `boot` began.
    pub mono_ms: u64,
    /// The run of the monotonic clock.
    pub boot: BootId,
}

impl Stamp {
    /// How long before `now` this was, milliseconds, by the same device's clocks: by the monotonic one in the same run of it,
    /// else by what the wall clock claims, which may have been set back. Never less than nothing.
    pub fn age_ms(&self, now: &Self) -> u64 {
        if self.boot == now.boot {
            now.mono_ms.saturating_sub(self.mono_ms)
        } else {
            u64::try_from(now.wall_ms.saturating_sub(self.wall_ms)).unwrap_or(0)
        }
    }
}

/// How an instant of a device is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeQuality {
    /// Tied to a server time of the same boot: est = anchor + elapsed, ± half the round trip.
    Anchored,
    /// Between its neighbours in the device's log and its receipt.
    Bracketed,
    /// Only the device's own claim.
    Claimed,
}

/// The server's estimate of when something happened: `lo ≤ est ≤ hi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Estimate {
    /// Best estimate.
    pub est: Millis,
    /// Not before.
    pub lo: Millis,
    /// Not after.
    pub hi: Millis,
    /// How it is known.
    pub quality: TimeQuality,
}

/// Whether a deadline was kept, as far as the clocks can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineVerdict {
    /// The whole interval lies at or before the deadline.
    Met,
    /// The whole interval lies beyond it.
    Missed,
    /// The deadline lies inside the interval.
    Uncertain,
}

impl Estimate {
    /// An instant known exactly, as the server knows its own.
    pub fn exact(at: Millis) -> Self {
        Self { est: at, lo: at, hi: at, quality: TimeQuality::Anchored }
    }

    /// Judges `deadline` (inclusive) against the whole interval.
    pub fn against(&self, deadline: Millis) -> DeadlineVerdict {
        if self.hi <= deadline {
            DeadlineVerdict::Met
        } else if self.lo > deadline {
            DeadlineVerdict::Missed
        } else {
            DeadlineVerdict::Uncertain
        }
    }
}
