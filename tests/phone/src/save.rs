//! A worker's saves at a door without a network: a form is filled in and kept, the paper made of it is signed and kept
//! with its signature. Beside each, four kilobytes are appended to a file on the same disk and synced.

use std::fs::File;
use std::io::{Cursor, Write};
use std::time::Instant;

use image::{GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use nuanfang_core::device::signing::SignRequest;
use nuanfang_core::domain::kind::{AnswerState, ItemAnswer, Mask};
use nuanfang_core::domain::signature::{Purpose, Signer, SignerRole};
use nuanfang_core::domain::worker_event::{Arrived, Departed, Entered, ItemsAnswered, RiskTold};
use nuanfang_core::domain::{Command, Place, role};
use nuanfang_core::id::VisitId;
use nuanfang_core::record::Strokes;
use serde::Serialize;

use crate::Tried;
use crate::phone::Phone;

/// Papers signed in one visit; the next belong to the next visit, as with a real worker.
const A_VISIT: usize = 10;

/// The times that 99 of 100 did not exceed, in milliseconds.
#[derive(Debug, Serialize)]
pub struct Saved {
    /// A form and the signature under it.
    save: f64,
    /// The form alone.
    form: f64,
    /// Four kilobytes appended and synced.
    append: f64,
}

/// Saves so many.
pub fn save(phone: &Phone, count: usize) -> Tried<Saved> {
    phone.app.sync_once()?;
    let visits: Vec<VisitId> = phone.app.visits()?.iter().map(|visit| visit.visit).collect();
    if visits.len() < count.div_ceil(A_VISIT) {
        return Err(format!("{} visits are too few", visits.len()).into());
    }
    let mut file = File::create(phone.dir().join("append"))?;
    let (mut saves, mut forms, mut appends) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..count {
        let visit = visits[number / A_VISIT];
        if number % A_VISIT == 0 {
            go_in(phone, visit)?;
        }
        let object = format!("示例物件{number}");
        let risk = RiskTold {
            object: object.clone(), text: "旧接头锈蚀，拆卸时可能断裂".into(), lines: Vec::new()
        };
        // It was taken, and saved, before the form is.
        let photo = phone.app.capture_photo(visit, role::PHOTO_BEFORE, &photo(number)?)?.sha;
        let form = timed(|| Ok(phone.app.act(visit, &Command::TellRisk(risk), &[photo]).map(drop)?))?;
        let purpose = Purpose::Consent { object };
        let shown_sha = phone.app.prepare_record(visit, &purpose)?.shown_sha;
        let (strokes, image_png) = written(number)?;
        let request = SignRequest {
            purpose,
            signer: Signer { name: "示例·王样".into(), role: SignerRole::Owner },
            strokes,
            image_png,
            keep_strokes: true,
            shown_sha,
            photos: Vec::new(),
            witness: None,
            place: Place::None { reason: "no_signal".into() },
        };
        let signature = timed(|| Ok(phone.app.sign(visit, &request).map(drop)?))?;
        forms.push(form);
        saves.push(form + signature);
        appends.push(timed(|| Ok(file.write_all(&[7; 4096]).and_then(|()| file.sync_data())?))?);
    }
    Ok(Saved { save: p99(saves), form: p99(forms), append: p99(appends) })
}

/// Up to the point where something can be signed.
fn go_in(phone: &Phone, visit: VisitId) -> Tried<()> {
    let tick = ItemAnswer { item: "F7-1".into(), state: AnswerState::Satisfied, ground: None, note: None };
    for command in [
        Command::Acknowledge,
        Command::AnswerItems(ItemsAnswered { answers: vec![tick] }),
        Command::Depart(Departed { tools_checked: true, parts: Vec::new() }),
        Command::Arrive(Arrived { place: Place::None { reason: "no_signal".into() } }),
        Command::Enter(Entered { knocked: true, permitted: true, shoe_covers: true, mask: Mask::NotNeeded }),
    ] {
        phone.app.act(visit, &command, &[])?;
    }
    Ok(())
}

/// What somebody wrote on the pad, each time otherwise: the same picture again would not be written again.
fn written(number: usize) -> Tried<(Strokes, Vec<u8>)> {
    const WIDTH: u32 = 800;
    const HEIGHT: u32 = 300;
    let mut picture = GrayImage::from_pixel(WIDTH, HEIGHT, Luma([255]));
    let mut strokes = Vec::new();
    for stroke in 0..6 {
        let mut points = Vec::new();
        for step in 0..40_i32 {
            let turn = f64::from(step) / 6.0 + number as f64;
            // 710 whole numbers are 113 turns, to within a pixel.
            let x = 40 + stroke * 120 + step * 2 + (number / 700) as i32;
            let y = 150 + (90.0 * turn.sin()) as i32;
            points.push([x, y, stroke * 400 + step * 8]);
            for thick in 0..4 {
                picture.put_pixel((x + thick) as u32, y as u32, Luma([0]));
            }
        }
        strokes.push(points);
    }
    let mut png = Vec::new();
    picture.write_to(&mut Cursor::new(&mut png), ImageFormat::Png)?;
    Ok((Strokes { schema: 1, width: WIDTH, height: HEIGHT, strokes }, png))
}

/// A camera's picture, small and each time another.
fn photo(number: usize) -> Tried<Vec<u8>> {
    let tint = (number % 256) as u8;
    let shift = (number / 256) as u32;
    let picture = RgbImage::from_fn(400, 300, |x, y| {
        Rgb([((x + shift) % 256) as u8, (y % 256) as u8, tint ^ ((x * y) % 256) as u8])
    });
    let mut jpeg = Vec::new();
    picture.write_to(&mut Cursor::new(&mut jpeg), ImageFormat::Jpeg)?;
    Ok(jpeg)
}

/// How long it takes, in milliseconds.
fn timed(work: impl FnOnce() -> Tried<()>) -> Tried<f64> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

fn p99(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get((times.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
