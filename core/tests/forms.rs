//! The printed forms through their public door: labels as the standard prints them, tables without holes, names that
//! cannot be printed named.

use nuanfang_core::domain::room::{Orientation, RoomKind};
use nuanfang_core::domain::units::DeciCelsius;
use nuanfang_core::forms::{
    BuildingPosition, CellKind, MeasuredRoom, MeasurementForm, Occasion, RefusalNote, SourceDistance, TEMPLATES, blank,
    content_sha, missing_glyphs, normalise_text, template_sha,
};
use nuanfang_core::time::Millis;
use proptest::prelude::*;

fn room(kind: RoomKind, label: &str, value: i32) -> MeasuredRoom {
    MeasuredRoom {
        kind,
        label: label.into(),
        value: Some(DeciCelsius(value)),
        why_not: String::new(),
        orientation: Some(Orientation::South),
    }
}

fn measurement(rooms: Vec<MeasuredRoom>) -> MeasurementForm {
    MeasurementForm {
        station: "示例热力站".into(),
        community: "示例小区".into(),
        building: "3".into(),
        unit: "2".into(),
        door: "101".into(),
        at: Some(Millis(1_768_442_700_000)),
        distance: Some(SourceDistance::Far),
        position: vec![BuildingPosition::Edge, BuildingPosition::Top],
        rooms,
        ..MeasurementForm::default()
    }
}

#[test]
fn c1_prints_every_label_of_the_standard_in_its_order() {
    let form = blank("c1").unwrap();
    let printed: Vec<_> = form.cells().map(|cell| cell.label.as_str()).filter(|label| !label.is_empty()).collect();
    assert_eq!(
        printed,
        [
            "机房（热力站）名称：",
            "小区名称：",
            "测温设备编号：",
            "天气情况：",
            "测温时间：",
            "测温地点：",
            "相对热源距离：",
            "测温设备检定或校验时间：",
            "序号",
            "测温场所",
            "供暖温度",
            "房间朝向",
            "在楼栋位置",
            "卧室1",
            "卧室2",
            "起居室",
            "其他：",
            "备注：",
            "热用户签字：",
            "测温单位：",
            "入户人员：",
            "主管领导：",
        ]
    );
    let boxes = |name: &str| -> Vec<String> {
        form.cell(name).unwrap().choices.iter().map(|choice| choice.label.clone()).collect()
    };
    assert_eq!(boxes("distance"), ["远", "中", "近"]);
    assert_eq!(boxes("position"), ["边户", "顶层", "中间层", "一层", "半地下"]);
    assert_eq!(form.cell("position").unwrap().row_span, 4, "one cell for the household, not one for each room");
    assert_eq!(form.cell("leader").unwrap().kind, CellKind::Office);
    assert_eq!((form.source.as_str(), form.title.as_str()), ("表C.1", "入户测温记录表"));
    assert_eq!(form.notes, ["注：在温度栏内填写实测温度数值；在楼栋位置、与热源距离栏内，用“√”表示。"]);
}

#[test]
fn rooms_take_the_printed_lines_first_and_then_a_continuation_page() {
    let rooms = vec![
        room(RoomKind::Living, "客厅", 195),
        room(RoomKind::Bedroom, "卧室1", 180),
        room(RoomKind::Bedroom, "次卧", 179),
        room(RoomKind::Bedroom, "卧室3", 201),
        room(RoomKind::Other, "厨房", 165),
        MeasuredRoom { value: None, why_not: "热用户未同意进入".into(), ..room(RoomKind::Other, "书房", 0) },
    ];
    let form = measurement(rooms).print();
    let text = |name: &str| form.cell(name).map(|cell| format!("{}{}", cell.label, cell.text)).unwrap_or_default();
    assert_eq!(text("rooms.0.place"), "卧室1");
    assert_eq!(text("rooms.1.place"), "卧室2（次卧）");
    assert_eq!(text("rooms.1.value"), "17.9℃");
    assert_eq!(text("rooms.2.place"), "起居室（客厅）");
    assert_eq!(text("rooms.3.place"), "其他：厨房");
    assert_eq!(text("rooms.4.place"), "卧室3");
    assert_eq!(text("rooms.5.value"), "热用户未同意进入");
    assert_eq!(text("at"), "测温时间：2026年1月15日10时05分");
    assert_eq!(text("place"), "测温地点：3楼2单元101号");
    assert_eq!(form.tables.len(), 2);
    assert!(form.tables[1].new_page);
    assert!(form.is_well_formed());
}

#[test]
fn four_rooms_need_no_continuation_page() {
    let rooms = vec![
        room(RoomKind::Bedroom, "卧室1", 180),
        room(RoomKind::Bedroom, "卧室2", 180),
        room(RoomKind::Living, "起居室", 180),
        room(RoomKind::Bedroom, "卧室3", 180),
    ];
    let form = measurement(rooms).print();
    assert_eq!(form.tables.len(), 1);
    assert_eq!(form.cell("rooms.3.place").unwrap().text, "卧室3");
}

