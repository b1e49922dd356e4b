//! Measuring: which readings count, what a room is worth, what a signature covers.

use nuanfang_core::domain::command::Freeze;
use nuanfang_core::domain::kind::Outcome;
use nuanfang_core::domain::lane::RoomAccess;
use nuanfang_core::domain::measurement::{MeasurementPurpose, RoomVerdict};
use nuanfang_core::domain::measuring::{assess, qualified, touches_noon};
use nuanfang_core::domain::room::{Orientation, Room, RoomKind};
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::domain::view::{Action, FrozenState, TaskKind};
use nuanfang_core::domain::worker_event::{
    Disputed, MeasurementFrozen, MeasurementStarted, ReadingTaken, Remedy, RoomEntered,
};
use nuanfang_core::domain::{Command, DeciCelsius, Event, Rules, VisitKind, Window, role};
use nuanfang_core::id::{BootId, InstrumentId};
use nuanfang_core::time::{Millis, Stamp};
use proptest::prelude::*;

use crate::phone::{EXPIRED, INSTRUMENT, MINUTE, MORNING, PEN, Phone, uuid};

fn room(key: &str, kind: RoomKind, permitted: bool) -> Command {
    let room = Room { key: key.into(), kind, label: key.to_uppercase(), orientation: Some(Orientation::South) };
    Command::EnterRoom(RoomEntered { room, permitted })
}

fn started(instrument: InstrumentId, purpose: MeasurementPurpose, reason: Option<&str>) -> Command {
    let quick = purpose == MeasurementPurpose::Quick;
    Command::StartMeasurement(MeasurementStarted {
        protocol: if quick { "QUICK".into() } else { "745-M2".into() },
        instrument,
        purpose,
        weather: "晴".into(),
        outdoor: Some(DeciCelsius(-50)),
        window_open: false,
        extra_heater: true,
        radiators_covered: false,
        reason: reason.map(str::to_owned),
        note: None,
    })
}

fn reading(room: &str, value: i32) -> Command {
    Command::TakeReading(ReadingTaken { room: room.into(), value: DeciCelsius(value) })
}

fn freeze(reason: Option<&str>) -> Command {
    Command::FreezeMeasurement(Freeze { reason: reason.map(str::to_owned), note: None })
}

/// Ten calm minutes and three readings.
fn measure(phone: &mut Phone, room: &str, values: [i32; 4]) {
    phone.act(reading(room, values[0]), &[]);
    phone.wait(10 * MINUTE);
    for value in &values[1..] {
        phone.act(reading(room, *value), &[]);
        phone.wait(MINUTE);
    }
}

fn indoors() -> Phone {
    let mut phone = Phone::of(VisitKind::Measurement);
    phone.go_in();
    phone
}

