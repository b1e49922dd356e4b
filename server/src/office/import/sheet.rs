//! A sheet into rows: finds the headings under whatever titles stand above them, then streams the cells.

use calamine::DataRef;
use serde_json::Value;

use super::cell::{read, shown};
use super::fault::{Fault, ImportProblem, letters};
use super::workbook::Workbook;
use crate::office::ledger::{Cell, Class, Column};
use crate::office::role::{mask, masked_at_first};

/// Rows within which the headings must come.
const HEADING_WITHIN: u32 = 20;

/// Rows a sheet may have.
pub const ROW_LIMIT: usize = 300_000;

/// Problems that are listed one by one; more are counted.
pub const LISTED: usize = 5_000;

/// What was found wrong.
#[derive(Debug, Default)]
pub struct Problems {
    /// The first of them, in order.
    pub listed: Vec<ImportProblem>,
    /// All of them.
    pub total: u64,
    /// One of them forbids to apply anything.
    pub structural: bool,
}

impl Problems {
    /// Notes a fault with its place.
    pub fn note(&mut self, sheet: &str, row: u32, place: Option<(u32, &Column)>, value: &str, fault: &Fault) {
        self.total += 1;
        self.structural |= fault.is_structural();
        if self.listed.len() < LISTED {
            let hidden = place.is_some_and(|(_, column)| column.class == Class::R || masked_at_first(column.key));
            let value = if hidden { mask(value.trim()) } else { value.trim().chars().take(60).collect() };
            self.listed.push(ImportProblem {
                sheet: sheet.to_owned(),
                row,
                column: place.map(|(column, _)| letters(column)).unwrap_or_default(),
                label: place.map(|(_, column)| column.label.to_owned()).unwrap_or_default(),
                value,
                code: fault.code().to_owned(),
                reason_zh: fault.zh(),
                reason_en: fault.en(),
            });
        }
    }

    /// Notes a fault of a heading.
    fn note_heading(&mut self, sheet: &str, row: u32, column: Option<u32>, label: &str, fault: &Fault) {
        self.note(sheet, row, None, label, fault);
        if let Some(problem) = self.listed.last_mut() {
            problem.column = column.map(letters).unwrap_or_default();
            label.clone_into(&mut problem.label);
        }
    }
}

/// One row, as far as it could be read.
pub(super) struct SheetRow {
    /// As the spreadsheet numbers it.
    pub number: u32,
    /// A value for each column of the register, in its order.
    pub values: Vec<Option<Value>>,
    /// Where each column stands in the sheet.
    pub places: std::rc::Rc<Vec<u32>>,
    /// Something is wrong with it; noted already.
    pub bad: bool,
}

/// Reads the sheet `name` and hands each row to `sink`.
pub(super) fn read_sheet(
    book: &mut Workbook<'_>,
    name: &str,
    columns: &'static [Column],
    problems: &mut Problems,
    sink: &mut dyn FnMut(SheetRow, &mut Problems),
) {
    let Ok(mut cells) = book.worksheet_cells_reader(name) else {
        return problems.note(name, 0, None, "", &Fault::NotXlsx);
    };
    let mut state = Reading { name, columns, places: None, heading_row: 0, rows: 0, problems, sink };
    let mut raw: Vec<RawCell<'_>> = Vec::new();
    let mut at = 0;
    loop {
        match cells.next_cell_with_formula_metadata() {
            Ok(Some(record)) => {
                let (row, column) = record.pos;
                if row != at {
                    if !state.row(at, &raw) {
                        return;
                    }
                    raw.clear();
                    at = row;
                }
                raw.push(RawCell { column, data: record.value, formula: record.formula.is_some() });
            }
            Ok(None) => break,
            Err(_) => return state.problems.note(name, at + 1, None, "", &Fault::NotXlsx),
        }
    }
    if state.row(at, &raw) {
        state.end();
    }
}

struct RawCell<'a> {
    column: u32,
    data: DataRef<'a>,
    formula: bool,
}

struct Reading<'s> {
    name: &'s str,
    columns: &'static [Column],
    places: Option<std::rc::Rc<Vec<u32>>>,
    heading_row: u32,
    rows: usize,
    problems: &'s mut Problems,
    sink: &'s mut dyn FnMut(SheetRow, &mut Problems),
}

