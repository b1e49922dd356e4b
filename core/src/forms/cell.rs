//! What every printed form is made of. Text and integers only, so that it can stand in a signed record as it is.

use serde::{Deserialize, Serialize};

/// A form filled in: everything its page shows of the visit, labels included. The page around it (supplier, QR code,
/// signature's picture, times, hashes) comes from the record that holds the form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PrintedForm {
    /// Which form: `c1`, `quote`, `quote_change`, `acceptance`, `hazard_notice`, `refusal_note`, `consent`.
    pub template: String,
    /// The edition of that form's layout and labels.
    pub version: u32,
    /// Where the form is prescribed, as printed above the title: `表C.1`; empty for a form of the supplier's own.
    pub source: String,
    /// The title as printed.
    pub title: String,
    /// The tables from top to bottom.
    pub tables: Vec<FormTable>,
    /// The lines below the tables, as printed.
    pub notes: Vec<String>,
}

/// One table of a form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FormTable {
    /// The line above it; empty when there is none.
    pub caption: String,
    /// Whether it begins a page of its own (a continuation page).
    pub new_page: bool,
    /// The widths of the columns, relative to each other.
    pub columns: Vec<u32>,
    /// How many of the first rows are repeated at the top when the table runs over a page.
    pub head_rows: u32,
    /// The rows from top to bottom.
    pub rows: Vec<Row>,
}

/// One row. A cell that reaches down from a row above takes its columns away from this one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Row {
    /// The least height in millimetres; 0 lets the text decide.
    pub height_mm: u32,
    /// The cells from left to right.
    pub cells: Vec<Cell>,
}

/// One cell: a label as printed, and what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// For programs, unique in its form: `station`, `rooms.0.reading`; empty for a bare heading.
    pub name: String,
    /// The printed label, which stands before the text in the same cell; may be empty.
    pub label: String,
    /// What was filled in; empty when nothing was.
    pub text: String,
    /// What sort of cell.
    pub kind: CellKind,
    /// How many columns it takes, at least 1.
    pub col_span: u32,
    /// How many rows it takes, at least 1.
    pub row_span: u32,
    /// The boxes, for [`CellKind::Choices`]; else empty.
    pub choices: Vec<Choice>,
    /// Where the text stands.
    pub align: Align,
}

/// What sort of cell it is, which decides how it is drawn and read aloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellKind {
    /// A heading of the table; only the label.
    Heading,
    /// A label, if any, and what was filled in.
    Value,
    /// A label, if any, and boxes □ √.
    Choices,
    /// A longer text to be read before signing.
    Statement,
    /// Where the resident signs: the signature's picture is drawn here. A text stands for it when there is none
    /// (拒签).
    Signature,
    /// Filled in later by the office, never part of what the resident signed; empty in the record.
    Office,
}

/// One box and its label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Choice {
    /// As printed behind the box.
    pub label: String,
    /// Whether a √ stands in it.
    pub checked: bool,
}

/// Where the text of a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    /// At the left.
    Left,
    /// In the middle.
    Center,
    /// At the right: money and counts.
    Right,
}

