//! One long-lived object with everything a screen needs. A screen asks and shows; every decision is the core's. No
//! call but [`FieldApp::enrol`] and [`FieldApp::sync_once`] touches the network.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction};
use uuid::Uuid;

use super::blob;
use super::casefile::CaseFile;
use super::clock::Clock;
use super::courier::{Courier, Pass, Run, Stop, Transport};
use super::desk_view::{EnrolmentView, FieldVisit, PhotoRef, VisitSummary};
use super::http::{Http, Trust};
use super::obstacle::Obstacle;
use super::photo::{self, PhotoFacts};
use super::rescue::{self, RescueView};
use super::runner::{OneRun, Runner, RunnerState};
use super::signing::{self, Desk, RecordPreview, RefuseRequest, SignRequest};
use super::status::{self, RecordStatus, SyncState, SyncStatus, Words};
use super::store::enrolment;
use super::store::{Store, blob_row, damage_row, outbox_row};
use super::sync::{BATCH_BYTES, NotAReceipt, Speaker};
use super::trouble::Trouble;
use super::{desk_view, draft, joining, mirror, obstacle, register, signature, words};
use crate::canon::hash::Sha;
use crate::domain::command::Command;
use crate::domain::role;
use crate::domain::signature::Purpose;
use crate::domain::worker_event::Opened;
use crate::error::Refusal;
use crate::id::{HouseholdId, VisitId};
use crate::record::DeviceKey;
use crate::time::Stamp;
use crate::wire::auth::Invitation;
use crate::wire::feed_entity::{CompanyEntity, HouseholdEntity, InstrumentEntity, PriceListEntity, WorkerEntity};

/// How an app is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// The enrolment's own folder: database, files. Excluded from the system's backups by the platform.
    pub dir: PathBuf,
    /// SQLCipher's raw key, from the platform's keystore.
    pub key: Option<[u8; 32]>,
    /// The phone's zone by name; shown to the office, judged by nobody.
    pub tz: String,
    /// The app's version and build.
    pub app_version: String,
    /// A company's own TLS root, PEM, where the QR code names no key.
    pub root_pem: Option<Vec<u8>>,
    /// How many days safe evidence is kept.
    pub keep_days: u32,
}

impl Config {
    /// The usual setup of an app in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            key: None,
            tz: "Asia/Shanghai".to_owned(),
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
            root_pem: None,
            keep_days: 30,
        }
    }
}

/// Makes the way to a server; a simulator puts its own in place.
pub type Connect = Arc<dyn Fn(&str, &Trust) -> Result<Arc<dyn Transport>, Refusal> + Send + Sync>;

/// The way to the server at `url`.
struct Way {
    url: String,
    transport: Arc<dyn Transport>,
    /// A run has it. One that panics never gives it back, and may leave it broken.
    lent: bool,
}

struct Inner {
    store: Store,
    key: Arc<dyn DeviceKey>,
    clock: Arc<dyn Clock>,
    config: Config,
    speaker: Speaker,
    connect: Connect,
    way: Mutex<Option<Way>>,
    pass: Mutex<Option<Pass>>,
    load: AtomicUsize,
    gate: Mutex<()>,
}

/// The phone's app.
pub struct FieldApp {
    inner: Arc<Inner>,
    runner: Arc<Runner>,
    /// The rescue file that was written last, and what it holds. Kept as long as the app runs: what is not known of one beside
    /// a new one costs its room, and nothing else.
    rescued: Mutex<Option<(PathBuf, RescueView)>>,
}

impl FieldApp {
    /// Opens the app of one enrolment over HTTP. What a kill left behind is put in order.
    ///
    /// # Errors
    /// `device.wrong_key`, `device.newer_database` or what the disk says; the data is as it was.
    pub fn open(config: Config, key: Arc<dyn DeviceKey>, clock: Arc<dyn Clock>) -> Result<Self, Refusal> {
        let connect: Connect = Arc::new(|url, trust| Ok(Arc::new(Http::new(url, trust)?)));
        Self::open_over(config, key, clock, connect)
    }

