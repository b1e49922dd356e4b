//! A bad network between phones and a real server: hotels with a login page, answers of yesterday, connections that
//! break in the middle of a word.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the network does to the next exchanges, instead of carrying them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// Carries them.
    None,
    /// A page that wants a login, with the status of success.
    Portal,
    /// A redirect to such a page.
    Redirect,
    /// Half of the request arrives, then the connection breaks.
    HalfRequest,
    /// The first byte of the request's body arrives as another: what it is packed as, or a file's mark.
    FlippedRequest,
    /// The request arrives and its answer is lost.
    NoAnswer,
    /// Half of the answer arrives.
    HalfAnswer,
    /// The answer to an earlier exchange, with the request never sent on.
    OldAnswer,
}

#[derive(Debug)]
struct State {
    trick: Trick,
    on: &'static str,
    old: Vec<u8>,
    met: u32,
}

/// The network.
#[derive(Clone)]
pub struct Network {
    state: Arc<Mutex<State>>,
    /// What phones take for the server's address.
    pub url: String,
}

/// One HTTP message as it came: head and body.
struct Message {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Message {
    fn read(stream: &mut impl BufRead) -> Option<Self> {
        let mut head = Vec::new();
        let mut length = 0;
        loop {
            let mut line = Vec::new();
            if stream.read_until(b'\n', &mut line).ok()? == 0 {
                return None;
            }
            let text = String::from_utf8_lossy(&line).to_ascii_lowercase();
            if let Some(value) = text.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            let last = text.trim().is_empty();
            head.extend(line);
            if last {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        Some(Self { head, body })
    }

    fn bytes(&self) -> Vec<u8> {
        [&self.head[..], &self.body].concat()
    }

    fn flip(&mut self) {
        if let Some(byte) = self.body.first_mut() {
            *byte ^= 0x08;
        }
    }
}

const PAGE: &str = "<html><title>示例酒店</title>请登录以使用网络</html>";

impl Network {
    /// A network to `server`, an address of this machine.
    pub fn to(server: &str) -> Self {
        let server: SocketAddr = server.parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State { trick: Trick::None, on: "", old: Vec::new(), met: 0 }));
        let network = Self { state, url };
        let carrier = network.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let carrier = carrier.clone();
                std::thread::spawn(move || {
                    let mut requests = BufReader::new(&stream);
                    // A connection lasts as long as both ends understand each other.
                    while carrier.carry(&mut requests, &stream, server).is_some() {}
                });
            }
        });
        network
    }

    /// From now on it plays this trick on requests that begin with `on`.
    pub fn play(&self, on: &'static str, trick: Trick) {
        let mut state = self.state.lock().expect("whole");
        (state.trick, state.on, state.met) = (trick, on, 0);
    }

    /// How many exchanges met the trick.
    pub fn met(&self) -> u32 {
        self.state.lock().expect("whole").met
    }

    fn carry(&self, requests: &mut impl BufRead, mut phone: &TcpStream, server: SocketAddr) -> Option<()> {
        let mut request = Message::read(requests)?;
        let (trick, old) = {
            let mut state = self.state.lock().expect("whole");
            let trick = if request.head.starts_with(state.on.as_bytes()) { state.trick } else { Trick::None };
            state.met += u32::from(trick != Trick::None);
            (trick, state.old.clone())
        };
        let page = |status: &str| {
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n", PAGE.len());
            [head.as_bytes(), PAGE.as_bytes()].concat()
        };
        match trick {
            Trick::Portal => return phone.write_all(&page("200 OK")).ok(),
            Trick::Redirect => return phone.write_all(&page("302 Found\r\nlocation: http://127.0.0.1:9/login")).ok(),
            Trick::OldAnswer => return phone.write_all(&old).ok(),
            Trick::FlippedRequest => request.flip(),
            _ => {}
        }
        let mut far = TcpStream::connect(server).ok()?;
        let sent = request.bytes();
        if trick == Trick::HalfRequest {
            let _ = far.write_all(&sent[..request.head.len() + request.body.len() / 2]);
            return None;
        }
        far.write_all(&sent).ok()?;
        let answer = if request.head.starts_with(b"HEAD") {
            Message { head: read_head(&far)?, body: Vec::new() }
        } else {
            Message::read(&mut BufReader::new(&far))?
        };
        let bytes = answer.bytes();
        match trick {
            Trick::NoAnswer => return None,
            Trick::HalfAnswer => {
                let _ = phone.write_all(&bytes[..bytes.len() - answer.body.len() / 2 - 1]);
                return None;
            }
            _ => {}
        }
        if request.head.starts_with(b"POST /v1/sync") && trick == Trick::None {
            self.state.lock().expect("whole").old = bytes;
        }
        phone.write_all(&answer.bytes()).ok()
    }
}

fn read_head(stream: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}
