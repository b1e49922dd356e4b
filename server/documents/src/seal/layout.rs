//! Where the seal lies in the file: an invisible signature field on the first page, entered in the structure tree so
//! that the file stays PDF/A-3a and PDF/UA-1, as an incremental update after the drawn page.
//!
//! A widget must be printable and not hidden (PDF/A 6.3.2), its page needs a tab order and it a place in the structure
//! tree (PDF/UA 7.18). All numbers stand in windows of fixed width, so that there is one spelling of a sealed file.

use std::ops::Range;

use chrono::{DateTime, FixedOffset};
use lopdf::{Dictionary, Document, IncrementalDocument, Object, ObjectId, StringFormat};
use nuanfang_core::time::Millis;
use sha2::{Digest, Sha256};

use crate::error::DocumentError;

/// The room kept for the signature, in bytes.
pub(crate) const ROOM: usize = 8192;

/// What the placeholder of a byte range looks like as written.
const RANGE_WINDOW: &str = "[0 9999999999 9999999999 9999999999]";
const RANGE_KEY: &[u8] = b"/ByteRange";
const CONTENTS_KEY: &[u8] = b"/Contents";

/// A document with room for its signature.
pub(crate) struct Prepared {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// `<` to `>` of the signature, both included.
    pub contents: Range<usize>,
}

fn structure(why: impl std::fmt::Display) -> DocumentError {
    DocumentError::Structure(why.to_string())
}

/// Adds the signature field to `pdf` and leaves room for the signature.
///
/// # Errors
/// If the file has not the structure of a tagged document with one catalog and at least one page.
pub(crate) fn prepare(pdf: &[u8], at: Millis) -> Result<Prepared, DocumentError> {
    let document = Document::load_mem(pdf).map_err(structure)?;
    let mut update = IncrementalDocument::create_from(pdf.to_vec(), document);
    enter(&mut update, at).map_err(structure)?;
    let mut bytes = Vec::with_capacity(pdf.len() + 4 * ROOM);
    update.save_to(&mut bytes).map_err(structure)?;
    if !bytes.starts_with(pdf) {
        return Err(structure("the update moved the page"));
    }
    let contents = place(&bytes, pdf.len()).ok_or_else(|| structure("no room for the signature"))?;
    let range = byte_range(&contents, bytes.len()).ok_or_else(|| structure("the file is too large"))?;
    let window = find(&bytes[pdf.len()..], RANGE_WINDOW.as_bytes()).ok_or_else(|| structure("no byte range"))?;
    let window = pdf.len() + window;
    bytes[window..window + range.len()].copy_from_slice(range.as_bytes());
    Ok(Prepared { bytes, contents })
}

/// Finds the empty room behind `from`.
fn place(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let mut room = CONTENTS_KEY.to_vec();
    room.push(b'<');
    let start = from + find(&bytes[from..], &room)? + CONTENTS_KEY.len();
    let end = start + 2 * ROOM + 2;
    (bytes.get(end - 1) == Some(&b'>')).then_some(start..end)
}

/// The byte range as it is written around `contents` in a file of `length` bytes.
pub(crate) fn byte_range(contents: &Range<usize>, length: usize) -> Option<String> {
    let text = format!("[0 {} {} {}]", contents.start, contents.end, length.checked_sub(contents.end)?);
    (text.len() <= RANGE_WINDOW.len()).then(|| format!("{text:<width$}", width = RANGE_WINDOW.len()))
}

/// What a file says of a seal in it.
pub(crate) struct Found {
    /// `<` to `>` of the signature, both included.
    pub contents: Range<usize>,
    /// Where the sealed part of the file ends.
    pub end: usize,
}

/// The first seal of the file whose byte range is written as ours is; reads nothing but the bytes around it.
pub(crate) fn locate(bytes: &[u8]) -> Option<Found> {
    let mut from = 0;
    while let Some(at) = find(&bytes[from..], RANGE_KEY) {
        let window = from + at + RANGE_KEY.len();
        if let Some(found) = read_range(bytes, window) {
            return Some(found);
        }
        from = window;
    }
    None
}

