//! `nuanfang serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, Transport};
use crate::http::gate::Limits;
use crate::serve::{Server, StartError};
use crate::state::AppState;
use crate::store::StoreError;
use crate::store::ship;
use crate::terminal::{say, untried, words};

/// How long what is still under way may take once the server has stopped, or was made to.
const FORCED: Duration = Duration::from_secs(1);

/// Serve phones, the office and its console.
///
/// Without --tls-cert or --trusted-proxy it listens on loopback only. Ctrl-C or SIGTERM: what is under way ends, what
/// is queued is written, then it exits.
///
/// Exit status: 0 stopped when asked to; 2 could not start, and why.
#[derive(Debug, Args)]
pub struct Serve {
    /// The data folder; made if it is not there
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8600")]
    listen: SocketAddr,
    /// TLS certificate chain, PEM
    #[arg(long, requires = "tls_key", conflicts_with = "trusted_proxy")]
    tls_cert: Option<PathBuf>,
    /// TLS private key, PEM
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Plain HTTP behind a proxy that speaks TLS
    #[arg(long)]
    trusted_proxy: bool,
    /// The address phones use, as it stands in enrolment codes: https://heat.example.cn
    #[arg(long)]
    public_url: Option<String>,
    /// A second place that everything is copied to, a folder on another disk or machine or s3://BUCKET/PREFIX (address
    /// and credentials from AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID …): only then does work become safe
    #[arg(long)]
    backup: Option<PathBuf>,
    /// The supplier's name, for a new data folder
    #[arg(long, default_value = "供热企业")]
    supplier: String,
    /// The supplier's service telephone, as it stands on notices to residents
    #[arg(long)]
    supplier_phone: Option<String>,
    /// Where Prometheus may read measures, on this machine: 127.0.0.1:9600 (GET /metrics)
    #[arg(long)]
    metrics: Option<SocketAddr>,
}

impl Serve {
    /// Serves until it is told to stop.
    pub fn run(self) -> ExitCode {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,memory_serve=error"));
        // A log that can't be written must not stop the work.
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        log.log_internal_errors(false).init();
        let runtime = match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime,
            Err(error) => return untried(error),
        };
        let done = runtime.block_on(self.serve());
        // Who was told twice to stop waits for nobody.
        runtime.shutdown_timeout(FORCED);
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => untried(error),
        }
    }

    async fn serve(self) -> Result<(), StartError> {
        let transport = match (self.tls_cert, self.tls_key, self.trusted_proxy) {
            (Some(cert), Some(key), _) => Transport::Tls { cert, key },
            (_, _, true) => Transport::TrustedProxy,
            _ => Transport::Loopback,
        };
        let config = Config {
            data: self.data,
            listen: self.listen,
            transport,
            public_url: self.public_url,
            backup: self.backup,
            clock: None,
            supplier_name: self.supplier,
            supplier_phone: self.supplier_phone,
            metrics: self.metrics,
            limits: Limits::default(),
        };
        // Heard from here on: who stops it while it starts stops it all the same.
        let mut orders = Orders::listen().map_err(|error| StartError::Other(words(&error)))?;
        let running = Server::start(config).await?;
        let state = running.state.clone();
        tokio::task::spawn_blocking(move || greet(&state))
            .await
            .map_err(|error| StartError::Other(error.to_string()))??;
        if running.addr.ip().is_unspecified() && running.state.config.public_url.is_none() {
            say("提示：未给出 --public-url，登记码中的地址手机无法使用");
        }
        say(format_args!("暖访已启动：{}", running.url()));
        orders.stop().await;
        say("正在停止：等待进行中的请求……");
        tokio::select! {
            () = running.shutdown() => Ok(()),
            () = orders.stop() => Err(StartError::Other("已强制停止".into())),
        }
    }
}

/// Says, once, who may come in first and what opens the backup.
fn greet(state: &AppState) -> Result<(), StartError> {
    let other = |error: StoreError| StartError::Other(error.to_string());
    if let Some((login, password)) = crate::office::cli::first_admin(state).map_err(StartError::Other)? {
        say(format_args!("首次启动，已建立管理员：用户名 {login}，密码 {password}（只显示这一次）"));
    }
    if state.config.backup.is_some() {
        greet_backup(state).map_err(other)?;
    }
    Ok(())
}

/// Says, once, what opens the backup.
pub(super) fn greet_backup(state: &AppState) -> Result<(), StoreError> {
    const TOLD: &str = "recovery_key_told";
    let (key, new) = ship::recovery_key(&state.vault)?;
    if new || state.vault.secret(TOLD)?.is_none() {
        say(format_args!("备份恢复密钥：{key}（只显示这一次；请与备份分开保管，没有它备份无法恢复）"));
        state.vault.set_secret(TOLD, b"1")?;
    }
    Ok(())
}

/// The operator's signals: Ctrl-C, and SIGTERM where there is one.
struct Orders {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Orders {
    #[cfg(unix)]
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(not(unix))]
    fn listen() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one.
    async fn stop(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}
