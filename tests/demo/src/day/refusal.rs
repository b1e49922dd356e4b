//! Part 6: a measurement whose paper the resident does not sign. The reason, a photo of the result and a witness stand
//! in place of the signature; the office gets a call-back to do.

use nuanfang_core::domain::kind::Outcome;
use nuanfang_core::domain::role;
use nuanfang_core::domain::room::{Orientation, RoomKind};
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::id::VisitId;
use nuanfang_core::record::Witness;

use super::Day;
use crate::Done;
use crate::phone::{Departure, Phone, Shot, Warmth};
use crate::picture::Subject;

const ROOMS: [Warmth; 2] = [
    Warmth {
        key: "bedroom1",
        kind: RoomKind::Bedroom,
        label: "主卧",
        orientation: Orientation::Southwest,
        shows: Some(206),
    },
    Warmth {
        key: "living",
        kind: RoomKind::Living,
        label: "起居室",
        orientation: Orientation::South,
        shows: Some(211),
    },
];

/// Plays it on the phone of SL-001.
pub fn play(day: &Day, phone: &Phone, visit: VisitId) -> Done<()> {
    phone.wait_until(day.at(10, 25));
    phone.set_out(visit, Departure::default())?;
    phone.wait_until(day.at(10, 52));
    phone.arrive(visit)?;
    phone.enter(visit)?;
    phone.measure(visit, &ROOMS, "晴", -18)?;
    let result = Shot { role: role::PHOTO_RESULT, subject: Subject::Radiator };
    let witness = Witness { name: "示例·物业管家样辛".into(), role: "物业".into() };
    let reason = "认为夜间温度更低，白天测量不能说明问题，不同意签字";
    phone.refuse(visit, Purpose::Measurement, reason, result, witness)?;
    phone.complete(visit, Outcome::Done, None, None)?;
    phone.wait(3);
    day.sync(phone)
}
