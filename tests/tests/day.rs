//! The whole working day in one process: real phones, a real server, the office over HTTP. Its eight parts end as they
//! must, its papers prove themselves, and everything but the log can be made anew from the log.

use std::sync::Arc;

use nuanfang_demo::clock::DayClock;
use nuanfang_demo::day::{self, House, Kill};
use nuanfang_demo::documents::Documents;
use nuanfang_demo::folder::{Folder, Found};
use nuanfang_demo::ledger::Ledger;
use nuanfang_demo::office::Office;
use nuanfang_demo::outcome;
use nuanfang_demo::stage::{PASSWORD, Stage};
use nuanfang_server::office::{log, rebuild};
use nuanfang_server::store::StoreError;

const ANYWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// Three days, by which the folder is older when it is looked at again.
const DAYS_LATER_MS: i64 = 3 * 86_400_000;

#[test]
fn a_day_ends_as_it_must_is_rebuilt_from_its_log_and_is_today_whenever_it_is_looked_at() {
    let place = tempfile::tempdir().expect("a folder");
    let data = place.path().join("data");
    let date = day::today();
    let ledger = Ledger::of_the_day(date);
    let (folder, found) = Folder::open(&data).expect("a new folder");
    assert!(matches!(found, Found::New));
    folder.begin().expect("begun");
    let files = ledger.save(&folder.ledger()).expect("the workbooks");
    let clock = Arc::new(DayClock::open(folder.data()).expect("a clock"));
    clock.stand(day::opening(date));
    let stage = Stage::start(&folder, ANYWHERE.into(), Arc::clone(&clock)).expect("a server");
    stage.furnish(&ledger, &files, |_| ()).expect("the ledger");
    let house = House { url: stage.url().to_owned(), clock, phones: folder.phones(), kill: Kill::InPlace, say: |_| () };
    let played = day::play(house, date, &ledger).expect("the day");
    folder.finish(&played).expect("written down");

    let office = Office::log_in(stage.url(), "zhuguan", PASSWORD).expect("the supervisor");
    let documents = Documents::of(&office, &played.visits).expect("the papers");
    let outcomes = outcome::judge(&office, &played, &documents).expect("read back");
    assert_eq!(outcomes.len(), 8);
    assert!(outcomes.iter().all(outcome::Outcome::holds), "\n{}", outcome::table(&outcomes));

    let store = &stage.state().store;
    store.read_now(log::verify_chains).expect("every chain stands");
    let before = store.read_now(rebuild::dump).expect("all tables");
    store.write_blocking::<_, StoreError, _>(0, rebuild::rebuild).expect("rebuilt");
    let after = store.read_now(rebuild::dump).expect("all tables");
    for (was, is) in before.lines().zip(after.lines()) {
        assert_eq!(was, is);
    }
    assert_eq!(before.len(), after.len());

    stage.stop();
    drop(folder);
    let offset = data.join("clock-offset-ms");
    let kept: i64 = std::fs::read_to_string(&offset).expect("kept").trim().parse().expect("a number");
    std::fs::write(&offset, (kept + DAYS_LATER_MS).to_string()).expect("written");
    let (folder, found) = Folder::open(&data).expect("the same folder");
    let Found::Played(again) = found else { panic!("the day is played: {found:?}") };
    let stage = Stage::resume(&folder, ANYWHERE.into(), &again).expect("it goes on");
    let office = Office::log_in(stage.url(), "diaodu", PASSWORD).expect("the dispatcher");
    let board = office.get("/api/board").expect("the board");
    assert_eq!(board["day"], date.to_string());
    let states: Vec<&str> =
        board["cards"].as_array().into_iter().flatten().filter_map(|card| card["state"].as_str()).collect();
    for state in ["unassigned", "assigned", "en_route", "inside", "done", "absent", "late", "callback_due", "cancelled"]
    {
        assert!(states.contains(&state), "{state} in {states:?}");
    }
    stage.stop();
}
