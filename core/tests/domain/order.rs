//! The order of F.9, F.10 and F.12, for each line and revision of a quote: proven over random sequences, those of a
//! worker who asks and those of a phone that forges. The judge here is written anew from the standard's words and
//! shares no code with the rules.

use std::collections::HashSet;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::command::Freeze;
use nuanfang_core::domain::kind::{AnswerState, Outcome};
use nuanfang_core::domain::measurement::MeasurementPurpose;
use nuanfang_core::domain::quote::{QuoteLine, QuoteShown};
use nuanfang_core::domain::repair::{price, quote_sha};
use nuanfang_core::domain::room::{Room, RoomKind};
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::domain::units::Fen;
use nuanfang_core::domain::worker_event::{
    Completed, Departed, Entered, Explained, MeasurementStarted, PriceListShown, ProblemDescribed, ReadingTaken,
    RiskTold, RoomEntered,
};
use nuanfang_core::domain::{Command, DeciCelsius, Event, Fact, VisitKind, role};
use proptest::prelude::*;

use crate::journeys::{demonstrate, done, draft, line, start, tell};
use crate::phone::{INSTRUMENT, MINUTE, PEN, Phone, answer, entered, nowhere};

/// Something somebody does.
#[derive(Debug, Clone)]
pub enum Step {
    Tick,
    Depart,
    Arrive,
    Enter(bool),
    Problem,
    Floor,
    Tell(u8),
    List(bool),
    /// Which lines (bits), which price of each (bits).
    Quote(u8, u8),
    SignQuote {
        back: u32,
        honest: bool,
    },
    RefuseQuote,
    Risk(u8, u8),
    Consent(u8, bool),
    RefuseConsent(u8),
    Start(u8),
    Done(u8),
    Demonstrate(bool),
    Explain,
    Accept(bool),
    RefuseAcceptance,
    Room(bool),
    Measure,
    Read(i32),
    Freeze,
    SignMeasurement,
    Complete(u8),
}

pub fn steps(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => Just(Step::Tick),
        1 => Just(Step::Depart),
        1 => Just(Step::Arrive),
        1 => any::<bool>().prop_map(Step::Enter),
        2 => Just(Step::Problem),
        2 => Just(Step::Floor),
        4 => (0..3u8).prop_map(Step::Tell),
        4 => prop::bool::weighted(0.9).prop_map(Step::List),
        5 => (1..8u8, 0..64u8).prop_map(|(lines, prices)| Step::Quote(lines, prices)),
        6 => (0..2u32, prop::bool::weighted(0.9)).prop_map(|(back, honest)| Step::SignQuote { back, honest }),
        1 => Just(Step::RefuseQuote),
        2 => (0..2u8, 0..8u8).prop_map(|(object, lines)| Step::Risk(object, lines)),
        3 => (0..2u8, prop::bool::weighted(0.9)).prop_map(|(object, honest)| Step::Consent(object, honest)),
        1 => (0..2u8).prop_map(Step::RefuseConsent),
        7 => (1..8u8).prop_map(Step::Start),
        7 => (1..8u8).prop_map(Step::Done),
        4 => prop::bool::weighted(0.8).prop_map(Step::Demonstrate),
        1 => Just(Step::Explain),
        4 => prop::bool::weighted(0.9).prop_map(Step::Accept),
        1 => Just(Step::RefuseAcceptance),
        1 => any::<bool>().prop_map(Step::Room),
        1 => Just(Step::Measure),
        2 => (170..200i32).prop_map(Step::Read),
        1 => Just(Step::Freeze),
        1 => Just(Step::SignMeasurement),
        2 => (0..4u8).prop_map(Step::Complete),
    ];
    prop::collection::vec(step, 0..longest)
}

/// Half of all sequences begin where the interesting part does.
pub fn begun(longest: usize) -> impl Strategy<Value = (bool, Vec<Step>)> {
    (prop::bool::weighted(0.8), steps(longest))
}

fn names(bits: u8) -> Vec<&'static str> {
    ["L1", "L2", "L3"].into_iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, name)| name).collect()
}

fn object(which: u8) -> String {
    format!("物件{which}")
}

