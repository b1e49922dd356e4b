//! 测温设备: certificate and validity (5.6, C.1, H.1).

use nuanfang_core::id::InstrumentId;
use nuanfang_core::wire::feed::COMPANY;
use nuanfang_core::wire::feed_entity::{self, InstrumentEntity};
use rusqlite::Connection;
use serde::Deserialize;
use uuid::Uuid;

use super::{damaged, fields, upsert, uuid};
use crate::office::feed;
use crate::office::import::Row;
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// An instrument as the register has it.
#[derive(Debug, Clone, Deserialize)]
pub struct RegisteredInstrument {
    /// Its id.
    #[serde(skip)]
    pub id: Uuid,
    /// 设备编号.
    pub code: String,
    /// 设备型号.
    pub model: String,
    /// 证书编号.
    pub certificate_number: String,
    /// 检定或校准日期, local date.
    pub verified_on: String,
    /// 有效期至, local date.
    pub valid_until: String,
    /// 修正值, tenths of a degree.
    #[serde(default)]
    pub correction_deci_celsius: i32,
}

/// Writes an imported row and tells every phone.
pub fn write(writing: &mut Writing<'_>, row: &Row) -> Result<(), StoreError> {
    let instrument: RegisteredInstrument = fields(row)?;
    upsert(
        writing,
        "INSERT OR REPLACE INTO instrument (id, code, row, row_sha) VALUES (?1, ?2, ?4, ?5)",
        row,
        [&instrument.code, ""],
    )?;
    let entity = InstrumentEntity {
        id: InstrumentId(row.id),
        number: instrument.code,
        model: instrument.model,
        certificate: instrument.certificate_number,
        verified_on: instrument.verified_on,
        valid_until: instrument.valid_until,
        correction_deci_celsius: instrument.correction_deci_celsius,
    };
    feed::put(writing, COMPANY, feed_entity::INSTRUMENT, &row.id.to_string(), &entity)
}

/// All instruments, by code.
pub fn all(db: &Connection) -> Result<Vec<RegisteredInstrument>, StoreError> {
    let mut query = db.prepare_cached("SELECT id, row FROM instrument ORDER BY code")?;
    let mut rows = query.query([])?;
    let mut instruments = Vec::new();
    while let Some(row) = rows.next()? {
        let mut instrument: RegisteredInstrument =
            serde_json::from_str(row.get_ref(1)?.as_str().map_err(damaged)?).map_err(damaged)?;
        instrument.id = uuid(row, 0)?;
        instruments.push(instrument);
    }
    Ok(instruments)
}
