//! Whoever has begun a visit goes on with it, whatever his phone hears meanwhile, until he has ended it or the phone may let
//! go of it; and nothing he recorded is gone. When it may let go stands in `docs/formats/exchange.md` and in the README's
//! decisions, and is worked out here from the server's answers alone: all of it is safe, and he is not on the way, or
//! nothing of it became safe for a day.

use std::cell::Cell;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::device::desk_view::FieldVisit;
use nuanfang_core::device::status::RecordState;
use nuanfang_core::domain::command::Freeze;
use nuanfang_core::domain::event::Event;
use nuanfang_core::domain::kind::{AnswerState, Channel, ItemAnswer};
use nuanfang_core::domain::office_event::{Appointment, Assigned, Rescheduled};
use nuanfang_core::domain::room::{Room, RoomKind};
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::domain::worker_event::{
    ItemsAnswered, MeasurementStarted, Photographed, ReadingTaken, RiskTold, RoomEntered,
};
use nuanfang_core::domain::{Command, DeciCelsius, VisitKind, Window, role};
use nuanfang_core::error::Refusal;
use nuanfang_core::id::{OpId, WorkerId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::feed_entity::{VISIT, VisitEntity};
use nuanfang_core::wire::{FeedKind, SyncReply};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use uuid::Uuid;

use crate::fake_server::{FakeServer, Lie};
use crate::field::{Field, HOUSEHOLD, MINUTE, MORNING, not_done, picture, problem, routine, way_in};

const HOUR: u64 = 60 * MINUTE;
/// A worker of whom nothing new is safe for so long may be forgotten, milliseconds.
const DAY_MS: i64 = 24 * HOUR as i64;
/// Less than the month after which what is safe is cleared away: until then all of it is there.
const HOURS_IN_ALL: u32 = 25 * 24;
/// The room he measures in.
const ROOM: &str = "living";

/// What the worker is about to do. Until he is in the home, all but the end is his next step on the way there.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Problem,
    Items,
    Risk,
    Measure,
    Photo,
    Sign,
    End,
}

/// What the office tells or takes away, and in which order it stands in the feed.
#[derive(Debug, Clone, Copy)]
enum What {
    Visit,
    Household,
    VisitFirst,
    HouseholdFirst,
}

impl What {
    /// In their order; whether each is the visit.
    fn entities(self) -> &'static [bool] {
        match self {
            Self::Visit => &[true],
            Self::Household => &[false],
            Self::VisitFirst => &[true, false],
            Self::HouseholdFirst => &[false, true],
        }
    }
}

/// How an exchange breaks off.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cut {
    /// The server takes it in, the answer is lost.
    Lost,
    /// One operation is taken in and acknowledged, with all that there is to tell; the rest gets no answer.
    AfterOne,
}

#[derive(Debug, Clone, Copy)]
struct Exchange {
    /// What is acknowledged is called safe.
    safe: bool,
    /// Each change of the feed comes with an answer of its own.
    one_by_one: bool,
    cut: Option<Cut>,
}

const WHOLE: Exchange = Exchange { safe: true, one_by_one: false, cut: None };

#[derive(Debug, Clone, Copy)]
enum Step {
    /// The office tells its plan as it is: for the first time, or after it had taken it away.
    Planned(What),
    /// Another has it, or nobody.
    TakenAway(What),
    /// Another had it, and now it is his again: a lane of its own.
    GivenBack,
    /// Another time is agreed; the lane is the same.
    Rescheduled,
    Act(Act),
    Exchange(Exchange),
    /// The app is closed and opened again.
    Reopened,
    /// Hours go by.
    Waited(u32),
    /// The server is lost, and comes back with what it had called safe; whether it knows the plan.
    Restored(bool),
}

