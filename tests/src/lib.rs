//! Everything that needs more than one room: journeys in `tests/`, the figures of `make bench` in [`figures`], and what both need.

pub mod drill;
pub mod figures;
pub mod jotter;
