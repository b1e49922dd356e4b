//! Documents on demand: from a signed record its sealed PDF, made off the async threads and kept, since the same
//! record and the same office fields give the same bytes. And the photos.

use std::fs;
use std::io;
use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::{Event, role as blob_role};
use nuanfang_core::id::VisitId;
use nuanfang_core::record::{Evidence, verify_record};
use nuanfang_core::time::Millis;
use nuanfang_documents::{Frame, OfficeField, Paper, print_sealed, verify_pdf};
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::At;
use super::permit::{May, ReadDocuments, SeePhotos};
use super::visit_read::Reader;
use super::visit_view::{DocumentView, VerdictPartView, VerdictView};
use crate::http::Problem;
use crate::keys::Keys;
use crate::office::project::{erasure, record};
use crate::office::{log, registers};
use crate::state::AppState;
use crate::store::vault::owner_only;
use crate::store::{Store, StoreError, blocking};

/// Documents printed at once: each takes a core.
static PRESS: Semaphore = Semaphore::const_new(2);

/// A visit's documents.
#[utoipa::path(get, path = "/api/visits/{id}/documents", tag = "documents", operation_id = "documents",
    params(("id" = Uuid, Path, description = "The visit")),
    responses((status = 200, description = "What can be had", body = Vec<DocumentView>)))]
pub async fn documents(
    _may: May<ReadDocuments>,
    State(state): State<AppState>,
    At(id): At<Uuid>,
) -> Result<Json<Vec<DocumentView>>, Problem> {
    let reader = Reader::of(&state);
    Ok(Json(state.read(move |db| reader.documents(db, VisitId(id))).await?))
}

/// A document: `<id>.pdf` sealed, or `<id>.json`, the signed record itself.
#[utoipa::path(get, path = "/api/documents/{id}", tag = "documents", operation_id = "document",
    params(("id" = String, Path, description = "`<id>.pdf`: the sealed PDF; `<id>.json`: its record")),
    responses((status = 200, description = "The file", body = Vec<u8>, content_type = "application/pdf")))]
pub async fn document(
    _may: May<ReadDocuments>,
    State(state): State<AppState>,
    At(file): At<String>,
) -> Result<Response, Problem> {
    let (id, kind) = file.rsplit_once('.').ok_or_else(missing)?;
    let sha: Sha = id.parse().map_err(|_| missing())?;
    let trace = state.read(move |db| erasure::trace(db, &sha)).await?;
    let (mime, bytes) = match (kind, trace) {
        ("json", Some(trace)) => ("application/json", trace),
        ("pdf", Some(_)) => return Err(erased()),
        ("pdf", None) => ("application/pdf", print(&state, source(&state, sha).await?).await?),
        ("json", None) => ("application/json", source(&state, sha).await?.record),
        _ => return Err(missing()),
    };
    let name = format!("inline; filename=\"{}.{kind}\"", sha.short());
    let headers = [
        (header::CONTENT_TYPE, mime.to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}

/// Check a document as anybody can with `nuanfang verify`.
#[utoipa::path(get, path = "/api/documents/{id}/verify", tag = "documents", operation_id = "verify_document",
    params(("id" = String, Path, description = "The document")),
    responses((status = 200, description = "What verify says", body = VerdictView)))]
pub async fn verify_document(
    _may: May<ReadDocuments>,
    State(state): State<AppState>,
    At(id): At<String>,
) -> Result<Json<VerdictView>, Problem> {
    let sha: Sha = id.parse().map_err(|_| missing())?;
    let trace = state.read(move |db| erasure::trace(db, &sha)).await?;
    let pdf = match &trace {
        Some(_) => Vec::new(),
        None => print(&state, source(&state, sha).await?).await?,
    };
    let verdict = blocking(move || {
        let file = crate::keys::file(&state)?;
        let keys = nuanfang_core::record::Keys::parse(&file).map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok::<_, Problem>(match trace {
            Some(trace) => verify_record(&trace, Some(&keys), &Evidence { strokes: None, image: None, photos: None }),
            None => verify_pdf(&pdf, Some(&keys), None),
        })
    })
    .await?;
    let name = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let parts = verdict.checks.iter().map(|check| VerdictPartView {
        state: serde_json::to_value(check.state).map(name).unwrap_or_default(),
        zh: check.zh.clone(),
        en: check.en.clone(),
    });
    Ok(Json(VerdictView {
        verdict: serde_json::to_value(verdict.answer).map(name).unwrap_or_default(),
        parts: parts.collect(),
    }))
}

/// A photo, or the picture of a signature.
#[utoipa::path(get, path = "/api/photos/{sha}", tag = "documents", operation_id = "photo",
    params(("sha" = String, Path, description = "The file")),
    responses((status = 200, description = "The picture", body = Vec<u8>, content_type = "image/jpeg")))]
