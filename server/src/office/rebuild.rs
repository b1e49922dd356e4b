//! Every projection made anew from the log and the files, byte for byte what it was.

use std::collections::HashMap;
use std::fmt::Write as _;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::{Event, Fact};
use nuanfang_core::id::OpId;
use rusqlite::Connection;

use super::log::{self, Logged};
use super::{project, registers, rejudge};
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// The tables made by [`super::project`], beside those of [`registers`].
pub const TABLES: &[&str] = &[
    "outcome",
    "device",
    "setting",
    "visit",
    "assignment",
    "record",
    "blob_ref",
    "erased_household",
    "erased_visit",
    "erased_record",
    "blob_replaced",
];

/// The tables of the feed. After an erasure its positions are counted anew: phones are told the scope as it is.
pub const FEED: &[&str] = &["scope", "feed", "scope_entity"];

/// Envelopes read at a time.
const PAGE: usize = 500;

/// All projections.
pub fn tables() -> impl Iterator<Item = &'static str> {
    TABLES.iter().chain(FEED).chain(registers::TABLES).copied()
}

/// Empties all projections and folds the log again. Returns how many envelopes it holds.
pub fn rebuild(writing: &mut Writing<'_>) -> Result<u64, StoreError> {
    writing.folded.clear();
    writing.tx.execute_batch("PRAGMA defer_foreign_keys = ON")?;
    for table in tables() {
        writing.tx.execute(&format!("DELETE FROM {table}"), [])?;
    }
    project::erasure::prepare(writing)?;
    let understood = rejudge::understood_at(writing.tx)?;
    let mut g = 0;
    let mut count = 0;
    let mut coming = Vec::new();
    loop {
        let page = log::after(writing.tx, g, PAGE)?;
        let Some(end) = page.last() else { break };
        g = end.g;
        for mut logged in page {
            let last = logged.last;
            as_it_was(&mut logged, &understood);
            // A backup that ended within what came together: a restore settled it as it was.
            if coming.last().is_some_and(|before: &Logged| before.dev != logged.dev) {
                together(writing, &coming)?;
                coming.clear();
            }
            coming.push(logged);
            count += 1;
            if last {
                together(writing, &coming)?;
                coming.clear();
            }
        }
    }
    together(writing, &coming)?;
    Ok(count)
}

/// What an older build did not understand says nothing before the act that had it judged anew: it was judged then, by the
/// state of that time.
fn as_it_was(logged: &mut Logged, understood: &HashMap<OpId, u64>) {
    let Fact { op, event, .. } = &mut logged.fact;
    let waits = |op: &OpId| understood.get(op).is_some_and(|at| *at > logged.g);
    match event {
        Event::Rejudged(rejudged) if waits(&rejudged.op) => *event = Event::Unknown { kind: event.kind().to_owned() },
        _ if waits(op) => *event = Event::Unknown { kind: event.kind().to_owned() },
        _ => {}
    }
}

/// What came together, as [`super::accept`] takes it in: at once, or each by itself where a fault keeps one of them out.
fn together(writing: &mut Writing<'_>, coming: &[Logged]) -> Result<(), StoreError> {
    let Some(Logged { recv, office, .. }) = coming.last() else { return Ok(()) };
    let done = writing.savepoint(|writing| {
        coming.iter().try_for_each(|logged| project::project(writing, logged).map(drop))?;
        project::visit::settle(writing, *recv)
    });
    match done {
        Err(error) if !error.is_passing() && !office => {}
        done => return done,
    }
    for logged in coming {
        match project::visit::apart(writing, *recv, |writing| project::project(writing, logged).map(drop)) {
            Err(error) if !error.is_passing() => {
                project::quarantine(writing, logged, project::FAULT)?;
            }
            done => done?,
        }
    }
    project::visit::settle(writing, *recv)
}

/// All projections as text, table by table, row by row in a fixed order: two stores with the same log give the same.
pub fn dump(db: &Connection) -> Result<String, StoreError> {
    dump_of(db, tables())
}

/// The same without the feed.
pub fn dump_without_feed(db: &Connection) -> Result<String, StoreError> {
    dump_of(db, tables().filter(|table| !FEED.contains(table)))
}

fn dump_of(db: &Connection, tables: impl Iterator<Item = &'static str>) -> Result<String, StoreError> {
    let mut out = String::new();
    for table in tables {
        let mut lines = Vec::new();
        rows(db, table, |line| lines.push(line.to_owned()))?;
        lines.sort_unstable();
        // Writing to a string does not fail.
        let _ = writeln!(out, "== {table} {}", lines.len());
        out.push_str(&lines.join("\n"));
        out.push('\n');
    }
    Ok(out)
}

/// What a table holds, whatever the order of its rows and however many they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// The table.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
    /// Half of each row's SHA-256, summed modulo 2^128.
    sum: u128,
}

/// Of all projections, in the order of [`tables`].
pub fn digests(db: &Connection) -> Result<Vec<Digest>, StoreError> {
    let digest = |table| {
        let mut digest = Digest { table, rows: 0, sum: 0 };
        rows(db, table, |line| {
            digest.rows += 1;
            digest.sum = digest.sum.wrapping_add(Sha::of(line.as_bytes()).half());
        })?;
        Ok(digest)
    };
    tables().map(digest).collect()
}

/// Gives each row of `table` as text.
fn rows(db: &Connection, table: &str, mut each: impl FnMut(&str)) -> Result<(), StoreError> {
    let mut query = db.prepare(&format!("SELECT * FROM {table}"))?;
    let columns = query.column_count();
    let mut line = String::new();
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        line.clear();
        for column in 0..columns {
            // Writing to a string does not fail.
            let _ = write!(line, "|{:?}", row.get_ref(column)?);
        }
        each(&line);
    }
    Ok(())
}
