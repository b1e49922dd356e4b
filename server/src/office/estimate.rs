//! When an operation happened, as far as the server can tell (FORMATS §6): tied to its own clock where the device
//! spoke to it in the same run of its monotonic clock, between its neighbours in the log otherwise. A device's wall
//! clock decides nothing by itself.

use nuanfang_core::time::{Estimate, Millis, Stamp, TimeQuality};

use super::seen::Anchor;

/// A request is under way for at most this long: the least that can have passed between a device's clock at sending
/// and the server's at receipt is nothing, the most is this.
const TRANSIT_MS: i64 = 10_000;
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

fn anchored(stamp: &Stamp, anchors: &[Anchor], recv: Millis) -> Option<Estimate> {
    let anchor = anchors.iter().find(|anchor| anchor.boot == stamp.boot)?;
    let mono = i64::try_from(stamp.mono_ms).ok()?;
    let hi = anchor.offset_ms.saturating_add(mono);
    let apart = mono.abs_diff(i64::try_from(anchor.mono_ms).ok()?);
    let drift = i64::try_from(apart).ok()?.saturating_mul(DRIFT_PPM) / 1_000_000;
    let hi_drift = hi.saturating_add(drift);
    let lo = hi.saturating_sub(TRANSIT_MS).saturating_sub(drift);
    Some(Estimate {
        est: Millis(hi.min(recv.0)),
        lo: Millis(lo.min(recv.0)),
        hi: Millis(hi_drift.min(recv.0)),
        quality: TimeQuality::Anchored,
    })
}

#[cfg(test)]
mod tests {
    use nuanfang_core::id::BootId;
    use uuid::Uuid;

    use super::*;

    fn stamp(boot: u128, mono_ms: u64, wall_ms: i64) -> Stamp {
        Stamp { wall_ms, mono_ms, boot: BootId(Uuid::from_u128(boot)) }
    }

    #[test]
    fn a_wrong_wall_clock_changes_nothing_within_a_boot() {
        let anchors = [Anchor { boot: BootId(Uuid::from_u128(1)), offset_ms: 1_000_000, mono_ms: 60_000 }];
        let three_years_off = stamp(1, 30_000, -94_608_000_000);
        let estimates = estimate(&[three_years_off], &anchors, Millis(0), Millis(1_060_000));
        assert_eq!(estimates[0].est, Millis(1_030_000));
        assert_eq!(estimates[0].quality, TimeQuality::Anchored);
        assert!(estimates[0].lo <= estimates[0].est && estimates[0].est <= estimates[0].hi);
    }

    #[test]
    fn an_unknown_boot_lies_between_its_neighbours() {
        let anchors = [Anchor { boot: BootId(Uuid::from_u128(2)), offset_ms: 1_000_000, mono_ms: 60_000 }];
        let stamps = [stamp(1, 5, 77), stamp(2, 10_000, 0), stamp(1, 9, i64::MAX)];
        let estimates = estimate(&stamps, &anchors, Millis(900_000), Millis(1_060_000));
        assert_eq!(estimates[0].quality, TimeQuality::Bracketed);
        assert_eq!((estimates[0].lo, estimates[0].hi), (Millis(900_000), Millis(1_010_000)));
        assert_eq!(estimates[0].est, Millis(900_000));
        assert_eq!(estimates[2].hi, Millis(1_060_000));
        assert!(estimates.windows(2).all(|pair| pair[0].lo <= pair[1].lo));
    }
}
