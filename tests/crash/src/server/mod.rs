//! The server's workload: phones that exchange at the same time, an office that plans, files that come in pieces, a
//! backup, and restarts. Everything on one recorded disk, from the first start on.

pub(crate) mod copy;
mod judge;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::{DeviceId, OpId, VisitId, WorkerId};
use nuanfang_server::clock::HandClock;
use nuanfang_server::store::ship::{self, place::Place};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rusqlite::Connection;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::disk::{Disk, Record};
use crate::house::{House, MORNING, runtime};
use crate::sender::Sender;
use crate::sweep::Fallible;

pub use judge::ServerJudge;

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Phones.
    pub phones: usize,
    /// Rounds of exchanges; in each, every phone exchanges once.
    pub rounds: usize,
    /// Operations a phone brings to each.
    pub ops: usize,
}

/// What the server promised, and to whom.
#[derive(Debug, Clone, Copy)]
pub enum Promise {
    /// It is open: the supplier's keys exist.
    Open,
    /// A phone is enrolled.
    Enrolled(usize),
    /// An act of the office is in the log at this position.
    Planned(u64),
    /// A phone's log is on disk up to here.
    Acked {
        /// Which phone.
        phone: usize,
        /// Up to where.
        seq: usize,
    },
    /// A phone's log survives the loss of the server up to here.
    Safe {
        /// Which phone.
        phone: usize,
        /// Up to where.
        seq: u64,
    },
    /// A file is here, whole.
    Whole(Sha),
}

/// An envelope as the log has it in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Whose log.
    pub device: DeviceId,
    /// Where in it.
    pub seq: u64,
    /// The operation.
    pub op: OpId,
    /// The envelope's hash.
    pub sha: Sha,
    /// The body.
    pub body: String,
}

/// What is known of a whole run.
pub struct Truth {
    /// The log in the end, in the order of receipt.
    pub log: Vec<Kept>,
    /// The phones.
    pub phones: Vec<Sender>,
    /// The promises, in the order of the record.
    pub promises: Vec<Promise>,
    /// All files, with their bytes.
    pub files: HashMap<Sha, Vec<u8>>,
    /// The vault's named secrets in the end.
    pub secrets: Vec<(String, Vec<u8>)>,
}

#[derive(Clone)]
struct Notary {
    disk: Arc<Disk>,
    promises: Arc<Mutex<Vec<Promise>>>,
}

impl Notary {
    fn promised(&self, promise: Promise) {
        let mut promises = self.promises.lock().unwrap_or_else(PoisonError::into_inner);
        self.disk.promised(promises.len());
        promises.push(promise);
    }
}

/// Reads the log of a data folder, in the order of receipt.
pub(crate) fn read_log(db: &Connection) -> Fallible<Vec<Kept>> {
    let mut query = db.prepare_cached(
        "SELECT e.g, w.device, e.seq, e.op, e.sha, b.body FROM envelope e JOIN writer w ON w.dev = e.dev
         LEFT JOIN body b ON b.g = e.g ORDER BY e.g",
    )?;
    let mut rows = query.query([])?;
    let mut log = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(0)? != log.len() as i64 + 1 {
            return Err(format!("the log has a hole at {}", log.len() + 1).into());
        }
        log.push(Kept {
            device: DeviceId(Uuid::from_bytes(row.get(1)?)),
            seq: row.get::<_, i64>(2)?.unsigned_abs(),
            op: OpId(Uuid::from_bytes(row.get(3)?)),
            sha: Sha(row.get(4)?),
            body: row.get::<_, Option<String>>(5)?.ok_or("an envelope without its body")?,
        });
    }
    Ok(log)
}

