//! The documents before validators that are not ours: veraPDF (PDF/A-3a, PDF/UA-1), poppler (signature, text,
//! attachments, fonts), qpdf, pyHanko (PAdES), zbar (QR code). `verapdf/install.sh` fetches what apt has not; a tool
//! that is missing fails the test and says how to get it.

mod bench;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use bench::Bench;
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::forms;
use nuanfang_core::record::{Answer, KeyEntry, Keys, Part};
use nuanfang_core::time::Millis;
use nuanfang_documents::{fonts, print, qr, verify_pdf};

const APT: &str = "apt-get install default-jdk-headless maven python3-venv poppler-utils qpdf zbar-tools openssl";

/// The supplier's root, beside the documents.
const ROOT: &str = "root.pem";

/// Runs a tool, and says how to get it if it is not there.
fn run(command: &mut Command) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    command.output().unwrap_or_else(|why| panic!("{name}: {why}. Install it: {APT}"))
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Where `verapdf/install.sh` puts its tools; it is run when they are not there.
fn tools() -> &'static Path {
    static TOOLS: OnceLock<PathBuf> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("verapdf/install.sh");
        let output = run(Command::new("sh").arg(&script).env("CARGO_TARGET_DIR", target));
        assert!(output.status.success(), "{}: {}\nIt needs: {APT}", script.display(), text(&output));
        target.join("validators")
    })
}

/// One sealed document of each kind in a folder, made once for all tests.
fn documents() -> &'static (Bench, Vec<(String, PathBuf)>) {
    static DOCUMENTS: OnceLock<(Bench, Vec<(String, PathBuf)>)> = OnceLock::new();
    DOCUMENTS.get_or_init(|| {
        let bench = Bench::new();
        let folder = bench::folder("kinds");
        let files = bench.one_of_each().into_iter().map(|(name, pdf)| {
            let path = folder.join(format!("{name}.pdf"));
            std::fs::write(&path, pdf).unwrap();
            (name.to_owned(), path)
        });
        let files = files.collect();
        std::fs::write(folder.join(ROOT), &bench.keys.root_certificate_pem).unwrap();
        (bench, files)
    })
}

fn document(name: &str) -> &'static Path {
    &documents().1.iter().find(|(called, _)| called == name).unwrap().1
}

/// The lines `PASS …` and `FAIL …` of veraPDF under one profile.
fn verapdf(profile: &str, files: &[&Path]) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let jar = tools().join("verapdf/greenfield-apps-1.28.2.jar");
    let output = run(Command::new("java")
        .arg(format!("-Duser.home={}", home.path().display()))
        .arg("-cp")
        .arg(jar)
        .args(["org.verapdf.apps.GreenfieldCliWrapper", "--format", "text", "-f", profile])
        .args(files));
    let lines = text(&output);
    lines.lines().filter(|line| line.starts_with("PASS") || line.starts_with("FAIL")).map(str::to_owned).collect()
}

#[test]
fn verapdf_passes_every_sealed_document_as_pdf_a_3a_and_pdf_ua_1() {
    let files: Vec<_> = documents().1.iter().map(|(_, path)| path.as_path()).collect();
    for profile in ["3a", "ua1"] {
        let lines = verapdf(profile, &files);
        assert_eq!(lines.len(), files.len(), "{lines:?}");
        assert!(lines.iter().all(|line| line.starts_with("PASS")), "{lines:?}");
    }
}

#[test]
fn verapdf_fails_what_it_should() {
    let folder = bench::folder("controls");
    let sealed = std::fs::read(document("c1")).unwrap();
    let controls = [
        // A page without its tab order, a seal that does not print, a page without its language.
        ("tabs", &b"/Tabs/S"[..], &b"/Tabx/S"[..], "ua1"),
        ("hidden", b"/F 132/Rect", b"/F 130/Rect", "3a"),
        ("untagged", b"/Marked true", b"/Marxed true", "3a"),
    ];
    for (name, from, to, profile) in controls {
        let mut bad = sealed.clone();
        let places: Vec<_> = (0..bad.len() - from.len()).filter(|at| bad[*at..].starts_with(from)).collect();
        assert!(!places.is_empty(), "{name}");
        for at in places {
            bad[at..at + to.len()].copy_from_slice(to);
        }
        let path = folder.join(format!("{name}.pdf"));
        std::fs::write(&path, bad).unwrap();
        let lines = verapdf(profile, &[&path]);
        assert!(lines.len() == 1 && lines[0].starts_with("FAIL"), "{name}: {lines:?}");
    }
}

