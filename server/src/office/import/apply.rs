//! An import from its bytes to its report: read, match, put on record, all in that order; one at a time.

use std::sync::{Mutex, PoisonError};

use nuanfang_core::canon::envelope::BlobRef;
use nuanfang_core::domain::Event;
use nuanfang_core::domain::office_event::Imported;
use nuanfang_core::id::WorkerId;
use uuid::Uuid;

use super::ids::Ids;
use super::plan::Plan;
use super::{ImportReport, Problems, ROLE, pack, plan, read_table, reports};
use crate::office::ledger::Register;
use crate::office::project::erasure;
use crate::office::{OfficeAct, registers};
use crate::state::AppState;
use crate::store::{StoreError, sqlite};

/// How to import.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// Only look.
    pub dry_run: bool,
    /// Apply the good rows although others are bad.
    pub partial: bool,
}

/// Between matching and applying nothing else may be imported.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Imports a workbook for `actor`. Blocks, for some seconds where the register is large.
pub fn import(
    state: &AppState,
    actor: WorkerId,
    register: Register,
    bytes: &[u8],
    manner: Manner,
) -> Result<ImportReport, StoreError> {
    let mut problems = Problems::default();
    let table = read_table(register, bytes, &mut problems);
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // All of a register is read, for longer than a phone should wait for a connection.
    let present = registers::present(&sqlite::beside(state.store.dir())?, register)?;
    let ids = Ids::new(&state.vault, state.store.read_now(erasure::households)?)?;
    let planned = plan(table, &present, &mut problems, &mut |number| ids.fresh(register, number, &present));
    drop(present);
    let may = !problems.structural && (problems.total == 0 || manner.partial);
    let applied = may && !manner.dry_run && !planned.rows.is_empty();
    if applied {
        apply(state, actor, register, &planned)?;
    }
    let report = ImportReport {
        id: Uuid::now_v7(),
        register,
        at_ms: state.now().0,
        dry_run: manner.dry_run,
        partial: manner.partial,
        applied,
        added: planned.added,
        changed: planned.changed,
        unchanged: planned.unchanged,
        refused: planned.refused,
        problem_count: problems.total,
        structural: problems.structural,
        problems: problems.listed,
    };
    if let Err(error) = reports::keep(state.store.dir(), &report) {
        // What was applied is applied; the report is in the answer, and only cannot be asked for again.
        tracing::warn!(%error, "a report is not kept");
    }
    Ok(report)
}

fn apply(state: &AppState, actor: WorkerId, register: Register, planned: &Plan) -> Result<(), StoreError> {
    let packed = pack(&planned.rows)?;
    let rows = state.blobs.put(&packed)?;
    let event = Event::Imported(Imported {
        register: registers::kind(register),
        rows,
        added: planned.added,
        changed: planned.changed,
        unchanged: planned.unchanged,
        refused: planned.refused,
    });
    let blob = BlobRef { sha: rows, len: packed.len() as u64, role: ROLE.to_owned() };
    let act = OfficeAct { event, visit: None, basis: 0, blobs: vec![blob] };
    state.office.append_blocking(actor, vec![act], |_| Ok::<(), StoreError>(()))?;
    Ok(())
}
