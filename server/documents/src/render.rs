//! From a [`Page`] to PDF/A-3a + PDF/UA-1. The same input gives the same bytes, on any machine and at any time: no
//! clock, no installed font, no random number. `verify` rests on that.

use std::collections::HashMap;
use std::sync::OnceLock;

use chrono::{Datelike, Timelike};
use nuanfang_core::forms::{self, PrintedForm};
use serde::Serialize;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use crate::error::DocumentError;
use crate::fonts;
use crate::page::Page;
use crate::qr;

/// The largest picture of a signature, in bytes and in pixels a side.
const SIGNATURE_LIMIT: (usize, u32) = (1 << 20, 4096);

/// The files that are attached to the page.
pub(crate) struct Attachments<'a> {
    /// `record.json`.
    pub record: &'a [u8],
    /// `page.json`.
    pub frame: &'a [u8],
    /// `signature.png`; `None` when nobody signed, or when the picture has not arrived.
    pub signature: Option<&'a [u8]>,
}

/// A page drawn, before it is sealed.
pub(crate) struct Drawn {
    /// The PDF.
    pub pdf: Vec<u8>,
    /// What the typesetter complained of; empty when all is well.
    pub warnings: Vec<String>,
}

#[derive(Serialize)]
struct Input<'a> {
    page: &'a Page,
    family: &'static str,
    signature: bool,
    absent: &'static str,
    bold: Vec<&'a str>,
}

/// What does not change from page to page.
struct Press {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    faces: Vec<Font>,
    main: FileId,
    source: Source,
}

/// A fixed name: each new one would be kept by the typesetter for ever.
fn file_id(path: &'static str) -> FileId {
    let path = VirtualPath::new(path).expect("the fixed names are valid paths");
    RootedPath::new(VirtualRoot::Project, path).intern()
}

fn press() -> &'static Press {
    static PRESS: OnceLock<Press> = OnceLock::new();
    PRESS.get_or_init(|| {
        let faces = fonts::faces();
        let main = file_id("/page.typ");
        Press {
            library: LazyHash::new(Library::default()),
            book: LazyHash::new(FontBook::from_fonts(&faces)),
            faces,
            main,
            source: Source::new(main, include_str!("../templates/page.typ").into()),
        }
    })
}

struct Sheet {
    press: &'static Press,
    files: HashMap<FileId, Bytes>,
}

impl World for Sheet {
    fn library(&self) -> &LazyHash<Library> {
        &self.press.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.press.book
    }

    fn main(&self) -> FileId {
        self.press.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.press.main { Ok(self.press.source.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.files.get(&id).cloned().ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.press.faces.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

fn said(diagnostics: &[SourceDiagnostic]) -> String {
    diagnostics.iter().map(|d| d.message.to_string()).collect::<Vec<_>>().join("；")
}

/// Width and height from a PNG's first chunk.
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")?;
    let side = |at: usize| Some(u32::from_be_bytes(rest.get(at..at + 4)?.try_into().ok()?));
    Some((side(0)?, side(4)?))
}

/// More than any home has, and less than what would keep the typesetter busy for long.
const FORM_LIMIT: (usize, usize, u32) = (5_000, 50_000, 250);

fn fits(form: &PrintedForm) -> bool {
    let (cells, characters, height_mm) = FORM_LIMIT;
    form.cells().count() <= cells
        && form.texts().map(|text| text.chars().count()).sum::<usize>() <= characters
        && form.tables.iter().flat_map(|table| &table.rows).all(|row| row.height_mm <= height_mm)
}

fn check(page: &Page, signature: Option<&[u8]>) -> Result<(), DocumentError> {
    if !fits(&page.form) || !page.form.is_well_formed() {
        return Err(DocumentError::Form(page.form.template.clone()));
    }
    let mut missing: Vec<char> = page.texts().flat_map(forms::missing_glyphs).collect();
    missing.sort_unstable();
    missing.dedup();
    if !missing.is_empty() {
        return Err(DocumentError::MissingGlyphs(missing));
    }
    if let Some(image) = signature {
        let (bytes, side) = SIGNATURE_LIMIT;
        let (width, height) = png_size(image).ok_or(DocumentError::Signature("不是 PNG"))?;
        if image.len() > bytes || width == 0 || height == 0 || width > side || height > side {
            return Err(DocumentError::Signature("尺寸超限"));
        }
    }
    Ok(())
}

/// Draws `page` and attaches the files.
///
/// # Errors
/// If the form is no table, a character has no glyph, the signature's picture is unreadable, or the typesetter refuses.
pub(crate) fn draw(page: &Page, attachments: &Attachments<'_>) -> Result<Drawn, DocumentError> {
    check(page, attachments.signature)?;
    let press = press();
    let input = Input {
        page,
        family: fonts::FAMILY,
        signature: attachments.signature.is_some(),
        absent: if page.signed { "（签字图像未随附，以记录中的笔迹摘要为准）" } else { "" },
        bold: page.form.texts().filter(|text| fonts::bold_covers(&press.faces, text)).collect(),
    };
    let input = serde_json::to_vec(&input).map_err(|why| DocumentError::Typesetting(why.to_string()))?;
    let mut files = HashMap::from([
        (file_id("/data.json"), Bytes::new(input)),
        (file_id("/qr.svg"), Bytes::from_string(qr::svg(&page.qr)?)),
        (file_id("/record.json"), Bytes::new(attachments.record.to_vec())),
        (file_id("/page.json"), Bytes::new(attachments.frame.to_vec())),
    ]);
    if let Some(image) = attachments.signature {
        files.insert(file_id("/signature.png"), Bytes::new(image.to_vec()));
    }
    let result = set(&Sheet { press, files }, page);
    // Without this the typesetter keeps every form it ever set.
    typst::comemo::evict(5);
    result
}

fn set(sheet: &Sheet, page: &Page) -> Result<Drawn, DocumentError> {
    let compiled = typst::compile::<PagedDocument>(sheet);
    let document = compiled.output.map_err(|why| DocumentError::Typesetting(said(&why)))?;
    let standards = PdfStandards::new(&[PdfStandard::A_3a, PdfStandard::Ua_1])
        .map_err(|why| DocumentError::Typesetting(why.message().to_string()))?;
    let issued = page.frame.issued_at_ms.local();
    let clamp = |value: u32| u8::try_from(value).unwrap_or(0);
    let timestamp = Datetime::from_ymd_hms(
        issued.year().clamp(0, 9999),
        clamp(issued.month()),
        clamp(issued.day()),
        clamp(issued.hour()),
        clamp(issued.minute()),
        clamp(issued.second()),
    )
    .and_then(|at| Timestamp::new_local(at, 8 * 60));
    let options = PdfOptions {
        ident: Smart::Custom(format!("{}\n{}", page.frame.number, page.qr)),
        creator: Smart::Custom(Some("Nuanfang 暖访".into())),
        timestamp,
        standards,
        ..Default::default()
    };
    let pdf = typst_pdf::pdf(&document, &options).map_err(|why| DocumentError::Typesetting(said(&why)))?;
    let warnings = compiled.warnings.iter().map(|warning| warning.message.to_string()).collect();
    Ok(Drawn { pdf, warnings })
}
