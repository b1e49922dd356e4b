//! Canonical bytes: what is hashed, signed and chained, settled for ever by golden vectors. Below all other rooms.

pub mod envelope;
pub mod hash;
pub mod json;
