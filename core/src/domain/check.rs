//! Checking: may this act be done here and now, and which events is it. Refusing belongs to the place
//! where the act is made; the server never refuses what was recorded.

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::command::{Command, Freeze, QuoteDraft};
use super::context::Context;
use super::event::Event;
use super::judge::{Case, judge, out_of_order};
use super::judge_measurement::{freeze_blocks, has_reason};
use super::measurement::MeasurementPurpose;
use super::measuring::{Surroundings, TimedReading, summary_sha, touches_noon};
use super::quote::QuoteShown;
use super::repair::price;
use super::scene::Scene;
use super::signature::Purpose;
use super::units::Fen;
use super::visit::{Visit, not_assigned};
use super::worker_event::{Bare, MeasurementFrozen, MeasurementStarted};
use crate::error::Refusal;
use crate::time::Millis;

/// Whether `command` may be done in `lane` of the visit, and the events it becomes, in order. Their texts are NFC.
///
/// # Errors
/// The first rule that forbids it. Nothing is lost by a refusal: the act may be done again.
pub fn check(visit: &Visit, lane: u64, command: &Command, context: &Context) -> Result<Vec<Event>, Refusal> {
    let scene = Scene::new(visit, lane, context);
    scene.belongs(command)?;
    let event = normalised(scene.event(command)?);
    let case = Case {
        lane: &scene.lane,
        evidence: scene.evidence(),
        rules: scene.rules,
        blobs: &context.blobs,
        when: context.now.interval(),
    };
    if let Some(fault) = judge(&case, &event).into_iter().next() {
        return Err(fault);
    }
    match &event {
        Event::Departed(_) => {
            if let Some(gap) = scene.worker_gaps().into_iter().next() {
                return Err(gap);
            }
        }
        Event::MeasurementStarted(started) => instrument_gate(started, context)?,
        _ => {}
    }
    Ok(vec![event])
}

