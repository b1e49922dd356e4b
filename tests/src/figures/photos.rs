//! The way of photos (B6): each comes in one piece, is hashed, made durable and published. The probe does the same
//! with bare files: write, SHA-256, sync, rename, sync of the folder.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use nuanfang_core::canon::hash::Sha;
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

/// Bytes of a photo.
const PHOTO: usize = 400_000;

/// The bench: a server that knows of photos which have not come.
pub struct Photos {
    folder: TempDir,
    phone: Phone,
    photos: Vec<Vec<u8>>,
}

impl Photos {
    /// Logs the photos.
    pub fn prepare(size: Size) -> Tried<Self> {
        let folder = scratch()?;
        let (town, mut phone, _, planned) = Phone::alone(folder.path(), 1)?;
        let visit = *planned.first().ok_or("no visit")?;
        let photos: Vec<Vec<u8>> = (0..size.of(100, 3)).map(noise).collect();
        for photo in &photos {
            phone.photograph(visit, photo)?;
        }
        Sender::open(&phone, town.addr())?.send_all()?;
        town.close();
        Ok(Self { folder, phone, photos })
    }
}

/// Bytes that nothing packs.
fn noise(seed: usize) -> Vec<u8> {
    let mut block = Sha::of(&seed.to_le_bytes());
    let mut bytes = Vec::with_capacity(PHOTO + 32);
    while bytes.len() < PHOTO {
        block = Sha::of(&block.0);
        bytes.extend_from_slice(&block.0);
    }
    bytes.truncate(PHOTO);
    bytes
}

impl Bench for Photos {
    fn figures(&self) -> &'static [Figure] {
        &FIGURES
    }

    fn run(&mut self) -> Tried<Vec<Run>> {
        let (run, data) = copied(&self.folder.path().join("before"))?;
        let town = Town::open(&data)?;
        let mut sender = Sender::open(&self.phone, town.addr())?;
        let (measured, ()) = timed(|| self.photos.iter().try_for_each(|photo| sender.send_file(photo)))?;
        let whole = town.ids("SELECT DISTINCT d.id FROM device d, blob b WHERE b.whole_ms IS NULL")?;
        if !whole.is_empty() {
            return Err("a photo was sent and is not whole".into());
        }
        town.close();
        let bare = run.path().join("bare");
        fs::create_dir_all(&bare)?;
        let (probe, ()) = timed(|| self.photos.iter().try_for_each(|photo| keep(&bare, photo)))?;
        let megabytes = (PHOTO * self.photos.len()) as f64 / 1e6;
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
