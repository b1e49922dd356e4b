//! From what a camera gave to a piece of evidence: checked before it is decoded, turned upright, at most 1600 pixels,
//! stripped of everything but the picture. Its hash is of those final bytes.

use std::io::Cursor;

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::{DynamicImage, ImageDecoder};
use serde::{Deserialize, Serialize};

use super::exif::{self, CameraClaims};
use crate::error::Refusal;
use crate::time::Stamp;
use crate::wire::jpeg::{self, Damage, PIXEL_LIMIT};

/// The longest side of a photo in evidence, in pixels.
pub const LONGEST_SIDE: u32 = 1600;
/// More bytes than this are not looked at.
pub const BYTE_LIMIT: usize = 40 * 1024 * 1024;
const QUALITY: u8 = 82;

/// A photo made ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedPhoto {
    /// The final JPEG.
    pub jpeg: Vec<u8>,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// Where and when the camera says it was; no longer in the picture.
    pub claims: CameraClaims,
}

/// What is kept beside a photo, not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoFacts {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The phone's clocks when it was taken.
    pub taken: Stamp,
    /// The camera's own claims.
    #[serde(default)]
    pub claims: CameraClaims,
}

/// Checks and prepares a photo.
///
/// # Errors
/// `photo.too_large`, `photo.too_many_pixels`, `photo.png`, `photo.not_jpeg`, `photo.truncated`, `photo.unreadable`:
/// it did not become evidence; take it again.
pub fn prepare(bytes: &[u8]) -> Result<PreparedPhoto, Refusal> {
    if bytes.len() > BYTE_LIMIT {
        return Err(refusal("too_large", "照片文件超过 40 MB", "The photo's file is larger than 40 MB"));
    }
    if bytes.starts_with(b"\x89PNG") {
        return Err(refusal("png", "这是 PNG 图片，不是相机照片", "This is a PNG picture, not a camera's photo"));
    }
    if !jpeg::is(bytes) {
        return Err(refusal("not_jpeg", "这不是照片文件", "This file is not a photo"));
    }
    let (width, height) = jpeg::dimensions(bytes).map_err(|damage| match damage {
        Damage::CutOff => refusal("truncated", "照片文件不完整", "The photo's file is cut off"),
        Damage::Broken => refusal("unreadable", "照片文件已损坏", "The photo's file is broken"),
    })?;
    let pixels = u64::from(width) * u64::from(height);
    if pixels > PIXEL_LIMIT {
        return Err(refusal(
            "too_many_pixels",
            "照片像素过大（超过 5000 万），请在相机设置中调低分辨率",
            "The photo has more than 50 million pixels; lower the camera's resolution",
        ));
    }
    let mut decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(unreadable)?;
    let claims = decoder.exif_metadata().ok().flatten().map(|block| exif::read(&block)).unwrap_or_default();
    let orientation = decoder.orientation().map_err(unreadable)?;
    let decoded = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    let mut small = if decoded.width().max(decoded.height()) > LONGEST_SIDE {
        decoded.thumbnail(LONGEST_SIDE, LONGEST_SIDE)
    } else {
        decoded
    };
    small.apply_orientation(orientation);
    let small = small.into_rgb8();
    let mut jpeg = Vec::with_capacity(512 * 1024);
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&small).map_err(unreadable)?;
    Ok(PreparedPhoto { jpeg, width: small.width(), height: small.height(), claims })
}

fn refusal(code: &str, zh: &str, en: &str) -> Refusal {
    Refusal::new(
        format!("photo.{code}"),
        "",
        format!("{zh}，没有保存。请重新拍摄。"),
        format!("{en}. It was not kept; take it again."),
    )
}

fn unreadable(error: image::ImageError) -> Refusal {
    let _ = error;
    refusal("unreadable", "照片文件已损坏，无法读取", "The photo's file is broken and can't be read")
}
