//! The mirror of what the office plans: each scope's feed applied whole, its positions and its hash asserted. The
//! phone only reads it; evidence and drafts are elsewhere and outlive any reset.

use rusqlite::{Connection, Transaction};
use serde::de::DeserializeOwned;

use super::casefile;
use super::store::mirror_row::{self, DepartedVisit, RESET, RESTORED, ScopeRow};
use super::store::{attempt, blob_row, damage_row, draft_row, outbox_row};
use super::trouble::Trouble;
use crate::domain::plan::{Plan, PlanVersion};
use crate::domain::{DeciCelsius, VisitPlan};
use crate::drill;
use crate::id::VisitId;
use crate::time::Millis;
use crate::wire::feed::COMPANY;
use crate::wire::feed_entity::{ENTITIES, HOUSEHOLD, HouseholdEntity, PiiClass, VISIT, VisitEntity};
use crate::wire::{FeedEntry, FeedKind, ScopeReply, scope_mix};

/// A worker of whom nothing new was safe for so long is not on the way any more, milliseconds.
const UNDER_WAY_MS: i64 = 24 * 60 * 60 * 1000;
/// What an entry says that gives no reason.
const REASSIGNED: &str = "reassigned";
/// Why a visit left that nobody took away.
const DISMISSED: &str = "dismissed";

/// What became of one scope's part of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeResult {
    /// Applied up to this position.
    Applied {
        /// The position.
        pos: u64,
        /// How many entries changed something.
        changed: usize,
        /// The server has more.
        more: bool,
    },
    /// It did not fit: nothing of it was applied, and the scope is asked for anew from 0.
    Violated {
        /// Which assertion failed.
        why: &'static str,
    },
}

/// Applies one scope's part of a reply, of a server that was `restored` since the last one where it says so. What does not
/// fit leaves the mirror as it was and asks for all of it anew.
///
/// # Errors
/// Only what the database says.
pub fn apply(transaction: &Transaction<'_>, reply: &ScopeReply, restored: bool) -> Result<ScopeResult, Trouble> {
    let known = mirror_row::scopes(transaction)?.into_iter().find(|scope| scope.id == reply.id);
    let before = known.unwrap_or_else(|| ScopeRow::new(&reply.id));
    let taken = attempt(transaction, |writing| apply_entries(writing, before, reply, restored))?;
    match taken {
        Ok(changed) => Ok(ScopeResult::Applied { pos: reply.pos, changed, more: reply.more }),
        Err(why) => {
            mirror_row::ask_anew(transaction, &reply.id)?;
            Ok(ScopeResult::Violated { why })
        }
    }
}

type Assertion = Result<usize, &'static str>;

fn apply_entries(
    connection: &Connection,
    before: ScopeRow,
    reply: &ScopeReply,
    restored: bool,
) -> Result<Assertion, Trouble> {
    let mut scope = before;
    let mut left: Vec<VisitId> = Vec::new();
    if reply.reset {
        // A visit that comes again takes its mark away; until all is told, what is of it stays.
        for visit in mirror_row::ids(connection, &scope.id, VISIT)?.iter().filter_map(|id| id.parse().ok()) {
            remember(connection, visit, Some(if restored { RESTORED } else { RESET }))?;
            mirror_row::put_taken(connection, visit)?;
        }
        mirror_row::clear(connection, &scope.id)?;
        if drill::is(drill::Mutant::ResetClearsOutbox) {
            outbox_row::clear(connection)?;
        }
        (scope.pos, scope.hash, scope.resetting) = (0, 0, true);
    }
    // Before anything of the dwelling goes, whose entry may come first.
    for entry in reply.feed.iter().filter(|entry| entry.e == VISIT && entry.k == FeedKind::Revoke) {
        if let Ok(visit) = entry.id.parse() {
            remember(connection, visit, entry.why.as_deref())?;
        }
    }
    for entry in &reply.feed {
        let fits = if scope.resetting { entry.pos > scope.pos } else { entry.pos == scope.pos + 1 };
        if !fits {
            return Ok(Err("gap"));
        }
        scope.pos = entry.pos;
        match apply_entry(connection, &mut scope, entry)? {
            Ok(()) => {}
            Err(why) => return Ok(Err(why)),
        }
        if entry.e == VISIT && entry.k == FeedKind::Revoke {
            left.extend(entry.id.parse::<VisitId>().ok());
        }
    }
    if scope.pos > reply.pos || (!scope.resetting && scope.pos != reply.pos) {
        return Ok(Err("position"));
    }
    scope.pos = reply.pos;
    if !reply.more {
        scope.resetting = false;
    }
    if !scope.resetting && format!("{:032x}", scope.hash) != reply.hash {
        return Ok(Err("hash"));
    }
    mirror_row::put_scope(connection, &scope)?;
    for visit in left {
        // One that came back in the same reply has not left.
        if mirror_row::find(connection, VISIT, &visit.to_string())?.is_none() {
            forget(connection, visit)?;
        }
    }
    Ok(Ok(reply.feed.len()))
}

