//! An S3-compatible store, spoken to over the HTTP and TLS that the server has anyway.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::TokioExecutor;
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

const SCHEME: &str = "s3://";
/// The variable that names a file of further roots, PEM: a company's own store has a company's own certificate.
const ROOTS: &str = "AWS_CA_BUNDLE";
/// One call may take this long.
const CALL: Duration = Duration::from_secs(60);
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
    // Of the options only one is ours to keep: `Calls` has its own time.
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
        let https = if plain { https.https_or_http() } else { https.https_only() }.enable_http1().build();
        Ok(HttpClient::new(Calls(Client::builder(TokioExecutor::new()).build(https))))
    }
}

#[derive(Debug)]
struct Calls(Client<HttpsConnector<Tcp>, HttpRequestBody>);

#[async_trait]
impl HttpService for Calls {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = match tokio::time::timeout(CALL, self.0.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() => return Err(HttpError::new(HttpErrorKind::Connect, error)),
            Ok(Err(error)) => return Err(HttpError::new(HttpErrorKind::Request, error)),
            Err(late) => return Err(HttpError::new(HttpErrorKind::Timeout, late)),
        };
        Ok(response
            .map(|body| HttpResponseBody::new(body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error)))))
    }
}
