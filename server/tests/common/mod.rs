//! A phone as the server sees one: its key, its log, its exchanges. And a server behind its routes, without a network.

#![allow(dead_code)]

pub mod desk;
pub mod paper;
pub mod second;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use nuanfang_core::canon::envelope::{BlobRef, nonce};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::kind::VisitKind;
use nuanfang_core::domain::office_event::{Assigned, DeviceRevoked, RevokeReason, VisitPlan};
use nuanfang_core::domain::rules::Rules;
use nuanfang_core::id::{BootId, DeviceId, HouseholdId, OpId, VisitId, WorkerId};
use nuanfang_core::record::{SoftwareKey, sign_low_s};
use nuanfang_core::time::{Millis, Stamp};
use nuanfang_core::wire::auth::{ChallengeReply, EnrolReply, TokenReply, b64, challenge_bytes};
use nuanfang_core::wire::{Caps, Clocks, Op, Owes, ScopeCursor, SyncReply, SyncRequest};
use nuanfang_server::clock::HandClock;
use nuanfang_server::http::gate::Limits;
use nuanfang_server::office::OfficeAct;
use nuanfang_server::store::StoreError;
use nuanfang_server::{AppState, Config, enrolment, http, serve};
use proptest::test_runner::Config as ProptestConfig;
use serde_json::json;
use serde_json::value::RawValue;
use tower::ServiceExt;
use uuid::Uuid;

/// So many cases of a property; `PROPTEST_CASES` asks for more.
pub fn few(cases: u32) -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig::default();
    ProptestConfig { cases: if asked { config.cases } else { cases }, ..config }
}

/// A server without a network.
pub struct House {
    pub dir: tempfile::TempDir,
    pub state: AppState,
    pub app: Router,
    pub clock: Arc<HandClock>,
    pub dispatcher: WorkerId,
}