#[test]
fn every_blank_is_a_whole_table_that_can_be_printed_and_has_its_own_sha() {
    let mut seen = std::collections::BTreeSet::new();
    for name in TEMPLATES {
        let form = blank(name).unwrap();
        assert_eq!(form.template, name);
        assert!(form.is_well_formed(), "{name}");
        for text in form.texts() {
            assert!(missing_glyphs(text).is_empty(), "{name}: {text}");
        }
        let mut names: Vec<_> = form.cells().map(|cell| &cell.name).filter(|name| !name.is_empty()).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "{name} names a cell twice");
        assert!(seen.insert(template_sha(name).unwrap()));
        let read: nuanfang_core::forms::PrintedForm =
            serde_json::from_str(&serde_json::to_string(&form).unwrap()).unwrap();
        assert_eq!(read, form);
    }
    assert_eq!(blank("c2"), None);
}

#[test]
fn template_shas_change_only_with_the_layout() {
    insta::assert_json_snapshot!(TEMPLATES.map(|name| (name, template_sha(name).unwrap())));
}

#[test]
fn a_refusal_shows_what_was_not_signed_word_for_word() {
    let shown = measurement(vec![room(RoomKind::Living, "起居室", 171)]).print();
    let note = RefusalNote {
        occasion: Occasion::default(),
        shown: shown.clone(),
        reason: "热用户认为温度偏低".into(),
        witness: String::new(),
        photos: 2,
    }
    .print();
    for cell in shown.cells().filter(|cell| !cell.name.is_empty()) {
        let copy = note.cell(&format!("shown.{}", cell.name)).unwrap();
        if cell.kind == CellKind::Signature {
            assert_eq!(copy.text, "（热用户拒绝签字）");
        } else {
            assert_eq!((&copy.text, &copy.choices), (&cell.text, &cell.choices));
        }
    }
    assert!(note.is_well_formed());
    assert_ne!(content_sha(&note), content_sha(&shown));
}

#[test]
fn a_table_with_a_hole_or_an_overlap_is_not_well_formed() {
    let whole = blank("c1").unwrap();
    let mut hole = whole.clone();
    hole.tables[0].rows[3].cells[0].col_span = 4;
    let mut wide = whole.clone();
    wide.tables[0].rows[3].cells[0].col_span = u32::MAX;
    let mut deep = whole.clone();
    deep.tables[0].rows[7].cells[4].row_span = 40;
    let mut zero = whole.clone();
    zero.tables[0].rows[0].cells[0].col_span = 0;
    let mut crossing = whole.clone();
    crossing.tables[0].rows[8].cells[3].col_span = 2;
    assert!(whole.is_well_formed());
    for broken in [hole, wide, deep, zero, crossing] {
        assert!(!broken.is_well_formed());
    }
}

#[test]
fn rare_names_print_and_what_cannot_be_printed_is_named() {
    assert!(missing_glyphs("王䶮 㛃 𠮷 𬬮 18.5℃ √ ±2").is_empty());
    assert_eq!(missing_glyphs("王\u{2A6A5}🔥a🔥\u{E863}"), ['\u{2A6A5}', '🔥', '\u{E863}']);
    assert_eq!(normalise_text("王\u{E863}"), "王䶮");
    assert_eq!(normalise_text("\u{E816}\u{E864}\u{E78D}"), "\u{20087}\u{9FBB}\u{FE10}");
    assert_eq!(normalise_text("e\u{301}\r\n\t\u{7}x"), "é\n  x");
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing_more(text in any::<String>()) {
        let once = normalise_text(&text);
        prop_assert_eq!(normalise_text(&once), once.clone());
    }

    #[test]
    fn any_number_of_rooms_gives_whole_tables_with_every_value(
        kinds in prop::collection::vec((0..3_u8, -300..500_i32), 0..14)
    ) {
        let rooms: Vec<_> = kinds
            .iter()
            .enumerate()
            .map(|(index, (kind, value))| {
                let kind = [RoomKind::Bedroom, RoomKind::Living, RoomKind::Other][*kind as usize];
                room(kind, &format!("房间{index}"), *value)
            })
            .collect();
        let form = measurement(rooms).print();
        prop_assert!(form.is_well_formed());
        let texts: Vec<_> = form.texts().collect();
        for (index, (_, value)) in kinds.iter().enumerate() {
            let label = format!("房间{index}");
            let called = format!("（{label}）");
            prop_assert!(texts.iter().any(|text| *text == label || *text == called), "{}", label);
            let value = format!("{}℃", DeciCelsius(*value));
            prop_assert!(texts.contains(&value.as_str()), "{}", value);
        }
    }
}
