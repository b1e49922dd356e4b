//! A phone's morning after weeks without a network: what waits is queued, the app opens, and its first exchange leaves.
//! Beside it, bare SQLCipher opens the same file and reads the rows of that exchange.

use std::fmt::Write;
use std::io::BufRead;
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
use rusqlite::Connection;
use serde::Serialize;
use uuid::Uuid;

use crate::Tried;
use crate::phone::{KEY, must_be_encrypted};

/// Operations about one visit.
const A_VISIT: usize = 25;

/// What was queued.
#[derive(Debug, Serialize)]
pub struct Filled {
    /// Operations.
    queued: usize,
}

/// How long it took, in milliseconds.
#[derive(Debug, Serialize)]
pub struct Opened {
    /// From opening the store until the first exchange left.
    left: f64,
    /// From opening the file until the rows of that exchange were read.
    read: f64,
}

/// Queues an operation for each line.
pub fn fill(dir: &Path, texts: impl BufRead) -> Tried<Filled> {
    std::fs::create_dir_all(dir)?;
    let texts = texts.lines().collect::<Result<Vec<_>, _>>()?;
    let store = Store::open(dir, Some(&KEY))?;
    store.write::<_, Trouble>(|transaction| {
        enrolment::put(transaction, &enrolled())?;
        for (number, text) in texts.iter().enumerate() {
            let event = Event::ProblemDescribed(ProblemDescribed { text: text.clone() });
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
    must_be_encrypted(dir)?;
    Ok(Filled { queued: texts.len() })
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

/// Opens it.
pub fn open(dir: &Path) -> Tried<Opened> {
    must_be_encrypted(dir)?;
    let key = Arc::new(SoftwareKey::generate());
    let gate = Arc::new(Gate::default());
    let way = Arc::clone(&gate);
    let connect: Connect = Arc::new(move |_, _| Ok(Arc::clone(&way) as Arc<dyn Transport>));
    let config = Config { key: Some(KEY), ..Config::new(dir) };
    let began = Instant::now();
    let app = FieldApp::open_over(config, key, Arc::new(SystemClock::new()), connect)?;
    // No network after all: the run ends where the exchange would have left.
    let _ = app.sync_once();
    let left = gate.left.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or("no exchange was made")?;
    drop(app);
    let request: SyncRequest = serde_json::from_slice(&left.body)?;
    let reading = Instant::now();
    read_rows(&dir.join(FILE), request.ops.len())?;
    let milliseconds = |from: Instant, until: Instant| until.duration_since(from).as_secs_f64() * 1e3;
    Ok(Opened { left: milliseconds(began, left.at), read: milliseconds(reading, Instant::now()) })
}

/// Opens the file and reads every column of the first `count` rows of the log.
fn read_rows(file: &Path, count: usize) -> Tried<()> {
    let mut key = String::new();
    KEY.iter().try_for_each(|byte| write!(key, "{byte:02x}"))?;
    let db = Connection::open(file)?;
    db.execute_batch(&format!(
        "PRAGMA key = \"x'{key}'\"; PRAGMA page_size = 8192; PRAGMA temp_store = MEMORY; PRAGMA synchronous = FULL;"
    ))?;
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
