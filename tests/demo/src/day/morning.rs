//! Part 1: the dispatcher plans and assigns, who may not go is not sent, and the phones of five workers enrol with real
//! codes and fetch their scopes.

use nuanfang_core::domain::VisitKind;
use nuanfang_core::id::VisitId;
use serde_json::json;

use super::{Day, expect_code};
use crate::Done;
use crate::ledger::UNTRAINED_BADGE;
use crate::office::{Office, Plan};
use crate::phone::Phone;

/// Three years, by which one phone's clock is wrong.
const THREE_YEARS_MS: i64 = 3 * 365 * 86_400_000;

/// The visits as planned.
pub struct Plans {
    pub measurement: VisitId,
    pub repair: VisitId,
    pub absent: VisitId,
    pub inspection: VisitId,
    pub refusal: VisitId,
    pub reassigned: VisitId,
    pub undecided: VisitId,
    pub killed: VisitId,
    /// Where the repairer is inside when the day ends.
    pub inside: VisitId,
    /// Where somebody is on the way when the day ends.
    pub on_the_way: VisitId,
}

/// The phones of the day.
pub struct Crew {
    /// SL-001, who measures.
    pub first: Phone,
    /// SL-002, who repairs.
    pub repairer: Phone,
    /// SL-003, who inspects; his phone's clock is three years ahead.
    pub inspector: Phone,
    /// SL-004, who repairs in the afternoon.
    pub second: Phone,
    /// SL-007, whose phone will die.
    pub last: Phone,
}

/// Plans the day's visits.
pub fn plan(day: &Day) -> Done<Plans> {
    day.office_at(day.at(7, 40));
    let homes = &day.homes;
    let office = &day.dispatcher;
    let planned = |kind, account: &str, scope, window, badge| {
        office.schedule(&Plan { kind, account, scope, window: Some(window), badge: Some(badge), follows: None })
    };
    use VisitKind::{Inspection, Measurement, Repair};
    let plans = Plans {
        measurement: planned(
            Measurement,
            &homes.measurement,
            "热用户反映卧室不热，日常测温",
            day.hour_from(9, 0),
            "SL-001",
        )?,
        repair: planned(Repair, &homes.repair, "入户阀门渗水，需要检修", day.hour_from(8, 30), "SL-002")?,
        absent: planned(Inspection, &homes.absent, "供暖季入户巡检", day.hour_from(10, 0), "SL-003")?,
        inspection: planned(Inspection, &homes.inspection, "供暖季入户巡检", day.hour_from(11, 0), "SL-003")?,
        refusal: planned(Measurement, &homes.refusal, "约定室温 20℃，热用户要求测温", day.hour_from(10, 30), "SL-001")?,
        reassigned: planned(Measurement, &homes.reassigned, "顶层住户反映室温偏低", day.hour_from(15, 0), "SL-001")?,
        undecided: planned(Repair, &homes.undecided, "客厅散热器不热，疑似气堵", day.hour_from(15, 0), "SL-004")?,
        killed: planned(Repair, &homes.killed, "散热器接头渗水", day.hour_from(16, 15), "SL-007")?,
        inside: planned(Repair, &homes.others[0], "温控阀失灵", day.hour_from(16, 30), "SL-002")?,
        on_the_way: planned(Repair, &homes.others[1], "地暖分集水器渗水", day.hour_from(17, 0), "SL-004")?,
    };
    nobody_untrained(day)?;
    fill_the_board(day)?;
    Ok(plans)
}

/// The untrained worker is not sent (6.1.2).
fn nobody_untrained(day: &Day) -> Done<()> {
    let plan = Plan {
        kind: VisitKind::Repair,
        account: &day.homes.others[2],
        scope: "入户阀门锈死",
        window: Some(day.hour_from(9, 0)),
        badge: Some(UNTRAINED_BADGE),
        follows: None,
    };
    let codes = day.dispatcher.refused("/api/visits", &day.dispatcher.request(&plan)?)?;
    expect_code(codes.first().map_or("", String::as_str), "worker.training_short")
}

/// What else an office has on its board: one waits for a worker, one for a time, one is for the evening, one is off.
fn fill_the_board(day: &Day) -> Done<()> {
    let homes = &day.homes;
    let waiting = |office: &Office, account: &str, kind, scope, window, badge| {
        office.schedule(&Plan { kind, account, scope, window, badge, follows: None })
    };
    waiting(&day.dispatcher, &homes.others[2], VisitKind::Repair, "入户阀门锈死", Some(day.hour_from(18, 0)), None)?;
    waiting(&day.service, &homes.others[3], VisitKind::Measurement, "热用户来电：两天不热，时间待约", None, None)?;
    let evening = Some(day.hour_from(18, 30));
    waiting(&day.dispatcher, &homes.others[4], VisitKind::Inspection, "供暖季入户巡检", evening, Some("SL-003"))?;
    let off = Some(day.hour_from(13, 30));
    let off = waiting(&day.dispatcher, &homes.others[5], VisitKind::Repair, "散热器有异响", off, Some("SL-002"))?;
    let cancel = json!({ "reason": "热用户来电：异响已消失，撤回诉求", "plan_version": 1 });
    day.dispatcher.post(&format!("/api/visits/{off}/cancel"), &cancel).map(drop)
}

/// Enrols the five phones at eight.
pub fn enrol(day: &Day) -> Done<Crew> {
    let eight = day.at(8, 0);
    day.office_at(eight);
    let phone = |badge: &str, wrong_by_ms| {
        let phone = Phone::open(&day.phone_folder(badge), eight, wrong_by_ms)?;
        let code = day.supervisor.enrolment(badge)?;
        let text = code["text"].as_str().ok_or("no code")?;
        phone.enrol(text, &format!("示例手机 {badge}"))?;
        let visits = phone.app.visits()?;
        if visits.is_empty() {
            return Err(format!("{badge}: 手机没有收到任务 (no visit has reached the phone)").into());
        }
        Done::Ok(phone)
    };
    Ok(Crew {
        first: phone("SL-001", 0)?,
        repairer: phone("SL-002", 0)?,
        inspector: phone("SL-003", THREE_YEARS_MS)?,
        second: phone("SL-004", 0)?,
        last: phone("SL-007", 0)?,
    })
}
