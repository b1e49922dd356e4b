//! Files on the phone. A small one, and a signature, is in its row of the database. Any other is a file beside it,
//! encrypted under a key of its own (AES-256-GCM, STREAM chunks), the key in its row; the order is temp, fsync, rename,
//! fsync of the folder, and only then the row: a row always has its bytes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::aead::stream::{EncryptorBE32, NewStream, StreamBE32, StreamPrimitive};
use aes_gcm::{Aes256Gcm, KeyInit};
use rand::RngCore;
use rand::rngs::OsRng;
use rusqlite::{Connection, Transaction};

use super::status::Words;
use super::store::blob_row::Beside;
use super::store::{Store, blob_row, damage_row, salvage};
use super::trouble::Trouble;
use crate::canon::hash::Sha;
use crate::drill;
use crate::id::VisitId;

pub use super::store::blob_row::BlobRow;

/// The folder of the files, beside the database.
pub const FOLDER: &str = "blobs";

/// The longest file that is kept in its row, unless it comes with a record. Most signatures are shorter, a camera's pictures
/// longer: those would be written twice (log, then database), and copied whenever the database is brought up to date.
const IN_ROW: usize = 16 * 1024;

/// Plaintext bytes a chunk.
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
const TEMP: &str = "tmp";

/// Keeps `bytes`, on the disk when this returns. The same bytes twice are one file.
///
/// # Errors
/// [`Trouble::Damaged`] when these bytes are here and can't be read any more, or what the disk says; then there is no row,
/// and the next start sweeps away what lies beside.
pub fn keep(
    store: &Store,
    bytes: &[u8],
    role: &str,
    visit: Option<VisitId>,
    facts: String,
) -> Result<BlobRow, Trouble> {
    if bytes.len() <= IN_ROW {
        return store.write(|transaction| keep_in(transaction, store.dir(), bytes, role, visit, facts));
    }
    let _files = store.files();
    let sha = Sha::of(bytes);
    if let Some(known) = store.read(|connection| known(connection, store.dir(), sha))? {
        return Ok(known);
    }
    let mut beside = Beside { file: uuid::Uuid::new_v4().simple().to_string(), key: [0; 32], nonce: [0; 7] };
    OsRng.fill_bytes(&mut beside.key);
    OsRng.fill_bytes(&mut beside.nonce);
    write_file(store.dir(), sha, &beside, bytes)?;
    let row = BlobRow { beside: Some(beside), ..new_row(sha, bytes, role, visit, facts) };
    store.write(|transaction| add(transaction, store.dir(), row, bytes))
}

/// Keeps `bytes` in their row: there once `transaction` is, and not without it. `dir` is the store's.
///
/// # Errors
/// As [`keep`].
pub fn keep_in(
    transaction: &Transaction<'_>,
    dir: &Path,
    bytes: &[u8],
    role: &str,
    visit: Option<VisitId>,
    facts: String,
) -> Result<BlobRow, Trouble> {
    add(transaction, dir, new_row(Sha::of(bytes), bytes, role, visit, facts), bytes)
}

fn add(transaction: &Transaction<'_>, dir: &Path, row: BlobRow, bytes: &[u8]) -> Result<BlobRow, Trouble> {
    if let Some(known) = known(transaction, dir, row.sha)? {
        return Ok(known);
    }
    blob_row::insert(transaction, &row, bytes)?;
    Ok(row)
}

/// The row of bytes that are here already, and still can be read.
fn known(connection: &Connection, dir: &Path, sha: Sha) -> Result<Option<BlobRow>, Trouble> {
    let Some(row) = blob_row::find(connection, sha)? else { return Ok(None) };
    let bytes = match &row.beside {
        Some(beside) => read_file(dir, &row, beside, 0),
        None => read_row(connection, &row, 0),
    };
    match bytes {
        Ok(bytes) if Sha::of(&bytes) == sha => Ok(Some(row)),
        _ => Err(unreadable(sha)),
    }
}

fn new_row(sha: Sha, bytes: &[u8], role: &str, visit: Option<VisitId>, facts: String) -> BlobRow {
    BlobRow {
        sha,
        len: bytes.len() as u64,
        role: role.to_owned(),
        visit,
        facts,
        logged: false,
        whole: false,
        beside: None,
    }
}

/// Encrypts `bytes`, whose hash is `sha`, into the file `beside` the database.
fn write_file(dir: &Path, sha: Sha, beside: &Beside, bytes: &[u8]) -> Result<(), Trouble> {
    let folder = dir.join(FOLDER);
    let temp = folder.join(&beside.file).with_extension(TEMP);
    let cipher = Aes256Gcm::new(GenericArray::from_slice(&beside.key));
    let mut encryptor = EncryptorBE32::from_aead(cipher, GenericArray::from_slice(&beside.nonce));
    let write = || {
        let mut file = File::create(&temp)?;
        let mut chunks = bytes.chunks(CHUNK).peekable();
        while let Some(chunk) = chunks.next() {
            if chunks.peek().is_none() {
                file.write_all(&encryptor.encrypt_last(chunk).map_err(|_| unreadable(sha))?)?;
                break;
            }
            file.write_all(&encryptor.encrypt_next(chunk).map_err(|_| unreadable(sha))?)?;
        }
        Ok::<_, Trouble>(file.sync_all()?)
    };
    if let Err(trouble) = write() {
        // On a disk that is full what came of it takes the room that a record needs.
        let _ = fs::remove_file(&temp);
        return Err(trouble);
    }
    drill::effect(drill::Side::Phone);
    fs::rename(&temp, folder.join(&beside.file))?;
    drill::effect(drill::Side::Phone);
    sync_dir(&folder)
}

