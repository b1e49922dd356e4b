//! Real phones and the real server over TCP, with a network between them that cuts, repeats, delays and lies, is
//! parted for a while or in one direction, while the server is killed and apps end in the middle of exchanges (the faults of
//! the PowerSync report). Afterwards every phone must have nothing left to send, and the server must have
//! everything once.

mod http;
mod lie;
mod mortal;
mod patience;
mod proxy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use image::{ImageBuffer, ImageFormat, Rgb, RgbImage};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::app::{Config, Connect, FieldApp};
use nuanfang_core::device::clock::SoftwareClock;
use nuanfang_core::device::status::SyncState;
use nuanfang_core::domain::{Command, role};
use nuanfang_core::id::{DeviceId, VisitId, WorkerId};
use nuanfang_core::record::SoftwareKey;
use nuanfang_server::enrolment;
use nuanfang_server::office::log;
use nuanfang_server::store::StoreError;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use rusqlite::Connection;
use serde::Serialize;
use uuid::Uuid;

use crate::house::MORNING;
use crate::phone::{emergency, notify, photograph, read_log, refused};
use crate::scratch::Scratch;
use crate::sweep::Fallible;

pub use lie::Lie;

use mortal::Mortal;
use patience::{GivenUp, Impatient};
use proxy::Proxy;

/// How much happens in one run.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Phones.
    pub phones: usize,
    /// How often each phone acts and tries to send.
    pub turns: usize,
    /// How many of its acts are photos.
    pub photos: usize,
    /// Pixels of a photo's longer side; they are noise and do not shrink.
    pub side: u32,
}

/// What came of some runs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Outcome {
    /// Runs, by their seeds: from this one on.
    pub first_seed: u64,
    /// So many.
    pub runs: usize,
    /// Operations saved on phones.
    pub operations: usize,
    /// Files among them.
    pub files: usize,
    /// Requests that passed a proxy.
    pub requests: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Phones that had something left after the network was well again.
    pub wedged: usize,
    /// Times a phone took for acknowledged what the server did not have.
    pub false_receipts: usize,
    /// Operations lost, doubled or changed.
    pub wrong_operations: usize,
    /// Files not whole on the server.
    pub wrong_files: usize,
    /// Bytes of files sent again after a request was cut, one figure a cut.
    #[serde(skip)]
    pub again_after_cut: Vec<u64>,
    /// Bytes of files sent again after only the reply was cut.
    #[serde(skip)]
    pub again_after_lost_reply: Vec<u64>,
    /// Seeds of runs in which something was wrong, with what.
    pub failures: Vec<String>,
}

impl Outcome {
    /// Adds another run's.
    pub fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.operations += other.operations;
        self.files += other.files;
        self.requests += other.requests;
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        self.wedged += other.wedged;
        self.false_receipts += other.false_receipts;
        self.wrong_operations += other.wrong_operations;
        self.wrong_files += other.wrong_files;
        self.again_after_cut.extend(other.again_after_cut);
        self.again_after_lost_reply.extend(other.again_after_lost_reply);
        self.failures.extend(other.failures);
    }

    /// Median and largest of the bytes sent again after a cut.
    pub fn again(&self) -> (u64, u64) {
        let mut sorted = self.again_after_cut.clone();
        sorted.sort_unstable();
        (sorted.get(sorted.len() / 2).copied().unwrap_or(0), sorted.last().copied().unwrap_or(0))
    }
}

/// A picture that does not shrink.
fn noise(dice: &mut StdRng, side: u32) -> Fallible<Vec<u8>> {
    let mut pixels = vec![0; (side * (side * 3 / 4)) as usize * 3];
    dice.fill_bytes(&mut pixels);
    let image: RgbImage = ImageBuffer::<Rgb<u8>, _>::from_raw(side, side * 3 / 4, pixels).ok_or("a picture")?;
    let mut out = Vec::new();
    image.write_to(&mut std::io::Cursor::new(&mut out), ImageFormat::Jpeg)?;
    Ok(out)
}

struct Handset {
    /// None between its end and its next start.
    app: Option<FieldApp>,
    device: DeviceId,
    proxy: Proxy,
    dice: StdRng,
    dir: PathBuf,
    key: Arc<SoftwareKey>,
    clock: Arc<SoftwareClock>,
    /// Operations that it called saved, and files among them.
    saved: (usize, usize),
}

