//! The server of Nuanfang: receives what workers record, serves the office, keeps everything in one data folder.
//!
//! - [`http`]: the route table is the table of contents; extractors are the permissions.
//! - [`office`]: what the office does: accept envelopes, act, import, project.
//! - [`metrics`]: what whoever watches the server reads.
//! - [`store`]: the log, its projections, the vault, the files, the backup.
//! - [`serve`]: all of it started and stopped, in a process or in a test.

pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod enrolment;
pub mod http;
pub mod keys;
pub mod metrics;
pub mod office;
pub mod serve;
pub mod state;
pub mod store;
pub mod terminal;
mod whole;

pub use config::Config;
pub use serve::{Running, Server, StartError};
pub use state::AppState;
