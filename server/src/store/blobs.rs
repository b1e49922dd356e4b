//! Files by content: `blobs/ab/<sha>`, whole and durable once they bear that name, and pieces on the way in
//! `blobs/part/<sha>.<bytes>`, where the name says how many of its bytes are durable: what a power cut leaves beyond them
//! may be anything. A file is published by rename after its bytes and before its folder are synced. One that went bad on the
//! disk lies in `blobs/aside/<sha>.<number>`.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::drill::{self, Mutant};
use sha2::{Digest, Sha256};

use super::Incoming;

/// Bytes are made durable at least this often while a file comes in.
pub const SYNC_EVERY: u64 = 1024 * 1024;
/// What files leave of a disk to the log, in bytes; of a small one a twentieth.
const RESERVE: u64 = 512 * 1024 * 1024;

/// Pieces on the way in.
const PIECES: &str = "part";
/// How the name of a file ends that is not yet its own.
const UNNAMED: &str = "put";
/// What went bad.
const ASIDE: &str = "aside";
/// What the system says of a file that the disk can't read back, and of one whose checksum does not hold: EIO, EBADMSG,
/// EUCLEAN.
const UNREADABLE: [i32; 3] = [5, 74, 117];

/// Whether the disk says that it can't give back what was written, now or ever.
pub fn is_unreadable(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| UNREADABLE.contains(&code))
}

/// The folder of files.
#[derive(Debug, Clone)]
pub struct Blobs {
    dir: PathBuf,
    leased: Arc<Mutex<HashSet<Sha>>>,
    /// How many bytes of each unfinished file are durable, as their names say.
    durable: Arc<Mutex<HashMap<Sha, u64>>>,
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
    dir: PathBuf,
    lease: Lease,
    durable: Arc<Mutex<HashMap<Sha, u64>>>,
    len: u64,
    at: u64,
    synced: u64,
    /// Of the bytes up to `at`.
    hasher: Sha256,
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
        let pieces = dir.join(PIECES);
        make_dir(&pieces)?;
        make_dir(&dir.join(ASIDE))?;
        make_folders(&dir)?;
        let mut durable = HashMap::new();
        for entry in fs::read_dir(&pieces)? {
            if let Some((sha, bytes)) = entry?.file_name().to_str().and_then(piece) {
                let most = durable.entry(sha).or_insert(bytes);
                *most = bytes.max(*most);
            }
        }
        Ok(Self { dir, leased: Arc::default(), durable: Arc::new(Mutex::new(durable)) })
    }

    /// Where the file is, or will be.
    pub fn path(&self, sha: &Sha) -> PathBuf {
        self.folder(sha).join(sha.to_string())
    }

    /// Whether it is whole.
    pub fn has(&self, sha: &Sha) -> bool {
        self.path(sha).is_file()
    }

    /// Whether it is whole, and durable on return: who published it may have failed after its name was there, and a name
    /// that no sync vouched for may go. Blocks.
    pub fn settle(&self, sha: &Sha) -> io::Result<bool> {
        let whole = self.has(sha);
        if whole {
            sync_dir(&self.folder(sha))?;
        }
        Ok(whole)
    }

    /// Its bytes, if it is whole.
    pub fn read(&self, sha: &Sha) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(sha)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its bytes, if all of them are there and those that its name promises. An error is the disk's, not this file's.
    pub fn sound(&self, sha: &Sha) -> io::Result<Option<Vec<u8>>> {
        match self.read(sha) {
            Ok(Some(bytes)) => Ok(Some(bytes).filter(|bytes| Sha::of(bytes) == *sha)),
            // Where its folder is gone too, more is missing than a file.
            Ok(None) => fs::metadata(self.folder(sha)).map(|_| None),
            Err(error) if is_unreadable(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Moves a file that went bad out of the way of the one that comes in its place; kept, since nobody knows yet what
    /// can be read of it. Fine if it is not there. Durable on return: a disk that fails altogether fails here.
    pub fn set_aside(&self, sha: &Sha) -> io::Result<()> {
        let (folder, aside) = (self.folder(sha), self.dir.join(ASIDE));
        let mut free = (0..).map(|number| piece_path(&aside, sha, number)).filter(|path| !path.exists());
        match fs::rename(self.path(sha), free.next().unwrap_or_default()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => sync_dir(&aside).and_then(|()| sync_dir(&folder)),
        }
    }

    /// Keeps `bytes`, durable on return. Blocks.
    pub fn put(&self, bytes: &[u8]) -> io::Result<Sha> {
        let sha = Sha::of(bytes);
        if !self.settle(&sha)? {
            let path = self.dir.join(PIECES).join(format!("{}.{UNNAMED}", uuid::Uuid::new_v4().simple()));
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
        let mut found = vec![self.path(sha)];
        for folder in [PIECES, ASIDE] {
            for entry in fs::read_dir(self.dir.join(folder))? {
                let entry = entry?;
                if entry.file_name().to_str().and_then(piece).is_some_and(|(of, _)| of == *sha) {
                    found.push(entry.path());
                }
            }
        }
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).remove(sha);
        let mut removed = false;
        for path in found {
            match fs::remove_file(&path) {
                Ok(()) => removed = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
            sync_dir(path.parent().unwrap_or(&self.dir))?;
        }
        Ok(removed)
    }

    /// All that are whole.
    pub fn whole(&self) -> io::Result<Vec<Sha>> {
        let mut found = Vec::new();
        for name in folders() {
            for entry in fs::read_dir(self.dir.join(name))? {
                found.extend(entry?.file_name().to_str().and_then(|name| name.parse::<Sha>().ok()));
            }
        }
        Ok(found)
    }

    /// Takes away what whoever ended in the midst of [`Blobs::put`] left. Nobody may be at it.
    pub fn drop_unnamed(&self) -> io::Result<()> {
        let pieces = self.dir.join(PIECES);
        for entry in fs::read_dir(&pieces)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == UNNAMED) {
                fs::remove_file(path)?;
            }
        }
        sync_dir(&pieces)
    }

    /// How many bytes of an unfinished file are here and durable.
    pub fn offset(&self, sha: &Sha) -> u64 {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).get(sha).copied().unwrap_or(0)
    }

    /// The sole right to write a file; `None` while another has it.
    pub fn lease(&self, sha: Sha) -> Option<Lease> {
        let mut leased = self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        leased.insert(sha).then(|| Lease { sha, leased: Arc::clone(&self.leased) })
    }

    /// Opens an unfinished file of `len` bytes to go on from where it is durable.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] also while there is room left: files never take what the log needs.
    pub fn part(&self, lease: Lease, len: u64) -> io::Result<Part> {
        let disk = rustix::fs::statvfs(&self.dir)?;
        let dir = self.dir.join(PIECES);
        let mut at = self.offset(&lease.sha);
        let left = disk.f_bavail.saturating_mul(disk.f_frsize).saturating_sub(len.saturating_sub(at));
        if left < RESERVE.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 20) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if at > len {
            fs::remove_file(piece_path(&dir, &lease.sha, at))?;
            at = 0;
        }
        let path = piece_path(&dir, &lease.sha, at);
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        file.set_len(at)?;
        let mut hasher = Sha256::new();
        io::copy(&mut file, &mut hasher)?;
        let part = Part { file, dir, lease, durable: Arc::clone(&self.durable), len, at, synced: at, hasher };
        part.remember();
        Ok(part)
    }

    /// Ends a file that has all its bytes: checks them, publishes or drops them.
    pub fn finish(&self, mut part: Part) -> io::Result<Finish> {
        if Sha(part.hasher.finalize_reset().into()) == part.lease.sha || drill::is(Mutant::UncheckedFile) {
            if drill::is(Mutant::NameFirst) {
                self.publish(&part.path(), &part.lease.sha)?;
            }
            part.file.sync_data()?;
            if !drill::is(Mutant::NameFirst) {
                self.publish(&part.path(), &part.lease.sha)?;
            }
            part.forget();
            Ok(Finish::Whole)
        } else {
            fs::remove_file(part.path())?;
            part.forget();
            Ok(Finish::Mismatch)
        }
    }

    fn publish(&self, from: &Path, sha: &Sha) -> io::Result<()> {
        fs::rename(from, self.path(sha))?;
        sync_dir(&self.folder(sha))
    }

    fn folder(&self, sha: &Sha) -> PathBuf {
        self.dir.join(&sha.to_string()[..2])
    }
}

