//! The way of photos (B6): each comes in one piece, is hashed, made durable and published. The probe does the same
//! with bare files: write, SHA-256, sync, rename, sync of the folder.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use nuanfang_core::canon::hash::Sha;
use nuanfang_demo::dice::Dice;
use tempfile::TempDir;

use super::load::{Phone, Sender};
use super::town::{Town, copied};
use super::{Bench, Figure, Run, Size, Tried, Value, scratch, timed};

/// What is measured here.
pub const FIGURES: [Figure; 1] = [Figure {
    id: "B6",
    name: "photos of 400 KB, one after another, until each is whole and durable",
    unit: "MB/s",
    probe: "the same bytes: write, SHA-256, sync, rename, sync of the folder",
    value: Value::OfProbe,
    goal: Some(0.9),
}];

/// Noise of this size and quality comes to 400 KB.
const SIDES: (u32, u32) = (640, 480);
const QUALITY: u8 = 82;

/// The bench: a server that knows of photos which have not come.
pub struct Photos {
    folder: TempDir,
    phone: Phone,
    photos: Vec<(Sha, Vec<u8>)>,
}

impl Photos {
    /// Logs the photos.
    pub fn prepare(size: Size) -> Tried<Self> {
        let folder = scratch()?;
        let (town, mut phone, _, planned) = Phone::alone(folder.path(), 1)?;
        let visit = *planned.first().ok_or("no visit")?;
        let mut dice = Dice::new(6);
        let photos: Vec<Vec<u8>> = (0..size.of(100, 3)).map(|_| photo(&mut dice)).collect::<Tried<_>>()?;
        let photos: Vec<(Sha, Vec<u8>)> = photos.into_iter().map(|photo| (Sha::of(&photo), photo)).collect();
        for (_, photo) in &photos {
            phone.photograph(visit, photo)?;
        }
        Sender::open(&phone, town.addr())?.send_all()?;
        town.close();
        Ok(Self { folder, phone, photos })
    }
}

/// A camera's picture of nothing in particular.
fn photo(dice: &mut Dice) -> Tried<Vec<u8>> {
    let (width, height) = SIDES;
    let picture = RgbImage::from_fn(width, height, |_, _| Rgb(std::array::from_fn(|_| dice.below(256) as u8)));
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&picture)?;
    Ok(jpeg)
}

impl Bench for Photos {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let (run, data) = copied(&self.folder.path().join("before"))?;
        let town = Town::open(&data)?;
        let mut sender = Sender::open(&self.phone, town.addr())?;
        let (measured, ()) = timed(|| self.photos.iter().try_for_each(|(sha, photo)| sender.send_file(sha, photo)))?;
        let whole = town.ids("SELECT DISTINCT d.id FROM device d, blob b WHERE b.whole_ms IS NULL")?;
        if !whole.is_empty() {
            return Err("a photo was sent and is not whole".into());
        }
        town.close();
        let bare = run.path().join("bare");
        fs::create_dir_all(&bare)?;
        let (probe, ()) = timed(|| self.photos.iter().try_for_each(|(_, photo)| keep(&bare, photo)))?;
        let megabytes = self.photos.iter().map(|(_, photo)| photo.len()).sum::<usize>() as f64 / 1e6;
        Ok(vec![Run { measured: megabytes / measured, probe: megabytes / probe }])
    }
}

fn keep(folder: &Path, photo: &[u8]) -> Tried<()> {
    let part = folder.join("part");
    let mut file = File::create(&part)?;
    file.write_all(photo)?;
    let sha = Sha::of(photo);
    file.sync_data()?;
    fs::rename(&part, folder.join(sha.to_string()))?;
    File::open(folder)?.sync_all()?;
    Ok(())
}