/// Plays the workload in `dir`, which holds nothing yet.
///
/// # Errors
/// If the server refuses anything: nothing fails here but by a fault of its own.
pub fn play(dir: &Path, size: Size, seed: u64) -> Fallible<(Record, Truth)> {
    let disk = Arc::new(Disk::record(dir)?);
    let notary = Notary { disk: Arc::clone(&disk), promises: Arc::default() };
    let data = disk.root().join("data");
    let (runtime, watch, mut dice) = (runtime()?, Arc::new(HandClock::at(MORNING)), StdRng::seed_from_u64(seed));
    let mut house = House::open(runtime.handle(), &data, watch.clone())?;
    notary.promised(Promise::Open);
    let backup = Place::make(&disk.root().join("backup"))?;
    ship::prepare(&house.state.store, &backup)?;
    let mut phones = enrol(&runtime, &house, &notary, size.phones)?;
    for round in 0..size.rounds {
        for (number, phone) in phones.iter_mut().enumerate() {
            if round % 8 == 0 {
                notary.promised(Promise::Planned(house.schedule(visit(number, round), phone.worker)?));
            }
            (0..size.ops).for_each(|_| phone.act(visit(number, round - round % 8), &mut dice));
        }
        phones = exchange(&runtime, &house, &notary, phones)?;
        watch.advance(60_000);
        ship::ship(&house.state.store, &backup)?;
        if round % 6 == 5 {
            house.close();
            house = House::open(runtime.handle(), &data, watch.clone())?;
            for phone in &mut phones {
                runtime.block_on(phone.log_in(&house))?;
            }
        }
    }
    // Once more without anything new, so that the last receipts say what is safe.
    phones = exchange(&runtime, &house, &notary, phones)?;
    house.close();
    drop(runtime);
    let truth = truth(&data, phones, &notary)?;
    drop(notary);
    let disk = Arc::into_inner(disk).ok_or("somebody still holds the disk")?;
    Ok((disk.finish(), truth))
}

fn visit(phone: usize, round: usize) -> VisitId {
    VisitId(Uuid::from_u128(0xa11_0000 + (phone as u128) * 0x1000 + round as u128))
}

fn enrol(runtime: &Runtime, house: &House, notary: &Notary, count: usize) -> Fallible<Vec<Sender>> {
    (0..count)
        .map(|number| {
            let worker = WorkerId(Uuid::from_u128(1 + number as u128));
            let code = house.code(worker)?;
            let mut phone = runtime.block_on(Sender::enrol(house, worker, code))?;
            notary.promised(Promise::Enrolled(number));
            runtime.block_on(phone.log_in(house))?;
            Ok(phone)
        })
        .collect()
}

/// All phones at once: their writes share commits.
fn exchange(runtime: &Runtime, house: &House, notary: &Notary, phones: Vec<Sender>) -> Fallible<Vec<Sender>> {
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for (number, mut phone) in phones.into_iter().enumerate() {
            let (house, notary) = (house.clone(), notary.clone());
            tasks.spawn(async move {
                let reply = phone.exchange(&house, phone.acked, phone.log.len()).await?;
                notary.promised(Promise::Acked { phone: number, seq: phone.acked });
                notary.promised(Promise::Safe { phone: number, seq: phone.safe });
                for need in reply.need {
                    if phone.send_file(&house, need.sha, need.off, 16 * 1024).await? {
                        notary.promised(Promise::Whole(need.sha));
                    }
                }
                Fallible::Ok((number, phone))
            });
        }
        let mut back = Vec::new();
        while let Some(done) = tasks.join_next().await {
            back.push(done??);
        }
        back.sort_by_key(|(number, _)| *number);
        Ok(back.into_iter().map(|(_, phone)| phone).collect())
    })
}

fn truth(data: &Path, phones: Vec<Sender>, notary: &Notary) -> Fallible<Truth> {
    let db = Connection::open(data.join("nuanfang.db"))?;
    let log = read_log(&db)?;
    let sent: usize = phones.iter().map(|phone| phone.log.len()).sum();
    let devices: Vec<DeviceId> = phones.iter().map(|phone| phone.device).collect();
    let theirs = log.iter().filter(|kept| devices.contains(&kept.device)).count();
    if theirs != sent {
        return Err(format!("{sent} operations were sent, {theirs} are there").into());
    }
    for kept in &log {
        let Some(phone) = phones.iter().find(|phone| phone.device == kept.device) else { continue };
        let (op, sha) = &phone.log[usize::try_from(kept.seq)? - 1];
        if (op.op, sha, op.body.get()) != (kept.op, &kept.sha, &*kept.body) {
            return Err(format!("operation {} is not as it was sent", kept.op).into());
        }
    }
    let vault = Connection::open(data.join("vault.db"))?;
    let mut query = vault.prepare("SELECT name, value FROM secret ORDER BY name")?;
    let secrets = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(Truth {
        log,
        files: phones.iter().flat_map(|phone| phone.files.iter().cloned()).collect(),
        phones,
        promises: notary.promises.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        secrets,
    })
}
