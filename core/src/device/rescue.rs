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
use super::store::{Store, blob_row, damage_row};
use super::trouble::Trouble;
use crate::canon::hash::Sha;
use crate::error::Refusal;
use crate::record::{Certified, DeviceKey, Jws, KeyError, LogHead, SignError};
use crate::time::{Millis, Stamp};
use crate::wire::rescue::{Frame, RescueHead, Sealer};

/// What went into a rescue file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RescueView {
    /// Operations.
    pub ops: u64,
    /// Operations that this phone can no longer read; they are not in it.
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

/// Operations that follow on one another, and what they follow on.
struct Run {
    base: u64,
    base_sha: Sha,
    rows: Vec<OutboxRow>,
}

impl Run {
    /// Position and hash of its end.
    fn end(&self) -> (u64, Sha) {
        self.rows.last().map_or((self.base, self.base_sha), |row| (row.seq, row.sha))
    }
}

/// Writes everything this phone still holds into a new file at `path`: all operations that are not pruned and can still be
/// read, but for those that are safe where one before them can't be, and the files of those that are not safe. Only the
/// supplier can open it. A file that is there already gives way to one that lacks nothing and is signed, or no more than
/// itself, where what it lacks is known from `before`; to any other only its name, and stays beside it.
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
    let enrolment = store.read(enrolment::get)?;
    let places = store.read(|connection| outbox_row::places(connection, enrolment.device, enrolment.floor))?;
    let mut base = (enrolment.floor, enrolment.floor_sha);
    let mut rows = legible(store, &enrolment, &places);
    let (mut earlier, mut whole_from) = (Vec::new(), base.0);
    // What can't be read of what the server has keeps nothing in that it has not.
    if !follows_up_to(&rows, base.0, enrolment.acked) {
        let known = |connection: &Connection| enrolment::sha_of(connection, &enrolment, enrolment.acked);
        if let Ok(Some(sha)) = store.read(known) {
            base = (enrolment.acked, sha);
            // Nor does what is on the server's disk alone stay out: that may be lost with it.
            whole_from = enrolment.safe.max(enrolment.floor).min(base.0);
            rows.retain(|row| row.seq > whole_from);
            earlier = rows;
            rows = earlier.split_off(earlier.partition_point(|row| row.seq <= base.0));
        }
    }
    let last = places.last().copied().unwrap_or(base.0);
    // Those that were lost with a damaged database have no place any more once others have moved up.
    let gone = store.read(damage_row::ever_lost)?;
    let read = rows.len() as u64 + earlier.len() as u64;
    let ops_lost = last.max(base.0).saturating_sub(whole_from).saturating_sub(read).max(gone);
    let mut runs = runs(base, rows);
    runs.extend(runs_of(earlier));
    let certified = certified(&enrolment.certificate)?;
    let part = path.with_extension("part");
    let written = write(store, key, app, &enrolment, &runs, now, &certified, &part);
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

/// The rows at `places` that can still be read.
fn legible(store: &Store, enrolment: &Enrolment, places: &[u64]) -> Vec<OutboxRow> {
    let (mut rows, mut next) = (Vec::<OutboxRow>::new(), 0);
    while let Some(place) = places.get(next) {
        // Told to the store, which then reads what follows over another connection.
        let _ = store.read::<(), Trouble>(|connection| {
            let (found, cut) = outbox_row::readable(connection, enrolment.device, place - 1, |_| true)?;
            rows.extend(found);
            cut.map_or(Ok(()), Err)
        });
        let read = rows.last().map_or(0, |row| row.seq).max(*place);
        next = places.partition_point(|place| *place <= read);
    }
    // For one that is not what it was the company would take all of them for forged.
    rows.retain(OutboxRow::is_as_logged);
    rows
}

/// Whether `rows` lack none from after `base` up to `seq`.
fn follows_up_to(rows: &[OutboxRow], base: u64, seq: u64) -> bool {
    rows.iter().zip(base + 1..=seq).filter(|(row, place)| row.seq == *place).count() as u64 == seq.saturating_sub(base)
}

/// The rows as they follow on one another: first what follows on `base`, though it be nothing; then what lies behind each that
/// is missing.
fn runs(base: (u64, Sha), rows: Vec<OutboxRow>) -> Vec<Run> {
    let mut runs = vec![Run { base: base.0, base_sha: base.1, rows: Vec::new() }];
    for row in rows {
        match runs.last_mut() {
            Some(run) if run.end() == (row.seq - 1, row.prev) => run.rows.push(row),
            _ => runs.push(Run { base: row.seq - 1, base_sha: row.prev, rows: vec![row] }),
        }
    }
    runs
}

