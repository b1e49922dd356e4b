//! What a backup is worth: read as somebody reads it who has nothing but the backup and the recovery key.

use std::collections::HashMap;
use std::path::Path;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use nuanfang_core::canon::hash::Sha;
use rusqlite::Connection;
use serde::Deserialize;
use uuid::Uuid;

use crate::image::Image;
use crate::sweep::Fallible;

#[derive(Deserialize)]
struct Head {
    g: u64,
    device: Uuid,
    seq: u64,
    sha: Sha,
}

type Body = (u64, Uuid, Option<(String, String)>);

/// The backup's contents, remembered as long as its bytes stay the same.
#[derive(Default)]
pub(super) struct Copy {
    heads: HashMap<String, (Vec<u8>, Vec<Head>)>,
    bodies: HashMap<String, (Vec<u8>, HashMap<u64, Body>)>,
    vault: (Vec<u8>, HashMap<Uuid, [u8; 32]>),
    opened: HashMap<(u64, Sha), String>,
}

fn lines<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Vec<T> {
    // The last line is the segment's own; a torn one is no line.
    bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD].iter().find_map(|engine| engine.decode(text).ok())
}

fn open(key: &[u8], nonce: &[u8], sealed: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
    cipher.decrypt(Nonce::from_slice(nonce), Payload { msg: sealed, aad }).ok()
}

impl Copy {
    /// Reads what is new in the backup that `image` holds.
    pub(super) fn read(&mut self, image: &Image<'_>, recovery: &[u8], place: &Path) -> Fallible<()> {
        for name in image.names("backup/heads/").filter(|name| name.ends_with(".seg")) {
            let bytes = image.file(name).unwrap_or_default();
            if self.heads.get(name).is_none_or(|(known, _)| known != bytes) {
                self.heads.insert(name.to_owned(), (bytes.to_vec(), lines(bytes)));
            }
        }
        for name in image.names("backup/bodies/").filter(|name| name.ends_with(".seg")) {
            let bytes = image.file(name).unwrap_or_default();
            if self.bodies.get(name).is_none_or(|(known, _)| known != bytes) {
                let read = lines::<Body>(bytes).into_iter().map(|body| (body.0, body)).collect();
                self.bodies.insert(name.to_owned(), (bytes.to_vec(), read));
                self.opened.clear();
            }
        }
        let sealed = image.file("backup/vault.sealed").unwrap_or_default();
        if self.vault.0 != sealed {
            self.vault = (sealed.to_vec(), data_keys(sealed, recovery, place)?);
            self.opened.clear();
        }
        Ok(())
    }

    /// The operation of `device` at `seq`, if the backup that `image` holds can give it back: its hash and its body.
    pub(super) fn operation(&mut self, image: &Image<'_>, device: Uuid, seq: u64) -> Option<(Sha, String)> {
        let there = |name: &str| image.file(name).is_some();
        let (heads, head) = self.heads.iter().filter(|(name, _)| there(name)).find_map(|(name, (_, heads))| {
            let head = heads.iter().find(|head| head.device == device && head.seq == seq)?;
            Some((name, head))
        })?;
        let (g, sha) = (head.g, head.sha);
        let file = heads.replace("heads", "bodies");
        if !there(&file) {
            return None;
        }
        if let Some(body) = self.opened.get(&(g, sha)) {
            return Some((sha, body.clone()));
        }
        let (_, owner, sealed) = self.bodies.get(&file)?.1.get(&g)?;
        let (nonce, sealed) = sealed.as_ref()?;
        let body = open(self.vault.1.get(owner)?, &decode(nonce)?, &decode(sealed)?, &sha.0)?;
        let body = String::from_utf8(body).ok()?;
        self.opened.insert((g, sha), body.clone());
        Some((sha, body))
    }
}

fn data_keys(sealed: &[u8], recovery: &[u8], place: &Path) -> Fallible<HashMap<Uuid, [u8; 32]>> {
    let Some((nonce, sealed)) = sealed.split_at_checked(12) else { return Ok(HashMap::new()) };
    let Some(vault) = open(recovery, nonce, sealed, &[]) else { return Ok(HashMap::new()) };
    let file = place.join("vault-from-the-backup.db");
    std::fs::write(&file, vault)?;
    let db = Connection::open(&file)?;
    let mut query = db.prepare("SELECT owner, key FROM data_key WHERE length(key) = 32")?;
    let keys = query.query_map([], |row| Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?)))?;
    Ok(keys.collect::<Result<_, _>>()?)
}
