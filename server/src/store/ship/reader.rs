//! A backup, read segment by segment. Each is held to its own hash, to the segment before, and its envelopes to the
//! chains of their logs; with the keys, its bodies to the hashes in their heads.

use std::collections::HashMap;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::DeviceId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::line::{self, BodyLine, HeadLine, Line, Trailer, bodies_name, heads_name, old_bodies_name};
use super::place::Place;
use super::{seal, vault_copy};
use crate::store::StoreError;
use crate::store::vault::{Contents, DataKey};

/// The name of the file that says whose the backup is.
pub const ABOUT: &str = "backup.json";
const FORMAT: &str = "nuanfang/backup/2";
/// Bodies were named by their segment alone.
const EARLIER: &str = "nuanfang/backup/1";

/// Whose a backup is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The format's version.
    pub format: String,
    /// Which supplier's.
    pub supplier: Uuid,
}

impl About {
    /// The backup of `supplier`.
    pub fn of(supplier: Uuid) -> Self {
        Self { format: FORMAT.into(), supplier }
    }

    /// Whether it is of the format that is written now.
    pub fn is_latest(&self) -> bool {
        self.format == FORMAT
    }

    /// As it lies there.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(self).map_err(|error| StoreError::Damaged(error.to_string()))
    }
}

/// Whose the backup is; `None` where it does not say.
///
/// # Errors
/// [`StoreError::Backup`] if what it says is of another format.
pub fn about(place: &Place) -> Result<Option<About>, StoreError> {
    let Some(bytes) = place.read(ABOUT)? else { return Ok(None) };
    let about: Option<About> = serde_json::from_slice(&bytes).ok();
    match about.filter(|about| [FORMAT, EARLIER].contains(&about.format.as_str())) {
        Some(about) => Ok(Some(about)),
        None => Err(StoreError::Backup(format!("{}/{ABOUT} 无法识别", place.name()))),
    }
}

/// The vault's copy, opened. `None` where there is none yet.
///
/// # Errors
/// [`StoreError::Backup`] if the key does not open it.
pub fn vault(place: &Place, key: &[u8; 32]) -> Result<Option<Contents>, StoreError> {
    let Some(sealed) = place.read(vault_copy::NAME)? else { return Ok(None) };
    let wrong = || {
        let name = format!("{}/{}", place.name(), vault_copy::NAME);
        StoreError::Backup(format!("{name} 打不开：恢复密钥不对，或此文件已损坏"))
    };
    vault_copy::open(key, &sealed).ok_or_else(wrong).map(Some)
}

/// What does not hold in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file, from the backup's root.
    pub name: String,
    /// What is wrong with it, in Chinese.
    pub why: String,
}

impl Fault {
    /// A fault of the file `name`.
    pub fn of(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), why: why.into() }
    }

    /// Whether a photo or a signature alone is wrong.
    pub fn is_file(&self) -> bool {
        self.name.starts_with("blobs/")
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}：{}", self.name, self.why)
    }
}

/// Why a part of a backup was not read.
#[derive(Debug)]
pub enum Unread {
    /// It is not what was written.
    Fault(Fault),
    /// The place does not answer, or not now: that says nothing about what lies there.
    Place(StoreError),
}

