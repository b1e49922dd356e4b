//! The company's settings, and what follows from them for every phone: who the supplier is, the rules in force, the
//! sentences residents sign under.

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::office_event::{Setting, SettingsChanged};
use nuanfang_core::wire::feed::COMPANY as COMPANY_SCOPE;
use nuanfang_core::wire::feed_entity::{COMPANY, CompanyEntity, RULES, RulesEntity, STATEMENT, StatementEntity};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::rules;
use crate::office::feed;
use crate::office::log::Logged;
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// The supplier's name, as shown at a door.
pub const SUPPLIER_NAME: &str = "supplier.name";
/// The supplier's service telephone.
pub const SUPPLIER_PHONE: &str = "supplier.phone";
/// The rules bundle in force, by content address.
pub const RULES_IN_FORCE: &str = "rules.in_force";

/// After how many hours a phone that holds evidence and does not come is alarmed about (F.13).
pub const SILENCE_HOURS: &str = "phone.silence_hours";
/// The same where nothing is set.
pub const SILENCE_HOURS_DEFAULT: i64 = 24;

/// After how long a phone that holds evidence and does not come is alarmed about, milliseconds.
pub fn silence_ms(db: &Connection) -> Result<i64, StoreError> {
    let hours = get(db, SILENCE_HOURS)?.and_then(|hours| hours.parse().ok()).filter(|hours| *hours > 0);
    Ok(hours.unwrap_or(SILENCE_HOURS_DEFAULT).saturating_mul(3_600_000))
}

/// For how many days a dismissed phone hands in what counts as any other's; what it brings later is kept apart.
pub const HAND_IN_DAYS: &str = "phone.hand_in_days";
/// What is set at a server's first start.
pub const HAND_IN_DAYS_FIRST: &str = "30";

/// For how long after its dismissal what a phone hands in counts as any other's, milliseconds. None where the log does not
/// say so yet: what came before it did is judged as it was then, however late a newer build folds it.
pub fn hand_in_ms(db: &Connection) -> Result<Option<i64>, StoreError> {
    let days: Option<i64> = get(db, HAND_IN_DAYS)?.and_then(|days| days.parse().ok());
    Ok(days.map(|days| days.saturating_mul(24 * 3_600_000)))
}

/// For how many days an envelope of any kind is kept at least, from its receipt on.
pub const RETAIN_DAYS: &str = "retain_days";
/// The same for one kind: `retain_days.visit.signed`.
pub const RETAIN_DAYS_OF: &str = "retain_days.";
/// A dwelling that may not be erased, and why: `legal_hold.<household>`; empty once it is lifted.
pub const LEGAL_HOLD: &str = "legal_hold.";

/// For how many days an envelope of `kind` is kept at least.
pub fn retain_days(db: &Connection, kind: &str) -> Result<i64, StoreError> {
    let days = match get(db, &format!("{RETAIN_DAYS_OF}{kind}"))? {
        Some(days) => Some(days),
        None => get(db, RETAIN_DAYS)?,
    };
    Ok(days.and_then(|days| days.parse().ok()).unwrap_or(0))
}

/// Why the household may not be erased, if somebody said so.
pub fn legal_hold(db: &Connection, household: Uuid) -> Result<Option<String>, StoreError> {
    Ok(get(db, &format!("{LEGAL_HOLD}{household}"))?.filter(|reason| !reason.is_empty()))
}

/// The value of a setting.
pub fn get(db: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    let mut query = db.prepare_cached("SELECT v FROM setting WHERE k = ?1")?;
    Ok(query.query_row([key], |row| row.get(0)).optional()?)
}

/// All settings, by name.
pub fn all(db: &Connection) -> Result<Vec<(String, String)>, StoreError> {
    let mut query = db.prepare_cached("SELECT k, v FROM setting ORDER BY k")?;
    Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// A setting with its new value.
pub fn to(key: &str, value: impl Into<String>) -> Setting {
    Setting { key: key.to_owned(), value: value.into() }
}

/// Settings changed.
pub fn changed(writing: &mut Writing<'_>, logged: &Logged, changed: &SettingsChanged) -> Result<(), StoreError> {
    for setting in &changed.changes {
        writing
            .tx
            .prepare_cached(
                "INSERT INTO setting (k, v, g) VALUES (?1, ?2, ?3)
                 ON CONFLICT (k) DO UPDATE SET v = excluded.v, g = excluded.g",
            )?
            .execute(params![setting.key, setting.value, logged.g as i64])?;
    }
    let touches = |key: &str| changed.changes.iter().any(|setting| setting.key == key);
    if touches(SUPPLIER_NAME) || touches(SUPPLIER_PHONE) {
        tell_company(writing)?;
    }
    if touches(RULES_IN_FORCE) {
        tell_rules(writing)?;
    }
    Ok(())
}

fn tell_company(writing: &mut Writing<'_>) -> Result<(), StoreError> {
    let supplier = writing.keys.supplier.id.to_string();
    let entity = CompanyEntity {
        name: get(writing.tx, SUPPLIER_NAME)?.unwrap_or_else(|| writing.keys.supplier.name.clone()),
        phone: get(writing.tx, SUPPLIER_PHONE)?.unwrap_or_default(),
        fingerprint: writing.keys.fingerprint(),
        supplier,
    };
    let id = entity.supplier.clone();
    feed::put(writing, COMPANY_SCOPE, COMPANY, &id, &entity)
}

/// Puts the bundle in force, whole, and its statements. A bundle that this build does not hold is not told.
fn tell_rules(writing: &mut Writing<'_>) -> Result<(), StoreError> {
    let named = get(writing.tx, RULES_IN_FORCE)?.and_then(|text| text.parse::<Sha>().ok());
    let Some(sha) = named.filter(|sha| rules::book().knows(sha)) else { return Ok(()) };
    let book = rules::book();
    let bundle = book.get(&sha);
    let text = String::from_utf8(bundle.bytes().to_vec()).map_err(|error| StoreError::Damaged(error.to_string()))?;
    let raw = RawValue::from_string(text).map_err(|error| StoreError::Damaged(error.to_string()))?;
    let entity = RulesEntity { sha, standard_version: bundle.limits.standard.clone(), bundle: Some(raw) };
    feed::put(writing, COMPANY_SCOPE, RULES, &sha.to_string(), &entity)?;
    for statement in &bundle.statements {
        for (language, text) in [("zh-CN", &statement.zh), ("en", &statement.en)] {
            let id = format!("{}@{}/{language}", statement.id, statement.version);
            let entity = StatementEntity {
                id: statement.id.clone(),
                version: statement.version.clone(),
                language: language.to_owned(),
                text: text.clone(),
            };
            feed::put(writing, COMPANY_SCOPE, STATEMENT, &id, &entity)?;
        }
    }
    Ok(())
}
