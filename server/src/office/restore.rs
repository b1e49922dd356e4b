//! A data folder made anew from its backup: log, files, keys, users; every other table from the log. A new epoch begins,
//! so that every phone offers again what came between the last segment and the loss (I12 of docs/nothing-lost.md).
//!
//! Nothing is seen of it before it is whole: it is made in a folder beside and gets its name at the end.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event;
use nuanfang_core::drill::{self, Mutant};
use nuanfang_core::id::WorkerId;
use nuanfang_core::time::{Estimate, Millis};
use nuanfang_core::wire::FILE_LIMIT;
use rusqlite::{Connection, params};

use super::log::{self, Arriving};
use super::{Office, OfficeAct, rebuild, registers};
use crate::clock::{Clock, ShiftedClock, real_now};
use crate::store::StoreError;
use crate::store::blobs::sync_dir;
use crate::store::ship::line::{FileLine, GoneLine, Line, file_name};
use crate::store::ship::place::Place;
use crate::store::ship::reader::{self, Body, Chains, Fault, Heads, Unread};
use crate::store::ship::{Shipped, advance_safe, record_segment, seal};
use crate::store::sqlite::writing::Writing;
use crate::store::sqlite::{LOCK, Sqlite};
use crate::store::vault::{Contents, DataKey, Vault};

/// What was brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Envelopes.
    pub envelopes: u64,
    /// When the last of them came.
    pub last: Option<Millis>,
    /// Files.
    pub files: u64,
    /// Files that phones are asked for again.
    pub awaited: u64,
    /// Bodies that were erased.
    pub erased: u64,
    /// The epoch that begins.
    pub epoch: u64,
    /// Files in the backup that did not open, where they were to be left out.
    pub left_out: Vec<Fault>,
}

/// Why nothing was brought back. The data folder is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Unrestored {
    /// There is something in the folder already.
    #[error("{} 不是空目录：恢复只写入新的或空的目录", .0.display())]
    Occupied(PathBuf),
    /// The folder can't give way to the one that is made beside it.
    #[error("{} 是挂载点或链接，恢复不能写入：请改为其中的一个新目录，例如 {}", .0.display(), .0.join("data").display())]
    Fixed(PathBuf),
    /// Another restore is at it.
    #[error("另一个恢复正在写入 {}：请等它结束", .0.display())]
    Busy(PathBuf),
    /// The backup is not what was written.
    #[error("备份已损坏，未恢复任何内容：{0}")]
    Damaged(Fault),
    /// Anything else.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<io::Error> for Unrestored {
    fn from(error: io::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Unread> for Unrestored {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Fault(fault) => Self::Damaged(fault),
            Unread::Place(error) => Self::Store(error),
        }
    }
}

impl From<Fault> for Unrestored {
    fn from(fault: Fault) -> Self {
        Self::Damaged(fault)
    }
}

/// What becomes of a restore that meets a file in the backup that does not open. Of heads and bodies none may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damaged {
    /// Nothing is restored.
    Refused,
    /// The file counts as one that has not come: its phone is asked for it, where that still has it. What an act of the office
    /// needs can't be left out.
    LeftOut,
}

