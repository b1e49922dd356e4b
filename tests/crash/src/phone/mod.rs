//! The phone's workload: the real app saves acts, drafts and photos, sends them to the real server, is suspended and
//! started again. Everything on one recorded disk, from the first start on.

mod judge;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use image::{ImageBuffer, ImageFormat, Rgb, RgbImage};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::app::{Config, Connect, FieldApp};
use nuanfang_core::device::clock::SoftwareClock;
use nuanfang_core::device::courier::Transport;
use nuanfang_core::domain::kind::Channel;
use nuanfang_core::domain::worker_event::{Notified, Opened, Photographed};
use nuanfang_core::domain::{Command, VisitKind, Window, role};
use nuanfang_core::error::Refusal;
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use nuanfang_core::record::SoftwareKey;
use nuanfang_server::clock::HandClock;
use nuanfang_server::store::ship::{self, place::Place};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rusqlite::Connection;
use uuid::Uuid;

use crate::disk::{Disk, Record};
use crate::house::{House, MORNING, runtime};
use crate::scratch::Scratch;
use crate::sweep::Fallible;

pub use judge::PhoneJudge;

/// What the phone promised its worker, or is about to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promise {
    /// It is enrolled.
    Enrolled,
    /// So many records are saved.
    Saved(usize),
    /// A photo is kept.
    Photo(Sha),
    /// A draft is about to be saved, or forgotten: no promise, but it may be there from now on.
    Drafting(VisitId, Option<String>),
    /// It is saved, or forgotten.
    Drafted(VisitId, Option<String>),
    /// The log is on the server's disk up to here.
    Sent(u64),
}

/// A row of the phone's log as it is in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its position.
    pub seq: u64,
    /// The operation.
    pub op: [u8; 16],
    /// The event's name.
    pub kind: String,
    /// The body.
    pub body: String,
    /// Its files.
    pub blobs: String,
    /// The hash before it.
    pub prev: Sha,
    /// Its own.
    pub sha: Sha,
}

/// What is known of a whole run.
pub struct Truth {
    /// The log in the end.
    pub log: Vec<Row>,
    /// The promises, in the order of the record.
    pub promises: Vec<Promise>,
    /// The encrypted files, by name.
    pub files: HashMap<String, Vec<u8>>,
}

/// The form whose drafts are saved.
pub const FORM: &str = "visit";

/// A made-up camera's picture; another number, another picture. One is small enough for its row, the next is not.
pub fn picture(number: u64) -> Vec<u8> {
    let tint = Sha::of(&number.to_be_bytes()).0;
    let (width, height) = if number.is_multiple_of(2) { (96, 64) } else { (320, 240) };
    let image: RgbImage = ImageBuffer::from_fn(width, height, |x, y| {
        Rgb([tint[(x % 32) as usize], tint[(y % 32) as usize], (x * y % 256) as u8])
    });
    let mut out = Vec::new();
    match image.write_to(&mut std::io::Cursor::new(&mut out), ImageFormat::Jpeg) {
        Ok(()) => out,
        Err(_) => Vec::new(),
    }
}

/// The key every made-up phone has.
pub fn key() -> Fallible<Arc<SoftwareKey>> {
    SoftwareKey::from_secret(&[9; 32]).map(Arc::new).map_err(|error| format!("{error:?}").into())
}

/// Opens the app in `dir` over `way`.
///
/// # Errors
/// What the app says.
pub fn open(dir: &Path, way: Arc<dyn Transport>, clock: &Arc<SoftwareClock>) -> Fallible<FieldApp> {
    let connect: Connect = Arc::new(move |_, _| Ok(Arc::clone(&way)));
    Ok(FieldApp::open_over(Config::new(dir), key()?, clock.clone(), connect).map_err(refused)?)
}

/// A refusal as an error.
pub fn refused(refusal: Refusal) -> String {
    format!("{}: {}", refusal.code, refusal.zh)
}

/// Opens a visit that nobody planned.
pub fn emergency(visit: VisitId) -> Command {
    Command::Open(Opened {
        kind: VisitKind::Repair,
        household: HouseholdId(Uuid::from_u128(visit.0.as_u128() ^ 0xb22)),
        reason: "示例：邻居家漏水".into(),
        emergency: true,
    })
}

/// Agrees a time.
pub fn notify(minutes: i64) -> Command {
    let from = MORNING.plus_minutes(minutes);
    Command::Notify(Notified { channel: Channel::Phone, window: Window { from, until: from.plus_minutes(60) } })
}

/// Puts a photo on record.
pub fn photograph() -> Command {
    Command::Photograph(Photographed { role: role::PHOTO_OTHER.into(), subject: None, place: None })
}

