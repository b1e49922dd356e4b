//! What a clerk's workbook may look like, and what the import says of it.

use rust_xlsxwriter::{Format, Formula, Workbook, Worksheet};
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::office::ledger::{
    G1_COLUMNS, G1_SHEET, PRICE_COLUMNS, PRICE_SHEET, Register, SUPPLEMENT_COLUMNS, SUPPLEMENT_SHEET,
};

type Cells<'a> = &'a [(&'a str, &'a str)];

/// A ledger with two merged title rows above its headings, as offices make them.
struct Ledger {
    book: Workbook,
    rows: u32,
}

impl Ledger {
    fn new() -> Self {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        sheet.set_name(G1_SHEET).expect("a name");
        let bold = Format::new().set_bold();
        sheet.merge_range(0, 0, 0, 49, "热用户信息台账（示例）", &bold).expect("a title");
        sheet.merge_range(1, 0, 1, 15, "房屋信息", &bold).expect("a group");
        for (column, heading) in (0..).zip(&G1_COLUMNS) {
            let label = heading.label.replace("承租人", "承租人\n");
            sheet
                .write(2, column, if heading.label.ends_with("电话") { &label } else { heading.label })
                .expect("a heading");
        }
        sheet.write(3, 10, "住宅/\n非住宅").expect("a hint");
        let supplement = book.add_worksheet();
        supplement.set_name(SUPPLEMENT_SHEET).expect("a name");
        for (column, heading) in (0..).zip(&SUPPLEMENT_COLUMNS) {
            supplement.write(0, column, heading.label).expect("a heading");
        }
        Self { book, rows: 4 }
    }

    fn sheet(&mut self) -> &mut Worksheet {
        self.book.worksheet_from_name(G1_SHEET).expect("the ledger")
    }

    /// A household that is right, but for `cells`.
    fn household(&mut self, account: &str, room: &str, cells: Cells<'_>) -> u32 {
        let row = self.rows;
        self.rows += 1;
        let right = [
            ("小区名称", "示例花园"),
            ("楼栋名称", "3号楼"),
            ("单元名称", "2单元"),
            ("楼层", "半地下"),
            ("房间号", room),
            ("房屋性质", "住宅"),
            ("供暖状态", "正供"),
            ("交费编号", account),
            ("业主姓名", "王\u{E863}"),
            ("业主证件号码", "11010119900101123X"),
        ];
        let sheet = self.sheet();
        sheet.write(row, place("建筑面积"), 89.35).expect("a cell");
        for (label, text) in right.iter().chain(cells) {
            sheet.write(row, place(label), *text).expect("a cell");
        }
        row + 1
    }

    fn supplement(&mut self, row: u32, cells: &[(u16, &str)]) {
        let sheet = self.book.worksheet_from_name(SUPPLEMENT_SHEET).expect("the sheet");
        for (column, text) in cells {
            match text.parse::<f64>() {
                Ok(number) if *column > 0 => sheet.write(row, *column, number).expect("a cell"),
                _ => sheet.write(row, *column, *text).expect("a cell"),
            };
        }
    }

    fn bytes(mut self) -> Vec<u8> {
        let supplement = self.book.worksheet_from_name(SUPPLEMENT_SHEET).expect("the sheet");
        supplement.write(1, 0, "A-0001").expect("a cell");
        self.book.save_to_buffer().expect("a workbook")
    }
}

fn place(label: &str) -> u16 {
    G1_COLUMNS.iter().position(|column| column.label == label).expect("a label of G.1") as u16
}

fn read(register: Register, bytes: &[u8]) -> (Table, Problems) {
    let mut problems = Problems::default();
    let table = read_table(register, bytes, &mut problems);
    (table, problems)
}

fn field(entry: &Entry, key: &str) -> Value {
    serde_json::from_str::<Value>(entry.json.get()).expect("JSON")[key].clone()
}

fn codes(problems: &Problems) -> Vec<(&str, u32, &str)> {
    problems.listed.iter().map(|problem| (problem.code.as_str(), problem.row, problem.column.as_str())).collect()
}

