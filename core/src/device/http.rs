//! The way to the server over HTTP: rustls with bundled roots, a company's own root, or one pinned key. Never follows
//! a redirect, never reads more than it should, and tells "no answer" from "a stranger's answer".

use std::cell::Cell;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Method, RequestBuilder, Response};
use rustls::CertificateError;
use tokio::runtime::{self, Runtime};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

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
/// For how long nothing may move when somebody waits for a call: longer than on any link that carries something.
const PATIENCE: Patience = Patience { still: Duration::from_secs(10), sending: Duration::from_secs(20) };
/// What a slow link carries, bytes a second.
const SLOW: u32 = 4096;

/// How long somebody who waits lets a call be.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// While nothing moves.
    still: Duration,
    /// And at most so much longer while the request may be going out: how far it has gone is seen by nobody here, and what a
    /// dead link keeps is no longer than a slow one needs.
    sending: Duration,
}

impl Patience {
    /// Until when a request with a body of so many bytes may wait for its answer to begin.
    fn first(self, bytes: usize) -> Instant {
        let sending = Duration::from_secs(bytes as u64) / SLOW;
        Instant::now() + self.still + sending.min(self.sending)
    }

    /// Until when the next of the answer may be waited for.
    fn next(self) -> Instant {
        Instant::now() + self.still
    }
}

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
    runtime: Runtime,
    hurried: Notify,
    patience: Patience,
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
        // A thread of its own, which sees at once that a kept connection was closed.
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("nuanfang-http")
            .enable_all()
            .build()
            .map_err(tls)?;
        let (hurried, patience) = (Notify::new(), PATIENCE);
        Ok(Self { client: builder.build().map_err(tls)?, url, runtime, hurried, patience })
    }

    /// The request, and how many bytes its body has.
    fn request(&self, call: &Call) -> Result<(RequestBuilder, usize), Unreachable> {
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
        let bytes = packed.as_ref().unwrap_or(&call.body).len();
        let request = match packed {
            Some(packed) => request.header(CONTENT_ENCODING, "zstd").body(packed),
            None if call.body.is_empty() && call.method != "PATCH" => request,
            None => request.body(call.body.clone()),
        };
        Ok((request, bytes))
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
        let (request, bytes) = self.request(call)?;
        self.runtime.block_on(async {
            let end = Cell::new(self.patience.first(bytes));
            let moved = || end.set(self.patience.next());
            let given_up = async {
                self.hurried.notified().await;
                over(&end).await;
            };
            tokio::select! {
                // In this order, so that it listens before anything is sent.
                biased;
                () = given_up => Err(Unreachable::Slow),
                answer = answer_to(request, moved) => answer,
            }
        })
    }

    fn hurry(&self) {
        self.hurried.notify_waiters();
    }
}

/// Returns once it is `end`, which moves meanwhile, to and fro.
async fn over(end: &Cell<Instant>) {
    /// How long it may go unnoticed that it came nearer.
    const LOOK: Duration = Duration::from_secs(1);
    while Instant::now() < end.get() {
        sleep_until(end.get().min(Instant::now() + LOOK)).await;
    }
}

async fn answer_to(request: RequestBuilder, moved: impl Fn()) -> Result<Answer, Unreachable> {
    let response = request.send().await.map_err(|error| unreachable(&error))?;
    moved();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let zstd = header(CONTENT_ENCODING.as_str()).is_some_and(|coding| coding.eq_ignore_ascii_case("zstd"));
    let answer = Answer {
        status: response.status().as_u16(),
        retry_after_s: header(RETRY_AFTER.as_str()).and_then(|value| value.parse().ok()),
        upload_offset: header(upload::OFFSET).and_then(|value| upload::count(value.as_bytes())),
        upload_complete: header(upload::COMPLETE).and_then(|value| upload::complete(value.as_bytes())) == Some(true),
        body: Vec::new(),
    };
    let mut body = body_of(response, moved).await?;
    if zstd {
        body = packing::unpack(&body[..], ANSWER_LIMIT + 1).map_err(|error| no_answer(&error))?;
        within_limit(&body)?;
    }
    Ok(Answer { body, ..answer })
}