/// Makes a folder and those above it where they are missing, each durable before the next: what lies in a folder whose
/// own name a power cut takes away is gone with it.
pub(crate) fn make_dir(folder: &Path) -> Result<(), Trouble> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(Path::new(""));
    make_dir(above)?;
    fs::create_dir(folder)?;
    sync_dir(if above.as_os_str().is_empty() { Path::new(".") } else { above })
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(folder: &Path) -> Result<(), Trouble> {
    // Windows has no such call, and needs none.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// All bytes of a file, from `offset` on, checked against what was kept.
///
/// # Errors
/// [`Trouble::Damaged`] when a byte on disk changed or the file is gone, [`Trouble::Unread`] when the disk does not give it.
pub fn load_from(store: &Store, row: &BlobRow, offset: u64) -> Result<Vec<u8>, Trouble> {
    match &row.beside {
        Some(beside) => read_file(store.dir(), row, beside, offset),
        None => store.read(|connection| read_row(connection, row, offset)),
    }
}

fn read_row(connection: &Connection, row: &BlobRow, offset: u64) -> Result<Vec<u8>, Trouble> {
    let mut bytes = blob_row::bytes(connection, row.sha)?.ok_or_else(|| gone(row.sha))?;
    if Sha::of(&bytes) != row.sha {
        return Err(unreadable(row.sha));
    }
    let skipped = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    Ok(bytes.split_off(skipped))
}

fn read_file(dir: &Path, row: &BlobRow, beside: &Beside, offset: u64) -> Result<Vec<u8>, Trouble> {
    let sealed = fs::read(dir.join(FOLDER).join(&beside.file)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => gone(row.sha),
        _ => Trouble::Unread(error),
    })?;
    let stream =
        StreamBE32::<Aes256Gcm>::new(GenericArray::from_slice(&beside.key), GenericArray::from_slice(&beside.nonce));
    let count = sealed.len().div_ceil(CHUNK + TAG);
    let skipped = usize::try_from(offset / CHUNK as u64).unwrap_or(usize::MAX).min(count);
    let mut out = Vec::with_capacity(sealed.len());
    for (position, chunk) in sealed.chunks(CHUNK + TAG).enumerate().skip(skipped) {
        let plain = stream.decrypt(position as u32, position + 1 == count, chunk).map_err(|_| unreadable(row.sha))?;
        out.extend_from_slice(&plain);
    }
    let inside = usize::try_from(offset).unwrap_or(usize::MAX).saturating_sub(skipped * CHUNK);
    out.drain(..inside.min(out.len()));
    if offset.saturating_add(out.len() as u64) != row.len.max(offset) {
        return Err(unreadable(row.sha));
    }
    Ok(out)
}

/// All bytes of a file, checked against its hash.
pub fn load(store: &Store, row: &BlobRow) -> Result<Vec<u8>, Trouble> {
    let bytes = load_from(store, row, 0)?;
    if Sha::of(&bytes) == row.sha { Ok(bytes) } else { Err(unreadable(row.sha)) }
}

fn gone(sha: Sha) -> Trouble {
    Trouble::Damaged(Words::new(
        format!("文件 {} 已不在本机", sha.short()),
        format!("file {} is no longer on this phone", sha.short()),
    ))
}

fn unreadable(sha: Sha) -> Trouble {
    Trouble::Damaged(Words::new(
        format!("文件 {} 与保存时不同", sha.short()),
        format!("file {} is not what was kept", sha.short()),
    ))
}

/// Removes files beside the database that no row names: left by a kill between file and row, or erased with their row.
/// What does not go is passed over: its key was in the row, so that what stays is noise.
///
/// # Errors
/// What the database says, or the folder.
pub fn sweep(store: &Store) -> Result<(), Trouble> {
    let _files = store.files();
    let (known, asides) =
        store.read::<_, Trouble>(|connection| Ok((blob_row::files(connection)?, damage_row::files(connection)?)))?;
    for name in salvage::asides(store.dir())?.into_iter().filter(|name| !asides.contains(name)) {
        let _ = fs::remove_file(store.dir().join(name));
    }
    if !asides.is_empty() {
        // The rows that name them may be among what could not be read, and who gets more out of that wants them.
        return Ok(());
    }
    for entry in fs::read_dir(store.dir().join(FOLDER))?.flatten() {
        if !known.contains(entry.file_name().to_string_lossy().as_ref()) {
            drill::effect(drill::Side::Phone);
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// [`sweep`], where nothing hangs on it: what it could not do the next one tries.
pub fn tidy(store: &Store) {
    let _ = sweep(store);
}
