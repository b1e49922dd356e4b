//! 易损物件施工确认单 (F.9): what may be damaged by the work, told before it begins, and the resident's consent.

use super::occasion::{Occasion, signature_row, stack};
use super::{Cell, PrintedForm, Row};

/// A consent to work on something fragile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentForm {
    /// The visit.
    pub occasion: Occasion,
    /// 物件: what may be damaged.
    pub object: String,
    /// What may happen.
    pub risk: String,
    /// The work that endangers it.
    pub work: String,
    /// How many photos of it were taken before.
    pub photos_before: u32,
}

impl ConsentForm {
    /// The form filled in.
    pub fn print(&self) -> PrintedForm {
        PrintedForm {
            template: "consent".into(),
            version: 1,
            source: String::new(),
            title: "易损物件施工确认单".into(),
            tables: vec![
                self.occasion.table(),
                stack(vec![
                    Row::new([Cell::value("object", "可能损坏的物件：", &*self.object)]),
                    Row::new([Cell::value("work", "拟进行的操作：", &*self.work)]),
                    Row::new([Cell::value("risk", "可能发生的情况：", &*self.risk)]).at_least(14),
                    Row::new([Cell::value("photos_before", "操作前照片：", format!("{}张", self.photos_before))]),
                    signature_row("热用户确认签字："),
                ]),
            ],
            notes: vec!["注：未经热用户确认，不进行上述操作。".into()],
        }
    }
}
