//! Part 5: an inspection, item by item. A radiator of the resident's own is rusted through: a written notice, and the
//! tenant's signature for having received it.

use nuanfang_core::domain::inspection::{Finding, FindingResult, FixtureOwner, Hazard};
use nuanfang_core::domain::kind::Outcome;
use nuanfang_core::domain::room::{Orientation, Room, RoomKind};
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::domain::worker_event::RoomEntered;
use nuanfang_core::domain::{Command, Rules, role};
use nuanfang_core::id::VisitId;

use super::{Day, expect_code};
use crate::Done;
use crate::phone::{Departure, Phone, Shot};
use crate::picture::Subject;

const RUSTED: &str = "own.branch";

/// Days in which the resident is asked to have it put right.
const TERM_DAYS: i64 = 14;

/// Plays it on the phone of SL-003.
pub fn play(day: &Day, phone: &Phone, visit: VisitId) -> Done<()> {
    phone.wait_until(day.at(10, 40));
    phone.set_out(visit, Departure::default())?;
    phone.wait_until(day.at(11, 3));
    phone.arrive(visit)?;
    phone.enter(visit)?;
    let room = Room {
        key: "living".into(),
        kind: RoomKind::Living,
        label: "起居室".into(),
        orientation: Some(Orientation::South),
    };
    phone.act(visit, &Command::EnterRoom(RoomEntered { room, permitted: true }))?;
    for item in &Rules::builtin().inspection.items {
        let (result, hazard, note) = match item.id.as_str() {
            RUSTED => (FindingResult::Abnormal, Some(hazard(day)), None),
            "own.radiator" | "own.thermostat" => (FindingResult::NoSuchItem, None, Some("地暖住户".to_owned())),
            "building.shaft_valve" => (FindingResult::CannotCheck, None, Some("管井上锁，物业钥匙未到".to_owned())),
            _ => (FindingResult::Normal, None, None),
        };
        let rust = [Shot { role: role::PHOTO_HAZARD, subject: Subject::Rust }];
        let shots = if hazard.is_some() { &rust[..] } else { &[] };
        phone.act_with(
            visit,
            &Command::RecordFinding(Finding { item: item.id.clone(), result, hazard, note }),
            shots,
        )?;
    }
    let close = |phone: &Phone| phone.complete(visit, Outcome::Done, None, None);
    match close(phone) {
        Ok(_) => return Err("隐患未告知即结束 (closed without the notice)".into()),
        Err(error) => expect_code(
            error.downcast_ref::<nuanfang_core::error::Refusal>().map_or("", |refusal| &refusal.code),
            "notice.not_received",
        )?,
    }
    phone.sign(visit, Purpose::Notice)?;
    close(phone)?;
    phone.wait(2);
    day.sync(phone)
}

fn hazard(day: &Day) -> Hazard {
    let until = day.date + chrono::Duration::days(TERM_DAYS);
    Hazard {
        description: "分集水器后支管接头锈蚀，有渗水痕迹".into(),
        owner: FixtureOwner::Own,
        level: "较大".into(),
        advice: "更换锈蚀接头及密封圈，整改前勿自行拧动".into(),
        deadline: Some(until.format("%Y-%m-%d").to_string()),
    }
}
