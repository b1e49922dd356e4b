//! The office's commands: `import` and `user`. They open the data folder themselves; a running server keeps them out.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::{UserAdded, UserDisabled};
use nuanfang_core::id::WorkerId;
use rand::Rng;
use uuid::Uuid;

use super::import::{self, ImportReport, Manner, report_xlsx};
use super::ledger::Register;
use super::registers::{SYSTEM, user};
use super::role::Role;
use super::{OfficeAct, desk};
use crate::serve::{found_offline, is_data, open_offline};
use crate::state::AppState;
use crate::store::StoreError;
use crate::terminal::{complain, say, untried, words};

/// It was tried, and something is wrong with what was given.
const WRONG: u8 = 1;

/// Problems printed at the terminal; the report holds them all.
const PRINTED: usize = 50;

/// Import a register from a spreadsheet. Nothing is applied if anything is wrong, unless --partial is given.
///
/// Exit status: 0 everything is in (or was already); 1 something is wrong with the file; 2 it could not be tried.
#[derive(Debug, Args)]
pub struct Import {
    /// households, prices, workers or instruments
    register: Register,
    /// The .xlsx
    file: PathBuf,
    /// The data folder
    #[arg(long)]
    data: PathBuf,
    /// Only look; apply nothing
    #[arg(long)]
    dry_run: bool,
    /// Apply the good rows although others are bad
    #[arg(long)]
    partial: bool,
    /// Write the report to this .xlsx
    #[arg(long)]
    report: Option<PathBuf>,
}

impl Import {
    /// Does it and says how it went.
    pub fn run(self) -> ExitCode {
        match self.import() {
            Ok(report) if report.problem_count == 0 => ExitCode::SUCCESS,
            Ok(_) => ExitCode::from(WRONG),
            Err(why) => untried(why),
        }
    }

    fn import(&self) -> Result<ImportReport, String> {
        let length = std::fs::metadata(&self.file).map_err(|error| said(&self.file, &error))?.len();
        let bytes = if length > 2 * import::FILE_LIMIT {
            // Longer than any workbook may be: its report says so without reading it.
            vec![0; import::FILE_LIMIT as usize]
        } else {
            std::fs::read(&self.file).map_err(|error| said(&self.file, &error))?
        };
        let manner = Manner { dry_run: self.dry_run, partial: self.partial };
        // What only looks makes no company where somebody mistyped the folder.
        let office = if self.dry_run { open_offline(&self.data) } else { founded(&self.data) };
        let report = with(office, |state| {
            import::import(state, WorkerId(SYSTEM), self.register, &bytes, manner).map_err(|error| error.to_string())
        })?;
        say(report.summary_zh());
        for problem in report.problems.iter().take(PRINTED) {
            let place = [problem.sheet.as_str(), &row(problem.row), &problem.column, &problem.label].join(" ");
            say(format_args!("  {} “{}” {}", place.trim(), problem.value, problem.reason_zh));
        }
        if report.problem_count > PRINTED as u64 {
            say(format_args!("  … 共 {} 处", report.problem_count));
        }
        if let Some(file) = &self.report {
            let bytes = report_xlsx(&report).map_err(|error| error.to_string())?;
            crate::whole::write(file, &bytes).map_err(|error| said(file, &error))?;
            say(format_args!("报告：{}", file.display()));
        }
        Ok(report)
    }
}

fn row(row: u32) -> String {
    if row == 0 { String::new() } else { format!("第 {row} 行") }
}

/// Manage office users.
///
/// Exit status: 0 done; 1 not possible as asked; 2 it could not be tried.
#[derive(Debug, Args)]
pub struct User {
    #[command(subcommand)]
    act: UserAct,
}

#[derive(Debug, Subcommand)]
enum UserAct {
    /// Add a user. The password is read from standard input; at a terminal, or without one, it is made and printed.
    Add {
        /// Login name: a–z, 0–9, . - _
        login: String,
        /// Name
        #[arg(long)]
        name: String,
        /// dispatcher, service, billing, supervisor, auditor or admin
        #[arg(long)]
        role: Role,
        /// The data folder
        #[arg(long)]
        data: PathBuf,
    },
    /// Disable a user
    Disable {
        /// Login name
        login: String,
        /// Why
        #[arg(long, default_value = "管理员停用")]
        reason: String,
        /// The data folder
        #[arg(long)]
        data: PathBuf,
    },
    /// List all users
    List {
        /// The data folder
        #[arg(long)]
        data: PathBuf,
    },
}

impl User {
    /// Does it and says how it went.
    pub fn run(self) -> ExitCode {
        let done = match &self.act {
            UserAct::Add { login, name, role, data } => with(founded(data), |state| add(state, login, name, *role)),
            UserAct::Disable { login, reason, data } => with(open_offline(data), |state| disable(state, login, reason)),
            UserAct::List { data } => with(open_offline(data), list),
        };
        match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(WRONG),
            Err(why) => untried(why),
        }
    }
}

