//! A visit as the office reads it, asked for what a part must have come to.

use nuanfang_core::id::VisitId;
use serde_json::Value;

use crate::Done;
use crate::documents::Documents;
use crate::office::Office;

/// A visit, and what is found wrong with it.
pub struct Seen {
    /// As the API has it.
    pub visit: Value,
    /// What is otherwise than it must be.
    pub faults: Vec<String>,
}

impl Seen {
    /// Reads it.
    pub fn read(office: &Office, visit: VisitId) -> Done<Self> {
        Ok(Self { visit: office.visit(visit)?, faults: Vec::new() })
    }

    /// Notes a fault unless `holds`.
    pub fn must(&mut self, holds: bool, what: &str) {
        if !holds {
            self.faults.push(what.to_owned());
        }
    }

    /// A list of the visit.
    pub fn list(&self, key: &str) -> &[Value] {
        list(&self.visit[key])
    }

    /// The lane that is the visit's result.
    pub fn result(&self) -> Value {
        self.list("lanes").iter().find(|lane| lane["chosen"] == true).cloned().unwrap_or_default()
    }

    /// The board's state.
    pub fn state(&self) -> &str {
        self.visit["card"]["state"].as_str().unwrap_or_default()
    }

    /// Ended so, whole on the server, without a rule broken, handed in, and on time.
    pub fn must_have_ended(&mut self, state: &str) {
        let found = self.state().to_owned();
        self.must(found == state, &format!("状态应为 {state}，实为 {found}"));
        let lane = self.result();
        self.must(lane["punctual"] == "met", "应按时到达 (F.1)");
        self.must(list(&lane["violations"]).is_empty(), &format!("不应违反规则：{}", lane["violations"]));
        self.must(lane["handed_in_ms"].is_i64(), "资料应已交回 (F.13)");
        self.must(self.visit["card"]["files_missing"] == 0, "照片和签字应全部到齐");
    }

    /// A signature for `purpose` stands, and its record is valid.
    pub fn must_be_signed(&mut self, purpose: &str, subject: Option<&str>) {
        let stands = self.list("signatures").iter().any(|mark| {
            mark["purpose"] == purpose
                && mark["signed"] == true
                && mark["verdict"] == "valid"
                && subject.is_none_or(|subject| mark["subject"] == subject)
        });
        self.must(stands, &format!("缺少有效签字：{purpose} {}", subject.unwrap_or_default()));
    }

    /// These papers have come of it, and each proves itself.
    pub fn must_have_papers(&mut self, documents: &Documents, visit: VisitId, kinds: &[&str]) {
        let found = documents.kinds(visit);
        self.must(found == kinds, &format!("文书应为 {kinds:?}，实为 {found:?}"));
        for paper in documents.papers.iter().filter(|paper| paper.visit == visit) {
            if let Some(fault) = &paper.fault {
                self.faults.push(format!("{} 未通过验真：{fault}", paper.name));
            }
        }
    }

    /// Photos with this role, whole.
    pub fn whole_photos(&self, role: &str) -> usize {
        self.list("photos").iter().filter(|photo| photo["role"] == role && photo["whole"] == true).count()
    }

    /// Tasks of a kind.
    pub fn tasks(&self, kind: &str) -> Vec<&Value> {
        self.list("tasks").iter().filter(|task| task["kind"] == kind).collect()
    }
}

/// A JSON list, or nothing.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Tenths of a degree as a person reads them.
pub fn degrees(value: &Value) -> String {
    value.as_i64().map_or_else(String::new, |tenths| format!("{}.{}℃", tenths / 10, tenths % 10))
}
