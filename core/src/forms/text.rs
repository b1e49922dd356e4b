//! How dates, money and counts are written on paper.

use crate::domain::units::Fen;
use crate::time::Millis;
use chrono::{Datelike, Timelike};

/// `2026年1月15日10时05分`, Beijing time.
pub(super) fn minute(at: Millis) -> String {
    let at = at.local();
    format!("{}年{}月{}日{}时{:02}分", at.year(), at.month(), at.day(), at.hour(), at.minute())
}

/// A local date `2026-09-01` as `2026年9月1日`; any other text as it is.
pub(super) fn date(text: &str) -> String {
    match chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(date) => format!("{}年{}月{}日", date.year(), date.month(), date.day()),
        Err(_) => text.into(),
    }
}

/// Minutes of work: `40分钟`, `2小时`, `1小时30分钟`.
pub(super) fn duration(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}分钟"),
        (hours, 0) => format!("{hours}小时"),
        (hours, minutes) => format!("{hours}小时{minutes}分钟"),
    }
}

/// `1,234.50`.
pub(super) fn yuan(amount: Fen) -> String {
    let plain = amount.to_string();
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
    let (whole, cents) = digits.split_once('.').unwrap_or((digits, "00"));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}.{cents}")
}

const DIGITS: [char; 10] = ['零', '壹', '贰', '叁', '肆', '伍', '陆', '柒', '捌', '玖'];

/// Money in words that cannot be altered by a stroke: `壹仟贰佰叁拾肆元伍角整` (支付结算办法, annex 1).
pub(super) fn yuan_in_words(amount: Fen) -> String {
    let whole = amount.0.unsigned_abs();
    let (yuan, jiao, fen) = (whole / 100, whole / 10 % 10, whole % 10);
    let mut words = String::from(if amount.0 < 0 { "负" } else { "" });
    if yuan > 0 || whole == 0 {
        words += &integer_in_words(yuan);
        words.push('元');
    }
    match (jiao, fen) {
        (0, 0) => words.push('整'),
        (jiao, 0) => {
            words.push(DIGITS[jiao as usize]);
            words += "角整";
        }
        (0, fen) => {
            if yuan > 0 {
                words.push('零');
            }
            words.push(DIGITS[fen as usize]);
            words.push('分');
        }
        (jiao, fen) => {
            words.push(DIGITS[jiao as usize]);
            words.push('角');
            words.push(DIGITS[fen as usize]);
            words.push('分');
        }
    }
    words
}

fn integer_in_words(value: u64) -> String {
    if value == 0 {
        return "零".into();
    }
    let mut words = String::new();
    let mut gap = false;
    // Groups of four digits: 兆 (10¹²) … nothing. Above 10¹⁶ yuan the highest group simply has more digits.
    let groups = [(1_000_000_000_000, "兆"), (100_000_000, "亿"), (10_000, "万"), (1, "")];
    let mut rest = value;
    for (size, unit) in groups {
        let group = rest / size;
        rest %= size;
        if group == 0 {
            gap = !words.is_empty();
            continue;
        }
        if !words.is_empty() && (gap || group < 1000) {
            words.push('零');
        }
        words += &four_digits(group);
        words += unit;
        gap = false;
    }
    words
}

fn four_digits(value: u64) -> String {
    let mut words = String::new();
    let mut zero = false;
    let mut rest = value;
    for (size, unit) in [(1000, "仟"), (100, "佰"), (10, "拾"), (1, "")] {
        let digit = rest / size;
        rest %= size;
        if digit == 0 {
            zero = !words.is_empty();
            continue;
        }
        if zero {
            words.push('零');
            zero = false;
        }
        // A highest group of five or more digits is written digit by digit; nobody pays that.
        for figure in digit.to_string().bytes() {
            words.push(DIGITS[(figure - b'0') as usize]);
        }
        words += unit;
    }
    words
}

/// A quantity in thousandths: `1`, `2.5`.
pub(super) fn quantity(milli: i64) -> String {
    let sign = if milli < 0 { "-" } else { "" };
    let whole = milli.unsigned_abs();
    let text = format!("{sign}{}.{:03}", whole / 1000, whole % 1000);
    text.trim_end_matches('0').trim_end_matches('.').into()
}

/// A tax rate in hundredths of a percent: `9%`, `0.5%`.
pub(super) fn percent(basis_points: u32) -> String {
    let text = format!("{}.{:02}", basis_points / 100, basis_points % 100);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_written_in_hours() {
        for (minutes, words) in [(40, "40分钟"), (60, "1小时"), (90, "1小时30分钟"), (600, "10小时")] {
            assert_eq!(duration(minutes), words);
        }
    }

    #[test]
    #[allow(clippy::inconsistent_digit_grouping, reason = "yuan_fen")]
    fn money_is_written_in_figures_and_in_words() {
        for (fen, figures, words) in [
            (0, "0.00", "零元整"),
            (5, "0.05", "伍分"),
            (50, "0.50", "伍角整"),
            (1_05, "1.05", "壹元零伍分"),
            (12_30, "12.30", "壹拾贰元叁角整"),
            (1_234_56, "1,234.56", "壹仟贰佰叁拾肆元伍角陆分"),
            (10_000_00, "10,000.00", "壹万元整"),
            (10_001_00, "10,001.00", "壹万零壹元整"),
            (100_200_00, "100,200.00", "壹拾万零贰佰元整"),
            (1_000_010_00, "1,000,010.00", "壹佰万零壹拾元整"),
            (105_000_00, "105,000.00", "壹拾万伍仟元整"),
            (20_050_000_000_00, "20,050,000,000.00", "贰佰亿伍仟万元整"),
            (-3_00, "-3.00", "负叁元整"),
        ] {
            assert_eq!(yuan(Fen(fen)), figures);
            assert_eq!(yuan_in_words(Fen(fen)), words);
        }
        yuan_in_words(Fen(i64::MIN));
        yuan_in_words(Fen(i64::MAX));
    }

    #[test]
    fn counts_and_rates_carry_no_idle_zeros() {
        assert_eq!([1000, 2500, 1, -500, 0].map(quantity), ["1", "2.5", "0.001", "-0.5", "0"]);
        assert_eq!([900, 1300, 50, 0].map(percent), ["9%", "13%", "0.5%", "0%"]);
        assert_eq!(date("2026-09-01"), "2026年9月1日");
        assert_eq!(date("上月"), "上月");
        assert_eq!(minute(Millis(1_768_442_700_000)), "2026年1月15日10时05分");
    }
}
