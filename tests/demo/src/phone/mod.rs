//! One worker's phone: the real core in a folder of its own, with a clock that is moved by hand, a camera that draws
//! and a pad that somebody signs. It speaks with the server only when it is told to.

mod visit;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::app::{Config, FieldApp};
use nuanfang_core::device::clock::{Clock, SoftwareClock};
use nuanfang_core::device::desk_view::FieldVisit;
use nuanfang_core::device::signing::{RefuseRequest, SignRequest};
use nuanfang_core::device::status::SyncStatus;
use nuanfang_core::domain::place::{Datum, PlaceFix};
use nuanfang_core::domain::signature::{Purpose, Signer, SignerRole};
use nuanfang_core::domain::{Command, Place};
use nuanfang_core::id::VisitId;
use nuanfang_core::record::{SoftwareKey, Strokes, Witness};
use nuanfang_core::time::Millis;

pub use self::visit::{Departure, Line, Warmth};
use crate::Done;
use crate::pen;
use crate::picture::{self, Subject};

/// Pixels of an everyday picture: drawn fast, and as large as evidence may be useful.
pub const PICTURE: (u32, u32) = (960, 720);

/// Milliseconds of a minute.
const MINUTE: u64 = 60_000;

/// A phone.
pub struct Phone {
    /// The app on it.
    pub app: FieldApp,
    /// Its clocks.
    pub clock: Arc<SoftwareClock>,
    folder: PathBuf,
    wrong_by_ms: i64,
    pictures: Cell<u64>,
}

/// A picture about to be taken.
#[derive(Debug, Clone, Copy)]
pub struct Shot {
    /// What it is for: one of `domain::role`.
    pub role: &'static str,
    /// What it shows.
    pub subject: Subject,
}

impl Phone {
    /// Switches on the phone of `folder`, which is made if it is not there; whatever it holds goes on. Its clock shows
    /// `now`, wrong by `wrong_by_ms` milliseconds.
    ///
    /// # Errors
    /// What the core says of the folder.
    pub fn open(folder: &Path, now: Millis, wrong_by_ms: i64) -> Done<Self> {
        std::fs::create_dir_all(folder)?;
        let key = Arc::new(key(&folder.join("key.der"))?);
        let clock = Arc::new(SoftwareClock::at(Millis(now.0 + wrong_by_ms)));
        let app = FieldApp::open(Config::new(folder), key, clock.clone())?;
        Ok(Self { app, clock, folder: folder.to_owned(), wrong_by_ms, pictures: Cell::new(0) })
    }

    /// The process ends as if it were killed, without a word to anything; the phone is switched on again.
    ///
    /// # Errors
    /// As [`Phone::open`].
    pub fn killed(self) -> Done<Self> {
        let (now, pictures) = (self.now(), self.pictures.get());
        let Self { app, folder, wrong_by_ms, .. } = self;
        std::mem::forget(app);
        let phone = Self::open(&folder, now, wrong_by_ms)?;
        phone.pictures.set(pictures);
        Ok(phone)
    }

    /// What time it is, whatever the phone's own clock shows.
    pub fn now(&self) -> Millis {
        Millis(self.clock.stamp().wall_ms - self.wrong_by_ms)
    }

    /// Lets minutes pass.
    pub fn wait(&self, minutes: u64) {
        self.clock.advance_ms(minutes * MINUTE);
    }

    /// Lets time pass until `then`.
    pub fn wait_until(&self, then: Millis) {
        self.clock.advance_to(Millis(then.0 + self.wrong_by_ms));
    }

    /// Enrols it with the text of a code and fetches its scope.
    ///
    /// # Errors
    /// What core or server say.
    pub fn enrol(&self, invitation: &str, name: &str) -> Done<()> {
        self.app.enrol(invitation, name)?;
        self.sync().map(drop)
    }

    /// One whole exchange with the server.
    ///
    /// # Errors
    /// Why it stopped.
    pub fn sync(&self) -> Done<SyncStatus> {
        Ok(self.app.sync_once()?)
    }

    /// A visit as its screen shows it.
    ///
    /// # Errors
    /// As the core's.
    pub fn visit(&self, visit: VisitId) -> Done<FieldVisit> {
        Ok(self.app.visit(visit)?)
    }

