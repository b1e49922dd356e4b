//! A record played up to some event: what of it is durable by then, and what a crash would make of the rest.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand::Rng;
use rand::rngs::StdRng;

use crate::disk::{Event, FileId, Record};
use crate::image::{Crash, Image};

#[derive(Debug, Clone, Default)]
struct Content<'a> {
    durable: Cow<'a, [u8]>,
    pending: Vec<Pending<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct Pending<'a> {
    change: Change<'a>,
    /// A sync of it failed: no later one makes it durable.
    doomed: bool,
}

#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    Write { at: u64, bytes: &'a [u8] },
    Length(u64),
}

#[derive(Debug, Clone)]
enum Naming<'a> {
    Add { name: &'a str, file: FileId },
    Move { file: FileId, from: &'a str, to: &'a str },
    Drop { name: &'a str },
    Folder { name: &'a str },
}

impl<'a> Naming<'a> {
    fn names(&self) -> [&'a str; 2] {
        match *self {
            Self::Add { name, .. } | Self::Drop { name } | Self::Folder { name } => [name, name],
            Self::Move { from, to, .. } => [from, to],
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Names<'a> {
    files: BTreeMap<&'a str, FileId>,
    folders: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn take(&mut self, naming: &Naming<'a>) {
        match *naming {
            Naming::Add { name, file } => drop(self.files.insert(name, file)),
            Naming::Move { file, from, to } => {
                self.files.remove(from);
                self.files.insert(to, file);
            }
            Naming::Drop { name } => drop(self.files.remove(name)),
            Naming::Folder { name } => drop(self.folders.insert(name)),
        }
    }

    fn reaches(&self, name: &str) -> bool {
        parent(name).is_empty() || (self.folders.contains(parent(name)) && self.reaches(parent(name)))
    }
}

fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// A recording, played up to some event.
#[derive(Debug, Clone)]
pub struct Replay<'a> {
    record: &'a Record,
    at: usize,
    contents: Vec<Content<'a>>,
    names: Names<'a>,
    pending: Vec<Naming<'a>>,
    /// What each file is called now.
    called: HashMap<FileId, &'a str>,
    deaf_to: Option<&'static str>,
}

impl<'a> Replay<'a> {
    /// Before the first event.
    pub fn new(record: &'a Record) -> Self {
        let mut names = Names::default();
        let mut contents = Vec::new();
        for (name, file, bytes) in &record.before.files {
            names.files.insert(name, *file);
            contents.push(Content { durable: Cow::Borrowed(bytes), pending: Vec::new() });
        }
        names.folders.extend(record.before.folders.iter().map(String::as_str));
        let called = names.files.iter().map(|(name, file)| (*file, *name)).collect();
        Self { record, at: 0, contents, names, pending: Vec::new(), called, deaf_to: None }
    }

    /// The same on a disk that forgets to sync what has `part` in its name: the control that must lose something.
    pub fn deaf_to(record: &'a Record, part: &'static str) -> Self {
        Self { deaf_to: Some(part), ..Self::new(record) }
    }

    fn hears(&self, name: &str) -> bool {
        self.deaf_to.is_none_or(|part| !name.contains(part))
    }

    /// How many events have happened.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Lets the next event happen and returns it; `None` after the last.
    pub fn step(&mut self) -> Option<&'a Event> {
        let event = self.record.events.get(self.at)?;
        self.at += 1;
        match event {
            Event::Create { name, file } => {
                self.content(*file);
                self.called.insert(*file, name);
                self.pending.push(Naming::Add { name, file: *file });
            }
            Event::Write { file, at, bytes } => self.change(*file, Change::Write { at: *at, bytes }),
            Event::Length { file, to } => self.change(*file, Change::Length(*to)),
            Event::Sync { file } => {
                if self.called.get(file).is_none_or(|name| self.hears(name)) {
                    self.sync(*file);
                }
            }
            Event::SyncFailed { file } => {
                for pending in &mut self.content(*file).pending {
                    pending.doomed = true;
                }
            }
            Event::Rename { file, from, to } => {
                self.called.insert(*file, to);
                self.pending.push(Naming::Move { file: *file, from, to });
            }
            Event::Remove { name } => self.pending.push(Naming::Drop { name }),
            Event::Folder { name } => self.pending.push(Naming::Folder { name }),
            Event::SyncFolder { name } => {
                if self.hears(name) {
                    self.sync_folder(name);
                }
            }
            Event::Promise(_) => {}
        }
        Some(event)
    }

    fn content(&mut self, file: FileId) -> &mut Content<'a> {
        if self.contents.len() <= file {
            self.contents.resize(file + 1, Content::default());
        }
        &mut self.contents[file]
    }

    fn change(&mut self, file: FileId, change: Change<'a>) {
        self.content(file).pending.push(Pending { change, doomed: false });
    }

    fn sync(&mut self, file: FileId) {
        let content = self.content(file);
        // Lengths are the inode's, not the page's: they are written with any sync.
        let (doomed, good): (Vec<_>, Vec<_>) = content
            .pending
            .drain(..)
            .partition(|pending| pending.doomed && matches!(pending.change, Change::Write { .. }));
        if !good.is_empty() {
            let durable = content.durable.to_mut();
            good.iter().for_each(|pending| apply(durable, pending.change));
        }
        content.pending = doomed;
    }

    fn sync_folder(&mut self, folder: &str) {
        let (now, later): (Vec<_>, Vec<_>) =
            self.pending.drain(..).partition(|naming| naming.names().iter().any(|name| parent(name) == folder));
        for naming in &now {
            self.names.take(naming);
        }
        // What an entry was before says nothing once a later state of it is durable.
        let settled: BTreeSet<&str> = now.iter().flat_map(Naming::names).collect();
        self.pending = later;
        self.pending.retain(|naming| !naming.names().iter().any(|name| settled.contains(name)));
    }

    /// The disk as it is found if it crashes now.
    pub fn crash(&self, crash: Crash, dice: &mut StdRng) -> Image<'_> {
        let mut names = self.names.clone();
        let upto = match crash {
            Crash::Killed => self.pending.len(),
            Crash::Lost => 0,
            _ => dice.gen_range(0..=self.pending.len()),
        };
        self.pending[..upto].iter().for_each(|naming| names.take(naming));
        let files = names.files.iter().filter(|(name, _)| names.reaches(name));
        let files = files.map(|(name, file)| {
            let content = self.contents.get(*file);
            (*name, content.map_or(Cow::Borrowed(&[][..]), |content| content.found(crash, dice)))
        });
        let files = files.collect();
        let folders = names.folders.iter().copied().filter(|name| names.reaches(name)).collect();
        Image { files, folders }
    }
}

