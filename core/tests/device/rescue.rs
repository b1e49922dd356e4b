//! The rescue file: what goes in, who opens it, what a cut or changed copy still gives.

use std::path::Path;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::rescue::{self, RescueView};
use nuanfang_core::device::trouble::Trouble;
use nuanfang_core::device::{blob, outbox};
use nuanfang_core::record::{Certificate, DeviceKey, Jws, KeyError, LogHead, PublicKey, SoftwareKey};
use nuanfang_core::wire::rescue::{Frame, Opener, RescueHead, Sealer, Unread};
use serde_json::json;

use crate::fake_server::FakeServer;
use crate::phone::Phone;

/// The root key of the tests' server.
const ROOT: [u8; 32] = [7; 32];

fn root() -> PublicKey {
    SoftwareKey::from_secret(&ROOT).unwrap().public()
}

fn secret(kid: &Sha) -> Option<[u8; 32]> {
    (*kid == root().thumbprint()).then_some(ROOT)
}

fn export(phone: &Phone, path: &Path) -> Result<RescueView, Trouble> {
    rescue::export(&phone.store, &phone.key, "0.1.0", phone.now(), path, None)
}

/// All frames of a file, and how it ended.
fn read(bytes: &[u8]) -> (Vec<Frame>, Result<(), Unread>) {
    let mut frames = Vec::new();
    let mut opener = match Opener::begin(bytes, secret) {
        Ok(opener) => opener,
        Err(unread) => return (frames, Err(unread)),
    };
    loop {
        match opener.read() {
            Ok(Frame::End) => return (frames, Ok(())),
            Ok(frame) => frames.push(frame),
            Err(unread) => return (frames, Err(unread)),
        }
    }
}

fn head_of(frames: &[Frame]) -> RescueHead {
    match &frames[0] {
        Frame::Head(head) => (**head).clone(),
        other => panic!("{other:?}"),
    }
}

fn day(dir: &Path) -> (FakeServer, Phone, Vec<u8>) {
    let server = FakeServer::new();
    let phone = Phone::enrolled(dir, &server);
    phone.say("一");
    phone.sync(&server).unwrap();
    let photo: Vec<u8> = (0..20_000u32).flat_map(|value| value.to_le_bytes()).collect();
    let kept = blob::keep(&phone.store, &photo, "photo.before", None, "{}".to_owned()).unwrap();
    phone.say_with("二", vec![kept.sha]);
    phone.say("三");
    (server, phone, photo)
}

#[test]
fn everything_the_phone_still_holds_is_in_it_signed_and_for_the_company_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, phone, photo) = day(dir.path());
    let path = dir.path().join("rescue.nuanfang");
    let view = export(&phone, &path).unwrap();
    assert_eq!((view.ops, view.files, view.files_lost, view.signed), (3, 1, 0, true));
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len() as u64, view.bytes);
    assert!(!path.with_extension("part").exists());
    let words = "二".as_bytes();
    assert!(!bytes.windows(words.len()).any(|window| window == words), "nothing stands in the clear");
    assert!(matches!(Opener::begin(bytes.as_slice(), |_| None), Err(Unread::OtherKey(_))));

    let (frames, end) = read(&bytes);
    end.unwrap();
    let head = head_of(&frames);
    assert_eq!((head.base, head.ops, head.files), (0, 3, 1));
    let mut end = head.base_sha;
    for frame in &frames[1..4] {
        let Frame::Op(op) = frame else { panic!("{frame:?}") };
        end = op.envelope(head.device, end).sha();
    }
    let Frame::File(sha, content) = &frames[4] else { panic!("{:?}", frames[4]) };
    assert_eq!((*sha, content), (Sha::of(&photo), &photo));
    let certified = Certificate::open(&serde_json::from_str::<Jws>(&head.certificate).unwrap()).unwrap();
    let signed = serde_json::from_str::<Jws>(&head.head.unwrap()).unwrap().open::<LogHead>().unwrap();
    signed.verify(&certified.key).unwrap();
    assert_eq!((signed.statement.seq, signed.statement.head), (3, end));
    // The phone goes on as if nothing had been.
    assert_eq!(phone.texts(), ["一", "二", "三"]);
    let device = phone.enrolment().device;
    assert!(phone.store.read(|connection| outbox::chain_holds(connection, device)).unwrap());
}

