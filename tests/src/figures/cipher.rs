//! The phone on an encrypted store, as a process of its own: `nuanfang-bench-phone`, which is built by itself.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;

use super::{Tried, beside};

/// The program.
const PROGRAM: &str = "nuanfang-bench-phone";

/// Has the phone do `what` (`cold` or `save`) in the new folder `dir`, enrolled by `code` at the server of `url`, and
/// reads what it says it measured.
pub fn phone<A: DeserializeOwned>(what: &str, dir: &Path, url: &str, code: &str, more: &[String]) -> Tried<A> {
    let words = [url, code].into_iter().chain(more.iter().map(String::as_str)).map(OsStr::new);
    ask(what, std::iter::once(dir.as_os_str()).chain(words), "")
}

/// Has the phone do `what` with these arguments and this on its standard input, and reads what it says.
pub fn ask<A: DeserializeOwned>(
    what: &str,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    input: &str,
) -> Tried<A> {
    let mut child = Command::new(program()?)
        .arg(what)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // One that has no use for it may have ended already; how it ended says more.
    let _ = child.stdin.take().ok_or("no pipe")?.write_all(input.as_bytes());
    let done = child.wait_with_output()?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).trim().to_owned().into());
    }
    Ok(serde_json::from_slice(&done.stdout)?)
}

fn program() -> Tried<PathBuf> {
    Ok(beside(PROGRAM)?
        .ok_or("the phone is not built: cargo build --locked -p nuanfang-bench-phone (--release for make bench)")?)
}
