//! What `serve` is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::http::gate::Limits;

/// How the server is reached.
#[derive(Debug, Clone, Default)]
pub enum Transport {
    /// Plain HTTP, on loopback only.
    #[default]
    Loopback,
    /// Its own TLS.
    Tls {
        /// Certificate chain, PEM.
        cert: PathBuf,
        /// Private key, PEM.
        key: PathBuf,
    },
    /// Plain HTTP behind a proxy that speaks TLS and sets `X-Forwarded-For`.
    TrustedProxy,
}

/// A server's configuration.
#[derive(Clone)]
pub struct Config {
    /// The data folder; made if it is not there.
    pub data: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How it is reached.
    pub transport: Transport,
    /// The address phones use, as it stands in enrolment codes; by default derived from `listen`.
    pub public_url: Option<String>,
    /// A second place that survives the loss of the first, a folder or `s3://BUCKET/PREFIX`; without it nothing becomes
    /// *safe*.
    pub backup: Option<PathBuf>,
    /// The office's clock; by default the machine's, shifted by what the data folder says.
    pub clock: Option<Arc<dyn Clock>>,
    /// The supplier's name, used when the data folder is new.
    pub supplier_name: String,
    /// The supplier's service telephone (5.1.4), as it stands on notices; what the log says when absent.
    pub supplier_phone: Option<String>,
    /// Where the measures are told, on this machine only; nowhere by default.
    pub metrics: Option<SocketAddr>,
    /// How much may come at once.
    pub limits: Limits,
}

impl Config {
    /// A server on loopback with the data folder `data`, at a free port.
    pub fn local(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            transport: Transport::Loopback,
            public_url: None,
            backup: None,
            clock: None,
            supplier_name: "供热企业".into(),
            supplier_phone: None,
            metrics: None,
            limits: Limits::default(),
        }
    }
}
