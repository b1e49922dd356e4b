//! The course of the server's clock: how far it was off at what time, and what an estimate made by it can be held to.

use std::collections::HashMap;

use nuanfang_core::id::{BootId, DeviceId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::SyncRequest;

/// What an answer and a request under way, and the readings of a clock, may make of two distances to it: a request that
/// arrives once more does so after two minutes at most.
const SLACK_MS: i64 = 130_000;
/// How far the server lets a phone's clock drift, in parts per million.
const DRIFT_PPM: i64 = 100;

/// What a request tells of the server's clock.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// The run of the phone's clock in which it heard an answer.
    pub boot: BootId,
    /// When that answer was given.
    at: Millis,
    /// How long that run had gone when the request left.
    run_ms: u64,
}

/// How far the server's clock was ahead of the true time.
#[derive(Debug, Default)]
pub struct Course {
    /// When it was set, and how far it was ahead from then on.
    set: Vec<(Millis, i64)>,
    /// What each phone was told the time was, and when it truly was.
    told: HashMap<(DeviceId, Millis), Millis>,
}

impl Course {
    /// How far it is ahead.
    pub fn ahead(&self) -> i64 {
        self.set.last().map_or(0, |(_, ahead)| *ahead)
    }

    /// Whether it was ever set.
    pub fn was_set(&self) -> bool {
        !self.set.is_empty()
    }

    /// It is `ahead` from `now` on.
    pub fn set(&mut self, now: Millis, ahead: i64) {
        self.set.push((now, ahead));
    }

    /// A phone was told the time.
    pub fn tell(&mut self, device: DeviceId, told: Millis, now: Millis) {
        // Set back, it may say the same once more: what was first is further off.
        self.told.entry((device, told)).or_insert(now);
    }

    /// What a request tells of an answer that was heard in the same run of its phone's clock.
    pub fn heard(&self, request: &SyncRequest) -> Option<Heard> {
        let (boot, run_ms) = (request.t.stamp.boot, request.t.stamp.mono_ms);
        let heard = request.t.heard.iter().find(|heard| heard.boot == boot)?;
        self.told.get(&(request.device, heard.server_ms)).map(|at| Heard { boot, at: *at, run_ms })
    }

    /// The least and the most that the clock may have been ahead by when it dated an operation. Where the answer that was heard
    /// in the operation's run is told of, what was seen of the clock before counts no longer, but as far as it can't be told
    /// from what was heard.
    pub fn between(&self, heard: Option<Heard>) -> (i64, i64) {
        let ever = || std::iter::once(0).chain(self.set.iter().map(|(_, ahead)| *ahead));
        let bounds = |of: &mut dyn Iterator<Item = i64>| {
            of.fold(None, |found: Option<(i64, i64)>, ahead| {
                Some(found.map_or((ahead, ahead), |(least, most)| (least.min(ahead), most.max(ahead))))
            })
        };
        let Some(heard) = heard else { return bounds(&mut ever()).unwrap_or_default() };
        let then = self.set.iter().rev().find(|(at, _)| *at <= heard.at).map_or(0, |(_, ahead)| *ahead);
        let since = self.set.iter().filter(|(at, _)| *at > heard.at).map(|(_, ahead)| *ahead);
        let (least, most) = bounds(&mut since.chain([then])).unwrap_or_default();
        let slack = SLACK_MS + i64::try_from(heard.run_ms).unwrap_or(i64::MAX) / 1_000_000 * DRIFT_PPM;
        let near = |ahead: &i64| (least - slack..=most + slack).contains(ahead);
        bounds(&mut ever().filter(near)).unwrap_or((least, most))
    }

    /// The latest time that it ever showed until then.
    pub fn latest(&self, until: Millis) -> Millis {
        let mut latest = Millis(i64::MIN);
        let mut ahead = 0;
        for (at, next) in self.set.iter().filter(|(at, _)| *at <= until) {
            latest = latest.max(Millis(at.0 + ahead));
            ahead = *next;
        }
        latest.max(Millis(until.0 + ahead))
    }
}