    /// The same over another way to the server.
    ///
    /// # Errors
    /// As [`FieldApp::open`].
    pub fn open_over(
        config: Config,
        key: Arc<dyn DeviceKey>,
        clock: Arc<dyn Clock>,
        connect: Connect,
    ) -> Result<Self, Refusal> {
        let store = Store::open(&config.dir, config.key.as_ref())?;
        blob::tidy(&store);
        let speaker = Speaker { app: config.app_version.clone(), tz: config.tz.clone(), keep_days: config.keep_days };
        let inner = Inner {
            store,
            key,
            clock,
            config,
            speaker,
            connect,
            way: Mutex::new(None),
            pass: Mutex::new(None),
            load: AtomicUsize::new(BATCH_BYTES),
            gate: Mutex::new(()),
        };
        Ok(Self { inner: Arc::new(inner), runner: Arc::default(), rescued: Mutex::default() })
    }

    /// Enrols this phone with the text of a QR code, or with `URL CODE` typed by hand. Needs the network. After a fork,
    /// once the platform has lost the key, where the company had revoked or dismissed the phone, or where the invitation names
    /// another address or another key of the server, it enrols anew, and what is not safe is logged again.
    ///
    /// # Errors
    /// `device.bad_invitation`, `device.already_enrolled`, what the server says of the code.
    pub fn enrol(&self, invitation: &str, phone_name: &str) -> Result<EnrolmentView, Refusal> {
        let invitation = read_invitation(invitation)?;
        let inner = &self.inner;
        let _gate = inner.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let known = inner.store.read(enrolment::find)?;
        let elsewhere = known.is_some_and(|known| joining::leads_elsewhere(&known, &invitation));
        if !elsewhere && self.enrolment()?.is_some_and(|known| !known.needs_enrolment) {
            return Err(Refusal::new(
                "device.already_enrolled",
                "",
                "本机已登记，无需再次登记。",
                "This phone is already enrolled.",
            ));
        }
        let trust = Trust { pin: invitation.pin, root_pem: inner.config.root_pem.clone() };
        let transport = (inner.connect)(&invitation.url, &trust)?;
        if self.enrolment()?.is_some() {
            // Once the code is traded, all that can be read has to be logged again. What can't be mended now stays behind, and
            // a phone that needs a code gets on by nothing else; on a full disk that would come to the same later.
            match inner.store.mend_now() {
                Err(trouble) if trouble.is_disk_full() => return Err(trouble.into()),
                _ => {}
            }
        }
        let name = crate::forms::normalise_text(phone_name);
        joining::enrol(&inner.store, &*inner.key, &*transport, &invitation, &name, &inner.speaker.app)
            .map_err(|stop| Refusal::from(&obstacle::of_enrolling(&stop)))?;
        *inner.way() = None;
        *inner.pass.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.runner.begin_anew();
        self.enrolment()?.ok_or_else(|| Trouble::NotEnrolled.into())
    }

    /// Who is enrolled here.
    ///
    /// # Errors
    /// What the disk says; so too for every reading call below.
    pub fn enrolment(&self) -> Result<Option<EnrolmentView>, Refusal> {
        self.read(|connection| {
            let revoked = enrolment::is_revoked(connection)?;
            desk_view::enrolment(connection, |known| revoked || !joining::stands(known, &*self.inner.key))
        })
    }

    /// The worker's visits: those planned, born here, or gone while evidence of them is still here. Next one first.
    ///
    /// # Errors
    /// `device.not_enrolled`.
    pub fn visits(&self) -> Result<Vec<VisitSummary>, Refusal> {
        let stamp = self.stamp();
        self.read(|connection| desk_view::visits(connection, stamp))
    }

    /// One visit in full.
    ///
    /// # Errors
    /// `device.no_such_visit`.
    pub fn visit(&self, visit: VisitId) -> Result<FieldVisit, Refusal> {
        let stamp = self.stamp();
        self.read(|connection| {
            let file = CaseFile::open(connection, visit, stamp)?;
            desk_view::visit(connection, &file)
        })
    }

