//! What a phone makes of a scope's feed, and that it may: dense positions, and the hash that was promised.

use std::collections::BTreeMap;

use nuanfang_core::id::WorkerId;
use nuanfang_core::wire::feed::worker_scope;
use nuanfang_core::wire::{FeedKind, ScopeCursor, ScopeReply, scope_mix};

/// Entities by type and id, each with its version and body.
type Entities = BTreeMap<(String, String), (u64, String)>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    pub cursor: ScopeCursor,
    pub entities: Entities,
}

impl Mirror {
    pub fn of(worker: WorkerId) -> Self {
        let cursor = ScopeCursor { id: worker_scope(worker.0), pos: 0, hash: String::new() };
        Self { cursor, entities: BTreeMap::new() }
    }

    pub fn apply(&mut self, reply: &ScopeReply) {
        assert_eq!(reply.id, self.cursor.id);
        let mut pos = self.cursor.pos;
        if reply.reset {
            self.entities.clear();
        }
        for entry in &reply.feed {
            assert!(reply.reset || entry.pos == pos + 1, "position {} follows {pos}", entry.pos);
            assert!(entry.pos <= reply.pos && entry.ver <= reply.pos, "nothing is told from beyond the head");
            pos = entry.pos;
            let key = (entry.e.clone(), entry.id.clone());
            match (entry.k, &entry.body) {
                (FeedKind::Put, Some(body)) => drop(self.entities.insert(key, (entry.ver, body.get().to_owned()))),
                (FeedKind::Revoke, None) => drop(self.entities.remove(&key)),
                (k, body) => panic!("{k:?} with body {body:?}"),
            }
        }
        assert!(reply.reset || pos == reply.pos, "told up to {pos} of {}", reply.pos);
        self.cursor.pos = reply.pos;
        self.cursor.hash = reply.hash.clone();
        let mixed = self.entities.iter().map(|((e, id), (ver, _))| scope_mix(e, id, *ver));
        let hash = mixed.fold(0u128, u128::wrapping_add);
        assert_eq!(format!("{hash:032x}"), reply.hash, "what is mirrored is what the scope holds");
    }
}
