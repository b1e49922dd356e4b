//! `nuanfang setting`: the company's settings, read and changed. Each change is an act on record.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::event::KINDS;
use nuanfang_core::domain::office_event::SettingsChanged;
use nuanfang_core::id::WorkerId;
use uuid::Uuid;

use crate::office::project::setting;
use crate::office::{OfficeAct, registers};
use crate::serve::open_offline;
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
    /// Its name; without it all that are set are listed
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
        let weighed = match (&self.key, &self.value) {
            (Some(key), Some(value)) => weigh(key, value),
            (Some(key), None) if !is_known(key) => Err(unknown(key)),
            _ => Ok(()),
        };
        if let Err(why) = weighed {
            complain(why);
            return ExitCode::from(1);
        }
        let state = match open_offline(&self.data) {
            Ok(state) => state,
            Err(why) => return untried(why),
        };
        let done = match (&self.key, &self.value) {
            (Some(key), Some(value)) => change(&state, key, value.trim()),
            (Some(key), None) => tell(&state, key).map_err(|error| error.to_string()),
            (None, _) => list(&state).map_err(|error| error.to_string()),
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
        _ if is_retention_of_kind(key) => days(),
        setting::RULES_IN_FORCE => Err(format!("{key} 随服务器版本而定，不能在此修改")),
        _ if is_legal_hold(key) => Err(format!("{key} 由 nuanfang hold 设定和解除，不能在此修改")),
        _ => Err(unknown(key)),
    }
}

fn unknown(key: &str) -> String {
    format!("没有设置项 {key}")
}

/// Those that may be set here, and those that something else sets.
fn is_known(key: &str) -> bool {
    const NAMED: [&str; 6] = [
        setting::SUPPLIER_NAME,
        setting::SUPPLIER_PHONE,
        setting::SILENCE_HOURS,
        setting::HAND_IN_DAYS,
        setting::RETAIN_DAYS,
        setting::RULES_IN_FORCE,
    ];
    NAMED.contains(&key) || is_legal_hold(key) || is_retention_of_kind(key)
}

fn is_legal_hold(key: &str) -> bool {
    key.strip_prefix(setting::LEGAL_HOLD).is_some_and(|household| household.parse::<Uuid>().is_ok())
}

fn is_retention_of_kind(key: &str) -> bool {
    key.strip_prefix(setting::RETAIN_DAYS_OF).is_some_and(|kind| KINDS.contains(&kind))
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

fn list(state: &AppState) -> Result<(), StoreError> {
    for (name, value) in state.store.read_now(setting::all)? {
        say(format_args!("{name}\t{value}"));
    }
    Ok(())
}

/// One, and where it is not set what holds instead.
fn tell(state: &AppState, key: &str) -> Result<(), StoreError> {
    match state.store.read_now(|db| setting::get(db, key))? {
        Some(value) => say(format_args!("{key}\t{value}")),
        None if key == setting::SILENCE_HOURS => {
            say(format_args!("{key}\t{}（未设置，按此执行）", setting::SILENCE_HOURS_DEFAULT));
        }
        None if is_retention_of_kind(key) => say(format_args!("{key}\t（未设置，按 {} 执行）", setting::RETAIN_DAYS)),
        None if key == setting::RETAIN_DAYS => say(format_args!("{key}\t0（未设置，按此执行）")),
        None => say(format_args!("{key}\t（未设置）")),
    }
    Ok(())
}
