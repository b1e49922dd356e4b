//! A promise broken on purpose that shows at a power cut alone: the crash sweep must find it, with nothing else broken.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

use nuanfang_core::drill::{self, Mutant};
use nuanfang_crash::suite::{self, Form};

#[test]
fn a_file_named_before_its_bytes_are_on_the_disk_is_found() {
    let sweep = |mutant| {
        drill::give(mutant);
        suite::server(Form::Short, 598).unwrap()
    };
    let (broken, whole) = (sweep(Some(Mutant::NameFirst)), sweep(None));
    assert!(broken.failures.iter().any(|failure| failure.what.contains("bears its name")), "{broken:?}");
    assert_eq!(whole.failed, 0, "{whole:?}");
}
