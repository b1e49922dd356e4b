//! 表C.1 入户测温记录表, label by label as printed in Annex C of DB11/T 598: boxes □ √, the resident's signature in its
//! place, 主管领导 left to the office, rooms beyond the four rows on a continuation page (5.6.6; DOMAIN §4, Q3–Q9).

use std::collections::VecDeque;

use super::text;
use super::{Cell, FormTable, PrintedForm, Row};
use crate::domain::room::{Orientation, RoomKind};
use crate::domain::units::DeciCelsius;
use crate::time::Millis;

/// What C.1 asks for. Empty text and `None` leave the printed blank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeasurementForm {
    /// 机房（热力站）名称.
    pub station: String,
    /// 小区名称.
    pub community: String,
    /// 测温设备编号.
    pub instrument_number: String,
    /// 天气情况.
    pub weather: String,
    /// 测温时间: the first reading.
    pub at: Option<Millis>,
    /// 楼.
    pub building: String,
    /// 单元.
    pub unit: String,
    /// 号.
    pub door: String,
    /// 相对热源距离.
    pub distance: Option<SourceDistance>,
    /// 测温设备检定或校验时间, local date `2026-09-01`.
    pub verified_on: String,
    /// The rooms in the order they were measured.
    pub rooms: Vec<MeasuredRoom>,
    /// 在楼栋位置, any of them.
    pub position: Vec<BuildingPosition>,
    /// 备注.
    pub remark: String,
    /// 测温单位.
    pub supplier: String,
    /// 入户人员.
    pub workers: String,
}

/// 相对热源距离: of the building, not of the thermometer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceDistance {
    /// 远
    Far,
    /// 中
    Middle,
    /// 近
    Near,
}

/// 在楼栋位置: of the dwelling, not of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildingPosition {
    /// 边户
    Edge,
    /// 顶层
    Top,
    /// 中间层
    Middle,
    /// 一层
    Ground,
    /// 半地下
    SemiBasement,
}

/// One room's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuredRoom {
    /// Which of the form's lines it may take.
    pub kind: RoomKind,
    /// What the room is called: 卧室1, 起居室, 厨房.
    pub label: String,
    /// Its indoor air temperature; `None` when it was not measured.
    pub value: Option<DeciCelsius>,
    /// In place of a value: `热用户未同意进入`.
    pub why_not: String,
    /// 房间朝向.
    pub orientation: Option<Orientation>,
}

const DISTANCES: [(SourceDistance, &str); 3] =
    [(SourceDistance::Far, "远"), (SourceDistance::Middle, "中"), (SourceDistance::Near, "近")];

const POSITIONS: [(BuildingPosition, &str); 5] = [
    (BuildingPosition::Edge, "边户"),
    (BuildingPosition::Top, "顶层"),
    (BuildingPosition::Middle, "中间层"),
    (BuildingPosition::Ground, "一层"),
    (BuildingPosition::SemiBasement, "半地下"),
];

impl MeasurementForm {
    /// The form filled in.
    pub fn print(&self) -> PrintedForm {
        let mut waiting: VecDeque<&MeasuredRoom> = self.rooms.iter().collect();
        let mut take = |kind: Option<RoomKind>| {
            let index = waiting.iter().position(|room| kind.is_none_or(|kind| room.kind == kind))?;
            waiting.remove(index)
        };
        let slots = [
            ("卧室1", take(Some(RoomKind::Bedroom))),
            ("卧室2", take(Some(RoomKind::Bedroom))),
            ("起居室", take(Some(RoomKind::Living))),
        ];
        // A third bedroom or a second living room may stand under 其他 only when no other room claims that line.
        let other = take(Some(RoomKind::Other)).or_else(|| take(None));
        let mut tables = vec![self.main(&slots, other)];
        if !waiting.is_empty() {
            tables.push(self.continuation(waiting.make_contiguous()));
        }
        PrintedForm {
            template: "c1".into(),
            version: 1,
            source: "表C.1".into(),
            title: "入户测温记录表".into(),
            tables,
            notes: vec!["注：在温度栏内填写实测温度数值；在楼栋位置、与热源距离栏内，用“√”表示。".into()],
        }
    }

