//! Who signed what, when and with which device, read from a record for people.

use serde::Serialize;

use super::body::{Outcome, SignedRecordBody};
use super::jws::Opened;
use super::receipt::Receipt;
use super::timeliness;
use crate::canon::hash::Sha;
use crate::domain::signature::Purpose;
use crate::id::{DeviceId, HouseholdId, RecordId, VisitId, WorkerId};
use crate::time::Millis;

/// When something happened, as well as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct WhenKnown {
    /// What the device's clock claimed.
    pub claimed_ms: Millis,
    /// Best estimate.
    pub est_ms: Millis,
    /// Not before, if known.
    pub lo_ms: Option<Millis>,
    /// Not after, if known.
    pub hi_ms: Option<Millis>,
    /// Who estimated.
    pub by: EstimatedBy,
}

/// Whose estimate of a time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EstimatedBy {
    /// The server's, in the receipt.
    Server,
    /// The phone's, from its last word with the server.
    Device,
    /// Nobody: the device's clock alone.
    Nobody,
}

impl WhenKnown {
    /// `2026-11-23 10:15:30（北京时间，误差 ±2 秒）`.
    pub fn zh(&self) -> String {
        let at = clock(self.est_ms);
        match (self.lo_ms, self.hi_ms) {
            (Some(lo), Some(hi)) => {
                let off = hi.0.saturating_sub(self.est_ms.0).max(self.est_ms.0.saturating_sub(lo.0));
                format!("{at}（北京时间，误差 ±{}）", span_zh(off))
            }
            _ => format!("{at}（北京时间，手机自报，未经核对）"),
        }
    }

    /// The same in English.
    pub fn en(&self) -> String {
        let at = clock(self.est_ms);
        match (self.lo_ms, self.hi_ms) {
            (Some(lo), Some(hi)) => {
                let off = hi.0.saturating_sub(self.est_ms.0).max(self.est_ms.0.saturating_sub(lo.0));
                format!("{at} (Beijing, ±{} s)", off.div_euclid(1000) + i64::from(off % 1000 > 0))
            }
            _ => format!("{at} (Beijing, claimed by the phone alone)"),
        }
    }
}

/// An instant in Beijing, to the second.
pub(super) fn clock(at: Millis) -> String {
    at.local().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A span rounded up to what a reader cares for.
fn span_zh(ms: i64) -> String {
    let seconds = ms.div_euclid(1000) + i64::from(ms % 1000 > 0);
    match seconds {
        0..=119 => format!("{} 秒", seconds.max(1)),
        120..=7199 => format!("{} 分钟", (seconds + 59) / 60),
        _ => format!("{} 小时", (seconds + 3599) / 3600),
    }
}

/// Who signed what, when and with which device, read from a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordSummary {
    /// The record's id.
    pub record: RecordId,
    /// SHA-256 of its payload.
    pub record_sha: Sha,
    /// What was signed: `入户测温确认`.
    pub kind: String,
    /// The form's title as printed.
    pub title: String,
    /// 签字, or 拒签 with the reason.
    pub refused: Option<String>,
    /// 供热企业.
    pub supplier: String,
    /// The dwelling.
    pub household: HouseholdId,
    /// The visit.
    pub visit: VisitId,
    /// Name of the signer.
    pub signer: String,
    /// 业主, 承租人, 家属 or 其他.
    pub signer_role: String,
    /// 服务人员.
    pub worker: WorkerId,
    /// Name of the worker.
    pub worker_name: String,
    /// 工作标识牌.
    pub badge: String,
    /// The device.
    pub device: DeviceId,
    /// SHA-256 of the device key's certificate: its `kid`.
    pub kid: Sha,
    /// When it was signed.
    pub signed_at: WhenKnown,
    /// When the supplier's server received it.
    pub received_ms: Option<Millis>,
    /// How the device stood then.
    pub device_status: Option<String>,
    /// How many photos it cites.
    pub photos: usize,
    /// The record it corrects.
    pub supersedes: Option<Sha>,
}

impl RecordSummary {
    /// What a record says, and its receipt if it got one.
    pub(super) fn of(record: &Opened<SignedRecordBody>, receipt: Option<&Receipt>) -> Self {
        let body = &record.statement;
        Self {
            record: body.id,
            record_sha: record.payload_sha,
            kind: match &body.kind {
                Purpose::Measurement => "入户测温确认".into(),
                Purpose::Quote { revision } => format!("维修报价确认（第 {revision} 版）"),
                Purpose::Consent { object } => format!("施工风险告知同意（{object}）"),
                Purpose::Acceptance => "维修验收".into(),
                Purpose::Notice => "隐患告知书签收".into(),
            },
            title: body.form.title.clone(),
            refused: match &body.outcome {
                Outcome::Signed => None,
                Outcome::Refused { reason } => Some(reason.clone()),
            },
            supplier: body.supplier.name.clone(),
            household: body.household,
            visit: body.visit,
            signer: body.signer.name.clone(),
            signer_role: body.signer.role.zh().into(),
            worker: body.worker.id,
            worker_name: body.worker.name.clone(),
            badge: body.worker.badge.clone(),
            device: body.log.device,
            kid: record.kid,
            signed_at: timeliness::when(body, receipt),
            received_ms: receipt.map(|receipt| receipt.received_ms),
            device_status: receipt.map(|receipt| receipt.device_status.zh().into()),
            photos: body.photos.len(),
            supersedes: body.supersedes,
        }
    }
}
