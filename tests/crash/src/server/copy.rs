//! What a backup is worth: read as somebody reads it who has nothing but the backup and the recovery key.

use std::collections::HashMap;

use nuanfang_core::canon::hash::Sha;
use nuanfang_server::store::ship::line::{BodyLine, Line, bodies_name, file_name};
use nuanfang_server::store::ship::{seal, vault_copy};
use nuanfang_server::store::vault::{Contents, DataKey};
use uuid::Uuid;

use crate::image::Image;

struct Head {
    g: u64,
    device: Uuid,
    seq: u64,
    sha: Sha,
}

/// A segment's heads.
struct Heads {
    bytes: Vec<u8>,
    heads: Vec<Head>,
    /// The name of the bodies that belong to them.
    bodies: String,
}

/// The backup's contents, remembered as long as its bytes stay the same.
#[derive(Default)]
pub(crate) struct Copy {
    heads: HashMap<String, Heads>,
    bodies: HashMap<String, (Vec<u8>, HashMap<u64, BodyLine>)>,
    vault: (Vec<u8>, Option<Contents>),
    opened: HashMap<(u64, Sha), String>,
    files: HashMap<Sha, (Vec<u8>, Vec<u8>)>,
}

fn lines<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Vec<T> {
    // The last line is the segment's own; a torn one is no line.
    bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

fn heads(bytes: &[u8]) -> Vec<Head> {
    let envelope = |line| match line {
        Line::Head(head) => Some(Head { g: head.g, device: head.device.0, seq: head.seq, sha: head.sha }),
        Line::File(_) | Line::Gone(_) => None,
    };
    lines::<Line>(bytes).into_iter().filter_map(envelope).collect()
}

impl Copy {
    /// Reads what is new in the backup that `image` holds.
    pub(crate) fn read(&mut self, image: &Image<'_>, recovery: &[u8; 32]) {
        for name in image.names("backup/heads/").filter(|name| name.ends_with(".seg")) {
            let bytes = image.file(name).unwrap_or_default();
            let number = name.strip_prefix("backup/heads/").and_then(|name| name.strip_suffix(".seg")?.parse().ok());
            let Some(number) = number else { continue };
            if self.heads.get(name).is_none_or(|known| known.bytes != bytes) {
                let bodies = format!("backup/{}", bodies_name(number, &Sha::of(bytes)));
                self.heads.insert(name.to_owned(), Heads { bytes: bytes.to_vec(), heads: heads(bytes), bodies });
            }
        }
        for name in image.names("backup/bodies/").filter(|name| name.ends_with(".seg")) {
            let bytes = image.file(name).unwrap_or_default();
            if self.bodies.get(name).is_none_or(|(known, _)| known != bytes) {
                let read = lines::<BodyLine>(bytes).into_iter().map(|body| (body.g, body)).collect();
                self.bodies.insert(name.to_owned(), (bytes.to_vec(), read));
                self.opened.clear();
            }
        }
        let sealed = image.file("backup/vault.sealed").unwrap_or_default();
        if self.vault.0 != sealed {
            self.vault = (sealed.to_vec(), vault_copy::open(recovery, sealed));
            self.opened.clear();
            self.files.clear();
        }
    }

    /// The operation of `device` at `seq`, if the backup that `image` holds can give it back: its hash and its body.
    pub(crate) fn operation(&mut self, image: &Image<'_>, device: Uuid, seq: u64) -> Option<(Sha, String)> {
        let there = |name: &str| image.file(name).is_some();
        let (file, head) = self.heads.iter().filter(|(name, _)| there(name)).find_map(|(_, segment)| {
            let head = segment.heads.iter().find(|head| head.device == device && head.seq == seq)?;
            Some((&segment.bodies, head))
        })?;
        let (g, sha) = (head.g, head.sha);
        if !there(file) {
            return None;
        }
        if let Some(body) = self.opened.get(&(g, sha)) {
            return Some((sha, body.clone()));
        }
        let line = self.bodies.get(file)?.1.get(&g)?;
        let body = seal::open_body(&self.key(line.owner)?, &sha, line.sealed.as_deref()?)?;
        self.opened.insert((g, sha), body.clone());
        Some((sha, body))
    }

    /// A file, if the backup that `image` holds can give it back.
    pub(crate) fn file(&mut self, image: &Image<'_>, sha: &Sha) -> Option<&[u8]> {
        let sealed = image.file(&format!("backup/{}", file_name(sha)))?;
        if self.files.get(sha).is_none_or(|(known, _)| known != sealed) {
            let opened = seal::open_file(&self.key(seal::file_owner(sealed)?)?, sha, sealed)?;
            self.files.insert(*sha, (sealed.to_vec(), opened));
        }
        self.files.get(sha).map(|(_, opened)| opened.as_slice())
    }

    fn key(&self, owner: Uuid) -> Option<[u8; 32]> {
        match self.vault.1.as_ref()?.data_key(owner) {
            DataKey::Here(key) => Some(key),
            DataKey::Destroyed | DataKey::Unknown => None,
        }
    }
}
