//! A workbook of a register into normalised entries. Pure: the same bytes give the same entries and problems.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;
use serde_json::value::RawValue;

use super::fault::Fault;
use super::sheet::{Problems, SheetRow, read_sheet};
use super::workbook::{self, Workbook};
use crate::office::ledger::{Column, G1_COLUMNS, PRICE_COLUMNS, Register, SUPPLEMENT_COLUMNS, SUPPLEMENT_SHEET};

/// One thing of a register, not yet matched.
#[derive(Debug)]
pub struct Entry {
    /// Its row in the sheet.
    pub row_number: u32,
    /// The number it is matched by: 交费编号, 工牌编号, 设备编号, 价目版本.
    pub number: Option<String>,
    /// A household's address: project, community, building, unit, room; white space and case apart.
    pub address: Option<String>,
    /// Its fields.
    pub json: Box<RawValue>,
    /// 补充信息.
    pub supplement: Option<Box<RawValue>>,
}

/// What a workbook holds.
#[derive(Debug)]
pub struct Table {
    /// Which register.
    pub register: Register,
    /// The sheet it came from.
    pub sheet: &'static str,
    /// The good rows.
    pub entries: Vec<Entry>,
    /// How many rows are bad.
    pub refused: u64,
}

/// Reads a workbook. What is wrong with it is noted in `problems`; a structural fault leaves no entries.
pub fn read_table(register: Register, bytes: &[u8], problems: &mut Problems) -> Table {
    let mut table = Table { register, sheet: register.sheet(), entries: Vec::new(), refused: 0 };
    let mut book = match workbook::open(bytes) {
        Ok(book) => book,
        Err(fault) => {
            problems.note("", 0, None, "", &fault);
            return table;
        }
    };
    let Some(sheet) = workbook::find_sheet(&book, register.sheet(), true) else {
        problems.note(register.sheet(), 0, None, "", &Fault::SheetMissing(register.sheet().into()));
        return table;
    };
    match register {
        Register::Households => read_households(&mut book, &sheet, &mut table, problems),
        Register::Prices => read_prices(&mut book, &sheet, &mut table, problems),
        Register::Workers => read_numbered(&mut book, &sheet, "badge_number", &mut table, problems),
        Register::Instruments => read_numbered(&mut book, &sheet, "code", &mut table, problems),
    }
    if problems.structural {
        table.refused += table.entries.len() as u64;
        table.entries.clear();
    }
    table
}

type Fields = BTreeMap<&'static str, Value>;

fn fields(columns: &'static [Column], values: Vec<Option<Value>>) -> Fields {
    columns.iter().zip(values).filter_map(|(column, value)| Some((column.key, value?))).collect()
}

