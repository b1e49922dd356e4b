//! What a page is made of: the record's form, what the record says about itself, and the supplier's frame around it.
//! The page is a function of these and of nothing else, so `verify` can draw it again and compare.

use nuanfang_core::forms::PrintedForm;
use nuanfang_core::record::{Outcome, RecordSummary, SignedRecordBody};
use nuanfang_core::time::Millis;
use serde::{Deserialize, Serialize};

/// The edition of the layout of pages, templates and fonts together. It is written into every document; a change that
/// moves a byte of any page raises it.
pub const RENDERER: &str = "nuanfang-page/1";

/// What the supplier puts around the record: printed beside it and sealed with it, but not signed by the resident. It
/// travels in the document as `page.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// [`RENDERER`] of the build that drew the page.
    pub renderer: String,
    /// 编号, the document's number, unique at the supplier.
    pub number: String,
    /// How to reach the supplier; empty when not given.
    pub phone: String,
    /// When the document was made, UTC milliseconds; the date in the file and of the seal. Taken from the log, so that
    /// the same record gives the same bytes.
    pub issued_at_ms: Millis,
    /// What the QR code's text begins with: a public address ending in `/`, or empty for `NF1:`.
    pub public_url: String,
    /// 主管领导 and other fields that the office filled in later.
    pub office: Vec<OfficeField>,
}

impl Frame {
    /// A document numbered `number`, made at `issued_at`.
    pub fn new(number: impl Into<String>, issued_at: Millis) -> Self {
        Self {
            renderer: RENDERER.into(),
            number: number.into(),
            phone: String::new(),
            issued_at_ms: issued_at,
            public_url: String::new(),
            office: Vec::new(),
        }
    }
}

/// A label and a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// As printed.
    pub label: &'static str,
    /// As printed behind it.
    pub text: String,
}

/// A field of the form that belongs to the office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficeField {
    /// As printed in the form, without the colon: 主管领导.
    pub label: String,
    /// What the office wrote.
    pub text: String,
    /// Who wrote it and when, as printed.
    pub by: String,
}

/// Everything a page shows, ready to be drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Page {
    /// 供热企业.
    pub supplier: String,
    /// The filled-in form.
    pub form: PrintedForm,
    /// Whether somebody signed it.
    pub signed: bool,
    /// What the sentence above the pad is called.
    pub statement_label: &'static str,
    /// The sentence above the pad, in full.
    pub statement: String,
    /// What the record says about itself, under the form.
    pub proof: Vec<Line>,
    /// The foot of every page, line by line.
    pub foot: Vec<String>,
    /// What the QR code says.
    pub qr: String,
    /// The supplier's part.
    pub frame: Frame,
}

impl Page {
    /// The page of a record: `summary` is what a check of its file read from it.
    pub fn of(body: &SignedRecordBody, summary: &RecordSummary, qr: String, frame: Frame) -> Self {
        let (signer, statement_label) = match &body.outcome {
            Outcome::Signed => ("签字人", "签字前所见声明"),
            Outcome::Refused { .. } => ("拒签人", "出示的签字声明（未签）"),
        };
        let signer_text = match (body.signer.name.as_str(), body.signer.role.zh()) {
            ("", role) => role.to_owned(),
            (name, role) => format!("{name}（{role}）"),
        };
        let mut proof = vec![
            Line { label: signer, text: signer_text },
            Line { label: "签署时间", text: summary.signed_at.zh() },
            Line {
                label: "服务人员", text: format!("{}（工作标识牌 {}）", body.worker.name, body.worker.badge)
            },
            Line { label: "签署设备", text: body.log.device.to_string() },
            Line { label: "企业收到", text: summary.received_ms.map_or_else(|| "尚未收到".into(), received) },
            Line { label: "记录编号", text: body.id.to_string() },
            Line { label: "现场照片", text: format!("{}张", body.photos.len()) },
            Line { label: "依据标准", text: body.standard_version.clone() },
        ];
        if let Some(witness) = &body.witness {
            proof.push(Line { label: "见证人", text: format!("{}（{}）", witness.name, witness.role) });
        }
        if let Some(old) = &body.supersedes {
            proof.push(Line { label: "更正记录", text: format!("更正 {}…", old.short()) });
        }
        let foot = vec![
            format!("记录 SHA-256 {}", summary.record_sha),
            format!(
                "设备 {} · 签署 {} · 服务人员 {}（{}）",
                body.log.device,
                summary.signed_at.zh(),
                body.worker.name,
                body.worker.badge
            ),
        ];
        Self {
            supplier: body.supplier.name.clone(),
            form: body.form.clone(),
            signed: body.outcome == Outcome::Signed,
            statement_label,
            statement: body.statement.text.clone(),
            proof,
            foot,
            qr,
            frame,
        }
    }

    /// Every piece of text that comes from data, for the check of glyphs.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let frame = &self.frame;
        let proof = self.proof.iter().flat_map(|line| [line.label, line.text.as_str()]);
        let office =
            frame.office.iter().flat_map(|field| [field.label.as_str(), field.text.as_str(), field.by.as_str()]);
        [self.supplier.as_str(), self.statement.as_str(), frame.number.as_str(), frame.phone.as_str()]
            .into_iter()
            .chain(self.form.texts())
            .chain(proof)
            .chain(office)
            .chain(self.foot.iter().map(String::as_str))
    }
}

fn received(at: Millis) -> String {
    at.local().format("%Y-%m-%d %H:%M:%S（北京时间）").to_string()
}
