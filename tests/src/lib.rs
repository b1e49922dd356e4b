//! Everything that needs more than one room: journeys in `tests/`, the figures of `make bench` in [`figures`].

pub mod figures;
pub mod jotter;
