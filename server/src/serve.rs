//! The server, started and stopped: from the command line, and in the process of a test.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use der::Encode;
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::SettingsChanged;
use nuanfang_core::id::WorkerId;
use nuanfang_core::wire::auth::Invitation;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::auth::Tokens;
use crate::clock::{Clock, ShiftedClock};
use crate::config::{Config, Transport};
use crate::http::connections;
use crate::http::gate::Gate;
use crate::metrics;
use crate::office::desk::Desk;
use crate::office::project::{self, setting};
use crate::office::seen::{self, Seen};
use crate::office::{Office, OfficeAct, erase, import, registers, rejudge, uploads};
use crate::state::{AppState, State};
use crate::store::StoreError;
use crate::store::blobs::make_dir;
use crate::store::ship::Shipping;
use crate::store::ship::halt::Halted;
use crate::store::sqlite::Sqlite;
use crate::terminal::words;

/// How long requests under way may take once the server stops.
const DRAIN: Duration = Duration::from_secs(10);
/// How long a connection may be open without a request.
const UNASKED: Duration = Duration::from_secs(75);
/// How often is written down what devices said of themselves.
const SAVE_SEEN: Duration = Duration::from_secs(20);

/// Why the server did not start: one line for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error("数据目录 {}：{error}", .data.display())]
    Data {
        /// The folder.
        data: PathBuf,
        /// What is wrong with it.
        error: StoreError,
    },
    /// The address.
    #[error("无法监听 {listen}：{}", words(error))]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What is wrong with it.
        error: io::Error,
    },
    /// Plain HTTP would leave the machine.
    #[error("{0} 不是本机地址：请提供 --tls-cert 与 --tls-key，或在提供 TLS 的代理之后使用 --trusted-proxy")]
    Exposed(SocketAddr),
    /// The measures would be read beyond this machine.
    #[error("{0} 不是本机地址：--metrics 只能监听本机地址，例如 127.0.0.1:9600")]
    Told(SocketAddr),
    /// The TLS certificate or key.
    #[error("TLS：{} {why}", file.display())]
    Tls {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Where phones find the server, kept in the data folder for commands beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub url: String,
    /// SHA-256 of its TLS key.
    pub pin: Option<Sha>,
}

impl Default for Address {
    fn default() -> Self {
        Self { url: "http://127.0.0.1:8600".into(), pin: None }
    }
}

impl Address {
    /// The address the server last served at.
    pub fn load(data: &Path) -> Result<Option<Self>, StoreError> {
        match std::fs::read(data.join("address.json")) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What the QR code of a new phone holds.
    pub fn invitation(&self, code: String, supplier: Sha) -> Invitation {
        Invitation { url: self.url.clone(), code, pin: self.pin, supplier: Some(supplier) }
    }

    fn save(&self, data: &Path) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(self).map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok(crate::whole::write(&data.join("address.json"), &bytes)?)
    }
}

/// The server.
pub struct Server;

/// A server at work.
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where the measures are told.
    pub metrics: Option<SocketAddr>,
    /// Its state: for tests and for the player of a day, in the same process.
    pub state: AppState,
    handle: Handle<SocketAddr>,
    serving: JoinHandle<io::Result<()>>,
    housekeeping: JoinHandle<()>,
    telling: Option<JoinHandle<()>>,
    shipping: Option<Shipping>,
}

