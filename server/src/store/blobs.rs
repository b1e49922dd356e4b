//! Files by content: `blobs/ab/<sha>`, whole and durable once they bear that name, and pieces on the way in
//! `blobs/part/<sha>`. A file is published by rename after its bytes and before its folder are synced.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nuanfang_core::canon::hash::Sha;
use sha2::{Digest, Sha256};

/// Bytes are made durable at least this often while a file comes in.
pub const SYNC_EVERY: u64 = 1024 * 1024;

/// The folder of files.
#[derive(Debug, Clone)]
pub struct Blobs {
    dir: PathBuf,
    leased: Arc<Mutex<HashSet<Sha>>>,
}

/// The sole right to write one file's pieces, until dropped.
#[derive(Debug)]
pub struct Lease {
    sha: Sha,
    leased: Arc<Mutex<HashSet<Sha>>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leased.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.sha);
    }
}

/// A file coming in, piece by piece.
#[derive(Debug)]
pub struct Part {
    file: File,
    path: PathBuf,
    sha: Sha,
    len: u64,
    at: u64,
    synced: u64,
}

/// How the last piece ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The bytes are those its name promises; it is published and durable.
    Whole,
    /// They are others; the pieces are gone.
    Mismatch,
}

impl Blobs {
    /// The files of the data folder `dir`.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let dir = dir.join("blobs");
        fs::create_dir_all(dir.join("part"))?;
        sync_dir(&dir)?;
        Ok(Self { dir, leased: Arc::default() })
    }

    /// Where the file is, or will be.
    pub fn path(&self, sha: &Sha) -> PathBuf {
        let name = sha.to_string();
        self.dir.join(&name[..2]).join(name)
    }

    /// Whether it is whole.
    pub fn has(&self, sha: &Sha) -> bool {
        self.path(sha).is_file()
    }

    /// Its bytes, if it is whole.
    pub fn read(&self, sha: &Sha) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(sha)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps `bytes`, durable on return. Blocks.
    pub fn put(&self, bytes: &[u8]) -> io::Result<Sha> {
        let sha = Sha::of(bytes);
        if !self.has(&sha) {
            let path = self.dir.join("part").join(format!("{}.put", uuid::Uuid::new_v4().simple()));
            let mut file = File::create(&path)?;
            let written = file.write_all(bytes).and_then(|()| file.sync_data());
            if let Err(error) = written.and_then(|()| self.publish(&path, &sha)) {
                let _ = fs::remove_file(&path);
                return Err(error);
            }
        }
        Ok(sha)
    }

    /// Takes a file away, and what has come of it. `false` if there was nothing.
    pub fn remove(&self, sha: &Sha) -> io::Result<bool> {
        let mut removed = false;
        for path in [self.path(sha), self.part_path(sha)] {
            match fs::remove_file(&path) {
                Ok(()) => removed = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
            sync_dir(path.parent().unwrap_or(&self.dir))?;
        }
        Ok(removed)
    }

    /// How many bytes of an unfinished file are here.
    pub fn offset(&self, sha: &Sha) -> u64 {
        fs::metadata(self.part_path(sha)).map_or(0, |meta| meta.len())
    }

    /// The sole right to write a file; `None` while another has it.
    pub fn lease(&self, sha: Sha) -> Option<Lease> {
        let mut leased = self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        leased.insert(sha).then(|| Lease { sha, leased: Arc::clone(&self.leased) })
    }

    /// Opens an unfinished file of `len` bytes to go on from where it ends.
    pub fn part(&self, lease: &Lease, len: u64) -> io::Result<Part> {
        let path = self.part_path(&lease.sha);
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        let mut at = file.seek(SeekFrom::End(0))?;
        if at > len {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            at = 0;
        }
        Ok(Part { file, path, sha: lease.sha, len, at, synced: at })
    }

    /// Ends a file that has all its bytes: checks them, publishes or drops them.
    pub fn finish(&self, mut part: Part) -> io::Result<Finish> {
        part.file.sync_data()?;
        part.file.seek(SeekFrom::Start(0))?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let n = part.file.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
        }
        if Sha(hasher.finalize().into()) == part.sha {
            self.publish(&part.path, &part.sha)?;
            Ok(Finish::Whole)
        } else {
            fs::remove_file(&part.path)?;
            Ok(Finish::Mismatch)
        }
    }

    fn part_path(&self, sha: &Sha) -> PathBuf {
        self.dir.join("part").join(sha.to_string())
    }

    fn publish(&self, from: &Path, sha: &Sha) -> io::Result<()> {
        let to = self.path(sha);
        let folder = to.parent().unwrap_or(&self.dir);
        if !folder.is_dir() {
            fs::create_dir_all(folder)?;
            sync_dir(&self.dir)?;
        }
        fs::rename(from, &to)?;
        sync_dir(folder)
    }
}

impl Part {
    /// Bytes received so far.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Bytes that may still come.
    pub fn missing(&self) -> u64 {
        self.len - self.at
    }

    /// Appends a piece; durable after every [`SYNC_EVERY`] bytes.
    pub fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.at += piece.len() as u64;
        if self.at - self.synced >= SYNC_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes what came durable.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.synced = self.at;
        Ok(())
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(dir)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}
