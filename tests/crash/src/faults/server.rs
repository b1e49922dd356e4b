//! The server on a failing disk.

use std::sync::Arc;

use nuanfang_core::id::{VisitId, WorkerId};
use nuanfang_server::clock::HandClock;
use nuanfang_server::http::Problem;
use nuanfang_server::store::ship::{self, place::Place, vault_copy};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{Ran, Trial, is_chinese, power_cut};
use crate::disk::{Disk, Fault};
use crate::house::{House, MORNING, runtime};
use crate::replay::Replay;
use crate::scratch::{Scratch, open_whole};
use crate::sender::{Refused, Sender};
use crate::server::copy::Copy;
use crate::server::read_log;
use crate::sweep::Fallible;

/// Two phones and an office at work.
pub struct ServerTrial {
    runtime: Runtime,
    scratch: Scratch,
}

impl ServerTrial {
    /// Without a data folder yet: every run has its own.
    ///
    /// # Errors
    /// If there is no room for it.
    pub fn new() -> Fallible<Self> {
        Ok(Self { runtime: runtime()?, scratch: Scratch::new()? })
    }
}

fn visit(number: u128) -> VisitId {
    VisitId(Uuid::from_u128(0xa11 + number))
}

#[derive(Clone, Copy)]
enum Step {
    Plan(u128),
    Exchange(usize),
    Ship,
}

const STEPS: [Step; 7] =
    [Step::Exchange(0), Step::Plan(2), Step::Exchange(1), Step::Ship, Step::Exchange(0), Step::Exchange(1), Step::Ship];

struct Scene<'a> {
    house: House,
    phones: Vec<Sender>,
    planned: usize,
    backup: Place,
    runtime: &'a Runtime,
}

impl Scene<'_> {
    /// Does a step; what the server refuses it must refuse as a passing trouble of its own, in Chinese.
    fn step(&mut self, step: Step) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
        match step {
            Step::Plan(number) => match self.house.schedule(visit(number), WorkerId(Uuid::from_u128(1))) {
                Ok(_) => self.planned += 1,
                Err(error) => return passing(&Problem::from(error)).map(Some),
            },
            Step::Ship => {
                if let Err(error) = ship::ship(&self.house.state.store, &self.backup) {
                    // Each run has a folder of its own; what was refused is the same.
                    return Ok(Some(format!("backup: {error}").replace(self.backup.name(), "…")));
                }
            }
            Step::Exchange(number) => {
                let (house, phone) = (&self.house, &mut self.phones[number]);
                let done = self.runtime.block_on(async {
                    let reply = phone.exchange(house, phone.acked, phone.log.len()).await?;
                    for need in reply.need {
                        phone.send_file(house, need.sha, need.off, 8 * 1024).await?;
                    }
                    Fallible::Ok(())
                });
                if let Err(error) = done {
                    let refused = error.downcast::<Refused>()?;
                    let problem: serde_json::Value = serde_json::from_slice(&refused.body)?;
                    let (code, title) = (problem["code"].as_str(), problem["title"].as_str());
                    let (code, title) = (code.unwrap_or_default(), title.unwrap_or_default());
                    if refused.status != 503 || !is_chinese(title) {
                        return Err(format!("{} {code} {title}", refused.status).into());
                    }
                    return Ok(Some(code.to_owned()));
                }
            }
        }
        Ok(None)
    }
}

fn passing(problem: &Problem) -> Fallible<String> {
    if problem.status == 503 && is_chinese(&problem.title) {
        Ok(problem.code.to_string())
    } else {
        Err(format!("{} {} {}", problem.status, problem.code, problem.title).into())
    }
}

impl Trial for ServerTrial {
    const NAME: &'static str = "server";

