//! What the screens read of the phone: the enrolment, the list of visits, a visit with what hangs on it, the state of
//! the exchange.

use rusqlite::Connection;

use super::casefile::CaseFile;
use super::photo::PhotoFacts;
use super::register;
use super::runner::RunnerState;
use super::status::{self, SyncState, SyncStatus, Words};
use super::store::blob_row::BlobRow;
use super::store::{blob_row, draft_row, enrolment, mirror_row, outbox_row};
use crate::canon::hash::Sha;
use crate::domain::{VisitKind, VisitState, VisitView, Window};
use crate::error::Refusal;
use crate::id::{DeviceId, HouseholdId, VisitId, WorkerId};
use crate::time::Stamp;
use crate::wire::feed_entity::{HouseholdEntity, VISIT};

/// Who is enrolled here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentView {
    /// The device.
    pub device: DeviceId,
    /// The worker.
    pub worker: WorkerId,
    /// His name; empty until the first exchange.
    pub worker_name: String,
    /// 工作标识牌编号; empty until the first exchange.
    pub badge_number: String,
    /// The supplier's id.
    pub supplier: String,
    /// Its name; empty until the first exchange.
    pub supplier_name: String,
    /// The server.
    pub url: String,
    /// The log forked, the platform lost the key, or the company revoked this phone: a new code is needed before anything
    /// more is sent or signed.
    pub needs_enrolment: bool,
}

/// One visit in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitSummary {
    /// Which.
    pub visit: VisitId,
    /// What for.
    pub kind: Option<VisitKind>,
    /// Whose; none once the visit has left this phone.
    pub household: Option<HouseholdId>,
    /// Where; empty once the visit has left this phone.
    pub address: String,
    /// When.
    pub window: Option<Window>,
    /// How far.
    pub state: VisitState,
    /// 漏水等紧急诉求.
    pub emergency: bool,
    /// What is to be done.
    pub scope: String,
    /// It has left this phone's scope, and the word for it.
    pub departed: Option<Words>,
    /// It was planned by a newer release than this app can read, and what to do.
    pub unreadable: Option<Words>,
    /// Records of it that the server has not acknowledged.
    pub records_waiting: u32,
    /// 已交回 (F.13).
    pub handed_in: bool,
}

/// A photo on this phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoRef {
    /// Its content address.
    pub sha: Sha,
    /// Bytes.
    pub len: u64,
    /// What it is for.
    pub role: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl PhotoRef {
    /// Of a kept file.
    pub fn of(row: &BlobRow) -> Self {
        let facts: Option<PhotoFacts> = serde_json::from_str(&row.facts).ok();
        let (width, height) = facts.map_or((0, 0), |facts| (facts.width, facts.height));
        Self { sha: row.sha, len: row.len, role: row.role.clone(), width, height }
    }
}

/// A visit in full.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldVisit {
    /// What the rules say of it.
    pub view: VisitView,
    /// The dwelling, while the visit is open here.
    pub household: Option<HouseholdEntity>,
    /// It has left this phone's scope, and the word for it.
    pub departed: Option<Words>,
    /// Photos taken and not yet part of an act.
    pub loose_photos: Vec<PhotoRef>,
    /// Forms with a draft.
    pub drafts: Vec<String>,
    /// 已交回 (F.13): the server has every record and every file of it.
    pub handed_in: bool,
}

/// Who is enrolled here; `must_enrol` says whether the enrolment no longer holds.
pub fn enrolment(
    connection: &Connection,
    must_enrol: impl FnOnce(&enrolment::Enrolment) -> bool,
) -> Result<Option<EnrolmentView>, Refusal> {
    let Some(known) = enrolment::find(connection)? else { return Ok(None) };
    let worker = register::worker(connection)?;
    let company = register::company(connection)?;
    Ok(Some(EnrolmentView {
        needs_enrolment: must_enrol(&known),
        device: known.device,
        worker: known.worker,
        worker_name: worker.as_ref().map(|worker| worker.name.clone()).unwrap_or_default(),
        badge_number: worker.map(|worker| worker.badge_number).unwrap_or_default(),
        supplier: known.supplier,
        supplier_name: company.map(|company| company.name).unwrap_or_default(),
        url: known.url,
    }))
}