impl House {
    pub async fn open() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        Self::open_in(dir).await
    }

    pub async fn open_in(dir: tempfile::TempDir) -> Self {
        Self::open_as(dir, Limits::default()).await
    }

    pub async fn open_with(limits: Limits) -> Self {
        Self::open_as(tempfile::tempdir().expect("a folder"), limits).await
    }

    /// Ends it and opens its data folder again.
    pub async fn reopen(self) -> Self {
        let Self { dir, state, app, .. } = self;
        tokio::task::spawn_blocking(move || {
            state.store.close();
            drop((state, app));
        })
        .await
        .expect("no panic");
        Self::open_in(dir).await
    }

    async fn open_as(dir: tempfile::TempDir, limits: Limits) -> Self {
        let clock = Arc::new(HandClock::at(Millis(1_790_000_000_000)));
        let mut config = Config::local(dir.path().join("data"));
        config.clock = Some(clock.clone());
        config.limits = limits;
        let state = tokio::task::spawn_blocking(move || serve::open(config, ([127, 0, 0, 1], 1).into()))
            .await
            .expect("no panic")
            .expect("a new data folder opens");
        Self { clock, ..Self::around(dir, state) }
    }

    /// The same server that `state` is of, without its network.
    pub fn around(dir: tempfile::TempDir, state: AppState) -> Self {
        let app = http::router(state.clone());
        let clock = Arc::new(HandClock::at(state.now()));
        Self { dir, state, app, clock, dispatcher: WorkerId(Uuid::from_u128(0xd15)) }
    }

    pub async fn send(&self, mut request: Request<Body>) -> (StatusCode, HeaderMap, Bytes) {
        // As a client does that has all of a body.
        if let Some(length) = request.body().size_hint().exact().filter(|length| *length > 0) {
            request.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
        }
        let response = self.app.clone().oneshot(request).await.expect("the router answers");
        let (status, headers) = (response.status(), response.headers().clone());
        (status, headers, to_bytes(response.into_body(), usize::MAX).await.expect("a body"))
    }

    pub async fn post_json(&self, path: &str, body: serde_json::Value) -> (StatusCode, Bytes) {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .expect("a request");
        let (status, _, body) = self.send(request).await;
        (status, body)
    }

    pub async fn act(&self, act: OfficeAct) -> u64 {
        self.state.office.append::<StoreError, _>(self.dispatcher, vec![act], |_| Ok(())).await.expect("acted")[0]
    }

    pub async fn schedule(&self, visit: VisitId, household: HouseholdId, assignee: Option<WorkerId>) {
        let plan = VisitPlan {
            kind: VisitKind::Repair,
            household,
            window: None,
            scope: "暖气不热".into(),
            assignee,
            price_list: None,
            protocol: None,
            agreed: None,
            emergency: false,
            appointment: None,
            note: None,
            follows: None,
        };
        self.act(OfficeAct::about(visit, 0, Event::VisitScheduled(plan))).await;
    }

    pub async fn assign(&self, visit: VisitId, basis: u64, assignee: WorkerId) {
        let assigned = Assigned { assignee, reason: Some("路途较近".into()) };
        self.act(OfficeAct::about(visit, basis, Event::Assigned(assigned))).await;
    }

    pub async fn revoke(&self, device: DeviceId, reason: RevokeReason) {
        self.act(OfficeAct::of(Event::DeviceRevoked(DeviceRevoked { device, reason }))).await;
    }

    pub fn outcomes(&self) -> Vec<(u64, String, Option<String>)> {
        self.state
            .store
            .read_now::<_, StoreError>(|db| {
                let mut query = db.prepare("SELECT seq, o, why FROM outcome ORDER BY g")?;
                let rows = query.query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?, row.get(2)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .expect("outcomes")
    }
}

/// A phone.
#[derive(Clone)]
pub struct Phone {
    pub device: DeviceId,
    pub worker: WorkerId,
    pub key: Arc<SoftwareKey>,
    pub token: String,
    pub epoch: u64,
    pub base: u64,
    pub base_sha: Sha,
    pub head_sha: Sha,
    pub queue: Vec<Op>,
    pub logged: Vec<Op>,
    pub certificate: String,
    pub scopes: Vec<ScopeCursor>,
    pub boot: BootId,
    pub mono_ms: u64,
}

impl Phone {
    pub async fn enrol(house: &House, worker: WorkerId) -> Self {
        Self::enrol_anew(house, worker, &[]).await
    }

    /// A phone that says it was `continues` before.
    pub async fn enrol_anew(house: &House, worker: WorkerId, continues: &[DeviceId]) -> Self {
        Self::enrol_with(house, worker, continues, &[]).await
    }

    /// The same, with the certificates it had.
    pub async fn enrol_with(house: &House, worker: WorkerId, continues: &[DeviceId], certificates: &[String]) -> Self {
        let vault = house.state.vault.clone();
        let code = tokio::task::spawn_blocking(move || enrolment::issue(&vault, worker))
            .await
            .expect("no panic")
            .expect("a code");
        let key = SoftwareKey::generate();
        let body = json!({
            "code": code, "public_key": b64(&key.public().to_spki_der()), "name": "测试手机", "app": "0.1.0",
            "continues": continues, "certificates": certificates,
        });
        let (status, reply) = house.post_json("/v1/enrol", body).await;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&reply));
        let reply: EnrolReply = serde_json::from_slice(&reply).expect("a reply");
        assert_eq!(reply.worker, worker);
        let mut phone = Self {
            device: reply.device,
            worker,
            key: Arc::new(key),
            token: String::new(),
            epoch: reply.epoch,
            base: 0,
            base_sha: Sha::ZERO,
            head_sha: Sha::ZERO,
            queue: Vec::new(),
            logged: Vec::new(),
            certificate: reply.certificate,
            scopes: Vec::new(),
            boot: BootId(Uuid::new_v4()),
            mono_ms: 1_000,
        };
        let (status, token) = phone.ask_token(house).await;
        assert_eq!(status, StatusCode::OK);
        phone.token = serde_json::from_slice::<TokenReply>(&token).expect("a token").token;
        phone
    }

    pub async fn ask_token(&self, house: &House) -> (StatusCode, Bytes) {
        self.ask_token_with(house, None).await
    }

    pub async fn ask_token_with(&self, house: &House, certificate: Option<&str>) -> (StatusCode, Bytes) {
        let (_, reply) = house.post_json("/v1/challenge", json!({ "device": self.device })).await;
        let nonce = serde_json::from_slice::<ChallengeReply>(&reply).expect("a nonce").nonce;
        let signature = sign_low_s(&*self.key, &challenge_bytes(self.device, &nonce)).expect("signed");
        let mut body = json!({ "device": self.device, "nonce": nonce, "signature": b64(&signature) });
        if let Some(certificate) = certificate {
            body["certificate"] = json!(certificate);
        }
        house.post_json("/v1/token", body).await
    }

    /// Comes to a server that lost its enrolment, and those of the devices it was before.
    pub async fn comes_back_with(&mut self, house: &House, continues: &[DeviceId], certificates: &[String]) {
        let (_, reply) = house.post_json("/v1/challenge", json!({ "device": self.device })).await;
        let nonce = serde_json::from_slice::<ChallengeReply>(&reply).expect("a nonce").nonce;
        let signature = sign_low_s(&*self.key, &challenge_bytes(self.device, &nonce)).expect("signed");
        let body = json!({
            "device": self.device, "nonce": nonce, "signature": b64(&signature), "certificate": self.certificate,
            "continues": continues, "certificates": certificates,
        });
        let (status, token) = house.post_json("/v1/token", body).await;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&token));
        self.token = serde_json::from_slice::<TokenReply>(&token).expect("a token").token;
    }

    pub fn log(&mut self, visit: Option<VisitId>, basis: u64, event: &Event) -> OpId {
        self.log_raw(visit, basis, event.kind(), &event.to_body(&nonce()), Vec::new())
    }

    pub fn log_raw(&mut self, visit: Option<VisitId>, basis: u64, kind: &str, body: &str, blobs: Vec<BlobRef>) -> OpId {
        self.mono_ms += 1_000;
        let op = OpId(Uuid::now_v7());
        let op_row = Op {
            seq: self.base + self.queue.len() as u64 + 1,
            op,
            kind: kind.into(),
            visit,
            worker: self.worker,
            basis,
            rules: Rules::builtin().sha(),
            t: Stamp { wall_ms: 5, mono_ms: self.mono_ms, boot: self.boot },
            body: RawValue::from_string(body.to_owned()).expect("JSON"),
            blobs,
        };
        self.head_sha = op_row.envelope(self.device, self.head_sha).sha();
        self.queue.push(op_row.clone());
        self.logged.push(op_row);
        op
    }

    /// Comes to a server anew, as a phone does whose token is no longer taken.
    pub async fn come_back(&mut self, house: &House) {
        let (mut status, mut token) = self.ask_token(house).await;
        if status == StatusCode::UNAUTHORIZED {
            (status, token) = self.ask_token_with(house, Some(&self.certificate)).await;
        }
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&token));
        self.token = serde_json::from_slice::<TokenReply>(&token).expect("a token").token;
    }

    /// Sends a file, whole.
    pub async fn upload(&self, house: &House, bytes: &[u8]) -> StatusCode {
        let request = Request::patch(format!("/v1/blobs/{}", Sha::of(bytes)))
            .header("authorization", format!("Bearer {}", self.token))
            .header("upload-offset", "0")
            .body(Body::from(bytes.to_vec()))
            .expect("a request");
        house.send(request).await.0
    }

    pub fn request(&self) -> SyncRequest {
        SyncRequest {
            v: 1,
            req: Uuid::now_v7(),
            device: self.device,
            epoch: self.epoch,
            scopes: self.scopes.clone(),
            caps: Caps { app: "0.1.0".into(), ..Caps::default() },
            t: Clocks {
                stamp: Stamp { wall_ms: 5, mono_ms: self.mono_ms + 500, boot: self.boot },
                tz: "Asia/Shanghai".into(),
                heard: Vec::new(),
            },
            owes: Owes::default(),
            base: self.base,
            base_sha: self.base_sha,
            judged: 0,
            head_sha: self.head_sha,
            ops: self.queue.clone(),
        }
    }

    pub async fn post(&self, house: &House, body: Vec<u8>, coding: Option<&str>) -> (StatusCode, Bytes) {
        let mut request = Request::post("/v1/sync").header("authorization", format!("Bearer {}", self.token));
        if let Some(coding) = coding {
            request = request.header("content-encoding", coding);
        }
        let (status, _, body) = house.send(request.body(Body::from(body)).expect("a request")).await;
        (status, body)
    }

    pub async fn try_sync(&self, house: &House, request: &SyncRequest) -> SyncReply {
        let (status, body) = self.post(house, serde_json::to_vec(request).expect("JSON"), None).await;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        let reply: SyncReply = serde_json::from_slice(&body).expect("a reply");
        assert_eq!(reply.req, request.req);
        reply
    }

    /// Exchanges and takes the receipt as a phone does.
    pub async fn sync(&mut self, house: &House) -> SyncReply {
        let reply = self.try_sync(house, &self.request()).await;
        if reply.epoch > self.epoch {
            // The server was restored: what it has lost is offered again.
            self.epoch = reply.epoch;
            (self.base, self.base_sha) = (reply.acked_through, reply.ack_sha);
            self.queue = self.logged.iter().filter(|op| op.seq > self.base).cloned().collect();
        } else if reply.acked_through == self.base + self.queue.len() as u64 {
            assert_eq!(reply.ack_sha, self.head_sha, "the receipt proves the head");
            self.base = reply.acked_through;
            self.base_sha = reply.ack_sha;
            self.queue.clear();
        }
        for scope in &reply.scopes {
            self.scopes.retain(|cursor| cursor.id != scope.id);
            self.scopes.push(ScopeCursor { id: scope.id.clone(), pos: scope.pos, hash: scope.hash.clone() });
        }
        reply
    }
}