impl Reading<'_> {
    /// Takes a row; `false` when the sheet can't be read on.
    fn row(&mut self, at: u32, raw: &[RawCell<'_>]) -> bool {
        if let Some(places) = self.places.clone() {
            if raw.iter().all(|cell| shown(&cell.data).trim().is_empty() && !cell.formula) || self.is_hint(at, raw) {
                return true;
            }
            self.rows += 1;
            if self.rows > ROW_LIMIT {
                self.problems.note(self.name, at + 1, None, "", &Fault::TooManyRows(ROW_LIMIT));
                return false;
            }
            self.data_row(at, raw, places);
            return true;
        }
        if at >= HEADING_WITHIN {
            self.problems.note(self.name, 0, None, "", &Fault::HeadingMissing);
            return false;
        }
        self.headings(at, raw)
    }

    /// Takes the row as headings if half of them are there.
    fn headings(&mut self, at: u32, raw: &[RawCell<'_>]) -> bool {
        let found: Vec<(u32, String)> = raw
            .iter()
            .map(|cell| (cell.column, shown(&cell.data).split_whitespace().collect::<String>()))
            .filter(|(_, text)| !text.is_empty())
            .collect();
        let known = |text: &str| self.columns.iter().any(|column| column.label == text);
        let hits = found.iter().filter(|(_, text)| known(text)).count();
        if hits * 2 < self.columns.len() {
            return true;
        }
        let mut whole = true;
        let mut seen: Vec<&str> = Vec::new();
        for (column, text) in &found {
            let fault = if !known(text) {
                Fault::ColumnUnknown
            } else if seen.contains(&text.as_str()) {
                Fault::ColumnTwice
            } else {
                seen.push(text);
                continue;
            };
            whole = false;
            self.problems.note_heading(self.name, at + 1, Some(*column), text, &fault);
        }
        let mut places = Vec::with_capacity(self.columns.len());
        for column in self.columns {
            match found.iter().find(|(_, text)| text == column.label) {
                Some((place, _)) => places.push(*place),
                None => {
                    whole = false;
                    self.problems.note_heading(self.name, at + 1, None, column.label, &Fault::ColumnMissing);
                }
            }
        }
        self.heading_row = at;
        self.places = Some(std::rc::Rc::new(places));
        whole
    }

    /// Whether the row is the printed table's second heading row, which only lists what may be filled in.
    fn is_hint(&self, at: u32, raw: &[RawCell<'_>]) -> bool {
        at == self.heading_row + 1
            && self.rows == 0
            && raw.iter().any(|cell| {
                let text: String = shown(&cell.data).split_whitespace().collect();
                self.columns.iter().any(|column| match column.cell {
                    Cell::OneOf(list) | Cell::Known(list) => list.len() > 1 && text == list.join("/"),
                    _ => false,
                })
            })
    }

    fn data_row(&mut self, at: u32, raw: &[RawCell<'_>], places: std::rc::Rc<Vec<u32>>) {
        let mut bad = false;
        let mut values = Vec::with_capacity(self.columns.len());
        for (column, place) in self.columns.iter().zip(places.iter()) {
            let cell = raw.iter().find(|cell| cell.column == *place);
            let read = match cell {
                Some(cell) => read(column, &cell.data, cell.formula),
                None => Ok(None),
            };
            let fault = match read {
                Ok(None) if column.required => Fault::Empty,
                Ok(value) => {
                    values.push(value);
                    continue;
                }
                Err(fault) => fault,
            };
            bad = true;
            values.push(None);
            let value = cell.map(|cell| shown(&cell.data)).unwrap_or_default();
            self.problems.note(self.name, at + 1, Some((*place, column)), &value, &fault);
        }
        (self.sink)(SheetRow { number: at + 1, values, places, bad }, self.problems);
    }

    fn end(&mut self) {
        if self.places.is_none() {
            self.problems.note(self.name, 0, None, "", &Fault::HeadingMissing);
        } else if self.rows == 0 {
            self.problems.note(self.name, 0, None, "", &Fault::NoRows);
        }
    }
}
