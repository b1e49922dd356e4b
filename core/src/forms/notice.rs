//! 供暖设施隐患告知书 (5.4): hazards found in the resident's own fixtures, in writing, with a receipt to sign. The
//! receipt says that the notice was received, not that the resident agrees with it.

use super::occasion::{Occasion, signature_row, stack};
use super::text;
use super::{Cell, FormTable, PrintedForm, Row};

/// A notice of hazards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HazardNotice {
    /// The visit.
    pub occasion: Occasion,
    /// The hazards, in the order they were found.
    pub hazards: Vec<HazardLine>,
    /// Who to ask, as printed: telephone and office.
    pub contact: String,
}

/// One hazard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HazardLine {
    /// 部位: the inspection item's label.
    pub place: String,
    /// What is wrong.
    pub description: String,
    /// Level, as in the rules.
    pub level: String,
    /// 整改建议.
    pub advice: String,
    /// 整改期限, local date `2026-11-30`; empty when none is set.
    pub deadline: String,
}

impl HazardNotice {
    /// The notice filled in.
    pub fn print(&self) -> PrintedForm {
        let intro = "尊敬的热用户：经入户巡检，您户内的自用供暖设施存在下列隐患。为保障您和他人的用热安全，\
                     请按整改建议和期限处理；处理前请注意观察，发现渗漏请立即关闭入户阀门并与我们联系。";
        let heads = ["序号", "部位", "隐患描述", "等级", "整改建议", "整改期限"];
        let mut rows = vec![Row::new(heads.map(Cell::heading))];
        rows.extend(self.hazards.iter().enumerate().map(|(index, hazard)| {
            let name = |field: &str| format!("hazards.{index}.{field}");
            Row::new([
                Cell::value(&name("number"), "", (index + 1).to_string()).centered(),
                Cell::value(&name("place"), "", &*hazard.place),
                Cell::value(&name("description"), "", &*hazard.description),
                Cell::value(&name("level"), "", &*hazard.level).centered(),
                Cell::value(&name("advice"), "", &*hazard.advice),
                Cell::value(&name("deadline"), "", text::date(&hazard.deadline)),
            ])
        }));
        let hazards = FormTable {
            caption: String::new(),
            new_page: false,
            columns: vec![14, 24, 47, 15, 45, 31],
            head_rows: 1,
            rows,
        };
        PrintedForm {
            template: "hazard_notice".into(),
            version: 1,
            source: String::new(),
            title: "供暖设施隐患告知书".into(),
            tables: vec![
                self.occasion.table(),
                stack(vec![Row::new([Cell::statement("introduction", intro)])]),
                hazards,
                stack(vec![
                    Row::new([Cell::value("contact", "联系方式：", &*self.contact)]),
                    signature_row("热用户签收："),
                ]),
            ],
            notes: vec!["注：签收仅表示已收到本告知书。".into()],
        }
    }
}