#[test]
fn poppler_finds_the_seal_valid_and_over_the_whole_file() {
    for (name, path) in &documents().1 {
        let said = text(&run(Command::new("pdfsig").arg(path)));
        for part in ["Signature is Valid", "Total document signed", "ETSI.CAdES.detached", "SHA-256", "电子印章"] {
            assert!(said.contains(part), "{name}: {part} in {said}");
        }
    }
    let mut forged = std::fs::read(document("c1")).unwrap();
    let middle = forged.len() / 2;
    forged[middle] ^= 1;
    let path = bench::folder("controls").join("flipped.pdf");
    std::fs::write(&path, forged).unwrap();
    assert!(!text(&run(Command::new("pdfsig").arg(path))).contains("Signature is Valid"));
}

/// pyHanko with the supplier's root as its only trust.
fn pyhanko(code: &str, arguments: &[&Path]) -> Output {
    documents();
    let root = bench::folder("kinds").join(ROOT);
    run(Command::new(tools().join("python/bin/python")).arg("-c").arg(code).arg(root).args(arguments))
}

const VALIDATE: &str = r#"
import sys
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.keys import load_cert_from_pemder
from pyhanko_certvalidator import ValidationContext
root = load_cert_from_pemder(sys.argv[1])
for name in sys.argv[2:]:
    with open(name, 'rb') as file:
        seal = PdfFileReader(file).embedded_signatures[0]
        context = ValidationContext(trust_roots=[root], allow_fetching=False)
        status = validate_pdf_signature(seal, context, key_usage_settings=KeyUsageConstraints(key_usage={'non_repudiation'}))
        coverage = status.coverage.name
        print(status.bottom_line, status.trusted, status.intact, coverage, str(status.modification_level), name)
"#;

#[test]
fn pyhanko_trusts_the_seal_under_the_suppliers_root() {
    let files: Vec<_> = documents().1.iter().map(|(_, path)| path.as_path()).collect();
    let output = pyhanko(VALIDATE, &files);
    let said = text(&output);
    let good = said.lines().filter(|line| line.starts_with("True True True ENTIRE_FILE ModificationLevel.NONE"));
    assert_eq!(good.count(), files.len(), "{said}");
}

/// Appends a DSS and a document time-stamp, as an archive does years later.
const ARCHIVE: &str = r#"
import sys
from asn1crypto import keys, x509
from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko.sign.validation import dss
from cryptography import x509 as cx509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
import datetime as dt
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
name = cx509.Name([cx509.NameAttribute(cx509.NameOID.COMMON_NAME, 'TSA')])
cert = (cx509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    .not_valid_before(dt.datetime(2020, 1, 1)).not_valid_after(dt.datetime(2050, 1, 1))
    .add_extension(cx509.ExtendedKeyUsage([cx509.ExtendedKeyUsageOID.TIME_STAMPING]), critical=True).sign(key, hashes.SHA256()))
