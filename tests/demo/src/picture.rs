//! Pictures as a phone's camera would give them, drawn instead of taken: every one says 示例 across the middle, and
//! carries the Exif a camera writes, place included, so that stripping it is seen to happen.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};

use crate::dice::Dice;
use crate::glyph::{self, Dots};

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A radiator.
    Radiator,
    /// Sheeting on a floor.
    FloorSheet,
    /// 热用户留言条 on a door, with a telephone number that no network has.
    LeaveNote,
    /// A rusty joint.
    Rust,
    /// A new valve on a pipe.
    Valve,
}

/// The number on a leave note.
pub const NOTE_PHONE: &str = "00096069";

/// A JPEG of `width` × `height` pixels with Exif and a GPS position, as a camera gives it.
pub fn photo(subject: Subject, width: u32, height: u32, seed: u64) -> Vec<u8> {
    with_exif(&jpeg(&draw(subject, width, height, seed)))
}

/// The size a phone's camera has: 12 million pixels.
pub const CAMERA: (u32, u32) = (4000, 3000);

fn draw(subject: Subject, width: u32, height: u32, seed: u64) -> RgbImage {
    let mut dice = Dice::new(seed);
    let (red, green, blue) = (dice.between(150, 215), dice.between(150, 205), dice.between(140, 190));
    // A wall in lamplight, with the grain of a sensor.
    let mut picture = RgbImage::from_fn(width, height, |x, y| {
        let light = i64::from(x) * 40 / i64::from(width) - i64::from(y) * 30 / i64::from(height);
        let grain = (x.wrapping_mul(0x9E37_79B9) ^ y.wrapping_mul(0x85EB_CA6B)).wrapping_mul(0xC2B2_AE35) >> 29;
        let shade = light + i64::from(grain);
        Rgb([red + shade, green + shade, blue + shade].map(|value| value.clamp(0, 255) as u8))
    });
    let unit = width.min(height) / 60;
    match subject {
        Subject::Radiator => {
            for rib in 0..10 {
                block(&mut picture, unit * (8 + rib * 4), unit * 14, unit * 3, unit * 30, [236, 236, 230]);
            }
            block(&mut picture, unit * 6, unit * 40, unit * 46, unit * 2, [120, 120, 118]);
        }
        Subject::FloorSheet => {
            block(&mut picture, 0, unit * 30, width, unit * 30, [120, 98, 74]);
            block(&mut picture, unit * 8, unit * 34, unit * 44, unit * 22, [205, 222, 236]);
        }
        Subject::LeaveNote => {
            block(&mut picture, unit * 4, 0, unit * 52, height, [112, 70, 48]);
            block(&mut picture, unit * 14, unit * 6, unit * 32, unit * 16, [250, 250, 240]);
            let scale = (unit / 2).max(1);
            for (place, dots) in NOTE_PHONE.chars().filter_map(glyph::digit).enumerate() {
                dots_at(&mut picture, dots, unit * 16 + place as u32 * 6 * scale, unit * 12, scale, [20, 20, 90]);
            }
        }
        Subject::Rust => {
            block(&mut picture, 0, unit * 18, width, unit * 8, [150, 150, 152]);
            for _ in 0..60 {
                let (x, y) = (unit * dice.between(18, 40) as u32, unit * dice.between(17, 26) as u32);
                block(&mut picture, x, y, unit, unit, [138, 66, 30]);
            }
        }
        Subject::Valve => {
            block(&mut picture, 0, unit * 20, width, unit * 5, [176, 142, 70]);
            block(&mut picture, unit * 26, unit * 14, unit * 8, unit * 16, [196, 160, 84]);
            block(&mut picture, unit * 20, unit * 11, unit * 20, unit * 3, [180, 32, 32]);
        }
    }
    mark(&mut picture);
    picture
}

