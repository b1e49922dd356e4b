//! The backup: the log in append-only, hash-chained segments, heads apart from sealed bodies, and the sealed files, in
//! a second place. What is there was read back before it counts; *safe* moves by nothing else (I2 of docs/nothing-lost.md). The
//! format is docs/formats/backup.md.
//!
//! ```text
//! BACKUP/backup.json           which supplier's it is
//! BACKUP/heads/000000001.seg   one JSON line an envelope or file; the last line names the segment before and its hash
//! BACKUP/bodies/000000001-<sha of the heads>.seg
//!                              the same envelopes' bodies, each sealed under the data key of its household
//! BACKUP/blobs/ab/<sha>        files, sealed likewise
//! BACKUP/vault.sealed          the vault, sealed under the recovery key that the first start printed
//! ```

mod collect;
pub mod halt;
pub mod line;
pub mod place;
pub mod reader;
pub mod seal;
pub mod survey;
pub mod vault_copy;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::wire::FILE_LIMIT;
use rusqlite::{Connection, params};
use uuid::Uuid;

pub use collect::{Shipped, all as segments, any as ever_shipped, unmasked};
pub use vault_copy::recovery_key;

use self::halt::Halted;
use self::line::{BodyLine, FileLine, GoneLine, Line, bodies_name, file_name, heads_name};
use self::place::Place;
use self::reader::{About, Heads, Unread};
use self::vault_copy::Looked;
use super::StoreError;
use super::sqlite::Sqlite;
use super::sqlite::writing::Writing;
use crate::clock::Clock;
use crate::office::project::erasure;
use crate::office::uploads;

/// How often is looked for something new.
const EVERY: Duration = Duration::from_millis(500);
/// How long a starting server waits for its backup's place.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often is said that it stands still.
const SAY_AGAIN: Duration = Duration::from_secs(3_600);
/// Envelopes in one segment at most.
const SEGMENT: usize = 2_000;
/// Files copied, and files taken away, with one segment at most.
const FILES: usize = 64;

/// The shipper at work.
pub struct Shipping {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Shipping {
    /// Begins to ship the data folder of `store` to `to`. A place that does not answer, or takes longer than [`PATIENCE`], is
    /// tried again by itself: phones are not to wait for it. That it stands still is told in `halted`.
    ///
    /// # Errors
    /// [`StoreError::Backup`] if the place is not this data folder's backup.
    pub fn start(store: Sqlite, to: PathBuf, halted: Halted, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let to = Place::make(&to)?;
        let (tell, told) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("backup".into()).spawn(move || {
            let tried = prepare(&store, &to);
            let prepared = tried.is_ok();
            if let Err(error) = &tried {
                halted.note(clock.now(), error.to_string());
            }
            let _ = tell.send(tried);
            go_on(&store, &to, prepared, &stopped, &halted, &*clock);
        })?;
        let shipping = Self { stop, thread: Some(thread) };
        match told.recv_timeout(PATIENCE) {
            Ok(Err(other @ StoreError::Backup(_))) => {
                shipping.stop();
                Err(other)
            }
            Err(RecvTimeoutError::Disconnected) => Err(StoreError::Backup("备份线程意外结束，请重新启动".into())),
            Ok(_) | Err(RecvTimeoutError::Timeout) => Ok(shipping),
        }
    }