fn apply_entry(
    connection: &Connection,
    scope: &mut ScopeRow,
    entry: &FeedEntry,
) -> Result<Result<(), &'static str>, Trouble> {
    let (e, id) = (entry.e.as_str(), entry.id.as_str());
    if let Some(old) = mirror_row::version(connection, &scope.id, e, id)? {
        scope.hash = scope.hash.wrapping_sub(scope_mix(e, id, old));
    }
    match entry.k {
        FeedKind::Put => {
            let Some(body) = &entry.body else { return Ok(Err("no body")) };
            scope.hash = scope.hash.wrapping_add(scope_mix(e, id, entry.ver));
            mirror_row::put(connection, &scope.id, e, id, entry.ver, body.get())?;
            if let (VISIT, Ok(visit)) = (e, id.parse()) {
                mirror_row::delete_departed(connection, visit)?;
                mirror_row::delete_taken(connection, visit)?;
            }
        }
        FeedKind::Revoke => {
            if let (VISIT, Ok(visit)) = (e, id.parse()) {
                if departed(connection, visit)?.is_none() {
                    remember(connection, visit, entry.why.as_deref())?;
                }
                mirror_row::put_taken(connection, visit)?;
            }
            mirror_row::delete(connection, &scope.id, e, id)?;
        }
    }
    Ok(Ok(()))
}

/// Marks a visit that leaves while own evidence about it is not safe, while its worker is on the way, or that may come
/// again to what was begun of it. Of one that left before, what was known then stays.
fn remember(connection: &Connection, visit: VisitId, why: Option<&str>) -> Result<(), Trouble> {
    let known = departed(connection, visit)?;
    if let Some(known) = &known
        && mirror_row::find(connection, VISIT, &visit.to_string())?.is_none()
    {
        let why = why.unwrap_or(&known.why).to_owned();
        return mirror_row::put_departed(connection, &DepartedVisit { why, ..known.clone() });
    }
    let why = why.map(str::to_owned).or(known.map(|known| known.why)).unwrap_or_else(|| REASSIGNED.to_owned());
    let may_come_again = mirror_row::may_come_again(&why);
    let needed = outbox_row::has_unsafe(connection, visit)?
        || outbox_row::is_under_way(connection, visit)?
        || (may_come_again && has_begun(connection, visit)?);
    if !needed {
        return Ok(());
    }
    let told: Option<VisitEntity> = entity(connection, VISIT, &visit.to_string())?;
    let (basis, lane) = told.as_ref().map_or((0, 0), |told| (told.version, told.lane));
    let plan = Plan { versions: told.as_ref().map_or_else(|| Ok(Vec::new()), |told| outliving(connection, told))? };
    mirror_row::put_departed(connection, &DepartedVisit { visit, why, plan, basis, lane })
}

/// Whether a visit was taken away and nothing of it is expected here any more: not its worker, no evidence on its way, and not
/// the visit itself, which a scope that is being told anew may still bring.
///
/// # Errors
/// Only what the database says.
pub fn is_gone(connection: &Connection, visit: VisitId) -> Result<bool, Trouble> {
    Ok(mirror_row::is_taken(connection, visit)?
        && departed(connection, visit)?.is_none()
        && outbox_row::is_settled(connection, visit)?
        && mirror_row::scopes(connection)?.iter().all(|scope| !scope.resetting))
}

/// What outlives a visit's stay on this phone: the plan that he is judged by who is on the way, and of the resident no more
/// than the dwelling's id, what time was agreed and what temperature.
fn outliving(connection: &Connection, told: &VisitEntity) -> Result<Vec<PlanVersion>, Trouble> {
    let household: Option<HouseholdEntity> = entity(connection, HOUSEHOLD, &told.household.to_string())?;
    let agreed = household.and_then(|household| household.agreed_deci_celsius).map(DeciCelsius);
    let wordless = |version: PlanVersion| PlanVersion {
        plan: VisitPlan {
            agreed: version.plan.agreed.or(agreed),
            scope: String::new(),
            note: None,
            follows: None,
            ..version.plan
        },
        cancelled: version.cancelled.map(|_| String::new()),
        op: None,
        ..version
    };
    Ok(casefile::versions(told).into_iter().map(wordless).collect())
}

/// The mark of a visit that left, where there is one.
pub fn departed(connection: &Connection, visit: VisitId) -> Result<Option<DepartedVisit>, Trouble> {
    Ok(mirror_row::departed(connection)?.into_iter().find(|departed| departed.visit == visit))
}

/// Whether something of a visit is kept that no act names.
fn has_begun(connection: &Connection, visit: VisitId) -> Result<bool, Trouble> {
    Ok(!draft_row::forms(connection, visit)?.is_empty() || !blob_row::loose(connection, visit)?.is_empty())
}

