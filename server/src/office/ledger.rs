//! The columns of the registers a company brings along: the 50 of Annex G.1 with their exact labels, what the rules
//! need beyond them, prices, workers, instruments. Data, not code: the reader, the reports and the demo's generator
//! all go by these lists.

use serde::{Deserialize, Serialize};

/// Who may see a field of the ledger (DOMAIN §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    /// Any worker with a visit there.
    P,
    /// The worker, only while a visit to that household is open.
    W,
    /// Office roles only; never a worker.
    O,
    /// Restricted: masked by default, each reading has a reason and is on record; never on a phone.
    R,
}

/// What a column's cells hold. Numbers become integers of the unit that the column's key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Text of at most this many characters. Whole numbers are taken as their digits.
    Text(usize),
    /// A decimal number with at most this many places, kept as an integer × 10^places, within the two bounds.
    Decimal {
        /// Decimal places kept; more of them in a cell are refused.
        places: u32,
        /// Smallest, in the kept unit.
        min: i64,
        /// Largest, in the kept unit.
        max: i64,
    },
    /// A calendar day, kept as `YYYY-MM-DD`. Accepts a date cell, `2026-11-15`, `2026/11/15`, `2026.11.15`,
    /// `2026年11月15日`.
    Day,
    /// 是 or 否, kept as a truth value.
    YesNo,
    /// One of these and no other.
    OneOf(&'static [&'static str]),
    /// One of these, or the company's own word for it: G.1's lists are the seed, not the whole.
    Known(&'static [&'static str]),
    /// Several of these, parted by 、 , ; or spaces.
    SeveralOf(&'static [&'static str]),
}

/// One column of a register.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in normalised rows; names the unit where there is one.
    pub key: &'static str,
    /// Its heading, exactly.
    pub label: &'static str,
    /// Who may see it.
    pub class: Class,
    /// What its cells hold.
    pub cell: Cell,
    /// A row without it is refused.
    pub required: bool,
}

const fn column(key: &'static str, label: &'static str, class: Class, cell: Cell) -> Column {
    Column { key, label, class, cell, required: false }
}

const fn required(key: &'static str, label: &'static str, class: Class, cell: Cell) -> Column {
    Column { key, label, class, cell, required: true }
}

const fn decimal(places: u32, min: i64, max: i64) -> Cell {
    Cell::Decimal { places, min, max }
}

/// Square metres in hundredths, up to 1,000,000 m².
const AREA: Cell = decimal(2, 0, 100_000_000);
/// Money in fen, up to 100 million 元.
const MONEY: Cell = decimal(2, 0, 10_000_000_000);

use Cell::{Day, Known, OneOf, SeveralOf, Text, YesNo};
use Class::{O, P, R, W};

/// The sheet that carries the households.
pub const G1_SHEET: &str = "热用户信息台账";
/// The sheet beside it, keyed by 交费编号.
pub const SUPPLEMENT_SHEET: &str = "补充信息";
/// The sheet of a price list.
pub const PRICE_SHEET: &str = "价目表";
/// The sheet of workers.
pub const WORKER_SHEET: &str = "服务人员";
/// The sheet of instruments.
pub const INSTRUMENT_SHEET: &str = "测温设备";

