//! `nuanfang import`, as a clerk meets it: what is wrong with a file is said cell by cell and nothing of it is in, the
//! good rows only when he says so, and the same file twice changes nothing.

use std::path::{Path, PathBuf};

use nuanfang_demo::ledger::{Ledger, Row, Value, write};
use nuanfang_server::office::ledger::{G1_COLUMNS, G1_SHEET, SUPPLEMENT_COLUMNS, SUPPLEMENT_SHEET, WORKER_COLUMNS};
use rust_xlsxwriter::{Format, Formula, Workbook};

use crate::killed::database;
use crate::nuanfang::{Said, nuanfang};

const ROWS: usize = 20;

/// A clerk with an empty data folder.
struct Clerk(tempfile::TempDir);

impl Clerk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn import(&self, register: &str, file: &Path, more: &[&str]) -> Said {
        let data = self.data();
        let args = [Path::new("import"), Path::new(register), file, Path::new("--data"), &data];
        nuanfang(args.into_iter().chain(more.iter().map(Path::new)))
    }

    /// Saves a ledger of these rows.
    fn save(&self, name: &str, rows: &[Row], supplement: &[Row]) -> PathBuf {
        let file = self.file(name);
        let sheets = [(G1_SHEET, &G1_COLUMNS[..], rows), (SUPPLEMENT_SHEET, &SUPPLEMENT_COLUMNS[..], supplement)];
        write(&file, &sheets).expect("written");
        file
    }

    /// How many households are in, and how many imports are on record.
    fn stand(&self) -> (i64, i64) {
        let db = database(&self.data());
        let one = |sql| db.query_row(sql, [], |row| row.get(0)).expect("a number");
        let imports = one("SELECT count(*) FROM envelope WHERE kind = 'office.imported'");
        (one("SELECT count(*) FROM household"), imports)
    }
}

