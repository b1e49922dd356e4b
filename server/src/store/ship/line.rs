//! The format of segments (docs/formats/backup.md): lines of JSON in one spelling, the last of them naming the segment
//! before and the hash of the lines above. One changed byte anywhere makes a segment another one.

use nuanfang_core::canon::envelope::{BlobRef, Envelope};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::{DeviceId, OpId, VisitId, WorkerId};
use nuanfang_core::time::Stamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One envelope's head: everything but its body, and what its receipt added.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadLine {
    /// Position in the order of receipt.
    pub g: u64,
    /// Whose log.
    pub device: DeviceId,
    /// The office's own log.
    pub office: bool,
    /// Position there.
    pub seq: u64,
    /// The operation.
    pub op: OpId,
    /// The event's name.
    pub kind: String,
    /// The visit.
    pub visit: Option<VisitId>,
    /// Who acted.
    pub worker: WorkerId,
    /// The plan version he saw.
    pub basis: u64,
    /// The rules he had.
    pub rules: Sha,
    /// The device's clocks.
    pub t: Stamp,
    /// SHA-256 of the body.
    pub body_sha: Sha,
    /// The files.
    pub blobs: Vec<BlobRef>,
    /// The envelope's hash.
    pub sha: Sha,
    /// Receipt, estimate, its bounds.
    pub times: [i64; 4],
    /// How well the time is known.
    pub quality: u8,
    /// Ends what came together.
    pub last: bool,
}

impl HeadLine {
    /// The envelope it is the head of, when `prev` comes before it in its log.
    pub fn envelope(&self, prev: Sha) -> Envelope {
        Envelope {
            device: self.device,
            seq: self.seq,
            prev,
            op: self.op,
            kind: self.kind.clone(),
            visit: self.visit,
            worker: self.worker,
            basis: self.basis,
            rules: self.rules,
            t: self.t,
            body_sha: self.body_sha,
            blobs: self.blobs.clone(),
        }
    }
}

/// A file that is in the backup from here on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileLine {
    /// SHA-256 of its bytes, its name.
    pub file: Sha,
    /// Their length.
    pub len: u64,
    /// When it was whole on the server.
    pub whole_ms: i64,
    /// What is wrong with it as a picture.
    pub flag: Option<String>,
}

/// A file that was erased and is no longer in the backup.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoneLine {
    /// SHA-256 of the bytes it had.
    pub gone: Sha,
}

/// A line of a heads segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// An envelope.
    Head(Box<HeadLine>),
    /// A file came.
    File(FileLine),
    /// A file went.
    Gone(GoneLine),
}

/// A line of a bodies segment: one for each envelope of the heads segment with the same number.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyLine {
    /// Whose body.
    pub g: u64,
    /// Whose data key seals it: a household, or a visit whose household is not known, or nil for the company.
    pub owner: Uuid,
    /// Nonce and sealed bytes, base64url; none when it was erased before it was shipped.
    pub sealed: Option<String>,
}

/// The last line of a segment.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trailer {
    /// The segment's number, from 1.
    pub segment: u64,
    /// The last envelope up to here.
    pub through: u64,
    /// SHA-256 of the segment before it, trailer included; zeros for the first.
    pub prev: Sha,
    /// SHA-256 of the lines above.
    pub lines: Sha,
}

/// The name of a heads segment.
pub fn heads_name(segment: u64) -> String {
    format!("heads/{segment:09}.seg")
}

/// The name of the bodies that belong to these `heads`, the hash of their file: two servers that put the same segment
/// together at once leave each other's alone, and whose heads are there has its bodies.
pub fn bodies_name(segment: u64, heads: &Sha) -> String {
    format!("bodies/{segment:09}-{heads}.seg")
}

/// The same in a backup of an earlier release.
pub fn old_bodies_name(segment: u64) -> String {
    format!("bodies/{segment:09}.seg")
}

/// The name of a file.
pub fn file_name(sha: &Sha) -> String {
    let name = sha.to_string();
    format!("blobs/{}/{name}", &name[..2])
}

/// The bytes of a segment.
pub fn write<L: Serialize>(lines: &[L], segment: u64, through: u64, prev: Sha) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut bytes, line)?;
        bytes.push(b'\n');
    }
    let trailer = Trailer { segment, through, prev, lines: Sha::of(&bytes) };
    serde_json::to_writer(&mut bytes, &trailer)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads a segment. `prev` is the hash of the one before, where it is known. Says in Chinese what does not hold.
pub fn read<L: Serialize + DeserializeOwned>(
    bytes: &[u8],
    segment: u64,
    prev: Option<Sha>,
) -> Result<(Vec<L>, Trailer), String> {
    let cut = || "末尾不完整".to_owned();
    let end = bytes.strip_suffix(b"\n").ok_or_else(cut)?;
    let start = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (above, last) = (&bytes[..start], &end[start..]);
    let trailer: Trailer = exact(last).ok_or_else(cut)?;
    if trailer.lines != Sha::of(above) {
        return Err("内容与校验值不符".into());
    }
    if trailer.segment != segment {
        return Err(format!("自称第 {} 段", trailer.segment));
    }
    if prev.is_some_and(|prev| prev != trailer.prev) {
        return Err("与前一段不相接".into());
    }
    let mut lines = Vec::new();
    for (at, line) in above.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\n").and_then(exact).ok_or_else(|| format!("第 {} 行无法识别", at + 1))?;
        lines.push(line);
    }
    Ok((lines, trailer))
}

/// Reads JSON that is spelt as we spell it.
fn exact<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(bytes).ok()?;
    (serde_json::to_vec(&read).ok()? == bytes).then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_with_any_byte_changed_is_refused() {
        let lines = [GoneLine { gone: Sha::of(b"a") }, GoneLine { gone: Sha::of(b"b") }];
        let prev = Sha::of(b"before");
        let bytes = write(&lines, 2, 7, prev).expect("written");
        let (read_back, trailer) = read::<Line>(&bytes, 2, Some(prev)).expect("it stands");
        assert_eq!((read_back.len(), trailer.through), (2, 7));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let same = read::<Line>(&changed, 2, Some(prev)).map(|(_, trailer)| trailer.through);
            // Its own reach is held against its envelopes by whoever reads on.
            assert!(same.is_err() || same == Ok(6), "byte {at}: {same:?}");
        }
        for len in 0..bytes.len() {
            assert!(read::<Line>(&bytes[..len], 2, Some(prev)).is_err(), "cut to {len}");
        }
    }
}