    /// Does an act: checked, appended and on the disk when this returns. `photos` are those that belong to it.
    ///
    /// # Errors
    /// The first rule that forbids it, with its clause; nothing was changed then.
    pub fn act(&self, visit: VisitId, command: &Command, photos: &[Sha]) -> Result<FieldVisit, Refusal> {
        let command = words::normalised(command);
        let stamp = self.stamp();
        let done = self.write(|transaction| {
            let mut file = CaseFile::open(transaction, visit, stamp)?;
            file.with_files(transaction, photos)?;
            let logged = signing::append(transaction, &file, &command, photos)?;
            desk_view::visit(transaction, &file.go_on(transaction, logged)?)
        })?;
        self.runner.nudge();
        Ok(done)
    }

    /// Opens a visit on the phone: walk-in, emergency.
    ///
    /// # Errors
    /// As [`FieldApp::act`].
    pub fn open_visit(&self, opened: &Opened) -> Result<FieldVisit, Refusal> {
        self.act(VisitId(Uuid::now_v7()), &Command::Open(opened.clone()), &[])
    }

    /// Takes in what the camera gave: checked, stripped, shrunk, kept, on the disk when this returns.
    ///
    /// # Errors
    /// `photo.…` with the reason in Chinese: it did not become evidence, take it again. The same picture is never
    /// evidence of two things (`photo.again`).
    pub fn capture_photo(&self, visit: VisitId, role: &str, bytes: &[u8]) -> Result<PhotoRef, Refusal> {
        let Some(role) = role::PHOTOS.iter().find(|known| **known == role) else {
            return Err(Refusal::new("photo.role", "", "照片用途不明", format!("no such role of a photo: {role}")));
        };
        let taken = self.stamp();
        let ready = photo::prepare(bytes)?;
        let facts = PhotoFacts { width: ready.width, height: ready.height, taken, claims: ready.claims };
        let text = serde_json::to_string(&facts).map_err(Trouble::damaged)?;
        let keep = || Ok(blob::keep(&self.inner.store, &ready.jpeg, role, Some(visit), text.clone())?);
        let row = self.over_damage(keep)?;
        if row.logged || row.role != *role || row.visit != Some(visit) {
            return Err(Refusal::new(
                "photo.again",
                "",
                "这张照片已用于别处，不能当作新的照片。请在现场重新拍摄。",
                "This photo stands for something else already. Take a new one on the spot.",
            ));
        }
        Ok(PhotoRef::of(&row))
    }

    /// A photo or the picture of a signature, to show.
    ///
    /// # Errors
    /// `photo.gone` when it is no longer on this phone, `device.damaged`.
    pub fn photo(&self, sha: Sha) -> Result<Vec<u8>, Refusal> {
        let gone = || Refusal::new("photo.gone", "", "照片已不在本机", "the photo is no longer on this phone");
        self.over_damage(|| {
            let row = self.inner.store.read(|connection| blob_row::find(connection, sha))?.ok_or_else(gone)?;
            Ok(blob::load(&self.inner.store, &row)?)
        })
    }

    /// Throws away a photo that belongs to no act yet.
    ///
    /// # Errors
    /// `photo.in_evidence` once an act names it.
    pub fn discard_photo(&self, sha: Sha) -> Result<(), Refusal> {
        let stays = self.write(|transaction| {
            Ok(!blob_row::delete_unlogged(transaction, sha)? && blob_row::find(transaction, sha)?.is_some())
        })?;
        if stays {
            return Err(Refusal::new(
                "photo.in_evidence",
                "",
                "照片已是服务记录的一部分，不能删除。",
                "The photo is part of a record and stays.",
            ));
        }
        blob::tidy(&self.inner.store);
        Ok(())
    }

