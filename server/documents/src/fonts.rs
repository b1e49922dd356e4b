//! The fonts of the forms, built in: subsets of Noto Sans CJK SC, made by `fonts/make.sh`. A document never depends on
//! what the machine has installed.

use typst::foundations::Bytes;
use typst::text::Font;

const REGULAR: &[u8] = include_bytes!("../fonts/NotoSansCJKsc-Regular.otf.zst");
const BOLD: &[u8] = include_bytes!("../fonts/NotoSansCJKsc-Bold.otf.zst");

/// The family both faces belong to.
pub const FAMILY: &str = "Noto Sans CJK SC";

/// The faces: regular, then bold. Unpacked anew by each call: eleven megabytes.
pub(crate) fn faces() -> Vec<Font> {
    [REGULAR, BOLD].into_iter().flat_map(unpacked).collect()
}

fn unpacked(packed: &[u8]) -> impl Iterator<Item = Font> {
    let data = zstd::decode_all(packed).expect("what is built in is whole");
    Font::iter(Bytes::new(data))
}

/// Every code point the regular face can print, ascending. The bitmap in `nuanfang_core::forms` is made from it.
pub fn coverage() -> Vec<u32> {
    unpacked(REGULAR).flat_map(|font| font.info().coverage.iter().collect::<Vec<_>>()).collect()
}

/// Whether the bold face has every character of `text`; where it has not, a heading is set in regular.
pub(crate) fn bold_covers(faces: &[Font], text: &str) -> bool {
    faces
        .last()
        .is_some_and(|bold| text.chars().filter(|c| !c.is_control()).all(|c| bold.info().coverage.contains(c as u32)))
}

/// The bitmap of [`coverage`] as `nuanfang_core::forms` holds it: bit `c & 7` of byte `c >> 3`, planes 0 to 3.
pub fn bitmap() -> Vec<u8> {
    let mut bits = vec![0; nuanfang_core::forms::COVERAGE_BYTES];
    for c in coverage() {
        if let Some(byte) = bits.get_mut((c >> 3) as usize) {
            *byte |= 1 << (c & 7);
        }
    }
    bits
}
