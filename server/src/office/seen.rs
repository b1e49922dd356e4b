//! What devices last said of themselves: when they were seen, what they still owe, their zone, and the anchors of
//! their clocks. Kept in memory, written down now and then: an exchange that brings nothing new writes nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use nuanfang_core::domain::event::KINDS;
use nuanfang_core::id::{BootId, DeviceId};
use nuanfang_core::time::Millis;
use nuanfang_core::wire::{Caps, Heard, Owes, SyncRequest};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::estimate::drift_ms;
use crate::store::StoreError;
use crate::store::sqlite::Sqlite;

/// Boots whose anchors are remembered.
const BOOTS: usize = 16;

/// What clocks that are slewed, and readings rounded to milliseconds, may make of two distances, beside drift.
const SLACK_MS: i64 = 1000;

/// One run of a device's monotonic clock, tied to the office's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The run.
    pub boot: BootId,
    /// The smallest distance seen between the office's clock at receipt and the device's at sending: it holds the
    /// shortest way a request ever had, so it is the least wrong.
    pub offset_ms: i64,
    /// The device's clock when that was seen.
    pub mono_ms: u64,
    /// The greatest distance that an answer was heard at: the office's clock when it answered, less the device's when it
    /// heard. No distance is smaller. None until the device has told of an answer.
    #[serde(default)]
    pub heard: Option<Distance>,
}

/// A distance between the office's clock and a device's monotonic one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distance {
    /// Milliseconds.
    pub ms: i64,
    /// The device's clock when it was seen.
    pub mono_ms: u64,
}

impl Anchor {
    fn hear(&mut self, heard: &Heard) {
        let ms = heard.server_ms.0.saturating_sub_unsigned(heard.mono_ms);
        if self.heard.is_none_or(|known| known.ms < ms) {
            self.heard = Some(Distance { ms, mono_ms: heard.mono_ms });
        }
    }

    /// Whether an answer was heard at a greater distance than a request came at, by more than a clock drifts: no clock that
    /// goes on does that.
    fn is_broken(&self) -> bool {
        self.heard.is_some_and(|heard| {
            let apart = i64::try_from(self.mono_ms.abs_diff(heard.mono_ms)).unwrap_or(i64::MAX);
            heard.ms.saturating_sub(self.offset_ms) > drift_ms(apart) + SLACK_MS
        })
    }
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// When it last spoke, by the office's clock.
    pub seen: Millis,
    /// The app's version.
    pub app: String,
    /// Kinds of events that this server understood when it last spoke, and that it can't record.
    pub lacks: Vec<String>,
    /// Its zone.
    pub tz: String,
    /// What it still holds.
    pub owes: Owes,
    /// Since when it has held something, by the office's clock; none while it holds nothing.
    pub owing_since: Option<Millis>,
    /// When it showed a log that is not the one received; it must be enrolled anew.
    pub forked: Option<Millis>,
    /// Its wall clock minus the office's, milliseconds.
    pub clock_error_ms: i64,
    /// Its clock's anchors, newest boot last.
    pub anchors: Vec<Anchor>,
    changed: bool,
}

impl Device {
    /// For how long it has held something at `now`, milliseconds. Its own word goes beyond what the office has heard of, but
    /// says nothing of files whose operations are here.
    pub fn owing_ms(&self, now: Millis) -> Option<i64> {
        let since = |at: Millis| now.0.saturating_sub(at.0).max(0);
        let heard = self.owing_since.map(since);
        let told = self.owes.oldest_ms.map(|age| since(self.seen).saturating_add_unsigned(age));
        if self.owes.blobs == 0 { told.or(heard) } else { told.max(heard) }
    }
}

/// All devices.
#[derive(Debug, Default)]
pub struct Seen {
    devices: Mutex<HashMap<DeviceId, Device>>,
}

impl Seen {
    /// What was written down.
    pub fn load(db: &Connection) -> Result<Self, StoreError> {
        let mut query = db.prepare(
            "SELECT device, seen_ms, app, tz, owes_ops, owes_blobs, owes_bytes, anchors,
             clock_error_ms, owing_since_ms, forked_ms, lacks, owes_oldest_ms FROM device_seen",
        )?;
        let rows = query.query_map([], |row| {
            let owes = Owes {
                ops: row.get::<_, i64>(4)? as u64,
                blobs: row.get::<_, i64>(5)? as u64,
                bytes: row.get::<_, i64>(6)? as u64,
                oldest_ms: row.get::<_, Option<i64>>(12)?.map(|age| age as u64),
            };
            let anchors = serde_json::from_str(row.get_ref(7)?.as_str()?).unwrap_or_default();
            let device = Device {
                seen: Millis(row.get(1)?),
                app: row.get(2)?,
                lacks: serde_json::from_str(row.get_ref(11)?.as_str()?).unwrap_or_default(),
                tz: row.get(3)?,
                owes,
                owing_since: row.get::<_, Option<i64>>(9)?.map(Millis),
                forked: row.get::<_, Option<i64>>(10)?.map(Millis),
                clock_error_ms: row.get(8)?,
                anchors,
                changed: false,
            };
            Ok((DeviceId(Uuid::from_bytes(row.get(0)?)), device))
        })?;
        Ok(Self { devices: Mutex::new(rows.collect::<Result<_, _>>()?) })
    }