impl Server {
    /// Opens the data folder and listens. Returns once requests are answered.
    pub async fn start(mut config: Config) -> Result<Running, StartError> {
        if matches!(config.transport, Transport::Loopback) && !config.listen.ip().is_loopback() {
            return Err(StartError::Exposed(config.listen));
        }
        if let Some(told) = config.metrics.filter(|told| !told.ip().is_loopback()) {
            return Err(StartError::Told(told));
        }
        let unheard = |error| StartError::Listen { listen: config.listen, error };
        let listener = TcpListener::bind(config.listen).map_err(unheard)?;
        listener.set_nonblocking(true).map_err(unheard)?;
        let addr = listener.local_addr().map_err(unheard)?;
        let tls = match &config.transport {
            Transport::Tls { cert, key } => {
                // Another part of the process may have chosen the provider before; it is the same one.
                let _ = rustls::crypto::ring::default_provider().install_default();
                pin(cert)?;
                let (chain, secret) = (tls_file(cert)?, tls_file(key)?);
                let unfit = |_| bad_tls(key, "不是可用的 PEM 私钥，或与证书不相配");
                Some(RustlsConfig::from_pem(chain, secret).await.map_err(unfit)?)
            }
            Transport::Loopback | Transport::TrustedProxy => None,
        };
        config.limits.connections = config.limits.connections.min(connections::allowed());
        if matches!(config.transport, Transport::TrustedProxy) {
            config.limits.connections_of_one = config.limits.connections;
        }
        let opened = config.clone();
        let state = tokio::task::spawn_blocking(move || open(opened, addr))
            .await
            .map_err(|error| StartError::Other(error.to_string()))??;
        let address = Address { url: state.url.to_string(), pin: state.pin };
        address.save(&config.data).map_err(|error| StartError::Data { data: config.data.clone(), error })?;
        let shipping = match config.backup.clone() {
            Some(to) => {
                let (store, folder) = (state.store.clone(), to.clone());
                let (halted, clock) = (state.halted.clone(), Arc::clone(&state.clock));
                let started = tokio::task::spawn_blocking(move || Shipping::start(store, to, halted, clock))
                    .await
                    .map_err(|error| StartError::Other(error.to_string()))?;
                Some(started.map_err(|error| StartError::Data { data: folder, error })?)
            }
            None => None,
        };
        let (metrics, telling) = match config.metrics {
            Some(listen) => {
                let told = metrics::serve(&state, listen).await;
                let (addr, telling) = told.map_err(|error| StartError::Listen { listen, error })?;
                (Some(addr), Some(telling))
            }
            None => (None, None),
        };
        let handle = Handle::new();
        let app = crate::http::router(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let unserved = |error: io::Error| StartError::Other(error.to_string());
        let (counted, unsaid) = (state.gate.connections.clone(), config.limits.unsaid);
        let serving = match tls {
            Some(tls) => {
                let server = axum_server::from_tcp_rustls(listener, tls).map_err(unserved)?;
                let mut server =
                    server.map(|tls| tls.acceptor(counted)).handle(handle.clone()).first_request_timeout(unsaid);
                no_patience(server.http_builder());
                tokio::spawn(server.serve(app))
            }
            None => {
                let server = axum_server::from_tcp(listener).map_err(unserved)?.acceptor(counted);
                let mut server = server.handle(handle.clone()).first_request_timeout(unsaid);
                no_patience(server.http_builder());
                tokio::spawn(server.serve(app))
            }
        };
        let housekeeping = tokio::spawn(housekeep(state.clone()));
        Ok(Running { addr, metrics, state, handle, serving, housekeeping, telling, shipping })
    }
}

impl Running {
    /// The address a browser or a phone on this machine uses.
    pub fn url(&self) -> &str {
        &self.state.url
    }

