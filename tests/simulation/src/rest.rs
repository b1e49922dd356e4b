//! Everything comes to rest: the network is calm, nobody ends, and all that was made must be where it belongs within
//! as many exchanges as its number asks for (I14, I12).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use nuanfang_core::device::courier::Stop;
use nuanfang_core::device::sync::NotAReceipt;
use nuanfang_core::drill;
use nuanfang_core::id::{DeviceId, OpId};
use nuanfang_core::wire::feed::{COMPANY, worker_scope};
use nuanfang_core::wire::feed_entity::{ENTITIES, PiiClass};
use nuanfang_server::office::rebuild;
use nuanfang_server::store::StoreError;
use rusqlite::{Connection, params};

use crate::dice::Dice;
use crate::far::Far;
use crate::ledger::Want;
use crate::phone::{Phone, Ran, Row, Weather};
use crate::plan::{Fault, Faults};
use crate::release::Release;
use crate::wire::lock;
use crate::world::World;

/// Syncs a phone may need: the second one after a restore (I12).
const SYNCS: u32 = 2;
/// A phone may have to be enrolled anew that often: it was copied and put back, and the server with it.
const FORKS: u32 = 3;

impl World {
    /// Lets everything come to rest and looks at it.
    pub fn rest(&mut self) {
        {
            let mut far = lock(&self.far);
            drill::orders(|orders| {
                orders.phone_ends_in = None;
                orders.server_ends_in = None;
                orders.disk_refuses_in = None;
            });
            far.tell(|_| "the network is calm".into());
            if far.release == Release::Before {
                far.becomes(Release::This);
            }
            if far.server.is_none() {
                far.open();
            }
        }
        self.handsets_at_rest();
        // Twice: a phone that is settled learns that it was copied only once its copy has spoken.
        for _ in 0..2 {
            for phone in self.phones.iter_mut().filter(|phone| !phone.gone) {
                settle(phone, &self.far);
                if lock(&self.far).failure.is_some() {
                    return;
                }
            }
        }
        lock(&self.far).ship();
        lock(&self.far).ship();
        for phone in self.phones.iter_mut().filter(|phone| !phone.gone) {
            let ran = calm(phone, &self.far);
            let mut far = lock(&self.far);
            let done = matches!(ran, Ran::Done(_));
            far.hold("I14", done, || format!("phone {} does not synchronise at rest", phone.n));
            phone.at_rest(&mut far);
            if phone.release == Release::Before {
                phone.upgrade(&mut far);
            }
        }
        let mut far = lock(&self.far);
        let held = far.known.not_understood(&far.ledger).len();
        far.hold("I14", held == 0, || format!("{held} operations are held that the server understands"));
        far.look();
        far.look_at_files();
        // What is erased at the word of a phone goes from the disk with the next start.
        far.end();
        far.open();
        far.look_at_erased();
        far.all_here();
        far.rebuilt();
    }

    /// The exchange of a handset sends what waits in all its folders; one that needs the office first, for its key or its
    /// log, or is let in no more, keeps none of the others.
    fn handsets_at_rest(&mut self) {
        let alone = Weather { codes: false, ..CALM };
        for n in 0..self.phones.len() {
            let folders = self.folders(self.phones[n].handset);
            if folders.first() != Some(&n) || folders.len() < 2 || self.phones[n].enrolment().is_none() {
                continue;
            }
            if self.faults().has(Fault::KeyLost) {
                self.lose_key(n);
            }
            for _ in 0..SYNCS {
                self.exchange(&mut Dice::new(0, 0), n, &alone, None);
            }
            let ran = self.exchange(&mut Dice::new(0, 0), n, &alone, None);
            for folder in folders {
                let phone = &self.phones[folder];
                let waits = match ran.iter().find(|(tried, _)| *tried == folder).map(|(_, ran)| ran) {
                    Some(Ran::Stopped(Stop::Refused { code })) if code == "device_revoked" => false,
                    Some(Ran::Stopped(_) | Ran::Ended) => phone.stands(&lock(&self.far)),
                    Some(Ran::Done(_)) | None => phone.waiting() != (0, 0),
                };
                let mut far = lock(&self.far);
                let (ops, files) = phone.waiting();
                far.hold("I14", !waits, || {
                    format!("phone {folder}: {ops} operations and {files} files wait behind another worker's")
                });
            }
        }
    }
}

