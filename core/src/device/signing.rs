//! Signing at the door, and refusing to: the paper as it was shown becomes a signed record, and record, event and
//! outbox row are one transaction.

use rusqlite::Transaction;
use uuid::Uuid;

use super::casefile::CaseFile;
use super::joining::certified;
use super::outbox::{self, NewOp};
use super::paper::{self, Paper};
use super::signature::KeptSignature;
use super::status::Words;
use super::store::outbox_row::OutboxRow;
use super::trouble::Trouble;
use super::{mirror, words};
use crate::canon::envelope::nonce;
use crate::canon::hash::Sha;
use crate::domain::command::Command;
use crate::domain::lane::{Lane, Mark};
use crate::domain::signature::{Purpose, SignatureRefused, Signed, Signer};
use crate::domain::{Place, check, role};
use crate::error::Refusal;
use crate::forms::{PrintedForm, RefusalNote, template_sha};
use crate::id::RecordId;
use crate::record::{
    Attendant, DeviceKey, Handwriting, InstrumentCited, LogPosition, Outcome, PhotoCited, PriceListCited, QuoteCited,
    RecordTime, SCHEMA, SignError, SignedRecordBody, StatementShown, Strokes, Supplier, Template, Witness,
    sign_certified,
};
use crate::wire::feed_entity::{COMPANY, CompanyEntity, STATEMENT, StatementEntity};

/// What is put before the resident.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordPreview {
    /// The form, to be drawn cell by cell.
    pub form: PrintedForm,
    /// The sentence above the pad.
    pub statement: StatementShown,
    /// The content address of what is shown; signing names it.
    pub shown_sha: Sha,
}

/// A signature, as the pad gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct SignRequest {
    /// What is signed.
    pub purpose: Purpose,
    /// Who signs.
    pub signer: Signer,
    /// The strokes.
    pub strokes: Strokes,
    /// The picture of them, PNG.
    pub image_png: Vec<u8>,
    /// The signer agrees that the strokes are kept.
    pub keep_strokes: bool,
    /// What was shown: [`RecordPreview::shown_sha`].
    pub shown_sha: Sha,
    /// Photos that belong to it and to no act before.
    pub photos: Vec<Sha>,
    /// A second person who saw it.
    pub witness: Option<Witness>,
    /// Where.
    pub place: Place,
}

/// A refusal to sign.
#[derive(Debug, Clone, PartialEq)]
pub struct RefuseRequest {
    /// What is not signed.
    pub purpose: Purpose,
    /// Who refused; the name may be empty.
    pub signer: Signer,
    /// Why, in the worker's words.
    pub reason: String,
    /// A second person who saw it.
    pub witness: Option<Witness>,
    /// What was shown: [`RecordPreview::shown_sha`].
    pub shown_sha: Sha,
    /// Photos that stand for the signature, role `photo.result`.
    pub photos: Vec<Sha>,
    /// Where.
    pub place: Place,
}

/// Draws up what the resident reads.
pub fn preview(
    connection: &rusqlite::Connection,
    file: &CaseFile,
    purpose: &Purpose,
) -> Result<RecordPreview, Trouble> {
    let paper = paper::draw(file, &company(connection)?, purpose)?;
    let statement = statement(connection, file, paper::statement_id(purpose))?;
    Ok(RecordPreview { shown_sha: paper.shown_sha(), form: paper.form, statement })
}

/// How it ended at the pad.
enum End<'a> {
    Signed { kept: &'a KeptSignature, keep_strokes: bool },
    Refused { reason: String },
}

/// The hands a signing goes through.
pub struct Desk<'a> {
    /// The device's key.
    pub key: &'a dyn DeviceKey,
    /// The app's version.
    pub app: &'a str,
}

