//! Normalised rows: what an import keeps. One blob of them, named by one event, from which the projection is made
//! again (FORMATS §1).

use std::io::{BufRead, BufReader, Read, Write};

use nuanfang_core::canon::hash::Sha;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// The role of the blob in `office.imported`.
pub const ROLE: &str = "import.rows";

/// A blob of rows may unpack to this many bytes.
const UNPACKED_LIMIT: u64 = 1_500_000_000;

/// One row of a register with the id it has there.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    /// The id: the same for the same thing in every import.
    pub id: Uuid,
    /// Its fields by key, empty ones left out; keys in order.
    pub row: Box<RawValue>,
    /// 补充信息 of a household, if this import brought any; otherwise what is there stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplement: Option<Box<RawValue>>,
}

impl Row {
    /// What tells whether the row changed.
    pub fn sha(json: &RawValue) -> Sha {
        Sha::of(json.get().as_bytes())
    }
}

/// Rows as the bytes of a blob: one JSON line each, compressed.
pub fn pack(rows: &[Row]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3)?;
    for row in rows {
        serde_json::to_writer(&mut encoder, row)?;
        encoder.write_all(b"\n")?;
    }
    encoder.finish()
}

/// Reads them again, one by one.
pub fn unpack(bytes: &[u8]) -> std::io::Result<impl Iterator<Item = std::io::Result<Row>> + '_> {
    let decoder = zstd::Decoder::new(bytes)?.take(UNPACKED_LIMIT);
    Ok(BufReader::new(decoder).lines().map(|line| Ok(serde_json::from_str(&line?)?)))
}
