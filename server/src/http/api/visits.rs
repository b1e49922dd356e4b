//! Visits: planned, given to workers, moved, taken back, decided about. Every act is checked and put on record in
//! one transaction.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::kind::{AnswerState, Channel, ItemAnswer};
use nuanfang_core::domain::office_event::{
    Appointment, Assigned, CallbackMade, Cancelled, FormCompleted, FormField, LaneChosen, LateDecided, LateDecision,
    OtherSource, Rescheduled,
};
use nuanfang_core::domain::worker::local_date;
use nuanfang_core::domain::{DeciCelsius, Event, Rules, VisitKind, VisitPlan, Window};
use nuanfang_core::error::Refusal;
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::lost_visits::again;
use super::permit::{CallBack, CompleteForms, Dispatch, May, Permit, PlanVisits, ReadVisits};
use super::requests::{
    AnswerRequest, AppointmentRequest, AssignRequest, CallbackRequest, CancelRequest, ChannelName, ChooseLaneRequest,
    CompleteFormRequest, LateRequest, OtherSourceName, RescheduleRequest, ScheduleRequest,
};
use super::views::{VisitCard, WindowView};
use super::visit_view::{ItemStateName, LateChoice, VisitView};
use super::{At, Body, cards, no_visit, text, text_if_any, visit_read};
use crate::http::Problem;
use crate::office::dispatch::{self, Errand, Planned};
use crate::office::registers::{household, price, task};
use crate::office::role::Role;
use crate::office::{OfficeAct, folded, lost};
use crate::state::AppState;

/// Plan a visit. Only those who dispatch may give it to a worker at once.
#[utoipa::path(post, path = "/api/visits", tag = "visits", operation_id = "schedule", request_body = ScheduleRequest,
    responses((status = 201, description = "Planned", body = VisitCard),
        (status = 404, description = "Nothing waits for the visit that is to be planned again", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The worker may not go", body = Problem, content_type = "application/problem+json")))]
pub async fn schedule(
    may: May<PlanVisits>,
    State(state): State<AppState>,
    Body(request): Body<ScheduleRequest>,
) -> Result<(StatusCode, Json<VisitCard>), Problem> {
    if request.assignee.is_some() && !Dispatch::ROLES.contains(&may.user.role) {
        return Err(Problem::forbidden("auth.role", format!("{}不能派工", may.user.role.zh())));
    }
    let now = state.now();
    let household = HouseholdId(request.household);
    let kind = VisitKind::from(request.kind);
    let window = request.window.map(window).transpose()?;
    let day = local_date(window.map_or(now, |window| window.from));
    let (agreed, in_force) = state
        .read(move |db| {
            let found = household::find(db, household)?
                .ok_or_else(|| Problem::unprocessable("household.not_found", "没有这个热用户"))?;
            Ok::<_, Problem>((found.agreed_deci_celsius(), price::in_force(db, &day)?))
        })
        .await?;
    let plan = VisitPlan {
        kind,
        household,
        window,
        scope: text("scope", &request.scope, 500)?,
        assignee: request.assignee.map(WorkerId),
        price_list: price_list(request.price_list.as_deref())?.or(in_force.filter(|_| kind == VisitKind::Repair)),
        protocol: protocol(request.protocol, kind)?,
        agreed: request.agreed_deci_celsius.or(agreed).map(DeciCelsius),
        emergency: request.emergency,
        appointment: request.appointment.map(|appointment| agreed_at(appointment, now)),
        note: text_if_any("note", request.note.as_deref(), 500)?,
        follows: request.follows.map(VisitId),
    };
    let follows = plan.follows;
    let agreed = match follows {
        Some(follows) => state.read(move |db| next_visit(db, follows)).await?,
        None => None,
    };
    let lost = request.lost.map(VisitId);
    if lost.is_some() && !Dispatch::ROLES.contains(&may.user.role) {
        return Err(Problem::forbidden("auth.role", format!("{}不能补录入户", may.user.role.zh())));
    }
    // Its versions go on behind the last that anybody there had seen.
    let basis = match lost {
        Some(visit) => {
            state.read(move |db| lost::find(db, visit)).await?.map_or(0, |lost| lost.basis.saturating_sub(1))
        }
        None => 0,
    };
    let visit = lost.or(agreed).unwrap_or_else(|| VisitId(Uuid::now_v7()));
    let to_check = plan.clone();
    let (assignee, errand) = (plan.assignee, Errand { visit: None, kind, window });
    let check = move |db: &Connection| {
        if let Some(follows) = follows {
            dispatch::planned(db, follows)?.ok_or_else(no_visit)?;
        }
        if lost.is_some() {
            // Who was there has been: nobody is sent.
            return again(db, visit, &to_check);
        }
        if dispatch::planned(db, visit)?.is_some() {
            return Err(already_planned());
        }
        match assignee {
            Some(worker) => gate(db, worker, &errand, now),
            None => Ok(()),
        }
    };
    let act = OfficeAct::about(visit, basis, Event::VisitScheduled(plan));
    state.office.append(WorkerId(may.user.id), vec![act], check).await?;
    Ok((StatusCode::CREATED, card(&state, visit, may.user.role).await?))
}

/// A visit in full.
#[utoipa::path(get, path = "/api/visits/{id}", tag = "visits", operation_id = "visit",
    params(("id" = Uuid, Path, description = "The visit")),
    responses((status = 200, description = "The visit in full", body = VisitView)))]
