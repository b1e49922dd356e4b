//! The phone's records out of a phone that can't send them: one sealed file for the company. What is in it goes through
//! the same door as an exchange, so that handing it in twice, or after all, changes nothing.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

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
    let (enrolment, rows, ops_lost) = store.read::<_, Trouble>(|connection| {
        let enrolment = enrolment::get(connection)?;
        let (mut rows, _) = outbox_row::readable(connection, enrolment.device, enrolment.floor, |_| true)?;
        rows.truncate(rows.iter().take_while(|row| row.to_wire().is_ok()).count());
        let told = rows.last().map_or(enrolment.floor, |row| row.seq);
        let last = outbox_row::last(connection, enrolment.device)?.map_or(told, |(seq, _)| seq);
        Ok((enrolment, rows, last.saturating_sub(told)))
    })?;
    let certified = certified(&enrolment.certificate)?;
    let supplier = certified.certificate.issuer.key().map_err(damaged)?;
    let head = sign(key, &enrolment, &rows, now, &certified)?;
    let files = wanted(&enrolment, &rows);
    let part = path.with_extension("part");
    let written = write(store, app, &enrolment, &rows, &files, head, &supplier, &part);
    let view = match written {
        Ok(view) => RescueView { ops_lost, ..view },
        Err(trouble) => {
            // What was wrong is worth more than what the disk says now.
            let _ = fs::remove_file(&part);
            return Err(trouble);
        }
    };
    if !view.is_as_whole_as(before) && path.exists() {
        // It may hold what this phone could still read then, or the word of a key that is gone.
        fs::rename(path, free_name(path))?;
    }
    fs::rename(&part, path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        blob::sync_dir(folder)?;
    }
    Ok(view)
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
        base: enrolment.floor,
        base_sha: enrolment.floor_sha,
        ops: rows.len() as u64,
        files: files.len() as u64,
        certificate: enrolment.certificate.clone(),
        head,
        continues: enrolment.continues.clone(),
        epoch: (!enrolment.continues.is_empty()).then_some(enrolment.epoch),
    })))?;
    for row in rows {
        sealer.add(&Frame::Op(Box::new(row.to_wire()?)))?;
    }
    for sha in files {
        let row = store.read(|connection| blob_row::find(connection, *sha))?;
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
    rows: &[OutboxRow],
    now: Stamp,
    certified: &Certified,
) -> Result<Option<String>, Trouble> {
    if key.public_key().is_ok_and(|own| own != certified.key.to_sec1()) {
        return Ok(None);
    }
    let (seq, head) = rows.last().map_or((enrolment.floor, enrolment.floor_sha), |row| (row.seq, row.sha));
    let claimed_ms = Millis(now.wall_ms);
    let statement = LogHead { schema: 1, device: enrolment.device, seq, head, claimed_ms };
    match Jws::sign(&statement, key, certified.kid) {
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
    Trouble::Damaged(error.to_string())
}
