//! One cell into a value of its column, or what is wrong with it.

use std::borrow::Cow;

use calamine::DataRef;
use chrono::NaiveDate;
use nuanfang_core::forms::{missing_glyphs, normalise_text};
use serde_json::Value;

use super::fault::Fault;
use crate::office::ledger::{Cell, Column};

/// What a cell holds: the value for the row, `None` for an empty one.
pub(super) fn read(column: &Column, data: &DataRef<'_>, formula: bool) -> Result<Option<Value>, Fault> {
    if formula {
        return Err(Fault::Formula);
    }
    match data {
        DataRef::Empty => return Ok(None),
        DataRef::Error(_) => return Err(Fault::ErrorValue),
        DataRef::String(text) if text.trim().is_empty() => return Ok(None),
        DataRef::SharedString(text) if text.trim().is_empty() => return Ok(None),
        _ => {}
    }
    let value = match column.cell {
        Cell::Decimal { places, min, max } => Value::from(decimal(data, places, min, max)?),
        Cell::Day => Value::from(day(data)?),
        Cell::YesNo => Value::from(yes_no(data)?),
        Cell::Text(limit) => Value::from(limited(text(data)?, limit)?),
        Cell::Known(_) => Value::from(limited(text(data)?, 40)?),
        Cell::OneOf(list) => {
            let text = text(data)?;
            if !list.contains(&text.as_str()) {
                return Err(Fault::NotListed(list.join("、")));
            }
            Value::from(text)
        }
        Cell::SeveralOf(list) => {
            let text = text(data)?;
            let parts: Vec<&str> = text
                .split(|c: char| c.is_whitespace() || matches!(c, '、' | ',' | '，' | ';' | '；' | '/'))
                .filter(|part| !part.is_empty())
                .collect();
            if parts.iter().any(|part| !list.contains(part)) {
                return Err(Fault::NotListed(list.join("、")));
            }
            Value::from(
                list.iter().filter(|known| parts.contains(known)).map(|known| Value::from(*known)).collect::<Vec<_>>(),
            )
        }
    };
    Ok(Some(value))
}

/// What stands in a cell, as a person reads it.
pub(super) fn shown<'a>(data: &'a DataRef<'_>) -> Cow<'a, str> {
    match data {
        DataRef::Empty => Cow::Borrowed(""),
        DataRef::String(text) => Cow::Borrowed(text),
        DataRef::SharedString(text) => Cow::Borrowed(text),
        DataRef::Int(number) => Cow::Owned(number.to_string()),
        DataRef::Float(number) => Cow::Owned(number.to_string()),
        DataRef::Bool(truth) => Cow::Borrowed(if *truth { "TRUE" } else { "FALSE" }),
        DataRef::DateTime(at) => {
            let (year, month, day, ..) = at.to_ymd_hms_milli();
            Cow::Owned(format!("{year:04}-{month:02}-{day:02}"))
        }
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cow::Borrowed(text),
        DataRef::Error(error) => Cow::Owned(error.to_string()),
    }
}

/// Text as it is kept: NFC, private-use characters of old systems replaced, no character that can't be printed.
fn text(data: &DataRef<'_>) -> Result<String, Fault> {
    let shown = match data {
        DataRef::Float(number) if number.abs() >= 1e15 => return Err(Fault::DigitsLost),
        DataRef::Int(number) if number.unsigned_abs() >= 1_000_000_000_000_000 => return Err(Fault::DigitsLost),
        _ => shown(data),
    };
    let trimmed = shown.trim();
    if trimmed.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Ok(trimmed.to_owned());
    }
    let text = normalise_text(trimmed).replace('\n', " ");
    let missing = missing_glyphs(&text);
    if missing.is_empty() {
        Ok(text)
    } else {
        let named: Vec<String> = missing.iter().map(|c| format!("{c}（U+{:04X}）", u32::from(*c))).collect();
        Err(Fault::NoGlyph(named.join("、")))
    }
}

fn limited(text: String, limit: usize) -> Result<String, Fault> {
    if text.chars().count() > limit { Err(Fault::TooLong(limit)) } else { Ok(text) }
}

/// A number × 10^places as an integer. Spreadsheets hold binary fractions: what lies closer to a whole number than
/// any digit a person can type is that number.
fn decimal(data: &DataRef<'_>, places: u32, min: i64, max: i64) -> Result<i64, Fault> {
    let number = match data {
        DataRef::Float(number) => *number,
        DataRef::Int(number) => *number as f64,
        _ => return Err(Fault::NotNumber),
    };
    let scale = 10f64.powi(places as i32);
    let scaled = number * scale;
    if !scaled.is_finite() || scaled.abs() > 9e15 || (scaled.round() as i64) < min || (scaled.round() as i64) > max {
        return Err(Fault::OutOfRange(plain(min, places), plain(max, places)));
    }
    if (scaled - scaled.round()).abs() > 1e-4 {
        return Err(Fault::TooPrecise(places));
    }
    Ok(scaled.round() as i64)
}