fn what() -> impl Strategy<Value = What> {
    prop::sample::select(vec![What::Visit, What::Household, What::VisitFirst, What::HouseholdFirst])
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::Problem),
        2 => Just(Act::Items),
        3 => Just(Act::Risk),
        5 => Just(Act::Measure),
        2 => Just(Act::Photo),
        5 => Just(Act::Sign),
        1 => Just(Act::End),
    ]
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let cut = prop::option::weighted(0.25, prop::sample::select(vec![Cut::Lost, Cut::AfterOne]));
    (prop::bool::weighted(0.6), prop::bool::weighted(0.3), cut).prop_map(|(safe, one_by_one, cut)| Exchange {
        safe,
        one_by_one,
        cut,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => act().prop_map(Step::Act),
        8 => exchange().prop_map(Step::Exchange),
        3 => what().prop_map(Step::TakenAway),
        2 => what().prop_map(Step::Planned),
        1 => Just(Step::GivenBack),
        1 => Just(Step::Rescheduled),
        2 => Just(Step::Reopened),
        2 => (1..=48_u32).prop_map(Step::Waited),
        1 => any::<bool>().prop_map(Step::Restored),
    ]
}

/// A day's steps. It begins with the plan and its dwelling, in one answer or two, in either order.
fn day() -> impl Strategy<Value = Vec<Step>> {
    let told = prop::sample::select(vec![
        vec![What::VisitFirst],
        vec![What::HouseholdFirst],
        vec![What::Visit, What::Household],
        vec![What::Household, What::Visit],
    ]);
    (told, prop::collection::vec(step(), 12..40)).prop_map(|(told, steps)| {
        let begins = told.into_iter().flat_map(|what| [Step::Planned(what), Step::Exchange(WHOLE)]);
        begins.chain(steps).collect::<Vec<Step>>()
    })
}

/// One thing done at the door or behind it, as it is asked for.
#[derive(Debug)]
enum Deed {
    Plain(Command),
    WithPhoto(Command, &'static str),
    Signature(Purpose),
}

/// What the worker himself knows of what he did in a lane: enough to do nothing out of its order.
#[derive(Default)]
struct Work {
    /// Steps of [`way_in`].
    way: usize,
    risks: usize,
    consents: usize,
    /// Where in a measurement he is: the room, its start, a reading, and frozen; from there the next reading.
    measured: usize,
    /// A frozen measurement waits to be signed.
    frozen: bool,
    ended: bool,
}

impl Work {
    const READING: usize = 2;
    const FREEZING: usize = 3;

    fn is_on_the_way(&self) -> bool {
        let done = &way_in()[..self.way];
        !self.ended && done.iter().any(|command| matches!(command, Command::Depart(_)))
    }

    fn is_inside(&self) -> bool {
        self.way == way_in().len()
    }

    /// What the act is now; none where there is nothing of the kind to do.
    fn deed(&self, act: Act) -> Option<Deed> {
        if act == Act::End {
            return Some(Deed::Plain(not_done()));
        }
        if let Some(command) = way_in().into_iter().nth(self.way) {
            return Some(Deed::Plain(command));
        }
        Some(match act {
            Act::Problem => Deed::Plain(problem("客厅不热")),
            Act::Items => {
                let worn = ItemAnswer { item: "F4-1".into(), state: AnswerState::Satisfied, ground: None, note: None };
                Deed::Plain(Command::AnswerItems(ItemsAnswered { answers: vec![worn] }))
            }
            Act::Risk => {
                let risk = RiskTold { object: object(self.risks), text: "可能断裂".into(), lines: vec![] };
                Deed::WithPhoto(Command::TellRisk(risk), role::PHOTO_BEFORE)
            }
            Act::Measure => Deed::Plain(self.measuring()),
            Act::Photo => {
                let after = Photographed { role: role::PHOTO_AFTER.into(), subject: None, place: None };
                Deed::WithPhoto(Command::Photograph(after), role::PHOTO_AFTER)
            }
            Act::Sign if self.consents < self.risks => {
                Deed::Signature(Purpose::Consent { object: object(self.consents) })
            }
            Act::Sign if self.frozen => Deed::Signature(Purpose::Measurement),
            Act::Sign | Act::End => return None,
        })
    }

