//! Import of the registers a company has as spreadsheets: read, say what is wrong cell by cell, match, apply all or
//! nothing. The same file twice changes nothing.

mod apply;
mod cell;
mod fault;
mod ids;
mod plan;
mod read;
mod report;
pub mod reports;
mod rows;
mod sheet;
#[cfg(test)]
mod tests;
mod workbook;

pub use apply::{Manner, import};
pub use cell::plain;
pub use fault::{Fault, ImportProblem, letters};
pub use ids::namespace;
pub use plan::{Plan, Present, plan};
pub use read::{Entry, Table, address_key, read_table};
pub use report::{ImportReport, report_xlsx};
pub use rows::{ROLE, Row, pack, unpack};
pub use sheet::{LISTED, Problems, ROW_LIMIT};
pub use workbook::FILE_LIMIT;
