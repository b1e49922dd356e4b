//! The second place: shipping to it, losing the first, making it anew.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nuanfang_server::office::rebuild;
use nuanfang_server::office::restore::{Damaged, Restored, Unrestored, restore};
use nuanfang_server::store::StoreError;
use nuanfang_server::store::ship::place::Place;
use nuanfang_server::store::ship::survey::{Depth, Survey, survey};
use nuanfang_server::store::ship::{self, reader, vault_copy};
use nuanfang_server::store::sqlite::Sqlite;

use super::House;

/// A backup folder that outlives its server.
pub struct Second {
    pub dir: tempfile::TempDir,
}

impl Second {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder") }
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("backup")
    }

    /// Ships all there is, as the server's thread does.
    pub async fn ship(&self, house: &House) {
        self.try_ship(house).await.expect("shipped");
    }

    pub async fn try_ship(&self, house: &House) -> Result<(), StoreError> {
        self.with(house, ship::prepare).await
    }

    /// The same, as `nuanfang backup ship` does.
    pub async fn begin(&self, house: &House) {
        self.with(house, ship::begin).await.expect("shipped");
    }

    /// Goes on shipping, as the server's thread does that has looked at the place before.
    pub async fn go_on(&self, house: &House) -> Result<(), StoreError> {
        self.with(house, |_, _| Ok(())).await
    }

    async fn with(
        &self,
        house: &House,
        look: impl FnOnce(&Sqlite, &Place) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let (store, to) = (house.state.store.clone(), self.path());
        blocking(move || {
            let place = Place::make(&to)?;
            look(&store, &place)?;
            while ship::ship(&store, &place)? {}
            Ok(())
        })
        .await
    }

    /// Another disk comes to where the backup lies: what lies on `disk`, or nothing. What lay here goes to `away`.
    pub fn swap(&self, disk: Option<&Path>, away: &Path) {
        std::fs::rename(self.path(), away).expect("taken out");
        match disk {
            Some(disk) => std::fs::rename(disk, self.path()).expect("put in"),
            None => std::fs::create_dir(self.path()).expect("an empty mount point"),
        }
    }

    /// The key a person wrote down at the first start.
    pub fn key(&self, house: &House) -> [u8; 32] {
        let (text, _) = ship::recovery_key(&house.state.vault).expect("a key");
        vault_copy::read_key(&text).expect("64 digits")
    }

    pub async fn restore(&self, key: [u8; 32], data: &Path) -> Result<Restored, Unrestored> {
        self.restore_with(key, data, Damaged::Refused).await
    }

    pub async fn restore_with(&self, key: [u8; 32], data: &Path, damaged: Damaged) -> Result<Restored, Unrestored> {
        let (from, data) = (self.path(), data.to_owned());
        blocking(move || restore(&Place::open(&from)?, &key, &data, damaged)).await
    }

    /// Restores into a new folder and opens it.
    pub async fn reopened(&self, key: [u8; 32]) -> (House, Restored) {
        let dir = tempfile::tempdir().expect("a folder");
        let restored = self.restore(key, &dir.path().join("data")).await.expect("restored");
        (House::open_in(dir).await, restored)
    }

    /// What `backup verify` sees: with the key, or without.
    pub async fn verify(&self, key: Option<[u8; 32]>) -> Survey {
        let path = self.path();
        blocking(move || {
            let place = Place::open(&path).expect("the backup");
            let vault = key.map(|key| reader::vault(&place, &key).expect("it opens").expect("a copy"));
            survey(&place, vault.as_ref().map_or(Depth::Sealed, Depth::Open)).expect("looked over")
        })
        .await
    }

    /// Its files under a folder, by name.
    pub fn files(&self, folder: &str) -> Vec<PathBuf> {
        files(&self.path().join(folder))
    }
}

/// All files under a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// All projections as text.
pub async fn dump(house: &House) -> String {
    house.state.store.read_long::<_, StoreError, _>(rebuild::dump).await.expect("a dump")
}

/// The machine burns down. What is queued is lost with it.
pub async fn lose(house: House) {
    blocking(move || {
        house.state.store.close();
        drop(house);
    })
    .await;
}

pub async fn blocking<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(f).await.expect("no panic")
}

/// Runs the binary: its exit status, and what it said.
pub fn nuanfang(arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_nuanfang"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let text = [String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)].concat();
    (status.code().expect("an exit status"), text)
}
