//! The one long-lived object a screen holds. Each call does one thing in the core; those that use the network say so,
//! and belong off the thread that draws.

use std::path::Path;
use std::sync::Arc;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::app::Config;
use nuanfang_core::device::desk_view::{EnrolmentView, FieldVisit, PhotoRef, VisitSummary};
use nuanfang_core::device::rescue::RescueView;
use nuanfang_core::device::signing::{self, RecordPreview};
use nuanfang_core::device::status::{RecordStatus, SyncStatus};
use nuanfang_core::domain::Place;
use nuanfang_core::domain::command::Command;
use nuanfang_core::domain::signature::{Purpose, Signer};
use nuanfang_core::domain::worker_event::Opened;
use nuanfang_core::error::Refusal;
use nuanfang_core::id::{HouseholdId, VisitId};
use nuanfang_core::record::Witness;
use nuanfang_core::wire::feed_entity::{
    CompanyEntity, HouseholdEntity, InstrumentEntity, PriceListEntity, WorkerEntity,
};

use crate::key::{ForeignClock, Keystore, KeystoreKey, PlatformClock};

/// Why an act may not be done: said to the worker in `zh`, with the clause it stands on.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum FieldError {
    /// A rule, the store or the exchange refuses; nothing is lost.
    #[error("{code} {clause} {zh}")]
    Refused {
        /// Stable, for programs.
        code: String,
        /// `F.10`; empty for a rule of ours alone.
        clause: String,
        /// What is missing and what to do.
        zh: String,
        /// The same in English.
        en: String,
    },
}

impl From<Refusal> for FieldError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { code: refusal.code, clause: refusal.clause, zh: refusal.zh, en: refusal.en }
    }
}

type Answer<T> = Result<T, FieldError>;

/// How a phone's folder is opened.
#[derive(uniffi::Record)]
pub struct FieldConfig {
    /// The enrolment's own folder, excluded from the system's backups.
    pub dir: String,
    /// The 32 bytes of the database's key, kept by the platform's keystore.
    pub key: Option<Vec<u8>>,
    /// The phone's zone by name.
    pub tz: String,
    /// The app's version and build.
    pub app_version: String,
    /// A company's own TLS root, PEM.
    pub root_pem: Option<Vec<u8>>,
}

/// A touch of the pad: place in its units, milliseconds since the first.
#[derive(Clone, Copy, uniffi::Record)]
pub struct StrokePoint {
    /// From the left.
    pub x: i32,
    /// From the top.
    pub y: i32,
    /// Since the first touch, milliseconds.
    pub at_ms: i32,
}

/// A signature as it was drawn.
#[derive(uniffi::Record)]
pub struct Strokes {
    /// Width of the pad.
    pub width: u32,
    /// Height of the pad.
    pub height: u32,
    /// Each from touching down to lifting.
    pub strokes: Vec<Vec<StrokePoint>>,
}

/// A signature, as the pad gave it.
#[derive(uniffi::Record)]
pub struct SignRequest {
    /// What is signed.
    pub purpose: Purpose,
    /// Who signs.
    pub signer: Signer,
    /// The strokes.
    pub strokes: Strokes,
    /// The picture of them, PNG.
    pub image_png: Vec<u8>,
    /// The signer agrees that the strokes are kept.
    pub keep_strokes: bool,
    /// What was shown, as the preview named it.
    pub shown_sha: Sha,
    /// Photos that belong to it and to no act before.
    pub photos: Vec<Sha>,
    /// A second person who saw it.
    pub witness: Option<Witness>,
    /// Where.
    pub place: Place,
}

/// A refusal to sign (拒签).
#[derive(uniffi::Record)]
pub struct RefuseRequest {
    /// What is not signed.
    pub purpose: Purpose,
    /// Who refused; the name may be empty.
    pub signer: Signer,
    /// Why, in the worker's words.
    pub reason: String,
    /// A second person who saw it.
    pub witness: Option<Witness>,
    /// What was shown, as the preview named it.
    pub shown_sha: Sha,
    /// Photos that stand for the signature.
    pub photos: Vec<Sha>,
    /// Where.
    pub place: Place,
}