    /// The draft of a form.
    ///
    /// # Errors
    /// As every reading call.
    pub fn draft(&self, visit: VisitId, form: &str) -> Result<Option<String>, Refusal> {
        self.over_damage(|| Ok(draft::load(&self.inner.store, visit, form)?))
    }

    /// Saves the draft of a form; call it at every change.
    ///
    /// # Errors
    /// `draft.too_large`, `device.disk_full`; the draft before it stays. `device.no_such_visit` once the visit is gone.
    pub fn save_draft(&self, visit: VisitId, form: &str, body: &str) -> Result<(), Refusal> {
        let stamp = self.stamp();
        self.over_damage(|| Ok(draft::save(&self.inner.store, visit, form, body, stamp)?))
    }

    /// Forgets the draft of a form: it has become an act, or was given up.
    ///
    /// # Errors
    /// What the disk says.
    pub fn discard_draft(&self, visit: VisitId, form: &str) -> Result<(), Refusal> {
        self.over_damage(|| Ok(draft::discard(&self.inner.store, visit, form)?))
    }

    /// What the resident reads before he signs.
    ///
    /// # Errors
    /// `signature.nothing_to_sign`, `signature.not_ready`.
    pub fn prepare_record(&self, visit: VisitId, purpose: &Purpose) -> Result<RecordPreview, Refusal> {
        let stamp = self.stamp();
        self.read(|connection| {
            let file = CaseFile::open(connection, visit, stamp)?;
            Ok(signing::preview(connection, &file, purpose)?)
        })
    }

    /// Signs what was shown: one signed record, its event and its outbox row, or nothing.
    ///
    /// # Errors
    /// `signature.…`; everything filled in stays.
    pub fn sign(&self, visit: VisitId, request: &SignRequest) -> Result<FieldVisit, Refusal> {
        let stamp = self.stamp();
        let written = signature::read(&request.strokes, &request.image_png)?;
        let done = self.write(|transaction| {
            let mut file = CaseFile::open(transaction, visit, stamp)?;
            let kept = signature::keep(transaction, self.inner.store.dir(), visit, &written)?;
            let logged = self.desk().sign(transaction, &mut file, request, &kept)?;
            desk_view::visit(transaction, &file.go_on(transaction, logged)?)
        })?;
        self.runner.nudge();
        Ok(done)
    }

    /// Puts a refusal to sign on record.
    ///
    /// # Errors
    /// `refusal.…`, `signature.…`; everything filled in stays.
    pub fn refuse(&self, visit: VisitId, request: &RefuseRequest) -> Result<FieldVisit, Refusal> {
        let stamp = self.stamp();
        let done = self.write(|transaction| {
            let mut file = CaseFile::open(transaction, visit, stamp)?;
            let logged = self.desk().refuse(transaction, &mut file, request)?;
            desk_view::visit(transaction, &file.go_on(transaction, logged)?)
        })?;
        self.runner.nudge();
        Ok(done)
    }

    /// Reads a masked field of a dwelling, for a reason that stays on record.
    ///
    /// # Errors
    /// `input.empty` without a reason, `unmask.not_here` when this phone does not hold it (nothing is recorded then).
    pub fn unmask(&self, household: HouseholdId, field: &str, reason: &str) -> Result<String, Refusal> {
        let reason = words::clean(reason, "查看原因")?;
        let stamp = self.stamp();
        let value = self.write(|transaction| register::unmask(transaction, household, field, reason.clone(), stamp))?;
        self.runner.nudge();
        Ok(value)
    }

    /// The company.
    ///
    /// # Errors
    /// As every reading call.
    pub fn company(&self) -> Result<Option<CompanyEntity>, Refusal> {
        self.read(register::company)
    }

    /// The worker's own badge and training.
    ///
    /// # Errors
    /// As every reading call.
    pub fn worker(&self) -> Result<Option<WorkerEntity>, Refusal> {
        self.read(register::worker)
    }

