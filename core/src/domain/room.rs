//! 测温场所 and the rooms a worker is let into (F.3, C.1).

use serde::{Deserialize, Serialize};

/// What a room is to the judgement of its temperature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    /// 卧室, judged.
    Bedroom,
    /// 起居室 (D.1 calls it 客厅), judged.
    Living,
    /// 其他, recorded and not judged.
    Other,
}

/// 房间朝向.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orientation {
    /// 东
    East,
    /// 南
    South,
    /// 西
    West,
    /// 北
    North,
    /// 东南
    Southeast,
    /// 西南
    Southwest,
    /// 东北
    Northeast,
    /// 西北
    Northwest,
}

impl Orientation {
    /// As printed in C.1.
    pub fn zh(self) -> &'static str {
        match self {
            Self::East => "东",
            Self::South => "南",
            Self::West => "西",
            Self::North => "北",
            Self::Southeast => "东南",
            Self::Southwest => "西南",
            Self::Northeast => "东北",
            Self::Northwest => "西北",
        }
    }
}

/// One room. Named by `key` in everything that happens in it; told again, the last telling holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Room {
    /// Its name within the visit: `bedroom1`, `living`, `other1`.
    pub key: String,
    /// What it is.
    pub kind: RoomKind,
    /// As printed: 卧室1, 起居室, 厨房.
    pub label: String,
    /// 房间朝向.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<Orientation>,
}
