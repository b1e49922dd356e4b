//! A company to begin with: its registers imported, its workers, made once and copied for each test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use nuanfang_demo::ledger::{Files, Ledger};

use crate::nuanfang::{PROGRAM, nuanfang, run};

/// The password of its users, who are called as their roles.
pub const PASSWORD: &str = "示例：夜里暖气不热怎么办";

/// Homes in the ledger.
const HOMES: usize = 60;

/// A data folder with a company in it.
pub struct Company {
    dir: tempfile::TempDir,
}

fn ledger() -> Ledger {
    Ledger::of(HOMES, nuanfang_demo::day::today())
}

/// 交费编号 of homes that are lived in and heated.
pub fn accounts() -> Vec<String> {
    let ledger = ledger();
    let homes = ledger.households.iter().filter(|row| {
        row.text_of("premises_kind") == "住宅"
            && row.text_of("heating_state") == "正供"
            && !row.text_of("owner_name").is_empty()
    });
    homes.map(|row| row.text_of("account_number").to_owned()).collect()
}

fn pristine() -> &'static Path {
    static DATA: OnceLock<tempfile::TempDir> = OnceLock::new();
    let dir = DATA.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a folder");
        let files: Files = ledger().save(&dir.path().join("ledger")).expect("written");
        let data = dir.path().join("data");
        let registers =
            [("households", &files.households), ("workers", &files.workers), ("instruments", &files.instruments)];
        for (register, file) in registers {
            let done = nuanfang([Path::new("import"), register.as_ref(), file, "--data".as_ref(), &data]);
            assert_eq!(done.status, Some(0), "{done:?}");
        }
        for role in ["dispatcher", "supervisor", "admin"] {
            let mut add = Command::new(PROGRAM);
            add.args(["user", "add", role, "--name", "示例用户", "--role", role, "--data"]).arg(&data);
            let done = run(&mut add, &format!("{PASSWORD}\n"));
            assert_eq!(done.status, Some(0), "{done:?}");
        }
        dir
    });
    dir.path()
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

impl Company {
    /// A folder of its own.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        Self::put(&dir.path().join("data"));
        Self { dir }
    }

    /// Puts a company into the data folder `data`.
    pub fn put(data: &Path) {
        copy(&pristine().join("data"), data);
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A folder beside it.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// An invitation for the worker with the `nth` badge, to the server at `url`.
    pub fn invite(&self, nth: usize, url: &str) -> String {
        invite(Command::new(PROGRAM), &self.data(), nth, url)
    }
}

/// An invitation by `command` to the data folder `data`, as a worker types it.
pub fn invite(mut command: Command, data: &Path, nth: usize, url: &str) -> String {
    let badge = nuanfang_demo::ledger::badge(nth);
    let told = run(command.args(["enrol", &badge, "--url", url, "--data"]).arg(data), "");
    assert_eq!(told.status, Some(0), "{told:?}");
    assert_eq!(told.value("地址"), url);
    // Releases before this word was the phone's had another, and are set beside this one.
    let code = if told.out.contains("登记码  ") { "登记码" } else { "注册码" };
    format!("{url} {}", told.value(code))
}