    fn measuring(&self) -> Command {
        match self.measured {
            0 => {
                let (key, label) = (ROOM.to_owned(), "起居室".to_owned());
                let room = Room { key, kind: RoomKind::Living, label, orientation: None };
                Command::EnterRoom(RoomEntered { room, permitted: true })
            }
            // At noon, too, and with an instrument whose verification runs out in the week the days are in.
            1 => Command::StartMeasurement(MeasurementStarted { reason: Some("热用户要求".into()), ..routine() }),
            Self::READING => Command::TakeReading(ReadingTaken { room: ROOM.to_owned(), value: DeciCelsius(186) }),
            _ => Command::FreezeMeasurement(Freeze::default()),
        }
    }

    fn did(&mut self, act: Act) {
        match act {
            Act::End => self.ended = true,
            _ if !self.is_inside() => self.way += 1,
            Act::Risk => self.risks += 1,
            Act::Measure => {
                self.frozen = self.measured == Self::FREEZING;
                self.measured = if self.frozen { Self::READING } else { self.measured + 1 };
            }
            Act::Sign if self.consents < self.risks => self.consents += 1,
            Act::Sign => self.frozen = false,
            Act::Problem | Act::Items | Act::Photo => {}
        }
    }
}

fn object(number: usize) -> String {
    format!("接头{}", number + 1)
}

/// A record as its worker made it.
struct Made {
    op: OpId,
    kind: String,
    /// When the server called it safe, by its own time.
    safe: Option<Millis>,
}

/// A worker with his phone, the office's plan, and what follows for him from what the server answered.
struct Trip {
    field: Field,
    /// The office's changes of the plan, and whether it is in the worker's scope.
    changes: Vec<Event>,
    planned: bool,
    /// What the phone heard last: the server's epoch, up to where all is safe, that the visit is here, in which lane.
    epoch: u64,
    safe: u64,
    told: bool,
    lane: u64,
    /// The phone may have let go of the visit since it left.
    let_go: bool,
    work: Work,
    made: Vec<Made>,
    photos: Vec<Sha>,
    pictures: u32,
    hours: u32,
    tried: u32,
}

impl Trip {
    fn new() -> Self {
        let field = Field::new(&FakeServer::new());
        field.tell_company();
        Self {
            epoch: field.server.with(|state| state.epoch),
            field,
            changes: Vec::new(),
            planned: false,
            safe: 0,
            told: false,
            lane: 0,
            let_go: false,
            work: Work::default(),
            made: Vec::new(),
            photos: Vec::new(),
            pictures: 0,
            hours: 0,
            tried: 0,
        }
    }

    fn goes_on(mut self, step: Step) -> Result<Self, TestCaseError> {
        match step {
            Step::Planned(what) => what.entities().iter().for_each(|visit| self.tell(*visit)),
            Step::TakenAway(what) => what.entities().iter().for_each(|visit| self.take_away(*visit)),
            Step::GivenBack => {
                let own = self.field.server.with(|state| state.worker);
                for assignee in [WorkerId(Uuid::from_u128(0xB2)), own] {
                    self.changes.push(Event::Assigned(Assigned { assignee, reason: None }));
                }
                self.tell(true);
            }
            Step::Rescheduled if self.planned => {
                let window = Window { from: MORNING.plus_minutes(120), until: MORNING.plus_minutes(180) };
                let appointment = Some(Appointment { channel: Channel::Phone, agreed_at: MORNING });
                let reason = "热用户改约".to_owned();
                self.changes.push(Event::Rescheduled(Rescheduled { window, appointment, reason, price_list: None }));
                self.tell(true);
            }
            Step::Rescheduled => {}
            Step::Act(act) => self.acts(act)?,
            Step::Exchange(exchange) => self.exchanges(exchange)?,
            Step::Reopened => {
                self.field = self.field.reopened();
                self.nothing_is_gone()?;
            }
            Step::Waited(hours) => self.waits(hours),
            Step::Restored(knows) => self.server_is_restored(knows),
        }
        Ok(self)
    }

    fn tell(&mut self, visit: bool) {
        if visit {
            self.planned = true;
            self.field.tell_visit(VisitKind::Repair, &self.changes);
        } else {
            self.field.tell_household();
        }
    }