    /// Does an act, half a minute after the one before.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn act(&self, visit: VisitId, command: &Command) -> Done<FieldVisit> {
        self.act_with(visit, command, &[])
    }

    /// Does an act with pictures taken for it.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn act_with(&self, visit: VisitId, command: &Command, shots: &[Shot]) -> Done<FieldVisit> {
        self.clock.advance_ms(MINUTE / 2);
        let photos = shots.iter().map(|shot| self.take(visit, *shot)).collect::<Done<Vec<_>>>()?;
        Ok(self.app.act(visit, command, &photos)?)
    }

    /// Asks for an act that a rule forbids; its code.
    ///
    /// # Errors
    /// When nothing forbids it.
    pub fn refused(&self, visit: VisitId, command: &Command) -> Done<String> {
        match self.app.act(visit, command, &[]) {
            Ok(_) => Err(format!("{command:?}: 应被规则阻止，却被接受 allowed, and had to be refused").into()),
            Err(refusal) => Ok(refusal.code),
        }
    }

    /// Takes a picture; it belongs to no act yet.
    ///
    /// # Errors
    /// Why it can't be evidence.
    pub fn take(&self, visit: VisitId, shot: Shot) -> Done<Sha> {
        self.take_sized(visit, shot, PICTURE)
    }

    /// Takes a picture of so many pixels.
    ///
    /// # Errors
    /// Why it can't be evidence.
    pub fn take_sized(&self, visit: VisitId, shot: Shot, (width, height): (u32, u32)) -> Done<Sha> {
        self.pictures.set(self.pictures.get() + 1);
        // The camera's grain: no two pictures are alike, not even of the same wall.
        let seed = visit.0.as_u64_pair().1.wrapping_add(self.clock.stamp().mono_ms).wrapping_add(self.pictures.get());
        let bytes = picture::photo(shot.subject, width, height, seed);
        Ok(self.app.capture_photo(visit, shot.role, &bytes)?.sha)
    }

    /// The resident reads what stands on the screen, and signs it a minute later.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn sign(&self, visit: VisitId, purpose: Purpose) -> Done<FieldVisit> {
        let shown = self.app.prepare_record(visit, &purpose)?;
        self.wait(1);
        let signer = self.resident(visit)?;
        let strokes = pen::strokes(shown.shown_sha.0[0].into());
        let request = SignRequest {
            purpose,
            signer,
            image_png: pen::png(&strokes),
            strokes: pad(strokes),
            keep_strokes: true,
            shown_sha: shown.shown_sha,
            photos: Vec::new(),
            witness: None,
            place: self.place(visit)?,
        };
        Ok(self.app.sign(visit, &request)?)
    }

    /// The resident reads it and does not sign; a photo and a witness stand for the signature.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn refuse(
        &self,
        visit: VisitId,
        purpose: Purpose,
        reason: &str,
        shot: Shot,
        witness: Witness,
    ) -> Done<FieldVisit> {
        let shown = self.app.prepare_record(visit, &purpose)?;
        self.wait(1);
        let request = RefuseRequest {
            purpose,
            signer: self.resident(visit)?,
            reason: reason.to_owned(),
            witness: Some(witness),
            shown_sha: shown.shown_sha,
            photos: vec![self.take(visit, shot)?],
            place: self.place(visit)?,
        };
        Ok(self.app.refuse(visit, &request)?)
    }

    /// Who opens the door: the tenant where there is one, else the owner.
    fn resident(&self, visit: VisitId) -> Done<Signer> {
        let household = self.visit(visit)?.household.ok_or("the household is not on this phone")?;
        Ok(match (household.tenant_name, household.owner_name) {
            (Some(name), _) => Signer { name, role: SignerRole::Tenant },
            (None, Some(name)) => Signer { name, role: SignerRole::Owner },
            (None, None) => return Err("the ledger names nobody".into()),
        })
    }

    /// Where the phone is: at the household's point, marked as made up; none where nobody has surveyed it.
    ///
    /// # Errors
    /// As the core's.
    pub fn place(&self, visit: VisitId) -> Done<Place> {
        let point = self.visit(visit)?.household.and_then(|household| household.point);
        let Some(point) = point else { return Ok(Place::None { reason: "no_signal".into() }) };
        let datum = match point.datum.as_str() {
            "CGCS2000" => Datum::Cgcs2000,
            "GCJ-02" => Datum::Gcj02,
            "BD-09" => Datum::Bd09,
            _ => Datum::Wgs84,
        };
        Ok(Place::Fix(PlaceFix {
            lat_e7: i32::try_from(point.latitude_e7 + 310)?,
            lon_e7: i32::try_from(point.longitude_e7 - 220)?,
            datum,
            accuracy_m: 8,
            provider: "gps".into(),
            mock: true,
            at: Millis(self.clock.stamp().wall_ms),
        }))
    }
}

fn pad(strokes: Vec<Vec<pen::Touch>>) -> Strokes {
    let points = |stroke: Vec<pen::Touch>| stroke.into_iter().map(|(x, y, at)| [x, y, at as i32]).collect();
    Strokes { schema: 1, width: pen::WIDTH, height: pen::HEIGHT, strokes: strokes.into_iter().map(points).collect() }
}

/// The key that a phone's keystore would hold.
fn key(file: &Path) -> Done<SoftwareKey> {
    match std::fs::read(file) {
        Ok(der) => Ok(SoftwareKey::from_pkcs8_der(&der)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = SoftwareKey::generate();
            std::fs::write(file, key.to_pkcs8_der())?;
            Ok(key)
        }
        Err(error) => Err(error.into()),
    }
}
