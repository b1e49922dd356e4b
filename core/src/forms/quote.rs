//! 维修服务报价单 and 报价变更单 (5.5.2, F.9, F.10): the frozen lines, the price list's version, the total in figures and
//! words. What is signed is what is paid.

use super::occasion::{Occasion, signature_row, stack};
use super::text;
use super::{Cell, FormTable, PrintedForm, Row};
use crate::domain::quote::{QuoteLine, QuoteShown};
use crate::domain::units::Fen;

/// A quote, or a change of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteForm {
    /// The visit.
    pub occasion: Occasion,
    /// 热用户描述的问题.
    pub problem: String,
    /// The frozen quote.
    pub quote: QuoteShown,
    /// The last revision the resident signed; with it the paper is a 报价变更单 that names every difference.
    pub before: Option<QuoteShown>,
}

impl QuoteForm {
    /// The form filled in.
    pub fn print(&self) -> PrintedForm {
        let (template, title) = match self.before {
            None => ("quote", "维修服务报价单"),
            Some(_) => ("quote_change", "维修服务报价变更单"),
        };
        let mut closing = vec![
            Row::new([Cell::value("problem", "热用户描述的问题：", &*self.problem)]),
            Row::new([Cell::value(
                "expected_time",
                "预计维修时间：",
                self.quote.expected_minutes.map(text::duration).unwrap_or_default(),
            )]),
        ];
        if let Some(before) = &self.before {
            closing.push(Row::new([Cell::value(
                "change",
                "变更原因：",
                self.quote.change.clone().unwrap_or_default(),
            )]));
            closing.push(Row::new([Cell::value("difference", "与上一次报价相比：", self.difference(before))]));
        }
        closing.push(signature_row("热用户确认签字："));
        let lines = lines_table(&self.quote, |line| self.before.as_ref().map_or("", |before| line_mark(before, line)));
        PrintedForm {
            template: template.into(),
            version: 1,
            source: String::new(),
            title: title.into(),
            tables: vec![self.occasion.table(), lines, stack(closing)],
            notes: vec![
                "注：金额含税。未经热用户签字确认的收费项目不施工；施工中项目有变化的，重新报价并由热用户确认。".into(),
            ],
        }
    }

    fn difference(&self, before: &QuoteShown) -> String {
        let change = self.quote.total.0.saturating_sub(before.total.0);
        let direction = match change {
            0 => "合计不变".to_owned(),
            more if more > 0 => format!("合计增加{}元", text::yuan(Fen(more))),
            less => format!("合计减少{}元", text::yuan(Fen(less.saturating_neg()))),
        };
        let gone: Vec<_> = before
            .lines
            .iter()
            .filter(|old| self.quote.lines.iter().all(|line| line.line != old.line))
            .map(|old| old.name.as_str())
            .collect();
        let gone = if gone.is_empty() { String::new() } else { format!("；取消：{}", gone.join("、")) };
        format!("第{}次报价合计{}元，{direction}{gone}", before.revision, text::yuan(before.total))
    }
}

fn line_mark(before: &QuoteShown, line: &QuoteLine) -> &'static str {
    match before.lines.iter().find(|old| old.line == line.line) {
        None => "（新增）",
        Some(old) if old != line => "（变更）",
        Some(_) => "",
    }
}

/// The lines of a quote with their sum. `mark` is printed behind a line's name.
pub(super) fn lines_table(quote: &QuoteShown, mark: impl Fn(&QuoteLine) -> &'static str) -> FormTable {
    let heads = ["序号", "维修项目", "单位", "数量", "材料单价（元）", "人工单价（元）", "金额（元）", "税率", "保修"];
    let mut rows = vec![
        Row::new([
            Cell::value("revision", "报价次数：", format!("第{}次", quote.revision)).across(3),
            Cell::value("price_list", "收费标准版本：", &*quote.price_list_version).across(6),
        ]),
        Row::new(heads.map(Cell::heading)),
    ];
    rows.extend(quote.lines.iter().enumerate().map(|(index, line)| line_row(index, line, mark(line))));
    rows.push(Row::new([
        Cell::value("total_words", "合计（大写）：", text::yuan_in_words(quote.total)).across(5),
        Cell::value("total", "合计：", format!("{}元", text::yuan(quote.total))).across(4).right(),
    ]));
    rows.push(Row::new([Cell::value("tax", "其中税额：", format!("{}元", text::yuan(quote.tax))).across(9).right()]));
    FormTable {
        caption: String::new(),
        new_page: false,
        columns: vec![14, 44, 12, 14, 19, 19, 24, 14, 16],
        head_rows: 2,
        rows,
    }
}

fn line_row(index: usize, line: &QuoteLine, mark: &str) -> Row {
    let name = |field: &str| format!("lines.{index}.{field}");
    let material = if line.own_material { "自备".to_owned() } else { text::yuan(line.material) };
    let amount = if line.free { "无偿".to_owned() } else { text::yuan(line.amount) };
    let warranty = if line.warranty_days == 0 { "—".to_owned() } else { format!("{}天", line.warranty_days) };
    Row::new([
        Cell::value(&name("number"), "", (index + 1).to_string()).centered(),
        Cell::value(&name("name"), "", format!("{}{mark}", line.name)),
        Cell::value(&name("unit"), "", &*line.unit).centered(),
        Cell::value(&name("quantity"), "", text::quantity(line.quantity_milli)).right(),
        Cell::value(&name("material"), "", material).right(),
        Cell::value(&name("labour"), "", text::yuan(line.labour)).right(),
        Cell::value(&name("amount"), "", amount).right(),
        Cell::value(&name("tax_rate"), "", text::percent(line.tax_rate_bp)).right(),
        Cell::value(&name("warranty"), "", warranty).right(),
    ])
}
