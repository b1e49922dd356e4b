//! Signatures nobody wrote: strokes of a pen as a touch screen gives them, from a seed, and the picture of them.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, GrayImage, ImageEncoder, Luma};

use crate::dice::Dice;

/// One touch: x and y in units of the pad, and milliseconds since the first touch.
pub type Touch = (i32, i32, u32);

/// The pad's width in its units.
pub const WIDTH: u32 = 800;
/// The pad's height.
pub const HEIGHT: u32 = 300;

/// The strokes of one signature, pen down to pen up each.
pub fn strokes(seed: u64) -> Vec<Vec<Touch>> {
    let mut dice = Dice::new(seed);
    let mut at = 0;
    let count = dice.between(4, 8);
    (0..count)
        .map(|number| {
            let mut x = 60 + number * 640 / count + dice.between(-20, 20);
            let mut y = dice.between(80, 220);
            let (mut dx, mut dy) = (dice.between(6, 14), dice.between(-12, 12));
            let stroke = (0..dice.between(8, 26))
                .map(|_| {
                    x = (x + dx).clamp(4, i64::from(WIDTH) - 5);
                    y = (y + dy).clamp(4, i64::from(HEIGHT) - 5);
                    dx = (dx + dice.between(-5, 5)).clamp(-16, 16);
                    dy = (dy + dice.between(-7, 7)).clamp(-18, 18);
                    at += dice.between(8, 16) as u32;
                    (x as i32, y as i32, at)
                })
                .collect();
            at += dice.between(90, 240) as u32;
            stroke
        })
        .collect()
}

/// The picture of strokes, black on white, PNG.
pub fn png(strokes: &[Vec<Touch>]) -> Vec<u8> {
    let mut picture = GrayImage::from_pixel(WIDTH, HEIGHT, Luma([255]));
    for stroke in strokes {
        for pair in stroke.windows(2) {
            line(&mut picture, pair[0], pair[1]);
        }
    }
    let mut out = Vec::new();
    PngEncoder::new(&mut out)
        .write_image(picture.as_raw(), WIDTH, HEIGHT, ExtendedColorType::L8)
        .expect("a small picture, into memory");
    out
}

fn line(picture: &mut GrayImage, (x0, y0, _): Touch, (x1, y1, _): Touch) {
    let steps = (x1 - x0).abs().max((y1 - y0).abs()).max(1);
    for step in 0..=steps {
        let (x, y) = (x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps);
        for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1), (-1, 0), (0, -1)] {
            let (x, y) = ((x + dx).clamp(0, WIDTH as i32 - 1), (y + dy).clamp(0, HEIGHT as i32 - 1));
            picture.put_pixel(x as u32, y as u32, Luma([0]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_stays_on_its_pad_and_time_goes_on() {
        let strokes = strokes(3);
        let touches: Vec<_> = strokes.iter().flatten().collect();
        assert!(touches.iter().all(|(x, y, _)| (0..WIDTH as i32).contains(x) && (0..HEIGHT as i32).contains(y)));
        assert!(touches.windows(2).all(|pair| pair[0].2 < pair[1].2));
        assert!(image::load_from_memory(&png(&strokes)).is_ok());
    }
}
