//! 拒签情况记录: what was put before the resident, word for word, why it was not signed, and who or what bears witness.
//! A forced signature is worse than a recorded refusal (DOMAIN §3, Q34).

use super::occasion::{Occasion, stack};
use super::{Cell, CellKind, PrintedForm, Row};

/// A refusal to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalNote {
    /// The visit.
    pub occasion: Occasion,
    /// The form that was shown and not signed.
    pub shown: PrintedForm,
    /// 拒签原因, in the worker's words.
    pub reason: String,
    /// Who saw it; empty when nobody did.
    pub witness: String,
    /// How many photos stand for the signature.
    pub photos: u32,
}

/// What stands where the signature would.
const UNSIGNED: &str = "（热用户拒绝签字）";

impl RefusalNote {
    /// The note filled in: the refusal first, then the form as it was shown.
    pub fn print(&self) -> PrintedForm {
        let mut tables = vec![
            self.occasion.table(),
            stack(vec![
                Row::new([Cell::value("refusal.title", "未签字的表单：", &*self.shown.title)]),
                Row::new([Cell::value("refusal.reason", "拒签原因：", &*self.reason)]).at_least(14),
                Row::new([Cell::value("refusal.witness", "见证人：", &*self.witness)]),
                Row::new([Cell::value("refusal.photos", "现场照片：", format!("{}张", self.photos))]),
            ]),
        ];
        let mut shown = self.shown.tables.clone();
        for cell in shown.iter_mut().flat_map(|table| &mut table.rows).flat_map(|row| &mut row.cells) {
            if cell.kind == CellKind::Signature {
                cell.text = UNSIGNED.into();
            }
            if !cell.name.is_empty() {
                cell.name.insert_str(0, "shown.");
            }
        }
        if let Some(first) = shown.first_mut() {
            first.caption = format!("向热用户出示的内容：{}{}", self.shown.source, self.shown.title);
        }
        tables.extend(shown);
        PrintedForm {
            template: "refusal_note".into(),
            version: 1,
            source: String::new(),
            title: "拒签情况记录".into(),
            tables,
            notes: self.shown.notes.clone(),
        }
    }
}
