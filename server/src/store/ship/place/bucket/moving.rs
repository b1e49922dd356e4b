//! A connection on which nothing moves for long is given up, in whichever direction it stands still: who waits for a far
//! store hears of it, and a slow line loses nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// So long may nothing move.
pub(super) const STILL: Duration = Duration::from_secs(if cfg!(test) { 3 } else { 60 });

/// A connection, and until when something has to move on it.
#[derive(Debug)]
pub(super) struct Moving {
    line: TcpStream,
    until: Pin<Box<Sleep>>,
}

impl Moving {
    pub(super) fn new(line: TcpStream) -> Self {
        Self { line, until: Box::pin(sleep(STILL)) }
    }

    fn moved<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.until.as_mut().reset(Instant::now() + STILL);
            return done;
        }
        ready!(self.until.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Connection for Moving {
    fn connected(&self) -> Connected {
        self.line.connected()
    }
}

impl AsyncRead for Moving {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.line).poll_read(cx, into);
        self.moved(cx, done)
    }
}

impl AsyncWrite for Moving {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.line).poll_write(cx, bytes);
        self.moved(cx, done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_line_that_moves_has_time_anew_in_both_directions() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let near = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a line");
        let (mut far, _) = listener.accept().await.expect("the other end");
        let mut near = Moving::new(near);
        let mut until = vec![near.until.deadline()];
        for byte in 0..3 {
            far.write_all(&[byte]).await.expect("written");
            assert_eq!(near.read_u8().await.expect("a byte"), byte);
            until.push(near.until.deadline());
            near.write_all(&[byte]).await.expect("written");
            until.push(near.until.deadline());
        }
        assert!(until.is_sorted_by(|earlier, later| earlier < later), "{until:?}");
    }
}
