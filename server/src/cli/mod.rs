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

use clap::{Parser, Subcommand};

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
    /// Print the description of the API (OpenAPI 3.1)
    Openapi,
    /// Print the version
    Version,
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
        Command::Openapi => match crate::http::api::openapi().to_pretty_json() {
            Ok(text) => {
                terminal::say(text);
                ExitCode::SUCCESS
            }
            Err(error) => terminal::untried(error),
        },
        Command::Version => {
            terminal::say(format_args!("nuanfang {}", env!("CARGO_PKG_VERSION")));
            ExitCode::SUCCESS
        }
    }
}