/// One enrolment of one worker on one phone.
#[derive(uniffi::Object)]
pub struct FieldApp(nuanfang_core::device::app::FieldApp);

#[uniffi::export]
impl FieldApp {
    /// Opens the folder, or makes it.
    #[uniffi::constructor]
    pub fn new(config: FieldConfig, keystore: Arc<dyn Keystore>, clock: Arc<dyn PlatformClock>) -> Answer<Self> {
        let key = match config.key.map(<[u8; 32]>::try_from) {
            None => None,
            Some(Ok(key)) => Some(key),
            Some(Err(bytes)) => {
                let en = format!("the database key has {} bytes, not 32", bytes.len());
                return Err(Refusal::new(
                    "device.database_key",
                    "",
                    "数据库密钥长度不对。记录都在本机，请不要卸载应用，并联系调度。",
                    en,
                )
                .into());
            }
        };
        let opened = Config {
            key,
            tz: config.tz,
            app_version: config.app_version,
            root_pem: config.root_pem,
            ..Config::new(config.dir)
        };
        let keystore = Arc::new(KeystoreKey::new(keystore));
        Ok(Self(nuanfang_core::device::app::FieldApp::open(opened, keystore, Arc::new(ForeignClock(clock)))?))
    }

    /// Enrols with a QR's text, or the address and code typed by hand. Uses the network.
    pub fn enrol(&self, invitation: &str, phone_name: &str) -> Answer<EnrolmentView> {
        Ok(self.0.enrol(invitation, phone_name)?)
    }

    /// Who is enrolled here.
    pub fn enrolment(&self) -> Answer<Option<EnrolmentView>> {
        Ok(self.0.enrolment()?)
    }

    /// The worker's visits, next one first.
    pub fn visits(&self) -> Answer<Vec<VisitSummary>> {
        Ok(self.0.visits()?)
    }

    /// One visit in full.
    pub fn visit(&self, visit: VisitId) -> Answer<FieldVisit> {
        Ok(self.0.visit(visit)?)
    }

    /// Does an act: checked, appended and queued in one step, or refused.
    pub fn act(&self, visit: VisitId, command: Command, photos: Vec<Sha>) -> Answer<FieldVisit> {
        Ok(self.0.act(visit, &command, &photos)?)
    }

    /// Opens a visit that nobody planned.
    pub fn open_visit(&self, opened: Opened) -> Answer<FieldVisit> {
        Ok(self.0.open_visit(&opened)?)
    }

    /// Takes in what the camera gave; on the disk and encrypted when it returns.
    pub fn capture_photo(&self, visit: VisitId, role: &str, bytes: Vec<u8>) -> Answer<PhotoRef> {
        Ok(self.0.capture_photo(visit, role, &bytes)?)
    }

    /// A photo to show, JPEG.
    pub fn photo(&self, sha: Sha) -> Answer<Vec<u8>> {
        Ok(self.0.photo(sha)?)
    }

    /// Throws away a photo that no act names.
    pub fn discard_photo(&self, sha: Sha) -> Answer<()> {
        Ok(self.0.discard_photo(sha)?)
    }

    /// The draft of a form.
    pub fn draft(&self, visit: VisitId, form: &str) -> Answer<Option<String>> {
        Ok(self.0.draft(visit, form)?)
    }

    /// Saves the draft of a form; call it at every change.
    pub fn save_draft(&self, visit: VisitId, form: &str, body: &str) -> Answer<()> {
        Ok(self.0.save_draft(visit, form, body)?)
    }

    /// Forgets the draft of a form.
    pub fn discard_draft(&self, visit: VisitId, form: &str) -> Answer<()> {
        Ok(self.0.discard_draft(visit, form)?)
    }

    /// What the resident reads before he signs.
    pub fn prepare_record(&self, visit: VisitId, purpose: Purpose) -> Answer<RecordPreview> {
        Ok(self.0.prepare_record(visit, &purpose)?)
    }

    /// Signs what was shown.
    pub fn sign(&self, visit: VisitId, request: SignRequest) -> Answer<FieldVisit> {
        Ok(self.0.sign(visit, &request.into())?)
    }

