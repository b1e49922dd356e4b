//! What a resident reads and signs, made from what stands in the case file: the printed form with its cells, the typed
//! values behind them, the sentence above the pad. The same file always gives the same paper.

use serde_json::Value;

use super::casefile::CaseFile;
use crate::canon::hash::Sha;
use crate::domain::kind::AnswerState;
use crate::domain::lane::{Lane, Photo};
use crate::domain::measurement::MeasurementPurpose;
use crate::domain::measuring::FrozenMeasurement;
use crate::domain::quote::QuoteShown;
use crate::domain::repair::{QuoteRevision, Verdict};
use crate::domain::role;
use crate::domain::signature::Purpose;
use crate::error::Refusal;
use crate::forms::{
    AcceptanceForm, BuildingPosition, ConsentForm, HazardLine, HazardNotice, MeasuredRoom, MeasurementForm, Occasion,
    PrintedForm, QuoteForm, SourceDistance, content_sha,
};
use crate::record::StatementShown;
use crate::time::Millis;
use crate::wire::feed_entity::{CompanyEntity, StatementEntity};

/// One paper, ready to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Paper {
    /// The form, label by label.
    pub form: PrintedForm,
    /// The values behind it.
    pub values: Value,
    /// The quote it is about, if it is about one.
    pub quote: Option<QuoteShown>,
    /// The measurement it is about, if it is about one.
    pub measurement: Option<FrozenMeasurement>,
}

impl Paper {
    /// The content address of what is shown.
    pub fn shown_sha(&self) -> Sha {
        content_sha(&self.form)
    }
}

/// Draws up the paper for a purpose.
///
/// # Errors
/// `signature.nothing_to_sign` when there is nothing of the kind.
pub fn draw(file: &CaseFile, company: &CompanyEntity, purpose: &Purpose) -> Result<Paper, Refusal> {
    let nothing = || {
        let clause = crate::domain::signature_clause(purpose);
        Refusal::new("signature.nothing_to_sign", clause, "还没有可供签字的内容", "there is nothing to sign yet")
    };
    let lane = file.visit.lane_of(file.lane, file.enrolment.device).ok_or_else(nothing)?;
    let draft = Draft { file, company, lane };
    match purpose {
        Purpose::Measurement => draft.measurement(),
        Purpose::Quote { revision } => draft.quote(*revision),
        Purpose::Consent { object } => draft.consent(object),
        Purpose::Acceptance => draft.acceptance(),
        Purpose::Notice => draft.notice(),
    }
    .ok_or_else(nothing)
}

/// The sentence above the pad: the company's own edition, else that of the rules.
pub fn statement(file: &CaseFile, statements: &[StatementEntity], id: &str) -> Option<StatementShown> {
    const LANGUAGE: &str = "zh-CN";
    let told = statements.iter().filter(|told| told.id == id && told.language == LANGUAGE);
    let (version, text) = match told.max_by_key(|told| edition(&told.version)) {
        Some(told) => (edition(&told.version), told.text.clone()),
        None => {
            let own = file.rules().statement(id)?;
            (edition(&own.version), own.zh.clone())
        }
    };
    Some(StatementShown { id: id.to_owned(), version, language: LANGUAGE.to_owned(), text })
}

/// The name of the sentence for a purpose.
pub fn statement_id(purpose: &Purpose) -> &'static str {
    match purpose {
        Purpose::Measurement => "measurement",
        Purpose::Quote { .. } => "quote",
        Purpose::Consent { .. } => "consent",
        Purpose::Acceptance => "acceptance",
        Purpose::Notice => "notice",
    }
}

/// An edition `2026-1` as the number 202601; a plain number as it is.
fn edition(version: &str) -> u32 {
    let mut parts = version.split('-').map(|part| part.parse::<u32>().unwrap_or(0));
    match (parts.next(), parts.next()) {
        (Some(year), Some(number)) => year.saturating_mul(100).saturating_add(number),
        (Some(number), None) => number,
        (None, _) => 0,
    }
}

/// Who, where, when: what opens every paper.
pub fn occasion(file: &CaseFile) -> Occasion {
    let household = file.household.as_ref();
    let resident = household.and_then(|household| household.tenant_name.clone().or(household.owner_name.clone()));
    let lane = file.visit.lane_of(file.lane, file.enrolment.device);
    let arrived = lane.and_then(|lane| lane.arrived.as_ref().map(|(moment, _)| *moment).or(lane.departed.map(|d| d.0)));
    Occasion {
        visit_number: file.visit.id().0.simple().to_string()[..12].to_uppercase(),
        resident: resident.unwrap_or_default(),
        address: household.map(|household| household.address.clone()).unwrap_or_default(),
        at: arrived.map(|moment| file.time_of(&moment.stamp)),
        workers: file.worker.as_ref().map(|worker| worker.name.clone()).unwrap_or_default(),
        badge: file.worker.as_ref().map(|worker| worker.badge_number.clone()).unwrap_or_default(),
    }
}

