//! Who may ask: a handler names a permit, the permit names its roles. What no permit names is denied.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};

use crate::http::Problem;
use crate::office::registers::user::{self, OfficeUser};
use crate::office::role::Role;
use crate::state::AppState;

/// The session's cookie.
pub const COOKIE: &str = "nuanfang_session";

/// The header that every request but GET carries. A page of another site can't send it.
pub const MARK: &str = "x-nuanfang";

/// Leave to do something.
pub trait Permit: Send + Sync + 'static {
    /// Who has it.
    const ROLES: &'static [Role];
}

macro_rules! permits {
    ($($(#[$doc:meta])* $name:ident = [$($role:ident),+];)*) => {
        $($(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Permit for $name {
            const ROLES: &'static [Role] = &[$(Role::$role),+];
        })*
    };
}

permits! {
    /// Be logged in.
    Enter = [Dispatcher, Service, Billing, Supervisor, Auditor, Admin];
    /// Read the board and visits.
    ReadVisits = [Dispatcher, Service, Billing, Supervisor, Auditor];
    /// Plan a visit and move it in time.
    PlanVisits = [Dispatcher, Service, Supervisor];
    /// Give a visit to a worker, take it back, decide about lanes.
    Dispatch = [Dispatcher, Supervisor];
    /// Call residents back.
    CallBack = [Service, Supervisor];
    /// Fill in the office's part of a form.
    CompleteForms = [Supervisor];
    /// Read the sealed documents.
    ReadDocuments = [Dispatcher, Service, Billing, Supervisor, Auditor];
    /// See photos taken in homes.
    SeePhotos = [Dispatcher, Service, Supervisor, Auditor];
    /// Search and read households, as far as each field's class goes.
    ReadHouseholds = [Dispatcher, Service, Billing, Supervisor, Auditor, Admin];
    /// Read a masked value, with a reason.
    Unmask = [Dispatcher, Service, Billing, Supervisor];
    /// Bring registers in.
    Import = [Supervisor, Admin];
    /// Read the workers' register.
    ReadWorkers = [Dispatcher, Service, Supervisor, Auditor, Admin];
    /// Enrol and revoke phones.
    ManageDevices = [Supervisor, Admin];
    /// See phones and what they owe.
    ReadDevices = [Dispatcher, Supervisor, Auditor, Admin];
    /// Read the register of instruments.
    ReadInstruments = [Dispatcher, Service, Supervisor, Auditor, Admin];
    /// Read price lists.
    ReadPrices = [Dispatcher, Service, Billing, Supervisor, Auditor, Admin];
    /// Read what the office has to do.
    ReadTasks = [Dispatcher, Service, Supervisor];
    /// Read who did what.
    ReadAudit = [Supervisor, Auditor];
    /// Read who the users are.
    ReadUsers = [Auditor, Admin];
    /// Add and disable users.
    ManageUsers = [Admin];
}

/// A logged-in user who has the permit `P`.
#[derive(Debug)]
pub struct May<P> {
    /// Who.
    pub user: OfficeUser,
    permit: PhantomData<P>,
}

impl<P: Permit> FromRequestParts<AppState> for May<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let token = session_token(&parts.headers).ok_or_else(Problem::unauthorized)?;
        let id = state.desk.user(token).ok_or_else(Problem::unauthorized)?;
        same_site(&parts.method, &parts.headers)?;
        // Asked anew each time: a user disabled or given another role is so at once.
        let user = state.store.read_now(|db| user::find(db, id))?.filter(|user| !user.disabled);
        let user = user.ok_or_else(Problem::unauthorized)?;
        if !P::ROLES.contains(&user.role) {
            tracing::warn!(user = %user.login, role = user.role.name(), path = parts.uri.path(), "not permitted");
            return Err(Problem::forbidden("auth.role", format!("{}没有此项权限", user.role.zh()))
                .detail(format!("the role {} may not do this", user.role.name())));
        }
        Ok(Self { user, permit: PhantomData })
    }
}

/// A request that no other site's page can have sent; for what is asked without a session.
#[derive(Debug)]
pub struct SameSite;

impl FromRequestParts<AppState> for SameSite {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        same_site(&parts.method, &parts.headers).map(|()| Self)
    }
}

/// The session's token, if the request carries one.
pub fn session_token(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

/// Refuses what another site's page could have sent.
fn same_site(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let elsewhere =
        headers.get("sec-fetch-site").is_some_and(|value| !matches!(value.as_bytes(), b"same-origin" | b"none"));
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if elsewhere || (!reads && !headers.contains_key(MARK)) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "auth.csrf", "请求来源不被接受")
            .detail(format!("requests other than GET carry the header {MARK}")));
    }
    Ok(())
}
