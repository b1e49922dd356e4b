//! `phone-process`: a phone as a process that can be killed, and what it said.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use crate::nuanfang::signal;

/// A phone at work: it notes and sends until it is killed, and can be started again then.
pub struct Phone {
    dir: PathBuf,
    nth: usize,
    noted: Sender<usize>,
    said: Said,
    process: Option<(Child, JoinHandle<Said>)>,
}

/// What a phone said.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// The numbers of the notes that it called saved.
    pub saved: Vec<u32>,
    /// The number that it may go on with. The note after the last one may be on record and not told: its picture can't be
    /// taken again.
    next: u32,
    /// Exchanges that met no server.
    pub cut_off: u64,
}

impl Phone {
    /// The phone in `dir`, at work; `noted` hears `nth` at each of its notes.
    pub fn new(dir: &Path, nth: usize, noted: &Sender<usize>) -> Self {
        let mut phone = Self { dir: dir.to_owned(), nth, noted: noted.clone(), said: Said::default(), process: None };
        phone.start();
        phone
    }

    /// Starts it where it was killed.
    pub fn start(&mut self) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_phone-process"))
            .arg(&self.dir)
            .arg(self.said.next.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the phone starts");
        let (out, nth, noted) = (BufReader::new(child.stdout.take().expect("a pipe")), self.nth, self.noted.clone());
        let mut said = std::mem::take(&mut self.said);
        said.next += 1;
        let listener = std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if let Some(n) = line.strip_prefix("saved ") {
                    let n = n.parse().expect("a number");
                    said.saved.push(n);
                    said.next = n + 2;
                    let _ = noted.send(nth);
                } else {
                    assert_eq!(line, "sync.no_network");
                    said.cut_off += 1;
                }
            }
            said
        });
        self.process = Some((child, listener));
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What it said until it was killed last.
    pub fn said(&self) -> &Said {
        &self.said
    }

    /// SIGSTOP: it does nothing until [`Self::go_on`], wherever it was.
    pub fn pause(&self) {
        signal(&self.process.as_ref().expect("it runs").0, "STOP");
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        signal(&self.process.as_ref().expect("it runs").0, "CONT");
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let (mut child, listener) = self.process.take().expect("it runs");
        let ended = child.try_wait().expect("asked");
        child.kill().expect("killed");
        child.wait().expect("gone");
        assert_eq!(ended, None, "a phone ended by itself");
        self.said = listener.join().expect("it said what a phone says");
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
