//! What a backup holds, how far it reaches, and whether all of it is what was written.

use std::collections::{BTreeMap, BTreeSet};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::DeviceId;
use nuanfang_core::time::Millis;
use uuid::Uuid;

use super::Shipped;
use super::line::{FileLine, GoneLine, Line, file_name, heads_name};
use super::place::Place;
use super::reader::{self, Body, Chains, Fault, Heads, Unread};
use super::{seal, vault_copy};
use crate::store::StoreError;
use crate::store::vault::{Contents, DataKey};

/// How closely to look.
#[derive(Clone, Copy)]
pub enum Depth<'a> {
    /// The heads alone: what is there, up to where.
    Glance,
    /// Every segment's hashes and chains, every file's presence and length. Sealed content stays closed.
    Sealed,
    /// The same, and every body and file opened with the vault's keys and held to its hash.
    Open(&'a Contents),
}

/// How far one log reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEnd {
    /// It is the office's own.
    pub office: bool,
    /// Its last position.
    pub seq: u64,
    /// When that came.
    pub at: Millis,
}

/// What a backup holds.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Which supplier's.
    pub supplier: Uuid,
    /// Segments.
    pub segments: u64,
    /// The last envelope in the order of receipt.
    pub through: u64,
    /// When it came.
    pub last: Option<Millis>,
    /// The logs.
    pub logs: BTreeMap<DeviceId, LogEnd>,
    /// Files that must be there.
    pub files: BTreeMap<Sha, FileLine>,
    /// Files that an envelope names and that had not come when it was shipped.
    pub awaited: u64,
    /// Bodies and files that were erased.
    pub erased: u64,
    /// What does not hold.
    pub faults: Vec<Fault>,
}

/// Looks a backup over. Faults are collected, not returned as errors.
///
/// # Errors
/// What the place says, or that there is no backup.
pub fn survey(place: &Place, depth: Depth<'_>) -> Result<Survey, StoreError> {
    let about = reader::about(place)?.ok_or_else(|| StoreError::Backup(format!("{} 不是备份", place.name())))?;
    let mut survey = Survey { supplier: about.supplier, segments: reader::count(place)?, ..Survey::default() };
    let (mut before, mut bodies_before) = (Some(Sha::ZERO), Some(Sha::ZERO));
    let mut chains = Chains::default();
    let mut gone = BTreeSet::new();
    let mut named = BTreeSet::new();
    for number in 1..=survey.segments {
        let heads = match reader::heads(place, number, before) {
            Ok(heads) => heads,
            Err(Unread::Place(error)) => return Err(error),
            Err(Unread::Fault(fault)) => {
                survey.faults.push(fault);
                // What follows is held only to itself.
                (before, bodies_before) = (None, None);
                chains.skip();
                continue;
            }
        };
        before = Some(heads.sha);
        survey.note(&heads, &mut gone, &mut named);
        survey.faults.extend(chains.follow(&heads).err());
        if !matches!(depth, Depth::Glance) {
            bodies_before = survey.look_into(place, &heads, bodies_before, depth)?;
        }
    }
    // It goes before the first segment, and without it nothing that is sealed ever opens again.
    if survey.segments > 0 {
        match reader::present(vault_copy::NAME, place.get(vault_copy::NAME)) {
            Ok(_) => {}
            Err(Unread::Fault(fault)) => survey.faults.push(fault),
            Err(Unread::Place(error)) => return Err(error),
        }
    }
    survey.awaited = named.iter().filter(|sha| !survey.files.contains_key(sha) && !gone.contains(*sha)).count() as u64;
    if !matches!(depth, Depth::Glance) {
        survey.look_at_files(place, &gone, depth)?;
    }
    Ok(survey)
}

impl Survey {
    fn note(&mut self, heads: &Heads, gone: &mut BTreeSet<Sha>, named: &mut BTreeSet<Sha>) {
        self.through = heads.through;
        for line in &heads.lines {
            match line {
                Line::Head(head) => {
                    let at = Millis(head.times[0]);
                    self.last = Some(at);
                    self.logs.insert(head.device, LogEnd { office: head.office, seq: head.seq, at });
                    named.extend(head.blobs.iter().map(|blob| blob.sha));
                }
                Line::File(file) => {
                    gone.remove(&file.file);
                    self.files.insert(file.file, file.clone());
                }
                Line::Gone(GoneLine { gone: sha }) => {
                    self.files.remove(sha);
                    gone.insert(*sha);
                }
            }
        }
    }

