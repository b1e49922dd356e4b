//! Sixty-four clients send batches of ten documents, made beforehand, and wait for each answer before the next batch.
//!
//! `load port` prints a free port of 127.0.0.1. `load pouchdb|kinto PORT BATCHES` waits for the server there, lets every
//! client send so many batches, asks the server whether it has all, and prints documents a second and the share of one
//! core that the load itself took.

// The words are those of figure B1, whose file knows the dice by the name of the crate that they lie in.
extern crate self as nuanfang_demo;

#[allow(dead_code)]
#[path = "../demo/src/dice.rs"]
pub mod dice;
#[path = "../src/figures/prose.rs"]
mod prose;

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use dice::Dice;
use prose::prose;

const CLIENTS: usize = 64;
const DOCUMENTS: usize = 10;
/// Of a document.
const BYTES: usize = 3_000;
/// For a server to start, and for any answer.
const PATIENCE: Duration = Duration::from_secs(60);

type Tried<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    match run(&asked.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(asked: &[&str]) -> Tried<String> {
    match asked {
        ["port"] => Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port().to_string()),
        [peer, port, batches] => {
            let peer = Peer::named(peer)?;
            measure(peer, SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse()?)), batches.parse()?)
        }
        _ => Err("load port | load pouchdb|kinto PORT BATCHES".into()),
    }
}

fn measure(peer: Peer, addr: SocketAddr, batches: usize) -> Tried<String> {
    peer.set_up(&mut Line::once_ready(addr)?)?;
    let mut dice = Dice::new(1);
    let mut outbox = || (0..batches).map(|_| peer.batch(&mut dice)).collect::<Vec<_>>();
    let outboxes: Vec<_> = (0..CLIENTS).map(|_| outbox()).collect();
    let lines: Vec<Line> = outboxes.iter().map(|_| Line::open(addr)).collect::<Tried<_>>()?;
    let start = Barrier::new(CLIENTS + 1);
    let (seconds, busy) = thread::scope(|scope| {
        let clients: Vec<_> = lines
            .into_iter()
            .zip(&outboxes)
            .map(|(mut line, outbox)| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    outbox.iter().try_for_each(|batch| peer.send(&mut line, batch))
                })
            })
            .collect();
        start.wait();
        let (began, before) = (Instant::now(), processor_seconds()?);
        for client in clients {
            client.join().map_err(|_| "a client panicked")??;
        }
        Tried::Ok((began.elapsed().as_secs_f64(), processor_seconds()? - before))
    })?;
    let documents = CLIENTS * batches * DOCUMENTS;
    let stored = peer.stored(&mut Line::open(addr)?)?;
    if stored != documents {
        return Err(format!("{documents} documents acknowledged, the server has {stored}").into());
    }
    Ok(format!("{:.1} {:.2}", documents as f64 / seconds, busy / seconds))
}

/// What this process used so far.
fn processor_seconds() -> Tried<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').ok_or("no process name")?.1.split_whitespace();
    let ticks: u32 = fields.skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    // The kernel tells hundredths of a second to every program, whatever its own clock does.
    Ok(f64::from(ticks) / 100.0)
}

/// A server that takes documents.
#[derive(Clone, Copy)]
enum Peer {
    PouchDb,
    Kinto,
}

impl Peer {
    fn named(name: &str) -> Tried<Self> {
        match name {
            "pouchdb" => Ok(Self::PouchDb),
            "kinto" => Ok(Self::Kinto),
            _ => Err(format!("no peer {name}").into()),
        }
    }