    /// A dwelling, while a visit to it is open.
    ///
    /// # Errors
    /// As every reading call.
    pub fn household(&self, household: HouseholdId) -> Result<Option<HouseholdEntity>, Refusal> {
        self.read(|connection| register::household(connection, household))
    }

    /// The register of instruments.
    ///
    /// # Errors
    /// As every reading call.
    pub fn instruments(&self) -> Result<Vec<InstrumentEntity>, Refusal> {
        self.read(register::instruments)
    }

    /// The price lists, newest in force first.
    ///
    /// # Errors
    /// As every reading call.
    pub fn price_lists(&self) -> Result<Vec<PriceListEntity>, Refusal> {
        self.read(register::price_lists)
    }

    /// One whole run of the exchange, here and now. Needs the network.
    ///
    /// # Errors
    /// `sync.…`: why it stopped and what happens next. Nothing is lost by any of them.
    pub fn sync_once(&self) -> Result<SyncStatus, Refusal> {
        let inner = Arc::clone(&self.inner);
        self.runner.once(&move || inner.run()).map_err(|stop| refusal_of(&stop))?;
        self.status()
    }

    /// Starts the background thread of the exchange.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start_sync(&self) -> Result<(), Refusal> {
        let inner = Arc::clone(&self.inner);
        let run: Arc<OneRun> = Arc::new(move || inner.run());
        Ok(self.runner.start(run).map_err(Trouble::from)?)
    }

    /// Lets the background thread end; does not wait for it.
    pub fn stop_sync(&self) {
        self.runner.stop();
    }

    /// A tap on "sync", or a change of the network: tried at once, in the background. A call that hangs is given up for it.
    pub fn sync_now(&self) {
        self.runner.poke();
        if let Some(way) = &*self.inner.way() {
            way.transport.hurry();
        }
    }

    /// How the exchange stands.
    ///
    /// # Errors
    /// As every reading call.
    pub fn status(&self) -> Result<SyncStatus, Refusal> {
        self.read(|connection| desk_view::sync_status(connection, &self.standing(connection)?))
    }

    /// The newest records from before `before` (a record's `n`), newest first.
    ///
    /// # Errors
    /// As every reading call.
    pub fn records(&self, before: Option<u64>, limit: u32) -> Result<Vec<RecordStatus>, Refusal> {
        self.read(|connection| {
            let obstacle = self.in_the_way(connection)?;
            Ok(status::newest(connection, before, limit, obstacle.as_ref())?)
        })
    }

    /// The records of a visit, oldest first.
    ///
    /// # Errors
    /// As every reading call.
    pub fn visit_records(&self, visit: VisitId) -> Result<Vec<RecordStatus>, Refusal> {
        self.read(|connection| {
            let obstacle = self.in_the_way(connection)?;
            Ok(status::of_visit(connection, visit, obstacle.as_ref())?)
        })
    }

    /// Writes everything this phone still holds into one file at `path` that only the company can open: for a phone that
    /// can't send any more. Nothing here changes, and sending goes on all the same. One written before stays beside it, where
    /// that may hold what this one lacks.
    ///
    /// # Errors
    /// `device.not_enrolled`, `rescue.key_locked`, what the disk says; there is no new file then.
    pub fn export_rescue(&self, path: &Path) -> Result<RescueView, Refusal> {
        let inner = &self.inner;
        let mut written = self.rescued.lock().unwrap_or_else(PoisonError::into_inner);
        let before = written.as_ref().filter(|(place, _)| place == path).map(|(_, view)| view);
        let view = rescue::export(&inner.store, &*inner.key, &inner.config.app_version, self.stamp(), path, before)?;
        *written = Some((path.to_owned(), view.clone()));
        Ok(view)
    }

    /// Before the system suspends the app: lets go of the database file's locks.
    ///
    /// # Errors
    /// What the disk says.
    pub fn suspend(&self) -> Result<(), Refusal> {
        Ok(self.inner.store.settle()?)
    }

    /// How the exchange stands. That the company has revoked this phone, or that its key is lost, outweighs whatever a try
    /// met; that it has dismissed it is said where nothing else stands in the way.
    fn standing(&self, connection: &Connection) -> Result<RunnerState, Trouble> {
        let mut runner = self.runner.state();
        let known = enrolment::find(connection)?;
        if enrolment::is_revoked(connection)? {
            runner.obstacle = Some(obstacle::of_revocation());
        } else if known.as_ref().is_some_and(|known| !joining::is_certified(known, &*self.inner.key)) {
            runner.obstacle = Some(obstacle::of_lost_key());
        } else if known.as_ref().is_some_and(|known| known.forked) {
            runner.obstacle = Some(obstacle::of(&Stop::NotAReceipt(NotAReceipt::Forked)));
        } else if runner.obstacle.as_ref().is_none_or(|met| !met.files.is_empty()) {
            // A file that can't be read is told with every run; what it is told beside is not told any more one day.
            let all = match known.is_some_and(|known| known.dismissed) {
                true => Some(obstacle::of_dismissal()),
                false => obstacle::of_lost_records(damage_row::lost(connection)?),
            };
            runner.obstacle = all.or(runner.obstacle);
        }
        Ok(runner)
    }

    /// What stands between the server and a record that is here.
    fn in_the_way(&self, connection: &Connection) -> Result<Option<Obstacle>, Trouble> {
        // That others are lost stands in no record's way; a file of its own may.
        Ok(match self.standing(connection)?.obstacle {
            Some(lost) if lost.code == obstacle::RECORDS_LOST => self.runner.state().obstacle,
            other => other,
        })
    }

    fn read<T>(&self, reading: impl Fn(&Connection) -> Result<T, Refusal>) -> Result<T, Refusal> {
        self.over_damage(|| self.inner.store.read(&reading))
    }

    fn write<T>(&self, writing: impl Fn(&Transaction<'_>) -> Result<T, Refusal>) -> Result<T, Refusal> {
        self.over_damage(|| self.inner.store.write(&writing))
    }

    /// Does it once more where it met damage and the store is mended: in a cellar a worker goes on with what can be read.
    fn over_damage<T>(&self, step: impl Fn() -> Result<T, Refusal>) -> Result<T, Refusal> {
        let store = &self.inner.store;
        let mended = store.mended();
        match step() {
            Err(refusal) if refusal.code == "device.damaged" && store.mend(mended).unwrap_or(false) => step(),
            done => done,
        }
    }

    fn desk(&self) -> Desk<'_> {
        Desk { key: &*self.inner.key, app: &self.inner.config.app_version }
    }

    fn stamp(&self) -> Stamp {
        self.inner.clock.stamp()
    }
}

