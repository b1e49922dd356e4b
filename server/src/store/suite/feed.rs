//! The feed: what phones mirror, and whose it is (I4, I5, I13).

use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::office_event::Assigned;
use nuanfang_core::wire::{FeedKind, OutcomeKind, ScopeCursor, feed_entity};

use super::Fixture;
use super::house::{House, completed, departed, visit, worker};
use super::mirror::Mirror;
use super::phone::Phone;
use crate::office::OfficeAct;
use crate::store::StoreError;

/// I4: from wherever a phone stands, the changes bring it to what a new phone is given.
pub async fn i4_positions_are_dense_and_every_replay_ends_at_the_snapshot<F: Fixture>() {
    let house = House::<F>::open();
    let mut mirror = Mirror::of(worker(1));
    let mut stood = vec![mirror.clone()];
    for n in 1..=6 {
        house.schedule(visit(n), Some(worker(1))).await;
        if n % 2 == 0 {
            house.assign(visit(n), worker(2)).await;
        }
        if n == 5 {
            house.assign(visit(2), worker(1)).await;
            house.cancel(visit(1)).await;
        }
        mirror.apply(&house.pull(&mirror.cursor));
        stood.push(mirror.clone());
    }
    let mut snapshot = Mirror::of(worker(1));
    snapshot.apply(&house.scope(worker(1)));
    for mut mirror in stood {
        mirror.apply(&house.pull(&mirror.cursor));
        assert_eq!(mirror, snapshot);
    }
    let idle = house.pull(&snapshot.cursor);
    assert!(!idle.reset && idle.feed.is_empty(), "who is at the head is told nothing");
}

/// I4: a cursor that is not of this history is not believed.
pub async fn i4_who_is_out_of_step_gets_the_whole_scope<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    house.schedule(visit(2), Some(worker(1))).await;
    let mut snapshot = Mirror::of(worker(1));
    snapshot.apply(&house.scope(worker(1)));
    let head = snapshot.cursor.clone();
    let elsewhere = [
        ScopeCursor { pos: head.pos + 7, ..head.clone() },
        ScopeCursor { hash: "0".repeat(32), ..head.clone() },
        ScopeCursor { pos: 1, ..head },
    ];
    for cursor in elsewhere {
        let reply = house.pull(&cursor);
        assert!(reply.reset, "{cursor:?}");
        let mut mirror = Mirror { cursor, ..snapshot.clone() };
        mirror.apply(&reply);
        assert_eq!(mirror, snapshot);
    }
}

/// I5: revoke, put, history and the act itself are one step: all of it, or none.
pub async fn i5_a_visit_is_in_one_workers_scope_and_moves_in_one_step<F: Fixture>() {
    let house = House::<F>::open();
    let workers = [worker(1), worker(2), worker(3)];
    let id = visit(1).to_string();
    let holders = |house: &House<F>| -> Vec<_> {
        workers.iter().copied().filter(|worker| house.visits(*worker).contains(&id)).collect()
    };
    house.schedule(visit(1), None).await;
    assert_eq!(holders(&house), [], "nobody's yet");
    let mut phones = Vec::new();
    for holder in workers {
        phones.push(Phone::enrol(&house, holder).await);
    }
    for holder in [worker(1), worker(2), worker(1), worker(3)] {
        let assigned = Assigned { assignee: holder, reason: Some("就近".into()) };
        let act = || OfficeAct::about(visit(1), house.version(visit(1)), Event::Assigned(assigned.clone()));
        let before = (house.logged().len(), house.dump(), holders(&house));
        // The second act of the two fails: the first is not half done.
        let twice = vec![act(), act()];
        let refused = |_: &_| Err(StoreError::Full);
        assert!(house.office.append::<StoreError, _>(worker(0), twice, refused).await.is_err());
        assert_eq!((house.logged().len(), house.dump(), holders(&house)), before);
        let g = house.act(act()).await;
        assert_eq!(holders(&house), [holder]);
        let (logged, _) = house.logged().pop().expect("the act");
        assert_eq!((logged.g, logged.visit, logged.fact.worker), (g, Some(visit(1)), worker(0)), "on record, with who");
    }
    // The history knows them all: who ever held it is late, not unknown.
    for phone in &mut phones {
        phone.log(visit(1), 2, &departed());
        phone.sync(&house).await;
        let late = phone.outcomes(&house).iter().any(|outcome| outcome.o == OutcomeKind::Late);
        assert_eq!(late, phone.worker != worker(3));
    }
    phones[2].log(visit(1), house.version(visit(1)), &completed());
    phones[2].sync(&house).await;
    assert_eq!(holders(&house), [worker(3)], "work that is done stays its worker's");
    house.cancel(visit(1)).await;
    assert_eq!(holders(&house), [], "a cancelled visit is nobody's");
}

/// I13: a phone that comes back late hears that a visit left, never again what was in it.
pub async fn i13_what_left_a_scope_is_told_only_as_gone<F: Fixture>() {
    let house = House::<F>::open();
    let fresh = Mirror::of(worker(1));
    let mut early = fresh.clone();
    house.schedule(visit(1), Some(worker(1))).await;
    early.apply(&house.pull(&fresh.cursor));
    house.schedule(visit(2), Some(worker(1))).await;
    house.assign(visit(2), worker(2)).await;
    house.assign(visit(1), worker(2)).await;
    for cursor in [&fresh.cursor, &early.cursor] {
        let reply = house.pull(cursor);
        let told = serde_json::to_string(&reply).expect("JSON");
        assert!(!told.contains("暖气不热"), "{told}");
        assert!(reply.feed.iter().all(|entry| entry.k == FeedKind::Revoke));
    }
    let gone = house.pull(&early.cursor);
    let gone: Vec<_> = gone.feed.iter().filter(|entry| entry.e == feed_entity::VISIT).collect();
    assert!(gone.iter().any(|entry| entry.id == visit(1).to_string() && entry.why.as_deref() == Some("reassigned")));
}
