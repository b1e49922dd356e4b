//! The phone: one encrypted store, an append-only log of what the worker did, a mirror of what the office plans,
//! photos, and the exchange with the server. A screen talks to [`app::FieldApp`] and to nothing else.
//!
//! Save first, send later: a fact and its outbox row are one transaction; the app may be killed at any
//! moment. The database is spoken to in [`store`] alone.

pub mod app;
pub mod backoff;
pub mod blob;
pub mod casefile;
pub mod clock;
pub mod courier;
pub mod desk_view;
pub mod draft;
pub mod exif;
pub mod http;
pub mod joining;
pub mod mirror;
pub mod obstacle;
pub mod outbox;
pub mod packing;
pub mod paper;
pub mod photo;
pub mod pinned;
pub mod register;
pub mod rescue;
pub mod runner;
pub mod signature;
pub mod signing;

pub mod status;
pub mod store;
pub mod sync;
pub mod trouble;
pub mod words;
