//! What belongs to a record beside its file: strokes, image and photos, each held to its hash.

use super::body::SignedRecordBody;
use super::verdict::{Check, Part, Verdict};
use crate::canon::hash::Sha;

/// What lies beside the file and is checked against it. What is not given is reported as not checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// The strokes' bytes.
    pub strokes: Option<&'a [u8]>,
    /// The picture of the signature.
    pub image: Option<&'a [u8]>,
    /// Every photo at hand, whatever its name; those that the record does not cite do not matter.
    pub photos: Option<&'a [PhotoFile]>,
}

/// A photo at hand.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PhotoFile {
    /// Its file name, for the reader.
    pub name: String,
    /// SHA-256 of its bytes as they are.
    pub sha: Sha,
}

/// Strokes, image and photos against their hashes in the record.
pub(super) fn attachments(body: &SignedRecordBody, evidence: &Evidence<'_>, verdict: &mut Verdict) {
    if let Some(hand) = &body.signature {
        for (part, given, sha) in
            [(Part::Strokes, evidence.strokes, hand.strokes), (Part::Image, evidence.image, hand.image)]
        {
            verdict.add(match given {
                None => Check::not_checked(part, "未提供", "not given"),
                Some(bytes) if Sha::of(bytes) == sha => Check::passed(part, "", ""),
                Some(_) => Check::failed(part, "与记录中的哈希不符", "does not fit its hash in the record"),
            });
        }
    } else {
        for (part, given) in [(Part::Strokes, evidence.strokes), (Part::Image, evidence.image)] {
            if given.is_some() {
                verdict.add(Check::failed(part, "拒签记录不应有签字", "a refusal has no signature"));
            }
        }
    }
    for (index, photo) in body.photos.iter().enumerate() {
        let (number, role, sha) = (index + 1, &photo.role, photo.sha);
        let named = format!("{sha}");
        verdict.add(match evidence.photos {
            None => Check::not_checked(
                Part::Photo,
                format!("第 {number} 张（{role}）未提供"),
                format!("no. {number} ({role}) not given"),
            ),
            Some(files) if files.iter().any(|file| file.sha == sha) => {
                Check::passed(Part::Photo, format!("第 {number} 张（{role}）"), format!("no. {number} ({role})"))
            }
            // A file that bears the photo's hash as its name but not as its content was changed.
            Some(files) => match files.iter().find(|file| file.name.starts_with(&named)) {
                Some(file) => Check::failed(
                    Part::Photo,
                    format!("第 {number} 张（{role}）被改动：{}", file.name),
                    format!("no. {number} ({role}) was changed: {}", file.name),
                ),
                None => Check::failed(
                    Part::Photo,
                    format!("第 {number} 张（{role}）缺失或被改动，哈希 {}", sha.short()),
                    format!("no. {number} ({role}) is missing or was changed, hash {}", sha.short()),
                ),
            },
        });
    }
}