pub async fn visit(
    may: May<ReadVisits>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
) -> Result<Json<VisitView>, Problem> {
    let (reader, role) = (visit_read::Reader::of(&state), may.user.role);
    let view = state.read(move |db| reader.read(db, VisitId(id), role)).await?;
    Ok(Json(view))
}

/// Give a visit to a worker, or take it from one and give it to another.
#[utoipa::path(post, path = "/api/visits/{id}/assign", tag = "visits", operation_id = "assign",
    params(("id" = Uuid, Path, description = "The visit")), request_body = AssignRequest,
    responses((status = 200, description = "Assigned", body = VisitCard),
        (status = 409, description = "The plan has changed, or the worker may not go", body = Problem,
            content_type = "application/problem+json")))]
pub async fn assign(
    may: May<Dispatch>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
    Body(request): Body<AssignRequest>,
) -> Result<Json<VisitCard>, Problem> {
    let (visit, worker, now) = (VisitId(id), WorkerId(request.assignee), state.now());
    let reason = text_if_any("reason", request.reason.as_deref(), 200)?;
    let check = move |db: &Connection| {
        let planned = unchanged(db, visit, request.plan_version)?;
        if planned.assignee == Some(worker) && !planned.cancelled {
            return Err(Problem::conflict("plan.same_assignee", "已派给这名服务人员"));
        }
        gate(db, worker, &Errand { visit: Some(visit), kind: planned.kind, window: planned.window }, now)
    };
    let event = Event::Assigned(Assigned { assignee: worker, reason });
    act(&state, may.user.id, visit, request.plan_version, event, check).await?;
    card(&state, visit, may.user.role).await
}

/// Move a visit in time.
#[utoipa::path(post, path = "/api/visits/{id}/reschedule", tag = "visits", operation_id = "reschedule",
    params(("id" = Uuid, Path, description = "The visit")), request_body = RescheduleRequest,
    responses((status = 200, description = "Moved", body = VisitCard),
        (status = 409, description = "The plan has changed, or the worker is elsewhere then", body = Problem,
            content_type = "application/problem+json")))]
pub async fn reschedule(
    may: May<PlanVisits>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
    Body(request): Body<RescheduleRequest>,
) -> Result<Json<VisitCard>, Problem> {
    let (visit, now) = (VisitId(id), state.now());
    let window = window(request.window)?;
    let event = Event::Rescheduled(Rescheduled {
        window,
        appointment: request.appointment.map(|appointment| agreed_at(appointment, now)),
        reason: text("reason", &request.reason, 200)?,
        price_list: state.read(move |db| renewed(db, visit, window)).await?,
    });
    let check = move |db: &Connection| {
        let planned = unchanged(db, visit, request.plan_version)?;
        if planned.cancelled {
            return Err(over());
        }
        match planned.assignee {
            Some(worker) => {
                let errand = Errand { visit: Some(visit), kind: planned.kind, window: Some(window) };
                gate(db, worker, &errand, now)
            }
            None => Ok(()),
        }
    };
    act(&state, may.user.id, visit, request.plan_version, event, check).await?;
    card(&state, visit, may.user.role).await
}