/// A visit's file as a screen reads it.
pub fn visit(connection: &Connection, file: &CaseFile) -> Result<FieldVisit, Refusal> {
    if is_unread(file) {
        if mirror_row::find(connection, VISIT, &file.visit.id().to_string())?.is_some() {
            let Words { zh, en } = update_the_app();
            return Err(Refusal::new("device.app_too_old", "", zh, en));
        }
        return Err(no_such_visit());
    }
    let view = file.view();
    let loose = blob_row::loose(connection, file.visit.id())?;
    Ok(FieldVisit {
        handed_in: view.handed_in.is_some(),
        view,
        household: file.household.clone(),
        departed: departed(file),
        loose_photos: loose.iter().filter(|row| row.role.starts_with("photo.")).map(PhotoRef::of).collect(),
        drafts: draft_row::forms(connection, file.visit.id())?,
    })
}

/// A visit is not on this phone.
pub(super) fn no_such_visit() -> Refusal {
    Refusal::new(
        "device.no_such_visit",
        "",
        "本机没有这项服务，可能已改派或已取消。请返回列表。",
        "This visit is not on this phone; it may have been reassigned. Go back to the list.",
    )
}

/// Nothing that this release can read is here of it.
fn is_unread(file: &CaseFile) -> bool {
    file.rows.is_empty() && file.household_id().is_none()
}

fn update_the_app() -> Words {
    Words::new(
        "这项服务由更新的版本安排，本机应用读不懂。请更新应用；本机记录都在。",
        "This visit was planned by a newer release than this app can read. Update the app; all records are here.",
    )
}

fn departed(file: &CaseFile) -> Option<Words> {
    file.departed.as_ref().map(|departed| status::departed_words(&departed.why))
}

/// The list of visits: the next one first, those without a time last.
pub fn visits(connection: &Connection, stamp: Stamp) -> Result<Vec<VisitSummary>, Refusal> {
    let known = enrolment::get(connection)?;
    let mut ids: Vec<VisitId> =
        mirror_row::all(connection, VISIT)?.iter().filter_map(|row| row.id.parse().ok()).collect();
    ids.extend(outbox_row::unsafe_visits(connection)?);
    ids.extend(mirror_row::departed(connection)?.into_iter().map(|departed| departed.visit));
    ids.sort();
    ids.dedup();
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let file = CaseFile::open(connection, id, stamp)?;
        let view = file.view();
        let waiting = file.rows.iter().filter(|row| row.device == known.device && row.seq > known.acked).count();
        found.push(VisitSummary {
            visit: id,
            kind: view.kind,
            household: view.household.filter(|_| file.departed.is_none()),
            address: file.household.as_ref().map(|household| household.address.clone()).unwrap_or_default(),
            window: view.window,
            state: view.state,
            emergency: view.emergency,
            scope: view.scope,
            departed: departed(&file),
            unreadable: (is_unread(&file) && file.departed.is_none()).then(update_the_app),
            records_waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
            handed_in: view.handed_in.is_some(),
        });
    }
    found.sort_by_key(|summary| (summary.window.is_none(), summary.window, summary.visit));
    Ok(found)
}

/// How the exchange stands.
pub fn sync_status(connection: &Connection, runner: &RunnerState) -> Result<SyncStatus, Refusal> {
    let Some(known) = enrolment::find(connection)? else {
        return Ok(SyncStatus {
            state: SyncState::NotEnrolled,
            words: SyncState::NotEnrolled.into(),
            stopped: false,
            last_synced: None,
            next_try_in_ms: None,
            ops_waiting: 0,
            files_waiting: 0,
            bytes_waiting: 0,
            acked: 0,
            safe: 0,
            head: 0,
        });
    };
    let owes = blob_row::owes(connection)?;
    let (head, _) = enrolment::head(connection, &known)?;
    let ops_waiting = head.saturating_sub(known.acked);
    let state = match &runner.obstacle {
        _ if runner.running => SyncState::Syncing,
        _ if known.forked => SyncState::Stuck,
        Some(obstacle) if obstacle.needs_person => SyncState::Stuck,
        Some(_) => SyncState::Retrying,
        None if ops_waiting > 0 || owes.blobs > 0 => SyncState::Waiting,
        None => SyncState::Idle,
    };
    let words = match &runner.obstacle {
        Some(obstacle) if !runner.running => Words::new(
            format!("{}，{}", obstacle.why.zh, obstacle.next.zh),
            format!("{}; {}", obstacle.why.en, obstacle.next.en),
        ),
        _ => state.into(),
    };
    Ok(SyncStatus {
        state,
        words,
        stopped: known.forked || runner.records_wait,
        last_synced: known.synced,
        next_try_in_ms: runner.next_try_in_ms,
        ops_waiting,
        files_waiting: owes.blobs,
        bytes_waiting: owes.bytes,
        acked: known.acked,
        safe: known.safe,
        head,
    })
}