/// Makes the data folder `data` from the backup at `from`, whose vault opens with `key`. Blocks, for as long as it
/// takes to read all of it.
///
/// # Errors
/// As [`Unrestored`]; `data` is then as it was.
pub fn restore(from: &Place, key: &[u8; 32], data: &Path, damaged: Damaged) -> Result<Restored, Unrestored> {
    let occupied = match fs::read_dir(data) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error.into()),
    };
    if occupied {
        return Err(Unrestored::Occupied(data.to_owned()));
    }
    let about = reader::about(from)?.ok_or_else(|| StoreError::Backup(format!("{} 不是备份", from.name())))?;
    let missing = || StoreError::Backup(format!("{} 中没有密钥库副本", from.name()));
    let vault = reader::vault(from, key)?.ok_or_else(missing)?;
    let there = data.symlink_metadata().is_ok();
    // Hours later it would be too late to find that it can't.
    match fs::remove_dir(data) {
        Err(error) if there && error.kind() != io::ErrorKind::PermissionDenied => {
            return Err(Unrestored::Fixed(data.to_owned()));
        }
        Err(error) if there => return Err(error.into()),
        _ => {}
    }
    let beside = match beside(data) {
        Ok(beside) => beside,
        Err(error) => {
            give_back(there, data);
            return Err(error);
        }
    };
    let done = fill(from, &vault, &beside, about.supplier, damaged).and_then(|restored| {
        fs::rename(&beside, data)?;
        sync_dir(data.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
        Ok(restored)
    });
    if done.is_err() {
        // What was wrong is worth more than what the disk says now.
        let _ = fs::remove_dir_all(&beside);
        give_back(there, data);
    }
    done
}

/// The empty folder that was `there` before.
fn give_back(there: bool, data: &Path) {
    if there {
        // What was wrong is worth more than what the disk says now.
        let _ = fs::create_dir(data);
    }
}

/// The folder beside `data` in which it is made; what an ended attempt left there goes, one under way stays.
fn beside(data: &Path) -> Result<PathBuf, Unrestored> {
    let mut name = data.file_name().ok_or_else(|| Unrestored::Occupied(data.to_owned()))?.to_owned();
    name.push(".restoring");
    let beside = data.with_file_name(name);
    if beside.exists() {
        let lock = File::open(beside.join(LOCK));
        if lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock))) {
            return Err(Unrestored::Busy(beside));
        }
        fs::remove_dir_all(&beside)?;
    }
    fs::create_dir_all(&beside)?;
    Ok(beside)
}

fn fill(
    from: &Place,
    vault: &Contents,
    dir: &Path,
    supplier: uuid::Uuid,
    damaged: Damaged,
) -> Result<Restored, Unrestored> {
    Vault::open(dir)?.fill(vault)?;
    let store = Sqlite::open(dir, "", real_now())?;
    if store.keys.supplier.id.0 != supplier {
        return Err(StoreError::Backup("密钥库副本属于另一家企业".into()).into());
    }
    let done = fill_store(from, vault, &store, Arc::new(ShiftedClock::open(dir)?), damaged);
    store.close();
    done
}

/// Fills `store`, an empty one whose vault is `vault`, from the backup at `from`. The new epoch begins by `clock`, the
/// office's. Blocks.
///
/// # Errors
/// As [`Unrestored`]; `store` is then of no use.
pub fn fill_store(
    from: &Place,
    vault: &Contents,
    store: &Sqlite,
    clock: Arc<dyn Clock>,
    damaged: Damaged,
) -> Result<Restored, Unrestored> {
    let (files, mut restored) = logs(from, vault, store)?;
    for file in files.values() {
        match bring(from, vault, store, file) {
            Ok(true) => restored.files += 1,
            Ok(false) => {}
            Err(Unrestored::Damaged(fault)) if damaged == Damaged::LeftOut => restored.left_out.push(fault),
            Err(why) => return Err(why),
        }
    }
    let (epoch, through) = (next_epoch(store, clock.now())?, restored.envelopes);
    restored.epoch = epoch;
    restored.awaited = store.write_blocking::<_, StoreError, _>(0, move |writing| {
        rebuild::rebuild(writing)?;
        let awaited = await_files(writing.tx)?;
        advance_safe(writing.tx, through)?;
        writing.tx.execute("UPDATE meta SET v = ?1 WHERE k = 'epoch'", [epoch.to_string()])?;
        Ok(awaited)
    })?;
    let event = Event::Restored(office_event::Restored { epoch, through });
    Office::new(store.clone(), clock).append_blocking::<StoreError, _>(
        WorkerId(registers::SYSTEM),
        vec![OfficeAct::of(event)],
        |_| Ok(()),
    )?;
    Ok(restored)
}

