//! What the calls do to the disks: every change is recorded or refused while it is made, so that the record has the
//! kernel's order.

use std::collections::HashMap;
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event::{Change, Event, Fault, FileId};

/// A change about to be made to an open file.
pub(crate) enum Call<'a> {
    Write { at: u64, bytes: &'a [u8] },
    Length(u64),
    Sync,
}

/// What is to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    Skip,
    Short(usize),
    Fail(c_int),
}

/// From which change on a disk fails, and how.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) from: usize,
    pub(crate) fault: Fault,
}

/// One disk's record.
pub(crate) struct Recording {
    root: PathBuf,
    recording: bool,
    names: HashMap<String, FileId>,
    files: usize,
    pub(crate) events: Vec<Event>,
    pub(crate) changes: usize,
    /// Which of them were syncs.
    pub(crate) syncs: Vec<usize>,
    pub(crate) plan: Option<Plan>,
    pub(crate) hits: usize,
}

impl Recording {
    /// Of the folder `root`, which holds `names`; a quiet one keeps no events.
    pub(crate) fn new(root: PathBuf, recording: bool, names: HashMap<String, FileId>) -> Self {
        let files = names.len();
        Self { root, recording, names, files, events: Vec::new(), changes: 0, syncs: Vec::new(), plan: None, hits: 0 }
    }

    pub(crate) fn push(&mut self, event: Event) {
        if self.recording {
            self.events.push(event);
        }
    }

    /// Counts a change and tells whether the disk refuses it.
    fn refuses(&mut self, change: Change) -> Option<Fault> {
        let index = self.changes;
        self.changes += 1;
        if change == Change::Sync {
            self.syncs.push(index);
        }
        let over = |plan: &Plan| plan.fault == Fault::Hiccup && self.hits > 0;
        let plan = self.plan.filter(|plan| index >= plan.from && plan.fault.hits(change) && !over(plan))?;
        self.hits += 1;
        Some(plan.fault)
    }
}

#[derive(Clone)]
enum Opened {
    File(FileId),
    Folder(String),
}

#[derive(Default)]
struct Disks {
    next: usize,
    disks: HashMap<usize, Recording>,
    open: HashMap<c_int, (usize, Opened)>,
}

impl Disks {
    fn place(&self, path: &Path) -> Option<(usize, String)> {
        // A disk may lie in a folder of another: the inner one has it.
        let inside = self.disks.iter().filter(|(_, disk)| path.starts_with(&disk.root));
        let (id, disk) = inside.max_by_key(|(_, disk)| disk.root.as_os_str().len())?;
        Some((*id, path.strip_prefix(&disk.root).ok()?.to_str()?.to_owned()))
    }
}

const DESCRIPTORS: usize = 1 << 16;
static OURS: [AtomicBool; DESCRIPTORS] = [const { AtomicBool::new(false) }; DESCRIPTORS];
static COUNT: AtomicUsize = AtomicUsize::new(0);
static DISKS: Mutex<Option<Disks>> = Mutex::new(None);

fn lock() -> MutexGuard<'static, Option<Disks>> {
    DISKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a disk into the hands of the calls. Returns its number.
pub(crate) fn add(recording: Recording) -> usize {
    let mut disks = lock();
    let disks = disks.get_or_insert_default();
    let id = disks.next;
    disks.next += 1;
    disks.disks.insert(id, recording);
    COUNT.fetch_add(1, Ordering::Relaxed);
    id
}

/// Looks at a disk, or changes what is known of it.
pub(crate) fn with<T>(id: usize, look: impl FnOnce(&mut Recording) -> T) -> Option<T> {
    lock().as_mut().and_then(|disks| disks.disks.get_mut(&id)).map(look)
}

/// Lets a disk go.
pub(crate) fn remove(id: usize) {
    if let Some(disks) = lock().as_mut() {
        disks.disks.remove(&id);
        disks.open.retain(|fd, (disk, _)| {
            let other = *disk != id;
            if !other {
                mark(*fd, false);
            }
            other
        });
    }
    COUNT.fetch_sub(1, Ordering::Relaxed);
}

/// Whether a descriptor belongs to a disk.
pub(crate) fn is_ours(fd: c_int) -> bool {
    usize::try_from(fd).ok().and_then(|fd| OURS.get(fd)).is_some_and(|ours| ours.load(Ordering::Relaxed))
}

fn mark(fd: c_int, ours: bool) {
    if let Some(slot) = usize::try_from(fd).ok().and_then(|fd| OURS.get(fd)) {
        slot.store(ours, Ordering::Relaxed);
    }
}

/// An open(2) inside a disk.
pub(crate) struct Opening {
    disks: MutexGuard<'static, Option<Disks>>,
    disk: usize,
    name: String,
    flags: c_int,
}

/// Takes an open(2) over, if the path lies in a disk.
pub(crate) fn opening(path: &Path, flags: c_int) -> Option<Opening> {
    if COUNT.load(Ordering::Relaxed) == 0 || !path.is_absolute() {
        return None;
    }
    let disks = lock();
    let (disk, name) = disks.as_ref()?.place(path)?;
    Some(Opening { disks, disk, name, flags })
}

