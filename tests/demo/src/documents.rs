//! The papers of the day: every PDF that has come of it, taken from the server and proved against `keys.json` as
//! anybody could.

use std::fs;
use std::path::Path;

use nuanfang_core::id::VisitId;
use nuanfang_core::record::{Answer, Keys};
use nuanfang_documents::verify_pdf;

use crate::Done;
use crate::day::Visits;
use crate::office::Office;

/// One paper.
pub struct Document {
    /// The visit it is of.
    pub visit: VisitId,
    /// Its kind, as its file is named: `c1`, `quote`, `quote-change` …
    pub kind: String,
    /// Its file's name: the kind, and a number from the second of its kind on.
    pub name: String,
    /// The sealed PDF.
    pub pdf: Vec<u8>,
    /// What is wrong with it; nothing if it proves itself.
    pub fault: Option<String>,
}

/// All papers of the day's parts and the keys that prove them.
pub struct Documents {
    /// In the order of the parts.
    pub papers: Vec<Document>,
    /// `keys.json`.
    pub keys: Vec<u8>,
}

impl Documents {
    /// Takes them from the server and checks each.
    ///
    /// # Errors
    /// When the server does not give one of them.
    pub fn of(office: &Office, visits: &Visits) -> Done<Self> {
        let keys = office.file("/v1/keys.json")?;
        let public = Keys::parse(&keys)?;
        let mut papers: Vec<Document> = Vec::new();
        for visit in visits.all() {
            let seen = office.visit(visit)?;
            for document in seen["documents"].as_array().into_iter().flatten() {
                let id = document["id"].as_str().ok_or("a document without an id")?;
                let kind = kind(document["kind"].as_str().unwrap_or_default());
                let pdf = office.file(&format!("/api/documents/{id}.pdf"))?;
                let verdict = verify_pdf(&pdf, Some(&public), None);
                let fault = (verdict.answer != Answer::Valid).then(|| verdict.text_zh());
                let before = papers.iter().filter(|paper| paper.kind == kind).count();
                let name = if before == 0 { format!("{kind}.pdf") } else { format!("{kind}-{}.pdf", before + 1) };
                papers.push(Document { visit, kind, name, pdf, fault });
            }
        }
        Ok(Self { papers, keys })
    }

    /// The kinds of papers that have come of a visit, in order.
    pub fn kinds(&self, visit: VisitId) -> Vec<&str> {
        self.papers.iter().filter(|paper| paper.visit == visit).map(|paper| paper.kind.as_str()).collect()
    }

    /// Leaves them in `folder`, with `keys.json`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save(&self, folder: &Path) -> Done<()> {
        fs::create_dir_all(folder)?;
        for paper in &self.papers {
            fs::write(folder.join(&paper.name), &paper.pdf)?;
        }
        Ok(fs::write(folder.join("keys.json"), &self.keys)?)
    }
}

/// The name of a kind's file: the printed form's where the API has the visit's.
fn kind(name: &str) -> String {
    if name == "measurement" { "c1".to_owned() } else { name.replace('_', "-") }
}
