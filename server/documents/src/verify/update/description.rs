//! The document's description of itself. An archive's tool writes its own name and date into it; title, author and
//! subject, which readers show, may not change.

use lopdf::Object;

/// Whether the information dictionary differs in nothing but tool and date of the last change.
pub(super) fn same_info(before: &Object, after: &Object) -> bool {
    let (Ok(before), Ok(after)) = (before.as_dict(), after.as_dict()) else { return false };
    super::same_entries(before, after, &[b"Producer", b"ModDate"])
}

/// What a reader shows of the metadata.
const SHOWN: [&str; 4] = ["dc:title", "dc:creator", "dc:description", "dc:language"];

/// Whether the XMP metadata names the same title, author, description and language.
pub(super) fn same_metadata(before: &Object, after: &Object) -> bool {
    let xmp = |object: &Object| {
        let stream = object.as_stream().ok()?;
        let bytes = stream.decompressed_content_with_limit(1 << 20).unwrap_or_else(|_| stream.content.clone());
        String::from_utf8(bytes).ok()
    };
    let (Some(before), Some(after)) = (xmp(before), xmp(after)) else { return false };
    SHOWN.iter().all(|name| shown(&before, name) == shown(&after, name)) && one_prefix(&after)
}

/// Whether Dublin Core has no other prefix than `dc`, under which a second title might hide.
fn one_prefix(xmp: &str) -> bool {
    let names: Vec<_> = xmp.split("http://purl.org/dc/elements/1.1/").collect();
    names[..names.len() - 1].iter().all(|before| before.ends_with("xmlns:dc=\""))
}

/// The texts of every element called `name`, without tags and white space between them.
fn shown(xmp: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let inside = |rest: &str| {
        let (_, rest) = rest.split_once('>')?;
        Some(text(rest.split(&close).next().unwrap_or(rest)))
    };
    xmp.split(&open).skip(1).filter_map(inside).collect()
}

fn text(xml: &str) -> String {
    xml.split('<').map(|piece| piece.rsplit_once('>').map_or(piece, |(_, text)| text).trim()).collect()
}
