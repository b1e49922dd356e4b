//! A visit as this phone knows it: the office's plan from the mirror, the worker's own facts from the log, folded by
//! the rules; and the world around it that checking asks for.

use std::iter;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use uuid::Uuid;

use super::clock::Anchor;
use super::mirror;
use super::outbox;
use super::store::blob_row;
use super::store::enrolment::{self, Enrolment};
use super::store::mirror_row::{self, DepartedVisit};
use super::store::outbox_row::{self, OutboxRow};
use super::trouble::Trouble;
use crate::canon::envelope::BlobRef;
use crate::canon::hash::Sha;
use crate::domain::event::{Event, Fact};
use crate::domain::instrument::Instrument;
use crate::domain::office_event::VisitPlan;
use crate::domain::plan::PlanVersion;
use crate::domain::visit::{Visit, fold};
use crate::domain::worker::Qualification;
use crate::domain::{Context, DeciCelsius, Now, RuleBook, Rules, VisitView, view};
use crate::id::{BootId, HouseholdId, VisitId};
use crate::time::{Estimate, Millis, Stamp, TimeQuality};
use crate::wire::feed_entity::{
    HOUSEHOLD, HouseholdEntity, INSTRUMENT, InstrumentEntity, RULES, RulesEntity, VISIT, VisitEntity, WORKER,
    WorkerEntity,
};

/// A visit with everything this phone knows around it.
pub struct CaseFile {
    /// Who acts here.
    pub enrolment: Enrolment,
    /// The visit, folded.
    pub visit: Visit,
    /// The worker's lane.
    pub lane: u64,
    /// The plan version the worker sees: the `basis` of what he does now.
    pub basis: u64,
    /// The dwelling, while the visit is open.
    pub household: Option<HouseholdEntity>,
    /// The worker himself.
    pub worker: Option<WorkerEntity>,
    /// The visit has left this phone's scope, and why.
    pub departed: Option<DepartedVisit>,
    /// What checking asks for.
    pub context: Context,
    /// The rows of the log behind it.
    pub rows: Vec<OutboxRow>,
    anchors: Vec<Anchor>,
}

impl CaseFile {
    /// Opens the file of a visit at `stamp`. A visit nobody knows of is an empty one.
    pub fn open(connection: &Connection, id: VisitId, stamp: Stamp) -> Result<Self, Trouble> {
        let enrolment = enrolment::get(connection)?;
        let (book, rules) = rules(connection)?;
        let mut visit = Visit::new(id, book);
        let rows = outbox_row::of_visit(connection, id)?;
        let told: Option<VisitEntity> = mirror::entity(connection, VISIT, &id.to_string())?;
        let departed = mirror::departed(connection, id)?;
        match (&told, &departed) {
            (Some(told), _) => fold_plan(&mut visit, told, &rows),
            (None, Some(departed)) => stand_in(&mut visit, departed),
            (None, None) => {}
        }
        let anchors = enrolment::anchors(connection)?;
        for row in &rows {
            fold(&mut visit, &own_fact(&enrolment, &anchors, row));
        }
        if let Some((n, at)) = handed_in(connection, &enrolment, &rows)? {
            visit.hand_in(enrolment.device, n, at);
        }
        let lane =
            told.as_ref().map_or_else(|| departed.as_ref().map_or(0, |departed| departed.lane), |told| told.lane);
        let basis = told.as_ref().map_or_else(|| visit.plan().version(), |told| told.version);
        let basis = departed.as_ref().filter(|_| told.is_none()).map_or(basis, |departed| departed.basis);
        let worker: Option<WorkerEntity> = mirror::entity(connection, WORKER, &enrolment.worker.to_string())?;
        let household_id = visit.plan().current().map(|version| version.plan.household);
        let household: Option<HouseholdEntity> = match household_id {
            Some(household) => mirror::entity(connection, HOUSEHOLD, &household.to_string())?,
            None => None,
        };
        let context = Context {
            now: now(connection, stamp)?,
            worker: Some(enrolment.worker),
            device: Some(enrolment.device),
            rules,
            qualification: worker.as_ref().map(qualification),
            instruments: instruments(connection)?,
            agreed: household.as_ref().and_then(|household| household.agreed_deci_celsius).map(DeciCelsius),
            blobs: Vec::new(),
        };
        Ok(Self { enrolment, visit, lane, basis, household, worker, departed, context, rows, anchors })
    }

