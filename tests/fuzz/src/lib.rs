//! What untrusted bytes reach in the core, one function a room. Each takes the bytes of one try, makes of them what
//! would arrive there, and panics if a promise of the room is broken; a panic in the room itself is one too.
//!
//! `tests/targets.rs` runs them over the kept inputs and over random ones; `scripts/fuzz.sh` lets coverage choose.

pub mod kept;
pub mod samples;
pub mod shape;
pub mod targets;
mod tree;
