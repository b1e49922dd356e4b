//! What the office's registers say, as far as this phone may know: company, badge, dwellings of open visits,
//! instruments, price lists.

use rusqlite::{Connection, Transaction};

use super::mirror;
use super::outbox::{self, NewOp};
use super::store::enrolment;
use crate::domain::Rules;
use crate::domain::event::Event;
use crate::domain::worker_event::Unmasked;
use crate::error::Refusal;
use crate::id::HouseholdId;
use crate::time::Stamp;
use crate::wire::feed_entity::{
    COMPANY, CompanyEntity, HOUSEHOLD, HouseholdEntity, INSTRUMENT, InstrumentEntity, PRICE_LIST, PriceListEntity,
    WORKER, WorkerEntity,
};

/// The company.
pub fn company(connection: &Connection) -> Result<Option<CompanyEntity>, Refusal> {
    Ok(mirror::entities(connection, COMPANY)?.into_iter().map(|(_, company)| company).next())
}

/// The enrolled worker.
pub fn worker(connection: &Connection) -> Result<Option<WorkerEntity>, Refusal> {
    let enrolment = enrolment::get(connection)?;
    Ok(mirror::entity(connection, WORKER, &enrolment.worker.to_string())?)
}

/// A dwelling.
pub fn household(connection: &Connection, id: HouseholdId) -> Result<Option<HouseholdEntity>, Refusal> {
    Ok(mirror::entity(connection, HOUSEHOLD, &id.to_string())?)
}

/// All instruments, by number.
pub fn instruments(connection: &Connection) -> Result<Vec<InstrumentEntity>, Refusal> {
    let mut found: Vec<InstrumentEntity> =
        mirror::entities(connection, INSTRUMENT)?.into_iter().map(|(_, instrument)| instrument).collect();
    found.sort_by(|left, right| left.number.cmp(&right.number));
    Ok(found)
}

/// All price lists, the newest in force first.
pub fn price_lists(connection: &Connection) -> Result<Vec<PriceListEntity>, Refusal> {
    let mut found: Vec<PriceListEntity> =
        mirror::entities(connection, PRICE_LIST)?.into_iter().map(|(_, list)| list).collect();
    found.sort_by(|left, right| (&right.effective_from, &right.version).cmp(&(&left.effective_from, &left.version)));
    Ok(found)
}

/// Reads a masked field, and leaves who, what and why in the log in the same transaction.
pub fn unmask(
    transaction: &Transaction<'_>,
    household: HouseholdId,
    field: &str,
    reason: String,
    t: Stamp,
) -> Result<String, Refusal> {
    let known: Option<HouseholdEntity> = mirror::entity(transaction, HOUSEHOLD, &household.to_string())?;
    let value = known.as_ref().and_then(|known| match field {
        "业主姓名" => known.owner_name.clone(),
        "承租人姓名或承租单位名称" => known.tenant_name.clone(),
        label => match known.fields.get(label)? {
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        },
    });
    let value = value.ok_or_else(|| {
        Refusal::new(
            "unmask.not_here",
            "",
            format!("“{field}”不在本机，请联系客服查询。"),
            format!("{field} is not on this phone; ask the office."),
        )
    })?;
    let event = Event::Unmasked(Unmasked { household, field: field.to_owned(), reason });
    let rules = Rules::builtin().sha();
    outbox::append(transaction, NewOp { event, visit: None, basis: 0, rules, t, blobs: Vec::new() })?;
    Ok(value)
}
