//! Whose key signed: opening statements and certificates, and finding their keys in `keys.json`.

use super::certificate::{Certificate, Certified};
use super::jws::{Jws, JwsFault, Opened, Statement};
use super::keys::{KeyEntry, KeyKind, Keys};
use super::timeliness;
use super::verdict::{Check, Part, Verdict};
use crate::time::Millis;

/// Opens a certificate and checks it against the issuer it names.
pub(super) fn certificate(jws: &Jws, part: Part, verdict: &mut Verdict) -> Option<Certified> {
    match Certificate::open(jws) {
        Ok(certified) => Some(certified),
        Err(fault) => {
            verdict.add(Check::failed(part, fault.zh(), fault.en()));
            None
        }
    }
}

/// Takes a statement apart; what is wrong with it is added to the verdict.
pub(super) fn opened<T: Statement>(jws: &Jws, part: Part, verdict: &mut Verdict) -> Option<Opened<T>> {
    match jws.open::<T>() {
        Ok(opened) => Some(opened),
        Err(fault) => {
            // What is wrong around the payload is the signature's fault, not the content's.
            let around = matches!(
                fault,
                JwsFault::Count
                    | JwsFault::Header
                    | JwsFault::Algorithm
                    | JwsFault::Typ
                    | JwsFault::Spelling("protected" | "signature")
            );
            let part = if around && part == Part::Payload { Part::Signature } else { part };
            verdict.add(Check::failed(part, fault.zh(), fault.en()));
            None
        }
    }
}

/// Checks that the statement is signed by the certified key, and says so by its `kid`.
pub(super) fn signature<T>(opened: &Opened<T>, signer: &Certified, part: Part, verdict: &mut Verdict) -> bool {
    if opened.kid != signer.kid {
        verdict.add(Check::failed(part, "签名所指证书不是所附证书", "the signature names another certificate"));
        return false;
    }
    match opened.verify(&signer.key) {
        Ok(()) => {
            verdict.add(Check::passed(part, "", ""));
            true
        }
        Err(fault) => {
            verdict.add(Check::failed(part, fault.zh(), fault.en()));
            false
        }
    }
}

/// The key's entry in `keys.json`, if it is there, is of this kind, has this very certificate and, for a key of the
/// server's, was in force when it signed at `at`.
pub(super) fn listed<'k>(
    keys: &'k Keys,
    certified: &Certified,
    kind: KeyKind,
    jws: &Jws,
    part: Part,
    at: Option<Millis>,
    verdict: &mut Verdict,
) -> Option<&'k KeyEntry> {
    let Some(entry) = keys.find(&certified.kid) else {
        verdict.add(Check::failed(part, "密钥不在企业公钥文件中", "the key is not in keys.json"));
        return None;
    };
    if entry.kind != kind || entry.certificate.as_ref() != Some(jws) {
        verdict.add(Check::failed(part, "与企业公钥文件中的证书不同", "not the certificate in keys.json"));
        return None;
    }
    if let Some((zh, en)) = at.and_then(|at| timeliness::server(entry, at)) {
        verdict.add(Check::failed(part, zh, en));
        return None;
    }
    verdict.add(Check::passed(part, "", ""));
    Some(entry)
}
