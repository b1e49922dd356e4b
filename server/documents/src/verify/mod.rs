//! Checking a document offline, on the file alone plus the supplier's `keys.json`.
//!
//! Five things, each named: the seal over the file's bytes; that its certificate is the supplier's; that nothing but
//! long-term evidence was added behind it; the signed record inside; and that the page shows what was signed.
//!
//! The page is not read back. Text taken out of a PDF can be fooled – a glyph that looks like 21 may be mapped to 18 –
//! so the page is **drawn again** from the attached record, and every byte of the file before its seal must come out
//! the same: words, outlines, pictures, structure and attachments at once. Only where a file was drawn by another
//! edition of the layout is the text compared instead, and the verdict says so.

mod attachment;
mod page;
mod seal;
mod update;

use nuanfang_core::record::{Answer, Check, Evidence, Keys, Part, PhotoFile, Verdict, verify_record};

use crate::page::Frame;

/// Whether these bytes are meant as a PDF.
pub fn is_pdf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"%PDF-")
}

/// Checks the seal alone: that not one byte under it changed, whose it is, and that nothing was added behind it. For
/// whoever has many documents; [`verify_pdf`] says what a single one shows.
pub fn verify_seal(pdf: &[u8], keys: Option<&Keys>) -> Verdict {
    let mut verdict = Verdict::new(if keys.is_some() { Answer::Valid } else { Answer::SignerUnknown });
    verdict.fingerprint = keys.and_then(Keys::fingerprint);
    let sealed = seal::open(pdf);
    let inside = sealed.as_ref().filter(|sealed| sealed.chain.is_ok()).map(|sealed| &pdf[..sealed.found.end]);
    let frame = inside.and_then(|pdf| attachment::read(pdf).ok()).and_then(|files| files.frame);
    let frame = frame.and_then(|bytes| serde_json::from_slice::<Frame>(&bytes).ok());
    seal::judge(pdf, sealed.as_ref(), keys, frame.map(|frame| frame.issued_at_ms), &mut verdict);
    if let Some(sealed) = &sealed {
        update::judge(pdf, sealed.found.end, &mut verdict);
    }
    verdict
}

/// Checks a sealed document. With `keys` the answer is valid or invalid; without, at best *intact, signer unknown*.
/// `photos` are all files at hand that may be the record's photos.
pub fn verify_pdf(pdf: &[u8], keys: Option<&Keys>, photos: Option<&[PhotoFile]>) -> Verdict {
    let sealed = seal::open(pdf);
    let end = sealed.as_ref().map_or(pdf.len(), |sealed| sealed.found.end);
    let inside = attachment::read(&pdf[..end]);
    let record = inside.as_ref().ok().and_then(|files| files.record.as_deref());
    let image = inside.as_ref().ok().and_then(|files| files.signature.as_deref());

    let mut verdict = match record {
        Some(record) => verify_record(record, keys, &Evidence { strokes: None, image, photos }),
        None => Verdict::new(if keys.is_some() { Answer::Valid } else { Answer::SignerUnknown }),
    };
    let frame = inside.as_ref().ok().and_then(|files| files.frame.as_deref());
    let frame = frame.and_then(|bytes| serde_json::from_slice::<Frame>(bytes).ok());
    match &inside {
        Ok(files) => attachment::judge(files, frame.is_some(), &mut verdict),
        Err(()) => {
            verdict.add(Check::failed(Part::Attachment, "文件结构无法读取", "the file's structure cannot be read"));
        }
    }
    seal::judge(pdf, sealed.as_ref(), keys, frame.as_ref().map(|frame| frame.issued_at_ms), &mut verdict);
    if let Some(sealed) = &sealed {
        update::judge(pdf, sealed.found.end, &mut verdict);
    }
    if let (Some(record), Some(frame)) = (record, frame) {
        let sealed = sealed.as_ref().map(|sealed| &sealed.found);
        page::judge(pdf, sealed, record, image, frame, &mut verdict);
    } else {
        verdict.add(Check::failed(Part::PageText, "缺附件，无从比对", "nothing to compare with"));
    }
    verdict
}
