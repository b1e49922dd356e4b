//! Reading a visit in full: folded from the log, shown as the core shows it, with times, files and documents beside.

use std::collections::HashMap;
use std::sync::Arc;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::inspection::{FindingResult, FixtureOwner};
use nuanfang_core::domain::office_event::LateDecision;
use nuanfang_core::domain::show::event_label;
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::domain::view::{self as core_view, WorkState};
use nuanfang_core::domain::{Context, Event, Now, Rules, Visit, overview, role as blob_role, view};
use nuanfang_core::id::{OpId, VisitId};
use nuanfang_core::time::{DeadlineVerdict, Estimate, Millis, Stamp, TimeQuality};
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use uuid::Uuid;

use super::details::details;
use super::permit::{Permit, ReadDocuments, ReadTasks, SeePhotos};
use super::views::{Named, PunctualView, RefusalView, TimeQualityName, TimeView};
use super::visit_view::{
    ChecklistItemView, ChecklistView, DetailView, DocumentKind, DocumentView, EventView, FileView, FindingView,
    FormFieldView, ItemStateName, LaneView, LateChoice, LateDecisionView, MeasurementView, PhotoView, PlanView,
    QuoteLineView, QuoteView, RoomView, SignatureView, VisitView,
};
use super::{cards, no_visit, tasks};
use crate::http::Problem;
use crate::office::log::{self, Logged};
use crate::office::role::Role;
use crate::office::{folded, registers};
use crate::state::AppState;
use crate::store::StoreError;
use crate::store::blobs::Blobs;

/// What reading needs beside the database.
#[derive(Clone)]
pub(super) struct Reader {
    blobs: Blobs,
    now: Millis,
    rules: Arc<Rules>,
}

/// Everything about one visit, in order, with what the views look up.
struct Story {
    visit: Visit,
    events: Vec<Logged>,
    by_op: HashMap<OpId, usize>,
    names: HashMap<Uuid, String>,
}

impl Reader {
    pub(super) fn of(state: &AppState) -> Self {
        Self { blobs: state.blobs.clone(), now: state.now(), rules: Rules::builtin() }
    }

    /// The visit as far as `role` goes.
    pub(super) fn read(&self, db: &Connection, id: VisitId, role: Role) -> Result<VisitView, Problem> {
        let card = cards::one(db, id, role)?.ok_or_else(no_visit)?;
        let story = Story::tell(db, id)?.ok_or_else(no_visit)?;
        let sees_photos = SeePhotos::ROLES.contains(&role);
        let (mut lanes, mut photos, mut signatures) = (Vec::new(), Vec::new(), Vec::new());
        for told in overview(&story.visit).lanes {
            let shown = view(&story.visit, told.lane, &self.context(&told));
            photos.extend(shown.photos.iter().filter_map(|photo| self.photo(db, &story, photo).transpose()));
            for mark in &shown.signatures {
                signatures.extend(signature(db, &story, mark)?);
            }
            lanes.push(lane(&story, &told, &shown));
        }
        let photos = photos.into_iter().collect::<Result<Vec<_>, StoreError>>()?;
        let documents = if ReadDocuments::ROLES.contains(&role) { self.documents_of(&story) } else { Vec::new() };
        let tasks = if ReadTasks::ROLES.contains(&role) { tasks::of_visit(db, id.0, role)? } else { Vec::new() };
        Ok(VisitView {
            plan: plan(&story).ok_or_else(no_visit)?,
            household: card.household.clone(),
            lanes,
            timeline: self.timeline(db, &story)?,
            photos: if sees_photos { photos } else { Vec::new() },
            signatures,
            documents,
            tasks,
            card,
        })
    }

    /// A visit's documents.
    pub(super) fn documents(&self, db: &Connection, id: VisitId) -> Result<Vec<DocumentView>, Problem> {
        let story = Story::tell(db, id)?.ok_or_else(no_visit)?;
        Ok(self.documents_of(&story))
    }

