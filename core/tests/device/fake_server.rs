//! A server that keeps logs, feeds and files in memory, speaks the real wire types, and misbehaves when asked to.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::courier::{Answer, Call, Transport, Unreachable};
use nuanfang_core::id::{DeviceId, OpId, SupplierId, WorkerId};
use nuanfang_core::record::{Certificate, Holder, PublicKey, SoftwareKey};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::auth::{
    ChallengeReply, EnrolReply, EnrolRequest, TokenReply, TokenRequest, challenge_bytes, unb64,
};
use nuanfang_core::wire::dictionary::Dictionary;
use nuanfang_core::wire::feed::COMPANY;
use nuanfang_core::wire::{
    BlobNeed, FeedEntry, FeedKind, Op, Outcome, ScopeCursor, ScopeReply, SyncReply, SyncRequest, scope_mix,
};
use uuid::Uuid;

/// The one-time code this server always takes.
pub const CODE: &str = "2F4K-9QTM";

#[derive(Default, Clone)]
pub struct Log {
    pub ops: Vec<(Op, Sha)>,
    pub key: Option<PublicKey>,
}

#[derive(Default, Clone)]
pub struct Blob {
    pub bytes: Vec<u8>,
    pub len: u64,
}

/// One way to misbehave, used up by the next sync.
#[derive(Clone)]
pub enum Lie {
    /// No answer at all; what came in is forgotten.
    Silence,
    /// The exchange is taken in, the answer lost.
    LoseReply,
    /// A portal's page with status 200.
    Portal,
    /// The first half of the true answer.
    Truncated,
    /// An answer given before.
    Replay(Vec<u8>),
    /// The true answer with one thing changed.
    Twist(fn(&mut SyncReply)),
    /// This status with this body.
    Status(u16, &'static str),
}

pub struct State {
    pub worker: WorkerId,
    pub logs: HashMap<DeviceId, Log>,
    pub seen_ops: HashMap<OpId, u32>,
    pub blobs: BTreeMap<Sha, Blob>,
    pub feeds: BTreeMap<String, Vec<FeedEntry>>,
    pub page: usize,
    pub epoch: u64,
    pub dismissed: bool,
    pub safe_lag: u64,
    pub outcomes: Vec<Outcome>,
    pub now: Millis,
    pub lies: Vec<Lie>,
    pub last_reply: Vec<u8>,
    pub tokens: u32,
    pub cut_uploads_at: Option<usize>,
    pub uploaded: u64,
    /// A file that is missing and not asked for.
    pub unasked: Option<Sha>,
    /// What is told of dictionaries with each token.
    pub offers: Vec<String>,
    /// Exchanges packed with a dictionary are read.
    pub reads_dictionaries: bool,
    /// With which dictionary each exchange came that reached the server.
    pub packed_with: Vec<Option<u32>>,
    /// How many operations of an exchange it takes in at most.
    pub takes: usize,
    /// How many files it asks for in one reply at most.
    pub asks_for: usize,
    /// The company has revoked the phone: it gets no token.
    pub revoked: bool,
    /// It answers nothing.
    pub away: bool,
    /// The answers that went out as they are meant.
    pub went_out: Vec<SyncReply>,
    root: SoftwareKey,
}

#[derive(Clone)]
pub struct FakeServer(pub Arc<Mutex<State>>);

impl FakeServer {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            worker: WorkerId(Uuid::from_u128(0xA1)),
            logs: HashMap::new(),
            seen_ops: HashMap::new(),
            blobs: BTreeMap::new(),
            feeds: BTreeMap::new(),
            page: 100,
            epoch: 1,
            dismissed: false,
            safe_lag: 0,
            outcomes: Vec::new(),
            now: Millis(1_795_000_000_000),
            lies: Vec::new(),
            last_reply: Vec::new(),
            tokens: 0,
            cut_uploads_at: None,
            uploaded: 0,
            unasked: None,
            offers: Vec::new(),
            reads_dictionaries: false,
            packed_with: Vec::new(),
            takes: usize::MAX,
            asks_for: usize::MAX,
            revoked: false,
            away: false,
            went_out: Vec::new(),
            root: SoftwareKey::from_secret(&[7; 32]).unwrap(),
        })))
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// Another company answers at the same place from here on.
    pub fn is_another_companys(&self) {
        self.with(|state| state.root = SoftwareKey::from_secret(&[8; 32]).unwrap());
    }

    pub fn lie(&self, lie: Lie) {
        self.with(|state| state.lies.push(lie));
    }

    pub fn worker_scope(&self) -> String {
        self.with(|state| format!("worker:{}", state.worker))
    }

    pub fn put(&self, scope: &str, e: &str, id: &str, ver: u64, body: &str) {
        self.push(scope, FeedKind::Put, e, id, ver, Some(body), None);
    }

    pub fn revoke(&self, scope: &str, e: &str, id: &str, ver: u64, why: &str) {
        self.push(scope, FeedKind::Revoke, e, id, ver, None, Some(why));
    }

    /// It is lost, and comes back as it was before any visit was planned in this scope.
    pub fn restore_without_visits(&self, scope: &str) {
        self.with(|state| state.epoch += 1);
        self.tell_anew_without_visits(scope);
    }

    /// The scope is told anew from its beginning, and no visit is in it any more.
    pub fn tell_anew_without_visits(&self, scope: &str) {
        self.with(|state| {
            let feed = state.feeds.get_mut(scope).unwrap();
            feed.retain(|entry| entry.e == "worker");
            feed.iter_mut().zip(1..).for_each(|(entry, pos)| entry.pos = pos);
        });
    }

    #[allow(clippy::too_many_arguments)]
    fn push(&self, scope: &str, k: FeedKind, e: &str, id: &str, ver: u64, body: Option<&str>, why: Option<&str>) {
        self.with(|state| {
            let feed = state.feeds.entry(scope.to_owned()).or_default();
            feed.push(FeedEntry {
                pos: feed.len() as u64 + 1,
                k,
                e: e.to_owned(),
                id: id.to_owned(),
                ver,
                body: body.map(|body| serde_json::value::RawValue::from_string(body.to_owned()).unwrap()),
                why: why.map(str::to_owned),
            });
        });
    }

    /// All operations of a device, as they were received.
    pub fn kinds(&self, device: DeviceId) -> Vec<String> {
        self.with(|state| {
            state.logs.get(&device).map_or(Vec::new(), |log| log.ops.iter().map(|(op, _)| op.kind.clone()).collect())
        })
    }
}

