//! `nuanfang rescue`: a phone's rescue file is handed in.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::office::rescue::{Refused, Rescued, Why, rescue};
use crate::serve::open_offline;
use crate::state::AppState;
use crate::terminal::{complain, say, untried, words};

/// Nothing was taken in: the file is damaged, or none of ours.
const REFUSED: u8 = 1;
/// Records are in, some of their files are not.
const PART: u8 = 3;

/// Take in a phone's rescue file: what it could not send by itself.
///
/// The server must not be running. It may be done twice: what is here already is passed over. What the phone's key did
/// not sign, and what does not fit its log, is kept apart for a person to look at; so is what a dismissed phone holds after its
/// time to hand in. It says how many of the records do not count yet.
///
/// Exit status: 0 everything is in (or was already); 1 nothing was taken in: the file is damaged, cut within its records
/// or none of ours; 2 it could not be tried; 3 the records are in, but the copy was cut before some of their files.
#[derive(Debug, Args)]
pub struct Rescue {
    /// The file
    file: PathBuf,
    /// The data folder
    #[arg(long)]
    data: PathBuf,
}

impl Rescue {
    /// Takes it in and says what was new.
    pub fn run(self) -> ExitCode {
        let file = match File::open(&self.file) {
            Ok(file) => BufReader::new(file),
            Err(error) => return untried(format_args!("{}：{}", self.file.display(), words(&error))),
        };
        let state = match open_offline(&self.data) {
            Ok(state) => state,
            Err(why) => return untried(why),
        };
        let done = rescue(&state, file);
        if let Ok(rescued) = &done {
            tell(&state, rescued);
        }
        state.store.close();
        match done {
            Ok(rescued) if rescued.ops_cut > 0 => {
                complain(format_args!("文件不完整：最后 {} 条记录没有收取，请重新复制后再收取一次", rescued.ops_cut));
                ExitCode::from(PART)
            }
            Ok(rescued) if rescued.files_cut > 0 => {
                complain(format_args!(
                    "文件不完整：还缺 {} 个照片或签字文件，请重新复制后再收取一次",
                    rescued.files_cut
                ));
                ExitCode::from(PART)
            }
            Ok(_) => ExitCode::SUCCESS,
            Err(Refused::Store(error)) => untried(error),
            Err(refused) => {
                complain(format_args!("{}：{refused}", self.file.display()));
                ExitCode::from(REFUSED)
            }
        }
    }
}

fn tell(state: &AppState, rescued: &Rescued) {
    let name = state
        .store
        .read_now(|db| crate::office::registers::worker::find(db, rescued.worker))
        .ok()
        .flatten()
        .map_or_else(|| rescued.worker.to_string(), |worker| worker.name);
    say(format_args!("{name} 的手机（{}）", rescued.device));
    say(format_args!("记录 {} 条，其中新收 {} 条", rescued.ops, rescued.new_ops));
    say(format_args!("照片与签字 {} 个，其中新收 {} 个", rescued.files - rescued.files_cut, rescued.new_files));
    if rescued.waiting > 0 {
        say(format_args!("其中 {} 条已收下，暂不计入，请在调度台“暂存隔离”页处理", rescued.waiting));
    }
    if rescued.overdue > 0 {
        say(format_args!(
            "{} 条因离职停用手机的交回期限已过而隔离；如准予补交，请重新判定（同类记录可一并判定）",
            rescued.overdue
        ));
    }
    if let Some(apart) = &rescued.apart {
        let why = match apart.why {
            Why::Unsigned => "手机密钥未签名",
            Why::Fork => "与服务器上的日志分叉",
            Why::Gap => "与服务器上的日志不相接（手机读不出其间的记录，或没有导出）",
            Why::Unheard => "该手机尚不知道服务器已恢复，更早的记录可能还只在手机上",
        };
        say(format_args!("{why}：新收的记录单独保存，等待人工核对（日志 {}）", apart.device));
        if apart.why == Why::Unheard {
            say("请尽量让该手机联网一次：它会把全部记录按先后重新送来并计入，不必再导出");
        }
    }
}
