//! What can be wrong with a workbook, in words for the clerk who has to mend it.

use serde::{Deserialize, Serialize};

/// Why a cell, a row or a whole workbook can't be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Not an .xlsx, or a damaged one.
    NotXlsx,
    /// As large as this limit, in bytes, or larger.
    TooLarge(u64),
    /// It unpacks to far more than a register can be.
    Bomb,
    /// The sheet is not there.
    SheetMissing(String),
    /// No row of the sheet holds the headings.
    HeadingMissing,
    /// A column is not there.
    ColumnMissing,
    /// A heading that the register does not have.
    ColumnUnknown,
    /// A heading twice.
    ColumnTwice,
    /// More rows than this.
    TooManyRows(usize),
    /// There is no row under the headings.
    NoRows,
    /// A required cell is empty.
    Empty,
    /// A formula where a value belongs.
    Formula,
    /// `#N/A` and the like.
    ErrorValue,
    /// Text where a number belongs.
    NotNumber,
    /// More decimal places than are kept.
    TooPrecise(u32),
    /// Smaller or larger than can be.
    OutOfRange(String, String),
    /// No day of the calendar.
    NotDay,
    /// None of the listed values.
    NotListed(String),
    /// Longer than this many characters.
    TooLong(usize),
    /// A number of more than 15 digits, which Excel has rounded.
    DigitsLost,
    /// Characters that the printed forms can't show.
    NoGlyph(String),
    /// The same thing in this earlier row.
    Duplicate(u32),
    /// Two rows are about the same thing in the register.
    SameAs(u32),
    /// 补充信息 for an account that the ledger does not have.
    Orphan,
    /// Longitude, latitude and datum only count together.
    HalfPlace,
    /// A day that lies before the day it has to follow.
    DaysReversed,
    /// A heading field of the price list that differs from the first row's.
    Disagrees,
    /// A price list of this version is there with other prices.
    VersionTaken,
}

