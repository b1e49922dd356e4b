//! The pieces of a restore drill: a server that can be lost, whose backup is as old as the caller lets it be, and
//! workers' phones whose exchanges are counted.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nuanfang_core::device::app::{Config as Phone, Connect, FieldApp};
use nuanfang_core::device::clock::SoftwareClock;
use nuanfang_core::device::courier::{Answer, Call, Transport, Unreachable};
use nuanfang_core::device::http::Http;
use nuanfang_core::domain::VisitKind;
use nuanfang_core::domain::worker_event::Opened;
use nuanfang_core::id::{HouseholdId, WorkerId};
use nuanfang_core::record::SoftwareKey;
use nuanfang_core::time::Millis;
use nuanfang_server::clock::real_now;
use nuanfang_server::office::log;
use nuanfang_server::store::StoreError;
use nuanfang_server::store::ship::place::Place;
use nuanfang_server::store::ship::{self, vault_copy};
use nuanfang_server::{Config, Running, Server, enrolment};
use tokio::runtime::Runtime;
use uuid::Uuid;

/// A server on real sockets; shipped to its backup when the caller says so.
pub struct House {
    runtime: Runtime,
    running: Option<Running>,
}

impl House {
    /// Serves `data` at `listen`.
    pub fn open(data: &Path, listen: SocketAddr) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let mut config = Config::local(data);
        config.listen = listen;
        let running = runtime.block_on(Server::start(config)).expect("it starts");
        Self { runtime, running: Some(running) }
    }

    /// The server.
    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    /// Brings the backup up to now.
    pub fn ship(&self, backup: &Path) {
        let store = &self.running().state.store;
        let place = Place::make(backup).expect("a place");
        ship::prepare(store, &place).expect("its backup");
        while ship::ship(store, &place).expect("shipped") {}
    }

    /// What opens the backup.
    pub fn key(&self) -> [u8; 32] {
        let (text, _) = ship::recovery_key(&self.running().state.vault).expect("a key");
        vault_copy::read_key(&text).expect("64 digits")
    }

    /// All operations of phones, by id; chains and projections stand.
    pub fn ops(&self) -> BTreeSet<Uuid> {
        let store = &self.running().state.store;
        store.read_now(log::verify_chains).expect("the chains stand");
        store
            .read_now::<_, StoreError>(|db| {
                let mut query =
                    db.prepare("SELECT e.op FROM envelope e JOIN writer w ON w.dev = e.dev WHERE w.office = 0")?;
                let rows = query.query_map([], |row| Ok(Uuid::from_bytes(row.get(0)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .expect("the log")
    }

    /// Stops it.
    pub fn stop(mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.shutdown());
        }
    }
}

/// A worker's phone.
pub struct Worker {
    /// The app.
    pub app: FieldApp,
    exchanges: Arc<AtomicUsize>,
}

impl Worker {
    /// The phone of a worker with this number, new in `dir`, enrolled at `house`.
    pub fn enrolled(house: &House, n: u128, dir: &Path) -> Self {
        let running = house.running();
        let code = enrolment::issue(&running.state.vault, WorkerId(Uuid::from_u128(n))).expect("a code");
        let worker = Self::open(dir, None);
        worker.app.enrol(&running.state.invitation(code).to_text(), "测试机").expect("enrolled");
        worker
    }

    /// The phone in `dir`, whose server is now at `moved` if that is given.
    pub fn open(dir: &Path, moved: Option<SocketAddr>) -> Self {
        let exchanges = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&exchanges);
        let connect: Connect = Arc::new(move |url, trust| {
            let url = moved.map_or_else(|| url.to_owned(), |addr| format!("http://{addr}"));
            Ok(Arc::new(Counting { way: Http::new(&url, trust)?, exchanges: Arc::clone(&counted) }))
        });
        let clock = Arc::new(SoftwareClock::at(Millis(real_now().0)));
        let app = FieldApp::open_over(Phone::new(dir), Arc::new(key(dir)), clock, connect).expect("the app opens");
        Self { app, exchanges }
    }

    /// Opens a visit at a door: one operation.
    pub fn work(&self) {
        let household = HouseholdId(Uuid::new_v4());
        let opened = Opened { kind: VisitKind::Repair, household, reason: "漏水".into(), emergency: true };
        self.app.open_visit(&opened).expect("opened");
    }

    /// Everything it ever did, by id.
    pub fn done(&self) -> BTreeSet<Uuid> {
        self.app.records(None, 10_000).expect("records").into_iter().map(|record| record.op.0).collect()
    }

    /// How many exchanges it asked for so far.
    pub fn exchanges(&self) -> usize {
        self.exchanges.load(Ordering::Relaxed)
    }
}

/// The key that the platform keeps beside the app.
fn key(dir: &Path) -> SoftwareKey {
    let file: PathBuf = dir.join("device-key");
    if !file.exists() {
        std::fs::create_dir_all(dir).expect("a folder");
        std::fs::write(&file, SoftwareKey::generate().to_pkcs8_der()).expect("the key is kept");
    }
    SoftwareKey::from_pkcs8_der(&std::fs::read(file).expect("the key")).expect("a key")
}

/// HTTP that counts exchanges.
struct Counting {
    way: Http,
    exchanges: Arc<AtomicUsize>,
}

impl Transport for Counting {
    fn call(&self, call: &Call) -> Result<Answer, Unreachable> {
        if call.path == "/v1/sync" {
            self.exchanges.fetch_add(1, Ordering::Relaxed);
        }
        self.way.call(call)
    }
}
