//! A disk: a folder whose every change is recorded, may be made to fail, and can be had as it would be after a crash.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use crate::event::{Before, Event, Fault, FileId, Record};
use crate::recording::{self, Plan, Recording};

/// A folder in the hands of this crate, until dropped. Nothing in it is really synced: there is nothing to wait for.
#[derive(Debug)]
pub struct Disk {
    id: usize,
    root: PathBuf,
    before: Before,
}

impl Disk {
    /// Records everything that happens in the folder from now on. What is open there already is not seen.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub fn record(root: &Path) -> io::Result<Self> {
        Self::new(root, true)
    }

    /// Only spares the folder the waiting for a real disk, and can be made to fail.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub fn quiet(root: &Path) -> io::Result<Self> {
        Self::new(root, false)
    }

    fn new(root: &Path, recording: bool) -> io::Result<Self> {
        crate::calls::present();
        let root = root.canonicalize()?;
        let mut before = Before::default();
        read_folder(&root, &root, &mut before)?;
        let names = before.files.iter().map(|(name, file, _)| (name.clone(), *file)).collect();
        let id = recording::add(Recording::new(root.clone(), recording, names));
        Ok(Self { id, root, before })
    }

    fn with<T>(&self, f: impl FnOnce(&mut Recording) -> T) -> Option<T> {
        recording::with(self.id, f)
    }

    /// Where it lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Notes that the code under test has just promised something.
    pub fn promised(&self, promise: usize) {
        self.with(|disk| disk.push(Event::Promise(promise)));
    }

    /// Changes made or refused so far.
    pub fn changes(&self) -> usize {
        self.with(|disk| disk.changes).unwrap_or(0)
    }

    /// Which of the changes from `from` on were syncs, counted from there.
    pub fn syncs_since(&self, from: usize) -> Vec<usize> {
        self.with(|disk| disk.syncs.iter().filter_map(|sync| sync.checked_sub(from)).collect()).unwrap_or_default()
    }

    /// From the change with this index on, the disk fails.
    pub fn fail_from(&self, change: usize, fault: Fault) {
        self.with(|disk| {
            disk.plan = Some(Plan { from: change, fault });
            disk.hits = 0;
        });
    }

    /// The disk works again. Returns how many changes it has refused.
    pub fn heal(&self) -> usize {
        self.with(|disk| {
            disk.plan = None;
            disk.hits
        })
        .unwrap_or(0)
    }

    /// Ends the recording: what was there before, and all that happened since.
    pub fn finish(mut self) -> Record {
        let events = self.with(|disk| std::mem::take(&mut disk.events)).unwrap_or_default();
        Record { before: std::mem::take(&mut self.before), events }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        recording::remove(self.id);
    }
}

fn read_folder(root: &Path, folder: &Path, before: &mut Before) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str).map(str::to_owned) else { continue };
        if path.is_dir() {
            before.folders.push(name);
            read_folder(root, &path, before)?;
        } else {
            let file = before.files.len();
            before.files.push((name, file, fs::read(&path)?));
        }
    }
    Ok(())
}