/// What breaks off or has no end is no answer; it is asked for again.
async fn body_of(mut response: Response, moved: impl Fn()) -> Result<Vec<u8>, Unreachable> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        moved();
        body.extend_from_slice(&chunk);
        within_limit(&body)?;
    }
    Ok(body)
}

fn within_limit(body: &[u8]) -> Result<(), Unreachable> {
    if body.len() as u64 > ANSWER_LIMIT { Err(no_answer(&"answer too large")) } else { Ok(()) }
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
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc;
    use std::thread;

    use rustls::pki_types::UnixTime;

    use super::*;

    /// A server that takes requests and says no more than `word`; and when it has one.
    fn silent(word: &'static [u8]) -> (String, mpsc::Receiver<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (told, asked) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let _ = stream.read(&mut [0; 4096]).expect("a request");
                stream.write_all(word).expect("a word");
                let _ = told.send(stream);
            }
        });
        (url, asked)
    }

    const NONE: Patience = Patience { still: Duration::ZERO, sending: Duration::ZERO };

    fn impatient(url: &str, patience: Patience) -> Http {
        Http { patience, ..Http::new(url, &Trust::default()).expect("a client") }
    }

    fn photo() -> Call {
        Call { method: "PATCH", path: "/".into(), body: vec![0; 1 << 20], ..Call::default() }
    }

    #[test]
    fn a_call_that_hangs_is_given_up_for_somebody_who_waits() {
        let look = || Call { method: "GET", path: "/".into(), ..Call::default() };
        let half = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal";
        for (word, call) in [(&b""[..], look()), (half, look()), (b"", photo())] {
            let (url, asked) = silent(word);
            let http = impatient(&url, NONE);
            thread::scope(|scope| {
                let calling = scope.spawn(|| http.call(&call));
                let _kept = asked.recv().expect("a request");
                http.hurry();
                assert_eq!(calling.join().expect("a call"), Err(Unreachable::Slow));
            });
        }
    }

    #[test]
    fn a_long_request_has_the_time_that_a_slow_link_needs_for_it() {
        let (url, asked) = silent(b"");
        let http = impatient(&url, Patience { sending: Duration::from_secs(600), ..NONE });
        let call = photo();
        thread::scope(|scope| {
            let calling = scope.spawn(|| http.call(&call));
            let mut stream = asked.recv().expect("a request");
            http.hurry();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("an answer");
            assert_eq!(calling.join().expect("a call").map(|answer| answer.status), Ok(200));
        });
    }

    #[test]
    fn nobody_waits_for_a_photo_on_a_dead_link_much_longer_than_for_anything_else() {
        let (photo, word) = (PATIENCE.first(1 << 20), PATIENCE.first(0));
        assert!(photo - word <= PATIENCE.sending, "{:?}", photo - word);
        assert!(PATIENCE.first(16 * 1024) < word + PATIENCE.sending, "a short one waits for less");
    }

    #[test]
    fn what_moves_is_waited_for() {
        let patience = Patience { still: Duration::from_millis(1), ..NONE };
        let runtime = runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let begun = Instant::now();
            let end = Cell::new(patience.first(0));
            let moving = async {
                while begun.elapsed() < 30 * patience.still {
                    end.set(patience.next());
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                // In this order, so that it has moved whenever somebody looks.
                biased;
                () = moving => {}
                () = over(&end) => panic!("given up, though it moved"),
            }
            over(&end).await;
        });
    }

    #[test]
    fn an_answer_that_drips_beyond_its_time_is_none() {
        let (url, _asked) = silent(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal");
        let client = Client::builder().timeout(Duration::from_millis(50)).build().expect("a client");
        let http = Http { client, ..Http::new(&url, &Trust::default()).expect("a client") };
        let call = Call { method: "GET", path: "/".into(), ..Call::default() };
        assert_eq!(http.call(&call), Err(Unreachable::Slow));
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
