//! A supplier with a real server in this process: its data folder, its ledger, its office.

use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::kind::Channel;
use nuanfang_core::domain::office_event::Appointment;
use nuanfang_core::domain::{Event, VisitKind, VisitPlan, Window};
use nuanfang_core::id::{HouseholdId, VisitId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_demo::ledger::{Files, Ledger, SUPPLIER};
use nuanfang_server::http::gate::Limits;
use nuanfang_server::office::OfficeAct;
use nuanfang_server::office::accept::{Exchange, Receipt};
use nuanfang_server::office::cli::add_user;
use nuanfang_server::office::import::{Manner, import};
use nuanfang_server::office::ledger::Register;
use nuanfang_server::office::registers::SYSTEM;
use nuanfang_server::office::role::Role;
use nuanfang_server::store::{Store, StoreError};
use nuanfang_server::{AppState, Config, Running, Server};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{Tried, scratch};

/// Acts that share one transaction.
const BATCH: usize = 500;
/// A dispatcher's login, once [`Town::add_dispatcher`] was called.
pub const LOGIN: &str = "diaodu";
/// His password.
pub const PASSWORD: &str = "shili-nuanfang";

/// A server that answers, until it is dropped: before its folder goes, so it stands before that in a bench.
pub struct Town {
    runtime: Runtime,
    running: Option<Running>,
    state: AppState,
    addr: SocketAddr,
}

impl Drop for Town {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.shutdown());
        }
    }
}

impl Town {
    /// Starts a server on the data folder `data`, new or not.
    pub fn open(data: &Path) -> Tried<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        // One phone does here in a second what it does in a day.
        let limits = Limits { device_per_second: NonZeroU32::MAX, device_burst: NonZeroU32::MAX, ..Limits::default() };
        let config = Config { supplier_name: SUPPLIER.into(), limits, ..Config::local(data) };
        let running = runtime.block_on(Server::start(config))?;
        let (state, addr) = (running.state.clone(), running.addr);
        Ok(Self { runtime, running: Some(running), state, addr })
    }

    /// A small town whose data lie in `folder` under `before`, with `visits` of one worker at one dwelling.
    pub fn with_visits(folder: &Path, worker: WorkerId, visits: usize) -> Tried<(Self, HouseholdId, Vec<VisitId>)> {
        let town = Self::open(&folder.join("before"))?;
        town.import_ledger(&folder.join("ledger"), 12)?;
        let home = *town.ids("SELECT id FROM household ORDER BY address")?.first().ok_or("no household")?;
        let at = town.state().now().0;
        let window = Window { from: Millis(at), until: Millis(at + 3_600_000) };
        let plans = (0..visits).map(|_| plan(VisitKind::Repair, home, Some(worker), window)).collect();
        let planned = town.schedule(plans)?;
        Ok((town, HouseholdId(home), planned))
    }

    /// Lets a dispatcher log in.
    pub fn add_dispatcher(&self) -> Tried<()> {
        add_user(self.state(), LOGIN, "示例调度", Role::Dispatcher, PASSWORD)?;
        Ok(())
    }

    /// What its requests use.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes in what a device sends by the store's own door, without the way over HTTP.
    pub fn accept(&self, exchange: Exchange) -> Tried<Receipt> {
        Ok(self.runtime.block_on(self.state().store.accept(exchange))?)
    }

    /// Stops it; everything is in the database's own file then.
    pub fn close(self) {
        drop(self);
    }

    /// Brings in the demo's ledger of `households` dwellings, with workers and prices.
    pub fn import_ledger(&self, folder: &Path, households: usize) -> Tried<()> {
        let files = save_ledger(folder, households)?;
        for (register, file) in [
            (Register::Households, &files.households),
            (Register::Workers, &files.workers),
            (Register::Prices, &files.prices),
        ] {
            take_in(self.state(), register, &fs::read(file)?)?;
        }
        Ok(())
    }

    /// The ids in a register's table, in their own order.
    pub fn ids(&self, sql: &str) -> Tried<Vec<Uuid>> {
        let found = self.state().store.read_now::<_, StoreError>(|db| {
            let mut query = db.prepare(sql)?;
            let rows = query.query_map([], |row| row.get(0).map(Uuid::from_bytes))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        Ok(found)
    }

    /// Plans visits, as the office does. Their ids, in the same order.
    pub fn schedule(&self, plans: Vec<VisitPlan>) -> Tried<Vec<VisitId>> {
        let visits: Vec<VisitId> = plans.iter().map(|_| VisitId(Uuid::now_v7())).collect();
        let mut acts = visits
            .iter()
            .zip(plans)
            .map(|(visit, plan)| OfficeAct::about(*visit, 0, Event::VisitScheduled(plan)))
            .peekable();
        while acts.peek().is_some() {
            let batch = acts.by_ref().take(BATCH).collect();
            self.state().office.append_blocking::<StoreError, _>(WorkerId(SYSTEM), batch, |_| Ok(()))?;
        }
        Ok(visits)
    }
}

/// Writes the demo's ledger of `households` dwellings.
pub fn save_ledger(folder: &Path, households: usize) -> Tried<Files> {
    let day = NaiveDate::from_ymd_opt(2026, 11, 23).ok_or("not a day")?;
    Ledger::of(households, day).save(folder)
}

/// Imports a workbook whole, as `nuanfang import` does. How many rows it added.
pub fn take_in(state: &AppState, register: Register, workbook: &[u8]) -> Tried<u64> {
    let report = import(state, WorkerId(SYSTEM), register, workbook, Manner::default())?;
    if !report.applied || report.problem_count > 0 {
        return Err(report.summary_zh().into());
    }
    Ok(report.added)
}

/// A plan of an ordinary visit.
pub fn plan(kind: VisitKind, household: Uuid, assignee: Option<WorkerId>, window: Window) -> VisitPlan {
    VisitPlan {
        kind,
        household: HouseholdId(household),
        window: Some(window),
        scope: "示例：客厅散热器不热".into(),
        assignee,
        price_list: (kind == VisitKind::Repair).then(|| Sha::of(b"prices")),
        protocol: (kind == VisitKind::Measurement).then(|| "745-M2".into()),
        agreed: None,
        emergency: false,
        appointment: Some(Appointment { channel: Channel::Phone, agreed_at: Millis(window.from.0 - 3_600_000) }),
        note: None,
        follows: None,
    }
}

/// A copy of a data folder in a folder that lives as long as the first of the two; the path of the copy.
pub fn copied(data: &Path) -> Tried<(TempDir, PathBuf)> {
    let run = scratch()?;
    let copied = run.path().join("data");
    copy(data, &copied)?;
    Ok((run, copied))
}

/// Copies a folder with everything in it.
pub fn copy(from: &Path, to: &Path) -> Tried<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}