fn ledger() -> Ledger {
    Ledger::of(ROWS, nuanfang_demo::day::today())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn three_bad_rows_and_a_twin_stop_everything_until_the_clerk_says_partial() {
    let clerk = Clerk::new();
    let good = ledger();
    let mut rows = good.households.clone();
    rows[2].put("premises_kind", text("公寓"));
    rows[4].put("floor_area_centi_m2", text("八十九"));
    rows[6].put("owner_id_number", text("示例110119900101\u{10FFFD}"));
    let twin = rows[9].text_of("account_number").to_owned();
    rows[11].put("account_number", text(&twin));
    let bad = clerk.save("坏.xlsx", &rows, &[]);

    let nowhere = clerk.import("households", &bad, &["--dry-run"]);
    assert_eq!(nowhere.status, Some(2), "what only looks founds no company: {nowhere:?}");
    assert!(!clerk.data().exists());
    for more in [&[][..], &["--dry-run"], &["--dry-run", "--partial"]] {
        let said = clerk.import("households", &bad, more);
        assert_eq!((said.status, said.err.as_str()), (Some(1), ""), "{said:?}");
        let words =
            ["第 4 行", "公寓", "不在可选值内", "第 6 行", "八十九", "第 8 行", "第 13 行", &twin, "第 11 行重复"];
        for word in words.into_iter().chain([G1_SHEET, "建筑面积", "房屋性质", "交费编号", "问题 4"]) {
            assert!(said.out.contains(word), "{word} in {said:?}");
        }
        assert!(!said.out.contains("19900101"), "class R is masked: {said:?}");
        assert_eq!(clerk.stand(), (0, 0), "{more:?}");
    }

    let report = clerk.file("报告.xlsx");
    let said = clerk.import("households", &bad, &["--partial", "--report", report.to_str().expect("text")]);
    assert_eq!(said.status, Some(1));
    assert!(said.out.contains("已导入：新增 16") && said.out.contains("拒绝 4"), "{said:?}");
    assert!(std::fs::read(&report).expect("a report").starts_with(b"PK"));
    assert_eq!(clerk.stand(), (16, 1));
    let again = clerk.import("households", &bad, &["--partial"]);
    assert!(again.out.contains("未变 16"), "{again:?}");
    assert_eq!((again.status, clerk.stand()), (Some(1), (16, 1)), "twice changes nothing");

    let mended = clerk.save("好.xlsx", &good.households, &good.supplement);
    assert_eq!(clerk.import("households", &mended, &[]).status, Some(0));
    let households = i64::try_from(ROWS).expect("a number");
    assert_eq!(clerk.stand(), (households, 2));
    let before = dump(&clerk.data());
    let said = clerk.import("households", &mended, &[]);
    assert_eq!(said.status, Some(0));
    assert!(said.out.contains("与现有数据一致"), "{said:?}");
    assert_eq!(clerk.stand(), (households, 2));
    assert!(dump(&clerk.data()) == before, "the same file twice changes nothing at all");
}

/// Log and projections of a folder.
fn dump(data: &Path) -> String {
    let db = database(data);
    let projections = nuanfang_server::office::rebuild::dump(&db).expect("a dump");
    let last: i64 = db.query_row("SELECT max(g) FROM envelope", [], |row| row.get(0)).expect("a number");
    format!("{last}\n{projections}")
}

#[test]
fn formulas_titles_and_columns_are_told_apart() {
    let clerk = Clerk::new();
    let rows = ledger().households;
    // Two merged title rows above the headings, a formula in a cell; then one heading misspelt, then one missing.
    let save = |name: &str, misspelt: Option<usize>, missing: Option<usize>, formula: bool| {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        sheet.set_name(G1_SHEET).expect("a name");
        let bold = Format::new().set_bold();
        sheet.merge_range(0, 0, 0, 49, "热用户信息台账（示例）", &bold).expect("a title");
        sheet.merge_range(1, 0, 1, 15, "房屋信息", &bold).expect("a group");
        let columns = G1_COLUMNS.iter().enumerate().filter(|(at, _)| missing != Some(*at));
        for (place, (at, column)) in (0..).zip(columns) {
            let label = if misspelt == Some(at) { "业主手机" } else { column.label };
            sheet.write(2, place, label).expect("a heading");
            for (line, row) in (3..).zip(&rows) {
                match row.get(column.key) {
                    Some(Value::Text(text)) => drop(sheet.write(line, place, text.as_str()).expect("a cell")),
                    Some(Value::Number { units, places }) => {
                        let number = *units as f64 / 10_f64.powi(*places as i32);
                        sheet.write(line, place, number).expect("a cell");
                    }
                    Some(Value::Day(day)) => drop(sheet.write(line, place, day.to_string()).expect("a cell")),
                    None => {}
                }
            }
        }
        if formula {
            sheet.write_formula(5, 7, Formula::new("=SUM(H4:H5)")).expect("a formula");
        }
        let file = clerk.file(name);
        book.save(&file).expect("written");
        file
    };
    let place = |key| G1_COLUMNS.iter().position(|column| column.key == key);
    let formula = save("公式.xlsx", None, None, true);
    let misspelt = save("错列.xlsx", place("owner_phone"), None, false);
    let missing = save("缺列.xlsx", None, place("room"), false);
    for (file, words) in [
        (&formula, ["第 6 行", "H", "公式"]),
        (&misspelt, ["第 3 行", "业主手机", "业主电话"]),
        (&missing, ["第 3 行", "房间号", "缺少"]),
    ] {
        let said = clerk.import("households", file, &[]);
        assert_eq!((said.status, clerk.stand()), (Some(1), (0, 0)), "{said:?}");
        assert!(words.iter().all(|word| said.out.contains(word)), "{words:?} in {said:?}");
    }
    for file in [&misspelt, &missing] {
        let said = clerk.import("households", file, &["--partial"]);
        assert_eq!((said.status, clerk.stand()), (Some(1), (0, 0)), "a wrong column stops everything: {said:?}");
    }
    let good = save("好.xlsx", None, None, false);
    let said = clerk.import("households", &good, &[]);
    assert_eq!((said.status, clerk.stand().1), (Some(0), 1), "titles above the headings are no fault: {said:?}");
}

#[test]
fn what_is_no_ledger_is_said_in_one_report() {
    let clerk = Clerk::new();
    let large = clerk.file("大.xlsx");
    std::fs::File::create(&large).and_then(|file| file.set_len(50_000_000)).expect("a large file");
    let huge = clerk.file("巨大.xlsx");
    std::fs::File::create(&huge).and_then(|file| file.set_len(9_000_000_000)).expect("a huge file");
    let page = clerk.file("页面.xlsx");
    std::fs::write(&page, "<html>示例</html>").expect("written");
    let empty = clerk.file("空.xlsx");
    std::fs::write(&empty, "").expect("written");
    let workers = clerk.file("服务人员.xlsx");
    let sheets = [("服务人员", &WORKER_COLUMNS[..], &ledger().workers[..])];
    write(&workers, &sheets).expect("written");
    for (file, words) in [(large, "过大"), (huge, "过大"), (page, "xlsx"), (empty, "xlsx"), (workers.clone(), "列")]
    {
        let said = clerk.import("households", &file, &["--partial"]);
        assert_eq!((said.status, said.err.as_str()), (Some(1), ""), "{said:?}");
        assert!(said.out.contains("未导入任何数据") && said.out.contains(words), "{said:?}");
        assert_eq!(clerk.stand(), (0, 0));
    }
    for (file, words) in [(clerk.file("没有.xlsx"), "没有这个文件"), (clerk.data(), "是目录")] {
        let said = clerk.import("households", &file, &[]);
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(said.one_line().contains(words), "{said:?}");
    }
    assert_eq!(clerk.import("steam", &workers, &[]).status, Some(2), "there is no such register");
}

#[test]
fn every_register_goes_in_once() {
    let clerk = Clerk::new();
    let files = ledger().save(&clerk.file("册")).expect("written");
    for (register, file) in [
        ("households", &files.households),
        ("prices", &files.prices),
        ("workers", &files.workers),
        ("instruments", &files.instruments),
    ] {
        for (number, words) in [(1, "已导入"), (2, "与现有数据一致")] {
            let said = clerk.import(register, file, &[]);
            assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{register}, time {number}: {said:?}");
            assert!(said.out.lines().any(|line| line.starts_with(words)), "{register}, time {number}: {said:?}");
        }
    }
    assert_eq!(clerk.stand().1, 4);
}