fn read_range(bytes: &[u8], window: usize) -> Option<Found> {
    let text = std::str::from_utf8(bytes.get(window..window + RANGE_WINDOW.len())?).ok()?;
    let inner = text.trim_end_matches(' ').strip_prefix("[0 ")?.strip_suffix(']')?;
    let mut numbers = inner.split(' ').map(|number| number.parse::<usize>().ok());
    let (start, end, rest) = (numbers.next()??, numbers.next()??, numbers.next()??);
    if numbers.next().is_some() {
        return None;
    }
    let length = end.checked_add(rest)?;
    let contents = start..end;
    let whole = length <= bytes.len() && byte_range(&contents, length)? == text;
    let room = start.checked_add(2 * ROOM + 2)? == end && bytes.get(start) == Some(&b'<');
    let closed = bytes.get(end.checked_sub(1)?) == Some(&b'>') && bytes[..start].ends_with(CONTENTS_KEY);
    // The range and the room it names belong to one dictionary.
    let near = window.abs_diff(start).min(window.abs_diff(end)) < 256 && window < length;
    (whole && room && closed && near).then_some(Found { contents, end: length })
}

/// The signature's bytes out of its room: lower-case hexadecimal, exactly one DER value, zeros behind it.
pub(crate) fn signature(bytes: &[u8], contents: &Range<usize>) -> Option<Vec<u8>> {
    let room = bytes.get(contents.start + 1..contents.end - 1)?;
    if room.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let room = hex::decode(room).ok()?;
    let &[0x30, 0x82, high, low, ..] = room.as_slice() else { return None };
    let length = 4 + usize::from(u16::from_be_bytes([high, low]));
    let (der, rest) = room.split_at_checked(length)?;
    rest.iter().all(|byte| *byte == 0).then(|| der.to_vec())
}

/// Everything the signature covers: the file up to `end` without the room.
pub(crate) fn digest(bytes: &[u8], contents: &Range<usize>, end: usize) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(&bytes[..contents.start]);
    hash.update(&bytes[contents.end..end]);
    hash.finalize().into()
}

impl Prepared {
    /// Writes the signature into its room.
    ///
    /// # Errors
    /// If it is larger.
    pub fn fill(&mut self, signature: &[u8]) -> Result<(), DocumentError> {
        if signature.len() > ROOM {
            return Err(DocumentError::SealTooLarge { size: signature.len(), limit: ROOM });
        }
        let text = hex::encode(signature);
        let start = self.contents.start + 1;
        self.bytes[start..start + text.len()].copy_from_slice(text.as_bytes());
        Ok(())
    }

