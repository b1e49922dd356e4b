//! The thinnest way to speak HTTP: one connection, one request at a time, the answer read whole. The load of
//! sixty-four phones runs beside the server on the same cores, and a client's own work would be measured as the server's.

use std::error::Error;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Tried;

/// Longer than any answer may take; a server that hangs ends the measurement.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer that is not what was asked for.
#[derive(Debug)]
pub struct Refused {
    path: String,
    /// Its status.
    pub status: u16,
    body: Vec<u8>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}: {}", self.path, self.status, String::from_utf8_lossy(&self.body))
    }
}

impl Error for Refused {}

/// A connection that stays open.
pub struct Line {
    stream: BufReader<TcpStream>,
    out: Vec<u8>,
}

impl Line {
    /// Connects.
    pub fn open(addr: SocketAddr) -> Tried<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::with_capacity(16 * 1024, stream), out: Vec::new() })
    }

    /// Patches with `body` as the whole body; the answer must be 204.
    pub fn patch(&mut self, path: &str, headers: &str, body: &[u8]) -> Tried<()> {
        let head =
            format!("PATCH {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {}\r\n\r\n", body.len());
        self.stream.get_mut().write_all(head.as_bytes())?;
        self.stream.get_mut().write_all(body)?;
        match self.answer()? {
            (204, _) => Ok(()),
            (status, body) => Err(Refused { path: path.into(), status, body }.into()),
        }
    }

    /// Posts `parts`, one after another, as one body, with further header lines each ending in `\r\n`. The answer must
    /// be 200 and is unpacked.
    pub fn post(&mut self, path: &str, headers: &str, parts: &[&[u8]]) -> Tried<Vec<u8>> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        self.out.clear();
        write!(self.out, "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n")?;
        write!(self.out, "{headers}content-length: {length}\r\n\r\n")?;
        for part in parts {
            self.out.extend_from_slice(part);
        }
        self.stream.get_mut().write_all(&self.out)?;
        let (status, body) = self.answer()?;
        if status != 200 {
            return Err(Refused { path: path.into(), status, body }.into());
        }
        Ok(body)
    }

    /// Posts JSON and reads the JSON that comes back.
    pub fn ask<Q: Serialize, A: DeserializeOwned>(&mut self, path: &str, request: &Q) -> Tried<A> {
        let body = serde_json::to_vec(request)?;
        Ok(serde_json::from_slice(&self.post(path, "", &[&body])?)?)
    }

    fn answer(&mut self) -> Tried<(u16, Vec<u8>)> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("no status line")?;
        let (mut length, mut zstd) = (0, false);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse()?,
                "content-encoding" => zstd = value.trim() == "zstd",
                "transfer-encoding" => return Err("an answer without a length".into()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, if zstd { zstd::decode_all(body.as_slice())? } else { body }))
    }
}
