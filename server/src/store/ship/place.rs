//! Where a backup lies. One trait of `object_store` stands before every kind of place; what is written is durable and
//! was read back before it counts.

use std::error::Error as _;
use std::io;
use std::path::Path as FilePath;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::runtime::{Builder, Runtime};
use tokio_stream::StreamExt;

use crate::store::StoreError;

/// A backup's place. Its calls block: not for async code.
pub struct Place {
    store: Arc<dyn ObjectStore>,
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
    /// The folder `dir`, which must be there.
    pub fn open(dir: &FilePath) -> Result<Self, StoreError> {
        if !dir.is_dir() {
            let missing = format!("没有备份目录 {}", dir.display());
            return Err(StoreError::Io(io::Error::new(io::ErrorKind::NotFound, missing)));
        }
        let folder = LocalFileSystem::new_with_prefix(dir).map_err(failed)?.with_fsync(true);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { store: Arc::new(folder), runtime: Some(runtime), name: dir.display().to_string() })
    }

    /// The same, made if it is not there.
    pub fn make(dir: &FilePath) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir)?;
        Self::open(dir)
    }

    /// How a person names it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes `bytes`, in place of what was there.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.write(name, bytes, PutMode::Overwrite)?;
        self.proved(name, bytes)
    }

    /// Writes `bytes` where nothing is yet. `false`, and nothing done, where something is.
    pub fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        if !self.write(name, bytes, PutMode::Create)? {
            return Ok(false);
        }
        self.proved(name, bytes)?;
        Ok(true)
    }

    /// What is there, if anything.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = Path::from(name);
        self.wait(async {
            match self.store.get(&path).await {
                Ok(found) => Ok(Some(found.bytes().await.map_err(failed)?.to_vec())),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(failed(error)),
            }
        })
    }

    /// Everything under `folder`, by name.
    pub fn list(&self, folder: &str) -> Result<Vec<Found>, StoreError> {
        let path = Path::from(folder);
        let mut found = self.wait(async {
            let mut stream = self.store.list(Some(&path));
            let mut found = Vec::new();
            while let Some(entry) = stream.next().await {
                let entry = entry.map_err(failed)?;
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
        self.wait(async {
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(failed(error)),
            }
        })
    }

    fn write(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<bool, StoreError> {
        let path = Path::from(name);
        let payload = PutPayload::from(bytes.to_vec());
        self.wait(async {
            match self.store.put_opts(&path, payload, PutOptions::from(mode)).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
                Err(error) => Err(failed(error)),
            }
        })
    }

    fn proved(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        match self.get(name)? {
            Some(read) if read == bytes => Ok(()),
            _ => Err(StoreError::Damaged(format!("{}/{name} 写入后读回的内容不同", self.name))),
        }
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

/// Keeps what the disk itself said, so that a full one is known as such.
fn failed(error: object_store::Error) -> StoreError {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(inner) = cause.downcast_ref::<io::Error>() {
            return io::Error::new(inner.kind(), error.to_string()).into();
        }
        source = cause.source();
    }
    io::Error::other(error.to_string()).into()
}
