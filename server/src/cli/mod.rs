//! The command line: one binary, each act a subcommand, an exit status that means something, one line for what is
//! wrong.

mod backup;
mod enrol;
mod erase;
mod rebuild;
mod recovery;
mod rescue;
mod restore;
mod serve;
mod setting;
mod verify;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::http;
use crate::office::cli::{Import, User};
use crate::terminal;

/// 暖访 Nuanfang: the field-work server of a heat-supply company
#[derive(Debug, Parser)]
#[command(name = "nuanfang", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Import(Import),
    User(User),
    Enrol(enrol::Enrol),
    Verify(verify::Verify),
    Rebuild(rebuild::Rebuild),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Rescue(rescue::Rescue),
    Erase(erase::Erase),
    Hold(erase::Hold),
    Setting(setting::Setting),
    Openapi(Openapi),
    /// Print the version
    Version,
}

/// Print the description of the API (OpenAPI 3.1): the office's
#[derive(Debug, Args)]
struct Openapi {
    /// Of what phones ask
    #[arg(long)]
    phones: bool,
}

impl Openapi {
    fn run(self) -> ExitCode {
        let description = if self.phones { http::device::openapi() } else { http::api::openapi() };
        match description.to_pretty_json() {
            Ok(text) => {
                terminal::say(text);
                ExitCode::SUCCESS
            }
            Err(error) => terminal::untried(error),
        }
    }
}

/// Runs the command that was given.
pub fn run() -> ExitCode {
    terminal::speak_of_panics();
    terminal::ended(run_one(Cli::parse().command))
}

fn run_one(command: Command) -> ExitCode {
    match command {
        Command::Serve(serve) => serve.run(),
        Command::Import(import) => import.run(),
        Command::User(user) => user.run(),
        Command::Enrol(enrol) => enrol.run(),
        Command::Verify(verify) => verify.run(),
        Command::Rebuild(rebuild) => rebuild.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Rescue(rescue) => rescue.run(),
        Command::Erase(erase) => erase.run(),
        Command::Hold(hold) => hold.run(),
        Command::Setting(setting) => setting.run(),
        Command::Openapi(openapi) => openapi.run(),
        Command::Version => {
            terminal::say(format_args!("nuanfang {}", env!("CARGO_PKG_VERSION")));
            ExitCode::SUCCESS
        }
    }
}
