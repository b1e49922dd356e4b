//! The feed: what a scope's phones mirror. Positions are dense and given out in the transaction of the change, so
//! their order is the order of commit (I4). Bodies are kept once, as they are now; an old change of what has
//! left a scope is told as its leaving, so nobody reads what is no longer his.

use nuanfang_core::drill::{self, Limit};
use nuanfang_core::wire::{FeedEntry, FeedKind, ScopeCursor, ScopeReply, feed_entity, scope_mix};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// More changes than this are told as a reset: the scope as it is.
const CHANGES: usize = 500;

struct Scope {
    id: i64,
    head: u64,
    hash: u128,
}

/// Puts an entity into a scope, in place of its older version. Nothing happens when nothing changed.
pub fn put<T: Serialize>(
    writing: &mut Writing<'_>,
    scope: &str,
    entity: &str,
    id: &str,
    body: &T,
) -> Result<(), StoreError> {
    debug_assert!(feed_entity::ENTITIES.iter().any(|(name, _)| *name == entity), "{entity} is not classed");
    let body = serde_json::to_string(body).map_err(|error| StoreError::Damaged(error.to_string()))?;
    let at = open(writing.tx, scope)?;
    let old = current(writing.tx, at.id, entity, id)?;
    if old.as_ref().is_some_and(|(_, old)| *old == body) {
        return Ok(());
    }
    let pos = next(scope, &at);
    let hash = at
        .hash
        .wrapping_sub(old.map_or(0, |(ver, _)| scope_mix(entity, id, ver)))
        .wrapping_add(scope_mix(entity, id, pos));
    step(writing, scope, &at, pos, hash, entity, id, None)?;
    writing
        .tx
        .prepare_cached(
            "INSERT INTO scope_entity (scope, e, id, ver, body) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (scope, e, id) DO UPDATE SET ver = excluded.ver, body = excluded.body",
        )?
        .execute(params![at.id, entity, id, pos as i64, body])?;
    Ok(())
}

/// Takes an entity out of a scope. Nothing happens when it is not there.
pub fn revoke(writing: &mut Writing<'_>, scope: &str, entity: &str, id: &str, why: &str) -> Result<(), StoreError> {
    let at = open(writing.tx, scope)?;
    let Some((ver, _)) = current(writing.tx, at.id, entity, id)? else { return Ok(()) };
    let hash = at.hash.wrapping_sub(scope_mix(entity, id, ver));
    step(writing, scope, &at, next(scope, &at), hash, entity, id, Some(why))?;
    writing
        .tx
        .prepare_cached("DELETE FROM scope_entity WHERE scope = ?1 AND e = ?2 AND id = ?3")?
        .execute(params![at.id, entity, id])?;
    Ok(())
}

/// Whether a scope holds an entity.
pub fn holds(db: &Connection, scope: &str, entity: &str, id: &str) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM scope s JOIN scope_entity x ON x.scope = s.id WHERE s.name = ?1 AND x.e = ?2 AND x.id = ?3",
        )?
        .exists(params![scope, entity, id])?)
}

/// What a phone that stands at `cursor` is told. Always brings it to the head.
pub fn pull(db: &Connection, cursor: &ScopeCursor) -> Result<ScopeReply, StoreError> {
    let Some(at) = find(db, &cursor.id)? else {
        let reset = cursor.pos != 0;
        return Ok(reply(cursor, reset, Vec::new(), 0, 0));
    };
    let known = if cursor.pos == 0 || cursor.pos > at.head {
        None
    } else if cursor.pos == at.head {
        Some(at.hash)
    } else {
        let mut query = db.prepare_cached("SELECT hash FROM feed WHERE scope = ?1 AND pos = ?2")?;
        query.query_row(params![at.id, cursor.pos as i64], |row| row.get(0)).optional()?.map(u128::from_be_bytes)
    };
    let in_step = known.is_some_and(|hash| hex(hash) == cursor.hash);
    if in_step && cursor.pos == at.head {
        return Ok(reply(cursor, false, Vec::new(), at.head, at.hash));
    }
    if in_step && at.head - cursor.pos <= drill::limit(Limit::FeedChanges, CHANGES) as u64 {
        let changes = changes(db, &at, cursor.pos)?;
        return Ok(reply(cursor, false, changes, at.head, at.hash));
    }
    let whole = whole(db, &at)?;
    Ok(reply(cursor, true, whole, at.head, at.hash))
}