/// Take a visit back.
#[utoipa::path(post, path = "/api/visits/{id}/cancel", tag = "visits", operation_id = "cancel",
    params(("id" = Uuid, Path, description = "The visit")), request_body = CancelRequest,
    responses((status = 200, description = "Cancelled", body = VisitCard)))]
pub async fn cancel(
    may: May<Dispatch>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
    Body(request): Body<CancelRequest>,
) -> Result<Json<VisitCard>, Problem> {
    let visit = VisitId(id);
    let event = Event::Cancelled(Cancelled { reason: text("reason", &request.reason, 200)? });
    let check = move |db: &Connection| {
        let planned = unchanged(db, visit, request.plan_version)?;
        if planned.cancelled { Err(over()) } else { Ok(()) }
    };
    act(&state, may.user.id, visit, request.plan_version, event, check).await?;
    card(&state, visit, may.user.role).await
}

/// Decide about a late lane.
#[utoipa::path(post, path = "/api/visits/{id}/late/{lane}", tag = "visits", operation_id = "decide_late",
    params(("id" = Uuid, Path, description = "The visit"), ("lane" = u64, Path, description = "The lane")),
    request_body = LateRequest, responses((status = 200, description = "Decided", body = VisitCard)))]
pub async fn decide_late(
    may: May<Dispatch>,
    State(state): State<AppState>,
    At((id, lane)): At<(Uuid, u64)>,
    Body(request): Body<LateRequest>,
) -> Result<Json<VisitCard>, Problem> {
    let visit = VisitId(id);
    let decision = match request.decision {
        LateChoice::Primary => LateDecision::Primary,
        LateChoice::Supplement => LateDecision::Supplement,
        LateChoice::Rejected => LateDecision::Rejected,
    };
    let (reason, seen) = (text("reason", &request.reason, 200)?, request.records);
    let event = Event::LateDecided(LateDecided { lane, decision, reason, records: Some(seen) });
    let check = move |db: &Connection| {
        let folded = folded::visit(db, visit)?.ok_or_else(no_visit)?;
        if !folded.lanes().iter().any(|own| own.number == lane && folded.is_late(own)) {
            return Err(Problem::conflict("lane.not_late", "这条记录不是迟到记录"));
        }
        match folded.late_decision(lane) {
            Some(_) => Err(Problem::conflict("lane.decided", "这条迟到记录已由他人处理，请返回查看")),
            None if folded.records_in(lane) != seen => {
                Err(Problem::conflict("lane.grown", "这条迟到记录又有新内容，请返回查看后再决定"))
            }
            None => Ok(()),
        }
    };
    let basis = version(&state, visit).await?;
    act(&state, may.user.id, visit, basis, event, check).await?;
    card(&state, visit, may.user.role).await
}

/// Say which lane is the visit's result.
#[utoipa::path(post, path = "/api/visits/{id}/lanes/{lane}/choose", tag = "visits", operation_id = "choose_lane",
    params(("id" = Uuid, Path, description = "The visit"), ("lane" = u64, Path, description = "The lane")),
    request_body = ChooseLaneRequest, responses((status = 200, description = "Chosen", body = VisitCard)))]
pub async fn choose_lane(
    may: May<Dispatch>,
    State(state): State<AppState>,
    At((id, lane)): At<(Uuid, u64)>,
    Body(request): Body<ChooseLaneRequest>,
) -> Result<Json<VisitCard>, Problem> {
    let visit = VisitId(id);
    let event = Event::LaneChosen(LaneChosen { lane, reason: text("reason", &request.reason, 200)? });
    let check = move |db: &Connection| {
        let folded = folded::visit(db, visit)?.ok_or_else(no_visit)?;
        match folded.lane(lane) {
            Some(_) => Ok(()),
            None => Err(Problem::conflict("lane.empty", "这条记录没有内容")),
        }
    };
    let basis = version(&state, visit).await?;
    act(&state, may.user.id, visit, basis, event, check).await?;
    card(&state, visit, may.user.role).await
}

/// Record a call-back or a spot check: other evidence than the worker's own.
#[utoipa::path(post, path = "/api/visits/{id}/callback", tag = "visits", operation_id = "call_back",
    params(("id" = Uuid, Path, description = "The visit")), request_body = CallbackRequest,
    responses((status = 200, description = "On record", body = VisitCard)))]
