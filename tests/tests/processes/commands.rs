//! Every command of the program at a terminal: help, exit statuses, one line for what is wrong, and what it did.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use nuanfang_demo::office::Office;
use nuanfang_server::office::rebuild;
use nuanfang_tests::jotter::Jotter;
use rusqlite::Connection;

use crate::company::{Company, PASSWORD};
use crate::killed::database;
use crate::nuanfang::{PROGRAM, Said, Server, nuanfang, run};

fn at(data: &Path, args: &[&str]) -> Said {
    nuanfang(args.iter().map(Path::new).chain([Path::new("--data"), data]))
}

/// Refused with this status and one line.
fn refused(said: &Said, status: i32, words: &str) {
    assert_eq!((said.status, said.out.as_str()), (Some(status), ""), "{said:?}");
    assert!(said.one_line().contains(words), "{words} in {said:?}");
}

#[test]
fn every_command_explains_itself() {
    let ways: [&[&str]; 21] = [
        &[],
        &["serve"],
        &["import"],
        &["user"],
        &["user", "add"],
        &["user", "disable"],
        &["user", "list"],
        &["enrol"],
        &["verify"],
        &["rebuild"],
        &["backup"],
        &["backup", "status"],
        &["backup", "ship"],
        &["backup", "verify"],
        &["restore"],
        &["rescue"],
        &["erase"],
        &["hold"],
        &["setting"],
        &["openapi"],
        &["version"],
    ];
    for way in ways {
        let said = nuanfang(way.iter().chain([&"--help"]));
        assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{way:?}");
        assert!(said.out.contains("Usage:") && said.out.contains("--help"), "{said:?}");
        let promises = !matches!(way, [] | ["user", _] | ["backup"] | ["openapi" | "version"]);
        assert!(!promises || said.out.contains("Exit status"), "{said:?}");
    }
    for way in [&["frobnicate"][..], &["serve", "--listen", "示例"], &["user", "add", "x"], &[]] {
        let said = nuanfang(way);
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{way:?}: {said:?}");
    }
    let version = concat!("nuanfang ", env!("CARGO_PKG_VERSION"), "\n");
    for way in ["version", "--version"] {
        assert_eq!(nuanfang([way]).out, version);
    }
}

#[test]
fn the_description_of_the_api_is_the_one_the_console_is_made_from() {
    let said = nuanfang(["openapi"]);
    let checked_in = include_str!("../../../server/console/openapi.json");
    assert_eq!(said.status, Some(0));
    assert!(said.out == checked_in, "see server/src/http/api/tests.rs");
}

#[test]
fn a_closed_pipe_is_no_fault_and_a_full_disk_is_said() {
    let mut child = Command::new(PROGRAM)
        .arg("openapi")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let done = child.wait_with_output().expect("it ends");
    assert_eq!((done.status.code(), done.stderr.as_slice()), (Some(0), &b""[..]));
    let full = || File::options().write(true).open("/dev/full").expect("/dev/full");
    let done = Command::new(PROGRAM).arg("openapi").stdout(full()).output().expect("it ends");
    let err = String::from_utf8(done.stderr).expect("text");
    assert_eq!((done.status.code(), err.as_str()), (Some(2), "nuanfang: 输出写入失败，内容不完整\n"));
    let done = Command::new(PROGRAM).args(["verify", "nothing"]).stderr(full()).status().expect("it ends");
    assert_eq!(done.code(), Some(4));
}