    /// Makes the place that the documents go to.
    fn set_up(self, line: &mut Line) -> Tried<()> {
        let places: &[(&str, &str)] = match self {
            Self::PouchDb => &[("/visits", "")],
            Self::Kinto => &[
                ("/v1/buckets/example", r#"{"permissions":{"write":["system.Everyone"]}}"#),
                ("/v1/buckets/example/collections/visits", ""),
            ],
        };
        // Kinto takes any name and password here; whoever makes a bucket must have some.
        let who = "authorization: Basic ZXhhbXBsZTpleGFtcGxl\r\n";
        places.iter().try_for_each(|(place, body)| match line.ask(&request("PUT", place, who, body))?.status {
            201 => Ok(()),
            status => Err(format!("{place} answered {status}").into()),
        })
    }

    /// A batch as it goes over the line.
    fn batch(self, dice: &mut Dice) -> Vec<u8> {
        let name = match self {
            Self::PouchDb => "_id",
            Self::Kinto => "id",
        };
        let documents: Vec<String> = (0..DOCUMENTS).map(|_| document(name, dice)).collect();
        match self {
            Self::PouchDb => {
                request("POST", "/visits/_bulk_docs", "", &format!(r#"{{"docs":[{}]}}"#, documents.join(",")))
            }
            Self::Kinto => {
                let each: Vec<String> = documents.iter().map(|one| format!(r#"{{"body":{{"data":{one}}}}}"#)).collect();
                let to = r#"{"method":"POST","path":"/v1/buckets/example/collections/visits/records"}"#;
                let body = format!(r#"{{"defaults":{to},"requests":[{}]}}"#, each.join(","));
                request("POST", "/v1/batch", "", &body)
            }
        }
    }

    /// Sends a batch; each of its documents must be taken.
    fn send(self, line: &mut Line, batch: &[u8]) -> Tried<()> {
        let answer = line.ask(batch)?;
        let taken: &[u8] = match self {
            Self::PouchDb => br#""ok":true"#,
            Self::Kinto => br#""status":201"#,
        };
        match answer.body.windows(taken.len()).filter(|&part| part == taken).count() {
            DOCUMENTS => Ok(()),
            count => {
                let told: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
                Err(format!("{count} of {DOCUMENTS} documents taken, status {}: {told}", answer.status).into())
            }
        }
    }

    /// How many documents the server says it has.
    fn stored(self, line: &mut Line) -> Tried<usize> {
        let count = match self {
            Self::PouchDb => {
                let answer = String::from_utf8(line.ask(&request("GET", "/visits", "", ""))?.body)?;
                answer.split_once(r#""doc_count":"#).map(|(_, rest)| rest.to_owned())
            }
            Self::Kinto => line.ask(&request("HEAD", "/v1/buckets/example/collections/visits/records", "", ""))?.total,
        };
        let digits: String = count.ok_or("no count")?.chars().take_while(char::is_ascii_digit).collect();
        Ok(digits.parse()?)
    }
}

/// A document of [`BYTES`] bytes, or up to two less.
fn document(name: &str, dice: &mut Dice) -> String {
    let id =
        (u128::from(dice.roll()) << 64 | u128::from(dice.roll())) & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let id = format!("{id:032x}");
    let id = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-");
    let opening = format!(r#"{{"{name}":"{id}","kind":"示例","text":""#);
    let text = prose(dice, BYTES - opening.len() - r#""}"#.len());
    format!(r#"{opening}{text}"}}"#)
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let about = format!("host: localhost\r\ncontent-type: application/json\r\n{headers}content-length: {length}");
    format!("{method} {path} HTTP/1.1\r\n{about}\r\n\r\n{body}").into_bytes()
}

/// What of an answer is looked at.
struct Answer {
    status: u16,
    /// What Kinto says of a whole collection.
    total: Option<String>,
    body: Vec<u8>,
}

/// One connection that stays open, one request at a time.
struct Line(BufReader<TcpStream>);

impl Line {
    fn open(addr: SocketAddr) -> Tried<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::with_capacity(16 * 1024, stream)))
    }

    fn once_ready(addr: SocketAddr) -> Tried<Self> {
        let began = Instant::now();
        loop {
            match Self::open(addr) {
                Err(_) if began.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(100)),
                opened => return opened,
            }
        }
    }

    fn ask(&mut self, request: &[u8]) -> Tried<Answer> {
        self.0.get_mut().write_all(request)?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("no status line")?;
        let (mut length, mut total) = (None, None);
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = Some(value.trim().parse()?),
                "total-objects" | "total-records" => total = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let length = if request.starts_with(b"HEAD ") { 0 } else { length.ok_or("an answer without a length")? };
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(Answer { status, total, body })
    }
}
