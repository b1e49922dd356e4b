//! What stands behind the seal. Nothing may, except what keeps the proof alive over the years (ETSI EN 319 142-1): a
//! DSS with certificates and revocation data, and document time-stamps. Neither can show anything: a time-stamp's
//! field has no area and no appearance, and no object of the sealed document changes but for the entries that hold
//! them.

mod description;

use std::collections::BTreeSet;

use lopdf::{Dictionary, Document, Object, ObjectId};
use nuanfang_core::record::{Check, Part, Verdict};

/// Adds to the verdict whether the seal covers the file, `end` being where it stops.
pub(super) fn judge(pdf: &[u8], end: usize, verdict: &mut Verdict) {
    let rest = &pdf[end..];
    verdict.add(if rest.is_empty() {
        Check::passed(Part::SealCoverage, "覆盖整个文件", "it covers the whole file")
    } else if !rest.ends_with(b"%%EOF") && !rest.ends_with(b"%%EOF\n") && !rest.ends_with(b"%%EOF\r\n") {
        Check::failed(Part::SealCoverage, "盖章后追加了内容", "something was added after the seal")
    } else {
        match evidence_only(&pdf[..end], pdf) {
            Some(true) => Check::passed(
                Part::SealCoverage,
                "盖章后仅追加了长期验证数据（DSS、文件时间戳）",
                "only long-term evidence (DSS, document time-stamps) was added after the seal",
            ),
            _ => Check::failed(
                Part::SealCoverage,
                "盖章后追加了长期验证数据以外的内容",
                "more than long-term evidence was added after the seal",
            ),
        }
    });
}

/// Compares every object of the sealed document with what the updates made of it. `None` if either cannot be read.
fn evidence_only(sealed: &[u8], whole: &[u8]) -> Option<bool> {
    let before = Document::load_mem(sealed).ok()?;
    let after = Document::load_mem(whole).ok()?;
    let reference = |document: &Document, key: &[u8]| document.trailer.get(key).and_then(Object::as_reference).ok();
    let catalog = reference(&before, b"Root")?;
    let info = reference(&before, b"Info");
    if reference(&after, b"Root") != Some(catalog) || reference(&after, b"Info") != info {
        return Some(false);
    }
    let metadata = before.get_dictionary(catalog).ok()?.get(b"Metadata").and_then(Object::as_reference).ok();
    let stamps = new_fields(&before, &after, catalog)?;
    let mut grows = BTreeSet::from([catalog]);
    for stamp in &stamps {
        let page = time_stamp_page(&after, *stamp)?;
        // Only pages of the sealed document can be looked at.
        before.get_dictionary(page).ok()?;
        grows.insert(page);
    }
    let unchanged = before.objects.iter().all(|(id, old)| {
        after.objects.get(id).is_some_and(|new| {
            same(old, new)
                || (grows.contains(id) && grown(old, new, &stamps))
                || (Some(*id) == info && description::same_info(old, new))
                || (Some(*id) == metadata && description::same_metadata(old, new))
        })
    });
    // Bytes that bring no evidence have no business behind the seal.
    let evidence = |document: &Document| document.get_dictionary(catalog).and_then(|root| root.get(b"DSS")).is_ok();
    Some(unchanged && (!stamps.is_empty() || evidence(&after)))
}

/// Whether two objects are the same, however their strings are spelt.
fn same(before: &Object, after: &Object) -> bool {
    match (before, after) {
        (Object::String(before, _), Object::String(after, _)) => before == after,
        (Object::Array(before), Object::Array(after)) => {
            before.len() == after.len() && before.iter().zip(after).all(|(before, after)| same(before, after))
        }
        (Object::Dictionary(before), Object::Dictionary(after)) => same_entries(before, after, &[]),
        (Object::Stream(before), Object::Stream(after)) => {
            before.content == after.content && same_entries(&before.dict, &after.dict, &[])
        }
        _ => before == after,
    }
}