fn changes(db: &Connection, at: &Scope, after: u64) -> Result<Vec<FeedEntry>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT f.pos, f.e, f.id, x.ver, x.body, f.why FROM feed f
         LEFT JOIN scope_entity x ON x.scope = f.scope AND x.e = f.e AND x.id = f.id
         WHERE f.scope = ?1 AND f.pos > ?2 ORDER BY f.pos",
    )?;
    let mut rows = query.query(params![at.id, after as i64])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let pos = row.get::<_, i64>(0)? as u64;
        let ver: Option<i64> = row.get(3)?;
        let mut entry = FeedEntry {
            pos,
            k: FeedKind::Revoke,
            e: row.get(1)?,
            id: row.get(2)?,
            ver: ver.map_or(pos, |ver| ver as u64),
            body: None,
            why: row.get::<_, Option<String>>(5)?,
        };
        if ver.is_some() {
            entry.k = FeedKind::Put;
            entry.body = Some(raw(row.get(4)?)?);
            entry.why = None;
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn whole(db: &Connection, at: &Scope) -> Result<Vec<FeedEntry>, StoreError> {
    let mut query = db.prepare_cached("SELECT ver, e, id, body FROM scope_entity WHERE scope = ?1 ORDER BY ver")?;
    let mut rows = query.query([at.id])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let ver = row.get::<_, i64>(0)? as u64;
        entries.push(FeedEntry {
            pos: ver,
            k: FeedKind::Put,
            e: row.get(1)?,
            id: row.get(2)?,
            ver,
            body: Some(raw(row.get(3)?)?),
            why: None,
        });
    }
    Ok(entries)
}

fn reply(cursor: &ScopeCursor, reset: bool, feed: Vec<FeedEntry>, pos: u64, hash: u128) -> ScopeReply {
    ScopeReply { id: cursor.id.clone(), reset, feed, pos, hash: hex(hash), more: false }
}

fn find(db: &Connection, name: &str) -> Result<Option<Scope>, StoreError> {
    let mut query = db.prepare_cached("SELECT id, head, hash FROM scope WHERE name = ?1")?;
    Ok(query
        .query_row([name], |row| {
            let head = row.get::<_, i64>(1)? as u64;
            Ok(Scope { id: row.get(0)?, head, hash: u128::from_be_bytes(row.get(2)?) })
        })
        .optional()?)
}

fn next(scope: &str, at: &Scope) -> u64 {
    #[cfg(feature = "mutants")]
    if drill::is(drill::Mutant::PositionOutside) {
        return drill::next_position(scope, at.head);
    }
    let _ = scope;
    at.head + 1
}

fn open(tx: &Connection, name: &str) -> Result<Scope, StoreError> {
    if let Some(found) = find(tx, name)? {
        return Ok(found);
    }
    tx.execute(
        "INSERT INTO scope (name, head, hash) VALUES (?1, 0, ?2)",
        params![name, 0u128.to_be_bytes().as_slice()],
    )?;
    Ok(Scope { id: tx.last_insert_rowid(), head: 0, hash: 0 })
}

fn current(tx: &Connection, scope: i64, entity: &str, id: &str) -> Result<Option<(u64, String)>, StoreError> {
    let mut query = tx.prepare_cached("SELECT ver, body FROM scope_entity WHERE scope = ?1 AND e = ?2 AND id = ?3")?;
    Ok(query.query_row(params![scope, entity, id], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?))).optional()?)
}

#[expect(clippy::too_many_arguments, reason = "one row of the feed, column by column")]
fn step(
    writing: &mut Writing<'_>,
    scope: &str,
    at: &Scope,
    pos: u64,
    hash: u128,
    entity: &str,
    id: &str,
    why: Option<&str>,
) -> Result<(), StoreError> {
    let hash = hash.to_be_bytes();
    let tx = writing.tx;
    tx.prepare_cached("INSERT INTO feed (scope, pos, e, id, hash, why) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![at.id, pos as i64, entity, id, hash.as_slice(), why])?;
    tx.prepare_cached("UPDATE scope SET head = ?2, hash = ?3 WHERE id = ?1")?.execute(params![
        at.id,
        pos as i64,
        hash.as_slice()
    ])?;
    if !writing.touched.scopes.iter().any(|name| name == scope) {
        writing.touched.scopes.push(scope.to_owned());
    }
    Ok(())
}

fn raw(text: String) -> Result<Box<RawValue>, StoreError> {
    RawValue::from_string(text).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// A scope's hash as it travels: 32 hex digits.
fn hex(hash: u128) -> String {
    format!("{hash:032x}")
}
