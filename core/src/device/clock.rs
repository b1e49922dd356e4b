//! The phone's clocks, handed in: wall, monotonic through sleep, boot. On a phone the platform answers (Android's
//! `elapsedRealtime`, Apple's continuous time); a desktop reads its own; the demo and the tests set theirs by hand.

use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::id::BootId;
use crate::time::{Estimate, Millis, Stamp, TimeQuality};
use crate::wire::Heard;

/// A device's clocks.
pub trait Clock: Send + Sync {
    /// All of them, read together.
    fn stamp(&self) -> Stamp;
}

/// A server time tied to a run of the monotonic clock, as one exchange gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The run.
    pub boot: BootId,
    /// The monotonic clock in the middle of the exchange, milliseconds.
    pub mono_ms: u64,
    /// The server's time then.
    pub server: Millis,
    /// How long the exchange took, milliseconds: the anchor is right to half of it.
    pub rtt_ms: u64,
}

impl Anchor {
    /// The answer it came from, as it is told to the server.
    pub fn heard(&self) -> Heard {
        let mono_ms = self.mono_ms + (self.rtt_ms - self.rtt_ms / 2);
        Heard { boot: self.boot, mono_ms, server_ms: self.server }
    }

    /// What time it is at `stamp`, as well as the phone can know: from the anchor when the boot is the same, else the
    /// wall clock's claim.
    pub fn estimate(anchor: Option<&Self>, stamp: &Stamp) -> Estimate {
        match anchor {
            Some(anchor) if anchor.boot == stamp.boot => {
                let elapsed = stamp.mono_ms as i128 - anchor.mono_ms as i128;
                let est =
                    (i128::from(anchor.server.0) + elapsed).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
                let half = i64::try_from(anchor.rtt_ms / 2 + 1).unwrap_or(i64::MAX);
                Estimate {
                    est: Millis(est),
                    lo: Millis(est.saturating_sub(half)),
                    hi: Millis(est.saturating_add(half)),
                    quality: TimeQuality::Anchored,
                }
            }
            _ => Estimate { quality: TimeQuality::Claimed, ..Estimate::exact(Millis(stamp.wall_ms)) },
        }
    }
}

/// The clocks of a desktop: the system's time, the time since boot where Linux tells it, else since the app began.
pub struct SystemClock {
    began: Instant,
    boot: BootId,
    uptime: bool,
}

impl SystemClock {
    /// The clocks of this machine.
    pub fn new() -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()
            .and_then(|text| Uuid::parse_str(text.trim()).ok())
            .filter(|_| uptime_ms().is_some());
        Self { began: Instant::now(), uptime: boot.is_some(), boot: BootId(boot.unwrap_or_else(Uuid::new_v4)) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn stamp(&self) -> Stamp {
        let mono_ms = if self.uptime { uptime_ms() } else { None };
        Stamp {
            wall_ms: wall_ms(),
            mono_ms: mono_ms.unwrap_or_else(|| self.began.elapsed().as_millis() as u64),
            boot: self.boot,
        }
    }
}

fn wall_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    }
}

/// `/proc/uptime` counts through sleep, in hundredths of a second.
fn uptime_ms() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = text.split_whitespace().next()?.split_once('.')?;
    Some(seconds.parse::<u64>().ok()? * 1000 + hundredths.parse::<u64>().ok()? * 10)
}

/// Clocks that stand until they are moved: for tests and for the demo's day.
pub struct SoftwareClock {
    now: Mutex<Stamp>,
}

impl SoftwareClock {
    /// Clocks that show `wall`, an hour after boot.
    pub fn at(wall: Millis) -> Self {
        Self { now: Mutex::new(Stamp { wall_ms: wall.0, mono_ms: 3_600_000, boot: BootId(Uuid::new_v4()) }) }
    }

    /// Lets `ms` milliseconds pass.
    pub fn advance_ms(&self, ms: u64) {
        let mut now = self.lock();
        now.wall_ms = now.wall_ms.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX));
        now.mono_ms = now.mono_ms.saturating_add(ms);
    }

    /// Lets time pass until the wall clock shows `wall`; nothing if it is past it.
    pub fn advance_to(&self, wall: Millis) {
        let ahead = wall.0.saturating_sub(self.stamp().wall_ms);
        self.advance_ms(u64::try_from(ahead).unwrap_or(0));
    }

    /// Somebody sets the wall clock; the monotonic one goes on.
    pub fn set_wall(&self, wall: Millis) {
        self.lock().wall_ms = wall.0;
    }

    /// The phone restarts: a new boot, its monotonic clock near zero.
    pub fn reboot(&self) {
        let mut now = self.lock();
        now.mono_ms = 20_000;
        now.boot = BootId(Uuid::new_v4());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Stamp> {
        self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for SoftwareClock {
    fn stamp(&self) -> Stamp {
        *self.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_of_the_same_boot_outweighs_a_wall_clock_three_years_off() {
        let clock = SoftwareClock::at(Millis(1_700_000_000_000));
        let stamp = clock.stamp();
        let anchor = Anchor { boot: stamp.boot, mono_ms: stamp.mono_ms, server: Millis(1_800_000_000_000), rtt_ms: 80 };
        clock.advance_ms(5_000);
        clock.set_wall(Millis(0));
        let now = Anchor::estimate(Some(&anchor), &clock.stamp());
        assert_eq!((now.est.0, now.quality), (1_800_000_005_000, TimeQuality::Anchored));
        clock.reboot();
        assert_eq!(Anchor::estimate(Some(&anchor), &clock.stamp()).quality, TimeQuality::Claimed);
    }

    #[test]
    fn the_system_clock_runs_forward_within_one_boot() {
        let clock = SystemClock::new();
        let (first, second) = (clock.stamp(), clock.stamp());
        assert_eq!(first.boot, second.boot);
        assert!(second.mono_ms >= first.mono_ms);
    }
}
