//! A signature as it was written: strokes with time, and the picture of them. Both are files of the record, and come
//! with it: a record that is refused leaves nothing of either.

use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, GrayImage, RgbaImage};
use rusqlite::Transaction;

use super::blob;
use super::trouble::Trouble;
use crate::canon::hash::Sha;
use crate::domain::role;
use crate::error::Refusal;
use crate::id::VisitId;
use crate::record::Strokes;

/// The largest picture of a signature, in bytes.
pub const IMAGE_LIMIT: usize = 1024 * 1024;
const SIDE_LIMIT: u32 = 4096;
const POINT_LIMIT: usize = 50_000;

/// A signature that may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    strokes: Vec<u8>,
    image: Vec<u8>,
}

/// The files of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptSignature {
    /// The strokes'.
    pub strokes: Sha,
    /// The picture's.
    pub image: Sha,
}

/// Reads what the pad gave: the strokes as canonical JSON, the picture (PNG) stripped and checked.
///
/// # Errors
/// `signature.empty` without a single stroke of two points, `signature.too_large`, `signature.image` when the picture
/// is no PNG of a pad's size: nothing was signed, sign again.
pub fn read(strokes: &Strokes, png: &[u8]) -> Result<Written, Refusal> {
    let points: usize = strokes.strokes.iter().map(Vec::len).sum();
    if !strokes.strokes.iter().any(|stroke| stroke.len() > 1) {
        return Err(refusal("empty", "签字板上没有笔迹", "There is no writing on the pad"));
    }
    if points > POINT_LIMIT {
        return Err(refusal("too_large", "笔迹过长", "The writing is too long"));
    }
    let image = plain_png(png)?;
    let strokes = strokes.to_bytes().map_err(|_| refusal("strokes", "笔迹无法保存", "The writing can't be kept"))?;
    Ok(Written { strokes, image })
}

/// Keeps a signature in `transaction`; `dir` is the store's.
///
/// # Errors
/// As [`blob::keep`].
pub fn keep(
    transaction: &Transaction<'_>,
    dir: &Path,
    visit: VisitId,
    written: &Written,
) -> Result<KeptSignature, Trouble> {
    let keep = |bytes, role| blob::keep_in(transaction, dir, bytes, role, Some(visit), "{}".to_owned());
    Ok(KeptSignature {
        strokes: keep(&written.strokes, role::SIGNATURE_STROKES)?.sha,
        image: keep(&written.image, role::SIGNATURE_IMAGE)?.sha,
    })
}

/// The picture with nothing but its pixels, on white.
fn plain_png(png: &[u8]) -> Result<Vec<u8>, Refusal> {
    let broken = || refusal("image", "签字图片无法读取", "The picture of the signature can't be read");
    if png.len() > IMAGE_LIMIT || !png.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Err(broken());
    }
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(png), image::ImageFormat::Png);
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(SIDE_LIMIT), Some(SIDE_LIMIT));
    reader.limits(limits);
    let grey = match reader.decode().map_err(|_| broken())? {
        DynamicImage::ImageLuma8(grey) => grey,
        decoded => on_white(&decoded.into_rgba8()),
    };
    let first = grey.get_pixel(0, 0);
    if grey.pixels().all(|pixel| pixel == first) {
        return Err(refusal("empty", "签字图片是空白的", "The picture of the signature is blank"));
    }
    let mut out = Vec::new();
    // Lines that differ little from the one above: what searches for the best filter takes longer and gains nothing.
    let encoder = PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Up);
    grey.write_with_encoder(encoder).map_err(|_| broken())?;
    Ok(out)
}

fn on_white(picture: &RgbaImage) -> GrayImage {
    let mut grey = GrayImage::new(picture.width(), picture.height());
    for (to, from) in grey.pixels_mut().zip(picture.pixels()) {
        let [r, g, b, a] = from.0.map(u32::from);
        let ink = (r * 299 + g * 587 + b * 114) / 1000;
        to.0[0] = ((ink * a + 255 * (255 - a)) / 255) as u8;
    }
    grey
}

fn refusal(code: &str, zh: &str, en: &str) -> Refusal {
    Refusal::new(
        format!("signature.{code}"),
        "",
        format!("{zh}，没有保存签字；已填内容都在。请重新签字。"),
        format!("{en}; no signature was kept, everything else was. Sign again."),
    )
}
