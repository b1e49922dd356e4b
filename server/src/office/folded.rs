//! Visits folded from the log. The writer keeps those at hand, so that a visit's next event costs one fold and no
//! reading; what is not at hand is folded anew.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use nuanfang_core::domain::Visit;
use nuanfang_core::domain::visit::fold;
use nuanfang_core::id::VisitId;
use nuanfang_core::time::Millis;
use rusqlite::{Connection, OptionalExtension};

use super::log::{self, Logged};
use super::project::rules;
use crate::store::StoreError;

/// Visits at hand at most; beyond it all are let go.
const AT_HAND: usize = 4096;

/// The writer's visits.
#[derive(Default)]
pub struct Folded {
    visits: HashMap<VisitId, Visit>,
}

impl Folded {
    /// Forgets everything: what was rolled back must not stay.
    pub fn clear(&mut self) {
        self.visits.clear();
    }

    /// The visit with all that counts in the log, `logged` among it.
    pub fn take(&mut self, tx: &Connection, id: VisitId, logged: &Logged) -> Result<&Visit, StoreError> {
        if self.visits.len() >= AT_HAND {
            self.visits.clear();
        }
        match self.visits.entry(id) {
            Entry::Occupied(known) => {
                let visit = known.into_mut();
                fold(visit, &logged.fact);
                Ok(visit)
            }
            Entry::Vacant(place) => Ok(place.insert(anew(tx, id, logged.g)?)),
        }
    }

    /// The visit as it is at `g` in the order of receipt, which is the last envelope projected.
    pub fn get(&mut self, tx: &Connection, id: VisitId, g: u64) -> Result<&Visit, StoreError> {
        match self.visits.entry(id) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(anew(tx, id, g)?)),
        }
    }
}

/// A visit with what was handed in of it (F.13), for reading; `None` if there is none.
pub fn visit(db: &Connection, id: VisitId) -> Result<Option<Visit>, StoreError> {
    let known = db.prepare_cached("SELECT 1 FROM visit WHERE id = ?1")?.exists([id.0.as_bytes()])?;
    if !known {
        return Ok(None);
    }
    let mut visit = anew(db, id, u64::MAX >> 1)?;
    let completed: Vec<_> = visit
        .lanes()
        .iter()
        .filter_map(|lane| lane.completed.as_ref().map(|(_, moment)| (lane.device, moment.seq)))
        .collect();
    for (device, seq) in completed {
        let mut at = Some(Millis(0));
        for fact in visit.facts(device).iter().filter(|fact| fact.seq <= seq) {
            for blob in &fact.blobs {
                let mut query = db.prepare_cached("SELECT whole_ms FROM blob WHERE sha = ?1")?;
                let whole: Option<i64> =
                    query.query_row([blob.sha.0.as_slice()], |row| row.get(0)).optional()?.flatten();
                at = at.zip(whole).map(|(at, whole)| at.max(Millis(whole)));
            }
        }
        let mut query = db.prepare_cached(
            "SELECT e.recv_ms FROM envelope e JOIN writer w ON w.dev = e.dev WHERE w.device = ?1 AND e.seq = ?2",
        )?;
        let received: Option<i64> =
            query.query_row(rusqlite::params![device.0.as_bytes(), seq as i64], |row| row.get(0)).optional()?;
        if let Some((at, received)) = at.zip(received) {
            visit.hand_in(device, seq, at.max(Millis(received)));
        }
    }
    Ok(Some(visit))
}

/// Folds a visit from all that counts in the log up to `g`.
fn anew(db: &Connection, id: VisitId, g: u64) -> Result<Visit, StoreError> {
    let mut visit = Visit::new(id, rules::book());
    for logged in log::counting_of_visit(db, id, g)? {
        fold(&mut visit, &logged.fact);
    }
    Ok(visit)
}