    /// Ends it after the segment under way.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// Ships until it is told to stop.
fn go_on(
    store: &Sqlite,
    to: &Place,
    mut prepared: bool,
    stopped: &AtomicBool,
    halted: &Halted,
    clock: &(impl Clock + ?Sized),
) {
    let (mut said, mut looked) = (None::<Instant>, Looked::default());
    while !stopped.load(Ordering::Relaxed) {
        // Whatever a fault of ours does, the next round begins anew.
        let tried = catch_unwind(AssertUnwindSafe(|| match prepared {
            true => ship_next(store, to, &mut looked),
            false => prepare(store, to).map(|()| true),
        }));
        let done = tried.unwrap_or_else(|_| Err(StoreError::Backup("程序出错，见日志".into())));
        prepared |= done.is_ok();
        match done {
            Ok(more) => {
                said = None;
                halted.over();
                if !more {
                    std::thread::park_timeout(EVERY);
                }
            }
            Err(error) => {
                if said.is_none_or(|said| said.elapsed() > SAY_AGAIN) {
                    tracing::error!(%error, "the backup has stopped; phones keep what they hold until it goes on");
                    said = Some(Instant::now());
                }
                halted.note(clock.now(), error.to_string());
                std::thread::park_timeout(EVERY * 10);
            }
        }
    }
}

/// Makes sure that a place is this data folder's backup. One that was left behind, the disk of another week, gets what it
/// lacks. An empty one becomes the first backup there is, and no second: it may be where a disk is not mounted.
///
/// # Errors
/// [`StoreError::Unmounted`] if it is empty and should not be; [`StoreError::Backup`] if it is another supplier's. That it
/// holds another history than this data folder's shows when it is shipped to.
pub fn prepare(store: &Sqlite, to: &Place) -> Result<(), StoreError> {
    if reader::about(to)?.is_none() && to.list("heads")?.is_empty() && store.read_now(collect::any)? {
        return Err(StoreError::Unmounted(to.name().to_owned()));
    }
    begin(store, to)
}

/// The same, at somebody's word: an empty place gets everything from the beginning, whatever was shipped elsewhere.
///
/// # Errors
/// [`StoreError::Backup`] as for [`prepare`].
pub fn begin(store: &Sqlite, to: &Place) -> Result<(), StoreError> {
    to.settle()?;
    match reader::about(to)? {
        Some(about) if about.supplier != store.keys.supplier.id.0 => {
            return Err(StoreError::Backup(format!("{} 是另一家企业的备份", to.name())));
        }
        Some(about) if !about.is_latest() => to.put(reader::ABOUT, &About::of(about.supplier).to_bytes()?)?,
        Some(_) => {}
        None if !to.list("heads")?.is_empty() => {
            return Err(StoreError::Backup(format!("{} 没有标明是谁的备份", to.name())));
        }
        None => {
            let about = About::of(store.keys.supplier.id.0);
            to.put(reader::ABOUT, &about.to_bytes()?)?;
        }
    }
    if let Some(known) = store.read_now(collect::last)? {
        let is = |found: Option<Vec<u8>>, sha: Sha| found.is_some_and(|bytes| Sha::of(&bytes) == sha);
        let (_, bodies) = reader::bodies_file(to, known.segment, &known.heads);
        if !(is(to.get(&heads_name(known.segment))?, known.heads) && is(bodies?, known.bodies)) {
            tracing::warn!(
                place = to.name(),
                "the backup is another place than before: it is brought up from the beginning"
            );
            store.write_blocking::<_, StoreError, _>(0, |writing| begin_anew(writing.tx))?;
        }
    }
    Ok(())
}

/// Everything is to be shipped once more, or found there: the place is another one. What is called safe stays so. What was
/// erased may lie there, though no segment says so: a disk was taken out between the two.
fn begin_anew(tx: &Connection) -> Result<(), StoreError> {
    tx.execute_batch("DELETE FROM segment; UPDATE blob SET shipped = (flag IS 'erased')")?;
    tx.execute(&owing("TRUE"), [])?;
    Ok(())
}

/// The statement by which operations wait for the files they name, those that `which` picks.
fn owing(which: &str) -> String {
    format!(
        "INSERT OR IGNORE INTO blob_owed (dev, seq, sha)
         SELECT e.dev, e.seq, r.sha FROM blob_ref r JOIN envelope e ON e.g = r.g JOIN writer w ON w.dev = e.dev
         JOIN blob b ON b.sha = r.sha
         WHERE {which} AND (e.seq > w.safe OR w.office = 1) AND b.flag IS NOT 'erased'
         AND (b.whole_ms IS NOT NULL OR b.len <= {FILE_LIMIT})"
    )
}

/// Ships what is new once. Returns whether there was anything.
pub fn ship(store: &Sqlite, to: &Place) -> Result<bool, StoreError> {
    ship_next(store, to, &mut Looked::default())
}

fn ship_next(store: &Sqlite, to: &Place, looked: &mut Looked) -> Result<bool, StoreError> {
    // What is found there counts as if it had just been put.
    to.settle()?;
    let before = store.read_now(collect::last)?;
    let (number, after) = before.map_or((1, 0), |before| (before.segment + 1, before.through));
    let files = store.read_now(|db| collect::files(db, FILES))?;
    let rows = store.read_now(|db| collect::envelopes(db, after, SEGMENT, &files))?;
    let through = rows.last().map_or(after, |row| row.head.g);
    // A backup without a file must say why: the erasure comes first, and what it put in the file's place.
    let gone = store.read_now(|db| collect::gone(db, through, FILES))?;
    let nothing = rows.is_empty() && files.is_empty() && gone.is_empty();
    if nothing && vault_copy::is_there(store, to, looked)? {
        return match store.read_now(collect::spoiled)? {
            None => Ok(false),
            Some(sha) => Err(StoreError::Damaged(format!(
                "文件 {sha} 已损坏，备份停在引用它的那条调度记录之前：请把完好的文件放回数据目录的 blobs/{} 后重新启动",
                &sha.to_string()[..2]
            ))),
        };
    }
    if !is_last(to, before)? {
        prepare(store, to)?;
        return Ok(true);
    }
    // The heads are what makes a segment count.
    if to.get(&heads_name(number))?.is_some() {
        return adopt(store, to, before, number);
    }
    if nothing {
        vault_copy::ship(store, to)?;
        return Ok(true);
    }
    for file in &files {
        if !copy(store, to, &file.file)? {
            // The segment is put together again without it.
            return Ok(true);
        }
    }
    let bodies = rows.iter().map(|row| sealed(store, row)).collect::<Result<Vec<_>, _>>()?;
    // Sealed content is worth nothing without its keys: those go first.
    vault_copy::ship(store, to)?;
    let mut lines: Vec<Line> = files.into_iter().map(Line::File).collect();
    lines.extend(rows.into_iter().map(|row| Line::Head(Box::new(row.head))));
    lines.extend(gone.iter().map(|gone| Line::Gone(GoneLine { gone: *gone })));
    let (heads_before, bodies_before) = before.map_or((Sha::ZERO, Sha::ZERO), |before| (before.heads, before.bodies));
    let heads = line::write(&lines, number, through, heads_before).map_err(unwritable)?;
    let bodies = line::write(&bodies, number, through, bodies_before).map_err(unwritable)?;
    let segment = Heads { number, through, sha: Sha::of(&heads), lines };
    let bodies = put_bodies(store, to, &segment, &bodies, bodies_before)?;
    if !to.create(&heads_name(number), &heads)? {
        return Err(other_history(to, number));
    }
    // Whoever took the disk out meanwhile took files of this segment along: it may lie where there is nothing of them.
    if !is_last(to, before)? {
        // Another disk may have a segment of its own there by now.
        if to.get(&heads_name(number))?.is_some_and(|there| there == heads) {
            to.delete(&heads_name(number))?;
        }
        prepare(store, to)?;
        return Ok(true);
    }
    for sha in &gone {
        to.delete(&file_name(sha))?;
    }
    let shipped = Shipped { segment: number, through, heads: segment.sha, bodies };
    store.write_blocking::<_, StoreError, _>(0, move |writing| note(writing, &shipped, &segment.lines, &[]))?;
    Ok(true)
}

/// Puts the bodies that belong to `heads`, and returns their hash. Where some lie already, an attempt that ended left them, or
/// another copy of this data folder is as far as this one, and may have counted them: those that open stay.
fn put_bodies(store: &Sqlite, to: &Place, heads: &Heads, bytes: &[u8], prev: Sha) -> Result<Sha, StoreError> {
    let name = bodies_name(heads.number, &heads.sha);
    if to.create(&name, bytes)? {
        return Ok(Sha::of(bytes));
    }
    let there = match reader::bodies(to, heads, Some(prev)) {
        Ok(there) => there,
        Err(Unread::Place(error)) => return Err(error),
        Err(Unread::Fault(_)) => {
            to.put(&name, bytes)?;
            return Ok(Sha::of(bytes));
        }
    };
    match reader::open(heads, &there, &store.vault.contents()?) {
        Ok(_) => Ok(there.sha),
        Err(_) => Err(other_history(to, heads.number)),
    }
}

/// Whether the last segment that was shipped lies there. A disk may be another one than a moment ago, and one that was
/// taken out leaves an empty folder behind.
fn is_last(to: &Place, before: Option<Shipped>) -> Result<bool, StoreError> {
    Ok(match before {
        _ if reader::about(to)?.is_none() => false,
        Some(known) => to.read(&heads_name(known.segment))?.is_some_and(|bytes| Sha::of(&bytes) == known.heads),
        None => true,
    })
}

/// Takes over a segment that is in the backup although the store does not know of it: the server ended between the
/// two, or the disk was away. Of files it says what was so then; what lies there now is what counts.
fn adopt(store: &Sqlite, to: &Place, before: Option<Shipped>, number: u64) -> Result<bool, StoreError> {
    let (heads_before, bodies_before) = before.map_or((Sha::ZERO, Sha::ZERO), |before| (before.heads, before.bodies));
    let heads = reader::heads(to, number, Some(heads_before)).map_err(|unread| unread.into_error(to))?;
    let bodies = reader::bodies(to, &heads, Some(bodies_before)).map_err(|unread| unread.into_error(to))?;
    for head in heads.envelopes() {
        let own = store.read_now::<_, StoreError>(|db| {
            let mut query = db.prepare_cached("SELECT 1 FROM envelope WHERE g = ?1 AND sha = ?2")?;
            Ok(query.exists(params![head.g as i64, head.sha.0.as_slice()])?)
        })?;
        if !own {
            return Err(other_history(to, number));
        }
    }
    let vault = store.vault.contents()?;
    let mut outdated = Vec::new();
    for line in &heads.lines {
        let (sha, holds) = match line {
            Line::Head(_) => continue,
            Line::File(FileLine { file, .. }) => {
                (file, matches!(survey::opens(to, file, &vault)?, survey::Copy::Whole))
            }
            Line::Gone(GoneLine { gone }) => (gone, to.get(&file_name(gone))?.is_none()),
        };
        if !holds {
            outdated.push(*sha);
        }
    }
    let shipped = Shipped { segment: number, through: heads.through, heads: heads.sha, bodies: bodies.sha };
    store.write_blocking::<_, StoreError, _>(0, move |writing| note(writing, &shipped, &heads.lines, &outdated))?;
    Ok(true)
}

/// Notes what is now in the backup, and moves each log's safe position to where everything before it, files too, is.
/// `outdated`: files of which the lines say what is so no more.
fn note(writing: &mut Writing<'_>, shipped: &Shipped, lines: &[Line], outdated: &[Sha]) -> Result<(), StoreError> {
    let tx = writing.tx;
    record_segment(tx, shipped)?;
    for line in lines {
        match line {
            Line::Head(_) => {}
            Line::File(FileLine { file, .. }) if !outdated.contains(file) => {
                let sha = file.0.as_slice();
                tx.prepare_cached("UPDATE blob SET shipped = 1 WHERE sha = ?1")?.execute([sha])?;
                tx.prepare_cached("DELETE FROM blob_owed WHERE sha = ?1")?.execute([sha])?;
            }
            Line::File(FileLine { file: sha, .. }) | Line::Gone(GoneLine { gone: sha }) => {
                // What was erased and may still lie there is to be taken away, anything else to be shipped.
                let (sha, lies) = (sha.0.as_slice(), outdated.contains(sha));
                tx.prepare_cached("UPDATE blob SET shipped = (?2 AND flag IS 'erased') WHERE sha = ?1")?
                    .execute(params![sha, lies])?;
                tx.prepare_cached(&owing("r.sha = ?1"))?.execute([sha])?;
            }
        }
    }
    advance_safe(tx, shipped.through)
}

/// Notes that a segment is in the backup.
pub(crate) fn record_segment(tx: &Connection, shipped: &Shipped) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT INTO segment (segment, through, heads, bodies) VALUES (?1, ?2, ?3, ?4)")?.execute(
        params![
            shipped.segment as i64,
            shipped.through as i64,
            shipped.heads.0.as_slice(),
            shipped.bodies.0.as_slice()
        ],
    )?;
    Ok(())
}