impl Transport for FakeServer {
    fn call(&self, call: &Call) -> Result<Answer, Unreachable> {
        let headers: HashMap<String, String> =
            call.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        self.with(|state| {
            if call.path == "/v1/sync" && !state.may_read(call.dictionary) {
                return problem(400, "sync.zstd");
            }
            state.handle(call.method, &call.path, call.token.as_deref(), &headers, &call.body)
        })
        .ok_or_else(|| Unreachable::NoAnswer("silence".to_owned()))
    }
}

fn json<T: serde::Serialize>(value: &T) -> Option<Answer> {
    Some(Answer { status: 200, body: serde_json::to_vec(value).unwrap(), ..Answer::default() })
}

fn problem(status: u16, code: &str) -> Option<Answer> {
    Some(Answer { status, body: format!(r#"{{"code":"{code}"}}"#).into_bytes(), ..Answer::default() })
}

impl State {
    /// Notes how an exchange came, and says whether this server can read it.
    fn may_read(&mut self, dictionary: Option<u32>) -> bool {
        self.packed_with.push(dictionary);
        dictionary.is_none() || self.reads_dictionaries
    }

    fn handle(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        headers: &HashMap<String, String>,
        body: &[u8],
    ) -> Option<Answer> {
        match (method, path) {
            _ if self.away => None,
            ("POST", "/v1/enrol") => self.enrol(&serde_json::from_slice(body).unwrap()),
            ("POST", "/v1/challenge") => json(&ChallengeReply { nonce: "n0nce".to_owned() }),
            ("POST", "/v1/token") => self.token(&serde_json::from_slice(body).unwrap()),
            _ if token != Some(format!("t{}", self.tokens).as_str()) => problem(401, "token_expired"),
            ("POST", "/v1/sync") => self.sync(&serde_json::from_slice(body).unwrap()),
            (method, path) => self.blob(method, path.strip_prefix("/v1/blobs/")?.parse().unwrap(), headers, body),
        }
    }

    fn enrol(&mut self, request: &EnrolRequest) -> Option<Answer> {
        if request.code != CODE {
            return problem(403, "code_unknown");
        }
        let key = PublicKey::from_spki_der(&unb64(&request.public_key).unwrap()).unwrap();
        let device = DeviceId(Uuid::from_u128(0xD0 + self.logs.len() as u128));
        self.logs.insert(device, Log { key: Some(key), ..Log::default() });
        let supplier = SupplierId(Uuid::from_u128(0x50));
        let holder = Holder::Device { device, worker: self.worker };
        let certificate =
            Certificate::new(supplier, &self.root.public(), holder, &key, Millis(0), Millis(4_000_000_000_000))
                .sign(&self.root)
                .unwrap();
        json(&EnrolReply {
            device,
            worker: self.worker,
            supplier: supplier.to_string(),
            epoch: self.epoch,
            certificate: serde_json::to_string(&certificate).unwrap(),
        })
    }

    fn token(&mut self, request: &TokenRequest) -> Option<Answer> {
        let key = self.logs.get(&request.device)?.key?;
        let signature: [u8; 64] = unb64(&request.signature)?.try_into().ok()?;
        if !key.verify(&challenge_bytes(request.device, &request.nonce), &signature) {
            return problem(403, "signature");
        }
        if self.revoked {
            return problem(403, "device_revoked");
        }
        self.tokens += 1;
        let (token, enc) = (format!("t{}", self.tokens), self.offers.clone());
        json(&TokenReply { token, expires_s: 900, enc, dismissed: self.dismissed })
    }

    fn sync(&mut self, request: &SyncRequest) -> Option<Answer> {
        let lie = if self.lies.is_empty() { None } else { Some(self.lies.remove(0)) };
        if let Some(Lie::Silence) = lie {
            return None;
        }
        let mut reply = self.exchange(request);
        if let Some(Lie::Twist(twist)) = &lie {
            twist(&mut reply);
        }
        let truth = serde_json::to_vec(&reply).unwrap();
        let body = match &lie {
            Some(Lie::LoseReply) => return None,
            Some(Lie::Portal) => b"<html><body>Log in to the hotel's network</body></html>".to_vec(),
            Some(Lie::Truncated) => truth[..truth.len() / 2].to_vec(),
            Some(Lie::Replay(old)) => old.clone(),
            Some(Lie::Status(status, body)) => {
                return Some(Answer { status: *status, body: body.as_bytes().to_vec(), ..Answer::default() });
            }
            _ => {
                self.went_out.push(reply);
                truth.clone()
            }
        };
        self.last_reply = truth;
        Some(Answer { status: 200, body, ..Answer::default() })
    }

    pub fn exchange(&mut self, request: &SyncRequest) -> SyncReply {
        let log = self.logs.entry(request.device).or_default();
        let mut fork = false;
        let mut prev = request.base_sha;
        let mut own_base = log.ops.len() as u64;
        if request.base <= own_base {
            let held = if request.base == 0 { Sha::ZERO } else { log.ops[request.base as usize - 1].1 };
            fork = held != request.base_sha;
        }
        // Who has not heard of a restore hears of it before anything new is taken.
        let hears = request.epoch < self.epoch;
        for op in request.ops.iter().take(self.takes) {
            if fork {
                break;
            }
            let sha = op.envelope(request.device, prev).sha();
            prev = sha;
            if op.seq <= own_base {
                fork = log.ops[op.seq as usize - 1].1 != sha;
            } else if op.seq == own_base + 1 && !hears {
                log.ops.push((op.clone(), sha));
                *self.seen_ops.entry(op.op).or_default() += 1;
                for blob in &op.blobs {
                    self.blobs.entry(blob.sha).or_default().len = blob.len;
                }
                own_base += 1;
            } else {
                break;
            }
        }
        let acked = log.ops.len() as u64;
        let ack_sha = log.ops.last().map_or(Sha::ZERO, |(_, sha)| *sha);
        SyncReply {
            req: request.req,
            epoch: self.epoch,
            fork,
            dismissed: self.dismissed,
            acked_through: acked,
            ack_sha,
            safe_through: acked.saturating_sub(self.safe_lag),
            outcomes: std::mem::take(&mut self.outcomes),
            judged: 0,
            scopes: match self.dismissed {
                true => request.scopes.iter().filter(|scope| scope.pos != 0).map(|scope| emptied(&scope.id)).collect(),
                false if request.epoch != self.epoch => {
                    let anew = |scope: &ScopeCursor| ScopeReply { reset: true, ..self.feed(&scope.id, 0) };
                    request.scopes.iter().map(anew).collect()
                }
                false => request.scopes.iter().map(|scope| self.feed(&scope.id, scope.pos)).collect(),
            },
            need: self.need(),
            now_ms: self.now,
            poll_after_s: 300,
        }
    }

    /// The files that it asks for, small before large.
    fn need(&self) -> Vec<BlobNeed> {
        let mut missing: Vec<(&Sha, &Blob)> = self
            .blobs
            .iter()
            .filter(|(sha, blob)| (blob.bytes.len() as u64) < blob.len && self.unasked.as_ref() != Some(*sha))
            .collect();
        missing.sort_by_key(|(_, blob)| blob.len);
        let asked = missing.into_iter().take(self.asks_for);
        asked.map(|(sha, blob)| BlobNeed { sha: *sha, off: blob.bytes.len() as u64 }).collect()
    }

    fn feed(&self, id: &str, pos: u64) -> ScopeReply {
        let all = self.feeds.get(id).cloned().unwrap_or_default();
        let head = all.len() as u64;
        let mut state: BTreeMap<(String, String), FeedEntry> = BTreeMap::new();
        let apply = |state: &mut BTreeMap<(String, String), FeedEntry>, entry: &FeedEntry| {
            let name = (entry.e.clone(), entry.id.clone());
            match entry.k {
                FeedKind::Put => state.insert(name, entry.clone()),
                FeedKind::Revoke => state.remove(&name),
            };
        };
        let hash = |state: &BTreeMap<(String, String), FeedEntry>| {
            let sum =
                state.values().fold(0u128, |sum, entry| sum.wrapping_add(scope_mix(&entry.e, &entry.id, entry.ver)));
            format!("{sum:032x}")
        };
        if pos == 0 && head > 0 {
            all.iter().for_each(|entry| apply(&mut state, entry));
            let mut feed: Vec<FeedEntry> = state.values().cloned().collect();
            feed.sort_by_key(|entry| entry.pos);
            let hash = hash(&state);
            return ScopeReply { id: id.to_owned(), reset: true, feed, pos: head, hash, more: false };
        }
        let upto = (pos as usize + self.page).min(all.len());
        all[..upto].iter().for_each(|entry| apply(&mut state, entry));
        ScopeReply {
            id: id.to_owned(),
            reset: false,
            feed: all[(pos as usize).min(upto)..upto].to_vec(),
            pos: upto as u64,
            hash: hash(&state),
            more: (upto as u64) < head,
        }
    }

    fn blob(&mut self, method: &str, sha: Sha, headers: &HashMap<String, String>, body: &[u8]) -> Option<Answer> {
        let Some(blob) = self.blobs.get_mut(&sha) else {
            // An answer to HEAD has no body.
            let told = problem(404, "blob.unknown")?;
            return Some(if method == "HEAD" { Answer { body: Vec::new(), ..told } } else { told });
        };
        let have = blob.bytes.len() as u64;
        if method == "HEAD" {
            let upload_complete = have == blob.len;
            return Some(Answer { status: 200, upload_offset: Some(have), upload_complete, ..Answer::default() });
        }
        let offset: u64 = headers["upload-offset"].parse().unwrap();
        if offset != have {
            return Some(Answer { status: 409, upload_offset: Some(have), ..Answer::default() });
        }
        if let Some(cut) = self.cut_uploads_at.take() {
            blob.bytes.extend_from_slice(&body[..cut.min(body.len())]);
            self.uploaded += cut.min(body.len()) as u64;
            return None;
        }
        blob.bytes.extend_from_slice(body);
        self.uploaded += body.len() as u64;
        let have = blob.bytes.len() as u64;
        if have < blob.len {
            return Some(Answer { status: 204, upload_offset: Some(have), ..Answer::default() });
        }
        assert_eq!(Sha::of(&blob.bytes), sha, "the phone sent other bytes than it named");
        Some(Answer { status: 204, upload_offset: Some(have), upload_complete: true, ..Answer::default() })
    }
}

fn emptied(id: &str) -> ScopeReply {
    ScopeReply { id: id.to_owned(), reset: true, feed: Vec::new(), pos: 0, hash: format!("{:032x}", 0), more: false }
}

/// The same server on a real socket, one thread a connection, for as long as the test runs.
pub fn listen(server: &FakeServer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = server.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let server = server.clone();
            std::thread::spawn(move || while serve_one(&server, &stream).is_some() {});
        }
    });
    address
}