impl Part {
    /// The name and the length that were promised.
    pub fn promised(&self) -> (Sha, u64) {
        (self.lease.sha, self.len)
    }

    fn path(&self) -> PathBuf {
        piece_path(&self.dir, &self.lease.sha, self.synced)
    }

    fn remember(&self) {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(self.lease.sha, self.synced);
    }

    fn forget(&self) {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.lease.sha);
    }
}

impl Incoming for Part {
    fn at(&self) -> u64 {
        self.at
    }

    fn missing(&self) -> u64 {
        self.len - self.at
    }

    fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.hasher.update(piece);
        self.at += piece.len() as u64;
        if self.at - self.synced >= SYNC_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.at == self.synced {
            return Ok(());
        }
        // The kernel forgets what it could not write, and the next sync would not say so: the name stays, and whoever
        // goes on cuts off what it does not vouch for.
        self.file.sync_data()?;
        fs::rename(self.path(), piece_path(&self.dir, &self.lease.sha, self.at))?;
        self.synced = self.at;
        self.remember();
        Ok(())
    }
}

fn piece_path(dir: &Path, sha: &Sha, durable: u64) -> PathBuf {
    dir.join(format!("{sha}.{durable}"))
}

fn piece(name: &str) -> Option<(Sha, u64)> {
    let (sha, durable) = name.split_once('.')?;
    Some((sha.parse().ok()?, durable.parse().ok()?))
}

/// The names of the folders that files are published into.
fn folders() -> impl Iterator<Item = OsString> {
    (0..=u8::MAX).map(|byte| OsString::from(format!("{byte:02x}")))
}

/// Makes the folders that files are published into, their names durable on return: that one is there says nothing of that.
fn make_folders(dir: &Path) -> io::Result<()> {
    let there: HashSet<OsString> = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
    for name in folders() {
        if !there.contains(&name) {
            fs::create_dir(dir.join(name))?;
        }
    }
    sync_dir(dir)
}

/// Makes a folder and those above it where they are missing, each durable before the next: a file in a folder whose
/// own name a power cut takes away is gone with it.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    let above = dir.parent().unwrap_or(Path::new(""));
    make_dir(above)?;
    fs::create_dir(dir)?;
    sync_dir(if above.as_os_str().is_empty() { Path::new(".") } else { above })
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(dir)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}
