//! A server that speaks TLS itself, with a certificate that no public root knows: phones trust the one key that their
//! invitation names, and nobody else.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::wire::auth::Invitation;
use nuanfang_server::serve::Address;
use nuanfang_tests::jotter::Jotter;

use crate::company::Company;
use crate::killed::everything_is_there;
use crate::nuanfang::{PROGRAM, Server};

fn pem(folder: &Path, name: &str, label: &str, der: &[u8]) -> PathBuf {
    let lines: Vec<String> =
        STANDARD.encode(der).as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let file = folder.join(name);
    std::fs::write(&file, format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")))
        .expect("written");
    file
}

#[test]
fn a_phone_trusts_the_key_that_its_invitation_names() {
    let company = Company::new();
    let folder = company.beside("tls");
    std::fs::create_dir(&folder).expect("a folder");
    let cert = pem(&folder, "cert.pem", "CERTIFICATE", include_bytes!("../../../core/tests/device/tls/cert.der"));
    let key = pem(&folder, "key.pem", "PRIVATE KEY", include_bytes!("../../../core/tests/device/tls/key.der"));
    let serve = |listen: &str| {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--listen", listen, "--data"]).arg(company.data());
        command.arg("--tls-cert").arg(&cert).arg("--tls-key").arg(&key);
        Server::of(&mut command, &company.data())
    };
    let server = serve("127.0.0.1:0");
    assert!(server.url.starts_with("https://127.0.0.1:"));
    let pin = Address::load(&company.data()).expect("read").expect("an address").pin;
    assert!(pin.is_some(), "the QR code of an enrolment names the key");
    let invitation = |pin: Option<Sha>| {
        let typed = company.invite(1, &server.url);
        let code = typed.split(' ').nth(1).expect("a code").to_owned();
        Invitation { url: server.url.clone(), code, pin, supplier: None }.to_text()
    };
    let phone = Jotter::open(&company.beside("phone"));
    // The certificate held for one day; a phone that knows the key does not mind.
    for (stranger, code) in [(None, "sync.other_dates"), (Some(Sha::of(b"another key")), "sync.untrusted")] {
        let refusal = phone.app.enrol(&invitation(stranger), "示例手机").expect_err("no trust");
        assert_eq!(refusal.code, code);
        assert!(refusal.zh.contains("没有发送任何内容"), "{refusal:?}");
    }
    let plain = invitation(pin).replace("https", "http");
    assert_eq!(phone.app.enrol(&plain, "示例手机").expect_err("no TLS").code, "sync.no_network");
    phone.enrol(&invitation(pin));
    phone.note(3);
    phone.send_all();
    server.stop();
    // With TLS of its own it may be reached from outside.
    let server = serve("0.0.0.0:0");
    assert!(server.printed().iter().any(|line| line.contains("--public-url")), "{:?}", server.printed());
    server.stop();
    everything_is_there(&company.data(), &[&phone]);
}
