//! The office's acts: checked and done in one step, in a line with everything else.

use nuanfang_core::canon::envelope::{Envelope, nonce};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::office_event::Assigned;
use nuanfang_core::domain::rules::Rules;
use nuanfang_core::error::Refusal;
use nuanfang_core::id::{BootId, OpId, WorkerId};
use nuanfang_core::time::{Estimate, Stamp};
use uuid::Uuid;

use super::Fixture;
use super::house::{House, acknowledged, completed, departed, visit, worker};
use super::phone::Phone;
use crate::clock::Clock;
use crate::office::OfficeAct;
use crate::office::log::{Arriving, Entry};
use crate::store::{Reading, Store, StoreError};

fn assigned(assignee: WorkerId) -> Event {
    Event::Assigned(Assigned { assignee, reason: None })
}

fn taken() -> StoreError {
    Refusal::new("visit.taken", "", "已派给他人", "it is somebody's").into()
}

/// A refusal comes back as it is, and is the only thing that happened.
pub async fn an_act_that_its_check_refuses_leaves_nothing<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let before = (house.logged().len(), house.dump(), house.scope(worker(1)).pos);
    let acts = vec![OfficeAct::about(visit(1), 1, assigned(worker(2)))];
    let refused = house.office.append::<StoreError, _>(worker(0), acts, |_| Err(taken())).await;
    match refused {
        Err(StoreError::Refused(refusal)) => assert_eq!(refusal.code, "visit.taken"),
        other => panic!("{other:?}"),
    }
    assert_eq!((house.logged().len(), house.dump(), house.scope(worker(1)).pos), before);
    let g = house.assign(visit(1), worker(2)).await;
    assert_eq!(house.logged().last().map(|(logged, _)| logged.g), Some(g));
}

/// Who waits beside one that panics is served.
pub async fn a_panic_undoes_its_own_work_alone<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    phone.log(visit(1), 1, &departed());
    let act = |n| vec![OfficeAct::about(visit(1), 1, assigned(worker(n)))];
    let before = house.logged().len();
    let panicking = |_: &_| -> Result<(), StoreError> { panic!("a check that can't") };
    let (first, panicked, receipt, last) = tokio::join!(
        house.office.append::<StoreError, _>(worker(0), act(2), |_| Ok(())),
        house.office.append::<StoreError, _>(worker(0), act(3), panicking),
        phone.sync(&house),
        house.office.append::<StoreError, _>(worker(0), act(1), |_| Ok(())),
    );
    assert!(matches!(panicked, Err(StoreError::Panicked(_))), "{panicked:?}");
    assert!(first.is_ok() && last.is_ok() && receipt.acked == 1);
    assert_eq!(house.logged().len(), before + 3);
    assert!(house.visits(worker(1)).contains(&visit(1).to_string()));
    assert!(house.visits(worker(3)).is_empty());
    house.rebuilt_is_the_same().await;
}

/// Two dispatchers can't both be first: the second sees what the first did.
pub async fn who_acts_at_once_acts_one_after_the_other<F: Fixture>() {
    let house = House::<F>::open();
    for n in 1..=8 {
        house.schedule(visit(n), None).await;
        let give = |to: u8| {
            let acts = vec![OfficeAct::about(visit(n), 1, assigned(worker(to)))];
            house.office.append::<StoreError, _>(worker(0), acts, move |store| {
                let found = store.visit(visit(n))?.expect("the visit");
                match found.plan().current().and_then(|plan| plan.plan.assignee) {
                    None => Ok(()),
                    Some(_) => Err(taken()),
                }
            })
        };
        let (one, two, three) = tokio::join!(give(1), give(2), give(3));
        let done: Vec<_> = [one, two, three].iter().map(Result::is_ok).collect();
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "{done:?}");
        let id = visit(n).to_string();
        let holds: Vec<_> = (1..=3).map(|to| house.visits(worker(to)).contains(&id)).collect();
        assert_eq!(holds, done);
    }
}

/// The office's log is a chain like any other: no gap, no second branch.
pub async fn what_does_not_follow_on_the_log_is_not_appended<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let before = (house.logged().len(), house.dump());
    let (device, now) = (house.store.office(), house.clock.now());
    let entry = move |seq: u64, prev: Sha| {
        let body = acknowledged().to_body(&nonce());
        let envelope = Envelope {
            device,
            seq,
            prev,
            op: OpId(Uuid::now_v7()),
            kind: acknowledged().kind().into(),
            visit: Some(visit(1)),
            worker: worker(0),
            basis: 1,
            rules: Rules::builtin().sha(),
            t: Stamp { wall_ms: now.0, mono_ms: 1, boot: BootId(Uuid::nil()) },
            body_sha: Sha::of(body.as_bytes()),
            blobs: Vec::new(),
        };
        let (sha, estimate) = (envelope.sha(), Estimate::exact(now));
        Entry { arriving: Arriving { sha, envelope, event: acknowledged(), recv: now, estimate, last: true }, body }
    };
    let gap = house.store.append::<StoreError, _>(0, move |_, head| Ok(vec![entry(head.acked + 2, head.ack_sha)]));
    assert!(gap.await.is_err());
    let branch = house.store.append::<StoreError, _>(0, move |_, head| Ok(vec![entry(head.acked + 1, Sha::ZERO)]));
    assert!(branch.await.is_err());
    let second = house.store.append::<StoreError, _>(0, move |_, head| {
        let first = entry(head.acked + 1, head.ack_sha);
        Ok(vec![first.clone(), first])
    });
    assert!(second.await.is_err(), "all, or none");
    assert_eq!((house.logged().len(), house.dump()), before);
    house.schedule(visit(2), None).await;
    assert_eq!(house.logged().len(), before.0 + 1);
}

/// Every table but the log can be thrown away, files and phones none the wiser.
pub async fn projections_made_anew_are_the_same_byte_for_byte<F: Fixture>() {
    let house = House::<F>::open();
    let mut phones = Vec::new();
    for n in 1..=3 {
        phones.push(Phone::enrol(&house, worker(n)).await);
    }
    for n in 1..=6u8 {
        house.schedule(visit(n), (n % 3 > 0).then(|| worker(n % 3))).await;
        for (phone, basis) in phones.iter_mut().zip(1..) {
            phone.log(visit(n), basis, &departed());
            phone.log(visit(n + 1), 1, &completed());
            if n % 2 == 0 {
                phone.sync(&house).await;
            }
        }
        house.assign(visit(n), worker(1 + n % 2)).await;
    }
    house.cancel(visit(2)).await;
    let told = |n| serde_json::to_string(&house.scope(worker(n))).expect("JSON");
    let before = [told(1), told(2), told(3)];
    house.rebuilt_is_the_same().await;
    assert_eq!([told(1), told(2), told(3)], before);
    for phone in &mut phones {
        phone.sync(&house).await;
    }
    house.assign(visit(6), worker(3)).await;
    house.rebuilt_is_the_same().await;
}

/// Two processes never write one log.
pub async fn a_second_opening_of_the_same_data_is_refused<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), None).await;
    let second = house.fixture.open(house.clock.now()).err();
    assert!(matches!(second, Some(StoreError::Locked(_))), "{second:?}");
    house.schedule(visit(2), None).await;
    let house = house.reopened();
    assert_eq!(house.logged().len(), 2);
}
