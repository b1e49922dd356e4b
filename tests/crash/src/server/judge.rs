//! What must hold of the server's disk after a crash.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::DeviceId;
use nuanfang_server::clock::HandClock;
use nuanfang_server::office::log;
use nuanfang_server::store::StoreError;
use rusqlite::Connection;
use tokio::runtime::Runtime;

use super::copy::Copy;
use super::{Promise, Truth, read_log};
use crate::house::{House, MORNING, runtime};
use crate::image::Image;
use crate::scratch::{Scratch, has_table, open_whole};
use crate::sweep::{Fallible, Judge};

/// Operations each phone offers again to a server that came back.
const AGAIN: usize = 20;

/// Holds the server's disk to what the server had promised.
pub struct ServerJudge<'a> {
    truth: &'a Truth,
    place_of: HashMap<(DeviceId, u64), usize>,
    open: bool,
    enrolled: BTreeSet<usize>,
    /// Envelopes that must be there.
    least: usize,
    acked: HashMap<usize, usize>,
    safe: HashMap<usize, u64>,
    whole: HashSet<Sha>,
    scratch: Scratch,
    copy: Copy,
    runtime: Runtime,
}

fn blob_name(folder: &str, sha: &Sha) -> String {
    let name = sha.to_string();
    format!("{folder}/blobs/{}/{name}", &name[..2])
}

impl<'a> ServerJudge<'a> {
    /// Nothing is promised yet.
    ///
    /// # Errors
    /// If there is no room for a scratch disk.
    pub fn new(truth: &'a Truth) -> Fallible<Self> {
        let places = truth.log.iter().enumerate();
        Ok(Self {
            truth,
            place_of: places.map(|(place, kept)| ((kept.device, kept.seq), place)).collect(),
            open: false,
            enrolled: BTreeSet::new(),
            least: 0,
            acked: HashMap::new(),
            safe: HashMap::new(),
            whole: HashSet::new(),
            scratch: Scratch::new()?,
            copy: Copy::default(),
            runtime: runtime()?,
        })
    }

    /// The log is a prefix of what it became, long enough for every promise, and byte for byte the same.
    fn log(&self, db: &Connection) -> Fallible<u64> {
        let found = read_log(db)?;
        if found.len() < self.least {
            return Err(format!("{} of {} promised envelopes are there", found.len(), self.least).into());
        }
        for (found, kept) in found.iter().zip(&self.truth.log) {
            if found != kept {
                return Err(format!("envelope {} of {} is another one", kept.seq, kept.device).into());
            }
        }
        if found.len() > self.truth.log.len() {
            return Err("more envelopes than were ever sent".into());
        }
        let mut query = db.prepare(
            "SELECT count(*) FROM writer w
             WHERE acked <> coalesce((SELECT max(seq) FROM envelope e WHERE e.dev = w.dev), 0)
                OR acked <> (SELECT count(*) FROM envelope e WHERE e.dev = w.dev) OR safe > acked",
        )?;
        let wrong: i64 = query.query_row([], |row| row.get(0))?;
        if wrong > 0 {
            return Err(format!("{wrong} logs say another length than they have").into());
        }
        Ok(found.len() as u64 + 1)
    }

    /// What is called whole is whole, whoever calls it so: the receipt, the row, or its name, which the next start believes.
    fn files(&self, db: &Connection, image: &Image<'_>) -> Fallible<u64> {
        let mut query = db.prepare("SELECT sha FROM blob WHERE whole_ms IS NOT NULL")?;
        let rows: HashSet<Sha> = query.query_map([], |row| Ok(Sha(row.get(0)?)))?.collect::<Result<_, _>>()?;
        if let Some(sha) = self.whole.iter().find(|sha| !rows.contains(sha)) {
            return Err(format!("file {sha} was called whole, and no row says so").into());
        }
        if let Some(sha) = rows.iter().find(|sha| image.file(&blob_name("data", sha)).is_none()) {
            return Err(format!("file {sha} is called whole, and is not there").into());
        }
        let mut named = 0;
        for name in image.names("data/blobs/") {
            let Some(sha) = name.rsplit('/').next().and_then(|name| name.parse().ok()) else { continue };
            if image.file(name) != self.truth.files.get(&sha).map(Vec::as_slice) {
                return Err(format!("file {sha} bears its name, and is not whole").into());
            }
            named += 1;
        }
        Ok(named)
    }

    fn vault(&self, file: &Path) -> Fallible<u64> {
        if !self.open {
            return Ok(0);
        }
        let db = open_whole(file)?;
        let mut query = db.prepare("SELECT name, value FROM secret")?;
        let found: HashMap<String, Vec<u8>> =
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        // Made by the first backup, and handed out then.
        let early = self.truth.secrets.iter().filter(|(name, _)| name != "recovery_key" || !self.safe.is_empty());
        let mut checks = 0;
        for (name, value) in early {
            checks += 1;
            if found.get(name) != Some(value) && (name != "recovery_key" || self.safe.values().any(|safe| *safe > 0)) {
                return Err(format!("the vault has lost {name}").into());
            }
        }
        Ok(checks)
    }

