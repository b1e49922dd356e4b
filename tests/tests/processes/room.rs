//! A small disk of its own for a data folder: a tmpfs in a mount namespace that ends with the test, so that nothing
//! stays mounted whatever happens. It can be filled up, and turned read-only.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The disk.
pub struct Room {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    dir: tempfile::TempDir,
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").expect("/proc").uid() == 0
}

impl Room {
    /// A disk of `mib` MiB.
    pub fn open(mib: u32) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("unshare");
        if !is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        let mut shell = command
            .args(["--mount", "--propagation", "private", "sh"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare, of util-linux");
        let orders = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().expect("a pipe"));
        let mut room = Self { shell, orders, answers, dir };
        let path = room.path().display().to_string();
        room.order(&format!("mount -t tmpfs -o size={mib}m,mode=755 示例 '{path}'"));
        room
    }

    /// The folder, as processes of [`Room::command`] see it.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The same folder as seen from outside.
    pub fn seen(&self) -> PathBuf {
        let inside = self.path().strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.shell.id().to_string()).join("root").join(inside)
    }

    /// A command that runs within.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.shell.id().to_string(), "--mount"]);
        if !is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg(program);
        command
    }

    /// Turns the disk read-only, or back; nobody may have a file of it open for writing.
    pub fn set_read_only(&mut self, read_only: bool) {
        let path = self.path().display().to_string();
        self.order(&format!("mount -o remount,{} '{path}'", if read_only { "ro" } else { "rw" }));
    }

    /// Writes until not one byte more has room. Returns the file that takes it all.
    pub fn fill(&self) -> PathBuf {
        let filler = self.seen().join("filler");
        let mut file = std::fs::File::create(&filler).expect("a file");
        for size in [1 << 16, 1 << 12, 1] {
            let piece = vec![0x5a; size];
            while file.write_all(&piece).is_ok() {}
        }
        filler
    }

    fn order(&mut self, script: &str) {
        let orders = self.orders.as_mut().expect("open");
        orders.write_all(format!("{script}\necho done $?\n").as_bytes()).expect("the shell listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the shell answers");
        assert_eq!(line, "done 0\n", "{script}");
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Without orders the shell ends, and with it the namespace and the disk.
        self.orders = None;
        let _ = self.shell.wait();
    }
}