impl Scene<'_> {
    /// A visit that is not, or no longer, the worker's may not be begun. Once on the way he may finish: it will be
    /// judged as late, and nothing is lost.
    fn belongs(&self, command: &Command) -> Result<(), Refusal> {
        if matches!(command, Command::Open(_)) {
            return Ok(());
        }
        let begun = self.lane.departed.is_some();
        let Some(plan) = self.visit.plan().current() else {
            return Err(Refusal::new("visit.unknown", "", "没有该服务的计划", "there is no plan for this visit"));
        };
        if !begun {
            if let Some(reason) = &plan.cancelled {
                return Err(Refusal::new(
                    "visit.cancelled",
                    "",
                    format!("本次服务已取消：{reason}"),
                    format!("the visit is cancelled: {reason}"),
                ));
            }
            if self.visit.is_moved(self.lane.number) {
                return Err(Refusal::new(
                    "visit.reassigned",
                    "",
                    "本次服务已改派给他人，无需前往",
                    "the visit has been given to somebody else",
                ));
            }
            let assignee = self.visit.plan().assignee_of(self.lane.number);
            if assignee.is_some() && self.context.worker.is_some() && assignee != self.context.worker {
                return Err(not_assigned());
            }
        }
        Ok(())
    }

    fn event(&self, command: &Command) -> Result<Event, Refusal> {
        Ok(match command {
            Command::Open(opened) => Event::Opened(opened.clone()),
            Command::Notify(notified) => Event::Notified(notified.clone()),
            Command::Delay(delayed) => Event::Delayed(delayed.clone()),
            Command::Acknowledge => Event::Acknowledged(Bare {}),
            Command::Depart(departed) => Event::Departed(departed.clone()),
            Command::Arrive(arrived) => Event::Arrived(arrived.clone()),
            Command::ReportAbsent(absent) => Event::Absent(absent.clone()),
            Command::Enter(entered) => Event::Entered(entered.clone()),
            Command::AnswerItems(answered) => Event::ItemsAnswered(answered.clone()),
            Command::EnterRoom(entered) => Event::RoomEntered(entered.clone()),
            Command::StartMeasurement(started) => Event::MeasurementStarted(started.clone()),
            Command::TakeReading(reading) => Event::ReadingTaken(reading.clone()),
            Command::FreezeMeasurement(freeze) => Event::MeasurementFrozen(self.freeze(freeze)?),
            Command::DescribeProblem(problem) => Event::ProblemDescribed(problem.clone()),
            Command::ProtectFloor => Event::FloorProtected(Bare {}),
            Command::OpenInstruction(opened) => Event::InstructionOpened(opened.clone()),
            Command::TellCharge(told) => Event::ChargeTold(told.clone()),
            Command::ShowPriceList(shown) => Event::PriceListShown(shown.clone()),
            Command::ShowQuote(draft) => Event::QuoteShown(self.quote(draft)?),
            Command::TellRisk(risk) => Event::RiskTold(risk.clone()),
            Command::StartWork(started) => Event::WorkStarted(started.clone()),
            Command::FinishWork(done) => Event::WorkDone(done.clone()),
            Command::Demonstrate(demonstrated) => Event::Demonstrated(demonstrated.clone()),
            Command::Explain(explained) => Event::Explained(explained.clone()),
            Command::RecordFinding(finding) => Event::FindingRecorded(finding.clone()),
            Command::Dispute(disputed) => Event::Disputed(disputed.clone()),
            Command::Photograph(photographed) => Event::Photographed(photographed.clone()),
            Command::Sign(signed) if signed.purpose == Purpose::Notice => Event::NoticeReceived(signed.clone()),
            Command::Sign(signed) => Event::Signed(signed.clone()),
            Command::RefuseToSign(refused) => Event::SignatureRefused(refused.clone()),
            Command::Complete(completed) => Event::Completed(completed.clone()),
        })
    }

    /// Prices a draft and gives it the next revision (F.10).
    fn quote(&self, draft: &QuoteDraft) -> Result<QuoteShown, Refusal> {
        if draft.expected_minutes == 0 {
            return Err(Refusal::new(
                "quote.time_missing",
                "5.5.3",
                "请填写预计维修时间，维修前应告知热用户",
                "fill in the expected time of the repair: the resident is told before it begins",
            ));
        }
        let mut lines = Vec::with_capacity(draft.lines.len());
        let (mut total, mut tax) = (0i64, 0i64);
        for line in &draft.lines {
            let priced = price(line).ok_or_else(|| {
                Refusal::new(
                    "quote.line_invalid",
                    "F.10",
                    format!("项目“{}”的数量、单价或税率不正确", line.name),
                    format!("quantity, price or tax rate of {} is out of range", line.name),
                )
            })?;
            total = total.saturating_add(priced.amount.0);
            tax = tax.saturating_add(priced.tax.0);
            lines.push(priced);
        }
        let last = self.lane.repair.quotes.last();
        Ok(QuoteShown {
            revision: last.map_or(1, |last| last.quote.revision.saturating_add(1)),
            lines,
            price_list: draft.price_list,
            price_list_version: draft.price_list_version.clone(),
            total: Fen(total),
            tax: Fen(tax),
            expected_minutes: Some(draft.expected_minutes),
            change: draft.change.clone(),
        })
    }

    /// Works out the summary that the resident will read (5.6.6).
    fn freeze(&self, freeze: &Freeze) -> Result<MeasurementFrozen, Refusal> {
        let start_first = || out_of_order("5.6.6", "请先开始测温并读数", "start and take readings first");
        if let Some(block) = freeze_blocks(&self.lane).into_iter().next() {
            return Err(block);
        }
        let run = self.lane.measuring.run.as_ref().ok_or_else(start_first)?;
        let (Some(first), Some(last)) = (run.readings.first(), run.readings.last()) else {
            return Err(start_first());
        };
        let context = self.context;
        let instrument = context.instruments.iter().find(|known| known.id == run.started.instrument);
        let instrument = instrument.ok_or_else(unknown_instrument)?;
        let protocol = self.rules.protocol(&run.started.protocol).ok_or_else(start_first)?;
        let (start, end) = (self.best(first), self.best(last));
        let around = Surroundings {
            instrument,
            agreed: self.agreed(),
            at_noon: touches_noon(start, end, &self.rules.limits),
            expired: instrument.is_expired(start),
            reason: freeze.reason.clone().or_else(|| run.started.reason.clone()),
            note: freeze.note.clone().or_else(|| run.started.note.clone()),
        };
        let supersedes = self.lane.measuring.frozen.last().map(|frozen| frozen.sha);
        let summary = run.summarise(&self.lane.rooms, protocol, &around, supersedes).ok_or_else(start_first)?;
        let sha = summary_sha(&summary);
        Ok(MeasurementFrozen { summary, sha })
    }

    /// When a reading was taken, by the best time known now.
    fn best(&self, reading: &TimedReading) -> Millis {
        let now = &self.context.now;
        if reading.stamp.boot != now.stamp.boot {
            return Millis(reading.stamp.wall_ms);
        }
        let ago = now.stamp.mono_ms.saturating_sub(reading.stamp.mono_ms);
        Millis(now.best().0.saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX)))
    }
}

fn unknown_instrument() -> Refusal {
    Refusal::new(
        "instrument.unknown",
        "5.6.6",
        "该测温设备不在设备台账中，不能使用；请更换设备或联系管理员登记",
        "this instrument is not in the register: use another one",
    )
}

/// An instrument must be in the register; one whose verification has run out is no use in a dispute, and elsewhere
/// only with a reason, the result then being marked invalid.
fn instrument_gate(started: &MeasurementStarted, context: &Context) -> Result<(), Refusal> {
    let instrument = context.instruments.iter().find(|known| known.id == started.instrument);
    let instrument = instrument.ok_or_else(unknown_instrument)?;
    if !instrument.is_expired(context.now.best()) {
        return Ok(());
    }
    if started.purpose == MeasurementPurpose::Dispute {
        return Err(Refusal::new(
            "instrument.expired",
            "5.6.7",
            format!("设备 {} 检定已于 {} 到期，不能用于争议测温", instrument.number, instrument.valid_until),
            format!("the verification of {} ran out on {}", instrument.number, instrument.valid_until),
        ));
    }
    if !has_reason(&started.reason) {
        return Err(Refusal::new(
            "instrument.expired_reason",
            "5.6.6",
            format!(
                "设备 {} 检定已于 {} 到期；继续使用须写明原因，结果将标记为无效",
                instrument.number, instrument.valid_until
            ),
            format!("the verification of {} ran out: say why; the result will not count", instrument.number),
        ));
    }
    Ok(())
}

/// The event with all its texts in NFC, as records hold them. JSON's own characters are not touched by it.
fn normalised(event: Event) -> Event {
    let body = event.to_body("");
    if is_nfc(&body) {
        return event;
    }
    let body: String = body.nfc().collect();
    Event::parse(event.kind(), &body)
}
