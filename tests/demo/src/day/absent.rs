//! Part 4: on time at the door, and nobody there. The call is logged, the leave note put up and photographed, the next
//! time agreed by telephone; the office plans the visit that follows.

use nuanfang_core::domain::kind::{Channel, Outcome};
use nuanfang_core::domain::worker_event::{Absent, CallAttempt};
use nuanfang_core::domain::{Command, VisitKind, Window, role};
use nuanfang_core::id::VisitId;
use nuanfang_core::time::Millis;

use super::Day;
use crate::Done;
use crate::office::Plan;
use crate::phone::{Departure, Phone, Shot};
use crate::picture::Subject;

/// Minutes of a day.
const DAY: i64 = 24 * 60;

/// Plays it on the phone of SL-003; answers the visit that follows.
pub fn play(day: &Day, phone: &Phone, visit: VisitId) -> Done<VisitId> {
    phone.wait_until(day.at(9, 35));
    phone.set_out(visit, Departure::default())?;
    phone.wait_until(day.at(10, 4));
    phone.arrive(visit)?;
    phone.wait(8);
    let evening = Window { from: day.at(18, 30).plus_minutes(DAY), until: day.at(19, 30).plus_minutes(DAY) };
    // What the phone claims; its clock is wrong, and stays so on record.
    let at = Millis(nuanfang_core::device::clock::Clock::stamp(&*phone.clock).wall_ms);
    let absent = Absent {
        calls: vec![CallAttempt { at, channel: Channel::Phone }],
        note_has_phone: true,
        next_window: Some(evening),
        place: phone.place(visit)?,
    };
    let note = Shot { role: role::PHOTO_LEAVE_NOTE, subject: Subject::LeaveNote };
    phone.act_with(visit, &Command::ReportAbsent(absent), &[note])?;
    phone.complete(visit, Outcome::Absent, None, Some(evening))?;
    phone.wait(3);
    day.sync(phone)?;
    day.dispatcher.schedule(&Plan {
        kind: VisitKind::Inspection,
        account: &day.homes.absent,
        scope: "供暖季入户巡检（上次到访不遇）",
        window: Some(evening),
        badge: Some("SL-003"),
        follows: Some(visit),
    })
}
