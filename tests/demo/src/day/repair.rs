//! Part 3: a paid repair. The charge is told, the price list shown, the quote signed, the fragile skirting board
//! consented to; then the valve turns out to be a larger one and a rusted branch pipe comes to light: a new quote,
//! signed before anybody touches it. Shown to work, explained, accepted.

use nuanfang_core::domain::kind::Outcome;
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::domain::worker_event::{
    Demonstrated, Explained, InstructionOpened, Photographed, ProblemDescribed, RiskTold, WorkDone, WorkStarted,
};
use nuanfang_core::domain::{Command, role};
use nuanfang_core::id::VisitId;
use serde_json::{Value, json};

use super::{Day, expect_code};
use crate::Done;
use crate::phone::{Departure, Line, Phone, Shot};
use crate::picture::Subject;

const SMALL_VALVE: Line = Line { line: "L1", code: "QF20", count: 1 };
const LARGE_VALVE: Line = Line { line: "L1", code: "QF25", count: 1 };
const BRANCH: Line = Line { line: "L2", code: "GD01", count: 2 };

/// A picture larger than evidence is kept: the phone brings it down by itself.
const LARGE: (u32, u32) = (2400, 1800);

const SKIRTING: &str = "阀门下方木质踢脚线";

/// Plays it on the phone of SL-002.
pub fn play(day: &Day, phone: &Phone, visit: VisitId) -> Done<()> {
    phone.wait_until(day.at(8, 10));
    phone.set_out(visit, Departure { parts: &["入户球阀 DN20", "入户球阀 DN25", "密封圈"] })?;
    phone.wait_until(day.at(8, 36));
    phone.arrive(visit)?;
    phone.enter(visit)?;
    listen_and_protect(phone, visit)?;

    phone.quote(visit, &[SMALL_VALVE], None)?;
    expect_code(&phone.refused(visit, &start(&["L1"]))?, "quote.not_signed")?;
    phone.sign(visit, Purpose::Quote { revision: 1 })?;
    let risk = RiskTold {
        object: SKIRTING.into(),
        text: "拆卸锈死的阀门时可能开裂或留下划痕".into(),
        lines: vec!["L1".into()],
    };
    phone.act_with(visit, &Command::TellRisk(risk), &[Shot { role: role::PHOTO_BEFORE, subject: Subject::Valve }])?;
    expect_code(&phone.refused(visit, &start(&["L1"]))?, "risk.no_consent")?;
    phone.sign(visit, Purpose::Consent { object: SKIRTING.into() })?;
    phone.act(visit, &start(&["L1"]))?;
    phone.wait(12);

    let rust = Photographed { role: role::PHOTO_BEFORE.into(), subject: Some("L2".into()), place: None };
    phone.act_with(visit, &Command::Photograph(rust), &[Shot { role: role::PHOTO_BEFORE, subject: Subject::Rust }])?;
    phone.quote(visit, &[LARGE_VALVE, BRANCH], Some("拆开后发现阀门为 DN25，且支管锈穿，须一并更换"))?;
    expect_code(&phone.refused(visit, &start(&["L2"]))?, "quote.not_signed")?;
    phone.sign(visit, Purpose::Quote { revision: 2 })?;
    phone.act(visit, &start(&["L1", "L2"]))?;
    phone.wait(34);
    finish(phone, visit)?;
    phone.sign(visit, Purpose::Acceptance)?;
    phone.complete(visit, Outcome::Done, None, None)?;
    phone.wait(2);
    day.sync(phone)?;
    called_back(day, visit)
}

fn listen_and_protect(phone: &Phone, visit: VisitId) -> Done<()> {
    let text = "入户阀门渗水两天，地面潮湿；关紧手轮后仍滴水".into();
    phone.act(visit, &Command::DescribeProblem(ProblemDescribed { text }))?;
    let instruction =
        InstructionOpened { instruction: "示例作业指导：入户阀门更换".into(), version: "2026-3".into() };
    phone.act(visit, &Command::OpenInstruction(instruction))?;
    phone.tick(visit, &["F6-3"])?;
    let floor = phone.take_sized(visit, Shot { role: role::PHOTO_FLOOR, subject: Subject::FloorSheet }, LARGE)?;
    phone.app.act(visit, &Command::ProtectFloor, &[floor])?;
    Ok(())
}

fn finish(phone: &Phone, visit: VisitId) -> Done<()> {
    let result = "已更换 DN25 入户球阀一个、支管两段，试压 0.6 MPa 十分钟无渗漏".into();
    let done = WorkDone { lines: vec!["L1".into(), "L2".into()], emergency: false, result };
    phone.act(visit, &Command::FinishWork(done))?;
    let after = Photographed { role: role::PHOTO_AFTER.into(), subject: Some("L1".into()), place: None };
    phone.act_with(visit, &Command::Photograph(after), &[Shot { role: role::PHOTO_AFTER, subject: Subject::Valve }])?;
    phone.tick(visit, &["F5-3", "F8-1", "F11-1", "F11-2"])?;
    phone
        .act(visit, &Command::Demonstrate(Demonstrated { works: true, note: Some("开阀后五分钟回水管变热".into()) }))?;
    let text = "长期外出不要关闭入户阀；发现渗水先关阀再拨打服务电话".into();
    phone.act(visit, &Command::Explain(Explained { text })).map(drop)
}

fn start(lines: &[&str]) -> Command {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    Command::StartWork(WorkStarted { lines, emergency: None })
}

/// The office asks the resident what only the resident can say (F.5, F.7).
fn called_back(day: &Day, visit: VisitId) -> Done<()> {
    let answers: Vec<Value> = ["F3-1", "F5-1", "F7-2", "F7-3", "F7-4", "F7-5"]
        .iter()
        .map(|item| json!({ "item": item, "state": "satisfied" }))
        .collect();
    let body = json!({ "source": "call_back", "answers": answers, "satisfied": true, "note": "示例：阀门不再渗水" });
    day.service.post(&format!("/api/visits/{visit}/callback"), &body).map(drop)
}