#[test]
fn a_cut_copy_gives_what_is_whole_and_a_changed_one_stops_there() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, phone, _) = day(dir.path());
    let path = dir.path().join("rescue.nuanfang");
    export(&phone, &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (whole, _) = read(&bytes);
    assert_eq!(whole.len(), 5);
    for cut in [0, 10, 30, 100, 150, 70_000, bytes.len() - 1] {
        let (frames, end) = read(&bytes[..cut]);
        assert!(matches!(end, Err(Unread::Cut | Unread::NoRescue)), "cut to {cut}: {end:?}");
        assert!(frames.len() < whole.len(), "cut to {cut}");
    }
    for at in (0..bytes.len()).step_by(9_973).chain([bytes.len() - 1]) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let (frames, end) = read(&changed);
        assert!(end.is_err() && frames.len() < whole.len(), "byte {at}");
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(matches!(read(&longer).1, Err(Unread::Damaged)));
}

/// A keystore in a state.
struct Broken(KeyError);

impl DeviceKey for Broken {
    fn public_key(&self) -> Result<[u8; 65], KeyError> {
        SoftwareKey::from_secret(&[9; 32]).unwrap().public_key()
    }

    fn sign(&self, _: &[u8]) -> Result<[u8; 64], KeyError> {
        Err(self.0.clone())
    }
}

#[test]
fn a_lost_key_does_not_keep_records_in_a_locked_one_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, phone, _) = day(dir.path());
    let path = dir.path().join("rescue.nuanfang");
    let with = |key: KeyError| rescue::export(&phone.store, &Broken(key), "0.1.0", phone.now(), &path, None);
    match with(KeyError::Locked) {
        Err(Trouble::Refused(refusal)) => assert_eq!(refusal.code, "rescue.key_locked"),
        other => panic!("{other:?}"),
    }
    assert!(!path.exists() && !path.with_extension("part").exists());
    assert!(!with(KeyError::Gone).unwrap().signed);
    let (frames, end) = read(&std::fs::read(&path).unwrap());
    end.unwrap();
    assert_eq!((frames.len(), head_of(&frames).head), (5, None));
    let nobody = Phone::open(&dir.path().join("other"));
    assert!(matches!(export(&nobody, &path), Err(Trouble::NotEnrolled)));
}

#[test]
fn a_photo_that_can_not_be_read_does_not_keep_the_records_in() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, phone, photo) = day(dir.path());
    let row = phone.store.read(|connection| nuanfang_core::device::store::blob_row::find(connection, Sha::of(&photo)));
    std::fs::write(dir.path().join(blob::FOLDER).join(row.unwrap().unwrap().beside.unwrap().file), b"torn").unwrap();
    let path = dir.path().join("rescue.nuanfang");
    let view = export(&phone, &path).unwrap();
    assert_eq!((view.ops, view.files, view.files_lost), (3, 0, 1));
    let (frames, end) = read(&std::fs::read(&path).unwrap());
    end.unwrap();
    assert_eq!(frames.len(), 4);
}

#[test]
fn what_lies_behind_records_that_can_not_be_read_is_in_it_with_its_files_and_signed() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::new();
    let phone = Phone::enrolled(dir.path(), &server);
    phone.say("一");
    phone.sync(&server).unwrap();
    let photo: Vec<u8> = (0..20_000u32).flat_map(|value| value.to_le_bytes()).collect();
    let kept = blob::keep(&phone.store, &photo, "photo.before", None, "{}".to_owned()).unwrap();
    for text in ["二", "坏", "四", "坏", "坏"] {
        phone.say(text);
    }
    phone.say_with("七", vec![kept.sha]);
    let raw = rusqlite::Connection::open(dir.path().join("phone.db")).unwrap();
    raw.execute("UPDATE outbox SET body = '{' WHERE seq IN (3, 5)", []).unwrap();
    // One that is no text any more.
    raw.execute("UPDATE outbox SET body = x'00' WHERE seq = 6", []).unwrap();
    let path = dir.path().join("rescue.nuanfang");
    let view = export(&phone, &path).unwrap();
    assert_eq!((view.ops, view.ops_lost, view.files, view.files_lost, view.signed), (4, 3, 1, 0, true));
    let (frames, end) = read(&std::fs::read(&path).unwrap());
    end.unwrap();
    let mut parts: Vec<(RescueHead, Vec<u64>, Sha)> = Vec::new();
    for frame in &frames {
        match frame {
            Frame::Head(head) => parts.push(((**head).clone(), Vec::new(), head.base_sha)),
            Frame::Op(op) => {
                let (head, seqs, end) = parts.last_mut().unwrap();
                *end = op.envelope(head.device, *end).sha();
                seqs.push(op.seq);
            }
            Frame::File(sha, _) => assert_eq!((*sha, parts.len()), (kept.sha, 3)),
            Frame::End => {}
        }
    }
    let seqs: Vec<_> = parts.iter().map(|(_, seqs, _)| seqs.clone()).collect();
    assert_eq!(seqs, [vec![1, 2], vec![4], vec![7]]);
    for (head, seqs, end) in &parts {
        let certified = Certificate::open(&serde_json::from_str::<Jws>(&head.certificate).unwrap()).unwrap();
        let signed = serde_json::from_str::<Jws>(head.head.as_ref().unwrap()).unwrap().open::<LogHead>().unwrap();
        signed.verify(&certified.key).unwrap();
        assert_eq!((signed.statement.seq, signed.statement.head), (*seqs.last().unwrap(), *end));
    }
}

