//! Errors of the API: RFC 9457 problem JSON with a stable `code`, words a person can act on, and no internals.

use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nuanfang_core::error::Refusal;
use rand::Rng;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{Content, OpenApi as Description, Ref, Response as Described};

use super::api::RefusalView;
use crate::store::StoreError;

/// What is answered when a request can't be served.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:nuanfang:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub type_: Box<str>,
    /// The HTTP status.
    pub status: u16,
    /// Stable, for programs: `visit.not_found`.
    #[schema(value_type = String)]
    pub code: Box<str>,
    /// What is wrong, in Chinese.
    #[schema(value_type = String)]
    pub title: Box<str>,
    /// What to do, or the particulars.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub detail: Option<Box<str>>,
    /// The clause a refusal stands on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub clause: Option<Box<str>>,
    /// Everything in the way, where there is more than one reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<RefusalView>,
    /// Seconds to wait before trying again.
    #[serde(skip)]
    pub retry_after_s: Option<u32>,
}

impl Problem {
    /// A problem with its status, code and title.
    pub fn new(status: StatusCode, code: &str, title: impl Into<String>) -> Self {
        Self {
            type_: format!("urn:nuanfang:problem:{code}").into(),
            status: status.as_u16(),
            code: code.into(),
            title: title.into().into(),
            detail: None,
            clause: None,
            refusals: Vec::new(),
            retry_after_s: None,
        }
    }

    /// The same with particulars.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into().into());
        self
    }

    /// The same with everything that is in the way.
    pub fn refused(mut self, refusals: Vec<Refusal>) -> Self {
        self.refusals = refusals.into_iter().map(RefusalView::from).collect();
        self
    }

    /// 400: what came can't be read.
    pub fn bad_request(code: &str, title: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, title)
    }

    /// 401: not logged in.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "auth.required", "请先登录")
    }

    /// 403: logged in, but not allowed.
    pub fn forbidden(code: &str, title: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, title)
    }

    /// 404.
    pub fn not_found(code: &str, title: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, title)
    }

    /// 409: the state has moved on.
    pub fn conflict(code: &str, title: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, title)
    }

    /// 422: readable, but it may not be done.
    pub fn unprocessable(code: &str, title: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, title)
    }

    /// 503 with a jittered `Retry-After`.
    pub fn busy(code: &str, title: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title);
        problem.retry_after_s = Some(rand::thread_rng().gen_range(1..=8));
        problem
    }

    /// 500. What went wrong is in the server's own log, not in the answer.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "服务器内部错误，请稍后重试")
    }
}

/// Every operation may answer with a problem.
pub(super) fn may_fail(description: &mut Description) {
    for item in description.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.head, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let problem = Described::builder()
                .description("A problem (RFC 9457)")
                .content("application/problem+json", Content::new(Some(Ref::from_schema_name("Problem"))))
                .build();
            operation.responses.responses.entry("default".into()).or_insert(problem.into());
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::busy("server.busy", "服务器繁忙，请稍后重试"),
            StoreError::Closed => Self::busy("server.stopping", "服务器正在停止，请稍后重试"),
            StoreError::Full => {
                tracing::error!("the disk is full");
                Self::busy("server.disk_full", "服务器磁盘已满，数据未保存，请稍后重试")
            }
            StoreError::ReadOnly => {
                tracing::error!("the data folder can't be written");
                Self::busy("server.read_only", "服务器暂时无法写入，请稍后重试")
            }
            StoreError::Io(error) => {
                tracing::error!(%error, "the data folder fails");
                Self::busy("server.disk_failing", "服务器磁盘读写异常，数据未保存，请稍后重试")
            }
            StoreError::TooSlow => Self::busy("server.too_slow", "查询超时，请缩小范围后重试"),
            StoreError::Refused(refusal) => Self::from(refusal),
            other => Self::internal(&other),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let mut problem = Self::unprocessable(&refusal.code, refusal.zh).detail(refusal.en);
        problem.clause = (!refusal.clause.is_empty()).then(|| refusal.clause.into());
        problem
    }
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        Self::from(StoreError::from(error))
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "request.unreadable", "请求内容无法识别").detail(rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request("request.unreadable", "请求参数无法识别").detail(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), "request.unreadable", "请求路径无法识别").detail(rejection.body_text())
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        let status = rejection.status();
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            Self::new(status, "request.too_large", "请求内容过大")
        } else {
            Self::bad_request("request.truncated", "请求内容不完整")
        }
    }
}
