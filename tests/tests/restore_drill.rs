//! The restore drill (SYNC T8): real phones, a real server, a backup that lags. The server is lost in the middle of the
//! work and made anew from the backup; phones bring the rest by themselves, in two exchanges at most.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use nuanfang_core::device::app::{Config as Phone, FieldApp};
use nuanfang_core::device::clock::SoftwareClock;
use nuanfang_core::domain::VisitKind;
use nuanfang_core::domain::worker_event::Opened;
use nuanfang_core::id::{HouseholdId, WorkerId};
use nuanfang_core::record::SoftwareKey;
use nuanfang_core::time::Millis;
use nuanfang_server::clock::real_now;
use nuanfang_server::office::rescue::rescue;
use nuanfang_server::office::restore::restore;
use nuanfang_server::office::{log, rebuild};
use nuanfang_server::store::StoreError;
use nuanfang_server::store::ship::place::Place;
use nuanfang_server::store::ship::{self, vault_copy};
use nuanfang_server::{Config, Running, Server, enrolment};
use tokio::runtime::Runtime;
use uuid::Uuid;

const PHONES: u128 = 4;

/// A server on real sockets; shipped to its backup when the test says so.
struct House {
    runtime: Runtime,
    running: Option<Running>,
}

impl House {
    fn open(data: &Path, listen: SocketAddr) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let mut config = Config::local(data);
        config.listen = listen;
        let running = runtime.block_on(Server::start(config)).expect("it starts");
        Self { runtime, running: Some(running) }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    fn ship(&self, backup: &Path) {
        let store = &self.running().state.store;
        let place = Place::make(backup).expect("a place");
        ship::prepare(store, &place).expect("its backup");
        while ship::ship(store, &place).expect("shipped") {}
    }

    fn key(&self) -> [u8; 32] {
        let (text, _) = ship::recovery_key(&self.running().state.vault).expect("a key");
        vault_copy::read_key(&text).expect("64 digits")
    }

    /// All operations of phones, by id; chains and projections stand.
    fn ops(&self) -> BTreeSet<Uuid> {
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

    fn stop(mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.shutdown());
        }
    }
}

/// A worker's phone.
struct Worker {
    app: FieldApp,
    dir: tempfile::TempDir,
}

impl Worker {
    fn enrolled(house: &House, n: u128) -> Self {
        let running = house.running();
        let code = enrolment::issue(&running.state.vault, WorkerId(Uuid::from_u128(n))).expect("a code");
        let dir = tempfile::tempdir().expect("a folder");
        let (key, clock) = (SoftwareKey::generate(), SoftwareClock::at(Millis(real_now().0)));
        let app = FieldApp::open(Phone::new(dir.path()), Arc::new(key), Arc::new(clock)).expect("the app opens");
        app.enrol(&running.state.invitation(code).to_text(), "测试机").expect("enrolled");
        Self { app, dir }
    }

    /// Opens a visit at a door: one operation.
    fn work(&self) {
        let household = HouseholdId(Uuid::new_v4());
        let opened = Opened { kind: VisitKind::Repair, household, reason: "漏水".into(), emergency: true };
        self.app.open_visit(&opened).expect("opened");
    }

    fn done(&self) -> BTreeSet<Uuid> {
        self.app.records(None, 10_000).expect("records").into_iter().map(|record| record.op.0).collect()
    }
}

fn all(workers: &[Worker]) -> BTreeSet<Uuid> {
    workers.iter().flat_map(Worker::done).collect()
}

#[test]
fn what_was_lost_between_two_ships_comes_back_from_the_phones_in_two_exchanges() {
    let keep = tempfile::tempdir().expect("a folder");
    let (backup, first) = (keep.path().join("backup"), keep.path().join("first"));
    let house = House::open(&first, SocketAddr::from(([127, 0, 0, 1], 0)));
    let address = house.running().addr;
    let mut workers: Vec<Worker> = (1..=PHONES).map(|n| Worker::enrolled(&house, n)).collect();
    for round in 0..6 {
        for worker in &workers {
            worker.work();
            worker.app.sync_once().expect("synced");
        }
        // The backup lags: it sees every third round only.
        if round % 3 == 0 {
            house.ship(&backup);
        }
    }
    let safe: Vec<u64> = workers.iter().map(|worker| worker.app.sync_once().expect("synced").safe).collect();
    assert_eq!(safe, [4; PHONES as usize]);
    // Nobody knows of this phone but the server.
    let late = Worker::enrolled(&house, 99);
    late.work();
    late.app.sync_once().expect("synced");
    workers.push(late);
    let (key, known) = (house.key(), house.ops());
    assert_eq!(known, all(&workers));
    house.stop();
    std::fs::remove_dir_all(&first).expect("the first place is lost");
    // The work goes on while there is no server.
    for worker in &workers {
        worker.work();
        assert!(worker.app.sync_once().is_err());
    }

    let second = keep.path().join("second");
    let restored = restore(&Place::open(&backup).expect("the backup"), &key, &second).expect("restored");
    assert!(restored.epoch > 1);
    let house = House::open(&second, address);
    assert!(house.ops().len() < known.len(), "something was lost with the first place");
    for worker in &workers {
        let mut exchanges = 0;
        while worker.app.status().expect("a status").ops_waiting > 0 || exchanges == 0 {
            worker.app.sync_once().expect("synced");
            exchanges += 1;
        }
        assert!(exchanges <= 2, "{exchanges}");
    }
    assert_eq!(house.ops(), all(&workers), "every operation there ever was, once");
    let store = &house.running().state.store;
    let before = store.read_now(rebuild::dump).expect("a dump");
    store.write_blocking::<_, StoreError, _>(0, rebuild::rebuild).expect("rebuilt");
    assert_eq!(store.read_now(rebuild::dump).expect("a dump"), before);
    house.ship(&backup);
    for worker in &workers {
        let status = worker.app.sync_once().expect("synced");
        assert_eq!((status.safe, status.acked), (status.head, status.head));
    }
    house.stop();
}

#[test]
fn a_phone_that_can_not_send_hands_its_records_over_in_a_file() {
    let keep = tempfile::tempdir().expect("a folder");
    let house = House::open(&keep.path().join("data"), SocketAddr::from(([127, 0, 0, 1], 0)));
    let worker = Worker::enrolled(&house, 1);
    worker.work();
    worker.app.sync_once().expect("synced");
    worker.work();
    worker.work();
    let file = worker.dir.path().join("资料.nuanfang");
    let view = worker.app.export_rescue(&file).expect("exported");
    assert_eq!((view.ops, view.signed), (3, true));
    let bytes = std::fs::read(&file).expect("the file");
    let state = &house.running().state;
    for new in [2, 0] {
        let taken = rescue(state, bytes.as_slice()).expect("taken");
        assert_eq!((taken.ops, taken.new_ops, taken.apart), (3, new, None));
    }
    assert_eq!(house.ops(), worker.done());
    let status = worker.app.sync_once().expect("synced");
    assert_eq!((status.acked, status.ops_waiting), (3, 0), "the phone learns that all of it is there");
    house.stop();
}
