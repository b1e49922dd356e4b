//! What a worker's phone logs in one visit, made up as long and as varied as asked for: ticks with notes, measurements,
//! quotes, accounts in words. Two books of words that share no line, so that what was trained on one can be tried on
//! the other. All of it is 示例.

mod book;

use std::collections::BTreeSet;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::inspection::{Finding, FindingResult, FixtureOwner, Hazard};
use nuanfang_core::domain::kind::{AnswerState, ItemAnswer, Mask, Outcome};
use nuanfang_core::domain::measurement::{MeasurementPurpose, MeasurementSummary, Reading, RoomResult, RoomVerdict};
use nuanfang_core::domain::place::{Datum, Place, PlaceFix};
use nuanfang_core::domain::quote::{QuoteLine, QuoteShown};
use nuanfang_core::domain::room::{Orientation, Room, RoomKind};
use nuanfang_core::domain::worker_event::{
    Arrived, Bare, ChargeTold, ChargedLine, Completed, Demonstrated, Departed, Entered, Explained, InstructionOpened,
    ItemsAnswered, MeasurementFrozen, MeasurementStarted, Part, Photographed, PriceListShown, ProblemDescribed,
    ReadingTaken, RiskTold, RoomEntered, WorkDone, WorkStarted,
};
use nuanfang_core::domain::{DeciCelsius, Event, Fen, Rules, role};
use nuanfang_core::id::InstrumentId;
use nuanfang_core::time::Millis;
use nuanfang_demo::dice::Dice;
use uuid::Uuid;

pub use book::{Book, MEASURED, TRAINED};

/// Somebody who writes.
pub struct Writer {
    book: &'static Book,
    dice: Dice,
    /// The book's lines in an order of this writer's own, and how many of them are used up.
    lines: Vec<&'static str>,
    used: usize,
    now: i64,
    instrument: InstrumentId,
    price_list: Sha,
}

impl Writer {
    /// A writer with words from `book`, who does as `seed` says. It is `now`, milliseconds since 1970.
    pub fn new(book: &'static Book, seed: u64, now: i64) -> Self {
        let mut dice = Dice::new(seed);
        let instrument = InstrumentId(uuid(&mut dice));
        let price_list = sha(&mut dice);
        let mut writer = Self { book, dice, lines: Vec::new(), used: 0, now, instrument, price_list };
        writer.shuffle();
        writer
    }