/// The step as a command, with the roles of its files.
pub fn command(phone: &Phone, step: &Step) -> (Command, &'static [&'static str]) {
    let revision = |back: u32| {
        let lane = phone.visit.lane_of(phone.lane, phone.device);
        lane.and_then(|lane| lane.repair.quotes.last()).map_or(1, |q| q.quote.revision.saturating_sub(back))
    };
    let signed = |purpose: Purpose, honest: bool| {
        let mut signed = phone.signature(purpose);
        if !honest {
            signed.covers = Some(Sha::of(b"something else"));
        }
        Command::Sign(signed)
    };
    match step {
        Step::Tick => (answer("F7-1", AnswerState::Satisfied, None), &[]),
        Step::Depart => (Command::Depart(Departed { tools_checked: true, parts: vec![] }), &[]),
        Step::Arrive => (Command::Arrive(nuanfang_core::domain::worker_event::Arrived { place: nowhere() }), &[]),
        Step::Enter(permitted) => (Command::Enter(Entered { permitted: *permitted, ..entered() }), &[]),
        Step::Problem => (Command::DescribeProblem(ProblemDescribed { text: "不热".into() }), &[]),
        Step::Floor => (Command::ProtectFloor, &[role::PHOTO_FLOOR]),
        Step::Tell(which) => (tell(&[["L1", "L2", "L3"][usize::from(*which)]]), &[]),
        Step::List(right) => {
            let price_list = Sha::of(if *right { b"prices" } else { b"rumour" });
            (Command::ShowPriceList(PriceListShown { price_list, version: "示例".into() }), &[])
        }
        Step::Quote(bits, prices) => {
            let price = |name: &&str| {
                let at = name.as_bytes()[1] - b'1';
                line(name, [0, 1000, 2000, 3000][usize::from(prices >> (2 * at) & 3)])
            };
            (draft(names(*bits).iter().map(price).collect(), Some("变更")), &[])
        }
        Step::SignQuote { back, honest } => (signed(Purpose::Quote { revision: revision(*back) }, *honest), PEN),
        Step::RefuseQuote => {
            let refused = phone.refusal(Purpose::Quote { revision: revision(0) }, Some("邻居"));
            (Command::RefuseToSign(refused), &[])
        }
        Step::Risk(which, bits) => {
            let lines = names(*bits).into_iter().map(str::to_owned).collect();
            let risk = RiskTold { object: object(*which), text: "可能断裂".into(), lines };
            (Command::TellRisk(risk), &[role::PHOTO_BEFORE])
        }
        Step::Consent(which, honest) => (signed(Purpose::Consent { object: object(*which) }, *honest), PEN),
        Step::RefuseConsent(which) => {
            let refused = phone.refusal(Purpose::Consent { object: object(*which) }, Some("邻居"));
            (Command::RefuseToSign(refused), &[])
        }
        Step::Start(bits) => (start(&names(*bits)), &[]),
        Step::Done(bits) => (done(&names(*bits)), &[]),
        Step::Demonstrate(works) => (demonstrate(*works), &[]),
        Step::Explain => (Command::Explain(Explained { text: "开关".into() }), &[]),
        Step::Accept(honest) => (signed(Purpose::Acceptance, *honest), PEN),
        Step::RefuseAcceptance => (Command::RefuseToSign(phone.refusal(Purpose::Acceptance, Some("邻居"))), &[]),
        Step::Room(permitted) => {
            let room =
                Room { key: "living".into(), kind: RoomKind::Living, label: "起居室".into(), orientation: None };
            (Command::EnterRoom(RoomEntered { room, permitted: *permitted }), &[])
        }
        Step::Measure => {
            let started = MeasurementStarted {
                protocol: "745-M2".into(),
                instrument: INSTRUMENT,
                purpose: MeasurementPurpose::Routine,
                weather: "晴".into(),
                outdoor: None,
                window_open: false,
                extra_heater: false,
                radiators_covered: false,
                reason: Some("约定".into()),
                note: None,
            };
            (Command::StartMeasurement(started), &[])
        }
        Step::Read(value) => {
            (Command::TakeReading(ReadingTaken { room: "living".into(), value: DeciCelsius(*value) }), &[])
        }
        Step::Freeze => (Command::FreezeMeasurement(Freeze::default()), &[]),
        Step::SignMeasurement => (signed(Purpose::Measurement, true), PEN),
        Step::Complete(which) => {
            let outcome =
                [Outcome::Done, Outcome::NotDone, Outcome::Absent, Outcome::RefusedEntry][usize::from(*which)];
            (Command::Complete(Completed { outcome, reason: Some("见备注".into()), next_window: None }), &[])
        }
    }
}

