//! The rooms.

mod bits;
mod canonical;
mod events;
mod house;
mod keys;
mod record;
mod reply;
mod request;
mod rescue;

pub use bits::bits;
pub use canonical::canonical;
pub use events::events;
pub use keys::keys;
pub use record::record;
pub use reply::reply;
pub use request::request;
pub use rescue::rescue;