fn serve_one(server: &FakeServer, mut stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let mut parts = first.split_whitespace();
    let (method, path) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut dictionary = None;
    if headers.get("content-encoding").is_some_and(|coding| coding == "zstd") {
        dictionary = zstd::zstd_safe::get_dict_id_from_frame(&body).map(|id| id.get());
        body = decode(&body, dictionary);
    }
    let token = headers.get("authorization").and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    let answer = server.with(|state| {
        if path == "/v1/sync" && !state.may_read(dictionary) {
            return problem(400, "sync.zstd");
        }
        state.handle(&method, &path, token.as_deref(), &headers, &body)
    })?;
    let mut sent = answer.body.clone();
    let mut head = format!("HTTP/1.1 {} X\r\n", answer.status);
    if sent.len() > 512 {
        // Answered in kind: who packs with a dictionary names it among what it reads.
        sent = encode(&sent, dictionary);
        head.push_str("Content-Encoding: zstd\r\n");
    }
    if let Some(offset) = answer.upload_offset {
        head.push_str(&format!("Upload-Offset: {offset}\r\n"));
    }
    if answer.upload_complete {
        head.push_str("Upload-Complete: ?1\r\n");
    }
    if answer.status != 204 {
        head.push_str(&format!("Content-Length: {}\r\n", sent.len()));
    }
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(b"\r\n").ok()?;
    if answer.status != 204 && method != "HEAD" {
        stream.write_all(&sent).ok()?;
    }
    Some(())
}

fn decode(body: &[u8], dictionary: Option<u32>) -> Vec<u8> {
    let mut out = Vec::new();
    let known = dictionary.map_or(&[][..], |id| Dictionary::of_id(id).unwrap().bytes);
    zstd::stream::read::Decoder::with_dictionary(body, known).unwrap().read_to_end(&mut out).unwrap();
    out
}

fn encode(body: &[u8], dictionary: Option<u32>) -> Vec<u8> {
    let known = dictionary.map_or(&[][..], |id| Dictionary::of_id(id).unwrap().bytes);
    zstd::bulk::Compressor::with_dictionary(3, known).unwrap().compress(body).unwrap()
}

/// The company's scope.
pub const COMPANY_SCOPE: &str = COMPANY;
