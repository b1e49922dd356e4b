//! The printed forms on paper: Typst templates, fonts, QR code, PDF/A-3a + PDF/UA-1 with the signed record attached,
//! the supplier's seal (PAdES baseline B-B), and the verification of all that, offline.

mod error;
pub mod fonts;
mod page;
mod paper;
pub mod qr;
mod render;
mod seal;
mod verify;

pub use error::DocumentError;
pub use page::{Frame, OfficeField, RENDERER};
pub use paper::{Paper, Printed, print, print_sealed};
pub use seal::{Seal, SupplierKeys, certificate_validity};
pub use verify::{is_pdf, verify_pdf, verify_seal};
