//! Visits as cards, straight from their projection.

use std::collections::HashMap;

use nuanfang_core::id::VisitId;
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, Row, params_from_iter};
use uuid::Uuid;

use super::board::BoardState;
use super::views::{HouseholdLine, Named, VisitCard, VisitKindName, WindowView};
use crate::office::dispatch::kind_from;
use crate::office::ledger::Class;
use crate::office::role::{Role, Sight, mask};
use crate::store::StoreError;

const SELECT: &str = "SELECT v.id, v.kind, v.state, v.household, v.from_ms, v.until_ms, v.assignee, w.name, v.scope,
    v.emergency, v.plan, v.late, v.violations, v.last_ms, h.community, h.address, h.resident,
    EXISTS (SELECT 1 FROM task t WHERE t.visit = v.id AND t.kind = 'call_back' AND t.done_ms IS NULL)
    FROM visit v LEFT JOIN household h ON h.id = v.household LEFT JOIN worker w ON w.id = v.assignee";

/// How cards that fit `conditions` are read.
pub(super) fn select(conditions: &str, limit: u32) -> String {
    format!(
        "{SELECT} WHERE {conditions} ORDER BY v.from_ms IS NULL, v.from_ms, h.community, h.address, v.id LIMIT {limit}"
    )
}

/// Cards that fit `conditions`, by window, then address.
pub(super) fn cards(
    db: &Connection,
    conditions: &str,
    values: &[SqlValue],
    limit: u32,
    role: Role,
) -> Result<Vec<VisitCard>, StoreError> {
    let missing = files_missing(db)?;
    let mut query = db.prepare_cached(&select(conditions, limit))?;
    let mut rows = query.query(params_from_iter(values))?;
    let mut cards = Vec::new();
    while let Some(row) = rows.next()? {
        cards.push(card(row, &missing, role)?);
    }
    Ok(cards)
}

/// One visit's card.
pub(super) fn one(db: &Connection, visit: VisitId, role: Role) -> Result<Option<VisitCard>, StoreError> {
    let id = SqlValue::Blob(visit.0.as_bytes().to_vec());
    Ok(cards(db, "v.id = ?1", &[id], 1, role)?.pop())
}

/// A household's visits, newest first.
pub(super) fn of_household(db: &Connection, household: Uuid, role: Role) -> Result<Vec<VisitCard>, StoreError> {
    let id = SqlValue::Blob(household.as_bytes().to_vec());
    let mut found = cards(db, "v.household = ?1", &[id], 500, role)?;
    found.sort_by_key(|card| std::cmp::Reverse((card.window.map(|window| window.from_ms), card.changed_ms)));
    found.truncate(50);
    Ok(found)
}

/// Files announced by a visit's operations and not yet here.
fn files_missing(db: &Connection) -> Result<HashMap<Uuid, u64>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT e.visit, count(DISTINCT n.sha) FROM blob_need n JOIN blob_ref r ON r.sha = n.sha
         JOIN envelope e ON e.g = r.g WHERE e.visit IS NOT NULL GROUP BY e.visit",
    )?;
    let rows = query.query_map([], |row| Ok((Uuid::from_bytes(row.get(0)?), row.get::<_, i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn card(row: &Row<'_>, missing: &HashMap<Uuid, u64>, role: Role) -> Result<VisitCard, StoreError> {
    let id = Uuid::from_bytes(row.get(0)?);
    let kind: String = row.get(1)?;
    let state: String = row.get(2)?;
    let late: i64 = row.get(11)?;
    let assignee: Option<Uuid> = row.get::<_, Option<[u8; 16]>>(6)?.map(Uuid::from_bytes);
    let name: Option<String> = row.get(7)?;
    let window: (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
    Ok(VisitCard {
        id,
        kind: VisitKindName::from(kind_from(&kind)?),
        state: board_state(&state, late > 0, row.get(17)?),
        household: household_line(
            Uuid::from_bytes(row.get(3)?),
            row.get::<_, Option<String>>(14)?.unwrap_or_default(),
            row.get::<_, Option<String>>(15)?.unwrap_or_default(),
            row.get(16)?,
            role,
        ),
        window: match window {
            (Some(from_ms), Some(until_ms)) => Some(WindowView { from_ms, until_ms }),
            _ => None,
        },
        assignee: assignee.map(|id| Named { id, name: name.unwrap_or_else(|| id.to_string()) }),
        scope: row.get(8)?,
        emergency: row.get(9)?,
        plan_version: row.get::<_, i64>(10)?.unsigned_abs(),
        late_lanes: late.unsigned_abs(),
        violations: row.get::<_, i64>(12)?.unsigned_abs(),
        files_missing: missing.get(&id).copied().unwrap_or(0),
        changed_ms: row.get(13)?,
    })
}

/// A dwelling as a line, its resident masked and only for roles that see residents.
pub(super) fn household_line(
    id: Uuid,
    community: String,
    address: String,
    resident: Option<String>,
    role: Role,
) -> HouseholdLine {
    let named = role.sees(Class::W) == Sight::Plain;
    HouseholdLine {
        id,
        address: format!("{community} {address}").trim().to_owned(),
        community,
        resident: resident.filter(|_| named).map(|name| mask(&name)),
    }
}

/// The column of the board in which a visit stands.
pub(super) fn board_state(state: &str, late: bool, callback_due: bool) -> BoardState {
    match state {
        _ if late => BoardState::Late,
        _ if callback_due => BoardState::CallbackDue,
        "assigned" | "acknowledged" => BoardState::Assigned,
        "departed" => BoardState::EnRoute,
        "arrived" => BoardState::AtDoor,
        "indoors" => BoardState::Inside,
        "done" => BoardState::Done,
        "absent" => BoardState::Absent,
        "refused_entry" | "not_done" => BoardState::NotDone,
        "cancelled" => BoardState::Cancelled,
        _ => BoardState::Unassigned,
    }
}
