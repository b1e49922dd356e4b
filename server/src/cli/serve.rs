//! `nuanfang serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tracing_subscriber::EnvFilter;

use super::untried;
use crate::config::{Config, Transport};
use crate::serve::{Server, StartError};
use crate::state::AppState;
use crate::store::ship;

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
    /// A second folder, on another disk or machine, that everything is copied to: only then does work become safe
    #[arg(long)]
    backup: Option<PathBuf>,
    /// The supplier's name, for a new data folder
    #[arg(long, default_value = "供热企业")]
    supplier: String,
}

impl Serve {
    /// Serves until it is told to stop.
    pub fn run(self) -> ExitCode {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,memory_serve=error"));
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
        let runtime = match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime,
            Err(error) => return untried(&error),
        };
        match runtime.block_on(self.serve()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => untried(&error),
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
        };
        let running = Server::start(config).await?;
        println!("暖访已启动：{}", running.url());
        let state = running.state.clone();
        tokio::task::spawn_blocking(move || greet(&state))
            .await
            .map_err(|error| StartError::Other(error.to_string()))??;
        told_to_stop().await;
        eprintln!("正在停止：等待进行中的请求……");
        tokio::select! {
            () = running.shutdown() => Ok(()),
            () = told_to_stop() => Err(StartError::Other("已强制停止".into())),
        }
    }
}

/// Says, once, who may come in first and what opens the backup.
fn greet(state: &AppState) -> Result<(), StartError> {
    let other = |error: crate::store::StoreError| StartError::Other(error.to_string());
    if let Some((login, password)) = crate::office::cli::first_admin(state).map_err(StartError::Other)? {
        println!("首次启动，已建立管理员：用户名 {login}，密码 {password}（只显示这一次）");
    }
    if state.config.backup.is_some() {
        let (key, new) = ship::recovery_key(&state.vault).map_err(other)?;
        let told = state.vault.secret("recovery_key_told").map_err(other)?.is_some();
        if new || !told {
            println!("备份恢复密钥：{key}（只显示这一次；请与备份分开保管，没有它备份无法恢复）");
            state.vault.set_secret("recovery_key_told", b"1").map_err(other)?;
        }
    }
    Ok(())
}

async fn told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
            let _ = interrupt.await;
            return;
        };
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
}
