//! `nuanfang setting`: the company's settings, read and changed. Each change is an act on record.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::event::KINDS;
use nuanfang_core::domain::office_event::SettingsChanged;
use nuanfang_core::id::WorkerId;

use super::erase::open_data;
use crate::office::project::setting;
use crate::office::{OfficeAct, registers};
use crate::state::AppState;
use crate::store::StoreError;
use crate::terminal::{complain, say, untried};

/// The longest term of retention, in days.
const LONGEST: i64 = 36_500;
/// The longest patience with a phone, in hours: a year.
const PATIENCE: i64 = 8_760;

/// Read or change the company's settings.
///
/// supplier.name, supplier.phone; phone.silence_hours: after how many hours a phone that holds evidence and does not
/// come is alarmed about; phone.hand_in_days: for how many days a dismissed phone hands in what counts as any other's
/// (what it brings later is kept, but quarantined until the office lets it in); retain_days: for how many days every record is kept from being erased;
/// retain_days.KIND: the same for one kind, as visit.signed. The server must not be running.
///
/// Exit status: 0 done; 1 there is no such setting, or it can't have that value; 2 it could not be tried.
#[derive(Debug, Args)]
pub struct Setting {
    /// Its name; without it all are listed
    key: Option<String>,
    /// Its new value; without it the present one is printed
    value: Option<String>,
    /// The data folder
    #[arg(long)]
    data: PathBuf,
}

impl Setting {
    /// Reads or changes.
    pub fn run(self) -> ExitCode {
        if let (Some(key), Some(value)) = (&self.key, &self.value)
            && let Err(why) = weigh(key, value)
        {
            complain(format_args!("{why}"));
            return ExitCode::from(1);
        }
        let state = match open_data(&self.data) {
            Ok(state) => state,
            Err(why) => return untried(why),
        };
        let done = match (&self.key, &self.value) {
            (Some(key), Some(value)) => change(&state, key, value.trim()),
            (key, _) => list(&state, key.as_deref()).map_err(|error| error.to_string()),
        };
        state.store.close();
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => untried(why),
        }
    }
}

fn weigh(key: &str, value: &str) -> Result<(), String> {
    let value = value.trim();
    let within = |least: i64, most: i64, what: &str| match value.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(()),
        _ => Err(format!("{key} 应为 {least} 至 {most} 之间的{what}")),
    };
    let days = || within(0, LONGEST, "天数");
    match key {
        setting::SUPPLIER_NAME if value.is_empty() => Err("企业名称不能为空".into()),
        setting::SUPPLIER_NAME | setting::SUPPLIER_PHONE => Ok(()),
        setting::SILENCE_HOURS => within(1, PATIENCE, "小时数"),
        setting::HAND_IN_DAYS => within(1, PATIENCE / 24, "天数"),
        setting::RETAIN_DAYS => days(),
        _ => match key.strip_prefix(setting::RETAIN_DAYS_OF) {
            Some(kind) if KINDS.contains(&kind) => days(),
            _ => Err(format!("没有设置项 {key}")),
        },
    }
}

/// Changes a setting, on record.
pub(super) fn change(state: &AppState, key: &str, value: &str) -> Result<(), String> {
    let act = OfficeAct::of(Event::SettingsChanged(SettingsChanged { changes: vec![setting::to(key, value)] }));
    state
        .office
        .append_blocking::<StoreError, _>(WorkerId(registers::SYSTEM), vec![act], |_| Ok(()))
        .map(drop)
        .map_err(|error| error.to_string())
}

fn list(state: &AppState, key: Option<&str>) -> Result<(), StoreError> {
    for (name, value) in state.store.read_now(setting::all)? {
        if key.is_none_or(|key| key == name) {
            say(format_args!("{name}\t{value}"));
        }
    }
    Ok(())
}
