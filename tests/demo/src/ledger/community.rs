//! The six communities of the day, each with what makes a ledger awkward: towers with three zones, basements, long
//! names, shops on the ground floor.

/// A heat-source station.
#[derive(Debug, Clone, Copy)]
pub struct Station {
    /// 热源站.
    pub name: &'static str,
}

/// The stations.
pub const STATIONS: [Station; 3] =
    [Station { name: "示例东湖能源站" }, Station { name: "示例西苑锅炉房" }, Station { name: "示例北辰锅炉房" }];

/// A community of 200 homes.
#[derive(Debug, Clone, Copy)]
pub struct Community {
    /// 项目名称.
    pub project: &'static str,
    /// 小区名称.
    pub name: &'static str,
    /// Its station's place in [`STATIONS`].
    pub station: usize,
    /// 建筑年代.
    pub built: &'static str,
    /// 节能等级; empty where none was ever reached.
    pub efficiency: &'static str,
    /// 供暖类型.
    pub heating: &'static str,
    /// 楼栋, units a building, floors a unit, homes a floor; their product is 200.
    pub shape: [usize; 4],
    /// The lowest floor is 半地下.
    pub basement: bool,
    /// The ground floor holds shops.
    pub shops: bool,
    /// Longitude and latitude of its middle, × 10⁷, and what they mean; none where nobody surveyed.
    pub place: Option<(i64, i64, &'static str)>,
}

/// The communities of the day.
pub const COMMUNITIES: [Community; 6] = [
    Community {
        project: "示例东湖供热项目",
        name: "示例暖阳家园",
        station: 0,
        built: "1998",
        efficiency: "一步",
        heating: "散热器",
        shape: [5, 2, 5, 4],
        basement: false,
        shops: false,
        place: Some((1_164_605_000, 399_312_000, "CGCS2000")),
    },
    Community {
        project: "示例东湖供热项目",
        name: "示例云麓府（高层）",
        station: 0,
        built: "2016",
        efficiency: "三步节能",
        heating: "地暖",
        shape: [2, 2, 25, 2],
        basement: false,
        shops: true,
        place: Some((1_164_671_300, 399_350_400, "WGS-84")),
    },
    Community {
        project: "示例西苑供热项目",
        name: "示例龙䶮里",
        station: 1,
        built: "1983",
        efficiency: "",
        heating: "散热器",
        shape: [4, 5, 5, 2],
        basement: true,
        shops: false,
        place: Some((1_163_102_000, 399_805_000, "CGCS2000")),
    },
    Community {
        project: "示例西苑供热项目",
        name: "示例国营第一棉纺织印染联合企业总公司职工家属住宅区（北院二期保障性住房）",
        station: 1,
        built: "1979—1991分批建成",
        efficiency: "",
        heating: "散热器",
        shape: [10, 2, 5, 2],
        basement: true,
        shops: false,
        place: None,
    },
    Community {
        project: "示例北辰供热项目",
        name: "示例𠮷祥苑",
        station: 2,
        built: "2007",
        efficiency: "二步",
        heating: "散热器",
        shape: [5, 2, 10, 2],
        basement: false,
        shops: true,
        place: Some((1_164_020_000, 400_051_000, "GCJ-02")),
    },
    Community {
        project: "示例北辰供热项目",
        name: "示例花语㛃园",
        station: 2,
        built: "2011",
        efficiency: "三步节能",
        heating: "地暖",
        shape: [4, 2, 5, 5],
        basement: false,
        shops: false,
        place: Some((1_164_117_000, 400_102_000, "CGCS2000")),
    },
];