/// Moves each log's safe position to where everything before it, files too, is in the backup, which holds the envelopes
/// up to `through`. Looks at what becomes safe, and not at all that waits: a backup that catches up keeps no phone waiting.
pub(crate) fn advance_safe(tx: &Connection, through: u64) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE writer SET safe = max(safe, coalesce(
           (SELECT e.seq - 1 FROM envelope e
             WHERE e.dev = writer.dev AND e.seq > writer.safe AND e.seq <= whole.seq AND e.g > ?1
             ORDER BY e.seq LIMIT 1), whole.seq))
         FROM (SELECT w.dev, coalesce((SELECT min(o.seq) - 1 FROM blob_owed o WHERE o.dev = w.dev), w.acked) AS seq
           FROM writer w WHERE w.safe < w.acked) AS whole
         WHERE whole.dev = writer.dev",
    )?
    .execute([through as i64])?;
    Ok(())
}

/// Seals a file and puts it into the backup. `false` if it went bad on the disk here: then its phone, which keeps it until
/// it is safe, is asked for it again, and nothing else waits for it. Where its owner's key is destroyed it is sealed with the
/// company's: it was not erased.
fn copy(store: &Sqlite, to: &Place, sha: &Sha) -> Result<bool, StoreError> {
    let Some(bytes) = store.blobs.sound(sha)? else {
        tracing::error!(%sha, "a file went bad on the disk: it is set aside, and asked for again");
        store.blobs.set_aside(sha)?;
        let sha = *sha;
        store.write_blocking::<_, StoreError, _>(0, move |writing| uploads::spoiled(writing, &sha))?;
        return Ok(false);
    };
    let owner = store.read_now(|db| collect::file_owner(db, sha))?;
    let (owner, key) = match store.vault.data_key(owner)? {
        Some(key) => (owner, Some(key)),
        None => (Uuid::nil(), store.vault.data_key(Uuid::nil())?),
    };
    let key = key.ok_or_else(|| StoreError::Damaged(format!("文件 {sha} 的密钥已销毁")))?;
    to.put(&file_name(sha), &seal::file(&key, owner, sha, &bytes)?)?;
    Ok(true)
}

/// A body's line. One that is erased stands without it. Where its owner's key is destroyed and nobody was erased, it is
/// sealed with the company's: what is called safe can be read.
fn sealed(store: &Sqlite, row: &collect::Envelope) -> Result<BodyLine, StoreError> {
    let (g, mut owner) = (row.head.g, row.owner);
    let Some(body) = &row.body else { return Ok(BodyLine { g, owner, sealed: None }) };
    let mut key = store.vault.data_key(owner)?;
    if key.is_none() && !store.read_now(|db| erasure::is_owner(db, owner))? {
        owner = Uuid::nil();
        key = store.vault.data_key(owner)?;
    }
    let sealed = key.map(|key| seal::body(&key, &row.head.sha, body)).transpose()?;
    Ok(BodyLine { g, owner, sealed })
}

fn other_history(to: &Place, segment: u64) -> StoreError {
    StoreError::Backup(format!(
        "{} 的第 {segment} 段属于另一段历史：此备份已由另一台服务器续写，或不是本数据目录的备份",
        to.name()
    ))
}

fn unwritable(error: serde_json::Error) -> StoreError {
    StoreError::Damaged(error.to_string())
}