impl Drop for FieldApp {
    fn drop(&mut self) {
        self.runner.stop();
    }
}

impl Inner {
    /// An exchange, and then the log of the store folded back, so that no save has to.
    fn run(&self) -> Result<Run, Stop> {
        let done = self.exchange();
        // All of it is as durable in the log; the next run tries again.
        let _ = self.store.fold();
        done
    }

    fn exchange(&self) -> Result<Run, Stop> {
        let _gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.store.read(enrolment::get)?;
        let done = self.speak(&known);
        let revoked = done.as_ref().is_err_and(obstacle::is_revocation);
        if revoked {
            // Whoever has it in hand now reads nothing more of anybody; its log stays.
            self.store.write::<_, Trouble>(|transaction| {
                enrolment::mark_revoked(transaction)?;
                mirror::forget_all(transaction)
            })?;
            blob::tidy(&self.store);
        }
        if known.forked && !revoked { Err(Stop::NotAReceipt(NotAReceipt::Forked)) } else { done }
    }

    /// A run of the courier. Nothing of a forked log may go: such a phone only asks to be let in, so that it too hears when
    /// the company has revoked or dismissed it.
    fn speak(&self, known: &enrolment::Enrolment) -> Result<Run, Stop> {
        let transport = self.transport(known)?;
        let courier = Courier {
            store: &self.store,
            key: &*self.key,
            clock: &*self.clock,
            speaker: &self.speaker,
            transport: &*transport,
            pass: &self.pass,
            load: &self.load,
        };
        let done = if known.forked { self.knock(&courier) } else { courier.run() };
        if let Some(way) = &mut *self.way() {
            way.lent = false;
        }
        done
    }