    fn run(&mut self, from: Option<(usize, Fault)>) -> Fallible<Ran> {
        let dir = TempDir::new_in(self.scratch.place(""))?;
        let disk = Disk::record(dir.path())?;
        let data = disk.root().join("data");
        let house = House::open(self.runtime.handle(), &data, Arc::new(HandClock::at(MORNING)))?;
        let mut dice = StdRng::seed_from_u64(7);
        let mut phones = Vec::new();
        for number in 0..2 {
            let worker = WorkerId(Uuid::from_u128(1 + number));
            house.schedule(visit(number), worker)?;
            let code = house.code(worker)?;
            let mut phone = self.runtime.block_on(Sender::enrol(&house, worker, code))?;
            self.runtime.block_on(phone.log_in(&house))?;
            phones.push(phone);
        }
        let backup = Place::make(&disk.root().join("backup"))?;
        ship::prepare(&house.state.store, &backup)?;
        let mut scene = Scene { house, phones, planned: 0, backup, runtime: &self.runtime };
        let before = disk.changes();
        if let Some((change, fault)) = from {
            disk.fail_from(before + change, fault);
        }
        let (mut codes, mut again) = (Vec::new(), Vec::new());
        for step in STEPS {
            if let Step::Exchange(number) = step {
                (0..12).for_each(|_| scene.phones[number].act(visit(number as u128), &mut dice));
            }
            if let Some(code) = scene.step(step)? {
                codes.push(code);
                again.push(step);
            }
        }
        let (changes, syncs) = (disk.changes() - before, disk.syncs_since(before));
        disk.heal();
        for step in again.into_iter().chain([Step::Exchange(0), Step::Exchange(1), Step::Ship]) {
            if let Some(code) = scene.step(step)? {
                return Err(format!("{code}, although the disk works again").into());
            }
        }
        let Scene { house, phones, planned, .. } = scene;
        let recovery = vault_copy::known_key(&house.state.vault)?.ok_or("no recovery key")?;
        house.close();
        if planned != 1 {
            return Err(format!("the visit was planned {planned} times").into());
        }
        let record = disk.finish();
        let place = self.scratch.place("cut");
        let mut replay = Replay::new(&record);
        let image = power_cut(&mut replay);
        image.lay_out(&place, |name| name.contains(".db"))?;
        let db = open_whole(&place.join("data/nuanfang.db"))?;
        let log = read_log(&db)?;
        let mut copy = Copy::default();
        copy.read(&image, &recovery);
        for phone in &phones {
            let mut query = db.prepare_cached("SELECT safe FROM writer WHERE device = ?1")?;
            let safe: i64 = query.query_row([phone.device.0.as_bytes()], |row| row.get(0))?;
            if usize::try_from(safe)? != phone.log.len() {
                return Err(
                    format!("{safe} of {} operations are safe, although all was shipped", phone.log.len()).into()
                );
            }
            for (op, sha) in &phone.log {
                let found = copy.operation(&image, phone.device.0, op.seq);
                if found.as_ref().is_none_or(|(found, body)| found != sha || body != op.body.get()) {
                    return Err(format!("operation {} was called safe, and is not after a power cut", op.seq).into());
                }
            }
            for (sha, bytes) in &phone.files {
                if copy.file(&image, sha) != Some(bytes) {
                    return Err(format!("file {sha} was called safe, and is not after a power cut").into());
                }
            }
            let kept: Vec<_> = log.iter().filter(|kept| kept.device == phone.device).collect();
            let same = kept.len() == phone.log.len()
                && kept
                    .iter()
                    .zip(&phone.log)
                    .all(|(kept, (op, sha))| (kept.op, kept.sha, kept.body.as_str()) == (op.op, *sha, op.body.get()));
            if !same || phone.acked != phone.log.len() {
                return Err(format!("{} of {} operations after a power cut", kept.len(), phone.log.len()).into());
            }
            for (sha, bytes) in &phone.files {
                let name = sha.to_string();
                let name = format!("data/blobs/{}/{name}", &name[..2]);
                if image.file(&name) != Some(bytes) {
                    return Err(format!("file {sha} was called whole, and is not after a power cut").into());
                }
            }
        }
        Ok(Ran { changes, syncs, refused: codes })
    }
}
