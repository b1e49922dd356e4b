//! A phone's morning after weeks without a network: ten thousand operations wait, the app opens, and its first exchange
//! is ready to leave (B8). The probe opens the same file with bare SQLite and reads the rows of that exchange.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::app::{Config, Connect, FieldApp};
use nuanfang_core::device::clock::SystemClock;
use nuanfang_core::device::courier::{Answer, Call, Transport, Unreachable};
use nuanfang_core::device::outbox::{self, NewOp};
use nuanfang_core::device::store::enrolment::{self, Enrolment};
use nuanfang_core::device::store::{FILE, Store};
use nuanfang_core::device::trouble::Trouble;
use nuanfang_core::domain::worker_event::ProblemDescribed;
use nuanfang_core::domain::{Event, Rules};
use nuanfang_core::id::{BootId, DeviceId, VisitId, WorkerId};
use nuanfang_core::record::SoftwareKey;
use nuanfang_core::time::Stamp;
use nuanfang_core::wire::SyncRequest;
use nuanfang_core::wire::auth::{ChallengeReply, TokenReply};
use nuanfang_demo::dice::Dice;
use rusqlite::Connection;
use serde::Serialize;
use tempfile::TempDir;
use uuid::Uuid;

use super::prose::prose;
use super::{Bench, Figure, Run, Size, Tried, Value, scratch, timed};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "outbox",
    name: "a phone with 10,000 queued operations of 3 KB: from opening its store to its first exchange leaving",
    unit: "ms",
    probe: "bare SQLite opening the same file and reading the exchange's rows",
    value: Value::OfProbe,
    goal: None,
}];

/// Operations about one visit.
const A_VISIT: usize = 25;

/// The bench.
pub struct Opening {
    folder: TempDir,
    key: Arc<SoftwareKey>,
}

impl Opening {
    /// Fills an outbox.
    pub fn prepare(size: Size) -> Tried<Self> {
        let folder = scratch()?;
        let store = Store::open(folder.path(), None)?;
        let mut dice = Dice::new(2);
        store.write::<_, Trouble>(|transaction| {
            enrolment::put(transaction, &enrolled())?;
            for number in 0..size.of(10_000, 60) {
                let event = Event::ProblemDescribed(ProblemDescribed { text: prose(&mut dice, 2_900) });
                let mono_ms = 60_000 + 1_000 * number as u64;
                let new = NewOp {
                    event,
                    visit: Some(VisitId(Uuid::from_u128((number / A_VISIT) as u128 + 1))),
                    basis: 1,
                    rules: Rules::builtin().sha(),
                    t: Stamp { wall_ms: 0, mono_ms, boot: BootId(Uuid::from_u128(7)) },
                    blobs: Vec::new(),
                };
                outbox::append(transaction, new)?;
            }
            Ok(())
        })?;
        store.settle()?;
        Ok(Self { folder, key: Arc::new(SoftwareKey::generate()) })
    }
}

fn enrolled() -> Enrolment {
    Enrolment {
        device: DeviceId(Uuid::from_u128(20)),
        worker: WorkerId(Uuid::from_u128(10)),
        supplier: Uuid::from_u128(1).to_string(),
        url: "http://127.0.0.1:1".into(),
        pin: None,
        certificate: "{}".into(),
        epoch: 1,
        acked: 0,
        safe: 0,
        judged: 0,
        floor: 0,
        floor_sha: Sha::ZERO,
        forked: false,
        dismissed: false,
        synced: None,
        continues: Vec::new(),
        certificates: Vec::new(),
    }
}

impl Bench for Opening {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let gate = Arc::new(Gate::default());
        let way = Arc::clone(&gate);
        let connect: Connect = Arc::new(move |_, _| Ok(Arc::clone(&way) as Arc<dyn Transport>));
        let config = Config::new(self.folder.path());
        let began = Instant::now();
        let app = FieldApp::open_over(config, Arc::clone(&self.key) as _, Arc::new(SystemClock::new()), connect)?;
        // No network after all: the run ends where the exchange would have left.
        let _ = app.sync_once();
        let left = gate.left.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or("no exchange was made")?;
        let measured = left.at.duration_since(began).as_secs_f64() * 1e3;
        drop(app);
        let request: SyncRequest = serde_json::from_slice(&left.body)?;
        let (probe, ()) = timed(|| read_rows(&self.folder.path().join(FILE), request.ops.len()))?;
        Ok(vec![Run { measured, probe: probe * 1e3 }])
    }
}

/// Opens the file and reads every column of the first `count` rows of the log.
fn read_rows(file: &Path, count: usize) -> Tried<()> {
    let db = Connection::open(file)?;
    db.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA synchronous = FULL;")?;
    let mut query = db.prepare("SELECT * FROM outbox ORDER BY n LIMIT ?1")?;
    let columns = query.column_count();
    let mut rows = query.query([count as i64])?;
    let mut read = 0;
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            std::hint::black_box(row.get::<_, rusqlite::types::Value>(column)?);
        }
        read += 1;
    }
    if read == 0 || read != count { Err(format!("{read} rows of {count}").into()) } else { Ok(()) }
}

/// What left, and when.
struct Left {
    at: Instant,
    body: Vec<u8>,
}

/// The edge of the phone: notes when the first exchange gets there, and lets nothing through.
#[derive(Default)]
struct Gate {
    left: Mutex<Option<Left>>,
}

impl Transport for Gate {
    fn call(&self, call: &Call) -> Result<Answer, Unreachable> {
        match call.path.as_str() {
            "/v1/challenge" => answer(&ChallengeReply { nonce: "示例".into() }),
            "/v1/token" => {
                answer(&TokenReply { token: "示例".into(), expires_s: 900, enc: Vec::new(), dismissed: false })
            }
            _ => {
                let left = Left { at: Instant::now(), body: call.body.clone() };
                self.left.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(left);
                Err(Unreachable::NoAnswer("no network".into()))
            }
        }
    }
}

fn answer(reply: &impl Serialize) -> Result<Answer, Unreachable> {
    let body = serde_json::to_vec(reply).map_err(|error| Unreachable::NoAnswer(error.to_string()))?;
    Ok(Answer { status: 200, body, ..Answer::default() })
}
