//! Everything that needs more than one room: journeys in `tests/`, the figures of `make bench` in [`figures`], what phones
//! log in [`paperwork`], and what several of these need.

pub mod address;
pub mod drill;
pub mod figures;
pub mod jotter;
pub mod paperwork;
