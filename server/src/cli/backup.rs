//! `nuanfang backup`: what a backup holds, how old it is, and whether every byte of it is what was written. Works
//! beside a running server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use nuanfang_core::time::Millis;
use rusqlite::Connection;

use super::recovery;
use super::serve::greet_backup;
use crate::clock::real_now;
use crate::serve::open_offline;
use crate::store::StoreError;
use crate::store::ship::place::Place;
use crate::store::ship::survey::{Depth, Survey, survey};
use crate::store::ship::{self, reader, segments, vault_copy};
use crate::store::sqlite;
use crate::store::vault::Vault;
use crate::terminal::{say, untried};

/// Something does not hold, or waits.
const WRONG: u8 = 1;
/// Nothing is wrong, but what is sealed was not opened.
const SEALED: u8 = 3;

/// Faults printed; more are counted.
const PRINTED: usize = 50;

/// See how far a backup reaches, check every byte of it, bring it up to date.
#[derive(Debug, Args)]
pub struct Backup {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// What is there, up to which position of each log, and how old it is.
    ///
    /// Exit status: 0 it is there and, as far as --data shows, complete; 1 something of the data folder is not in it
    /// yet, or something in it does not hold; 2 it could not be tried.
    Status {
        /// The backup: a folder, or s3://BUCKET/PREFIX
        #[arg(long)]
        backup: PathBuf,
        /// The data folder it is the backup of, to see what is still missing
        #[arg(long)]
        data: Option<PathBuf>,
    },
    /// Bring a backup up to date while no server does: before a machine is switched off, or for a second disk. An empty
    /// place becomes a new backup, which serve makes of it only if there never was one.
    ///
    /// Exit status: 0 everything is in it; 2 it could not be tried, or not to the end.
    Ship {
        /// The backup; a folder is made if it is not there
        #[arg(long)]
        backup: PathBuf,
        /// The data folder
        #[arg(long)]
        data: PathBuf,
    },
    /// Check every byte: each segment's hash and chain, each sealed body and file, the copy of the vault.
    ///
    /// Exit status: 0 everything holds; 1 something does not, and what; 2 it could not be tried; 3 nothing is wrong,
    /// but what is sealed was not opened: give --key-file or --data.
    Verify {
        /// The backup
        #[arg(long)]
        backup: PathBuf,
        /// The data folder it is the backup of: its vault opens the backup, and it knows what must be there
        #[arg(long)]
        data: Option<PathBuf>,
        /// A file with the recovery key
        #[arg(long)]
        key_file: Option<PathBuf>,
    },
}

impl Backup {
    /// Looks, and says what it saw.
    pub fn run(self) -> ExitCode {
        let done = match &self.act {
            Act::Status { backup, data } => status(backup, data.as_deref()),
            Act::Ship { backup, data } => ship_all(backup, data),
            Act::Verify { backup, data, key_file } => verify(backup, data.as_deref(), key_file.as_deref()),
        };
        match done {
            Ok(code) => ExitCode::from(code),
            Err(why) => untried(why),
        }
    }
}

fn status(backup: &Path, data: Option<&Path>) -> Result<u8, String> {
    let place = Place::open(backup).map_err(|error| error.to_string())?;
    let seen = survey(&place, Depth::Glance).map_err(|error| error.to_string())?;
    tell(&seen);
    for (device, end) in &seen.logs {
        let whose = if end.office { "调度日志" } else { "手机日志" };
        say(format_args!("  {whose} {device}  至第 {} 条  {}", end.seq, moment(end.at)));
    }
    if let Some(fault) = seen.faults.first() {
        say(format_args!("⚠ {fault}（请运行 nuanfang backup verify）"));
    }
    let Some(data) = data else { return Ok(if seen.faults.is_empty() { 0 } else { WRONG }) };
    let waiting = sqlite::beside(data).and_then(|db| waiting(&db, seen.through)).map_err(|error| error.to_string())?;
    if waiting.envelopes == 0 && waiting.files == 0 {
        say("数据目录中的全部内容都已在备份中");
        return Ok(if seen.faults.is_empty() { 0 } else { WRONG });
    }
    say(format_args!("尚未备份：{} 条记录，{} 个文件", waiting.envelopes, waiting.files));
    if let Some(since) = waiting.since {
        say(format_args!("  最早的一条收于 {}（{}）", moment(since), age(since)));
    }
    Ok(WRONG)
}

