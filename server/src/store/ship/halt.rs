//! Why the backup does not go on, for the office to see.

use std::sync::{Arc, Mutex, PoisonError};

use nuanfang_core::time::Millis;

/// That the backup stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// Since when.
    pub since: Millis,
    /// Why, in Chinese, as it was last tried.
    pub why: String,
}

/// Whether it does: noted by who ships, read by who asks.
#[derive(Debug, Clone, Default)]
pub struct Halted(Arc<Mutex<Option<Halt>>>);

impl Halted {
    /// That it stands still; `None` while it goes on.
    pub fn get(&self) -> Option<Halt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It goes on.
    pub(super) fn over(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// It did not go on at `now`.
    pub(super) fn note(&self, now: Millis, why: String) {
        let mut halt = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = halt.as_ref().map_or(now, |halt| halt.since);
        *halt = Some(Halt { since, why });
    }
}
