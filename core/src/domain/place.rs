//! Where something happened. A bare pair of numbers does not exist: datum, accuracy, source and the mock mark travel
//! with it, or the reason why there is none (DOMAIN §14.4). A place is evidence and never a gate.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// What the numbers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Datum {
    /// WGS-84.
    #[serde(rename = "wgs84")]
    Wgs84,
    /// CGCS2000, of 天地图.
    #[serde(rename = "cgcs2000")]
    Cgcs2000,
    /// GCJ-02, of Amap and Tencent.
    #[serde(rename = "gcj02")]
    Gcj02,
    /// BD-09, of Baidu's maps.
    #[serde(rename = "bd09")]
    Bd09,
}

/// One position as a platform gave it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlaceFix {
    /// Latitude in 10⁻⁷ degrees.
    pub lat_e7: i32,
    /// Longitude in 10⁻⁷ degrees.
    pub lon_e7: i32,
    /// The datum of both.
    pub datum: Datum,
    /// Radius of the platform's confidence, metres.
    pub accuracy_m: u32,
    /// Who said so: `gps`, `network`, `fused`.
    pub provider: String,
    /// The platform says that an app made it up.
    pub mock: bool,
    /// When the fix was made.
    pub at: Millis,
}

/// A position, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A position.
    Fix(PlaceFix),
    /// There is none.
    None {
        /// Why: `denied`, `no_signal`, `switched_off` …
        reason: String,
    },
}