/// Whether two dictionaries hold the same, but for the entries of these names.
fn same_entries(before: &Dictionary, after: &Dictionary, but: &[&[u8]]) -> bool {
    let open = |key: &[u8]| but.contains(&key);
    let kept = |(key, old): (&Vec<u8>, &Object)| open(key) || after.get(key).is_ok_and(|new| same(old, new));
    before.iter().all(kept) && after.iter().all(|(key, _)| open(key) || before.has(key))
}

/// The form fields that the updates added, in order.
fn new_fields(before: &Document, after: &Document, catalog: ObjectId) -> Option<Vec<ObjectId>> {
    let old = fields(before, catalog)?;
    let new = fields(after, catalog)?;
    let added = new.strip_prefix(old.as_slice())?;
    Some(added.to_vec())
}

fn fields(document: &Document, catalog: ObjectId) -> Option<Vec<ObjectId>> {
    let form = document.get_dictionary(catalog).ok()?.get(b"AcroForm").ok()?;
    let form = document.dereference(form).ok()?.1.as_dict().ok()?;
    let list = document.dereference(form.get(b"Fields").ok()?).ok()?.1.as_array().ok()?;
    list.iter().map(|field| field.as_reference().ok()).collect()
}

/// The page a time-stamp's field is on; `None` if it is anything but an invisible field with a document time-stamp.
fn time_stamp_page(document: &Document, id: ObjectId) -> Option<ObjectId> {
    let field = document.get_dictionary(id).ok()?;
    let known: [&[u8]; 11] =
        [b"Type", b"Subtype", b"FT", b"T", b"TU", b"F", b"Rect", b"P", b"V", b"StructParent", b"Lock"];
    let invisible = match field.get(b"Rect") {
        Ok(area) => document
            .dereference(area)
            .ok()?
            .1
            .as_array()
            .ok()?
            .iter()
            .all(|side| side.as_float().is_ok_and(|side| side == 0.0)),
        Err(_) => true,
    };
    let plain = field.iter().all(|(key, _)| known.contains(&key.as_slice()));
    let value = document.dereference(field.get(b"V").ok()?).ok()?.1.as_dict().ok()?;
    let is = |key: &[u8], name: &[u8]| named(value, key, name);
    let stamp = is(b"Type", b"DocTimeStamp") && is(b"SubFilter", b"ETSI.RFC3161");
    let sig = named(field, b"FT", b"Sig");
    (invisible && plain && stamp && sig).then_some(())?;
    field.get(b"P").ok()?.as_reference().ok()
}

fn named(dictionary: &Dictionary, key: &[u8], name: &[u8]) -> bool {
    dictionary.get(key).and_then(Object::as_name).is_ok_and(|found| found == name)
}

/// Whether `after` is the catalog or a page with nothing changed but for the entries of the evidence.
fn grown(before: &Object, after: &Object, stamps: &[ObjectId]) -> bool {
    let (Ok(before), Ok(after)) = (before.as_dict(), after.as_dict()) else { return false };
    if named(before, b"Type", b"Page") {
        let list = |page: &Dictionary| page.get(b"Annots").and_then(Object::as_array).cloned().unwrap_or_default();
        let (old, new) = (list(before), list(after));
        let stamp = |entry: &Object| entry.as_reference().is_ok_and(|id| stamps.contains(&id));
        let only_stamps = new.strip_prefix(old.as_slice()).is_some_and(|added| added.iter().all(stamp));
        return only_stamps && same_entries(before, after, &[b"Annots"]);
    }
    let form = |catalog: &Dictionary| catalog.get(b"AcroForm").and_then(Object::as_dict).cloned().unwrap_or_default();
    // Which fields were added is known by now.
    same_entries(&form(before), &form(after), &[b"Fields"])
        && same_entries(before, after, &[b"DSS", b"Extensions", b"AcroForm"])
}