    /// What is called safe can be had from the backup alone.
    fn backup(&mut self, image: &Image<'_>) -> Fallible<u64> {
        if self.safe.values().all(|safe| *safe == 0) {
            return Ok(0);
        }
        let recovery = self.truth.secrets.iter().find(|(name, _)| name == "recovery_key");
        let recovery = recovery.and_then(|(_, key)| key.as_slice().try_into().ok()).ok_or("no recovery key")?;
        self.copy.read(image, recovery);
        let mut checks = 0;
        for (phone, safe) in &self.safe {
            let phone = &self.truth.phones[*phone];
            for (op, sha) in phone.log.iter().take(usize::try_from(*safe)?) {
                let found = self.copy.operation(image, phone.device.0, op.seq);
                if found.as_ref().is_none_or(|(found, body)| found != sha || body != op.body.get()) {
                    return Err(format!("operation {} of {} is called safe, and is not", op.seq, phone.device).into());
                }
                for blob in &op.blobs {
                    if self.copy.file(image, &blob.sha) != self.truth.files.get(&blob.sha).map(Vec::as_slice) {
                        return Err(format!("file {} is called safe, and is not", blob.sha).into());
                    }
                }
                checks += 1;
            }
        }
        Ok(checks)
    }

    /// The real server starts on what is found, and the phones go on where they believe it stands.
    fn goes_on(&self, data: PathBuf) -> Fallible<u64> {
        let house =
            House::open(self.runtime.handle(), &data, Arc::new(HandClock::at(MORNING.plus_minutes(600))) as Arc<_>)?;
        let done = self.offer_again(&house);
        let checked = house.state.store.read_now::<_, StoreError>(|db| {
            log::verify_chains(db)?;
            let mut twice = db.prepare("SELECT count(*) - count(DISTINCT op) FROM envelope")?;
            Ok((twice.query_row([], |row| row.get::<_, i64>(0))?, read_log(db).map_err(|error| error.to_string())))
        });
        house.close();
        let (twice, log) = checked?;
        if twice != 0 {
            return Err(format!("{twice} operations are there twice").into());
        }
        for kept in log? {
            let Some(phone) = self.truth.phones.iter().find(|phone| phone.device == kept.device) else { continue };
            let (op, sha) = &phone.log[usize::try_from(kept.seq)? - 1];
            if (op.op, *sha, op.body.get()) != (kept.op, kept.sha, &*kept.body) {
                return Err(format!("operation {} is not as it was sent", op.op).into());
            }
        }
        done
    }

    fn offer_again(&self, house: &House) -> Fallible<u64> {
        let mut checks = 0;
        for number in &self.enrolled {
            let mut phone = self.truth.phones[*number].clone();
            let from = self.acked.get(number).copied().unwrap_or(0);
            let upto = (from + AGAIN).min(phone.log.len());
            self.runtime.block_on(async {
                phone.log_in(house).await?;
                let reply = phone.exchange(house, from, upto).await?;
                if phone.acked < upto {
                    return Err(format!("phone {number} offered up to {upto}, acknowledged is {}", phone.acked).into());
                }
                for need in reply.need {
                    phone.send_file(house, need.sha, need.off, usize::MAX).await?;
                }
                let left = phone.exchange(house, phone.acked, phone.acked).await?.need;
                if left.is_empty() { Ok(()) } else { Err(format!("{} files are asked for for ever", left.len())) }
                    .map_err(Into::<Box<dyn std::error::Error + Send + Sync>>::into)
            })?;
            checks += 2;
        }
        Ok(checks)
    }
}

impl Judge for ServerJudge<'_> {
    fn promised(&mut self, promise: usize) {
        match self.truth.promises[promise] {
            Promise::Open => self.open = true,
            Promise::Enrolled(phone) => drop(self.enrolled.insert(phone)),
            Promise::Planned(g) => self.least = self.least.max(usize::try_from(g).unwrap_or(usize::MAX)),
            Promise::Acked { phone, seq } => {
                self.acked.insert(phone, seq);
                let last = self.place_of.get(&(self.truth.phones[phone].device, seq as u64));
                self.least = self.least.max(last.map_or(0, |place| place + 1));
            }
            Promise::Safe { phone, seq } => drop(self.safe.insert(phone, seq)),
            Promise::Whole(sha) => drop(self.whole.insert(sha)),
        }
    }

    fn judge(&mut self, image: &Image<'_>, deep: bool) -> Fallible<u64> {
        let place = self.scratch.place("disk");
        image.lay_out(&place, |name| deep || name.ends_with(".db") || name.contains(".db-"))?;
        let data = place.join("data");
        let mut checks = 1;
        if data.join("nuanfang.db").exists() {
            let db = open_whole(&data.join("nuanfang.db"))?;
            if has_table(&db, "envelope")? {
                checks += self.log(&db)? + self.files(&db, image)?;
            } else if self.open {
                return Err("the database is empty".into());
            }
        } else if self.open {
            return Err("the database is gone".into());
        }
        checks += self.vault(&data.join("vault.db"))?;
        checks += self.backup(image)?;
        if deep {
            checks += self.goes_on(data)?;
        }
        Ok(checks)
    }
}
