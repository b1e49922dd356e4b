use std::sync::Arc;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::{Fact, RuleBook, Rules};

use super::events::{Sent, folded, look};
use crate::samples;
use crate::shape::shape;

/// Upgrades of the forms, up and down: whatever bundle of rules is delivered is understood as a whole or refused; a day recorded
/// now under one, now under another, now under one that is not at hand, folds and can be looked at under each.
pub fn upgrade(input: &[u8]) {
    let [day, turns, rest @ ..] = input else { return };
    let Ok(delivered) = Rules::parse(&shape(rest, samples::bundles())) else { return };
    let again = Rules::parse(delivered.bytes()).expect("what was understood once");
    assert!(again == delivered, "a bundle read again from its own bytes");
    let (own, delivered) = (Rules::builtin(), Arc::new(delivered));
    let under = |at: usize| match (turns.rotate_left(at as u32 % 8) & 1, at % 5) {
        (_, 4) => Sha::ZERO,
        (0, _) => own.sha(),
        _ => delivered.sha(),
    };
    let days = samples::days();
    let sent: Vec<Sent> = serde_json::from_slice(days[usize::from(*day) % days.len()].bytes()).expect("a golden day");
    let facts: Vec<Fact> = sent.into_iter().enumerate().map(|(at, sent)| sent.fact(at, under(at))).collect();
    let mut book = RuleBook::default();
    book.add(Arc::clone(&delivered));
    let visit = folded(&book, facts.iter());
    for rules in [&own, &delivered] {
        look(&visit, &facts, rules);
    }
    let older = folded(&RuleBook::default(), facts.iter());
    look(&older, &facts, &own);
}
