//! Values that are one thing on this side of the border and text or a number on the other.

use std::str::FromStr;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::units::{DeciCelsius, Fen};
use nuanfang_core::id::{BootId, DeviceId, HouseholdId, InstrumentId, OpId, RecordId, VisitId, WorkerId};
use nuanfang_core::time::Millis;

macro_rules! text {
    ($($name:ident),*) => {
        $(uniffi::custom_type!($name, String, {
            remote,
            lower: |value| value.to_string(),
            try_lift: |text| Ok($name::from_str(&text)?),
        });)*
    };
}

text!(BootId, DeviceId, HouseholdId, InstrumentId, OpId, RecordId, VisitId, WorkerId, Sha);

uniffi::custom_type!(Millis, i64, { remote, lower: |at| at.0, try_lift: |at| Ok(Millis(at)) });
uniffi::custom_type!(Fen, i64, { remote, lower: |amount| amount.0, try_lift: |amount| Ok(Fen(amount)) });
uniffi::custom_type!(DeciCelsius, i32, { remote, lower: |value| value.0, try_lift: |value| Ok(DeciCelsius(value)) });