/// 示例, large, dark on a pale band.
fn mark(picture: &mut RgbImage) {
    let (width, height) = picture.dimensions();
    let scale = (width.min(height) / 90).max(1);
    let (left, top) = (width.saturating_sub(34 * scale) / 2, height.saturating_sub(16 * scale) * 9 / 10);
    block(picture, left.saturating_sub(scale), top, 36 * scale, 17 * scale, [244, 240, 214]);
    dots_at(picture, glyph::SHI, left, top + scale / 2, scale, [150, 20, 20]);
    dots_at(picture, glyph::LI, left + 18 * scale, top + scale / 2, scale, [150, 20, 20]);
}

fn block(picture: &mut RgbImage, left: u32, top: u32, wide: u32, high: u32, ink: [u8; 3]) {
    let (width, height) = picture.dimensions();
    for y in top.min(height)..(top + high).min(height) {
        for x in left.min(width)..(left + wide).min(width) {
            picture.put_pixel(x, y, Rgb(ink));
        }
    }
}

fn dots_at(picture: &mut RgbImage, dots: Dots, left: u32, top: u32, scale: u32, ink: [u8; 3]) {
    for (row, y) in dots.iter().zip(0..) {
        for (_, x) in row.chars().zip(0..).filter(|(dot, _)| *dot != ' ') {
            block(picture, left + x * scale, top + y * scale, scale, scale, ink);
        }
    }
}

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, 82)
        .write_image(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .expect("a picture within JPEG's size, into memory");
    out
}

/// The bytes that tell Exif in a JPEG.
pub const EXIF: &[u8] = b"Exif\0\0";

/// What the Exif says made the picture; must not be found in what leaves a phone.
pub const CAMERA_NAME: &[u8] = b"SHILI-CAMERA";

/// Puts an Exif segment with a camera's name and a GPS position behind the start of a JPEG.
pub fn with_exif(jpeg: &[u8]) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    let entry = |tiff: &mut Vec<u8>, tag: u16, kind: u16, count: u32, value: u32| {
        tiff.extend_from_slice(&tag.to_le_bytes());
        tiff.extend_from_slice(&kind.to_le_bytes());
        tiff.extend_from_slice(&count.to_le_bytes());
        tiff.extend_from_slice(&value.to_le_bytes());
    };
    // IFD0 at 8 has two entries and ends at 38; the camera's name lies at 38, the GPS directory behind it.
    let name = [CAMERA_NAME, b"\0"].concat();
    let gps = 38 + name.len() as u32;
    tiff.extend_from_slice(&2_u16.to_le_bytes());
    entry(&mut tiff, 0x0110, 2, name.len() as u32, 38);
    entry(&mut tiff, 0x8825, 4, 1, gps);
    tiff.extend_from_slice(&0_u32.to_le_bytes());
    tiff.extend_from_slice(&name);
    let values = gps + 2 + 4 * 12 + 4;
    tiff.extend_from_slice(&4_u16.to_le_bytes());
    entry(&mut tiff, 1, 2, 2, u32::from(b'N'));
    entry(&mut tiff, 2, 5, 3, values);
    entry(&mut tiff, 3, 2, 2, u32::from(b'E'));
    entry(&mut tiff, 4, 5, 3, values + 24);
    tiff.extend_from_slice(&0_u32.to_le_bytes());
    for number in [39_u32, 1, 55, 1, 52, 1, 116, 1, 27, 1, 38, 1] {
        tiff.extend_from_slice(&number.to_le_bytes());
    }
    let length = (2 + EXIF.len() + tiff.len()) as u16;
    [&jpeg[..2], &[0xFF, 0xE1], &length.to_be_bytes(), EXIF, &tiff, &jpeg[2..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_reads_as_a_jpeg_and_carries_what_a_camera_writes() {
        let subjects = [Subject::Radiator, Subject::FloorSheet, Subject::LeaveNote, Subject::Rust, Subject::Valve];
        for subject in subjects {
            let bytes = photo(subject, 320, 240, 1);
            let read = image::load_from_memory(&bytes).expect("a JPEG");
            assert_eq!((read.width(), read.height()), (320, 240));
            let has = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
            assert!(has(EXIF) && has(CAMERA_NAME));
            assert_eq!(bytes, photo(subject, 320, 240, 1));
        }
    }
}
