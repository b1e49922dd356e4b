//! A server in a process of its own: what it takes is read from outside, and the load that is put on it is not counted
//! as its own. The program is the shipped one's command line, reached through `nuanfang-bench serve`, so that a release
//! is linked once.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::{Tried, beside, timed};

/// The program that serves when it is told to.
const PROGRAM: &str = "nuanfang-bench";
/// What it says once it answers.
const READY: &str = "暖访已启动：http://";

/// The process. It ends with this value, one way or the other.
pub struct Served {
    child: Child,
    addr: SocketAddr,
    log: PathBuf,
    // Held open: a server that can't say that it stops would not stop in order.
    _said: BufReader<ChildStdout>,
}

/// Megabytes (10⁶ bytes) of a process that are in memory.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Now.
    pub now: f64,
    /// The most there ever were.
    pub most: f64,
}

impl Served {
    /// Serves the data folder `data` at a free port of loopback, with the limits of any server. Its log lies beside it.
    pub fn start(data: &Path) -> Tried<Self> {
        let log = data.with_extension("log");
        let mut child = Command::new(program()?)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut said = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        let mut line = String::new();
        while said.read_line(&mut line)? > 0 {
            if let Some(addr) = line.trim_end().strip_prefix(READY) {
                return Ok(Self { addr: addr.parse()?, child, log, _said: said });
            }
            line.clear();
        }
        child.wait()?;
        Err(format!("the server did not start: {}", fs::read_to_string(&log)?).into())
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it takes of the machine's memory, the pages of its program included.
    pub fn memory(&self) -> Tried<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let megabytes = |name: &str| -> Tried<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such measure")?;
            let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
            Ok(kibibytes * 1024.0 / 1e6)
        };
        Ok(Memory { now: megabytes("VmRSS:")?, most: megabytes("VmHWM:")? })
    }

    /// Tells it to stop, as an operator does. How long until it has ended in order, in seconds.
    pub fn stop(mut self) -> Tried<f64> {
        let pid = self.child.id().to_string();
        let (seconds, ended) = timed(|| {
            if !Command::new("sh").args(["-c", "kill -TERM $0", &pid]).status()?.success() {
                return Err("the server is gone already".into());
            }
            Ok(self.child.wait()?)
        })?;
        match ended.code() {
            Some(0) => Ok(seconds),
            _ => Err(format!("the server ended with {ended}: {}", fs::read_to_string(&self.log)?).into()),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Only what did not end in order is still there.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bench itself, or from the suite's own folder the bench beside it.
fn program() -> Tried<PathBuf> {
    let here = std::env::current_exe()?;
    if here.file_name().is_some_and(|name| name == PROGRAM) {
        return Ok(here);
    }
    Ok(beside(PROGRAM)?.ok_or("there is no nuanfang-bench beside this program: cargo build --locked --bins")?)
}
