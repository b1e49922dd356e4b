//! The feed: a scope's state as dense, ordered changes. Position order is commit order (I4).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::canon::hash::Sha;

/// Where a phone stands in one scope: `company`, or `worker:<id>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScopeCursor {
    /// The scope's id.
    pub id: String,
    /// The last position applied; 0 asks for everything.
    pub pos: u64,
    /// The hash of what the phone mirrors of it: 32 hex digits, see [`scope_mix`].
    pub hash: String,
}

/// What a feed entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum FeedKind {
    /// The entity is now `body`.
    Put,
    /// The entity has left the scope; its mirror is deleted, drafts of unsent evidence stay.
    Revoke,
}

/// One change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeedEntry {
    /// Its position; the one before it is `pos - 1`, except after a reset.
    pub pos: u64,
    /// What it does.
    pub k: FeedKind,
    /// The entity's type: `visit`, `household`, `price_list`, `instrument`, `community`, `rules`, `worker` …
    pub e: String,
    /// The entity's id within its type.
    pub id: String,
    /// Its version, rising with every change.
    pub ver: u64,
    /// The entity, when put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub body: Option<Box<RawValue>>,
    /// Why it left: `reassigned`, `cancelled`, `closed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// One scope's part of a reply.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScopeReply {
    /// The scope's id.
    pub id: String,
    /// The mirror of this scope is replaced by `feed`, which then is its whole state at `pos` (positions are those of
    /// each entity's last change and need not be dense). Never touches outbox or drafts.
    #[serde(default)]
    pub reset: bool,
    /// The changes, in order.
    #[serde(default)]
    pub feed: Vec<FeedEntry>,
    /// The last position this reply brings the phone to.
    pub pos: u64,
    /// The hash of the scope at `pos`.
    pub hash: String,
    /// There is more; ask again at once.
    #[serde(default)]
    pub more: bool,
}

/// A scope's hash is the sum modulo 2^128 of this over its entities: adding or removing one is O(1) on both ends.
/// In text: 32 lower-case hex digits.
pub fn scope_mix(entity: &str, id: &str, ver: u64) -> u128 {
    Sha::of(format!("{entity}\n{id}\n{ver}").as_bytes()).half()
}

/// The scope of a worker.
pub fn worker_scope(worker: Uuid) -> String {
    format!("worker:{worker}")
}

/// The scope every phone reads: rules, prices, instruments, communities.
pub const COMPANY: &str = "company";
