//! The phone on a failing disk.

use std::collections::HashMap;
use std::sync::Arc;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::app::FieldApp;
use nuanfang_core::device::clock::SoftwareClock;
use nuanfang_core::domain::role;
use nuanfang_core::error::Refusal;
use nuanfang_core::id::{VisitId, WorkerId};
use nuanfang_server::clock::HandClock;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{Ran, Trial, is_chinese, power_cut};
use crate::disk::{Disk, Fault};
use crate::house::{House, MORNING, runtime};
use crate::phone::{FORM, emergency, notify, open, photograph, picture, read_log, refused};
use crate::replay::Replay;
use crate::scratch::{Scratch, open_whole};
use crate::sweep::Fallible;

/// A worker who goes on tapping.
pub struct PhoneTrial {
    house: House,
    scratch: Scratch,
    workers: u128,
    pictures: u64,
    _runtime: Runtime,
}

#[derive(Clone, Copy)]
enum Step {
    Notify(i64),
    Photo,
    Draft(&'static str),
    Sync,
    Suspend,
}

const STEPS: [Step; 11] = [
    Step::Notify(10),
    Step::Draft("一"),
    Step::Photo,
    Step::Notify(20),
    Step::Sync,
    Step::Draft("二"),
    Step::Notify(30),
    Step::Suspend,
    Step::Photo,
    Step::Sync,
    Step::Notify(40),
];

struct Hand {
    app: FieldApp,
    visit: VisitId,
    saved: usize,
    photos: Vec<Sha>,
    loose: Vec<Sha>,
    draft: Option<String>,
}

impl PhoneTrial {
    /// With a server whose disk works.
    ///
    /// # Errors
    /// If there is no room for it.
    pub fn new() -> Fallible<Self> {
        let (runtime, scratch) = (runtime()?, Scratch::new()?);
        let house = House::open(runtime.handle(), &scratch.place("data"), Arc::new(HandClock::at(MORNING)))?;
        Ok(Self { house, scratch, workers: 0, pictures: 0, _runtime: runtime })
    }

    fn step(&mut self, hand: &mut Hand, step: Step) -> Result<(), Refusal> {
        match step {
            Step::Notify(minutes) => {
                hand.app.act(hand.visit, &notify(minutes), &[])?;
                hand.saved += 1;
            }
            Step::Photo => {
                self.pictures += 1;
                let photo = hand.app.capture_photo(hand.visit, role::PHOTO_OTHER, &picture(self.pictures))?;
                hand.loose.push(photo.sha);
                hand.app.act(hand.visit, &photograph(), &[photo.sha])?;
                hand.photos.push(photo.sha);
                hand.saved += 1;
            }
            Step::Draft(text) => {
                hand.app.save_draft(hand.visit, FORM, text)?;
                hand.draft = Some(text.to_owned());
            }
            Step::Sync => drop(hand.app.sync_once()?),
            Step::Suspend => hand.app.suspend()?,
        }
        Ok(())
    }
}

/// Whether its worker is told in Chinese what happened, and that nothing is lost.
pub(super) fn said_well(refusal: &Refusal) -> Fallible<()> {
    if &*refusal.code == "sync.broke_off" {
        return Err(format!("it panicked: {}", refusal.zh).into());
    }
    let nothing_lost = ["之前的记录都在", "再做一次", "记录都在本机", "没有保存"];
    if !is_chinese(&refusal.zh) || !nothing_lost.iter().any(|words| refusal.zh.contains(words)) {
        return Err(format!("{} does not say that nothing is lost: {}", refusal.code, refusal.zh).into());
    }
    Ok(())
}

impl Trial for PhoneTrial {
    const NAME: &'static str = "phone";

    fn run(&mut self, from: Option<(usize, Fault)>) -> Fallible<Ran> {
        self.workers += 1;
        let dir = TempDir::new_in(self.scratch.place(""))?;
        let disk = Disk::record(dir.path())?;
        let folder = disk.root().join("phone");
        let clock = Arc::new(SoftwareClock::at(MORNING));
        let app = open(&folder, Arc::new(self.house.clone()), &clock)?;
        let invitation = self.house.invitation(WorkerId(Uuid::from_u128(self.workers)))?;
        let device = app.enrol(&invitation.to_text(), "示例手机").map_err(refused)?.device;
        let visit = VisitId(Uuid::now_v7());
        app.act(visit, &emergency(visit), &[]).map_err(refused)?;
        let mut hand = Hand { app, visit, saved: 1, photos: Vec::new(), loose: Vec::new(), draft: None };
        let before = disk.changes();
        if let Some((change, fault)) = from {
            disk.fail_from(before + change, fault);
        }
        let (mut codes, mut again) = (Vec::new(), Vec::new());
        for step in STEPS {
            clock.advance_ms(60_000);
            if let Err(refusal) = self.step(&mut hand, step) {
                said_well(&refusal)?;
                codes.push(refusal.code.to_string());
                again.push(step);
            }
        }
        let (changes, syncs) = (disk.changes() - before, disk.syncs_since(before));
        disk.heal();
        // Screens show what was saved, whatever the disk did.
        let shown = hand.app.visit_records(visit).map_err(refused)?.len();
        if shown != hand.saved {
            return Err(format!("{} acts were called saved, {shown} are shown", hand.saved).into());
        }
        for step in again {
            self.step(&mut hand, step).map_err(refused)?;
        }
        hand.app.sync_once().map_err(refused)?;
        check(&hand)?;
        let Hand { app, saved, draft, .. } = hand;
        drop(app);
        let log = read_log(&Connection::open(folder.join("phone.db"))?)?;
        let record = disk.finish();
        let place = self.scratch.place("cut");
        power_cut(&mut Replay::new(&record)).lay_out(&place, |_| true)?;
        let db = open_whole(&place.join("phone/phone.db"))?;
        if log.len() != saved || read_log(&db)? != log {
            return Err(format!("{saved} acts were called saved, after a power cut others are there").into());
        }
        let mut drafts = db.prepare("SELECT visit, body FROM draft")?;
        let drafts: HashMap<[u8; 16], String> =
            drafts.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        if drafts.get(visit.0.as_bytes()) != draft.as_ref() {
            return Err("the draft that was saved is not there after a power cut".into());
        }
        let kept = self.house.state.store.read_now(|db| nuanfang_server::office::log::find_writer(db, device))?;
        match kept {
            Some(head) if head.acked == saved as u64 => Ok(Ran { changes, syncs, refused: codes }),
            head => Err(format!("the server has {head:?} of {saved} records").into()),
        }
    }
}

fn check(hand: &Hand) -> Fallible<()> {
    for sha in hand.photos.iter().chain(&hand.loose) {
        hand.app.photo(*sha).map_err(refused)?;
    }
    if hand.app.draft(hand.visit, FORM).map_err(refused)? != hand.draft {
        return Err("the draft is not the last one that was saved".into());
    }
    let status = hand.app.status().map_err(refused)?;
    if status.ops_waiting + status.files_waiting > 0 {
        return Err(
            format!("{} operations and {} files wait for ever", status.ops_waiting, status.files_waiting).into()
        );
    }
    Ok(())
}
