//! Office users, added and disabled by the administrator.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::{PasswordReset, UserAdded, UserDisabled};
use nuanfang_core::id::WorkerId;
use uuid::Uuid;

use super::people::UserView;
use super::permit::{ManageUsers, May, ReadUsers};
use super::requests::{AddUserRequest, DisableUserRequest, ResetPasswordRequest};
use super::session::{hashed, keep, set_password, weak};
use super::{At, Body, text};
use crate::http::Problem;
use crate::office::OfficeAct;
use crate::office::desk;
use crate::office::registers::user::{self, OfficeUser};
use crate::state::AppState;

/// All office users.
#[utoipa::path(get, path = "/api/users", tag = "users", operation_id = "users",
    responses((status = 200, description = "All office users", body = Vec<UserView>)))]
pub async fn users(_may: May<ReadUsers>, State(state): State<AppState>) -> Result<Json<Vec<UserView>>, Problem> {
    let users = state.read(user::all).await?;
    Ok(Json(users.iter().map(UserView::from).collect()))
}

/// Add a user.
#[utoipa::path(post, path = "/api/users", tag = "users", operation_id = "add_user", request_body = AddUserRequest,
    responses((status = 201, description = "Added", body = UserView)))]
pub async fn add_user(
    may: May<ManageUsers>,
    State(state): State<AppState>,
    Body(request): Body<AddUserRequest>,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    let login = user::login(&request.login).map_err(|why| Problem::unprocessable("user.login", why))?;
    let name = text("name", &request.name, 60)?;
    desk::weigh(&login, &request.password).map_err(weak)?;
    let user = OfficeUser { id: Uuid::new_v4(), login, name, role: request.role, disabled: false };
    // The hash first: a user without one could not log in, a hash without a user opens nothing.
    set_password(&state, &user, request.password).await?;
    add(&state, may.user.id, &user).await?;
    Ok((StatusCode::CREATED, Json(UserView::from(&user))))
}

/// Disable a user. All sessions end at once.
#[utoipa::path(post, path = "/api/users/{id}/disable", tag = "users", operation_id = "disable_user",
    params(("id" = Uuid, Path, description = "The user")), request_body = DisableUserRequest,
    responses((status = 200, description = "Disabled; sessions ended", body = UserView)))]
pub async fn disable_user(
    may: May<ManageUsers>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
    Body(request): Body<DisableUserRequest>,
) -> Result<Json<UserView>, Problem> {
    let reason = text("reason", &request.reason, 200)?;
    if id == may.user.id {
        return Err(Problem::conflict("user.self", "不能停用自己"));
    }
    let mut user = find(&state, id).await?;
    let event = Event::UserDisabled(UserDisabled { user: WorkerId(id), reason });
    let check = |_: &rusqlite::Connection| Ok::<(), Problem>(());
    state.office.append(WorkerId(may.user.id), vec![OfficeAct::of(event)], check).await?;
    state.desk.end_all(id, None);
    user.disabled = true;
    Ok(Json(UserView::from(&user)))
}

/// Set a user's password, on record. All sessions end.
#[utoipa::path(post, path = "/api/users/{id}/password", tag = "users", operation_id = "reset_password",
    params(("id" = Uuid, Path, description = "The user")), request_body = ResetPasswordRequest,
    responses((status = 204, description = "Set; sessions ended")))]
pub async fn reset_password(
    may: May<ManageUsers>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
    Body(request): Body<ResetPasswordRequest>,
) -> Result<StatusCode, Problem> {
    let user = find(&state, id).await?;
    let hash = hashed(&state, &user, request.password).await?;
    // The record first: no password is set by nobody.
    let event = Event::PasswordReset(PasswordReset { user: WorkerId(id) });
    let check = |_: &rusqlite::Connection| Ok::<(), Problem>(());
    state.office.append(WorkerId(may.user.id), vec![OfficeAct::of(event)], check).await?;
    keep(&state, id, hash).await?;
    state.desk.end_all(id, None);
    Ok(StatusCode::NO_CONTENT)
}

async fn find(state: &AppState, id: Uuid) -> Result<OfficeUser, Problem> {
    let found = state.read(move |db| user::find(db, id)).await?;
    found.ok_or_else(|| Problem::not_found("user.not_found", "没有这个用户"))
}

/// Puts a user on record, unless the login is taken.
async fn add(state: &AppState, actor: Uuid, user: &OfficeUser) -> Result<(), Problem> {
    let event = Event::UserAdded(UserAdded {
        user: WorkerId(user.id),
        login: user.login.clone(),
        name: user.name.clone(),
        role: user.role.name().to_owned(),
    });
    let login = user.login.clone();
    let free = move |db: &rusqlite::Connection| match user::find_by_login(db, &login)? {
        Some(_) => Err(Problem::conflict("user.login_taken", "此用户名已被使用")),
        None => Ok(()),
    };
    state.office.append(WorkerId(actor), vec![OfficeAct::of(event)], free).await?;
    Ok(())
}