impl Content<'_> {
    fn found(&self, crash: Crash, dice: &mut StdRng) -> Cow<'_, [u8]> {
        let all = |keep: bool| {
            if !keep || self.pending.is_empty() {
                return Cow::Borrowed(&*self.durable);
            }
            let mut bytes = self.durable.to_vec();
            self.pending.iter().for_each(|pending| apply(&mut bytes, pending.change));
            Cow::Owned(bytes)
        };
        match crash {
            Crash::Killed => all(true),
            Crash::Lost => all(false),
            Crash::Reordered => all(dice.r#gen()),
            Crash::Torn512 => self.torn(512, dice),
            Crash::Torn4096 => self.torn(4096, dice),
        }
    }

    /// Each sector as it was after some of the writes that touched it, in their order.
    fn torn(&self, sector: u64, dice: &mut StdRng) -> Cow<'_, [u8]> {
        if self.pending.is_empty() {
            return Cow::Borrowed(&*self.durable);
        }
        let mut touched: HashMap<u64, Vec<usize>> = HashMap::new();
        for (turn, pending) in self.pending.iter().enumerate() {
            if let Change::Write { at, bytes } = pending.change {
                for number in at / sector..(at + bytes.len() as u64).div_ceil(sector) {
                    touched.entry(number).or_default().push(turn);
                }
            }
        }
        let mut sectors: Vec<_> = touched.into_iter().collect();
        sectors.sort_unstable();
        let last: HashMap<u64, usize> = sectors
            .into_iter()
            .map(|(number, turns)| {
                let chosen = dice.gen_range(0..=turns.len());
                // Turns up to this one are there.
                (number, if chosen == 0 { 0 } else { turns[chosen - 1] + 1 })
            })
            .collect();
        let lengths = dice.gen_range(0..=self.pending.len());
        let mut bytes = self.durable.to_vec();
        let mut len = bytes.len() as u64;
        for (turn, pending) in self.pending.iter().enumerate() {
            match pending.change {
                Change::Write { at, bytes: new } => {
                    let end = at + new.len() as u64;
                    for number in at / sector..end.div_ceil(sector) {
                        if turn < last[&number] {
                            let (from, to) = ((number * sector).max(at), ((number + 1) * sector).min(end));
                            write(&mut bytes, from, &new[(from - at) as usize..(to - at) as usize]);
                        }
                    }
                    if turn < lengths {
                        len = len.max(end);
                    }
                }
                Change::Length(to) => {
                    if turn < lengths {
                        len = to;
                        bytes.truncate(usize::try_from(to).unwrap_or(usize::MAX).min(bytes.len()));
                    }
                }
            }
        }
        bytes.resize(usize::try_from(len).unwrap_or(0), 0);
        Cow::Owned(bytes)
    }
}

fn apply(bytes: &mut Vec<u8>, change: Change<'_>) {
    match change {
        Change::Write { at, bytes: new } => write(bytes, at, new),
        Change::Length(to) => bytes.resize(usize::try_from(to).unwrap_or(0), 0),
    }
}

fn write(bytes: &mut Vec<u8>, at: u64, new: &[u8]) {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    let end = at.saturating_add(new.len());
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(new);
}
