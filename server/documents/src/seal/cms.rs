//! The signature itself: CMS SignedData, detached, with exactly the signed attributes of PAdES B-B – content type,
//! message digest, signing-certificate-v2 over the whole chain – and nothing unsigned. There is one spelling of it, so
//! a verifier writes it again and compares.

use cms::builder::{SignedDataBuilder, SignerInfoBuilder};
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::ContentInfo;
use cms::signed_data::{EncapsulatedContentInfo, SignedData, SignerIdentifier};
use der::asn1::{ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Decode, Encode, Sequence};
use p256::ecdsa::signature::{self, Keypair, Signer};
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::attr::Attribute;
use x509_cert::spki::{AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier};

use super::key::{PublicKey, SealKey, SealSignature};
use crate::error::DocumentError;

const ID_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ID_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const ID_MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const ID_SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

/// RFC 5035: the hashes of the signer's certificate and its issuers. SHA-256 is the default and so not written.
#[derive(Sequence)]
struct SigningCertificateV2 {
    certs: Vec<EssCertIdV2>,
}

#[derive(Sequence)]
struct EssCertIdV2 {
    cert_hash: OctetString,
}

fn failed(why: impl std::fmt::Display) -> DocumentError {
    DocumentError::Key(why.to_string())
}

/// Signs the digest of a document's bytes.
///
/// # Errors
/// If a certificate cannot be written.
pub(crate) fn sign(key: &SealKey, chain: &[Certificate], digest: &[u8; 32]) -> Result<Vec<u8>, DocumentError> {
    write(&Writer { public: key.public(), sign: &|message| key.sign(message) }, chain, digest)
}

/// A signature read back: who signed, and the certificates beside it.
pub(crate) struct Read {
    /// The signer's certificate, then its issuers as the signature lists them.
    pub chain: Vec<Certificate>,
}

/// Reads `der` and holds it to the one spelling that [`sign`] has for a document of hash `digest`; the signature in it
/// is checked with the key of the certificate it names.
///
/// # Errors
/// Why it does not hold, in Chinese and English.
pub(crate) fn verify(der: &[u8], digest: &[u8; 32]) -> Result<Read, (&'static str, &'static str)> {
    let unreadable = ("签章数据无法读取", "the signature cannot be read");
    let content = ContentInfo::from_der(der).map_err(|_| unreadable)?;
    let data: SignedData = content.content.decode_as().map_err(|_| unreadable)?;
    let [signer] = data.signer_infos.0.as_slice() else { return Err(unreadable) };
    let SignerIdentifier::IssuerAndSerialNumber(sid) = &signer.sid else { return Err(unreadable) };
    let held: Vec<Certificate> = data
        .certificates
        .iter()
        .flat_map(|set| set.0.iter())
        .filter_map(|choice| match choice {
            CertificateChoices::Certificate(certificate) => Some(certificate.clone()),
            CertificateChoices::Other(_) => None,
        })
        .collect();
    let leaf = held
        .iter()
        .position(|held| {
            held.tbs_certificate.issuer == sid.issuer && held.tbs_certificate.serial_number == sid.serial_number
        })
        .ok_or(("签章缺少印章证书", "the sealing certificate is missing"))?;
    let chain = ordered(held, leaf).ok_or(("签章所附证书不成链", "the certificates are no chain"))?;
    let public = PublicKey::of(&chain[0]).ok_or(("印章公钥不是 P-256 或 RSA", "the key is neither P-256 nor RSA"))?;
    let signature = signer.signature.as_bytes();
    // Gives the one signature in the file, and only for the bytes it fits.
    let replay = |message: &[u8]| {
        if public.verify(message, signature) { Ok(signature.to_vec()) } else { Err(signature::Error::new()) }
    };
    let again = write(&Writer { public: public.clone(), sign: &replay }, &chain, digest).ok();
    if again.as_deref() == Some(der) {
        return Ok(Read { chain });
    }
    let message = |attribute: &&Attribute| attribute.oid == ID_MESSAGE_DIGEST;
    let stated = signer.signed_attrs.iter().flat_map(|set| set.iter()).find(message);
    let stated = stated.and_then(|attribute| attribute.values.iter().next()).map(Any::value);
    if stated.is_some_and(|stated| stated != digest) {
        return Err(("盖章后文件内容被改动", "the file was changed after it was sealed"));
    }
    Err(("签章数据不成立", "the signature does not hold"))
}

/// The chain from the leaf upwards, using every certificate once.
fn ordered(mut held: Vec<Certificate>, leaf: usize) -> Option<Vec<Certificate>> {
    let mut chain = vec![held.swap_remove(leaf)];
    while !held.is_empty() {
        let issuer = &chain.last()?.tbs_certificate.issuer;
        let next = held.iter().position(|held| held.tbs_certificate.subject == *issuer)?;
        chain.push(held.swap_remove(next));
    }
    Some(chain)
}

/// Gives the signature's bytes for a message.
type Sign<'a> = dyn Fn(&[u8]) -> Result<Vec<u8>, signature::Error> + 'a;

/// What the builder takes for a key.
struct Writer<'a> {
    public: PublicKey,
    sign: &'a Sign<'a>,
}

impl Keypair for Writer<'_> {
    type VerifyingKey = PublicKey;

    fn verifying_key(&self) -> PublicKey {
        self.public.clone()
    }
}

impl DynSignatureAlgorithmIdentifier for Writer<'_> {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        self.public.signature_algorithm()
    }
}

impl Signer<SealSignature> for Writer<'_> {
    fn try_sign(&self, message: &[u8]) -> Result<SealSignature, signature::Error> {
        (self.sign)(message).map(SealSignature)
    }
}

fn write(signer: &Writer<'_>, chain: &[Certificate], digest: &[u8; 32]) -> Result<Vec<u8>, DocumentError> {
    let leaf = chain.first().ok_or_else(|| failed("没有印章证书"))?;
    let mut certs = Vec::new();
    for certificate in chain {
        let hash = Sha256::digest(certificate.to_der().map_err(failed)?);
        certs.push(EssCertIdV2 { cert_hash: OctetString::new(hash.to_vec()).map_err(failed)? });
    }
    let value = Any::encode_from(&SigningCertificateV2 { certs }).map_err(failed)?;
    let values = SetOfVec::try_from(vec![value]).map_err(failed)?;
    let sha_256 = AlgorithmIdentifierOwned { oid: ID_SHA_256, parameters: None };
    let content = EncapsulatedContentInfo { econtent_type: ID_DATA, econtent: None };
    let sid = SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
        issuer: leaf.tbs_certificate.issuer.clone(),
        serial_number: leaf.tbs_certificate.serial_number.clone(),
    });
    let mut info =
        SignerInfoBuilder::new(signer, sid, sha_256.clone(), &content, Some(digest.as_slice())).map_err(failed)?;
    info.add_signed_attribute(Attribute { oid: ID_SIGNING_CERTIFICATE_V2, values }).map_err(failed)?;
    let mut data = SignedDataBuilder::new(&content);
    data.add_digest_algorithm(sha_256).map_err(failed)?;
    for certificate in chain {
        data.add_certificate(CertificateChoices::Certificate(certificate.clone())).map_err(failed)?;
    }
    data.add_signer_info::<_, SealSignature>(info).map_err(failed)?;
    data.build().map_err(failed)?.to_der().map_err(failed)
}
