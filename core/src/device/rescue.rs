//! The phone's records out of a phone that can't send them: one sealed file for the company. What is in it goes through
//! the same door as an exchange, so that handing it in twice, or after all, changes nothing.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::blob;
use super::joining::certified;
use super::store::enrolment::{self, Enrolment};
use super::store::outbox_row::{self, OutboxRow};
use super::store::{Store, blob_row};
use super::trouble::Trouble;
use crate::canon::hash::Sha;
use crate::error::Refusal;
use crate::record::{Certified, DeviceKey, Jws, KeyError, LogHead, PublicKey, SignError};
use crate::time::{Millis, Stamp};
use crate::wire::rescue::{Frame, RescueHead, Sealer};

/// What went into a rescue file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RescueView {
    /// Operations.
    pub ops: u64,
    /// Operations from the first on that this phone can no longer read; they are not in it.
    pub ops_lost: u64,
    /// Files.
    pub files: u64,
    /// Files that this phone can no longer read; they are not in it.
    pub files_lost: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// The device's key signed for it; otherwise the company keeps it apart for a person to look at.
    pub signed: bool,
}

impl RescueView {
    /// Whether it lacks nothing that one from `before` has; nothing at all, where that is not known.
    fn is_as_whole_as(&self, before: Option<&Self>) -> bool {
        let (signed, ops_lost, files_lost) =
            before.map_or((true, 0, 0), |before| (before.signed, before.ops_lost, before.files_lost));
        self.signed >= signed && self.ops_lost <= ops_lost && self.files_lost <= files_lost
    }
}

/// Writes everything this phone still holds into a new file at `path`: all operations that are not pruned, up to the first
/// that can't be read any more, and the files of those that are not safe. Only the supplier can open it. A file that is there
/// already gives way to one that lacks nothing and is signed, or no more than itself, where what it lacks is known from
/// `before`; to any other only its name, and stays beside it.
///
/// # Errors
/// `device.not_enrolled`, `rescue.key_locked` while the key wants the phone unlocked, what the disk says. There is no
/// file then, or the one that was there before.
pub fn export(
    store: &Store,
    key: &dyn DeviceKey,
    app: &str,
    now: Stamp,
    path: &Path,
    before: Option<&RescueView>,
) -> Result<RescueView, Trouble> {
    let (enrolment, last) = store.read::<_, Trouble>(|connection| {
        let enrolment = enrolment::get(connection)?;
        let last = enrolment::head(connection, &enrolment)?.0;
        Ok((enrolment, last))
    })?;
    let mut base = (enrolment.floor, enrolment.floor_sha);
    let mut rows = whole(store, &enrolment, base.0);
    // What can't be read of what the server has keeps nothing in that it has not.
    if rows.last().map_or(base.0, |row| row.seq) < enrolment.acked {
        let known = |connection: &Connection| outbox_row::sha(connection, enrolment.device, enrolment.acked);
        if let Ok(Some(sha)) = store.read(known) {
            base = (enrolment.acked, sha);
            rows = whole(store, &enrolment, base.0);
        }
    }
    let ops_lost = last.saturating_sub(rows.last().map_or(base.0, |row| row.seq));
    let certified = certified(&enrolment.certificate)?;
    let supplier = certified.certificate.issuer.key().map_err(damaged)?;
    let head = sign(key, &enrolment, base, &rows, now, &certified)?;
    let files = wanted(&enrolment, &rows);
    let part = path.with_extension("part");
    let written = write(store, app, &enrolment, base, &rows, &files, head, &supplier, &part);
    let view = match written {
        Ok(view) => RescueView { ops_lost, ..view },
        Err(trouble) => {
            // What was wrong is worth more than what the disk says now.
            let _ = fs::remove_file(&part);
            return Err(trouble);
        }
    };
    if !view.is_as_whole_as(before) && path.try_exists()? {
        // It may hold what this phone could still read then, or the word of a key that is gone.
        fs::rename(path, free_name(path))?;
    }
    fs::rename(&part, path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        blob::sync_dir(folder)?;
    }
    Ok(view)
}

/// The rows after `seq`, up to the first that can't be read any more.
fn whole(store: &Store, enrolment: &Enrolment, seq: u64) -> Vec<OutboxRow> {
    let mut rows = Vec::new();
    // Told to the store, which then reads what follows over another connection.
    let _ = store.read::<(), Trouble>(|connection| {
        let (found, cut) = outbox_row::readable(connection, enrolment.device, seq, |_| true)?;
        rows = found;
        cut.map_or(Ok(()), Err)
    });
    rows.truncate(rows.iter().take_while(|row| row.to_wire().is_ok()).count());
    rows
}

