//! The two books.

/// Words to write with.
pub struct Book {
    /// Lines as a worker types them, one a line; `#` stands for a digit.
    pub(super) lines: &'static str,
    /// Code, 维修项目, 单位, material and labour in fen, days of warranty.
    pub(super) prices: &'static [(&'static str, &'static str, &'static str, i64, i64, u32)],
    /// The price list's version.
    pub(super) price_list: &'static str,
    /// Rooms that are neither bedroom nor living room.
    pub(super) rooms: [&'static str; 4],
}

/// What the dictionaries of the exchange are trained on.
pub const TRAINED: Book = Book {
    lines: include_str!("trained.txt"),
    prices: &[
        ("JC01", "上门检测", "次", 0, 5_000, 0),
        ("PQ01", "更换排气阀（铜）", "个", 4_500, 6_000, 180),
        ("WK01", "更换温控阀", "个", 16_000, 9_000, 365),
        ("QF20", "更换入户球阀 DN20", "个", 6_800, 8_000, 365),
        ("QF25", "更换入户球阀 DN25", "个", 8_800, 8_000, 365),
        ("JT01", "更换接头及密封圈", "处", 1_500, 5_000, 180),
        ("GD01", "更换支管（每段）", "段", 9_000, 12_000, 365),
        ("HB01", "散热器砂眼焊补", "处", 0, 26_000, 90),
        ("SR01", "更换整组散热器（人工）", "组", 0, 42_000, 365),
        ("QX01", "清洗散热器", "组", 0, 12_000, 0),
        ("LW01", "清洗暖气滤网", "次", 0, 3_000, 0),
        ("DY01", "打压测试", "次", 0, 15_000, 0),
        ("DN01", "地暖分集水器清洗（按路）", "路", 0, 4_000, 0),
    ],
    price_list: "示例价目-2026",
    rooms: ["厨房", "书房", "卫生间", "门厅"],
};

/// What they are tried on.
pub const MEASURED: Book = Book {
    lines: include_str!("measured.txt"),
    prices: &[
        ("A-101", "换自动跑风", "只", 3_200, 4_000, 180),
        ("A-102", "换手动放风门", "只", 1_200, 3_000, 90),
        ("A-210", "换铜闸阀六分", "只", 7_450, 6_000, 365),
        ("A-211", "换铜闸阀一寸", "只", 11_300, 7_000, 365),
        ("B-007", "PPR管热熔连接", "米", 1_850, 2_600, 730),
        ("B-031", "活接头拆装", "套", 2_240, 3_500, 180),
        ("C-001", "铸铁片拆洗", "片", 0, 1_800, 0),
        ("C-014", "钢制柱式挂装", "柱", 0, 2_200, 365),
        ("D-002", "盘管脉冲冲洗", "环路", 0, 9_600, 30),
        ("D-009", "混水泵检修", "台", 5_600, 18_000, 180),
        ("E-100", "高处作业附加", "项", 0, 8_000, 0),
        ("E-205", "夜间出勤附加", "项", 0, 6_000, 0),
        ("F-330", "橡塑棉包管", "米", 950, 1_400, 365),
    ],
    price_list: "示例收费表 第七版",
    rooms: ["衣帽间", "餐厅", "储藏室", "阳光房"],
};
