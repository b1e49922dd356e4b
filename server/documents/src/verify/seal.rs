//! The seal: byte range, signature, and whose certificate it is.

use der::{Decode, Encode};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::record::{Check, KeyEntry, KeyKind, Keys, Part, RevocationReason, Verdict, base64url};
use nuanfang_core::time::Millis;
use x509_cert::Certificate;

use crate::seal::key::PublicKey;
use crate::seal::{cms, layout};

/// A seal found in a file.
pub(super) struct Sealed {
    /// Where.
    pub found: layout::Found,
    /// The chain of whoever signed, or why the signature does not hold.
    pub chain: Result<Vec<Certificate>, (&'static str, &'static str)>,
}

/// Finds the seal and checks its signature over the bytes it covers.
pub(super) fn open(pdf: &[u8]) -> Option<Sealed> {
    let found = layout::locate(pdf)?;
    let chain = match layout::signature(pdf, &found.contents) {
        None => Err(("签章数据的写法不规范", "the signature is not in its one spelling")),
        Some(der) => cms::verify(&der, &layout::digest(pdf, &found.contents, found.end)).map(|read| read.chain),
    };
    Some(Sealed { found, chain })
}

/// Adds what was found to the verdict. `issued` is when the document says it was sealed.
pub(super) fn judge(
    pdf: &[u8],
    sealed: Option<&Sealed>,
    keys: Option<&Keys>,
    issued: Option<Millis>,
    verdict: &mut Verdict,
) {
    let Some(sealed) = sealed else {
        let (zh, en) = if pdf.is_empty() {
            ("空文件", "an empty file")
        } else {
            ("没有完整的印章", "there is no whole seal")
        };
        verdict.add(Check::failed(Part::Seal, zh, en));
        return;
    };
    let chain = match &sealed.chain {
        Ok(chain) => chain,
        Err((zh, en)) => return verdict.add(Check::failed(Part::Seal, zh, en)),
    };
    verdict.add(Check::passed(Part::Seal, "盖章后逐字节未变", "not one byte changed since it was sealed"));
    match keys {
        None => verdict.add(Check::not_checked(Part::SealKey, "没有公钥文件", "no keys.json")),
        Some(keys) => verdict.add(match belongs(chain, keys, issued) {
            Ok(()) => Check::passed(Part::SealKey, "", ""),
            Err((zh, en)) => Check::failed(Part::SealKey, zh, en),
        }),
    }
}

/// Whether the supplier's `keys.json` lists the sealing certificate, and it held when the document was sealed.
fn belongs(chain: &[Certificate], keys: &Keys, issued: Option<Millis>) -> Result<(), (&'static str, &'static str)> {
    let der = chain[0].to_der().map_err(|_| ("印章证书无法读取", "the certificate cannot be read"))?;
    let entry = keys
        .find(&Sha::of(&der))
        .filter(|entry| entry.kind == KeyKind::Seal)
        .ok_or(("印章证书不在企业公钥文件中", "the certificate is not in keys.json"))?;
    let broken = ("印章证书链不成立", "the certificate chain does not hold");
    for pair in chain.windows(2) {
        if issued_by(&pair[0], &pair[1]) == Some(false) {
            return Err(broken);
        }
    }
    // A certificate of the supplier's own authority must lead to a root that keys.json names; a company's own one is
    // believed because keys.json, signed by the root, lists it.
    let last = chain.last().unwrap_or(&chain[0]);
    for root in keys.entries().iter().filter(|entry| entry.kind == KeyKind::Root).filter_map(x509) {
        let named = last.tbs_certificate.issuer == root.tbs_certificate.subject;
        if named && issued_by(last, &root) != Some(true) {
            return Err(broken);
        }
    }
    in_force(entry, issued)
}

fn x509(entry: &KeyEntry) -> Option<Certificate> {
    Certificate::from_der(&base64url::decode(entry.x509.as_deref()?)?).ok()
}

fn in_force(entry: &KeyEntry, issued: Option<Millis>) -> Result<(), (&'static str, &'static str)> {
    let issued = issued.ok_or(("盖章时间无法读取", "when it was sealed cannot be read"))?;
    if issued < entry.valid_from_ms || issued > entry.valid_until_ms {
        return Err(("盖章时印章证书不在有效期内", "the certificate was not valid when it sealed"));
    }
    match entry.revoked {
        // Who holds a stolen key can write any date.
        Some(revoked) if revoked.reason == RevocationReason::Stolen => {
            Err(("印章密钥已挂失", "the sealing key was reported stolen"))
        }
        Some(revoked) if issued >= revoked.at_ms => {
            Err(("盖章时印章证书已停用", "the certificate was revoked before it sealed"))
        }
        _ => Ok(()),
    }
}

/// Whether `issuer` signed `certificate`; `None` for an algorithm that is not known here, so that only the list in
/// `keys.json` vouches for it.
fn issued_by(certificate: &Certificate, issuer: &Certificate) -> Option<bool> {
    if certificate.tbs_certificate.issuer != issuer.tbs_certificate.subject {
        return Some(false);
    }
    let public = PublicKey::of(issuer)?;
    if public.signature_algorithm().ok()?.oid != certificate.signature_algorithm.oid {
        return None;
    }
    let signed = certificate.tbs_certificate.to_der().ok()?;
    Some(public.verify_any(&signed, certificate.signature.raw_bytes()))
}
