//! What the office does: it accepts what devices send, acts itself, and makes every table but the log by folding it.

pub mod accept;
mod act;
pub mod cli;
pub mod desk;
pub mod dispatch;
pub mod erase;
mod estimate;
pub mod feed;
pub mod folded;
pub mod import;
pub mod judge;
pub mod ledger;
mod lineage;
pub mod log;
pub mod lost;
pub mod project;
pub mod readmission;
pub mod rebuild;
pub mod registers;
pub mod rejudge;
pub mod rescue;
pub mod restore;
pub mod role;
pub mod seen;
pub mod silence;
pub mod uploads;

pub use act::{Office, OfficeAct};
