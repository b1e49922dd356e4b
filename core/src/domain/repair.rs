//! 维修 and what it costs: the order told ≤ price list ≤ signed < work ≤ done ≤ demonstrated ≤ accepted, for each line
//! and revision of the quote (F.9, F.10, F.12). Positions are places in the worker's log, never times.

use serde::{Deserialize, Serialize};

use super::command::DraftLine;
use super::event::Event;
use super::quote::{QuoteLine, QuoteShown};
use super::units::Fen;
use super::worker_event::{RiskTold, WorkStarted};
use crate::canon::hash::Sha;
use crate::canon::json;

/// The resident's word on something frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Signed.
    Signed,
    /// 拒签.
    Refused,
}

/// A revision of the quote, and the resident's word on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteRevision {
    /// What was shown.
    pub quote: QuoteShown,
    /// Its content address.
    pub sha: Sha,
    /// Where it was shown.
    pub seq: u64,
    /// Signed or refused, and where; none = waits.
    pub verdict: Option<(Verdict, u64)>,
}

/// Something that may be damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// What was told.
    pub risk: RiskTold,
    /// Its content address.
    pub sha: Sha,
    /// Where it was told.
    pub seq: u64,
    /// Signed or refused, and where; none = waits.
    pub verdict: Option<(Verdict, u64)>,
}

/// Work on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineWork {
    /// The line; none = emergency work.
    pub line: Option<String>,
    /// Where it began.
    pub started: u64,
    /// Where it was done.
    pub done: Option<u64>,
}

/// All of a lane's repair.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// Lines for which the charge was told, and where first.
    pub told: Vec<(String, u64)>,
    /// Price lists shown, and where.
    pub lists: Vec<(Sha, u64)>,
    /// Revisions, oldest first.
    pub quotes: Vec<QuoteRevision>,
    /// Risks, the last telling of each object.
    pub risks: Vec<Risk>,
    /// Work.
    pub work: Vec<LineWork>,
    /// What the emergency work was.
    pub emergency: Option<String>,
    /// Results as told.
    pub results: Vec<String>,
    /// Demonstrated: whether it works, and where.
    pub demonstrated: Option<(bool, u64)>,
    /// 说明使用事项.
    pub explained: Option<String>,
    /// Accepted or refused, and where.
    pub accepted: Option<(Verdict, u64)>,
}

/// What a resident pays for the line.
pub fn is_paid(line: &QuoteLine) -> bool {
    line.amount.0 > 0
}

/// Prices a line: quantity × (material + labour), rounded half-up to a fen; own material leaves labour, 无偿 nothing.
/// The tax is the part of the amount that the rate makes of it, prices being with tax. None = out of range.
pub fn price(draft: &DraftLine) -> Option<QuoteLine> {
    if draft.quantity_milli <= 0 || draft.material.0 < 0 || draft.labour.0 < 0 || draft.tax_rate_bp > 10_000 {
        return None;
    }
    let material = if draft.own_material { 0 } else { draft.material.0 };
    let unit = material.checked_add(draft.labour.0)?;
    let amount = if draft.free { 0 } else { round_half_up(unit.checked_mul(draft.quantity_milli)?, 1000)? };
    let rate = i64::from(draft.tax_rate_bp);
    let tax = round_half_up(amount.checked_mul(rate)?, 10_000 + rate)?;
    Some(QuoteLine {
        line: draft.line.clone(),
        code: draft.code.clone(),
        name: draft.name.clone(),
        unit: draft.unit.clone(),
        quantity_milli: draft.quantity_milli,
        material: draft.material,
        labour: draft.labour,
        amount: Fen(amount),
        tax_rate_bp: draft.tax_rate_bp,
        tax: Fen(tax),
        free: draft.free,
        own_material: draft.own_material,
        warranty_days: draft.warranty_days,
    })
}

fn round_half_up(value: i64, by: i64) -> Option<i64> {
    Some(value.checked_mul(2)?.checked_add(by)?.div_euclid(2 * by))
}

/// Whether a shown quote's sums are those of its lines, each priced by [`price`].
pub fn adds_up(quote: &QuoteShown) -> bool {
    let mut total = 0i64;
    let mut tax = 0i64;
    for line in &quote.lines {
        let draft = DraftLine {
            line: line.line.clone(),
            code: line.code.clone(),
            name: line.name.clone(),
            unit: line.unit.clone(),
            quantity_milli: line.quantity_milli,
            material: line.material,
            labour: line.labour,
            tax_rate_bp: line.tax_rate_bp,
            free: line.free,
            own_material: line.own_material,
            warranty_days: line.warranty_days,
        };
        if price(&draft).as_ref() != Some(line) {
            return false;
        }
        total = total.saturating_add(line.amount.0);
        tax = tax.saturating_add(line.tax.0);
    }
    quote.total.0 == total && quote.tax.0 == tax
}

