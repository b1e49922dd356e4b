//! A server that can't start says why in one line, exits with 2, and leaves everything as it was.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use nuanfang_tests::address;

use crate::company::{Company, copy};
use crate::nuanfang::{PROGRAM, Said, Server, nuanfang, run};
use crate::room::Room;

/// Any free port.
const FREE: &str = "127.0.0.1:0";

fn serve(data: &Path, more: &[&str]) -> Said {
    let mut command = Command::new(PROGRAM);
    run(command.args(["serve", "--data"]).arg(data).args(more), "")
}

/// It ended with 2 and one line that says `words`.
fn refused(said: &Said, words: &[&str]) {
    assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{said:?}");
    let line = said.one_line();
    assert!(words.iter().all(|word| line.contains(word)), "{words:?} in {line}");
    assert!(!line.contains("os error"), "no words of the system's: {line}");
}

/// Every file of a folder with its bytes.
pub fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            all.push((path, bytes));
        }
    }
    all.sort();
    all
}

#[test]
fn a_port_that_is_taken() {
    let company = Company::new();
    let before = files(&company.data());
    let listen = address::steady().to_string();
    let taken = TcpListener::bind(&listen).expect("a port");
    let said = serve(&company.data(), &["--listen", &listen]);
    refused(&said, &["无法监听", &listen, "已被占用"]);
    assert_eq!(files(&company.data()), before);
    drop(taken);
    Server::start_at(&company.data(), &listen).stop();
}

#[test]
fn plain_http_beyond_this_machine() {
    let company = Company::new();
    refused(&serve(&company.data(), &["--listen", "0.0.0.0:0"]), &["0.0.0.0:0", "--tls-cert", "--trusted-proxy"]);
    refused(&serve(&company.data(), &["--metrics", "0.0.0.0:0"]), &["0.0.0.0:0", "--metrics"]);
}

#[test]
fn a_certificate_that_is_none() {
    let company = Company::new();
    let (missing, garbage) = (company.beside("nothing.pem"), company.beside("garbage.pem"));
    std::fs::write(&garbage, "示例").expect("written");
    for (file, words) in [(missing, "没有这个文件"), (garbage, "TLS")] {
        let file = file.to_str().expect("text").to_owned();
        let said = serve(&company.data(), &["--listen", FREE, "--tls-cert", &file, "--tls-key", &file]);
        refused(&said, &["TLS", words, &file]);
    }
}

#[test]
fn a_second_server_and_a_command_beside_the_first() {
    let company = Company::new();
    let server = Server::start(&company.data());
    refused(&serve(&company.data(), &["--listen", FREE]), &["已有另一个服务器在使用此目录", "data"]);
    for command in [&["user", "list"][..], &["rebuild"]] {
        let said = nuanfang(command.iter().map(Path::new).chain([Path::new("--data"), &company.data()]));
        refused(&said, &["已有另一个服务器在使用此目录"]);
    }
    // The first one has not noticed.
    company.invite(1, &server.url);
    server.stop();
}

#[test]
fn a_folder_written_by_a_newer_version() {
    for (file, words) in [("nuanfang.db", "nuanfang.db"), ("vault.db", "vault.db")] {
        let company = Company::new();
        let data = company.data();
        let db = rusqlite::Connection::open(data.join(file)).expect("a database");
        db.pragma_update(None, "user_version", 999).expect("made newer");
        drop(db);
        let before = files(&data);
        refused(&serve(&data, &["--listen", FREE]), &["更新版本", words, "999"]);
        let badge = nuanfang_demo::ledger::badge(1);
        let ways: [&[&str]; 3] = [&["user", "list"], &["rebuild"], &["enrol", &badge]];
        for command in ways {
            let said = nuanfang(command.iter().map(Path::new).chain([Path::new("--data"), &data]));
            refused(&said, &["更新版本", words]);
        }
        let after = files(&data);
        assert!(after == before, "not one byte of it is touched");
    }
}

#[test]
fn a_folder_that_no_server_has_brought_up_to_date() {
    let company = Company::new();
    let db = rusqlite::Connection::open(company.data().join("nuanfang.db")).expect("a database");
    db.pragma_update(None, "user_version", 2).expect("made older");
    drop(db);
    let said = nuanfang([Path::new("enrol"), Path::new("SL-001"), Path::new("--data"), &company.data()]);
    refused(&said, &["旧版本", "请先用本程序启动一次服务器"]);
}

#[test]
fn a_folder_that_is_a_file_or_not_ours() {
    let company = Company::new();
    let file = company.beside("a-file");
    std::fs::write(&file, "示例").expect("written");
    refused(&serve(&file, &["--listen", FREE]), &["数据目录", "a-file"]);
    refused(&serve(&file.join("data"), &["--listen", FREE]), &["数据目录", "a-file"]);
    let data = company.beside("strange");
    copy(&company.data(), &data);
    std::fs::write(data.join("nuanfang.db"), "这不是数据库".repeat(1000)).expect("written");
    refused(&serve(&data, &["--listen", FREE]), &["数据目录", "不是数据库"]);
    let nowhere = company.beside("nowhere");
    for command in [&["rebuild"][..], &["enrol", "SL-001"]] {
        let said = nuanfang(command.iter().map(Path::new).chain([Path::new("--data"), &nowhere]));
        refused(&said, &["不是数据目录", "nowhere"]);
    }
    assert!(!nowhere.exists());
}

#[test]
fn a_disk_that_is_read_only() {
    let mut room = Room::open(32);
    let (inside, outside) = (room.path().join("data"), room.seen().join("data"));
    Company::put(&outside);
    room.set_read_only(true);
    let before = files(&outside);
    let badge = nuanfang_demo::ledger::badge(1);
    let ways: [&[&str]; 4] =
        [&["serve", "--listen", "127.0.0.1:0"], &["user", "list"], &["rebuild"], &["enrol", &badge]];
    for way in ways {
        let said = run(room.command(PROGRAM).args(way).arg("--data").arg(&inside), "");
        refused(&said, &["不可写"]);
    }
    assert!(files(&outside) == before);
    room.set_read_only(false);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data"];
    let beside = tempfile::tempdir().expect("a folder");
    Server::of(room.command(PROGRAM).args(serve).arg(&inside), &beside.path().join("server")).stop();
}

#[test]
fn a_folder_whose_keys_are_gone() {
    let company = Company::new();
    let data = company.data();
    std::fs::remove_file(data.join("vault.db")).expect("gone");
    for way in [&["serve", "--listen", FREE][..], &["enrol", "SL-001"], &["user", "list"]] {
        let said = nuanfang(way.iter().map(Path::new).chain([Path::new("--data"), &data]));
        refused(&said, &["没有密钥", "vault.db"]);
    }
}
