//! Everything that needs more than one room: journeys in `tests/`, the figures of `make bench` in `src/bin`.