    fn take_away(&mut self, visit: bool) {
        let server = &self.field.server;
        let scope = server.worker_scope();
        if visit {
            self.planned = false;
            server.revoke(&scope, "visit", &self.field.visit.to_string(), 99, "reassigned");
        } else {
            server.revoke(&scope, "household", &HOUSEHOLD.to_string(), 99, "reassigned");
        }
    }

    fn waits(&mut self, hours: u32) {
        let hours = hours.min(HOURS_IN_ALL - self.hours);
        self.hours += hours;
        self.field.clock.advance_ms(u64::from(hours) * HOUR);
        self.field.server.with(|state| state.now = state.now.plus_minutes(i64::from(hours) * 60));
    }

    fn server_is_restored(&mut self, knows: bool) {
        let (device, safe) = (self.field.app.enrolment().unwrap().unwrap().device, self.safe as usize);
        let server = &self.field.server;
        server.with(|state| state.logs.get_mut(&device).unwrap().ops.truncate(safe));
        if knows {
            server.with(|state| state.epoch += 1);
        } else {
            server.restore_without_visits(&server.worker_scope());
            self.planned = false;
        }
    }

    /// He acts in a visit that he sees. Where it is here, or he is on the way, nothing that is in order is refused; where it
    /// is gone and he had not set out he is told so, and never that there is no such visit.
    fn acts(&mut self, act: Act) -> TestCaseResult {
        let seen = self.told || !(self.made.is_empty() || self.let_go);
        if !seen || self.work.ended {
            return Ok(());
        }
        let Some(deed) = self.work.deed(act) else { return Ok(()) };
        self.tried += 1;
        if let Err(refusal) = self.tries(&deed) {
            let may_go_on = self.told || self.work.is_on_the_way();
            prop_assert!(!may_go_on, "{:?} is refused: {:?}", deed, refusal);
            prop_assert_eq!(refusal.code.as_str(), "visit.reassigned", "{:?}", deed);
            return Ok(());
        }
        let record = self.field.app.records(None, 1).unwrap().remove(0);
        prop_assert_eq!(record.visit, Some(self.field.visit));
        self.made.push(Made { op: record.op, kind: record.kind, safe: None });
        self.work.did(act);
        Ok(())
    }

    fn tries(&mut self, deed: &Deed) -> Result<FieldVisit, Refusal> {
        let (app, visit) = (&self.field.app, self.field.visit);
        match deed {
            Deed::Plain(command) => app.act(visit, command, &[]),
            Deed::WithPhoto(command, role) => {
                self.pictures += 1;
                let taken = picture(&self.pictures.to_string(), 40, 30);
                let photo = app.capture_photo(visit, role, &taken).unwrap();
                let done = app.act(visit, command, &[photo.sha])?;
                self.photos.push(photo.sha);
                Ok(done)
            }
            Deed::Signature(purpose) => self.field.sign(purpose.clone()),
        }
    }

    fn exchanges(&mut self, exchange: Exchange) -> TestCaseResult {
        let Exchange { safe, one_by_one, cut } = exchange;
        self.field.server.with(|state| {
            state.safe_lag = if safe { 0 } else { 1000 };
            state.page = if one_by_one { 1 } else { 100 };
            state.takes = if cut == Some(Cut::AfterOne) { 1 } else { usize::MAX };
            state.lies = match cut {
                None => Vec::new(),
                Some(Cut::Lost) => vec![Lie::LoseReply],
                Some(Cut::AfterOne) => vec![Lie::Twist(|_| ()), Lie::Silence],
            };
        });
        let done = self.field.app.sync_once();
        prop_assert!(done.is_ok() || cut.is_some(), "{:?}", done);
        let answers = self.field.server.with(|state| {
            state.lies.clear();
            std::mem::take(&mut state.went_out)
        });
        answers.iter().for_each(|answer| self.hears(answer));
        self.nothing_is_gone()
    }