/// The step as an event that nobody was asked about.
fn forged(phone: &Phone, step: &Step) -> Option<(Event, &'static [&'static str])> {
    let (command, roles) = command(phone, step);
    let event = match command {
        Command::Depart(departed) => Event::Departed(departed),
        Command::Arrive(arrived) => Event::Arrived(arrived),
        Command::Enter(entered) => Event::Entered(entered),
        Command::DescribeProblem(problem) => Event::ProblemDescribed(problem),
        Command::ProtectFloor => Event::FloorProtected(Default::default()),
        Command::TellCharge(told) => Event::ChargeTold(told),
        Command::ShowPriceList(shown) => Event::PriceListShown(shown),
        Command::ShowQuote(draft) => {
            let lane = phone.visit.lane_of(phone.lane, phone.device);
            let revision = lane.and_then(|lane| lane.repair.quotes.last()).map_or(1, |q| q.quote.revision + 1);
            let lines: Vec<QuoteLine> = draft.lines.iter().filter_map(price).collect();
            Event::QuoteShown(QuoteShown {
                revision,
                total: Fen(lines.iter().map(|line| line.amount.0).sum()),
                tax: Fen(lines.iter().map(|line| line.tax.0).sum()),
                lines,
                price_list: draft.price_list,
                price_list_version: draft.price_list_version,
                expected_minutes: Some(draft.expected_minutes),
                change: draft.change,
            })
        }
        Command::TellRisk(risk) => Event::RiskTold(risk),
        Command::StartWork(started) => Event::WorkStarted(started),
        Command::FinishWork(done) => Event::WorkDone(done),
        Command::Demonstrate(demonstrated) => Event::Demonstrated(demonstrated),
        Command::Explain(explained) => Event::Explained(explained),
        Command::Sign(signed) => Event::Signed(signed),
        Command::RefuseToSign(refused) => Event::SignatureRefused(refused),
        Command::Complete(completed) => Event::Completed(completed),
        Command::AnswerItems(answers) => Event::ItemsAnswered(answers),
        Command::EnterRoom(entered) => Event::RoomEntered(entered),
        Command::StartMeasurement(started) => Event::MeasurementStarted(started),
        Command::TakeReading(reading) => Event::ReadingTaken(reading),
        _ => return None,
    };
    Some((event, roles))
}

/// What the standard's words say is out of order, in the events as they lie in the log. Nothing of the rules is used.
pub fn breaches(facts: &[Fact]) -> Vec<&'static str> {
    let events: Vec<&Event> = facts.iter().map(|fact| &fact.event).collect();
    let mut found = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let before = &events[..at];
        let let_in = before.iter().any(|event| matches!(event, Event::Entered(entered) if entered.permitted));
        match event {
            Event::WorkStarted(work) => {
                if !let_in {
                    found.push("F.3 work before entry");
                }
                if !before.iter().any(|event| matches!(event, Event::ProblemDescribed(_))) {
                    found.push("F.5 work before listening");
                }
                for name in &work.lines {
                    found.extend(line_breach(before, name));
                    if risk_breach(before, name) {
                        found.push("F.9 work on what may be damaged without consent");
                    }
                }
            }
            Event::WorkDone(work) => {
                let begun: HashSet<&String> = before
                    .iter()
                    .filter_map(|event| if let Event::WorkStarted(work) = event { Some(&work.lines) } else { None })
                    .flatten()
                    .collect();
                if work.lines.iter().any(|line| !begun.contains(line)) {
                    found.push("F.10 done before begun");
                }
            }
            Event::Demonstrated(_) if !before.iter().any(|event| matches!(event, Event::WorkDone(_))) => {
                found.push("F.12 demonstrated before anything was done");
            }
            Event::Signed(signed) if signed.purpose == Purpose::Acceptance => {
                let shown = before.iter().rposition(|event| matches!(event, Event::Demonstrated(_)));
                let worked =
                    before.iter().rposition(|event| matches!(event, Event::WorkStarted(_) | Event::WorkDone(_)));
                let works = shown.is_some_and(|at| matches!(before[at], Event::Demonstrated(d) if d.works));
                if !works || shown < worked {
                    found.push("F.12 accepted before demonstrated");
                }
            }
            Event::Completed(completed) if completed.outcome == Outcome::Done => {
                let settled = |event: &&&Event| match event {
                    Event::Signed(signed) => signed.purpose == Purpose::Acceptance,
                    Event::SignatureRefused(refused) => refused.purpose == Purpose::Acceptance,
                    _ => false,
                };
                if !before.iter().any(|event| settled(&event)) {
                    found.push("F.12 closed before acceptance");
                }
            }
            _ => {}
        }
    }
    found
}

