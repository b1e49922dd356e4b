//! The rules of a heat-supply company's field work under DB11/T 598, and the phone that carries them.
//!
//! Pure rooms: [`canon`], [`domain`], [`forms`], [`record`], [`wire`]. The phone, with its database, files and
//! network, is [`device`], behind the feature `device`.

pub mod canon;
pub mod domain;
pub mod error;
pub mod forms;
pub mod id;
pub mod record;
pub mod time;
pub mod wire;

#[cfg(feature = "device")]
pub mod device;