pub async fn call_back(
    may: May<CallBack>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
    Body(request): Body<CallbackRequest>,
) -> Result<Json<VisitCard>, Problem> {
    let visit = VisitId(id);
    let folded = state.read(move |db| folded::visit(db, visit)).await?;
    let event = Event::CallbackMade(CallbackMade {
        source: match request.source {
            OtherSourceName::CallBack => OtherSource::CallBack,
            OtherSourceName::SpotCheck => OtherSource::SpotCheck,
        },
        answers: request.answers.into_iter().map(answer).collect::<Result<_, _>>()?,
        satisfied: request.satisfied,
        note: text_if_any("note", request.note.as_deref(), 1_000)?,
        refusals: folded.map(|folded| folded.refusals().collect()),
    });
    let basis = version(&state, visit).await?;
    act(&state, may.user.id, visit, basis, event, |_| Ok(())).await?;
    card(&state, visit, may.user.role).await
}

/// Fill in the office's part of a form. The resident's part never changes.
#[utoipa::path(post, path = "/api/visits/{id}/forms/{record}", tag = "visits", operation_id = "complete_form",
    params(("id" = Uuid, Path, description = "The visit"),
        ("record" = String, Path, description = "The record the form shows, by its sha")),
    request_body = CompleteFormRequest, responses((status = 204, description = "On record")))]
