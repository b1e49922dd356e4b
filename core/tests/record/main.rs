//! The signed record through its public doors: built, signed, received, published, checked; and everything that may be
//! done to it on the way, each of which is found and named.

mod fixture;
mod forgery;
mod golden;
mod keys;
mod signing;
mod tamper;
mod trust;
