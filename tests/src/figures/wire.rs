//! What an exchange costs on the wire (B7): a real phone's courier sends ten operations of three kilobytes at a time to a
//! real server, and everything of its requests is counted between them, HTTP's own lines too. The probe is the same
//! phone's log sent to a server that has no dictionary.
//!
//! The operations are one long visit's: four checklists of Annex F with notes, three measurements, a quote revised twice.
//! Their words are none of those that the dictionary was trained on; ids, salts and hashes are random.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nuanfang_core::canon::envelope::nonce;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::clock::{Clock, SoftwareClock};
use nuanfang_core::device::courier::{Answer, Call, Courier, Pass, Transport, Unreachable};
use nuanfang_core::device::http::{Http, Trust};
use nuanfang_core::device::store::outbox_row::{self, OutboxRow};
use nuanfang_core::device::store::{Store, enrolment};
use nuanfang_core::device::sync::{BATCH_BYTES, Speaker};
use nuanfang_core::device::trouble::Trouble;
use nuanfang_core::device::{joining, outbox};
use nuanfang_core::domain::{Event, Rules};
use nuanfang_core::id::{OpId, VisitId, WorkerId};
use nuanfang_core::record::SoftwareKey;
use nuanfang_core::time::Millis;
use nuanfang_core::wire::auth::{Invitation, TokenReply};
use nuanfang_server::enrolment as enrolling;
use tempfile::TempDir;
use uuid::{NoContext, Timestamp, Uuid};

use super::town::Town;
use super::{Bench, Figure, Run, Size, Tried, Value, scratch};
use crate::paperwork::{MEASURED, Writer};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "B7",
    name: "an operation of 3 KB on the wire, ten an exchange, packed with the dictionary",
    unit: "B",
    probe: "the same packed without a dictionary",
    value: Value::Measured,
    goal: Some(420.0),
}];

/// About how many bytes a body has at least.
const BODY: usize = 2_950;
/// Far from those that the dictionary was trained with.
const SEED: u64 = 1_000_000;

/// The bench: a supplier, and how many visits a phone sends.
pub struct Wire {
    town: Town,
    _folder: TempDir,
    worker: WorkerId,
    visits: Vec<VisitId>,
}

impl Wire {
    /// Plans the visits.
    pub fn prepare(size: Size) -> Tried<Self> {
        let folder = scratch()?;
        let worker = WorkerId(Uuid::new_v4());
        let (town, _, visits) = Town::with_visits(folder.path(), worker, size.of(40, 2))?;
        Ok(Self { _folder: folder, town, worker, visits })
    }

    /// Bytes that a phone sends for each operation.
    fn send(&self, dictionaries: bool) -> Tried<f64> {
        let town = &self.town;
        let tap = Tap::open(town.addr())?;
        let way = Way { http: Http::new(&format!("http://{}", tap.addr), &Trust::default())?, dictionaries };
        let phone = Phone::enrol(&way, enrolling::issue(&town.state().vault, self.worker)?)?;
        phone.send(&way)?;
        let before = tap.sent.load(Ordering::SeqCst);
        let mut operations = 0;
        for (number, visit) in self.visits.iter().enumerate() {
            let mut writer = Writer::new(&MEASURED, SEED + number as u64, phone.clock.stamp().wall_ms);
            for event in writer.long_visit(BODY) {
                let pause = writer.dice().between(20_000, 90_000);
                phone.clock.advance_ms(pause.cast_unsigned());
                phone.log(*visit, &event)?;
                operations += 1;
            }
            phone.send(&way)?;
        }
        Ok((tap.sent.load(Ordering::SeqCst) - before) as f64 / f64::from(operations))
    }
}

impl Bench for Wire {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        Ok(vec![Run { measured: self.send(true)?, probe: self.send(false)? }])
    }
}

/// A phone without a screen.
struct Phone {
    _folder: TempDir,
    store: Store,
    key: SoftwareKey,
    clock: SoftwareClock,
    speaker: Speaker,
    pass: Mutex<Option<Pass>>,
    load: AtomicUsize,
}

