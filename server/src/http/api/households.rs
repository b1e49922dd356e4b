//! Households: search, and detail as far as the role goes.

use axum::Json;
use axum::extract::State;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::worker_event::Unmasked;
use nuanfang_core::id::{HouseholdId, WorkerId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::permit::{May, Permit, ReadHouseholds, ReadVisits, Unmask};
use super::requests::UnmaskRequest;
use super::views::{Page, VisitCard};
use super::{Asked, At, Body, cards, page, text};
use crate::http::Problem;
use crate::office::OfficeAct;
use crate::office::ledger::{Class, Column};
use crate::office::registers::household::{self, RegisteredHousehold, Search};
use crate::office::role::{Role, Sight, mask, masked_at_first};
use crate::state::AppState;

/// Which households.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HouseholdQuery {
    /// Part of 交费编号, address or resident's name.
    pub q: Option<String>,
    /// 小区名称, exactly.
    pub community: Option<String>,
    /// 供暖状态, exactly.
    pub heating_state: Option<String>,
    /// From 0.
    pub page: Option<u64>,
    /// Rows a page, at most 200; 50 when absent.
    pub size: Option<u64>,
}

/// A household in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HouseholdRow {
    /// Its id.
    pub id: Uuid,
    /// 交费编号.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_number: Option<String>,
    /// 小区名称.
    pub community: String,
    /// Building, unit, room.
    pub address: String,
    /// 业主姓名, masked; absent for roles that see no resident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident: Option<String>,
    /// 房屋性质.
    pub premises_kind: String,
    /// 供暖状态.
    pub heating_state: String,
    /// 热源站.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heat_source: Option<String>,
}

/// A household.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HouseholdView {
    /// Its id.
    pub id: Uuid,
    /// Community, building, unit, room.
    pub address: String,
    /// The fields of G.1 and 补充信息 that this role may see, in their order; empty cells included.
    pub fields: Vec<FieldView>,
    /// Its visits, newest first, at most 50.
    pub visits: Vec<VisitCard>,
    /// When it last changed, server time.
    pub changed_ms: i64,
}

/// One field.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldView {
    /// Its key: `owner_phone`.
    pub key: String,
    /// Exactly as in the ledger: 业主电话.
    pub label: String,
    /// Its class.
    pub class: ClassName,
    /// Its value as printed, masked if `masked`; absent when the cell is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value is masked; `POST …/unmask` reads it, with a reason.
    pub masked: bool,
}

/// Access classes of the ledger's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub enum ClassName {
    /// Any worker with a visit there.
    P,
    /// A worker while a visit is open.
    W,
    /// The office.
    O,
    /// Restricted.
    R,
}

impl From<Class> for ClassName {
    fn from(class: Class) -> Self {
        match class {
            Class::P => Self::P,
            Class::W => Self::W,
            Class::O => Self::O,
            Class::R => Self::R,
        }
    }
}

/// A value read with a reason.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UnmaskedView {
    /// Its key.
    pub field: String,
    /// The value.
    pub value: String,
}

/// Search households.
#[utoipa::path(get, path = "/api/households", tag = "households", operation_id = "households", params(HouseholdQuery),
    responses((status = 200, description = "A page, by community and address", body = Page<HouseholdRow>)))]
pub async fn households(
    may: May<ReadHouseholds>,
    State(state): State<AppState>,
    Asked(query): Asked<HouseholdQuery>,
) -> Result<Json<Page<HouseholdRow>>, Problem> {
    let named = may.user.role.sees(Class::W) == Sight::Plain;
    let search = Search {
        words: query.q.iter().flat_map(|q| q.split_whitespace()).take(8).map(str::to_owned).collect(),
        community: query.community,
        heating_state: query.heating_state,
        without_names: !named,
    };
    let (page, size) = page(query.page, query.size);
    let (total, found) = state.read(move |db| household::search(db, &search, page * size, size)).await?;
    let rows = found
        .into_iter()
        .map(|line| HouseholdRow {
            id: line.id,
            account_number: line.account.filter(|_| named),
            community: line.community,
            address: line.address,
            resident: line.resident.filter(|_| named).map(|name| mask(&name)),
            premises_kind: line.premises_kind,
            heating_state: line.heating_state,
            heat_source: line.heat_source,
        })
        .collect();
    Ok(Json(Page { total, page, size, rows }))
}

