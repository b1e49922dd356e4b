//! What only a drill may do to this code: break a promise on purpose, end the process between two effects, make limits
//! small enough to be reached, be the release before this one. A drill that finds nothing while a promise is broken could
//! not see.
//!
//! Without the feature `mutants` every question here has its answer when the code is built: nothing is broken, nothing
//! ends, limits are as they are. The shipped binary refuses to be built with it.

/// A promise broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mutant {
    /// The server stores an operation again that it has.
    NoUnique = 1,
    /// The phone deletes what is acknowledged, before it is safe.
    PruneAtAck,
    /// The server refuses evidence of a worker who held the visit before.
    RefuseLate,
    /// The phone keeps where the feed stands before it applies it.
    CursorFirst,
    /// A restored server keeps its epoch.
    SameEpoch,
    /// The server answers before it commits.
    ReplyBeforeCommit,
    /// A visit given to another stays with the one who had it.
    NoRevoke,
    /// The server takes nothing after an operation it can't read.
    StopAtPoison,
    /// Positions of the feed are given out outside the transaction.
    PositionOutside,
    /// Other bytes at a position that is taken are passed over.
    ForkAccepted,
    /// A reset of the mirror clears what waits to be sent.
    ResetClearsOutbox,
    /// The server orders what it receives by the phone's clock.
    OrderByClock,
    /// The phone takes any answer for the answer to its request.
    NoEcho,
    /// The server calls safe what is acknowledged.
    SafeAtAck,
    /// The server publishes a file without looking at its bytes.
    UncheckedFile,
    /// The server publishes a file before its bytes are on the disk.
    NameFirst,
    /// A newer build of the server leaves held what it understands.
    DeployKeepsHeld,
    /// A newer build of the app clears what waits to be sent, and drafts.
    UpgradeClears,
    /// The server takes what a phone brings that has not heard of its restore.
    TakesUnheard,
}

impl Mutant {
    /// All that show while disks keep what they were given. [`Mutant::NameFirst`] shows at a power cut alone.
    pub const ALL: [Self; 18] = [
        Self::NoUnique,
        Self::PruneAtAck,
        Self::RefuseLate,
        Self::CursorFirst,
        Self::SameEpoch,
        Self::ReplyBeforeCommit,
        Self::NoRevoke,
        Self::StopAtPoison,
        Self::PositionOutside,
        Self::ForkAccepted,
        Self::ResetClearsOutbox,
        Self::OrderByClock,
        Self::NoEcho,
        Self::SafeAtAck,
        Self::UncheckedFile,
        Self::DeployKeepsHeld,
        Self::UpgradeClears,
        Self::TakesUnheard,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoUnique => "no-unique",
            Self::PruneAtAck => "prune-at-ack",
            Self::RefuseLate => "refuse-late",
            Self::CursorFirst => "cursor-first",
            Self::SameEpoch => "same-epoch",
            Self::ReplyBeforeCommit => "reply-before-commit",
            Self::NoRevoke => "no-revoke",
            Self::StopAtPoison => "stop-at-poison",
            Self::PositionOutside => "position-outside",
            Self::ForkAccepted => "fork-accepted",
            Self::ResetClearsOutbox => "reset-clears-outbox",
            Self::OrderByClock => "order-by-clock",
            Self::NoEcho => "no-echo",
            Self::SafeAtAck => "safe-at-ack",
            Self::UncheckedFile => "unchecked-file",
            Self::NameFirst => "name-first",
            Self::DeployKeepsHeld => "deploy-keeps-held",
            Self::UpgradeClears => "upgrade-clears",
            Self::TakesUnheard => "takes-unheard",
        }
    }
}

/// Whose process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A phone's.
    Phone,
    /// The server's.
    Server,
}

/// A limit that a drill makes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Operations in one exchange.
    BatchOps,
    /// Changes of the feed told one by one before a reset tells the whole.
    FeedChanges,
    /// Bytes of a file sent at once.
    Piece,
}

#[cfg(feature = "mutants")]
pub use live::{Ended, Orders, give, next_position, orders};

/// Whether the promise is broken.
#[inline(always)]
pub fn is(mutant: Mutant) -> bool {
    #[cfg(feature = "mutants")]
    return live::is(mutant);
    #[cfg(not(feature = "mutants"))]
    {
        let _ = mutant;
        false
    }
}

/// Here an effect has just become visible, or is about to: the process may end.
#[inline(always)]
pub fn effect(side: Side) {
    #[cfg(feature = "mutants")]
    live::effect(side);
    #[cfg(not(feature = "mutants"))]
    let _ = side;
}