fn quotes<'a>(before: &'a [&'a Event]) -> Vec<(usize, &'a QuoteShown)> {
    let shown = |(at, event): (usize, &&'a Event)| match event {
        Event::QuoteShown(quote) => Some((at, quote)),
        _ => None,
    };
    before.iter().enumerate().filter_map(shown).collect()
}

/// F10-1 ≤ F10-2 ≤ F10-3 < work, for the line as the quote in force has it.
fn line_breach(before: &[&Event], name: &str) -> Option<&'static str> {
    let quotes = quotes(before);
    let refused = |at: usize, quote: &QuoteShown| {
        before[at..].iter().any(|event| {
            matches!(event, Event::SignatureRefused(refused)
                if refused.purpose == Purpose::Quote { revision: quote.revision } && refused.covers == Some(quote_sha(quote)))
        })
    };
    let Some((_, in_force)) = quotes.iter().rev().find(|(at, quote)| !refused(*at, quote)) else {
        return Some("F.10 work without a quote");
    };
    let Some(line) = in_force.lines.iter().find(|line| line.line == name) else {
        return Some("F.10 work on a line that is not quoted");
    };
    if line.amount.0 == 0 {
        return None;
    }
    let confirmed = quotes.iter().any(|(shown_at, quote)| {
        let sha = quote_sha(quote);
        quote.lines.contains(line)
            && before.iter().enumerate().skip(*shown_at).any(|(signed_at, event)| {
                let signed = matches!(event, Event::Signed(signed)
                    if signed.purpose == Purpose::Quote { revision: quote.revision } && signed.covers == Some(sha));
                signed && told_and_listed(&before[..signed_at], name, quote.price_list)
            })
    });
    (!confirmed).then_some("F.10 work before told, listed and signed")
}

fn told_and_listed(before: &[&Event], name: &str, list: Sha) -> bool {
    before.iter().enumerate().any(|(listed_at, event)| {
        matches!(event, Event::PriceListShown(shown) if shown.price_list == list)
            && before[..listed_at].iter().any(
                |event| matches!(event, Event::ChargeTold(told) if told.lines.iter().any(|line| line.line == name)),
            )
    })
}

fn risk_breach(before: &[&Event], name: &str) -> bool {
    let mut objects = HashSet::new();
    before.iter().enumerate().rev().any(|(told_at, event)| {
        let Event::RiskTold(risk) = event else { return false };
        if !objects.insert(&risk.object) || !(risk.lines.is_empty() || risk.lines.iter().any(|line| line == name)) {
            return false;
        }
        // Told again in the same words, an earlier consent stands.
        let first_at = before[..told_at]
            .iter()
            .enumerate()
            .rev()
            .take_while(
                |(_, event)| !matches!(event, Event::RiskTold(other) if other.object == risk.object && other != risk),
            )
            .filter(|(_, event)| matches!(event, Event::RiskTold(other) if other == risk))
            .map(|(at, _)| at)
            .last()
            .unwrap_or(told_at);
        let consent = Purpose::Consent { object: risk.object.clone() };
        !before[first_at..].iter().any(|event| matches!(event, Event::Signed(signed) if signed.purpose == consent))
    })
}

