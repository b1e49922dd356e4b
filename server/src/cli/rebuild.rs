//! `nuanfang rebuild`: every table but the log, made anew from the log.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::config::Config;
use crate::office::project::erasure;
use crate::office::rebuild;
use crate::serve::open;
use crate::store::{Reading, Store, StoreError};
use crate::terminal::{say, untried};

/// Make everything but the log anew from the log and the files, and check the log's chains.
///
/// The server must not be running on the folder.
///
/// Exit status: 0 done; 1 done, and something came out otherwise than it was; 2 it could not be tried.
#[derive(Debug, Args)]
pub struct Rebuild {
    /// The data folder
    #[arg(long, default_value = "data")]
    data: PathBuf,
}

impl Rebuild {
    /// Rebuilds.
    pub fn run(self) -> ExitCode {
        if !self.data.join("nuanfang.db").is_file() {
            return untried(StoreError::Absent(self.data));
        }
        let state = match open(Config::local(&self.data), SocketAddr::from(([127, 0, 0, 1], 0))) {
            Ok(state) => state,
            Err(error) => return untried(error),
        };
        let done = (|| {
            let stand = state.store.read_all(Reading::verify_chains)?;
            say(format_args!("日志完整：{stand} 条记录，链条无误"));
            let before = state.store.read_all(rebuild::digests)?;
            let folded = state.store.rebuild()?;
            let after = state.store.read_all(rebuild::digests)?;
            say(format_args!("已由 {folded} 条记录重建全部数据表"));
            // Who was erased is not told again, so the feed's positions are others.
            let erased = state.store.read_now(erasure::any)?;
            let compared = before.iter().zip(&after).filter(|(was, _)| !erased || !rebuild::FEED.contains(&was.table));
            let changed = compared.filter(|(before, after)| before != after);
            let said =
                changed.map(|(before, after)| format!("{}（{} → {} 行）", before.table, before.rows, after.rows));
            Ok::<_, StoreError>(said.collect::<Vec<_>>())
        })();
        state.store.close();
        match done {
            Ok(changed) if changed.is_empty() => {
                say("与重建前逐字节一致");
                ExitCode::SUCCESS
            }
            Ok(changed) => {
                say(format_args!("与重建前不同，已采用重建的结果：{}", changed.join("、")));
                ExitCode::from(1)
            }
            Err(error) => untried(error),
        }
    }
}