#[test]
fn users_come_log_in_and_go() {
    let company = Company::new();
    let data = company.data();
    let add = |login: &str, role: &str, typed: &str| {
        let mut command = Command::new(PROGRAM);
        command.args(["user", "add", login, "--name", "示例·样九", "--role", role, "--data"]).arg(&data);
        run(&mut command, typed)
    };
    let said = add("Wang", "service", "");
    assert_eq!(said.status, Some(0), "{said:?}");
    let made = said.value("初始密码：").to_owned();
    let said = add("li", "auditor", &format!("{PASSWORD}\r\n"));
    assert!(said.status == Some(0) && !said.out.contains(PASSWORD), "{said:?}");
    refused(&add("wang", "admin", PASSWORD), 1, "已被使用");
    refused(&add("zhao", "admin", "12345678\n"), 1, "密码须为");
    assert_eq!(add("zhao", "king", PASSWORD).status, Some(2));
    refused(&at(&data, &["user", "disable", "nobody"]), 1, "没有用户 nobody");
    let mistyped = company.beside("dta");
    for way in [&["user", "list"][..], &["user", "disable", "li"]] {
        refused(&at(&mistyped, way), 2, "不是数据目录");
        assert!(!mistyped.exists(), "nobody founds a company by a slip");
    }
    assert_eq!(at(&data, &["user", "disable", "LI"]).status, Some(0));
    let list = at(&data, &["user", "list"]);
    let line = |login: &str| list.out.lines().find(|line| line.starts_with(login)).expect("the user").to_owned();
    assert_eq!(line("wang"), "wang\t示例·样九\t客服");
    assert_eq!(line("li"), "li\t示例·样九\t审计\t已停用");
    let server = Server::start(&data);
    assert!(Office::log_in(&server.url, "wang", &made).is_ok());
    assert!(Office::log_in(&server.url, "li", PASSWORD).is_err());
    server.stop();
}

#[test]
fn the_first_start_tells_the_administrator_and_the_second_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let server = Server::start(&data);
    let password = server.password();
    assert!(Office::log_in(&server.url, "admin", &password).is_ok());
    server.stop();
    let server = Server::start(&data);
    assert!(Office::log_in(&server.url, "admin", &password).is_ok());
    assert!(!server.printed().iter().any(|line| line.contains("密码")));
    server.stop_by("INT");
}

#[test]
fn a_code_enrols_one_phone_once() {
    let company = Company::new();
    let server = Server::start(&company.data());
    let invitation = company.invite(1, &server.url);
    let phone = Jotter::open(&company.beside("phone"));
    phone.enrol(&invitation);
    let second = Jotter::open(&company.beside("second"));
    let refusal = second.app.enrol(&invitation, "示例").expect_err("used");
    assert!(refusal.zh.contains("登记码无效"), "{refusal:?}");
    refused(&at(&company.data(), &["enrol", "SL-999"]), 1, "SL-999");
    // By the worker's id as well, and for the address the server last served at.
    let id: [u8; 16] = database(&company.data())
        .query_row("SELECT id FROM worker WHERE badge_number = 'SL-002'", [], |row| row.get(0))
        .expect("a worker");
    let said = at(&company.data(), &["enrol", &uuid::Uuid::from_bytes(id).to_string()]);
    assert_eq!((said.status, said.value("地址")), (Some(0), server.url.as_str()));
    second.enrol(&format!("{} {}", said.value("地址"), said.value("登记码")));
    server.stop();
}

#[test]
fn rebuilding_gives_the_same_bytes_and_mends_what_was_spoilt() {
    let company = Company::new();
    let data = company.data();
    let server = Server::start(&data);
    let phone = Jotter::open(&company.beside("phone"));
    phone.enrol(&company.invite(1, &server.url));
    (0..4).for_each(|n| phone.note(n));
    phone.send_all();
    server.stop();
    let tables = || rebuild::dump(&database(&data)).expect("a dump");
    let before = tables();
    let said = at(&data, &["rebuild"]);
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert!(tables() == before, "byte for byte");

    let spoil =
        |sql: &str| Connection::open(data.join("nuanfang.db")).expect("open").execute_batch(sql).expect("spoilt");
    spoil("DELETE FROM visit; UPDATE household SET address = '别处'; DELETE FROM feed;");
    assert!(tables() != before);
    let said = at(&data, &["rebuild"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.out.contains("与重建前不同") && tables() == before);

    // The log itself is not to be made again: a changed byte is named, and nothing else is touched.
    spoil("UPDATE body SET body = replace(body, '示例第 2 条', '示例第 9 条')");
    let spoilt = tables();
    let said = at(&data, &["rebuild"]);
    assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{said:?}");
    assert!(said.one_line().contains("链条不符"), "{said:?}");
    assert!(tables() == spoilt);
}