/// Whether the disk refuses the commit that is about to be made.
#[inline(always)]
pub fn disk_refuses() -> bool {
    #[cfg(feature = "mutants")]
    return live::disk_refuses();
    #[cfg(not(feature = "mutants"))]
    false
}

/// A limit: `usual`, unless a drill made it smaller.
#[inline(always)]
pub fn limit(limit: Limit, usual: usize) -> usize {
    #[cfg(feature = "mutants")]
    return live::limit(limit, usual);
    #[cfg(not(feature = "mutants"))]
    {
        let _ = limit;
        usual
    }
}

/// Whether the code at work has no word for this kind of event, or can't read this type of entity, as the release before
/// this one had none.
#[inline(always)]
pub fn lacks(name: &str) -> bool {
    #[cfg(feature = "mutants")]
    return live::lacks(name);
    #[cfg(not(feature = "mutants"))]
    {
        let _ = name;
        false
    }
}

/// Whether the code at work is the release before this one. Where it matters, code of its own is built in with the feature.
#[cfg(feature = "mutants")]
pub fn is_older() -> bool {
    orders(|orders| !orders.lacks.is_empty())
}

#[cfg(feature = "mutants")]
mod live {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::{Limit, Mutant, Side};

    /// The process ended: what unwinds through the code that was at work.
    pub struct Ended(pub Side);

    /// What a drill wants.
    #[derive(Debug, Clone, Default)]
    pub struct Orders {
        /// Effects of a phone until its process ends.
        pub phone_ends_in: Option<u32>,
        /// Effects of the server until its process ends.
        pub server_ends_in: Option<u32>,
        /// Commits of the server until the disk refuses one.
        pub disk_refuses_in: Option<u32>,
        /// See [`Limit::BatchOps`].
        pub batch_ops: Option<usize>,
        /// See [`Limit::FeedChanges`].
        pub feed_changes: Option<usize>,
        /// See [`Limit::Piece`].
        pub piece: Option<usize>,
        /// Kinds of events and types of entities that the release at work does not know; none: it is this one.
        pub lacks: &'static [&'static str],
        positions: HashMap<String, u64>,
    }

    thread_local! {
        static ORDERS: RefCell<Orders> = RefCell::default();
    }

    /// The promise that is broken, for every thread: a server has many.
    static BROKEN: AtomicU8 = AtomicU8::new(0);

    /// Breaks a promise, or none, in this whole process.
    pub fn give(mutant: Option<Mutant>) {
        BROKEN.store(mutant.map_or(0, |mutant| mutant as u8), Ordering::Relaxed);
    }

    /// Looks at, or changes, what a drill wants of this thread.
    pub fn orders<T>(change: impl FnOnce(&mut Orders) -> T) -> T {
        ORDERS.with_borrow_mut(change)
    }

    /// For [`Mutant::PositionOutside`]: the next position of a scope whose head is committed at `head`.
    pub fn next_position(scope: &str, head: u64) -> u64 {
        orders(|orders| {
            let known = orders.positions.entry(scope.to_owned()).or_insert(head);
            *known = head.max(*known) + 1;
            *known
        })
    }

    impl Orders {
        /// A new process remembers no position.
        pub fn forget_positions(&mut self) {
            self.positions.clear();
        }
    }

    pub(super) fn is(mutant: Mutant) -> bool {
        BROKEN.load(Ordering::Relaxed) == mutant as u8
    }

    pub(super) fn lacks(name: &str) -> bool {
        orders(|orders| orders.lacks.contains(&name))
    }

    pub(super) fn effect(side: Side) {
        let ends = orders(|orders| match side {
            Side::Phone => count(&mut orders.phone_ends_in),
            Side::Server => count(&mut orders.server_ends_in),
        });
        if ends {
            std::panic::resume_unwind(Box::new(Ended(side)));
        }
    }

    pub(super) fn disk_refuses() -> bool {
        orders(|orders| count(&mut orders.disk_refuses_in))
    }

    /// Counts down; true once, when it is out.
    fn count(left: &mut Option<u32>) -> bool {
        match left {
            Some(0) => {
                *left = None;
                true
            }
            Some(more) => {
                *more -= 1;
                false
            }
            None => false,
        }
    }

    pub(super) fn limit(limit: Limit, usual: usize) -> usize {
        let small = orders(|orders| match limit {
            Limit::BatchOps => orders.batch_ops,
            Limit::FeedChanges => orders.feed_changes,
            Limit::Piece => orders.piece,
        });
        small.unwrap_or(usual)
    }
}
