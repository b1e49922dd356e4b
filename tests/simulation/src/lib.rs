//! Nothing lost, and it can be shown: phones, an office and a bad network in one process, deterministic from one seed.
//!
//! Phones are the real store, log and courier, the server is the real exchange, judgement, feed, files and backup, each
//! over a real SQLite in memory. The network between them, the processes' ends, the clocks and the people are chosen
//! by [`Dice`]; [`ledger`] knows what was promised, and everything is held against it. Where a promise is broken on
//! purpose (`nuanfang_core::drill`), the run must find it: a checker that finds nothing then could not see.

mod act;
mod course;
mod dice;
mod far;
mod ground;
pub mod ledger;
mod look;
pub mod memory;
mod office;
mod phone;
pub mod plan;
mod receipt;
mod release;
mod rest;
pub mod shrink;
mod tally;
mod trouble;
mod wire;
mod world;

pub use dice::Dice;
pub use ground::Ground;
pub use plan::{Fault, Faults, Plan};
pub use tally::{Failure, Tally};
pub use world::{Chances, Report, run};
