//! The phone of some figures of `make bench`: the real core on an encrypted store, told by its arguments what to measure.
//!
//! `nuanfang-bench-phone cold DIR URL CODE`: enrols in the empty folder DIR and mirrors everything it may read.
//!
//! `nuanfang-bench-phone save DIR URL CODE COUNT`: enrols, learns its visits, and saves COUNT forms with signatures
//! without a network, each beside the least that a save could cost.
//!
//! `nuanfang-bench-phone fill DIR`: queues an operation for each line of standard input in the empty folder DIR.
//!
//! `nuanfang-bench-phone open DIR`: opens it, and measures how long it takes until its first exchange leaves, and what reading
//! that exchange's rows costs at least.
//!
//! What it measured is one line of JSON on standard output; exit status 1 and a line on standard error if it could not.

mod cold;
mod outbox;
mod phone;
mod save;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is returned, or what stopped it.
type Tried<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    match measure() {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("nuanfang-bench-phone: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Tried<String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let told: Vec<&str> = args.iter().map(String::as_str).collect();
    match told[..] {
        ["cold", dir, url, code] => {
            let phone = phone::Phone::enrol(PathBuf::from(dir), url, code)?;
            Ok(serde_json::to_string(&cold::mirror(&phone)?)?)
        }
        ["save", dir, url, code, count] => {
            let phone = phone::Phone::enrol(PathBuf::from(dir), url, code)?;
            Ok(serde_json::to_string(&save::save(&phone, count.parse()?)?)?)
        }
        ["fill", dir] => Ok(serde_json::to_string(&outbox::fill(Path::new(dir), std::io::stdin().lock())?)?),
        ["open", dir] => Ok(serde_json::to_string(&outbox::open(Path::new(dir))?)?),
        _ => Err("cold DIR URL CODE, save DIR URL CODE COUNT, fill DIR, or open DIR".into()),
    }
}
