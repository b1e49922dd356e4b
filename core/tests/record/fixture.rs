//! A supplier of examples (示例) with its keys, one phone, and one measurement signed at the door.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::place::{Datum, Place, PlaceFix};
use nuanfang_core::domain::signature::{Purpose, Signer, SignerRole};
use nuanfang_core::forms::{Cell, FormTable, PrintedForm, Row};
use nuanfang_core::id::{BootId, DeviceId, HouseholdId, RecordId, SupplierId, VisitId, WorkerId};
use nuanfang_core::record::*;
use nuanfang_core::time::{Estimate, Millis, Stamp, TimeQuality};
use serde_json::json;
use uuid::Uuid;

/// 2026-11-23 10:15:30 in Beijing.
pub const SIGNED: Millis = Millis(1_795_400_130_000);
/// Two hours later.
pub const RECEIVED: Millis = Millis(SIGNED.0 + 7_200_000);
/// When the certificates begin.
pub const FROM: Millis = Millis(SIGNED.0 - 86_400_000 * 30);
/// When they end.
pub const UNTIL: Millis = Millis(SIGNED.0 + 86_400_000 * 365);

pub fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x0192_f0c1_0000_7000_8000_0000_0000_0000 | n)
}

pub fn key(n: u8) -> SoftwareKey {
    SoftwareKey::from_secret(&[n; 32]).unwrap()
}

/// The supplier: root, server and two phones.
pub struct House {
    pub root: SoftwareKey,
    pub server: SoftwareKey,
    pub phone: SoftwareKey,
    pub other_phone: SoftwareKey,
    pub server_certificate: Jws,
    pub certificate: Jws,
    pub other_certificate: Jws,
}

pub fn supplier() -> Supplier {
    Supplier { id: SupplierId(id(0x51)), name: "示例供热有限公司".into() }
}

pub const STROKES: &[u8] = br#"{"height":300,"schema":1,"strokes":[[[10,20,0],[30,42,16],[55,40,33]]],"width":900}"#;
pub const IMAGE: &[u8] = b"\x89PNG\r\n\x1a\n...a picture of a signature...";
pub const PHOTO: &[u8] = b"\xff\xd8\xff\xe0...the thermometer...";
pub const OTHER_PHOTO: &[u8] = b"\xff\xd8\xff\xe0...the window...";

impl House {
    pub fn new() -> Self {
        let (root, server, phone, other_phone) = (key(1), key(2), key(3), key(4));
        let certify = |holder, key: &SoftwareKey| {
            Certificate::new(supplier().id, &root.public(), holder, &key.public(), FROM, UNTIL).sign(&root).unwrap()
        };
        let device = |n: u128| Holder::Device { device: DeviceId(id(0xd0 + n)), worker: WorkerId(id(0xa0 + n)) };
        let server_certificate = certify(Holder::Server { device: DeviceId(id(0xd0)) }, &server);
        let (certificate, other_certificate) = (certify(device(1), &phone), certify(device(2), &other_phone));
        Self { root, server, phone, other_phone, server_certificate, certificate, other_certificate }
    }

    /// Stands for the root's X.509 certificate: what matters here is that it holds the key.
    pub fn root_der(&self) -> Vec<u8> {
        [b"0\x82 (DER) ".as_slice(), &self.root.public().to_sec1(), b"..."].concat()
    }

    pub fn server_kid(&self) -> Sha {
        Certificate::open(&self.server_certificate).unwrap().kid
    }

    pub fn statement(&self) -> KeysStatement {
        let head = DayHead {
            schema: 1,
            day: "2026-11-23".into(),
            device: DeviceId(id(0xd1)),
            seq: 42,
            head: Sha::of(b"head"),
            signed_ms: RECEIVED,
        };
        KeysStatement {
            schema: 1,
            supplier: supplier(),
            issued_ms: Millis(RECEIVED.0 + 60_000),
            keys: vec![
                KeyEntry::root(&self.root.public(), &self.root_der(), FROM, UNTIL),
                KeyEntry::certified(&self.server_certificate).unwrap(),
                KeyEntry::certified(&self.certificate).unwrap(),
                KeyEntry::certified(&self.other_certificate).unwrap(),
                KeyEntry::seal(b"0\x82 (DER) seal", FROM, UNTIL),
            ],
            day_heads: vec![Jws::sign(&head, &self.server, self.server_kid()).unwrap()],
        }
    }

    pub fn keys_with(&self, change: impl FnOnce(&mut KeysStatement)) -> Keys {
        let mut statement = self.statement();
        change(&mut statement);
        Keys::parse(&Keys::sign(&statement, &self.root).unwrap()).unwrap()
    }

    pub fn keys(&self) -> Keys {
        self.keys_with(|_| {})
    }

    pub fn sign(&self, body: &SignedRecordBody) -> SignedRecord {
        sign_record(body, &self.phone, &self.certificate).unwrap()
    }

    pub fn receipt(&self, record: &Jws) -> Jws {
        self.receipt_as(record, RECEIVED, DeviceStatus::Active, Some(estimate()))
    }