const CALM: Weather = Weather { faults: Faults(0), rate: 0, codes: true };

fn calm(phone: &mut Phone, far: &Arc<Mutex<Far>>) -> Ran {
    phone.sync(far, &mut Dice::new(0, 0), &CALM, None)
}

/// Syncs until nothing waits, which must not take long.
fn settle(phone: &mut Phone, far: &Arc<Mutex<Far>>) {
    let (mut syncs, mut forks) = (0, 0);
    loop {
        let waiting = phone.to_bring(&lock(far));
        match calm(phone, far) {
            Ran::Done(run) => {
                syncs += 1;
                let batch = drill::limit(drill::Limit::BatchOps, 500) as u64;
                let may = waiting.0.div_ceil(batch) + 2 * waiting.1.div_ceil(64) + 5;
                let exchanges = u64::from(run.exchanges);
                let n = phone.n;
                lock(far).hold("I14", exchanges <= may, || {
                    format!("phone {n}: {exchanges} exchanges for {waiting:?} operations and files")
                });
            }
            Ran::Stopped(Stop::NotAReceipt(NotAReceipt::Forked)) => forks += 1,
            Ran::Stopped(Stop::Refused { code }) if code == "device_revoked" => {
                // A copy of a stolen phone: what it holds goes through a rescue file.
                phone.gone = true;
                let mut far = lock(far);
                for op in phone.rows.values().map(|row| row.op) {
                    if let Some(made) = far.ledger.made.get_mut(&op) {
                        made.destroyed = true;
                    }
                }
                return;
            }
            Ran::Stopped(stop) => return lock(far).fail("I14", format!("phone {} is stuck: {stop}", phone.n)),
            Ran::Ended => return,
        }
        if phone.waiting() == (0, 0) && syncs > 0 {
            return;
        }
        if syncs >= SYNCS || forks > FORKS || lock(far).failure.is_some() {
            let (ops, files) = phone.waiting();
            return lock(far).fail(
                "I14",
                format!("phone {} still owes {ops} operations and {files} files after {syncs} syncs", phone.n),
            );
        }
    }
}

fn count(db: &Connection, sql: &str) -> u64 {
    db.prepare_cached(sql).expect("sql").query_row([], |row| row.get::<_, i64>(0)).expect("a count") as u64
}

impl Phone {
    /// Operations not acknowledged, files not whole.
    fn waiting(&self) -> (u64, u64) {
        let ops = count(
            self.disk(),
            "SELECT count(*) FROM outbox o JOIN enrolment e ON e.device = o.device WHERE o.seq > e.acked",
        );
        (ops, count(self.disk(), "SELECT count(*) FROM blob WHERE logged = 1 AND whole = 0"))
    }

    /// Operations that the server does not have, whatever the phone believes, and files that it may ask for: a restored
    /// server is behind what it once acknowledged, and a phone that is enrolled anew logs all of it once more.
    fn to_bring(&self, far: &Far) -> (u64, u64) {
        let Some(known) = self.enrolment() else { return (0, 0) };
        let sql = "SELECT acked FROM writer WHERE device = ?1";
        let there: Option<i64> = far.kept.db.query_row(sql, [known.device.0.as_bytes()], |row| row.get(0)).ok();
        let acked = known.acked.min(there.unwrap_or(0) as u64);
        // A server that has nothing of this log may have lost, too, what came from those this folder was before.
        let owed = |row: &&Row| !self.stands(far) || acked == 0 || (row.device == known.device && row.seq > acked);
        let ops = self.rows.values().filter(owed).count();
        (ops as u64, count(self.disk(), "SELECT count(*) FROM blob WHERE logged = 1"))
    }

