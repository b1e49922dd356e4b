//! A supplier with a device and a server, records signed on it, and the papers made of them. All 示例.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};

use image::{ExtendedColorType, GrayImage, ImageEncoder, Luma, codecs::png::PngEncoder};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::place::Place;
use nuanfang_core::domain::quote::{QuoteLine, QuoteShown};
use nuanfang_core::domain::room::{Orientation, RoomKind};
use nuanfang_core::domain::signature::{Purpose, Signer, SignerRole};
use nuanfang_core::domain::units::{DeciCelsius, Fen};
use nuanfang_core::forms::{
    AcceptanceForm, BuildingPosition, ConsentForm, HazardLine, HazardNotice, MeasuredRoom, MeasurementForm, Occasion,
    PrintedForm, QuoteForm, RefusalNote, SourceDistance, template_sha,
};
use nuanfang_core::id::{BootId, DeviceId, HouseholdId, RecordId, SupplierId, VisitId, WorkerId};
use nuanfang_core::record::{
    Attendant, Certificate, DeviceStatus, Handwriting, Holder, Jws, KeyEntry, Keys, KeysStatement, LogPosition,
    Outcome, PhotoCited, RecordContainer, RecordTime, SCHEMA, SignedRecordBody, SoftwareKey, StatementShown, Supplier,
    Template, countersign, sign_record,
};
use nuanfang_core::time::{Estimate, Millis, Stamp, TimeQuality};
use nuanfang_documents::{Frame, OfficeField, Paper, Seal, SupplierKeys, certificate_validity, print_sealed};
use uuid::Uuid;

/// 2026-01-15 10:05 in Beijing.
pub const NOW: Millis = Millis(1_768_442_700_000);

pub struct Bench {
    pub keys: SupplierKeys,
    pub seal: Seal,
    pub keys_json: Vec<u8>,
    pub image: Vec<u8>,
    supplier: SupplierId,
    device_key: SoftwareKey,
    device: DeviceId,
    worker: WorkerId,
    device_certificate: Jws,
    server_key: SoftwareKey,
    server_certificate: Jws,
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 | number)
}

impl Bench {
    pub fn new() -> Self {
        let keys = SupplierKeys::create("示例供热有限责任公司", Millis(NOW.0 - 86_400_000)).unwrap();
        let root = keys.root_key().unwrap();
        Self::with(keys, root, SoftwareKey::generate(), SoftwareKey::generate())
    }

    /// One whose records are the same in every run; its `keys.json` is of no use.
    pub fn pinned() -> Self {
        let keys = SupplierKeys::create("示例供热有限责任公司", Millis(NOW.0 - 86_400_000)).unwrap();
        let [root, device, server] = [1, 2, 3].map(|secret| SoftwareKey::from_secret(&[secret; 32]).unwrap());
        Self::with(keys, root, device, server)
    }

    fn with(keys: SupplierKeys, root: SoftwareKey, device_key: SoftwareKey, server_key: SoftwareKey) -> Self {
        let (supplier, device, worker) = (SupplierId(id(1)), DeviceId(id(2)), WorkerId(id(3)));
        let certify = |holder, key: &SoftwareKey| {
            let until = Millis(NOW.0 + 86_400_000_000);
            Certificate::new(supplier, &root.public(), holder, &key.public(), Millis(NOW.0 - 86_400_000), until)
                .sign(&root)
                .unwrap()
        };
        let device_certificate = certify(Holder::Device { device, worker }, &device_key);
        let server_certificate = certify(Holder::Server { device: DeviceId(id(9)) }, &server_key);
        let seal = keys.seal().unwrap();
        let mut bench = Self {
            keys_json: Vec::new(),
            image: signature_image(),
            keys,
            seal,
            supplier,
            device_key,
            device,
            worker,
            device_certificate,
            server_key,
            server_certificate,
        };
        bench.keys_json = bench.published(|_| {});
        bench
    }

    /// `keys.json` after `change`.
    pub fn published(&self, change: impl FnOnce(&mut KeysStatement)) -> Vec<u8> {
        let root = self.keys.root_key().unwrap();
        let root_der = self.keys.root_certificate_der().unwrap();
        let seal_der = self.keys.seal_certificate_der().unwrap();
        let (root_from, root_until) = certificate_validity(&root_der).unwrap();
        let (seal_from, seal_until) = certificate_validity(&seal_der).unwrap();
        let mut statement = KeysStatement {
            schema: 1,
            supplier: Supplier { id: self.supplier, name: "示例供热有限责任公司".into() },
            issued_ms: NOW,
            keys: vec![
                KeyEntry::root(&root.public(), &root_der, root_from, root_until),
                KeyEntry::seal(&seal_der, seal_from, seal_until),
                KeyEntry::certified(&self.server_certificate).unwrap(),
                KeyEntry::certified(&self.device_certificate).unwrap(),
            ],
            day_heads: Vec::new(),
        };
        change(&mut statement);
        Keys::sign(&statement, &root).unwrap()
    }

