//! The rows that open every paper of the supplier's own: whose home, which visit, who came.

use super::text;
use super::{Cell, FormTable, Row};
use crate::time::Millis;

/// Which visit a paper belongs to. Empty text leaves a blank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occasion {
    /// 服务单号: the visit's number at the supplier.
    pub visit_number: String,
    /// 热用户, name.
    pub resident: String,
    /// 地址: 小区, 楼, 单元, 号.
    pub address: String,
    /// 服务时间: when the paper was put before the resident.
    pub at: Option<Millis>,
    /// 服务人员, names.
    pub workers: String,
    /// 工作标识牌 number.
    pub badge: String,
}

impl Occasion {
    pub(super) fn table(&self) -> FormTable {
        let at = self.at.map_or_else(String::new, text::minute);
        FormTable {
            caption: String::new(),
            new_page: false,
            columns: vec![1, 1],
            head_rows: 0,
            rows: vec![
                Row::new([
                    Cell::value("visit_number", "服务单号：", &*self.visit_number),
                    Cell::value("at", "服务时间：", at),
                ]),
                Row::new([Cell::value("resident", "热用户：", &*self.resident).across(2)]),
                Row::new([Cell::value("address", "地址：", &*self.address).across(2)]),
                Row::new([
                    Cell::value("workers", "服务人员：", &*self.workers),
                    Cell::value("badge", "工作标识牌编号：", &*self.badge),
                ]),
            ],
        }
    }
}

/// A table of a single column.
pub(super) fn stack(rows: Vec<Row>) -> FormTable {
    FormTable { caption: String::new(), new_page: false, columns: vec![1], head_rows: 0, rows }
}

/// The row where the resident signs.
pub(super) fn signature_row(label: &str) -> Row {
    Row::new([Cell::signature("signature", label)]).at_least(18)
}
