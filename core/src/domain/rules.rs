//! The rules as data: Annex F's items, measurement protocols, the inspection list, the sentences above the signature
//! pad, limits. One bundle is named by the hash of its canonical bytes; a visit is judged by the bundle
//! its events name.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::inspection::FixtureOwner;
use super::kind::VisitKind;
use super::released;
use super::units::DeciCelsius;
use super::view::EvidenceClass;
use crate::canon::hash::Sha;
use crate::canon::json;
use crate::error::Refusal;

/// Annex F's columns of visit kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KindCode {
    /// 维修
    R,
    /// 巡检
    I,
    /// 测温
    T,
    /// 暂停 / 恢复
    S,
    /// All
    #[serde(rename = "*")]
    All,
}

impl KindCode {
    /// Whether a visit of `kind` belongs to the column. Of a visit whose kind is not known, only what holds for all.
    pub fn covers(self, kind: Option<VisitKind>) -> bool {
        self == Self::All
            || kind.is_some_and(|kind| {
                self == match kind {
                    VisitKind::Repair => Self::R,
                    VisitKind::Inspection => Self::I,
                    VisitKind::Measurement => Self::T,
                    VisitKind::Suspension | VisitKind::Restoration => Self::S,
                }
            })
    }
}

/// What an item waits in front of: the act it blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// 出发.
    Depart,
    /// 入户.
    Enter,
    /// Everything indoors.
    Indoors,
    /// 开工.
    Work,
    /// 开工 of a paid line.
    PaidWork,
    /// 开工 on what may be damaged.
    RiskyWork,
    /// Signing a quote.
    QuoteSigning,
    /// 验收.
    Acceptance,
    /// Closing as 未遇.
    CloseAbsent,
    /// Closing as done.
    Close,
}

/// Where the state of an item comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The worker's tick.
    Tick,
    /// The worker's tick, and a photo of after.
    TickWithPhoto,
    /// Call-back or spot check only; never the worker himself.
    Other,
    /// An appointment is on record.
    Appointment,
    /// Told at departure.
    Tools,
    /// Arrival against the agreed time.
    Punctuality,
    /// Told in advance that the time can't be kept; only where it was not kept.
    Delay,
    /// Nobody there, with the attempts.
    Absence,
    /// Photo of the leave note.
    LeaveNote,
    /// The note bears a telephone number.
    NotePhone,
    /// The next time is agreed.
    NextWindow,
    /// Knocked.
    Knock,
    /// Let in.
    Permission,
    /// Rooms entered with consent.
    Rooms,
    /// The badge.
    Badge,
    /// The problem is written down.
    Problem,
    /// Shoe covers.
    ShoeCovers,
    /// Mask.
    Mask,
    /// Photo of floor and wall protected.
    Floor,
    /// The instruction was opened, and ticked.
    Instruction,
    /// Paid lines accepted before work.
    PaidConsent,
    /// Consent to each risk before work.
    RiskConsent,
    /// Charge told for each paid line.
    ChargeTold,
    /// Price list shown after it was told.
    PriceList,
    /// Quote signed.
    QuoteSigned,
    /// What was done is what was quoted.
    AsQuoted,
    /// Photo of after.
    PhotoAfter,
    /// Demonstrated after the last work.
    Demonstration,
    /// Use explained.
    Explanation,
    /// Acceptance signed.
    Acceptance,
    /// The server has everything.
    HandedIn,
}

/// One of the 42 items of Annex F.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// `F10-3`.
    pub id: String,
    /// `F.10`.
    pub clause: String,
    /// Chinese label, printed with the clause.
    pub zh: String,
    /// English label.
    pub en: String,
    /// B before, A arrival, B-work before work, D during, E end.
    pub phase: Vec<String>,
    /// Which visits.
    pub kinds: Vec<KindCode>,
    /// W worker, U resident, P dispatcher, Sys system, L leader, C call-back.
    pub who: Vec<String>,
    /// YN yes/no, PH photo, SG signature, TS time, GPS place, TX text, CB call-back.
    pub evidence: Vec<String>,
    /// The kind of evidence that settles it.
    pub class: EvidenceClass,
    /// Where its state comes from.
    pub source: Source,
    /// What it blocks.
    pub gate: Option<Gate>,
    /// In which visits it blocks; within `kinds`.
    pub gate_kinds: Vec<KindCode>,
    /// 宜: never blocks.
    pub advisory: bool,
    /// The rule in words.
    pub rule: String,
    /// What to do when it blocks, in Chinese.
    pub ask_zh: String,
    /// What to do when it blocks, in English.
    pub ask_en: String,
}