    /// Goes on with what was just logged of the visit: the file as it would be opened then.
    pub fn go_on(mut self, connection: &Connection, logged: Vec<OutboxRow>) -> Result<Self, Trouble> {
        let planned = |file: &Self| (file.visit.plan().version(), file.household_id());
        let before = planned(&self);
        for row in &logged {
            fold(&mut self.visit, &own_fact(&self.enrolment, &self.anchors, row));
        }
        // A visit that is opened at the door has its plan from that act: its dwelling is still to be read.
        if planned(&self) != before {
            return Self::open(connection, self.visit.id(), self.context.now.stamp);
        }
        self.context.blobs.clear();
        self.rows.extend(logged);
        Ok(self)
    }

    /// When `stamp` was, as well as this phone can know: what a paper prints.
    pub fn time_of(&self, stamp: &Stamp) -> Millis {
        anchored(&self.anchors, stamp).map_or(Millis(stamp.wall_ms), |estimate| estimate.est)
    }

    /// What a screen reads of it.
    pub fn view(&self) -> VisitView {
        view(&self.visit, self.lane, &self.context)
    }

    /// The household the plan names.
    pub fn household_id(&self) -> Option<HouseholdId> {
        self.visit.plan().current().map(|version| version.plan.household)
    }

    /// The bundle the worker's lane is judged by: pinned at departure, before it the one in force.
    pub fn rules(&self) -> &Rules {
        let lane = self.visit.lane_of(self.lane, self.enrolment.device);
        self.visit.rules(lane).unwrap_or(&self.context.rules)
    }

    /// The files of an act, for checking.
    pub fn with_files(&mut self, connection: &Connection, shas: &[Sha]) -> Result<(), Trouble> {
        self.context.blobs.clear();
        for sha in shas {
            if let Some(row) = blob_row::find(connection, *sha)? {
                self.context.blobs.push(BlobRef { sha: row.sha, len: row.len, role: row.role });
            }
        }
        Ok(())
    }
}

/// A row of the log as a fact of the visit. All this folder has been is one worker's one log to its own eyes, in the order
/// it was written. When it was done is judged by the server's time where there is one, whatever the wall clock claims.
fn own_fact(enrolment: &Enrolment, anchors: &[Anchor], row: &OutboxRow) -> Fact {
    let fact = outbox::fact(row.clone());
    Fact { device: enrolment.device, seq: row.n, estimate: anchored(anchors, &row.t), ..fact }
}

/// Now, with the server's time where this boot has an anchor.
pub fn now(connection: &Connection, stamp: Stamp) -> Result<Now, Trouble> {
    let anchor = enrolment::anchor(connection, &stamp)?;
    Ok(Now { stamp, estimate: anchored(anchor.as_slice(), &stamp) })
}

/// The server's time of `stamp`, where its boot has an anchor.
fn anchored(anchors: &[Anchor], stamp: &Stamp) -> Option<Estimate> {
    let anchor = anchors.iter().find(|anchor| anchor.boot == stamp.boot);
    Some(Anchor::estimate(anchor, stamp)).filter(|estimate| estimate.quality == TimeQuality::Anchored)
}

/// The instruments of the register.
pub fn instruments(connection: &Connection) -> Result<Vec<Instrument>, Trouble> {
    let entities: Vec<(String, InstrumentEntity)> = mirror::entities(connection, INSTRUMENT)?;
    Ok(entities
        .into_iter()
        .map(|(_, entity)| Instrument {
            id: entity.id,
            number: entity.number,
            certificate: entity.certificate,
            verified_on: entity.verified_on,
            valid_until: entity.valid_until,
            correction: DeciCelsius(entity.correction_deci_celsius),
        })
        .collect())
}