/// 小区名称 of all households.
#[utoipa::path(get, path = "/api/communities", tag = "households", operation_id = "communities",
    responses((status = 200, description = "小区名称, in order", body = Vec<String>)))]
pub async fn communities(
    _may: May<ReadHouseholds>,
    State(state): State<AppState>,
) -> Result<Json<Vec<String>>, Problem> {
    Ok(Json(state.read(household::communities).await?))
}

/// A household, as far as the role goes.
#[utoipa::path(get, path = "/api/households/{id}", tag = "households", operation_id = "household",
    params(("id" = Uuid, Path, description = "The household")),
    responses((status = 200, description = "The household as far as the role goes", body = HouseholdView)))]
pub async fn household(
    may: May<ReadHouseholds>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
) -> Result<Json<HouseholdView>, Problem> {
    let role = may.user.role;
    let reads_visits = ReadVisits::ROLES.contains(&role);
    let view = state
        .read(move |db| {
            let found = household::find(db, HouseholdId(id))?.ok_or_else(missing)?;
            let visits = if reads_visits { cards::of_household(db, id, role)? } else { Vec::new() };
            Ok::<_, Problem>(HouseholdView {
                id,
                address: found.full_address(),
                fields: household::columns().filter_map(|column| field(&found, column, role)).collect(),
                visits,
                changed_ms: found.changed.0,
            })
        })
        .await?;
    Ok(Json(view))
}

/// Read a masked value. The reading goes on record with the reader's name and reason.
#[utoipa::path(post, path = "/api/households/{id}/unmask", tag = "households", operation_id = "unmask",
    params(("id" = Uuid, Path, description = "The household")), request_body = UnmaskRequest,
    responses((status = 200, description = "The value; the reading is on record", body = UnmaskedView)))]
pub async fn unmask(
    may: May<Unmask>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
    Body(request): Body<UnmaskRequest>,
) -> Result<Json<UnmaskedView>, Problem> {
    let reason = text("reason", &request.reason, 200)?;
    let role = may.user.role;
    let column = household::columns()
        .find(|column| column.key == request.field)
        .ok_or_else(|| Problem::unprocessable("unmask.field", "没有这个字段"))?;
    let allowed = match role.sees(column.class) {
        Sight::Nothing => false,
        Sight::Masked => true,
        Sight::Plain => masked_at_first(column.key),
    };
    if !allowed {
        return Err(Problem::forbidden("auth.field", format!("{}不能查看“{}”", role.zh(), column.label)));
    }
    let found = state.read(move |db| household::find(db, HouseholdId(id))).await?.ok_or_else(missing)?;
    let value =
        found.shown(column).ok_or_else(|| Problem::not_found("unmask.empty", format!("“{}”没有内容", column.label)))?;
    let event = Event::Unmasked(Unmasked { household: HouseholdId(id), field: column.label.to_owned(), reason });
    let check = |_: &rusqlite::Connection| Ok::<(), Problem>(());
    // On record first: a value that was shown was always accounted for.
    state.office.append(WorkerId(may.user.id), vec![OfficeAct::of(event)], check).await?;
    Ok(Json(UnmaskedView { field: column.key.to_owned(), value }))
}

fn missing() -> Problem {
    Problem::not_found("household.not_found", "没有这个热用户")
}

fn field(found: &RegisteredHousehold, column: &Column, role: Role) -> Option<FieldView> {
    let sight = role.sees(column.class);
    if sight == Sight::Nothing {
        return None;
    }
    let value = found.shown(column);
    let masked = value.is_some() && (sight == Sight::Masked || masked_at_first(column.key));
    Some(FieldView {
        key: column.key.to_owned(),
        label: column.label.to_owned(),
        class: column.class.into(),
        value: value.map(|value| if masked { mask(&value) } else { value }),
        masked,
    })
}
