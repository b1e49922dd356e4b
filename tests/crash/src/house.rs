//! The real server without a network: its store, its office and its routes, in this process.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use nuanfang_core::device::courier::{Answer, Call, Transport, Unreachable};
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::kind::VisitKind;
use nuanfang_core::domain::office_event::VisitPlan;
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::auth::Invitation;
use nuanfang_server::clock::Clock;
use nuanfang_server::office::OfficeAct;
use nuanfang_server::store::StoreError;
use nuanfang_server::{AppState, Config, enrolment, http, serve};
use tokio::runtime::{Handle, Runtime};
use tower::ServiceExt;
use uuid::Uuid;

use crate::sweep::Fallible;

/// 2026-11-23 09:00 in Beijing.
pub const MORNING: Millis = Millis(1_795_395_600_000);

/// The name everything made up here bears.
pub const SUPPLIER: &str = "示例供热有限公司";

/// A runtime for one workload.
///
/// # Errors
/// If the system gives no threads.
pub fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// An open server.
#[derive(Clone)]
pub struct House {
    /// Its state.
    pub state: AppState,
    router: Router,
    handle: Handle,
}

impl House {
    /// Opens the data folder. Blocks.
    ///
    /// # Errors
    /// What the server says at its start.
    pub fn open(handle: &Handle, data: &Path, watch: Arc<dyn Clock>) -> Fallible<Self> {
        let mut config = Config::local(data);
        config.clock = Some(watch);
        config.supplier_name = SUPPLIER.to_owned();
        let state = serve::open(config, ([127, 0, 0, 1], 1).into())?;
        let router = http::router(state.clone());
        Ok(Self { state, router, handle: handle.clone() })
    }

    /// A one-time code for `worker`. Blocks.
    ///
    /// # Errors
    /// What the vault says.
    pub fn code(&self, worker: WorkerId) -> Fallible<String> {
        Ok(enrolment::issue(&self.state.vault, worker)?)
    }

    /// What a phone's QR code holds. Blocks.
    ///
    /// # Errors
    /// What the vault says.
    pub fn invitation(&self, worker: WorkerId) -> Fallible<Invitation> {
        let mut invitation = self.state.invitation(self.code(worker)?);
        // The address is never dialled: the phone's way leads here.
        invitation.url = "http://127.0.0.1:1".to_owned();
        Ok(invitation)
    }

    /// Plans a visit. Blocks. Returns its position in the log.
    ///
    /// # Errors
    /// What the store says.
    pub fn schedule(&self, visit: VisitId, assignee: WorkerId) -> Result<u64, StoreError> {
        let plan = VisitPlan {
            kind: VisitKind::Repair,
            household: HouseholdId(Uuid::from_u128(visit.0.as_u128() ^ 0xb22)),
            window: None,
            scope: "示例：暖气不热".into(),
            assignee: Some(assignee),
            price_list: None,
            protocol: None,
            agreed: None,
            emergency: false,
            appointment: None,
            note: None,
            follows: None,
        };
        let act = OfficeAct::about(visit, 0, Event::VisitScheduled(plan));
        let dispatcher = WorkerId(Uuid::from_u128(0xd15));
        let logged = self.state.office.append_blocking::<StoreError, _>(dispatcher, vec![act], |_| Ok(()))?;
        logged.first().copied().ok_or(StoreError::Closed)
    }

    /// One call, as a phone makes it.
    ///
    /// # Errors
    /// None that a network could have; a request that can't be built.
    pub async fn answer(&self, call: &Call) -> Fallible<Answer> {
        // Without a length the gate keeps room for the longest request there may be, and eight phones find none.
        let length = call.body.len();
        let mut request = Request::builder().method(call.method).uri(&call.path).header(header::CONTENT_LENGTH, length);
        if let Some(token) = &call.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if call.json {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let response = self.router.clone().oneshot(request.body(Body::from(call.body.clone()))?).await?;
        let (head, body) = response.into_parts();
        let named = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Answer {
            status: head.status.as_u16(),
            retry_after_s: named("retry-after").and_then(|value| value.parse().ok()),
            upload_offset: named("upload-offset").and_then(|value| value.parse().ok()),
            upload_complete: named("upload-complete") == Some("?1"),
            body: to_bytes(body, usize::MAX).await?.into(),
        })
    }

    /// Ends it: what is queued is written, the write-ahead log is folded back. Blocks.
    pub fn close(self) {
        self.state.store.close();
    }
}

impl Transport for House {
    fn call(&self, call: &Call) -> Result<Answer, Unreachable> {
        self.handle.block_on(self.answer(call)).map_err(|error| Unreachable::NoAnswer(error.to_string()))
    }
}
