//! Phones: when each last spoke, what it still owes, what it can't do, and the two ways out.

use axum::Json;
use axum::extract::State;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::{DeviceRevoked, RevokeReason};
use nuanfang_core::id::{DeviceId, WorkerId};
use nuanfang_core::time::Millis;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::details::label;
use super::permit::{ManageDevices, May, ReadDevices};
use super::registers::counted;
use super::requests::{RevokeReasonName, RevokeRequest};
use super::views::Named;
use super::{At, Body};
use crate::http::Problem;
use crate::office::OfficeAct;
use crate::office::project::{device, setting};
use crate::office::seen::Seen;
use crate::office::silence;
use crate::state::AppState;
use crate::store::{StoreError, blocking};

/// What a phone has not sent yet, as it said itself when it last spoke.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub struct OwesView {
    /// Operations.
    pub ops: u64,
    /// Photos and signatures.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Where an enrolment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// In use.
    Active,
    /// The phone was enrolled anew and goes on under another id; nothing more is expected of this one.
    Replaced,
    /// 离职停用: may upload, reads nothing.
    Dismissed,
    /// 遗失: refused.
    Stolen,
}

/// The rules that a phone goes by.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RulesView {
    /// Their content address.
    pub sha: String,
    /// They are those in force.
    pub current: bool,
    /// Since when those in force are in force.
    pub in_force_since_ms: i64,
}

/// A kind of records.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KindView {
    /// `visit.disputed`.
    pub kind: String,
    /// As shown.
    pub zh: String,
    /// As shown in English.
    pub en: String,
}

impl From<&String> for KindView {
    fn from(kind: &String) -> Self {
        let (zh, en) = label(kind);
        Self { kind: kind.clone(), zh, en }
    }
}

/// A phone: one enrolment of one worker.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeviceView {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub worker: Named,
    /// What it calls itself.
    pub name: String,
    /// Where it stands.
    pub state: DeviceState,
    /// Since when.
    pub enrolled_ms: i64,
    /// When it last spoke, server time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_ms: Option<i64>,
    /// What it still owes.
    pub owes: OwesView,
    /// Files its operations named that are not whole here.
    pub files_missing: u64,
    /// Its wall clock minus the server's, milliseconds, when it last spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_error_ms: Option<i64>,
    /// Its time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    /// The app's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// It may hold evidence – it said so, or a visit of its worker should have begun, be it one that was taken from him or put
    /// off since it last spoke – and has not come for longer than the company lets pass (setting `phone.silence_hours`; F.13).
    pub silent: bool,
    /// Its log is not the one received: it was copied or set back, and must be enrolled anew. What it holds is kept.
    pub forked: bool,
    /// Kinds of records that this server understands and the app can't make, as it said when it last spoke: it wants an
    /// upgrade.
    pub lacks: Vec<KindView>,
    /// The rules its last operation was recorded by; none before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<RulesView>,
    /// Operations acknowledged.
    pub acked_through: u64,
    /// Operations that survive the loss of this server.
    pub safe_through: u64,
}

/// Of each worker, his visits that are not over and whose time has begun.
pub(super) const BEGUN_VISITS: &str = "SELECT assignee, count(*) FROM visit
    WHERE open = 1 AND assignee IS NOT NULL AND from_ms <= ?1 GROUP BY assignee";

/// All phones, with what they still owe.
#[utoipa::path(get, path = "/api/devices", tag = "registers", operation_id = "devices",
    responses((status = 200, description = "All phones, newest first", body = Vec<DeviceView>)))]
pub async fn devices(_may: May<ReadDevices>, State(state): State<AppState>) -> Result<Json<Vec<DeviceView>>, Problem> {
    let (seen, now) = (state.seen.clone(), state.now());
    Ok(Json(state.read(move |db| read_devices(db, &seen, now)).await?))
}

