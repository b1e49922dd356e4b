//! What stays of signed records: the server's statement that their content was destroyed, with the receipt that shows
//! that they were there. `verify` calls such a file *erased*.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::office_event::ErasureGround;
use nuanfang_core::id::VisitId;
use nuanfang_core::record::{Certificate, ErasedContainer, Erasure, Jws, SignedRecordBody};
use serde_json::value::RawValue;

use crate::office::log;
use crate::office::project::erasure::Trace;
use crate::office::project::record;
use crate::state::AppState;
use crate::store::StoreError;

/// The traces of all counter-signed records of `visits`.
pub(super) fn traces(state: &AppState, visits: &[VisitId], ground: ErasureGround) -> Result<Vec<Trace>, StoreError> {
    let found: Vec<(VisitId, u64, Sha, String)> = state.store.read_now::<_, StoreError>(|db| {
        let mut query = db.prepare(
            "SELECT min(g), sha, receipt FROM record WHERE visit = ?1 AND receipt IS NOT NULL GROUP BY sha ORDER BY 1",
        )?;
        let mut found = Vec::new();
        for visit in visits {
            let rows = query.query_map([visit.0.as_bytes()], |row| {
                Ok((*visit, row.get::<_, i64>(0)?.unsigned_abs(), Sha(row.get(1)?), row.get(2)?))
            })?;
            found.extend(rows.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(found)
    })?;
    found
        .into_iter()
        .map(|(visit, g, record, receipt)| {
            let file = file(state, g, &record, &receipt, ground)?;
            Ok(Trace { record, visit, g, file: RawValue::from_string(file).map_err(damaged)? })
        })
        .collect()
}

/// Their lines.
pub(super) fn pack(traces: &[Trace]) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    for trace in traces {
        serde_json::to_writer(&mut bytes, trace).map_err(damaged)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

fn file(state: &AppState, g: u64, record: &Sha, receipt: &str, ground: ErasureGround) -> Result<String, StoreError> {
    let gone = || StoreError::Damaged(format!("签署记录 {record} 无法读取"));
    let keys = &state.keys;
    let logged = state.store.read_now(|db| log::at(db, g))?.ok_or_else(gone)?;
    let (_, text) = record::carried(&logged.fact.event).ok_or_else(gone)?;
    let jws: Jws = serde_json::from_str(text).map_err(damaged)?;
    let opened = jws.open::<SignedRecordBody>().map_err(damaged)?;
    let statement = Erasure {
        schema: 1,
        record: opened.statement.id,
        record_sha: *record,
        record_jws: jws.sha(),
        erased_ms: state.now(),
        ground: match ground {
            ErasureGround::Request => "request".into(),
            ErasureGround::Retention => "retention".into(),
        },
    };
    let kid = Certificate::open(&keys.server_certificate).map_err(damaged)?.kid;
    let erasure = Jws::sign(&statement, &keys.server, kid).map_err(damaged)?;
    let receipt: Jws = serde_json::from_str(receipt).map_err(damaged)?;
    let certificate = keys.server_certificate.clone();
    let container = ErasedContainer::new(erasure, certificate.clone(), receipt, certificate);
    String::from_utf8(container.to_bytes()).map_err(damaged)
}

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(error.to_string())
}
