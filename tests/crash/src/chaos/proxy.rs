//! The network between one phone and the server: passes requests on, or does something to them.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::http::{self, Message};
use super::lie::Lie;
use super::mortal::Mortal;
use super::patience::GivenUp;

/// How many requests meet what lasts, the first included.
const LASTING: RangeInclusive<u32> = 3..=10;

/// What a proxy saw and did.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Requests.
    pub(super) requests: u64,
    /// What was done to them; what lasts counts once.
    pub(super) lies: BTreeMap<Lie, u64>,
    /// Bytes of files the phone sent again after its request was cut.
    pub(super) again_after_cut: Vec<u64>,
    /// Bytes of files the phone sent again after only the reply was lost or cut.
    pub(super) again_after_lost_reply: Vec<u64>,
}

#[derive(Default)]
struct Upload {
    /// Up to here the server was given the file's bytes.
    given: u64,
    last: Option<Lie>,
}

struct Mind {
    dice: StdRng,
    tally: Tally,
    uploads: HashMap<String, Upload>,
    earlier: Option<Message>,
    late: Vec<Message>,
    open: Vec<TcpStream>,
    /// What lasts, and how many more requests meet it.
    lasting: Option<(Lie, u32)>,
}

impl Mind {
    /// Draws what happens to a request.
    fn draw(&mut self, kinds: &[Lie]) -> Option<Lie> {
        if let Some((lie, left)) = self.lasting.take() {
            self.lasting = (left > 1).then(|| (lie, left - 1));
            return Some(lie);
        }
        let lie = self.dice.gen_bool(0.45).then(|| kinds[self.dice.gen_range(0..kinds.len())]);
        let lie = lie.filter(|lie| *lie != Lie::Stale || self.earlier.is_some())?;
        *self.tally.lies.entry(lie).or_default() += 1;
        if lie.lasts() {
            self.lasting = Some((lie, self.dice.gen_range(LASTING) - 1));
        }
        Some(lie)
    }
}

struct Shared {
    mortal: Arc<Mortal>,
    server: SocketAddr,
    raging: AtomicBool,
    stopped: AtomicBool,
    mind: Mutex<Mind>,
    given_up: GivenUp,
}