tsa_cert = x509.Certificate.load(cert.public_bytes(serialization.Encoding.DER))
tsa_key = keys.PrivateKeyInfo.load(key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
stamper = DummyTimeStamper(tsa_cert=tsa_cert, tsa_key=tsa_key)
root = load_cert_from_pemder(sys.argv[1])
source, with_dss, with_stamp = sys.argv[2:5]
data = open(source, 'rb').read()
open(with_dss, 'wb').write(data)
with open(with_dss, 'r+b') as file:
    dss.DocumentSecurityStore.add_dss(output_stream=file, sig_contents=None, certs=[root])
with open(with_dss, 'rb') as file:
    writer = IncrementalPdfFileWriter(file)
    out = signers.PdfTimeStamper(stamper).timestamp_pdf(writer, 'sha256')
    open(with_stamp, 'wb').write(out.getvalue())
"#;

#[test]
fn a_dss_and_a_document_time_stamp_of_an_archive_are_tolerated() {
    let folder = bench::folder("archive");
    let (with_dss, with_stamp) = (folder.join("dss.pdf"), folder.join("stamp.pdf"));
    let output = pyhanko(ARCHIVE, &[document("c1"), &with_dss, &with_stamp]);
    assert!(output.status.success(), "{}", text(&output));
    let keys = documents().0.keys();
    for path in [&with_dss, &with_stamp] {
        let pdf = std::fs::read(path).unwrap();
        let verdict = verify_pdf(&pdf, Some(&keys), None);
        assert_eq!(verdict.answer, Answer::Valid, "{}: {}", path.display(), verdict.text_zh());
        let mut more = pdf.clone();
        more.extend_from_slice(b"\n");
        let mut cut = pdf;
        cut.truncate(cut.len() - 900);
        for forged in [more, cut] {
            let verdict = verify_pdf(&forged, Some(&keys), None);
            assert!(verdict.is_faulty(Part::SealCoverage), "{}", verdict.text_zh());
        }
    }
}

#[test]
fn qpdf_finds_nothing_wrong_and_the_record_comes_out_byte_for_byte() {
    for (name, path) in &documents().1 {
        let said = text(&run(Command::new("qpdf").arg("--check").arg(path)));
        assert!(said.contains("No syntax or stream encoding errors"), "{name}: {said}");
    }
    let bench = Bench::new();
    let record = bench.signed(bench::consent().print(), Purpose::Consent { object: "x".into() });
    let folder = bench::folder("attachment");
    let path = folder.join("consent.pdf");
    std::fs::write(&path, nuanfang_documents::print_sealed(&bench.paper(&record), &bench.seal).unwrap()).unwrap();
    let listed = text(&run(Command::new("pdfdetach").arg("-list").arg(&path)));
    for file in ["record.json", "page.json", "signature.png"] {
        assert!(listed.contains(file), "{listed}");
    }
    let out = folder.join("record.json");
    run(Command::new("pdfdetach").args(["-savefile", "record.json", "-o"]).arg(&out).arg(&path));
    assert_eq!(std::fs::read(out).unwrap(), record);
}

#[test]
fn rare_names_come_out_of_the_page_and_every_font_is_embedded() {
    let path = document("c1-nine-rooms");
    let page = text(&run(Command::new("pdftotext").arg(path).arg("-")));
    for name in ["王䶮", "㛃女士", "𠮷先生", "2026年1月15日10时05分", "√", "入户测温记录表（续页）", "第2页／共2页"]
    {
        assert!(page.contains(name), "{name} in {page}");
    }
    let fonts = text(&run(Command::new("pdffonts").arg(path)));
    let rows: Vec<_> = fonts.lines().filter(|line| line.contains("NotoSansCJKsc")).collect();
    assert_eq!(rows.len(), 2, "{fonts}");
    assert!(rows.iter().all(|row| row.contains("yes yes yes")), "{fonts}");
}

#[test]
fn the_qr_code_on_the_drawn_page_names_the_record() {
    let bench = Bench::new();
    let record = bench.signed(bench::measurement(bench::rooms(4)).print(), Purpose::Measurement);
    let folder = bench::folder("qr");
    for (name, url) in [("plain", ""), ("address", "https://nuanfang.example/p/r/")] {
        let mut paper = bench.paper(&record);
        paper.frame.public_url = url.into();
        let pdf = folder.join(format!("{name}.pdf"));
        std::fs::write(&pdf, print(&paper).unwrap().pdf).unwrap();
        let picture = folder.join(name);
        run(Command::new("pdftoppm").args(["-r", "150", "-png", "-singlefile"]).arg(&pdf).arg(&picture));
        let scanned = run(Command::new("zbarimg").args(["-q", "--raw"]).arg(picture.with_extension("png")));
        let scanned = String::from_utf8_lossy(&scanned.stdout).trim().to_owned();
        let (sha, _) = qr::read(&scanned).unwrap_or_else(|| panic!("{name}: {scanned}"));
        let verdict = nuanfang_core::record::verify_record(&record, None, &Default::default());
        assert_eq!(sha, verdict.record.unwrap().record_sha);
    }
}

#[test]
fn a_company_certificate_comes_through_openssl_from_pkcs_12() {
    let bench = Bench::new();
    let folder = bench::folder("pkcs12");
    let at = |name: &str| folder.join(name);
    std::fs::write(at("key.pem"), &bench.keys.seal_key_pem).unwrap();
    std::fs::write(at("seal.pem"), &bench.keys.seal_certificate_pem).unwrap();
    std::fs::write(at("root.pem"), &bench.keys.root_certificate_pem).unwrap();
    let openssl = |arguments: &[&str]| {
        let output = run(Command::new("openssl").current_dir(&folder).args(arguments));
        assert!(output.status.success(), "{}", text(&output));
    };
    openssl(&["verify", "-CAfile", "root.pem", "seal.pem"]);
    let export = ["pkcs12", "-export", "-inkey", "key.pem", "-in", "seal.pem", "-certfile", "root.pem"];
    openssl(&[&export[..], &["-out", "seal.p12", "-passout", "pass:x"]].concat());
    openssl(&["pkcs12", "-in", "seal.p12", "-nodes", "-passin", "pass:x", "-out", "bundle.pem"]);
    let bundle = std::fs::read_to_string(at("bundle.pem")).unwrap();
    let seal = nuanfang_documents::Seal::from_pem(&bundle, &bundle).unwrap();
    let record = bench.signed(bench::consent().print(), Purpose::Consent { object: "x".into() });
    let pdf = nuanfang_documents::print_sealed(&bench.paper(&record), &seal).unwrap();
    assert_eq!(verify_pdf(&pdf, Some(&bench.keys()), None).answer, Answer::Valid);
}

/// A company's certificate as public authorities issue them: RSA, an intermediate, a root that is not ours.
#[test]
fn a_company_seal_of_rsa_with_its_chain_is_confirmed_by_all() {
    let bench = Bench::new();
    let folder = bench::folder("rsa");
    let openssl = |arguments: &str| {
        let output = run(Command::new("openssl").current_dir(&folder).args(arguments.split(' ')));
        assert!(output.status.success(), "{arguments}: {}", text(&output));
    };
    let authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
    let leaf = "keyUsage=critical,digitalSignature,nonRepudiation\nextendedKeyUsage=emailProtection\n";
    std::fs::write(folder.join("ca.ext"), authority).unwrap();
    std::fs::write(folder.join("leaf.ext"), leaf).unwrap();
    let new = |name: &str| {
        openssl(&format!("req -newkey rsa:2048 -nodes -keyout {name}.key -subj /C=CN/CN={name} -out {name}.csr"));
    };
    let sign = |name: &str, by: &str, extensions: &str| {
        openssl(&format!(
            "x509 -req -in {name}.csr -CA {by}.pem -CAkey {by}.key -CAcreateserial -days 3650 -sha256 \
             -extfile {extensions}.ext -out {name}.pem"
        ));
    };
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout root.key -subj /C=CN/CN=root -days 3650 -out root.pem");
    new("intermediate");
    sign("intermediate", "root", "ca");
    new("leaf");
    sign("leaf", "intermediate", "leaf");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let chain = ["leaf.pem", "intermediate.pem", "root.pem"].map(read).concat();
    let seal = nuanfang_documents::Seal::from_pem(&read("leaf.key"), &chain).unwrap();

    let record = bench.signed(bench::consent().print(), Purpose::Consent { object: "x".into() });
    let mut paper = bench.paper(&record);
    let (from, until) = nuanfang_documents::certificate_validity(&seal.certificate_der().unwrap()).unwrap();
    paper.frame.issued_at_ms = Millis(from.0 + 1000);
    let pdf = nuanfang_documents::print_sealed(&paper, &seal).unwrap();
    let path = folder.join("consent.pdf");
    std::fs::write(&path, &pdf).unwrap();

    // Nobody's but who lists it.
    assert!(verify_pdf(&pdf, Some(&bench.keys()), None).is_faulty(Part::SealKey));
    let listed = bench.published(|statement| {
        statement.keys.push(KeyEntry::seal(&seal.certificate_der().unwrap(), from, until));
    });
    let keys = Keys::parse(&listed).unwrap();
    let verdict = verify_pdf(&pdf, Some(&keys), None);
    assert_eq!(verdict.answer, Answer::Valid, "{}", verdict.text_zh());
    let mut forged = pdf.clone();
    let room = forged.windows(10).position(|window| window == b"/Contents<").unwrap() + 10;
    for at in (room..room + 6000).step_by(257) {
        forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
        assert!(nuanfang_documents::verify_seal(&forged, Some(&keys)).is_faulty(Part::Seal), "{at}");
        forged[at] = pdf[at];
    }
    assert!(text(&run(Command::new("pdfsig").arg(&path))).contains("Signature is Valid"));
    for profile in ["3a", "ua1"] {
        assert!(verapdf(profile, &[&path]).iter().all(|line| line.starts_with("PASS")));
    }
}

#[test]
fn the_typesetter_has_nothing_to_complain_of() {
    let bench = Bench::new();
    for name in forms::TEMPLATES {
        let record = bench.signed(forms::blank(name).unwrap(), Purpose::Acceptance);
        assert_eq!(print(&bench.paper(&record)).unwrap().warnings, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_bitmap_of_glyphs_is_that_of_the_fonts() {
    assert!(fonts::bitmap() == forms::coverage(), "run server/documents/fonts/make.sh");
    assert!(fonts::coverage().len() > 30_000);
}
