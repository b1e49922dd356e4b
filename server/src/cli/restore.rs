//! `nuanfang restore`: a data folder made anew from its backup.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::recovery;
use crate::office::restore::{Damaged, Restored, Unrestored, restore};
use crate::store::ship::place::Place;
use crate::terminal::{complain, say, untried};

/// Make a data folder anew from its backup.
///
/// Needs the recovery key that the first start with --backup printed; it is read from --key-file, or asked for.
/// Afterwards start `nuanfang serve` on the folder with the same --backup: phones come back by themselves and offer
/// again what came between the last segment and the loss.
///
/// Exit status: 0 done; 1 the backup is damaged, and where (nothing was restored); 2 it could not be tried.
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup: a folder, or s3://BUCKET/PREFIX
    #[arg(long)]
    from: PathBuf,
    /// The data folder to make: new, or empty
    #[arg(long)]
    data: PathBuf,
    /// A file with the recovery key; without it the key is asked for
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Leave out photos and signatures in the backup that don't open, name them, and ask the phones for them; only where there
    /// is no better backup
    #[arg(long)]
    without_damaged_files: bool,
}

/// By how much the new epoch may lie away from the last record before it is asked whether this machine's clock is right.
const PLAUSIBLE_S: u64 = 30 * 24 * 3600;

/// The new epoch is told by this machine's clock, or by that of an earlier restore: phones keep it, and it can't be taken back
/// once they have heard of it.
fn clock_in_doubt(restored: &Restored) -> Option<String> {
    let last = restored.last?.0.unsigned_abs() / 1000;
    let days = restored.epoch.abs_diff(last) / (24 * 3600);
    if restored.epoch > last + PLAUSIBLE_S {
        Some(format!("本机时钟（或上一次恢复时的时钟）比备份的最后一条记录晚 {days} 天：请核对本机时钟"))
    } else if restored.epoch < last {
        Some("本机时钟早于备份的最后一条记录：请核对本机时钟".to_owned())
    } else {
        None
    }
}

impl Restore {
    /// Restores and says what came back.
    pub fn run(self) -> ExitCode {
        let place = match Place::open(&self.from) {
            Ok(place) => place,
            Err(error) => return untried(error),
        };
        let key = match recovery::read(self.key_file.as_deref()) {
            Ok(key) => key,
            Err(why) => return untried(why),
        };
        let damaged = if self.without_damaged_files { Damaged::LeftOut } else { Damaged::Refused };
        match restore(&place, &key, &self.data, damaged) {
            Ok(restored) => {
                say(format_args!(
                    "已恢复到 {}：{} 条记录，{} 个文件",
                    self.data.display(),
                    restored.envelopes,
                    restored.files
                ));
                if let Some(last) = restored.last {
                    say(format_args!("最后一条记录收于 {}", last.local().format("%Y-%m-%d %H:%M:%S")));
                }
                for fault in &restored.left_out {
                    say(format_args!("已略去：{fault}"));
                }
                if restored.awaited > 0 {
                    say(format_args!("{} 个文件将由手机重新上传（手机上还在的）", restored.awaited));
                }
                if restored.erased > 0 {
                    say(format_args!("{} 条正文此前已依法抹除", restored.erased));
                }
                say(format_args!("用户、密码、企业密钥均已恢复；新纪元 {}。", restored.epoch));
                if let Some(doubt) = clock_in_doubt(&restored) {
                    complain(doubt);
                    complain(format_args!(
                        "时钟不对时：请现在删除 {}，校正时钟，再恢复一次。手机会记住新纪元：走快的时钟定下的纪元，会使手机把以后另行恢复的服务器当作旧的",
                        self.data.display()
                    ));
                }
                say("接下来：");
                say(format_args!("  nuanfang serve --data {} --backup {} …", self.data.display(), self.from.display()));
                say("  手机连上后自动补传缺失的记录。");
                say("办公室在最后一条记录之后所做的（排单、改期、派工、迟到裁定、导入、新用户）手机补不回来，须重做；");
                say(
                    "首先由主管或管理员在调度台“手机”页重新停用此后遗失的手机；此后依法抹除的住户又在库中，须再次抹除；",
                );
                say(
                    "手机又送来记录而办公室已不知道的入户，在“暂存隔离”页“补录入户”并派给当时到场的服务人员，他的记录随即采用；",
                );
                say("此后设的依法保全、保存期限、停用的用户、改过的密码也都回到了从前。");
                ExitCode::SUCCESS
            }
            Err(Unrestored::Damaged(fault)) => {
                let file = fault.is_file();
                complain(Unrestored::Damaged(fault));
                if file && !self.without_damaged_files {
                    complain("没有更好的备份时，可用 --without-damaged-files 略去损坏的照片与签字，其余照常恢复");
                }
                ExitCode::from(1)
            }
            Err(error) => untried(error),
        }
    }
}
