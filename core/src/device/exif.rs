//! What a camera wrote into a photo: where and when, as its claim. Read before the picture is stripped of it, kept as
//! fields beside the evidence. Total over any bytes.

use serde::{Deserialize, Serialize};

/// The camera's claims.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraClaims {
    /// Latitude × 10⁷, WGS-84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat_e7: Option<i64>,
    /// Longitude × 10⁷, WGS-84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon_e7: Option<i64>,
    /// Local time of the camera, `2026:11:23 14:05:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
}

const GPS_POINTER: u16 = 0x8825;
const EXIF_POINTER: u16 = 0x8769;
const DATE_TIME_ORIGINAL: u16 = 0x9003;

/// Reads the claims from the bytes of an EXIF block (TIFF, with or without `Exif\0\0`).
pub fn read(block: &[u8]) -> CameraClaims {
    read_tiff(block.strip_prefix(b"Exif\0\0").unwrap_or(block)).unwrap_or_default()
}

fn read_tiff(bytes: &[u8]) -> Option<CameraClaims> {
    let big = match bytes.get(..4)? {
        [b'M', b'M', 0, 42] => true,
        [b'I', b'I', 42, 0] => false,
        _ => return None,
    };
    let tiff = Tiff { bytes, big };
    let first = tiff.entries(tiff.u32(4)?);
    let mut claims = CameraClaims::default();
    for entry in &first {
        match entry.tag {
            GPS_POINTER => {
                let gps = tiff.entries(entry.value);
                claims.lat_e7 = tiff.degrees_e7(&gps, 1, 2, b'S').filter(|value| value.abs() <= 900_000_000);
                claims.lon_e7 = tiff.degrees_e7(&gps, 3, 4, b'W').filter(|value| value.abs() <= 1_800_000_000);
            }
            EXIF_POINTER => claims.taken = tiff.entries(entry.value).iter().find_map(|entry| tiff.date(entry)),
            _ => {}
        }
    }
    if claims.lat_e7.is_none() || claims.lon_e7.is_none() {
        (claims.lat_e7, claims.lon_e7) = (None, None);
    }
    Some(claims)
}

struct Entry {
    tag: u16,
    count: u32,
    /// The value, or where it lies.
    value: u32,
    /// Where the value field itself lies.
    at: usize,
}

struct Tiff<'a> {
    bytes: &'a [u8],
    big: bool,
}

impl Tiff<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        let pair: [u8; 2] = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let four: [u8; 4] = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }

    fn entries(&self, at: u32) -> Vec<Entry> {
        let at = at as usize;
        let count = usize::from(self.u16(at).unwrap_or(0)).min(512);
        (0..count)
            .map_while(|index| {
                let start = at + 2 + index * 12;
                Some(Entry {
                    tag: self.u16(start)?,
                    count: self.u32(start + 4)?,
                    value: self.u32(start + 8)?,
                    at: start + 8,
                })
            })
            .collect()
    }

    fn date(&self, entry: &Entry) -> Option<String> {
        if entry.tag != DATE_TIME_ORIGINAL {
            return None;
        }
        let text = self.bytes.get(entry.value as usize..(entry.value as usize).checked_add(19)?)?;
        let shaped = text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b' '));
        shaped.then(|| String::from_utf8_lossy(text).into_owned())
    }

    fn degrees_e7(&self, gps: &[Entry], reference: u16, value: u16, negative: u8) -> Option<i64> {
        let side = *self.bytes.get(gps.iter().find(|entry| entry.tag == reference)?.at)?;
        let entry = gps.iter().find(|entry| entry.tag == value && entry.count == 3)?;
        let mut sum: i128 = 0;
        for (index, per_degree) in [1i128, 60, 3600].into_iter().enumerate() {
            let at = (entry.value as usize).checked_add(index * 8)?;
            let (above, below) = (i128::from(self.u32(at)?), i128::from(self.u32(at + 4)?));
            if below == 0 {
                return None;
            }
            sum += above * 10_000_000 / (below * per_degree);
        }
        let sum = i64::try_from(sum).ok()?;
        Some(if side == negative { -sum } else { sum })
    }
}
