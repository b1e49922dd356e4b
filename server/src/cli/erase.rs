//! `nuanfang erase` and `nuanfang hold`: what is known of a dwelling's people is destroyed, or kept from being so.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use nuanfang_core::domain::office_event::ErasureGround;
use uuid::Uuid;

use super::setting::change;
use crate::office::erase;
use crate::office::project::{erasure, setting};
use crate::serve::open_offline;
use crate::state::AppState;
use crate::store::StoreError;
use crate::store::ship::place::Place;
use crate::store::ship::{self, ever_shipped};
use crate::store::sqlite::compact;
use crate::terminal::{complain, say, untried};

/// It may not be done, and why; or there is no such household.
const HELD: u8 = 1;
/// Done here, not yet in the backup.
const HALF: u8 = 3;

/// Erase what is known of a household's people: bodies, files, rows, keys, here and in the backup.
///
/// The server must not be running. Heads, counts and chains stay; signed records become *erased*. Refused while a visit is
/// open, files are on their way, a legal hold stands (nuanfang hold) or a term of retention runs (nuanfang setting
/// retain_days…). The company's own spreadsheets, and documents already handed out, are not reached.
///
/// Exit status: 0 erased, in the backup too; 1 it may not be done, and why; 2 it could not be tried; 3 erased, but not all
/// of it is removed yet, here or in the backup: run it again.
#[derive(Debug, Args)]
pub struct Erase {
    /// 交费编号, or the household's id
    household: String,
    /// Why, in words that name nobody; it stays on record
    #[arg(long)]
    reason: String,
    /// Who asked for it, or that its time is over
    #[arg(long, value_enum, default_value = "request")]
    ground: Ground,
    /// The data folder
    #[arg(long)]
    data: PathBuf,
    /// Its backup; must be given when there is one
    #[arg(long)]
    backup: Option<PathBuf>,
    /// Only say whether it may be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Ground {
    /// The person asked for it (PIPL art. 47)
    Request,
    /// There is no more reason to keep it
    Retention,
}

impl From<Ground> for ErasureGround {
    fn from(ground: Ground) -> Self {
        match ground {
            Ground::Request => Self::Request,
            Ground::Retention => Self::Retention,
        }
    }
}

/// How it went, with the exit status.
enum Done {
    /// Nothing was changed.
    Nothing(u8),
    /// Somebody is erased.
    Erased(u8),
}

impl Erase {
    /// Erases, and says what was.
    pub fn run(self) -> ExitCode {
        let state = match open_offline(&self.data) {
            Ok(state) => state,
            Err(why) => return untried(why),
        };
        let done = self.erase(&state);
        state.store.close();
        match done {
            Ok(Done::Nothing(code)) => ExitCode::from(code),
            // Even one that is not in the backup yet leaves no deleted pages behind.
            Ok(Done::Erased(code)) => {
                if let Err(error) = compact::complete(&self.data) {
                    complain(format_args!("数据库尚未整理（{error}）：已抹除的内容都已覆写，下次启动时再整理"));
                }
                ExitCode::from(code)
            }
            Err(why) => untried(why),
        }
    }

