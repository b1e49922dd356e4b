//! The signed record: everything the resident was shown and everything that shows how it came about, in one JSON
//! object (FORMATS §4). Its canonical bytes are the payload that the device key signs. Every member is always there;
//! what does not apply is `null`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::jws::Statement;
use crate::canon::hash::Sha;
use crate::domain::place::Place;
use crate::domain::signature::{Purpose, Signer};
use crate::forms::PrintedForm;
use crate::id::{DeviceId, HouseholdId, RecordId, SupplierId, VisitId, WorkerId};
use crate::time::{Estimate, Stamp};

/// The schema's version.
pub const SCHEMA: u32 = 1;

/// The record that is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRecordBody {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The record's own id (UUIDv7).
    pub id: RecordId,
    /// What is signed.
    pub kind: Purpose,
    /// Signed, or refused with the reason.
    pub outcome: Outcome,
    /// 供热企业.
    pub supplier: Supplier,
    /// The dwelling.
    pub household: HouseholdId,
    /// The visit.
    pub visit: VisitId,
    /// Where the record stands in the device's log. `prev` makes each record a signature over the log's head too.
    pub log: LogPosition,
    /// Who was there for the supplier.
    pub worker: Attendant,
    /// Who signed, or refused to.
    pub signer: Signer,
    /// The sentence above the pad.
    pub statement: StatementShown,
    /// The printed form, label by label: what the resident saw.
    pub form: PrintedForm,
    /// The layout the form was made with.
    pub template: Template,
    /// The typed values behind the form (frozen measurement, quote, findings …); integers, text, truth values.
    pub values: Value,
    /// Content address of what was frozen before the signature: the measurement's or the quote's.
    pub covers: Option<Sha>,
    /// The quote in force, if any.
    pub quote: Option<QuoteCited>,
    /// The price list that was shown, if any.
    pub price_list: Option<PriceListCited>,
    /// Measurement protocol: `745-M2`; `null` when nothing was measured.
    pub protocol: Option<String>,
    /// The instruments that were used.
    pub instruments: Vec<InstrumentCited>,
    /// The rules bundle the visit is pinned to.
    pub rules: Sha,
    /// Edition of the standard: `DB11/T 598—2023`.
    pub standard_version: String,
    /// The app's version and build.
    pub app_build: String,
    /// The photos that belong to this record, in order.
    pub photos: Vec<PhotoCited>,
    /// The handwriting; `null` when refused.
    pub signature: Option<Handwriting>,
    /// A second person who saw it, if any.
    pub witness: Option<Witness>,
    /// Where, or why that is not known.
    pub place: Place,
    /// When.
    pub time: RecordTime,
    /// The record this one corrects, by the SHA-256 of its payload.
    pub supersedes: Option<Sha>,
    /// 128 random bits, 32 hex digits.
    pub nonce: String,
}

impl Statement for SignedRecordBody {
    const TYP: &'static str = "vnd.nuanfang.record";
}

/// How it ended at the pad.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// 签字.
    Signed,
    /// 拒签: an outcome with evidence of its own (DOMAIN §3).
    Refused {
        /// In the worker's words, never empty.
        reason: String,
    },
}

/// 供热企业.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supplier {
    /// Its id.
    pub id: SupplierId,
    /// Its name as printed.
    pub name: String,
}

/// A place in a device's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogPosition {
    /// Whose log.
    pub device: DeviceId,
    /// The position of the envelope that carries this record.
    pub seq: u64,
    /// The hash of the envelope before it.
    pub prev: Sha,
}

/// 服务人员, as shown on the badge.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attendant {
    /// Whose key signed.
    pub id: WorkerId,
    /// Name on the badge.
    pub name: String,
    /// 工作标识牌 number.
    pub badge: String,
}

/// The sentence the signer agreed to, in full.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementShown {
    /// Its id: `measurement.confirm`.
    pub id: String,
    /// Its edition.
    pub version: u32,
    /// BCP 47: `zh-CN`.
    pub language: String,
    /// Word for word.
    pub text: String,
}

/// The layout of a printed form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// `c1@1`: the form's name and edition.
    pub id: String,
    /// SHA-256 of the layout.
    pub sha: Sha,
}

/// A revision of a quote.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuoteCited {
    /// Which.
    pub revision: u32,
    /// SHA-256 of the frozen quote's canonical JSON.
    pub sha: Sha,
}

/// A price list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceListCited {
    /// As printed on it.
    pub version: String,
    /// Its content address.
    pub sha: Sha,
}

/// An instrument with the certificate it was used under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentCited {
    /// 测温设备编号.
    pub number: String,
    /// Certificate number.
    pub certificate: String,
}

/// A photo in evidence: the final, stripped JPEG.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhotoCited {
    /// SHA-256 of its bytes.
    pub sha: Sha,
    /// What it shows: `photo.before` …
    pub role: String,
}

/// The signature as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handwriting {
    /// SHA-256 of the strokes: canonical JSON, points in integer units with time.
    pub strokes: Sha,
    /// SHA-256 of the picture, PNG.
    pub image: Sha,
    /// The signer agrees that the strokes are kept.
    pub keep_strokes: bool,
}

/// Somebody else's word.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Name.
    pub name: String,
    /// What he is: `邻居`, `物业`, a colleague …
    pub role: String,
}

/// When it was signed (FORMATS §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordTime {
    /// What the device's clocks said.
    pub claimed: Stamp,
    /// What the phone could tell from its last word with the server, if it had one in this boot.
    pub estimate: Option<Estimate>,
}

impl SignedRecordBody {
    /// What makes the record contradict itself or lack a part, in Chinese; `None` when it is whole.
    pub fn incomplete(&self) -> Option<&'static str> {
        let blank = |text: &str| text.trim().is_empty();
        if self.schema != SCHEMA {
            return Some("记录格式版本不支持");
        }
        if self.log.seq == 0 || (self.log.seq == 1) != (self.log.prev == Sha::ZERO) {
            return Some("日志位置不成立");
        }
        if blank(&self.supplier.name) || blank(&self.worker.name) || blank(&self.worker.badge) {
            return Some("缺供热企业或服务人员信息");
        }
        if blank(&self.statement.id) || blank(&self.statement.language) || blank(&self.statement.text) {
            return Some("缺签字说明全文");
        }
        if blank(&self.standard_version) || blank(&self.app_build) || blank(&self.template.id) {
            return Some("缺标准版本、应用版本或表单版本");
        }
        if self.nonce.len() != 32 || !self.nonce.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Some("随机数不是 32 位十六进制");
        }
        match &self.outcome {
            Outcome::Signed if self.signature.is_none() => Some("缺签字笔迹"),
            Outcome::Signed if blank(&self.signer.name) => Some("缺签字人姓名"),
            Outcome::Refused { .. } if self.signature.is_some() => Some("拒签记录不应有签字"),
            Outcome::Refused { reason } if blank(reason) => Some("缺拒签原因"),
            _ => None,
        }
    }
}