impl Phone {
    fn enrol(way: &Way, code: String) -> Tried<Self> {
        let folder = scratch()?;
        let store = Store::open(folder.path(), None)?;
        let key = SoftwareKey::generate();
        let invitation = Invitation { url: "http://127.0.0.1:1".into(), code, pin: None, supplier: None };
        joining::enrol(&store, &key, way, &invitation, "示例手机", "0.1.0")?;
        let clock = SoftwareClock::at(Millis(1_795_400_000_000));
        let speaker = Speaker { app: "0.1.0".into(), tz: "Asia/Shanghai".into(), keep_days: 30 };
        Ok(Self {
            _folder: folder,
            store,
            key,
            clock,
            speaker,
            pass: Mutex::new(None),
            load: AtomicUsize::new(BATCH_BYTES),
        })
    }

    /// Logs an event as it happens now by the phone's clock, its id made now too: ids that are made one after another
    /// without a pause would resemble each other more than those of a visit do.
    fn log(&self, visit: VisitId, event: &Event) -> Tried<()> {
        let t = self.clock.stamp();
        let (seconds, millis) = (t.wall_ms.cast_unsigned() / 1_000, t.wall_ms.cast_unsigned() % 1_000);
        let made = Timestamp::from_unix(NoContext, seconds, millis as u32 * 1_000_000);
        self.store.write::<_, Trouble>(|transaction| {
            let known = enrolment::get(transaction)?;
            let (seq, prev) = outbox::next_position(transaction)?;
            let mut row = OutboxRow {
                n: 0,
                device: known.device,
                seq,
                op: OpId(Uuid::new_v7(made)),
                kind: event.kind().to_owned(),
                visit: Some(visit),
                worker: known.worker,
                basis: 1,
                rules: Rules::builtin().sha(),
                t,
                body: event.to_body(&nonce()),
                blobs: Vec::new(),
                prev,
                sha: Sha::ZERO,
            };
            row.sha = row.to_wire()?.envelope(known.device, prev).sha();
            outbox_row::insert(transaction, &row).map(drop)
        })?;
        Ok(())
    }

    /// One exchange that brings the server everything.
    fn send(&self, way: &Way) -> Tried<()> {
        let courier = Courier {
            store: &self.store,
            key: &self.key,
            clock: &self.clock,
            speaker: &self.speaker,
            transport: way,
            pass: &self.pass,
            load: &self.load,
        };
        let run = courier.run()?;
        if run.applied.acked != run.applied.head {
            return Err(format!("{} of {} acknowledged", run.applied.acked, run.applied.head).into());
        }
        Ok(())
    }
}

/// HTTP, with or without hearing what the server says of dictionaries.
struct Way {
    http: Http,
    dictionaries: bool,
}

impl Transport for Way {
    fn call(&self, call: &Call) -> Result<Answer, Unreachable> {
        let mut answer = self.http.call(call)?;
        if call.path == "/v1/token" && !self.dictionaries {
            let unreadable = |error: serde_json::Error| Unreachable::NoAnswer(error.to_string());
            let told: TokenReply = serde_json::from_slice(&answer.body).map_err(unreadable)?;
            answer.body = serde_json::to_vec(&TokenReply { enc: Vec::new(), ..told }).map_err(unreadable)?;
        }
        Ok(answer)
    }
}

/// Stands between a phone and the server and counts the bytes of the exchanges that go up.
struct Tap {
    addr: SocketAddr,
    sent: Arc<AtomicUsize>,
}

impl Tap {
    fn open(server: SocketAddr) -> Tried<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        // It ends with the process; connections end with the phone's.
        std::thread::spawn(move || {
            for phone in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                std::thread::spawn(move || pass_on(&phone, server, &count));
            }
        });
        Ok(Self { addr, sent })
    }
}

fn pass_on(phone: &TcpStream, server: SocketAddr, count: &AtomicUsize) -> std::io::Result<()> {
    let mut server = TcpStream::connect(server)?;
    server.set_nodelay(true)?;
    phone.set_nodelay(true)?;
    let (mut answers, mut back) = (server.try_clone()?, phone.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut requests = BufReader::new(phone.try_clone()?);
    while let Some(request) = next_request(&mut requests)? {
        if request.starts_with(b"POST /v1/sync ") {
            count.fetch_add(request.len(), Ordering::SeqCst);
        }
        server.write_all(&request)?;
    }
    server.shutdown(Shutdown::Both)
}

/// A request with all its bytes; `None` at the connection's end.
fn next_request(from: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut request = Vec::new();
    let mut length = 0;
    loop {
        let begins = request.len();
        if from.read_until(b'\n', &mut request)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&request[begins..]).trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    from.take(length).read_to_end(&mut request)?;
    Ok(Some(request))
}
