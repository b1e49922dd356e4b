//! The command line of `nuanfang-demo`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use nuanfang_core::id::VisitId;
use nuanfang_core::time::Millis;
use tokio::signal::unix::{Signal, SignalKind, signal};
use uuid::Uuid;

use crate::clock::DayClock;
use crate::day::{self, House, Kill, Played, killed};
use crate::documents::Documents;
use crate::folder::{Folder, Found};
use crate::ledger::Ledger;
use crate::office::Office;
use crate::stage::{PASSWORD, Stage};
use crate::{Done, outcome, say, summary};

/// A part of the day did not end as it must.
const WRONG: u8 = 1;
/// It could not be tried.
const UNTRIED: u8 = 2;

/// 暖访演示：播放一个完整工作日并提供服务。 Plays one working day of a made-up supplier, and serves it.
///
/// A new folder: the generated ledger is imported, the day is played through real phone cores over real HTTP, then the
/// office's console is served until Ctrl-C or SIGTERM. The same folder again: it goes on with what is there. A day that
/// was interrupted is played anew.
///
/// Exit status: 0 stopped when asked to, or (--exit) all eight parts ended as they must; 1 a part did not, and which;
/// 2 it could not be tried.
#[derive(Debug, Parser)]
#[command(name = "nuanfang-demo", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Args {
    /// The data folder; made if it is not there
    #[arg(long, required = true)]
    data: Option<PathBuf>,
    /// Where to listen, on this machine
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Play, print what happened as a table, and stop
    #[arg(long)]
    exit: bool,
    /// Leave every PDF of the day in this folder, named by kind, with keys.json
    #[arg(long)]
    documents: Option<PathBuf>,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// The phone that is killed: part 8, as a process of its own
    #[command(hide = true)]
    Phone {
        /// Its folder
        folder: PathBuf,
        /// The visit
        visit: Uuid,
        /// What its clock shows, UTC milliseconds
        now: i64,
    },
}

/// Runs what was asked for.
pub fn run() -> ExitCode {
    let args = Args::parse();
    let done = match (args.part, args.data) {
        (Some(Part::Phone { folder, visit, now }), _) => {
            killed::play_until_killed(&folder, VisitId(visit), Millis(now)).map(|()| ExitCode::SUCCESS)
        }
        (None, Some(data)) => Show { data, listen: args.listen, exit: args.exit, documents: args.documents }.run(),
        (None, None) => Err("--data DIR".into()),
    };
    done.unwrap_or_else(|error| {
        eprintln!("nuanfang-demo: {error}");
        ExitCode::from(UNTRIED)
    })
}

struct Show {
    data: PathBuf,
    listen: SocketAddr,
    exit: bool,
    documents: Option<PathBuf>,
}

impl Show {
    fn run(self) -> Done<ExitCode> {
        let (folder, found) = Folder::open(&self.data)?;
        if matches!(found, Found::Unfinished) {
            say("上次未播放完，重新开始… the last day was interrupted; it is played anew");
        }
        let (stage, played) = match found {
            Found::Played(played) => (Stage::resume(&folder, self.listen, &played)?, *played),
            Found::New | Found::Unfinished => self.play(&folder)?,
        };
        let done = self.show(&stage, &played);
        stage.stop();
        done
    }

    fn play(&self, folder: &Folder) -> Done<(Stage, Played)> {
        let date = day::today();
        folder.begin()?;
        let ledger = Ledger::of_the_day(date);
        say(&format!("生成台账… writing the ledger to {}", folder.ledger().display()));
        let files = ledger.save(&folder.ledger()).map_err(|error| error.to_string())?;
        let clock = Arc::new(DayClock::open(folder.data())?);
        clock.stand(day::opening(date));
        let stage = Stage::start(folder, self.listen, Arc::clone(&clock))?;
        stage.furnish(&ledger, &files, say)?;
        let house = House {
            url: stage.url().to_owned(),
            clock,
            phones: folder.phones(),
            kill: Kill::Process(std::env::current_exe()?),
            say,
        };
        let played = day::play(house, date, &ledger)?;
        folder.finish(&played)?;
        Ok((stage, played))
    }

    fn show(&self, stage: &Stage, played: &Played) -> Done<ExitCode> {
        let office = Office::log_in(stage.url(), "zhuguan", PASSWORD)?;
        let mut code = ExitCode::SUCCESS;
        if self.exit || self.documents.is_some() {
            say("核对当日数据与文书… the day is read back and every document proved");
            let documents = Documents::of(&office, &played.visits)?;
            if let Some(folder) = &self.documents {
                documents.save(folder)?;
                say(&format!("  {} 份文书 documents → {}", documents.papers.len(), folder.display()));
            }
            let outcomes = outcome::judge(&office, played, &documents)?;
            say(&outcome::table(&outcomes));
            let wrong: Vec<String> =
                outcomes.iter().filter(|outcome| !outcome.holds()).map(|outcome| outcome.part.to_string()).collect();
            if !wrong.is_empty() {
                eprintln!("nuanfang-demo: 第 {} 部分没有如期结束 (did not end as it must)", wrong.join("、"));
                code = ExitCode::from(WRONG);
            }
        }
        if !self.exit {
            // The ear is there before anybody is told that it serves.
            let mut stop = stage.runtime().block_on(async { Stop::listen() })?;
            summary::tell(&office, stage.url(), played)?;
            say("按 Ctrl-C 结束 Ctrl-C ends it");
            stage.runtime().block_on(stop.heard());
            say("正在停止：等待进行中的请求… stopping");
        }
        Ok(code)
    }
}

/// Ctrl-C and SIGTERM.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn heard(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
