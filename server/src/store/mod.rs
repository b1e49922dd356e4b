//! Where everything is kept: one log, its projections, the vault, the files, the backup.
//!
//! What a store owes its callers is the trait [`Store`] and the contract tests in `suite`: a store that passes them
//! is a store. [`sqlite`] is the embedded one.

pub mod blobs;
pub mod ship;
pub mod sqlite;
pub mod vault;

mod error;
mod migrate;

pub use error::StoreError;
