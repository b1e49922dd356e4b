//! `nuanfang` as a process: what a person at a terminal starts, reads, stops and kills.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};

/// The program, built from the same `main` as the shipped one.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_nuanfang-process");

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    /// The value behind the first `label` that stands at the beginning of a line.
    pub fn value(&self, label: &str) -> &str {
        let line = self.out.lines().find_map(|line| line.trim().strip_prefix(label));
        line.unwrap_or_else(|| panic!("no {label} in {self:?}")).trim()
    }

    /// One line for a person and nothing else.
    pub fn one_line(&self) -> &str {
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        self.err.trim()
    }
}

/// Runs a command to its end. No user ever reads of a panic.
pub fn run(command: &mut Command, input: &str) -> Said {
    let mut child = command
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A command that does not read its input may have ended already.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let done = child.wait_with_output().expect("it ends");
    let said = Said {
        status: done.status.code(),
        out: String::from_utf8(done.stdout).expect("text"),
        err: String::from_utf8(done.stderr).expect("text"),
    };
    assert!(said.status.is_some(), "it was ended by a signal: {said:?}");
    for text in [&said.out, &said.err] {
        assert!(is_calm(text), "{said:?}");
    }
    said
}

/// Nothing of the program's own faults stands in it.
fn is_calm(text: &str) -> bool {
    !["panicked", "RUST_BACKTRACE", "程序内部错误", "a handler panicked"].iter().any(|fault| text.contains(fault))
}

/// `nuanfang` with these arguments.
pub fn nuanfang<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Said {
    run(Command::new(PROGRAM).args(args), "")
}

/// What a process prints, line by line, as it comes.
#[derive(Clone, Default)]
struct Printed(Arc<(Mutex<Heard>, Condvar)>);

/// The lines so far, and whether there will be no more.
type Heard = (Vec<String>, bool);

impl Printed {
    fn follow(out: impl Read + Send + 'static) -> Self {
        let printed = Self::default();
        let here = printed.clone();
        std::thread::spawn(move || {
            let (lines, news) = &*here.0;
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                lines.lock().expect("whole").0.push(line);
                news.notify_all();
            }
            lines.lock().expect("whole").1 = true;
            news.notify_all();
        });
        printed
    }

    /// Waits for a line that begins with `label`; `None` when the process ended without it.
    fn wait_for(&self, label: &str) -> Option<String> {
        let (lines, news) = &*self.0;
        let mut seen = lines.lock().expect("whole");
        loop {
            if let Some(line) = seen.0.iter().find_map(|line| line.strip_prefix(label)) {
                return Some(line.to_owned());
            }
            if seen.1 {
                return None;
            }
            seen = news.wait(seen).expect("whole");
        }
    }
}

/// Sends a process a signal.
pub fn signal(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    let told = Command::new("sh").args(["-c", "kill -$0 $1", signal, &pid]).status().expect("a shell");
    assert!(told.success(), "{signal} reached nobody");
}

/// A server at work.
pub struct Server {
    child: Child,
    printed: Printed,
    log: PathBuf,
    /// Where it serves.
    pub url: String,
}

impl Server {
    /// Serves `data` at a free port of loopback.
    pub fn start(data: &Path) -> Self {
        Self::start_at(data, "127.0.0.1:0")
    }

    /// Serves `data` at `listen`.
    pub fn start_at(data: &Path, listen: &str) -> Self {
        Self::of(Command::new(PROGRAM).args(["serve", "--listen", listen, "--data"]).arg(data), data)
    }

    /// A server started by `command`; its log lies beside `data`.
    pub fn of(command: &mut Command, data: &Path) -> Self {
        let log = data.with_extension(format!("{}.log", uuid::Uuid::new_v4().simple()));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("the server starts");
        let printed = Printed::follow(child.stdout.take().expect("a pipe"));
        let Some(url) = printed.wait_for("暖访已启动：") else {
            panic!("the server did not start: {}", std::fs::read_to_string(&log).unwrap_or_default());
        };
        Self { child, printed, log, url }
    }

    /// The port it listens at.
    pub fn address(&self) -> &str {
        self.url.split("//").nth(1).expect("an address")
    }

    /// The administrator's password, told at the first start.
    pub fn password(&self) -> String {
        let line = self.printed.wait_for("首次启动，已建立管理员：").expect("a first start");
        let password = line.split("密码 ").nth(1).and_then(|rest| rest.split('（').next());
        password.expect("a password").to_owned()
    }

    /// What it has printed so far.
    pub fn printed(&self) -> Vec<String> {
        self.printed.0.0.lock().expect("whole").0.clone()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// SIGSTOP: it holds what it has and does nothing, until [`Self::go_on`].
    pub fn pause(&self) {
        signal(&self.child, "STOP");
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        signal(&self.child, "CONT");
    }

    /// What an operator does: SIGTERM, and it drains.
    pub fn stop(self) {
        self.stop_by("TERM");
    }

    /// The same by another signal.
    pub fn stop_by(mut self, by: &str) {
        signal(&self.child, by);
        let ended = self.child.wait().expect("gone");
        assert_eq!(ended.code(), Some(0), "{}", self.said());
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            assert!(is_calm(&self.said()), "{}", self.said());
        }
    }
}
