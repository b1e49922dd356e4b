//! 热用户's dwellings: the ledger's rows, found by number, address or name, shown as far as a role or a phone may see.

use std::collections::{BTreeMap, HashMap, HashSet};

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::HouseholdId;
use nuanfang_core::time::Millis;
use nuanfang_core::wire::feed::{COMPANY, worker_scope};
use nuanfang_core::wire::feed_entity::{self, CommunityEntity, HouseholdEntity, HouseholdPoint};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use uuid::Uuid;

use super::{damaged, uuid, worker};
use crate::office::feed;
use crate::office::import::{Present, Row, address_key, plain};
use crate::office::ledger::{Cell, Class, Column, G1_COLUMNS, SUPPLEMENT_COLUMNS};
use crate::office::role::mask;
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// A dwelling with all its fields, by key. Never leaves the server as it is.
#[derive(Debug, Clone)]
pub struct RegisteredHousehold {
    /// Which.
    pub id: Uuid,
    /// The fields of G.1 and 补充信息.
    pub fields: BTreeMap<String, Value>,
    /// When it last changed.
    pub changed: Millis,
}

impl RegisteredHousehold {
    /// A field's text, if it is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key).and_then(Value::as_str)
    }

    /// A field as a person reads it.
    pub fn shown(&self, column: &Column) -> Option<String> {
        shown(column, self.fields.get(column.key)?)
    }

    /// Building, unit, room.
    pub fn address(&self) -> String {
        ["building", "unit", "room"].into_iter().filter_map(|key| self.text(key)).collect::<Vec<_>>().join(" ")
    }

    /// Community, building, unit, room.
    pub fn full_address(&self) -> String {
        format!("{} {}", self.text("community").unwrap_or_default(), self.address())
    }

    /// 约定室温, tenths of a degree.
    pub fn agreed_deci_celsius(&self) -> Option<i32> {
        self.fields.get("agreed_deci_celsius")?.as_i64()?.try_into().ok()
    }

    /// What a worker's phone may hold while a visit there is open: classes P and W, telephone numbers masked.
    pub fn entity(&self) -> HouseholdEntity {
        const APART: [&str; 12] = [
            "community",
            "building",
            "unit",
            "floor",
            "room",
            "owner_name",
            "owner_phone",
            "tenant_name",
            "tenant_phone",
            "longitude_e7",
            "latitude_e7",
            "datum",
        ];
        let own = |key: &str| self.text(key).map(str::to_owned);
        let number = |key: &str| self.fields.get(key).and_then(Value::as_i64);
        let point = match (number("longitude_e7"), number("latitude_e7"), own("datum")) {
            (Some(longitude_e7), Some(latitude_e7), Some(datum)) => {
                Some(HouseholdPoint { longitude_e7, latitude_e7, datum })
            }
            _ => None,
        };
        HouseholdEntity {
            id: HouseholdId(self.id),
            address: self.full_address(),
            community: own("community").unwrap_or_default(),
            building: own("building").unwrap_or_default(),
            unit: own("unit"),
            floor: own("floor"),
            room: own("room").unwrap_or_default(),
            owner_name: own("owner_name"),
            owner_phone_masked: self.text("owner_phone").map(mask),
            tenant_name: own("tenant_name"),
            tenant_phone_masked: self.text("tenant_phone").map(mask),
            agreed_deci_celsius: self.agreed_deci_celsius(),
            point,
            fields: columns()
                .filter(|column| matches!(column.class, Class::P | Class::W) && !APART.contains(&column.key))
                .filter_map(|column| Some((column.label.to_owned(), Value::from(self.shown(column)?))))
                .collect(),
        }
    }
}

/// The columns of both sheets, the supplement's own 交费编号 left out.
pub fn columns() -> impl Iterator<Item = &'static Column> {
    G1_COLUMNS.iter().chain(SUPPLEMENT_COLUMNS.iter().filter(|column| column.key != "account_number"))
}

/// A field's value as a person reads it.
pub fn shown(column: &Column, value: &Value) -> Option<String> {
    match (column.cell, value) {
        (Cell::Decimal { places, .. }, Value::Number(number)) => Some(plain(number.as_i64()?, places)),
        (_, Value::String(text)) => Some(text.clone()),
        (_, Value::Bool(truth)) => Some(if *truth { "是" } else { "否" }.to_owned()),
        (_, Value::Null) => None,
        (_, other) => Some(other.to_string()),
    }
}