pub async fn complete_form(
    may: May<CompleteForms>,
    State(state): State<AppState>,
    At((id, record)): At<(Uuid, String)>,
    Body(request): Body<CompleteFormRequest>,
) -> Result<StatusCode, Problem> {
    let visit = VisitId(id);
    let no_record = || Problem::not_found("document.not_found", "没有这份文书");
    let record_sha: Sha = record.parse().map_err(|_| no_record())?;
    if request.fields.is_empty() || request.fields.len() > 20 {
        return Err(Problem::unprocessable("form.fields", "须填写 1 至 20 项"));
    }
    let field = |field: &super::visit_view::FormFieldView| {
        Ok::<_, Problem>(FormField { label: text("label", &field.label, 40)?, text: text("text", &field.text, 500)? })
    };
    let fields = request.fields.iter().map(field).collect::<Result<_, _>>()?;
    let check = move |db: &Connection| {
        let known = db
            .prepare_cached("SELECT 1 FROM record WHERE sha = ?1 AND visit = ?2")?
            .exists(params![record_sha.0.as_slice(), visit.0.as_bytes()])?;
        if known { Ok(()) } else { Err(no_record()) }
    };
    let basis = version(&state, visit).await?;
    let event = Event::FormCompleted(FormCompleted { record_sha, fields });
    act(&state, may.user.id, visit, basis, event, check).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The price list in force when a visit is moved to `window`, where it has that of its day so far, and that is another.
fn renewed(db: &Connection, visit: VisitId, window: Window) -> Result<Option<Sha>, Problem> {
    let folded = folded::visit(db, visit)?.ok_or_else(no_visit)?;
    let Some(plan) = folded.plan().current().map(|version| &version.plan) else { return Ok(None) };
    let of = |window: Window| price::in_force(db, &local_date(window.from));
    let chosen = match plan.window {
        Some(before) => of(before)? != plan.price_list,
        None => false,
    };
    if plan.price_list.is_none() || chosen {
        return Ok(None);
    }
    Ok(of(window)?.filter(|list| Some(*list) != plan.price_list))
}

/// The visit that what was agreed at the door of `visit` asks for, unless one was planned and is over: then another is
/// meant.
fn next_visit(db: &Connection, visit: VisitId) -> Result<Option<VisitId>, Problem> {
    let Some(next) = task::agreed_at_the_door(db, visit)? else { return Ok(None) };
    match dispatch::planned(db, next)? {
        Some(planned) if planned.open && !planned.cancelled => Err(already_planned()),
        Some(_) => Ok(None),
        None => Ok(Some(next)),
    }
}

fn already_planned() -> Problem {
    Problem::conflict("visit.already_planned", "当面约定的下次入户已由他人安排，请刷新后查看")
}

async fn act<C>(
    state: &AppState,
    actor: Uuid,
    visit: VisitId,
    basis: u64,
    event: Event,
    check: C,
) -> Result<(), Problem>
where
    C: FnOnce(&Connection) -> Result<(), Problem> + Send + 'static,
{
    state.office.append(WorkerId(actor), vec![OfficeAct::about(visit, basis, event)], check).await?;
    Ok(())
}

async fn card(state: &AppState, visit: VisitId, role: Role) -> Result<Json<VisitCard>, Problem> {
    state.read(move |db| Ok(Json(cards::one(db, visit, role)?.ok_or_else(no_visit)?))).await
}

async fn version(state: &AppState, visit: VisitId) -> Result<u64, Problem> {
    state.read(move |db| Ok(dispatch::planned(db, visit)?.ok_or_else(no_visit)?.version)).await
}

/// The plan, if it is still the one that was on screen and can still be changed.
fn unchanged(db: &Connection, visit: VisitId, seen: u64) -> Result<Planned, Problem> {
    let planned = dispatch::planned(db, visit)?.ok_or_else(no_visit)?;
    if planned.version != seen {
        return Err(Problem::conflict("plan.changed", "安排已被他人修改，请返回查看后重试")
            .detail(format!("the plan is at version {}, not {seen}", planned.version)));
    }
    if planned.open || planned.cancelled { Ok(planned) } else { Err(over()) }
}

fn over() -> Problem {
    Problem::conflict("visit.over", "这次服务已结束，不能再更改")
}

/// The gate on dispatch, as a problem that names everything in the way.
fn gate(db: &Connection, worker: WorkerId, errand: &Errand, now: Millis) -> Result<(), Problem> {
    let refusals: Vec<Refusal> = dispatch::gate(db, &Rules::builtin(), worker, errand, now)?;
    if refusals.is_empty() {
        return Ok(());
    }
    let reasons: Vec<&str> = refusals.iter().map(|refusal| refusal.zh.as_str()).collect();
    Err(Problem::conflict("dispatch.refused", format!("不能派工：{}", reasons.join("；"))).refused(refusals))
}

fn window(view: WindowView) -> Result<Window, Problem> {
    let window = Window { from: Millis(view.from_ms), until: Millis(view.until_ms) };
    let sane = window.from.0 > 0 && window.until.0 < 4_102_444_800_000 && window.from < window.until;
    if sane { Ok(window) } else { Err(Problem::unprocessable("visit.window", "时间段的起止颠倒或无效")) }
}

fn agreed_at(appointment: AppointmentRequest, now: Millis) -> Appointment {
    let channel = match appointment.channel {
        ChannelName::Phone => Channel::Phone,
        ChannelName::Sms => Channel::Sms,
        ChannelName::Messenger => Channel::Messenger,
        ChannelName::InPerson => Channel::InPerson,
        ChannelName::Community => Channel::Community,
    };
    Appointment { channel, agreed_at: appointment.agreed_at_ms.map_or(now, Millis) }
}

fn answer(answer: AnswerRequest) -> Result<ItemAnswer, Problem> {
    let state = match answer.state {
        ItemStateName::Satisfied => AnswerState::Satisfied,
        ItemStateName::Unsatisfied => AnswerState::Unsatisfied,
        ItemStateName::NotApplicable => AnswerState::NotApplicable,
        ItemStateName::Open => return Err(Problem::unprocessable("answer.open", "未评不是一种回答")),
    };
    if Rules::builtin().item(&answer.item).is_none() {
        return Err(Problem::unprocessable("answer.item", format!("没有检查项 {}", answer.item)));
    }
    Ok(ItemAnswer {
        item: answer.item,
        state,
        ground: text_if_any("ground", answer.ground.as_deref(), 200)?,
        note: text_if_any("note", answer.note.as_deref(), 500)?,
    })
}

fn price_list(sha: Option<&str>) -> Result<Option<Sha>, Problem> {
    let parse = |sha: &str| sha.parse().map_err(|_| Problem::unprocessable("price_list.unknown", "没有这份价目表"));
    sha.map(parse).transpose()
}

fn protocol(asked: Option<String>, kind: VisitKind) -> Result<Option<String>, Problem> {
    match asked {
        Some(id) if Rules::builtin().protocol(&id).is_none() => {
            Err(Problem::unprocessable("protocol.unknown", format!("没有测温方法 {id}")))
        }
        Some(id) => Ok(Some(id)),
        None => Ok((kind == VisitKind::Measurement).then(|| "745-M2".to_owned())),
    }
}
