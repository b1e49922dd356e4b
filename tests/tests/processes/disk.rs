//! A disk that runs full under a server at work: whoever wants to write is told to come again, nothing is half-written,
//! reading goes on, and once there is room everything goes on by itself.

use std::path::Path;
use std::process::Command;

use nuanfang_core::device::courier::Answer;
use nuanfang_core::domain::VisitKind;
use nuanfang_demo::office::{Office, Plan};
use nuanfang_tests::address;
use nuanfang_tests::jotter::Jotter;
use serde_json::Value;

use crate::company::{self, Company};
use crate::killed::everything_is_there;
use crate::nuanfang::{PROGRAM, Server, run};
use crate::room::Room;

/// What phones are told while there is no room.
fn come_again(answer: &Answer) {
    let problem: Value = serde_json::from_slice(&answer.body).expect("problem JSON");
    assert_eq!((answer.status, &problem["code"]), (503, &Value::from("server.disk_full")), "{answer:?}");
    assert!(answer.retry_after_s.is_some_and(|seconds| seconds > 0), "{answer:?}");
}

fn plan(account: &str) -> Plan<'_> {
    Plan { kind: VisitKind::Repair, account, scope: "示例：暖气不热", window: None, badge: None, follows: None }
}

/// What a phone hears until it is told to come again; the write-ahead log may have some room left that is already its
/// own.
fn until_refused(phone: &Jotter, n: &mut u32) -> Answer {
    phone.heard();
    for _ in 0..500 {
        phone.note(*n);
        *n += 1;
        if let Err(refusal) = phone.sync() {
            assert_eq!(refusal.code, "sync.busy");
            assert!(refusal.zh.contains("记录都在本机"), "{refusal:?}");
            return phone.heard().pop().expect("an answer").1;
        }
    }
    panic!("the disk is full and everything still goes through");
}

#[test]
fn a_full_disk_refuses_for_now_and_loses_nothing() {
    let beside = tempfile::tempdir().expect("a folder");
    let room = Room::open(24);
    let (inside, outside) = (room.path().join("data"), room.seen().join("data"));
    Company::put(&outside);
    let listen = address::steady().to_string();
    let serve = || -> Command {
        let mut command = room.command(PROGRAM);
        command.args(["serve", "--listen", &listen, "--data"]).arg(&inside);
        command
    };
    let mut server = Server::of(&mut serve(), &beside.path().join("first"));
    let office = Office::log_in(&server.url, "dispatcher", company::PASSWORD).expect("logged in");
    let phone = Jotter::open(&beside.path().join("phone"));
    let homes = office.get("/api/households").expect("read");
    let account = homes["rows"][0]["account_number"].as_str().expect("an account").to_owned();
    phone.enrol(&company::invite(room.command(PROGRAM), &inside, 1, &server.url));
    phone.note(0);
    let mut n = 1;
    phone.send_all();

    let filler = room.fill();
    come_again(&until_refused(&phone, &mut n));
    let request = office.request(&plan(&account)).expect("a plan");
    assert_eq!(office.refused("/api/visits", &request).expect("refused"), ["server.disk_full"]);
    assert_eq!(office.get("/api/households").expect("reading goes on"), homes);
    std::fs::remove_file(&filler).expect("room again");
    phone.send_all();
    office.schedule(&plan(&account)).expect("planned");

    // Killed while the disk is full, and started again before there is room.
    let filler = room.fill();
    until_refused(&phone, &mut n);
    server.kill();
    let said = run(&mut serve(), "");
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.one_line().contains("磁盘已满"), "{said:?}");
    std::fs::remove_file(&filler).expect("room again");
    let server = Server::of(&mut serve(), &beside.path().join("second"));
    phone.send_all();
    server.stop();
    let copied = beside.path().join("copied");
    company::copy(&outside, Path::new(&copied));
    everything_is_there(&copied, &[&phone]);
}
