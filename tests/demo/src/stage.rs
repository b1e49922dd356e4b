//! The stage of the day: a server on loopback over a data folder, the ledger brought in through the door every company
//! uses, a login for each role.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use nuanfang_core::id::WorkerId;
use nuanfang_core::time::Millis;
use nuanfang_server::clock::Clock;
use nuanfang_server::office::cli::add_user;
use nuanfang_server::office::import::{Manner, import};
use nuanfang_server::office::ledger::Register;
use nuanfang_server::office::registers::SYSTEM;
use nuanfang_server::office::role::Role;
use nuanfang_server::store::StoreError;
use nuanfang_server::{AppState, Config, Running, Server};
use tokio::runtime::Runtime;

use crate::clock::DayClock;
use crate::day::{self, Played};
use crate::folder::Folder;
use crate::ledger::{Files, Ledger, SUPPLIER};
use crate::picture::NOTE_PHONE;
use crate::{Done, Say};

/// The password of every login.
pub const PASSWORD: &str = "shili-nuanfang";

/// Login and name of each role, in the order of the summary.
pub const LOGINS: [(Role, &str, &str); 6] = [
    (Role::Dispatcher, "diaodu", "示例·调度样甲"),
    (Role::Service, "kefu", "示例·客服样乙"),
    (Role::Billing, "shoufei", "示例·收费样丙"),
    (Role::Supervisor, "zhuguan", "示例·主管样丁"),
    (Role::Auditor, "shenji", "示例·审计样戊"),
    (Role::Admin, "admin", "示例·管理员样己"),
];

/// A day that was looked at until late goes on at least so long before its midnight.
const LAST_MINUTES: i64 = 30;

/// A server at work, and what it runs on.
pub struct Stage {
    runtime: Runtime,
    running: Running,
}

impl Stage {
    /// Starts the server over `folder` at `listen`; its office goes by `clock`.
    ///
    /// # Errors
    /// One line: why it could not start.
    pub fn start(folder: &Folder, listen: SocketAddr, clock: Arc<DayClock>) -> Done<Self> {
        let runtime = Runtime::new()?;
        let mut config = Config::local(folder.data());
        config.listen = listen;
        config.backup = Some(folder.backup());
        config.clock = Some(clock);
        config.supplier_name = SUPPLIER.into();
        config.supplier_phone = Some(NOTE_PHONE.into());
        let running = runtime.block_on(Server::start(config))?;
        Ok(Self { runtime, running })
    }

    /// Starts it over a folder whose day is played. The day is today again: where its clock no longer shows it, the
    /// clock goes on from its end, or from the newest record if that is later.
    ///
    /// # Errors
    /// As [`Stage::start`].
    pub fn resume(folder: &Folder, listen: SocketAddr, played: &Played) -> Done<Self> {
        let clock = Arc::new(DayClock::open(folder.data())?);
        let shows = clock.now();
        let still = shows >= played.ended && shows < day::midnight_after(played.day);
        if !still {
            clock.stand(played.ended);
        }
        let stage = Self::start(folder, listen, Arc::clone(&clock))?;
        if !still {
            let newest: i64 = stage.state().store.read_now::<_, StoreError>(|db| {
                Ok(db.query_row("SELECT coalesce(max(recv_ms), 0) FROM envelope", [], |row| row.get(0))?)
            })?;
            let latest = day::midnight_after(played.day).plus_minutes(-LAST_MINUTES);
            clock.run_from(Millis(newest).max(played.ended).min(latest))?;
        }
        Ok(stage)
    }

    /// Where it is reached.
    pub fn url(&self) -> &str {
        self.running.url()
    }

    /// The server's state.
    pub fn state(&self) -> &AppState {
        &self.running.state
    }

    /// What the server runs on.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Adds the logins and brings the ledger in, from real workbooks.
    ///
    /// # Errors
    /// When anything in a workbook is refused: the generated ledger has nothing to refuse.
    pub fn furnish(&self, ledger: &Ledger, files: &Files, say: Say) -> Done<()> {
        for (role, login, name) in LOGINS {
            add_user(self.state(), login, name, role, PASSWORD)?;
        }
        let households = format!(" {} 户", ledger.households.len());
        for (register, file, zh, many) in [
            (Register::Households, &files.households, "台账与补充信息", households.as_str()),
            (Register::Prices, &files.prices, "价目表", ""),
            (Register::Workers, &files.workers, "服务人员", ""),
            (Register::Instruments, &files.instruments, "测温设备", ""),
        ] {
            say(&format!("导入{zh}{many}… importing {}", name_of(file)));
            let bytes = std::fs::read(file)?;
            let report = import(self.state(), WorkerId(SYSTEM), register, &bytes, Manner::default())?;
            if !report.applied || report.problem_count > 0 {
                return Err(format!("{}: {}", name_of(file), report.summary_zh()).into());
            }
            say(&format!("  {}", report.summary_zh()));
        }
        Ok(())
    }

    /// Stops: what is under way ends, what is queued is written.
    pub fn stop(self) {
        self.runtime.block_on(self.running.shutdown());
    }
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
