//! A look at the server's tables as a whole: what must hold at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::{DeviceId, HouseholdId, OpId, VisitId, WorkerId};
use nuanfang_core::wire::feed::worker_scope;
use nuanfang_core::wire::scope_mix;
use nuanfang_server::office::log;
use rusqlite::Connection;
use uuid::Uuid;

use crate::far::Far;

fn all<T>(db: &Connection, sql: &str, read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
    let mut query = db.prepare_cached(sql).expect("sql");
    query.query_map([], read).expect("rows").collect::<Result<_, _>>().expect("rows")
}

impl Far {
    /// Looks at everything but files.
    pub fn look(&mut self) {
        self.take_in();
        self.look_at_log();
        self.look_at_feed();
        self.look_at_visits();
        self.look_at_outcomes();
    }

    /// Looks at every envelope once more, as it lies here now: a restore or a rebuild may change none.
    pub fn look_at_log(&mut self) {
        let chains = log::verify_chains(&self.kept.db);
        self.hold("I9", chains.is_ok(), || format!("the chains do not stand: {:?}", chains.err()));
        let logged = all(
            &self.kept.db,
            "SELECT e.op, w.device, e.seq, e.sha, e.t_wall, b.body FROM envelope e JOIN writer w ON w.dev = e.dev
             LEFT JOIN body b ON b.g = e.g WHERE w.office = 0",
            |row| {
                let ids = (OpId(Uuid::from_bytes(row.get(0)?)), DeviceId(Uuid::from_bytes(row.get(1)?)));
                let place = (row.get::<_, i64>(2)? as usize, Sha(row.get(3)?), row.get::<_, i64>(4)?);
                Ok((ids, place, row.get::<_, Option<String>>(5)?.map(|body| Sha::of(body.as_bytes()))))
            },
        );
        let mut stored = BTreeSet::new();
        for ((op, device), (seq, sha, wall_ms), body) in logged {
            stored.insert(op);
            let came = self.known.logs.get(&device).and_then(|log| log.get(seq - 1)) == Some(&sha);
            let made = self.ledger.made.get(&op);
            let same = made.is_some_and(|made| made.wall_ms == wall_ms && body.is_none_or(|body| body == made.body));
            let n = self.ledger.n(&op);
            self.hold("I1", came && same, || format!("op {n}, {seq} of its log, is not what came"));
        }
        let (here, known) = (stored.len(), self.known.got.len());
        self.hold("I1", here == known, || format!("{here} operations are here, {known} were taken"));
    }