struct Draft<'a> {
    file: &'a CaseFile,
    company: &'a CompanyEntity,
    lane: &'a Lane,
}

impl Draft<'_> {
    fn measurement(&self) -> Option<Paper> {
        let frozen = self.lane.measuring.current()?.clone();
        let summary = &frozen.summary;
        let household = self.file.household.as_ref();
        let mut rooms: Vec<MeasuredRoom> = summary
            .rooms
            .iter()
            .map(|room| MeasuredRoom {
                kind: room.kind,
                label: room.label.clone(),
                value: room.value,
                why_not: if room.value.is_none() { "读数未满足测温方法".to_owned() } else { String::new() },
                orientation: room.orientation,
            })
            .collect();
        let measured = |key: &str| summary.rooms.iter().any(|room| room.room == key);
        rooms.extend(self.lane.rooms.iter().filter(|access| !access.permitted && !measured(&access.room.key)).map(
            |access| MeasuredRoom {
                kind: access.room.kind,
                label: access.room.label.clone(),
                value: None,
                why_not: "热用户未同意进入".to_owned(),
                orientation: access.room.orientation,
            },
        ));
        let place = self.field("房屋位置");
        let floor = household.and_then(|household| household.floor.as_deref()).unwrap_or_default();
        let form = MeasurementForm {
            station: self.field("热源站"),
            community: household.map(|household| household.community.clone()).unwrap_or_default(),
            instrument_number: summary.instrument_number.clone(),
            weather: summary.weather.clone(),
            at: Some(self.first_reading().unwrap_or(summary.started_at)),
            building: household.map(|household| without_unit(&household.building, "楼")).unwrap_or_default(),
            unit: household
                .and_then(|household| household.unit.as_deref())
                .map(|unit| without_unit(unit, "单元"))
                .unwrap_or_default(),
            door: household.map(|household| without_unit(&household.room, "号")).unwrap_or_default(),
            distance: match self.field("相对热源距离").as_str() {
                "远" => Some(SourceDistance::Far),
                "中" => Some(SourceDistance::Middle),
                "近" => Some(SourceDistance::Near),
                _ => None,
            },
            verified_on: summary.verified_on.clone(),
            rooms,
            position: positions(&place, floor),
            remark: remark(&frozen),
            supplier: self.company.name.clone(),
            workers: occasion(self.file).workers,
        };
        let values = serde_json::to_value(summary).ok()?;
        Some(Paper { form: form.print(), values, quote: None, measurement: Some(frozen) })
    }

    fn quote(&self, revision: u32) -> Option<Paper> {
        let quote = self.lane.repair.quote(revision)?.quote.clone();
        let before = self.signed_quote().filter(|before| before.revision < revision);
        let form = QuoteForm {
            occasion: occasion(self.file),
            problem: self.lane.problem.clone().unwrap_or_default(),
            quote: quote.clone(),
            before,
        };
        Some(Paper {
            form: form.print(),
            values: serde_json::to_value(&quote).ok()?,
            quote: Some(quote),
            measurement: None,
        })
    }

    fn consent(&self, object: &str) -> Option<Paper> {
        let told = &self.lane.repair.risk(object)?.risk;
        let lines = told.lines.iter().filter_map(|line| self.lane.repair.line(line)).map(|line| line.name.as_str());
        let form = ConsentForm {
            occasion: occasion(self.file),
            object: told.object.clone(),
            risk: told.text.clone(),
            work: lines.collect::<Vec<_>>().join("、"),
            photos_before: self.photos_before(object),
        };
        Some(Paper { form: form.print(), values: serde_json::to_value(told).ok()?, quote: None, measurement: None })
    }

    fn acceptance(&self) -> Option<Paper> {
        let repair = &self.lane.repair;
        let quote = repair.standing().map(|standing| standing.quote.clone());
        let materials =
            quote.iter().flat_map(|quote| &quote.lines).filter(|line| line.material.0 > 0 || line.own_material);
        let form = AcceptanceForm {
            occasion: occasion(self.file),
            problem: self.lane.problem.clone().unwrap_or_default(),
            work: repair.results.join("；"),
            materials: materials.map(|line| line.name.as_str()).collect::<Vec<_>>().join("、"),
            demonstrated: repair.demonstrated.map(|(works, _)| works),
            explained: repair.explained.as_ref().map(|_| true),
            cleaned: self.answered("F11-1"),
            remark: String::new(),
            quote: quote.clone(),
        };
        let values = serde_json::json!({
            "quote": serde_json::to_value(&quote).ok()?,
            "results": repair.results,
            "demonstrated": repair.demonstrated.map(|(works, _)| works),
            "explained": repair.explained,
        });
        Some(Paper { form: form.print(), values, quote, measurement: None })
    }

    fn notice(&self) -> Option<Paper> {
        let findings: Vec<_> = self.lane.own_hazards().collect();
        if findings.is_empty() {
            return None;
        }
        let rules = self.file.rules();
        let hazards = findings.iter().filter_map(|finding| {
            let hazard = finding.hazard.as_ref()?;
            Some(HazardLine {
                place: rules
                    .inspection_item(&finding.item)
                    .map_or_else(|| finding.item.clone(), |item| item.zh.clone()),
                description: hazard.description.clone(),
                level: hazard.level.clone(),
                advice: hazard.advice.clone(),
                deadline: hazard.deadline.clone().unwrap_or_default(),
            })
        });
        let contact = format!("{} {}", self.company.name, self.company.phone);
        let form = HazardNotice {
            occasion: occasion(self.file),
            hazards: hazards.collect(),
            contact: contact.trim().to_owned(),
        };
        Some(Paper {
            form: form.print(),
            values: serde_json::to_value(&findings).ok()?,
            quote: None,
            measurement: None,
        })
    }

    /// 测温时间 by the best time known; the summary keeps what the phone claimed.
    fn first_reading(&self) -> Option<Millis> {
        let run = self.lane.measuring.run.as_ref()?;
        run.readings.first().map(|reading| self.file.time_of(&reading.stamp))
    }

    fn signed_quote(&self) -> Option<QuoteShown> {
        let signed = |shown: &&QuoteRevision| matches!(shown.verdict, Some((Verdict::Signed, _)));
        self.lane.repair.quotes.iter().rev().find(signed).map(|shown| shown.quote.clone())
    }

    fn field(&self, label: &str) -> String {
        let value = self.file.household.as_ref().and_then(|household| household.fields.get(label));
        match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        }
    }

    /// How many photos the record of the consent will cite.
    fn photos_before(&self, object: &str) -> u32 {
        let purpose = Purpose::Consent { object: object.to_owned() };
        let cited = self.lane.photos.iter().filter(|photo| cites(&purpose, photo));
        u32::try_from(cited.count()).unwrap_or(u32::MAX)
    }

    fn answered(&self, item: &str) -> Option<bool> {
        let answer = self.lane.answers.iter().rev().find(|answer| answer.item == item)?;
        match answer.state {
            AnswerState::Satisfied => Some(true),
            AnswerState::Unsatisfied => Some(false),
            AnswerState::NotApplicable => None,
        }
    }
}

