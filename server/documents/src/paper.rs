//! A signed record on paper: what goes in, and the two ways out, bare and sealed.

use nuanfang_core::canon::json;
use nuanfang_core::record::{Evidence, RecordFile, RecordSummary, SignedRecordBody, base64url, verify_record};
use serde_json::Value;

use crate::error::DocumentError;
use crate::page::{Frame, Page};
use crate::qr;
use crate::render::{Attachments, draw};
use crate::seal::Seal;

/// What a document is made of.
#[derive(Debug, Clone)]
pub struct Paper<'a> {
    /// The record's file: a `RecordContainer`'s bytes, with the server's receipt.
    pub record: &'a [u8],
    /// The picture of the signature, PNG; `None` for a refusal, or when it has not arrived yet.
    pub signature_image: Option<&'a [u8]>,
    /// The supplier's part.
    pub frame: Frame,
}

/// A document that is not sealed.
#[derive(Debug, Clone)]
pub struct Printed {
    /// PDF/A-3a and PDF/UA-1, with `record.json`, `page.json` and, if there is one, `signature.png` attached.
    pub pdf: Vec<u8>,
    /// What the typesetter complained of; empty when all is well.
    pub warnings: Vec<String>,
}

/// Draws a record's page.
///
/// # Errors
/// If the record's file cannot be read or was erased, a character has no glyph, or the picture is unreadable.
pub fn print(paper: &Paper<'_>) -> Result<Printed, DocumentError> {
    let (page, frame) = page(paper)?;
    let drawn = draw(&page, &Attachments { record: paper.record, frame: &frame, signature: paper.signature_image })?;
    Ok(Printed { pdf: drawn.pdf, warnings: drawn.warnings })
}

/// Draws a record's page and seals the file. The same record, frame and seal give the same bytes.
///
/// # Errors
/// As [`print`]; or if the seal's signature is larger than its room.
pub fn print_sealed(paper: &Paper<'_>, seal: &Seal) -> Result<Vec<u8>, DocumentError> {
    seal.apply(&print(paper)?.pdf, paper.frame.issued_at_ms)
}

/// The page of a paper, and the bytes of its frame.
pub(crate) fn page(paper: &Paper<'_>) -> Result<(Page, Vec<u8>), DocumentError> {
    let unreadable = |why: &str| DocumentError::Record(why.into());
    let file = RecordFile::parse(paper.record).map_err(|fault| unreadable(fault.reason.zh()))?;
    let RecordFile::Whole(container) = file else { return Err(unreadable("内容已擦除")) };
    let opened = container.record.open::<SignedRecordBody>().map_err(|fault| unreadable(&fault.zh()))?;
    let summary = summary(paper.record).ok_or_else(|| unreadable("内容不成立"))?;
    let signature = device_signature(paper.record).ok_or_else(|| unreadable("缺设备签名"))?;
    let qr = qr::payload(&paper.frame.public_url, summary.record_sha, &signature);
    let frame = json::canonical(&paper.frame).map_err(|why| DocumentError::Typesetting(why.to_string()))?;
    Ok((Page::of(&opened.statement, &summary, qr, paper.frame.clone()), frame))
}

/// Who, what and when, as a check of the file reads it. Without keys, so that it depends on the file alone.
fn summary(record: &[u8]) -> Option<RecordSummary> {
    verify_record(record, None, &Evidence::default()).record
}

/// The device's signature over the record, r‖s.
pub(crate) fn device_signature(record: &[u8]) -> Option<[u8; 64]> {
    let value: Value = serde_json::from_slice(record).ok()?;
    let text = value.pointer("/record/signatures/0/signature")?.as_str()?;
    base64url::decode(text)?.try_into().ok()
}