    fn look_at_feed(&mut self) {
        let scopes = all(
            &self.kept.db,
            "SELECT s.id, s.name, s.head, s.hash, (SELECT count(*) FROM feed f WHERE f.scope = s.id),
             (SELECT coalesce(max(pos), 0) FROM feed f WHERE f.scope = s.id) FROM scope s ORDER BY s.id",
            |row| {
                let counts: [i64; 3] = [row.get(2)?, row.get(4)?, row.get(5)?];
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, u128::from_be_bytes(row.get(3)?), counts))
            },
        );
        let mut sums: BTreeMap<i64, u128> = BTreeMap::new();
        for (scope, e, id, ver) in all(&self.kept.db, "SELECT scope, e, id, ver FROM scope_entity", |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, i64>(3)?))
        }) {
            let sum = sums.entry(scope).or_default();
            *sum = sum.wrapping_add(scope_mix(&e, &id, ver as u64));
        }
        for (scope, name, hash, [head, count, last]) in scopes {
            let dense = head == count && head == last;
            self.hold("I4", dense, || format!("{name}: head {head}, {count} positions, the last {last}"));
            let same = sums.get(&scope).copied().unwrap_or(0) == hash;
            self.hold("I4", same, || format!("{name}: its hash is not that of what it holds"));
        }
    }

    fn look_at_visits(&mut self) {
        let mut holders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let held = "SELECT x.id, s.name FROM scope_entity x JOIN scope s ON s.id = x.scope WHERE x.e = 'visit'";
        for (visit, scope) in all(&self.kept.db, held, |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))) {
            holders.entry(visit).or_default().push(scope);
        }
        let id = |row: &rusqlite::Row<'_>, at: usize| -> rusqlite::Result<Uuid> { Ok(Uuid::from_bytes(row.get(at)?)) };
        let mut lanes: BTreeMap<VisitId, Vec<WorkerId>> = BTreeMap::new();
        let current = "SELECT visit, worker FROM assignment WHERE to_g IS NULL ORDER BY visit";
        for (visit, worker) in all(&self.kept.db, current, |row| Ok((VisitId(id(row, 0)?), WorkerId(id(row, 1)?)))) {
            lanes.entry(visit).or_default().push(worker);
        }
        let open: BTreeSet<VisitId> =
            all(&self.kept.db, "SELECT id FROM visit WHERE open", |row| Ok(VisitId(id(row, 0)?))).into_iter().collect();
        let visits: Vec<_> = self.known.visits.iter().map(|(visit, planned)| (*visit, planned.clone())).collect();
        for (visit, planned) in visits {
            let holder = planned.assignee.filter(|_| !planned.cancelled);
            let own = holder.map(|worker| worker_scope(worker.0));
            let found = holders.remove(&visit.to_string()).unwrap_or_default();
            let right = found.iter().all(|scope| Some(scope) == own.as_ref()) && found.len() <= 1;
            self.hold("I5", right, || format!("visit {visit} is in {found:?}, its worker's is {own:?}"));
            let there = self.is_put_back() || !open.contains(&visit) || own.is_none() || found.len() == 1;
            self.hold("I5", there, || format!("open visit {visit} is in no scope, its worker's is {own:?}"));
            let on_record = lanes.remove(&visit).unwrap_or_default();
            let right = on_record == holder.into_iter().collect::<Vec<_>>();
            self.hold("I5", right, || format!("visit {visit} is on record with {on_record:?}, held by {holder:?}"));
        }
        self.hold("I5", holders.is_empty(), || format!("scopes hold visits nobody planned: {holders:?}"));
        let there: BTreeSet<(String, String)> =
            all(&self.kept.db, "SELECT assignee, household FROM visit WHERE open AND assignee IS NOT NULL", |row| {
                Ok((worker_scope(id(row, 0)?), id(row, 1)?.to_string()))
            })
            .into_iter()
            .collect();
        let dwellings =
            "SELECT s.name, x.id FROM scope_entity x JOIN scope s ON s.id = x.scope WHERE x.e = 'household'";
        let with = all(&self.kept.db, dwellings, |row| Ok((row.get(0)?, row.get(1)?)));
        let strangers = with.iter().filter(|place| !there.contains(*place)).count();
        self.hold("I13", strangers == 0, || format!("{strangers} dwellings are with workers who have no visit there"));
    }

    fn look_at_outcomes(&mut self) {
        let first = "SELECT e.op, coalesce(o.o, 'applied') FROM envelope e JOIN writer w ON w.dev = e.dev
            LEFT JOIN outcome o ON o.g = e.g WHERE w.office = 0
            AND NOT EXISTS (SELECT 1 FROM envelope b WHERE b.op = e.op AND b.g < e.g) ORDER BY e.g";
        let found =
            all(&self.kept.db, first, |row| Ok((OpId(Uuid::from_bytes(row.get(0)?)), row.get::<_, String>(1)?)));
        for (op, outcome) in found {
            let want = self.known.got.get(&op).copied();
            let n = self.ledger.n(&op);
            self.hold("I7", want.is_some_and(|want| want.is(&outcome)), || {
                format!("op {n} is {outcome}, not {want:?}")
            });
        }
    }

    /// Of who was erased there are heads alone: no body, no file that is nobody else's, no row.
    pub fn look_at_erased(&mut self) {
        self.take_in();
        let bodies: BTreeSet<OpId> = all(
            &self.kept.db,
            "SELECT e.op FROM envelope e JOIN body b ON b.g = e.g JOIN writer w ON w.dev = e.dev WHERE w.office = 0",
            |row| Ok(OpId(Uuid::from_bytes(row.get(0)?))),
        )
        .into_iter()
        .collect();
        let (mut gone, mut named) = (BTreeSet::new(), BTreeSet::new());
        let got: Vec<_> = self.known.got.iter().map(|(op, want)| (*op, *want)).collect();
        for (op, want) in got {
            let n = self.ledger.n(&op);
            let files = self.ledger.made[&op].files.iter().copied();
            match want.has_body() {
                Some(true) => named.extend(files),
                Some(false) => gone.extend(files),
                None => {}
            }
            let right = want.has_body().is_none_or(|has| bodies.contains(&op) == has);
            self.hold("I1", right, || format!("op {n} is {want:?}, and its body: {}", bodies.contains(&op)));
        }
        for sha in gone.difference(&named) {
            let there = self.file(*sha).is_file();
            self.hold("I1", !there, || format!("file {} of somebody who was erased is still there", sha.short()));
        }
        let rows = all(&self.kept.db, "SELECT id FROM household", |row| Ok(HouseholdId(Uuid::from_bytes(row.get(0)?))));
        let still = rows.iter().filter(|home| self.known.erased.contains(home)).count();
        self.hold("I1", still == 0, || format!("{still} dwellings that were erased are in the ledger"));
    }

    fn file(&self, sha: Sha) -> PathBuf {
        let name = sha.to_string();
        self.dir.join("server").join("blobs").join(&name[..2]).join(&name)
    }

    /// Looks at the server's files.
    pub fn look_at_files(&mut self) {
        let whole = "SELECT sha FROM blob WHERE whole_ms IS NOT NULL AND flag IS NOT 'erased'";
        let whole = all(&self.kept.db, whole, |row| Ok(Sha(row.get(0)?)));
        for sha in whole {
            let right = std::fs::read(self.file(sha)).is_ok_and(|bytes| Sha::of(&bytes) == sha);
            self.hold("I11", right, || format!("file {} is called whole and is not", sha.short()));
        }
    }
}
