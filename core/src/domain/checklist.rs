//! Annex F in a visit: the state of each of the 42 items, by the kind of evidence that settles it. Derived items are
//! worked out here and never ticked; a blank never counts.

use super::kind::{AnswerState, VisitKind};
use super::lane::Lane;
use super::office_event::CallbackMade;
use super::plan::PlanVersion;
use super::repair::{LineStanding, Verdict, is_paid};
use super::role;
use super::rules::{Gate, Item, Rules, Source};
use super::view::{ChecklistItem, EvidenceClass, ItemState};
use crate::error::Refusal;
use crate::time::DeadlineVerdict;

/// What an item's state is worked out from.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The lane; none = nothing has come of it yet.
    pub lane: Option<&'a Lane>,
    /// The plan the worker saw.
    pub plan: Option<&'a PlanVersion>,
    /// The server has everything of the lane (F.13).
    pub handed_in: bool,
    /// The badge is valid, as far as it is known here.
    pub badge_valid: Option<bool>,
    /// Call-backs and spot checks.
    pub callbacks: &'a [CallbackMade],
}

/// A state with its ground.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The state.
    pub state: ItemState,
    /// Why it does not apply, or what is wrong.
    pub ground: Option<String>,
    /// It does not block although it is not satisfied: a refusal to sign with its evidence.
    pub passes: bool,
}

impl Standing {
    fn of(state: ItemState) -> Self {
        let passes = matches!(state, ItemState::Satisfied | ItemState::NotApplicable);
        Self { state, ground: None, passes }
    }

    fn because(state: ItemState, ground: impl Into<String>) -> Self {
        Self { ground: Some(ground.into()), ..Self::of(state) }
    }

    fn when(satisfied: bool) -> Self {
        Self::of(if satisfied { ItemState::Satisfied } else { ItemState::Unrated })
    }

    fn told(word: Option<bool>) -> Self {
        Self::of(match word {
            Some(true) => ItemState::Satisfied,
            Some(false) => ItemState::Unsatisfied,
            None => ItemState::Unrated,
        })
    }

    fn not_applicable(ground: &str) -> Self {
        Self::because(ItemState::NotApplicable, ground)
    }
}

