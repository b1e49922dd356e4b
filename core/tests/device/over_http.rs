//! The same exchange over a real socket: compression, tokens, resumed uploads, strangers.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::courier::{Call, Stop, Transport, Unreachable};
use nuanfang_core::device::http::{Http, OTHER_DATES, Trust};
use nuanfang_core::device::{blob, packing, pinned};
use nuanfang_core::wire::dictionary::Dictionary;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::fake_server::{COMPANY_SCOPE, FakeServer, Lie, listen};
use crate::phone::Phone;

#[test]
fn a_day_goes_out_over_http_and_an_upload_goes_on_where_it_broke_off() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::new();
    let address = listen(&server);
    let http = Http::new(&format!("http://{address}/"), &Trust::default()).unwrap();
    let phone = Phone::open(dir.path());
    phone.enrol(&http).unwrap();
    let bytes: Vec<u8> = (0..300_000u32).flat_map(|value| value.to_le_bytes()).collect();
    let kept = blob::keep(&phone.store, &bytes, "photo.before", None, "{}".to_owned()).unwrap();
    for index in 0..40 {
        phone.say(&format!("第 {index} 条：{}", "暖".repeat(200)));
    }
    phone.say_with("带照片", vec![kept.sha]);
    server.with(|state| state.cut_uploads_at = Some(700_000));
    let cut = phone.sync(&http).unwrap();
    assert!(matches!(cut.files_wait, Some(Stop::Unreachable(Unreachable::NoAnswer(_)))), "{cut:?}");
    assert_eq!(phone.enrolment().acked, 41, "what was acknowledged before the cut stays so");
    phone.sync(&http).unwrap();
    server.with(|state| {
        assert_eq!(state.blobs[&kept.sha].bytes, bytes);
        assert_eq!(state.uploaded, bytes.len() as u64, "no byte twice");
    });
    assert_eq!(phone.enrolment().safe, 41);
}

#[test]
fn what_is_packed_with_a_dictionary_arrives_and_its_answer_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::new();
    server.with(|state| {
        state.offers = vec!["zstd-dict:32769".to_owned()];
        state.reads_dictionaries = true;
    });
    server.put(COMPANY_SCOPE, "community", "示例小区", 1, &format!(r#"{{"name":"{}"}}"#, "示例小区".repeat(200)));
    let http = Http::new(&format!("http://{}", listen(&server)), &Trust::default()).unwrap();
    let phone = Phone::open(dir.path());
    phone.enrol(&http).unwrap();
    let texts: Vec<String> = (0..40).map(|index| format!("第 {index} 条：暖气不热")).collect();
    texts.iter().for_each(|text| drop(phone.say(text)));
    phone.sync(&http).unwrap();
    assert_eq!(server.with(|state| state.packed_with.clone()), [Some(32_769)]);
    assert_eq!((phone.enrolment().acked, phone.enrolment().safe), (40, 40), "the answer was read too");
    assert_eq!(phone.texts(), texts);
    server.with(|state| state.reads_dictionaries = false);
    phone.say("退回旧版之后");
    phone.sync(&http).unwrap();
    assert_eq!(phone.enrolment().acked, 41);
    assert_eq!(server.with(|state| state.packed_with.clone()), [Some(32_769), Some(32_769), None]);
}

#[test]
fn a_token_that_ran_out_is_renewed_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::new();
    let http = Http::new(&format!("http://{}", listen(&server)), &Trust::default()).unwrap();
    let phone = Phone::open(dir.path());
    phone.enrol(&http).unwrap();
    phone.sync(&http).unwrap();
    server.with(|state| state.tokens += 1);
    phone.say("一");
    phone.sync(&http).unwrap();
    assert_eq!(phone.enrolment().acked, 1);
}

#[test]
fn nobody_there_is_told_from_an_answer_that_breaks_off() {
    let server = FakeServer::new();
    let dir = tempfile::tempdir().unwrap();
    let nobody = Http::new("http://127.0.0.1:9", &Trust::default()).unwrap();
    let call = Call { method: "GET", path: "/v1/time".to_owned(), ..Call::default() };
    assert!(matches!(nobody.call(&call), Err(Unreachable::NoAnswer(_))));
    let http = Http::new(&format!("http://{}", listen(&server)), &Trust::default()).unwrap();
    let phone = Phone::open(dir.path());
    phone.enrol(&http).unwrap();
    server.lie(Lie::Silence);
    assert!(matches!(phone.sync(&http), Err(Stop::Unreachable(Unreachable::NoAnswer(_)))));
}

