//! Clocks that are years off, that jump in the middle of a visit, that start again, that stand in another zone: order
//! and deadlines are right all the same, and what the phone claimed is kept and shown beside what is known.

use std::process::Command;

use nuanfang_core::device::app::Config;
use nuanfang_core::device::clock::{Clock, SystemClock};
use nuanfang_core::domain::VisitKind;
use nuanfang_core::id::VisitId;
use nuanfang_core::time::{DeadlineVerdict, Millis};
use nuanfang_demo::day;
use nuanfang_demo::office::Office;
use nuanfang_demo::phone::{Departure, Phone};
use nuanfang_tests::jotter::Jotter;
use serde_json::Value;

use crate::company::{Company, PASSWORD};
use crate::nuanfang::{PROGRAM, Server};
use crate::town::Town;

const YEAR: i64 = 365 * 86_400_000;

/// How far the server's word may lie from the truth: a request is under way for at most ten seconds.
const CLOSE: i64 = 10_000;

/// What a phone did, by the true time, and what its clock claimed then.
type Done = Vec<(&'static str, Millis, i64)>;

/// A visit up to the open door, reached at `at`; somebody meddles with the clock on its doorstep, and says by how much.
/// What was done, and the true time when the server was spoken to.
fn to_the_door(
    town: &Town,
    phone: &Phone,
    visit: VisitId,
    at: Millis,
    meddle: impl FnOnce(&Phone) -> i64,
) -> (Done, Millis) {
    let mut done = Vec::new();
    let mut jumped = 0;
    let note = |done: &mut Done, kind, jumped: i64| {
        done.push((kind, Millis(phone.now().0 - jumped), phone.clock.stamp().wall_ms));
    };
    phone.wait_until(town.at(8, 35));
    phone.set_out(visit, Departure::default()).expect("on the way");
    note(&mut done, "visit.departed", jumped);
    phone.wait_until(at);
    phone.arrive(visit).expect("at the door");
    note(&mut done, "visit.arrived", jumped);
    jumped += meddle(phone);
    phone.wait(2);
    phone.enter(visit).expect("inside");
    note(&mut done, "visit.entered", jumped);
    phone.wait(20);
    let truth = Millis(phone.now().0 - jumped);
    town.sync(phone, truth);
    (done, truth)
}

/// The times of a visit's events by worker, in the order they are shown.
fn shown(town: &Town, visit: VisitId) -> Vec<(String, Value)> {
    let seen = town.office("dispatcher").visit(visit).expect("the visit");
    let timeline = seen["timeline"].as_array().expect("events").iter();
    let own = timeline.filter(|event| event["office"] == false);
    own.map(|event| (event["kind"].as_str().expect("a kind").to_owned(), event["time"].clone())).collect()
}

fn punctual(town: &Town, visit: VisitId) -> Value {
    town.office("dispatcher").visit(visit).expect("the visit")["lanes"][0]["punctual"].clone()
}

#[test]
fn a_wrong_or_jumping_clock_is_judged_by_the_true_time_and_shown_as_it_was() {
    let town = Town::open();
    let (nine, late) = (town.at(9, 6), town.at(10, 20));
    let jump = |phone: &Phone| {
        phone.clock.set_wall(Millis(phone.clock.stamp().wall_ms + 5 * YEAR));
        5 * YEAR
    };
    let still = |_: &Phone| 0;
    type Meddle<'a> = &'a dyn Fn(&Phone) -> i64;
    let cases: [(usize, i64, Millis, Meddle<'_>, DeadlineVerdict); 5] = [
        (2, 0, nine, &still, DeadlineVerdict::Met),
        (4, 3 * YEAR, nine, &still, DeadlineVerdict::Met),
        (6, -3 * YEAR, nine, &jump, DeadlineVerdict::Met),
        // Its own clock says that it is years too late.
        (3, 3 * YEAR, nine, &jump, DeadlineVerdict::Met),
        // Its own clock says that it is years too early.
        (7, -3 * YEAR, late, &still, DeadlineVerdict::Missed),
    ];
    let phones = cases.map(|(nth, wrong_by, ..)| {
        let kind = if nth == 3 { VisitKind::Inspection } else { VisitKind::Repair };
        (town.visit(kind, nth), town.phone(nth, wrong_by))
    });
    for ((nth, wrong_by, arrives, meddle, verdict), (visit, phone)) in cases.into_iter().zip(phones) {
        let (done, truth) = to_the_door(&town, &phone, visit, arrives, meddle);
        let here = phone.visit(visit).expect("the visit").view.punctuality.expect("arrived");
        assert_eq!(here.estimated, Some(verdict), "worker {nth}, on the phone");
        let expected = if verdict == DeadlineVerdict::Met { "met" } else { "missed" };
        assert_eq!(punctual(&town, visit), expected, "worker {nth}, in the office");
        let shown = shown(&town, visit);
        let order: Vec<&str> = shown.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(
            order,
            ["visit.acknowledged", "visit.items_answered", "visit.departed", "visit.arrived", "visit.entered"]
        );
        for (kind, truth, claimed) in done {
            let time = &shown.iter().find(|(shown, _)| shown == kind).expect("the event").1;
            let number = |key: &str| time[key].as_i64().expect("a time");
            assert_eq!((number("claimed_ms"), &time["quality"]), (claimed, &Value::from("anchored")));
            assert!((number("est_ms") - truth.0).abs() <= CLOSE, "worker {nth}, {kind}: {time} for {truth:?}");
            assert!(number("lo_ms") <= truth.0 && truth.0 <= number("hi_ms") + 1, "worker {nth}, {kind}: {time}");
        }
        let devices = town.office("admin").get("/api/devices").expect("devices");
        let off = phone.clock.stamp().wall_ms - truth.0;
        let errors = devices.as_array().expect("a list").iter().filter_map(|device| device["clock_error_ms"].as_i64());
        assert!(errors.into_iter().any(|error| (error - off).abs() <= CLOSE), "the office sees how wrong a clock is");
        assert!(wrong_by == 0 || off.abs() >= YEAR);
    }
    town.close();
}

#[test]
fn what_was_done_in_a_run_of_the_clock_that_no_server_saw_lies_between_its_neighbours() {
    let town = Town::open();
    let visit = town.visit(VisitKind::Repair, 2);
    let phone = town.phone(2, 3 * YEAR);
    phone.wait_until(town.at(8, 35));
    phone.set_out(visit, Departure::default()).expect("on the way");
    phone.clock.reboot();
    phone.wait_until(town.at(9, 6));
    phone.arrive(visit).expect("at the door");
    let arrived = phone.now();
    phone.clock.reboot();
    phone.wait(3);
    phone.enter(visit).expect("inside");
    phone.wait(1);
    town.sync(&phone, phone.now());
    let shown = shown(&town, visit);
    let time = |kind: &str| shown.iter().find(|(shown, _)| shown == kind).expect("the event").1.clone();
    assert_eq!(time("visit.departed")["quality"], "anchored");
    assert_eq!(time("visit.entered")["quality"], "anchored");
    let between = time("visit.arrived");
    assert_eq!(between["quality"], "bracketed");
    let number = |key: &str| between[key].as_i64().expect("a time");
    assert!(number("lo_ms") <= arrived.0 && arrived.0 <= number("hi_ms"), "{between} for {arrived:?}");
    assert!(number("hi_ms") <= time("visit.entered")["hi_ms"].as_i64().expect("a time"));
    assert_eq!(number("claimed_ms"), arrived.0 + 3 * YEAR);
    let order: Vec<i64> = shown.iter().map(|(_, time)| time["lo_ms"].as_i64().expect("a time")).collect();
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(punctual(&town, visit), "met", "it lies before ten whatever the truth is");
    town.close();
}

#[test]
fn the_day_is_beijings_wherever_phone_and_server_stand() {
    let company = Company::new();
    let mut command = Command::new(PROGRAM);
    command.env("TZ", "XXX+12").args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(company.data());
    let server = Server::of(&mut command, &company.data());
    let dir = company.beside("phone");
    let mut config = Config::new(dir.join("app"));
    config.tz = "Europe/Madrid".into();
    let phone = Jotter::with(config, &dir, std::sync::Arc::new(SystemClock::new()));
    phone.enrol(&company.invite(1, &server.url));
    phone.note(1);
    phone.send_all();
    let admin = Office::log_in(&server.url, "admin", PASSWORD).expect("logged in");
    assert_eq!(admin.get("/api/devices").expect("devices")[0]["tz"], "Europe/Madrid");
    let before = day::today();
    let board = Office::log_in(&server.url, "dispatcher", PASSWORD).and_then(|office| office.get("/api/board"));
    let shown = board.expect("the board")["day"].clone();
    assert!([before, day::today()].iter().any(|day| shown == day.to_string()), "{shown} in Beijing");
    server.stop();
}