#[test]
fn a_day_of_measuring() {
    let mut phone = indoors();
    assert_eq!(phone.refused(reading("bedroom1", 183), &[]), "order.wrong");
    assert_eq!(
        phone.refused(started(InstrumentId(uuid(9)), MeasurementPurpose::Routine, None), &[]),
        "instrument.unknown"
    );
    phone.act(room("bedroom1", RoomKind::Bedroom, true), &[]);
    phone.act(room("living", RoomKind::Living, true), &[]);
    phone.act(room("kitchen", RoomKind::Other, true), &[]);
    phone.act(room("bedroom2", RoomKind::Bedroom, false), &[]);
    phone.act(started(INSTRUMENT, MeasurementPurpose::Routine, None), &[]);
    assert_eq!(phone.refused(reading("bedroom2", 183), &[]), "room.not_permitted");
    assert_eq!(phone.refused(reading("living", 1830), &[]), "reading.implausible");
    assert_eq!(phone.refused(freeze(None), &[]), "measurement.no_reading");

    phone.act(reading("bedroom1", 183), &[]);
    let wait = phone.view().rooms[0].wait_seconds;
    assert!((595..=600).contains(&wait), "{wait}");
    phone.wait(10 * MINUTE);
    // Mean of 181, 182, 182 is 181.67 → 182; correction −1.
    for value in [181, 182, 182] {
        phone.act(reading("bedroom1", value), &[]);
        phone.wait(MINUTE);
    }
    let bedroom = phone.view().rooms[0].clone();
    assert_eq!((bedroom.value, bedroom.verdict), (Some(DeciCelsius(181)), RoomVerdict::Qualified));
    measure(&mut phone, "living", [176, 176, 177, 176]);
    measure(&mut phone, "kitchen", [120, 120, 120, 120]);
    assert!(phone.action(Action::FreezeMeasurement).is_some_and(|freeze| freeze.wanted));
    phone.act(freeze(None), &[]);
    assert_eq!(phone.refused(freeze(None), &[]), "measurement.already_frozen");

    let view = phone.view();
    let frozen = &view.measurements[0];
    let verdicts: Vec<RoomVerdict> = frozen.summary.rooms.iter().map(|room| room.verdict).collect();
    assert_eq!(verdicts, [RoomVerdict::Qualified, RoomVerdict::Below, RoomVerdict::NotJudged]);
    assert_eq!(frozen.qualified, Some(false), "one room below is a home below; never an average");
    assert!(frozen.summary.valid && !frozen.summary.at_noon);
    assert_eq!(phone.refuse_complete(Outcome::Done), "measurement.not_signed");
    phone.sign(Purpose::Measurement);
    assert_eq!(phone.view().measurements[0].state, FrozenState::Signed);

    // A reading after the signature voids it and keeps the old version; the new one names the old.
    let old = phone.view().measurements[0].sha;
    let stale = phone.signature(Purpose::Measurement);
    measure(&mut phone, "living", [178, 178, 178, 178]);
    let view = phone.view();
    assert_eq!(view.measurements[0].state, FrozenState::Void);
    assert!(!view.signatures[0].holds);
    assert_eq!(phone.refuse_complete(Outcome::Done), "measurement.not_frozen");
    phone.act(freeze(None), &[]);
    assert_eq!(phone.refused(Command::Sign(stale), PEN), "signature.stale");
    let view = phone.view();
    assert_eq!(view.measurements[1].summary.supersedes, Some(old));
    assert_eq!(view.measurements[0].state, FrozenState::Superseded);
    phone.act(Command::RefuseToSign(phone.refusal(Purpose::Measurement, Some("邻居 赵"))), &[]);
    phone.complete(Outcome::Done);
    let view = phone.view();
    assert_eq!(view.tasks[0].kind, TaskKind::CallBack);
    assert!(view.violations.is_empty(), "{:?}", view.violations);
}

#[test]
fn an_expired_instrument() {
    let mut phone = indoors();
    assert_eq!(
        phone.refused(started(EXPIRED, MeasurementPurpose::Dispute, Some("无其他设备")), &[]),
        "instrument.expired"
    );
    assert_eq!(phone.refused(started(EXPIRED, MeasurementPurpose::Routine, None), &[]), "instrument.expired_reason");
    phone.act(room("living", RoomKind::Living, true), &[]);
    phone.act(started(EXPIRED, MeasurementPurpose::Routine, Some("无其他设备")), &[]);
    measure(&mut phone, "living", [190, 190, 190, 190]);
    phone.act(freeze(None), &[]);
    let view = phone.view();
    assert!(!view.measurements[0].summary.valid);
    assert!(view.warnings.iter().any(|warning| warning.code == "measurement.invalid"));
    assert!(phone.codes().is_empty(), "{:?}", phone.codes());
}

#[test]
fn noon_wants_a_reason() {
    let mut phone = indoors();
    phone.act(room("living", RoomKind::Living, true), &[]);
    phone.wait(2 * 60 * MINUTE - 15 * MINUTE);
    let mut noon = indoors();
    noon.wait(3 * 60 * MINUTE);
    assert_eq!(noon.refused(started(INSTRUMENT, MeasurementPurpose::Routine, None), &[]), "measurement.noon_reason");
    noon.act(started(INSTRUMENT, MeasurementPurpose::Routine, Some("热用户只有此时在家")), &[]);

    // Begun before twelve, ended after: asked for when it is frozen.
    phone.wait(70 * MINUTE);
    phone.act(started(INSTRUMENT, MeasurementPurpose::Routine, None), &[]);
    measure(&mut phone, "living", [190, 190, 190, 190]);
    assert_eq!(phone.refused(freeze(None), &[]), "measurement.noon_reason");
    phone.act(freeze(Some("热用户要求")), &[]);
    assert!(phone.view().measurements[0].summary.at_noon);
}

