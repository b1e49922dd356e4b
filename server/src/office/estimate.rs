//! When an operation happened, as far as the server can tell: tied to its own clock where the device
//! spoke to it in the same run of its monotonic clock, between its neighbours in the log otherwise. A device's wall
//! clock decides nothing by itself.

use nuanfang_core::time::{Estimate, Millis, Stamp, TimeQuality};
use nuanfang_core::wire::CALL_TIMEOUT_S;

use super::seen::Anchor;

/// A request is under way for at most this long: a device gives a call up after two minutes, and what it had handed to
/// its network by then may arrive a little later. It counts only until the device has told of an answer that it heard.
const TRANSIT_MS: i64 = CALL_TIMEOUT_S as i64 * 1_500;
/// How far a monotonic clock may drift, in parts per million.
const DRIFT_PPM: i64 = 100;

/// Estimates the operations of one exchange, in the order of the log. `floor` is an instant before which the first
/// can't have happened: the one before it in the log, or the enrolment. `recv` is when they came.
pub fn estimate(stamps: &[Stamp], anchors: &[Anchor], floor: Millis, recv: Millis) -> Vec<Estimate> {
    let mut estimates: Vec<Option<Estimate>> = stamps.iter().map(|stamp| anchored(stamp, anchors, recv)).collect();
    // What an operation can't be later than: the next one that is tied to the server's clock, and the receipt.
    let mut ceilings = vec![recv; stamps.len()];
    let mut ceiling = recv;
    for (at, estimate) in estimates.iter().enumerate().rev() {
        if let Some(known) = estimate {
            ceiling = ceiling.min(known.hi);
        }
        ceilings[at] = ceiling;
    }
    let mut floor = floor.min(recv);
    for (at, stamp) in stamps.iter().enumerate() {
        let ceiling = ceilings[at].max(floor);
        let known = match estimates[at] {
            Some(known) => {
                let lo = known.lo.max(floor);
                let hi = known.hi.min(ceiling).max(lo);
                Estimate { est: known.est.clamp(lo, hi), lo, hi, quality: TimeQuality::Anchored }
            }
            None => Estimate {
                est: Millis(stamp.wall_ms).clamp(floor, ceiling),
                lo: floor,
                hi: ceiling,
                quality: TimeQuality::Bracketed,
            },
        };
        floor = floor.max(known.lo);
        estimates[at] = Some(known);
    }
    estimates.into_iter().flatten().collect()
}

/// How far two readings of a monotonic clock that lie `apart` may be off, milliseconds.
pub fn drift_ms(apart: i64) -> i64 {
    apart.saturating_mul(DRIFT_PPM) / 1_000_000
}

fn anchored(stamp: &Stamp, anchors: &[Anchor], recv: Millis) -> Option<Estimate> {
    let anchor = anchors.iter().find(|anchor| anchor.boot == stamp.boot)?;
    let mono = i64::try_from(stamp.mono_ms).ok()?;
    let drift = |from: u64| drift_ms(i64::try_from(stamp.mono_ms.abs_diff(from)).unwrap_or(i64::MAX));
    let latest = anchor.offset_ms.saturating_add(mono);
    let hi = latest.saturating_add(drift(anchor.mono_ms)).min(recv.0);
    let mut lo = latest.saturating_sub(TRANSIT_MS).saturating_sub(drift(anchor.mono_ms));
    if let Some(heard) = anchor.heard {
        lo = lo.max(heard.ms.saturating_add(mono).saturating_sub(drift(heard.mono_ms)));
    }
    let lo = lo.min(hi);
    Some(Estimate { est: Millis(latest.clamp(lo, hi)), lo: Millis(lo), hi: Millis(hi), quality: TimeQuality::Anchored })
}

#[cfg(test)]
mod tests {
    use nuanfang_core::id::BootId;
    use uuid::Uuid;

    use super::*;
    use crate::office::seen::Distance;

    fn stamp(boot: u128, mono_ms: u64, wall_ms: i64) -> Stamp {
        Stamp { wall_ms, mono_ms, boot: BootId(Uuid::from_u128(boot)) }
    }

    #[test]
    fn a_wrong_wall_clock_changes_nothing_within_a_boot() {
        let anchors = [Anchor { boot: BootId(Uuid::from_u128(1)), offset_ms: 1_000_000, mono_ms: 60_000, heard: None }];
        let three_years_off = stamp(1, 30_000, -94_608_000_000);
        let estimates = estimate(&[three_years_off], &anchors, Millis(0), Millis(1_060_000));
        assert_eq!(estimates[0].est, Millis(1_030_000));
        assert_eq!(estimates[0].quality, TimeQuality::Anchored);
        assert!(estimates[0].lo <= estimates[0].est && estimates[0].est <= estimates[0].hi);
    }

    #[test]
    fn an_answer_that_was_heard_bounds_it_from_below() {
        let mut anchor =
            Anchor { boot: BootId(Uuid::from_u128(1)), offset_ms: 1_000_000, mono_ms: 60_000, heard: None };
        let claimed = [stamp(1, 30_000, 0)];
        let before = estimate(&claimed, &[anchor], Millis(0), Millis(1_060_000))[0];
        assert_eq!((before.lo, before.hi), (Millis(1_030_000 - 180_000 - 3), Millis(1_030_003)));
        anchor.heard = Some(Distance { ms: 999_800, mono_ms: 40_000 });
        let heard = estimate(&claimed, &[anchor], Millis(0), Millis(1_060_000))[0];
        assert_eq!((heard.lo, heard.est, heard.hi), (Millis(1_029_799), Millis(1_030_000), Millis(1_030_003)));
    }

    #[test]
    fn an_unknown_boot_lies_between_its_neighbours() {
        let anchors = [Anchor { boot: BootId(Uuid::from_u128(2)), offset_ms: 1_000_000, mono_ms: 60_000, heard: None }];
        let stamps = [stamp(1, 5, 77), stamp(2, 10_000, 0), stamp(1, 9, i64::MAX)];
        let estimates = estimate(&stamps, &anchors, Millis(900_000), Millis(1_060_000));
        assert_eq!(estimates[0].quality, TimeQuality::Bracketed);
        // The neighbour's latest: fifty seconds before its anchor, a clock may be five milliseconds off.
        assert_eq!((estimates[0].lo, estimates[0].hi), (Millis(900_000), Millis(1_010_005)));
        assert_eq!(estimates[0].est, Millis(900_000));
        assert_eq!(estimates[2].hi, Millis(1_060_000));
        assert!(estimates.windows(2).all(|pair| pair[0].lo <= pair[1].lo));
    }
}
