//! The embedded store keeps the contract, the contract's checks see a store that does not, and no interleaving of two
//! phones and the office breaks it.

#[path = "store/fixture.rs"]
mod fixture;
#[path = "store/mutant.rs"]
mod mutant;

use fixture::Embedded;
use nuanfang_core::time::Millis;
use nuanfang_server::store::StoreError;
use nuanfang_server::store::suite::Fixture;
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

/// A full disk makes SQLite roll back everything at once, in the midst of a group.
#[tokio::test]
async fn once_a_groups_transaction_is_gone_nothing_of_the_group_is_written() {
    let place = Embedded::empty();
    let store = place.open(Millis(1_790_000_000_000)).expect("the store opens");
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let busy = store.clone();
    let busy = tokio::spawn(async move {
        let done = busy.write::<_, StoreError, _>(0, move |_| {
            let _ = begun.send(());
            may_go_on.recv().map_err(|_| StoreError::Closed)
        });
        done.await
    });
    has_begun.await.expect("the writer is at work");
    // What comes meanwhile shares the next commit.
    let note = |key: &'static str| {
        store.write::<_, StoreError, _>(0, move |writing| {
            writing.tx.execute("INSERT INTO meta (k, v) VALUES (?1, '')", [key])?;
            Ok(())
        })
    };
    let (before, gone, after, free) = tokio::join!(
        note("before"),
        store.write::<_, StoreError, _>(0, |writing| Ok(writing.tx.execute_batch("ROLLBACK")?)),
        note("after"),
        async { go_on.send(()) },
    );
    free.expect("the writer waits");
    busy.await.expect("no panic").expect("written");
    for told in [before, gone, after] {
        assert!(matches!(told, Err(StoreError::Full)), "{told:?}");
    }
    note("later").await.expect("the next group is none the worse");
    let found = store.read_now::<_, StoreError>(|db| {
        let mut query = db.prepare("SELECT k FROM meta WHERE k <> 'epoch'")?;
        let rows = query.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<Vec<String>, _>>()?)
    });
    assert_eq!(found.expect("it reads"), ["later"]);
}