#[test]
fn a_file_that_lacks_something_takes_no_other_files_place() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, phone, photo) = day(dir.path());
    let out = dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let path = out.join("nuanfang.rescue");
    let names = || {
        let mut names: Vec<_> =
            std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    export(&phone, &path).unwrap();
    phone.say("四");
    export(&phone, &path).unwrap();
    assert_eq!(names(), ["nuanfang.rescue"], "all of the older one is in it");
    let whole = std::fs::read(&path).unwrap();
    let row = phone.store.read(|connection| nuanfang_core::device::store::blob_row::find(connection, Sha::of(&photo)));
    std::fs::remove_file(dir.path().join(blob::FOLDER).join(row.unwrap().unwrap().beside.unwrap().file)).unwrap();
    std::fs::write(out.join("nuanfang-1.rescue"), "别的文件").unwrap();
    assert_eq!(export(&phone, &path).unwrap().files_lost, 1);
    let without_photo = std::fs::read(&path).unwrap();
    let gone = Broken(KeyError::Gone);
    assert!(!rescue::export(&phone.store, &gone, "0.1.0", phone.now(), &path, None).unwrap().signed);
    assert_eq!(names(), ["nuanfang-1.rescue", "nuanfang-2.rescue", "nuanfang-3.rescue", "nuanfang.rescue"]);
    let kept = |name: &str| std::fs::read(out.join(name)).unwrap();
    assert_eq!((kept("nuanfang-2.rescue"), kept("nuanfang-3.rescue")), (whole, without_photo));
    assert_eq!(kept("nuanfang-1.rescue"), "别的文件".as_bytes());
    assert!(head_of(&read(&kept("nuanfang.rescue")).0).head.is_none());
    let first = out.join("第一次");
    let export_first = |key: &dyn DeviceKey, before: Option<&RescueView>| {
        rescue::export(&phone.store, key, "0.1.0", phone.now(), &first, before).unwrap()
    };
    let unsigned = export_first(&gone, None);
    assert!(!unsigned.signed);
    assert_eq!(names().len(), 5, "where none is there, none is moved");
    let unsigned = export_first(&gone, Some(&unsigned));
    let signed = export_first(&phone.key, Some(&unsigned));
    assert_eq!(names().len(), 5, "one that lacks no less gives way, however often");
    export_first(&gone, Some(&signed));
    assert_eq!(names().len(), 6, "one with the word of its key does not");
}

/// The vector of docs/formats/rescue.md. Written anew with `GOLDEN=write`, which is a change of format.
#[test]
fn the_golden_file_opens() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let (file, says) = (golden.join("rescue.bin"), golden.join("rescue.json"));
    if std::env::var("GOLDEN").is_ok_and(|mode| mode == "write") {
        let dir = tempfile::tempdir().unwrap();
        let (_server, phone, _) = day(dir.path());
        export(&phone, &dir.path().join("full")).unwrap();
        let (frames, _) = read(&std::fs::read(dir.path().join("full")).unwrap());
        let mut sealer = Sealer::begin(&root().to_sec1(), &root().thumbprint(), Vec::new()).unwrap();
        for frame in &frames[..4] {
            sealer.add(frame).unwrap();
        }
        sealer.add(&Frame::File(Sha::of(b"a photo"), b"a photo".to_vec())).unwrap();
        let bytes = sealer.finish().unwrap();
        std::fs::write(&file, &bytes).unwrap();
        let told: Vec<_> = read(&bytes).0.iter().map(told).collect();
        let vector = json!({ "secret": hex::encode(ROOT), "kid": root().thumbprint(), "frames": told });
        std::fs::write(&says, serde_json::to_string_pretty(&vector).unwrap() + "\n").unwrap();
    }
    let vector: serde_json::Value = serde_json::from_slice(&std::fs::read(&says).unwrap()).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!(bytes[18..50], root().thumbprint().0);
    let (frames, end) = read(&bytes);
    end.unwrap();
    assert_eq!(json!(frames.iter().map(told).collect::<Vec<_>>()), vector["frames"]);
}

fn told(frame: &Frame) -> serde_json::Value {
    match frame {
        Frame::Head(head) => json!({ "H": head }),
        Frame::Op(op) => json!({ "O": op }),
        Frame::File(sha, bytes) => json!({ "F": { "sha": sha, "bytes": hex::encode(bytes) } }),
        Frame::End => json!("E"),
    }
}