#[test]
fn twelve_and_three_are_inside() {
    let limits = &Rules::builtin().limits;
    let at = |minute: i64, ms: i64| Millis(MORNING + (minute - 540) * MINUTE + ms);
    let cases = [
        (at(700, 0), at(720, -1), false),
        (at(700, 0), at(720, 0), true),
        (at(900, 0), at(960, 0), true),
        (at(900, 1), at(960, 0), false),
        (at(600, 0), at(1000, 0), true),
        (at(1000, 0), at(1000 + 1440, 0), true),
        (at(1000, 0), at(1000 - 300, 0), false),
    ];
    for (start, end, expected) in cases {
        assert_eq!(touches_noon(start, end, limits), expected, "{start:?} {end:?}");
    }
}

#[test]
fn a_quick_check_counts_for_nothing() {
    let mut phone = indoors();
    phone.act(room("living", RoomKind::Living, true), &[]);
    let mut wrong = started(INSTRUMENT, MeasurementPurpose::Routine, None);
    if let Command::StartMeasurement(started) = &mut wrong {
        started.protocol = "QUICK".into();
    }
    assert_eq!(phone.refused(wrong, &[]), "protocol.purpose");
    phone.act(started(INSTRUMENT, MeasurementPurpose::Quick, None), &[]);
    phone.act(reading("living", 201), &[]);
    phone.act(freeze(None), &[]);
    let summary = phone.view().measurements[0].summary.clone();
    assert_eq!((summary.rooms[0].value, summary.valid), (Some(DeciCelsius(200)), false));
    assert!(phone.codes().is_empty(), "{:?}", phone.codes());
}

#[test]
fn a_dispute_is_settled_by_48_hours_or_a_new_measurement() {
    let mut phone = indoors();
    phone.act(room("living", RoomKind::Living, true), &[]);
    phone.act(started(INSTRUMENT, MeasurementPurpose::Routine, None), &[]);
    measure(&mut phone, "living", [175, 175, 175, 175]);
    let monitor = |room: &str, hours: i64| {
        let remedy = Remedy::Monitor48h {
            device: "W-3".into(),
            start: Millis(MORNING),
            end: Millis(MORNING + hours * 60 * MINUTE),
        };
        Command::Dispute(Disputed { room: room.into(), text: "读数偏高".into(), remedy })
    };
    assert_eq!(phone.refused(monitor("living", 48), &[]), "dispute.no_room");
    phone.act(freeze(None), &[]);
    assert_eq!(phone.refused(monitor("attic", 48), &[]), "dispute.no_room");
    assert_eq!(phone.refused(monitor("living", 47), &[]), "dispute.too_short");
    phone.act(monitor("living", 48), &[]);
    let window = Window { from: Millis(MORNING), until: Millis(MORNING + MINUTE) };
    let again = Disputed { room: "living".into(), text: "再测".into(), remedy: Remedy::Remeasure { window } };
    phone.act(Command::Dispute(again), &[]);
    let kinds: Vec<TaskKind> = phone.view().tasks.iter().map(|task| task.kind).collect();
    assert_eq!(kinds, [TaskKind::Monitoring, TaskKind::Remeasurement]);
}