fn ship_all(backup: &Path, data: &Path) -> Result<u8, String> {
    let state = open_offline(data)?;
    let done = Place::make(backup).and_then(|place| {
        ship::begin(&state.store, &place)?;
        while ship::ship(&state.store, &place)? {}
        survey(&place, Depth::Glance)
    });
    let told = greet_backup(&state);
    state.store.close();
    tell(&done.map_err(|error| error.to_string())?);
    told.map_err(|error| error.to_string())?;
    Ok(0)
}

fn verify(backup: &Path, data: Option<&Path>, key_file: Option<&Path>) -> Result<u8, String> {
    let said = |error: StoreError| error.to_string();
    let place = Place::open(backup).map_err(said)?;
    let key = match (key_file, data) {
        (Some(file), _) => Some(recovery::read(Some(file))?),
        (None, Some(data)) => own_key(data).map_err(said)?,
        (None, None) => None,
    };
    let vault = match &key {
        Some(key) => reader::vault(&place, key).map_err(said)?,
        None => None,
    };
    let depth = vault.as_ref().map_or(Depth::Sealed, Depth::Open);
    let mut seen = survey(&place, depth).map_err(said)?;
    if let Some(data) = data {
        let known = sqlite::beside(data).and_then(|db| segments(&db)).map_err(said)?;
        seen.compare(&place, &known).map_err(said)?;
    }
    tell(&seen);
    if seen.erased > 0 {
        say(format_args!("依法抹除：{} 项，其余凭据完整", seen.erased));
    }
    for fault in seen.faults.iter().take(PRINTED) {
        say(format_args!("✗ {fault}"));
    }
    if seen.faults.len() > PRINTED {
        say(format_args!("✗ … 共 {} 处", seen.faults.len()));
    }
    if !seen.faults.is_empty() {
        say(format_args!("结论：备份有 {} 处不符", seen.faults.len()));
        return Ok(WRONG);
    }
    if vault.is_none() && seen.segments > 0 {
        say("结论：各段与链条无误；封存的正文与文件未打开（请提供 --key-file 或 --data）");
        return Ok(SEALED);
    }
    say("结论：备份完整，每一段、每条正文、每个文件都与写入时一致");
    Ok(0)
}

fn tell(seen: &Survey) {
    say(format_args!("企业 {}", seen.supplier));
    say(format_args!(
        "{} 段，{} 条记录，{} 份日志，{} 个文件",
        seen.segments,
        seen.through,
        seen.logs.len(),
        seen.files.len()
    ));
    if let Some(last) = seen.last {
        say(format_args!("最后一条记录收于 {}（{}）", moment(last), age(last)));
    }
    if seen.awaited > 0 {
        say(format_args!("{} 个文件手机尚未传完，不在备份中", seen.awaited));
    }
}

fn moment(at: Millis) -> String {
    at.local().format("%Y-%m-%d %H:%M:%S").to_string()
}

fn age(at: Millis) -> String {
    let seconds = (real_now().0 - at.0).max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds} 秒前"),
        60..3600 => format!("{} 分钟前", seconds / 60),
        3600..172_800 => format!("{} 小时前", seconds / 3600),
        _ => format!("{} 天前", seconds / 86_400),
    }
}

struct Waiting {
    envelopes: u64,
    files: u64,
    since: Option<Millis>,
}

fn waiting(db: &Connection, through: u64) -> Result<Waiting, StoreError> {
    let (envelopes, since): (i64, Option<i64>) = db.query_row(
        "SELECT count(*), min(recv_ms) FROM envelope WHERE g > ?1",
        [i64::try_from(through).unwrap_or(i64::MAX)],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let files: i64 = db.query_row(
        "SELECT count(*) FROM blob WHERE whole_ms IS NOT NULL AND (shipped = 0) = (flag IS NOT 'erased')",
        [],
        |row| row.get(0),
    )?;
    Ok(Waiting { envelopes: envelopes.unsigned_abs(), files: files.unsigned_abs(), since: since.map(Millis) })
}

/// The recovery key as the data folder's own vault has it.
fn own_key(data: &Path) -> Result<Option<[u8; 32]>, StoreError> {
    sqlite::beside(data)?;
    vault_copy::known_key(&Vault::open(data)?)
}
