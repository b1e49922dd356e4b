//! As much of HTTP/1.1 as a proxy needs that looks at whole messages.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// A request or a response: its head up to and with the empty line, and its body.
#[derive(Debug, Clone, Default)]
pub(super) struct Message {
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
}

impl Message {
    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.head.as_slice(), &self.body].concat()
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        std::str::from_utf8(&self.head).unwrap_or_default().split("\r\n")
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Method and path of a request.
    pub(super) fn target(&self) -> (&str, &str) {
        let mut words = self.lines().next().unwrap_or_default().split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// Whether a response is one of success.
    pub(super) fn is_success(&self) -> bool {
        self.lines().next().and_then(|line| line.split(' ').nth(1)).is_some_and(|status| status.starts_with('2'))
    }

    /// The same with `Connection: close` or without that header.
    pub(super) fn closing(&self, close: bool) -> Self {
        let kept = self.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let mut head = kept.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\r\n");
        head.push_str(if close { "\r\nConnection: close\r\n\r\n" } else { "\r\n\r\n" });
        Self { head: head.into_bytes(), body: self.body.clone() }
    }
}

/// Reads one request; `None` when the client has no more.
pub(super) fn read_request(stream: &mut TcpStream) -> io::Result<Option<Message>> {
    let mut message = Message::default();
    let mut byte = [0];
    while !message.head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        message.head.push(byte[0]);
    }
    let length = message.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    message.body.resize(length, 0);
    stream.read_exact(&mut message.body)?;
    Ok(Some(message))
}

/// Sends a request on a connection of its own and reads the whole response; one that breaks off is an error.
pub(super) fn ask(server: SocketAddr, request: &Message) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(&request.closing(true).bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let body = bytes.split_off(end);
    let reply = Message { head: bytes, body }.closing(false);
    let promised = reply.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let bodiless = request.target().0 == "HEAD";
    if end < 4 || (reply.body.len() < promised && !bodiless) { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(reply) }
}

/// Sends the first `count` bytes of a request and nothing more.
pub(super) fn begin(server: SocketAddr, request: &Message, count: usize) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(server)?;
    let bytes = request.closing(true).bytes();
    stream.write_all(&bytes[..count.min(bytes.len())])?;
    Ok(stream)
}

/// Breaks a request off after `count` bytes, and waits until the server has noticed.
pub(super) fn cut(server: SocketAddr, request: &Message, count: usize) -> io::Result<()> {
    let mut stream = begin(server, request, count)?;
    stream.shutdown(Shutdown::Write)?;
    // Whatever it says to half a request is lost as well.
    stream.read_to_end(&mut Vec::new()).map(drop)
}

/// A response made up by somebody between phone and server.
pub(super) fn made_up(status: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Message {
    let mut head = format!("HTTP/1.1 {status}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    Message { head: head.into_bytes(), body }
}
