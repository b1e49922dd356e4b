//! Whether a key was in force when it signed. A device's own clock is never believed: what counts is the server's
//! interval for the signature and the instant of its receipt.

use super::body::SignedRecordBody;
use super::keys::{KeyEntry, RevocationReason};
use super::receipt::{DeviceStatus, Receipt};
use super::summary::{EstimatedBy, WhenKnown};
use super::verdict::{Check, Part};
use crate::time::{Estimate, Millis, TimeQuality};

/// When the record was signed, as well as record and receipt tell.
pub(super) fn when(body: &SignedRecordBody, receipt: Option<&Receipt>) -> WhenKnown {
    let claimed_ms = Millis(body.time.claimed.wall_ms);
    let by_server = receipt.and_then(|receipt| receipt.estimate).map(|estimate| (estimate, EstimatedBy::Server));
    let known = by_server.or(body.time.estimate.map(|estimate| (estimate, EstimatedBy::Device)));
    match known {
        Some((estimate, by)) => {
            let bounded = estimate.quality != TimeQuality::Claimed;
            WhenKnown {
                claimed_ms,
                est_ms: estimate.est,
                lo_ms: bounded.then_some(estimate.lo),
                hi_ms: bounded.then_some(estimate.hi),
                by,
            }
        }
        None => WhenKnown { claimed_ms, est_ms: claimed_ms, lo_ms: None, hi_ms: None, by: EstimatedBy::Nobody },
    }
}

/// The server's bounds for the signature: not before `lo` if it can tell, not after `hi`.
struct Bounds {
    lo: Option<Millis>,
    hi: Millis,
}

impl Bounds {
    fn of(receipt: &Receipt) -> Self {
        let told = receipt.estimate.filter(|estimate| estimate.quality != TimeQuality::Claimed);
        let in_order = |estimate: &Estimate| estimate.lo <= estimate.est && estimate.est <= estimate.hi;
        match told.filter(in_order) {
            Some(estimate) => Self { lo: Some(estimate.lo), hi: estimate.hi.min(receipt.received_ms) },
            None => Self { lo: None, hi: receipt.received_ms },
        }
    }
}

/// Whether the device certificate held when the record was signed. Fails only if the whole interval lies outside.
pub(super) fn validity(entry: &KeyEntry, receipt: &Receipt) -> Check {
    let bounds = Bounds::of(receipt);
    if bounds.hi < entry.valid_from_ms {
        return Check::failed(Part::Validity, "签字时证书尚未生效", "signed before the certificate held");
    }
    if bounds.lo.is_some_and(|lo| lo > entry.valid_until_ms) {
        return Check::failed(Part::Validity, "签字时证书已过期", "signed after the certificate ended");
    }
    Check::passed(Part::Validity, "", "")
}

/// Whether the device key was believed when the record was signed.
pub(super) fn revocation(entry: &KeyEntry, receipt: &Receipt) -> Check {
    let bounds = Bounds::of(receipt);
    let failed = |zh: &str, en: &str| Check::failed(Part::Revocation, zh, en);
    if receipt.device_status == DeviceStatus::Stolen {
        return failed("企业收到时该设备已挂失", "the device was reported stolen when the record arrived");
    }
    let Some(revoked) = entry.revoked else {
        return Check::passed(Part::Revocation, "未吊销", "not revoked");
    };
    if receipt.received_ms <= revoked.at_ms
        || bounds.hi <= revoked.at_ms && revoked.reason == RevocationReason::Dismissed
    {
        return Check::passed(Part::Revocation, "密钥在签字之后才吊销", "revoked only after the signature");
    }
    match revoked.reason {
        RevocationReason::Stolen => {
            failed("密钥已因挂失吊销，且记录在吊销后才到达", "revoked as stolen before the record arrived")
        }
        RevocationReason::Dismissed if bounds.lo.is_some_and(|lo| lo > revoked.at_ms) => {
            failed("签字时密钥已吊销", "signed after the key was revoked")
        }
        RevocationReason::Dismissed if receipt.device_status == DeviceStatus::Dismissed => Check::passed(
            Part::Revocation,
            "设备停用后补交，无法断定签字在停用之前",
            "handed in after the device was dismissed; whether signed before cannot be told",
        ),
        RevocationReason::Dismissed => failed("回执与吊销日期矛盾", "the receipt contradicts the revocation"),
    }
}

/// Why the server key was not in force when it signed; `None` if it was.
pub(super) fn server(entry: &KeyEntry, at: Millis) -> Option<(&'static str, &'static str)> {
    if at < entry.valid_from_ms || at > entry.valid_until_ms {
        return Some(("签署时企业密钥不在有效期", "outside the server key's validity"));
    }
    let rotated = entry.rotated_ms.is_some_and(|rotated| at > rotated);
    if rotated || entry.revoked.is_some_and(|revoked| at > revoked.at_ms) {
        return Some(("签署时企业密钥已停用", "the server key was out of use by then"));
    }
    None
}
