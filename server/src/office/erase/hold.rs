//! What stands against an erasure: work under way, evidence on its way, a legal hold, a term of retention.

use nuanfang_core::id::HouseholdId;
use nuanfang_core::time::Millis;
use rusqlite::Connection;
use uuid::Uuid;

use super::visits;
use crate::office::project::{erasure, setting};
use crate::office::registers::household;
use crate::store::StoreError;

/// The dwelling with this 交费编号 or id: one in the register, one that only visits name, or one that is erased already.
/// `None` if there is none, or the number is not one dwelling's alone.
pub fn find(db: &Connection, text: &str) -> Result<Option<Uuid>, StoreError> {
    let text = text.trim();
    if let Ok(id) = Uuid::parse_str(text) {
        let known = household::find(db, HouseholdId(id))?.is_some()
            || erasure::erased_at(db, id)?.is_some()
            || db.prepare_cached("SELECT 1 FROM visit WHERE household = ?1")?.exists([id.as_bytes()])?;
        // Nil owns what is the company's.
        return Ok(Some(id).filter(|id| known && !id.is_nil()));
    }
    let mut query = db.prepare_cached("SELECT id FROM household WHERE account = ?1 LIMIT 2")?;
    let found: Vec<Uuid> =
        query.query_map([text], |row| row.get(0).map(Uuid::from_bytes))?.collect::<Result<_, _>>()?;
    Ok(match found.as_slice() {
        [one] => Some(*one),
        _ => None,
    })
}

/// Why the household may not be erased at `now`, in Chinese. Empty: it may.
pub fn holds(db: &Connection, household: Uuid, now: Millis) -> Result<Vec<String>, StoreError> {
    let mut holds = Vec::new();
    if let Some(reason) = setting::legal_hold(db, household)? {
        holds.push(format!("依法保全：{reason}（解除：nuanfang hold {household} --lift）"));
    }
    let open: i64 =
        db.query_row("SELECT count(*) FROM visit WHERE household = ?1 AND open = 1", [household.as_bytes()], |row| {
            row.get(0)
        })?;
    if open > 0 {
        holds.push(format!("还有 {open} 次服务未结束：请先完成或取消"));
    }
    // What is kept apart is held as well: nobody knows yet that it counts.
    let visits: Vec<String> = visits(db, household)?.iter().map(|visit| visit.0.simple().to_string()).collect();
    let visits = serde_json::json!(visits).to_string();
    let owed: i64 = db.query_row(
        "SELECT count(DISTINCT n.sha) FROM json_each(?1) v JOIN envelope e ON e.visit = unhex(v.value)
         JOIN blob_ref r ON r.g = e.g JOIN blob_need n ON n.sha = r.sha JOIN writer w ON w.dev = n.dev
         JOIN device d ON d.id = w.device WHERE d.status <> 'stolen'",
        [&visits],
        |row| row.get(0),
    )?;
    if owed > 0 {
        holds.push(format!("手机上还有 {owed} 个文件未传完：请等待传完；手机已遗失或损坏、不会再来的，请先在调度台“手机”页按“遗失停用”处理，此后它送来的只隔离保存"));
    }
    let mut query = db.prepare(
        "SELECT e.kind, max(e.recv_ms) FROM json_each(?1) v JOIN envelope e ON e.visit = unhex(v.value)
         JOIN body b ON b.g = e.g GROUP BY e.kind ORDER BY e.kind",
    )?;
    let kinds = query.query_map([&visits], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for kind in kinds {
        let (kind, last): (String, i64) = kind?;
        let days = setting::retain_days(db, &kind)?;
        let until = Millis(last.saturating_add(days.saturating_mul(86_400_000)));
        if until > now {
            let day = until.local().format("%Y-%m-%d");
            holds.push(format!("记录“{kind}”须保存 {days} 天，至 {day}"));
        }
    }
    Ok(holds)
}
