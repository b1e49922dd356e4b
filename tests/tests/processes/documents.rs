//! From two phones through the office to the command that anybody runs: a signed measurement and a refused one become
//! papers that prove themselves offline, and whatever is changed in them is found and named.

use std::path::{Path, PathBuf};

use nuanfang_core::domain::VisitKind;
use nuanfang_core::domain::kind::Outcome;
use nuanfang_core::domain::role;
use nuanfang_core::domain::room::{Orientation, RoomKind};
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::id::VisitId;
use nuanfang_core::record::Witness;
use nuanfang_demo::office::Office;
use nuanfang_demo::phone::{Departure, Phone, Shot, Warmth};
use nuanfang_demo::picture::Subject;
use nuanfang_server::office::rebuild;
use serde_json::Value;

use crate::company::Company;
use crate::killed::database;
use crate::nuanfang::{Said, Server, nuanfang};
use crate::town::Town;

const COLD: Warmth = Warmth {
    key: "bedroom1",
    kind: RoomKind::Bedroom,
    label: "卧室1",
    orientation: Orientation::North,
    shows: Some(171),
};

/// Up to the frozen summary that the resident reads.
fn measured(town: &Town, phone: &Phone, visit: VisitId) {
    phone.wait_until(town.at(8, 35));
    phone.set_out(visit, Departure::default()).expect("on the way");
    phone.wait_until(town.at(9, 6));
    phone.arrive(visit).expect("at the door");
    phone.enter(visit).expect("inside");
    phone.measure(visit, &[COLD], "晴", -32).expect("measured");
}

/// The one paper that has come of a visit: its id.
fn paper(office: &Office, visit: VisitId) -> String {
    let seen = office.visit(visit).expect("the visit");
    let papers = seen["documents"].as_array().expect("papers");
    assert_eq!(papers.len(), 1, "{papers:?}");
    papers[0]["id"].as_str().expect("an id").to_owned()
}

fn verify(file: &Path, more: &[&Path]) -> Said {
    nuanfang([Path::new("verify"), file].iter().chain(more))
}

/// It ended so, and says this.
fn says(said: &Said, status: i32, words: &[&str]) {
    assert_eq!((said.status, said.err.as_str()), (Some(status), ""), "{said:?}");
    assert!(words.iter().all(|word| said.out.contains(word)), "{words:?} in {said:?}");
}

