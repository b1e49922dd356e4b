//! The office over HTTP, as its console speaks to it: a session with its cookie, the marked requests, the answers as
//! JSON. What the server refuses is an error that says what it said.

use std::time::Duration;

use nuanfang_core::domain::{VisitKind, Window};
use nuanfang_core::id::VisitId;
use nuanfang_core::time::Millis;
use reqwest::blocking::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Done;

/// How long an answer may take: a machine that builds something else beside it is slow, not wrong.
const PATIENCE: Duration = Duration::from_secs(180);

/// One user of the office, logged in.
pub struct Office {
    url: String,
    http: Client,
}

/// A visit as the office plans it.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// What for.
    pub kind: VisitKind,
    /// Whose dwelling, by its 交费编号.
    pub account: &'a str,
    /// What is to be done.
    pub scope: &'a str,
    /// When; agreed with the resident on the telephone.
    pub window: Option<Window>,
    /// Who goes, by badge number; none = 待派.
    pub badge: Option<&'a str>,
    /// The visit it follows.
    pub follows: Option<VisitId>,
}

impl Office {
    /// Logs in at the server `url`.
    ///
    /// # Errors
    /// When nobody answers there, or the password is wrong.
    pub fn log_in(url: &str, login: &str, password: &str) -> Done<Self> {
        // A proxy of the surroundings has no business between this machine and itself.
        let http = Client::builder().cookie_store(true).no_proxy().timeout(PATIENCE).build()?;
        let office = Self { url: url.trim_end_matches('/').to_owned(), http };
        office.post("/api/session", &json!({ "login": login, "password": password }))?;
        Ok(office)
    }

    /// GET, as JSON.
    ///
    /// # Errors
    /// What the server refuses, in its words; so too for every call below.
    pub fn get(&self, path: &str) -> Done<Value> {
        json_of(answered(path, self.http.get(self.at(path)))?)
    }

    /// GET, as the bytes of a file.
    ///
    /// # Errors
    /// As [`Office::get`].
    pub fn file(&self, path: &str) -> Done<Vec<u8>> {
        Ok(answered(path, self.http.get(self.at(path)))?.bytes()?.to_vec())
    }

    /// POST of a JSON body; [`Value::Null`] sends none.
    ///
    /// # Errors
    /// As [`Office::get`].
    pub fn post(&self, path: &str, body: &Value) -> Done<Value> {
        json_of(answered(path, self.posting(path, body))?)
    }

    /// POST of something that has to be refused; the codes of all that stands against it.
    ///
    /// # Errors
    /// When it is not refused.
    pub fn refused(&self, path: &str, body: &Value) -> Done<Vec<String>> {
        let response = self.posting(path, body).send()?;
        if response.status().is_success() {
            return Err(format!("{path}: 应被拒绝，却被接受 accepted, and had to be refused").into());
        }
        let problem: Value = response.json()?;
        let code = |value: &Value| value["code"].as_str().unwrap_or_default().to_owned();
        let reasons = problem["refusals"].as_array().cloned().unwrap_or_default();
        Ok(if reasons.is_empty() { vec![code(&problem)] } else { reasons.iter().map(code).collect() })
    }

    /// The office's time.
    ///
    /// # Errors
    /// As [`Office::get`].
    pub fn now(&self) -> Done<Millis> {
        Ok(Millis(self.get("/v1/time")?["now_ms"].as_i64().ok_or("no time")?))
    }

    /// The household with this 交费编号.
    ///
    /// # Errors
    /// When there is none.
    pub fn household(&self, account: &str) -> Done<Uuid> {
        let page = self.get(&format!("/api/households?q={account}"))?;
        find(&page["rows"], "account_number", account)
    }

    /// The worker with this badge.
    ///
    /// # Errors
    /// When there is none.
    pub fn worker(&self, badge: &str) -> Done<Uuid> {
        find(&self.get("/api/workers")?, "badge_number", badge)
    }

    /// A new one-time code for a phone of this worker, as [`Value`] with `code` and `text` (what its QR holds).
    ///
    /// # Errors
    /// As [`Office::get`].
    pub fn enrolment(&self, badge: &str) -> Done<Value> {
        self.post(&format!("/api/workers/{}/enrolment", self.worker(badge)?), &Value::Null)
    }

    /// Plans a visit.
    ///
    /// # Errors
    /// As [`Office::get`].
    pub fn schedule(&self, plan: &Plan<'_>) -> Done<VisitId> {
        id_of(&self.post("/api/visits", &self.request(plan)?)?)
    }

    /// The body that plans a visit.
    ///
    /// # Errors
    /// When household or worker is not known.
    pub fn request(&self, plan: &Plan<'_>) -> Done<Value> {
        Ok(json!({
            "kind": plan.kind,
            "household": self.household(plan.account)?,
            "scope": plan.scope,
            "window": plan.window.map(window),
            "appointment": plan.window.map(|_| json!({ "channel": "phone" })),
            "assignee": plan.badge.map(|badge| self.worker(badge)).transpose()?,
            "follows": plan.follows,
        }))
    }

    /// Gives a visit to another worker.
    ///
    /// # Errors
    /// As [`Office::get`].
    pub fn assign(&self, visit: VisitId, badge: &str, reason: &str) -> Done<()> {
        let version = self.visit(visit)?["plan"]["version"].clone();
        let body = json!({ "assignee": self.worker(badge)?, "reason": reason, "plan_version": version });
        self.post(&format!("/api/visits/{visit}/assign"), &body).map(drop)
    }

    /// A visit in full.
    ///
    /// # Errors
    /// As [`Office::get`].
    pub fn visit(&self, visit: VisitId) -> Done<Value> {
        self.get(&format!("/api/visits/{visit}"))
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn posting(&self, path: &str, body: &Value) -> RequestBuilder {
        let request = self.http.post(self.at(path)).header("x-nuanfang", "1");
        if body.is_null() { request } else { request.json(body) }
    }
}

/// A window as the API has it.
pub fn window(window: Window) -> Value {
    json!({ "from_ms": window.from, "until_ms": window.until })
}

/// The id of a visit that the API answered with.
///
/// # Errors
/// When it holds none.
pub fn id_of(card: &Value) -> Done<VisitId> {
    Ok(VisitId(card["id"].as_str().ok_or("no id")?.parse()?))
}

fn find(rows: &Value, key: &str, wanted: &str) -> Done<Uuid> {
    let found = rows.as_array().into_iter().flatten().find(|row| row[key] == wanted);
    let row = found.ok_or_else(|| format!("没有 {wanted} (no such {key})"))?;
    Ok(row["id"].as_str().ok_or("no id")?.parse()?)
}

fn answered(path: &str, request: RequestBuilder) -> Done<Response> {
    let response = request.send()?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    Err(format!("{path}: {status} {}", response.text()?).into())
}

fn json_of(response: Response) -> Done<Value> {
    let bytes = response.bytes()?;
    Ok(if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? })
}