    /// The hash the signature is over.
    pub fn digest(&self) -> [u8; 32] {
        digest(&self.bytes, &self.contents, self.bytes.len())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// `D:20260115100000+08'00'`.
fn pdf_date(at: DateTime<FixedOffset>) -> String {
    at.format("D:%Y%m%d%H%M%S+08'00'").to_string()
}

fn name(text: &str) -> Object {
    Object::Name(text.as_bytes().to_vec())
}

fn utf_16(text: &str) -> Object {
    let mut bytes = vec![0xFE, 0xFF];
    bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
    Object::String(bytes, StringFormat::Hexadecimal)
}

fn signature_dictionary(at: Millis) -> Dictionary {
    let mut seal = Dictionary::new();
    seal.set("Type", name("Sig"));
    seal.set("Filter", name("Adobe.PPKLite"));
    seal.set("SubFilter", name("ETSI.CAdES.detached"));
    let wide = Object::Integer(9_999_999_999);
    seal.set("ByteRange", Object::Array(vec![Object::Integer(0), wide.clone(), wide.clone(), wide]));
    seal.set("Contents", Object::String(vec![0; ROOM], StringFormat::Hexadecimal));
    seal.set("M", Object::string_literal(pdf_date(at.local())));
    seal
}

/// Writes the signature, its field and its place in the structure tree into the update.
fn enter(update: &mut IncrementalDocument, at: Millis) -> lopdf::Result<()> {
    let before = update.get_prev_documents();
    let catalog = before.trailer.get(b"Root")?.as_reference()?;
    let page = before.page_iter().next().ok_or(lopdf::Error::PageNumberNotFound(1))?;
    let tree = before.get_dictionary(catalog)?.get(b"StructTreeRoot")?.as_reference()?;
    let root_element = match before.get_dictionary(tree)?.get(b"K")? {
        Object::Array(kids) => kids.first().ok_or(lopdf::Error::DictKey("K".into()))?.as_reference()?,
        kid => kid.as_reference()?,
    };
    let parents = before.get_dictionary(tree)?.get(b"ParentTree")?.clone();
    let next_key = before.get_dictionary(tree)?.get(b"ParentTreeNextKey").and_then(Object::as_i64)?;

    let seal = update.new_document.add_object(signature_dictionary(at));
    let field_id = update.new_document.new_object_id();
    let element_id = update.new_document.new_object_id();

    let mut field = Dictionary::new();
    field.set("Type", name("Annot"));
    field.set("Subtype", name("Widget"));
    field.set("FT", name("Sig"));
    field.set("T", Object::string_literal("Seal1"));
    field.set("TU", utf_16("供热企业电子印章"));
    // Print and Locked: a widget of a PDF/A page may not be hidden.
    field.set("F", Object::Integer(132));
    field.set("Rect", Object::Array(vec![Object::Integer(0); 4]));
    field.set("P", Object::Reference(page));
    field.set("V", Object::Reference(seal));
    field.set("StructParent", Object::Integer(next_key));
    update.new_document.set_object(field_id, field);

    let mut reference = Dictionary::new();
    reference.set("Type", name("OBJR"));
    reference.set("Obj", Object::Reference(field_id));
    reference.set("Pg", Object::Reference(page));
    let mut element = Dictionary::new();
    element.set("Type", name("StructElem"));
    element.set("S", name("Form"));
    element.set("P", Object::Reference(root_element));
    element.set("Pg", Object::Reference(page));
    element.set("K", Object::Dictionary(reference));
    update.new_document.set_object(element_id, element);

    let mut form = Dictionary::new();
    form.set("Fields", Object::Array(vec![Object::Reference(field_id)]));
    form.set("SigFlags", Object::Integer(3));
    changed(update, catalog)?.set("AcroForm", Object::Dictionary(form));

    let kids = changed(update, root_element)?;
    let mut children = match kids.get(b"K") {
        Ok(Object::Array(children)) => children.clone(),
        Ok(child) => vec![child.clone()],
        Err(_) => Vec::new(),
    };
    children.push(Object::Reference(element_id));
    kids.set("K", Object::Array(children));

    match parents {
        Object::Reference(id) => add_parent(update, id, next_key, element_id)?,
        Object::Dictionary(mut inline) => {
            push_number(&mut inline, next_key, element_id)?;
            changed(update, tree)?.set("ParentTree", Object::Dictionary(inline));
        }
        _ => return Err(lopdf::Error::DictKey("ParentTree".into())),
    }
    changed(update, tree)?.set("ParentTreeNextKey", Object::Integer(next_key.saturating_add(1)));

    let annotations = match update.get_prev_documents().get_dictionary(page)?.get(b"Annots") {
        Ok(Object::Reference(id)) => update.get_prev_documents().get_object(*id)?.as_array()?.clone(),
        Ok(list) => list.as_array()?.clone(),
        Err(_) => Vec::new(),
    };
    let sheet = changed(update, page)?;
    sheet.set("Annots", Object::Array(annotations.into_iter().chain([Object::Reference(field_id)]).collect()));
    sheet.set("Tabs", name("S"));
    Ok(())
}

/// An object of the drawn page, to be changed in the update.
fn changed(update: &mut IncrementalDocument, id: ObjectId) -> lopdf::Result<&mut Dictionary> {
    update.opt_clone_object_to_new_document(id)?;
    update.new_document.get_dictionary_mut(id)
}

/// Enters `element` under `key` in the number tree at `id`, whose last leaf takes it: `key` is larger than all others.
fn add_parent(update: &mut IncrementalDocument, id: ObjectId, key: i64, element: ObjectId) -> lopdf::Result<()> {
    let node = changed(update, id)?;
    if let Ok(limits) = node.get_mut(b"Limits").and_then(Object::as_array_mut)
        && let Some(last) = limits.get_mut(1)
    {
        *last = Object::Integer(key);
    }
    let last = match node.get(b"Kids") {
        Ok(kids) => Some(kids.as_array()?.last().ok_or(lopdf::Error::DictKey("Kids".into()))?.as_reference()?),
        Err(_) => None,
    };
    match last {
        // A leaf below itself would be no tree.
        Some(last) if last == id => Err(lopdf::Error::ReferenceCycle(id)),
        Some(last) => add_parent(update, last, key, element),
        None => push_number(node, key, element),
    }
}

fn push_number(leaf: &mut Dictionary, key: i64, element: ObjectId) -> lopdf::Result<()> {
    let numbers = leaf.get_mut(b"Nums")?.as_array_mut()?;
    numbers.push(Object::Integer(key));
    numbers.push(Object::Reference(element));
    Ok(())
}