/// Puts every segment's envelopes into the log. Returns the files that belong to them.
fn logs(from: &Place, vault: &Contents, store: &Sqlite) -> Result<(BTreeMap<Sha, FileLine>, Restored), Unrestored> {
    let mut restored =
        Restored { envelopes: 0, last: None, files: 0, awaited: 0, erased: 0, epoch: 0, left_out: Vec::new() };
    let mut files = BTreeMap::new();
    let mut chains = Chains::default();
    let (mut before, mut bodies_before) = (Sha::ZERO, Sha::ZERO);
    for number in 1..=reader::count(from)? {
        let heads = reader::heads(from, number, Some(before))?;
        let bodies = reader::bodies(from, &heads, Some(bodies_before))?;
        chains.follow(&heads)?;
        let opened = reader::open(&heads, &bodies, vault)?;
        (before, bodies_before) = (heads.sha, bodies.sha);
        restored.envelopes = heads.through;
        restored.erased += opened.iter().filter(|body| **body == Body::Erased).count() as u64;
        restored.last = heads.envelopes().last().map(|head| Millis(head.times[0])).or(restored.last);
        let mut gone = Vec::new();
        for line in &heads.lines {
            match line {
                Line::Head(_) => {}
                Line::File(file) => drop(files.insert(file.file, file.clone())),
                Line::Gone(GoneLine { gone: sha }) => {
                    files.remove(sha);
                    gone.push(*sha);
                }
            }
        }
        let shipped = Shipped { segment: number, through: heads.through, heads: heads.sha, bodies: bodies.sha };
        store.write_blocking::<_, StoreError, _>(0, move |writing| {
            put_back(writing, &heads, opened)?;
            for sha in gone {
                erased(writing.tx, &sha)?;
            }
            record_segment(writing.tx, &shipped)
        })?;
    }
    Ok((files, restored))
}

fn put_back(writing: &mut Writing<'_>, heads: &Heads, bodies: Vec<Body>) -> Result<(), StoreError> {
    for (head, body) in heads.envelopes().zip(bodies) {
        let writer = log::writer(writing.tx, head.device, head.office)?;
        let [recv, est, lo, hi] = head.times.map(Millis);
        let arriving = Arriving {
            envelope: head.envelope(writer.ack_sha),
            sha: head.sha,
            event: Event::Unknown { kind: head.kind.clone() },
            recv,
            estimate: Estimate { est, lo, hi, quality: log::quality_from(head.quality) },
            last: head.last,
        };
        let body = match &body {
            Body::Here(body) => Some(body.as_str()),
            Body::Erased => None,
        };
        let logged = log::store(writing.tx, &writer, arriving, body)?;
        if logged.g != head.g {
            return Err(StoreError::Backup(format!("记录 {} 的次序不对", head.g)));
        }
        log::advance(writing.tx, writer.dev, head.seq, &head.sha)?;
        for blob in &head.blobs {
            writing
                .tx
                .prepare_cached("INSERT OR IGNORE INTO blob (sha, len) VALUES (?1, ?2)")?
                .execute(params![blob.sha.0.as_slice(), blob.len as i64])?;
        }
    }
    Ok(())
}

