//! Where a backup lies: a folder, or a bucket of an S3-compatible store. One trait of `object_store` stands before both;
//! what is written is durable and was read back before it counts.

mod bucket;

use std::error::Error as _;
use std::fs;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nuanfang_core::drill::{self, Side};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::runtime::{Builder, Runtime};
use tokio_stream::StreamExt;

use crate::store::StoreError;
use crate::store::blobs::{is_unreadable, make_dir, sync_dir};
use crate::terminal::words;

/// The folders that a backup has in its own, of which one has folders again.
const FOLDERS: [&str; 3] = ["heads", "bodies", "blobs"];

/// A backup's place. Its calls block: not for async code.
pub struct Place {
    store: Arc<dyn ObjectStore>,
    /// Where it is one.
    folder: Option<PathBuf>,
    /// The names in the folder are durable.
    settled: AtomicBool,
    // Taken when dropped: a runtime may not wait for its threads where async code runs.
    runtime: Option<Runtime>,
    name: String,
}

/// Something that lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name, from the place's root.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
}

impl Place {
    /// The folder `at`, which must be there, or the bucket `s3://BUCKET/PREFIX`, whose address and credentials are in
    /// the environment (`AWS_ENDPOINT`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` …).
    pub fn open(at: &FilePath) -> Result<Self, StoreError> {
        let (folder, name) = (bucket::address(at).is_none().then(|| at.to_owned()), at.display().to_string());
        let failed = |error| failed(&name, error);
        let store: Arc<dyn ObjectStore> = match bucket::address(at) {
            Some(url) => bucket::open(url).map_err(failed)?,
            None if at.is_dir() => Arc::new(LocalFileSystem::new_with_prefix(at).map_err(failed)?.with_fsync(true)),
            None => return Err(StoreError::Backup(format!("没有目录 {name}"))),
        };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { store, folder, settled: AtomicBool::new(false), runtime: Some(runtime), name })
    }

    /// The same; a folder is made if it is not there, and stays after a power cut.
    pub fn make(at: &FilePath) -> Result<Self, StoreError> {
        if bucket::address(at).is_none() {
            make_dir(at)?;
        }
        Self::open(at)
    }

    /// How a person names it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes the names of all that lies there durable, unless it is known that they are: who wrote it may have ended, or
    /// failed, after a name was there, and one that no sync vouched for may go.
    pub fn settle(&self) -> Result<(), StoreError> {
        if let Some(folder) = self.folder.as_ref().filter(|_| !self.settled.load(Ordering::Relaxed)) {
            sync_ours(folder).map_err(|error| self.disk(&error))?;
            self.settled.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Writes `bytes`, in place of what was there.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.write(name, bytes, PutMode::Overwrite)?;
        self.proved(name, bytes)
    }

    /// Writes `bytes` where nothing is yet. `false`, and nothing done, where something is.
    pub fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        // One process at a time has a folder; a bucket keeps the promise itself.
        let folder = self.folder.is_some();
        let mode = if folder { PutMode::Overwrite } else { PutMode::Create };
        if (folder && self.get(name)?.is_some()) || !self.write(name, bytes, mode)? {
            return Ok(false);
        }
        self.proved(name, bytes)?;
        Ok(true)
    }

    /// What is there, if anything.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the disk can't give back what was written; any other says nothing about what lies there.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = Path::from(name);
        let unread = |error| match of_disk(&error).filter(|inner| is_unreadable(inner)) {
            Some(inner) => StoreError::Damaged(words(inner).to_string()),
            None => self.failed(error),
        };
        self.wait(async {
            match self.store.get(&path).await {
                Ok(found) => Ok(Some(found.bytes().await.map_err(unread)?.to_vec())),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(unread(error)),
            }
        })
    }

    /// The same, where nothing can be done without: what the disk can't give back is said with its name, as the place's own fault.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(name).map_err(|error| match error {
            StoreError::Damaged(why) => said(&self.name, &format!("{name} {why}")),
            error => error,
        })
    }

    /// Everything under `folder`, by name.
    pub fn list(&self, folder: &str) -> Result<Vec<Found>, StoreError> {
        let path = Path::from(folder);
        let mut found = self.wait(async {
            let mut stream = self.store.list(Some(&path));
            let mut found = Vec::new();
            while let Some(entry) = stream.next().await {
                let entry = entry.map_err(|error| self.failed(error))?;
                found.push(Found { name: entry.location.to_string(), len: entry.size });
            }
            Ok(found)
        })?;
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Takes something away; fine if it is not there.
    pub fn delete(&self, name: &str) -> Result<(), StoreError> {
        let path = Path::from(name);
        let gone = self.wait(async {
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(self.failed(error)),
            }
        });
        self.settled.fetch_and(gone.is_ok(), Ordering::Relaxed);
        gone?;
        // What is erased must not come back with a power cut.
        match self.folder.as_ref().and_then(|folder| folder.join(name).parent().map(FilePath::to_owned)) {
            Some(above) if above.is_dir() => sync_dir(&above).map_err(|error| self.disk(&error)),
            _ => Ok(()),
        }
    }

    fn write(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<bool, StoreError> {
        let path = Path::from(name);
        let payload = PutPayload::from(bytes.to_vec());
        drill::effect(Side::Server);
        let written = self.wait(async {
            match self.store.put_opts(&path, payload, PutOptions::from(mode)).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
                Err(error) => Err(self.failed(error)),
            }
        });
        drill::effect(Side::Server);
        self.settled.fetch_and(written.is_ok(), Ordering::Relaxed);
        written
    }

    fn proved(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        match self.get(name) {
            Ok(Some(read)) if read == bytes => Ok(()),
            Err(error) if !matches!(error, StoreError::Damaged(_)) => Err(error),
            _ => Err(StoreError::Backup(format!("{}/{name} 写入后读回的内容不同", self.name))),
        }
    }

    fn disk(&self, error: &io::Error) -> StoreError {
        said(&self.name, &words(error))
    }

    fn failed(&self, error: object_store::Error) -> StoreError {
        failed(&self.name, error)
    }

    fn wait<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(work),
            None => Err(StoreError::Closed),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What the disk itself said, where it was one. Passing or not, nobody's backup is wrong for it.
fn failed(place: &str, error: object_store::Error) -> StoreError {
    match of_disk(&error) {
        Some(inner) => said(place, &words(inner)),
        None => said(place, &error),
    }
}

fn of_disk(error: &object_store::Error) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(inner) = cause.downcast_ref::<io::Error>() {
            return Some(inner);
        }
        source = cause.source();
    }
    None
}

fn said(place: &str, what: &dyn std::fmt::Display) -> StoreError {
    StoreError::Io(io::Error::other(format!("备份 {place}：{what}")))
}

/// Makes the names of what is ours in a folder durable, the lowest first. Other things may lie beside it that nobody else may
/// open: a disk's `lost+found`.
fn sync_ours(folder: &FilePath) -> io::Result<()> {
    for name in FOLDERS {
        let ours = folder.join(name);
        if !ours.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&ours)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                sync_dir(&entry.path())?;
            }
        }
        sync_dir(&ours)?;
    }
    sync_dir(folder)
}
