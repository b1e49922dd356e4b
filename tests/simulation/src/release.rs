//! Which release a phone or the server is. The one before this one has no word for some kinds of events, can't read some
//! entities of the feed and knows its own rules alone; the code that plays it is this one's.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Rules;
use nuanfang_core::drill;

/// What the release before this one does not know: kinds of events, and a type of the feed's entities.
const LACKS: &[&str] = &["visit.photographed", "visit.completed", "visit"];

/// A release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// The one before this one.
    Before,
    /// This one.
    This,
}

impl Release {
    /// Does `work` as this release does it.
    pub fn at_work<T>(self, work: impl FnOnce() -> T) -> T {
        /// Puts back what was at work before, however the work ended.
        struct Back(&'static [&'static str]);
        impl Drop for Back {
            fn drop(&mut self) {
                drill::orders(|orders| orders.lacks = self.0);
            }
        }
        let lacks = if self == Self::Before { LACKS } else { &[] };
        let _back = Back(drill::orders(|orders| std::mem::replace(&mut orders.lacks, lacks)));
        work()
    }

    /// Whether it has a word for this kind of event.
    pub fn knows(self, kind: &str) -> bool {
        self == Self::This || !LACKS.contains(&kind)
    }

    /// The rules it carries.
    pub fn rules(self) -> Sha {
        self.at_work(|| Rules::builtin().sha())
    }

    /// Its name in the story.
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "the release before",
            Self::This => "this release",
        }
    }
}