impl From<Fault> for Unread {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Unread {
    /// As an error of the backup at `place`.
    pub fn into_error(self, place: &Place) -> StoreError {
        match self {
            Self::Fault(fault) => StoreError::Backup(format!("{}/{fault}", place.name())),
            Self::Place(error) => error,
        }
    }
}

/// The heads of a segment, which hold in themselves.
#[derive(Debug, Clone)]
pub struct Heads {
    /// The segment's number.
    pub number: u64,
    /// The last envelope up to it.
    pub through: u64,
    /// SHA-256 of the file.
    pub sha: Sha,
    /// Its lines.
    pub lines: Vec<Line>,
}

impl Heads {
    /// The envelopes' heads.
    pub fn envelopes(&self) -> impl Iterator<Item = &HeadLine> {
        self.lines.iter().filter_map(|line| match line {
            Line::Head(head) => Some(&**head),
            Line::File(_) | Line::Gone(_) => None,
        })
    }
}

/// The bodies of a segment, which hold in themselves and fit its heads.
#[derive(Debug, Clone)]
pub struct Bodies {
    /// The file's name.
    pub name: String,
    /// SHA-256 of the file.
    pub sha: Sha,
    /// Its lines.
    pub lines: Vec<BodyLine>,
}

/// Reads the heads of segment `number`; `prev` is the hash of those before, where it is known.
///
/// # Errors
/// The first fault, or what the place itself says.
pub fn heads(place: &Place, number: u64, prev: Option<Sha>) -> Result<Heads, Unread> {
    let name = heads_name(number);
    let (lines, trailer, sha) = read(&name, place.get(&name), number, prev)?;
    let heads = Heads { number, through: trailer.through, sha, lines };
    if heads.envelopes().last().is_some_and(|head| head.g != heads.through) {
        return Err(Fault::of(name, "末行与内容不符").into());
    }
    Ok(heads)
}

/// Reads the bodies that belong to `heads`; `prev` is the hash of those before, where it is known.
///
/// # Errors
/// The first fault, or what the place itself says.
pub fn bodies(place: &Place, heads: &Heads, prev: Option<Sha>) -> Result<Bodies, Unread> {
    let (name, found) = bodies_file(place, heads.number, &heads.sha);
    let (lines, trailer, sha) = read::<BodyLine>(&name, found, heads.number, prev)?;
    let of_heads = heads.envelopes().map(|head| head.g);
    if trailer.through != heads.through || !lines.iter().map(|body| body.g).eq(of_heads) {
        return Err(Fault::of(name, "与同号的记录头段不相符").into());
    }
    Ok(Bodies { name, sha, lines })
}

/// The bodies that belong to the heads with this hash, under their name.
pub fn bodies_file(place: &Place, segment: u64, heads: &Sha) -> (String, Result<Option<Vec<u8>>, StoreError>) {
    let (name, old) = (bodies_name(segment, heads), old_bodies_name(segment));
    match place.get(&name) {
        Ok(None) => match place.get(&old) {
            Ok(None) => (name, Ok(None)),
            found => (old, found),
        },
        found => (name, found),
    }
}

fn read<L: Serialize + serde::de::DeserializeOwned>(
    name: &str,
    found: Result<Option<Vec<u8>>, StoreError>,
    number: u64,
    prev: Option<Sha>,
) -> Result<(Vec<L>, Trailer, Sha), Unread> {
    let bytes = present(name, found)?;
    let (lines, trailer) = line::read(&bytes, number, prev).map_err(|why| Fault::of(name, why))?;
    Ok((lines, trailer, Sha::of(&bytes)))
}

/// The bytes of what must lie there under that name, as [`Place::get`] found them.
///
/// # Errors
/// The fault where it is missing or the disk can't give it back, or what the place itself says.
pub fn present(name: &str, found: Result<Option<Vec<u8>>, StoreError>) -> Result<Vec<u8>, Unread> {
    match found {
        Ok(found) => Ok(found.ok_or_else(|| Fault::of(name, "缺失"))?),
        Err(StoreError::Damaged(why)) => Err(Fault::of(name, why).into()),
        Err(error) => Err(Unread::Place(error)),
    }
}

/// How many segments there are: the number of the last heads file.
pub fn count(place: &Place) -> Result<u64, StoreError> {
    let number = |name: &str| name.strip_prefix("heads/")?.strip_suffix(".seg")?.parse::<u64>().ok();
    Ok(place.list("heads")?.into_iter().filter_map(|found| number(&found.name)).max().unwrap_or(0))
}

/// Where the logs stand as their segments are read one after the other.
#[derive(Debug, Default)]
pub struct Chains {
    ends: HashMap<DeviceId, (u64, Sha)>,
    through: u64,
    gap: bool,
    after_gap: bool,
}

/// A body as it came out of its segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// As it was appended.
    Here(String),
    /// The person is erased: its key was destroyed, or it was gone before it was shipped.
    Erased,
}

impl Chains {
    /// A segment could not be read: of the logs that go on after it, the first link is taken on trust.
    pub fn skip(&mut self) {
        (self.gap, self.after_gap) = (true, true);
        self.ends.clear();
    }

    /// Holds a segment's envelopes to the chains of their logs and moves on, to the end of the segment in any case.
    ///
    /// # Errors
    /// The first envelope that does not stand.
    pub fn follow(&mut self, heads: &Heads) -> Result<(), Fault> {
        let mut broken = None;
        for head in heads.envelopes() {
            let follows = std::mem::take(&mut self.gap) || head.g == self.through + 1;
            let linked = match self.ends.get(&head.device) {
                Some((seq, prev)) => head.seq == seq + 1 && head.envelope(*prev).sha() == head.sha,
                None => self.after_gap || (head.seq == 1 && head.envelope(Sha::ZERO).sha() == head.sha),
            };
            if !(follows && linked) {
                broken.get_or_insert(head.g);
            }
            self.ends.insert(head.device, (head.seq, head.sha));
            self.through = head.g;
        }
        if !self.gap && self.through != heads.through {
            broken.get_or_insert(heads.through);
        }
        self.through = heads.through;
        match broken {
            Some(g) => Err(Fault::of(heads_name(heads.number), format!("记录 {g} 不在其链上"))),
            None => Ok(()),
        }
    }
}

/// Opens a segment's bodies, in order.
///
/// # Errors
/// The first that is not what its head promises, or whose key is in no copy of the vault.
pub fn open(heads: &Heads, bodies: &Bodies, vault: &Contents) -> Result<Vec<Body>, Fault> {
    let fault = |g: u64, why: &str| Fault::of(&bodies.name, format!("记录 {g} {why}"));
    heads
        .envelopes()
        .zip(&bodies.lines)
        .map(|(head, body)| match (&body.sealed, vault.data_key(body.owner)) {
            (None, _) | (_, DataKey::Destroyed) => Ok(Body::Erased),
            (_, DataKey::Unknown) => Err(fault(head.g, "的密钥不在密钥库副本中")),
            (Some(sealed), DataKey::Here(key)) => seal::open_body(&key, &head.sha, sealed)
                .filter(|body| Sha::of(body.as_bytes()) == head.body_sha)
                .map(Body::Here)
                .ok_or_else(|| fault(head.g, "的正文与其校验值不符")),
        })
        .collect()
}
