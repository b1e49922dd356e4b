//! A phone as a process of its own, to be killed: `phone-process DIR NUMBER` notes from NUMBER on for ever, sending
//! after each note, and says on standard output what is saved, and why it could not be sent.

use std::path::PathBuf;

use nuanfang_tests::jotter::Jotter;

fn main() {
    let mut args = std::env::args_os().skip(1);
    let dir = PathBuf::from(args.next().expect("the phone's folder"));
    let first: u32 = args.next().and_then(|text| text.to_str()?.parse().ok()).expect("a number");
    let phone = Jotter::open(&dir);
    for n in first.. {
        phone.note(n);
        println!("saved {n}");
        if let Err(refusal) = phone.sync() {
            println!("{}", refusal.code);
        }
    }
}
