//! The rows of the mirror: the office's state as the feed brought it, and where each scope stands.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::enrolment::{id_at, signed, u64_at};
use crate::device::trouble::Trouble;
use crate::domain::plan::Plan;
use crate::id::VisitId;
use crate::time::Millis;

/// Where one scope stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRow {
    /// The scope's id.
    pub id: String,
    /// The last position applied; 0 asks for everything.
    pub pos: u64,
    /// The sum of [`crate::wire::scope_mix`] over what is mirrored.
    pub hash: u128,
    /// A reset of several pages is under way.
    pub resetting: bool,
}

impl ScopeRow {
    /// A scope nothing is known of.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), pos: 0, hash: 0, resetting: false }
    }
}

/// One mirrored entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorRow {
    /// Its id within its type.
    pub id: String,
    /// Its version.
    pub ver: u64,
    /// It, as JSON.
    pub body: String,
}

/// All scopes known.
pub fn scopes(connection: &Connection) -> Result<Vec<ScopeRow>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT * FROM scope ORDER BY id")?;
    let found = statement
        .query_map([], |row| {
            Ok(ScopeRow {
                id: row.get("id")?,
                pos: u64_at(row, "pos")?,
                hash: row.get("hash").map(u128::from_be_bytes)?,
                resetting: row.get("resetting")?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// Keeps where a scope stands.
pub fn put_scope(writing: &Connection, scope: &ScopeRow) -> Result<(), Trouble> {
    writing
        .prepare_cached("INSERT OR REPLACE INTO scope (id, pos, hash, resetting) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![scope.id, signed(scope.pos), scope.hash.to_be_bytes(), scope.resetting])?;
    Ok(())
}

/// Asks for all of a scope anew; what is mirrored stays until the answer is here, and half a scope stays half a scope.
pub fn ask_anew(writing: &Connection, scope: &str) -> Result<(), Trouble> {
    writing.prepare_cached("UPDATE scope SET pos = 0 WHERE id = ?1")?.execute([scope])?;
    Ok(())
}

/// The version an entity of a scope has, if it is there.
pub fn version(connection: &Connection, scope: &str, e: &str, id: &str) -> Result<Option<u64>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT ver FROM mirror WHERE scope = ?1 AND e = ?2 AND id = ?3")?;
    Ok(statement.query_row(params![scope, e, id], |row| u64_at(row, "ver")).optional()?)
}

/// Puts an entity.
pub fn put(writing: &Connection, scope: &str, e: &str, id: &str, ver: u64, body: &str) -> Result<(), Trouble> {
    writing
        .prepare_cached("INSERT OR REPLACE INTO mirror (scope, e, id, ver, body) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![scope, e, id, signed(ver), body])?;
    Ok(())
}

/// Deletes an entity.
pub fn delete(writing: &Connection, scope: &str, e: &str, id: &str) -> Result<(), Trouble> {
    writing
        .prepare_cached("DELETE FROM mirror WHERE scope = ?1 AND e = ?2 AND id = ?3")?
        .execute(params![scope, e, id])?;
    Ok(())
}

/// Deletes all of a scope.
pub fn clear(writing: &Connection, scope: &str) -> Result<(), Trouble> {
    writing.prepare_cached("DELETE FROM mirror WHERE scope = ?1")?.execute([scope])?;
    Ok(())
}

/// Deletes everything, and where every scope stands.
pub fn clear_all(writing: &Connection) -> Result<(), Trouble> {
    writing.execute("DELETE FROM mirror", [])?;
    writing.execute("DELETE FROM scope", [])?;
    Ok(())
}

/// The same, but for entities of these types, and where the scope `known` stands.
pub fn clear_but(writing: &Connection, types: &[&str], known: &str) -> Result<(), Trouble> {
    let places = vec!["?"; types.len()].join(", ");
    writing.execute(&format!("DELETE FROM mirror WHERE e NOT IN ({places})"), rusqlite::params_from_iter(types))?;
    writing.execute("DELETE FROM scope WHERE id <> ?1", [known])?;
    Ok(())
}

/// One entity, whatever its scope.
pub fn find(connection: &Connection, e: &str, id: &str) -> Result<Option<MirrorRow>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT id, ver, body FROM mirror WHERE e = ?1 AND id = ?2")?;
    Ok(statement.query_row(params![e, id], read).optional()?)
}

/// All entities of a type, by id.
pub fn all(connection: &Connection, e: &str) -> Result<Vec<MirrorRow>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT id, ver, body FROM mirror WHERE e = ?1 ORDER BY id")?;
    let found = statement.query_map([e], read)?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// The ids a scope holds of a type.
pub fn ids(connection: &Connection, scope: &str, e: &str) -> Result<Vec<String>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT id FROM mirror WHERE scope = ?1 AND e = ?2 ORDER BY id")?;
    let found = statement.query_map([scope, e], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<MirrorRow> {
    Ok(MirrorRow { id: row.get("id")?, ver: u64_at(row, "ver")?, body: row.get("body")? })
}

/// A visit that left the scope while something of ours about it was still needed: evidence that was unsafe, a worker on the
/// way, or, where it may come again, what no act names yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepartedVisit {
    /// Which.
    pub visit: VisitId,
    /// Why: `reassigned`, `cancelled`, `closed`; [`RESET`] or [`RESTORED`] when its scope was told anew without it.
    pub why: String,
    /// The plan without its words; empty where this build can't read it.
    pub plan: Plan,
    /// The plan version the phone had.
    pub basis: u64,
    /// The lane that was this worker's.
    pub lane: u64,
}

/// Why a visit left that was not told again.
pub const RESET: &str = "reset";
/// The same where it was a restored server that did not.
pub const RESTORED: &str = "restored";

/// Whether a visit that left for this reason may come again: nobody took it away.
pub fn may_come_again(why: &str) -> bool {
    matches!(why, RESET | RESTORED)
}

/// The condition that the visit in `column` is in the phone's scope.
pub(super) fn planned(column: &str) -> String {
    format!("EXISTS (SELECT 1 FROM mirror WHERE e = 'visit' AND replace(id, '-', '') = lower(hex({column})))")
}

/// Keeps the mark of a visit that left.
pub fn put_departed(writing: &Connection, departed: &DepartedVisit) -> Result<(), Trouble> {
    let plan = serde_json::to_string(&departed.plan).map_err(Trouble::damaged)?;
    writing
        .prepare_cached(
            "INSERT OR REPLACE INTO departed_visit (visit, why, plan, basis, lane) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            departed.visit.0.as_bytes(),
            departed.why,
            plan,
            signed(departed.basis),
            signed(departed.lane)
        ])?;
    Ok(())
}

/// Takes the mark away: the visit came back, or its last evidence is safe.
pub fn delete_departed(writing: &Connection, visit: VisitId) -> Result<(), Trouble> {
    writing.prepare_cached("DELETE FROM departed_visit WHERE visit = ?1")?.execute([visit.0.as_bytes()])?;
    Ok(())
}

/// All visits that left.
pub fn departed(connection: &Connection) -> Result<Vec<DepartedVisit>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT * FROM departed_visit")?;
    let found = statement
        .query_map([], |row| {
            Ok(DepartedVisit {
                visit: VisitId(id_at(row, "visit")?),
                why: row.get("why")?,
                plan: serde_json::from_str(row.get_ref("plan")?.as_str()?).unwrap_or_default(),
                basis: u64_at(row, "basis")?,
                lane: u64_at(row, "lane")?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// Keeps that a visit is here no more.
pub fn put_taken(writing: &Connection, visit: VisitId) -> Result<(), Trouble> {
    writing
        .prepare_cached("INSERT OR REPLACE INTO taken_visit (visit, taken_ms) VALUES (?1, NULL)")?
        .execute([visit.0.as_bytes()])?;
    Ok(())
}

/// It is here again.
pub fn delete_taken(writing: &Connection, visit: VisitId) -> Result<(), Trouble> {
    writing.prepare_cached("DELETE FROM taken_visit WHERE visit = ?1")?.execute([visit.0.as_bytes()])?;
    Ok(())
}

/// Whether a visit was here once and is no more.
pub fn is_taken(connection: &Connection, visit: VisitId) -> Result<bool, Trouble> {
    let mut statement = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM taken_visit WHERE visit = ?1)")?;
    Ok(statement.query_row([visit.0.as_bytes()], |row| row.get(0))?)
}

/// All is told at the server's time `now`; what was taken away before `before` no screen shows any more.
pub fn prune_taken(transaction: &Transaction<'_>, now: Millis, before: Millis) -> Result<(), Trouble> {
    transaction.prepare_cached("UPDATE taken_visit SET taken_ms = ?1 WHERE taken_ms IS NULL")?.execute([now.0])?;
    transaction.prepare_cached("DELETE FROM taken_visit WHERE taken_ms < ?1")?.execute([before.0])?;
    Ok(())
}

/// The ids of a type in the order in which its entities came, the newest last.
pub fn ids_by_change(connection: &Connection, e: &str) -> Result<Vec<String>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT id FROM mirror WHERE e = ?1 ORDER BY rowid")?;
    let found = statement.query_map([e], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}
