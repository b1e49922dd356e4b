//! The way to the server over HTTP: rustls with bundled roots, a company's own root, or one pinned key. Never follows
//! a redirect, never reads more than it should, and tells "no answer" from "a stranger's answer".

use std::io::Read;
use std::time::Duration;

use reqwest::blocking::{Client, Response};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Method};

use super::courier::{Answer, Call, Transport, Unreachable};
use super::{packing, pinned};
use crate::canon::hash::Sha;
use crate::error::Refusal;
use crate::wire::{CALL_TIMEOUT_S, upload};

/// The largest answer that is read, in bytes, after decompression.
pub const ANSWER_LIMIT: u64 = 64 * 1024 * 1024;
const CONNECT: Duration = Duration::from_secs(15);
const WHOLE_CALL: Duration = Duration::from_secs(CALL_TIMEOUT_S);

/// How to know the server.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The server's pinned key; outweighs everything else.
    pub pin: Option<Sha>,
    /// A company's own root certificate, PEM, beside the bundled ones.
    pub root_pem: Option<Vec<u8>>,
}

/// HTTP to one server.
pub struct Http {
    client: Client,
    url: String,
}

impl Http {
    /// A client of the server at `url`: `https://…`, or `http://` on this machine itself.
    ///
    /// # Errors
    /// `device.bad_address` for any other address, `device.tls` when the trust can't be set up.
    pub fn new(url: &str, trust: &Trust) -> Result<Self, Refusal> {
        let url = url.trim_end_matches('/').to_owned();
        if !is_allowed(&url) {
            return Err(Refusal::new(
                "device.bad_address",
                "",
                "服务器地址不可用：必须是 https 地址。请重新扫描公司发放的二维码。",
                "The server's address can't be used: it must be https. Scan your company's code again.",
            ));
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, "zstd".parse().map_err(tls)?);
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .default_headers(headers)
            .connect_timeout(CONNECT)
            .timeout(WHOLE_CALL)
            .pool_idle_timeout(Duration::from_secs(30));
        if let Some(pin) = trust.pin {
            builder = builder.use_preconfigured_tls(pinned::config(pin).map_err(tls)?);
        } else if let Some(pem) = &trust.root_pem {
            builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(tls)?);
        }
        Ok(Self { client: builder.build().map_err(tls)?, url })
    }
}

fn tls(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(
        "device.tls",
        "",
        format!("无法建立安全连接的设置（{error}）。请联系公司重新登记本机。"),
        format!("The secure connection can't be set up ({error}). Ask your company to enrol this phone anew."),
    )
}

/// Plain HTTP never leaves the machine.
fn is_allowed(url: &str) -> bool {
    let Ok(parsed) = reqwest::Url::parse(url) else { return false };
    match (parsed.scheme(), parsed.host_str()) {
        ("https", Some(_)) => true,
        ("http", Some(host)) => matches!(host, "localhost" | "127.0.0.1" | "[::1]"),
        _ => false,
    }
}

impl Transport for Http {
    fn call(&self, call: &Call) -> Result<Answer, Unreachable> {
        let method = Method::from_bytes(call.method.as_bytes()).map_err(|error| no_answer(&error))?;
        let mut request = self.client.request(method, format!("{}{}", self.url, call.path));
        if let Some(token) = &call.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if call.json {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let packed = if call.pack { packing::pack(&call.body, call.dictionary) } else { None };
        request = match packed {
            Some(packed) => request.header(CONTENT_ENCODING, "zstd").body(packed),
            None if call.body.is_empty() && call.method != "PATCH" => request,
            None => request.body(call.body.clone()),
        };
        let response = request.send().map_err(|error| unreachable(&error))?;
        read(response)
    }
}

fn read(response: Response) -> Result<Answer, Unreachable> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let zstd = header(CONTENT_ENCODING.as_str()).is_some_and(|coding| coding.eq_ignore_ascii_case("zstd"));
    let answer = Answer {
        status: response.status().as_u16(),
        retry_after_s: header(RETRY_AFTER.as_str()).and_then(|value| value.parse().ok()),
        upload_offset: header(upload::OFFSET).and_then(|value| upload::count(value.as_bytes())),
        upload_complete: header(upload::COMPLETE).and_then(|value| upload::complete(value.as_bytes())) == Some(true),
        body: Vec::new(),
    };
    let done = if zstd {
        packing::unpack(response, ANSWER_LIMIT + 1)
    } else {
        let mut body = Vec::new();
        response.take(ANSWER_LIMIT + 1).read_to_end(&mut body).map(|_| body)
    };
    match done {
        // What breaks off or does not end is no answer; it is asked for again.
        Ok(body) if body.len() as u64 > ANSWER_LIMIT => Err(Unreachable::NoAnswer("answer too large".to_owned())),
        Ok(body) => Ok(Answer { body, ..answer }),
        Err(error) => Err(no_answer(&error)),
    }
}

fn unreachable(error: &reqwest::Error) -> Unreachable {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    let mut stranger = false;
    while let Some(cause) = source {
        text = cause.to_string();
        stranger |= cause
            .downcast_ref::<rustls::Error>()
            .is_some_and(|cause| matches!(cause, rustls::Error::InvalidCertificate(_) | rustls::Error::General(_)));
        // rustls travels inside an io::Error, which keeps it as its inner error.
        source = match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    if stranger { Unreachable::Untrusted(text) } else { Unreachable::NoAnswer(text) }
}

fn no_answer(error: &dyn std::fmt::Display) -> Unreachable {
    Unreachable::NoAnswer(error.to_string())
}
