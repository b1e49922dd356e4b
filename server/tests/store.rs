//! The embedded store keeps the contract, the contract's checks see a store that does not, and no interleaving of two
//! phones and the office breaks it.

#[path = "store/fixture.rs"]
mod fixture;
#[path = "store/mutant.rs"]
mod mutant;

use fixture::Embedded;
use nuanfang_server::store::suite::play::{Step, play};
use proptest::prelude::*;

nuanfang_server::store_suite!(Embedded);

fn step() -> impl Strategy<Value = Step> {
    let n = any::<u8>;
    prop_oneof![
        6 => (n(), proptest::option::weighted(0.8, n())).prop_map(|(visit, to)| Step::Plan(visit, to)),
        1 => n().prop_map(Step::Cancel),
        6 => (n(), n(), n()).prop_map(|(phone, visit, what)| Step::Work(phone, visit, what)),
        1 => n().prop_map(Step::Open),
        2 => (n(), 0..6u8).prop_map(|(phone, ops)| Step::Lose(phone, ops)),
        3 => n().prop_map(Step::Sync),
        4 => n().prop_map(Step::Pull),
        1 => Just(Step::Rebuild),
        1 => Just(Step::Restart),
    ]
}

/// A few by default; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig::default();
    ProptestConfig { cases: if asked { config.cases } else { 48 }, ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_interleaving_of_two_phones_and_the_office_breaks_i4_or_i5(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        play::<Embedded>(&steps);
    }
}