impl Cell {
    fn new(kind: CellKind, name: &str, label: &str, text: String, align: Align) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            text,
            kind,
            col_span: 1,
            row_span: 1,
            choices: Vec::new(),
            align,
        }
    }

    /// A heading.
    pub fn heading(label: &str) -> Self {
        Self::new(CellKind::Heading, "", label, String::new(), Align::Center)
    }

    /// A label and what was filled in behind it.
    pub fn value(name: &str, label: &str, text: impl Into<String>) -> Self {
        Self::new(CellKind::Value, name, label, text.into(), Align::Left)
    }

    /// A label and boxes, from (label, checked) pairs.
    pub fn choices<'a>(name: &str, label: &str, choices: impl IntoIterator<Item = (&'a str, bool)>) -> Self {
        let mut cell = Self::new(CellKind::Choices, name, label, String::new(), Align::Left);
        cell.choices = choices.into_iter().map(|(label, checked)| Choice { label: label.into(), checked }).collect();
        cell
    }

    /// A text to be read before signing.
    pub fn statement(name: &str, text: impl Into<String>) -> Self {
        Self::new(CellKind::Statement, name, "", text.into(), Align::Left)
    }

    /// The place of the resident's signature.
    pub fn signature(name: &str, label: &str) -> Self {
        Self::new(CellKind::Signature, name, label, String::new(), Align::Left)
    }

    /// A field that the office fills in later.
    pub fn office(name: &str, label: &str) -> Self {
        Self::new(CellKind::Office, name, label, String::new(), Align::Left)
    }

    /// The same cell over `columns` columns.
    pub fn across(mut self, columns: u32) -> Self {
        self.col_span = columns;
        self
    }

    /// The same cell over `rows` rows.
    pub fn down(mut self, rows: u32) -> Self {
        self.row_span = rows;
        self
    }

    /// The same cell with its text in the middle.
    pub fn centered(mut self) -> Self {
        self.align = Align::Center;
        self
    }

    /// The same cell with its text at the right.
    pub fn right(mut self) -> Self {
        self.align = Align::Right;
        self
    }
}

impl Row {
    /// A row as high as its text.
    pub fn new(cells: impl Into<Vec<Cell>>) -> Self {
        Self { height_mm: 0, cells: cells.into() }
    }

    /// The same row, at least `height_mm` millimetres high.
    pub fn at_least(mut self, height_mm: u32) -> Self {
        self.height_mm = height_mm;
        self
    }
}

impl PrintedForm {
    /// All cells in reading order.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.tables.iter().flat_map(|table| &table.rows).flat_map(|row| &row.cells)
    }

    /// The cell called `name`.
    pub fn cell(&self, name: &str) -> Option<&Cell> {
        self.cells().find(|cell| cell.name == name)
    }

    /// Every piece of text the form prints, in reading order; for glyph coverage and comparison.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let heads = [self.source.as_str(), self.title.as_str()].into_iter();
        let tables = self.tables.iter().flat_map(|table| {
            let cells = table.rows.iter().flat_map(|row| &row.cells).flat_map(|cell| {
                [cell.label.as_str(), cell.text.as_str()]
                    .into_iter()
                    .chain(cell.choices.iter().map(|choice| choice.label.as_str()))
            });
            std::iter::once(table.caption.as_str()).chain(cells)
        });
        heads.chain(tables).chain(self.notes.iter().map(String::as_str)).filter(|text| !text.is_empty())
    }

    /// Whether the cells of every table fill its grid exactly: no hole, no overlap, no cell that sticks out. A form
    /// that came from elsewhere is checked by this before it is drawn.
    pub fn is_well_formed(&self) -> bool {
        self.tables.iter().all(FormTable::is_well_formed)
    }
}

impl FormTable {
    fn is_well_formed(&self) -> bool {
        let width = self.columns.len();
        if width == 0 || width > 64 || self.head_rows as usize > self.rows.len() {
            return false;
        }
        // How many more rows each column is taken by a cell from above.
        let mut taken = vec![0_u32; width];
        for (index, row) in self.rows.iter().enumerate() {
            let left = (self.rows.len() - index) as u32;
            let mut column = 0;
            for cell in &row.cells {
                while column < width && taken[column] > 0 {
                    column += 1;
                }
                let (across, down) = (cell.col_span as usize, cell.row_span);
                if across == 0 || across > width - column || down == 0 || down > left {
                    return false;
                }
                for slot in &mut taken[column..column + across] {
                    if *slot > 0 {
                        return false;
                    }
                    *slot = down;
                }
                column += across;
            }
            if taken.contains(&0) {
                return false;
            }
            taken.iter_mut().for_each(|rows| *rows -= 1);
        }
        taken.iter().all(|rows| *rows == 0)
    }
}