    fn knock(&self, courier: &Courier<'_>) -> Result<Run, Stop> {
        let dismissed = courier.knock()?;
        self.store.write::<_, Trouble>(|transaction| {
            let known = enrolment::get(transaction)?;
            let told_before = known.dismissed;
            enrolment::put(transaction, &enrolment::Enrolment { dismissed, ..known })?;
            if dismissed { mirror::dismiss(transaction, told_before) } else { Ok(()) }
        })?;
        if dismissed {
            blob::tidy(&self.store);
        }
        Ok(Run::default())
    }

    /// The way to the server, lent for a run; made where there is none to be trusted.
    fn transport(&self, known: &enrolment::Enrolment) -> Result<Arc<dyn Transport>, Stop> {
        let mut kept = self.way();
        if let Some(way) = kept.as_mut().filter(|way| way.url == known.url && !way.lent) {
            way.lent = true;
            return Ok(Arc::clone(&way.transport));
        }
        let trust = Trust { pin: known.pin, root_pem: self.config.root_pem.clone() };
        let transport = (self.connect)(&known.url, &trust).map_err(Trouble::from)?;
        *kept = Some(Way { url: known.url.clone(), transport: Arc::clone(&transport), lent: true });
        Ok(transport)
    }

    fn way(&self) -> MutexGuard<'_, Option<Way>> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refusal_of(stop: &Stop) -> Refusal {
    match stop {
        Stop::Trouble(Trouble::Refused(refusal)) => refusal.clone(),
        // Of an obstacle it is said that all records are here.
        Stop::Trouble(Trouble::Damaged(why)) => Trouble::Damaged(why.clone()).into(),
        stop => Refusal::from(&obstacle::of(stop)),
    }
}

fn read_invitation(text: &str) -> Result<Invitation, Refusal> {
    let by_hand = || {
        let (url, code) = text.trim().split_once(char::is_whitespace)?;
        let plausible = url.starts_with("http") && !code.trim().is_empty();
        plausible.then(|| Invitation { url: url.to_owned(), code: code.trim().to_owned(), pin: None, supplier: None })
    };
    Invitation::parse(text).or_else(by_hand).ok_or_else(|| {
        Refusal::new(
            "device.bad_invitation",
            "",
            "这不是登记二维码。请扫描公司发放的登记二维码，或输入“网址 登记码”。",
            "This is no enrolment code. Scan your company's code, or type: address code.",
        )
    })
}

impl From<SyncState> for Words {
    fn from(state: SyncState) -> Self {
        match state {
            SyncState::NotEnrolled => Self::new("本机尚未登记", "not enrolled"),
            SyncState::Idle => Self::new("全部已发送", "everything is sent"),
            SyncState::Waiting => Self::new("等待发送", "waiting to be sent"),
            SyncState::Syncing => Self::new("正在同步", "synchronising"),
            SyncState::Retrying => Self::new("稍后自动重试", "it is tried again by itself"),
            SyncState::Stuck => Self::new("需要处理", "needs somebody"),
        }
    }
}

/// What a folder still owes the server, without opening it as an app: for an app's icon and its warnings before
/// uninstalling.
///
/// # Errors
/// As [`FieldApp::open`].
pub fn owes(config: &Config) -> Result<crate::wire::Owes, Refusal> {
    let store = Store::open(&config.dir, config.key.as_ref())?;
    store.read(|connection| {
        let mut owes = blob_row::owes(connection)?;
        if let Some(known) = enrolment::find(connection)? {
            owes.ops = outbox_row::count_after(connection, known.device, known.acked)?;
        }
        Ok(owes)
    })
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<FieldApp>();
};
