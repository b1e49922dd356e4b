//! Visits folded from the log. The writer keeps those at hand, so that a visit's next event costs one fold and no
//! reading; what is not at hand is folded anew.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use nuanfang_core::domain::Visit;
use nuanfang_core::domain::visit::fold;
use nuanfang_core::id::VisitId;
use nuanfang_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, params};

use super::lineage::Lineage;
use super::log::{self, Logged};
use super::project::rules;
use crate::store::StoreError;

/// Visits at hand at most; beyond it all are let go.
const AT_HAND: usize = 4096;
/// Bytes of bodies that the visits at hand were folded from at most: what the writer holds does not grow with what came
/// in. One visit alone may be longer, else each of its events would cost reading all of it.
const BYTES_AT_HAND: usize = 8 * 1024 * 1024;

/// The writer's visits.
#[derive(Default)]
pub struct Folded {
    visits: HashMap<VisitId, Visit>,
    bytes: usize,
    lineage: Lineage,
}

impl Folded {
    /// Forgets everything: what was rolled back must not stay.
    pub fn clear(&mut self) {
        self.visits.clear();
        self.bytes = 0;
        self.lineage.clear();
    }

    /// A device was enrolled: where others stand may have changed with it.
    pub fn enrolled(&mut self) {
        self.lineage.clear();
    }

    /// The visit with all that counts up to `g` in the order of receipt, the last envelope projected, and `logged` among it:
    /// what waited for the visit came before it.
    pub fn take(&mut self, tx: &Connection, id: VisitId, logged: &Logged, g: u64) -> Result<&Visit, StoreError> {
        let alone = self.visits.len() == 1 && self.visits.contains_key(&id);
        if self.visits.len() >= AT_HAND || (self.bytes >= BYTES_AT_HAND && !alone) {
            self.clear();
        }
        match self.visits.entry(id) {
            Entry::Occupied(known) => {
                let visit = known.into_mut();
                self.bytes += logged.bytes;
                fold(visit, &*self.lineage.place(tx, logged)?);
                Ok(visit)
            }
            Entry::Vacant(place) => {
                let (visit, bytes) = anew(tx, &mut self.lineage, id, g)?;
                self.bytes += bytes;
                Ok(place.insert(visit))
            }
        }
    }

    /// The visit as it is at `g` in the order of receipt, which is the last envelope projected.
    pub fn get(&mut self, tx: &Connection, id: VisitId, g: u64) -> Result<&Visit, StoreError> {
        match self.visits.entry(id) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let (visit, bytes) = anew(tx, &mut self.lineage, id, g)?;
                self.bytes += bytes;
                Ok(place.insert(visit))
            }
        }
    }
}

/// A visit with what was handed in of it (F.13), for reading; `None` if there is none.
pub fn visit(db: &Connection, id: VisitId) -> Result<Option<Visit>, StoreError> {
    let known = db.prepare_cached("SELECT 1 FROM visit WHERE id = ?1")?.exists([id.0.as_bytes()])?;
    if !known {
        return Ok(None);
    }
    let (mut visit, _) = anew(db, &mut Lineage::default(), id, u64::MAX >> 1)?;
    let completed: Vec<_> = visit
        .lanes()
        .iter()
        .filter_map(|lane| lane.completed.as_ref().map(|(_, moment)| (lane.device, moment.seq, moment.op)))
        .collect();
    for (device, seq, op) in completed {
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
            "SELECT e.recv_ms FROM envelope e JOIN writer w ON w.dev = e.dev LEFT JOIN device d ON d.id = w.device
             WHERE e.op = ?1 AND coalesce(d.root, w.device) = ?2 ORDER BY e.g LIMIT 1",
        )?;
        let received: Option<i64> =
            query.query_row([op.0.as_bytes(), device.0.as_bytes()], |row| row.get(0)).optional()?;
        if let Some((at, received)) = at.zip(received) {
            visit.hand_in(device, seq, at.max(Millis(received)));
        }
    }
    Ok(Some(visit))
}

/// The visit as it stood at `at`: with all that had come by then and counts now.
pub fn visit_at(db: &Connection, id: VisitId, at: Millis) -> Result<Visit, StoreError> {
    let mut query = db.prepare_cached("SELECT coalesce(max(g), 0) FROM envelope WHERE visit = ?1 AND recv_ms <= ?2")?;
    let g: i64 = query.query_row(params![id.0.as_bytes(), at.0], |row| row.get(0))?;
    Ok(anew(db, &mut Lineage::default(), id, g.unsigned_abs())?.0)
}

/// Folds a visit from all that counts in the log up to `g`. With the bytes of its bodies.
fn anew(db: &Connection, lineage: &mut Lineage, id: VisitId, g: u64) -> Result<(Visit, usize), StoreError> {
    let (mut visit, mut bytes) = (Visit::new(id, rules::book()), 0);
    for logged in log::counting_of_visit(db, id, g)? {
        bytes += logged.bytes;
        fold(&mut visit, &*lineage.place(db, &logged)?);
    }
    Ok((visit, bytes))
}

#[cfg(test)]
mod tests {
    use nuanfang_core::canon::hash::Sha;
    use nuanfang_core::domain::event::{Event, Fact};
    use nuanfang_core::id::{BootId, DeviceId, OpId, WorkerId};
    use nuanfang_core::time::Stamp;
    use uuid::Uuid;

    use super::*;

    fn said(visit: VisitId, bytes: usize) -> Logged {
        let fact = Fact {
            op: OpId(Uuid::from_u128(1)),
            device: DeviceId(Uuid::from_u128(2)),
            seq: 1,
            worker: WorkerId(Uuid::from_u128(3)),
            basis: 0,
            rules: Sha::ZERO,
            stamp: Stamp { wall_ms: 0, mono_ms: 0, boot: BootId(Uuid::from_u128(4)) },
            estimate: None,
            event: Event::parse("visit.acknowledged", "{}"),
            blobs: Vec::new(),
        };
        let (recv, visit) = (Millis(0), Some(visit));
        Logged { g: 1, dev: 1, office: false, sha: Sha::ZERO, recv, visit, fact, bytes, erased: false, last: true }
    }

    fn database() -> Connection {
        let db = Connection::open_in_memory().expect("a database");
        for step in [
            include_str!("../../migrations/sqlite/0001_log.sql"),
            include_str!("../../migrations/sqlite/0002_projections.sql"),
            include_str!("../../migrations/sqlite/0024_continues.sql"),
        ] {
            db.execute_batch(step).expect("a schema");
        }
        db
    }

    #[test]
    fn long_operations_do_not_fill_the_memory() {
        let (db, mut folded) = (database(), Folded::default());
        for number in 1..=100 {
            let visit = VisitId(Uuid::from_u128(number));
            for _ in 0..3 {
                folded.take(&db, visit, &said(visit, BYTES_AT_HAND / 16), 1).expect("folded");
            }
            assert!(folded.bytes <= BYTES_AT_HAND + BYTES_AT_HAND / 16 && folded.visits.len() <= 16);
        }
    }

    #[test]
    fn one_long_visit_stays_at_hand() {
        let (db, mut folded) = (database(), Folded::default());
        let visit = VisitId(Uuid::from_u128(1));
        for _ in 0..40 {
            folded.take(&db, visit, &said(visit, BYTES_AT_HAND / 16), 1).expect("folded");
        }
        assert!(folded.bytes > 2 * BYTES_AT_HAND && folded.visits.len() == 1);
    }
}
