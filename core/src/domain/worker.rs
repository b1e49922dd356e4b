//! 服务人员: who may be sent (6.1; N14): a valid badge, at least 24 hours of training before the season, theory and
//! practice passed.

use serde::{Deserialize, Serialize};

use super::rules::Rules;
use crate::error::Refusal;
use crate::time::Millis;

/// What the register says of a worker's right to work.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Qualification {
    /// 工作标识牌编号.
    pub badge_number: String,
    /// Last local date on which the badge holds: `2027-03-31`.
    pub badge_valid_until: String,
    /// 学时 before the season, in tenths of an hour as given.
    pub pre_season_deci_hours: u32,
    /// 理论考试.
    pub theory_passed: bool,
    /// 实操考核.
    pub practical_passed: bool,
}

impl Qualification {
    /// Everything that forbids to send this worker at `now`; empty = may go. The dispatcher's gate and the worker's.
    pub fn gaps(&self, rules: &Rules, now: Millis) -> Vec<Refusal> {
        let mut gaps = Vec::new();
        let today = local_date(now);
        if self.badge_number.trim().is_empty() || self.badge_valid_until.as_str() < today.as_str() {
            gaps.push(Refusal::new(
                "worker.badge_invalid",
                "F.4",
                format!("工作标识牌无效或已过期（有效期至 {}），请联系管理员换发", self.badge_valid_until),
                format!("the badge is not valid (until {}): have it renewed", self.badge_valid_until),
            ));
        }
        let needed = rules.limits.pre_season_deci_hours;
        if self.pre_season_deci_hours < needed {
            gaps.push(Refusal::new(
                "worker.training_short",
                "6.1.2",
                format!("供暖季前培训不足 {} 学时，完成培训后才能派工", needed / 10),
                format!("less than {} hours of training before the season", needed / 10),
            ));
        }
        if !self.theory_passed {
            gaps.push(Refusal::new(
                "worker.theory_missing",
                "6.1.2",
                "理论考试未通过，不能派工",
                "theory exam not passed",
            ));
        }
        if !self.practical_passed {
            gaps.push(Refusal::new(
                "worker.practical_missing",
                "6.1.2",
                "实操考核未通过，不能派工",
                "practical test not passed",
            ));
        }
        gaps
    }
}

/// The date in Beijing: `2026-11-23`.
pub fn local_date(at: Millis) -> String {
    at.local().format("%Y-%m-%d").to_string()
}