/// Whether a record of this purpose stands on a photo of the visit: one that shows what it is about.
pub(super) fn cites(purpose: &Purpose, photo: &Photo) -> bool {
    let role = photo.role.as_str();
    match purpose {
        Purpose::Measurement | Purpose::Quote { .. } => false,
        Purpose::Consent { object } => {
            role == role::PHOTO_BEFORE && photo.subject.as_ref().is_none_or(|subject| subject == object)
        }
        Purpose::Acceptance => {
            [role::PHOTO_BEFORE, role::PHOTO_AFTER, role::PHOTO_FLOOR, role::PHOTO_RESULT].contains(&role)
        }
        Purpose::Notice => role == role::PHOTO_HAZARD,
    }
}

/// The form prints the unit itself: `3号楼` is `3号`, `2单元` is `2`.
fn without_unit(text: &str, unit: &str) -> String {
    text.strip_suffix(unit).unwrap_or(text).to_owned()
}

fn positions(place: &str, floor: &str) -> Vec<BuildingPosition> {
    let mut found = Vec::new();
    if place.contains("边户") {
        found.push(BuildingPosition::Edge);
    }
    if place.contains("顶层") {
        found.push(BuildingPosition::Top);
    }
    if floor.contains("半地下") {
        found.push(BuildingPosition::SemiBasement);
    } else if place.contains("底层") || floor == "1" {
        found.push(BuildingPosition::Ground);
    }
    if place.contains("中间") {
        found.push(BuildingPosition::Middle);
    }
    found
}

fn remark(frozen: &FrozenMeasurement) -> String {
    let summary = &frozen.summary;
    let mut parts: Vec<String> = Vec::new();
    let quick = summary.purpose == MeasurementPurpose::Quick;
    parts.extend(quick.then(|| "快速测温".to_owned()));
    parts.extend((!summary.valid && !quick).then(|| "测温设备检定已过期，结果无效".to_owned()));
    parts.extend(summary.window_open.then(|| "门窗开启".to_owned()));
    parts.extend(summary.extra_heater.then(|| "有其他热源".to_owned()));
    parts.extend(summary.radiators_covered.then(|| "散热器被遮挡".to_owned()));
    parts.extend(summary.reason.clone());
    parts.extend(summary.note.clone());
    parts.join("；")
}
