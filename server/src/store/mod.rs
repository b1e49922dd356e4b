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

/// Does what may wait for a disk off the async threads. A drill has one thread, and does it where it is asked for.
///
/// # Errors
/// What `f` says; a panic of it is [`StoreError::Panicked`].
pub async fn blocking<T, E, F>(f: F) -> Result<T, E>
where
    F: FnOnce() -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    #[cfg(feature = "mutants")]
    return f();
    #[cfg(not(feature = "mutants"))]
    tokio::task::spawn_blocking(f).await.unwrap_or_else(|error| Err(StoreError::Panicked(error.to_string()).into()))
}