    fn place(&self) -> String {
        if self.building.is_empty() && self.unit.is_empty() && self.door.is_empty() {
            return "      楼     单元     号".into();
        }
        let part = |text: &str, unit: &str| if text.is_empty() { String::new() } else { format!("{text}{unit}") };
        format!("{}{}{}", part(&self.building, "楼"), part(&self.unit, "单元"), part(&self.door, "号"))
    }

    fn main(&self, slots: &[(&str, Option<&MeasuredRoom>); 3], other: Option<&MeasuredRoom>) -> FormTable {
        let at = self.at.map_or_else(|| "         年     月     日     时     分".into(), text::minute);
        let distance = DISTANCES.map(|(distance, label)| (label, self.distance == Some(distance)));
        let position = POSITIONS.map(|(position, label)| (label, self.position.contains(&position)));
        let mut rows = vec![
            Row::new([Cell::value("station", "机房（热力站）名称：", &*self.station).across(5)]),
            Row::new([Cell::value("community", "小区名称：", &*self.community).across(5)]),
            Row::new([
                Cell::value("instrument", "测温设备编号：", &*self.instrument_number).across(3),
                Cell::value("weather", "天气情况：", &*self.weather).across(2),
            ]),
            Row::new([Cell::value("at", "测温时间：", at).across(5)]),
            Row::new([
                Cell::value("place", "测温地点：", self.place()).across(3),
                Cell::choices("distance", "相对热源距离：", distance).across(2),
            ]),
            Row::new([Cell::value("verified_on", "测温设备检定或校验时间：", text::date(&self.verified_on)).across(5)]),
            Row::new(["序号", "测温场所", "供暖温度", "房间朝向", "在楼栋位置"].map(Cell::heading)),
        ];
        for (index, (label, room)) in slots.iter().enumerate() {
            let called = room.map(|room| room.label.as_str()).filter(|called| called != label && !called.is_empty());
            let called = called.map_or_else(String::new, |called| format!("（{called}）"));
            let mut cells = line(index, Cell::value(&room_name(index, "place"), label, called), *room);
            if index == 0 {
                cells.push(Cell::choices("position", "", position).down(4));
            }
            rows.push(Row::new(cells).at_least(8));
        }
        let called = other.map_or("", |room| room.label.as_str());
        rows.push(Row::new(line(3, Cell::value(&room_name(3, "place"), "其他：", called), other)).at_least(8));
        rows.extend([
            Row::new([Cell::value("remark", "备注：", &*self.remark).across(5)]).at_least(14),
            Row::new([Cell::signature("signature", "热用户签字：").across(5)]).at_least(18),
            Row::new([
                Cell::value("supplier", "测温单位：", &*self.supplier).across(2),
                Cell::value("workers", "入户人员：", &*self.workers).across(2),
                Cell::office("leader", "主管领导："),
            ])
            .at_least(9),
        ]);
        FormTable { caption: String::new(), new_page: false, columns: vec![10, 32, 22, 22, 26], head_rows: 0, rows }
    }

    fn continuation(&self, rooms: &[&MeasuredRoom]) -> FormTable {
        let mut rows = vec![
            Row::new([
                Cell::value("continued.community", "小区名称：", &*self.community).across(2),
                Cell::value("continued.place", "测温地点：", self.place()).across(2),
            ]),
            Row::new(["序号", "测温场所", "供暖温度", "房间朝向"].map(Cell::heading)),
        ];
        for (index, room) in (4..).zip(rooms) {
            let place = Cell::value(&room_name(index, "place"), "", &*room.label);
            rows.push(Row::new(line(index, place, Some(room))).at_least(8));
        }
        FormTable {
            caption: "入户测温记录表（续页）".into(),
            new_page: true,
            columns: vec![10, 42, 30, 30],
            head_rows: 2,
            rows,
        }
    }
}

fn room_name(index: usize, field: &str) -> String {
    format!("rooms.{index}.{field}")
}

fn line(index: usize, place: Cell, room: Option<&MeasuredRoom>) -> Vec<Cell> {
    let value = room
        .map_or_else(String::new, |room| room.value.map_or_else(|| room.why_not.clone(), |value| format!("{value}℃")));
    let orientation = room.and_then(|room| room.orientation).map_or("", Orientation::zh);
    vec![
        Cell::value(&room_name(index, "number"), "", (index + 1).to_string()).centered(),
        place,
        Cell::value(&room_name(index, "value"), "", value).centered(),
        Cell::value(&room_name(index, "orientation"), "", orientation).centered(),
    ]
}
