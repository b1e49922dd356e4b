//! The steps that every visit has, as the worker takes them on the phone: set out, arrive, be let in, measure, quote,
//! close. Nothing here decides anything: the core does.

use nuanfang_core::device::desk_view::FieldVisit;
use nuanfang_core::domain::command::{DraftLine, Freeze, QuoteDraft};
use nuanfang_core::domain::kind::{AnswerState, ItemAnswer, Mask, Outcome};
use nuanfang_core::domain::measurement::MeasurementPurpose;
use nuanfang_core::domain::room::{Orientation, Room, RoomKind};
use nuanfang_core::domain::worker_event::{
    Arrived, ChargeTold, ChargedLine, Completed, Departed, Entered, ItemsAnswered, MeasurementStarted, Part,
    PriceListShown, ReadingTaken, RoomEntered,
};
use nuanfang_core::domain::{Command, DeciCelsius, Fen, Window};
use nuanfang_core::id::{InstrumentId, VisitId};

use super::Phone;
use crate::Done;

/// Own ticks of every visit before departure (F.4, F.7).
const BEFORE: [&str; 5] = ["F4-1", "F4-2", "F4-3", "F4-4", "F7-1"];

/// Readings of one room after which something must be wrong with it.
const READINGS_LIMIT: usize = 60;

/// A room as the worker finds it.
#[derive(Debug, Clone, Copy)]
pub struct Warmth {
    /// Its name within the visit.
    pub key: &'static str,
    /// What it is.
    pub kind: RoomKind,
    /// As printed.
    pub label: &'static str,
    /// 房间朝向.
    pub orientation: Orientation,
    /// What the instrument shows there, tenths of a degree; none = 热用户未同意进入.
    pub shows: Option<i32>,
}

/// A line of a quote: an item of the price list.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// Its name within the visit: `L1`.
    pub line: &'static str,
    /// The item's code in the price list.
    pub code: &'static str,
    /// How many units.
    pub count: i64,
}

/// What a worker takes along.
#[derive(Debug, Clone, Copy, Default)]
pub struct Departure<'a> {
    /// Spare parts, one of each.
    pub parts: &'a [&'a str],
}

impl Phone {
    /// Acknowledges, ticks and departs.
    ///
    /// # Errors
    /// The rule that forbids it; so too for every step below.
    pub fn set_out(&self, visit: VisitId, departure: Departure<'_>) -> Done<FieldVisit> {
        self.act(visit, &Command::Acknowledge)?;
        self.tick(visit, &BEFORE)?;
        let parts = departure.parts.iter().map(|name| Part { name: (*name).to_owned(), count: 1 }).collect();
        self.act(visit, &Command::Depart(Departed { tools_checked: true, parts }))
    }

    /// Arrives at the door.
    pub fn arrive(&self, visit: VisitId) -> Done<FieldVisit> {
        let place = self.place(visit)?;
        self.act(visit, &Command::Arrive(Arrived { place }))
    }

    /// Knocks and is let in.
    pub fn enter(&self, visit: VisitId) -> Done<FieldVisit> {
        let mask = Mask::Worn;
        self.act(visit, &Command::Enter(Entered { knocked: true, permitted: true, shoe_covers: true, mask }))
    }

    /// Ticks items of Annex F as satisfied.
    pub fn tick(&self, visit: VisitId, items: &[&str]) -> Done<FieldVisit> {
        let satisfied = |item: &&str| ItemAnswer {
            item: (*item).to_owned(),
            state: AnswerState::Satisfied,
            ground: None,
            note: None,
        };
        self.act(visit, &Command::AnswerItems(ItemsAnswered { answers: items.iter().map(satisfied).collect() }))
    }

    /// Measures every room by 745-M2 until its value counts, room after room, and freezes what the resident reads.
    pub fn measure(&self, visit: VisitId, rooms: &[Warmth], weather: &str, outdoor: i32) -> Done<FieldVisit> {
        let instrument = self.instrument()?;
        for (at, warmth) in rooms.iter().enumerate() {
            self.enter_room(visit, warmth)?;
            if at == 0 {
                self.act(
                    visit,
                    &Command::StartMeasurement(MeasurementStarted {
                        protocol: "745-M2".into(),
                        instrument,
                        purpose: MeasurementPurpose::Routine,
                        weather: weather.to_owned(),
                        outdoor: Some(DeciCelsius(outdoor)),
                        window_open: false,
                        extra_heater: false,
                        radiators_covered: false,
                        reason: None,
                        note: None,
                    }),
                )?;
            }
            if let Some(shows) = warmth.shows {
                self.read_until_it_counts(visit, warmth.key, shows)?;
            }
        }
        self.act(visit, &Command::FreezeMeasurement(Freeze::default()))
    }