impl Opening {
    /// Opens it, or says why not.
    pub(crate) fn done(mut self, raw: impl FnOnce() -> c_int) -> Result<c_int, c_int> {
        let Some(disks) = self.disks.as_mut() else { return Ok(raw()) };
        let Some(disk) = disks.disks.get_mut(&self.disk) else { return Ok(raw()) };
        let writes = self.flags & libc::O_ACCMODE != libc::O_RDONLY;
        let known = disk.names.get(&self.name).copied();
        let creates = known.is_none() && self.flags & libc::O_CREAT != 0;
        let cuts = known.is_some() && self.flags & libc::O_TRUNC != 0;
        if creates || cuts {
            let change = if creates { Change::Name } else { Change::Cut };
            if let Some(fault) = disk.refuses(change) {
                return Err(fault.errno());
            }
        }
        if writes && disk.plan.is_some_and(|plan| plan.fault == Fault::ReadOnly && disk.changes > plan.from) {
            return Err(libc::EROFS);
        }
        let fd = raw();
        if fd < 0 {
            return Ok(fd);
        }
        let opened = match known {
            Some(file) => {
                if cuts {
                    disk.push(Event::Length { file, to: 0 });
                }
                Opened::File(file)
            }
            None if creates => {
                let file = disk.files;
                disk.files += 1;
                disk.names.insert(self.name.clone(), file);
                disk.push(Event::Create { name: self.name.clone(), file });
                Opened::File(file)
            }
            None => Opened::Folder(self.name.clone()),
        };
        disks.open.insert(fd, (self.disk, opened));
        mark(fd, true);
        Ok(fd)
    }
}

/// Forgets a descriptor.
pub(crate) fn closing(fd: c_int) {
    if is_ours(fd) {
        mark(fd, false);
        if let Some(disks) = lock().as_mut() {
            disks.open.remove(&fd);
        }
    }
}

/// Records a change of an open file, or refuses it.
pub(crate) fn doing(fd: c_int, call: &Call<'_>) -> Verdict {
    if !is_ours(fd) {
        return Verdict::Go;
    }
    let mut disks = lock();
    let Some(disks) = disks.as_mut() else { return Verdict::Go };
    let Some((id, opened)) = disks.open.get(&fd).cloned() else { return Verdict::Go };
    let Some(disk) = disks.disks.get_mut(&id) else { return Verdict::Go };
    match (opened, call) {
        (Opened::File(file), Call::Write { at, bytes }) => {
            let first = disk.hits == 0;
            match disk.refuses(Change::Grow) {
                Some(Fault::Full) if first && bytes.len() > 1 => {
                    let half = bytes.len() / 2;
                    disk.push(Event::Write { file, at: *at, bytes: bytes[..half].to_vec() });
                    Verdict::Short(half)
                }
                Some(fault) => Verdict::Fail(fault.errno()),
                None => {
                    disk.push(Event::Write { file, at: *at, bytes: bytes.to_vec() });
                    Verdict::Go
                }
            }
        }
        (Opened::File(file), Call::Length(to)) => match disk.refuses(Change::Cut) {
            Some(fault) => Verdict::Fail(fault.errno()),
            None => {
                disk.push(Event::Length { file, to: *to });
                Verdict::Go
            }
        },
        (Opened::File(file), Call::Sync) => match disk.refuses(Change::Sync) {
            Some(fault) => {
                disk.push(Event::SyncFailed { file });
                Verdict::Fail(fault.errno())
            }
            None => {
                disk.push(Event::Sync { file });
                Verdict::Skip
            }
        },
        (Opened::Folder(name), Call::Sync) => match disk.refuses(Change::Sync) {
            Some(fault) => Verdict::Fail(fault.errno()),
            None => {
                disk.push(Event::SyncFolder { name });
                Verdict::Skip
            }
        },
        (Opened::Folder(_), _) => Verdict::Go,
    }
}

/// Does a change of names: records it if the kernel did it.
fn naming(
    path: &Path,
    change: Change,
    raw: impl FnOnce() -> c_int,
    done: impl FnOnce(&mut Recording, String),
) -> Result<c_int, c_int> {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return Ok(raw());
    }
    let mut disks = lock();
    let Some(disks) = disks.as_mut() else { return Ok(raw()) };
    let Some((id, name)) = disks.place(path) else { return Ok(raw()) };
    let Some(disk) = disks.disks.get_mut(&id) else { return Ok(raw()) };
    // Asking for what is not there changes nothing.
    if matches!(change, Change::Unname) && !disk.names.contains_key(&name) {
        return Ok(raw());
    }
    if let Some(fault) = disk.refuses(change) {
        return Err(fault.errno());
    }
    let result = raw();
    if result == 0 {
        done(disk, name);
    }
    Ok(result)
}

/// A rename(2).
pub(crate) fn renaming(from: &Path, to: &Path, raw: impl FnOnce() -> c_int) -> Result<c_int, c_int> {
    naming(from, Change::Unname, raw, |disk, from| {
        let to = to.strip_prefix(&disk.root).ok().and_then(Path::to_str).map(str::to_owned);
        if let (Some(file), Some(to)) = (disk.names.remove(&from), to) {
            disk.names.insert(to.clone(), file);
            disk.push(Event::Rename { file, from, to });
        }
    })
}

/// An unlink(2).
pub(crate) fn removing(path: &Path, raw: impl FnOnce() -> c_int) -> Result<c_int, c_int> {
    naming(path, Change::Unname, raw, |disk, name| {
        disk.names.remove(&name);
        disk.push(Event::Remove { name });
    })
}

/// A mkdir(2).
pub(crate) fn making_folder(path: &Path, raw: impl FnOnce() -> c_int) -> Result<c_int, c_int> {
    if path.is_dir() {
        return Ok(raw());
    }
    naming(path, Change::Name, raw, |disk, name| disk.push(Event::Folder { name }))
}