fn raw(fields: &impl serde::Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(fields).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn text(fields: &Fields, key: &str) -> Option<String> {
    fields.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// The tuple that tells one dwelling from another where there is no 交费编号.
pub fn address_key(parts: [Option<&str>; 5]) -> String {
    parts.map(|part| part.unwrap_or_default().split_whitespace().collect::<String>().to_lowercase()).join("\u{1f}")
}

fn place(columns: &'static [Column], row: &[u32], key: &str) -> Option<(u32, &'static Column)> {
    let index = columns.iter().position(|column| column.key == key)?;
    Some((*row.get(index)?, &columns[index]))
}

fn read_households(book: &mut Workbook<'_>, sheet: &str, table: &mut Table, problems: &mut Problems) {
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut addresses: HashMap<String, u32> = HashMap::new();
    let mut accounts: HashSet<String> = HashSet::new();
    read_sheet(book, sheet, &G1_COLUMNS, problems, &mut |row: SheetRow, problems: &mut Problems| {
        let SheetRow { number: row_number, values, places, bad } = row;
        let fields = fields(&G1_COLUMNS, values);
        let number = text(&fields, "account_number");
        let address =
            ["project", "community", "building", "unit", "room"].map(|key| fields.get(key).and_then(Value::as_str));
        let address = address_key(address);
        let reversed =
            matches!((text(&fields, "lease_start"), text(&fields, "lease_end")), (Some(a), Some(b)) if a > b);
        if reversed {
            let end = text(&fields, "lease_end").unwrap_or_default();
            problems.note(sheet, row_number, place(&G1_COLUMNS, &places, "lease_end"), &end, &Fault::DaysReversed);
        }
        accounts.extend(number.clone());
        let twin = number
            .as_ref()
            .and_then(|number| numbers.get(number).map(|row| (*row, "account_number", number.clone())))
            .or_else(|| addresses.get(&address).map(|row| (*row, "room", text(&fields, "room").unwrap_or_default())));
        if let Some((first, key, value)) = &twin {
            problems.note(sheet, row_number, place(&G1_COLUMNS, &places, key), value, &Fault::Duplicate(*first));
        }
        if bad || reversed || twin.is_some() {
            table.refused += 1;
            return;
        }
        if let Some(number) = &number {
            numbers.insert(number.clone(), row_number);
        }
        addresses.insert(address.clone(), row_number);
        let json = raw(&fields);
        table.entries.push(Entry { row_number, number, address: Some(address), json, supplement: None });
    });
    if problems.structural {
        return;
    }
    if let Some(sheet) = workbook::find_sheet(book, SUPPLEMENT_SHEET, false) {
        read_supplement(book, &sheet, &accounts, table, problems);
    }
}

fn read_supplement(
    book: &mut Workbook<'_>,
    sheet: &str,
    accounts: &HashSet<String>,
    table: &mut Table,
    problems: &mut Problems,
) {
    let index: HashMap<String, usize> =
        table.entries.iter().enumerate().filter_map(|(index, entry)| Some((entry.number.clone()?, index))).collect();
    let mut seen: HashMap<String, u32> = HashMap::new();
    read_sheet(book, sheet, &SUPPLEMENT_COLUMNS, problems, &mut |row: SheetRow, problems: &mut Problems| {
        let SheetRow { number: row_number, values, places, mut bad } = row;
        let fields = fields(&SUPPLEMENT_COLUMNS, values);
        let account = text(&fields, "account_number").unwrap_or_default();
        let place = |key| place(&SUPPLEMENT_COLUMNS, &places, key);
        let parts = ["longitude_e7", "latitude_e7", "datum"].iter().filter(|key| fields.contains_key(**key)).count();
        if !matches!(parts, 0 | 3) && !bad {
            bad = true;
            problems.note(sheet, row_number, place("datum"), "", &Fault::HalfPlace);
        }
        if let Some(first) = seen.get(&account) {
            bad = true;
            problems.note(sheet, row_number, place("account_number"), &account, &Fault::Duplicate(*first));
        }
        if bad {
            table.refused += 1;
            return;
        }
        seen.insert(account.clone(), row_number);
        match index.get(&account) {
            Some(index) => table.entries[*index].supplement = Some(raw(&fields)),
            // Its household is refused and named already; one word about it is enough.
            None if accounts.contains(&account) => table.refused += 1,
            None => {
                table.refused += 1;
                problems.note(sheet, row_number, place("account_number"), &account, &Fault::Orphan);
            }
        }
    });
}

fn read_numbered(book: &mut Workbook<'_>, sheet: &str, key: &'static str, table: &mut Table, problems: &mut Problems) {
    let columns = table.register.columns();
    let mut seen: HashMap<String, u32> = HashMap::new();
    read_sheet(book, sheet, columns, problems, &mut |row: SheetRow, problems: &mut Problems| {
        let SheetRow { number: row_number, values, places, mut bad } = row;
        let fields = fields(columns, values);
        let number = text(&fields, key).unwrap_or_default();
        if let Some(first) = seen.get(&number).filter(|_| !bad) {
            bad = true;
            problems.note(sheet, row_number, place(columns, &places, key), &number, &Fault::Duplicate(*first));
        }
        if matches!((text(&fields, "verified_on"), text(&fields, "valid_until")), (Some(a), Some(b)) if a > b) {
            bad = true;
            problems.note(sheet, row_number, place(columns, &places, "valid_until"), "", &Fault::DaysReversed);
        }
        if bad {
            table.refused += 1;
            return;
        }
        seen.insert(number.clone(), row_number);
        let json = raw(&fields);
        table.entries.push(Entry { row_number, number: Some(number), address: None, json, supplement: None });
    });
}

/// The fields that a whole price list has once.
const LIST_FIELDS: [&str; 3] = ["version", "issued_on", "effective_from"];

fn read_prices(book: &mut Workbook<'_>, sheet: &str, table: &mut Table, problems: &mut Problems) {
    let mut head: Option<Fields> = None;
    let mut items: Vec<Fields> = Vec::new();
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut first_row = 0;
    let refused = &mut table.refused;
    read_sheet(book, sheet, &PRICE_COLUMNS, problems, &mut |row: SheetRow, problems: &mut Problems| {
        let SheetRow { number: row_number, values, places, bad } = row;
        if bad {
            *refused += 1;
            return;
        }
        let mut item = fields(&PRICE_COLUMNS, values);
        let own: Fields = LIST_FIELDS.iter().filter_map(|key| item.remove_entry(key)).collect();
        let head = head.get_or_insert_with(|| {
            first_row = row_number;
            own.clone()
        });
        for key in LIST_FIELDS {
            if own.get(key) != head.get(key) {
                let value = text(&own, key).unwrap_or_default();
                problems.note(sheet, row_number, place(&PRICE_COLUMNS, &places, key), &value, &Fault::Disagrees);
            }
        }
        let code = text(&item, "code").unwrap_or_default();
        if let Some(first) = seen.insert(code.clone(), row_number) {
            *refused += 1;
            problems.note(sheet, row_number, place(&PRICE_COLUMNS, &places, "code"), &code, &Fault::Duplicate(first));
            return;
        }
        items.push(item);
    });
    if let Some(head) = head {
        let number = text(&head, "version");
        let mut list: BTreeMap<&str, Value> = head.into_iter().collect();
        list.insert("items", serde_json::json!(items));
        table.entries.push(Entry { row_number: first_row, number, address: None, json: raw(&list), supplement: None });
    }
}