fn set_out(begun: bool) -> Phone {
    let mut phone = Phone::of(VisitKind::Repair);
    if begun {
        phone.go_in();
    }
    phone
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever is allowed when asked for keeps the order, and leaves nothing on record.
    #[test]
    fn what_is_allowed_is_in_order((begun, steps) in begun(60)) {
        let mut phone = set_out(begun);
        for step in &steps {
            let (command, roles) = command(&phone, step);
            let _ = phone.try_act(command, roles);
            phone.wait(MINUTE);
        }
        prop_assert_eq!(breaches(&phone.facts), Vec::<&str>::new());
        if let Some(lane) = phone.visit.lanes().first() {
            prop_assert_eq!(&lane.violations, &vec![]);
        }
    }

    /// Whatever a forger appends folds, and what is out of order leaves a violation.
    #[test]
    fn what_is_forged_out_of_order_is_on_record((begun, steps) in begun(40)) {
        let mut phone = set_out(begun);
        for step in &steps {
            if let Some((event, roles)) = forged(&phone, step) {
                phone.forge(event, roles);
            }
        }
        let violations = phone.visit.lanes().first().map_or(0, |lane| lane.violations.len());
        let breaches = breaches(&phone.facts);
        prop_assert!(breaches.is_empty() || violations > 0, "{:?}", breaches);
    }

    /// One forged step in an honest visit is found too: nothing else hides it.
    #[test]
    fn one_forged_step_among_honest_ones_is_on_record(steps in steps(60), at in 0..60usize) {
        let mut phone = set_out(true);
        for (index, step) in steps.iter().enumerate() {
            if index == at && let Some((event, roles)) = forged(&phone, step) {
                phone.forge(event, roles);
                continue;
            }
            let (command, roles) = command(&phone, step);
            let _ = phone.try_act(command, roles);
        }
        let breaches = breaches(&phone.facts);
        let violations = &phone.visit.lanes().first().expect("it has begun").violations;
        prop_assert!(breaches.is_empty() || !violations.is_empty(), "{:?}", breaches);
    }

    /// What the screen is told to be possible is possible, and what it is told to be blocked is blocked.
    #[test]
    fn the_next_actions_are_the_truth(steps in steps(50)) {
        use nuanfang_core::domain::view::Action;
        let mut phone = set_out(true);
        for step in &steps {
            let (command, roles) = command(&phone, step);
            let _ = phone.try_act(command, roles);
        }
        for next in phone.view().next_actions {
            let subject = next.subject.clone().unwrap_or_default();
            let revision = subject.parse().unwrap_or(0);
            let (command, roles): (Command, &[&str]) = match next.action {
                Action::SignQuote => (Command::Sign(phone.signature(Purpose::Quote { revision })), PEN),
                Action::SignConsent => (Command::Sign(phone.signature(Purpose::Consent { object: subject.clone() })), PEN),
                Action::SignAcceptance => (Command::Sign(phone.signature(Purpose::Acceptance)), PEN),
                Action::SignMeasurement => (Command::Sign(phone.signature(Purpose::Measurement)), PEN),
                Action::StartWork if !subject.is_empty() => (start(&[&subject]), &[]),
                Action::FinishWork if !subject.is_empty() => (done(&[&subject]), &[]),
                Action::Demonstrate => (demonstrate(true), &[]),
                Action::FreezeMeasurement => (Command::FreezeMeasurement(Freeze::default()), &[]),
                Action::CompleteDone => {
                    (Command::Complete(Completed { outcome: Outcome::Done, reason: None, next_window: None }), &[])
                }
                _ => continue,
            };
            let asked = phone.ask(&command, roles);
            match (asked, next.blocks.first()) {
                (Ok(_), None) => {}
                (Err(refusal), Some(_)) => prop_assert!(
                    next.blocks.iter().any(|block| block.code == refusal.code), "{:?} {:?}", refusal, next),
                (Ok(_), Some(block)) => prop_assert!(false, "{:?} is said to be blocked by {:?}", next.action, block),
                (Err(refusal), None) => prop_assert!(false, "{:?} {:?} is blocked by {:?}", next.action, subject, refusal),
            }
        }
    }
}
