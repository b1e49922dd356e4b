//! Table C.1 as a sealed PDF: the signed record read and checked, the page set, PDF/A-3a and PDF/UA-1 with the record
//! and the signature's picture attached, the QR code, the supplier's seal. One after another, each of another home.
//! The probe sets the same words in the same font as plain paragraphs and writes a plain PDF: what typst itself costs.

use std::hint::black_box;

use nuanfang_core::canon::hash::Sha;
use nuanfang_core::id::{DeviceId, HouseholdId, SupplierId, VisitId, WorkerId};
use nuanfang_core::record::{
    Certificate, DeviceStatus, Holder, LogPosition, RecordContainer, SignedRecordBody, SoftwareKey, countersign,
    sign_record,
};
use nuanfang_core::time::{Estimate, Millis};
use nuanfang_demo::ledger::SUPPLIER;
use nuanfang_demo::pen;
use nuanfang_documents::{Frame, Paper, Seal, SupplierKeys, print_sealed};
use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_layout::PagedDocument;
use typst_pdf::PdfOptions;
use uuid::Uuid;

use super::record::{Cited, measurement};
use super::{Bench, Figure, Run, Size, Tried, Value, root, timed};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "c1",
    name: "C.1 as sealed PDF/A-3a + PDF/UA-1 with its record attached, one thread",
    unit: "documents/s",
    probe: "typst setting the same words as plain paragraphs into a plain PDF",
    value: Value::OfProbe,
    goal: None,
}];

/// 2026-11-23 10:00 in Beijing.
const NOW: Millis = Millis(1_795_399_200_000);

/// The bench.
pub struct Documents {
    seal: Seal,
    image: Vec<u8>,
    records: Vec<Vec<u8>>,
    texts: Vec<String>,
    plain: Plain,
}

impl Documents {
    /// Signs the records.
    pub fn prepare(size: Size) -> Tried<Self> {
        let image = pen::png(&pen::strokes(1));
        let house = House::open()?;
        let mut records = Vec::new();
        let mut texts = Vec::new();
        for number in 0..size.of(60, 2) {
            let body = house.measurement(number, Sha::of(&image))?;
            texts.push(body.form.texts().collect::<Vec<_>>().join("\n\n"));
            records.push(house.receive(&body)?);
        }
        Ok(Self { seal: house.seal, image, records, texts, plain: Plain::open()? })
    }
}

impl Bench for Documents {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let (sealed, ()) = timed(|| {
            for (record, number) in self.records.iter().zip(1..) {
                let frame = Frame::new(format!("SL-{number:06}"), NOW);
                let paper = Paper { record, signature_image: Some(&self.image), frame };
                black_box(print_sealed(&paper, &self.seal)?);
            }
            Ok(())
        })?;
        let (plain, ()) = timed(|| {
            for text in &self.texts {
                black_box(self.plain.print(text)?);
            }
            Ok(())
        })?;
        let count = self.records.len() as f64;
        Ok(vec![Run { measured: count / sealed, probe: count / plain }])
    }
}

/// A supplier with its keys and one phone.
struct House {
    supplier: SupplierId,
    device: DeviceId,
    worker: WorkerId,
    seal: Seal,
    phone: SoftwareKey,
    certificate: nuanfang_core::record::Jws,
    server: SoftwareKey,
    server_certificate: nuanfang_core::record::Jws,
}

impl House {
    fn open() -> Tried<Self> {
        let keys = SupplierKeys::create(SUPPLIER, Millis(NOW.0 - 86_400_000))?;
        let root = keys.root_key()?;
        let (phone, server) = (SoftwareKey::generate(), SoftwareKey::generate());
        let supplier = SupplierId(Uuid::from_u128(1));
        let (device, worker) = (DeviceId(Uuid::from_u128(2)), WorkerId(Uuid::from_u128(3)));
        let certify = |holder, key: &SoftwareKey| {
            let (from, until) = (Millis(NOW.0 - 86_400_000), Millis(NOW.0 + 86_400_000_000));
            Certificate::new(supplier, &root.public(), holder, &key.public(), from, until).sign(&root)
        };
        let certificate = certify(Holder::Device { device, worker }, &phone)?;
        let server_certificate = certify(Holder::Server { device: DeviceId(Uuid::from_u128(9)) }, &server)?;
        Ok(Self { supplier, device, worker, seal: keys.seal()?, phone, certificate, server, server_certificate })
    }

    fn measurement(&self, number: usize, image: Sha) -> Tried<SignedRecordBody> {
        let log = LogPosition { device: self.device, seq: number as u64 + 2, prev: Sha::of(&number.to_be_bytes()) };
        let cited = Cited {
            supplier: self.supplier,
            household: HouseholdId(Uuid::now_v7()),
            visit: VisitId(Uuid::now_v7()),
            worker: self.worker,
            log,
            at: NOW,
        };
        measurement(&cited, number, image)
    }

    /// The record's file, signed and counter-signed.
    fn receive(&self, body: &SignedRecordBody) -> Tried<Vec<u8>> {
        let signed = sign_record(body, &self.phone, &self.certificate)?;
        let kid = Certificate::open(&self.server_certificate).map_err(|fault| fault.zh())?.kid;
        let estimate = Some(Estimate::exact(NOW));
        let receipt = countersign(&signed.jws, NOW, DeviceStatus::Active, estimate, &self.server, kid)?;
        let container = RecordContainer::signed(signed.jws, self.certificate.clone());
        Ok(container.received(receipt, self.server_certificate.clone()).to_bytes())
    }
}

/// The typesetter without anything of ours.
struct Plain {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    faces: Vec<Font>,
    main: FileId,
    data: FileId,
    source: Source,
}

impl Plain {
    fn open() -> Tried<Self> {
        let fonts = root().join("server/documents/fonts");
        let mut faces = Vec::new();
        for file in ["NotoSansCJKsc-Regular.otf.zst", "NotoSansCJKsc-Bold.otf.zst"] {
            faces.extend(Font::iter(Bytes::new(zstd::decode_all(std::fs::File::open(fonts.join(file))?)?)));
        }
        let file = |path: &str| VirtualPath::new(path).map(|path| RootedPath::new(VirtualRoot::Project, path).intern());
        let main = file("/plain.typ").map_err(|error| format!("{error:?}"))?;
        let data = file("/plain.txt").map_err(|error| format!("{error:?}"))?;
        let text = "#set text(font: \"Noto Sans CJK SC\", lang: \"zh\", size: 9pt)\n#read(\"/plain.txt\")\n";
        Ok(Self {
            library: LazyHash::new(Library::default()),
            book: LazyHash::new(FontBook::from_fonts(&faces)),
            faces,
            main,
            data,
            source: Source::new(main, text.into()),
        })
    }

    fn print(&self, text: &str) -> Tried<Vec<u8>> {
        let said = |what: &dyn std::fmt::Debug| format!("{what:?}");
        let sheet = Sheet { plain: self, text: Bytes::new(text.as_bytes().to_vec()) };
        let document = typst::compile::<PagedDocument>(&sheet).output.map_err(|error| said(&error))?;
        let pdf = typst_pdf::pdf(&document, &PdfOptions { tagged: false, ..PdfOptions::default() });
        typst::comemo::evict(5);
        Ok(pdf.map_err(|error| said(&error))?)
    }
}

struct Sheet<'a> {
    plain: &'a Plain,
    text: Bytes,
}

impl World for Sheet<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &self.plain.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.plain.book
    }

    fn main(&self) -> FileId {
        self.plain.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.plain.main { Ok(self.plain.source.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.plain.data { Ok(self.text.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.plain.faces.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}