/// An import of households being written.
pub(super) struct Refresh {
    /// Workers with an open visit there: their phones mirror the dwelling.
    open: HashMap<Uuid, Vec<Uuid>>,
}

impl Refresh {
    pub(super) fn begin(writing: &Writing<'_>) -> Result<Self, StoreError> {
        let mut open: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        let mut query = writing
            .tx
            .prepare_cached("SELECT DISTINCT household, assignee FROM visit WHERE open AND assignee IS NOT NULL")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            open.entry(uuid(row, 0)?).or_default().push(uuid(row, 1)?);
        }
        Ok(Self { open })
    }

    pub(super) fn write(&self, writing: &mut Writing<'_>, row: &Row, at: Millis) -> Result<(), StoreError> {
        let fields: BTreeMap<String, Value> = super::fields(row)?;
        let text = |key: &str| fields.get(key).and_then(Value::as_str);
        let address: Vec<&str> = ["building", "unit", "room"].into_iter().filter_map(text).collect();
        let (community, address) = (text("community").unwrap_or_default(), address.join(" "));
        let names: Vec<&str> = ["owner_name", "tenant_name"].into_iter().filter_map(text).collect();
        let project = text("project");
        let search = [text("account_number").unwrap_or_default(), community, &address, &names.join(" ")].join("\n");
        let key = address_key([project, Some(community), text("building"), text("unit"), text("room")]);
        writing
            .tx
            .prepare_cached(
                "INSERT OR REPLACE INTO household (id, account, address_key, project, community, address, resident,
                 premises_kind, heating_state, heat_source, search, changed_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                row.id.as_bytes(),
                text("account_number"),
                key,
                project,
                community,
                address,
                names.first(),
                text("premises_kind").unwrap_or_default(),
                text("heating_state").unwrap_or_default(),
                text("heat_source"),
                search.to_lowercase(),
                at.0,
            ])?;
        writing
            .tx
            .prepare_cached(
                "INSERT INTO household_row (id, row, row_sha, supplement, supplement_sha) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET row = excluded.row, row_sha = excluded.row_sha,
                 supplement = coalesce(excluded.supplement, supplement),
                 supplement_sha = coalesce(excluded.supplement_sha, supplement_sha)",
            )?
            .execute(params![
                row.id.as_bytes(),
                row.row.get(),
                Row::sha(&row.row).0.as_slice(),
                row.supplement.as_ref().map(|json| json.get()),
                row.supplement.as_ref().map(|json| Row::sha(json).0),
            ])?;
        for worker in self.open.get(&row.id).into_iter().flatten() {
            if let Some(household) = find(writing.tx, HouseholdId(row.id))? {
                let id = row.id.to_string();
                feed::put(writing, &worker_scope(*worker), feed_entity::HOUSEHOLD, &id, &household.entity())?;
            }
        }
        Ok(())
    }
}

/// Tells every phone which communities there are and who is 供热管家 of each.
pub(super) fn tell_communities(writing: &mut Writing<'_>) -> Result<(), StoreError> {
    let workers = worker::all(writing.tx)?;
    let found: Vec<(String, Option<String>)> = writing
        .tx
        .prepare_cached("SELECT community, min(project) FROM household GROUP BY community ORDER BY community")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (name, project) in found {
        let steward = workers
            .iter()
            .find(|worker| worker.steward_of.as_deref().is_some_and(|list| list.split('、').any(|one| one == name)))
            .map(|worker| worker.name.clone());
        let entity = CommunityEntity { name: name.clone(), project, steward };
        feed::put(writing, COMPANY, feed_entity::COMMUNITY, &name, &entity)?;
    }
    Ok(())
}

/// What the register holds, for matching an import against it.
pub(super) fn present(db: &Connection) -> Result<Present, StoreError> {
    let mut present = Present::default();
    let mut query = db.prepare(
        "SELECT h.id, h.account, h.address_key, r.row_sha, r.supplement_sha
         FROM household h JOIN household_row r ON r.id = h.id",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let id = uuid(row, 0)?;
        if let Some(account) = row.get::<_, Option<String>>(1)? {
            present.by_number.insert(account, id);
        }
        present.by_address.insert(row.get(2)?, id);
        present.shas.insert(id, (Sha(row.get(3)?), row.get::<_, Option<[u8; 32]>>(4)?.map(Sha)));
    }
    Ok(present)
}