    /// Notes an exchange that came at `now`; returns the device's anchors with this one among them.
    pub fn note(&self, request: &SyncRequest, now: Millis) -> Vec<Anchor> {
        let stamp = request.t.stamp;
        let here = Anchor {
            boot: stamp.boot,
            offset_ms: now.0.saturating_sub_unsigned(stamp.mono_ms),
            mono_ms: stamp.mono_ms,
            heard: None,
        };
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let device = devices.entry(request.device).or_insert_with(|| Device {
            seen: now,
            app: String::new(),
            lacks: Vec::new(),
            tz: String::new(),
            owes: Owes::default(),
            owing_since: None,
            forked: None,
            clock_error_ms: 0,
            anchors: Vec::new(),
            changed: true,
        });
        device.seen = now;
        request.caps.app.clone_into(&mut device.app);
        device.lacks = lacks(&request.caps);
        request.t.tz.clone_into(&mut device.tz);
        device.owes = request.owes;
        let owing = request.owes.ops > 0 || request.owes.blobs > 0;
        device.owing_since = owing.then(|| device.owing_since.unwrap_or(now));
        device.clock_error_ms = stamp.wall_ms.saturating_sub(now.0);
        device.changed = true;
        match device.anchors.iter_mut().find(|anchor| anchor.boot == here.boot) {
            Some(anchor) if here.offset_ms < anchor.offset_ms => *anchor = Anchor { heard: anchor.heard, ..here },
            Some(_) => {}
            None => {
                device.anchors.push(here);
                if device.anchors.len() > BOOTS {
                    device.anchors.remove(0);
                }
            }
        }
        for heard in &request.t.heard {
            device.anchors.iter_mut().filter(|anchor| anchor.boot == heard.boot).for_each(|anchor| anchor.hear(heard));
        }
        // The office's clock was set since: what was seen before does not fit what was heard, and says nothing of its present time.
        for anchor in device.anchors.iter_mut().filter(|anchor| anchor.boot == here.boot && anchor.is_broken()) {
            let heard = anchor.heard.filter(|heard| !Anchor { heard: Some(*heard), ..here }.is_broken());
            *anchor = Anchor { heard, ..here };
        }
        device.anchors.clone()
    }

    /// Notes that so many operations of those that `device` said it holds are here now.
    pub fn received(&self, device: DeviceId, ops: u64) {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = devices.get_mut(&device) {
            device.owes.ops = device.owes.ops.saturating_sub(ops);
            if device.owes.ops == 0 {
                device.owes.oldest_ms = None;
                if device.owes.blobs == 0 {
                    device.owing_since = None;
                }
            }
            device.changed = true;
        }
    }

    /// Notes what of the files that the operations of `device` name is missing here. Once all of its operations are here, it
    /// holds no others.
    pub fn missing(&self, device: DeviceId, files: u64, bytes: u64) {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = devices.get_mut(&device).filter(|device| device.owes.ops == 0) {
            device.owes.blobs = device.owes.blobs.min(files);
            device.owes.bytes = device.owes.bytes.min(bytes);
            if device.owes.blobs == 0 {
                device.owing_since = None;
            }
            device.changed = true;
        }
    }

    /// Notes that `device` showed another log than the one received.
    pub fn note_fork(&self, device: DeviceId, now: Millis) {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = devices.get_mut(&device) {
            device.forked.get_or_insert(now);
            device.changed = true;
        }
    }

    /// What `device` last said.
    pub fn get(&self, device: DeviceId) -> Option<Device> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner).get(&device).cloned()
    }

    /// All devices, by id.
    pub fn all(&self) -> Vec<(DeviceId, Device)> {
        let devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = devices.iter().map(|(id, device)| (*id, device.clone())).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }

    /// What has changed since it was last taken.
    pub fn take_changed(&self) -> Vec<(DeviceId, Device)> {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = devices
            .iter_mut()
            .filter_map(|(id, device)| std::mem::take(&mut device.changed).then(|| (*id, device.clone())));
        taken.collect()
    }
}

