//! The report of an import: what was, or would be, done, and everything that was wrong.

use rust_xlsxwriter::{Format, Workbook, XlsxError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::fault::ImportProblem;
use crate::office::ledger::Register;

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ImportReport {
    /// Its id: `GET /api/import/reports/{id}.json` and `.xlsx`.
    pub id: Uuid,
    /// Which register.
    pub register: Register,
    /// When, server time.
    pub at_ms: i64,
    /// Only looked.
    pub dry_run: bool,
    /// Good rows were to be applied although others are bad.
    pub partial: bool,
    /// Something was written.
    pub applied: bool,
    /// Rows that are new.
    pub added: u64,
    /// Rows that change something.
    pub changed: u64,
    /// Rows as they were.
    pub unchanged: u64,
    /// Rows that can't be taken.
    pub refused: u64,
    /// All problems; [`ImportReport::problems`] lists the first of them.
    pub problem_count: u64,
    /// Nothing can be applied before the file itself is mended, `partial` or not.
    pub structural: bool,
    /// The problems, at most 5,000.
    pub problems: Vec<ImportProblem>,
}

impl ImportReport {
    /// One line that says how it ended, in Chinese.
    pub fn summary_zh(&self) -> String {
        let counts = format!(
            "新增 {} · 变更 {} · 未变 {} · 拒绝 {} · 问题 {}",
            self.added, self.changed, self.unchanged, self.refused, self.problem_count
        );
        let how = match (self.applied, self.dry_run) {
            (true, _) => "已导入",
            (false, true) => "仅检查，未导入",
            (false, false) if self.problem_count == 0 => "与现有数据一致，无需导入",
            (false, false) => "未导入任何数据",
        };
        format!("{how}：{counts}")
    }
}

/// The report as a workbook, for the clerk who mends the file.
pub fn report_xlsx(report: &ImportReport) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let bold = Format::new().set_bold();
    let wrapped = Format::new().set_text_wrap();
    let sheet = book.add_worksheet();
    sheet.set_name("导入报告")?;
    sheet.write_with_format(0, 0, report.summary_zh(), &bold)?;
    let headings = ["工作表", "行", "列", "列名", "内容", "原因", "Reason", "代码"];
    for (column, heading) in (0..).zip(headings) {
        sheet.write_with_format(2, column, heading, &bold)?;
    }
    for (column, width) in (0..).zip([18.0, 8.0, 6.0, 22.0, 24.0, 46.0, 46.0, 16.0]) {
        sheet.set_column_width(column, width)?;
    }
    for (row, problem) in (3..).zip(&report.problems) {
        sheet.write(row, 0, &problem.sheet)?;
        if problem.row > 0 {
            sheet.write(row, 1, problem.row)?;
        }
        sheet.write(row, 2, &problem.column)?;
        sheet.write(row, 3, &problem.label)?;
        sheet.write(row, 4, &problem.value)?;
        sheet.write_with_format(row, 5, &problem.reason_zh, &wrapped)?;
        sheet.write_with_format(row, 6, &problem.reason_en, &wrapped)?;
        sheet.write(row, 7, &problem.code)?;
    }
    sheet.set_freeze_panes(3, 0)?;
    book.save_to_buffer()
}
