//! The demo's data folder: a server's, with the ledger's workbooks and the phones beside it in `demo/`, and a diary
//! that says whether the day was played to its end. A day that was interrupted begins anew in the same folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Done;
use crate::day::Played;

/// What a folder holds.
#[derive(Debug)]
pub enum Found {
    /// Nothing.
    New,
    /// A day that was not played to its end.
    Unfinished,
    /// A whole day.
    Played(Box<Played>),
}

/// The folder, held by this process alone.
pub struct Folder {
    data: PathBuf,
    _lock: File,
}

#[derive(Serialize, Deserialize)]
struct Diary {
    /// The day; none while it is being played.
    played: Option<Played>,
}

impl Folder {
    /// Opens the folder, which is made if it is not there, and says what it holds.
    ///
    /// # Errors
    /// When another demo is at it, or it holds something that no demo has put there.
    pub fn open(data: &Path) -> Done<(Self, Found)> {
        let own = data.join("demo");
        let empty = match fs::read_dir(data) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(said(data, &error)),
        };
        if !empty && !own.is_dir() {
            return Err(format!(
                "{} 不是演示目录，未作任何改动 (not a folder of the demo; nothing was changed)",
                data.display()
            )
            .into());
        }
        fs::create_dir_all(&own).map_err(|error| said(data, &error))?;
        let lock = File::options().create(true).truncate(false).write(true).open(own.join("lock"));
        let lock = lock.map_err(|error| said(data, &error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => format!("{} 正被另一个演示使用 (another demo is at it)", data.display()).into(),
            TryLockError::Error(error) => said(data, &error),
        })?;
        let folder = Self { data: data.to_owned(), _lock: lock };
        let found = match fs::read(folder.diary()) {
            Ok(bytes) => match serde_json::from_slice::<Diary>(&bytes) {
                Ok(Diary { played: Some(played) }) => Found::Played(Box::new(played)),
                _ => Found::Unfinished,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::New,
            Err(error) => return Err(said(data, &error)),
        };
        Ok((folder, found))
    }

    /// The server's data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where everything is copied to.
    pub fn backup(&self) -> PathBuf {
        self.data.join("backup")
    }

    /// Where the workbooks lie.
    pub fn ledger(&self) -> PathBuf {
        self.data.join("demo").join("ledger")
    }

    /// Where the phones lie, one folder each.
    pub fn phones(&self) -> PathBuf {
        self.data.join("demo").join("phones")
    }

    /// Empties it of what an unfinished day left, and writes down that another begins.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn begin(&self) -> Done<()> {
        // The diary goes first and last: whatever is interrupted here is an unfinished day.
        self.write(&Diary { played: None })?;
        for entry in fs::read_dir(&self.data)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name == "demo") {
                remove(&self.ledger())?;
                remove(&self.phones())?;
            } else {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// Writes down that the day is played.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(&self, played: &Played) -> Done<()> {
        self.write(&Diary { played: Some(played.clone()) })
    }

    fn diary(&self) -> PathBuf {
        self.data.join("demo").join("day.json")
    }

    fn write(&self, diary: &Diary) -> Done<()> {
        let part = self.diary().with_extension("part");
        let mut file = File::create(&part)?;
        io::Write::write_all(&mut file, &serde_json::to_vec_pretty(diary)?)?;
        file.sync_all()?;
        fs::rename(&part, self.diary())?;
        Ok(())
    }
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn said(data: &Path, error: &io::Error) -> Box<dyn std::error::Error + Send + Sync> {
    format!("{}: {error}", data.display()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("nuanfang.db"), b"a company's").expect("written");
        assert!(Folder::open(folder.path()).is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1);
    }

    #[test]
    fn an_interrupted_day_is_known_and_begins_anew() {
        let place = tempfile::tempdir().expect("a folder");
        let data = place.path().join("data");
        let (folder, found) = Folder::open(&data).expect("new");
        assert!(matches!(found, Found::New));
        assert!(Folder::open(&data).is_err(), "one demo at a time");
        folder.begin().expect("begun");
        fs::create_dir_all(folder.phones().join("SL-001")).expect("a phone");
        fs::write(data.join("nuanfang.db"), b"half a day").expect("written");
        drop(folder);
        let (folder, found) = Folder::open(&data).expect("again");
        assert!(matches!(found, Found::Unfinished));
        folder.begin().expect("begun");
        assert!(!folder.phones().exists() && !data.join("nuanfang.db").exists());
    }
}
