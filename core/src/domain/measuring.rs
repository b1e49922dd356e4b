//! Measuring by a protocol: which readings count, when a room is stable, what its value is (DB11/T 745).
//! Integer tenths throughout; time between readings from the device's monotonic clock, never its wall.

use serde::{Deserialize, Serialize};

use super::instrument::Instrument;
use super::lane::{Moment, RoomAccess};
use super::measurement::{MeasurementPurpose, MeasurementSummary, Reading, RoomResult, RoomVerdict};
use super::repair::Verdict;
use super::room::RoomKind;
use super::rules::{Limits, Protocol};
use super::units::DeciCelsius;
use super::worker_event::{MeasurementFrozen, MeasurementStarted, ReadingTaken};
use crate::canon::hash::Sha;
use crate::canon::json;
use crate::time::{Estimate, Millis, Stamp};

/// A raw reading with the device's clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedReading {
    /// The room's key.
    pub room: String,
    /// As the instrument showed it.
    pub value: DeciCelsius,
    /// When.
    pub stamp: Stamp,
}

/// One measurement from its start, with its readings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// How it began.
    pub started: MeasurementStarted,
    /// When.
    pub moment: Moment,
    /// All readings, in order.
    pub readings: Vec<TimedReading>,
    /// Something has changed since it was last frozen, or it never was.
    pub open: bool,
}

/// A frozen measurement and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenMeasurement {
    /// What was shown.
    pub summary: MeasurementSummary,
    /// Its content address.
    pub sha: Sha,
    /// Signed or refused; none = waits.
    pub verdict: Option<Verdict>,
    /// Edited after it was frozen.
    pub void: bool,
}

/// All measuring of a lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measuring {
    /// The one that runs.
    pub run: Option<Run>,
    /// Frozen ones, oldest first; only the last one can hold.
    pub frozen: Vec<FrozenMeasurement>,
}

impl Measuring {
    /// The frozen measurement that holds now.
    pub fn current(&self) -> Option<&FrozenMeasurement> {
        self.frozen.last().filter(|frozen| !frozen.void)
    }

    pub(super) fn start(&mut self, started: MeasurementStarted, moment: Moment) {
        self.void();
        self.run = Some(Run { started, moment, readings: Vec::new(), open: true });
    }

    pub(super) fn read(&mut self, reading: &ReadingTaken, moment: Moment) {
        self.edit();
        if let Some(run) = &mut self.run {
            run.readings.push(TimedReading { room: reading.room.clone(), value: reading.value, stamp: moment.stamp });
        }
    }

    pub(super) fn freeze(&mut self, frozen: MeasurementFrozen) {
        if let Some(run) = &mut self.run {
            run.open = false;
        }
        let MeasurementFrozen { summary, sha } = frozen;
        self.frozen.push(FrozenMeasurement { summary, sha, verdict: None, void: false });
    }

    /// Something that the summary shows has changed: what was frozen no longer holds.
    pub(super) fn edit(&mut self) {
        if let Some(run) = &mut self.run {
            run.open = true;
            self.void();
        }
    }

    fn void(&mut self) {
        if let Some(last) = self.frozen.last_mut() {
            last.void = true;
        }
    }

    pub(super) fn settle(&mut self, verdict: Verdict) {
        if let Some(last) = self.frozen.last_mut() {
            last.verdict = Some(verdict);
        }
    }
}

/// What a room's readings amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assessment {
    /// The last readings lie within the limit over the whole stretch.
    pub stable: bool,
    /// Mean of the counting readings plus correction, rounded half-up; none = the protocol is not fulfilled.
    pub value: Option<DeciCelsius>,
    /// Milliseconds after the last reading from which the next one can count.
    pub wait_ms: u64,
}