/// Reads the log of a phone.
pub(crate) fn read_log(db: &Connection) -> Fallible<Vec<Row>> {
    let mut query = db.prepare_cached("SELECT seq, op, kind, body, blobs, prev, sha FROM outbox ORDER BY n")?;
    let rows = query.query_map([], |row| {
        Ok(Row {
            seq: row.get::<_, i64>(0)?.unsigned_abs(),
            op: row.get(1)?,
            kind: row.get(2)?,
            body: row.get(3)?,
            blobs: row.get(4)?,
            prev: Sha(row.get(5)?),
            sha: Sha(row.get(6)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Plays `acts` acts, and what belongs to them, on a phone in `dir`.
///
/// # Errors
/// If the phone or the server refuses anything.
pub fn play(dir: &Path, acts: usize, seed: u64) -> Fallible<(Record, Truth)> {
    let (runtime, office, watch) = (runtime()?, Scratch::new()?, Arc::new(HandClock::at(MORNING)));
    let backup = office.place("backup");
    let house = House::open(runtime.handle(), &office.place("data"), watch.clone())?;
    let backup = Place::make(&backup)?;
    ship::prepare(&house.state.store, &backup)?;
    let disk = Disk::record(dir)?;
    let mut day = Day {
        dir: disk.root().join("phone"),
        clock: Arc::new(SoftwareClock::at(MORNING)),
        way: Arc::new(house.clone()),
        dice: StdRng::seed_from_u64(seed),
        promises: Vec::new(),
        saved: 0,
        pictures: 0,
        disk,
    };
    let mut app = day.open()?;
    let invitation = house.invitation(WorkerId(Uuid::from_u128(1)))?;
    app.enrol(&invitation.to_text(), "示例手机").map_err(refused)?;
    day.promised(Promise::Enrolled);
    let mut visit = day.open_visit(&app)?;
    while day.saved < acts {
        day.clock.advance_ms(60_000);
        match day.dice.gen_range(0..100) {
            0..8 => visit = day.open_visit(&app)?,
            8..20 => day.photo(&app, visit)?,
            20..45 => day.draft(&app, visit)?,
            45..48 => {
                day.drafted(&app, visit, None)?;
            }
            48..58 => {
                ship::ship(&house.state.store, &backup)?;
                watch.advance(60_000);
                app.sync_once().map_err(refused)?;
                day.sent(&app)?;
            }
            58..60 => app.suspend().map_err(refused)?,
            60..62 => {
                drop(app);
                app = day.open()?;
            }
            _ => day.notify(&app, visit)?,
        }
    }
    drop(app);
    let log = read_log(&Connection::open(day.dir.join("phone.db"))?)?;
    let mut files = HashMap::new();
    for entry in std::fs::read_dir(day.dir.join("blobs"))? {
        let entry = entry?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?);
    }
    if files.is_empty() || files.len() as u64 != day.pictures.div_ceil(2) {
        return Err(format!("{} of {} pictures lie beside the database", files.len(), day.pictures).into());
    }
    house.close();
    Ok((day.disk.finish(), Truth { log, promises: day.promises, files }))
}

struct Day {
    disk: Disk,
    dir: std::path::PathBuf,
    clock: Arc<SoftwareClock>,
    way: Arc<dyn Transport>,
    dice: StdRng,
    promises: Vec<Promise>,
    saved: usize,
    pictures: u64,
}

impl Day {
    fn open(&self) -> Fallible<FieldApp> {
        open(&self.dir, Arc::clone(&self.way), &self.clock)
    }

    fn promised(&mut self, promise: Promise) {
        self.disk.promised(self.promises.len());
        self.promises.push(promise);
    }

    fn act(&mut self, app: &FieldApp, visit: VisitId, command: &Command, photos: &[Sha]) -> Fallible<()> {
        app.act(visit, command, photos).map_err(refused)?;
        self.saved += 1;
        self.promised(Promise::Saved(self.saved));
        Ok(())
    }

    fn open_visit(&mut self, app: &FieldApp) -> Fallible<VisitId> {
        let visit = VisitId(Uuid::now_v7());
        self.act(app, visit, &emergency(visit), &[])?;
        Ok(visit)
    }

    fn notify(&mut self, app: &FieldApp, visit: VisitId) -> Fallible<()> {
        let command = notify(self.dice.gen_range(0..600));
        self.act(app, visit, &command, &[])
    }

    fn photo(&mut self, app: &FieldApp, visit: VisitId) -> Fallible<()> {
        self.pictures += 1;
        let photo = app.capture_photo(visit, role::PHOTO_OTHER, &picture(self.pictures)).map_err(refused)?;
        self.promised(Promise::Photo(photo.sha));
        self.act(app, visit, &photograph(), &[photo.sha])
    }

    fn draft(&mut self, app: &FieldApp, visit: VisitId) -> Fallible<()> {
        let text = format!("{{\"note\":\"{}\"}}", "示例 ".repeat(self.dice.gen_range(1..400)));
        self.drafted(app, visit, Some(text))
    }

    fn drafted(&mut self, app: &FieldApp, visit: VisitId, body: Option<String>) -> Fallible<()> {
        self.promised(Promise::Drafting(visit, body.clone()));
        match &body {
            Some(body) => app.save_draft(visit, FORM, body),
            None => app.discard_draft(visit, FORM),
        }
        .map_err(refused)?;
        self.promised(Promise::Drafted(visit, body));
        Ok(())
    }

    fn sent(&mut self, app: &FieldApp) -> Fallible<()> {
        let acked = app.status().map_err(refused)?.acked;
        self.promised(Promise::Sent(acked));
        Ok(())
    }
}
