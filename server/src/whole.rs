//! Small files that are either as they were or as they are to be, whenever the machine stops and however full the disk
//! is.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Puts `bytes` into `file`, durable on return. What was there before stays if that fails.
pub fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = file.with_extension("part");
    let mut out = File::create(&part)?;
    let written = out.write_all(bytes).and_then(|()| out.sync_all()).and_then(|()| fs::rename(&part, file));
    if let Err(error) = written {
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    match file.parent() {
        Some(folder) => crate::store::blobs::sync_dir(folder),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_stays_until_the_new_is_whole() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("address.json");
        write(&file, b"one").expect("written");
        // Nothing can be put where a folder is in the way.
        fs::create_dir(dir.path().join("address.part")).expect("a folder");
        assert!(write(&file, b"two").is_err());
        assert_eq!(fs::read(&file).expect("there"), b"one");
        fs::remove_dir(dir.path().join("address.part")).expect("gone");
        write(&file, b"two").expect("written");
        assert_eq!(fs::read(&file).expect("there"), b"two");
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1);
    }
}
