//! A signature as it was written: strokes with time, and the picture of them. Both are files beside the record.

use super::blob::{self, BlobRow};
use super::store::Store;
use super::trouble::Trouble;
use crate::domain::role;
use crate::error::Refusal;
use crate::id::VisitId;
use crate::record::Strokes;

/// The largest picture of a signature, in bytes.
pub const IMAGE_LIMIT: usize = 1024 * 1024;
const SIDE_LIMIT: u32 = 4096;
const POINT_LIMIT: usize = 50_000;

/// Strokes and picture, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSignature {
    /// The strokes' file.
    pub strokes: BlobRow,
    /// The picture's file.
    pub image: BlobRow,
}

/// Keeps a signature: the strokes as canonical JSON, the picture (PNG) stripped and checked.
///
/// # Errors
/// `signature.empty` without a single stroke of two points, `signature.too_large`, `signature.image` when the picture
/// is no PNG of a pad's size: nothing was signed, sign again.
pub fn keep(store: &Store, visit: VisitId, strokes: &Strokes, png: &[u8]) -> Result<KeptSignature, Trouble> {
    let points: usize = strokes.strokes.iter().map(Vec::len).sum();
    if !strokes.strokes.iter().any(|stroke| stroke.len() > 1) {
        return Err(refusal("empty", "签字板上没有笔迹", "There is no writing on the pad").into());
    }
    if points > POINT_LIMIT {
        return Err(refusal("too_large", "笔迹过长", "The writing is too long").into());
    }
    let image = plain_png(png)?;
    let bytes = strokes.to_bytes().map_err(|_| refusal("strokes", "笔迹无法保存", "The writing can't be kept"))?;
    Ok(KeptSignature {
        strokes: blob::keep(store, &bytes, role::SIGNATURE_STROKES, Some(visit), "{}".to_owned())?,
        image: blob::keep(store, &image, role::SIGNATURE_IMAGE, Some(visit), "{}".to_owned())?,
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
    let decoded = reader.decode().map_err(|_| broken())?.into_rgba8();
    let mut grey = image::GrayImage::new(decoded.width(), decoded.height());
    for (to, from) in grey.pixels_mut().zip(decoded.pixels()) {
        let [r, g, b, a] = from.0.map(u32::from);
        let ink = (r * 299 + g * 587 + b * 114) / 1000;
        to.0[0] = ((ink * a + 255 * (255 - a)) / 255) as u8;
    }
    if grey.pixels().all(|pixel| pixel.0 == grey.get_pixel(0, 0).0) {
        return Err(refusal("empty", "签字图片是空白的", "The picture of the signature is blank"));
    }
    let mut out = Vec::new();
    grey.write_to(&mut std::io::Cursor::new(&mut out), image::ImageFormat::Png).map_err(|_| broken())?;
    Ok(out)
}

fn refusal(code: &str, zh: &str, en: &str) -> Refusal {
    Refusal::new(
        format!("signature.{code}"),
        "",
        format!("{zh}，没有保存签字；已填内容都在。请重新签字。"),
        format!("{en}; no signature was kept, everything else was. Sign again."),
    )
}