    /// Stops: no new connection, what is under way ends, what is queued is written.
    pub async fn shutdown(self) {
        self.handle.graceful_shutdown(Some(DRAIN));
        self.housekeeping.abort();
        if let Some(telling) = self.telling {
            telling.abort();
        }
        let _ = self.serving.await;
        let (state, shipping) = (self.state, self.shipping);
        let _ = tokio::task::spawn_blocking(move || {
            if let Some(shipping) = shipping {
                shipping.stop();
            }
            if let Err(error) = seen::keep(&state.seen, &state.store) {
                tracing::warn!(%error, "what devices said last is not written down");
            }
            state.store.close();
        })
        .await;
    }
}

/// Ends connections on which nothing is asked: whoever lost his network does not say so.
fn no_patience(builder: &mut Builder<TokioExecutor>) {
    builder.http1().header_read_timeout(UNASKED);
    builder.http2().keep_alive_interval(UNASKED).keep_alive_timeout(UNASKED);
}

/// SHA-256 of the key in a TLS certificate (its SubjectPublicKeyInfo, DER): what phones pin.
fn pin(cert: &Path) -> Result<Sha, StartError> {
    let read = |pem: &[u8]| {
        let chain = x509_cert::Certificate::load_pem_chain(pem).ok()?;
        chain.first()?.tbs_certificate.subject_public_key_info.to_der().ok()
    };
    let key = read(&tls_file(cert)?).ok_or_else(|| bad_tls(cert, "里没有 PEM 证书"))?;
    Ok(Sha::of(&key))
}

fn tls_file(file: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(file).map_err(|error| bad_tls(file, &words(&error)))
}

fn bad_tls(file: &Path, why: &str) -> StartError {
    StartError::Tls { file: file.to_owned(), why: why.to_owned() }
}

/// Opens everything behind the routes: for the server, and for commands that need no network.
pub fn open(config: Config, addr: SocketAddr) -> Result<AppState, StartError> {
    let data = config.data.clone();
    let in_data = |error: StoreError| StartError::Data { data: data.clone(), error };
    make_dir(&config.data).map_err(|error| in_data(error.into()))?;
    let clock: Arc<dyn Clock> = match &config.clock {
        Some(clock) => Arc::clone(clock),
        None => Arc::new(ShiftedClock::open(&config.data).map_err(|error| in_data(error.into()))?),
    };
    let store = Sqlite::open(&config.data, &config.supplier_name, clock.now()).map_err(in_data)?;
    over(store, clock, config, addr)
}

/// Whether `data` is a data folder.
pub fn is_data(data: &Path) -> bool {
    data.join("nuanfang.db").is_file()
}

/// Opens a data folder for a command that needs no network; a running server keeps others out of it.
pub fn open_offline(data: &Path) -> Result<AppState, String> {
    if !is_data(data) {
        return Err(StoreError::Absent(data.to_owned()).to_string());
    }
    found_offline(data)
}

/// The same, and makes the folder where there is none.
pub fn found_offline(data: &Path) -> Result<AppState, String> {
    open(Config::local(data), SocketAddr::from(([127, 0, 0, 1], 0))).map_err(|error| error.to_string())
}

/// The same over a store that is open already.
pub fn over(store: Sqlite, clock: Arc<dyn Clock>, config: Config, addr: SocketAddr) -> Result<AppState, StartError> {
    let data = config.data.clone();
    let in_data = |error: StoreError| StartError::Data { data: data.clone(), error };
    let office = Office::new(store.clone(), Arc::clone(&clock));
    settle_company(&store, &office, &config).map_err(in_data)?;
    import::namespace(&store.vault).map_err(in_data)?;
    // Phones don't wait for what one file that can't be removed stands in the way of.
    if let Err(error) = erase::finish(&store) {
        tracing::error!(%error, "an erasure is not complete yet; the next start goes on with it");
    }
    let understood = rejudge::understood(&store, &office).map_err(in_data)?;
    if understood > 0 {
        tracing::info!(understood, "what an older build held is judged anew");
    }
    let at = clock.now();
    store.write_blocking::<_, StoreError, _>(0, move |writing| uploads::reconcile(writing, at)).map_err(in_data)?;
    let seen = store.read_now(Seen::load).map_err(in_data)?;
    let pin = match &config.transport {
        Transport::Tls { cert, .. } => Some(pin(cert)?),
        Transport::Loopback | Transport::TrustedProxy => None,
    };
    let scheme = if matches!(config.transport, Transport::Tls { .. }) { "https" } else { "http" };
    let url = config.public_url.clone().unwrap_or_else(|| format!("{scheme}://{addr}"));
    let state = State {
        blobs: store.blobs.clone(),
        vault: Arc::clone(&store.vault),
        keys: Arc::clone(&store.keys),
        store,
        office,
        clock,
        tokens: Arc::new(Tokens::default()),
        desk: Arc::new(Desk::new()),
        seen: Arc::new(seen),
        gate: Arc::new(Gate::new(config.limits)),
        halted: Halted::default(),
        config: Arc::new(config),
        url: url.into(),
        pin,
    };
    Ok(state.into())
}

/// Says in the log who the supplier is, how to reach it, which rules are in force and for how long dismissed phones hand in,
/// where it does not say so yet.
fn settle_company(store: &Sqlite, office: &Office, config: &Config) -> Result<(), StoreError> {
    let in_force = project::rules::in_force().sha().to_string();
    let [name, phone, rules, hand_in] = store.read_now::<_, StoreError>(|db| {
        let known = |key| setting::get(db, key);
        Ok([
            known(setting::SUPPLIER_NAME)?,
            known(setting::SUPPLIER_PHONE)?,
            known(setting::RULES_IN_FORCE)?,
            known(setting::HAND_IN_DAYS)?,
        ])
    })?;
    let mut changes = Vec::new();
    if name.is_none() {
        changes.push(setting::to(setting::SUPPLIER_NAME, &config.supplier_name));
    }
    if let Some(told) = config.supplier_phone.as_ref().filter(|told| phone.as_ref() != Some(told)) {
        changes.push(setting::to(setting::SUPPLIER_PHONE, told));
    }
    if rules.as_ref() != Some(&in_force) {
        changes.push(setting::to(setting::RULES_IN_FORCE, in_force));
    }
    if hand_in.is_none() {
        changes.push(setting::to(setting::HAND_IN_DAYS, setting::HAND_IN_DAYS_FIRST));
    }
    if changes.is_empty() {
        return Ok(());
    }
    let act = OfficeAct::of(Event::SettingsChanged(SettingsChanged { changes }));
    office.append_blocking::<StoreError, _>(WorkerId(registers::SYSTEM), vec![act], |_| Ok(())).map(drop)
}

async fn housekeep(state: AppState) {
    let mut tick = tokio::time::interval(SAVE_SEEN);
    loop {
        tick.tick().await;
        state.gate.forget_resting();
        let changed = state.seen.take_changed();
        if !changed.is_empty() {
            let saved = state.store.write::<_, StoreError, _>(0, move |writing| seen::save(writing.tx, &changed)).await;
            if let Err(error) = saved {
                tracing::warn!(%error, "what devices said last is not written down");
            }
        }
    }
}