impl Shared {
    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.mind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The proxy; ends when dropped.
pub(super) struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Listens, and passes everything on until it is told otherwise.
    pub(super) fn start(mortal: &Arc<Mortal>, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        let mind = Mind {
            dice: StdRng::seed_from_u64(seed),
            tally: Tally::default(),
            uploads: HashMap::new(),
            earlier: None,
            late: Vec::new(),
            open: Vec::new(),
            lasting: None,
        };
        let shared = Arc::new(Shared {
            mortal: Arc::clone(mortal),
            server: mortal.addr(),
            raging: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            mind: Mutex::new(mind),
            given_up: GivenUp::default(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                std::thread::spawn(move || serve(&shared, stream));
            }
        });
        Ok(Self { addr, shared })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(super) fn given_up(&self) -> GivenUp {
        self.shared.given_up.clone()
    }

    /// From now on it lies.
    pub(super) fn rage(&self) {
        self.shared.raging.store(true, Ordering::Relaxed);
    }

    /// From now on it passes everything on; what was late arrives now.
    pub(super) fn calm(&self) {
        self.shared.raging.store(false, Ordering::Relaxed);
        let (late, open) = {
            let mut mind = self.shared.mind();
            (std::mem::take(&mut mind.late), std::mem::take(&mut mind.open))
        };
        drop(open);
        for request in late {
            // What the server says to it reaches nobody.
            let _ = http::ask(self.shared.server, &request);
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.shared.mind().tally.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.addr);
    }
}

/// Serves one connection of the phone until somebody ends it.
fn serve(shared: &Shared, mut client: TcpStream) {
    while let Ok(Some(request)) = http::read_request(&mut client) {
        match one(shared, &request, &mut client) {
            Ok(true) => {}
            _ => {
                let _ = client.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

/// Does one request. Returns whether the connection lives on.
fn one(shared: &Shared, request: &Message, client: &mut TcpStream) -> io::Result<bool> {
    let lie = choose(shared, request);
    if lie != Some(Lie::LateRequest) {
        let late = std::mem::take(&mut shared.mind().late);
        let reply = match lie {
            Some(lie) => lied(shared, request, client, lie),
            None => pass(shared, request, client),
        };
        for request in late {
            let _ = http::ask(shared.server, &request);
        }
        return reply;
    }
    shared.mind().late.push(request.clone());
    shared.given_up.tell();
    Ok(false)
}

/// Draws what happens, and keeps account of the bytes of files.
fn choose(shared: &Shared, request: &Message) -> Option<Lie> {
    let mut mind = shared.mind();
    mind.tally.requests += 1;
    let raging = shared.raging.load(Ordering::Relaxed);
    // A file's way is cut more often than anything else: that is where bytes could be sent again.
    let kinds = if request.target().0 == "PATCH" && mind.dice.gen_bool(0.5) { &Lie::ALL[..3] } else { &Lie::ALL[..] };
    let lie = if raging { mind.draw(kinds) } else { None };
    if let ("PATCH", path) = request.target() {
        let from = request.header("upload-offset").and_then(|offset| offset.parse::<u64>().ok()).unwrap_or(0);
        let upload = mind.uploads.entry(path.to_owned()).or_default();
        let (again, last) = (upload.given.saturating_sub(from), upload.last.take());
        upload.last = lie;
        match last {
            Some(Lie::CutRequest) => mind.tally.again_after_cut.push(again),
            Some(
                Lie::CutReply
                | Lie::LoseReply
                | Lie::Truncated
                | Lie::BadGatewayAfter
                | Lie::LateReply
                | Lie::OneWay
                | Lie::PhoneEnds,
            ) => {
                mind.tally.again_after_lost_reply.push(again);
            }
            _ => {}
        }
    }
    lie
}

/// Notes that the server was given the first `count` bytes of a request.
fn given(shared: &Shared, request: &Message, count: usize) {
    if let ("PATCH", path) = request.target() {
        let from = request.header("upload-offset").and_then(|offset| offset.parse::<u64>().ok()).unwrap_or(0);
        let body = count.saturating_sub(request.closing(true).head.len()) as u64;
        if let Some(upload) = shared.mind().uploads.get_mut(path) {
            upload.given = upload.given.max(from + body);
        }
    }
}

fn forward(shared: &Shared, request: &Message) -> io::Result<Message> {
    let reply = http::ask(shared.server, request)?;
    // A server that was started anew knows no token of before, and takes nothing of what comes with it.
    if let (true, ("PATCH", path)) = (reply.is_success(), request.target()) {
        let from = request.header("upload-offset").and_then(|offset| offset.parse::<u64>().ok()).unwrap_or(0);
        if let Some(upload) = shared.mind().uploads.get_mut(path) {
            upload.given = from + request.body.len() as u64;
        }
    }
    Ok(reply)
}

fn pass(shared: &Shared, request: &Message, client: &mut TcpStream) -> io::Result<bool> {
    let reply = forward(shared, request)?;
    client.write_all(&reply.bytes())?;
    if request.target() == ("POST", "/v1/sync") {
        shared.mind().earlier = Some(reply);
    }
    Ok(true)
}

fn somewhere(shared: &Shared, length: usize) -> usize {
    shared.mind().dice.gen_range(0..length.max(1))
}

fn lied(shared: &Shared, request: &Message, client: &mut TcpStream, lie: Lie) -> io::Result<bool> {
    let reply = match lie {
        Lie::CutRequest => {
            let count = somewhere(shared, request.closing(true).bytes().len());
            http::cut(shared.server, request, count)?;
            given(shared, request, count);
            return Ok(false);
        }
        Lie::CutReply => {
            let reply = forward(shared, request)?.bytes();
            client.write_all(&reply[..somewhere(shared, reply.len())])?;
            return Ok(false);
        }
        Lie::LoseReply => {
            forward(shared, request)?;
            return Ok(false);
        }
        Lie::LateReply => {
            let reply = forward(shared, request)?;
            shared.given_up.tell();
            client.write_all(&reply.bytes())?;
            return Ok(false);
        }
        Lie::Unreachable | Lie::LateRequest => return Ok(false),
        Lie::Partition => {
            shared.given_up.tell();
            return Ok(false);
        }
        Lie::OneWay => {
            // Also where the server is not there just now.
            let _ = forward(shared, request);
            shared.given_up.tell();
            return Ok(false);
        }
        Lie::ServerKilled => {
            let length = request.closing(true).bytes().len();
            // Now and then all of it: the server may have done it, and says so to nobody.
            let count = somewhere(shared, length + length / 2);
            let _under_way = http::begin(shared.server, request, count)?;
            shared.mortal.kill();
            return Ok(false);
        }
        Lie::PhoneEnds => {
            let arrives = shared.mind().dice.gen_bool(0.5);
            if arrives {
                // Also where the server is not there just now.
                let _ = forward(shared, request);
            }
            shared.given_up.end();
            return Ok(false);
        }
        Lie::Twice => {
            forward(shared, request)?;
            return pass(shared, request, client);
        }
        Lie::BombToServer => {
            let head = String::from_utf8_lossy(&request.head);
            let token = head.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization:"));
            let body = zstd_bomb().to_vec();
            let head = format!(
                "POST /v1/sync HTTP/1.1\r\nHost: x\r\n{}\r\nContent-Encoding: zstd\r\nContent-Length: {}\r\n\r\n",
                token.unwrap_or("X-None: 1"),
                body.len()
            );
            http::ask(shared.server, &Message { head: head.into_bytes(), body })?;
            return pass(shared, request, client);
        }
        Lie::Loris => {
            let half = http::begin(shared.server, request, request.head.len() / 2)?;
            shared.mind().open.push(half);
            return pass(shared, request, client);
        }
        Lie::Trickle => {
            for piece in forward(shared, request)?.bytes().chunks(7) {
                client.write_all(piece)?;
                client.flush()?;
            }
            return Ok(true);
        }
        Lie::Truncated => {
            let reply = forward(shared, request)?;
            let body = reply.body[..somewhere(shared, reply.body.len())].to_vec();
            http::made_up("200 OK", &[("Content-Type", "application/json")], body)
        }
        Lie::BadGatewayAfter => {
            forward(shared, request)?;
            bad_gateway()
        }
        Lie::BadGateway => bad_gateway(),
        Lie::Portal => {
            let page = "<html><body>请先登录酒店网络</body></html>";
            http::made_up("200 OK", &[("Content-Type", "text/html")], page.into())
        }
        Lie::Redirect => http::made_up("302 Found", &[("Location", "http://127.0.0.1:1/login")], Vec::new()),
        Lie::ZstdBomb => {
            let headers = [("Content-Type", "application/json"), ("Content-Encoding", "zstd")];
            http::made_up("200 OK", &headers, zstd_bomb().to_vec())
        }
        Lie::Gzip => {
            let headers = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
            http::made_up("200 OK", &headers, vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])
        }
        Lie::Stale => shared.mind().earlier.clone().unwrap_or_else(bad_gateway),
    };
    client.write_all(&reply.bytes())?;
    Ok(true)
}

fn bad_gateway() -> Message {
    http::made_up("502 Bad Gateway", &[("Content-Type", "text/html")], b"<html>502 Bad Gateway</html>".to_vec())
}

/// A few kilobytes that unpack to 65 MiB.
fn zstd_bomb() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| zstd::bulk::compress(&vec![b' '; 65 * 1024 * 1024], 1).unwrap_or_default())
}
