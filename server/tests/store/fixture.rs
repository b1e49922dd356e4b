//! Places where an embedded store can be.

use std::fs;
use std::path::Path;

use nuanfang_core::time::Millis;
use nuanfang_server::store::StoreError;
use nuanfang_server::store::sqlite::Sqlite;
use nuanfang_server::store::suite::Fixture;
use tempfile::TempDir;

/// A data folder.
pub struct Embedded(TempDir);

impl Fixture for Embedded {
    type Store = Sqlite;

    fn empty() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn open(&self, now: Millis) -> Result<Sqlite, StoreError> {
        Sqlite::open(self.0.path(), "示例供热", now)
    }

    fn close(&self, store: Sqlite) {
        store.close();
    }

    fn crash(self, store: Sqlite) -> Self {
        let left = Self::empty();
        // The write-ahead log goes first: what is folded back meanwhile is then in the database that follows.
        let wal = "nuanfang.db-wal";
        fs::copy(self.0.path().join(wal), left.0.path().join(wal)).expect("the log is there");
        copy(self.0.path(), left.0.path(), &[wal, "nuanfang.db-shm", "lock"]);
        drop(store);
        left
    }
}

fn copy(from: &Path, to: &Path, but: &[&str]) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        if entry.path().is_dir() {
            fs::create_dir_all(&target).expect("a folder");
            copy(&entry.path(), &target, but);
        } else if !but.iter().any(|but| name == *but) {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
