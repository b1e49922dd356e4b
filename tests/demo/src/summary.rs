//! What a newcomer is told once the day stands: where the console is, who may log in, codes for phones of his own, and
//! three things worth looking at.

use crate::day::Played;
use crate::office::Office;
use crate::stage::{LOGINS, PASSWORD};
use crate::{Done, say};

/// Workers who have no phone yet.
const FREE: [&str; 2] = ["SL-005", "SL-006"];

/// Says it.
///
/// # Errors
/// When no enrolment code can be had.
pub fn tell(office: &Office, url: &str, played: &Played) -> Done<()> {
    say("");
    // Programs read these lines: an address, a password, then a login behind each role's name.
    say(&format!("调度台 console  {url}/"));
    say(&format!("密码 password   {PASSWORD}"));
    say("登录名 logins (dispatcher, service, billing, supervisor, auditor, admin)");
    for (role, login, _) in LOGINS {
        say(&format!("  {}  {login}", role.zh()));
    }
    say("手机登记码 enrolment codes (一次有效 once, 24 h)");
    for badge in FREE {
        let code = office.enrolment(badge)?;
        say(&format!("  {badge}  {url} {}", code["code"].as_str().unwrap_or_default()));
    }
    let visits = &played.visits;
    say(&format!("值得一看 three things worth looking at ({}):", played.day));
    say(&format!(
        "  1  维修 repair: 三类证据、两版报价、四份签字 the checklist by evidence, both quotes  {url}/visits/{}",
        visits.repair
    ));
    say(&format!(
        "  2  测温 measurement: 逐间判定、C.1 签字文书可验真 a PDF that proves itself  {url}/visits/{}",
        visits.measurement
    ));
    say(&format!("  3  迟到待裁定 late work for you to decide (登录 diaodu)  {url}/visits/{}", visits.undecided));
    Ok(())
}