impl Handset {
    fn app(&self) -> Fallible<&FieldApp> {
        Ok(self.app.as_ref().ok_or("the app is not open")?)
    }

    /// Saves an operation.
    fn act(&mut self, visit: VisitId, command: &Command, files: &[Sha]) -> Fallible<()> {
        self.app()?.act(visit, command, files).map_err(refused)?;
        self.saved.0 += 1;
        self.saved.1 += files.len();
        Ok(())
    }

    /// Tries to send; where the app ended meanwhile, it is opened again.
    fn send(&mut self) -> Fallible<()> {
        // What stops it is the network's doing; that it is told in words, the phone's own tests show.
        let _ = self.app()?.sync_once();
        let given_up = self.proxy.given_up();
        if given_up.take_ended() {
            self.app = None;
            self.app = Some(open(&self.dir, &self.key, &self.clock, given_up)?);
        }
        Ok(())
    }
}

/// One run.
///
/// # Errors
/// If it can't be set up; what goes wrong in it is in the outcome.
pub fn run(size: Size, seed: u64) -> Fallible<Outcome> {
    let scratch = Scratch::new()?;
    let server = Arc::new(Mortal::start(&scratch.place("data"))?);
    let mut handsets = (0..size.phones)
        .map(|number| handset(&server, &scratch.place(&format!("phone{number}")), number, seed))
        .collect::<Fallible<Vec<_>>>()?;
    let outcome = Mutex::new(Outcome { first_seed: seed, runs: 1, ..Outcome::default() });
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            handsets.iter_mut().map(|handset| scope.spawn(|| day(handset, &server, size, &outcome))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a phone panicked")?)
    })?;
    let mut outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    for handset in &handsets {
        handset.proxy.calm();
    }
    for (number, handset) in handsets.iter().enumerate() {
        settle(handset, &server, &mut outcome, &format!("seed {seed}, phone {number}"))?;
    }
    drop(handsets);
    server.stop();
    Ok(outcome)
}

fn open(dir: &Path, key: &Arc<SoftwareKey>, clock: &Arc<SoftwareClock>, given_up: GivenUp) -> Fallible<FieldApp> {
    let connect: Connect = Arc::new(move |url, trust| Ok(Arc::new(Impatient::new(url, trust, given_up.clone())?)));
    Ok(FieldApp::open_over(Config::new(dir), key.clone(), clock.clone(), connect).map_err(refused)?)
}

fn handset(server: &Arc<Mortal>, dir: &Path, number: usize, seed: u64) -> Fallible<Handset> {
    let dice = StdRng::seed_from_u64(seed ^ ((number as u64 + 1) << 40));
    let proxy = Proxy::start(server, seed ^ ((number as u64 + 1) << 48))?;
    let (key, clock) = (Arc::new(SoftwareKey::generate()), Arc::new(SoftwareClock::at(MORNING)));
    let app = open(dir, &key, &clock, proxy.given_up())?;
    let worker = WorkerId(Uuid::from_u128(1 + number as u128));
    let mut invitation = server.look(|state| Ok(state.invitation(enrolment::issue(&state.vault, worker)?)))?;
    invitation.url = format!("http://{}", proxy.addr());
    let device = app.enrol(&invitation.to_text(), "示例手机").map_err(refused)?.device;
    proxy.rage();
    Ok(Handset { app: Some(app), device, proxy, dice, dir: dir.to_owned(), key, clock, saved: (0, 0) })
}

fn acked_by(server: &Mortal, device: DeviceId) -> Fallible<u64> {
    let head = server.look(|state| Ok(state.store.read_now::<_, StoreError>(|db| log::find_writer(db, device))?))?;
    Ok(head.map_or(0, |head| head.acked))
}