/// One dwelling with everything known of it.
pub fn find(db: &Connection, id: HouseholdId) -> Result<Option<RegisteredHousehold>, StoreError> {
    let found: Option<(String, Option<String>, i64)> = db
        .prepare_cached(
            "SELECT r.row, r.supplement, h.changed_ms FROM household_row r JOIN household h ON h.id = r.id
             WHERE r.id = ?1",
        )?
        .query_row([id.0.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((row, supplement, changed)) = found else { return Ok(None) };
    let mut fields: BTreeMap<String, Value> = serde_json::from_str(&row).map_err(damaged)?;
    if let Some(supplement) = supplement {
        let supplement: BTreeMap<String, Value> = serde_json::from_str(&supplement).map_err(damaged)?;
        fields.extend(supplement.into_iter().filter(|(key, _)| key != "account_number"));
    }
    Ok(Some(RegisteredHousehold { id: id.0, fields, changed: Millis(changed) }))
}

/// A dwelling in a list.
#[derive(Debug, Clone)]
pub struct HouseholdLineRow {
    /// Which.
    pub id: Uuid,
    /// 交费编号.
    pub account: Option<String>,
    /// 小区名称.
    pub community: String,
    /// Building, unit, room.
    pub address: String,
    /// 业主姓名, else 承租人; plain.
    pub resident: Option<String>,
    /// 房屋性质.
    pub premises_kind: String,
    /// 供暖状态.
    pub heating_state: String,
    /// 热源站.
    pub heat_source: Option<String>,
}

const LINE: &str = "SELECT id, account, community, address, resident, premises_kind, heating_state, heat_source \
                    FROM household";

fn line(row: &rusqlite::Row<'_>) -> rusqlite::Result<HouseholdLineRow> {
    Ok(HouseholdLineRow {
        id: uuid(row, 0)?,
        account: row.get(1)?,
        community: row.get(2)?,
        address: row.get(3)?,
        resident: row.get(4)?,
        premises_kind: row.get(5)?,
        heating_state: row.get(6)?,
        heat_source: row.get(7)?,
    })
}

/// Some dwellings as lines, by id.
pub fn lines(db: &Connection, ids: &HashSet<Uuid>) -> Result<HashMap<Uuid, HouseholdLineRow>, StoreError> {
    let mut query = db.prepare_cached(&format!("{LINE} WHERE id = ?1"))?;
    let mut found = HashMap::with_capacity(ids.len());
    for id in ids {
        if let Some(line) = query.query_row([id.as_bytes()], line).optional()? {
            found.insert(*id, line);
        }
    }
    Ok(found)
}

/// What is searched for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Parts of number, address or name, all of which must be there.
    pub words: Vec<String>,
    /// 小区名称, exactly.
    pub community: Option<String>,
    /// 供暖状态, exactly.
    pub heating_state: Option<String>,
    /// Names are not searched: the role sees none.
    pub without_names: bool,
}

/// A page of what fits, and how many fit altogether.
pub fn search(
    db: &Connection,
    search: &Search,
    offset: u64,
    limit: u64,
) -> Result<(u64, Vec<HouseholdLineRow>), StoreError> {
    let mut conditions = vec!["1".to_owned()];
    let mut values: Vec<String> = Vec::new();
    let mut bind = |condition: &str, value: String| {
        values.push(value);
        conditions.push(condition.replace('?', &format!("?{}", values.len())));
    };
    for word in &search.words {
        let escaped = word.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let column = if search.without_names {
            "lower(coalesce(account, '') || char(10) || community || char(10) || address)"
        } else {
            "search"
        };
        bind(&format!("{column} LIKE ? ESCAPE '\\'"), format!("%{escaped}%"));
    }
    if let Some(community) = &search.community {
        bind("community = ?", community.clone());
    }
    if let Some(state) = &search.heating_state {
        bind("heating_state = ?", state.clone());
    }
    let conditions = conditions.join(" AND ");
    let total: i64 = db.query_row(
        &format!("SELECT count(*) FROM household WHERE {conditions}"),
        rusqlite::params_from_iter(&values),
        |row| row.get(0),
    )?;
    let mut query = db
        .prepare(&format!("{LINE} WHERE {conditions} ORDER BY community, address, id LIMIT {limit} OFFSET {offset}"))?;
    let rows = query.query_map(rusqlite::params_from_iter(&values), line)?.collect::<Result<_, _>>()?;
    Ok((total.unsigned_abs(), rows))
}

/// 小区名称 of all dwellings, in order.
pub fn communities(db: &Connection) -> Result<Vec<String>, StoreError> {
    let mut query = db.prepare_cached("SELECT DISTINCT community FROM household ORDER BY community")?;
    Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
