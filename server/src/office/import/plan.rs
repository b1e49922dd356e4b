//! What an import would do to a register: new rows, changed rows, rows as they are. Pure: what is there comes in as
//! [`Present`].

use std::collections::HashMap;

use nuanfang_core::canon::hash::Sha;
use uuid::Uuid;

use super::fault::Fault;
use super::read::{Entry, Table};
use super::rows::Row;
use super::sheet::Problems;
use crate::office::ledger::Register;

/// What a register holds, as far as matching needs it.
#[derive(Debug, Default)]
pub struct Present {
    /// By 交费编号, 工牌编号, 设备编号 or 价目版本.
    pub by_number: HashMap<String, Uuid>,
    /// By the address tuple, see [`super::read::Entry::address`]; households only.
    pub by_address: HashMap<String, Uuid>,
    /// The rows' hashes, and their supplements'.
    pub shas: HashMap<Uuid, (Sha, Option<Sha>)>,
}

/// What would be done.
#[derive(Debug, Default)]
pub struct Plan {
    /// Rows to write, new and changed.
    pub rows: Vec<Row>,
    /// How many are new.
    pub added: u64,
    /// How many change something.
    pub changed: u64,
    /// How many are as they were.
    pub unchanged: u64,
    /// How many can't be taken.
    pub refused: u64,
}

/// Matches a table against what is there. `fresh` makes the id of a new row from its number.
pub fn plan(
    table: Table,
    present: &Present,
    problems: &mut Problems,
    fresh: &mut dyn FnMut(Option<&str>) -> Uuid,
) -> Plan {
    let mut plan = Plan { refused: table.refused, ..Plan::default() };
    let mut taken: HashMap<Uuid, u32> = HashMap::new();
    for entry in table.entries {
        let known = entry
            .number
            .as_ref()
            .and_then(|number| present.by_number.get(number))
            .or_else(|| entry.address.as_ref().and_then(|address| present.by_address.get(address)))
            .copied();
        let Entry { row_number, number, json, supplement, .. } = entry;
        let id = known.unwrap_or_else(|| fresh(number.as_deref()));
        if let Some(first) = taken.insert(id, row_number) {
            plan.refused += 1;
            problems.note(table.sheet, row_number, None, "", &Fault::SameAs(first));
            continue;
        }
        let sha = Row::sha(&json);
        let supplement_sha = supplement.as_deref().map(Row::sha);
        match present.shas.get(&id) {
            None => plan.added += 1,
            Some((was, supplement_was))
                if *was == sha && (supplement_sha.is_none() || supplement_sha == *supplement_was) =>
            {
                plan.unchanged += 1;
                continue;
            }
            Some(_) if table.register == Register::Prices => {
                plan.refused += 1;
                problems.note(table.sheet, row_number, None, "", &Fault::VersionTaken);
                continue;
            }
            Some(_) => plan.changed += 1,
        }
        plan.rows.push(Row { id, row: json, supplement });
    }
    plan
}
