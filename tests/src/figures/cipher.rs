//! The phone on an encrypted store, as a process of its own: `nuanfang-bench-phone`, which is built by itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::de::DeserializeOwned;

use super::Tried;

/// The program.
const PROGRAM: &str = "nuanfang-bench-phone";

/// Has the phone do `what` (`cold` or `save`) in the new folder `dir`, enrolled by `code` at the server of `url`, and
/// reads what it says it measured.
pub fn phone<A: DeserializeOwned>(what: &str, dir: &Path, url: &str, code: &str, more: &[String]) -> Tried<A> {
    let done = Command::new(program()?).arg(what).arg(dir).args([url, code]).args(more).output()?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).trim().to_owned().into());
    }
    Ok(serde_json::from_slice(&done.stdout)?)
}

/// Beside this program, or from the suite's own folder one further up.
fn program() -> Tried<PathBuf> {
    let here = std::env::current_exe()?;
    let beside = here.ancestors().skip(1).take(2).map(|folder| folder.join(PROGRAM)).find(|file| file.is_file());
    Ok(beside
        .ok_or("the phone is not built: cargo build --locked -p nuanfang-bench-phone (--release for make bench)")?)
}
