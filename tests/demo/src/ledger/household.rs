//! 热用户信息台账 and 补充信息, home by home.

use chrono::{Datelike, Days, NaiveDate};

use super::community::{COMMUNITIES, Community, STATIONS};
use super::names;
use super::sheet::Row;
use crate::dice::Dice;

const COLLECTORS: [&str; 3] = ["示例·收费员甲", "示例·收费员乙", "示例·收费员丙"];
const ORIENTATIONS: [&str; 6] = ["南", "南北", "东", "西", "北", "东南"];

/// Where a home stands in its community.
struct Home {
    community: &'static Community,
    /// How many times the six communities have been gone through before.
    phase: usize,
    building: usize,
    unit: usize,
    floor: usize,
    door: usize,
}

/// The rows of `count` homes.
pub fn rows(seed: u64, count: usize, today: NaiveDate) -> (Vec<Row>, Vec<Row>) {
    let mut dice = Dice::new(seed);
    let homes = (0..).flat_map(|phase| COMMUNITIES.iter().flat_map(move |community| homes(community, phase)));
    homes.take(count).enumerate().map(|(number, home)| home.rows(number + 1, &mut dice, today)).unzip()
}

fn homes(community: &'static Community, phase: usize) -> impl Iterator<Item = Home> {
    let [buildings, units, floors, doors] = community.shape;
    (0..buildings * units * floors * doors).map(move |index| Home {
        community,
        phase,
        building: index / (units * floors * doors) + 1,
        unit: index / (floors * doors) % units + 1,
        floor: index / doors % floors + 1,
        door: index % doors + 1,
    })
}

impl Home {
    fn is_shop(&self) -> bool {
        self.community.shops && self.floor == 1
    }

    /// 楼层 as the ledger has it, and the digits its rooms begin with.
    fn storey(&self) -> (String, String) {
        match (self.community.basement, self.floor) {
            (true, 1) => ("半地下".into(), "B1".into()),
            (true, floor) => ((floor - 1).to_string(), (floor - 1).to_string()),
            (false, floor) => (floor.to_string(), floor.to_string()),
        }
    }

