//! Files on the phone: each encrypted under a key of its own (AES-256-GCM, STREAM chunks), the key in the database.
//! The order is temp, fsync, rename, fsync of the folder, and only then the row: a row always has its file.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::aead::stream::{EncryptorBE32, NewStream, StreamBE32, StreamPrimitive};
use aes_gcm::{Aes256Gcm, KeyInit};
use rand::RngCore;
use rand::rngs::OsRng;

use super::store::{Store, blob_row};
use super::trouble::Trouble;
use crate::canon::hash::Sha;
use crate::id::VisitId;

pub use super::store::blob_row::BlobRow;

/// The folder of the files, beside the database.
pub const FOLDER: &str = "blobs";

/// Plaintext bytes a chunk.
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
const TEMP: &str = "tmp";

/// Encrypts `bytes` into a new file of the store and adds its row. The same bytes twice are one file.
///
/// # Errors
/// What the disk says; then there is no row, and the next start sweeps the file away.
pub fn keep(
    store: &Store,
    bytes: &[u8],
    role: &str,
    visit: Option<VisitId>,
    facts: String,
) -> Result<BlobRow, Trouble> {
    let sha = Sha::of(bytes);
    let _files = store.files();
    if let Some(known) = store.read(|connection| blob_row::find(connection, sha))? {
        if load(store, &known).is_ok() {
            return Ok(known);
        }
        return Err(Trouble::Damaged(format!("文件 {}", sha.short())));
    }
    let mut row = BlobRow {
        sha,
        file: uuid::Uuid::new_v4().simple().to_string(),
        key: [0; 32],
        nonce: [0; 7],
        len: bytes.len() as u64,
        role: role.to_owned(),
        visit,
        facts,
        logged: false,
        whole: false,
    };
    OsRng.fill_bytes(&mut row.key);
    OsRng.fill_bytes(&mut row.nonce);
    write_file(&store.dir().join(FOLDER), &row, bytes)?;
    let added = store.write::<_, Trouble>(|transaction| blob_row::insert(transaction, &row))?;
    if added {
        return Ok(row);
    }
    let first = store.read(|connection| blob_row::find(connection, sha))?;
    fs::remove_file(store.dir().join(FOLDER).join(&row.file))?;
    first.ok_or_else(|| Trouble::Damaged(format!("文件 {}", sha.short())))
}

fn write_file(folder: &Path, row: &BlobRow, bytes: &[u8]) -> Result<(), Trouble> {
    let temp = folder.join(&row.file).with_extension(TEMP);
    let cipher = Aes256Gcm::new(GenericArray::from_slice(&row.key));
    let mut encryptor = EncryptorBE32::from_aead(cipher, GenericArray::from_slice(&row.nonce));
    let mut file = File::create(&temp)?;
    let mut chunks = bytes.chunks(CHUNK).peekable();
    if chunks.peek().is_none() {
        return Err(Trouble::Damaged("空文件".to_owned()));
    }
    while let Some(chunk) = chunks.next() {
        if chunks.peek().is_none() {
            file.write_all(&encryptor.encrypt_last(chunk).map_err(|_| unreadable(row))?)?;
            break;
        }
        file.write_all(&encryptor.encrypt_next(chunk).map_err(|_| unreadable(row))?)?;
    }
    file.sync_all()?;
    fs::rename(&temp, folder.join(&row.file))?;
    sync_dir(folder)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(folder: &Path) -> Result<(), Trouble> {
    // Windows has no such call, and needs none.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// All bytes of a file, from `offset` on, checked against what was written.
///
/// # Errors
/// [`Trouble::Damaged`] when a byte on disk changed, [`Trouble::Io`] when the file is gone.
pub fn load_from(store: &Store, row: &BlobRow, offset: u64) -> Result<Vec<u8>, Trouble> {
    let sealed = fs::read(store.dir().join(FOLDER).join(&row.file))?;
    let stream = StreamBE32::<Aes256Gcm>::new(GenericArray::from_slice(&row.key), GenericArray::from_slice(&row.nonce));
    let count = sealed.len().div_ceil(CHUNK + TAG);
    let skipped = usize::try_from(offset / CHUNK as u64).unwrap_or(usize::MAX).min(count);
    let mut out = Vec::with_capacity(sealed.len());
    for (position, chunk) in sealed.chunks(CHUNK + TAG).enumerate().skip(skipped) {
        let plain = stream.decrypt(position as u32, position + 1 == count, chunk).map_err(|_| unreadable(row))?;
        out.extend_from_slice(&plain);
    }
    let inside = usize::try_from(offset).unwrap_or(usize::MAX).saturating_sub(skipped * CHUNK);
    out.drain(..inside.min(out.len()));
    if offset.saturating_add(out.len() as u64) != row.len.max(offset) {
        return Err(unreadable(row));
    }
    Ok(out)
}

/// All bytes of a file, checked against its hash.
pub fn load(store: &Store, row: &BlobRow) -> Result<Vec<u8>, Trouble> {
    let bytes = load_from(store, row, 0)?;
    if Sha::of(&bytes) == row.sha { Ok(bytes) } else { Err(unreadable(row)) }
}

fn unreadable(row: &BlobRow) -> Trouble {
    Trouble::Damaged(format!("文件 {} 与保存时不同", row.sha.short()))
}

/// Removes files that no row names: left by a kill between file and row, or erased with their row.
pub fn sweep(store: &Store) -> Result<(), Trouble> {
    let _files = store.files();
    let known = store.read(blob_row::files)?;
    for entry in fs::read_dir(store.dir().join(FOLDER))? {
        let entry = entry?;
        if !known.contains(entry.file_name().to_string_lossy().as_ref()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
