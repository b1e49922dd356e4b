use nuanfang_core::canon::json;
use nuanfang_core::forms::{PrintedForm, content_sha, missing_glyphs, normalise_text};
use nuanfang_core::record::{
    Answer, Certificate, DeviceStatus, Evidence, Jws, RecordContainer, RecordFile, SignedRecordBody, Statement,
    check_arrival, countersign, sign_record, verify_record,
};
use nuanfang_core::time::Millis;

use super::house::{HOUSE, signed};
use crate::samples;
use crate::shape::{Script, change, shape};

/// Records: any file has a verdict; with the supplier's keys it is valid only if it is, byte for byte, one that was
/// signed; and whatever a phone signs that is no record is told apart from one.
pub fn record(input: &[u8]) {
    let mut script = Script::new(input);
    if script.byte().unwrap_or(0).is_multiple_of(2) {
        file(&shape(script.rest(), samples::records()));
    } else {
        body(&change(script, samples::bodies()));
    }
}

fn file(bytes: &[u8]) {
    let known = verdict(bytes, true);
    let genuine = samples::records().iter().any(|sample| sample.bytes() == bytes);
    assert_eq!(known == Answer::Valid, genuine, "valid, and nobody signed it");
    verdict(bytes, false);
    match RecordFile::parse(bytes) {
        Ok(RecordFile::Whole(file)) => assert_eq!(file.to_bytes(), bytes),
        Ok(RecordFile::Erased(file)) => assert_eq!(file.to_bytes(), bytes),
        Err(_) => assert_eq!(known, Answer::Invalid),
    }
}

fn verdict(bytes: &[u8], known: bool) -> Answer {
    let evidence = Evidence { strokes: Some(b"{}"), image: None, photos: Some(&[]) };
    let verdict = verify_record(bytes, known.then_some(&HOUSE.keys), &Evidence::default());
    let with = verify_record(bytes, known.then_some(&HOUSE.keys), &evidence);
    for verdict in [&verdict, &with] {
        assert!(!verdict.text_zh().is_empty() && !verdict.text_en().is_empty());
        assert_eq!(verdict.exit_code, verdict.answer.exit_code());
        serde_json::to_vec(verdict).expect("a verdict is JSON");
    }
    verdict.answer
}

/// A payload as a phone of ours would never make it, signed by its key and counter-signed by the server.
fn body(payload: &[u8]) {
    let jws = signed(payload, SignedRecordBody::TYP, &HOUSE.phone, HOUSE.kid);
    let record: Jws = serde_json::from_value(jws).expect("a JWS");
    let certified = Certificate::open(&HOUSE.certificate).expect("it holds");
    let arrived = check_arrival(&record, &certified);
    if let Ok(opened) = &arrived {
        assert_eq!(json::strict(&opened.statement).expect("it was strict"), payload);
        // What arrives is what the phone could have signed itself.
        let again = sign_record(&opened.statement, &HOUSE.phone, &HOUSE.certificate).expect("it can be signed");
        assert_eq!(again.jws, record);
        drawn(&opened.statement.form);
    }
    let (received, status) = (Millis(1_795_407_330_000), DeviceStatus::Active);
    let receipt =
        countersign(&record, received, status, None, &HOUSE.server, HOUSE.server_kid).expect("a counter-signature");
    let file = RecordContainer::signed(record, HOUSE.certificate.clone())
        .received(receipt, HOUSE.server_certificate.clone())
        .to_bytes();
    assert_eq!(verdict(&file, true) == Answer::Valid, arrived.is_ok(), "door and verdict disagree");
    verdict(&file, false);
}

/// A form that is going to be drawn: its cells cover each table once.
fn drawn(form: &PrintedForm) {
    content_sha(form);
    for text in form.texts() {
        missing_glyphs(&normalise_text(text));
    }
    if form.is_well_formed() {
        for table in &form.tables {
            let cells = table.rows.iter().flat_map(|row| &row.cells);
            let area: u64 = cells.map(|cell| u64::from(cell.col_span) * u64::from(cell.row_span)).sum();
            assert_eq!(area, (table.columns.len() * table.rows.len()) as u64, "a hole or an overlap");
        }
    }
}
