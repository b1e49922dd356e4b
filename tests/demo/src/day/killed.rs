//! Part 8: a phone dies in the middle of a form, with photos unsent and a draft half written. It starts again,
//! everything is there, and everything goes out.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use nuanfang_core::domain::kind::Outcome;
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::domain::worker_event::{
    Demonstrated, Explained, Photographed, ProblemDescribed, WorkDone, WorkStarted,
};
use nuanfang_core::domain::{Command, VisitState, role};
use nuanfang_core::id::VisitId;
use nuanfang_core::time::Millis;

use super::Day;
use crate::Done;
use crate::phone::{Departure, Line, Phone, Shot};
use crate::picture::Subject;

const JOINT: Line = Line { line: "L1", code: "JT01", count: 1 };

/// The form that is never finished.
const FORM: &str = "work_done";

/// What has been typed into it when the phone dies.
const DRAFT: &str = "已更换接头及密封圈，正在试";

/// How the phone dies.
#[derive(Debug, Clone)]
pub enum Kill {
    /// It is a process of its own, this program, and is killed by SIGKILL.
    Process(PathBuf),
    /// It is dropped in this process without a word to anything.
    InPlace,
}

/// Plays it on the phone of SL-007; answers the phone that survived.
pub(super) fn play(day: &Day, phone: Phone, visit: VisitId) -> Done<Phone> {
    phone.wait_until(day.at(15, 50));
    day.sync(&phone)?;
    let phone = match &day.house.kill {
        Kill::InPlace => {
            until_it_dies(&phone, visit)?;
            phone.killed()?
        }
        Kill::Process(program) => in_a_process(&day.phone_folder("SL-007"), program, phone, visit)?,
    };
    everything_is_there(&phone, visit)?;
    phone.wait(3);
    finish(&phone, visit)?;
    day.sync(&phone)?;
    Ok(phone)
}

/// The first half, in the process that will be killed: it says when it got to the middle of the form, and types on.
///
/// # Errors
/// The step that went wrong before, or that nobody is left to kill it. It does not return otherwise.
pub fn play_until_killed(folder: &Path, visit: VisitId, now: Millis) -> Done<()> {
    let parent = parent_id();
    let phone = Phone::open(folder, now, 0)?;
    phone.sync()?;
    until_it_dies(&phone, visit)?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", phone.now().0)?;
    out.flush()?;
    while parent_id() == parent {
        phone.app.save_draft(visit, FORM, DRAFT)?;
    }
    Err("没有人来结束这个进程 (whoever had to kill it is gone)".into())
}

fn in_a_process(folder: &Path, program: &Path, phone: Phone, visit: VisitId) -> Done<Phone> {
    let now = phone.now();
    drop(phone);
    let mut child = Process::new(program)
        .arg("phone")
        .arg(folder)
        .args([visit.to_string(), now.0.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut line)?;
    }
    let died: Millis = match line.trim().parse() {
        Ok(at) => Millis(at),
        Err(_) => {
            let ended = child.wait()?;
            return Err(format!("手机进程提前结束 (the phone ended by itself): {ended}").into());
        }
    };
    child.kill()?;
    child.wait()?;
    Phone::open(folder, died, 0)
}

fn until_it_dies(phone: &Phone, visit: VisitId) -> Done<()> {
    phone.set_out(visit, Departure { parts: &["接头", "密封圈"] })?;
    phone.wait(14);
    phone.arrive(visit)?;
    phone.enter(visit)?;
    let text = "客厅散热器接头滴水，已用盆接水".into();
    phone.act(visit, &Command::DescribeProblem(ProblemDescribed { text }))?;
    phone.act_with(visit, &Command::ProtectFloor, &[Shot { role: role::PHOTO_FLOOR, subject: Subject::FloorSheet }])?;
    phone.quote(visit, &[JOINT], None)?;
    phone.sign(visit, Purpose::Quote { revision: 1 })?;
    let before = Photographed { role: role::PHOTO_BEFORE.into(), subject: Some("L1".into()), place: None };
    phone.act_with(
        visit,
        &Command::Photograph(before),
        &[Shot { role: role::PHOTO_BEFORE, subject: Subject::Rust }],
    )?;
    phone.act(visit, &Command::StartWork(WorkStarted { lines: vec!["L1".into()], emergency: None }))?;
    phone.wait(15);
    phone.take(visit, Shot { role: role::PHOTO_AFTER, subject: Subject::Radiator })?;
    Ok(phone.app.save_draft(visit, FORM, DRAFT)?)
}

fn everything_is_there(phone: &Phone, visit: VisitId) -> Done<()> {
    let seen = phone.visit(visit)?;
    let draft = phone.app.draft(visit, FORM)?;
    let waiting = phone.app.status()?;
    let whole = seen.view.state == VisitState::Indoors
        && seen.view.photos.len() == 2
        && seen.loose_photos.len() == 1
        && draft.as_deref() == Some(DRAFT)
        && waiting.ops_waiting > 0
        && waiting.files_waiting >= 4;
    if whole {
        return Ok(());
    }
    Err(format!("断电后缺少内容 (something is missing after the kill): {seen:?} {draft:?} {waiting:?}").into())
}

fn finish(phone: &Phone, visit: VisitId) -> Done<()> {
    let photo = phone.visit(visit)?.loose_photos.first().ok_or("the photo is gone")?.sha;
    let result = format!("{DRAFT}压，无渗漏");
    phone.act(visit, &Command::FinishWork(WorkDone { lines: vec!["L1".into()], emergency: false, result }))?;
    phone.app.discard_draft(visit, FORM)?;
    let after = Photographed { role: role::PHOTO_AFTER.into(), subject: Some("L1".into()), place: None };
    phone.app.act(visit, &Command::Photograph(after), &[photo])?;
    phone.tick(visit, &["F5-3", "F11-1", "F11-2"])?;
    phone.act(visit, &Command::Demonstrate(Demonstrated { works: true, note: None }))?;
    let text = "接头处一周内留意有无渗水".into();
    phone.act(visit, &Command::Explain(Explained { text }))?;
    phone.sign(visit, Purpose::Acceptance)?;
    phone.complete(visit, Outcome::Done, None, None)?;
    phone.wait(2);
    Ok(())
}