/// The 50 fields of Table G.1, in its order.
pub const G1_COLUMNS: [Column; 50] = [
    column("project", "项目名称", P, Text(100)),
    required("community", "小区名称", P, Text(100)),
    column("built", "建筑年代", P, Text(30)),
    required("building", "楼栋名称", P, Text(60)),
    column("unit", "单元名称", P, Text(30)),
    column("floor", "楼层", P, Text(20)),
    required("room", "房间号", P, Text(30)),
    column("floor_area_centi_m2", "建筑面积", W, AREA),
    column("usable_area_centi_m2", "使用面积", W, AREA),
    column("computed_area_centi_m2", "计算建筑面积", W, AREA),
    required("premises_kind", "房屋性质", W, OneOf(&["住宅", "非住宅"])),
    required("heating_state", "供暖状态", W, OneOf(&["正供", "低温", "不供"])),
    column("heating_kind", "供暖类型", W, Known(&["散热器", "地暖"])),
    column("storey_height_cm", "层高", W, decimal(2, 100, 3_000)),
    column("position", "房屋位置", W, Known(&["边户", "底层", "顶层"])),
    column("efficiency_grade", "节能等级", W, Known(&["一步", "二步", "三步节能"])),
    column("heat_source", "热源站", W, Known(&["能源站", "锅炉房"])),
    column("zone", "所属系统", W, Known(&["高区", "中区", "低区"])),
    column("valve_state", "阀门状态", W, Text(30)),
    column("unit_price_fen", "供暖单价", O, MONEY),
    column("charged_area_centi_m2", "供暖收费面积", O, AREA),
    column("amount_due_fen", "供暖应收", O, MONEY),
    column("amount_paid_fen", "供暖实收", O, MONEY),
    column("relief_kind", "减免类型", O, Known(&["按天", "协商", "暂停"])),
    column("relief_fen", "减免金额", O, MONEY),
    column("refund_kind", "退费类型", O, Known(&["热计量"])),
    column("refund_fen", "退费金额", O, MONEY),
    column("amount_owed_fen", "尚欠金额", O, decimal(2, -10_000_000_000, 10_000_000_000)),
    column("collector", "收费员", O, Text(60)),
    column("account_number", "交费编号", W, Text(40)),
    column("litigation", "诉讼状态", O, Text(60)),
    column("owner_name", "业主姓名", W, Text(100)),
    column("owner_phone", "业主电话", W, Text(40)),
    column("owner_gender", "业主性别", R, Known(&["男", "女"])),
    column("owner_id_kind", "业主证件类型", R, Text(40)),
    column("owner_id_number", "业主证件号码", R, Text(40)),
    column("owner_tax_number", "业主纳税人识别号", R, Text(40)),
    column("tenant_name", "承租人姓名或承租单位名称", W, Text(100)),
    column("tenant_phone", "承租人电话", W, Text(40)),
    column("tenant_gender", "承租人性别", R, Known(&["男", "女"])),
    column("tenant_id_kind", "承租人证件类型", R, Text(40)),
    column("tenant_id_number", "承租人证件号码", R, Text(40)),
    column("tenant_tax_number", "承租人纳税人识别号", R, Text(40)),
    column("lease_start", "租赁开始日期", O, Day),
    column("lease_end", "租赁结束日期", O, Day),
    column("hardship", "是否优抚低保", R, YesNo),
    column("public_housing", "是否公租房", O, YesNo),
    column("contract_kind", "合同签订类型", W, Text(40)),
    column("unheated", "是否不热户", W, YesNo),
    column("monitored_deci_celsius", "无线室温监测温度", W, decimal(1, -500, 600)),
];

/// What the rules need of a household and G.1 lacks (FORMATS §5), one row an account number.
pub const SUPPLEMENT_COLUMNS: [Column; 9] = [
    required("account_number", "交费编号", W, Text(40)),
    column("source_distance", "相对热源距离", W, OneOf(&["远", "中", "近"])),
    column("orientation", "房间朝向", W, Text(40)),
    column("line_end", "末端户", W, YesNo),
    column("agreed_deci_celsius", "约定室温", W, decimal(1, 100, 300)),
    column("longitude_e7", "经度", W, decimal(7, -1_800_000_000, 1_800_000_000)),
    column("latitude_e7", "纬度", W, decimal(7, -900_000_000, 900_000_000)),
    column("datum", "坐标系", W, OneOf(&["WGS-84", "CGCS2000", "GCJ-02", "BD-09"])),
    column("sensor_number", "传感器编号", W, Text(60)),
];

/// A price list: its heading fields repeat on every row and must agree.
pub const PRICE_COLUMNS: [Column; 12] = [
    required("version", "价目版本", P, Text(40)),
    required("issued_on", "发布日期", P, Day),
    required("effective_from", "生效日期", P, Day),
    required("code", "项目编码", P, Text(40)),
    required("name", "维修项目", P, Text(100)),
    required("unit", "单位", P, Text(20)),
    required("material_fen", "材料费", P, MONEY),
    required("labour_fen", "人工费", P, MONEY),
    required("charging", "有偿无偿", P, OneOf(&["有偿", "无偿"])),
    required("tax_basis_points", "税率（%）", P, decimal(2, 0, 10_000)),
    column("warranty_days", "保修天数", P, decimal(0, 0, 36_500)),
    column("note", "备注", P, Text(200)),
];

