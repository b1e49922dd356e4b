//! 维修服务验收单, and 无偿维修单 where nothing is charged (5.5.3, F.11, F.12): what was done, that it works, and that the
//! resident was told. A repair for nothing has a paper too, so that F.12 has something to sign.

use super::occasion::{Occasion, signature_row, stack};
use super::quote::lines_table;
use super::{Cell, PrintedForm, Row};
use crate::domain::quote::QuoteShown;

/// What a repair is accepted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptanceForm {
    /// The visit.
    pub occasion: Occasion,
    /// 热用户描述的问题.
    pub problem: String,
    /// The signed revision of the quote; `None` when nothing was ever quoted (无偿).
    pub quote: Option<QuoteShown>,
    /// 维修内容 and 维修结果 in words.
    pub work: String,
    /// 消耗材料.
    pub materials: String,
    /// 当面演示恢复正常 (F.12).
    pub demonstrated: Option<bool>,
    /// 已说明使用事项.
    pub explained: Option<bool>,
    /// 维修物品擦拭干净，地面清理干净 (F.11).
    pub cleaned: Option<bool>,
    /// 备注.
    pub remark: String,
}

impl AcceptanceForm {
    /// The form filled in.
    pub fn print(&self) -> PrintedForm {
        let free = self.quote.as_ref().is_none_or(|quote| quote.total.0 == 0);
        let mut tables = vec![
            self.occasion.table(),
            stack(vec![
                Row::new([Cell::value("problem", "热用户描述的问题：", &*self.problem)]),
                Row::new([Cell::value("work", "维修内容及结果：", &*self.work)]).at_least(14),
                Row::new([Cell::value("materials", "消耗材料：", &*self.materials)]),
            ]),
        ];
        tables.extend(self.quote.as_ref().map(|quote| lines_table(quote, |_| "")));
        let yes_no = |name, label, said: Option<bool>| {
            Row::new([Cell::choices(name, label, [("是", said == Some(true)), ("否", said == Some(false))])])
        };
        tables.push(stack(vec![
            yes_no("demonstrated", "当面演示，设施恢复正常：", self.demonstrated),
            yes_no("explained", "已说明使用事项：", self.explained),
            yes_no("cleaned", "维修物品、地面等已擦拭清理干净：", self.cleaned),
            Row::new([Cell::value("remark", "备注：", &*self.remark)]),
            signature_row("热用户验收签字："),
        ]));
        let title = if free { "无偿维修单" } else { "维修服务验收单" };
        let note =
            if free { "注：本次维修不收费。" } else { "注：金额含税，凭本单开具发票。" };
        PrintedForm {
            template: "acceptance".into(),
            version: 1,
            source: String::new(),
            title: title.into(),
            tables,
            notes: vec![note.into()],
        }
    }
}