    fn context(&self, lane: &core_view::LaneView) -> Context {
        let stamp = Stamp { wall_ms: self.now.0, mono_ms: 0, boot: nuanfang_core::id::BootId(Uuid::nil()) };
        let now = Now { stamp, estimate: Some(Estimate::exact(self.now)) };
        Context { device: lane.device, ..Context::looking(now, Arc::clone(&self.rules)) }
    }

    fn photo(
        &self,
        db: &Connection,
        story: &Story,
        photo: &core_view::PhotoView,
    ) -> Result<Option<PhotoView>, StoreError> {
        let Some(logged) = story.event(photo.op) else { return Ok(None) };
        let flag: Option<Option<String>> = db
            .prepare_cached("SELECT flag FROM blob WHERE sha = ?1")?
            .query_row([photo.sha.0.as_slice()], |row| row.get(0))
            .optional()?;
        Ok(Some(PhotoView {
            sha: photo.sha.to_string(),
            zh: photo_label(&photo.role).to_owned(),
            role: photo.role.clone(),
            subject: photo.subject.clone(),
            time: time(logged),
            worker: story.named(logged.fact.worker.0),
            whole: self.blobs.has(&photo.sha),
            flagged: flag.flatten().is_some(),
        }))
    }

    fn documents_of(&self, story: &Story) -> Vec<DocumentView> {
        let mut documents = Vec::new();
        for logged in &story.events {
            let Some((sha, purpose, refused)) = carried(&logged.fact.event) else { continue };
            let (kind, title) = document_kind(purpose, refused);
            let forms = story.visit.office().forms.iter().filter(|form| form.record_sha == *sha);
            let completed = forms.flat_map(|form| &form.fields);
            documents.push(DocumentView {
                id: sha.to_string(),
                kind,
                title: title.to_owned(),
                at_ms: logged.recv.0,
                ready: logged.fact.blobs.iter().all(|blob| self.blobs.has(&blob.sha)),
                completed: completed
                    .map(|field| FormFieldView { label: field.label.clone(), text: field.text.clone() })
                    .collect(),
            });
        }
        documents
    }

    fn timeline(&self, db: &Connection, story: &Story) -> Result<Vec<EventView>, StoreError> {
        let mut outcomes = db.prepare_cached("SELECT o, why FROM outcome WHERE g = ?1")?;
        let mut views = Vec::with_capacity(story.events.len());
        for logged in &story.events {
            let outcome: Option<(String, Option<String>)> =
                outcomes.query_row([logged.g as i64], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let (outcome, why) = outcome.unwrap_or_else(|| ("applied".to_owned(), None));
            let body = log::body(db, logged.g)?;
            let fact = &logged.fact;
            let (zh, en) = event_label(&fact.event);
            let details = match body {
                Some(body) => details(&fact.event, &body),
                None => vec![DetailView { key: "erased".into(), value: "已擦除".into() }],
            };
            views.push(EventView {
                op: fact.op.0,
                seq: fact.seq,
                kind: fact.event.kind().to_owned(),
                zh: zh.to_owned(),
                en: en.to_owned(),
                actor: story.named(fact.worker.0),
                office: logged.office,
                device: fact.device.0,
                lane: if logged.office { None } else { story.visit.plan().lane_of(fact.worker, fact.basis) },
                basis: fact.basis,
                time: time(logged),
                outcome,
                why,
                details,
                files: fact.blobs.iter().map(|blob| self.file(blob)).collect(),
            });
        }
        Ok(views)
    }

    fn file(&self, blob: &nuanfang_core::canon::envelope::BlobRef) -> FileView {
        FileView {
            sha: blob.sha.to_string(),
            role: blob.role.clone(),
            bytes: blob.len,
            whole: self.blobs.has(&blob.sha),
        }
    }
}

impl Story {
    fn tell(db: &Connection, id: VisitId) -> Result<Option<Self>, StoreError> {
        let Some(visit) = folded::visit(db, id)? else { return Ok(None) };
        let events = log::of_visit(db, id)?;
        let by_op = events.iter().enumerate().rev().map(|(index, logged)| (logged.fact.op, index)).collect();
        Ok(Some(Self { visit, events, by_op, names: registers::names(db)? }))
    }

    fn event(&self, op: OpId) -> Option<&Logged> {
        self.by_op.get(&op).and_then(|index| self.events.get(*index))
    }