#[test]
fn a_ledger_under_merged_titles_reads_with_its_supplement() {
    let mut ledger = Ledger::new();
    ledger.household("A-0001", "101", &[("是否公租房", "否"), ("租赁开始日期", "2026年1月1日")]);
    ledger.household("A-0002", "102", &[]);
    ledger.supplement(2, &[(0, "A-0002"), (1, "远"), (4, "18.5"), (5, "116.3974567"), (6, "39.9"), (7, "WGS-84")]);
    let (table, problems) = read(Register::Households, &ledger.bytes());
    assert_eq!(problems.listed, []);
    assert_eq!(table.entries.len(), 2);
    let first = &table.entries[0];
    assert_eq!(first.number.as_deref(), Some("A-0001"));
    assert_eq!(field(first, "owner_name"), "王䶮");
    assert_eq!(field(first, "floor_area_centi_m2"), 8935);
    assert_eq!(field(first, "lease_start"), "2026-01-01");
    assert_eq!(field(first, "public_housing"), false);
    assert_eq!(field(first, "tenant_name"), Value::Null, "an empty cell is no field");
    let supplement = table.entries[1].supplement.as_ref().expect("the second has one").get();
    assert!(supplement.contains(r#""longitude_e7":1163974567"#) && supplement.contains(r#""agreed_deci_celsius":185"#));
}

#[test]
fn each_bad_cell_is_named_with_its_place_and_restricted_values_are_masked() {
    let mut ledger = Ledger::new();
    ledger.household("A-0001", "101", &[]);
    let bad = ledger.household("A-0002", "102", &[("房屋性质", "公寓"), ("建筑面积", "八十九")]);
    let formula = ledger.household("A-0003", "103", &[]);
    ledger.sheet().write_formula(formula - 1, place("供暖收费面积"), Formula::new("=SUM(H5:H6)")).expect("a formula");
    let empty = ledger.household("A-0004", "", &[]);
    let restricted = ledger.household("A-0005", "105", &[("业主证件号码", "1101011990010112\u{10FFFD}")]);
    let twin = ledger.household("A-0001", "106", &[]);
    let same_address = ledger.household("A-0007", "101", &[]);
    let (table, problems) = read(Register::Households, &ledger.bytes());
    assert!(!problems.structural);
    assert_eq!(table.entries.len(), 1);
    assert_eq!(table.refused, 6);
    assert_eq!(
        codes(&problems),
        [
            ("not_a_number", bad, "H"),
            ("not_listed", bad, "K"),
            ("formula", formula, "U"),
            ("empty", empty, "G"),
            ("no_glyph", restricted, "AJ"),
            ("duplicate", twin, "AD"),
            ("duplicate", same_address, "G"),
        ]
    );
    assert_eq!(problems.listed[0].label, "建筑面积");
    assert_eq!(problems.listed[0].value, "八十九");
    assert!(!problems.listed[4].value.contains("1990"), "{}", problems.listed[4].value);
    assert!(problems.listed[5].reason_zh.contains("第 5 行"));
}

#[test]
fn a_supplement_without_its_household_or_half_a_place_is_named() {
    let mut ledger = Ledger::new();
    ledger.household("A-0001", "101", &[]);
    ledger.supplement(2, &[(0, "A-9999"), (1, "远")]);
    ledger.household("A-0002", "102", &[]);
    ledger.supplement(3, &[(0, "A-0002"), (5, "116.3")]);
    let (table, problems) = read(Register::Households, &ledger.bytes());
    assert_eq!(table.entries.len(), 2);
    assert_eq!(codes(&problems), [("orphan", 3, "A"), ("half_place", 4, "H")]);
}

#[test]
fn missing_and_unknown_columns_stop_everything() {
    let mut ledger = Ledger::new();
    ledger.sheet().write(2, place("业主电话"), "业主手机").expect("a heading");
    ledger.household("A-0001", "101", &[]);
    let (table, problems) = read(Register::Households, &ledger.bytes());
    assert!(problems.structural);
    assert!(table.entries.is_empty());
    assert_eq!(codes(&problems), [("column_unknown", 3, "AG"), ("column_missing", 3, "")]);
    let mut book = Workbook::new();
    book.add_worksheet().write(0, 0, "小区名称").expect("a cell");
    let (_, problems) = read(Register::Households, &book.save_to_buffer().expect("a workbook"));
    assert_eq!(problems.listed[0].code, "heading_missing");
    let (_, problems) = read(Register::Households, b"<html>");
    assert_eq!(problems.listed[0].code, "not_xlsx");
}

#[test]
fn the_same_file_twice_changes_nothing_and_ids_are_kept() {
    let mut ledger = Ledger::new();
    ledger.household("A-0001", "101", &[]);
    ledger.household("", "102", &[]);
    let bytes = ledger.bytes();
    let mut problems = Problems::default();
    let first = plan(read(Register::Households, &bytes).0, &Present::default(), &mut problems, &mut |_| Uuid::new_v4());
    assert_eq!((first.added, first.rows.len()), (2, 2));
    let mut present = Present::default();
    for (row, entry) in first.rows.iter().zip(read(Register::Households, &bytes).0.entries) {
        present.by_number.extend(entry.number.map(|number| (number, row.id)));
        present.by_address.extend(entry.address.map(|address| (address, row.id)));
        present.shas.insert(row.id, (Row::sha(&row.row), row.supplement.as_deref().map(Row::sha)));
    }
    let again = plan(read(Register::Households, &bytes).0, &present, &mut problems, &mut |_| Uuid::new_v4());
    assert_eq!((again.added, again.changed, again.unchanged), (0, 0, 2));
    let mut changed = Ledger::new();
    changed.household("A-0001", "101", &[("供暖状态", "不供")]);
    changed.household("A-0002", "102", &[]);
    let table = read(Register::Households, &changed.bytes()).0;
    let third = plan(table, &present, &mut problems, &mut |_| Uuid::new_v4());
    assert_eq!((third.added, third.changed, third.unchanged), (0, 2, 0));
    assert_eq!(third.rows[1].id, first.rows[1].id, "found by its address, which now has an account number");
    assert_eq!(problems.total, 0);
    let packed = pack(&third.rows).expect("packed");
    let unpacked: Vec<Row> = unpack(&packed).expect("a blob").collect::<Result<_, _>>().expect("rows");
    assert_eq!(unpacked[0].row.get(), third.rows[0].row.get());
}

#[test]
fn a_price_list_is_one_thing_and_its_rows_agree() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name(PRICE_SHEET).expect("a name");
    for (column, heading) in (0..).zip(&PRICE_COLUMNS) {
        sheet.write(0, column, heading.label).expect("a heading");
    }
    for (row, (version, code)) in (1..).zip([("2026-1", "P1"), ("2026-1", "P2"), ("2026-2", "P3")]) {
        for (column, text) in
            [(0, version), (1, "2026-10-01"), (2, "2026-11-01"), (3, code), (4, "换排气阀"), (5, "个"), (8, "有偿")]
        {
            sheet.write(row, column, text).expect("a cell");
        }
        for (column, number) in [(6, 30.0), (7, 50.5), (9, 9.0), (10, 90.0)] {
            sheet.write(row, column, number).expect("a cell");
        }
    }
    let (table, problems) = read(Register::Prices, &book.save_to_buffer().expect("a workbook"));
    assert_eq!(codes(&problems), [("disagrees", 4, "A")]);
    assert!(table.entries.is_empty());
}

#[test]
fn the_report_is_a_workbook_that_names_every_problem() {
    let mut ledger = Ledger::new();
    ledger.household("A-0001", "101", &[("房屋性质", "公寓")]);
    let (table, problems) = read(Register::Households, &ledger.bytes());
    let report = ImportReport {
        id: Uuid::nil(),
        register: Register::Households,
        at_ms: 0,
        dry_run: true,
        partial: false,
        applied: false,
        added: 0,
        changed: 0,
        unchanged: 0,
        refused: table.refused,
        problem_count: problems.total,
        structural: problems.structural,
        problems: problems.listed,
    };
    let bytes = report_xlsx(&report).expect("a workbook");
    let mut book: calamine::Xlsx<_> = calamine::Reader::new(std::io::Cursor::new(bytes)).expect("readable");
    let range = calamine::Reader::worksheet_range(&mut book, "导入报告").expect("its sheet");
    assert_eq!(range.get_value((3, 2)).map(ToString::to_string).as_deref(), Some("K"));
    assert!(range.get_value((0, 0)).is_some_and(|cell| cell.to_string().starts_with("仅检查，未导入")));
}
