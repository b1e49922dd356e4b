//! Identifiers. One newtype a noun, so that a visit's id can never be passed where a worker's is asked for.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// One enrolment of one worker on one phone, or the office as a writer: the owner of one log.
    DeviceId
);
id!(
    /// 服务人员, a person who works in homes; also an office user who acts in the office's log.
    WorkerId
);
id!(
    /// 入户服务, one visit to one household.
    VisitId
);
id!(
    /// 热用户's dwelling.
    HouseholdId
);
id!(
    /// One operation in a log (UUIDv7, made where the act is made).
    OpId
);
id!(
    /// 测温设备, a registered instrument.
    InstrumentId
);
id!(
    /// One signed record.
    RecordId
);
id!(
    /// One run of a device's monotonic clock, from boot to boot.
    BootId
);
id!(
    /// 供热企业, whose root key all signatures lead to.
    SupplierId
);