    fn named(&self, id: Uuid) -> Named {
        Named { id, name: self.names.get(&id).cloned().unwrap_or_else(|| id.to_string()) }
    }
}

/// A value's name as it is written in JSON.
fn name(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(serde_json::Value::Object(fields)) => fields.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

fn time(logged: &Logged) -> TimeView {
    let estimate = logged.at();
    TimeView {
        claimed_ms: logged.fact.stamp.wall_ms,
        est_ms: estimate.est.0,
        lo_ms: estimate.lo.0,
        hi_ms: estimate.hi.0,
        quality: match estimate.quality {
            TimeQuality::Anchored => TimeQualityName::Anchored,
            TimeQuality::Bracketed => TimeQualityName::Bracketed,
            TimeQuality::Claimed => TimeQualityName::Claimed,
        },
        received_ms: logged.recv.0,
    }
}

fn plan(story: &Story) -> Option<PlanView> {
    let version = story.visit.plan().current()?;
    let plan = &version.plan;
    Some(PlanView {
        version: version.version,
        kind: plan.kind.into(),
        window: plan.window.map(Into::into),
        scope: plan.scope.clone(),
        assignee: plan.assignee.map(|worker| story.named(worker.0)),
        emergency: plan.emergency,
        protocol: plan.protocol.clone(),
        price_list: plan.price_list.map(|sha| sha.to_string()),
        agreed_deci_celsius: plan.agreed.map(|agreed| agreed.0),
        note: plan.note.clone(),
        follows: plan.follows.map(|visit| visit.0),
        cancelled: version.cancelled.clone(),
    })
}

fn lane(story: &Story, told: &core_view::LaneView, shown: &core_view::VisitView) -> LaneView {
    let worker = told.worker.map_or(Uuid::nil(), |worker| worker.0);
    let folded = told.device.and_then(|device| story.visit.lane_of(told.lane, device));
    let next_window = folded.and_then(|lane| {
        let completed = lane.completed.as_ref().and_then(|(completed, _)| completed.next_window);
        completed.or_else(|| lane.absent.as_ref().and_then(|(absent, _)| absent.next_window))
    });
    let undecided = told.late && told.decision.is_none();
    LaneView {
        lane: told.lane,
        worker: story.named(worker),
        state: cards::board_state(&name(told.state), undecided, false),
        chosen: told.chosen,
        late: told.late,
        records: story.visit.records_in(told.lane),
        decision: told.decision.map(|decision| decided(story, told.lane, decision)),
        checklist: checklist(&shown.checklist),
        rooms: shown.rooms.iter().map(room).collect(),
        measurement: shown.measurements.last().map(measurement),
        quotes: quotes(story, shown),
        findings: shown.inspection.iter().filter_map(finding).collect(),
        violations: shown.violations.iter().map(violation).collect(),
        outcome: told.outcome.map(name),
        next_window: next_window.map(Into::into),
        punctual: shown.punctuality.as_ref().map(|kept| match kept.estimated.unwrap_or(kept.claimed) {
            DeadlineVerdict::Met => PunctualView::Met,
            DeadlineVerdict::Missed => PunctualView::Missed,
            DeadlineVerdict::Uncertain => PunctualView::Uncertain,
        }),
        handed_in_ms: shown.handed_in.map(|at| at.0),
    }
}

fn decided(story: &Story, lane: u64, decision: LateDecision) -> LateDecisionView {
    let reason = story.events.iter().rev().find_map(|logged| match &logged.fact.event {
        Event::LateDecided(decided) if logged.office && decided.lane == lane => Some(decided.reason.clone()),
        _ => None,
    });
    LateDecisionView {
        decision: match decision {
            LateDecision::Primary => LateChoice::Primary,
            LateDecision::Supplement => LateChoice::Supplement,
            LateDecision::Rejected => LateChoice::Rejected,
        },
        reason: reason.unwrap_or_default(),
    }
}

fn checklist(items: &[core_view::ChecklistItem]) -> ChecklistView {
    let mut checklist = ChecklistView::default();
    for item in items {
        let group = match item.class {
            core_view::EvidenceClass::Own => &mut checklist.own,
            core_view::EvidenceClass::System => &mut checklist.system,
            core_view::EvidenceClass::Other => &mut checklist.other,
        };
        group.push(ChecklistItemView {
            item: item.id.clone(),
            clause: item.clause.clone(),
            label: item.zh.clone(),
            label_en: item.en.clone(),
            phase: item.phase.clone(),
            state: match item.state {
                core_view::ItemState::Satisfied => ItemStateName::Satisfied,
                core_view::ItemState::Unsatisfied => ItemStateName::Unsatisfied,
                core_view::ItemState::NotApplicable => ItemStateName::NotApplicable,
                core_view::ItemState::Unrated => ItemStateName::Open,
            },
            ground: item.ground.clone(),
        });
    }
    checklist
}

fn room(room: &core_view::RoomView) -> RoomView {
    use nuanfang_core::domain::measurement::RoomVerdict;
    RoomView {
        label: room.room.label.clone(),
        orientation: room.room.orientation.map(|orientation| orientation.zh().to_owned()),
        readings_deci_celsius: room.readings.iter().map(|reading| reading.value.0).collect(),
        value_deci_celsius: room.value.map(|value| value.0),
        stable: room.stable,
        verdict: name(room.verdict),
        verdict_zh: match room.verdict {
            RoomVerdict::Qualified => "达标",
            RoomVerdict::Below => "不达标",
            RoomVerdict::NotJudged => "不判定",
            RoomVerdict::Incomplete => "未测完",
        }
        .to_owned(),
    }
}

fn measurement(frozen: &core_view::MeasurementView) -> MeasurementView {
    let summary = &frozen.summary;
    MeasurementView {
        protocol: summary.protocol.clone(),
        instrument: summary.instrument_number.clone(),
        certificate: summary.certificate.clone(),
        valid_until: summary.valid_until.clone(),
        agreed_deci_celsius: summary.agreed.0,
        outdoor_deci_celsius: summary.outdoor.map(|outdoor| outdoor.0),
        weather: summary.weather.clone(),
        at_noon: summary.at_noon,
        valid: summary.valid,
        sha: frozen.sha.to_string(),
    }
}

fn quotes(story: &Story, shown: &core_view::VisitView) -> Vec<QuoteView> {
    let shown_at = |sha: &core_view::QuoteView| {
        story.events.iter().find_map(|logged| match &logged.fact.event {
            Event::QuoteShown(quote) if *quote == sha.quote => Some(logged.at().est.0),
            _ => None,
        })
    };
    let done = |line: &str| shown.work.iter().any(|work| work.line == line && work.state == WorkState::Done);
    let line = |line: &nuanfang_core::domain::quote::QuoteLine| QuoteLineView {
        done: done(&line.line),
        line: line.line.clone(),
        name: line.name.clone(),
        unit: line.unit.clone(),
        quantity_milli: line.quantity_milli,
        amount_fen: line.amount.0,
        free: line.free,
    };
    let view = |quote: &core_view::QuoteView| QuoteView {
        revision: quote.quote.revision,
        at_ms: shown_at(quote).unwrap_or_default(),
        price_list_version: quote.quote.price_list_version.clone(),
        lines: quote.quote.lines.iter().map(line).collect(),
        total_fen: quote.quote.total.0,
        tax_fen: quote.quote.tax.0,
        expected_minutes: quote.quote.expected_minutes,
        state: name(quote.state),
        signed: shown.signatures.iter().any(|mark| mark.signer.is_some() && mark.covers == Some(quote.sha)),
    };
    shown.quotes.iter().map(view).collect()
}

fn finding(item: &core_view::InspectionItemView) -> Option<FindingView> {
    let finding = item.finding.as_ref()?;
    let hazard = finding.hazard.as_ref().filter(|_| finding.result == FindingResult::Abnormal);
    Some(FindingView {
        item: item.item.clone(),
        label: item.zh.clone(),
        result: name(finding.result),
        description: hazard.map(|hazard| hazard.description.clone()).or_else(|| finding.note.clone()),
        owner: hazard.map(|hazard| match hazard.owner {
            FixtureOwner::Own => "own".to_owned(),
            FixtureOwner::Shared => "shared".to_owned(),
        }),
        level: hazard.map(|hazard| hazard.level.clone()),
        advice: hazard.map(|hazard| hazard.advice.clone()),
        deadline: hazard.and_then(|hazard| hazard.deadline.clone()),
    })
}

fn violation(violation: &core_view::Violation) -> RefusalView {
    RefusalView {
        code: violation.code.clone(),
        clause: violation.clause.clone(),
        zh: violation.zh.clone(),
        en: violation.en.clone(),
    }
}

fn signature(
    db: &Connection,
    story: &Story,
    mark: &core_view::SignatureView,
) -> Result<Option<SignatureView>, StoreError> {
    let Some(logged) = story.event(mark.op) else { return Ok(None) };
    let image = logged.fact.blobs.iter().find(|blob| blob.role == blob_role::SIGNATURE_IMAGE);
    let checked: Option<Option<String>> = db
        .prepare_cached("SELECT fault FROM record WHERE g = ?1")?
        .query_row([logged.g as i64], |row| row.get(0))
        .optional()?;
    let subject = match &mark.purpose {
        Purpose::Quote { revision } => Some(revision.to_string()),
        Purpose::Consent { object } => Some(object.clone()),
        _ => None,
    };
    Ok(Some(SignatureView {
        purpose: name(&mark.purpose),
        zh: purpose_label(&mark.purpose).to_owned(),
        subject,
        signed: mark.signer.is_some(),
        holds: mark.holds,
        signer: mark.signer.as_ref().map(|signer| signer.name.clone()),
        signer_role: mark.signer.as_ref().map(|signer| signer.role.zh().to_owned()),
        reason: mark.refused.clone(),
        witness: mark.witness.clone(),
        record_sha: mark.record_sha.to_string(),
        image_sha: image.map(|blob| blob.sha.to_string()),
        time: time(logged),
        verdict: checked.map_or_else(|| "unchecked".to_owned(), |fault| fault.unwrap_or_else(|| "valid".to_owned())),
    }))
}

/// The record that an event carries, with what it is about and whether it is a refusal.
pub(super) fn carried(event: &Event) -> Option<(&Sha, &Purpose, bool)> {
    match event {
        Event::Signed(signed) | Event::NoticeReceived(signed) => Some((&signed.record_sha, &signed.purpose, false)),
        Event::SignatureRefused(refused) => Some((&refused.record_sha, &refused.purpose, true)),
        _ => None,
    }
}

fn document_kind(purpose: &Purpose, refused: bool) -> (DocumentKind, &'static str) {
    match purpose {
        _ if refused => (DocumentKind::RefusalNote, "拒签情况说明"),
        Purpose::Measurement => (DocumentKind::Measurement, "入户测温记录表"),
        Purpose::Quote { revision: 0 | 1 } => (DocumentKind::Quote, "维修报价单"),
        Purpose::Quote { .. } => (DocumentKind::QuoteChange, "报价变更单"),
        Purpose::Consent { .. } => (DocumentKind::Consent, "损坏风险告知同意书"),
        Purpose::Acceptance => (DocumentKind::Acceptance, "维修验收单"),
        Purpose::Notice => (DocumentKind::HazardNotice, "隐患告知书"),
    }
}

fn purpose_label(purpose: &Purpose) -> &'static str {
    match purpose {
        Purpose::Measurement => "测温结果确认",
        Purpose::Quote { .. } => "报价确认",
        Purpose::Consent { .. } => "损坏风险认可",
        Purpose::Acceptance => "维修验收",
        Purpose::Notice => "隐患告知签收",
    }
}

fn photo_label(role: &str) -> &'static str {
    match role {
        blob_role::PHOTO_BEFORE => "维修前",
        blob_role::PHOTO_AFTER => "维修后",
        blob_role::PHOTO_FLOOR => "地面防护",
        blob_role::PHOTO_LEAVE_NOTE => "留言条",
        blob_role::PHOTO_HAZARD => "隐患",
        blob_role::PHOTO_RESULT => "结果",
        _ => "其他",
    }
}
