//! A measurement signed at a door: the record of table C.1 as a phone makes it, with another home in each. All 示例.

use nuanfang_core::canon::envelope::nonce;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::place::Place;
use nuanfang_core::domain::room::{Orientation, RoomKind};
use nuanfang_core::domain::signature::{Purpose, Signer, SignerRole};
use nuanfang_core::domain::units::DeciCelsius;
use nuanfang_core::forms::{
    BuildingPosition, MeasuredRoom, MeasurementForm, PrintedForm, SourceDistance, template_sha,
};
use nuanfang_core::id::{BootId, HouseholdId, RecordId, SupplierId, VisitId, WorkerId};
use nuanfang_core::record::{
    Attendant, Handwriting, LogPosition, Outcome, RecordTime, SCHEMA, SignedRecordBody, StatementShown, Supplier,
    Template,
};
use nuanfang_core::time::{Millis, Stamp};
use nuanfang_demo::ledger::SUPPLIER;
use uuid::Uuid;

use super::Tried;

/// Whose, by whom and where in whose log a record is.
#[derive(Debug, Clone, Copy)]
pub struct Cited {
    /// The supplier.
    pub supplier: SupplierId,
    /// The dwelling.
    pub household: HouseholdId,
    /// The visit.
    pub visit: VisitId,
    /// Who was there.
    pub worker: WorkerId,
    /// The place in the device's log.
    pub log: LogPosition,
    /// When.
    pub at: Millis,
}

/// The record of the `number`-th home.
pub fn measurement(cited: &Cited, number: usize, image: Sha) -> Tried<SignedRecordBody> {
    let form = form(number, cited.at);
    Ok(SignedRecordBody {
        schema: SCHEMA,
        id: RecordId(Uuid::now_v7()),
        kind: Purpose::Measurement,
        outcome: Outcome::Signed,
        supplier: Supplier { id: cited.supplier, name: SUPPLIER.into() },
        household: cited.household,
        visit: cited.visit,
        log: cited.log,
        worker: Attendant { id: cited.worker, name: "示例·测温样一".into(), badge: "SL-001".into() },
        signer: Signer { name: format!("示例·王样䶮（{number}）"), role: SignerRole::Owner },
        statement: StatementShown {
            id: "measurement.confirm".into(),
            version: 1,
            language: "zh-CN".into(),
            text: "本人已阅读上述内容，确认所填情况属实，同意在此签字。".into(),
        },
        template: Template {
            id: format!("{}@{}", form.template, form.version),
            sha: template_sha(&form.template).ok_or("C.1 has no layout")?,
        },
        form,
        values: serde_json::json!({"agreed": 180}),
        covers: None,
        quote: None,
        price_list: None,
        protocol: Some("745-M2".into()),
        instruments: Vec::new(),
        rules: Sha::of(b"rules"),
        standard_version: "DB11/T 598".into(),
        app_build: env!("CARGO_PKG_VERSION").into(),
        photos: Vec::new(),
        signature: Some(Handwriting { strokes: Sha::of(b"strokes"), image, keep_strokes: true }),
        witness: None,
        place: Place::None { reason: "no_signal".into() },
        time: RecordTime {
            claimed: Stamp { wall_ms: cited.at.0, mono_ms: 5_000, boot: BootId(Uuid::from_u128(8)) },
            estimate: None,
        },
        supersedes: None,
        nonce: nonce(),
    })
}

fn form(number: usize, at: Millis) -> PrintedForm {
    let rooms = [
        (RoomKind::Bedroom, "卧室1", Orientation::South),
        (RoomKind::Bedroom, "卧室2", Orientation::Northeast),
        (RoomKind::Living, "起居室", Orientation::South),
        (RoomKind::Other, "厨房", Orientation::Northeast),
    ];
    let rooms = rooms.into_iter().zip(0..).map(|((kind, label, orientation), place)| MeasuredRoom {
        kind,
        label: label.into(),
        value: Some(DeciCelsius(172 + 7 * place + (number % 30) as i32)),
        why_not: String::new(),
        orientation: Some(orientation),
    });
    let form = MeasurementForm {
        station: "示例东湖能源站".into(),
        community: "示例暖阳家园".into(),
        instrument_number: format!("SL-CW-{:02}", number % 5 + 1),
        weather: "晴，室外-4.5℃".into(),
        at: Some(at),
        building: format!("{}", number / 40 + 1),
        unit: format!("{}", number / 20 % 2 + 1),
        door: format!("{}", 100 * (number / 4 % 5 + 1) + number % 4 + 1),
        distance: Some(SourceDistance::Middle),
        verified_on: "2026-09-01".into(),
        rooms: rooms.collect(),
        position: vec![BuildingPosition::Edge, BuildingPosition::Top],
        remark: format!("第{number}户：卧室1低于约定温度18.0℃，热用户要求复测。"),
        supplier: SUPPLIER.into(),
        workers: "示例·测温样一".into(),
    };
    form.print()
}