    pub fn keys(&self) -> Keys {
        Keys::parse(&self.keys_json).unwrap()
    }

    /// A record of `form`, signed and received.
    pub fn record(&self, form: PrintedForm, kind: Purpose, outcome: Outcome, signer: &str) -> Vec<u8> {
        let signed = outcome == Outcome::Signed;
        let body = SignedRecordBody {
            schema: SCHEMA,
            id: RecordId(id(77)),
            kind,
            outcome,
            supplier: Supplier { id: self.supplier, name: "示例供热有限责任公司".into() },
            household: HouseholdId(id(5)),
            visit: VisitId(id(6)),
            log: LogPosition { device: self.device, seq: 42, prev: Sha::of(b"before") },
            worker: Attendant { id: self.worker, name: "李维修（示例）".into(), badge: "SL-0042".into() },
            signer: Signer { name: signer.into(), role: SignerRole::Owner },
            statement: StatementShown {
                id: "confirm".into(),
                version: 1,
                language: "zh-CN".into(),
                text: "本人已阅读上述内容，确认所填情况属实，同意在此签字。".into(),
            },
            template: Template {
                id: format!("{}@{}", form.template, form.version),
                sha: template_sha(&form.template).unwrap(),
            },
            form,
            values: serde_json::json!({"agreed": 180}),
            covers: Some(Sha::of(b"frozen")),
            quote: None,
            price_list: None,
            protocol: Some("745-M2".into()),
            instruments: Vec::new(),
            rules: Sha::of(b"rules"),
            standard_version: "DB11/T 598（征求意见稿）".into(),
            app_build: "0.1.0".into(),
            photos: vec![PhotoCited { sha: Sha::of(PHOTO), role: "photo.result".into() }],
            signature: signed.then(|| Handwriting {
                strokes: Sha::of(b"strokes"),
                image: Sha::of(&self.image),
                keep_strokes: true,
            }),
            witness: None,
            place: Place::None { reason: "no_signal".into() },
            time: RecordTime { claimed: Stamp { wall_ms: NOW.0, mono_ms: 5_000, boot: BootId(id(8)) }, estimate: None },
            supersedes: None,
            nonce: "0123456789abcdef0123456789abcdef".into(),
        };
        let signed = sign_record(&body, &self.device_key, &self.device_certificate).unwrap();
        let estimate = Estimate {
            est: Millis(NOW.0 + 1_200),
            lo: Millis(NOW.0 - 800),
            hi: Millis(NOW.0 + 3_200),
            quality: TimeQuality::Anchored,
        };
        let server = Certificate::open(&self.server_certificate).unwrap();
        let received = Millis(NOW.0 + 3_600_000);
        let receipt =
            countersign(&signed.jws, received, DeviceStatus::Active, Some(estimate), &self.server_key, server.kid)
                .unwrap();
        RecordContainer::signed(signed.jws, self.device_certificate.clone())
            .received(receipt, self.server_certificate.clone())
            .to_bytes()
    }

    pub fn signed(&self, form: PrintedForm, kind: Purpose) -> Vec<u8> {
        self.record(form, kind, Outcome::Signed, "王䶮")
    }

    pub fn paper<'a>(&'a self, record: &'a [u8]) -> Paper<'a> {
        let mut frame = Frame::new("SL-20260115-0007", NOW);
        frame.phone = "010-0000 0000（示例）".into();
        Paper { record, signature_image: Some(&self.image), frame }
    }

    /// The C.1 of a usual home, sealed.
    pub fn sealed_c1(&self) -> Vec<u8> {
        let record = self.signed(measurement(rooms(4)).print(), Purpose::Measurement);
        print_sealed(&self.paper(&record), &self.seal).unwrap()
    }

