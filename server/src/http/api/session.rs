//! Log in, log out, change one's password.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nuanfang_core::domain::worker::local_date;
use uuid::Uuid;

use super::Body;
use super::people::{SessionView, SupplierView, UserView};
use super::permit::{COOKIE, Enter, May, SameSite, session_token};
use super::requests::{LoginRequest, PasswordRequest};
use crate::config::Transport;
use crate::http::Problem;
use crate::office::desk::{self, IDLE, WeakPassword, Who};
use crate::office::registers::user::{self, OfficeUser};
use crate::state::AppState;
use crate::store::blocking;

/// Log in. Five wrong passwords lock the login for a while.
#[utoipa::path(post, path = "/api/session", tag = "session", operation_id = "log_in", request_body = LoginRequest,
    responses((status = 200, description = "Logged in; sets the session cookie", body = SessionView),
        (status = 401, description = "Wrong login or password", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Locked for a while", body = Problem, content_type = "application/problem+json")))]
pub async fn log_in(
    _here: SameSite,
    State(state): State<AppState>,
    Body(request): Body<LoginRequest>,
) -> Result<Response, Problem> {
    let wrong = || Problem::new(StatusCode::UNAUTHORIZED, "auth.wrong", "用户名或密码不正确");
    let login = request.login.trim();
    // No user has these: nothing is tried, and nothing is kept of them.
    if login.chars().count() > *user::LOGIN_LENGTH.end()
        || request.password.chars().count() > *desk::PASSWORD_LENGTH.end()
    {
        return Err(wrong());
    }
    let login = login.to_lowercase();
    let asked = login.clone();
    let found = state.store.read_now(move |db| user::find_by_login(db, &asked))?.filter(|user| !user.disabled);
    let kept = match &found {
        Some(user) => {
            let (vault, id) = (state.vault.clone(), user.id);
            blocking(move || desk::kept(&vault, id)).await?
        }
        None => None,
    };
    let who = found.as_ref().map_or(Who::Nobody(login), |user| Who::User(user.id));
    state.desk.tries(&who).map_err(locked)?;
    let right = state.desk.verify(kept, request.password).await;
    let Some(user) = found.filter(|_| right) else {
        match who {
            Who::User(id) => tracing::warn!(user = %id, "a login failed"),
            // What is typed there by mistake is a password now and then.
            Who::Nobody(_) => tracing::warn!("a login failed that no user has"),
        }
        return Err(wrong());
    };
    state.desk.passed(&who);
    let token = state.desk.begin(user.id);
    let mut response = Json(view(&state, &user)).into_response();
    response.headers_mut().append(header::SET_COOKIE, cookie(&state, &token, None)?);
    Ok(response)
}

/// Who is logged in.
#[utoipa::path(get, path = "/api/session", tag = "session", operation_id = "session",
    responses((status = 200, description = "Who is logged in", body = SessionView)))]
pub async fn session(may: May<Enter>, State(state): State<AppState>) -> Json<SessionView> {
    Json(view(&state, &may.user))
}

/// Log out.
#[utoipa::path(delete, path = "/api/session", tag = "session", operation_id = "log_out",
    responses((status = 204, description = "Logged out")))]
pub async fn log_out(_may: May<Enter>, State(state): State<AppState>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(token) = session_token(&headers) {
        state.desk.end(token);
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().append(header::SET_COOKIE, cookie(&state, "", Some(0))?);
    Ok(response)
}

/// Change one's own password. Every other session of the user ends.
#[utoipa::path(put, path = "/api/session/password", tag = "session", operation_id = "change_password",
    request_body = PasswordRequest, responses((status = 204, description = "Changed; other sessions ended")))]
pub async fn change_password(
    may: May<Enter>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Body(request): Body<PasswordRequest>,
) -> Result<StatusCode, Problem> {
    let (vault, id) = (state.vault.clone(), may.user.id);
    let kept = blocking(move || desk::kept(&vault, id)).await?;
    let who = Who::User(id);
    state.desk.tries(&who).map_err(locked)?;
    if !state.desk.verify(kept, request.current).await {
        return Err(Problem::unprocessable("password.wrong", "当前密码不正确"));
    }
    state.desk.passed(&who);
    set_password(&state, &may.user, request.new).await?;
    state.desk.end_all(may.user.id, session_token(&headers));
    Ok(StatusCode::NO_CONTENT)
}

/// Keeps a new password for `user`.
pub(super) async fn set_password(state: &AppState, user: &OfficeUser, password: String) -> Result<(), Problem> {
    let hash = hashed(state, user, password).await?;
    keep(state, user.id, hash).await
}

/// The hash of a new password for `user`, unless it is weak.
pub(super) async fn hashed(state: &AppState, user: &OfficeUser, password: String) -> Result<String, Problem> {
    desk::weigh(&user.login, &password).map_err(weak)?;
    Ok(state.desk.hash(password).await?)
}

/// Keeps the hash of a user's password.
pub(super) async fn keep(state: &AppState, user: Uuid, hash: String) -> Result<(), Problem> {
    let vault = state.vault.clone();
    Ok(blocking(move || desk::keep(&vault, user, &hash)).await?)
}

/// Too many tries; `left` until the next one.
fn locked(left: Duration) -> Problem {
    let mut problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "auth.locked", "尝试次数过多，请稍后再试");
    problem.retry_after_s = Some(u32::try_from(left.as_secs()).unwrap_or(u32::MAX).max(1));
    problem
}

/// What is wrong with a password, to the person who chose it.
pub(super) fn weak(weak: WeakPassword) -> Problem {
    match weak {
        WeakPassword::Length => Problem::unprocessable("password.length", "密码须为 8 至 128 个字符"),
        WeakPassword::Common => Problem::unprocessable("password.common", "密码过于常见，请更换"),
    }
}

fn cookie(state: &AppState, token: &str, max_age: Option<u32>) -> Result<HeaderValue, Problem> {
    let secure = if matches!(state.config.transport, Transport::Loopback) { "" } else { "; Secure" };
    let age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    HeaderValue::from_str(&format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}{age}"))
        .map_err(|error| Problem::internal(&error))
}

fn view(state: &AppState, user: &OfficeUser) -> SessionView {
    let now = state.now();
    SessionView {
        user: UserView::from(user),
        supplier: SupplierView {
            id: state.keys.supplier.id.0,
            name: state.keys.supplier.name.clone(),
            fingerprint: state.keys.fingerprint().to_string(),
        },
        now_ms: now.0,
        day: local_date(now),
        expires_ms: crate::clock::real_now().0 + i64::try_from(IDLE.as_millis()).unwrap_or(i64::MAX),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
