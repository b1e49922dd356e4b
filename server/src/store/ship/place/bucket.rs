//! An S3-compatible store, spoken to over the HTTP and TLS that the server has anyway. No call has a time for all of it, which
//! a slow line could not keep: its connection has to move.

mod moving;

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::{TokioExecutor, TokioIo};
use object_store::aws::AmazonS3Builder;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, ClientOptions, Error, ObjectStore, RetryConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower::ServiceExt;
use tower::util::MapResponse;

use self::moving::{Moving, STILL};

const SCHEME: &str = "s3://";
/// The variable that names a file of further roots, PEM: a company's own store has a company's own certificate.
const ROOTS: &str = "AWS_CA_BUNDLE";
/// A call is tried again this often and this long: who ships tries again by himself.
const TRIES: usize = 2;
const TRYING: Duration = Duration::from_secs(90);

/// The address, if `at` is one of a bucket.
pub(super) fn address(at: &FilePath) -> Option<&str> {
    at.to_str().filter(|text| text.starts_with(SCHEME))
}

/// The bucket and prefix of `s3://BUCKET/PREFIX`.
pub(super) fn open(url: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    let place = url.trim_start_matches(SCHEME);
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let store = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_http_connector(Wire)
        .with_retry(RetryConfig { max_retries: TRIES, retry_timeout: TRYING, ..RetryConfig::default() })
        .build()?;
    Ok(match prefix.trim_matches('/') {
        "" => Arc::new(store),
        prefix => Arc::new(PrefixStore::new(store, prefix)),
    })
}

#[derive(Debug)]
struct Wire;

impl HttpConnector for Wire {
    // Of the options only one is ours to keep: a connection has its own time.
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Generic { store: "S3", source };
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(file) = std::env::var_os(ROOTS) {
            for certificate in CertificateDer::pem_file_iter(file).map_err(|error| failed(error.into()))? {
                let certificate = certificate.map_err(|error| failed(error.into()))?;
                roots.add(certificate).map_err(|error| failed(error.into()))?;
            }
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.into()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|allowed| allowed == "true");
        let https = HttpsConnectorBuilder::new().with_tls_config(tls);
        let https = if plain { https.https_or_http() } else { https.https_only() }.enable_http1();
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(STILL));
        let lines: Lines = tcp.map_response(|line| TokioIo::new(Moving::new(line.into_inner())));
        Ok(HttpClient::new(Calls(Client::builder(TokioExecutor::new()).build(https.wrap_connector(lines)))))
    }
}

type Line = TokioIo<Moving>;
/// Connections that have to move.
type Lines = MapResponse<Tcp, fn(TokioIo<TcpStream>) -> Line>;

#[derive(Debug)]
struct Calls(Client<HttpsConnector<Lines>, HttpRequestBody>);

#[async_trait]
impl HttpService for Calls {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.0.request(request).await.map_err(|error| {
            let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Request };
            HttpError::new(kind, error)
        })?;
        Ok(response
            .map(|body| HttpResponseBody::new(body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error)))))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use object_store::path::Path;
    use object_store::{ObjectStoreExt, PutPayload};

    use super::*;

    const HEAD: &[u8] =
        b"HTTP/1.1 200 OK\r\nETag: \"e\"\r\nLast-Modified: Wed, 25 Nov 2026 08:00:00 GMT\r\nContent-Length: 40\r\n\r\n";

    /// A store behind which one `line` after the other does what it likes.
    fn store(line: fn(std::net::TcpStream)) -> impl ObjectStore {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            listener.incoming().flatten().for_each(|stream| drop(std::thread::spawn(move || line(stream))))
        });
        AmazonS3Builder::new()
            .with_bucket_name("store")
            .with_region("cn-north-1")
            .with_endpoint(address)
            .with_allow_http(true)
            .with_access_key_id("someone")
            .with_secret_access_key("something")
            .with_http_connector(Wire)
            .with_retry(RetryConfig { max_retries: 1, ..RetryConfig::default() })
            .build()
            .expect("a store")
    }

    fn asked(stream: &mut std::net::TcpStream) {
        let mut some = [0; 4096];
        let _ = stream.read(&mut some).expect("a request");
    }

    /// Holds the line until the other end lets it go.
    fn hold(stream: &mut std::net::TcpStream) {
        let _ = stream.read_to_end(&mut Vec::new());
    }

    #[tokio::test]
    async fn a_call_ends_once_nothing_moves() {
        let stalls = store(|mut stream| {
            asked(&mut stream);
            stream.write_all(&[HEAD, &[7; 20]].concat()).expect("written");
            hold(&mut stream);
        });
        let got = stalls.get(&Path::from("a")).await.expect("a head").bytes().await;
        assert!(got.is_err(), "half of it: {got:?}");
        let deaf = store(|_unread| {
            loop {
                std::thread::park();
            }
        });
        let put = deaf.put(&Path::from("a"), PutPayload::from(vec![7; 32 * 1024 * 1024])).await;
        assert!(put.is_err(), "nobody read it");
    }
}
