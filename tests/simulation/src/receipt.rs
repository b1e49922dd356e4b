//! What the server took in, held against what was made: nothing that nobody made, nothing twice, nothing changed,
//! nothing answered before it is on disk.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::courier::{Answer, Call};
use nuanfang_core::id::{DeviceId, OpId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::{SyncReply, SyncRequest};
use rusqlite::params;
use uuid::Uuid;

use crate::far::Far;
use crate::ledger::{Made, Recorded};

/// A visit's row as far as late evidence may not touch it (I8).
pub type Standing = Vec<(VisitId, (String, i64, bool))>;

struct Taken {
    g: i64,
    device: DeviceId,
    seq: u64,
    op: OpId,
    kind: String,
    visit: Option<VisitId>,
    worker: WorkerId,
    wall_ms: i64,
    sha: Sha,
    est: [i64; 4],
    body: Option<String>,
    outcome: Option<String>,
}

fn id(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(row.get(column)?))
}

impl Far {
    /// The visits of a request that its worker does not hold, as they stand before it.
    pub fn standing(&self, request: &SyncRequest) -> Standing {
        let mut found: Standing = Vec::new();
        if self.is_put_back() {
            return found;
        }
        for op in &request.ops {
            let Some(visit) = op.visit else { continue };
            let Some(planned) = self.known.visits.get(&visit) else { continue };
            let holds = planned.assignee == Some(op.worker) && !planned.cancelled;
            if !holds && !planned.decided && found.iter().all(|(known, _)| *known != visit) {
                found.extend(self.visit_row(visit).map(|row| (visit, row)));
            }
        }
        found
    }

