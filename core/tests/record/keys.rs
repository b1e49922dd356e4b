//! `keys.json`: what it must hold, and that it cannot be changed.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::canon::json::canonical;
use nuanfang_core::id::SupplierId;
use nuanfang_core::record::*;
use nuanfang_core::time::Millis;
use serde_json::{Value, json};

use crate::fixture::*;
use crate::tamper::{altered, damaged, leaves};

fn file() -> Vec<u8> {
    let house = House::new();
    Keys::sign(&house.statement(), &house.root).unwrap()
}

/// What is said of a list that the root signed all the same.
fn refused(change: impl FnOnce(&House, &mut KeysStatement)) -> String {
    let house = House::new();
    let mut statement = house.statement();
    change(&house, &mut statement);
    Keys::parse(&Keys::sign(&statement, &house.root).unwrap()).unwrap_err().to_string()
}

#[test]
fn it_tells_whose_keys_are_whose() {
    let house = House::new();
    let keys = Keys::parse(&file()).unwrap();
    assert_eq!(keys.supplier(), &supplier());
    assert_eq!(keys.fingerprint(), Some(Sha::of(&house.root_der())));
    let kinds: Vec<KeyKind> = keys.entries().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [KeyKind::Root, KeyKind::Server, KeyKind::Device, KeyKind::Device, KeyKind::Seal]);
    assert_eq!(keys.find(&house.server_kid()).unwrap().kind, KeyKind::Server);
    assert_eq!(keys.find(&house.root.public().thumbprint()).unwrap().kind, KeyKind::Root);
    assert!(keys.find(&Sha::ZERO).is_none());
    assert_eq!((keys.day_heads()[0].day.as_str(), keys.day_heads()[0].seq), ("2026-11-23", 42));
}

#[test]
fn every_byte_matters() {
    let house = House::new();
    let mut statement = house.statement();
    statement.keys.truncate(3);
    let file = Keys::sign(&statement, &house.root).unwrap();
    for (index, (pointer, bytes)) in damaged(&file).enumerate() {
        assert!(Keys::parse(&bytes).is_err(), "{pointer}, change {index}");
    }
    assert!(Keys::parse(&[&file[..], b"\n"].concat()).is_err());
}

#[test]
fn every_value_matters() {
    let file: Value = serde_json::from_slice(&file()).unwrap();
    let payload = base64url::decode(file["payload"].as_str().unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    for pointer in leaves(&payload) {
        let mut changed = payload.clone();
        let leaf = changed.pointer_mut(&pointer).unwrap();
        *leaf = altered(leaf);
        let mut forged = file.clone();
        forged["payload"] = json!(base64url::encode(&canonical(&changed).unwrap()));
        assert!(Keys::parse(&canonical(&forged).unwrap()).is_err(), "{pointer}");
    }
}

#[test]
fn only_a_root_it_lists_may_sign_it() {
    let house = House::new();
    let statement = house.statement();
    assert!(Keys::parse(&Keys::sign(&statement, &key(66)).unwrap()).is_err());
    assert!(Keys::parse(&Keys::sign(&statement, &house.server).unwrap()).is_err());
    let revoked = Revocation { at_ms: RECEIVED, reason: RevocationReason::Stolen };
    assert!(refused(|_, list| list.keys[0].revoked = Some(revoked)).contains("签名无效"));
}

#[test]
fn a_list_that_contradicts_itself_is_refused_by_the_entry() {
    for (change, said) in [
        (
            Box::new(|_: &House, list: &mut KeysStatement| {
                let twice = list.keys[2].clone();
                list.keys.push(twice);
            }) as Box<dyn FnOnce(&House, &mut KeysStatement)>,
            "第 5 个密钥有误：kid 重复",
        ),
        (Box::new(|_, list| list.keys[2].kid = Sha::ZERO), "第 2 个密钥有误：与证书不符"),
        (
            Box::new(|_, list| list.keys[2].valid_until_ms = Millis(i64::from(u32::MAX) * 1000)),
            "第 2 个密钥有误：与证书不符",
        ),
        (Box::new(|_, list| list.keys[2].kind = KeyKind::Server), "第 2 个密钥有误：与证书不符"),
        (Box::new(|_, list| list.keys[2].key = list.keys[3].key.clone()), "第 2 个密钥有误：与证书不符"),
        (Box::new(|_, list| list.keys[2].certificate = None), "第 2 个密钥有误：密钥种类与证书不符"),
        (Box::new(|_, list| list.keys[0].x509 = None), "第 0 个密钥有误：密钥种类与证书不符"),
        (
            Box::new(|_, list| list.keys[0].x509 = Some(base64url::encode(b"another"))),
            "第 0 个密钥有误：X.509 证书与根公钥不符",
        ),
        (Box::new(|_, list| list.keys[0].x509 = Some("A".into())), "第 0 个密钥有误：X.509 证书不是规范的 base64url"),
        (
            Box::new(|_, list| list.keys[4].x509 = Some(base64url::encode(b"another"))),
            "第 4 个密钥有误：kid 与印章证书不符",
        ),
        (Box::new(|_, list| list.keys[0].valid_from_ms = Millis(UNTIL.0 + 1)), "第 0 个密钥有误：有效期颠倒"),
        (Box::new(|_, list| list.supplier.id = SupplierId(id(0x99))), "第 1 个密钥有误：证书不是本企业根密钥签发"),
        (
            Box::new(|house, list| {
                let forger = key(66);
                let holder = Holder::Server { device: nuanfang_core::id::DeviceId(id(0xd0)) };
                let own =
                    Certificate::new(supplier().id, &forger.public(), holder, &house.server.public(), FROM, UNTIL);
                list.keys[1] = KeyEntry::certified(&own.sign(&forger).unwrap()).unwrap();
            }),
            "第 1 个密钥有误：证书不是本企业根密钥签发",
        ),
        (Box::new(|_, list| list.schema = 2), "schema is not 1"),
    ] {
        let words = refused(change);
        assert!(words.contains(said), "{said}: {words}");
    }
}

#[test]
fn a_day_head_is_the_servers_word() {
    let words = refused(|house, list| {
        let head = Keys::parse(&file()).unwrap().day_heads()[0].clone();
        let kid = Certificate::open(&house.certificate).unwrap().kid;
        list.day_heads[0] = Jws::sign(&head, &house.phone, kid).unwrap();
    });
    assert_eq!(words, "公钥文件第 0 个日志头有误");
}

#[test]
fn certificates_of_an_earlier_root_hold_while_it_is_listed() {
    let house = House::new();
    let (new_root, mut statement) = (key(8), house.statement());
    let der = [b"0\x82".as_slice(), &new_root.public().to_sec1()].concat();
    statement.keys[0].rotated_ms = Some(RECEIVED);
    statement.keys.push(KeyEntry::root(&new_root.public(), &der, RECEIVED, UNTIL));
    let keys = Keys::parse(&Keys::sign(&statement, &new_root).unwrap()).unwrap();
    assert_eq!(keys.fingerprint(), Some(Sha::of(&der)));
    let verdict = verify_record(&house.file(), Some(&keys), &Evidence::default());
    assert_eq!(verdict.answer, Answer::Valid, "{}", verdict.text_zh());
}
