//! The way to the server over HTTP: rustls with bundled roots, a company's own root, or one pinned key. Never follows
//! a redirect, never reads more than it should, and tells "no answer" from "a stranger's answer".

use std::io::{self, Read};
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, Response};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Method};
use rustls::CertificateError;

use super::courier::{Answer, Call, Transport, Unreachable};
use super::{packing, pinned};
use crate::canon::hash::Sha;
use crate::error::Refusal;
use crate::wire::{CALL_TIMEOUT_S, upload};

/// The largest answer that is read, in bytes, after decompression.
pub const ANSWER_LIMIT: u64 = 64 * 1024 * 1024;
/// What [`Unreachable::Untrusted`] says of a certificate that does not hold at the date and time this phone shows.
pub const OTHER_DATES: &str = "the certificate does not hold at this phone's date and time";
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

/// What is read from until an instant: the client's own limit is on each read, and bytes that drip have no end.
struct Until<R> {
    from: R,
    end: Instant,
}

impl<R: Read> Read for Until<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.from.read(into)
    }
}

fn read(response: Response) -> Result<Answer, Unreachable> {
    let end = Instant::now() + WHOLE_CALL;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let zstd = header(CONTENT_ENCODING.as_str()).is_some_and(|coding| coding.eq_ignore_ascii_case("zstd"));
    let answer = Answer {
        status: response.status().as_u16(),
        retry_after_s: header(RETRY_AFTER.as_str()).and_then(|value| value.parse().ok()),
        upload_offset: header(upload::OFFSET).and_then(|value| upload::count(value.as_bytes())),
        upload_complete: header(upload::COMPLETE).and_then(|value| upload::complete(value.as_bytes())) == Some(true),
        body: Vec::new(),
    };
    let response = Until { from: response, end };
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
    while let Some(cause) = source {
        if let Some(why) = cause.downcast_ref::<rustls::Error>().and_then(untrusted) {
            return Unreachable::Untrusted(why);
        }
        text = cause.to_string();
        // rustls travels inside an io::Error, which keeps it as its inner error.
        source = match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    // Who did not even let himself be reached is no slow link.
    if error.is_timeout() && !error.is_connect() { Unreachable::Slow } else { Unreachable::NoAnswer(text) }
}

/// Why an error of TLS is no trust in who answered, if that is what it is.
fn untrusted(error: &rustls::Error) -> Option<String> {
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => Some(OTHER_DATES.to_owned()),
        rustls::Error::InvalidCertificate(_) | rustls::Error::General(_) => Some(error.to_string()),
        _ => None,
    }
}

fn no_answer(error: &dyn std::fmt::Display) -> Unreachable {
    Unreachable::NoAnswer(error.to_string())
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::UnixTime;

    use super::*;

    #[test]
    fn an_answer_that_drips_beyond_its_time_is_none() {
        let (now, hour) = (Instant::now(), Duration::from_secs(3_600));
        let mut text = String::new();
        assert_eq!(Until { from: &b"answer"[..], end: now + hour }.read_to_string(&mut text).expect("in time"), 6);
        let late = Until { from: io::repeat(b' '), end: now }.read_to_string(&mut text);
        assert_eq!(late.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
    }

    #[test]
    fn a_certificate_of_other_dates_is_told_from_a_strangers() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        for error in [
            CertificateError::Expired,
            CertificateError::ExpiredContext { time: at(9), not_after: at(5) },
            CertificateError::NotValidYet,
            CertificateError::NotValidYetContext { time: at(5), not_before: at(9) },
        ] {
            assert_eq!(untrusted(&rustls::Error::InvalidCertificate(error)).as_deref(), Some(OTHER_DATES));
        }
        let stranger = untrusted(&rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        assert!(stranger.is_some_and(|why| why != OTHER_DATES));
        assert_eq!(untrusted(&rustls::Error::HandshakeNotComplete), None);
    }
}