/// What a phone would record that knew as much as this server, and this one can't. One that does not say what it can is
/// taken at that.
fn lacks(caps: &Caps) -> Vec<String> {
    if caps.kinds.is_empty() {
        return Vec::new();
    }
    let can = |kind: &str| {
        caps.kinds.iter().any(|said| said.strip_suffix('*').map_or(said == kind, |prefix| kind.starts_with(prefix)))
    };
    KINDS.iter().filter(|kind| !kind.starts_with("office.") && !can(kind)).map(|kind| (*kind).to_owned()).collect()
}

/// Writes down what devices said of themselves since it was last done. Blocks.
///
/// # Errors
/// What the store says.
pub fn keep(seen: &Seen, store: &Sqlite) -> Result<(), StoreError> {
    let changed = seen.take_changed();
    if changed.is_empty() {
        return Ok(());
    }
    store.write_blocking(0, move |writing| save(writing.tx, &changed))
}

/// Writes down what devices said.
pub fn save(tx: &Connection, devices: &[(DeviceId, Device)]) -> Result<(), StoreError> {
    let mut insert = tx.prepare_cached(
        "INSERT OR REPLACE INTO device_seen (device, seen_ms, app, tz, owes_ops, owes_blobs, owes_bytes, anchors,
         clock_error_ms, owing_since_ms, forked_ms, lacks, owes_oldest_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for (id, device) in devices {
        let damaged = |error: serde_json::Error| StoreError::Damaged(error.to_string());
        let anchors = serde_json::to_string(&device.anchors).map_err(damaged)?;
        let lacks = serde_json::to_string(&device.lacks).map_err(damaged)?;
        insert.execute(params![
            id.0.as_bytes(),
            device.seen.0,
            device.app,
            device.tz,
            device.owes.ops as i64,
            device.owes.blobs as i64,
            device.owes.bytes as i64,
            anchors,
            device.clock_error_ms,
            device.owing_since.map(|since| since.0),
            device.forked.map(|at| at.0),
            lacks,
            device.owes.oldest_ms.map(|age| age as i64)
        ])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nuanfang_core::time::Stamp;
    use nuanfang_core::wire::Clocks;

    use super::*;

    const HOUR: i64 = 3_600_000;

    /// A request that the phone sends at `mono_ms`, having heard that it was `server_ms` at `heard_ms`.
    fn request(mono_ms: u64, heard: Option<(u64, i64)>) -> SyncRequest {
        let boot = BootId(Uuid::from_u128(1));
        SyncRequest {
            v: 1,
            req: Uuid::nil(),
            device: DeviceId(Uuid::from_u128(2)),
            epoch: 1,
            scopes: Vec::new(),
            caps: Caps::default(),
            t: Clocks {
                stamp: Stamp { wall_ms: 0, mono_ms, boot },
                tz: String::new(),
                heard: heard
                    .map(|(mono_ms, server_ms)| Heard { boot, mono_ms, server_ms: Millis(server_ms) })
                    .into_iter()
                    .collect(),
            },
            owes: Owes::default(),
            base: 0,
            base_sha: nuanfang_core::canon::hash::Sha::ZERO,
            judged: 0,
            head_sha: nuanfang_core::canon::hash::Sha::ZERO,
            ops: Vec::new(),
        }
    }

    #[test]
    fn the_least_distance_counts_until_the_offices_clock_is_set() {
        let seen = Seen::default();
        let true_now = 100 * HOUR;
        // The office's clock stands eight hours behind for a minute.
        seen.note(&request(60_000, None), Millis(true_now + 60_000 - 8 * HOUR));
        // Set right, it answers; the phone says so with its next request, which was under way for 300 ms.
        seen.note(&request(120_000, Some((60_200, true_now + 60_100 - 8 * HOUR))), Millis(true_now + 120_300));
        let anchors = seen.note(&request(180_000, Some((120_500, true_now + 120_400))), Millis(true_now + 180_300));
        assert_eq!((anchors.len(), anchors[0].offset_ms), (1, true_now + 300));
        assert_eq!(anchors[0].heard, Some(Distance { ms: true_now - 100, mono_ms: 120_500 }));
        // It stands, and a shorter way is still less wrong.
        let anchors = seen.note(&request(240_000, Some((120_500, true_now + 120_400))), Millis(true_now + 240_100));
        assert_eq!(anchors[0].offset_ms, true_now + 100);
    }

    #[test]
    fn what_was_heard_of_a_clock_that_was_ahead_bounds_nothing_once_it_is_set() {
        let seen = Seen::default();
        let true_now = 100 * HOUR;
        seen.note(&request(60_000, None), Millis(true_now + 60_100 + 8 * HOUR));
        let ahead = Some((60_200, true_now + 60_100 + 8 * HOUR));
        for at in [120_000, 180_000] {
            let anchors = seen.note(&request(at, ahead), Millis(true_now + at as i64 + 100));
            assert_eq!((anchors[0].offset_ms, anchors[0].heard), (true_now + 100, None));
        }
    }
}
