//! Checking a record's file offline: on the file alone, or with the supplier's `keys.json` and what belongs to it.

use super::body::SignedRecordBody;
use super::certificate::Holder;
use super::container::{ErasedContainer, RecordContainer, RecordFile};
use super::erasure::Erasure;
use super::evidence::{Evidence, attachments};
use super::jws::Jws;
use super::keys::{KeyKind, Keys};
use super::receipt::Receipt;
use super::sign::misfit;
use super::signer::{certificate, listed, opened, signature};
use super::summary::RecordSummary;
use super::timeliness;
use super::verdict::{Answer, Check, Part, Verdict};
use crate::canon::hash::Sha;

/// Checks the bytes of a record's file.
///
/// With `keys` the answer is valid, invalid or erased; a key that is not in them makes the record invalid. Without
/// keys it is at best [`Answer::SignerUnknown`]: everything fits the certificates inside, whoever made those.
/// A record without the server's receipt is not valid: nothing shows when it existed.
pub fn verify_record(container: &[u8], keys: Option<&Keys>, evidence: &Evidence<'_>) -> Verdict {
    let answer = if keys.is_some() { Answer::Valid } else { Answer::SignerUnknown };
    let mut verdict = Verdict::new(answer);
    verdict.fingerprint = keys.and_then(Keys::fingerprint);
    match RecordFile::parse(container) {
        Err(fault) => verdict.add(Check::failed(
            Part::Container,
            format!("{}，位置 \"{}\"", fault.reason.zh(), fault.pointer),
            fault.to_string(),
        )),
        Ok(RecordFile::Whole(file)) => whole(&file, keys, evidence, &mut verdict),
        Ok(RecordFile::Erased(file)) => erased(&file, keys, &mut verdict),
    }
    if let Some(keys) = keys {
        let day = keys.issued_ms().local().format("%Y-%m-%d").to_string();
        verdict.note(
            format!("公钥文件截至 {day}（北京时间），此后的吊销不在其中"),
            format!("the keys are as of {day} (Beijing); later revocations are not in them"),
        );
    }
    verdict
}

fn whole(file: &RecordContainer, keys: Option<&Keys>, evidence: &Evidence<'_>, verdict: &mut Verdict) {
    verdict.add(Check::passed(Part::Container, "", ""));
    let Some(record) = opened::<SignedRecordBody>(&file.record, Part::Payload, verdict) else { return };
    let body = &record.statement;
    match body.incomplete() {
        None => verdict.add(Check::passed(Part::Payload, "", "")),
        Some(why) => verdict.add(Check::failed(Part::Payload, why, "the record contradicts itself or lacks a part")),
    }
    let receipt = match (&file.receipt, &file.receipt_certificate) {
        (Some(receipt), Some(signer)) => received(receipt, signer, file.record.sha(), keys, verdict),
        _ if keys.is_some() => {
            let (zh, en) = ("缺企业回执，无法证明何时存在", "there is no receipt: nothing shows when it existed");
            verdict.add(Check::failed(Part::Countersignature, zh, en));
            None
        }
        _ => {
            verdict.add(Check::not_checked(Part::Countersignature, "企业尚未收到", "not yet received"));
            None
        }
    };
    verdict.record = Some(RecordSummary::of(&record, receipt.as_ref()));
    if let Some(certified) = &certificate(&file.certificate, Part::Certificate, verdict) {
        signature(&record, certified, Part::Signature, verdict);
        match misfit(body, &certified.certificate) {
            None => verdict.add(Check::passed(Part::Certificate, "", "")),
            Some((zh, en)) => verdict.add(Check::failed(Part::Certificate, zh, en)),
        }
        if let Some(keys) = keys {
            let entry = listed(keys, certified, KeyKind::Device, &file.certificate, Part::SignerKey, None, verdict);
            if let (Some(entry), Some(receipt)) = (entry, &receipt) {
                verdict.add(timeliness::validity(entry, receipt));
                verdict.add(timeliness::revocation(entry, receipt));
            }
        }
    }
    if let (Some(keys), Some(when)) = (keys, verdict.record.as_ref().map(|record| record.signed_at)) {
        if body.supplier.id == keys.supplier().id && body.supplier.name != keys.supplier().name {
            let now = &keys.supplier().name;
            verdict.note(format!("供热企业现名：{now}"), format!("the supplier is now called {now}"));
        }
        if when.claimed_ms.0.abs_diff(when.est_ms.0) > 5 * 60_000 {
            verdict.note(
                format!("手机自报时间为 {}，与核定时间相差较大", when.claimed_ms.local().format("%Y-%m-%d %H:%M:%S")),
                "the phone's clock was off by more than five minutes",
            );
        }
    }
    attachments(body, evidence, verdict);
}

/// Checks the receipt over the JWS of hash `record`, and gives what it says if it holds.
fn received(receipt: &Jws, signer: &Jws, record: Sha, keys: Option<&Keys>, verdict: &mut Verdict) -> Option<Receipt> {
    let opened = opened::<Receipt>(receipt, Part::Countersignature, verdict)?;
    let says = opened.statement;
    if says.schema != 1 || says.record_jws != record {
        verdict.add(Check::failed(Part::Countersignature, "回执属于另一份记录", "the receipt is another record's"));
        return None;
    }
    let certified = certificate(signer, Part::ServerKey, verdict)?;
    let holds = signature(&opened, &certified, Part::Countersignature, verdict);
    if !matches!(certified.certificate.holder, Holder::Server { .. }) {
        verdict.add(Check::failed(Part::ServerKey, "不是企业服务器的证书", "not a server's certificate"));
        return None;
    }
    if let Some(keys) = keys {
        listed(keys, &certified, KeyKind::Server, signer, Part::ServerKey, Some(says.received_ms), verdict)?;
    }
    holds.then_some(says)
}

fn erased(file: &ErasedContainer, keys: Option<&Keys>, verdict: &mut Verdict) {
    if verdict.answer == Answer::Valid {
        verdict.answer = Answer::Erased;
        verdict.exit_code = Answer::Erased.exit_code();
    }
    verdict.add(Check::passed(Part::Container, "", ""));
    let certified = certificate(&file.erasure_certificate, Part::Erasure, verdict);
    let Some(statement) = opened::<Erasure>(&file.erasure, Part::Erasure, verdict) else { return };
    let Some(certified) = certified else { return };
    signature(&statement, &certified, Part::Erasure, verdict);
    let says = &statement.statement;
    if says.schema != 1 || !matches!(certified.certificate.holder, Holder::Server { .. }) {
        verdict.add(Check::failed(Part::Erasure, "不是企业服务器的声明", "not a statement by the server"));
    }
    if let Some(keys) = keys {
        let at = Some(says.erased_ms);
        listed(keys, &certified, KeyKind::Server, &file.erasure_certificate, Part::Erasure, at, verdict);
    }
    received(&file.receipt, &file.receipt_certificate, says.record_jws, keys, verdict);
    let day = says.erased_ms.local().format("%Y-%m-%d").to_string();
    verdict.note(
        format!("记录 {} 的内容已于 {day} 擦除（{}），内容哈希 {}", says.record, says.ground, says.record_sha),
        format!(
            "the content of record {} was erased on {day} ({}), its hash was {}",
            says.record, says.ground, says.record_sha
        ),
    );
}