impl Desk<'_> {
    /// Signs: record, event and outbox row, or nothing.
    ///
    /// # Errors
    /// `signature.stale` when what stands now is not what was shown; any rule's; the key's. Everything filled in stays.
    pub fn sign(
        &self,
        transaction: &Transaction<'_>,
        file: &mut CaseFile,
        request: &SignRequest,
        kept: &KeptSignature,
    ) -> Result<Vec<OutboxRow>, Trouble> {
        let signer = Signer { name: words::clean(&request.signer.name, "签字人姓名")?, role: request.signer.role };
        let mut files = vec![kept.strokes, kept.image];
        files.extend(&request.photos);
        file.with_files(transaction, &files)?;
        let company = company(transaction)?;
        let paper = shown(file, &company, &request.purpose, request.shown_sha)?;
        let statement = statement(transaction, file, paper::statement_id(&request.purpose))?;
        let witness = clean_witness(request.witness.as_ref())?;
        let end = End::Signed { kept, keep_strokes: request.keep_strokes };
        let form = paper.form.clone();
        let body = self.body(
            transaction,
            file,
            &company,
            Record {
                purpose: &request.purpose,
                paper: &paper,
                form,
                statement,
                signer: signer.clone(),
                witness,
                place: request.place.clone(),
                end,
            },
        )?;
        let record = sign_certified(&body, self.key, &*certified(&file.enrolment.certificate)?).map_err(unsigned)?;
        let command = Command::Sign(Signed {
            purpose: request.purpose.clone(),
            signer,
            covers: body.covers,
            record_sha: record.record_sha,
            jws: record.jws_text,
        });
        append(transaction, file, &command, &files)
    }

    /// Puts a refusal on record, in place of the signature.
    ///
    /// # Errors
    /// As [`Desk::sign`].
    pub fn refuse(
        &self,
        transaction: &Transaction<'_>,
        file: &mut CaseFile,
        request: &RefuseRequest,
    ) -> Result<Vec<OutboxRow>, Trouble> {
        let reason = words::clean(&request.reason, "拒签原因")?;
        file.with_files(transaction, &request.photos)?;
        let company = company(transaction)?;
        let paper = shown(file, &company, &request.purpose, request.shown_sha)?;
        let statement = statement(transaction, file, "refusal")?;
        let witness = clean_witness(request.witness.as_ref())?;
        let named = witness.as_ref().map(|witness| format!("{}（{}）", witness.name, witness.role));
        let note = RefusalNote {
            occasion: paper::occasion(file),
            shown: paper.form.clone(),
            reason: reason.clone(),
            witness: named.clone().unwrap_or_default(),
            photos: u32::try_from(request.photos.len()).unwrap_or(u32::MAX),
        };
        let signer = Signer { name: crate::forms::normalise_text(&request.signer.name), role: request.signer.role };
        let body = self.body(
            transaction,
            file,
            &company,
            Record {
                purpose: &request.purpose,
                paper: &paper,
                form: note.print(),
                statement,
                signer,
                witness,
                place: request.place.clone(),
                end: End::Refused { reason: reason.clone() },
            },
        )?;
        let record = sign_certified(&body, self.key, &*certified(&file.enrolment.certificate)?).map_err(unsigned)?;
        let command = Command::RefuseToSign(SignatureRefused {
            purpose: request.purpose.clone(),
            reason,
            witness: named,
            covers: body.covers,
            record_sha: record.record_sha,
            jws: record.jws_text,
        });
        append(transaction, file, &command, &request.photos)
    }

    fn body(
        &self,
        transaction: &Transaction<'_>,
        file: &CaseFile,
        company: &CompanyEntity,
        record: Record<'_>,
    ) -> Result<SignedRecordBody, Trouble> {
        let missing = |zh: &str, en: &str| Refusal::new("signature.not_ready", "", zh, en);
        let worker = file.worker.as_ref().ok_or_else(|| {
            missing("本机还没有您的工作标识牌信息，请联网同步后再签", "your badge is not known here; synchronise first")
        })?;
        let lane = file
            .visit
            .lane_of(file.lane, file.enrolment.device)
            .ok_or_else(|| missing("没有可签的内容", "nothing to sign"))?;
        let household = file
            .household_id()
            .filter(|household| !household.0.is_nil())
            .ok_or_else(|| missing("没有热用户信息", "the household is not known"))?;
        let supplier = certified(&file.enrolment.certificate)?.certificate.supplier;
        let (seq, prev) = outbox::next_position(transaction)?;
        let (rules, form) = (file.rules(), record.form);
        words::printable(&form)?;
        let sha = template_sha(&form.template).ok_or_else(|| Trouble::damaged(&form.template))?;
        let quote = record.paper.quote.as_ref();
        let measured = record.paper.measurement.as_ref().map(|frozen| &frozen.summary);
        let quote_sha = |revision: u32| lane.repair.quote(revision).map(|shown| shown.sha);
        let (outcome, signature) = match record.end {
            End::Signed { kept, keep_strokes } => {
                let handwriting = Handwriting { strokes: kept.strokes, image: kept.image, keep_strokes };
                (Outcome::Signed, Some(handwriting))
            }
            End::Refused { reason } => (Outcome::Refused { reason }, None),
        };
        Ok(SignedRecordBody {
            schema: SCHEMA,
            id: RecordId(Uuid::now_v7()),
            kind: record.purpose.clone(),
            outcome,
            supplier: Supplier { id: supplier, name: company.name.clone() },
            household,
            visit: file.visit.id(),
            log: LogPosition { device: file.enrolment.device, seq, prev },
            worker: Attendant {
                id: file.enrolment.worker,
                name: worker.name.clone(),
                badge: worker.badge_number.clone(),
            },
            signer: record.signer,
            statement: record.statement,
            template: Template { id: format!("{}@{}", form.template, form.version), sha },
            form,
            values: record.paper.values.clone(),
            covers: lane.covers(record.purpose),
            quote: quote
                .and_then(|quote| Some(QuoteCited { revision: quote.revision, sha: quote_sha(quote.revision)? })),
            price_list: quote
                .map(|quote| PriceListCited { version: quote.price_list_version.clone(), sha: quote.price_list }),
            protocol: measured.map(|summary| summary.protocol.clone()),
            instruments: measured
                .map(|summary| InstrumentCited {
                    number: summary.instrument_number.clone(),
                    certificate: summary.certificate.clone(),
                })
                .into_iter()
                .collect(),
            rules: rules.sha(),
            standard_version: rules.limits.standard.clone(),
            app_build: self.app.to_owned(),
            photos: photos(file, lane, record.purpose),
            signature,
            witness: record.witness,
            place: record.place,
            time: RecordTime { claimed: file.context.now.stamp, estimate: file.context.now.estimate },
            supersedes: measured.and_then(|_| corrected(lane)),
            nonce: nonce(),
        })
    }
}