pub(super) fn read_devices(db: &Connection, seen: &Seen, now: Millis) -> Result<Vec<DeviceView>, StoreError> {
    let missing =
        counted(db, "SELECT w.device, count(*) FROM blob_need n JOIN writer w ON w.dev = n.dev GROUP BY w.device", [])?;
    let begun = counted(db, BEGUN_VISITS, [now.0])?;
    let patience = setting::silence_ms(db)?;
    let replaced = device::replaced(db)?;
    let in_force = rules_in_force(db)?;
    let rules = |sha: Sha| {
        in_force.map(|(now, since)| RulesView { sha: sha.to_string(), current: sha == now, in_force_since_ms: since.0 })
    };
    let mut query = db.prepare_cached(
        "SELECT d.id, d.worker, p.name, d.name, d.status, d.enrolled_ms, coalesce(w.acked, 0), coalesce(w.safe, 0),
         (SELECT e.rules FROM envelope e WHERE e.dev = w.dev AND e.seq = w.acked)
         FROM device d LEFT JOIN writer w ON w.device = d.id LEFT JOIN worker p ON p.id = d.worker ORDER BY d.g DESC",
    )?;
    let mut rows = query.query([])?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        let id = Uuid::from_bytes(row.get(0)?);
        let worker = Uuid::from_bytes(row.get(1)?);
        let name: Option<String> = row.get(2)?;
        let status: String = row.get(4)?;
        let said = seen.get(DeviceId(id));
        let missing = missing.get(&id).copied().unwrap_or(0);
        let since = said.as_ref().map_or(row.get(5)?, |said| said.seen.0);
        let owing = said.as_ref().is_some_and(|said| said.owing_since.is_some());
        let replaced = replaced.has(DeviceId(id), Millis(since));
        let overdue = status != "stolen" && !replaced && now.0.saturating_sub(since) > patience;
        let mut holds = owing || missing > 0 || (status == "active" && begun.contains_key(&worker));
        if let Some(said) = said.as_ref().filter(|_| overdue && !holds && status == "active") {
            holds = silence::may_hold(db, WorkerId(worker), said.seen, now)?;
        }
        views.push(DeviceView {
            id,
            worker: Named { id: worker, name: name.unwrap_or_else(|| worker.to_string()) },
            name: row.get(3)?,
            state: match status.as_str() {
                "active" if replaced => DeviceState::Replaced,
                "active" => DeviceState::Active,
                "dismissed" => DeviceState::Dismissed,
                _ => DeviceState::Stolen,
            },
            enrolled_ms: row.get(5)?,
            seen_ms: said.as_ref().map(|said| said.seen.0),
            owes: said.as_ref().map_or_else(OwesView::default, |said| OwesView {
                ops: said.owes.ops,
                files: said.owes.blobs,
                bytes: said.owes.bytes,
            }),
            files_missing: missing,
            silent: overdue && holds,
            forked: !replaced && said.as_ref().is_some_and(|said| said.forked.is_some()),
            lacks: said.as_ref().map(|said| said.lacks.iter().map(KindView::from).collect()).unwrap_or_default(),
            rules: row.get::<_, Option<[u8; 32]>>(8)?.and_then(|sha| rules(Sha(sha))),
            clock_error_ms: said.as_ref().map(|said| said.clock_error_ms),
            tz: said.as_ref().map(|said| said.tz.clone()),
            app: said.map(|said| said.app),
            acked_through: row.get::<_, i64>(6)?.unsigned_abs(),
            safe_through: row.get::<_, i64>(7)?.unsigned_abs(),
        });
    }
    Ok(views)
}

/// The rules in force, and since when.
fn rules_in_force(db: &Connection) -> Result<Option<(Sha, Millis)>, StoreError> {
    let mut query =
        db.prepare_cached("SELECT s.v, e.recv_ms FROM setting s JOIN envelope e ON e.g = s.g WHERE s.k = ?1")?;
    let found: Option<(String, i64)> =
        query.query_row([setting::RULES_IN_FORCE], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.and_then(|(sha, since)| Some((sha.parse().ok()?, Millis(since)))))
}

/// Revoke a phone, in one of two ways.
#[utoipa::path(post, path = "/api/devices/{id}/revoke", tag = "registers", operation_id = "revoke_device",
    params(("id" = Uuid, Path, description = "The phone")), request_body = RevokeRequest,
    responses((status = 200, description = "Revoked", body = DeviceView)))]
pub async fn revoke_device(
    may: May<ManageDevices>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
    Body(request): Body<RevokeRequest>,
) -> Result<Json<DeviceView>, Problem> {
    let device = DeviceId(id);
    let missing = || Problem::not_found("device.not_found", "没有这台设备");
    let reason = match request.reason {
        RevokeReasonName::Dismissed => RevokeReason::Dismissed,
        RevokeReasonName::Stolen => RevokeReason::Stolen,
    };
    let check = move |db: &Connection| device::find(db, device)?.map(|_| ()).ok_or_else(missing);
    let act = OfficeAct::of(Event::DeviceRevoked(DeviceRevoked { device, reason }));
    state.office.append(WorkerId(may.user.id), vec![act], check).await?;
    if reason == RevokeReason::Stolen {
        state.tokens.revoke(device);
    }
    // A code from before would let in whoever leaves, or has the phone, once more.
    if let Some(known) = state.read::<_, Problem, _>(move |db| Ok(device::find(db, device)?)).await? {
        let vault = state.vault.clone();
        blocking(move || crate::enrolment::withdraw(&vault, known.worker)).await?;
    }
    let (seen, now) = (state.seen.clone(), state.now());
    let views = state.read(move |db| read_devices(db, &seen, now)).await?;
    views.into_iter().find(|view| view.id == id).map(Json).ok_or_else(missing)
}