#[test]
fn a_forged_summary_is_on_record() {
    let honest = |tamper: fn(&mut MeasurementFrozen)| {
        let mut phone = indoors();
        phone.act(room("living", RoomKind::Living, true), &[]);
        phone.act(started(INSTRUMENT, MeasurementPurpose::Routine, None), &[]);
        measure(&mut phone, "living", [175, 175, 175, 175]);
        let Some(Event::MeasurementFrozen(mut frozen)) = phone.ask(&freeze(None), &[]).expect("allowed").pop() else {
            panic!("freezing freezes");
        };
        tamper(&mut frozen);
        phone.forge(Event::MeasurementFrozen(frozen), &[role::PHOTO_OTHER]);
        phone.codes()
    };
    assert!(honest(|_| ()).is_empty());
    let rehash = |frozen: &mut MeasurementFrozen| {
        frozen.sha = nuanfang_core::domain::measuring::summary_sha(&frozen.summary);
    };
    assert_eq!(honest(|frozen| frozen.summary.rooms[0].value = Some(DeciCelsius(190))), ["measurement.forged"]);
    let forgeries: [fn(&mut MeasurementFrozen); 4] = [
        |frozen| frozen.summary.rooms[0].value = Some(DeciCelsius(190)),
        |frozen| frozen.summary.rooms[0].readings[1].value = DeciCelsius(190),
        |frozen| frozen.summary.rooms[0].verdict = RoomVerdict::Qualified,
        |frozen| frozen.summary.instrument = EXPIRED,
    ];
    for forge in forgeries {
        let mut phone = indoors();
        phone.act(room("living", RoomKind::Living, true), &[]);
        phone.act(started(INSTRUMENT, MeasurementPurpose::Routine, None), &[]);
        measure(&mut phone, "living", [175, 175, 175, 175]);
        let Some(Event::MeasurementFrozen(mut frozen)) = phone.ask(&freeze(None), &[]).expect("allowed").pop() else {
            panic!("freezing freezes");
        };
        forge(&mut frozen);
        rehash(&mut frozen);
        phone.forge(Event::MeasurementFrozen(frozen), &[]);
        assert_eq!(phone.codes(), ["measurement.forged"]);
    }
}

#[test]
fn a_room_renamed_after_freezing_voids_what_was_shown() {
    let mut phone = indoors();
    phone.act(room("living", RoomKind::Living, true), &[]);
    phone.act(started(INSTRUMENT, MeasurementPurpose::Routine, None), &[]);
    measure(&mut phone, "living", [175, 175, 175, 175]);
    phone.act(freeze(None), &[]);
    phone.sign(Purpose::Measurement);
    phone.act(room("living", RoomKind::Other, true), &[]);
    assert_eq!(phone.view().measurements[0].state, FrozenState::Void);
    let access: Vec<&RoomAccess> = phone.lane().rooms.iter().collect();
    assert_eq!(access.len(), 1);
}

fn stamps(times: &[(i32, u64)]) -> Vec<(DeciCelsius, Stamp)> {
    let boot = BootId(uuid(1));
    times.iter().map(|(v, s)| (DeciCelsius(*v), Stamp { wall_ms: 0, mono_ms: s * 1000, boot })).collect()
}

#[test]
fn stability_and_spacing() {
    let rules = Rules::builtin();
    let m2 = rules.protocol("745-M2").expect("a protocol");
    let value = |times: &[(i32, u64)]| assess(&stamps(times), m2, DeciCelsius(0)).value.map(|value| value.0);
    assert_eq!(value(&[(180, 0), (180, 600), (181, 660), (182, 720)]), Some(181));
    assert_eq!(value(&[(180, 0), (180, 599), (181, 659), (182, 719)]), None, "not yet ten minutes");
    assert_eq!(value(&[(180, 0), (180, 600), (181, 659), (182, 719)]), None, "less than a minute apart");
    assert_eq!(
        value(&[(179, 0), (180, 60), (180, 660), (181, 720), (182, 780)]),
        Some(181),
        "the cold one lies before"
    );
    assert_eq!(value(&[(177, 0), (180, 600), (181, 660), (182, 720)]), None, "changed by 0.3");
    assert_eq!(value(&[(180, 0), (180, 600), (180, 660), (183, 720)]), None, "jumped at the end");
    assert_eq!(value(&[(150, 0), (180, 100), (180, 700), (180, 760), (180, 820)]), Some(180), "warmed up before");
    assert_eq!(value(&[]), None);
    // Half-up, below zero too: −0.5 → 0, −1.5 → −1.
    let two =
        nuanfang_core::domain::rules::Protocol { readings: 2, spacing_seconds: 0, stability_seconds: 0, ..m2.clone() };
    let half = |a, b| assess(&stamps(&[(a, 0), (b, 1)]), &two, DeciCelsius(0)).value.map(|value| value.0);
    assert_eq!((half(-1, 0), half(-2, -1), half(0, 1), half(1, 2)), (Some(0), Some(-1), Some(1), Some(2)));
    assert_eq!((half(-2, -2), half(-4, -2)), (Some(-2), Some(-3)), "below zero nothing is cut off towards it");
}

