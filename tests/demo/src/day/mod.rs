//! The working day, part by part: every act of a worker through the core of a phone, every act of the office through
//! its HTTP API, every exchange over the network. A phone is offline unless it is told to speak.

mod absent;
mod evening;
mod inspection;
pub mod killed;
mod measurement;
mod morning;
mod reassigned;
mod refusal;
mod repair;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use nuanfang_core::domain::Window;
use nuanfang_core::id::VisitId;
use nuanfang_core::time::Millis;
use nuanfang_server::clock::{Clock, real_now};
use serde::{Deserialize, Serialize};

pub use self::killed::Kill;
use crate::clock::DayClock;
use crate::homes::Homes;
use crate::ledger::Ledger;
use crate::office::Office;
use crate::phone::Phone;
use crate::stage::PASSWORD;
use crate::{Done, Say};

/// What was played, for whoever looks at it or checks it later.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Played {
    /// The day, in Beijing.
    pub day: NaiveDate,
    /// When it ended, by its own clock.
    pub ended: Millis,
    /// Its visits.
    pub visits: Visits,
    /// Envelopes that each phone logged, by its worker's badge: what the server must hold of it.
    pub logged: BTreeMap<String, u64>,
}

/// The visits of the day.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Visits {
    /// Part 2.
    pub measurement: VisitId,
    /// Part 3.
    pub repair: VisitId,
    /// Part 4.
    pub absent: VisitId,
    /// Part 4: what followed from the appointment at the door.
    pub next: VisitId,
    /// Part 5.
    pub inspection: VisitId,
    /// Part 6.
    pub refusal: VisitId,
    /// Part 7: late, and decided.
    pub reassigned: VisitId,
    /// Part 7: late, and left to the dispatcher.
    pub undecided: VisitId,
    /// Part 8.
    pub killed: VisitId,
}

/// Where a day is played.
pub struct House {
    /// The server.
    pub url: String,
    /// Its clock, and the day's.
    pub clock: Arc<DayClock>,
    /// The folder that the phones' folders are made in.
    pub phones: PathBuf,
    /// How the phone of part 8 dies.
    pub kill: Kill,
    /// Who is told how far it has come.
    pub say: Say,
}

/// A day being played.
struct Day {
    house: House,
    date: NaiveDate,
    homes: Homes,
    dispatcher: Office,
    service: Office,
    supervisor: Office,
}

/// The day that is played when nobody says which: today, in Beijing.
pub fn today() -> NaiveDate {
    real_now().local().date_naive()
}

/// When the office opens on `date`: the clock stands here before anything is imported.
pub fn opening(date: NaiveDate) -> Millis {
    at(date, 7, 30)
}

/// The end of `date` in Beijing.
pub fn midnight_after(date: NaiveDate) -> Millis {
    at(date, 0, 0).plus_minutes(24 * 60)
}

/// Plays the whole day of `date` against a furnished server, and lets the clock run from its end.
///
/// # Errors
/// The first step that went otherwise than it had to, with what was said.
pub fn play(house: House, date: NaiveDate, ledger: &Ledger) -> Done<Played> {
    let say = house.say;
    let log_in = |login| Office::log_in(&house.url, login, PASSWORD);
    let (dispatcher, service, supervisor) = (log_in("diaodu")?, log_in("kefu")?, log_in("zhuguan")?);
    let day = Day { homes: Homes::of(ledger)?, date, dispatcher, service, supervisor, house };

    say("播放第 1 部分：调度安排并派工，手机登记并同步… part 1: visits are planned, phones enrol");
    let plans = morning::plan(&day)?;
    let crew = morning::enrol(&day)?;
    say("播放第 2 部分：入户测温（离线）… part 2: a measurement, offline");
    measurement::play(&day, &crew.first, plans.measurement)?;
    say("播放第 3 部分：有偿维修，报价变更… part 3: a paid repair whose quote changes");
    repair::play(&day, &crew.repairer, plans.repair)?;
    say("播放第 4 部分：到访不遇… part 4: nobody at home");
    let next = absent::play(&day, &crew.inspector, plans.absent)?;
    say("播放第 5 部分：入户巡检，隐患告知… part 5: an inspection and a hazard");
    inspection::play(&day, &crew.inspector, plans.inspection)?;
    say("播放第 6 部分：测温拒签… part 6: the resident does not sign");
    refusal::play(&day, &crew.first, plans.refusal)?;
    say("播放第 7 部分：离线时被改派… part 7: reassigned while offline");
    reassigned::play(&day, &crew, plans.reassigned, plans.undecided)?;
    say("播放第 8 部分：手机中途断电… part 8: a phone dies in the middle of a form");
    let survivor = killed::play(&day, crew.last, plans.killed)?;
    say("收尾：全部备份… the day ends: everything becomes safe");
    let phones = [
        ("SL-001", &crew.first),
        ("SL-002", &crew.repairer),
        ("SL-003", &crew.inspector),
        ("SL-004", &crew.second),
        ("SL-007", &survivor),
    ];
    let logged = evening::settle(&day, &plans, &phones)?;

    let ended = day.house.clock.now();
    day.house.clock.run_from(ended)?;
    let visits = Visits {
        measurement: plans.measurement,
        repair: plans.repair,
        absent: plans.absent,
        next,
        inspection: plans.inspection,
        refusal: plans.refusal,
        reassigned: plans.reassigned,
        undecided: plans.undecided,
        killed: plans.killed,
    };
    Ok(Played { day: date, ended, visits, logged })
}

impl Day {
    /// A time of this day in Beijing.
    fn at(&self, hour: u32, minute: u32) -> Millis {
        at(self.date, hour, minute)
    }

    /// An hour from then.
    fn hour_from(&self, hour: u32, minute: u32) -> Window {
        let from = self.at(hour, minute);
        Window { from, until: from.plus_minutes(60) }
    }

    /// The office gets to `then`.
    fn office_at(&self, then: Millis) {
        self.house.clock.advance_to(then);
    }

    /// The phone has a network for once. The two clocks meet: nobody speaks with yesterday.
    fn sync(&self, phone: &Phone) -> Done<()> {
        self.house.clock.advance_to(phone.now());
        phone.wait_until(self.house.clock.now());
        phone.sync().map(drop)
    }

    /// The folder of the phone of `badge`.
    fn phone_folder(&self, badge: &str) -> PathBuf {
        self.house.phones.join(badge)
    }
}

/// A time of a day in Beijing.
fn at(date: NaiveDate, hour: u32, minute: u32) -> Millis {
    let time = NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or_default();
    Millis(date.and_time(time).and_utc().timestamp_millis() - 8 * 3_600_000)
}

/// What has to be refused was refused for another reason than the rule at hand.
fn expect_code(found: &str, expected: &str) -> Done<()> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{expected} 应成立，得到 {found} (another rule spoke)").into())
    }
}

impl Visits {
    /// Those that papers may come of, in the order of the parts.
    pub fn all(&self) -> [VisitId; 8] {
        [
            self.measurement,
            self.repair,
            self.absent,
            self.inspection,
            self.refusal,
            self.reassigned,
            self.undecided,
            self.killed,
        ]
    }
}
