//! The rules of signing, of refusing to sign, and of the inspection whose notice is signed for (5.4, 5.6.6, F.9–F.12).

use super::checklist::Evidence;
use super::inspection::{Finding, FindingResult, FixtureOwner};
use super::judge::{Case, indoors, photo, said};
use super::judge_repair::acceptance_blocks;
use super::lane::Lane;
use super::repair::Verdict;
use super::role;
use super::rules::Rules;
use super::signature::{Purpose, SignatureRefused, Signed};
use crate::canon::hash::Sha;
use crate::error::Refusal;

/// The clause a purpose stands on.
pub fn clause(purpose: &Purpose) -> &'static str {
    match purpose {
        Purpose::Measurement => "5.6.6",
        Purpose::Quote { .. } => "F.10",
        Purpose::Consent { .. } => "F.9",
        Purpose::Acceptance => "F.12",
        Purpose::Notice => "5.4",
    }
}

pub(super) fn signed(case: &Case<'_>, signed: &Signed, notice: bool, faults: &mut Vec<Refusal>) {
    indoors(case, faults);
    if notice != (signed.purpose == Purpose::Notice) {
        faults.push(Refusal::new(
            "signature.wrong_purpose",
            clause(&signed.purpose),
            "签收记录与签字事项不符",
            "the receipt of a notice is a kind of its own",
        ));
    }
    said(&signed.signer.name, "签字人姓名", "the signer's name", clause(&signed.purpose), faults);
    for (role, what) in [
        (role::SIGNATURE_STROKES, ("签字笔迹", "the strokes of the signature")),
        (role::SIGNATURE_IMAGE, ("签字图像", "the image of the signature")),
    ] {
        if !case.blobs.iter().any(|blob| blob.role == role) {
            faults.push(Refusal::new(
                "signature.missing",
                clause(&signed.purpose),
                format!("缺少{}，请重新签字", what.0),
                format!("{} are missing", what.1),
            ));
        }
    }
    subject(case, &signed.purpose, signed.covers, false, faults);
}

pub(super) fn refused(case: &Case<'_>, refused: &SignatureRefused, faults: &mut Vec<Refusal>) {
    indoors(case, faults);
    let clause = clause(&refused.purpose);
    said(&refused.reason, "拒签原因", "the reason", clause, faults);
    let witnessed = refused.witness.as_ref().is_some_and(|witness| !witness.trim().is_empty());
    if !witnessed && !case.blobs.iter().any(|blob| blob.role == role::PHOTO_RESULT) {
        faults.push(Refusal::new(
            "refusal.no_evidence",
            clause,
            "拒签须有见证人，或拍摄现场照片",
            "a refusal needs a witness, or a photo of the result",
        ));
    }
    subject(case, &refused.purpose, refused.covers, true, faults);
}

fn subject(case: &Case<'_>, purpose: &Purpose, covers: Option<Sha>, refusing: bool, faults: &mut Vec<Refusal>) {
    faults.extend(sign_blocks(case.lane, &case.evidence, case.rules, purpose, refusing));
    let expected = case.lane.covers(purpose);
    if expected.is_some() && expected != covers {
        faults.push(Refusal::new(
            "signature.stale",
            clause(purpose),
            "签字内容已变更，请重新出示后再签字",
            "what was signed is not what stands now; show it again",
        ));
    }
}

/// What blocks a signature for `purpose`, or its refusal.
pub(super) fn sign_blocks(
    lane: &Lane,
    evidence: &Evidence<'_>,
    rules: &Rules,
    purpose: &Purpose,
    refusing: bool,
) -> Vec<Refusal> {
    let mut blocks = Vec::new();
    let nothing = |zh: &str, en: &str| Refusal::new("signature.nothing_to_sign", clause(purpose), zh, en);
    let twice = || Refusal::new("signature.twice", clause(purpose), "已经签字或拒签", "already signed or refused");
    match purpose {
        Purpose::Measurement => match lane.measuring.current() {
            None => blocks.push(nothing("请先锁定测温结果", "freeze the measurement first")),
            Some(frozen) if frozen.verdict == Some(Verdict::Signed) => blocks.push(twice()),
            Some(_) => {}
        },
        Purpose::Quote { revision } => blocks.extend(quote_blocks(lane, rules, *revision, refusing)),
        Purpose::Consent { object } => match lane.repair.risk(object) {
            None => blocks.push(nothing("请先说明可能损坏的物件", "tell the risk first")),
            Some(risk) if matches!(risk.verdict, Some((Verdict::Signed, _))) => blocks.push(twice()),
            Some(_) => {}
        },
        Purpose::Acceptance => blocks.extend(acceptance_blocks(lane, evidence, rules, refusing)),
        Purpose::Notice => {
            if lane.own_hazards().next().is_none() {
                blocks.push(nothing("没有需要告知的自用设施隐患", "there is no hazard to give notice of"));
            }
        }
    }
    blocks
}