#[test]
fn a_restart_in_between_begins_the_stretch_anew() {
    let rules = Rules::builtin();
    let m2 = rules.protocol("745-M2").expect("a protocol");
    let mut readings = stamps(&[(180, 0), (180, 600), (180, 660), (180, 720)]);
    assert!(assess(&readings, m2, DeciCelsius(0)).value.is_some());
    for (_, stamp) in &mut readings[2..] {
        stamp.boot = BootId(uuid(2));
    }
    assert_eq!(assess(&readings, m2, DeciCelsius(0)).value, None);
}

proptest! {
    /// A value exists only where somebody reading the standard would find one.
    #[test]
    fn no_value_without_three_calm_spaced_readings(
        steps in prop::collection::vec((170..175i32, 0..400u64), 0..12),
        correction in -5..5i32,
    ) {
        let mut at = 0;
        let times: Vec<(i32, u64)> = steps.iter().map(|(value, dt)| { at += dt; (*value, at) }).collect();
        let rules = Rules::builtin();
        let m2 = rules.protocol("745-M2").expect("a protocol");
        let assessed = assess(&stamps(&times), m2, DeciCelsius(correction));
        // By brute force: three readings ending with the last, spaced, each later choice as late as it can be.
        let calm = |end: usize| {
            let (_, end_at) = times[end];
            let inside = times[..=end].iter().rposition(|(_, t)| t + 600 <= end_at);
            inside.is_some_and(|start| {
                let values = times[start..=end].iter().map(|(v, _)| *v);
                values.clone().max().unwrap_or(0) - values.min().unwrap_or(0) <= 2
            })
        };
        let mut expected = None;
        if let Some(c) = times.len().checked_sub(1)
            && let Some(b) = times.iter().rposition(|(_, t)| t + 60 <= times[c].1)
            && let Some(a) = times.iter().rposition(|(_, t)| t + 60 <= times[b].1)
            && calm(c) && calm(a)
        {
            let mean = f64::from(times[a].0 + times[b].0 + times[c].0) / 3.0;
            expected = Some((mean + 0.5).floor() as i32 + correction);
        }
        prop_assert_eq!(assessed.value.map(|value| value.0), expected);
        if assessed.value.is_some() {
            prop_assert!(assessed.stable);
        }
    }

    /// Waiting as long as it says, with the same value again, brings the end nearer.
    #[test]
    fn waiting_as_told_leads_to_a_value(first in 0..2000u64) {
        let rules = Rules::builtin();
        let m2 = rules.protocol("745-M2").expect("a protocol");
        let mut times = vec![(180, first)];
        for _ in 0..4 {
            let assessed = assess(&stamps(&times), m2, DeciCelsius(0));
            if assessed.value.is_some() {
                break;
            }
            let last = times[times.len() - 1].1;
            times.push((180, last + assessed.wait_ms.div_ceil(1000)));
        }
        prop_assert!(assess(&stamps(&times), m2, DeciCelsius(0)).value.is_some());
    }
}

#[test]
fn a_home_without_judged_rooms_is_not_judged() {
    assert_eq!(qualified(&[]), None);
}

fn play_frozen(phone: &mut Phone) {
    phone.go_in();
    phone.act(room("bedroom1", RoomKind::Bedroom, true), &[]);
    phone.act(room("living", RoomKind::Living, true), &[]);
    phone.act(room("bedroom2", RoomKind::Bedroom, false), &[]);
    phone.act(started(INSTRUMENT, MeasurementPurpose::Routine, None), &[]);
    measure(phone, "bedroom1", [183, 181, 182, 182]);
    measure(phone, "living", [176, 176, 177, 176]);
    phone.act(freeze(None), &[]);
}

/// One room below the agreed temperature, signed: the golden one.
pub fn play_signed(phone: &mut Phone) {
    play_frozen(phone);
    phone.sign(Purpose::Measurement);
    phone.complete(Outcome::Done);
}

/// The same, refused before a witness.
pub fn play_refused(phone: &mut Phone) {
    play_frozen(phone);
    phone.act(Command::RefuseToSign(phone.refusal(Purpose::Measurement, Some("邻居 赵"))), &[]);
    phone.complete(Outcome::Done);
}
