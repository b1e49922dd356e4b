//! Part 7: a worker who can't be reached. His visit is given to a colleague; offline, he does it all the same. It comes
//! as *late*, nothing is lost, and the dispatcher decides. A second one is left for whoever looks at the console.

use nuanfang_core::domain::kind::Outcome;
use nuanfang_core::domain::room::{Orientation, RoomKind};
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::domain::worker_event::{Photographed, ProblemDescribed};
use nuanfang_core::domain::{Command, role};
use nuanfang_core::id::VisitId;
use nuanfang_core::wire::OutcomeKind;
use serde_json::json;

use super::Day;
use super::morning::Crew;
use crate::Done;
use crate::phone::{Departure, Phone, Shot, Warmth};
use crate::picture::Subject;

const ROOMS: [Warmth; 2] = [
    Warmth {
        key: "bedroom1",
        kind: RoomKind::Bedroom,
        label: "卧室1",
        orientation: Orientation::North,
        shows: Some(176),
    },
    Warmth {
        key: "living",
        kind: RoomKind::Living,
        label: "起居室",
        orientation: Orientation::Southeast,
        shows: Some(189),
    },
];

/// The lane of whom the visit was first assigned to.
const FIRST_LANE: u64 = 1;

/// Plays it on the phones of SL-001 and SL-004.
pub fn play(day: &Day, crew: &Crew, decided: VisitId, undecided: VisitId) -> Done<()> {
    day.office_at(day.at(14, 40));
    day.dispatcher.assign(decided, "SL-003", "电话多次未接通，改派")?;
    day.dispatcher.assign(undecided, "SL-007", "该员上一户未结束，改派")?;
    crew.inspector.wait_until(day.at(14, 45));
    day.sync(&crew.inspector)?;
    crew.inspector.act(decided, &Command::Acknowledge)?;

    measure_offline(day, &crew.first, decided)?;
    leave_it_undone(day, &crew.second, undecided)?;
    day.sync(&crew.first)?;
    came_late(&crew.first, decided)?;
    day.sync(&crew.second)?;
    came_late(&crew.second, undecided)?;

    day.office_at(day.at(16, 6));
    let seen = day.dispatcher.get(&format!("/api/visits/{decided}"))?;
    let lanes = seen["lanes"].as_array().ok_or("没有分派记录")?;
    let late = lanes.iter().find(|lane| lane["lane"] == FIRST_LANE).ok_or("没有迟到记录")?;
    let body = json!({ "decision": "primary", "records": late["records"], "reason": "原服务人员已在约定时间完成测温并由热用户签字，以此为准" });
    day.dispatcher.post(&format!("/api/visits/{decided}/late/{FIRST_LANE}"), &body)?;
    crew.inspector.wait_until(day.at(16, 8));
    day.sync(&crew.inspector)
}

fn measure_offline(day: &Day, phone: &Phone, visit: VisitId) -> Done<()> {
    phone.wait_until(day.at(14, 50));
    phone.set_out(visit, Departure::default())?;
    phone.wait_until(day.at(15, 4));
    phone.arrive(visit)?;
    phone.enter(visit)?;
    phone.measure(visit, &ROOMS, "多云", -5)?;
    phone.sign(visit, Purpose::Measurement)?;
    phone.complete(visit, Outcome::Done, None, None)?;
    phone.wait_until(day.at(15, 55));
    Ok(())
}

fn leave_it_undone(day: &Day, phone: &Phone, visit: VisitId) -> Done<()> {
    phone.wait_until(day.at(14, 48));
    phone.set_out(visit, Departure { parts: &["排气阀"] })?;
    phone.wait_until(day.at(15, 9));
    phone.arrive(visit)?;
    phone.enter(visit)?;
    let text = "客厅散热器上热下不热，放气后未好转".into();
    phone.act(visit, &Command::DescribeProblem(ProblemDescribed { text }))?;
    let cold = Photographed { role: role::PHOTO_BEFORE.into(), subject: None, place: None };
    phone.act_with(
        visit,
        &Command::Photograph(cold),
        &[Shot { role: role::PHOTO_BEFORE, subject: Subject::Radiator }],
    )?;
    phone.complete(visit, Outcome::NotDone, Some("需放水检修，热用户急于外出，改日再约"), None)?;
    phone.wait_until(day.at(16, 0));
    Ok(())
}

/// Everything of the visit has arrived, and the phone knows that it came late.
fn came_late(phone: &Phone, visit: VisitId) -> Done<()> {
    let records = phone.app.visit_records(visit)?;
    let late = records.iter().all(|record| record.outcome == Some(OutcomeKind::Late));
    if records.is_empty() || !late {
        return Err(format!("{visit}: 改派后的记录应为“迟到” (has to be late): {records:?}").into());
    }
    Ok(())
}
