//! Rows by the columns' keys, and real .xlsx from them: numbers as numbers, days as days, the heading exactly as the
//! standard has it.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{Datelike, NaiveDate};
use nuanfang_server::office::ledger::Column;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook};

/// What writing can fail with.
pub type Written<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A number as an integer × 10^places.
    Number {
        /// The integer.
        units: i64,
        /// The places.
        places: u32,
    },
    /// A day.
    Day(NaiveDate),
}

/// One row, by its columns' keys; what is not in it is an empty cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row(BTreeMap<&'static str, Value>);

impl Row {
    /// Puts a value in; empty text leaves the cell empty.
    pub fn put(&mut self, key: &'static str, value: Value) {
        if value == Value::Text(String::new()) {
            self.0.remove(key);
        } else {
            self.0.insert(key, value);
        }
    }

    /// What stands in a cell.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// The text in a cell; empty when there is none.
    pub fn text_of(&self, key: &str) -> &str {
        match self.0.get(key) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    pub(super) fn text(&mut self, key: &'static str, text: &str) {
        self.put(key, Value::Text(text.to_owned()));
    }

    pub(super) fn number(&mut self, key: &'static str, units: i64, places: u32) {
        self.put(key, Value::Number { units, places });
    }

    pub(super) fn day(&mut self, key: &'static str, day: NaiveDate) {
        self.put(key, Value::Day(day));
    }
}

/// A sheet's name, columns and rows.
pub type Sheet<'a> = (&'a str, &'a [Column], &'a [Row]);

/// Writes a workbook: for each sheet one line of headings and one line a row. The same rows give the same bytes.
///
/// # Errors
/// When the file can't be written.
pub fn write(path: &Path, sheets: &[Sheet<'_>]) -> Written<()> {
    let mut book = Workbook::new();
    let made = ExcelDateTime::from_ymd(2026, 1, 1)?;
    book.set_properties(&DocProperties::new().set_author(super::SUPPLIER).set_creation_datetime(&made));
    let days = Format::new().set_num_format("yyyy-mm-dd");
    for (name, columns, rows) in sheets {
        let sheet = book.add_worksheet_with_constant_memory()?;
        sheet.set_name(*name)?;
        for (column, index) in columns.iter().zip(0..) {
            sheet.write_string(0, index, column.label)?;
        }
        for (row, line) in rows.iter().zip(1..) {
            for (column, index) in columns.iter().zip(0..) {
                match row.get(column.key) {
                    None => {}
                    Some(Value::Text(text)) => {
                        sheet.write_string(line, index, text)?;
                    }
                    Some(Value::Number { units, places }) => {
                        sheet.write_number(line, index, *units as f64 / 10_f64.powi(*places as i32))?;
                    }
                    Some(Value::Day(day)) => {
                        let day = ExcelDateTime::from_ymd(day.year() as u16, day.month() as u8, day.day() as u8)?;
                        sheet.write_datetime_with_format(line, index, &day, &days)?;
                    }
                }
            }
        }
    }
    book.save(path)?;
    Ok(())
}
