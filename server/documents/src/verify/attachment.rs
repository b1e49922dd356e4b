//! The files inside a document: `record.json`, `page.json`, `signature.png`.

use lopdf::{Dictionary, Document, Object};
use nuanfang_core::record::{Check, Part, Verdict};

/// The largest attachment that is unpacked, in bytes.
const LIMIT: usize = 16 << 20;

/// What was found.
#[derive(Default)]
pub(super) struct Files {
    /// The record's container.
    pub record: Option<Vec<u8>>,
    /// The supplier's part of the page.
    pub frame: Option<Vec<u8>>,
    /// The picture of the signature.
    pub signature: Option<Vec<u8>>,
    /// Files that have no business in it.
    pub strangers: usize,
}

/// Reads the attachments that the catalog lists.
pub(super) fn read(pdf: &[u8]) -> Result<Files, ()> {
    let document = Document::load_mem(pdf).map_err(drop)?;
    let catalog = document.catalog().map_err(drop)?;
    let list = deref(&document, catalog.get(b"AF").map_err(drop)?)?.as_array().map_err(drop)?;
    let mut files = Files::default();
    for entry in list {
        let Some((name, bytes)) = file(&document, entry) else {
            files.strangers += 1;
            continue;
        };
        let slot = match name.as_str() {
            "record.json" => &mut files.record,
            "page.json" => &mut files.frame,
            "signature.png" => &mut files.signature,
            _ => {
                files.strangers += 1;
                continue;
            }
        };
        if slot.replace(bytes).is_some() {
            files.strangers += 1;
        }
    }
    Ok(files)
}

fn deref<'a>(document: &'a Document, object: &'a Object) -> Result<&'a Object, ()> {
    document.dereference(object).map(|(_, object)| object).map_err(drop)
}

fn file(document: &Document, entry: &Object) -> Option<(String, Vec<u8>)> {
    let specification = deref(document, entry).ok()?.as_dict().ok()?;
    let name = specification.get(b"UF").or_else(|_| specification.get(b"F")).ok()?;
    let name = text(deref(document, name).ok()?)?;
    let embedded: &Dictionary = deref(document, specification.get(b"EF").ok()?).ok()?.as_dict().ok()?;
    let stream = deref(document, embedded.get(b"F").ok()?).ok()?.as_stream().ok()?;
    let bytes = if stream.dict.has(b"Filter") {
        stream.decompressed_content_with_limit(LIMIT).ok()?
    } else {
        stream.content.clone()
    };
    Some((name.trim_start_matches('/').to_owned(), bytes))
}

fn text(object: &Object) -> Option<String> {
    let bytes = object.as_str().ok()?;
    match bytes.strip_prefix(&[0xFE, 0xFF]) {
        Some(units) => {
            let units: Vec<u16> = units.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()
        }
        None => String::from_utf8(bytes.to_vec()).ok(),
    }
}

/// Adds what was found to the verdict.
pub(super) fn judge(files: &Files, frame_readable: bool, verdict: &mut Verdict) {
    let fault = if files.record.is_none() {
        Some(("缺 record.json", "record.json is missing"))
    } else if files.frame.is_none() || !frame_readable {
        Some(("缺 page.json 或其内容不成立", "page.json is missing or unreadable"))
    } else if files.strangers > 0 {
        Some(("有不属于本文件的附件", "there are files that do not belong"))
    } else {
        None
    };
    verdict.add(match fault {
        Some((zh, en)) => Check::failed(Part::Attachment, zh, en),
        None => Check::passed(Part::Attachment, "", ""),
    });
}
