//! Every target over the inputs that are kept and over random ones for a second; in a build for fuzzing, over those
//! that coverage leads to.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use nuanfang_fuzz::{kept, targets};

fn replay(name: &str, target: fn(&[u8])) {
    let inputs = kept::of(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(!inputs.is_empty());
    for (file, input) in inputs {
        let held = catch_unwind(AssertUnwindSafe(|| target(&input)));
        assert!(held.is_ok(), "{name}: the kept input {file} breaks a promise");
    }
}

macro_rules! targets {
    ($($name:ident)*) => { $(
        #[test]
        fn $name() {
            if std::env::var_os("BOLERO_LIBFUZZER_ARGS").is_none() {
                replay(stringify!($name), targets::$name);
            }
            bolero::check!(name = stringify!($name))
                .with_max_len(4096)
                .with_test_time(Duration::from_secs(1))
                .for_each(|input: &[u8]| targets::$name(input));
        }
    )* };
}

targets! { bits canonical events keys packed picture record reply request rescue upgrade upload }
