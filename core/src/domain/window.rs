//! An agreed time to come (F.1): from … until, both ends inside.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// 约定入户时间, a closed interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    /// The earliest arrival that keeps it.
    pub from: Millis,
    /// The latest arrival that keeps it.
    pub until: Millis,
}

impl Window {
    /// Whether the ends are in order.
    pub fn is_ordered(&self) -> bool {
        self.from <= self.until
    }
}