    fn position(&self) -> &'static str {
        let [_, _, floors, doors] = self.community.shape;
        if self.floor == floors {
            "顶层"
        } else if self.floor == 1 {
            "底层"
        } else if self.door == 1 || self.door == doors {
            "边户"
        } else {
            ""
        }
    }

    fn community_name(&self) -> String {
        match self.phase {
            0 => self.community.name.to_owned(),
            phase => format!("{}·{}期", self.community.name, phase + 1),
        }
    }

    fn rows(&self, number: usize, dice: &mut Dice, today: NaiveDate) -> (Row, Row) {
        let account = format!("SL{number:08}");
        let suspended = !self.is_shop() && dice.chance(3);
        let mut row = Row::default();
        self.put_address(&mut row);
        let area = self.put_fabric(&mut row, dice, suspended);
        self.put_money(&mut row, dice, area, suspended);
        row.text("account_number", &account);
        let owner = self.put_people(&mut row, dice, today);
        row.text("contract_kind", if dice.chance(92) { "已签订" } else { "未签订" });
        row.text("unheated", if dice.chance(2) { "是" } else { "否" });
        let sensor = dice.chance(30);
        if sensor {
            row.number("monitored_deci_celsius", dice.between(172, 245), 1);
        }
        debug_assert!(!owner.is_empty());
        (row, self.supplement(&account, dice, sensor.then_some(number)))
    }

    fn put_address(&self, row: &mut Row) {
        let (floor, digits) = self.storey();
        row.text("project", self.community.project);
        row.text("community", &self.community_name());
        row.text("built", self.community.built);
        row.text("building", &format!("{}号楼", self.building));
        row.text("unit", &format!("{}单元", self.unit));
        row.text("floor", &floor);
        let kind = if self.is_shop() { "底商" } else { "" };
        row.text("room", &format!("{kind}{digits}{:02}", self.door));
    }

    /// What the home is; answers its floor area in hundredths of a square metre.
    fn put_fabric(&self, row: &mut Row, dice: &mut Dice, suspended: bool) -> i64 {
        let area = if self.is_shop() { dice.between(3_500, 42_000) } else { dice.between(3_812, 14_290) };
        row.number("floor_area_centi_m2", area, 2);
        row.number("usable_area_centi_m2", area * 76 / 100, 2);
        row.number("computed_area_centi_m2", area, 2);
        row.text("premises_kind", if self.is_shop() { "非住宅" } else { "住宅" });
        let low = !suspended && dice.chance(2);
        row.text(
            "heating_state",
            if suspended {
                "不供"
            } else if low {
                "低温"
            } else {
                "正供"
            },
        );
        row.text("heating_kind", self.community.heating);
        row.number("storey_height_cm", if self.is_shop() { 420 } else { dice.between(265, 290) }, 2);
        row.text("position", self.position());
        row.text("efficiency_grade", self.community.efficiency);
        row.text("heat_source", STATIONS[self.community.station].name);
        let tall = self.community.shape[2] > 12;
        row.text(
            "zone",
            if !tall {
                ""
            } else if self.floor > 16 {
                "高区"
            } else if self.floor > 8 {
                "中区"
            } else {
                "低区"
            },
        );
        row.text("valve_state", if suspended { "已关闭（铅封）" } else { "开启" });
        area
    }

    fn put_money(&self, row: &mut Row, dice: &mut Dice, area: i64, suspended: bool) {
        let price = if self.is_shop() { 4_300 } else { 3_000 };
        let full = price * area / 100;
        let relief = if suspended { full * 70 / 100 } else { 0 };
        let due = full - relief;
        let paid = if dice.chance(88) {
            due
        } else if dice.chance(40) {
            due / 2
        } else {
            0
        };
        row.number("unit_price_fen", price, 2);
        row.number("charged_area_centi_m2", area, 2);
        row.number("amount_due_fen", due, 2);
        row.number("amount_paid_fen", paid, 2);
        if suspended {
            row.text("relief_kind", "暂停");
            row.number("relief_fen", relief, 2);
        }
        if dice.chance(4) {
            row.text("refund_kind", "热计量");
            row.number("refund_fen", dice.between(2_000, 45_000), 2);
        }
        row.number("amount_owed_fen", due - paid, 2);
        row.text("collector", dice.pick(&COLLECTORS));
        row.text("litigation", if paid == 0 && dice.chance(5) { "诉前调解（示例）" } else { "无" });
    }

    /// Owner and tenant; answers the owner's name.
    fn put_people(&self, row: &mut Row, dice: &mut Dice, today: NaiveDate) -> String {
        let number = dice.below(1_000_000);
        let owner = if self.is_shop() { names::firm(dice) } else { names::person(dice) };
        row.text("owner_name", &owner);
        row.text("owner_phone", &names::phone(dice));
        if self.is_shop() {
            row.text("owner_tax_number", &format!("示例税号{number:06}"));
        } else {
            row.text("owner_gender", if dice.chance(50) { "男" } else { "女" });
            row.text("owner_id_kind", "居民身份证");
            row.text("owner_id_number", &format!("示例证件{number:06}"));
            row.text("hardship", if dice.chance(4) { "是" } else { "否" });
            row.text("public_housing", if self.community.basement && dice.chance(20) { "是" } else { "否" });
        }
        if dice.chance(18) {
            let firm = self.is_shop() || dice.chance(10);
            row.text("tenant_name", &if firm { names::firm(dice) } else { names::person(dice) });
            row.text("tenant_phone", &names::phone(dice));
            if !firm {
                row.text("tenant_gender", if dice.chance(50) { "男" } else { "女" });
                row.text("tenant_id_kind", "居民身份证");
                row.text("tenant_id_number", &format!("示例证件T{:06}", dice.below(1_000_000)));
            }
            let since = today - Days::new(dice.between(30, 900) as u64);
            row.day("lease_start", since);
            row.day("lease_end", since.with_day(1).unwrap_or(since) + Days::new(1_096));
        }
        owner
    }

    fn supplement(&self, account: &str, dice: &mut Dice, sensor: Option<usize>) -> Row {
        let mut row = Row::default();
        row.text("account_number", account);
        row.text("source_distance", ["近", "中", "远"][(self.building - 1) % 3]);
        row.text("orientation", dice.pick(&ORIENTATIONS));
        row.text("line_end", if self.building == self.community.shape[0] { "是" } else { "否" });
        row.number("agreed_deci_celsius", if self.community.efficiency == "三步节能" { 200 } else { 180 }, 1);
        if let Some((longitude, latitude, datum)) = self.community.place {
            // A building is some 60 m from the next one, about 0.0006°.
            let step = 6_000 * (self.building as i64 - 1);
            row.number("longitude_e7", longitude + step + 700 * self.unit as i64, 7);
            row.number("latitude_e7", latitude + step / 2, 7);
            row.text("datum", datum);
        }
        if let Some(number) = sensor {
            row.text("sensor_number", &format!("SL-WX-{number:05}"));
        }
        row
    }
}