/// Once all scopes are told whole and the server has all of the log, at its time `now`: what was not told again has left. A
/// restored server may still come to know a visit from what was logged of it, once that is judged by the rules it was done
/// by: until then what was begun waits. Marks go of visits that are safe and that nobody is on the way to any more, and with
/// them, and with visits that left before, what was begun since; drafts from before `before` of visits that nobody knows of,
/// too.
///
/// # Errors
/// Only what the database says.
pub fn let_go(transaction: &Transaction<'_>, now: Millis, before: Millis) -> Result<(), Trouble> {
    if mirror_row::scopes(transaction)?.iter().any(|scope| scope.resetting) {
        return Ok(());
    }
    for departed in mirror_row::departed(transaction)? {
        let (visit, untold) = (departed.visit, mirror_row::may_come_again(&departed.why));
        if departed.why == RESTORED && !outbox_row::is_settled(transaction, visit)? {
            continue;
        }
        if untold {
            forget(transaction, visit)?;
        }
        let stays = is_on_the_way(transaction, visit, now)? || outbox_row::has_unsafe(transaction, visit)?;
        if !stays {
            mirror_row::delete_departed(transaction, visit)?;
        } else if untold {
            // He goes on as if it had been given to another, with what he begins from here on.
            mirror_row::put_departed(transaction, &DepartedVisit { why: REASSIGNED.to_owned(), ..departed })?;
        }
    }
    draft_row::prune(transaction, now, before)?;
    mirror_row::prune_taken(transaction, now, before)?;
    blob_row::prune_unlogged(transaction)
}

fn is_on_the_way(connection: &Connection, visit: VisitId, now: Millis) -> Result<bool, Trouble> {
    let since = Millis(now.0.saturating_sub(UNDER_WAY_MS));
    Ok(outbox_row::is_under_way(connection, visit)? && outbox_row::came_since(connection, visit, since)?)
}

/// A device that is given no more work keeps what it logged, what tells nothing of a resident (the company, its rules, prices and
/// instruments, the worker's own badge), and of a visit that he is on the way to what outlives its stay here, so that he may end
/// it as he would any. What was begun goes; where it was `told_before`, what was begun of such a visit since stays.
///
/// # Errors
/// Only what the database says.
pub fn dismiss(transaction: &Transaction<'_>, told_before: bool) -> Result<(), Trouble> {
    for visit in visits(transaction)? {
        remember(transaction, visit, Some(DISMISSED))?;
        mirror_row::put_taken(transaction, visit)?;
    }
    damage_row::let_go(transaction)?;
    let public: Vec<&str> = ENTITIES.iter().filter(|(_, class)| *class == PiiClass::None).map(|(e, _)| *e).collect();
    mirror_row::clear_but(transaction, &public, COMPANY)?;
    if told_before {
        draft_row::clear_undeparted(transaction)?;
        blob_row::clear_unlogged_undeparted(transaction)
    } else {
        draft_row::clear(transaction)?;
        blob_row::clear_unlogged(transaction)
    }
}

/// A device that may be in anybody's hands keeps what it logged, and nothing else of anybody.
///
/// # Errors
/// Only what the database says.
pub fn forget_all(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    for visit in visits(transaction)? {
        mirror_row::put_taken(transaction, visit)?;
    }
    damage_row::let_go(transaction)?;
    mirror_row::clear_all(transaction)?;
    draft_row::clear(transaction)?;
    blob_row::clear_unlogged(transaction)
}

/// All visits that are mirrored here.
fn visits(connection: &Connection) -> Result<Vec<VisitId>, Trouble> {
    Ok(mirror_row::ids_by_change(connection, VISIT)?.iter().filter_map(|id| id.parse().ok()).collect())
}

/// Drafts and unlogged photos of a visit that left go with it; logged evidence stays until it is safe.
fn forget(connection: &Connection, visit: VisitId) -> Result<(), Trouble> {
    draft_row::delete_of(connection, visit)?;
    blob_row::delete_unlogged_of(connection, visit)
}

/// One entity, read as `T`; `None` when it is not there or this build can't read it.
pub fn entity<T: DeserializeOwned>(connection: &Connection, e: &str, id: &str) -> Result<Option<T>, Trouble> {
    Ok(mirror_row::find(connection, e, id)?.and_then(|row| read(e, &row.body)))
}

/// All entities of a type that this build can read, by id.
pub fn entities<T: DeserializeOwned>(connection: &Connection, e: &str) -> Result<Vec<(String, T)>, Trouble> {
    let rows = mirror_row::all(connection, e)?;
    Ok(rows.into_iter().filter_map(|row| Some((row.id, read(e, &row.body)?))).collect())
}

fn read<T: DeserializeOwned>(e: &str, body: &str) -> Option<T> {
    if drill::lacks(e) { None } else { serde_json::from_str(body).ok() }
}
