//! A phone's first morning: from its first question until everything it may read is in its store, the token included.

use std::time::Instant;

use nuanfang_core::device::store::mirror_row;
use nuanfang_core::device::trouble::Trouble;
use nuanfang_core::wire::feed_entity::ENTITIES;
use serde::Serialize;

use crate::Tried;
use crate::phone::Phone;

/// What was mirrored, and how long it took.
#[derive(Debug, Serialize)]
pub struct Mirrored {
    /// Entities in the store.
    entities: usize,
    /// Seconds until they were.
    seconds: f64,
}

/// Mirrors it.
pub fn mirror(phone: &Phone) -> Tried<Mirrored> {
    let began = Instant::now();
    phone.app.sync_once()?;
    let seconds = began.elapsed().as_secs_f64();
    let entities = phone.store()?.read::<_, Trouble>(|connection| {
        let mut found = 0;
        for (entity, _) in ENTITIES {
            found += mirror_row::all(connection, entity)?.len();
        }
        Ok(found)
    })?;
    Ok(Mirrored { entities, seconds })
}
