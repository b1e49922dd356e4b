//! A phone's disk, looked at after everything that happened: nothing is gone that may not be.

use std::collections::{BTreeMap, BTreeSet};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::trouble::Trouble;
use nuanfang_core::id::{DeviceId, OpId, VisitId};
use nuanfang_core::wire::feed::worker_scope;
use uuid::Uuid;

use super::{Phone, Row};
use crate::act;
use crate::far::Far;

impl Phone {
    pub(super) fn drafts_on_disk(&self) -> BTreeMap<(VisitId, String), String> {
        let mut query = self.kept.db.prepare_cached("SELECT visit, form, body FROM draft").expect("sql");
        let rows = query.query_map([], |row| Ok(((VisitId(Uuid::from_bytes(row.get(0)?)), row.get(1)?), row.get(2)?)));
        rows.expect("rows").collect::<Result<_, _>>().expect("rows")
    }

    fn loose_on_disk(&self) -> BTreeSet<(VisitId, Sha)> {
        let sql = "SELECT visit, sha FROM blob WHERE logged = 0 AND visit IS NOT NULL";
        let mut query = self.kept.db.prepare_cached(sql).expect("sql");
        let rows = query.query_map([], |row| Ok((VisitId(Uuid::from_bytes(row.get(0)?)), Sha(row.get(1)?))));
        rows.expect("rows").collect::<Result<_, _>>().expect("rows")
    }

    /// Looks at the phone's disk: nothing is gone that may not be.
    pub fn observe(&mut self, far: &mut Far, synced: bool) {
        let rows = self.rows_on_disk();
        let gone: Vec<Row> = self.rows.iter().filter(|(n, _)| !rows.contains_key(n)).map(|(_, row)| *row).collect();
        for row in gone {
            let n = far.ledger.n(&row.op);
            let saved = far.saved.as_ref().is_some_and(|saved| saved.known.got.contains_key(&row.op));
            far.hold("I3", saved, || format!("phone {} deleted op {n}, which is not in the backup", self.n));
        }
        let fresh: Vec<i64> =
            rows.iter().filter(|(_, row)| !far.ledger.made.contains_key(&row.op)).map(|(n, _)| *n).collect();
        for n in fresh {
            // The process ended after it was on the disk and before anybody was told.
            let found = self.store.as_ref().expect("open").read::<_, Trouble>(|connection| {
                nuanfang_core::device::store::outbox_row::newest(connection, Some(n as u64 + 1), 1)
            });
            act::note(far, &found.expect("a row")[0]);
        }
        self.rows = rows;
        let here: Option<(Vec<u8>, i64, i64)> = self
            .kept
            .db
            .prepare_cached("SELECT device, acked, safe FROM enrolment")
            .expect("sql")
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .ok();
        if let Some((device, acked, safe)) = here {
            let device = DeviceId(Uuid::from_slice(&device).expect("an id"));
            let best = far.acked.get(&device).copied().unwrap_or(0);
            far.hold("I15", acked as u64 <= best, || format!("phone {} believes {acked} of {best}", self.n));
            far.hold("I2", safe <= acked, || format!("phone {}: safe {safe}, acknowledged {acked}", self.n));
        }
        self.observe_mirror(far, synced);
    }

    fn observe_mirror(&mut self, far: &mut Far, synced: bool) {
        let mut query = self.kept.db.prepare_cached("SELECT id FROM mirror WHERE e = 'visit'").expect("sql");
        let rows = query.query_map([], |row| row.get(0)).expect("rows");
        let mirrored: BTreeSet<String> = rows.collect::<Result<_, _>>().expect("rows");
        drop(query);
        let drafts = self.drafts_on_disk();
        for (place, text) in &self.drafts {
            let visit = place.0.to_string();
            let left = synced && (!mirrored.contains(&visit) || self.left_and_came_back(far, &visit));
            let kept = drafts.get(place) == Some(text);
            far.hold("I3", kept || left, || format!("phone {} lost the draft of visit {}", self.n, place.0));
        }
        let loose = self.loose_on_disk();
        for (visit, photo) in &self.loose {
            let name = visit.to_string();
            let left = synced && (!mirrored.contains(&name) || self.left_and_came_back(far, &name));
            let kept = loose.contains(&(*visit, *photo));
            far.hold("I3", kept || left, || format!("phone {} lost a photo of visit {visit}", self.n));
        }
        self.loose.retain(|photo| loose.contains(photo));
        self.drafts = drafts;
        self.mirrored = mirrored;
    }

    /// Whether the office took a visit from this phone's worker, whatever it did later.
    fn left_and_came_back(&self, far: &Far, visit: &str) -> bool {
        let sql = "SELECT 1 FROM feed f JOIN scope s ON s.id = f.scope
                   WHERE s.name = ?1 AND f.e = 'visit' AND f.id = ?2 AND f.why IS NOT NULL";
        let mut query = far.kept.db.prepare_cached(sql).expect("sql");
        query.exists([worker_scope(self.worker.0), visit.to_owned()]).expect("a feed")
    }

    fn rows_on_disk(&self) -> BTreeMap<i64, Row> {
        let mut query = self.kept.db.prepare_cached("SELECT n, op, device, seq FROM outbox").expect("sql");
        let rows = query.query_map([], |row| {
            let op = OpId(Uuid::from_bytes(row.get(1)?));
            let device = DeviceId(Uuid::from_bytes(row.get(2)?));
            Ok((row.get(0)?, Row { op, device, seq: row.get::<_, i64>(3)? as u64 }))
        });
        rows.expect("rows").collect::<Result<_, _>>().expect("rows")
    }
}
