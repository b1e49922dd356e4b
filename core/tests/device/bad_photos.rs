//! What a camera, a gallery or a vandal may hand in as a photo (the bad-input table), and what becomes of it.

use image::{ImageBuffer, ImageFormat, Rgb, RgbImage};
use nuanfang_core::device::photo;
use nuanfang_core::wire::jpeg;

fn picture(width: u32, height: u32) -> RgbImage {
    ImageBuffer::from_fn(width, height, |x, y| Rgb([(x * 7 % 256) as u8, (y * 3 % 256) as u8, ((x + y) % 256) as u8]))
}

fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut out = Vec::new();
    picture(width, height).write_to(&mut std::io::Cursor::new(&mut out), format).unwrap();
    out
}

/// An EXIF segment: orientation 6 (turn right), GPS of Beijing, time of taking.
fn with_exif(jpeg: &[u8]) -> Vec<u8> {
    let mut tiff: Vec<u8> = b"MM\0\x2a\0\0\0\x08".to_vec();
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value].concat()
    };
    // First directory at 8: three entries, 2 + 36 + 4 bytes → EXIF directory at 50, GPS at 68, data at 122.
    tiff.extend(3u16.to_be_bytes());
    tiff.extend(entry(0x0112, 3, 1, [0, 6, 0, 0]));
    tiff.extend(entry(0x8769, 4, 1, 50u32.to_be_bytes()));
    tiff.extend(entry(0x8825, 4, 1, 68u32.to_be_bytes()));
    tiff.extend([0; 4]);
    tiff.extend(1u16.to_be_bytes());
    tiff.extend(entry(0x9003, 2, 20, 122u32.to_be_bytes()));
    tiff.extend([0; 4]);
    tiff.extend(4u16.to_be_bytes());
    tiff.extend(entry(1, 2, 2, *b"N\0\0\0"));
    tiff.extend(entry(2, 5, 3, 142u32.to_be_bytes()));
    tiff.extend(entry(3, 2, 2, *b"E\0\0\0"));
    tiff.extend(entry(4, 5, 3, 166u32.to_be_bytes()));
    tiff.extend([0; 4]);
    tiff.extend(b"2026:11:23 14:05:00\0");
    for (above, below) in [(39u32, 1u32), (54, 1), (36, 1), (116, 1), (24, 1), (0, 1)] {
        tiff.extend(above.to_be_bytes());
        tiff.extend(below.to_be_bytes());
    }
    let mut out = jpeg[..2].to_vec();
    out.extend([0xFF, 0xE1]);
    out.extend((tiff.len() as u16 + 8).to_be_bytes());
    out.extend(b"Exif\0\0");
    out.extend(tiff);
    out.extend(&jpeg[2..]);
    out
}

/// The size in the frame header rewritten: what a pixel flood looks like.
fn claiming(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut out = jpeg.to_vec();
    let at = out.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    out[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    out[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    out
}

#[test]
fn what_is_no_good_photo_is_refused_before_it_is_evidence() {
    let good = encoded(320, 240, ImageFormat::Jpeg);
    let mut garbled = good.clone();
    let middle = garbled.len() / 3;
    garbled[200..middle].fill(0xFF);
    let table: [(&str, Vec<u8>, &str); 10] = [
        ("60 MP", claiming(&good, 10_000, 6_000), "photo.too_many_pixels"),
        ("bomb", claiming(&good, 65_500, 65_500), "photo.too_many_pixels"),
        ("cut in the middle", good[..good.len() / 2].to_vec(), "photo.truncated"),
        ("cut by two bytes", good[..good.len() - 2].to_vec(), "photo.truncated"),
        ("header only", good[..4].to_vec(), "photo.truncated"),
        ("PNG named jpg", encoded(64, 64, ImageFormat::Png), "photo.png"),
        ("text", "不是照片".as_bytes().to_vec(), "photo.not_jpeg"),
        ("nothing", Vec::new(), "photo.not_jpeg"),
        ("zip", b"PK\x03\x04\x14\0\0\0".to_vec(), "photo.not_jpeg"),
        ("41 MB", vec![0xFF; 41 * 1024 * 1024], "photo.too_large"),
    ];
    for (name, bytes, code) in table {
        let refusal = photo::prepare(&bytes).expect_err(name);
        assert_eq!(refusal.code, code, "{name}");
        assert!(refusal.zh.contains("重新拍摄") && !refusal.en.is_empty(), "{name}: {refusal:?}");
    }
    assert!(photo::prepare(&garbled).is_err());
}

#[test]
fn a_large_photo_becomes_small_upright_and_bare() {
    let camera = with_exif(&encoded(2400, 1800, ImageFormat::Jpeg));
    let ready = photo::prepare(&camera).unwrap();
    assert_eq!((ready.width, ready.height), (1200, 1600), "turned as the camera was held");
    assert_eq!(ready.claims.taken.as_deref(), Some("2026:11:23 14:05:00"));
    assert_eq!((ready.claims.lat_e7, ready.claims.lon_e7), (Some(399_100_000), Some(1_164_000_000)));
    for secret in [&b"Exif"[..], b"2026:11:23"] {
        assert!(!ready.jpeg.windows(secret.len()).any(|part| part == secret));
    }
    let decoded = image::load_from_memory(&ready.jpeg).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (1200, 1600));
    assert_eq!(photo::prepare(&camera).unwrap().jpeg, ready.jpeg, "the same photo gives the same evidence");
}

#[test]
fn a_small_photo_keeps_its_size_and_the_limit_itself_is_allowed() {
    let ready = photo::prepare(&encoded(640, 480, ImageFormat::Jpeg)).unwrap();
    assert_eq!((ready.width, ready.height), (640, 480));
    assert_eq!(ready.claims, Default::default());
    assert_eq!(jpeg::PIXEL_LIMIT, 50_000_000);
}

#[test]
fn no_bytes_make_the_preparation_panic() {
    let good = with_exif(&encoded(48, 32, ImageFormat::Jpeg));
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..400 {
        let mut bytes = good.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] = (state >> 17) as u8;
        }
        let _ = photo::prepare(&bytes);
    }
}