/// The first name beside `path`, counted on from its own, that nothing bears.
fn free_name(path: &Path) -> PathBuf {
    let named = |count: u32| {
        let mut name = path.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{count}"));
        if let Some(extension) = path.extension() {
            name.push(".");
            name.push(extension);
        }
        path.with_file_name(name)
    };
    let mut count = 1;
    while named(count).exists() {
        count += 1;
    }
    named(count)
}

#[expect(clippy::too_many_arguments, reason = "the parts of one file, each read elsewhere")]
fn write(
    store: &Store,
    app: &str,
    enrolment: &Enrolment,
    (base, base_sha): (u64, Sha),
    rows: &[OutboxRow],
    files: &[Sha],
    head: Option<String>,
    supplier: &PublicKey,
    part: &Path,
) -> Result<RescueView, Trouble> {
    let mut view =
        RescueView { ops: rows.len() as u64, ops_lost: 0, files: 0, files_lost: 0, bytes: 0, signed: head.is_some() };
    let file = BufWriter::new(File::create(part)?);
    let mut sealer = Sealer::begin(&supplier.to_sec1(), &supplier.thumbprint(), file)?;
    sealer.add(&Frame::Head(Box::new(RescueHead {
        schema: 1,
        device: enrolment.device,
        worker: enrolment.worker,
        app: app.to_owned(),
        base,
        base_sha,
        ops: rows.len() as u64,
        files: files.len() as u64,
        certificate: enrolment.certificate.clone(),
        head,
        continues: enrolment.continues.clone(),
        certificates: enrolment.certificates.clone(),
        epoch: (!enrolment.continues.is_empty()).then_some(enrolment.epoch),
    })))?;
    for row in rows {
        sealer.add(&Frame::Op(Box::new(row.to_wire()?)))?;
    }
    for sha in files {
        let row = store.read(|connection| blob_row::find(connection, *sha)).ok().flatten();
        match row.map(|row| blob::load(store, &row)) {
            Some(Ok(bytes)) => {
                view.files += 1;
                sealer.add(&Frame::File(*sha, bytes))?;
            }
            // The records are worth having without it.
            Some(Err(_)) | None => view.files_lost += 1,
        }
    }
    let file = sealer.finish()?.into_inner().map_err(|error| Trouble::Io(error.into_error()))?;
    file.sync_all()?;
    view.bytes = file.metadata()?.len();
    Ok(view)
}

/// The device's word for the head of its log; none when its key is gone for good, whether or not there is another now: what
/// another key signed the company would have to take for forged.
fn sign(
    key: &dyn DeviceKey,
    enrolment: &Enrolment,
    base: (u64, Sha),
    rows: &[OutboxRow],
    now: Stamp,
    certified: &Certified,
) -> Result<Option<String>, Trouble> {
    if key.public_key().is_ok_and(|own| own != certified.key.to_sec1()) {
        return Ok(None);
    }
    let (seq, head) = rows.last().map_or(base, |row| (row.seq, row.sha));
    let claimed_ms = Millis(now.wall_ms);
    let statement = LogHead { schema: 1, device: enrolment.device, seq, head, claimed_ms };
    let mut signed = Jws::sign(&statement, key, certified.kid);
    if let Err(SignError::Key(KeyError::Unavailable { .. })) = signed {
        // A keystore that did not answer once may the next moment.
        signed = Jws::sign(&statement, key, certified.kid);
    }
    match signed {
        Ok(jws) => Ok(Some(serde_json::to_string(&jws).map_err(damaged)?)),
        Err(SignError::Key(KeyError::Locked)) => Err(Refusal::new(
            "rescue.key_locked",
            "",
            "请先解锁手机或应用，再导出资料。",
            "Unlock the phone or the app first, then export.",
        )
        .into()),
        Err(_) => Ok(None),
    }
}

/// The files of operations that are not safe, in the order they were logged.
fn wanted(enrolment: &Enrolment, rows: &[OutboxRow]) -> Vec<Sha> {
    let mut seen = BTreeSet::new();
    let unsafe_rows = rows.iter().filter(|row| row.seq > enrolment.safe);
    unsafe_rows.flat_map(|row| &row.blobs).map(|blob| blob.sha).filter(|sha| seen.insert(*sha)).collect()
}

fn damaged(error: impl std::fmt::Display) -> Trouble {
    Trouble::damaged(error)
}
