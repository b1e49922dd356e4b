//! The printed forms: the tables of Annex C and the papers a visit leaves behind, as rows and cells with the exact
//! labels. A [`PrintedForm`] goes into the signed record as it is, so what is printed is what the resident saw
//! (FORMATS §4). Drawing it on paper is the business of the crate `nuanfang-documents`; a screen draws the same cells.

mod acceptance;
mod c1;
mod cell;
mod consent;
mod glyph;
mod notice;
mod occasion;
mod quote;
mod refusal;
mod template;
mod text;

pub use acceptance::AcceptanceForm;
pub use c1::{BuildingPosition, MeasuredRoom, MeasurementForm, SourceDistance};
pub use cell::{Align, Cell, CellKind, Choice, FormTable, PrintedForm, Row};
pub use consent::ConsentForm;
pub use glyph::{COVERAGE_BYTES, coverage, has_glyph, missing_glyphs, normalise_text};
pub use notice::{HazardLine, HazardNotice};
pub use occasion::Occasion;
pub use quote::QuoteForm;
pub use refusal::RefusalNote;
pub use template::{TEMPLATES, blank, template_sha};

use crate::canon::hash::Sha;

/// SHA-256 of the form's canonical JSON (RFC 8785): two forms that show the same have the same.
pub fn content_sha(form: &PrintedForm) -> Sha {
    let bytes = serde_json_canonicalizer::to_vec(form).expect("a form holds only text, integers and truth values");
    Sha::of(&bytes)
}