/// All bundles at hand, and the one in force: the last the company's feed brought that this build understands, else
/// its own.
fn rules(connection: &Connection) -> Result<(RuleBook, Arc<Rules>), Trouble> {
    let (mut book, mut in_force) = (RuleBook::default(), Rules::builtin());
    for id in mirror_row::ids_by_change(connection, RULES)? {
        if let Some(bundle) = bundle(connection, &id)? {
            book.add(bundle.clone());
            in_force = bundle;
        }
    }
    Ok((book, in_force))
}

/// The bundle of this name, where this build understands it. Each is read once in a process: that takes longer than all
/// else that a save computes, and a name is its bundle's for ever.
fn bundle(connection: &Connection, name: &str) -> Result<Option<Arc<Rules>>, Trouble> {
    static READ: Mutex<Vec<Arc<Rules>>> = Mutex::new(Vec::new());
    let Ok(sha) = name.parse::<Sha>() else { return Ok(None) };
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let builtin = Rules::builtin();
    if let Some(known) = iter::once(&builtin).chain(&*read).find(|known| known.sha() == sha) {
        return Ok(Some(Arc::clone(known)));
    }
    let told: Option<RulesEntity> = mirror::entity(connection, RULES, name)?;
    let bundle = told.and_then(|told| Rules::parse(told.bundle?.get().as_bytes()).ok());
    let Some(bundle) = bundle.filter(|bundle| bundle.sha() == sha).map(Arc::new) else { return Ok(None) };
    read.push(Arc::clone(&bundle));
    Ok(Some(bundle))
}

fn qualification(worker: &WorkerEntity) -> Qualification {
    Qualification {
        badge_number: worker.badge_number.clone(),
        badge_valid_until: worker.badge_valid_until.clone(),
        pre_season_deci_hours: worker.preseason_deci_hours,
        theory_passed: worker.theory_passed,
        practical_passed: worker.practical_passed,
    }
}

/// The plan as the office tells it. That it was opened at a door stands in the log of this phone already if it was here.
fn fold_plan(visit: &mut Visit, told: &VisitEntity, own: &[OutboxRow]) {
    for event in told.plan.iter().filter(|event| own.iter().all(|row| row.op != event.op)) {
        let fact = Fact {
            op: event.op,
            device: event.device,
            seq: event.seq,
            worker: event.worker,
            basis: 0,
            rules: Sha::ZERO,
            stamp: Stamp { wall_ms: event.at.0, mono_ms: 0, boot: BootId(Uuid::nil()) },
            estimate: Some(Estimate::exact(event.at)),
            event: Event::parse(&event.kind, event.body.get()),
            blobs: Vec::new(),
        };
        fold(visit, &fact);
    }
}

/// The plan's versions as the office tells them.
pub(super) fn versions(told: &VisitEntity) -> Vec<PlanVersion> {
    let mut visit = Visit::new(told.id, RuleBook::default());
    fold_plan(&mut visit, told, &[]);
    visit.plan().versions.clone()
}

/// What is still known of a plan that has left, and that the visit is nobody's of whom this phone knows.
fn stand_in(visit: &mut Visit, departed: &DepartedVisit) {
    let versions = &departed.plan.versions;
    let Some(last) = versions.last().cloned() else { return };
    // No worker of this phone has a lane of that number: lane 0 may be his who opened the visit.
    let next = departed.basis + 1;
    let gone = VisitPlan { assignee: None, ..last.plan };
    visit.mirror(versions.iter().cloned().chain([PlanVersion { version: next, lane: next, plan: gone, ..last }]));
}

/// Up to which row of the visit the server has everything, files too, and when it said so (F.13).
fn handed_in(
    connection: &Connection,
    enrolment: &Enrolment,
    rows: &[OutboxRow],
) -> Result<Option<(u64, Millis)>, Trouble> {
    let mut through = None;
    for row in rows {
        if row.device == enrolment.device && row.seq > enrolment.acked {
            break;
        }
        for blob in &row.blobs {
            if !blob_row::find(connection, blob.sha)?.is_none_or(|row| row.whole) {
                return Ok(through.zip(enrolment.synced));
            }
        }
        through = Some(row.n);
    }
    Ok(through.zip(enrolment.synced))
}
