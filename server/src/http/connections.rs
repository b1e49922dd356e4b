//! How many connections may be open at once, in all and from one address. Each takes a file of the process: without a
//! bound whoever opens enough of them, and asks nothing, keeps every phone out and the log from its disk. Nor does one stay
//! open for who asks and does not read.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// Files that the process opens besides connections: databases with their logs, pieces of photos, the backup, papers.
const OTHER_FILES: u64 = 512;

/// Who reads so many bytes has earned all of the patience anew.
const READ: u32 = 64 * 1024;

/// The connections that are open.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Bounds>);

#[derive(Debug)]
struct Bounds {
    most: usize,
    of_one: usize,
    unread: Duration,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    of: HashMap<IpAddr, usize>,
    turned_away: u64,
}

impl Connections {
    /// Room for `most`, of which one address takes `of_one` at most. One that keeps what is written to it waiting for longer
    /// than `unread`, or for as long to read next to nothing, is ended.
    pub fn new(most: usize, of_one: usize, unread: Duration) -> Self {
        Self(Arc::new(Bounds { most, of_one, unread, open: Mutex::default() }))
    }

    /// How many are open, and how many were turned away since the start.
    pub fn count(&self) -> (usize, u64) {
        let open = self.0.open();
        (open.all, open.turned_away)
    }

    fn enter(&self, address: IpAddr) -> Option<Place> {
        let whose = whose(address);
        let mut open = self.0.open();
        let own = open.of.get(&whose).copied().unwrap_or(0);
        if open.all >= self.0.most || own >= self.0.of_one {
            open.turned_away += 1;
            return None;
        }
        open.all += 1;
        open.of.insert(whose, own + 1);
        Some(Place { whose, bounds: Arc::clone(&self.0) })
    }
}

impl Bounds {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Raises how many files the process may have open to what the system allows; how many connections that leaves room for.
pub fn allowed() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    if setrlimit(Resource::Nofile, raised).is_ok() {
        limit = raised;
    }
    let files = limit.current.unwrap_or(u64::MAX);
    usize::try_from(files.saturating_sub(OTHER_FILES).max(files / 2)).unwrap_or(usize::MAX)
}

/// Who is behind an address: of IPv6 a household or a machine has a /64 to itself.
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

/// The room of one connection, until dropped.
#[derive(Debug)]
struct Place {
    whose: IpAddr,
    bounds: Arc<Bounds>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.bounds.open();
        open.all -= 1;
        let left = open.of.get(&self.whose).map_or(0, |own| own - 1);
        if left == 0 {
            open.of.remove(&self.whose);
        } else {
            open.of.insert(self.whose, left);
        }
    }
}

/// How long is still waited for who does not read.
#[derive(Debug)]
struct Patience {
    whole: Duration,
    left: Duration,
    over: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(whole: Duration) -> Self {
        Self { whole, left: whole, over: None }
    }

    /// What comes of a write: an error where it has waited for too long.
    fn hold(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = written else {
            let over = self.over.get_or_insert_with(|| Box::pin(sleep(self.left)));
            return over.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()));
        };
        if let Some(over) = self.over.take() {
            self.left = over.deadline().saturating_duration_since(Instant::now());
        }
        // A byte now and then earns next to nothing.
        let read = u32::try_from(*written.as_ref().unwrap_or(&0)).unwrap_or(READ).min(READ);
        self.left = (self.left + self.whole * read / READ).min(self.whole);
        Poll::Ready(written)
    }
}

/// A connection that counts as long as it is open.
#[derive(Debug)]
pub struct Counted {
    stream: TcpStream,
    patience: Patience,
    _place: Place,
}

impl<S> Accept<TcpStream, S> for Connections {
    type Stream = Counted;
    type Service = S;
    type Future = Ready<io::Result<(Counted, S)>>;

    /// Takes a connection in, or ends it: there is nothing to say before TLS, and a phone that finds no connection comes
    /// again.
    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let counted = || {
            let place = self.enter(stream.peer_addr()?.ip()).ok_or(io::ErrorKind::ConnectionRefused)?;
            // An event follows the one before it at once.
            stream.set_nodelay(true)?;
            Ok(place)
        };
        let patience = Patience::new(self.0.unread);
        ready(counted().map(|place| (Counted { stream, patience, _place: place }, service)))
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.patience.hold(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.patience.hold(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