    fn hears(&mut self, answer: &SyncReply) {
        // Only a restored server takes back that something is safe.
        let restored = answer.epoch != self.epoch;
        self.epoch = answer.epoch;
        self.safe = if restored { answer.safe_through } else { answer.safe_through.max(self.safe) };
        for (made, seq) in self.made.iter_mut().zip(1..) {
            made.safe = made.safe.or(Some(answer.now_ms)).filter(|_| seq <= self.safe);
        }
        let own = self.field.server.worker_scope();
        let scope = answer.scopes.iter().find(|scope| scope.id == own).unwrap();
        self.told &= !scope.reset;
        for entry in scope.feed.iter().filter(|entry| entry.e == VISIT) {
            self.told = entry.k == FeedKind::Put;
            let Some(body) = &entry.body else { continue };
            let lane = serde_json::from_str::<VisitEntity>(body.get()).unwrap().lane;
            if lane != self.lane {
                (self.lane, self.work) = (lane, Work::default());
            }
        }
        if self.told {
            self.let_go = false;
        } else if self.may_be_let_go(answer.now_ms, scope.more) {
            self.let_go = true;
        }
    }

    /// Of a visit that left. Of one that its worker is on the way to it is asked only once all is told.
    fn may_be_let_go(&self, now: Millis, more: bool) -> bool {
        let last = |kind: &str| self.made.iter().rposition(|made| made.kind == kind);
        let on_the_way = last("visit.departed") > last("visit.completed");
        let since = Millis(now.0 - DAY_MS);
        let news = self.made.iter().any(|made| made.safe.is_some_and(|safe| safe >= since));
        self.made.iter().all(|made| made.safe.is_some()) && !(on_the_way && (news || more))
    }

    /// All he recorded is there in its order, and called safe where the server said so and nowhere else; the photos that
    /// belong to it can be seen; and the visit is in the list while the phone may not have let go of it.
    fn nothing_is_gone(&self) -> TestCaseResult {
        let Field { app, visit, .. } = &self.field;
        let records = app.visit_records(*visit).unwrap();
        let kept: Vec<(OpId, bool)> =
            records.iter().map(|record| (record.op, record.state == RecordState::Safe)).collect();
        let made: Vec<(OpId, bool)> = self.made.iter().map(|made| (made.op, made.safe.is_some())).collect();
        prop_assert_eq!(kept, made);
        for photo in &self.photos {
            prop_assert!(app.photo(*photo).is_ok());
        }
        let listed = app.visits().unwrap().iter().any(|summary| summary.visit == *visit);
        prop_assert!(listed || self.made.is_empty() || self.let_go);
        Ok(())
    }

    /// With nothing in the way all of it arrives, in the order it was made, and nothing is owed any more.
    fn arrives(&mut self) -> TestCaseResult {
        self.exchanges(WHOLE)?;
        let status = self.field.app.status().unwrap();
        prop_assert_eq!((status.ops_waiting, status.files_waiting), (0, 0));
        let device = self.field.app.enrolment().unwrap().unwrap().device;
        let arrived: Vec<OpId> =
            self.field.server.with(|state| state.logs[&device].ops.iter().map(|(op, _)| op.op).collect());
        let made: Vec<OpId> = self.made.iter().map(|made| made.op).collect();
        prop_assert_eq!(arrived, made);
        prop_assert!(self.made.iter().all(|made| made.safe.is_some()));
        Ok(())
    }
}

#[test]
fn a_begun_visit_goes_on_whatever_the_phone_hears_until_it_is_ended_or_let_go() {
    let (days, tried, made) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(0_u32));
    // `PROPTEST_CASES` asks for more.
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig::default();
    let config = ProptestConfig { cases: if asked { config.cases } else { 40 }, ..config };
    proptest!(config, |(steps in day())| {
        let mut trip = Trip::new();
        for step in steps {
            trip = trip.goes_on(step)?;
        }
        trip.arrives()?;
        days.set(days.get() + 1);
        tried.set(tried.get() + trip.tried);
        made.set(made.get() + trip.made.len() as u32);
    });
    let (days, tried, made) = (days.get(), tried.get(), made.get());
    // Else it would say nothing.
    assert!(made > 4 * days && made * 4 > tried * 3, "of {tried} acts in {days} days {made} were done");
}
