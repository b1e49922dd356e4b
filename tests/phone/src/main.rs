//! The phone of two figures of `make bench`: the real core on an encrypted store, told by its arguments what to measure.
//!
//! `nuanfang-bench-phone cold DIR URL CODE`: enrols in the empty folder DIR and mirrors everything it may read.
//!
//! `nuanfang-bench-phone save DIR URL CODE COUNT`: enrols, learns its visits, and saves COUNT forms with signatures
//! without a network, each beside the least that a save could cost.
//!
//! What it measured is one line of JSON on standard output; exit status 1 and a line on standard error if it could not.

mod cold;
mod phone;
mod save;

use std::error::Error;
use std::path::PathBuf;
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
        _ => Err("cold DIR URL CODE, or save DIR URL CODE COUNT".into()),
    }
}