#[test]
fn plain_http_never_leaves_the_machine() {
    for url in ["http://example.cn", "http://10.0.2.2:8080", "ftp://127.0.0.1", "", "nonsense", "file:///etc/passwd"] {
        assert_eq!(
            Http::new(url, &Trust::default()).err().map(|refusal| refusal.code),
            Some("device.bad_address".into())
        );
    }
    for url in ["https://example.cn", "http://localhost:1", "http://[::1]:1", "http://127.0.0.1:1/"] {
        assert!(Http::new(url, &Trust::default()).is_ok(), "{url}");
    }
}

/// A certificate for one day of November 2026 and for another name.
const ELSEWHERE: &[u8] = include_bytes!("tls/cert.der");
/// One for this machine and a day of 2001.
const PAST: &[u8] = include_bytes!("tls/past.der");

/// A TLS server with a key of its own, and a certificate that it signed itself.
fn tls_server(certificate: &[u8]) -> (String, Sha) {
    let certificate = CertificateDer::from(certificate.to_vec());
    let key = PrivateKeyDer::Pkcs8(include_bytes!("tls/key.der").to_vec().into());
    let pin = pinned::pin_of(&certificate).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut tls = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::Stream::new(&mut tls, &mut stream);
            // Who does not trust this server hangs up in the handshake.
            let mut heard = [0; 4096];
            if stream.read(&mut heard).is_ok_and(|read| read > 0) {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (url, pin)
}

#[test]
fn a_pinned_key_is_trusted_whatever_its_certificate_says_and_no_other_is() {
    let (url, pin) = tls_server(ELSEWHERE);
    let call = Call { method: "GET", path: "/v1/time".to_owned(), ..Call::default() };
    let trusting = Http::new(&url, &Trust { pin: Some(pin), root_pem: None }).unwrap();
    assert_eq!(trusting.call(&call).unwrap().body, b"{}");
    for trust in [Trust { pin: Some(Sha::of(b"another key")), root_pem: None }, Trust::default()] {
        let stranger = Http::new(&url, &trust).unwrap().call(&call);
        assert!(matches!(stranger, Err(Unreachable::Untrusted(_))), "{stranger:?}");
    }
}

#[test]
fn a_certificate_that_does_not_hold_today_is_told_as_that_and_not_where_a_key_is_pinned() {
    let (url, pin) = tls_server(PAST);
    let call = Call { method: "GET", path: "/v1/time".to_owned(), ..Call::default() };
    let ask = |pin| Http::new(&url, &Trust { pin, root_pem: None }).unwrap().call(&call);
    assert_eq!(ask(None), Err(Unreachable::Untrusted(OTHER_DATES.to_owned())));
    assert!(ask(Some(pin)).is_ok());
    let stranger = ask(Some(Sha::of(b"another key")));
    assert!(matches!(&stranger, Err(Unreachable::Untrusted(why)) if why != OTHER_DATES), "{stranger:?}");
}

#[test]
fn a_body_of_any_length_is_the_same_once_it_is_unpacked() {
    let text: String = (0..40_000).map(|index| format!("第 {index} 条：{}。", index * index % 977)).collect();
    for length in [0, 1, 255, 256, 257, 1_024, 1_025, 5_000, 262_144, 262_145, text.len()] {
        let body = &text.as_bytes()[..length];
        for dictionary in [None, Some(32_769), Some(77_777)] {
            let Some(packed) = packing::pack(body, dictionary) else {
                assert!(length <= 1_024, "{length}: long bodies are packed");
                continue;
            };
            assert!(packed.len() < length, "{length} {dictionary:?}");
            assert_eq!(packing::unpack(&packed[..], u64::MAX).unwrap(), body, "{length} {dictionary:?}");
            let limit = length as u64 / 2;
            assert_eq!(packing::unpack(&packed[..], limit).unwrap().len() as u64, limit, "no more than was asked for");
            assert!(packing::unpack(&packed[..packed.len() / 2], u64::MAX).is_err(), "{length} {dictionary:?}");
        }
    }
    let strange = zstd::bulk::Compressor::with_dictionary(3, &strange()).unwrap().compress(text.as_bytes()).unwrap();
    for broken in [&b""[..], b"\x28\xb5\x2f\xfd", b"<html>", &strange] {
        assert!(packing::unpack(broken, u64::MAX).map_or(true, |read| read.is_empty()), "{} bytes", broken.len());
    }
}

/// A dictionary that nobody has.
fn strange() -> Vec<u8> {
    let mut dictionary = Dictionary::of_id(32_769).unwrap().bytes.to_vec();
    dictionary[4..8].copy_from_slice(&77_777_u32.to_le_bytes());
    dictionary
}