fn day(handset: &mut Handset, server: &Mortal, size: Size, outcome: &Mutex<Outcome>) -> Fallible<()> {
    let visit = VisitId(Uuid::now_v7());
    handset.act(visit, &emergency(visit), &[])?;
    let mut false_receipts = 0;
    for turn in 0..size.turns {
        handset.clock.advance_ms(60_000);
        if turn % (size.turns / size.photos.max(1)).max(1) == 0 {
            let picture = noise(&mut handset.dice, size.side)?;
            let photo = handset.app()?.capture_photo(visit, role::PHOTO_OTHER, &picture).map_err(refused)?;
            handset.act(visit, &photograph(), &[photo.sha])?;
        } else {
            let minutes = handset.dice.gen_range(0..600);
            handset.act(visit, &notify(minutes), &[])?;
        }
        handset.send()?;
        let believed = handset.app()?.status().map_err(refused)?.acked;
        false_receipts += usize::from(believed > acked_by(server, handset.device)?);
    }
    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    outcome.operations += handset.saved.0;
    outcome.files += handset.saved.1;
    outcome.false_receipts += false_receipts;
    if false_receipts > 0 {
        let what = format!("seed {}: {false_receipts} false receipts", outcome.first_seed);
        outcome.failures.push(what);
    }
    Ok(())
}

/// The network is well again: how often a phone may have to try until everything is there.
const TRIES: usize = 3;

fn settle(handset: &Handset, server: &Mortal, outcome: &mut Outcome, who: &str) -> Fallible<()> {
    let (app, mut last) = (handset.app()?, String::new());
    let idle = (0..TRIES).any(|_| match app.sync_once() {
        Ok(status) => {
            last = format!("{:?}, {} operations, {} files", status.state, status.ops_waiting, status.files_waiting);
            status.state == SyncState::Idle && status.ops_waiting == 0 && status.files_waiting == 0
        }
        Err(refusal) => {
            last = refused(refusal);
            false
        }
    });
    if !idle {
        outcome.wedged += 1;
        outcome.failures.push(format!("{who} is stuck: {last}"));
    }
    let tally = handset.proxy.tally();
    outcome.requests += tally.requests;
    for (lie, count) in tally.lies {
        *outcome.faults.entry(lie.name()).or_default() += count;
    }
    outcome.again_after_cut.extend(tally.again_after_cut);
    outcome.again_after_lost_reply.extend(tally.again_after_lost_reply);
    compare(handset, server, outcome, who)
}

/// The phone has logged what it called saved; the server has what it logged, once, as it was logged, and every file of it.
fn compare(handset: &Handset, server: &Mortal, outcome: &mut Outcome, who: &str) -> Fallible<()> {
    let db = Connection::open(handset.dir.join("phone.db"))?;
    let logged = read_log(&db)?;
    let kept = server.look(|state| {
        Ok(state.store.read_now::<_, StoreError>(|db| {
            let mut query = db.prepare(
                "SELECT e.op, e.sha, b.body FROM envelope e JOIN writer w ON w.dev = e.dev JOIN body b ON b.g = e.g
             WHERE w.device = ?1 ORDER BY e.seq",
            )?;
            let rows = query.query_map([handset.device.0.as_bytes()], |row| {
                Ok((row.get::<_, [u8; 16]>(0)?, Sha(row.get(1)?), row.get::<_, String>(2)?))
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })?)
    })?;
    let same = logged.iter().zip(&kept).filter(|(row, kept)| (row.op, row.sha, &row.body) == (kept.0, kept.1, &kept.2));
    let wrong = logged.len().max(kept.len()).max(handset.saved.0) - same.count();
    if wrong > 0 {
        outcome.wrong_operations += wrong;
        outcome.failures.push(format!("{who}: {wrong} of {} operations are wrong", handset.saved.0));
    }
    let mut query = db.prepare("SELECT sha FROM blob WHERE logged = 1")?;
    let files = query.query_map([], |row| Ok(Sha(row.get(0)?)))?.collect::<Result<Vec<_>, _>>()?;
    for sha in &files {
        if server.look(|state| Ok(state.blobs.read(sha)?))?.is_none_or(|bytes| Sha::of(&bytes) != *sha) {
            outcome.wrong_files += 1;
            outcome.failures.push(format!("{who}: file {sha} is not whole"));
        }
    }
    if files.len() < handset.saved.1 {
        outcome.wrong_files += handset.saved.1 - files.len();
        outcome.failures.push(format!("{who}: {} of {} files are left", files.len(), handset.saved.1));
    }
    Ok(())
}