impl Evidence<'_> {
    /// The visit's kind.
    pub fn kind(&self) -> Option<VisitKind> {
        self.plan.map(|plan| plan.plan.kind).or_else(|| Some(self.lane?.opened.as_ref()?.kind))
    }

    /// Whether what was agreed was kept (F.1). A time that had passed when the next one was agreed stays missed. None = not
    /// arrived, or nothing was agreed.
    pub fn punctual(&self) -> Option<DeadlineVerdict> {
        let kept = self.kept()?;
        Some(if self.lane?.lapsed { DeadlineVerdict::Missed } else { kept })
    }

    /// Whether the time agreed last was kept: by the interval of arrival.
    fn kept(&self) -> Option<DeadlineVerdict> {
        let (moment, window) = self.lane?.arrived.as_ref()?;
        Some(moment.interval().against((*window)?.until))
    }

    /// The item's state by the evidence that settles it.
    pub fn standing(&self, item: &Item) -> Standing {
        if !item.concerns(self.kind()) {
            return Standing::not_applicable("本次服务类型不适用");
        }
        let Some(lane) = self.lane else {
            return match item.source {
                Source::Appointment => self.appointment(None),
                Source::Other => self.other(item),
                _ => Standing::of(ItemState::Unrated),
            };
        };
        let repair = &lane.repair;
        match item.source {
            Source::Tick => self.own(item),
            Source::TickWithPhoto => self.own_with(item, lane.has_photo(role::PHOTO_AFTER), "缺少维修后照片"),
            Source::Other => self.other(item),
            Source::Appointment => self.appointment(Some(lane)),
            Source::Tools => Standing::told(lane.departed.map(|(_, checked)| checked)),
            Source::Punctuality => self.punctuality(lane),
            Source::Delay => self.delay(lane),
            Source::Absence | Source::LeaveNote | Source::NotePhone | Source::NextWindow => self.absence(lane, item),
            Source::Knock => Standing::told(lane.entry.as_ref().map(|(entry, _)| entry.knocked)),
            Source::Permission => Standing::told(lane.entry.as_ref().map(|(entry, _)| entry.permitted)),
            Source::Rooms => {
                let refused: Vec<&str> =
                    lane.rooms.iter().filter(|a| !a.permitted).map(|a| a.room.label.as_str()).collect();
                if refused.is_empty() {
                    Standing::when(!lane.rooms.is_empty())
                } else {
                    Standing::because(ItemState::Satisfied, format!("热用户未同意进入：{}", refused.join("、")))
                }
            }
            Source::Badge => {
                if self.badge_valid == Some(false) {
                    Standing::because(ItemState::Unsatisfied, "工作标识牌无效")
                } else {
                    self.own(item)
                }
            }
            Source::Problem => Standing::when(lane.problem.as_ref().is_some_and(|text| !text.trim().is_empty())),
            Source::ShoeCovers => {
                let entry = lane.entry.as_ref().filter(|(entry, _)| entry.permitted || entry.shoe_covers);
                Standing::told(entry.map(|(entry, _)| entry.shoe_covers))
            }
            Source::Mask => Standing::when(lane.is_indoors()),
            Source::Floor => Standing::when(lane.has_photo(role::PHOTO_FLOOR)),
            Source::Instruction => self.own_with(item, lane.instruction.is_some(), "未打开维修作业指导"),
            Source::PaidConsent | Source::QuoteSigned => self.paid(lane, |lane| {
                let Some(standing) = repair.standing() else { return false };
                let paid = |line: &&super::quote::QuoteLine| is_paid(line);
                let mut lines = standing.quote.lines.iter().filter(paid);
                lines.all(|line| lane.repair.line_standing(&line.line) == LineStanding::Ready)
            }),
            Source::ChargeTold => self.paid(lane, |lane| {
                let standing = lane.repair.standing();
                standing.is_some_and(|shown| lane.repair.untold(&shown.quote).next().is_none())
            }),
            Source::PriceList => {
                self.paid(lane, |lane| lane.repair.standing().is_some_and(|shown| lane.repair.list_shown(&shown.quote)))
            }
            Source::RiskConsent => {
                if repair.risks.is_empty() {
                    Standing::not_applicable("无可能损坏的物件")
                } else {
                    let signed = |risk: &super::repair::Risk| matches!(risk.verdict, Some((Verdict::Signed, _)));
                    Standing::when(repair.risks.iter().all(signed))
                }
            }
            Source::AsQuoted => {
                if repair.quotes.is_empty() && repair.work.iter().all(|work| work.line.is_none()) {
                    Standing::not_applicable("无报价项目")
                } else {
                    Standing::when(repair.is_as_quoted())
                }
            }
            Source::PhotoAfter => Standing::when(lane.has_photo(role::PHOTO_AFTER)),
            Source::Demonstration => Standing::told(repair.demonstrated.map(|(works, _)| works)),
            Source::Explanation => Standing::when(repair.explained.is_some()),
            Source::Acceptance => match repair.accepted {
                Some((Verdict::Signed, _)) => Standing::of(ItemState::Satisfied),
                Some((Verdict::Refused, _)) => {
                    Standing { passes: true, ..Standing::because(ItemState::Unsatisfied, "拒签") }
                }
                None => Standing::of(ItemState::Unrated),
            },
            Source::HandedIn => Standing::when(self.handed_in && lane.completed.is_some()),
        }
    }

    fn own(&self, item: &Item) -> Standing {
        match self.lane.and_then(|lane| lane.answer(&item.id)) {
            None => Standing::of(ItemState::Unrated),
            Some(answer) => Standing { ground: answer.ground.clone(), ..Standing::of(answer.state.into()) },
        }
    }

    fn own_with(&self, item: &Item, evidence: bool, missing: &str) -> Standing {
        let own = self.own(item);
        if own.state == ItemState::Satisfied && !evidence {
            return Standing::because(ItemState::Unrated, missing);
        }
        own
    }

    /// The last other word on the item.
    fn other(&self, item: &Item) -> Standing {
        let answers = self.callbacks.iter().rev().flat_map(|made| made.answers.iter().rev());
        let grounded = |answer: &&super::kind::ItemAnswer| {
            answer.item == item.id && (answer.state != AnswerState::NotApplicable || answer.ground.is_some())
        };
        answers.into_iter().find(grounded).map_or(Standing::of(ItemState::Unrated), |answer| Standing {
            ground: answer.ground.clone().or_else(|| answer.note.clone()),
            ..Standing::of(answer.state.into())
        })
    }

    fn appointment(&self, lane: Option<&Lane>) -> Standing {
        let emergency = match lane {
            Some(lane) => lane.is_emergency(self.plan),
            None => self.plan.is_some_and(|plan| plan.plan.emergency),
        };
        let window = match lane {
            Some(lane) => lane.window(self.plan),
            None => self.plan.and_then(|plan| plan.appointment()).map(|(window, _)| window),
        };
        match window {
            Some(_) => Standing::of(ItemState::Satisfied),
            None if emergency => Standing::not_applicable("紧急诉求"),
            None => Standing::of(ItemState::Unrated),
        }
    }

    fn punctuality(&self, lane: &Lane) -> Standing {
        match (&lane.arrived, self.punctual()) {
            (None, _) => Standing::of(ItemState::Unrated),
            (Some(_), None) => Standing::not_applicable("无约定时间"),
            (Some(_), Some(DeadlineVerdict::Met)) => Standing::of(ItemState::Satisfied),
            (Some(_), Some(DeadlineVerdict::Missed)) => Standing::because(ItemState::Unsatisfied, "晚于约定时间"),
            (Some(_), Some(DeadlineVerdict::Uncertain)) => Standing::because(ItemState::Unrated, "时间不确定"),
        }
    }

    /// Applies only where the time was not kept, or was said in advance not to be.
    fn delay(&self, lane: &Lane) -> Standing {
        match (lane.delays.last(), self.punctual()) {
            (_, Some(DeadlineVerdict::Missed)) => Standing::because(ItemState::Unsatisfied, "未提前说明"),
            (Some((delayed, _)), _) => Standing::told(Some(delayed.apologised && delayed.understood)),
            (None, _) if lane.arrived.is_some() => Standing::not_applicable("未发生不能按时的情况"),
            (None, _) => Standing::of(ItemState::Unrated),
        }
    }

    /// F.2 applies only where nobody was there.
    fn absence(&self, lane: &Lane, item: &Item) -> Standing {
        let Some((absent, _)) = &lane.absent else {
            return if lane.entry.is_some() {
                Standing::not_applicable("热用户在家")
            } else {
                Standing::of(ItemState::Unrated)
            };
        };
        match item.source {
            Source::LeaveNote => Standing::when(lane.has_photo(role::PHOTO_LEAVE_NOTE)),
            Source::NotePhone => Standing::told(Some(absent.note_has_phone)),
            Source::NextWindow => Standing::when(
                absent.next_window.is_some()
                    || lane.completed.as_ref().is_some_and(|(completed, _)| completed.next_window.is_some()),
            ),
            _ => match self.kept() {
                Some(DeadlineVerdict::Missed) => Standing::because(ItemState::Unsatisfied, "未按时到达"),
                _ => Standing::when(!absent.calls.is_empty()),
            },
        }
    }

    /// Applies only where something is paid for.
    fn paid(&self, lane: &Lane, satisfied: impl Fn(&Lane) -> bool) -> Standing {
        let paid = lane.repair.quotes.iter().any(|shown| shown.quote.lines.iter().any(is_paid));
        if !paid && lane.repair.told.is_empty() {
            return Standing::not_applicable("无收费项目");
        }
        Standing::when(satisfied(lane))
    }

    /// The item as a screen shows it.
    pub fn item(&self, item: &Item) -> ChecklistItem {
        let standing = self.standing(item);
        let settled = |class: EvidenceClass| match class {
            class if class == item.class => standing.state,
            EvidenceClass::Own if item.is_tickable() => self.own(item).state,
            EvidenceClass::System if item.source == Source::Badge => Standing::told(self.badge_valid).state,
            EvidenceClass::Other => self.other(item).state,
            EvidenceClass::Own | EvidenceClass::System => ItemState::Unrated,
        };
        ChecklistItem {
            id: item.id.clone(),
            clause: item.clause.clone(),
            zh: item.zh.clone(),
            en: item.en.clone(),
            phase: item.phase.join("/"),
            class: item.class,
            state: standing.state,
            ground: standing.ground.clone(),
            own: settled(EvidenceClass::Own),
            system: settled(EvidenceClass::System),
            other: settled(EvidenceClass::Other),
            tickable: item.is_tickable(),
            advisory: item.advisory,
        }
    }

    /// The items that block `gate`, as refusals. `given` names sources that the act itself brings.
    pub fn gate(&self, rules: &Rules, gate: Gate, given: &[Source]) -> Vec<Refusal> {
        let kind = self.kind();
        rules
            .items
            .iter()
            .filter(|item| item.blocks(gate, kind) && !given.contains(&item.source))
            .filter(|item| !self.standing(item).passes)
            .map(item_refusal)
            .collect()
    }
}

/// The refusal that an item stands for: `item.f10-1`.
pub fn item_refusal(item: &Item) -> Refusal {
    let code = format!("item.{}", item.id.to_lowercase());
    if item.ask_zh.is_empty() {
        return Refusal::new(code, item.clause.as_str(), format!("未满足：{}", item.zh), item.en.as_str());
    }
    Refusal::new(code, item.clause.as_str(), item.ask_zh.as_str(), item.ask_en.as_str())
}
