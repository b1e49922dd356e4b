//! What happens on a disk, and what a failing one says.

use std::ffi::c_int;

/// A file of a disk, whatever it is called at the moment.
pub type FileId = usize;

/// One change, in the order the kernel saw it. Names are relative to the disk's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A name for a new, empty file.
    Create {
        /// The name.
        name: String,
        /// The file.
        file: FileId,
    },
    /// Bytes of a file.
    Write {
        /// The file.
        file: FileId,
        /// Where.
        at: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// A file was cut or stretched.
    Length {
        /// The file.
        file: FileId,
        /// Its bytes from now on.
        to: u64,
    },
    /// Everything written to a file is durable.
    Sync {
        /// The file.
        file: FileId,
    },
    /// A sync failed: what was not durable never will be, whatever a later sync says, unless it is written again.
    SyncFailed {
        /// The file.
        file: FileId,
    },
    /// A file has another name.
    Rename {
        /// The file.
        file: FileId,
        /// The name it had.
        from: String,
        /// The name it has.
        to: String,
    },
    /// A name is gone.
    Remove {
        /// The name.
        name: String,
    },
    /// A new folder.
    Folder {
        /// The name.
        name: String,
    },
    /// The names in a folder are durable.
    SyncFolder {
        /// The folder; empty for the root.
        name: String,
    },
    /// The code under test made a promise: what it is, the workload knows.
    Promise(usize),
}

/// What a failing disk says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// No space left: `ENOSPC`, after half of the first write.
    Full,
    /// The device fails: `EIO`, at writes and syncs.
    Broken,
    /// The same once: what follows succeeds, and a sync that failed is forgotten.
    Hiccup,
    /// The file system was remounted read-only: `EROFS`.
    ReadOnly,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Full, Self::Broken, Self::Hiccup, Self::ReadOnly];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "ENOSPC",
            Self::Broken => "EIO",
            Self::Hiccup => "EIO once",
            Self::ReadOnly => "EROFS",
        }
    }

    /// Whether it refuses a sync.
    pub(crate) fn fails_syncs(self) -> bool {
        self.hits(Change::Sync)
    }

    pub(crate) fn errno(self) -> c_int {
        match self {
            Self::Full => libc::ENOSPC,
            Self::Broken | Self::Hiccup => libc::EIO,
            Self::ReadOnly => libc::EROFS,
        }
    }

    /// Whether it refuses a change of that kind.
    pub(crate) fn hits(self, change: Change) -> bool {
        match self {
            Self::Full => matches!(change, Change::Grow | Change::Name),
            Self::Broken | Self::Hiccup => matches!(change, Change::Grow | Change::Cut | Change::Sync),
            Self::ReadOnly => !matches!(change, Change::Sync),
        }
    }
}

/// A change, by what a failing disk makes of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Grow,
    Cut,
    Sync,
    Name,
    Unname,
}

/// What lay on a disk when its recording began; all of it durable.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// Files by name, with their bytes.
    pub files: Vec<(String, FileId, Vec<u8>)>,
    /// Folders.
    pub folders: Vec<String>,
}

/// A whole recording.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// What lay there before.
    pub before: Before,
    /// What happened.
    pub events: Vec<Event>,
}