    /// At rest: all is safe, the mirror is the server's scope, outcomes are the server's, no file without its row.
    fn at_rest(&mut self, far: &mut Far) {
        let n = self.n;
        let Some(known) = self.enrolment() else { return };
        let waits = far.older && self.asked_for_what_is_gone(far, known.device);
        far.hold("I14", known.safe == known.acked || waits, || {
            format!("phone {n}: safe {} of {}", known.safe, known.acked)
        });
        let active: bool = far
            .kept
            .db
            .query_row("SELECT status = 'active' FROM device WHERE id = ?1", [known.device.0.as_bytes()], |row| {
                row.get(0)
            })
            .unwrap_or(false);
        let mut here = mirror(self.disk(), "SELECT scope, e, id, ver, body FROM mirror");
        let mut there = mirror(
            &far.kept.db,
            "SELECT s.name, x.e, x.id, x.ver, x.body FROM scope_entity x JOIN scope s ON s.id = x.scope",
        );
        let own = worker_scope(known.worker.0);
        there.retain(|(scope, ..), _| active && (scope == COMPANY || *scope == own));
        if !active {
            // What tells nothing of a resident may stay with who has been dismissed.
            here.retain(|(_, e, _), _| ENTITIES.iter().all(|(name, class)| name != e || *class != PiiClass::None));
        }
        if far.made_anew {
            // A phone keeps what an older release told it at a position where a newer one says otherwise now: it hears of
            // versions alone, and making the rows anew counts the same.
            here.values_mut().chain(there.values_mut()).for_each(|(_, body)| body.clear());
        }
        far.hold("I13", here == there, || {
            let differs = |key: &&(String, String, String)| here.get(*key) != there.get(*key);
            let keys: Vec<_> = here.keys().chain(there.keys()).filter(differs).take(3).collect();
            format!("phone {n} (active: {active}): its mirror is not the server's scope: {keys:?}")
        });
        // Of a visit that a restored server does not tell again what was begun waits while something of it is to be judged
        // anew. A process that ended between a photo and its act leaves one of any visit that waits so, or that its worker is
        // on the way to.
        let strange = |table: &str| {
            format!(
                "SELECT count(*) FROM {table} t WHERE NOT EXISTS (
                 SELECT 1 FROM mirror m WHERE m.e = 'visit' AND replace(m.id, '-', '') = lower(hex(t.visit)))
                 AND NOT EXISTS (SELECT 1 FROM departed_visit d JOIN outbox o ON o.visit = d.visit
                 JOIN outcome c ON c.op = o.op
                 WHERE d.visit = t.visit AND d.why = 'restored' AND c.o IN ('held', 'quarantined'))"
            )
        };
        let drafts = count(self.disk(), &strange("draft"));
        let photos = if active {
            let waits = " AND logged = 0 AND visit IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM outbox o JOIN outcome c ON c.op = o.op
                 WHERE o.visit = t.visit AND c.o IN ('held', 'quarantined'))
                 AND NOT EXISTS (SELECT 1 FROM departed_visit d JOIN outbox o ON o.visit = d.visit
                 WHERE d.visit = t.visit AND o.kind = 'visit.departed')";
            count(self.disk(), &(strange("blob") + waits))
        } else {
            count(self.disk(), "SELECT count(*) FROM blob WHERE logged = 0")
        };
        far.hold("I13", drafts + photos == 0, || {
            format!("phone {n} (active: {active}): {drafts} drafts and {photos} loose photos of visits not its own")
        });
        self.outcomes_at_rest(far, known.device);
        let missing = count(
            self.disk(),
            "SELECT count(*) FROM outbox o, json_each(o.blobs) part WHERE NOT EXISTS (
             SELECT 1 FROM blob b WHERE lower(hex(b.sha)) = json_extract(part.value, '$.sha'))",
        );
        far.hold("I3", missing == 0, || format!("phone {n}: {missing} files of its log are gone"));
        let mut query = self.disk().prepare_cached("SELECT file FROM blob WHERE file IS NOT NULL").expect("sql");
        let files: Vec<String> =
            query.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("rows");
        let gone = files.iter().filter(|file| !self.files().join(file).is_file()).count();
        far.hold("I3", gone == 0, || format!("phone {n}: {gone} files have a row and no bytes"));
    }

    /// Whether the server asks a device for a file that was removed here once it was safe.
    fn asked_for_what_is_gone(&self, far: &Far, device: DeviceId) -> bool {
        let sql = "SELECT n.sha FROM blob_need n JOIN writer w ON w.dev = n.dev WHERE w.device = ?1";
        let mut asked = far.kept.db.prepare_cached(sql).expect("sql");
        let asked = asked.query_map([device.0.as_bytes()], |row| row.get::<_, [u8; 32]>(0)).expect("rows");
        let mut here = self.disk().prepare_cached("SELECT 1 FROM blob WHERE sha = ?1").expect("sql");
        asked.map(|sha| sha.expect("a row")).any(|sha| !here.exists([sha.as_slice()]).expect("a row"))
    }

    fn outcomes_at_rest(&self, far: &mut Far, device: DeviceId) {
        for row in self.rows.values().filter(|row| row.device == device) {
            let told: Option<String> = self
                .disk()
                .prepare_cached("SELECT o FROM outcome WHERE op = ?1")
                .expect("sql")
                .query_row([row.op.0.as_bytes()], |row| row.get(0))
                .ok();
            let truth: Option<String> = far
                .kept
                .db
                .prepare_cached(
                    "SELECT o.o FROM outcome o JOIN writer w ON w.dev = o.dev WHERE w.device = ?1 AND o.seq = ?2",
                )
                .expect("sql")
                .query_row(params![device.0.as_bytes(), row.seq as i64], |row| row.get(0))
                .ok();
            // What was told before somebody was erased is not taken back.
            if matches!(far.known.got.get(&row.op), Some(Want::Erased | Want::Forgotten)) {
                continue;
            }
            let told = told.unwrap_or_else(|| "applied".into());
            let truth = truth.unwrap_or_else(|| "applied".into());
            let n = far.ledger.n(&row.op);
            far.hold("I7", told == truth, || format!("phone {}: op {n} is {truth}, its worker is told {told}", self.n));
        }
    }
}