    /// Records that the resident read and does not sign.
    pub fn refuse(&self, visit: VisitId, request: RefuseRequest) -> Answer<FieldVisit> {
        Ok(self.0.refuse(visit, &request.into())?)
    }

    /// Shows a masked field, leaving who looked and why in the log.
    pub fn unmask(&self, household: HouseholdId, field: &str, reason: &str) -> Answer<String> {
        Ok(self.0.unmask(household, field, reason)?)
    }

    /// The company.
    pub fn company(&self) -> Answer<Option<CompanyEntity>> {
        Ok(self.0.company()?)
    }

    /// The worker's own badge and training.
    pub fn worker(&self) -> Answer<Option<WorkerEntity>> {
        Ok(self.0.worker()?)
    }

    /// A dwelling, while a visit to it is open.
    pub fn household(&self, household: HouseholdId) -> Answer<Option<HouseholdEntity>> {
        Ok(self.0.household(household)?)
    }

    /// The register of instruments.
    pub fn instruments(&self) -> Answer<Vec<InstrumentEntity>> {
        Ok(self.0.instruments()?)
    }

    /// The price lists, newest in force first.
    pub fn price_lists(&self) -> Answer<Vec<PriceListEntity>> {
        Ok(self.0.price_lists()?)
    }

    /// One whole run of the exchange, here and now. Uses the network.
    pub fn sync_once(&self) -> Answer<SyncStatus> {
        Ok(self.0.sync_once()?)
    }

    /// Starts the exchange in the background.
    pub fn start_sync(&self) -> Answer<()> {
        Ok(self.0.start_sync()?)
    }

    /// Lets the background exchange end.
    pub fn stop_sync(&self) {
        self.0.stop_sync();
    }

    /// A tap on "sync", or a change of the network: tried at once, in the background.
    pub fn sync_now(&self) {
        self.0.sync_now();
    }

    /// How the exchange stands.
    pub fn status(&self) -> Answer<SyncStatus> {
        Ok(self.0.status()?)
    }

    /// Records with their state, newest first.
    pub fn records(&self, before: Option<u64>, limit: u32) -> Answer<Vec<RecordStatus>> {
        Ok(self.0.records(before, limit)?)
    }

    /// The records of one visit with their state.
    pub fn visit_records(&self, visit: VisitId) -> Answer<Vec<RecordStatus>> {
        Ok(self.0.visit_records(visit)?)
    }

    /// Writes everything this phone still holds into one file at `path` that only the company can open, for a phone that
    /// can't send any more. Takes as long as its photos are large.
    pub fn export_rescue(&self, path: String) -> Answer<RescueView> {
        Ok(self.0.export_rescue(Path::new(&path))?)
    }

    /// Releases the database's locks before the system suspends the app (iOS).
    pub fn suspend(&self) -> Answer<()> {
        Ok(self.0.suspend()?)
    }
}

impl From<Strokes> for nuanfang_core::record::Strokes {
    fn from(drawn: Strokes) -> Self {
        let touches = |stroke: Vec<StrokePoint>| stroke.iter().map(|point| [point.x, point.y, point.at_ms]).collect();
        Self {
            schema: 1,
            width: drawn.width,
            height: drawn.height,
            strokes: drawn.strokes.into_iter().map(touches).collect(),
        }
    }
}

impl From<SignRequest> for signing::SignRequest {
    fn from(request: SignRequest) -> Self {
        Self {
            purpose: request.purpose,
            signer: request.signer,
            strokes: request.strokes.into(),
            image_png: request.image_png,
            keep_strokes: request.keep_strokes,
            shown_sha: request.shown_sha,
            photos: request.photos,
            witness: request.witness,
            place: request.place,
        }
    }
}

impl From<RefuseRequest> for signing::RefuseRequest {
    fn from(request: RefuseRequest) -> Self {
        Self {
            purpose: request.purpose,
            signer: request.signer,
            reason: request.reason,
            witness: request.witness,
            shown_sha: request.shown_sha,
            photos: request.photos,
            place: request.place,
        }
    }
}
