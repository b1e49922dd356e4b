//! Where everything is kept: one log, its projections, the vault, the files, the backup.
//!
//! What a store owes its callers is the trait [`Store`] and the checks in [`suite`]: a store that passes them is a
//! store. [`sqlite`] is the embedded one.

pub mod blobs;
pub mod ship;
pub mod sqlite;
pub mod vault;

#[doc(hidden)]
pub mod suite;

mod contract;
mod error;
mod migrate;

pub use contract::{Incoming, Reading, Receiving, Store};
pub use error::StoreError;
