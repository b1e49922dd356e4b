//! What becomes of evidence: everything is stored, nothing is refused, nobody else is stopped (I6, I7, I8).

use std::collections::BTreeMap;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::office_event::{LateDecided, LateDecision};
use nuanfang_core::domain::show::overview;
use nuanfang_core::domain::signature::{Purpose, Signed, Signer, SignerRole};
use nuanfang_core::wire::OutcomeKind;

use super::Fixture;
use super::house::{House, acknowledged, completed, departed, visit, worker};
use super::phone::Phone;
use crate::office::OfficeAct;
use crate::store::Reading;

/// I6: whatever an operation says, the next one is taken and judged by itself.
pub async fn i6_no_operation_stops_a_later_one<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let mut phone = Phone::enrol(&house, worker(1)).await;
    let long = format!(r#"{{"n":"{}"}}"#, "0".repeat(300 * 1024));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let poison = [
        (Some(visit(1)), "visit.teleported", r#"{"n":"0"}"#),
        (Some(visit(1)), "visit.departed", r#"{"n":"0","tools_checked":7}"#),
        (Some(visit(1)), "visit.departed", "null"),
        (Some(visit(1)), "visit.departed", &long),
        (Some(visit(1)), "visit.departed", &deep),
        (Some(visit(1)), "visit.signed", r#"{"n":"0"}"#),
        (Some(visit(1)), "office.cancelled", r#"{"n":"0","reason":"x"}"#),
        (Some(visit(9)), "visit.departed", r#"{"n":"0","tools_checked":true,"parts":[]}"#),
        (None, "visit.departed", r#"{"n":"0","tools_checked":true,"parts":[]}"#),
        (None, "", "{}"),
    ];
    let mut good = Vec::new();
    for (about, kind, body) in poison {
        phone.log_raw(about, u64::MAX, kind, body, Vec::new());
        good.push(phone.log(visit(1), 1, &acknowledged()).seq);
    }
    phone.sync(&house).await;
    house.holds(phone.device, &phone.log);
    let outcomes = phone.outcomes(&house);
    assert_eq!(outcomes.len(), good.len(), "every other one is kept apart: {outcomes:?}");
    assert!(outcomes.iter().all(|outcome| !good.contains(&outcome.seq)));
    assert!(outcomes.iter().all(|outcome| matches!(outcome.o, OutcomeKind::Held | OutcomeKind::Quarantined)));
    house.rebuilt_is_the_same().await;
}

/// I6: an operation that nothing can be made of is kept apart alone: neither its log's others nor another phone's, which
/// came at the same moment, are less for it.
pub async fn i6_a_fault_keeps_its_own_operation_apart<F: Fixture>() {
    let house = House::<F>::open();
    let mut phones = Vec::new();
    for n in 1..=3 {
        house.schedule(visit(n), Some(worker(n))).await;
        phones.push(Phone::enrol(&house, worker(n)).await);
    }
    // The device's key is none, so nothing can be said of what it signed.
    let signed = Event::Signed(Signed {
        purpose: Purpose::Measurement,
        signer: Signer { name: "测试住户".into(), role: SignerRole::Owner },
        covers: None,
        record_sha: Sha::of(b"record"),
        jws: r#"{"payload":"e30","signatures":[{"protected":"e30","signature":"AA"}]}"#.into(),
    });
    for (n, phone) in (1..).zip(&mut phones) {
        phone.log(visit(n), 1, &departed());
        let second = if n == 2 { signed.clone() } else { acknowledged() };
        phone.log(visit(n), 1, &second);
        phone.log(visit(n), 1, &completed());
    }
    let [one, two, three] = &mut phones[..] else { unreachable!("three phones") };
    tokio::join!(one.sync(&house), two.sync(&house), three.sync(&house));
    for phone in &phones {
        house.holds(phone.device, &phone.log);
    }
    assert_eq!((phones[0].outcomes(&house), phones[2].outcomes(&house)), (Vec::new(), Vec::new()));
    let told = phones[1].outcomes(&house);
    assert_eq!(told.iter().map(|o| (o.seq, o.o)).collect::<Vec<_>>(), [(2, OutcomeKind::Quarantined)]);
    let done = |n| overview(&house.read(|store| store.visit(visit(n))).expect("the visit")).state;
    assert_eq!([done(1), done(2)], [done(3), done(3)], "all three visits are over");
    house.rebuilt_is_the_same().await;
}

/// I7: the history decides, not the present holder; nothing is refused, and what waited is judged when it can be.
pub async fn i7_evidence_is_judged_by_who_ever_held_the_visit_and_never_refused<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    house.schedule(visit(2), Some(worker(1))).await;
    let mut phones = Vec::new();
    for n in 1..=3 {
        phones.push(Phone::enrol(&house, worker(n)).await);
    }
    house.assign(visit(1), worker(2)).await;
    house.cancel(visit(2)).await;
    for phone in &mut phones {
        for about in [visit(1), visit(2), visit(9)] {
            phone.log(about, 1, &departed());
        }
        phone.log(visit(1), 2, &completed());
        phone.sync(&house).await;
        house.holds(phone.device, &phone.log);
    }
    let judged = |phone: &Phone| -> Vec<_> {
        let told = phone.outcomes(&house);
        (1..=4).map(|seq| told.iter().find(|o| o.seq == seq).map_or(OutcomeKind::Applied, |o| o.o)).collect()
    };
    use OutcomeKind::{Applied, Held, Late, Quarantined};
    assert_eq!(judged(&phones[0]), [Late, Late, Held, Late], "who held it before");
    assert_eq!(judged(&phones[1]), [Applied, Quarantined, Held, Applied], "who holds it");
    assert_eq!(judged(&phones[2]), [Quarantined, Quarantined, Held, Quarantined], "who never did");
    let why = |phone: &Phone, seq| phone.outcomes(&house).into_iter().find(|o| o.seq == seq).and_then(|o| o.why);
    assert_eq!(why(&phones[0], 1).as_deref(), Some("reassigned"));
    assert_eq!(why(&phones[0], 4).as_deref(), Some("reassigned_known"), "he had seen that it was moved");
    house.schedule(visit(9), Some(worker(3))).await;
    assert_eq!(judged(&phones[2])[2], Applied, "the visit is known now");
    assert_eq!(why(&phones[2], 3).as_deref(), Some("released"), "and the phone hears of it");
    assert_eq!(judged(&phones[0])[2], Quarantined);
    house.rebuilt_is_the_same().await;
}

/// I7: a phone hears of everything that was judged anew, however much it is, and of what is its exchange's own besides.
pub async fn i7_what_is_judged_anew_is_told_once_and_all_of_it<F: Fixture>() {
    const VISITS: u8 = 70;
    const EACH: u64 = 30;
    let house = House::<F>::open();
    let mut phone = Phone::enrol(&house, worker(1)).await;
    for n in 1..=VISITS {
        for _ in 0..EACH {
            phone.log(visit(n), 1, &departed());
        }
    }
    let stranger = phone.log(visit(99), 1, &departed()).seq;
    phone.sync(&house).await;
    // The newest first: by its log's order alone a phone would hear of some twice and of others never.
    for n in (1..=VISITS).rev() {
        house.schedule(visit(n), Some(worker(1))).await;
    }
    house.schedule(visit(99), Some(worker(2))).await;
    let (all, mut heard, mut judged) = (phone.log.len() as u64, BTreeMap::new(), 0);
    for answer in 1.. {
        // The last operation is this exchange's own.
        let (told, through) =
            house.read(|store| store.outcomes(phone.device, if answer == 1 { stranger - 1 } else { all }, all, judged));
        for outcome in told {
            let known = heard.insert(outcome.seq, outcome.o);
            assert!(known.is_none() || outcome.seq == stranger, "{} is told again", outcome.seq);
        }
        assert_eq!(heard.get(&stranger), Some(&OutcomeKind::Quarantined), "at once, whatever else waits");
        if through == 0 {
            assert!(answer > 3, "more than two answers were needed");
            break;
        }
        assert!(through > judged, "what was told lies behind");
        judged = through;
    }
    assert_eq!(heard.len() as u64, all);
    assert_eq!(heard.values().filter(|outcome| **outcome == OutcomeKind::Applied).count() as u64, all - 1);
    // To a phone of another epoch silence says that all else is applied.
    let (told, through) = house.read(|store| store.outcomes(phone.device, 0, all, 0));
    assert_eq!((told.len() as u64, through), (all, judged));
}

/// I8: two who finished are two lanes; which one counts is a person's word.
pub async fn i8_late_work_changes_neither_state_nor_result<F: Fixture>() {
    let house = House::<F>::open();
    house.schedule(visit(1), Some(worker(1))).await;
    let mut first = Phone::enrol(&house, worker(1)).await;
    house.assign(visit(1), worker(2)).await;
    let seen = || overview(&house.read(|store| store.visit(visit(1))).expect("the visit"));
    let result = || house.read(|store| store.visit(visit(1))).expect("the visit").result_lane();
    let told = || serde_json::to_string(&house.scope(worker(2))).expect("JSON");
    let before = (seen().state, seen().assignee, result(), told());
    for event in [departed(), completed()] {
        first.log(visit(1), 1, &event);
    }
    first.sync(&house).await;
    assert_eq!((seen().state, seen().assignee, result(), told()), before);
    assert!(seen().late_undecided, "it waits for the dispatcher");
    assert!(house.visits(worker(1)).is_empty());
    let decided =
        LateDecided { lane: 1, decision: LateDecision::Primary, reason: "确已完成".into(), records: None };
    house.act(OfficeAct::about(visit(1), house.version(visit(1)), Event::LateDecided(decided))).await;
    assert_eq!(result(), 1, "the dispatcher's word does");
    assert!(!seen().late_undecided);
    house.rebuilt_is_the_same().await;
}