/// Adds an office user with a password. `Err` names what stands against it.
pub fn add_user(state: &AppState, login: &str, name: &str, role: Role, password: &str) -> Result<Uuid, String> {
    let login = user::login(login)?;
    let id = Uuid::new_v4();
    desk::weigh(&login, password).map_err(|_| "密码须为 8 至 128 个字符，且不能过于常见".to_owned())?;
    let hash = desk::hash(password).map_err(|error| error.to_string())?;
    desk::keep(&state.vault, id, &hash).map_err(|error| error.to_string())?;
    let event = Event::UserAdded(UserAdded {
        user: WorkerId(id),
        login: login.clone(),
        name: name.to_owned(),
        role: role.name().to_owned(),
    });
    let taken = login.clone();
    let free = move |db: &rusqlite::Connection| match user::find_by_login(db, &taken)? {
        Some(_) => Err(Taken::Login),
        None => Ok(()),
    };
    match state.office.append_blocking(WorkerId(SYSTEM), vec![OfficeAct::of(event)], free) {
        Ok(_) => Ok(id),
        Err(Taken::Login) => Err(format!("用户名 {login} 已被使用")),
        Err(Taken::Store(error)) => Err(error.to_string()),
    }
}

/// The first office user, where there is none yet: login name and password, to be shown once.
pub fn first_admin(state: &AppState) -> Result<Option<(String, String)>, String> {
    if !state.store.read_now(user::all).map_err(|error| error.to_string())?.is_empty() {
        return Ok(None);
    }
    let (login, password) = ("admin".to_owned(), new_password());
    add_user(state, &login, "管理员", Role::Admin, &password)?;
    Ok(Some((login, password)))
}

enum Taken {
    Login,
    Store(StoreError),
}

impl From<StoreError> for Taken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn add(state: &AppState, login: &str, name: &str, role: Role) -> Result<bool, String> {
    let stdin = std::io::stdin();
    let mut typed = String::new();
    if !stdin.is_terminal() {
        stdin.lock().read_line(&mut typed).map_err(|error| words(&error))?;
    }
    let typed = typed.trim_end_matches(['\r', '\n']).to_owned();
    let made = typed.is_empty();
    let password = if made { new_password() } else { typed };
    match add_user(state, login, name, role, &password) {
        Ok(_) => {
            say(format_args!("已添加用户 {login}（{name}，{}）", role.zh()));
            if made {
                say(format_args!("初始密码：{password}"));
            }
            Ok(true)
        }
        Err(why) => {
            complain(why);
            Ok(false)
        }
    }
}

fn new_password() -> String {
    const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";
    let mut rng = rand::rngs::OsRng;
    (0..16).map(|_| char::from(LETTERS[rng.gen_range(0..LETTERS.len())])).collect()
}

fn disable(state: &AppState, login: &str, reason: &str) -> Result<bool, String> {
    let wanted = login.trim().to_lowercase();
    let found = state.store.read_now(|db| user::find_by_login(db, &wanted)).map_err(|error| error.to_string())?;
    let Some(found) = found else {
        complain(format_args!("没有用户 {login}"));
        return Ok(false);
    };
    let event = Event::UserDisabled(UserDisabled { user: WorkerId(found.id), reason: reason.to_owned() });
    state
        .office
        .append_blocking::<StoreError, _>(WorkerId(SYSTEM), vec![OfficeAct::of(event)], |_| Ok(()))
        .map_err(|error| error.to_string())?;
    say(format_args!("已停用用户 {login}"));
    Ok(true)
}

fn list(state: &AppState) -> Result<bool, String> {
    let users = state.store.read_now(user::all).map_err(|error| error.to_string())?;
    for user in users {
        let off = if user.disabled { "\t已停用" } else { "" };
        say(format_args!("{}\t{}\t{}{off}", user.login, user.name, user.role.zh()));
    }
    Ok(true)
}

/// A data folder, made where there is none: a company may begin with its registers. Who mistyped its name sees it.
fn founded(data: &Path) -> Result<AppState, String> {
    let new = !is_data(data);
    let state = found_offline(data)?;
    if new {
        let data = data.display();
        say(format_args!(
            "已新建数据目录：{data}（企业名称请用 nuanfang setting supplier.name 名称 --data {data} 填写）"
        ));
    }
    Ok(state)
}

fn with<T>(state: Result<AppState, String>, f: impl FnOnce(&AppState) -> Result<T, String>) -> Result<T, String> {
    let state = state?;
    let done = f(&state);
    state.store.close();
    done
}

fn said(file: &Path, error: &std::io::Error) -> String {
    format!("{}：{}", file.display(), words(error))
}
