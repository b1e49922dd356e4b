//! The blank forms. A form's template sha is that of its blank: labels, boxes, columns and notes, without a visit.

use super::{
    AcceptanceForm, ConsentForm, HazardLine, HazardNotice, MeasurementForm, Occasion, PrintedForm, QuoteForm,
    RefusalNote, content_sha,
};
use crate::canon::hash::Sha;
use crate::domain::quote::{QuoteLine, QuoteShown};
use crate::domain::units::Fen;

/// The names of all forms.
pub const TEMPLATES: [&str; 7] =
    ["c1", "quote", "quote_change", "acceptance", "hazard_notice", "refusal_note", "consent"];

/// The form called `template` with one empty line where it has lines; `None` for a name that is no form's.
pub fn blank(template: &str) -> Option<PrintedForm> {
    let occasion = Occasion::default();
    let quote =
        |before| QuoteForm { occasion: Occasion::default(), problem: String::new(), quote: blank_quote(), before };
    Some(match template {
        "c1" => MeasurementForm::default().print(),
        "quote" => quote(None).print(),
        "quote_change" => quote(Some(blank_quote())).print(),
        "acceptance" => AcceptanceForm {
            occasion,
            problem: String::new(),
            quote: Some(blank_quote()),
            work: String::new(),
            materials: String::new(),
            demonstrated: None,
            explained: None,
            cleaned: None,
            remark: String::new(),
        }
        .print(),
        "hazard_notice" => HazardNotice { occasion, hazards: vec![blank_hazard()], contact: String::new() }.print(),
        "refusal_note" => RefusalNote {
            occasion,
            shown: MeasurementForm::default().print(),
            reason: String::new(),
            witness: String::new(),
            photos: 0,
        }
        .print(),
        "consent" => {
            ConsentForm { occasion, object: String::new(), risk: String::new(), work: String::new(), photos_before: 0 }
                .print()
        }
        _ => return None,
    })
}

/// SHA-256 of the blank form called `template`, as it stands in a signed record beside the form's name.
pub fn template_sha(template: &str) -> Option<Sha> {
    blank(template).as_ref().map(content_sha)
}

fn blank_hazard() -> HazardLine {
    HazardLine {
        place: String::new(),
        description: String::new(),
        level: String::new(),
        advice: String::new(),
        deadline: String::new(),
    }
}

fn blank_quote() -> QuoteShown {
    let line = QuoteLine {
        line: "L1".into(),
        code: String::new(),
        name: String::new(),
        unit: String::new(),
        quantity_milli: 0,
        material: Fen(0),
        labour: Fen(0),
        amount: Fen(0),
        tax_rate_bp: 0,
        tax: Fen(0),
        free: false,
        own_material: false,
        warranty_days: 0,
    };
    QuoteShown {
        revision: 1,
        lines: vec![line],
        price_list: Sha::ZERO,
        price_list_version: String::new(),
        total: Fen(0),
        tax: Fen(0),
        expected_minutes: None,
        change: None,
    }
}