/// Brings a file back. `false` if it was erased.
fn bring(from: &Place, vault: &Contents, store: &Sqlite, file: &FileLine) -> Result<bool, Unrestored> {
    let name = file_name(&file.file);
    let bytes = reader::present(&name, from.get(&name))?;
    let owner = seal::file_owner(&bytes).ok_or_else(|| Fault::of(&name, "无法识别"))?;
    let key = match vault.data_key(owner) {
        DataKey::Here(key) => key,
        DataKey::Unknown => return Err(Fault::of(&name, "的密钥不在密钥库副本中").into()),
        DataKey::Destroyed => {
            let sha = file.file;
            store.write_blocking::<_, StoreError, _>(0, move |writing| erased(writing.tx, &sha))?;
            return Ok(false);
        }
    };
    let opened = seal::open_file(&key, &file.file, &bytes).ok_or_else(|| Fault::of(&name, "内容与其校验值不符"))?;
    store.blobs.put(&opened)?;
    let file = file.clone();
    store.write_blocking::<_, StoreError, _>(0, move |writing| {
        writing
            .tx
            .prepare_cached(
                "INSERT INTO blob (sha, len, whole_ms, shipped, flag) VALUES (?1, ?2, ?3, 1, ?4)
                 ON CONFLICT (sha) DO UPDATE SET len = excluded.len, whole_ms = excluded.whole_ms, shipped = 1,
                 flag = excluded.flag",
            )?
            .execute(params![file.file.0.as_slice(), file.len as i64, file.whole_ms, file.flag])?;
        Ok(())
    })?;
    Ok(true)
}

/// What was erased may still lie in the backup: whoever was to take it away was cut off. It is taken away once more.
fn erased(tx: &Connection, sha: &Sha) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE blob SET flag = 'erased', whole_ms = coalesce(whole_ms, 0), shipped = 1 WHERE sha = ?1")?
        .execute([sha.0.as_slice()])?;
    Ok(())
}

/// Asks the phones for the files that the backup does not have, but for those of who was erased. Returns how many there
/// are.
fn await_files(tx: &Connection) -> Result<u64, StoreError> {
    // A file that was erased and that somebody names who is not was named again, and had not come yet. Rows that were
    // written anew are named for ever.
    tx.execute_batch(&format!(
        "UPDATE blob SET flag = 'erased', whole_ms = coalesce(whole_ms, 0)
           WHERE sha IN (SELECT was FROM blob_replaced);
         UPDATE blob SET flag = NULL, whole_ms = NULL, shipped = 0 WHERE flag = 'erased' AND EXISTS (
           SELECT 1 FROM blob_ref r JOIN body b ON b.g = r.g WHERE r.sha = blob.sha)
           AND sha NOT IN (SELECT was FROM blob_replaced);
         UPDATE blob SET flag = 'erased', whole_ms = 0 WHERE whole_ms IS NULL AND NOT EXISTS (
           SELECT 1 FROM blob_ref r JOIN body b ON b.g = r.g WHERE r.sha = blob.sha);
         INSERT OR IGNORE INTO blob_need (dev, sha, len, role)
           SELECT e.dev, b.sha, b.len, r.role FROM blob b JOIN blob_ref r ON r.sha = b.sha JOIN envelope e ON e.g = r.g
           WHERE b.whole_ms IS NULL AND b.len <= {FILE_LIMIT};
         INSERT OR IGNORE INTO blob_owed (dev, seq, sha)
           SELECT e.dev, e.seq, b.sha FROM blob b JOIN blob_ref r ON r.sha = b.sha JOIN envelope e ON e.g = r.g
           WHERE b.whole_ms IS NULL AND b.len <= {FILE_LIMIT};",
    ))?;
    let mut query = tx.prepare("SELECT count(DISTINCT sha) FROM blob_need")?;
    Ok(query.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// The epoch after the last one that is known. Seconds since 1970 keep two restores of the same backup apart, neither of
/// which the backup may have heard of.
fn next_epoch(store: &Sqlite, now: Millis) -> Result<u64, StoreError> {
    let restored = store.read_now(|db| log::of_office(db, "office.restored"))?;
    let last = match restored.last().map(|logged| &logged.fact.event) {
        Some(Event::Restored(restored)) => restored.epoch,
        _ => 1,
    };
    if drill::is(Mutant::SameEpoch) {
        return Ok(last);
    }
    Ok((last + 1).max(now.0.unsigned_abs() / 1000))
}