/// F10-1 and F10-2 come before F10-3, for each paid line.
fn quote_blocks(lane: &Lane, rules: &Rules, revision: u32, refusing: bool) -> Vec<Refusal> {
    let mut blocks = Vec::new();
    let repair = &lane.repair;
    let Some(shown) = repair.quote(revision) else {
        blocks.push(Refusal::new("signature.nothing_to_sign", "F.10", "请先出示报价", "show the quote first"));
        return blocks;
    };
    if repair.quotes.last().is_some_and(|last| last.quote.revision != revision) {
        blocks.push(Refusal::new(
            "quote.not_latest",
            "F.10",
            "已有新的报价，请签最新版本",
            "a later revision stands in its place",
        ));
    }
    if shown.verdict.is_some() {
        blocks.push(Refusal::new("signature.twice", "F.10", "该报价已签字或拒签", "already signed or refused"));
    }
    if !refusing {
        let ask = |source| rules.items.iter().find(|item| item.source == source).map(super::checklist::item_refusal);
        if repair.untold(&shown.quote).next().is_some() {
            blocks.extend(ask(super::rules::Source::ChargeTold));
        }
        if !repair.list_shown(&shown.quote) {
            blocks.extend(ask(super::rules::Source::PriceList));
        }
    }
    blocks
}

pub(super) fn finding(case: &Case<'_>, finding: &Finding, faults: &mut Vec<Refusal>) {
    indoors(case, faults);
    if case.rules.inspection_item(&finding.item).is_none() {
        faults.push(Refusal::new(
            "inspection.unknown_item",
            "5.4",
            format!("巡检项 {} 不在规则中", finding.item),
            format!("inspection item {} is not in the rules", finding.item),
        ));
    }
    match (&finding.result, &finding.hazard) {
        (FindingResult::Abnormal, None) => {
            faults.push(Refusal::new(
                "field.empty",
                "5.4",
                "异常项须填写隐患情况",
                "an abnormal item needs its hazard",
            ));
        }
        (FindingResult::Abnormal, Some(hazard)) => {
            said(&hazard.description, "隐患情况", "what is wrong", "5.4", faults);
            said(&hazard.advice, "整改建议", "the advice", "5.4", faults);
            if !case.rules.inspection.levels.contains(&hazard.level) {
                faults.push(Refusal::new("inspection.level", "5.4", "请选择隐患等级", "choose one of the levels"));
            }
            let photographed = |photo: &super::lane::Photo| {
                photo.role == role::PHOTO_HAZARD && photo.subject.as_deref() == Some(finding.item.as_str())
            };
            if !case.lane.photos.iter().any(photographed) {
                photo(case, role::PHOTO_HAZARD, "5.4", ("隐患照片", "the photo of the hazard"), faults);
            }
        }
        (_, Some(_)) => faults.push(Refusal::new(
            "inspection.hazard_without_fault",
            "5.4",
            "只有异常项才填写隐患",
            "only an abnormal item has a hazard",
        )),
        (FindingResult::CannotCheck, None) => {
            said(
                finding.note.as_deref().unwrap_or_default(),
                "无法检查的原因",
                "why it can't be checked",
                "5.4",
                faults,
            );
        }
        (FindingResult::Normal | FindingResult::NoSuchItem, None) => {}
    }
}

/// What blocks closing an inspection: items of the list that are not recorded.
pub(super) fn inspection_blocks(lane: &Lane, rules: &Rules) -> Option<Refusal> {
    let recorded = |id: &str| lane.findings.iter().any(|(finding, _)| finding.item == id);
    let missing: Vec<&str> = rules
        .inspection
        .items
        .iter()
        .filter(|item| item.required && !recorded(&item.id))
        .map(|item| item.zh.as_str())
        .collect();
    let first = *missing.first()?;
    Some(Refusal::new(
        "inspection.items_missing",
        "5.4",
        format!("还有 {} 个巡检项未记录，如“{first}”", missing.len()),
        format!("{} inspection items are not recorded", missing.len()),
    ))
}

/// What blocks closing with hazards in the resident's own fixtures: the notice must be received, or refused.
pub(super) fn notice_blocks(lane: &Lane) -> Option<Refusal> {
    let open = lane.hazards(FixtureOwner::Own).next().is_some() && lane.standing_mark(&Purpose::Notice).is_none();
    open.then(|| {
        Refusal::new(
            "notice.not_received",
            "5.4",
            "自用设施隐患须书面告知并由热用户签收，或记录拒签",
            "hazards in the resident's own fixtures need a written notice, received or refused",
        )
    })
}
