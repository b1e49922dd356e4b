//! What `verify` says of good documents, of forged ones, and of garbage.

mod bench;

use bench::{Bench, NOW, PHOTO, measurement, rooms};
use lopdf::{Document, Object, dictionary};
use nuanfang_core::canon::hash::Sha;
use nuanfang_core::domain::signature::Purpose;
use nuanfang_core::record::{Answer, Part, PhotoFile, Revocation, RevocationReason, Verdict};
use nuanfang_core::time::Millis;
use nuanfang_documents::{DocumentError, Seal, print, print_sealed, verify_pdf};
use proptest::prelude::*;

fn parts(verdict: &Verdict) -> Vec<Part> {
    verdict.faults().map(|check| check.part).collect()
}

#[test]
fn every_kind_of_document_is_valid_with_the_keys_and_intact_without() {
    let bench = Bench::new();
    let keys = bench.keys();
    for (name, pdf) in bench.one_of_each() {
        let verdict = verify_pdf(&pdf, Some(&keys), None);
        assert_eq!((verdict.answer, parts(&verdict)), (Answer::Valid, vec![]), "{name}: {}", verdict.text_zh());
        assert_eq!(verify_pdf(&pdf, None, None).answer, Answer::SignerUnknown, "{name}");
    }
}

#[test]
fn it_says_in_chinese_who_signed_what_and_when() {
    let bench = Bench::new();
    let text = verify_pdf(&bench.sealed_c1(), Some(&bench.keys()), None).text_zh();
    for part in ["王䶮（业主）", "入户测温记录表", "2026-01-15 10:05:01", "±2 秒", "SL-0042", "逐字节"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn photos_are_checked_when_they_are_at_hand() {
    let bench = Bench::new();
    let (pdf, keys) = (bench.sealed_c1(), bench.keys());
    let photo = |bytes: &[u8]| vec![PhotoFile { name: "1.jpg".into(), sha: Sha::of(bytes) }];
    assert_eq!(verify_pdf(&pdf, Some(&keys), Some(&photo(PHOTO))).answer, Answer::Valid);
    assert_eq!(parts(&verify_pdf(&pdf, Some(&keys), Some(&photo(b"another")))), [Part::Photo]);
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    let bench = Bench::new();
    let record = bench.signed(measurement(rooms(9)).print(), Purpose::Measurement);
    let once = print_sealed(&bench.paper(&record), &bench.seal).unwrap();
    let again = std::thread::scope(|scope| {
        scope.spawn(|| print_sealed(&bench.paper(&record), &bench.seal).unwrap()).join().unwrap()
    });
    assert_eq!(Sha::of(&once), Sha::of(&again));
}

#[test]
fn one_flipped_byte_anywhere_is_found() {
    let bench = Bench::new();
    let (pdf, keys) = (bench.sealed_c1(), bench.keys());
    // Every byte around the byte range, and a sample of the signature, of the tail and of all others.
    let room = pdf.windows(10).position(|window| window == b"/Contents<").unwrap();
    let close = (room - 200..room + 20)
        .chain((room + 20..room + 3000).step_by(7))
        .chain((pdf.len() - 1100..pdf.len()).step_by(3));
    let sample = (0..pdf.len()).step_by(1511);
    let mut worst = Vec::new();
    for at in close.chain(sample) {
        let mut forged = pdf.clone();
        forged[at] ^= 0x01;
        // Drawing the page again takes long; the seal alone must find it.
        if nuanfang_documents::verify_seal(&forged, Some(&keys)).answer != Answer::Invalid {
            worst.push((at, char::from(pdf[at])));
        }
    }
    assert_eq!(worst, []);
    let mut forged = pdf.clone();
    forged[pdf.len() / 2] ^= 0x80;
    let verdict = verify_pdf(&forged, Some(&keys), None);
    assert!(verdict.is_faulty(Part::Seal), "{}", verdict.text_zh());
}

#[test]
fn a_change_of_case_or_padding_of_the_signature_is_found() {
    let bench = Bench::new();
    let (pdf, keys) = (bench.sealed_c1(), bench.keys());
    let room = pdf.windows(10).position(|window| window == b"/Contents<").unwrap() + 10;
    let mut upper = pdf.clone();
    upper[room..room + 400].make_ascii_uppercase();
    let mut padded = pdf.clone();
    padded[room + 16_000] = b'1';
    for forged in [upper, padded] {
        assert_eq!(parts(&verify_pdf(&forged, Some(&keys), None)), [Part::Seal]);
    }
}

#[test]
fn bytes_after_the_seal_are_found() {
    let bench = Bench::new();
    let (pdf, keys) = (bench.sealed_c1(), bench.keys());
    for tail in [&b"\n"[..], b"%", b"\n%%EOF", b"1 0 obj\n<<>>\nendobj\n%%EOF\n"] {
        let mut forged = pdf.clone();
        forged.extend_from_slice(tail);
        assert_eq!(parts(&verify_pdf(&forged, Some(&keys), None)), [Part::SealCoverage], "{tail:?}");
    }
}

#[test]
fn an_update_that_changes_the_page_after_the_seal_is_found() {
    let bench = Bench::new();
    let (pdf, keys) = (bench.sealed_c1(), bench.keys());
    for forge in [redraw, annotate, hide_form, add_field, retitle] {
        let document = Document::load_mem(&pdf).unwrap();
        let mut update = lopdf::IncrementalDocument::create_from(pdf.clone(), document);
        forge(&mut update);
        let mut forged = Vec::new();
        update.save_to(&mut forged).unwrap();
        assert!(forged.len() > pdf.len() && forged.starts_with(&pdf));
        assert_eq!(parts(&verify_pdf(&forged, Some(&keys), None)), [Part::SealCoverage]);
    }
}

fn first_page(update: &lopdf::IncrementalDocument) -> lopdf::ObjectId {
    update.get_prev_documents().page_iter().next().unwrap()
}

fn redraw(update: &mut lopdf::IncrementalDocument) {
    let page = first_page(update);
    let content = update.get_prev_documents().get_page_contents(page)[0];
    let stream = lopdf::Stream::new(lopdf::Dictionary::new(), b"0 0 200 200 re f".to_vec());
    update.new_document.set_object(content, stream);
}

fn annotate(update: &mut lopdf::IncrementalDocument) {
    let page = first_page(update);
    let note = update.new_document.add_object(dictionary! {
        "Type" => "Annot", "Subtype" => "FreeText", "Rect" => vec![0.into(), 0.into(), 200.into(), 200.into()],
        "Contents" => Object::string_literal("25.0"),
    });
    update.opt_clone_object_to_new_document(page).unwrap();
    let page = update.new_document.get_dictionary_mut(page).unwrap();
    page.get_mut(b"Annots").unwrap().as_array_mut().unwrap().push(Object::Reference(note));
}

fn hide_form(update: &mut lopdf::IncrementalDocument) {
    let catalog = update.get_prev_documents().trailer.get(b"Root").unwrap().as_reference().unwrap();
    update.opt_clone_object_to_new_document(catalog).unwrap();
    update.new_document.get_dictionary_mut(catalog).unwrap().remove(b"AcroForm");
}

fn add_field(update: &mut lopdf::IncrementalDocument) {
    let catalog = update.get_prev_documents().trailer.get(b"Root").unwrap().as_reference().unwrap();
    let page = first_page(update);
    let value = update.new_document.add_object(dictionary! { "Type" => "DocTimeStamp", "SubFilter" => "ETSI.RFC3161" });
    let field = update.new_document.add_object(dictionary! {
        "FT" => "Sig", "Subtype" => "Widget", "V" => Object::Reference(value), "P" => Object::Reference(page),
        "Rect" => vec![0.into(), 0.into(), 200.into(), 200.into()],
    });
    update.opt_clone_object_to_new_document(catalog).unwrap();
    let form = update.new_document.get_dictionary_mut(catalog).unwrap().get_mut(b"AcroForm").unwrap();
    form.as_dict_mut().unwrap().get_mut(b"Fields").unwrap().as_array_mut().unwrap().push(Object::Reference(field));
}

fn retitle(update: &mut lopdf::IncrementalDocument) {
    let root = update.get_prev_documents().trailer.get(b"Root").unwrap().as_reference().unwrap();
    let info = update.get_prev_documents().trailer.get(b"Info").unwrap().as_reference().unwrap();
    let dss = update.new_document.add_object(dictionary! {});
    update.opt_clone_object_to_new_document(root).unwrap();
    update.new_document.get_dictionary_mut(root).unwrap().set("DSS", Object::Reference(dss));
    update.opt_clone_object_to_new_document(info).unwrap();
    update.new_document.get_dictionary_mut(info).unwrap().set("Title", Object::string_literal("25.0"));
}

/// The document `of` with other bytes in its attachment `name`.
fn with_attachment(of: &[u8], name: &str, bytes: Vec<u8>) -> Vec<u8> {
    let mut document = Document::load_mem(of).unwrap();
    let list = document.catalog().unwrap().get(b"AF").unwrap().as_array().unwrap().clone();
    let file = list
        .iter()
        .map(|entry| document.get_dictionary(entry.as_reference().unwrap()).unwrap().clone())
        .find(|entry| entry.get(b"F").unwrap().as_str().unwrap() == name.as_bytes())
        .unwrap();
    let id = file.get(b"EF").unwrap().as_dict().unwrap().get(b"F").unwrap().as_reference().unwrap();
    let stream = document.get_object_mut(id).unwrap().as_stream_mut().unwrap();
    stream.dict.remove(b"Filter");
    stream.set_content(bytes);
    let mut out = Vec::new();
    document.save_to(&mut out).unwrap();
    out
}

#[test]
fn an_attachment_swapped_between_two_documents_is_found_even_by_whoever_can_seal() {
    let bench = Bench::new();
    let keys = bench.keys();
    let warm = bench.signed(measurement(rooms(4)).print(), Purpose::Measurement);
    let mut colder = rooms(4);
    colder[0].value = Some(nuanfang_core::domain::units::DeciCelsius(121));
    let cold = bench.signed(measurement(colder).print(), Purpose::Measurement);
    let pdf = print(&bench.paper(&warm)).unwrap().pdf;

    let swapped = with_attachment(&pdf, "record.json", cold);
    let verdict = verify_pdf(&bench.seal.apply(&swapped, NOW).unwrap(), Some(&keys), None);
    assert_eq!(parts(&verdict), [Part::PageText], "{}", verdict.text_zh());

    let mut other = bench.image.clone();
    other.push(0);
    let swapped = with_attachment(&pdf, "signature.png", other);
    let verdict = verify_pdf(&bench.seal.apply(&swapped, NOW).unwrap(), Some(&keys), None);
    assert!(verdict.is_faulty(Part::Image) && verdict.is_faulty(Part::PageText), "{}", verdict.text_zh());

    let swapped = with_attachment(&pdf, "page.json", b"{}".to_vec());
    let verdict = verify_pdf(&bench.seal.apply(&swapped, NOW).unwrap(), Some(&keys), None);
    assert!(verdict.is_faulty(Part::Attachment), "{}", verdict.text_zh());

    // Without the sealing key the swap breaks the seal as well.
    let sealed = bench.sealed_c1();
    assert!(verify_pdf(&with_attachment(&sealed, "record.json", warm), Some(&keys), None).is_faulty(Part::Seal));
}

#[test]
fn a_page_of_another_edition_is_compared_by_its_text() {
    let bench = Bench::new();
    let keys = bench.keys();
    let cold = {
        let mut rooms = rooms(9);
        rooms[5].value = Some(nuanfang_core::domain::units::DeciCelsius(121));
        bench.signed(measurement(rooms).print(), Purpose::Measurement)
    };
    for (name, form) in [("whole", measurement(rooms(9)).print()), ("quote", bench::quote_form(None).print())] {
        let record = bench.signed(form, Purpose::Measurement);
        let mut paper = bench.paper(&record);
        paper.frame.renderer = "nuanfang-page/0".into();
        let pdf = print(&paper).unwrap().pdf;
        let verdict = verify_pdf(&bench.seal.apply(&pdf, NOW).unwrap(), Some(&keys), None);
        assert_eq!((verdict.answer, parts(&verdict)), (Answer::Valid, vec![]), "{name}: {}", verdict.text_zh());
        assert!(verdict.notes.iter().any(|note| note.zh.contains("nuanfang-page/0")));
        // Another record, whatever it differs in, is not what the page says.
        let swapped = with_attachment(&pdf, "record.json", cold.clone());
        let verdict = verify_pdf(&bench.seal.apply(&swapped, NOW).unwrap(), Some(&keys), None);
        assert_eq!(parts(&verdict), [Part::PageText], "{name}");
    }
}

#[test]
fn a_seal_of_somebody_else_is_not_the_suppliers() {
    let (bench, stranger) = (Bench::new(), Bench::new());
    let record = bench.signed(measurement(rooms(2)).print(), Purpose::Measurement);
    let pdf = print_sealed(&bench.paper(&record), &stranger.seal).unwrap();
    assert_eq!(parts(&verify_pdf(&pdf, Some(&bench.keys()), None)), [Part::SealKey]);
    let verdict = verify_pdf(&stranger.sealed_c1(), Some(&bench.keys()), None);
    assert!(verdict.is_faulty(Part::SealKey) && verdict.is_faulty(Part::SignerKey), "{}", verdict.text_zh());
}

#[test]
fn a_seal_that_was_out_of_force_does_not_count() {
    let bench = Bench::new();
    let pdf = bench.sealed_c1();
    let with = |change: &dyn Fn(&mut nuanfang_core::record::KeyEntry)| {
        let keys = bench.published(|statement| change(&mut statement.keys[1]));
        parts(&verify_pdf(&pdf, Some(&nuanfang_core::record::Keys::parse(&keys).unwrap()), None))
    };
    let revoked = |at: i64, reason| Some(Revocation { at_ms: Millis(at), reason });
    assert_eq!(with(&|entry| entry.valid_until_ms = Millis(NOW.0 - 1)), [Part::SealKey]);
    assert_eq!(with(&|entry| entry.revoked = revoked(NOW.0, RevocationReason::Dismissed)), [Part::SealKey]);
    assert_eq!(with(&|entry| entry.revoked = revoked(NOW.0 + 1, RevocationReason::Dismissed)), []);
    assert_eq!(with(&|entry| entry.revoked = revoked(NOW.0 + 9_999, RevocationReason::Stolen)), [Part::SealKey]);
}

#[test]
fn what_cannot_be_printed_is_named_before_anything_is_made() {
    let bench = Bench::new();
    let mut form = measurement(rooms(1));
    form.remark = "王\u{2A6A5}🔥".into();
    let record = bench.signed(form.print(), Purpose::Measurement);
    match print(&bench.paper(&record)) {
        Err(DocumentError::MissingGlyphs(missing)) => assert_eq!(missing, ['🔥', '\u{2A6A5}']),
        other => panic!("{other:?}"),
    }
    let record = bench.signed(measurement(rooms(1)).print(), Purpose::Measurement);
    for image in [&b"GIF89a"[..], &[], &bench.image[..40]] {
        let mut paper = bench.paper(&record);
        paper.signature_image = Some(image);
        assert!(print(&paper).is_err());
    }
    let mut paper = bench.paper(b"{}");
    paper.signature_image = None;
    assert!(matches!(print(&paper), Err(DocumentError::Record(_))));
    assert!(matches!(bench.seal.apply(b"%PDF-1.7 no", NOW), Err(DocumentError::Structure(_))));
}

#[test]
fn a_company_brings_its_own_seal_as_pem() {
    let bench = Bench::new();
    let keys = &bench.keys;
    // As `openssl pkcs12 -nodes` writes it: bags, key and certificates in one text, the issuer first.
    let bundle = format!(
        "Bag Attributes\n    friendlyName: 示例\n{}{}Bag Attributes\n{}",
        keys.root_certificate_pem, keys.seal_certificate_pem, keys.seal_key_pem
    );
    let seal = Seal::from_pem(&bundle, &bundle).unwrap();
    assert_eq!(seal.certificate_der().unwrap(), keys.seal_certificate_der().unwrap());
    let error = |key: &str, certificates: &str| Seal::from_pem(key, certificates).unwrap_err().to_string();
    assert!(error("", &bundle).contains("私钥"));
    assert!(error(&keys.seal_key_pem, &keys.root_certificate_pem).contains("相配"));
    assert!(!format!("{seal:?}{keys:?}").contains("PRIVATE"));
}

/// A form drawn today is drawn the same for ever: older documents are checked by drawing them again. If this fails, the
/// layout, a font or the typesetter changed; raise `RENDERER`.
#[test]
fn the_layout_of_this_edition_does_not_move() {
    assert_eq!(nuanfang_documents::RENDERER, "nuanfang-page/1");
    let bench = Bench::pinned();
    let drawn = [
        (measurement(rooms(9)).print(), Purpose::Measurement),
        (bench::quote_form(Some(bench::quote(1, 6))).print(), Purpose::Quote { revision: 2 }),
        (bench::notice().print(), Purpose::Notice),
    ]
    .map(|(form, kind)| {
        let record = bench.signed(form, kind);
        let mut paper = bench.paper(&record);
        paper.signature_image = None;
        Sha::of(&print(&paper).unwrap().pdf).short()
    });
    assert_eq!(drawn, ["3347dec1f5a14071", "708931a76822d0fc", "42e5a5706053125b"]);
}

#[test]
fn a_record_that_would_choke_the_typesetter_is_refused() {
    let bench = Bench::new();
    let whole = measurement(rooms(2)).print();
    let mut tall = whole.clone();
    tall.tables[0].rows[0].height_mm = u32::MAX;
    let mut long = whole.clone();
    long.tables[0].rows[0].cells[0].text = "长".repeat(60_000);
    let mut many = whole;
    let row = many.tables[0].rows[0].clone();
    many.tables[0].rows.extend(std::iter::repeat_n(row, 3_000));
    for form in [tall, long, many] {
        let record = bench.signed(form, Purpose::Measurement);
        assert!(matches!(print(&bench.paper(&record)), Err(DocumentError::Form(_))));
    }
}

#[test]
fn garbage_is_invalid_and_never_a_panic() {
    let bench = Bench::new();
    let (pdf, keys) = (bench.sealed_c1(), bench.keys());
    for garbage in [&b""[..], b"%PDF-1.7", b"\0\0\0", b"/ByteRange[0 18446744073709551615 1 1]", &pdf[..pdf.len() / 2]]
    {
        let verdict = verify_pdf(garbage, Some(&keys), None);
        assert_eq!(verdict.answer, Answer::Invalid);
        assert!(verdict.is_faulty(Part::Seal));
    }
}

/// `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|number| number.parse().ok()).unwrap_or(48)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn random_damage_is_invalid_and_never_a_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        moved in prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..400_usize)),
    ) {
        static PDF: std::sync::OnceLock<(Vec<u8>, Vec<u8>)> = std::sync::OnceLock::new();
        let (pdf, keys) = PDF.get_or_init(|| {
            let bench = Bench::new();
            (bench.sealed_c1(), bench.keys_json.clone())
        });
        let keys = nuanfang_core::record::Keys::parse(keys).unwrap();
        let mut forged = pdf.clone();
        for (at, bit) in &flips {
            let at = at.index(forged.len());
            forged[at] ^= bit;
        }
        if let Some((from, to, length)) = moved {
            let (from, to) = (from.index(forged.len() - length), to.index(forged.len() - length));
            forged.copy_within(from..from + length, to);
        }
        if let Some(cut) = cut {
            forged.truncate(cut.index(forged.len()));
        }
        let verdict = nuanfang_documents::verify_pdf(&forged, Some(&keys), None);
        prop_assert_eq!(verdict.answer == Answer::Valid, forged == *pdf, "{}", verdict.text_zh());
    }
}