/// Judges one room's readings, oldest first. The counting ones are the last, each at least the protocol's spacing
/// before the next; over the stretch that ends with the first of them, and over the one that ends with the last, the
/// temperature must not have changed by more than the limit. Readings before a restart of the device do not count:
/// no clock ties them to the later ones.
pub fn assess(readings: &[(DeciCelsius, Stamp)], protocol: &Protocol, correction: DeciCelsius) -> Assessment {
    let spacing_ms = u64::from(protocol.spacing_seconds) * 1000;
    let Some((_, last)) = readings.last() else {
        return Assessment { stable: false, value: None, wait_ms: 0 };
    };
    let same_boot = readings.iter().rev().take_while(|(_, stamp)| stamp.boot == last.boot).count();
    let run = &readings[readings.len() - same_boot..];
    let needed = protocol.readings.max(1) as usize;
    let mut counting: Vec<usize> = Vec::with_capacity(needed);
    for (index, (_, stamp)) in run.iter().enumerate().rev() {
        let far_enough = counting.last().is_none_or(|later: &usize| {
            run[*later].1.mono_ms.checked_sub(stamp.mono_ms).is_some_and(|gap| gap >= spacing_ms)
        });
        if counting.len() < needed && far_enough {
            counting.push(index);
        }
    }
    let stable = is_stable(run, run.len() - 1, protocol);
    let fulfilled = stable && counting.len() == needed && is_stable(run, counting[needed - 1], protocol);
    let value = fulfilled.then(|| {
        let sum: i64 = counting.iter().map(|index| i64::from(run[*index].0.0)).sum();
        let count = needed as i64;
        let mean = (2 * sum + count).div_euclid(2 * count);
        DeciCelsius(i32::try_from(mean).unwrap_or(0).saturating_add(correction.0))
    });
    let wait_ms = if value.is_some() { 0 } else { wait_after_last(run, protocol) };
    Assessment { stable, value, wait_ms }
}

/// Whether the stretch that ends with reading `end` is covered and calm.
fn is_stable(run: &[(DeciCelsius, Stamp)], end: usize, protocol: &Protocol) -> bool {
    let stretch_ms = u64::from(protocol.stability_seconds) * 1000;
    calm_since(run, end, protocol).is_some_and(|start| run[end].1.mono_ms - start >= stretch_ms)
}

/// The monotonic time since which all readings up to `end` lie within the limit. Clocks that run backwards end it.
fn calm_since(run: &[(DeciCelsius, Stamp)], end: usize, protocol: &Protocol) -> Option<u64> {
    let stretch_ms = u64::from(protocol.stability_seconds) * 1000;
    let (first, at) = run.get(end)?;
    let (mut low, mut high, mut since) = (first.0, first.0, at.mono_ms);
    for (value, stamp) in run[..end].iter().rev() {
        if at.mono_ms - since >= stretch_ms || stamp.mono_ms > since {
            break;
        }
        low = low.min(value.0);
        high = high.max(value.0);
        if high.saturating_sub(low) > protocol.stability_limit {
            break;
        }
        since = stamp.mono_ms;
    }
    Some(since)
}

fn wait_after_last(run: &[(DeciCelsius, Stamp)], protocol: &Protocol) -> u64 {
    let stretch_ms = u64::from(protocol.stability_seconds) * 1000;
    let spacing_ms = u64::from(protocol.spacing_seconds) * 1000;
    let end = run.len() - 1;
    let covered = calm_since(run, end, protocol).map_or(0, |since| run[end].1.mono_ms - since);
    if covered < stretch_ms { stretch_ms - covered } else { spacing_ms }
}

/// A room's verdict: 卧室 and 起居室 against the agreed temperature, 其他 recorded only.
pub fn verdict(kind: RoomKind, value: Option<DeciCelsius>, agreed: DeciCelsius) -> RoomVerdict {
    match (kind, value) {
        (_, None) => RoomVerdict::Incomplete,
        (RoomKind::Other, Some(_)) => RoomVerdict::NotJudged,
        (_, Some(value)) if value >= agreed => RoomVerdict::Qualified,
        _ => RoomVerdict::Below,
    }
}

/// Every judged room is qualified; none = no room was judged. Never an average.
pub fn qualified(rooms: &[RoomResult]) -> Option<bool> {
    let mut judged = rooms
        .iter()
        .filter_map(|room| match room.verdict {
            RoomVerdict::Qualified => Some(true),
            RoomVerdict::Below => Some(false),
            RoomVerdict::NotJudged | RoomVerdict::Incomplete => None,
        })
        .peekable();
    judged.peek()?;
    Some(judged.all(|qualified| qualified))
}

