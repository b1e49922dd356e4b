//! When to try again: full jitter over a doubling span, at most fifteen minutes. A tap or a change of the network
//! starts anew at once; waiting is never for a write.

/// The longest span, in milliseconds.
pub const CAP_MS: u64 = 15 * 60 * 1000;
const FIRST_MS: u64 = 2_000;

/// How many tries have failed in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Something worked, or somebody asked: the next failure is the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Another failure: how long to wait, in milliseconds. `random` decides within the span, `retry_after_s` is what
    /// the server asked for at the least.
    pub fn failed(&mut self, random: u64, retry_after_s: Option<u32>) -> u64 {
        let span = FIRST_MS.checked_shl(self.failures.min(20)).unwrap_or(CAP_MS).min(CAP_MS);
        self.failures = self.failures.saturating_add(1);
        let asked = u64::from(retry_after_s.unwrap_or(0)).saturating_mul(1000).min(CAP_MS);
        asked.max(random % (span + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_doubles_up_to_the_cap_and_starts_anew() {
        let mut backoff = Backoff::default();
        let longest: Vec<u64> = [2_000, 4_000, 8_000].into_iter().map(|span| backoff.failed(span, None)).collect();
        assert_eq!(longest, [2_000, 4_000, 8_000]);
        for random in 0..200 {
            assert!(backoff.failed(random * 7_919_311, None) <= CAP_MS);
        }
        backoff.reset();
        assert_eq!(backoff.failed(2_001, None), 0);
        assert_eq!(backoff.failed(0, Some(30)), 30_000);
        assert_eq!(backoff.failed(0, Some(u32::MAX)), CAP_MS);
    }
}
