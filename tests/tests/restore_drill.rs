//! The restore drill: real phones, a real server, a backup that lags. The server is lost in the middle of the
//! work and made anew from the backup; phones bring the rest by themselves, in two exchanges at most.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;

use nuanfang_core::id::WorkerId;
use nuanfang_server::enrolment;
use nuanfang_server::office::rebuild;
use nuanfang_server::office::rescue::rescue;
use nuanfang_server::office::restore::{Damaged, restore};
use nuanfang_server::store::StoreError;
use nuanfang_server::store::ship::place::Place;
use nuanfang_tests::address;
use nuanfang_tests::drill::{House, Worker};
use uuid::Uuid;

const PHONES: u128 = 4;

fn all(workers: &[Worker]) -> BTreeSet<Uuid> {
    workers.iter().flat_map(Worker::done).collect()
}

#[test]
fn what_was_lost_between_two_ships_comes_back_from_the_phones_in_two_exchanges() {
    let keep = tempfile::tempdir().expect("a folder");
    let (backup, first) = (keep.path().join("backup"), keep.path().join("first"));
    let dir = |n: u128| keep.path().join(format!("phone-{n}"));
    let address = address::steady();
    let house = House::open(&first, address);
    let mut workers: Vec<Worker> = (1..=PHONES).map(|n| Worker::enrolled(&house, n, &dir(n))).collect();
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
    let late = Worker::enrolled(&house, 99, &dir(99));
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
    let restored =
        restore(&Place::open(&backup).expect("the backup"), &key, &second, Damaged::Refused).expect("restored");
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
fn a_phone_enrolled_anew_at_a_server_made_from_an_older_disk_brings_what_was_safe_too() {
    let keep = tempfile::tempdir().expect("a folder");
    let at = |name: &str| keep.path().join(name);
    let house = House::open(&at("first"), address::steady());
    let worker = Worker::enrolled(&house, 1, &at("phone"));
    let day = || {
        worker.work();
        worker.app.sync_once().expect("synced");
        house.ship(&at("backup"));
    };
    day();
    let copied = Command::new("cp").arg("-r").args([at("backup"), at("older")]).status().expect("it starts");
    assert!(copied.success());
    day();
    assert_eq!(worker.app.sync_once().expect("synced").safe, 2);
    worker.work();
    let key = house.key();
    house.stop();

    restore(&Place::open(&at("older")).expect("the disk"), &key, &at("second"), Damaged::Refused).expect("restored");
    let house = House::open(&at("second"), address::steady());
    assert_eq!(house.ops().len(), 1);
    // The address is another, and his code leads there.
    let state = &house.running().state;
    let code = enrolment::issue(&state.vault, WorkerId(Uuid::from_u128(1))).expect("a code");
    worker.app.enrol(&state.invitation(code).to_text(), "测试机").expect("enrolled anew");
    for _ in 0..2 {
        worker.app.sync_once().expect("synced");
    }
    assert_eq!((house.ops(), house.ops().len()), (worker.done(), 3));
    house.stop();
}

#[test]
fn a_phone_that_can_not_send_hands_its_records_over_in_a_file() {
    let keep = tempfile::tempdir().expect("a folder");
    let house = House::open(&keep.path().join("data"), SocketAddr::from(([127, 0, 0, 1], 0)));
    let worker = Worker::enrolled(&house, 1, &keep.path().join("phone"));
    worker.work();
    worker.app.sync_once().expect("synced");
    worker.work();
    worker.work();
    let file = keep.path().join("资料.nuanfang");
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