impl Item {
    /// Whether a worker may answer it by hand.
    pub fn is_tickable(&self) -> bool {
        matches!(self.source, Source::Tick | Source::TickWithPhoto | Source::Badge | Source::Instruction)
    }

    /// Whether it concerns a visit of `kind`.
    pub fn concerns(&self, kind: Option<VisitKind>) -> bool {
        self.kinds.iter().any(|code| code.covers(kind))
    }

    /// Whether it blocks `gate` in a visit of `kind`.
    pub fn blocks(&self, gate: Gate, kind: Option<VisitKind>) -> bool {
        self.gate == Some(gate) && !self.advisory && self.gate_kinds.iter().any(|code| code.covers(kind))
    }
}

/// How a room's temperature comes about (DB11/T 745).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protocol {
    /// `745-M1`, `745-M2`, `QUICK`.
    pub id: String,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
    /// The stretch over which the temperature must be stable.
    pub stability_seconds: u32,
    /// Largest max − min over it, tenths of a degree.
    pub stability_limit: i32,
    /// How many readings make the value.
    pub readings: u32,
    /// Least time between them.
    pub spacing_seconds: u32,
    /// Counts towards disputes and refunds.
    pub counts: bool,
    /// Lowest height of the instrument.
    pub height_mm_min: u32,
    /// Highest.
    pub height_mm_max: u32,
    /// Above this usable area, `points` are measured; 0 = always one.
    pub points_over_m2: u32,
    /// Points in a larger room.
    pub points: u32,
    /// For the worker.
    pub guidance_zh: String,
    /// Where the numbers come from.
    pub source: String,
}

/// One thing to inspect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectionItem {
    /// `own.radiator`.
    pub id: String,
    /// Its group.
    pub group: String,
    /// Whose fixture it usually is.
    pub owner: FixtureOwner,
    /// Chinese label.
    pub zh: String,
    /// English label.
    pub en: String,
    /// Must be recorded.
    pub required: bool,
}

/// What is inspected, and the levels of hazards (5.4, DB11/T 2407).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectionList {
    /// Where the list comes from.
    pub source: String,
    /// Levels of hazards, least first.
    pub levels: Vec<String>,
    /// The items.
    pub items: Vec<InspectionItem>,
}

/// The sentence above the signature pad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// `measurement`, `quote`, `consent`, `acceptance`, `notice`, `refusal`.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// Numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The bundle's version, for people.
    pub version: String,
    /// The standard it follows.
    pub standard: String,
    /// Where neither plan nor household says otherwise.
    pub agreed_default: DeciCelsius,
    /// Start of the stretch to avoid (5.6.3), minutes of the local day; inside it.
    pub noon_from_minute: u32,
    /// Its end; inside it.
    pub noon_until_minute: u32,
    /// 5.6.7.
    pub monitoring_hours: u32,
    /// 6.1.2, tenths of an hour.
    pub pre_season_deci_hours: u32,
    /// A reading below this is a slip.
    pub reading_lowest: DeciCelsius,
    /// A reading above this is a slip.
    pub reading_highest: DeciCelsius,
}

/// One bundle.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Annex F.
    pub items: Vec<Item>,
    /// Measurement protocols.
    pub protocols: Vec<Protocol>,
    /// Inspection.
    pub inspection: InspectionList,
    /// Statements.
    pub statements: Vec<Statement>,
    /// Numbers.
    pub limits: Limits,
    /// Of the canonical bytes.
    #[serde(skip, default = "unset")]
    sha: Sha,
    /// As delivered by the feed: what this build does not read is kept.
    #[serde(skip)]
    canonical: Vec<u8>,
}

impl std::fmt::Debug for Rules {
    /// Its name is enough.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rules({})", self.sha.short())
    }
}

fn unset() -> Sha {
    Sha::ZERO
}

impl Rules {
    /// The bundle this build carries.
    pub fn builtin() -> Arc<Self> {
        static BUILTIN: OnceLock<Arc<Rules>> = OnceLock::new();
        #[cfg(feature = "mutants")]
        if crate::drill::is_older() {
            return released::before();
        }
        BUILTIN
            .get_or_init(|| {
                let text = format!(
                    r#"{{"items":{},"protocols":{},"inspection":{},"statements":{},"limits":{}}}"#,
                    include_str!("../../rules/annex_f.json"),
                    include_str!("../../rules/protocols.json"),
                    include_str!("../../rules/inspection.json"),
                    include_str!("../../rules/statements.json"),
                    include_str!("../../rules/limits.json"),
                );
                Arc::new(Self::parse(text.as_bytes()).expect("the bundle in the build is tested"))
            })
            .clone()
    }

