//! A disk as it is found after a crash: what was synced stays; what was not is there, is not, or is there in part.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

/// What a crash does to that which was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Crash {
    /// All of it is there: the process died, the machine did not.
    Killed,
    /// None of it is there.
    Lost,
    /// Each file's writes are there or not, names up to some moment: writes to different files were reordered.
    Reordered,
    /// Each sector of 512 bytes, each length and each name has some state between the last sync and now.
    Torn512,
    /// The same with sectors of 4096 bytes.
    Torn4096,
}

impl Crash {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Killed, Self::Lost, Self::Reordered, Self::Torn512, Self::Torn4096];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Lost => "lost",
            Self::Reordered => "reordered",
            Self::Torn512 => "torn512",
            Self::Torn4096 => "torn4096",
        }
    }
}

/// What is found.
#[derive(Debug, Clone)]
pub struct Image<'a> {
    pub(crate) files: BTreeMap<&'a str, Cow<'a, [u8]>>,
    pub(crate) folders: BTreeSet<&'a str>,
}

impl Image<'_> {
    /// A file's bytes.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|bytes| &**bytes)
    }

    /// The names that begin with `prefix`.
    pub fn names(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.files.keys().copied().filter(move |name| name.starts_with(prefix))
    }

    /// Lays it out in `folder`, in place of what is there: the names for which `wanted` says yes. The shared memory of
    /// SQLite is no file of a disk.
    ///
    /// # Errors
    /// What the folder says.
    pub fn lay_out(&self, folder: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        for name in self.folders.iter().filter(|name| wanted(name)) {
            fs::create_dir_all(folder.join(name))?;
        }
        for (name, bytes) in self.files.iter().filter(|(name, _)| wanted(name) && !name.ends_with("-shm")) {
            if let Some(parent) = folder.join(name).parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(folder.join(name), bytes)?;
        }
        Ok(())
    }
}