    fn visit_row(&self, visit: VisitId) -> Option<(String, i64, bool)> {
        let mut query = self.kept.db.prepare_cached("SELECT state, lane, open FROM visit WHERE id = ?1").expect("sql");
        query.query_row([visit.0.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).ok()
    }

    /// Looks at an exchange that the server has handled, whether or not its answer arrives.
    pub fn exchanged(&mut self, request: &SyncRequest, before: &Standing, answer: Option<&Answer>) {
        let was = self.known.logs.get(&request.device).map_or(0, |log| log.len() as u64);
        self.heard = self.course.heard(request);
        self.take_in();
        self.heard = None;
        for (visit, row) in before {
            let now = self.visit_row(*visit);
            self.hold("I8", now.as_ref() == Some(row), || {
                format!("late evidence moved visit {visit} from {row:?} to {now:?}")
            });
        }
        let Some(answer) = answer else { return };
        if answer.status != 200 {
            return;
        }
        let Ok(reply) = serde_json::from_slice::<SyncReply>(&answer.body) else {
            return self.fail("I15", "the server's answer can't be read");
        };
        self.replied(request, &reply, was);
    }

    fn replied(&mut self, request: &SyncRequest, reply: &SyncReply, was: u64) {
        self.hold("I15", reply.req == request.req, || "the answer does not echo its request".into());
        let now = self.now();
        self.course.tell(request.device, reply.now_ms, now);
        let log = self.known.logs.get(&request.device).cloned().unwrap_or_default();
        let (acked, ack_sha) = (reply.acked_through, reply.ack_sha);
        let proven = match acked {
            0 => ack_sha == Sha::ZERO,
            n => log.get(n as usize - 1) == Some(&ack_sha),
        };
        self.hold("I2", proven, || format!("acknowledged through {acked}, of which {} are on disk", log.len()));
        let best = self.acked.entry(request.device).or_default();
        *best = (*best).max(acked);
        // Who has not heard of a restore hears of it first.
        if !reply.fork && request.base <= was && request.epoch >= self.epoch {
            let sent = request.base + request.ops.len() as u64;
            self.hold("I6", acked >= sent, || format!("sent through {sent}, acknowledged through {acked} only"));
        }
        let safe = reply.safe_through;
        if safe > 0 {
            let saved = self.saved.as_ref().and_then(|saved| saved.known.logs.get(&request.device));
            let here = saved.map_or(0, |log| log.len() as u64);
            self.hold("I2", safe <= here, || format!("safe through {safe}, of which {here} are in the backup"));
        }
        let epoch = self.epoch;
        self.hold("I12", reply.epoch == epoch, || format!("epoch {} after {epoch}", reply.epoch));
    }

    /// Any other answer of the server: what an enrolled device logged is never refused.
    pub fn answered(&mut self, call: &Call, answer: &Answer) {
        let code = || {
            let problem: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
            problem.and_then(|problem| Some(problem["code"].as_str()?.to_owned())).unwrap_or_default()
        };
        let fine = match (call.path.as_str(), answer.status) {
            (_, 200 | 401 | 503) => true,
            ("/v1/sync", 403) => code() == "device_revoked",
            ("/v1/sync", _) => false,
            ("/v1/token" | "/v1/enrol", 403) => true,
            (path, status) => path.starts_with("/v1/blobs/") && status < 500,
        };
        self.hold("I7", fine, || format!("{} {} is answered {} {}", call.method, call.path, answer.status, code()));
    }

    /// Takes in what the server has committed since it was last looked at.
    pub fn take_in(&mut self) {
        let taken: Vec<Taken> = {
            let mut query = self
                .kept
                .db
                .prepare_cached(
                    "SELECT e.g, w.device, e.seq, e.op, e.kind, e.visit, e.worker, e.t_wall, e.sha, e.est_ms, e.lo_ms,
                     e.hi_ms, e.recv_ms, b.body, o.o FROM envelope e JOIN writer w ON w.dev = e.dev
                     LEFT JOIN body b ON b.g = e.g LEFT JOIN outcome o ON o.g = e.g
                     WHERE e.g > ?1 AND w.office = 0 ORDER BY e.g",
                )
                .expect("sql");
            let rows = query.query_map(params![self.known.g], |row| {
                Ok(Taken {
                    g: row.get(0)?,
                    device: DeviceId(id(row, 1)?),
                    seq: row.get::<_, i64>(2)? as u64,
                    op: OpId(id(row, 3)?),
                    kind: row.get(4)?,
                    visit: row.get::<_, Option<[u8; 16]>>(5)?.map(|visit| VisitId(Uuid::from_bytes(visit))),
                    worker: WorkerId(id(row, 6)?),
                    wall_ms: row.get(7)?,
                    sha: Sha(row.get(8)?),
                    est: [row.get(9)?, row.get(10)?, row.get(11)?, row.get(12)?],
                    body: row.get(13)?,
                    outcome: row.get(14)?,
                })
            });
            rows.expect("rows").collect::<Result<_, _>>().expect("rows")
        };
        let ahead = self.ahead(&taken);
        for (taken, ahead) in taken.into_iter().zip(ahead) {
            self.known.g = taken.g;
            self.took(taken, ahead);
        }
    }

    /// The least and the most that the server's clock may have been ahead by in the date of each: a later one bounds those
    /// before it.
    fn ahead(&self, taken: &[Taken]) -> Vec<(i64, i64)> {
        let mut ahead = vec![(0, 0); taken.len()];
        let mut later = self.course.ahead();
        for (taken, ahead) in taken.iter().zip(&mut ahead).rev() {
            let boot = self.ledger.made.get(&taken.op).map(|made| made.boot);
            let (least, most) = self.course.between(self.heard.filter(|heard| Some(heard.boot) == boot));
            later = later.min(least);
            *ahead = (later, most);
        }
        ahead
    }

    fn took(&mut self, taken: Taken, ahead: (i64, i64)) {
        let Some(made) = self.ledger.made.get(&taken.op).cloned() else {
            return self.fail("I1", format!("envelope {} was made by nobody", taken.g));
        };
        let log = self.known.logs.entry(taken.device).or_default();
        let place = log.len() as u64 + 1;
        log.push(taken.sha);
        let in_place = place == taken.seq;
        let n = made.n;
        self.hold("I10", in_place, || format!("op {n} came as {} of its log, in place {place}", taken.seq));
        let apart = self.is_apart(taken.device);
        let gone = self.known.is_gone(&self.ledger, taken.op, !apart);
        self.unchanged(&taken, &made, gone);
        self.dated(&taken, &made, ahead);
        let overdue = self.known.is_overdue(taken.device, Millis(taken.est[3]));
        let again = self.known.got.contains_key(&taken.op);
        if again {
            // After a fork it is logged once more, under another device; it counts once.
            if !overdue && !apart {
                self.known.take(self.release, &self.ledger, Recorded::CameAgain(taken.op));
            }
            let twice = self.count(&taken);
            return self.hold("I1", twice == 1, || format!("op {n} is stored {twice} times in one log"));
        }
        let came = match (apart, overdue) {
            (true, _) => Recorded::Apart(taken.op),
            (_, true) => Recorded::Overdue(taken.op),
            _ => Recorded::Came(taken.op),
        };
        self.known.take(self.release, &self.ledger, came);
        let want = self.known.got[&taken.op];
        let outcome = taken.outcome.as_deref().unwrap_or("applied");
        *self.tally.outcomes.entry(want.name()).or_default() += 1;
        self.hold("I7", want.is(outcome), || format!("op {n} ({}) is {outcome}, not {want:?}", made.kind));
    }

    /// Whether nobody vouches for what is in a log: it is none of a device, but of what a rescue file held that did not fit its
    /// own, or of a device that is stolen.
    fn is_apart(&self, device: DeviceId) -> bool {
        let sql = "SELECT EXISTS (SELECT 1 FROM device WHERE id = ?1 AND status = 'stolen')";
        let mut query = self.kept.db.prepare_cached(sql).expect("sql");
        device.0.get_version_num() == 5 || query.query_row([device.0.as_bytes()], |row| row.get(0)).expect("a row")
    }

    /// It is what was made, with its body but where somebody is erased.
    fn unchanged(&mut self, taken: &Taken, made: &Made, gone: bool) {
        let n = made.n;
        let same = taken.kind == made.kind
            && taken.visit == made.visit
            && taken.worker == made.worker
            && taken.body.as_ref().map(|body| Sha::of(body.as_bytes())) == (!gone).then_some(made.body);
        self.hold("I1", same, || format!("op {n} was changed on its way"));
        self.hold("I10", taken.wall_ms == made.wall_ms, || format!("op {n}: its clock's claim was changed"));
    }

    /// Its time is what it was, by the server's clock: as far off as that was, and not before what came before it.
    fn dated(&mut self, taken: &Taken, made: &Made, (least, most): (i64, i64)) {
        let n = made.n;
        let [est, lo, hi, recv] = taken.est;
        let truth = made.true_ms;
        self.hold("I10", lo <= est && est <= hi && hi <= recv, || format!("op {n}: {lo} {est} {hi} {recv}"));
        let (early, late) = (truth + least, (truth + most).max(self.floor(taken, made)));
        self.hold("I10", lo <= late && early <= hi, || {
            format!(
                "op {n} happened at {truth}, by the server's clock {early} to {late}: {} ms before {lo} or {} after {hi}",
                lo - late,
                early - hi
            )
        });
    }

    /// What the server's clock showed at some time before the operation: nothing in its log is dated before that.
    fn floor(&self, taken: &Taken, made: &Made) -> i64 {
        if !self.course.was_set() {
            return made.true_ms;
        }
        let sql = "SELECT e.lo_ms FROM envelope e JOIN writer w ON w.dev = e.dev WHERE w.device = ?1 AND e.seq = ?2";
        let mut before = self.kept.db.prepare_cached(sql).expect("sql");
        let before = before.query_row(params![taken.device.0.as_bytes(), taken.seq as i64 - 1], |row| row.get(0));
        before.unwrap_or(self.course.latest(Millis(made.true_ms)).0)
    }

    fn count(&self, taken: &Taken) -> i64 {
        let sql = "SELECT count(*) FROM envelope e JOIN writer w ON w.dev = e.dev WHERE e.op = ?1 AND w.device = ?2";
        let mut query = self.kept.db.prepare_cached(sql).expect("sql");
        let ids = params![taken.op.0.as_bytes(), taken.device.0.as_bytes()];
        query.query_row(ids, |row| row.get(0)).expect("a count")
    }
}