/// Whether the whole interval lies within the stretch that 5.6.3 asks to avoid; both its ends are inside.
pub fn is_at_noon(interval: &Estimate, limits: &Limits) -> bool {
    let stretch = i64::from(limits.noon_until_minute.saturating_sub(limits.noon_from_minute)) * 60_000;
    let within_a_day = interval.hi.0.saturating_sub(interval.lo.0) <= stretch;
    within_a_day
        && [interval.lo, interval.hi].into_iter().all(|at| {
            use chrono::Timelike;
            let local = at.local().time();
            let from = limits.noon_from_minute * 60;
            let until = limits.noon_until_minute * 60;
            let second = local.num_seconds_from_midnight();
            second >= from && (second < until || (second == until && local.nanosecond() == 0))
        })
}

/// Whether a measurement from `start` to `end` touches the stretch that 5.6.3 asks to avoid.
pub fn touches_noon(start: Millis, end: Millis, limits: &Limits) -> bool {
    use chrono::Timelike;
    let of_day = |at: Millis| {
        let time = at.local().time();
        i64::from(time.num_seconds_from_midnight()) * 1000 + i64::from(time.nanosecond() / 1_000_000)
    };
    let (from, until) = (i64::from(limits.noon_from_minute) * 60_000, i64::from(limits.noon_until_minute) * 60_000);
    let first = of_day(start);
    let last = first.saturating_add(end.0.saturating_sub(start.0).max(0));
    (first <= until && last >= from) || last >= from + 86_400_000
}

/// What a summary takes from outside the lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings<'a> {
    /// From the register.
    pub instrument: &'a Instrument,
    /// Rooms are judged against it.
    pub agreed: DeciCelsius,
    /// The measurement touches noon, by the best time known.
    pub at_noon: bool,
    /// The verification had run out, by the best time known.
    pub expired: bool,
    /// Why all the same.
    pub reason: Option<String>,
    /// 备注.
    pub note: Option<String>,
}

impl Run {
    /// The readings of one room.
    pub fn of_room(&self, room: &str) -> Vec<(DeciCelsius, Stamp)> {
        let here = self.readings.iter().filter(|reading| reading.room == room);
        here.map(|reading| (reading.value, reading.stamp)).collect()
    }

    /// The summary to show: rooms with readings, in the order they were entered. None without any reading.
    pub fn summarise(
        &self,
        rooms: &[RoomAccess],
        protocol: &Protocol,
        around: &Surroundings<'_>,
        supersedes: Option<Sha>,
    ) -> Option<MeasurementSummary> {
        let (first, last) = (self.readings.first()?, self.readings.last()?);
        let correction = around.instrument.correction;
        let result = |access: &RoomAccess| {
            let readings = self.of_room(&access.room.key);
            if readings.is_empty() {
                return None;
            }
            let assessed = assess(&readings, protocol, correction);
            let raw = |(value, stamp): &(DeciCelsius, Stamp)| Reading { value: *value, at: Millis(stamp.wall_ms) };
            Some(RoomResult {
                room: access.room.key.clone(),
                kind: access.room.kind,
                label: access.room.label.clone(),
                orientation: access.room.orientation,
                readings: readings.iter().map(raw).collect(),
                stable: assessed.stable,
                value: assessed.value,
                verdict: verdict(access.room.kind, assessed.value, around.agreed),
            })
        };
        let started = &self.started;
        Some(MeasurementSummary {
            protocol: protocol.id.clone(),
            purpose: started.purpose,
            instrument: around.instrument.id,
            instrument_number: around.instrument.number.clone(),
            certificate: around.instrument.certificate.clone(),
            verified_on: around.instrument.verified_on.clone(),
            valid_until: around.instrument.valid_until.clone(),
            correction,
            agreed: around.agreed,
            weather: started.weather.clone(),
            outdoor: started.outdoor,
            window_open: started.window_open,
            extra_heater: started.extra_heater,
            radiators_covered: started.radiators_covered,
            started_at: Millis(first.stamp.wall_ms),
            ended_at: Millis(last.stamp.wall_ms),
            at_noon: around.at_noon,
            reason: around.reason.clone(),
            valid: protocol.counts && !around.expired && started.purpose != MeasurementPurpose::Quick,
            rooms: rooms.iter().filter_map(result).collect(),
            note: around.note.clone(),
            supersedes,
        })
    }
}

/// The content address of a summary: SHA-256 of its canonical bytes.
pub fn summary_sha(summary: &MeasurementSummary) -> Sha {
    Sha::of(&json::canonical(summary).expect("a summary is plain fields"))
}
