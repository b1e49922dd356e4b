//! The signed record: built on the phone, signed by the device key, counter-signed by the server, checked
//! by anybody. Pure: keys come in through [`DeviceKey`], time and ids as arguments.
//!
//! A phone fills a [`SignedRecordBody`] and calls [`sign_record`]; the server calls [`check_arrival`] and
//! [`countersign`], keeps [`Certificate`]s and publishes [`Keys`]; whoever holds the [`RecordContainer`]'s file calls
//! [`verify_record`].

pub mod base64url;
mod body;
mod certificate;
mod container;
mod erasure;
mod evidence;
mod head;
mod jws;
mod key;
mod keys;
mod receipt;
mod sign;
mod signer;
mod strokes;
mod summary;
mod timeliness;
mod verdict;
mod verify;

pub use body::{
    Attendant, Handwriting, InstrumentCited, LogPosition, Outcome, PhotoCited, PriceListCited, QuoteCited, RecordTime,
    SCHEMA, SignedRecordBody, StatementShown, Supplier, Template, Witness,
};
pub use certificate::{Certificate, Certified, Holder};
pub use container::{ERASED, ErasedContainer, RECORD, RecordContainer, RecordFile};
pub use erasure::Erasure;
pub use evidence::{Evidence, PhotoFile};
pub use head::{DayHead, LogHead};
pub use jws::{ES256, Jws, JwsFault, Opened, SignError, Statement};
pub use key::{DeviceKey, Jwk, KeyError, NotAKey, PublicKey, SoftwareKey, is_high_s, sign_low_s};
pub use keys::{KeyEntry, KeyKind, Keys, KeysFault, KeysStatement, Revocation, RevocationReason};
pub use receipt::{DeviceStatus, Receipt, countersign};
pub use sign::{SignedRecord, check_arrival, open_certificate, sign_certified, sign_record};
pub use strokes::Strokes;
pub use summary::{EstimatedBy, RecordSummary, WhenKnown};
pub use verdict::{Answer, Check, CheckState, Note, Part, Verdict};
pub use verify::verify_record;
