//! 收费标准: price lists by content, the one in force by date (F.10).

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::wire::feed::COMPANY;
use nuanfang_core::wire::feed_entity::{self, PriceItem, PriceListEntity};
use rusqlite::Connection;
use serde::Deserialize;

use super::{damaged, fields, upsert};
use crate::office::feed;
use crate::office::import::Row;
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

#[derive(Deserialize)]
struct ListRow {
    version: String,
    issued_on: String,
    effective_from: String,
    items: Vec<ItemRow>,
}

#[derive(Deserialize)]
struct ItemRow {
    code: String,
    name: String,
    unit: String,
    material_fen: i64,
    labour_fen: i64,
    charging: String,
    tax_basis_points: u32,
    warranty_days: Option<u32>,
    note: Option<String>,
}

impl ListRow {
    fn entity(self, sha: Sha) -> PriceListEntity {
        let item = |item: ItemRow| PriceItem {
            code: item.code,
            name: item.name,
            unit: item.unit,
            material_fen: item.material_fen,
            labour_fen: item.labour_fen,
            charged: item.charging == "有偿",
            tax_basis_points: item.tax_basis_points,
            warranty_days: item.warranty_days,
            note: item.note,
        };
        PriceListEntity {
            sha,
            version: self.version,
            issued_on: self.issued_on,
            effective_from: self.effective_from,
            items: self.items.into_iter().map(item).collect(),
        }
    }
}

/// Writes an imported list and tells every phone. Its content address is that of its row.
pub fn write(writing: &mut Writing<'_>, row: &Row) -> Result<(), StoreError> {
    let list: ListRow = fields(row)?;
    upsert(
        writing,
        "INSERT OR REPLACE INTO price_list (id, version, effective_from, row, row_sha) VALUES (?1, ?2, ?3, ?4, ?5)",
        row,
        [&list.version, &list.effective_from],
    )?;
    let sha = Row::sha(&row.row);
    feed::put(writing, COMPANY, feed_entity::PRICE_LIST, &sha.to_string(), &list.entity(sha))
}

/// All lists, the one that came into force last first.
pub fn all(db: &Connection) -> Result<Vec<PriceListEntity>, StoreError> {
    let mut query =
        db.prepare_cached("SELECT row, row_sha FROM price_list ORDER BY effective_from DESC, version DESC")?;
    let mut rows = query.query([])?;
    let mut lists = Vec::new();
    while let Some(row) = rows.next()? {
        let list: ListRow = serde_json::from_str(row.get_ref(0)?.as_str().map_err(damaged)?).map_err(damaged)?;
        lists.push(list.entity(Sha(row.get(1)?)));
    }
    Ok(lists)
}

/// The list in force on `day` (local date).
pub fn in_force(db: &Connection, day: &str) -> Result<Option<Sha>, StoreError> {
    Ok(all(db)?.into_iter().find(|list| list.effective_from.as_str() <= day).map(|list| list.sha))
}