type Mirror = BTreeMap<(String, String, String), (i64, String)>;

fn mirror(db: &Connection, sql: &str) -> Mirror {
    let mut query = db.prepare_cached(sql).expect("sql");
    let rows = query.query_map([], |row| Ok(((row.get(0)?, row.get(1)?, row.get(2)?), (row.get(3)?, row.get(4)?))));
    rows.expect("rows").collect::<Result<_, _>>().expect("rows")
}

impl Far {
    /// Whatever was made and could be kept is here.
    fn all_here(&mut self) {
        let lost: Vec<usize> = self
            .ledger
            .order
            .iter()
            .filter(|op: &&OpId| !self.known.got.contains_key(op) && !self.ledger.made[op].destroyed)
            .map(|op| self.ledger.n(op))
            .collect();
        self.hold("I1", lost.is_empty(), || format!("ops {lost:?} are lost"));
        let owed = count(&self.kept.db, "SELECT count(*) FROM blob_need");
        let excused = self.older || self.ledger.made.values().any(|made| made.destroyed && !made.files.is_empty());
        self.hold("I14", owed == 0 || excused, || format!("{owed} files are still asked for"));
    }

    /// What follows from the log is what is there.
    fn rebuilt(&mut self) {
        let Some((state, _)) = self.server.clone() else { return };
        // What was told of somebody before he was erased can't be told once more: what scopes hold is the same, not when they
        // came to hold it, and an ended visit leaves with the next that its worker is given, which may be the erased one.
        let erased = !self.known.erased.is_empty();
        let scopes = "SELECT s.name, x.e, x.id, 0, x.body FROM scope_entity x JOIN scope s ON s.id = x.scope
                      WHERE x.e <> 'visit' OR json_extract(x.body, '$.open')";
        let look = |far: &Self| match erased {
            false => (state.store.read_now(rebuild::dump).expect("a dump"), Mirror::new()),
            true => {
                let dump = state.store.read_now(rebuild::dump_without_feed).expect("a dump");
                (dump, mirror(&far.kept.db, scopes))
            }
        };
        let (before, held) = look(self);
        let done = self.release.at_work(|| state.store.write_blocking::<_, StoreError, _>(0, rebuild::rebuild));
        let (after, holds) = look(self);
        self.hold("I9", held == holds, || {
            let differs = |key: &&(String, String, String)| held.get(*key) != holds.get(*key);
            let keys: Vec<_> = held.keys().chain(holds.keys()).filter(differs).take(3).collect();
            let first = keys.first().map(|key| (held.get(*key), holds.get(*key)));
            format!("made anew from the log, scopes hold something else: {keys:?} {first:?}")
        });
        self.hold("I9", done.is_ok() && before == after, || {
            let mut table = "";
            let differs = before.lines().zip(after.lines()).find(|(left, right)| {
                table = left.strip_prefix("== ").unwrap_or(table);
                left != right
            });
            format!("what follows from the log is not what is there: {:?} {table} {differs:?}", done.err())
        });
    }
}
