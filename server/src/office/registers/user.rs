//! Office users: who may log in, and as what. Their password hashes lie in the vault, never in the log.

use nuanfang_core::domain::office_event::{UserAdded, UserDisabled};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::uuid;
use crate::office::role::Role;
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// A login name's length in characters.
pub const LOGIN_LENGTH: std::ops::RangeInclusive<usize> = 2..=40;

/// An office user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficeUser {
    /// Its id: stands as the actor in the office's log.
    pub id: Uuid,
    /// Login name.
    pub login: String,
    /// Name.
    pub name: String,
    /// What the user is.
    pub role: Role,
    /// May not log in any more.
    pub disabled: bool,
}

/// Writes what `office.user_added` says: a new user, or another role or name of one that is there.
pub fn added(writing: &Writing<'_>, user: &UserAdded) -> Result<(), StoreError> {
    writing
        .tx
        .prepare_cached(
            "INSERT INTO office_user (id, login, name, role) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET login = excluded.login, name = excluded.name, role = excluded.role",
        )?
        .execute(params![user.user.0.as_bytes(), user.login, user.name, user.role])?;
    Ok(())
}

/// Writes what `office.user_disabled` says.
pub fn disabled(writing: &Writing<'_>, user: &UserDisabled) -> Result<(), StoreError> {
    writing
        .tx
        .prepare_cached("UPDATE office_user SET disabled = 1 WHERE id = ?1")?
        .execute([user.user.0.as_bytes()])?;
    Ok(())
}

/// Reads a login name for a new user: lower case, a–z, 0–9, . - _
///
/// # Errors
/// What it has to be, in Chinese.
pub fn login(text: &str) -> Result<String, &'static str> {
    let login = text.trim().to_lowercase();
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    if LOGIN_LENGTH.contains(&login.len()) && login.chars().all(good) {
        Ok(login)
    } else {
        Err("用户名须为 2 至 40 个小写字母、数字或 . - _")
    }
}

const SELECT: &str = "SELECT id, login, name, role, disabled FROM office_user";

fn read(row: &Row<'_>) -> rusqlite::Result<Option<OfficeUser>> {
    let role: String = row.get(3)?;
    // A role that this version does not know is no role: deny by default.
    let Ok(role) = role.parse() else { return Ok(None) };
    Ok(Some(OfficeUser { id: uuid(row, 0)?, login: row.get(1)?, name: row.get(2)?, role, disabled: row.get(4)? }))
}

/// One user by id.
pub fn find(db: &Connection, id: Uuid) -> Result<Option<OfficeUser>, StoreError> {
    let mut query = db.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
    Ok(query.query_row([id.as_bytes()], read).optional()?.flatten())
}

/// One user by login name.
pub fn find_by_login(db: &Connection, login: &str) -> Result<Option<OfficeUser>, StoreError> {
    let mut query = db.prepare_cached(&format!("{SELECT} WHERE login = ?1"))?;
    Ok(query.query_row([login], read).optional()?.flatten())
}

/// All users, by login name.
pub fn all(db: &Connection) -> Result<Vec<OfficeUser>, StoreError> {
    let mut query = db.prepare_cached(&format!("{SELECT} ORDER BY login"))?;
    let users: Vec<Option<OfficeUser>> = query.query_map([], read)?.collect::<Result<_, _>>()?;
    Ok(users.into_iter().flatten().collect())
}
