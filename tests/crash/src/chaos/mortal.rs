//! The server, which can be killed and started again where it was.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use nuanfang_server::clock::HandClock;
use nuanfang_server::{AppState, Config, Running, Server};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

use crate::disk::{Disk, Fault};
use crate::house::{MORNING, SUPPLIER, runtime};
use crate::sweep::Fallible;

/// Longer than any work of the server's that can't be broken off.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server from one start to the next end.
struct Life {
    runtime: Runtime,
    server: Running,
}

impl Life {
    fn begin(config: &Config) -> Fallible<Self> {
        let runtime = runtime()?;
        let server = runtime.block_on(Server::start(config.clone()))?;
        Ok(Self { runtime, server })
    }
}

/// The server.
pub(super) struct Mortal {
    config: Config,
    disk: Disk,
    /// Why there is none, where it did not start again.
    life: RwLock<Result<Life, String>>,
    // Bound and never listening: while no server is there its port is refused to callers, and given to nobody else.
    _port: TcpSocket,
}

impl Mortal {
    /// Starts it on the new data folder `data`.
    pub(super) fn start(data: &Path) -> Fallible<Self> {
        fs::create_dir_all(data)?;
        // Before anything is opened in it: only that is in its hands.
        let disk = Disk::quiet(data)?;
        let port = TcpSocket::new_v4()?;
        port.set_reuseaddr(true)?;
        port.bind(([127, 0, 0, 1], 0).into())?;
        let mut config = Config::local(data);
        config.listen = port.local_addr()?;
        config.supplier_name = SUPPLIER.to_owned();
        config.clock = Some(Arc::new(HandClock::at(MORNING)));
        let life = RwLock::new(Ok(Life::begin(&config)?));
        Ok(Self { config, disk, life, _port: port })
    }

    /// Where it listens.
    pub(super) fn addr(&self) -> SocketAddr {
        self.config.listen
    }

    /// Looks at its state; waits while it is being started again.
    pub(super) fn look<T>(&self, look: impl FnOnce(&AppState) -> Fallible<T>) -> Fallible<T> {
        match &*self.life.read().unwrap_or_else(PoisonError::into_inner) {
            Ok(life) => look(&life.server.state),
            Err(why) => Err(format!("the server did not start again: {why}").into()),
        }
    }

    /// Ends it as `kill -9` does and starts it again: from one moment on nothing more reaches its disk, every connection
    /// breaks where it is, and what it held in memory is gone.
    pub(super) fn kill(&self) {
        let mut life = self.life.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(Life { runtime, server }) = gone(&mut life) {
            self.disk.fail_from(self.disk.changes(), Fault::Broken);
            runtime.shutdown_timeout(PATIENCE);
            // What is queued is refused by its disk, and the log of the database stays as it is.
            server.state.store.close();
            drop(server);
            self.disk.heal();
        }
        *life = Life::begin(&self.config).map_err(|error| error.to_string());
    }

    /// Ends it in order.
    pub(super) fn stop(&self) {
        let mut life = self.life.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(Life { runtime, server }) = gone(&mut life) {
            runtime.block_on(server.shutdown());
        }
    }
}

fn gone(life: &mut Result<Life, String>) -> Result<Life, String> {
    std::mem::replace(life, Err("it has ended".to_owned()))
}
