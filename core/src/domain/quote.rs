//! 报价: what a repair costs, frozen when it is shown (F.9, F.10). Integer fen, prices with tax inside.

use serde::{Deserialize, Serialize};

use super::units::Fen;
use crate::canon::hash::Sha;

/// One line of a quote, a frozen copy of the price list's item with its quantity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct QuoteLine {
    /// Its name within the visit, kept through all revisions: `L1`.
    pub line: String,
    /// The price list's code.
    pub code: String,
    /// 维修项目.
    pub name: String,
    /// 单位: 个, 处, 次, 组, 米.
    pub unit: String,
    /// 数量, in thousandths of the unit.
    pub quantity_milli: i64,
    /// Material for one unit.
    pub material: Fen,
    /// Labour for one unit; may be 0 where only material is charged.
    pub labour: Fen,
    /// What the resident pays for this line, tax inside. 0 = 无偿.
    pub amount: Fen,
    /// Tax rate in hundredths of a percent: 900 = 9 %.
    pub tax_rate_bp: u32,
    /// The tax inside `amount`.
    pub tax: Fen,
    /// 无偿: shared fixture, warranty or the company's own rule; `amount` is 0.
    pub free: bool,
    /// The resident brings the material himself.
    pub own_material: bool,
    /// 保修, days; 0 = none promised.
    pub warranty_days: u32,
}

/// A quote as shown: what the signature covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct QuoteShown {
    /// 1 for the first, rising with every change.
    pub revision: u32,
    /// The frozen lines.
    pub lines: Vec<QuoteLine>,
    /// The price list's content address.
    pub price_list: Sha,
    /// Its version as printed.
    pub price_list_version: String,
    /// Sum of the lines' amounts.
    pub total: Fen,
    /// Sum of the lines' tax, inside `total`.
    pub tax: Fen,
    /// 预计维修时间, minutes of work, as told before it begins (5.5.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_minutes: Option<u32>,
    /// Why it differs from the revision before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
}