/// The content address of a quote: what its signature covers.
pub fn quote_sha(quote: &QuoteShown) -> Sha {
    Sha::of(&json::canonical(quote).expect("a quote is plain fields"))
}

/// How a line stands towards work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineStanding {
    /// Work may begin.
    Ready,
    /// In no revision that stands.
    Missing,
    /// Its charge is not accepted: the revision that holds it so is not signed.
    Unsigned,
}

impl Repair {
    /// A revision by its number.
    pub fn quote(&self, revision: u32) -> Option<&QuoteRevision> {
        self.quotes.iter().rev().find(|shown| shown.quote.revision == revision)
    }

    /// The revision that stands: the last one that was not refused.
    pub fn standing(&self) -> Option<&QuoteRevision> {
        self.quotes.iter().rev().find(|shown| !matches!(shown.verdict, Some((Verdict::Refused, _))))
    }

    /// A risk by its object.
    pub fn risk(&self, object: &str) -> Option<&Risk> {
        self.risks.iter().find(|risk| risk.risk.object == object)
    }

    /// Work on a line that was begun and not stopped by a change.
    pub fn work_on(&self, line: Option<&str>) -> Option<&LineWork> {
        self.work.iter().find(|work| work.line.as_deref() == line)
    }

    /// A line of the revision that stands.
    pub fn line(&self, line: &str) -> Option<&QuoteLine> {
        self.standing()?.quote.lines.iter().find(|held| held.line == line)
    }

    /// Whether work on a line may begin (F.10).
    pub fn line_standing(&self, name: &str) -> LineStanding {
        let Some(line) = self.line(name) else {
            return LineStanding::Missing;
        };
        let signed = |shown: &&QuoteRevision| matches!(shown.verdict, Some((Verdict::Signed, _)));
        if !is_paid(line) || self.quotes.iter().filter(signed).any(|shown| shown.quote.lines.contains(line)) {
            LineStanding::Ready
        } else {
            LineStanding::Unsigned
        }
    }

    /// The first risk that work on `line` touches without the resident's consent (F.9).
    pub fn unconsented(&self, line: Option<&str>) -> Option<&Risk> {
        self.risks.iter().find(|risk| {
            let touches =
                risk.risk.lines.is_empty() || line.is_some_and(|line| risk.risk.lines.iter().any(|held| held == line));
            touches && !matches!(risk.verdict, Some((Verdict::Signed, _)))
        })
    }

    /// The paid lines of a revision whose charge was not told (F10-1).
    pub fn untold<'a>(&'a self, quote: &'a QuoteShown) -> impl Iterator<Item = &'a QuoteLine> {
        quote.lines.iter().filter(|line| is_paid(line) && self.told_at(&line.line).is_none())
    }

    /// Whether the revision's price list was shown after the charge of each of its paid lines was told (F10-2).
    pub fn list_shown(&self, quote: &QuoteShown) -> bool {
        let mut paid = quote.lines.iter().filter(|line| is_paid(line)).peekable();
        if paid.peek().is_none() {
            return true;
        }
        let last_told = paid.filter_map(|line| self.told_at(&line.line)).max().unwrap_or(0);
        self.lists.iter().any(|(list, seq)| *list == quote.price_list && *seq > last_told)
    }

    fn told_at(&self, line: &str) -> Option<u64> {
        self.told.iter().find(|(told, _)| told == line).map(|(_, seq)| *seq)
    }

    /// Whether any work has begun.
    pub fn has_work(&self) -> bool {
        !self.work.is_empty()
    }

    /// Whether some work has begun and is not done.
    pub fn is_underway(&self) -> bool {
        self.work.iter().any(|work| work.done.is_none())
    }

    /// Lines of the standing revision that are not done, or not confirmed.
    pub fn open_lines(&self) -> impl Iterator<Item = &QuoteLine> {
        self.standing().into_iter().flat_map(|shown| &shown.quote.lines).filter(|line| {
            self.line_standing(&line.line) != LineStanding::Ready
                || self.work_on(Some(&line.line)).is_none_or(|work| work.done.is_none())
        })
    }

