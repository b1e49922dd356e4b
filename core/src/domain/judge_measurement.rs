//! The rules of measuring (5.6, DB11/T 745; DOMAIN §8).

use super::instrument::Instrument;
use super::judge::{Case, indoors, out_of_order, said, window_faults};
use super::lane::Lane;
use super::measurement::MeasurementPurpose;
use super::measuring::{Surroundings, is_at_noon, summary_sha};
use super::worker_event::{Disputed, MeasurementFrozen, MeasurementStarted, ReadingTaken, Remedy};
use crate::error::Refusal;

/// A reason that says something.
pub(super) fn has_reason(reason: &Option<String>) -> bool {
    reason.as_ref().is_some_and(|reason| !reason.trim().is_empty())
}

/// 5.6.3 asks to avoid these hours; it may be done with a reason.
pub(super) fn noon_reason() -> Refusal {
    Refusal::new(
        "measurement.noon_reason",
        "5.6.3",
        "入户测温宜避开 12:00～15:00；确需此时测温请写明原因",
        "12:00–15:00 is to be avoided; say why it must be now",
    )
}

pub(super) fn start(case: &Case<'_>, started: &MeasurementStarted, faults: &mut Vec<Refusal>) {
    indoors(case, faults);
    match case.rules.protocol(&started.protocol) {
        None => faults.push(Refusal::new(
            "protocol.unknown",
            "DB11/T 745",
            format!("测温方法 {} 不在规则中", started.protocol),
            format!("protocol {} is not in the rules", started.protocol),
        )),
        Some(protocol) if protocol.counts == (started.purpose == MeasurementPurpose::Quick) => {
            faults.push(Refusal::new(
                "protocol.purpose",
                "DB11/T 745",
                "快速测温只能用快速方法；日常和争议测温须用 DB11/T 745 方法",
                "a quick check goes with the quick protocol only, the others with DB11/T 745",
            ));
        }
        Some(_) => {}
    }
    said(&started.weather, "天气情况", "the weather", "5.6.6", faults);
    if is_at_noon(&case.when, &case.rules.limits) && !has_reason(&started.reason) {
        faults.push(noon_reason());
    }
}

pub(super) fn reading(case: &Case<'_>, reading: &ReadingTaken, faults: &mut Vec<Refusal>) {
    indoors(case, faults);
    if case.lane.measuring.run.is_none() {
        faults.push(out_of_order("DB11/T 745", "请先开始测温", "start the measurement first"));
    }
    if !case.lane.room(&reading.room).is_some_and(|access| access.permitted) {
        faults.push(Refusal::new(
            "room.not_permitted",
            "F.3",
            "须经热用户同意后再进入该房间",
            "the resident has not let you into this room",
        ));
    }
    let limits = &case.rules.limits;
    if reading.value < limits.reading_lowest || reading.value > limits.reading_highest {
        faults.push(Refusal::new(
            "reading.implausible",
            "DB11/T 745",
            format!("读数 {}℃ 超出合理范围，请核对后重新输入", reading.value),
            format!("a reading of {} °C is a slip", reading.value),
        ));
    }
}

/// What blocks freezing.
pub(super) fn freeze_blocks(lane: &Lane) -> Vec<Refusal> {
    let mut blocks = Vec::new();
    match &lane.measuring.run {
        None => blocks.push(out_of_order("5.6.6", "请先开始测温", "start the measurement first")),
        Some(run) if run.readings.is_empty() => blocks.push(Refusal::new(
            "measurement.no_reading",
            "DB11/T 745",
            "还没有任何读数",
            "there is no reading yet",
        )),
        Some(run) if !run.open => blocks.push(Refusal::new(
            "measurement.already_frozen",
            "5.6.6",
            "测温结果已锁定；如需修改请重新读数",
            "already frozen; a new reading opens it again",
        )),
        Some(_) => {}
    }
    blocks
}

/// The frozen summary must be what the readings amount to.
pub(super) fn freeze(case: &Case<'_>, frozen: &MeasurementFrozen, faults: &mut Vec<Refusal>) {
    indoors(case, faults);
    faults.extend(freeze_blocks(case.lane));
    let summary = &frozen.summary;
    let forged = || {
        Refusal::new(
            "measurement.forged",
            "5.6.6",
            "锁定的测温结果与读数不一致",
            "the frozen summary is not what the readings amount to",
        )
    };
    if summary.at_noon && !has_reason(&summary.reason) {
        faults.push(noon_reason());
    }
    let Some(run) = &case.lane.measuring.run else { return };
    let instrument = Instrument {
        id: summary.instrument,
        number: summary.instrument_number.clone(),
        certificate: summary.certificate.clone(),
        verified_on: summary.verified_on.clone(),
        valid_until: summary.valid_until.clone(),
        correction: summary.correction,
    };
    let Some(protocol) = case.rules.protocol(&run.started.protocol) else {
        faults.push(forged());
        return;
    };
    let around = Surroundings {
        instrument: &instrument,
        agreed: summary.agreed,
        at_noon: summary.at_noon,
        expired: !summary.valid,
        reason: summary.reason.clone(),
        note: summary.note.clone(),
    };
    let supersedes = case.lane.measuring.frozen.last().map(|frozen| frozen.sha);
    let again = run.summarise(&case.lane.rooms, protocol, &around, supersedes);
    let agreed = case.evidence.plan.and_then(|plan| plan.plan.agreed).is_none_or(|agreed| agreed == summary.agreed);
    if again.as_ref() != Some(summary)
        || summary_sha(summary) != frozen.sha
        || run.started.instrument != summary.instrument
        || !agreed
    {
        faults.push(forged());
    }
}

/// What blocks closing a measurement: it must be frozen as it stands, and signed or refused with evidence (5.6.6).
pub(super) fn done_blocks(lane: &Lane) -> Vec<Refusal> {
    let mut blocks = Vec::new();
    match lane.measuring.current() {
        None => blocks.push(Refusal::new(
            "measurement.not_frozen",
            "5.6.6",
            "测温结果尚未锁定，请锁定后由热用户确认",
            "the measurement is not frozen",
        )),
        Some(frozen) if frozen.verdict.is_none() => blocks.push(Refusal::new(
            "measurement.not_signed",
            "5.6.6",
            "测温结果须由热用户签字确认，或记录拒签及证据",
            "the resident must sign the measurement, or the refusal be recorded",
        )),
        Some(_) => {}
    }
    blocks
}

pub(super) fn dispute(case: &Case<'_>, disputed: &Disputed, faults: &mut Vec<Refusal>) {
    indoors(case, faults);
    said(&disputed.text, "热用户的异议", "what the resident says", "5.6.7", faults);
    let current = case.lane.measuring.current();
    if !current.is_some_and(|frozen| frozen.summary.rooms.iter().any(|room| room.room == disputed.room)) {
        faults.push(Refusal::new(
            "dispute.no_room",
            "5.6.7",
            "该房间没有已锁定的测温结果",
            "there is no frozen result for this room",
        ));
    }
    match &disputed.remedy {
        Remedy::Monitor48h { device, start, end } => {
            said(device, "监测设备编号", "the monitoring device", "5.6.7", faults);
            let hours = case.rules.limits.monitoring_hours;
            if end.0.saturating_sub(start.0) < i64::from(hours) * 3_600_000 {
                faults.push(Refusal::new(
                    "dispute.too_short",
                    "5.6.7",
                    format!("连续监测不得少于 {hours} 小时"),
                    format!("monitoring lasts at least {hours} hours"),
                ));
            }
        }
        Remedy::Remeasure { window } => faults.extend(window_faults(*window)),
    }
}
