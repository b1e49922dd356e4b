//! What a photo's bytes say of themselves without being decoded (ITU-T T.81 annex B): nobody reserves memory for a picture
//! before he knows how large it is.

/// More pixels than this are not decoded.
pub const PIXEL_LIMIT: u64 = 50_000_000;

/// What is wrong with a JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It ends before its end.
    CutOff,
    /// Its segments don't follow each other, or none says how large it is.
    Broken,
}

/// Whether it begins as a JPEG does.
pub fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xD8, 0xFF])
}

/// Walks the segments of what begins as a JPEG: width and height in pixels as the frame header says, once the end is
/// reached.
///
/// # Errors
/// What keeps it from getting there.
pub fn dimensions(bytes: &[u8]) -> Result<(u32, u32), Damage> {
    let mut size = None;
    let mut at = 2;
    loop {
        if *bytes.get(at).ok_or(Damage::CutOff)? != 0xFF {
            return Err(Damage::Broken);
        }
        let marker = *bytes.get(at + 1).ok_or(Damage::CutOff)?;
        match marker {
            0xFF => at += 1,
            0xD9 => return size.ok_or(Damage::Broken),
            0x01 | 0xD0..=0xD7 => at += 2,
            _ => {
                let length = bytes.get(at + 2..at + 4).ok_or(Damage::CutOff)?;
                let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                let body = bytes.get(at + 4..(at + 2 + length).max(at + 4)).ok_or(Damage::CutOff)?;
                let frame = (0xC0..=0xCF).contains(&marker) && ![0xC4, 0xC8, 0xCC].contains(&marker);
                if frame {
                    let side = |at: usize| Some(u32::from(u16::from_be_bytes([*body.get(at)?, *body.get(at + 1)?])));
                    size = Some((side(3).ok_or(Damage::Broken)?, side(1).ok_or(Damage::Broken)?));
                }
                at += 2 + length.max(2);
                if marker == 0xDA {
                    at = end_of_scan(bytes, at).ok_or(Damage::CutOff)?;
                }
            }
        }
    }
}

/// The next marker after a scan's coded data.
fn end_of_scan(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr(0xFF, bytes.get(at..)?)?;
        match *bytes.get(at + 1)? {
            0x00 | 0xD0..=0xD7 => at += 2,
            0xFF => at += 1,
            _ => return Some(at),
        }
    }
}