    /// What was done is what is quoted: nothing underway, each quoted line done, each done line quoted (F10-4).
    pub fn is_as_quoted(&self) -> bool {
        !self.is_underway()
            && self.open_lines().next().is_none()
            && self.work.iter().all(|work| work.line.as_ref().is_none_or(|line| self.line(line).is_some()))
    }

    /// Demonstrated after the last work, and it works (F12-1).
    pub fn is_demonstrated(&self) -> bool {
        matches!(self.demonstrated, Some((true, _)))
    }

    /// The content address of the result that is accepted: quote, emergency work, results. None before any work.
    pub fn result_sha(&self) -> Option<Sha> {
        if !self.has_work() {
            return None;
        }
        let quote = self.standing().map(|shown| shown.sha);
        let done: Vec<&Option<String>> = self.work.iter().filter(|w| w.done.is_some()).map(|w| &w.line).collect();
        json::canonical(&(quote, &self.emergency, done, &self.results)).ok().map(|bytes| Sha::of(&bytes))
    }

    pub(super) fn apply(&mut self, event: &Event, seq: u64) {
        match event {
            Event::ChargeTold(told) => {
                for line in &told.lines {
                    if self.told_at(&line.line).is_none() {
                        self.told.push((line.line.clone(), seq));
                    }
                }
            }
            Event::PriceListShown(shown) => self.lists.push((shown.price_list, seq)),
            Event::QuoteShown(quote) => self.show(quote, seq),
            Event::RiskTold(risk) => {
                let sha = Sha::of(&json::canonical(risk).unwrap_or_default());
                let told = Risk { risk: risk.clone(), sha, seq, verdict: None };
                match self.risks.iter_mut().find(|known| known.risk.object == risk.object) {
                    Some(known) if known.sha == sha => {}
                    Some(known) => *known = told,
                    None => self.risks.push(told),
                }
            }
            Event::WorkStarted(work) => self.start(work, seq),
            Event::WorkDone(done) => {
                for work in &mut self.work {
                    let named = match &work.line {
                        Some(line) => done.lines.contains(line),
                        None => done.emergency,
                    };
                    if named && work.done.is_none() {
                        work.done = Some(seq);
                        self.demonstrated = None;
                        self.accepted = None;
                    }
                }
                self.results.push(done.result.clone());
            }
            Event::Demonstrated(demonstrated) => self.demonstrated = Some((demonstrated.works, seq)),
            Event::Explained(explained) => self.explained = Some(explained.text.clone()),
            _ => {}
        }
    }

    /// A new revision. Work that is underway on a line it changes or drops stops until the line is begun again.
    fn show(&mut self, quote: &QuoteShown, seq: u64) {
        let stopped: Vec<String> = self
            .work
            .iter()
            .filter(|work| work.done.is_none())
            .filter_map(|work| work.line.clone())
            .filter(|name| {
                let before = self.line(name);
                let after = quote.lines.iter().find(|line| line.line == *name);
                after.is_none() || before != after
            })
            .collect();
        self.work.retain(|work| work.line.as_ref().is_none_or(|line| !stopped.contains(line)));
        self.quotes.push(QuoteRevision { quote: quote.clone(), sha: quote_sha(quote), seq, verdict: None });
        self.accepted = None;
    }

    fn start(&mut self, started: &WorkStarted, seq: u64) {
        let lines = started.lines.iter().map(|line| Some(line.clone()));
        for line in lines.chain(started.emergency.as_ref().map(|_| None)) {
            match self.work.iter_mut().find(|work| work.line == line) {
                // Done and begun again: to be done again.
                Some(work) => work.done = None,
                None => self.work.push(LineWork { line, started: seq, done: None }),
            }
        }
        if let Some(what) = &started.emergency {
            self.emergency = Some(what.clone());
        }
        self.demonstrated = None;
        self.accepted = None;
    }

    pub(super) fn settle_quote(&mut self, revision: u32, verdict: Verdict, seq: u64) {
        let shown = self.quotes.iter_mut().rev().find(|shown| shown.quote.revision == revision);
        if let Some(shown) = shown.filter(|shown| shown.verdict.is_none()) {
            shown.verdict = Some((verdict, seq));
        }
    }

    pub(super) fn settle_risk(&mut self, object: &str, verdict: Verdict, seq: u64) {
        if let Some(risk) = self.risks.iter_mut().find(|risk| risk.risk.object == object) {
            risk.verdict = Some((verdict, seq));
        }
    }

    pub(super) fn settle_acceptance(&mut self, verdict: Verdict, seq: u64) {
        self.accepted = Some((verdict, seq));
    }
}