struct Record<'a> {
    purpose: &'a Purpose,
    paper: &'a Paper,
    form: PrintedForm,
    statement: StatementShown,
    signer: Signer,
    witness: Option<Witness>,
    place: Place,
    end: End<'a>,
}

/// The record that one of the measurement as it stands now corrects: the last one of a measurement before it, whatever was
/// frozen in between and not signed.
fn corrected(lane: &Lane) -> Option<Sha> {
    let now = lane.covers(&Purpose::Measurement);
    let of_another = |mark: &&Mark| mark.purpose == Purpose::Measurement && mark.covers != now;
    lane.marks.iter().rev().find(of_another).map(|mark| mark.record_sha)
}

/// The photos a record of this purpose stands on: those of the visit that show what it is about, and those that come
/// with it.
fn photos(file: &CaseFile, lane: &Lane, purpose: &Purpose) -> Vec<PhotoCited> {
    let mut cited: Vec<PhotoCited> = Vec::new();
    let known = lane.photos.iter().filter(|photo| paper::cites(purpose, photo));
    let fresh = file.context.blobs.iter().filter(|blob| role::PHOTOS.contains(&blob.role.as_str()));
    let all = known.map(|photo| (photo.sha, &photo.role)).chain(fresh.map(|blob| (blob.sha, &blob.role)));
    for (sha, role) in all {
        if !cited.iter().any(|photo| photo.sha == sha) {
            cited.push(PhotoCited { sha, role: role.clone() });
        }
    }
    cited
}

/// Checks the act and appends what it becomes.
pub(super) fn append(
    transaction: &Transaction<'_>,
    file: &CaseFile,
    command: &Command,
    files: &[Sha],
) -> Result<Vec<OutboxRow>, Trouble> {
    let mut logged = Vec::new();
    for event in check(&file.visit, file.lane, command, &file.context)? {
        words::printable_event(&event)?;
        let new = NewOp {
            event,
            visit: Some(file.visit.id()),
            basis: file.basis,
            rules: file.rules().sha(),
            t: file.context.now.stamp,
            blobs: if logged.is_empty() { files.to_vec() } else { Vec::new() },
        };
        logged.push(outbox::append(transaction, new)?);
    }
    if logged.is_empty() { Err(Trouble::Damaged(Words::new("没有事件", "no event"))) } else { Ok(logged) }
}

fn shown(file: &CaseFile, company: &CompanyEntity, purpose: &Purpose, shown_sha: Sha) -> Result<Paper, Trouble> {
    let paper = paper::draw(file, company, purpose)?;
    if paper.shown_sha() == shown_sha {
        return Ok(paper);
    }
    let clause = crate::domain::signature_clause(purpose);
    Err(Refusal::new(
        "signature.stale",
        clause,
        "内容在出示之后有变更，请重新出示给热用户后再签字；已填内容都在。",
        "What stands now is not what was shown. Show it again, then sign; nothing filled in is lost.",
    )
    .into())
}

fn company(connection: &rusqlite::Connection) -> Result<CompanyEntity, Trouble> {
    let known: Vec<(String, CompanyEntity)> = mirror::entities(connection, COMPANY)?;
    known.into_iter().map(|(_, company)| company).next().ok_or_else(|| {
        Refusal::new(
            "signature.not_ready",
            "",
            "本机还没有供热企业信息，请联网同步一次；已填内容都在。",
            "The company is not known here yet. Synchronise once; nothing filled in is lost.",
        )
        .into()
    })
}

fn statement(connection: &rusqlite::Connection, file: &CaseFile, id: &str) -> Result<StatementShown, Trouble> {
    let told: Vec<(String, StatementEntity)> = mirror::entities(connection, STATEMENT)?;
    let told: Vec<StatementEntity> = told.into_iter().map(|(_, statement)| statement).collect();
    paper::statement(file, &told, id)
        .ok_or_else(|| Trouble::Damaged(Words::new(format!("签字说明 {id}"), format!("statement {id}"))))
}

fn clean_witness(witness: Option<&Witness>) -> Result<Option<Witness>, Trouble> {
    let Some(witness) = witness else { return Ok(None) };
    Ok(Some(Witness {
        name: words::clean(&witness.name, "见证人姓名")?,
        role: words::clean(&witness.role, "见证人身份")?,
    }))
}

fn unsigned(error: SignError) -> Trouble {
    Refusal::new("signature.not_signed", "", error.to_string(), format!("not signed, nothing lost: {error}")).into()
}
