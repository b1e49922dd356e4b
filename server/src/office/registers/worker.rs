//! 服务人员: badge, training, skills (6.1).

use nuanfang_core::domain::worker::Qualification;
use nuanfang_core::id::WorkerId;
use nuanfang_core::wire::feed::worker_scope;
use nuanfang_core::wire::feed_entity::{self, WorkerEntity};
use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;
use uuid::Uuid;

use super::{damaged, fields, upsert, uuid};
use crate::office::feed;
use crate::office::import::Row;
use crate::store::StoreError;
use crate::store::sqlite::writing::Writing;

/// A worker as the register has him.
#[derive(Debug, Clone, Deserialize)]
pub struct RegisteredWorker {
    /// Who.
    #[serde(skip)]
    pub id: Uuid,
    /// 工牌编号.
    pub badge_number: String,
    /// 姓名.
    pub name: String,
    /// 单位.
    pub employer: Option<String>,
    /// 部门.
    pub department: Option<String>,
    /// 维修员, 测温员, 巡检员.
    pub skills: Vec<String>,
    /// 季前培训学时, tenths.
    pub preseason_deci_hours: u32,
    /// 理论考试合格.
    pub theory_passed: bool,
    /// 实操考核合格.
    pub practical_passed: bool,
    /// 工牌有效期至, local date.
    pub badge_valid_until: String,
    /// 供热管家小区.
    pub steward_of: Option<String>,
}

impl RegisteredWorker {
    /// What the gate on dispatch asks (6.1.2).
    pub fn qualification(&self) -> Qualification {
        Qualification {
            badge_number: self.badge_number.clone(),
            badge_valid_until: self.badge_valid_until.clone(),
            pre_season_deci_hours: self.preseason_deci_hours,
            theory_passed: self.theory_passed,
            practical_passed: self.practical_passed,
        }
    }

    fn entity(&self) -> WorkerEntity {
        WorkerEntity {
            id: WorkerId(self.id),
            name: self.name.clone(),
            badge_number: self.badge_number.clone(),
            badge_valid_until: self.badge_valid_until.clone(),
            employer: self.employer.clone(),
            department: self.department.clone(),
            skills: self.skills.clone(),
            preseason_deci_hours: self.preseason_deci_hours,
            theory_passed: self.theory_passed,
            practical_passed: self.practical_passed,
        }
    }
}

/// Writes an imported row and tells the worker's phones.
pub fn write(writing: &mut Writing<'_>, row: &Row) -> Result<(), StoreError> {
    let mut worker: RegisteredWorker = fields(row)?;
    worker.id = row.id;
    upsert(
        writing,
        "INSERT OR REPLACE INTO worker (id, badge_number, name, row, row_sha) VALUES (?1, ?2, ?3, ?4, ?5)",
        row,
        [&worker.badge_number, &worker.name],
    )?;
    feed::put(writing, &worker_scope(row.id), feed_entity::WORKER, &row.id.to_string(), &worker.entity())
}

fn read(id: Uuid, row: &str) -> Result<RegisteredWorker, StoreError> {
    let mut worker: RegisteredWorker = serde_json::from_str(row).map_err(damaged)?;
    worker.id = id;
    Ok(worker)
}

/// One worker.
pub fn find(db: &Connection, id: WorkerId) -> Result<Option<RegisteredWorker>, StoreError> {
    let row: Option<String> = db
        .prepare_cached("SELECT row FROM worker WHERE id = ?1")?
        .query_row([id.0.as_bytes()], |row| row.get(0))
        .optional()?;
    row.map(|row| read(id.0, &row)).transpose()
}

/// The worker with this badge number, or with this name where only one has it.
pub fn find_by_badge(db: &Connection, text: &str) -> Result<Option<RegisteredWorker>, StoreError> {
    let all = all(db)?;
    if let Some(found) = all.iter().find(|worker| worker.badge_number == text || worker.id.to_string() == text) {
        return Ok(Some(found.clone()));
    }
    let mut named = all.into_iter().filter(|worker| worker.name == text);
    Ok(named.next().filter(|_| named.next().is_none()))
}

/// All workers, by badge number.
pub fn all(db: &Connection) -> Result<Vec<RegisteredWorker>, StoreError> {
    let mut query = db.prepare_cached("SELECT id, row FROM worker ORDER BY badge_number")?;
    let mut rows = query.query([])?;
    let mut workers = Vec::new();
    while let Some(row) = rows.next()? {
        workers.push(read(uuid(row, 0)?, row.get_ref(1)?.as_str().map_err(damaged)?)?);
    }
    Ok(workers)
}