#[test]
fn papers_prove_themselves_to_a_command_that_knows_only_the_keys() {
    let town = Town::open();
    let [signed, refused] = [1, 6].map(|nth| town.visit(VisitKind::Measurement, nth));
    let [first, second] = [1, 6].map(|nth| town.phone(nth, 0));
    for (phone, visit) in [(&first, signed), (&second, refused)] {
        measured(&town, phone, visit);
    }
    first.sign(signed, Purpose::Measurement).expect("signed");
    let shot = Shot { role: role::PHOTO_RESULT, subject: Subject::Radiator };
    let witness = Witness { name: "示例·邻居样九".into(), role: "邻居".into() };
    second.refuse(refused, Purpose::Measurement, "示例：认为温度偏低", shot, witness).expect("on record");
    for (phone, visit) in [(&first, signed), (&second, refused)] {
        phone.complete(visit, Outcome::Done, None, None).expect("closed");
        town.sync(phone, phone.now());
        assert!(phone.visit(visit).expect("the visit").handed_in);
    }
    let office = town.office("supervisor");
    let folder = town.company.beside("papers");
    let photos = folder.join("photos");
    std::fs::create_dir_all(&photos).expect("a folder");
    let save = |name: &str, bytes: Vec<u8>| -> PathBuf {
        let file = folder.join(name);
        std::fs::write(&file, bytes).expect("written");
        file
    };
    let take = |path: &str| office.file(path).expect("a file");
    let keys = save("keys.json", take("/v1/keys.json"));
    let [c1, note] = [signed, refused].map(|visit| paper(&office, visit));
    let c1_pdf = save("c1.pdf", take(&format!("/api/documents/{c1}.pdf")));
    let note_pdf = save("refusal.pdf", take(&format!("/api/documents/{note}.pdf")));
    let c1_json = save("c1.json", take(&format!("/api/documents/{c1}.json")));
    let seen = office.visit(refused).expect("the visit");
    let sha = seen["photos"][0]["sha"].as_str().expect("a photo").to_owned();
    let photo = save("photos/1.jpg", take(&format!("/api/photos/{sha}")));
    let company = town.close();

    let flag = Path::new("--keys");
    says(&verify(&c1_pdf, &[flag, &keys]), 0, &["有效", "入户测温记录表", "SL-001", "±"]);
    says(&verify(&note_pdf, &[flag, &keys, Path::new("--photos"), &photos]), 0, &["有效", "认为温度偏低"]);
    says(&verify(&c1_json, &[flag, &keys]), 0, &["有效"]);
    says(&verify(&c1_pdf, &[]), 2, &["签署方未知"]);
    let said = verify(&c1_pdf, &[flag, &keys, Path::new("--json")]);
    let verdict: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((said.status, &verdict["answer"]), (Some(0), &Value::from("valid")));

    // One changed byte, anywhere.
    let good = std::fs::read(&c1_pdf).expect("the paper");
    for at in [10, good.len() / 3, good.len() / 2, good.len() - 40] {
        let mut bytes = good.clone();
        bytes[at] ^= 0x01;
        says(&verify(&save("changed.pdf", bytes), &[flag, &keys]), 1, &["无效", "印章"]);
    }
    let mut more = good.clone();
    more.extend_from_slice(b"\n1 0 obj\n<<>>\nendobj\n%%EOF\n");
    says(&verify(&save("longer.pdf", more), &[flag, &keys]), 1, &["无效", "印章"]);
    let text = std::fs::read_to_string(&c1_json).expect("the record");
    let at = text.find("\"payload\":\"").expect("a payload") + 40;
    let mut bytes = text.into_bytes();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    says(&verify(&save("changed.json", bytes), &[flag, &keys]), 1, &["无效"]);
    let mut bytes = std::fs::read(&photo).expect("the photo");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x01;
    std::fs::write(&photo, bytes).expect("written");
    says(&verify(&note_pdf, &[flag, &keys, Path::new("--photos"), &photos]), 1, &["无效", "照片"]);

    // Keys of another company; and what is no paper, no record, no keys, or not there.
    let other = Company::new();
    let stranger = other.beside("keys.json");
    let server = Server::start(&other.beside("fresh"));
    let published = reqwest::blocking::get(format!("{}/v1/keys.json", server.url)).and_then(|answer| answer.bytes());
    std::fs::write(&stranger, published.expect("keys")).expect("written");
    server.stop();
    says(&verify(&c1_pdf, &[flag, &stranger]), 1, &["无效"]);
    let garbage = save("garbage.txt", "这不是文书".as_bytes().to_vec());
    says(&verify(&garbage, &[flag, &keys]), 1, &["无效", "记录文件格式"]);
    for (file, more, words) in [
        (folder.join("nothing.pdf"), vec![], "没有这个文件"),
        (photos.clone(), vec![], "是目录"),
        (c1_pdf.clone(), vec![flag, &garbage], "公钥文件"),
        (c1_pdf.clone(), vec![Path::new("--photos"), &garbage], "不是目录"),
    ] {
        let said = verify(&file, &more);
        assert_eq!((said.status, said.out.as_str()), (Some(4), ""), "{said:?}");
        assert!(said.one_line().contains(words), "{words} in {said:?}");
    }

    let tables = || rebuild::dump(&database(&company.data())).expect("a dump");
    let before = tables();
    let said = nuanfang([Path::new("rebuild"), Path::new("--data"), &company.data()]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(tables() == before, "byte for byte");
}