/// An integer × 10^-places as people write it.
pub fn plain(value: i64, places: u32) -> String {
    if places == 0 {
        return value.to_string();
    }
    let scale = 10u64.pow(places);
    let (whole, part) = (value.unsigned_abs() / scale, value.unsigned_abs() % scale);
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{part:0width$}", width = places as usize);
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{digits}") }
}

fn day(data: &DataRef<'_>) -> Result<String, Fault> {
    let (year, month, day) = match data {
        DataRef::DateTime(at) if at.is_datetime() => {
            let (year, month, day, ..) = at.to_ymd_hms_milli();
            (i32::from(year), u32::from(month), u32::from(day))
        }
        DataRef::String(_) | DataRef::SharedString(_) | DataRef::DateTimeIso(_) => {
            let shown = shown(data);
            let date = shown.trim().split(['T', ' ']).next().unwrap_or_default();
            let mut parts = date.split(['-', '/', '.', '年', '月', '日']).filter(|part| !part.is_empty());
            let mut next = || parts.next().and_then(|part| part.parse::<u32>().ok()).ok_or(Fault::NotDay);
            let (year, month, day) = (next()?, next()?, next()?);
            if parts.next().is_some() {
                return Err(Fault::NotDay);
            }
            (i32::try_from(year).map_err(|_| Fault::NotDay)?, month, day)
        }
        _ => return Err(Fault::NotDay),
    };
    let date = NaiveDate::from_ymd_opt(year, month, day).filter(|_| (1900..=2200).contains(&year));
    Ok(date.ok_or(Fault::NotDay)?.format("%Y-%m-%d").to_string())
}

fn yes_no(data: &DataRef<'_>) -> Result<bool, Fault> {
    match data {
        DataRef::Bool(truth) => Ok(*truth),
        _ => match shown(data).trim() {
            "是" => Ok(true),
            "否" => Ok(false),
            _ => Err(Fault::NotListed("是、否".into())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::office::ledger::G1_COLUMNS;

    fn column(key: &str) -> &'static Column {
        G1_COLUMNS.iter().find(|column| column.key == key).expect("a column of G.1")
    }

    fn text_cell(key: &str, text: &str) -> Result<Option<Value>, Fault> {
        read(column(key), &DataRef::String(text.into()), false)
    }

    #[test]
    fn numbers_become_integers_of_their_unit() {
        let read = |number| read(column("floor_area_centi_m2"), &DataRef::Float(number), false);
        assert_eq!(read(89.35), Ok(Some(Value::from(8935))));
        assert_eq!(read(0.1 + 0.2), Ok(Some(Value::from(30))));
        assert_eq!(read(89.355), Err(Fault::TooPrecise(2)));
        assert!(matches!(read(-1.0), Err(Fault::OutOfRange(..))));
        assert!(matches!(read(f64::NAN), Err(Fault::OutOfRange(..))));
        assert_eq!(text_cell("floor_area_centi_m2", "89.35"), Err(Fault::NotNumber));
    }

    #[test]
    fn days_are_read_in_the_ways_people_write_them() {
        for text in ["2026-11-15", "2026/11/15", "2026.11.15", "2026年11月15日", " 2026-11-15T00:00:00 "] {
            assert_eq!(text_cell("lease_start", text), Ok(Some(Value::from("2026-11-15"))), "{text}");
        }
        for text in ["2026-02-30", "15.11.2026", "next week", "2026-11-15-1"] {
            assert_eq!(text_cell("lease_start", text), Err(Fault::NotDay), "{text}");
        }
    }

    #[test]
    fn text_keeps_rare_characters_maps_old_ones_and_names_what_no_font_has() {
        assert_eq!(text_cell("owner_name", " 䶮㛃𠮷 "), Ok(Some(Value::from("䶮㛃𠮷"))));
        assert_eq!(text_cell("owner_name", "王\u{E863}"), Ok(Some(Value::from("王䶮"))));
        assert!(matches!(text_cell("owner_name", "王\u{F0000}"), Err(Fault::NoGlyph(_))));
        assert_eq!(read(column("room"), &DataRef::Float(101.0), false), Ok(Some(Value::from("101"))));
        assert_eq!(
            read(column("owner_id_number"), &DataRef::Float(110_101_199_001_011_234.0), false),
            Err(Fault::DigitsLost)
        );
    }

    #[test]
    fn formulas_and_unlisted_values_are_refused() {
        assert_eq!(read(column("room"), &DataRef::Float(1.0), true), Err(Fault::Formula));
        assert!(matches!(text_cell("premises_kind", "公寓"), Err(Fault::NotListed(_))));
        assert_eq!(text_cell("efficiency_grade", "四步节能"), Ok(Some(Value::from("四步节能"))));
    }

    #[test]
    fn plain_writes_what_decimal_read() {
        assert_eq!(plain(8935, 2), "89.35");
        assert_eq!(plain(-5, 1), "-0.5");
        assert_eq!(plain(1_163_974_567, 7), "116.3974567");
        assert_eq!(plain(200, 2), "2");
    }
}
