//! The file of a record: its JWS, the certificates it leans on, the server's receipt and a reserved slot for a
//! time-stamp. Attached to the PDF and exported as `.json`, in canonical bytes: one record has one file.

use serde::{Deserialize, Serialize};

use super::jws::Jws;
use crate::canon::json::{self, Fault, Reason};

/// The format of a record that is there.
pub const RECORD: &str = "nuanfang/record/1";

/// The format of a record whose content was erased.
pub const ERASED: &str = "nuanfang/erased/1";

/// A record and what shows that it is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordContainer {
    /// [`RECORD`].
    pub format: String,
    /// The record, signed by the device key.
    pub record: Jws,
    /// The device's certificate.
    pub certificate: Jws,
    /// The server's counter-signature; `null` before the server has the record.
    pub receipt: Option<Jws>,
    /// The server's certificate; `null` exactly when `receipt` is.
    pub receipt_certificate: Option<Jws>,
    /// Reserved for an RFC 3161 token over the receipt. `null` in this version.
    pub timestamp: Option<String>,
}

/// What is left of an erased record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasedContainer {
    /// [`ERASED`].
    pub format: String,
    /// The server's statement of the erasure.
    pub erasure: Jws,
    /// The certificate of the key that signed it.
    pub erasure_certificate: Jws,
    /// The receipt the record once got.
    pub receipt: Jws,
    /// The certificate of the key that signed that.
    pub receipt_certificate: Jws,
}

/// Either file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordFile {
    /// The record is there.
    Whole(Box<RecordContainer>),
    /// It was erased.
    Erased(Box<ErasedContainer>),
}

impl RecordContainer {
    /// As the phone has it: signed, not yet received.
    pub fn signed(record: Jws, certificate: Jws) -> Self {
        Self { format: RECORD.into(), record, certificate, receipt: None, receipt_certificate: None, timestamp: None }
    }

    /// The same with the server's receipt.
    pub fn received(mut self, receipt: Jws, receipt_certificate: Jws) -> Self {
        self.receipt = Some(receipt);
        self.receipt_certificate = Some(receipt_certificate);
        self
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        json::canonical(self).unwrap_or_default()
    }
}

impl ErasedContainer {
    /// What stays of a record after its erasure.
    pub fn new(erasure: Jws, erasure_certificate: Jws, receipt: Jws, receipt_certificate: Jws) -> Self {
        Self { format: ERASED.into(), erasure, erasure_certificate, receipt, receipt_certificate }
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        json::canonical(self).unwrap_or_default()
    }
}

impl RecordFile {
    /// Reads a file. It must be canonical and hold exactly the members of its format.
    ///
    /// # Errors
    /// The first fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let value = json::parse_canonical(bytes)?;
        let fault = |pointer: &str| Fault { pointer: pointer.into(), reason: Reason::Syntax };
        match value.get("format").and_then(serde_json::Value::as_str) {
            Some(RECORD) => {
                let container: RecordContainer = serde_json::from_value(value).map_err(|_| fault(""))?;
                if container.receipt.is_some() != container.receipt_certificate.is_some() {
                    return Err(fault("/receipt_certificate"));
                }
                if container.timestamp.is_some() {
                    return Err(fault("/timestamp"));
                }
                Self::exact(container.to_bytes(), bytes, Self::Whole(Box::new(container)))
            }
            Some(ERASED) => {
                let container: ErasedContainer = serde_json::from_value(value).map_err(|_| fault(""))?;
                Self::exact(container.to_bytes(), bytes, Self::Erased(Box::new(container)))
            }
            _ => Err(fault("/format")),
        }
    }

    fn exact(again: Vec<u8>, bytes: &[u8], file: Self) -> Result<Self, Fault> {
        if again == bytes { Ok(file) } else { Err(Fault { pointer: String::new(), reason: Reason::NotCanonical }) }
    }
}
