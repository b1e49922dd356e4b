//! A server in the process of the test, with a clock that is moved by hand, an office and phones that speak with it
//! over HTTP: for what takes a morning.

use std::sync::Arc;

use chrono::NaiveDate;
use nuanfang_core::domain::{VisitKind, Window};
use nuanfang_core::id::VisitId;
use nuanfang_core::time::Millis;
use nuanfang_demo::clock::DayClock;
use nuanfang_demo::day;
use nuanfang_demo::ledger::badge;
use nuanfang_demo::office::{Office, Plan};
use nuanfang_demo::phone::Phone;
use nuanfang_server::clock::Clock;
use nuanfang_server::{Config, Running, Server};
use tokio::runtime::Runtime;

use crate::company::{self, Company, PASSWORD};

/// The town.
pub struct Town {
    /// Its company.
    pub company: Company,
    clock: Arc<DayClock>,
    date: NaiveDate,
    running: Running,
    runtime: Runtime,
}

impl Town {
    /// Opens at half past seven in the morning.
    pub fn open() -> Self {
        let company = Company::new();
        let clock = Arc::new(DayClock::open(&company.data()).expect("a clock"));
        let date = day::today();
        clock.stand(day::opening(date));
        let mut config = Config::local(company.data());
        config.clock = Some(clock.clone());
        let runtime = Runtime::new().expect("a runtime");
        let running = runtime.block_on(Server::start(config)).expect("a server");
        Self { company, clock, date, running, runtime }
    }

    /// A time of this day in Beijing.
    pub fn at(&self, hour: i64, minute: i64) -> Millis {
        day::opening(self.date).plus_minutes((hour - 7) * 60 + minute - 30)
    }

    /// A user of the office.
    pub fn office(&self, role: &str) -> Office {
        Office::log_in(self.running.url(), role, PASSWORD).expect("logged in")
    }

    /// A visit from nine to ten to the `nth` home, for the worker with the `nth` badge.
    pub fn visit(&self, kind: VisitKind, nth: usize) -> VisitId {
        let window = Window { from: self.at(9, 0), until: self.at(10, 0) };
        let account = &company::accounts()[nth];
        let badge = badge(nth);
        let plan =
            Plan {
                kind, account, scope: "示例：暖气不热", window: Some(window), badge: Some(&badge), follows: None
            };
        self.office("dispatcher").schedule(&plan).expect("planned")
    }

    /// The phone of the worker with the `nth` badge, its clock wrong by so much, enrolled and in the know.
    pub fn phone(&self, nth: usize, wrong_by_ms: i64) -> Phone {
        let folder = self.company.beside(&format!("phone-{nth}"));
        let phone = Phone::open(&folder, self.clock.now(), wrong_by_ms).expect("a phone");
        phone.enrol(&self.company.invite(nth, self.running.url()), "示例手机").expect("enrolled");
        phone
    }

    /// The phone speaks with the server at the true time `now`.
    pub fn sync(&self, phone: &Phone, now: Millis) {
        self.clock.advance_to(now);
        let status = phone.sync().expect("an exchange");
        assert_eq!((status.ops_waiting, status.files_waiting), (0, 0), "{status:?}");
    }

    /// Closes, and leaves the company's folder.
    pub fn close(self) -> Company {
        self.runtime.block_on(self.running.shutdown());
        self.company
    }
}
