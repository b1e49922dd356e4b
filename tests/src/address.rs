//! Addresses for servers that are started again where they were.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// One of a port that the system gives to nobody by itself, and this function to nobody else in this process: between a server
/// and the next at its address nobody else is there.
pub fn steady() -> SocketAddr {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    let mut addresses = std::iter::repeat_with(|| {
        SocketAddr::from((Ipv4Addr::LOCALHOST, first + GIVEN.fetch_add(1, Ordering::Relaxed)))
    });
    addresses.find(|address| TcpListener::bind(address).is_ok()).expect("a free port")
}
