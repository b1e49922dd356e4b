//! The company's registers as tables: households, workers, instruments, price lists, office users. Projected from
//! the log; read by the office's pages and by what a phone is sent.

pub mod household;
pub mod instrument;
pub mod price;
pub mod task;
pub mod user;
pub mod worker;

use std::collections::HashMap;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::{Imported, Register as Kind};
use nuanfang_core::id::HouseholdId;
use nuanfang_core::wire::feed_entity::HouseholdEntity;
use rusqlite::{Connection, Row as SqlRow, params};
use uuid::Uuid;

use crate::office::import::{self, Present, Row};
use crate::office::ledger::Register;
use crate::office::log::Logged;
use crate::office::project::erasure;
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// The tables made here; `rebuild` empties them first.
pub const TABLES: &[&str] =
    &["household", "household_row", "worker", "instrument", "price_list", "office_user", "task"];

/// Makes what follows from one envelope of the office.
pub fn project(writing: &mut Writing<'_>, logged: &Logged) -> Result<(), StoreError> {
    if !logged.office {
        return Ok(());
    }
    match &logged.fact.event {
        Event::Imported(event) => imported(writing, logged, event),
        Event::UserAdded(event) => user::added(writing, event),
        Event::UserDisabled(event) => user::disabled(writing, event),
        Event::VisitScheduled(plan) => match plan.follows {
            Some(visit) => task::followed(writing, visit, logged.recv),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// What a worker's phone may hold of a dwelling while a visit there is open: classes P and W.
pub fn household_entity(db: &Connection, id: HouseholdId) -> Result<Option<HouseholdEntity>, StoreError> {
    Ok(household::find(db, id)?.map(|household| household.entity()))
}

/// Makes what follows from `office.imported`: reads the rows it names and writes them.
fn imported(writing: &mut Writing<'_>, logged: &Logged, imported: &Imported) -> Result<(), StoreError> {
    let rows = erasure::standing(writing.tx, imported.rows)?;
    let bytes = writing
        .blobs
        .read(&rows)?
        .ok_or_else(|| StoreError::Damaged(format!("缺少导入的数据文件 {}", imported.rows)))?;
    let at = logged.recv;
    let households = household::Refresh::begin(writing)?;
    for row in import::unpack(&bytes)? {
        let row = row?;
        match imported.register {
            Kind::Households => households.write(writing, &row, at)?,
            Kind::Prices => price::write(writing, &row)?,
            Kind::Workers => worker::write(writing, &row)?,
            Kind::Instruments => instrument::write(writing, &row)?,
        }
    }
    if matches!(imported.register, Kind::Households | Kind::Workers) {
        household::tell_communities(writing)?;
    }
    Ok(())
}

/// What a register holds, for matching an import against it.
pub fn present(db: &Connection, register: Register) -> Result<Present, StoreError> {
    match register {
        Register::Households => household::present(db),
        Register::Prices => numbered(db, "SELECT id, version, row_sha FROM price_list"),
        Register::Workers => numbered(db, "SELECT id, badge_number, row_sha FROM worker"),
        Register::Instruments => numbered(db, "SELECT id, code, row_sha FROM instrument"),
    }
}

fn numbered(db: &Connection, sql: &str) -> Result<Present, StoreError> {
    let mut present = Present::default();
    let mut query = db.prepare(sql)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let id = uuid(row, 0)?;
        present.by_number.insert(row.get(1)?, id);
        present.shas.insert(id, (Sha(row.get(2)?), None));
    }
    Ok(present)
}

/// The event's name for a register.
pub fn kind(register: Register) -> Kind {
    match register {
        Register::Households => Kind::Households,
        Register::Prices => Kind::Prices,
        Register::Workers => Kind::Workers,
        Register::Instruments => Kind::Instruments,
    }
}

fn uuid(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Uuid> {
    row.get::<_, [u8; 16]>(column).map(Uuid::from_bytes)
}

/// A row's fields.
fn fields<T: serde::de::DeserializeOwned>(row: &Row) -> Result<T, StoreError> {
    serde_json::from_str(row.row.get()).map_err(|error| StoreError::Damaged(format!("an imported row: {error}")))
}

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("a register's row: {error}"))
}

/// Names of workers and office users by id, for whoever acted.
pub fn names(db: &Connection) -> Result<HashMap<Uuid, String>, StoreError> {
    let mut names = HashMap::new();
    for sql in ["SELECT id, name FROM office_user", "SELECT id, name FROM worker"] {
        let mut query = db.prepare_cached(sql)?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            names.insert(uuid(row, 0)?, row.get(1)?);
        }
    }
    names.insert(SYSTEM, "系统".into());
    Ok(names)
}

/// Who acts when nobody does: what the office's server does by itself.
pub const SYSTEM: Uuid = Uuid::nil();

fn upsert(writing: &Writing<'_>, sql: &str, row: &Row, columns: [&str; 2]) -> Result<(), StoreError> {
    writing.tx.prepare_cached(sql)?.execute(params![
        row.id.as_bytes(),
        columns[0],
        columns[1],
        row.row.get(),
        Row::sha(&row.row).0.as_slice(),
    ])?;
    Ok(())
}