    pub fn receipt_as(&self, record: &Jws, at: Millis, status: DeviceStatus, estimate: Option<Estimate>) -> Jws {
        countersign(record, at, status, estimate, &self.server, self.server_kid()).unwrap()
    }

    pub fn container(&self, body: &SignedRecordBody) -> RecordContainer {
        let record = self.sign(body).jws;
        let receipt = self.receipt(&record);
        RecordContainer::signed(record, self.certificate.clone()).received(receipt, self.server_certificate.clone())
    }

    /// The file of the one record, whole.
    pub fn file(&self) -> Vec<u8> {
        self.container(&body()).to_bytes()
    }

    pub fn verify(&self, file: &[u8]) -> Verdict {
        verify_record(file, Some(&self.keys()), &Evidence::default())
    }
}

pub fn estimate() -> Estimate {
    Estimate {
        est: Millis(SIGNED.0 + 150),
        lo: Millis(SIGNED.0 - 850),
        hi: Millis(SIGNED.0 + 1_150),
        quality: TimeQuality::Anchored,
    }
}

pub fn photos() -> Vec<PhotoFile> {
    [("a.jpg", PHOTO), ("b.jpg", OTHER_PHOTO), ("c.jpg", b"another visit's".as_slice())]
        .map(|(name, bytes)| PhotoFile { name: name.into(), sha: Sha::of(bytes) })
        .into()
}

pub fn form() -> PrintedForm {
    PrintedForm {
        template: "c1".into(),
        version: 1,
        source: "表C.1".into(),
        title: "入户测温单".into(),
        tables: vec![FormTable {
            caption: String::new(),
            new_page: false,
            columns: vec![1, 1],
            head_rows: 0,
            rows: vec![
                Row::new([
                    Cell::value("resident", "用户姓名：", "王䶮"),
                    Cell::value("rooms.0.reading", "客厅：", "17.6 ℃"),
                ]),
                Row::new([Cell::choices("verdict", "", [("达标", false), ("不达标", true)]).across(2)]),
                Row::new([Cell::signature("signature", "热用户签字：").across(2)]),
            ],
        }],
        notes: vec![],
    }
}

pub fn body() -> SignedRecordBody {
    SignedRecordBody {
        schema: SCHEMA,
        id: RecordId(id(0x11)),
        kind: Purpose::Measurement,
        outcome: Outcome::Signed,
        supplier: supplier(),
        household: HouseholdId(id(0x40)),
        visit: VisitId(id(0xf1)),
        log: LogPosition { device: DeviceId(id(0xd1)), seq: 42, prev: Sha::of(b"the envelope before") },
        worker: Attendant { id: WorkerId(id(0xa1)), name: "示例甲".into(), badge: "BJ-0007".into() },
        signer: Signer { name: "王䶮".into(), role: SignerRole::Owner },
        statement: StatementShown {
            id: "measurement.confirm".into(),
            version: 1,
            language: "zh-CN".into(),
            text: "本人已看过以上测温结果，确认无误。".into(),
        },
        form: form(),
        template: Template { id: "c1@1".into(), sha: Sha::of(b"layout of c1") },
        values: json!({"rooms": [{"room": "R1", "deci_celsius": 176, "stable": true}], "agreed": 180, "note": null}),
        covers: Some(Sha::of(b"the frozen measurement")),
        quote: Some(QuoteCited { revision: 2, sha: Sha::of(b"the quote") }),
        price_list: Some(PriceListCited { version: "2026-1".into(), sha: Sha::of(b"the price list") }),
        protocol: Some("745-M2".into()),
        instruments: vec![InstrumentCited { number: "WDJ-03".into(), certificate: "京检2026-0815".into() }],
        rules: Sha::of(b"the rules"),
        standard_version: "DB11/T 598—2023".into(),
        app_build: "0.1.0+1".into(),
        photos: vec![
            PhotoCited { sha: Sha::of(PHOTO), role: "photo.result".into() },
            PhotoCited { sha: Sha::of(OTHER_PHOTO), role: "photo.other".into() },
        ],
        signature: Some(Handwriting { strokes: Sha::of(STROKES), image: Sha::of(IMAGE), keep_strokes: true }),
        witness: Some(Witness { name: "示例乙".into(), role: "邻居".into() }),
        place: Place::Fix(PlaceFix {
            lat_e7: 399_042_000,
            lon_e7: 1_164_074_000,
            datum: Datum::Wgs84,
            accuracy_m: 12,
            provider: "fused".into(),
            mock: false,
            at: Millis(SIGNED.0 - 5_000),
        }),
        time: RecordTime {
            claimed: Stamp { wall_ms: SIGNED.0 + 61_000, mono_ms: 7_654_321, boot: BootId(id(0xb1)) },
            estimate: Some(estimate()),
        },
        supersedes: Some(Sha::of(b"the record before")),
        nonce: "00112233445566778899aabbccddeeff".into(),
    }
}

/// The same at a door where nobody would sign.
pub fn refusal() -> SignedRecordBody {
    SignedRecordBody {
        outcome: Outcome::Refused { reason: "对测温结果有异议".into() },
        signature: None,
        place: Place::None { reason: "no_signal".into() },
        supersedes: None,
        ..body()
    }
}
