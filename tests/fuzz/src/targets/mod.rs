//! The rooms.

mod bits;
mod canonical;
mod events;
mod house;
mod keys;
mod packed;
mod picture;
mod record;
mod reply;
mod request;
mod rescue;
mod upgrade;
mod upload;

pub use bits::bits;
pub use canonical::canonical;
pub use events::events;
pub use keys::keys;
pub use packed::packed;
pub use picture::picture;
pub use record::record;
pub use reply::reply;
pub use request::request;
pub use rescue::rescue;
pub use upgrade::upgrade;
pub use upload::upload;
