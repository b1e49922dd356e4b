//! What a feed carries: the bodies of its entities, each type with the class of personal data in it.
//! Class O and R never travel to a phone; W only while a visit to that household is open.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::canon::hash::Sha;
use crate::id::{HouseholdId, InstrumentId, VisitId, WorkerId};
use crate::time::Millis;

/// The most private field in an entity's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PiiClass {
    /// Nothing about a resident.
    None,
    /// Public to any assigned worker.
    P,
    /// Only while a visit to that household is open.
    W,
}

/// Every entity type with its class. A type that is not here is not sent.
pub const ENTITIES: [(&str, PiiClass); 9] = [
    (COMPANY, PiiClass::None),
    (RULES, PiiClass::None),
    (STATEMENT, PiiClass::None),
    (PRICE_LIST, PiiClass::None),
    (INSTRUMENT, PiiClass::None),
    (COMMUNITY, PiiClass::None),
    (WORKER, PiiClass::None),
    (VISIT, PiiClass::P),
    (HOUSEHOLD, PiiClass::W),
];

/// `company` in scope `company`: [`CompanyEntity`], id = supplier id.
pub const COMPANY: &str = "company";
/// `rules` in scope `company`: [`RulesEntity`], id = its sha.
pub const RULES: &str = "rules";
/// `statement` in scope `company`: [`StatementEntity`], id = `<statement>@<version>/<language>`.
pub const STATEMENT: &str = "statement";
/// `price_list` in scope `company`: [`PriceListEntity`], id = its sha.
pub const PRICE_LIST: &str = "price_list";
/// `instrument` in scope `company`: [`InstrumentEntity`], id = instrument id.
pub const INSTRUMENT: &str = "instrument";
/// `community` in scope `company`: [`CommunityEntity`], id = its name.
pub const COMMUNITY: &str = "community";
/// `worker` in scope `worker:<id>`: [`WorkerEntity`], id = worker id.
pub const WORKER: &str = "worker";
/// `visit` in scope `worker:<id>`: [`VisitEntity`], id = visit id.
pub const VISIT: &str = "visit";
/// `household` in scope `worker:<id>`: [`HouseholdEntity`], id = household id.
pub const HOUSEHOLD: &str = "household";

/// The supplier, as a worker shows it at a door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyEntity {
    /// Supplier id, as it stands in signed records.
    pub supplier: String,
    /// Name.
    pub name: String,
    /// Service telephone; may be empty.
    pub phone: String,
    /// SHA-256 of the root certificate (DER).
    pub fingerprint: Sha,
}

/// A rules bundle in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RulesEntity {
    /// Its content address.
    pub sha: Sha,
    /// The standard it holds, by edition.
    pub standard_version: String,
    /// The bundle; none when it is the one built into the app of that sha.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Box<RawValue>>,
}

/// The sentence above the pad where a resident signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementEntity {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// `zh-CN`, `en`.
    pub language: String,
    /// In full.
    pub text: String,
}

/// One line of a price list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceItem {
    /// 项目编码.
    pub code: String,
    /// 维修项目.
    pub name: String,
    /// 单位.
    pub unit: String,
    /// 材料费, fen a unit.
    pub material_fen: i64,
    /// 人工费, fen a unit.
    pub labour_fen: i64,
    /// 有偿; false = 无偿.
    pub charged: bool,
    /// Tax rate in hundredths of a per cent.
    pub tax_basis_points: u32,
    /// 保修天数.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warranty_days: Option<u32>,
    /// 备注.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// 统一的收费标准 (F.10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceListEntity {
    /// Its content address: what quotes and records name.
    pub sha: Sha,
    /// As shown on screen.
    pub version: String,
    /// `YYYY-MM-DD`.
    pub issued_on: String,
    /// `YYYY-MM-DD`.
    pub effective_from: String,
    /// Its lines, in order.
    pub items: Vec<PriceItem>,
}

/// 测温设备.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentEntity {
    /// Its id.
    pub id: InstrumentId,
    /// 设备编号.
    pub number: String,
    /// 设备型号.
    pub model: String,
    /// 证书编号.
    pub certificate: String,
    /// 检定或校准日期, `YYYY-MM-DD`.
    pub verified_on: String,
    /// 有效期至, `YYYY-MM-DD`.
    pub valid_until: String,
    /// 修正值, tenths of a degree, added to a raw reading.
    pub correction_deci_celsius: i32,
}

/// 小区.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommunityEntity {
    /// Name, which is its id.
    pub name: String,
    /// 项目名称.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// 供热管家 of it, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steward: Option<String>,
}

/// The worker's own badge and training (6.1.2, 6.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerEntity {
    /// Who.
    pub id: WorkerId,
    /// Name.
    pub name: String,
    /// 工牌编号.
    pub badge_number: String,
    /// 工牌有效期至, `YYYY-MM-DD`.
    pub badge_valid_until: String,
    /// 单位.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employer: Option<String>,
    /// 部门.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// 维修员, 测温员, 巡检员.
    pub skills: Vec<String>,
    /// 季前培训学时, tenths.
    pub preseason_deci_hours: u32,
    /// 理论考试合格.
    pub theory_passed: bool,
    /// 实操考核合格.
    pub practical_passed: bool,
}

/// A visit as the office plans it for this worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VisitEntity {
    /// Which.
    pub id: VisitId,
    /// The plan's version = number of plan events. A worker's events name it as `basis`.
    pub version: u64,
    /// The plan version that assigned it to this worker: his lane.
    pub lane: u64,
    /// Whose dwelling.
    pub household: HouseholdId,
    /// Still to be done; when false, the household has left the scope.
    pub open: bool,
    /// The plan's events so far, in order: folding them gives the plan the office sees. Of a visit that was opened at a door
    /// the first is that, from its worker's log.
    pub plan: Vec<PlanEvent>,
}

/// One event of a plan, as it lies in the office's log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanEvent {
    /// Its kind: `office.visit_scheduled`, `visit.opened` …
    pub kind: String,
    /// Its operation id.
    pub op: crate::id::OpId,
    /// Whose log it is in.
    pub device: crate::id::DeviceId,
    /// Its position there.
    pub seq: u64,
    /// Who acted.
    pub worker: WorkerId,
    /// When, by the server's clock.
    pub at: Millis,
    /// Its body, as appended.
    pub body: Box<RawValue>,
}

/// A dwelling: fields of class P and W only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HouseholdEntity {
    /// Which.
    pub id: HouseholdId,
    /// 小区、楼栋、单元、房间号 in one line.
    pub address: String,
    /// 小区名称.
    pub community: String,
    /// 楼栋名称.
    pub building: String,
    /// 单元名称.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// 楼层.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<String>,
    /// 房间号.
    pub room: String,
    /// 业主姓名.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_name: Option<String>,
    /// 业主电话, masked: 138****0001.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_phone_masked: Option<String>,
    /// 承租人姓名或承租单位名称.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_name: Option<String>,
    /// 承租人电话, masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_phone_masked: Option<String>,
    /// 约定室温, tenths of a degree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed_deci_celsius: Option<i32>,
    /// Where it is, × 10⁷, with its datum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<HouseholdPoint>,
    /// The ledger's other fields of class P and W, by their label in G.1 or 补充信息, as text to show.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Value>,
}

/// Where a dwelling is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HouseholdPoint {
    /// Longitude × 10⁷.
    pub longitude_e7: i64,
    /// Latitude × 10⁷.
    pub latitude_e7: i64,
    /// `WGS-84`, `CGCS2000`, `GCJ-02`, `BD-09`.
    pub datum: String,
}