/// Workers with their badge (6.1.3) and what dispatch asks for (6.1.2).
pub const WORKER_COLUMNS: [Column; 12] = [
    required("badge_number", "工牌编号", P, Text(40)),
    required("name", "姓名", P, Text(60)),
    column("employer", "单位", P, Text(100)),
    column("department", "部门", P, Text(60)),
    required("skills", "技能", O, SeveralOf(&["维修员", "测温员", "巡检员"])),
    column("phone", "联系电话", O, Text(40)),
    required("preseason_deci_hours", "季前培训学时", O, decimal(1, 0, 100_000)),
    column("year_deci_hours", "本年累计学时", O, decimal(1, 0, 100_000)),
    required("theory_passed", "理论考试合格", O, YesNo),
    required("practical_passed", "实操考核合格", O, YesNo),
    required("badge_valid_until", "工牌有效期至", P, Day),
    column("steward_of", "供热管家小区", P, Text(200)),
];

/// Instruments with what C.1 and H.1 ask of them.
pub const INSTRUMENT_COLUMNS: [Column; 8] = [
    required("code", "设备编号", P, Text(40)),
    required("model", "设备型号", P, Text(60)),
    required("certificate_number", "证书编号", P, Text(60)),
    column("certificate_body", "检定机构", P, Text(100)),
    required("verified_on", "检定或校准日期", P, Day),
    required("valid_until", "有效期至", P, Day),
    column("correction_deci_celsius", "修正值（℃）", P, decimal(1, -50, 50)),
    column("resolution_centi_celsius", "分辨力（℃）", P, decimal(2, 1, 100)),
];

/// A register that can be brought in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Register {
    /// 热用户信息台账 with 补充信息.
    Households,
    /// 价目表.
    Prices,
    /// 服务人员.
    Workers,
    /// 测温设备.
    Instruments,
}

impl Register {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Households, Self::Prices, Self::Workers, Self::Instruments];

    /// Its name in addresses, commands and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Households => "households",
            Self::Prices => "prices",
            Self::Workers => "workers",
            Self::Instruments => "instruments",
        }
    }

    /// The sheet that carries it.
    pub fn sheet(self) -> &'static str {
        match self {
            Self::Households => G1_SHEET,
            Self::Prices => PRICE_SHEET,
            Self::Workers => WORKER_SHEET,
            Self::Instruments => INSTRUMENT_SHEET,
        }
    }

    /// Its columns, all of which the sheet must have.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Households => &G1_COLUMNS,
            Self::Prices => &PRICE_COLUMNS,
            Self::Workers => &WORKER_COLUMNS,
            Self::Instruments => &INSTRUMENT_COLUMNS,
        }
    }
}

impl std::str::FromStr for Register {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|register| register.name() == text)
            .ok_or_else(|| format!("no register {text}: households, prices, workers or instruments"))
    }
}

/// The class of a household's field by its key; a key that no list has is restricted.
pub fn household_class(key: &str) -> Class {
    G1_COLUMNS.iter().chain(&SUPPLEMENT_COLUMNS).find(|column| column.key == key).map_or(R, |column| column.class)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn table_g1_has_its_fifty_fields_with_the_counts_of_its_rows() {
        let labels: HashSet<_> = G1_COLUMNS.iter().map(|column| column.label).collect();
        assert_eq!(labels.len(), 50);
        assert_eq!(G1_COLUMNS[16].label, "热源站");
        assert_eq!(G1_COLUMNS[31].label, "业主姓名");
        assert_eq!(G1_COLUMNS[47].label, "合同签订类型");
        let restricted = G1_COLUMNS.iter().filter(|column| column.class == R).count();
        assert_eq!(restricted, 9, "4 of the owner, 4 of the tenant, 是否优抚低保");
    }

    #[test]
    fn keys_are_unique_in_each_register_and_an_unknown_key_is_restricted() {
        for register in Register::ALL {
            let keys: HashSet<_> = register.columns().iter().map(|column| column.key).collect();
            assert_eq!(keys.len(), register.columns().len(), "{}", register.name());
        }
        assert_eq!(household_class("no_such_key"), R);
    }
}
