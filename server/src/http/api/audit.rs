//! Who did what: the office's acts and every unmasking, from the hash-chained log itself.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use nuanfang_core::domain::Event;
use rusqlite::params_from_iter;
use rusqlite::types::Value as SqlValue;
use uuid::Uuid;

use super::details::{details, label};
use super::people::{AuditQuery, AuditRow};
use super::permit::{May, ReadAudit};
use super::quarantine::KeptName;
use super::views::{Named, Page};
use super::visit_view::DetailView;
use super::{Asked, page};
use crate::http::Problem;
use crate::office::registers::names;
use crate::state::AppState;
use crate::store::StoreError;

/// A page of what was done, newest first.
#[utoipa::path(get, path = "/api/audit", tag = "audit", operation_id = "audit", params(AuditQuery),
    responses((status = 200, description = "A page, newest first", body = Page<AuditRow>)))]
pub async fn audit(
    _may: May<ReadAudit>,
    State(state): State<AppState>,
    Asked(query): Asked<AuditQuery>,
) -> Result<Json<Page<AuditRow>>, Problem> {
    Ok(Json(state.read(move |db| read(db, &query)).await?))
}

fn read(db: &rusqlite::Connection, query: &AuditQuery) -> Result<Page<AuditRow>, StoreError> {
    // What a phone calls an act of the office is none.
    let mut conditions =
        vec!["e.kind >= 'office.' AND e.kind < 'pii/' AND (w.office = 1 OR e.kind >= 'pii.')".to_owned()];
    let mut values: Vec<SqlValue> = Vec::new();
    let mut bind = |condition: &str, value: SqlValue| {
        values.push(value);
        conditions.push(format!("{condition} ?{}", values.len()));
    };
    let blob = |id: Uuid| SqlValue::Blob(id.as_bytes().to_vec());
    if let Some(actor) = query.actor {
        bind("e.worker =", blob(actor));
    }
    if let Some(kind) = &query.kind {
        bind("e.kind =", SqlValue::Text(kind.clone()));
    }
    if let Some(visit) = query.visit {
        bind("e.visit =", blob(visit));
    }
    if let Some(from) = query.from_ms {
        bind("e.recv_ms >=", SqlValue::Integer(from));
    }
    if let Some(until) = query.until_ms {
        bind("e.recv_ms <=", SqlValue::Integer(until));
    }
    let conditions = conditions.join(" AND ");
    let (page, size) = page(query.page, query.size);
    let total: i64 = db.query_row(
        &format!("SELECT count(*) FROM envelope e JOIN writer w ON w.dev = e.dev WHERE {conditions}"),
        params_from_iter(&values),
        |row| row.get(0),
    )?;
    let (names, people) = (names(db)?, people(db)?);
    let mut statement = db.prepare(&format!(
        "SELECT e.op, e.seq, e.recv_ms, e.worker, e.kind, e.visit, e.sha, b.body, o.o FROM envelope e
         JOIN writer w ON w.dev = e.dev LEFT JOIN body b ON b.g = e.g LEFT JOIN outcome o ON o.g = e.g WHERE {conditions} ORDER BY e.g DESC LIMIT {size} OFFSET {}",
        page * size
    ))?;
    let mut found = statement.query(params_from_iter(&values))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let kind: String = row.get(4)?;
        let body: Option<String> = row.get(7)?;
        let outcome: Option<String> = row.get(8)?;
        let actor = Uuid::from_bytes(row.get(3)?);
        let (zh, en) = label(&kind);
        rows.push(AuditRow {
            op: Uuid::from_bytes(row.get(0)?),
            seq: row.get::<_, i64>(1)?.unsigned_abs(),
            at_ms: row.get(2)?,
            actor: Named { id: actor, name: names.get(&actor).cloned().unwrap_or_else(|| actor.to_string()) },
            zh,
            en,
            visit: row.get::<_, Option<[u8; 16]>>(5)?.map(Uuid::from_bytes),
            details: body.map(|body| named(details(&Event::parse(&kind, &body), &body), &people)).unwrap_or_default(),
            kept: match outcome.as_deref() {
                Some("held") => Some(KeptName::Held),
                Some("quarantined") => Some(KeptName::Quarantined),
                _ => None,
            },
            sha: hex::encode(row.get::<_, [u8; 32]>(6)?),
            kind,
        });
    }
    Ok(Page { total: total.unsigned_abs(), page, size, rows })
}

/// Whom an act is about: workers by name and badge, office users by name and login. Names alone are not one person's.
fn people(db: &rusqlite::Connection) -> Result<HashMap<Uuid, String>, StoreError> {
    let mut people = HashMap::new();
    for sql in ["SELECT id, name, login FROM office_user", "SELECT id, name, badge_number FROM worker"] {
        let mut query = db.prepare_cached(sql)?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (name, number): (String, String) = (row.get(1)?, row.get(2)?);
            people.insert(Uuid::from_bytes(row.get(0)?), format!("{name}（{number}）"));
        }
    }
    Ok(people)
}

/// The same details, with people for their ids.
fn named(mut details: Vec<DetailView>, people: &HashMap<Uuid, String>) -> Vec<DetailView> {
    for detail in &mut details {
        if let Some(person) = detail.value.parse::<Uuid>().ok().and_then(|id| people.get(&id)) {
            detail.value.clone_from(person);
        }
    }
    details
}