    /// Its clock, milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Where the rest of its choices come from.
    pub fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }

    /// Ten events whose bodies are about `bytes` long, as one long visit might leave them: four checklists with notes,
    /// three measurements, a quote and two revisions of it.
    pub fn long_visit(&mut self, bytes: usize) -> [Event; 10] {
        let first = self.quote(bytes, None);
        let second = self.quote(bytes, Some(&first));
        let third = self.quote(bytes, Some(&second));
        [
            self.checklist(bytes),
            self.measurement(bytes),
            self.checklist(bytes),
            Event::QuoteShown(first),
            Event::QuoteShown(second),
            self.measurement(bytes),
            self.checklist(bytes),
            Event::QuoteShown(third),
            self.measurement(bytes),
            self.checklist(bytes),
        ]
    }

    /// The events of an ordinary visit, most of them short.
    pub fn ordinary_visit(&mut self) -> Vec<Event> {
        let mut events = vec![Event::Acknowledged(Bare {}), self.few_ticks(&["F4-1", "F4-2", "F4-3", "F4-4", "F7-1"])];
        let parts = (0..self.dice.below(4)).map(|_| Part { name: self.price().1.to_owned(), count: 1 }).collect();
        events.push(Event::Departed(Departed { tools_checked: true, parts }));
        events.push(Event::Arrived(Arrived { place: self.place() }));
        let mask = if self.dice.chance(50) { Mask::Worn } else { Mask::NotNeeded };
        events.push(Event::Entered(Entered { knocked: true, permitted: true, shoe_covers: true, mask }));
        events.extend(match self.dice.below(3) {
            0 => self.measured(),
            1 => self.repaired(),
            _ => self.inspected(),
        });
        events.push(Event::Photographed(Photographed { role: role::PHOTO_OTHER.into(), subject: None, place: None }));
        events.push(Event::Completed(Completed { outcome: Outcome::Done, reason: None, next_window: None }));
        events
    }

    fn measured(&mut self) -> Vec<Event> {
        let mut events = vec![Event::MeasurementStarted(MeasurementStarted {
            protocol: "745-M2".into(),
            instrument: self.instrument,
            purpose: MeasurementPurpose::Routine,
            weather: self.weather().into(),
            outdoor: Some(DeciCelsius(self.dice.between(-120, 80) as i32)),
            window_open: false,
            extra_heater: false,
            radiators_covered: self.dice.chance(20),
            reason: None,
            note: self.dice.chance(30).then(|| self.note()),
        })];
        let summary = self.summary(600);
        for found in &summary.rooms {
            let room = Room {
                key: found.room.clone(),
                kind: found.kind,
                label: found.label.clone(),
                orientation: found.orientation,
            };
            events.push(Event::RoomEntered(RoomEntered { room, permitted: true }));
            let taken = |reading: &Reading| ReadingTaken { room: found.room.clone(), value: reading.value };
            events.extend(found.readings.iter().map(taken).map(Event::ReadingTaken));
        }
        events.push(self.frozen(summary));
        events
    }

    fn repaired(&mut self) -> Vec<Event> {
        let (problem, told) = (120 + self.dice.below(200), 120 + self.dice.below(200));
        let quote = self.quote(500, None);
        let lines: Vec<String> = quote.lines.iter().map(|line| line.line.clone()).collect();
        let charged =
            |line: &QuoteLine| ChargedLine { line: line.line.clone(), name: line.name.clone(), amount: line.amount };
        let instruction = format!("示例作业指导：{}", self.price().1);
        vec![
            Event::ProblemDescribed(ProblemDescribed { text: self.account(problem) }),
            Event::InstructionOpened(InstructionOpened { instruction, version: "2026-3".into() }),
            self.few_ticks(&["F6-3"]),
            Event::FloorProtected(Bare {}),
            Event::ChargeTold(ChargeTold { lines: quote.lines.iter().map(charged).collect() }),
            Event::PriceListShown(PriceListShown {
                price_list: quote.price_list,
                version: quote.price_list_version.clone(),
            }),
            Event::QuoteShown(quote),
            Event::RiskTold(RiskTold { object: "踢脚线".into(), text: self.note(), lines: vec!["L1".into()] }),
            Event::WorkStarted(WorkStarted { lines: lines.clone(), emergency: None }),
            Event::WorkDone(WorkDone { lines, emergency: false, result: self.note() }),
            self.few_ticks(&["F5-3", "F8-1", "F11-1", "F11-2"]),
            Event::Demonstrated(Demonstrated { works: true, note: Some(self.note()) }),
            Event::Explained(Explained { text: self.account(told) }),
        ]
    }

    fn inspected(&mut self) -> Vec<Event> {
        let rules = Rules::builtin();
        let items = rules.inspection.items.iter();
        items
            .map(|item| {
                let (result, hazard, note) = match self.dice.below(10) {
                    0 => (FindingResult::Abnormal, Some(self.hazard()), None),
                    1 => (FindingResult::CannotCheck, None, Some(self.note())),
                    2 => (FindingResult::NoSuchItem, None, None),
                    _ => (FindingResult::Normal, None, None),
                };
                Event::FindingRecorded(Finding { item: item.id.clone(), result, hazard, note })
            })
            .collect()
    }

    fn hazard(&mut self) -> Hazard {
        Hazard {
            description: self.note(),
            owner: if self.dice.chance(70) { FixtureOwner::Own } else { FixtureOwner::Shared },
            level: self.dice.pick(&["一般", "较大", "重大"]).into(),
            advice: self.note(),
            deadline: Some(self.date()),
        }
    }

    fn few_ticks(&mut self, items: &[&str]) -> Event {
        let answers = items.iter().map(|item| self.answer(item, 10)).collect();
        Event::ItemsAnswered(ItemsAnswered { answers })
    }

    /// Annex F answered with a note at most items; an item once more where one pass is too short.
    fn checklist(&mut self, bytes: usize) -> Event {
        let rules = Rules::builtin();
        let mut answers = ItemsAnswered { answers: Vec::new() };
        for item in rules.items.iter().cycle() {
            if serialized(&answers) >= bytes {
                break;
            }
            let answer = self.answer(&item.id, 60);
            answers.answers.push(answer);
        }
        Event::ItemsAnswered(answers)
    }

    fn answer(&mut self, item: &str, notes: usize) -> ItemAnswer {
        let (state, ground) = match self.dice.below(12) {
            0 => (AnswerState::NotApplicable, Some(self.note())),
            1 => (AnswerState::Unsatisfied, None),
            _ => (AnswerState::Satisfied, None),
        };
        let note = (ground.is_none() && self.dice.chance(notes)).then(|| self.note());
        ItemAnswer { item: item.to_owned(), state, ground, note }
    }

    fn measurement(&mut self, bytes: usize) -> Event {
        let summary = self.summary(bytes);
        self.frozen(summary)
    }

    fn frozen(&mut self, summary: MeasurementSummary) -> Event {
        let sha = sha(&mut self.dice);
        Event::MeasurementFrozen(MeasurementFrozen { summary, sha })
    }

    fn summary(&mut self, bytes: usize) -> MeasurementSummary {
        let started_at = self.pass(60_000);
        let (verified_on, valid_until) = (self.date(), self.date());
        let number = self.dice.below(40);
        let mut summary = MeasurementSummary {
            protocol: "745-M2".into(),
            purpose: MeasurementPurpose::Routine,
            instrument: self.instrument,
            instrument_number: format!("SL-CW-{number:02}"),
            certificate: format!("示例检字第{:04}号", 2_600 + number),
            verified_on,
            valid_until,
            correction: DeciCelsius(self.dice.between(-2, 2) as i32),
            agreed: DeciCelsius(180),
            weather: self.weather().into(),
            outdoor: Some(DeciCelsius(self.dice.between(-120, 80) as i32)),
            window_open: false,
            extra_heater: self.dice.chance(10),
            radiators_covered: self.dice.chance(20),
            started_at,
            ended_at: started_at,
            at_noon: false,
            reason: None,
            valid: true,
            rooms: Vec::new(),
            note: self.dice.chance(60).then(|| self.note()),
            supersedes: None,
        };
        for place in 1.. {
            summary.ended_at = Millis(self.now);
            if serialized(&summary) >= bytes {
                break;
            }
            let room = self.room(place);
            summary.rooms.push(room);
        }
        summary
    }

    fn room(&mut self, place: usize) -> RoomResult {
        let (key, kind, label) = match self.dice.below(4) {
            0 => (format!("living{place}"), RoomKind::Living, "起居室".to_owned()),
            1 => (format!("other{place}"), RoomKind::Other, self.dice.pick(&self.book.rooms).to_owned()),
            _ => (format!("bedroom{place}"), RoomKind::Bedroom, format!("卧室{place}")),
        };
        let orientations = [Orientation::East, Orientation::South, Orientation::West, Orientation::North];
        let shows = self.dice.between(165, 235) as i32;
        let mut readings = Vec::new();
        for number in 0..4 + self.dice.below(3) {
            let at = self.pass(if number == 1 { 600_000 } else { 60_000 });
            readings.push(Reading { value: DeciCelsius(shows + self.dice.between(-1, 1) as i32), at });
        }
        RoomResult {
            room: key,
            kind,
            label,
            orientation: Some(orientations[self.dice.below(4)]),
            readings,
            stable: true,
            value: Some(DeciCelsius(shows)),
            verdict: match kind {
                RoomKind::Other => RoomVerdict::NotJudged,
                _ if shows < 180 => RoomVerdict::Below,
                _ => RoomVerdict::Qualified,
            },
        }
    }

    /// A quote, or the revision of `before`: a line taken out, another in.
    fn quote(&mut self, bytes: usize, before: Option<&QuoteShown>) -> QuoteShown {
        let mut quote = QuoteShown {
            revision: before.map_or(1, |before| before.revision + 1),
            lines: before.map(|before| before.lines.clone()).unwrap_or_default(),
            price_list: self.price_list,
            price_list_version: self.book.price_list.into(),
            total: Fen(0),
            tax: Fen(0),
            expected_minutes: Some(15 * self.dice.between(1, 16) as u32),
            change: before.map(|_| self.account(90)),
        };
        if before.is_some() {
            let out = self.dice.below(quote.lines.len());
            quote.lines.remove(out);
        }
        let mut named: BTreeSet<String> = quote.lines.iter().map(|line| line.name.clone()).collect();
        let mut next = before.map_or(0, |before| before.lines.len());
        while serialized(&quote) < bytes {
            next += 1;
            let line = self.line(next, &mut named);
            quote.lines.push(line);
        }
        quote.total = Fen(quote.lines.iter().map(|line| line.amount.0).sum());
        quote.tax = Fen(quote.lines.iter().map(|line| line.tax.0).sum());
        quote
    }

    /// A line whose item is not among `named`, as long as the list has another.
    fn line(&mut self, number: usize, named: &mut BTreeSet<String>) -> QuoteLine {
        let (mut code, mut name, mut unit, mut material, mut labour, mut warranty) = self.price();
        for _ in 0..40 {
            if named.insert(name.to_owned()) {
                break;
            }
            (code, name, unit, material, labour, warranty) = self.price();
        }
        let count = self.dice.between(1, 4);
        let amount = (material + labour) * count;
        QuoteLine {
            line: format!("L{number}"),
            code: code.into(),
            name: name.into(),
            unit: unit.into(),
            quantity_milli: 1_000 * count,
            material: Fen(material),
            labour: Fen(labour),
            amount: Fen(amount),
            tax_rate_bp: 900,
            tax: Fen(amount * 900 / 10_900),
            free: false,
            own_material: self.dice.chance(10),
            warranty_days: warranty,
        }
    }

    fn price(&mut self) -> (&'static str, &'static str, &'static str, i64, i64, u32) {
        self.book.prices[self.dice.below(self.book.prices.len())]
    }

    fn place(&mut self) -> Place {
        Place::Fix(PlaceFix {
            lat_e7: 399_000_000 + self.dice.below(1_000_000) as i32,
            lon_e7: 1_164_000_000 + self.dice.below(1_000_000) as i32,
            datum: Datum::Wgs84,
            accuracy_m: self.dice.between(4, 60) as u32,
            provider: self.dice.pick(&["gps", "fused", "network"]).into(),
            mock: false,
            at: Millis(self.now),
        })
    }

    fn weather(&mut self) -> &'static str {
        self.dice.pick(&["晴", "多云", "阴", "小雪", "晴转多云"])
    }

    fn date(&mut self) -> String {
        format!("2026-{:02}-{:02}", self.dice.between(1, 12), self.dice.between(1, 28))
    }

    /// The clock `about` milliseconds later, and what it shows.
    pub fn pass(&mut self, about: i64) -> Millis {
        self.now += about + self.dice.between(0, about / 10);
        Millis(self.now)
    }

    /// Words of `bytes` bytes or a little more: lines one after another.
    fn account(&mut self, bytes: usize) -> String {
        let mut text = self.note();
        while text.len() < bytes {
            text.push_str(self.dice.pick(&["，", "。", "；", "。"]));
            let note = self.note();
            text.push_str(&note);
        }
        text
    }

    /// The book's next line, with numbers of its own. None comes again before all were used.
    pub fn note(&mut self) -> String {
        if self.used == self.lines.len() {
            self.shuffle();
        }
        let line = self.lines[self.used];
        self.used += 1;
        line.chars()
            .map(|each| match each {
                '#' => char::from(b'1' + self.dice.below(9) as u8),
                each => each,
            })
            .collect()
    }

    fn shuffle(&mut self) {
        self.lines = self.book.lines.lines().collect();
        for last in (1..self.lines.len()).rev() {
            let other = self.dice.below(last + 1);
            self.lines.swap(last, other);
        }
        self.used = 0;
    }
}

fn serialized(value: &impl serde::Serialize) -> usize {
    serde_json::to_vec(value).map_or(0, |bytes| bytes.len())
}

/// A hash that nothing has.
pub fn sha(dice: &mut Dice) -> Sha {
    let mut bytes = [0; 32];
    bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&dice.roll().to_be_bytes()));
    Sha(bytes)
}

/// An id that nobody has.
pub fn uuid(dice: &mut Dice) -> Uuid {
    Uuid::from_u64_pair(dice.roll(), dice.roll())
}
