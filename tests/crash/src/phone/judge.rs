//! What must hold of the phone's disk after a crash.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::clock::SoftwareClock;
use nuanfang_core::device::courier::{Answer, Call, Transport, Unreachable};
use nuanfang_core::device::outbox;
use nuanfang_core::device::store::{Store, enrolment};
use nuanfang_core::device::trouble::Trouble;
use nuanfang_core::id::VisitId;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{FORM, Promise, Truth, emergency, open, read_log, refused};
use crate::house::MORNING;
use crate::image::Image;
use crate::scratch::{Scratch, has_table, open_whole};
use crate::sweep::{Fallible, Judge};

/// No network.
struct Nowhere;

impl Transport for Nowhere {
    fn call(&self, _: &Call) -> Result<Answer, Unreachable> {
        Err(Unreachable::NoAnswer("no network".into()))
    }
}

/// Holds the phone's disk to what the phone had promised.
pub struct PhoneJudge<'a> {
    truth: &'a Truth,
    enrolled: bool,
    saved: usize,
    sent: u64,
    photos: Vec<Sha>,
    drafts: HashMap<VisitId, Option<String>>,
    drafting: Option<(VisitId, Option<String>)>,
    scratch: Scratch,
}

impl<'a> PhoneJudge<'a> {
    /// Nothing is promised yet.
    ///
    /// # Errors
    /// If there is no room for a scratch disk.
    pub fn new(truth: &'a Truth) -> Fallible<Self> {
        Ok(Self {
            truth,
            enrolled: false,
            saved: 0,
            sent: 0,
            photos: Vec::new(),
            drafts: HashMap::new(),
            drafting: None,
            scratch: Scratch::new()?,
        })
    }

    fn log(&self, db: &Connection) -> Fallible<u64> {
        let found = read_log(db)?;
        if found.len() < self.saved || found.len() > self.truth.log.len() {
            return Err(format!("{} records are there, {} were called saved", found.len(), self.saved).into());
        }
        if let Some((found, _)) = found.iter().zip(&self.truth.log).find(|(found, row)| found != row) {
            return Err(format!("record {} is another one", found.seq).into());
        }
        let acked: Option<i64> = db.query_row("SELECT acked FROM enrolment", [], |row| row.get(0)).optional()?;
        match acked {
            None if self.enrolled => return Err("the enrolment is gone".into()),
            Some(acked) if acked.unsigned_abs() < self.sent => {
                return Err(format!("{} were shown as sent, the phone knows of {acked}", self.sent).into());
            }
            Some(acked) if acked.unsigned_abs() > found.len() as u64 => {
                return Err(format!("{acked} are acknowledged, {} are there", found.len()).into());
            }
            _ => {}
        }
        Ok(found.len() as u64 + 1)
    }

    fn drafts(&self, db: &Connection) -> Fallible<u64> {
        let mut query = db.prepare("SELECT body FROM draft WHERE visit = ?1 AND form = ?2")?;
        for (visit, body) in &self.drafts {
            let found: Option<String> =
                query.query_row(params![visit.0.as_bytes(), FORM], |row| row.get(0)).optional()?;
            let in_flight = self.drafting.as_ref().is_some_and(|(which, new)| which == visit && *new == found);
            if found != *body && !in_flight {
                return Err(format!("the draft of {visit} is not the one that was saved").into());
            }
        }
        Ok(self.drafts.len() as u64)
    }

    /// A row always has its bytes, in it or beside; a photo that was kept has its row.
    fn files(&self, db: &Connection, image: &Image<'_>) -> Fallible<u64> {
        let mut query = db.prepare("SELECT sha, file, bytes FROM blob")?;
        let rows: HashMap<Sha, (Option<String>, Option<Vec<u8>>)> =
            query.query_map([], |row| Ok((Sha(row.get(0)?), (row.get(1)?, row.get(2)?))))?.collect::<Result<_, _>>()?;
        if let Some(sha) = self.photos.iter().find(|sha| !rows.contains_key(sha)) {
            return Err(format!("photo {sha} was called kept, and has no row").into());
        }
        for (sha, (file, bytes)) in &rows {
            let there = match (file, bytes) {
                (None, Some(bytes)) => Sha::of(bytes) == *sha,
                (Some(file), None) => {
                    let found = image.file(&format!("phone/blobs/{file}"));
                    found.is_some() && found == self.truth.files.get(file).map(Vec::as_slice)
                }
                _ => false,
            };
            if !there {
                return Err(format!("photo {sha} has a row, and not its bytes").into());
            }
        }
        Ok(rows.len() as u64)
    }

    /// The real app starts on what is found, shows what it kept, and saves one more.
    fn goes_on(&self, dir: &Path) -> Fallible<u64> {
        let clock = Arc::new(SoftwareClock::at(MORNING.plus_minutes(600)));
        let app = open(dir, Arc::new(Nowhere), &clock)?;
        for sha in &self.photos {
            app.photo(*sha).map_err(refused)?;
        }
        if !self.enrolled {
            return Ok(1);
        }
        let before = app.records(None, 1).map_err(refused)?.first().map_or(0, |record| record.seq);
        let visit = VisitId(Uuid::now_v7());
        app.act(visit, &emergency(visit), &[]).map_err(refused)?;
        drop(app);
        let store = Store::open(dir, None)?;
        let (head, holds) = store.read::<_, Trouble>(|connection| {
            let known = enrolment::get(connection)?;
            Ok((enrolment::head(connection, &known)?.0, outbox::chain_holds(connection, known.device)?))
        })?;
        if head != before + 1 || !holds {
            return Err(format!("after one more act the log ends at {head}, not {}; chain {holds}", before + 1).into());
        }
        Ok(self.photos.len() as u64 + 2)
    }
}

impl Judge for PhoneJudge<'_> {
    fn promised(&mut self, promise: usize) {
        match &self.truth.promises[promise] {
            Promise::Enrolled => self.enrolled = true,
            Promise::Saved(count) => self.saved = *count,
            Promise::Photo(sha) => self.photos.push(*sha),
            Promise::Drafting(visit, body) => self.drafting = Some((*visit, body.clone())),
            Promise::Drafted(visit, body) => {
                self.drafting = None;
                self.drafts.insert(*visit, body.clone());
            }
            Promise::Sent(acked) => self.sent = *acked,
        }
    }

    fn judge(&mut self, image: &Image<'_>, deep: bool) -> Fallible<u64> {
        let place = self.scratch.place("disk");
        image.lay_out(&place, |name| deep || name.contains(".db"))?;
        let dir = place.join("phone");
        let mut checks = 1;
        if dir.join("phone.db").exists() {
            let db = open_whole(&dir.join("phone.db"))?;
            if has_table(&db, "outbox")? {
                checks += self.log(&db)? + self.drafts(&db)? + self.files(&db, image)?;
            } else {
                return Err("the database is empty".into());
            }
        } else if self.enrolled {
            return Err("the database is gone".into());
        }
        if deep {
            checks += self.goes_on(&dir)?;
        }
        Ok(checks)
    }
}