    /// One sealed document of each kind, by name.
    pub fn one_of_each(&self) -> Vec<(&'static str, Vec<u8>)> {
        let seal = |record: &[u8], change: &dyn Fn(&mut Paper<'_>)| {
            let mut paper = self.paper(record);
            change(&mut paper);
            print_sealed(&paper, &self.seal).unwrap()
        };
        let plain = |_: &mut Paper<'_>| {};
        let shown = measurement(rooms(3)).print();
        let refusal = RefusalNote {
            occasion: occasion(),
            shown,
            reason: "热用户认为测温时开过窗，要求改日重测，不同意签字。".into(),
            witness: "赵邻居（示例）".into(),
            photos: 2,
        };
        let refused = Outcome::Refused { reason: refusal.reason.clone() };
        vec![
            ("c1", self.sealed_c1()),
            (
                "c1-nine-rooms",
                seal(&self.signed(awkward(), Purpose::Measurement), &|paper| {
                    paper.frame.public_url = "https://nuanfang.example/p/r/".into();
                    paper.frame.office = vec![OfficeField {
                        label: "主管领导".into(),
                        text: "周主管（示例）".into(),
                        by: "2026-01-16 09:00 填写".into(),
                    }];
                }),
            ),
            ("quote", seal(&self.signed(quote_form(None).print(), Purpose::Quote { revision: 1 }), &plain)),
            (
                "quote-change",
                seal(&self.signed(quote_form(Some(quote(1, 6))).print(), Purpose::Quote { revision: 2 }), &plain),
            ),
            ("acceptance", seal(&self.signed(acceptance(true).print(), Purpose::Acceptance), &plain)),
            ("acceptance-free", seal(&self.signed(acceptance(false).print(), Purpose::Acceptance), &plain)),
            ("hazard-notice", seal(&self.signed(notice().print(), Purpose::Notice), &plain)),
            ("consent", seal(&self.signed(consent().print(), Purpose::Consent { object: "brittle".into() }), &plain)),
            (
                "refusal",
                seal(&self.record(refusal.print(), Purpose::Measurement, refused, "王𠮷"), &|paper| {
                    paper.signature_image = None;
                }),
            ),
        ]
    }
}

/// The bytes of the one photo every record cites.
pub const PHOTO: &[u8] = b"a photo";

/// A scrawl, PNG.
pub fn signature_image() -> Vec<u8> {
    let (width, height) = (800, 300);
    let mut picture = GrayImage::from_pixel(width, height, Luma([255]));
    for step in 0..3000_u32 {
        let t = f64::from(step) / 3000.0 * 14.0;
        let x = 80.0 + t * 42.0 + (t * 2.3).sin() * 40.0;
        let y = 150.0 + (t * 1.7).sin() * 70.0 + (t * 5.1).cos() * 35.0;
        for (dx, dy) in (-3..=3).flat_map(|dx| (-3..=3).map(move |dy| (dx, dy))) {
            let (x, y) = (x as i32 + dx, y as i32 + dy);
            if (0..width as i32).contains(&x) && (0..height as i32).contains(&y) {
                picture.put_pixel(x as u32, y as u32, Luma([20]));
            }
        }
    }
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes).write_image(picture.as_raw(), width, height, ExtendedColorType::L8).unwrap();
    bytes
}

pub fn rooms(count: usize) -> Vec<MeasuredRoom> {
    let kinds = [
        (RoomKind::Bedroom, "卧室1"),
        (RoomKind::Bedroom, "卧室2"),
        (RoomKind::Living, "起居室"),
        (RoomKind::Other, "厨房"),
        (RoomKind::Bedroom, "卧室3"),
        (RoomKind::Bedroom, "卧室4（北侧儿童房，冬季长期关闭散热器阀门）"),
        (RoomKind::Other, "书房"),
        (RoomKind::Other, "卫生间"),
        (RoomKind::Other, "阳台改造的储物间兼洗衣房"),
    ];
    kinds
        .into_iter()
        .take(count)
        .enumerate()
        .map(|(index, (kind, label))| MeasuredRoom {
            kind,
            label: label.into(),
            value: (index != 7).then_some(DeciCelsius(172 + 7 * index as i32)),
            why_not: if index == 7 { "热用户未同意进入".into() } else { String::new() },
            orientation: Some([Orientation::South, Orientation::Northeast][index % 2]),
        })
        .collect()
}

pub fn measurement(rooms: Vec<MeasuredRoom>) -> MeasurementForm {
    MeasurementForm {
        station: "示例东里热力站".into(),
        community: "示例家园".into(),
        instrument_number: "TH-2025-0316".into(),
        weather: "晴，室外-4.5℃".into(),
        at: Some(NOW),
        building: "3".into(),
        unit: "2".into(),
        door: "601".into(),
        distance: Some(SourceDistance::Middle),
        verified_on: "2025-09-01".into(),
        rooms,
        position: vec![BuildingPosition::Edge, BuildingPosition::Top],
        remark: "卧室1低于约定温度18.0℃。".into(),
        supplier: "示例供热有限责任公司".into(),
        workers: "李维修（示例）".into(),
    }
}

/// Nine rooms, long names, rare characters.
fn awkward() -> PrintedForm {
    let form = MeasurementForm {
        station: "示例市示例区第二供热厂东南片区高温水一级管网示例花园三期（原示例机械厂家属区）第十七号换热站".into(),
        community: "示例花园三期北区（原示例机械厂第二家属院，含沿街商住楼）".into(),
        instrument_number: "BJ-NTC-2025-00000000000000316-B/上海示例仪表".into(),
        remark: "户主王䶮、㛃女士、𠮷先生在场；测温时主卧空调未开，次卧窗户关闭；卫生间热用户未同意进入。\
                 热用户反映夜间温度偏低，约定改日复测。"
            .into(),
        workers: "李维修（示例）、欧阳测温员（示例）、买买提·吐尔逊（示例）".into(),
        ..measurement(rooms(9))
    };
    form.print()
}