/// The same of rows that need not follow on anything.
fn runs_of(rows: Vec<OutboxRow>) -> Vec<Run> {
    let Some(base) = rows.first().map(|row| (row.seq - 1, row.prev)) else { return Vec::new() };
    runs(base, rows)
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
    key: &dyn DeviceKey,
    app: &str,
    enrolment: &Enrolment,
    runs: &[Run],
    now: Stamp,
    certified: &Certified,
    part: &Path,
) -> Result<RescueView, Trouble> {
    let supplier = certified.certificate.issuer.key().map_err(Trouble::damaged)?;
    let heads =
        runs.iter().map(|run| sign(key, enrolment, run.end(), now, certified)).collect::<Result<Vec<_>, _>>()?;
    let signed = heads.iter().all(Option::is_some);
    let mut view = RescueView { ops: 0, ops_lost: 0, files: 0, files_lost: 0, bytes: 0, signed };
    let file = BufWriter::new(File::create(part)?);
    let mut sealer = Sealer::begin(&supplier.to_sec1(), &supplier.thumbprint(), file)?;
    let mut seen = BTreeSet::new();
    for (run, head) in runs.iter().zip(heads) {
        let files = wanted(enrolment, &run.rows, &mut seen);
        view.ops += run.rows.len() as u64;
        sealer.add(&Frame::Head(Box::new(RescueHead {
            schema: 1,
            device: enrolment.device,
            worker: enrolment.worker,
            app: app.to_owned(),
            base: run.base,
            base_sha: run.base_sha,
            ops: run.rows.len() as u64,
            files: files.len() as u64,
            certificate: enrolment.certificate.clone(),
            head,
            continues: enrolment.continues.clone(),
            certificates: enrolment.certificates.clone(),
            epoch: (!enrolment.continues.is_empty()).then_some(enrolment.epoch),
        })))?;
        for row in &run.rows {
            sealer.add(&Frame::Op(Box::new(row.to_wire()?)))?;
        }
        for sha in files {
            let row = store.read(|connection| blob_row::find(connection, sha)).ok().flatten();
            match row.map(|row| blob::load(store, &row)) {
                Some(Ok(bytes)) => {
                    view.files += 1;
                    sealer.add(&Frame::File(sha, bytes))?;
                }
                // The records are worth having without it.
                Some(Err(_)) | None => view.files_lost += 1,
            }
        }
    }
    let file = sealer.finish()?.into_inner().map_err(|error| Trouble::Io(error.into_error()))?;
    file.sync_all()?;
    view.bytes = file.metadata()?.len();
    Ok(view)
}

/// The device's word for the hash at a position of its log; none when its key is gone for good, whether or not there is
/// another now: what another key signed the company would have to take for forged.
fn sign(
    key: &dyn DeviceKey,
    enrolment: &Enrolment,
    (seq, head): (u64, Sha),
    now: Stamp,
    certified: &Certified,
) -> Result<Option<String>, Trouble> {
    if key.public_key().is_ok_and(|own| own != certified.key.to_sec1()) {
        return Ok(None);
    }
    let claimed_ms = Millis(now.wall_ms);
    let statement = LogHead { schema: 1, device: enrolment.device, seq, head, claimed_ms };
    let mut signed = Jws::sign(&statement, key, certified.kid);
    if let Err(SignError::Key(KeyError::Unavailable { .. })) = signed {
        // A keystore that did not answer once may the next moment.
        signed = Jws::sign(&statement, key, certified.kid);
    }
    match signed {
        Ok(jws) => Ok(Some(serde_json::to_string(&jws).map_err(Trouble::damaged)?)),
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

/// The files of operations that are not safe, in the order they were logged, each once.
fn wanted(enrolment: &Enrolment, rows: &[OutboxRow], seen: &mut BTreeSet<Sha>) -> Vec<Sha> {
    let unsafe_rows = rows.iter().filter(|row| row.seq > enrolment.safe);
    unsafe_rows.flat_map(|row| &row.blobs).map(|blob| blob.sha).filter(|sha| seen.insert(*sha)).collect()
}
