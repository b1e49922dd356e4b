//! Part 2: a measurement with no network from the door to the signature. One bedroom is below the agreed temperature,
//! one the resident does not open. The paper is signed; the office's part of it is filled in later.

use nuanfang_core::domain::Command;
use nuanfang_core::domain::kind::Outcome;
use nuanfang_core::domain::room::{Orientation, RoomKind};
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::domain::worker_event::Departed;
use nuanfang_core::id::VisitId;
use serde_json::json;

use super::{Day, expect_code};
use crate::Done;
use crate::phone::{Departure, Phone, Warmth};

const ROOMS: [Warmth; 4] = [
    Warmth {
        key: "bedroom1",
        kind: RoomKind::Bedroom,
        label: "卧室1",
        orientation: Orientation::North,
        shows: Some(171),
    },
    Warmth { key: "bedroom2", kind: RoomKind::Bedroom, label: "卧室2", orientation: Orientation::South, shows: None },
    Warmth {
        key: "living",
        kind: RoomKind::Living,
        label: "起居室",
        orientation: Orientation::South,
        shows: Some(196),
    },
    Warmth {
        key: "kitchen", kind: RoomKind::Other, label: "厨房", orientation: Orientation::North, shows: Some(183)
    },
];

/// Plays it on the phone of SL-001.
pub fn play(day: &Day, phone: &Phone, visit: VisitId) -> Done<()> {
    phone.wait_until(day.at(8, 35));
    let hasty = Command::Depart(Departed { tools_checked: true, parts: Vec::new() });
    expect_code(&phone.refused(visit, &hasty)?, "item.f7-1")?;
    phone.set_out(visit, Departure::default())?;
    phone.wait_until(day.at(9, 6));
    phone.arrive(visit)?;
    phone.enter(visit)?;
    phone.measure(visit, &ROOMS, "晴，西北风 3 级", -32)?;
    phone.sign(visit, Purpose::Measurement)?;
    phone.complete(visit, Outcome::Done, None, None)?;
    phone.wait(4);
    day.sync(phone)?;
    countersigned_by_the_supervisor(day, visit)
}

/// 主管领导 on C.1: a later record of the office's, in its own part of the paper.
fn countersigned_by_the_supervisor(day: &Day, visit: VisitId) -> Done<()> {
    let seen = day.supervisor.visit(visit)?;
    let paper = seen["documents"][0]["id"].as_str().ok_or("no paper has come of the measurement")?;
    let body = json!({ "fields": [{ "label": "主管领导", "text": "示例·主管样丁 已阅，安排维修班上门调节" }] });
    day.supervisor.post(&format!("/api/visits/{visit}/forms/{paper}"), &body).map(drop)
}