    fn enter_room(&self, visit: VisitId, warmth: &Warmth) -> Done<FieldVisit> {
        let room = Room {
            key: warmth.key.to_owned(),
            kind: warmth.kind,
            label: warmth.label.to_owned(),
            orientation: Some(warmth.orientation),
        };
        self.act(visit, &Command::EnterRoom(RoomEntered { room, permitted: warmth.shows.is_some() }))
    }

    /// Reads as often as the core asks for: how long to wait is its word. The first reading is a tenth lower.
    fn read_until_it_counts(&self, visit: VisitId, room: &str, shows: i32) -> Done<()> {
        for number in 0..READINGS_LIMIT {
            let value = DeciCelsius(if number == 0 { shows - 1 } else { shows });
            let seen = self.act(visit, &Command::TakeReading(ReadingTaken { room: room.to_owned(), value }))?;
            let found = seen.view.rooms.iter().find(|found| found.room.key == room).ok_or("the room is gone")?;
            if found.complete {
                return Ok(());
            }
            // Every act takes half a minute of its own.
            self.clock.advance_ms(u64::from(found.wait_seconds.saturating_sub(30)) * 1_000);
        }
        Err(format!("{room}: {READINGS_LIMIT} readings were not enough").into())
    }

    /// The first instrument of the register whose verification holds.
    fn instrument(&self) -> Done<InstrumentId> {
        let today = self.now().local().format("%Y-%m-%d").to_string();
        let instruments = self.app.instruments()?;
        let valid = instruments.iter().find(|instrument| instrument.valid_until >= today);
        Ok(valid.ok_or("no instrument is valid")?.id)
    }

    /// Tells the charge, shows the price list and shows the quote; on a revision, says why it changes.
    pub fn quote(&self, visit: VisitId, lines: &[Line], change: Option<&str>) -> Done<FieldVisit> {
        let planned = self.visit(visit)?.view.price_list;
        let lists = self.app.price_lists()?;
        let list = lists.iter().find(|list| planned.is_none_or(|sha| sha == list.sha)).ok_or("no price list here")?;
        let drafts = lines
            .iter()
            .map(|line| {
                let item = list.items.iter().find(|item| item.code == line.code);
                let item = item.ok_or_else(|| format!("{} is not in the price list", line.code))?;
                Ok(DraftLine {
                    line: line.line.to_owned(),
                    code: item.code.clone(),
                    name: item.name.clone(),
                    unit: item.unit.clone(),
                    quantity_milli: line.count * 1000,
                    material: Fen(item.material_fen),
                    labour: Fen(item.labour_fen),
                    tax_rate_bp: item.tax_basis_points,
                    free: !item.charged,
                    own_material: false,
                    warranty_days: item.warranty_days.unwrap_or(0),
                })
            })
            .collect::<Done<Vec<_>>>()?;
        let told = drafts.iter().zip(lines).filter(|(draft, _)| !draft.free).map(|(draft, line)| ChargedLine {
            line: draft.line.clone(),
            name: draft.name.clone(),
            amount: Fen((draft.material.0 + draft.labour.0) * line.count),
        });
        let told: Vec<ChargedLine> = told.collect();
        if !told.is_empty() {
            self.act(visit, &Command::TellCharge(ChargeTold { lines: told }))?;
        }
        let shown = PriceListShown { price_list: list.sha, version: list.version.clone() };
        self.act(visit, &Command::ShowPriceList(shown))?;
        self.act(
            visit,
            &Command::ShowQuote(QuoteDraft {
                lines: drafts,
                price_list: list.sha,
                price_list_version: list.version.clone(),
                expected_minutes: lines.iter().map(|_| 45).sum(),
                change: change.map(str::to_owned),
            }),
        )
    }

    /// Closes the visit.
    pub fn complete(
        &self,
        visit: VisitId,
        outcome: Outcome,
        reason: Option<&str>,
        next_window: Option<Window>,
    ) -> Done<FieldVisit> {
        let reason = reason.map(str::to_owned);
        self.act(visit, &Command::Complete(Completed { outcome, reason, next_window }))
    }
}
