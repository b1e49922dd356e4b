//! 价目表, 服务人员, 测温设备: market figures and people of nobody, all marked 示例 (DOMAIN §11, §12.1, §8.1).

use chrono::{Datelike, Days, NaiveDate};

use super::SUPPLIER;
use super::sheet::Row;

/// The badge of the worker who was never trained: dispatch refuses him (6.1.2).
pub const UNTRAINED_BADGE: &str = "SL-008";

/// The instrument whose verification has run out.
pub const EXPIRED_INSTRUMENT: &str = "SL-CW-06";

/// Code, 维修项目, 单位, material and labour in fen, days of warranty, 备注. A line with neither cost is 无偿.
const PRICES: [(&str, &str, &str, i64, i64, i64, &str); 14] = [
    ("JC01", "上门检测", "次", 0, 5_000, 0, "维修后抵扣"),
    ("PQ01", "更换排气阀（铜）", "个", 4_500, 6_000, 180, ""),
    ("WK01", "更换温控阀", "个", 16_000, 9_000, 365, ""),
    ("QF20", "更换入户球阀 DN20", "个", 6_800, 8_000, 365, ""),
    ("QF25", "更换入户球阀 DN25", "个", 8_800, 8_000, 365, ""),
    ("JT01", "更换接头及密封圈", "处", 1_500, 5_000, 180, ""),
    ("GD01", "更换支管（每段）", "段", 9_000, 12_000, 365, "一段不超过1米"),
    ("HB01", "散热器砂眼焊补", "处", 0, 26_000, 90, ""),
    ("SR01", "更换整组散热器（人工）", "组", 0, 42_000, 365, "散热器由用户自购"),
    ("QX01", "清洗散热器", "组", 0, 12_000, 0, ""),
    ("LW01", "清洗暖气滤网", "次", 0, 3_000, 0, ""),
    ("DY01", "打压测试", "次", 0, 15_000, 0, ""),
    ("DN01", "地暖分集水器清洗（按路）", "路", 0, 4_000, 0, ""),
    ("GY01", "共用立管阀门维修", "处", 0, 0, 0, "共用设施，由供热企业承担"),
];

/// The price list in force on `today`.
pub fn prices(today: NaiveDate) -> Vec<Row> {
    let effective = NaiveDate::from_ymd_opt(today.year(), 1, 1).unwrap_or(today);
    let line = |(code, name, unit, material, labour, warranty, note): (&str, &str, &str, i64, i64, i64, &str)| {
        let mut row = Row::default();
        row.text("version", &format!("示例价目-{}", today.year()));
        row.day("issued_on", effective - Days::new(30));
        row.day("effective_from", effective);
        row.text("code", code);
        row.text("name", name);
        row.text("unit", unit);
        row.number("material_fen", material, 2);
        row.number("labour_fen", labour, 2);
        row.text("charging", if material + labour == 0 { "无偿" } else { "有偿" });
        row.number("tax_basis_points", 900, 2);
        row.number("warranty_days", warranty, 0);
        row.text("note", note);
        row
    };
    PRICES.into_iter().map(line).collect()
}

/// Name, skills, 部门, hours before the season, hours of the year.
const WORKERS: [(&str, &str, &str, i64, i64); 8] = [
    ("示例·测温样一", "测温员", "示例测温班", 320, 460),
    ("示例·维修样二", "维修员", "示例维修一班", 280, 440),
    ("示例·巡检样㛃", "巡检员、测温员", "示例巡检班", 260, 410),
    ("示例·维修样四", "维修员、巡检员", "示例维修一班", 240, 400),
    ("示例·测温样五", "测温员", "示例测温班", 305, 320),
    ("示例·全能样䶮", "维修员、测温员、巡检员", "示例应急班", 400, 620),
    ("示例·维修样七", "维修员", "示例维修二班", 250, 405),
    ("示例·新人样八", "维修员", "示例维修二班", 0, 0),
];

/// The badge number of the worker at `place` in the register, counted from 1.
pub fn badge(place: usize) -> String {
    format!("SL-{place:03}")
}

/// The workers as trained on `today`.
pub fn workers(today: NaiveDate) -> Vec<Row> {
    let worker = |(index, (name, skills, department, preseason, year)): (usize, (&str, &str, &str, i64, i64))| {
        let trained = if preseason >= 240 { "是" } else { "否" };
        let mut row = Row::default();
        row.text("badge_number", &badge(index + 1));
        row.text("name", name);
        row.text("employer", SUPPLIER);
        row.text("department", department);
        row.text("skills", skills);
        row.text("phone", &format!("000{:08}", 59_800_001 + index));
        row.number("preseason_deci_hours", preseason, 1);
        row.number("year_deci_hours", year, 1);
        row.text("theory_passed", trained);
        row.text("practical_passed", trained);
        row.day("badge_valid_until", today + Days::new(400));
        row.text("steward_of", if index == 3 { "示例暖阳家园" } else { "" });
        row
    };
    WORKERS.into_iter().enumerate().map(worker).collect()
}

/// The instruments as verified on `today`; the last one's verification has run out.
pub fn instruments(today: NaiveDate) -> Vec<Row> {
    let instrument = |index: usize| {
        let code = format!("SL-CW-{index:02}");
        let verified = today - Days::new(if code == EXPIRED_INSTRUMENT { 420 } else { 40 + 30 * index as u64 });
        let mut row = Row::default();
        row.text("code", &code);
        row.text("model", "示例数字温度计 T-1");
        row.text("certificate_number", &format!("示例检字第{:04}号", 2_600 + index));
        row.text("certificate_body", "示例计量检测所");
        row.day("verified_on", verified);
        row.day("valid_until", verified + Days::new(364));
        row.number("correction_deci_celsius", [0, 1, -1, 0, 2, 0][index - 1], 1);
        row.number("resolution_centi_celsius", 10, 2);
        row
    };
    (1..=6).map(instrument).collect()
}