impl Fault {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotXlsx => "not_xlsx",
            Self::TooLarge(_) => "too_large",
            Self::Bomb => "bomb",
            Self::SheetMissing(_) => "sheet_missing",
            Self::HeadingMissing => "heading_missing",
            Self::ColumnMissing => "column_missing",
            Self::ColumnUnknown => "column_unknown",
            Self::ColumnTwice => "column_twice",
            Self::TooManyRows(_) => "too_many_rows",
            Self::NoRows => "no_rows",
            Self::Empty => "empty",
            Self::Formula => "formula",
            Self::ErrorValue => "error_value",
            Self::NotNumber => "not_a_number",
            Self::TooPrecise(_) => "too_precise",
            Self::OutOfRange(..) => "out_of_range",
            Self::NotDay => "not_a_day",
            Self::NotListed(_) => "not_listed",
            Self::TooLong(_) => "too_long",
            Self::DigitsLost => "digits_lost",
            Self::NoGlyph(_) => "no_glyph",
            Self::Duplicate(_) => "duplicate",
            Self::SameAs(_) => "same_as",
            Self::Orphan => "orphan",
            Self::HalfPlace => "half_place",
            Self::DaysReversed => "days_reversed",
            Self::Disagrees => "disagrees",
            Self::VersionTaken => "version_taken",
        }
    }

    /// In Chinese: what is wrong and what to do.
    pub fn zh(&self) -> String {
        match self {
            Self::NotXlsx => "不是可读取的 .xlsx 文件，请另存为“Excel 工作簿（*.xlsx）”后重试".into(),
            Self::TooLarge(limit) => format!("文件过大（须小于 {} MB），请分批导入", limit / 1_000_000),
            Self::Bomb => "文件解压后异常庞大，已拒绝读取".into(),
            Self::SheetMissing(name) => format!("缺少工作表“{name}”"),
            Self::HeadingMissing => "前 20 行内找不到表头行，请保留规定的列名".into(),
            Self::ColumnMissing => "缺少此列".into(),
            Self::ColumnUnknown => "不是规定的列名，请改正或删除此列".into(),
            Self::ColumnTwice => "列名重复".into(),
            Self::TooManyRows(limit) => format!("超过 {limit} 行，请分批导入"),
            Self::NoRows => "表头下没有数据行".into(),
            Self::Empty => "必填项为空".into(),
            Self::Formula => "单元格是公式，请粘贴为数值".into(),
            Self::ErrorValue => "单元格是错误值".into(),
            Self::NotNumber => "应为数字，却是文本".into(),
            Self::TooPrecise(0) => "应为整数".into(),
            Self::TooPrecise(places) => format!("小数位数超过 {places} 位"),
            Self::OutOfRange(min, max) => format!("超出范围（{min} 至 {max}）"),
            Self::NotDay => "不是有效日期，应如 2026-11-15".into(),
            Self::NotListed(list) => format!("不在可选值内（{list}）"),
            Self::TooLong(limit) => format!("超过 {limit} 个字"),
            Self::DigitsLost => "超过 15 位的数字已被 Excel 舍入，请将单元格设为文本后重新录入".into(),
            Self::NoGlyph(chars) => format!("表单字体缺少字形：{chars}，无法打印"),
            Self::Duplicate(row) => format!("与第 {row} 行重复"),
            Self::SameAs(row) => format!("与第 {row} 行对应同一条已有记录"),
            Self::Orphan => "台账中没有此交费编号".into(),
            Self::HalfPlace => "经度、纬度、坐标系须同时填写".into(),
            Self::DaysReversed => "日期先后颠倒".into(),
            Self::Disagrees => "与首行不一致，同一价目表须相同".into(),
            Self::VersionTaken => "此价目版本已存在且内容不同，请使用新的版本号".into(),
        }
    }

    /// In English.
    pub fn en(&self) -> String {
        match self {
            Self::NotXlsx => "not a readable .xlsx file".into(),
            Self::TooLarge(limit) => format!("too large (must be smaller than {} MB)", limit / 1_000_000),
            Self::Bomb => "unpacks to far more than a register can be".into(),
            Self::SheetMissing(name) => format!("sheet {name} is missing"),
            Self::HeadingMissing => "no heading row within the first 20 rows".into(),
            Self::ColumnMissing => "this column is missing".into(),
            Self::ColumnUnknown => "not a heading of this register".into(),
            Self::ColumnTwice => "this heading stands twice".into(),
            Self::TooManyRows(limit) => format!("more than {limit} rows"),
            Self::NoRows => "no rows under the headings".into(),
            Self::Empty => "required, but empty".into(),
            Self::Formula => "a formula where a value belongs".into(),
            Self::ErrorValue => "an error value".into(),
            Self::NotNumber => "text where a number belongs".into(),
            Self::TooPrecise(0) => "must be a whole number".into(),
            Self::TooPrecise(places) => format!("more than {places} decimal places"),
            Self::OutOfRange(min, max) => format!("out of range ({min} to {max})"),
            Self::NotDay => "not a day of the calendar, as in 2026-11-15".into(),
            Self::NotListed(list) => format!("not one of {list}"),
            Self::TooLong(limit) => format!("longer than {limit} characters"),
            Self::DigitsLost => "more than 15 digits: Excel has rounded it; enter it as text".into(),
            Self::NoGlyph(chars) => format!("no form font has {chars}: it could not be printed"),
            Self::Duplicate(row) => format!("the same as row {row}"),
            Self::SameAs(row) => format!("about the same record as row {row}"),
            Self::Orphan => "the ledger has no such account number".into(),
            Self::HalfPlace => "longitude, latitude and datum only count together".into(),
            Self::DaysReversed => "the days are reversed".into(),
            Self::Disagrees => "differs from the first row; a price list has one".into(),
            Self::VersionTaken => "this version is there already with other prices; use a new version".into(),
        }
    }

    /// Whether nothing at all can be applied, `--partial` or not: which cell is which is not certain.
    pub fn is_structural(&self) -> bool {
        matches!(
            self,
            Self::NotXlsx
                | Self::TooLarge(_)
                | Self::Bomb
                | Self::SheetMissing(_)
                | Self::HeadingMissing
                | Self::ColumnMissing
                | Self::ColumnUnknown
                | Self::ColumnTwice
                | Self::TooManyRows(_)
                | Self::NoRows
                | Self::VersionTaken
                | Self::Disagrees
        )
    }
}

/// A fault with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ImportProblem {
    /// The sheet; empty when it is about the file.
    pub sheet: String,
    /// The row as the spreadsheet numbers it; 0 when it is about the sheet.
    pub row: u32,
    /// The column's letters: `AE`; empty when it is about the row.
    pub column: String,
    /// The column's heading.
    pub label: String,
    /// What stands there, class R and telephone numbers masked, at most 60 characters.
    pub value: String,
    /// Stable, for programs: `not_listed`.
    pub code: String,
    /// What is wrong, in Chinese.
    pub reason_zh: String,
    /// What is wrong, in English.
    pub reason_en: String,
}

/// A column's letters: 0 → A, 49 → AX.
pub fn letters(mut column: u32) -> String {
    let mut out = Vec::new();
    loop {
        out.push(b'A' + (column % 26) as u8);
        match (column / 26).checked_sub(1) {
            Some(rest) => column = rest,
            None => break,
        }
    }
    out.reverse();
    out.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn columns_are_lettered_as_in_a_spreadsheet() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (49, "AX"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(letters(column), name);
        }
    }
}
