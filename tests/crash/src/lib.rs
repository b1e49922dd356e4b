//! Proves that nothing is lost: crashes at every write, disks that fail, networks that lie.
//!
//! - `calls`, `recording`, [`disk`]: every change the code under test makes to a folder, recorded in order, or refused.
//! - [`replay`], [`image`]: that folder as it is found after a crash at any index of the record.
//! - [`phone`], [`server`]: workloads of the real phone and the real server, and what must hold of their disks.
//! - [`migration`]: the first release's phone while its database is brought up to this release's schema.
//! - [`salvage`]: a phone's database while it is made anew out of what can be read of a damaged one.
//! - [`control`]: the proof that a missing sync is seen.
//! - [`faults`]: the same workloads on disks that are full, broken or read-only.
//! - [`suite`]: all of it in two sizes, for every day and for a night.
//! - [`chaos`]: phones and a server with a network between them that cuts, repeats, delays and lies.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod calls;
pub mod chaos;
pub mod control;
pub mod disk;
mod event;
pub mod faults;
pub mod house;
pub mod image;
pub mod migration;
pub mod phone;
mod recording;
pub mod replay;
pub mod salvage;
pub mod scratch;
pub mod sender;
pub mod server;
pub mod suite;
pub mod sweep;