    fn erase(&self, state: &AppState) -> Result<Done, String> {
        let said = |error: StoreError| error.to_string();
        if self.reason.trim().is_empty() {
            return Err("--reason 不能为空".into());
        }
        let shipped = state.store.read_now(ever_shipped).map_err(said)?;
        if shipped && self.backup.is_none() {
            return Err("此数据目录有备份：请同时给出 --backup，否则备份仍可读出".into());
        }
        let place = self.backup.as_deref().map(Place::open).transpose().map_err(said)?;
        let Some(household) = state.store.read_now(|db| erase::find(db, &self.household)).map_err(said)? else {
            complain(format_args!("没有交费编号或标识为“{}”的热用户，或已被抹除", self.household));
            return Ok(Done::Nothing(HELD));
        };
        let erased = state.store.read_now(|db| erasure::erased_at(db, household)).map_err(said)?;
        let left = state.store.read_now(|db| erase::is_left(db, household)).map_err(said)?;
        match erased.filter(|_| !left) {
            Some(at) => {
                say(format_args!("已于 {} 抹除，检查是否完整", at.local().format("%Y-%m-%d %H:%M")));
                if self.dry_run {
                    return Ok(Done::Nothing(0));
                }
                // Those that an older build left behind are found by nothing else.
                erase::forget_papers(state.store.dir()).and_then(|()| erase::finish(&state.store)).map_err(said)?;
            }
            None => {
                let holds = state.store.read_now(|db| erase::holds(db, household, state.now())).map_err(said)?;
                if !holds.is_empty() {
                    complain("不能抹除：");
                    holds.iter().for_each(|hold| complain(format_args!("  {hold}")));
                    return Ok(Done::Nothing(HELD));
                }
                if self.dry_run {
                    say(format_args!("可以抹除：{household}"));
                    return Ok(Done::Nothing(0));
                }
                let erased = erase::erase(state, household, self.ground.into(), self.reason.trim()).map_err(said)?;
                say(format_args!(
                    "已抹除 {household}：{} 次服务，{} 条正文，{} 份签署记录仅存凭据，{} 份导入内容已重写",
                    erased.visits, erased.bodies, erased.records, erased.replaced
                ));
                if let Some(why) = erased.unfinished {
                    complain(format_args!(
                        "文件或密钥尚未全部删除（{why}）：请修复后再次运行，热用户写作 {household}，其余不变"
                    ));
                    return Ok(Done::Erased(HALF));
                }
            }
        }
        let Some(place) = place else { return Ok(Done::Erased(0)) };
        let done = ship::prepare(&state.store, &place).and_then(|()| {
            while ship::ship(&state.store, &place)? {}
            Ok(())
        });
        match done {
            Ok(()) => {
                say("备份中的密钥与文件也已销毁；若备份另有快照或历史版本，请一并清除");
                Ok(Done::Erased(0))
            }
            Err(error) => {
                // Its 交费编号 is nobody's any more, or another's.
                complain(format_args!("备份尚未更新（{error}）：请修复后再次运行，热用户写作 {household}，其余不变"));
                Ok(Done::Erased(HALF))
            }
        }
    }
}

/// Keep a household from being erased: a legal hold.
///
/// The server must not be running.
///
/// Exit status: 0 done; 1 there is no such household; 2 it could not be tried.
#[derive(Debug, Args)]
pub struct Hold {
    /// 交费编号, or the household's id
    household: String,
    /// Why
    #[arg(long, required_unless_present = "lift")]
    reason: Option<String>,
    /// Lift it
    #[arg(long, conflicts_with = "reason")]
    lift: bool,
    /// The data folder
    #[arg(long)]
    data: PathBuf,
}

impl Hold {
    /// Holds or lifts.
    pub fn run(self) -> ExitCode {
        let state = match open_offline(&self.data) {
            Ok(state) => state,
            Err(why) => return untried(why),
        };
        let done = self.hold(&state);
        state.store.close();
        match done {
            Ok(Some(household)) if self.lift => {
                say(format_args!("已解除保全：{household}"));
                ExitCode::SUCCESS
            }
            Ok(Some(household)) => {
                say(format_args!("已保全：{household}"));
                ExitCode::SUCCESS
            }
            Ok(None) => {
                complain(format_args!("没有交费编号或标识为“{}”的热用户", self.household));
                ExitCode::from(HELD)
            }
            Err(why) => untried(why),
        }
    }

    fn hold(&self, state: &AppState) -> Result<Option<Uuid>, String> {
        let found = state.store.read_now(|db| erase::find(db, &self.household)).map_err(|error| error.to_string())?;
        let Some(household) = found else { return Ok(None) };
        let reason = self.reason.as_deref().unwrap_or_default().trim();
        if reason.is_empty() && !self.lift {
            return Err("--reason 不能为空".into());
        }
        change(state, &format!("{}{household}", setting::LEGAL_HOLD), reason)?;
        Ok(Some(household))
    }
}