pub async fn photo(
    _may: May<SeePhotos>,
    State(state): State<AppState>,
    At(sha): At<String>,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("photo.not_found", "没有这张照片，或尚未上传完整");
    let sha: Sha = sha.parse().map_err(|_| missing())?;
    // Only what a visit shows: other files of the store are nobody's to read here.
    let shown = state
        .read(move |db| {
            let mut query = db.prepare_cached("SELECT role FROM blob_ref WHERE sha = ?1")?;
            let roles: Vec<String> =
                query.query_map([sha.0.as_slice()], |row| row.get(0))?.collect::<Result<_, rusqlite::Error>>()?;
            Ok::<_, StoreError>(
                roles
                    .iter()
                    .any(|role| blob_role::PHOTOS.contains(&role.as_str()) || role == blob_role::SIGNATURE_IMAGE),
            )
        })
        .await?;
    if !shown {
        return Err(missing());
    }
    let store = state.store.clone();
    let bytes = blocking(move || store.file(&sha)).await?.ok_or_else(missing)?;
    let mime = if bytes.starts_with(b"\xff\xd8\xff") {
        "image/jpeg"
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        "image/png"
    } else {
        "application/octet-stream"
    };
    let headers: [(HeaderName, String); 3] = [
        (header::CONTENT_TYPE, mime.to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}

fn missing() -> Problem {
    Problem::not_found("document.not_found", "没有这份文书")
}

fn erased() -> Problem {
    Problem::new(StatusCode::GONE, "document.erased", "文书内容已依法抹除，仅存凭据（.json）")
}

/// What a document is made of.
pub struct Source {
    /// The record's file.
    pub record: Vec<u8>,
    image: Option<Sha>,
    frame: Frame,
}

async fn source(state: &AppState, sha: Sha) -> Result<Source, Problem> {
    let (keys, url) = (state.keys.clone(), state.url.clone());
    state.read(move |db| read_source(db, &keys, &url, &sha)).await
}

/// Reads what the document of the record `sha` is made of.
pub fn read_source(db: &Connection, keys: &Keys, url: &str, sha: &Sha) -> Result<Source, Problem> {
    let record = record::container(db, keys, sha)?.ok_or_else(missing)?;
    let mut query =
        db.prepare_cached("SELECT g FROM record WHERE sha = ?1 AND receipt IS NOT NULL ORDER BY g LIMIT 1")?;
    let g: Option<i64> = query.query_row([sha.0.as_slice()], |row| row.get(0)).optional()?;
    let logged = match g {
        Some(g) => log::at(db, g.unsigned_abs())?.ok_or_else(missing)?,
        None => return Err(missing()),
    };
    let image = logged.fact.blobs.iter().find(|blob| blob.role == blob_role::SIGNATURE_IMAGE).map(|blob| blob.sha);
    // The date on the paper is the log's, so that the same record gives the same bytes.
    let mut issued: Millis = logged.recv;
    let mut office = Vec::new();
    if let Some(visit) = logged.visit {
        let names = registers::names(db)?;
        for event in log::of_visit(db, visit)? {
            // A phone's word is not the office's, whatever it calls it.
            if event.office
                && let Event::FormCompleted(form) = &event.fact.event
                && form.record_sha == *sha
            {
                issued = event.recv;
                let by = names.get(&event.fact.worker.0).cloned().unwrap_or_default();
                office.extend(form.fields.iter().map(|field| OfficeField {
                    label: field.label.clone(),
                    text: field.text.clone(),
                    by: by.clone(),
                }));
            }
        }
    }
    let mut frame = Frame::new(sha.short(), issued);
    frame.public_url = url.to_owned();
    frame.office = office;
    Ok(Source { record, image, frame })
}

async fn print(state: &AppState, source: Source) -> Result<Vec<u8>, Problem> {
    let _permit = PRESS.acquire().await.map_err(|error| Problem::internal(&error))?;
    let state = state.clone();
    blocking(move || press(&state, &source)).await
}

/// The sealed PDF of a record, from the cache or made now. Blocks, and takes a core.
pub fn press(state: &AppState, source: &Source) -> Result<Vec<u8>, Problem> {
    let image = match source.image {
        Some(sha) => Some(
            state
                .store
                .file(&sha)?
                .ok_or_else(|| Problem::conflict("document.not_ready", "签字图像尚未上传完整，请稍后再试"))?,
        ),
        None => None,
    };
    let cached = cache_file(state, source)?;
    match fs::read(&cached) {
        Ok(pdf) => return Ok(pdf),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(StoreError::from(error).into()),
    }
    let paper = Paper { record: &source.record, signature_image: image.as_deref(), frame: source.frame.clone() };
    let pdf = print_sealed(&paper, &state.keys.seal)
        .map_err(|error| Problem::unprocessable("document.unprintable", error.to_string()))?;
    if let Err(error) = keep(&cached, &pdf) {
        // The document is good; only the next reader waits for it again.
        tracing::warn!(%error, "a document is not kept");
    }
    Ok(pdf)
}

/// Where the document is kept: by everything that decides its bytes.
fn cache_file(state: &AppState, source: &Source) -> Result<PathBuf, Problem> {
    let frame = serde_json::to_vec(&source.frame).map_err(|error| Problem::internal(&error))?;
    let decided = [nuanfang_documents::RENDERER.as_bytes(), &source.record, &frame].concat();
    Ok(state.store.dir().join("documents").join(format!("{}.pdf", Sha::of(&decided))))
}

fn keep(file: &PathBuf, pdf: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = file.with_extension(Uuid::new_v4().simple().to_string());
    fs::write(&part, pdf)?;
    owner_only(&part)?;
    fs::rename(&part, file)
}