    /// Reads a delivered bundle. Its name is the hash of its canonical bytes, whatever spelling it came in.
    ///
    /// # Errors
    /// `rules.unreadable` if this build does not understand it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let unreadable = |why: String| {
            Refusal::new(
                "rules.unreadable",
                "",
                format!("规则包无法读取（{why}），请升级应用；现有规则继续有效"),
                format!("the rules bundle can't be read ({why}); the rules at hand stay in force"),
            )
        };
        let value = json::parse_strict(bytes).map_err(|fault| unreadable(format!("{fault:?}")))?;
        let canonical = json::canonical(&value).map_err(|error| unreadable(error.to_string()))?;
        let mut rules: Self = serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))?;
        rules.sha = Sha::of(&canonical);
        rules.canonical = canonical;
        Ok(rules)
    }

    /// The canonical bytes, as delivered.
    pub fn bytes(&self) -> &[u8] {
        &self.canonical
    }

    /// The bundle's name.
    pub fn sha(&self) -> Sha {
        self.sha
    }

    /// An item by its id.
    pub fn item(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// A protocol by its id.
    pub fn protocol(&self, id: &str) -> Option<&Protocol> {
        self.protocols.iter().find(|protocol| protocol.id == id)
    }

    /// An inspection item by its id.
    pub fn inspection_item(&self, id: &str) -> Option<&InspectionItem> {
        self.inspection.items.iter().find(|item| item.id == id)
    }

    /// A statement by its id.
    pub fn statement(&self, id: &str) -> Option<&Statement> {
        self.statements.iter().find(|statement| statement.id == id)
    }
}

/// The bundles at hand: the build's own, and all that went out before it. Facts that name another are judged by the build's own.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleBook {
    bundles: Vec<Arc<Rules>>,
}

impl Default for RuleBook {
    fn default() -> Self {
        let mut book = Self { bundles: vec![Rules::builtin()] };
        released::all().iter().for_each(|bundle| book.add(Arc::clone(bundle)));
        book
    }
}

impl RuleBook {
    /// Adds a bundle.
    pub fn add(&mut self, rules: Arc<Rules>) {
        if !self.knows(&rules.sha()) {
            self.bundles.push(rules);
        }
    }

    /// Whether the bundle is at hand.
    pub fn knows(&self, sha: &Sha) -> bool {
        self.bundles.iter().any(|rules| rules.sha() == *sha)
    }

    /// The named bundle, or the build's own.
    pub fn get(&self, sha: &Sha) -> &Arc<Rules> {
        self.bundles.iter().find(|rules| rules.sha() == *sha).unwrap_or(&self.bundles[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annex_f_is_whole() {
        let rules = Rules::builtin();
        assert_eq!(rules.items.len(), 42);
        for item in &rules.items {
            let number = item.id.trim_start_matches('F').split('-').next().expect("an id has a number");
            assert_eq!(item.clause, format!("F.{number}"), "{}", item.id);
            assert_eq!(rules.item(&item.id), Some(item), "ids are unique");
            assert!(item.gate.is_none() || !item.ask_zh.is_empty(), "{} blocks without saying what to do", item.id);
        }
        let others: Vec<&str> =
            rules.items.iter().filter(|item| item.source == Source::Other).map(|item| item.id.as_str()).collect();
        assert_eq!(others, ["F3-1", "F5-1", "F7-2", "F7-3", "F7-4", "F7-5"]);
        assert!(others.iter().all(|id| rules.item(id).is_some_and(|item| item.class == EvidenceClass::Other)));
    }

    #[test]
    fn a_bundle_is_named_by_its_canonical_bytes() {
        let rules = Rules::builtin();
        assert_eq!(Sha::of(rules.bytes()), rules.sha());
        let delivered = Rules::parse(rules.bytes()).expect("its own bytes read back");
        assert_eq!(delivered, *rules);
        let spaced = String::from_utf8(rules.bytes().to_vec()).expect("JSON").replace("\":", "\" : ");
        assert_eq!(Rules::parse(spaced.as_bytes()).map(|rules| rules.sha()), Ok(rules.sha()));
        assert_eq!(Rules::parse(b"{}").map_err(|refusal| refusal.code), Err("rules.unreadable".to_owned()));
        assert_eq!(Rules::parse(b"\xff").map_err(|refusal| refusal.code), Err("rules.unreadable".to_owned()));
    }

    #[test]
    fn every_purpose_has_its_sentence() {
        let rules = Rules::builtin();
        for id in ["measurement", "quote", "consent", "acceptance", "notice", "refusal"] {
            assert!(rules.statement(id).is_some_and(|s| !s.zh.is_empty() && !s.en.is_empty()), "{id}");
        }
        for id in ["745-M1", "745-M2", "QUICK"] {
            assert!(rules.protocol(id).is_some(), "{id}");
        }
    }
}