pub fn occasion() -> Occasion {
    Occasion {
        visit_number: "FW-20260115-0031".into(),
        resident: "王䶮（示例）".into(),
        address: "示例花园三期北区3号楼2单元601号".into(),
        at: Some(NOW),
        workers: "李维修（示例）".into(),
        badge: "SL-0042".into(),
    }
}

pub fn quote(revision: u32, lines: usize) -> QuoteShown {
    let items = [
        ("更换温控阀", "个", 12_000, 8_000, 1),
        ("更换排气阀（铜）", "个", 3_500, 4_500, 2),
        ("更换入户过滤器并清洗滤网，含泄水、注水、排气和试运行", "处", 6_800, 9_000, 1),
        ("散热器砂眼焊补", "处", 0, 20_000, 1),
        ("更换接头及密封圈", "处", 1_250, 5_000, 3),
        ("地暖分集水器阀门更换", "个", 4_200, 6_000, 1),
        ("打压测试", "次", 0, 10_000, 1),
    ];
    let lines: Vec<_> = items
        .into_iter()
        .take(lines)
        .enumerate()
        .map(|(index, (name, unit, material, labour, count))| {
            let free = index == 3;
            let amount = if free { 0 } else { (material + labour) * count };
            QuoteLine {
                line: format!("L{}", index + 1),
                code: format!("R{index:03}"),
                name: name.into(),
                unit: unit.into(),
                quantity_milli: count * 1000,
                material: Fen(material),
                labour: Fen(labour),
                amount: Fen(amount),
                tax_rate_bp: 900,
                tax: Fen(amount * 9 / 109),
                free,
                own_material: index == 6,
                warranty_days: if index % 2 == 0 { 365 } else { 0 },
            }
        })
        .collect();
    let sum = |value: fn(&QuoteLine) -> i64| Fen(lines.iter().map(value).sum());
    QuoteShown {
        revision,
        total: sum(|line| line.amount.0),
        tax: sum(|line| line.tax.0),
        lines,
        price_list: Sha::of(b"list"),
        price_list_version: "示例2025-2026供暖季第1版".into(),
        expected_minutes: Some(120),
        change: (revision > 1).then(|| "拆开后发现接头锈蚀，需增加打压测试。".into()),
    }
}

pub fn quote_form(before: Option<QuoteShown>) -> QuoteForm {
    QuoteForm {
        occasion: occasion(),
        problem: "主卧散热器不热，温控阀处渗水。".into(),
        quote: if before.is_some() { quote(2, 7) } else { quote(1, 6) },
        before,
    }
}

pub fn acceptance(paid: bool) -> AcceptanceForm {
    AcceptanceForm {
        occasion: occasion(),
        problem: "主卧散热器不热，温控阀处渗水。".into(),
        quote: paid.then(|| quote(2, 7)),
        work: "更换温控阀1个、排气阀2个，焊补砂眼1处，清洗滤网；试运行30分钟，散热器全部发热，无渗漏。".into(),
        materials: "温控阀1个、铜排气阀2个、密封圈3个".into(),
        demonstrated: Some(true),
        explained: Some(true),
        cleaned: Some(true),
        remark: String::new(),
    }
}

pub fn notice() -> HazardNotice {
    let hazard = |place: &str, description: &str, level: &str| HazardLine {
        place: place.into(),
        description: description.into(),
        level: level.into(),
        advice: "请联系有资质的单位更换，更换前勿自行拆卸。".into(),
        deadline: "2026-02-15".into(),
    };
    HazardNotice {
        occasion: occasion(),
        hazards: vec![
            hazard("散热器", "客厅南侧散热器底部锈蚀渗水，地板已有水渍。", "一般"),
            hazard("私改私接", "厨房加装换热器取用采暖水，未经供热企业同意。", "较大"),
        ],
        contact: "示例供热客服 010-0000 0000".into(),
    }
}

pub fn consent() -> ConsentForm {
    ConsentForm {
        occasion: occasion(),
        object: "厨房入户管道穿墙处的玻化砖装饰面".into(),
        risk: "拆卸锈死的阀门时可能震裂相邻瓷砖，裂纹无法修复，同款瓷砖需热用户自备。".into(),
        work: "更换入户球阀DN20".into(),
        photos_before: 1,
    }
}

/// A folder under the build's own, for what a test leaves to be looked at.
pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents").join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}
