//! The rules through their public door: whole visits, forged and shuffled logs, golden states.

mod golden;
mod journeys;
mod measuring;
mod order;
mod phone;
mod shuffle;