    /// Looks at a segment's bodies and returns their hash, if they could be read.
    fn look_into(
        &mut self,
        place: &Place,
        heads: &Heads,
        prev: Option<Sha>,
        depth: Depth<'_>,
    ) -> Result<Option<Sha>, StoreError> {
        let bodies = match reader::bodies(place, heads, prev) {
            Ok(bodies) => bodies,
            Err(Unread::Place(error)) => return Err(error),
            Err(Unread::Fault(fault)) => {
                self.faults.push(fault);
                return Ok(None);
            }
        };
        if let Depth::Open(vault) = depth {
            match reader::open(heads, &bodies, vault) {
                Ok(opened) => self.erased += opened.iter().filter(|body| **body == Body::Erased).count() as u64,
                Err(fault) => self.faults.push(fault),
            }
        }
        Ok(Some(bodies.sha))
    }

    fn look_at_files(&mut self, place: &Place, gone: &BTreeSet<Sha>, depth: Depth<'_>) -> Result<(), StoreError> {
        let lengths: BTreeMap<String, u64> =
            place.list("blobs")?.into_iter().map(|found| (found.name, found.len)).collect();
        for file in self.files.values() {
            let name = file_name(&file.file);
            let why = match lengths.get(&name) {
                None => "缺失",
                Some(len) if *len != seal::sealed_len(file.len) => "长度不符",
                Some(_) => match depth {
                    Depth::Open(vault) => match opens(place, &file.file, vault)? {
                        Copy::Whole => continue,
                        Copy::Erased => {
                            self.erased += 1;
                            continue;
                        }
                        Copy::Other => "内容与其校验值不符",
                    },
                    Depth::Glance | Depth::Sealed => continue,
                },
            };
            self.faults.push(Fault::of(name, why));
        }
        for sha in gone {
            self.erased += 1;
            if lengths.contains_key(&file_name(sha)) {
                self.faults.push(Fault::of(file_name(sha), "已抹除的文件仍在备份中"));
            }
        }
        Ok(())
    }

    /// Holds the backup to what a data folder knows of it.
    pub fn compare(&mut self, place: &Place, known: &[Shipped]) -> Result<(), StoreError> {
        for shipped in known {
            let name = heads_name(shipped.segment);
            let heads = (place.get(&name), name, shipped.heads);
            let (name, found) = reader::bodies_file(place, shipped.segment, &shipped.heads);
            for (found, name, expected) in [heads, (found, name, shipped.bodies)] {
                let found = found?.map(|bytes| Sha::of(&bytes));
                if found != Some(expected) && self.faults.iter().all(|fault| fault.name != name) {
                    let why = if found.is_some() { "与数据目录记下的不同" } else { "缺失" };
                    self.faults.push(Fault::of(name, why));
                }
            }
        }
        Ok(())
    }
}

/// How a file's copy stands.
pub(super) enum Copy {
    /// It is what its name promises.
    Whole,
    /// Its key was destroyed.
    Erased,
    /// It is missing, or it is something else.
    Other,
}

/// Opens a file's copy.
pub(super) fn opens(place: &Place, sha: &Sha, vault: &Contents) -> Result<Copy, StoreError> {
    let bytes = match place.get(&file_name(sha)) {
        Ok(Some(bytes)) => bytes,
        Ok(None) | Err(StoreError::Damaged(_)) => return Ok(Copy::Other),
        Err(error) => return Err(error),
    };
    let key = seal::file_owner(&bytes).map(|owner| vault.data_key(owner));
    Ok(match key {
        Some(DataKey::Destroyed) => Copy::Erased,
        Some(DataKey::Here(key)) if seal::open_file(&key, sha, &bytes).is_some() => Copy::Whole,
        _ => Copy::Other,
    })
}
